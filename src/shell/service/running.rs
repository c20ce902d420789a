//! The running service: what it does while it runs, and how it stops.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::decider::Decider;
use super::dispatch::Dispatch;
use super::evaluator::Evaluator;
use super::reloading::{Reloader, Reloading};
use super::signals::{Signal, Signals};
use super::start::ServeError;
use super::swap::Swap;
use super::windows::{TRUNCATE_INTERVAL, Windows};
use crate::formats::Batch;
use crate::model::{TraceId, render_text};
use crate::shell::clock::Clock;
use crate::shell::ingest::{Accepted, Intake, IntakeError, Scraper, Source};
use crate::shell::telemetry::Metrics;

/// How long attempts under way may take to end when the service stops.
const ATTEMPTS_PATIENCE: Duration = Duration::from_secs(10);
/// How long stopping may take in all.
const STOP_PATIENCE: Duration = Duration::from_secs(25);
/// How often the log says how things go.
const STATUS_INTERVAL: Duration = Duration::from_secs(15);

/// Everything that runs.
pub(super) struct Service {
    pub(super) signals: Signals,
    pub(super) clock: Clock,
    pub(super) windows: Windows,
    pub(super) intake: Intake,
    pub(super) decider: Decider,
    pub(super) decider_thread: std::thread::JoinHandle<()>,
    pub(super) evaluator: Evaluator,
    pub(super) evaluator_thread: std::thread::JoinHandle<()>,
    /// The names of threads that ended.
    pub(super) ended: mpsc::Receiver<&'static str>,
    pub(super) dispatch: Dispatch,
    pub(super) scraper: Scraper,
    pub(super) metrics: Arc<Metrics>,
    pub(super) server: JoinHandle<std::io::Result<()>>,
    pub(super) stop_server: CancellationToken,
    pub(super) reloading: Reloading,
    pub(super) swap: Swap,
}

impl Service {
    /// Runs until a signal asks for the end. Everything that may wait for a disk or a lock runs beside this loop, so that
    /// signals are always heard.
    pub(super) async fn run(self) -> Result<(), ServeError> {
        let Service { mut signals, mut ended, mut server, reloading, swap, .. } = self;
        let reloader = reloading.reloader();
        let chores = [
            tokio::spawn(tell_status(self.windows.clone(), self.decider.clone(), self.metrics.clone())),
            tokio::spawn(swap.door.clone().watch()),
            tokio::spawn(truncate(self.windows.clone(), self.clock.clone())),
            tokio::spawn(reload(reloading, swap, self.metrics.clone(), self.clock.clone())),
        ];
        let broken = loop {
            tokio::select! {
                signal = signals.next() => match signal {
                    Signal::Stop => break None,
                    Signal::Reload => Reloader::request(&reloader),
                },
                Some(name) = ended.recv() => break Some(ServeError::Ended(name)),
                _ = &mut server => break Some(ServeError::Ended("http")),
            }
        };
        if let Some(error) = &broken {
            error!(%error, "stopping");
        }
        chores.iter().for_each(JoinHandle::abort);
        let stopping = Stopping {
            clock: self.clock,
            intake: self.intake,
            decider: self.decider,
            decider_thread: self.decider_thread,
            evaluator: self.evaluator,
            evaluator_thread: self.evaluator_thread,
            dispatch: self.dispatch,
            scraper: self.scraper,
            server,
            stop_server: self.stop_server,
        };
        tokio::select! {
            stopped = tokio::time::timeout(STOP_PATIENCE, stopping.stop()) => if stopped.is_err() {
                error!("stopping takes too long; what was not written is found again in the journal and the store");
            },
            _ = signals.next() => warn!("stopped at once, as asked for twice"),
        }
        broken.map_or(Ok(()), Err)
    }
}

/// Says how things go, again and again.
async fn tell_status(windows: Windows, decider: Decider, metrics: Arc<Metrics>) {
    let mut ticks = tokio::time::interval(STATUS_INTERVAL);
    let (mut samples_before, mut rules_before) = (0, 0);
    loop {
        ticks.tick().await;
        let windows = windows.clone();
        let Ok(stats) = tokio::task::spawn_blocking(move || windows.read(|database| database.stats())).await else {
            continue;
        };
        let (samples, rules) = (stats.appended, metrics.rules_evaluated());
        metrics.set_series(stats.series);
        if let Ok((pending, firing)) = decider.read(|engine| engine.alert_counts()).await {
            let (samples_in, rules_evaluated) = (samples - samples_before, rules - rules_before);
            info!(samples_in, series = stats.series, rules_evaluated, pending, firing, "watching");
        }
        (samples_before, rules_before) = (samples, rules);
    }
}

/// Drops old samples, again and again.
async fn truncate(windows: Windows, clock: Clock) {
    let mut ticks = tokio::time::interval(TRUNCATE_INTERVAL);
    loop {
        ticks.tick().await;
        let (windows, now) = (windows.clone(), clock.now());
        // Dropping takes the lock for a while; that must not hold up this runtime.
        drop(tokio::task::spawn_blocking(move || windows.write(|database| database.truncate(now))).await);
    }
}

/// Reads the configuration again whenever that is wanted.
async fn reload(mut reloading: Reloading, mut swap: Swap, metrics: Arc<Metrics>, clock: Clock) {
    loop {
        let Some((request, outcome)) = reloading.next().await else { continue };
        let taken = match outcome {
            Ok(loaded) => swap.take(loaded, request.audit.clone()).await,
            Err(diagnostics) => Err(diagnostics),
        };
        let answer = match taken {
            Ok(()) => {
                metrics.reloaded(true, clock.now());
                Ok(())
            }
            Err(diagnostics) => {
                metrics.reloaded(false, clock.now());
                error!("the new configuration is refused; the old one runs on\n{}", render_text(&diagnostics, false));
                Err(diagnostics)
            }
        };
        request.answer(answer);
    }
}

/// What is left to stop.
struct Stopping {
    clock: Clock,
    intake: Intake,
    decider: Decider,
    decider_thread: std::thread::JoinHandle<()>,
    evaluator: Evaluator,
    evaluator_thread: std::thread::JoinHandle<()>,
    dispatch: Dispatch,
    scraper: Scraper,
    server: JoinHandle<std::io::Result<()>>,
    stop_server: CancellationToken,
}

impl Stopping {
    /// Stops in the order of the pipeline, so that what was taken in is still written and what was sent still noted.
    async fn stop(self) {
        info!("stopping");
        self.stop_server.cancel();
        self.scraper.stop().await;
        if !self.server.is_finished() {
            drop(self.server.await);
        }
        let (evaluator, thread) = (self.evaluator, self.evaluator_thread);
        let evaluated = tokio::task::spawn_blocking(move || {
            evaluator.stop();
            thread.join()
        });
        drop(evaluated.await);
        if tokio::time::timeout(ATTEMPTS_PATIENCE, self.dispatch.finish()).await.is_err() {
            warn!("some notifications are still under way; they are sent again after the next start");
        }
        // Batches are written in order: once this one is durable, all before it are.
        let last = Accepted {
            batch: Batch::default(),
            wire: None,
            source: Source::Rules,
            trace: TraceId::NONE,
            received_at: self.clock.now(),
        };
        match self.intake.submit_patiently(last).await {
            Ok(_) | Err(IntakeError::Closed) => {}
            Err(error) => error!(%error, "the journal's end cannot be written"),
        }
        let (decider, thread) = (self.decider, self.decider_thread);
        let decided = tokio::task::spawn_blocking(move || {
            decider.stop();
            thread.join()
        });
        drop(decided.await);
        info!("stopped");
    }
}
