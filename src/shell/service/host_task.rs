//! The task that samples this machine, as the plan wants it.

use std::sync::Arc;

use crate::config::HostSamples;
use crate::shell::clock::Clock;
use crate::shell::ingest::{HostSampler, Intake};
use crate::shell::telemetry::{Ids, Metrics};

/// The task that samples this machine.
pub(super) struct HostTask {
    intake: Intake,
    clock: Clock,
    ids: Ids,
    metrics: Arc<Metrics>,
    running: Option<(HostSamples, tokio::task::JoinHandle<()>)>,
}

impl HostTask {
    /// A task that does not run yet.
    pub(super) fn new(intake: Intake, clock: Clock, ids: Ids, metrics: Arc<Metrics>) -> Self {
        HostTask { intake, clock, ids, metrics, running: None }
    }

    /// Samples as `wanted` says from now on.
    pub(super) fn apply(&mut self, wanted: Option<HostSamples>) {
        if self.running.as_ref().map(|(samples, _)| *samples) == wanted {
            return;
        }
        if let Some((_, task)) = self.running.take() {
            task.abort();
        }
        self.running = wanted.map(|samples| {
            let HostTask { intake, clock, ids, metrics, .. } = self;
            let sampler =
                HostSampler::new(intake.clone(), clock.clone(), ids.clone(), metrics.clone(), samples.interval);
            (samples, tokio::spawn(sampler.run()))
        });
    }
}
