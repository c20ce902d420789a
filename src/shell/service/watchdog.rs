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
    /// Kept while it works.
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
        match ping(&self.config, &mut self.client).await {
            Ok(()) => {
                self.note(None);
                WatchdogResult::Success
            }
            Err(error) => {
                self.note(Some(error));
                WatchdogResult::Failure
            }
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

/// Asks for the address once.
///
/// # Errors
///
/// Why nobody has heard it, without secrets.
async fn ping(config: &WatchdogConfig, client: &mut Option<HttpClient>) -> Result<(), String> {
    let mut hidden = Hidden::default();
    let asked = ask(config, client, &mut hidden).await;
    asked.map_err(|error| hidden.redact(&error))
}

async fn ask(
    WatchdogConfig { url, timeout, method, http, .. }: &WatchdogConfig,
    kept: &mut Option<HttpClient>,
    hidden: &mut Hidden,
) -> Result<(), String> {
    let url = reveal(url).await.map_err(|error| error.to_string())?;
    hidden.add_url(&url);
    let client = match kept.take() {
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
    match answer.status().is_success() {
        true => {
            // Made anew after a failure, should files have changed.
            *kept = Some(client);
            Ok(())
        }
        false => Err(format!("the answer is {}", answer.status())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::{HttpConfig, Secret};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// Answers each connection with one of `statuses`, and returns how the requests began.
    async fn answer(listener: TcpListener, statuses: &[&str]) -> Vec<String> {
        let mut asked = Vec::new();
        for status in statuses {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut head = vec![0; 4096];
            let read = stream.read(&mut head).await.expect("a request");
            let text = String::from_utf8_lossy(&head[..read]).into_owned();
            asked.push(text.lines().next().unwrap_or_default().to_owned());
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.expect("written");
        }
        asked
    }

    #[tokio::test]
    async fn what_is_asked_for_and_what_is_said_of_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut config = WatchdogConfig {
            url: Secret::Value(format!("http://{address}/ping/0123456789-secret-path?key=s3cret-key")),
            interval: Duration::from_secs(60),
            timeout: Duration::from_secs(10),
            method: WatchdogMethod::Post,
            http: HttpConfig::default(),
        };
        let statuses = ["200 OK", "204 No Content", "503 Service Unavailable"];
        let server = tokio::spawn(async move { answer(listener, &statuses).await });
        let mut client = None;
        assert_eq!(ping(&config, &mut client).await, Ok(()));
        config.method = WatchdogMethod::Head;
        assert_eq!(ping(&config, &mut client).await, Ok(()));
        config.method = WatchdogMethod::Get;
        assert_eq!(ping(&config, &mut client).await, Err("the answer is 503 Service Unavailable".to_owned()));
        let path = "/ping/0123456789-secret-path?key=s3cret-key HTTP/1.1";
        let expected = ["POST", "HEAD", "GET"].map(|method| format!("{method} {path}"));
        assert_eq!(server.await.expect("answered"), expected);
        // Nobody listens any more; the address is not told.
        let error = ping(&config, &mut None).await.expect_err("refused");
        assert!(!error.contains("s3cret") && !error.contains("secret-path"), "{error}");
        config.url = Secret::Value("no address of s3cret-key".to_owned());
        let error = ping(&config, &mut None).await.expect_err("no address");
        assert!(!error.contains("s3cret"), "{error}");
    }
}
