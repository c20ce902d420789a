//! The task of one target: wait, ask, hand in, again.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing::{Instrument, debug, info, info_span, warn};

use super::fetch::fetch;
use super::state::{ScrapeReport, TargetState};
use super::status::{TargetHealth, TargetStatus};
use super::target::{Target, Timetable};
use crate::config::ScrapeConfig;
use crate::formats::Batch;
use crate::model::{Timestamp, TraceId};
use crate::shell::clock::Clock;
use crate::shell::ingest::{Accepted, Intake, Source};
use crate::shell::telemetry::{Ids, Metrics};

/// What every worker needs.
#[derive(Clone)]
pub(super) struct Services {
    pub(super) intake: Intake,
    pub(super) clock: Clock,
    pub(super) ids: Ids,
    pub(super) metrics: Arc<Metrics>,
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Services")
    }
}

/// Why a worker is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The target is no longer scraped: its series end.
    Removed,
    /// Another worker takes over, or the service stops: its series go on.
    HandOver,
}

/// A target with its task.
#[derive(Debug)]
pub(super) struct Running {
    config: Arc<ScrapeConfig>,
    target: Target,
    status: Arc<Mutex<TargetStatus>>,
    stop: oneshot::Sender<Stop>,
    task: JoinHandle<TargetState>,
}

impl Running {
    /// Starts the task.
    pub(super) fn start(services: Services, config: Arc<ScrapeConfig>, target: Target, state: TargetState) -> Self {
        let status = Arc::new(Mutex::new(TargetStatus {
            job: config.job_name.clone(),
            labels: target.labels.clone(),
            discovered_labels: target.discovered.clone(),
            url: target.url.to_string(),
            interval: target.interval,
            timeout: target.timeout,
            health: TargetHealth::Unknown,
            last_scrape: None,
            last_duration: std::time::Duration::ZERO,
            last_error: None,
        }));
        let (stop, stopped) = oneshot::channel();
        let worker = Worker {
            services,
            config: Arc::clone(&config),
            target: target.clone(),
            state,
            status: Arc::clone(&status),
        };
        let task = tokio::spawn(worker.run(stopped));
        Running { config, target, status, stop, task }
    }

    pub(super) fn job(&self) -> &str {
        &self.config.job_name
    }

    pub(super) fn url(&self) -> &str {
        self.target.url.as_str()
    }

    pub(super) fn status(&self) -> TargetStatus {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a worker of `config` and `target` would do the same.
    pub(super) fn is_same(&self, config: &ScrapeConfig, target: &Target) -> bool {
        let known = &*self.config;
        let mine = &self.target;
        (mine.interval, mine.timeout) == (target.interval, target.timeout)
            && known.http == config.http
            && known.body_size_limit == config.body_size_limit
            && (known.honor_labels, known.honor_timestamps) == (config.honor_labels, config.honor_timestamps)
            && known.exposition == config.exposition
            && (known.sample_limit, known.label_limit) == (config.sample_limit, config.label_limit)
            && format!("{:?}", known.metric_relabel) == format!("{:?}", config.metric_relabel)
    }

    /// Ends the task and returns what it remembers of the target; `None` if it had ended by a fault.
    pub(super) async fn stop(self, stop: Stop) -> Option<TargetState> {
        // The task has ended already if nobody listens.
        let _ = self.stop.send(stop);
        self.task.await.ok()
    }

    /// Lets the task end on its own, with staleness markers.
    pub(super) fn remove(self) {
        let _ = self.stop.send(Stop::Removed);
    }
}

struct Worker {
    services: Services,
    config: Arc<ScrapeConfig>,
    target: Target,
    state: TargetState,
    status: Arc<Mutex<TargetStatus>>,
}

impl Worker {
    async fn run(mut self, mut stopped: oneshot::Receiver<Stop>) -> TargetState {
        let mut timetable = Timetable::of(&self.target);
        let mut client = None;
        let reason = loop {
            let now = self.services.clock.now();
            let slot = timetable.next(now);
            tokio::select! {
                biased;
                stop = &mut stopped => break stop.unwrap_or(Stop::HandOver),
                () = tokio::time::sleep(slot.since(now)) => {}
            }
            let (config, target) = (Arc::clone(&self.config), self.target.clone());
            let began = self.services.clock.now();
            let started = self.services.clock.start();
            let trace = self.services.ids.trace();
            let span = info_span!("scrape", trace_id = %trace, job = %config.job_name, url = %target.url);
            let answer = tokio::select! {
                biased;
                stop = &mut stopped => break stop.unwrap_or(Stop::HandOver),
                answer = fetch(&mut client, &config, &target).instrument(span.clone()) => answer,
            };
            let took = self.services.clock.elapsed_since(started);
            let at = timetable.aligned(slot, began);
            let answer = answer.as_ref().map(|answer| (answer.body.as_slice(), answer.format)).map_err(Clone::clone);
            let report = self.state.scraped(at, took, answer);
            span.in_scope(|| self.note(began, took, &report));
            self.hand_in(report.batch, trace).instrument(span).await;
        };
        if reason == Stop::Removed {
            let batch = self.state.ended(self.services.clock.now());
            if !batch.is_empty() {
                self.hand_in(batch, self.services.ids.trace()).await;
            }
        }
        self.state
    }

    /// Keeps the status and the metrics, and logs changes of health.
    fn note(&self, began: Timestamp, took: std::time::Duration, report: &ScrapeReport) {
        self.services.metrics.scraped(report.failure.is_none(), took);
        let error = report.failure.as_ref().map(ToString::to_string);
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        let health = if error.is_none() { TargetHealth::Up } else { TargetHealth::Down };
        match &error {
            Some(error) if status.health != health => warn!(error, "scrape failed"),
            Some(error) => debug!(error, "scrape failed"),
            None if status.health == TargetHealth::Down => info!("scrape works again"),
            None => debug!(scraped = report.scraped, kept = report.kept, added = report.series_added, "scraped"),
        }
        status.health = health;
        status.last_scrape = Some(began);
        status.last_duration = took;
        status.last_error = error;
    }

    async fn hand_in(&self, batch: Batch, trace: TraceId) {
        let labels = &self.target.labels;
        let source = Source::Scrape { job: labels.get("job").to_owned(), instance: labels.get("instance").to_owned() };
        let received_at = self.services.clock.now();
        let started = self.services.clock.start();
        let accepted = Accepted { batch, wire: None, source, trace, received_at };
        match self.services.intake.submit_patiently(accepted).await {
            Ok(stored) => {
                if let Some(error) = &stored.first_error {
                    debug!(error, rejected = stored.samples_rejected(), "samples rejected");
                }
                let took = self.services.clock.elapsed_since(started);
                self.services.metrics.batch_stored("scrape", 0, &stored, took);
            }
            Err(error) => {
                self.services.metrics.batch_refused("scrape", error.reason());
                warn!(%error, "samples of a scrape are lost");
            }
        }
    }
}
