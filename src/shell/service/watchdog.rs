//! The watchdog: says at an address outside, again and again, that Watchbell works, so that somebody hears when it does not.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use tracing::{debug, info, warn};

use super::vitals::{Ailment, Vitals};
use crate::config::{WatchdogConfig, WatchdogMethod};
use crate::shell::clock::Clock;
use crate::shell::http_client::{HttpClient, SendError, describe};
use crate::shell::secret::{Hidden, reveal};
use crate::shell::telemetry::{Metrics, WatchdogResult};

/// How long the engine may take to answer.
const ENGINE_PATIENCE: Duration = Duration::from_secs(10);
/// What was not heard is said again after this part of the interval.
const RETRY_PART: u32 = 4;

/// The task that says so, as the plan wants it.
pub(super) struct WatchdogTask {
    vitals: Vitals,
    clock: Clock,
    metrics: Arc<Metrics>,
    running: Option<(WatchdogConfig, tokio::task::JoinHandle<()>)>,
}

impl WatchdogTask {
    /// A task that does not run yet.
    pub(super) fn new(vitals: Vitals, clock: Clock, metrics: Arc<Metrics>) -> Self {
        WatchdogTask { vitals, clock, metrics, running: None }
    }

    /// Says it as `wanted` from now on.
    pub(super) fn apply(&mut self, wanted: Option<&WatchdogConfig>) {
        if self.running.as_ref().map(|(config, _)| config) == wanted {
            return;
        }
        if let Some((_, task)) = self.running.take() {
            task.abort();
        }
        self.running = wanted.map(|config| {
            let (vitals, clock, metrics) = (self.vitals.clone(), self.clock.clone(), self.metrics.clone());
            let watchdog = Watchdog { config: config.clone(), client: None, vitals, clock, metrics, trouble: None };
            (config.clone(), tokio::spawn(watchdog.run()))
        });
    }
}

struct Watchdog {
    config: WatchdogConfig,
    /// Kept while it works; made anew after a failure, should files have changed.
    client: Option<HttpClient>,
    vitals: Vitals,
    clock: Clock,
    metrics: Arc<Metrics>,
    /// What was last told in the log.
    trouble: Option<String>,
}

impl Watchdog {
    async fn run(mut self) {
        loop {
            let started = self.clock.start();
            let result = self.say().await;
            self.metrics.watchdog(result, self.clock.now());
            let interval = match result {
                WatchdogResult::Success => self.config.interval,
                WatchdogResult::Failure | WatchdogResult::Withheld => self.config.interval / RETRY_PART,
            };
            tokio::time::sleep(interval.saturating_sub(self.clock.elapsed_since(started))).await;
        }
    }

    /// Says that Watchbell works, if it does.
    async fn say(&mut self) -> WatchdogResult {
        if let Some(ailment) = self.vitals.ailment(ENGINE_PATIENCE).await {
            self.note(Some(format!("nothing is said, since {}", Ailment::as_str(ailment))));
            return WatchdogResult::Withheld;
        }
        match self.ping().await {
            Ok(()) => {
                self.note(None);
                WatchdogResult::Success
            }
            Err(error) => {
                self.client = None;
                self.note(Some(error));
                WatchdogResult::Failure
            }
        }
    }

    /// Asks for the address once.
    ///
    /// # Errors
    ///
    /// Why nobody has heard it, without secrets.
    async fn ping(&mut self) -> Result<(), String> {
        let mut hidden = Hidden::default();
        let asked = self.ask(&mut hidden).await;
        asked.map_err(|error| hidden.redact(&error))
    }

    async fn ask(&mut self, hidden: &mut Hidden) -> Result<(), String> {
        let WatchdogConfig { url, timeout, method, http, .. } = &self.config;
        let url = reveal(url).await.map_err(|error| error.to_string())?;
        hidden.add_url(&url);
        let client = match self.client.take() {
            Some(client) => client,
            None => HttpClient::new(http, *timeout).await.map_err(|error| error.to_string())?,
        };
        let method = match method {
            WatchdogMethod::Get => Method::GET,
            WatchdogMethod::Head => Method::HEAD,
            WatchdogMethod::Post => Method::POST,
        };
        let answer = client.send(client.request(method, &url), http, hidden).await;
        let answer = answer.map_err(|error| match error {
            SendError::Client(error) => error.to_string(),
            SendError::Request(error) => describe(error),
        })?;
        self.client = Some(client);
        match answer.status().is_success() {
            true => Ok(()),
            false => Err(format!("the answer is {}", answer.status())),
        }
    }

    /// Tells the log of trouble, or of its end, once.
    fn note(&mut self, trouble: Option<String>) {
        match &trouble {
            Some(trouble) if self.trouble.as_ref() == Some(trouble) => debug!(trouble, "watchdog still not heard"),
            Some(trouble) => warn!(trouble, "watchdog not heard"),
            None if self.trouble.is_some() => info!("watchdog heard again"),
            None => debug!("watchdog heard"),
        }
        self.trouble = trouble;
    }
}
