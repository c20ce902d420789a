//! Samples of this machine under the names of Prometheus's node_exporter, so that rules for it hold here too.

mod machine;
mod proc;
mod readings;

use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashSet;
use tokio::time::MissedTickBehavior;
use tracing::{Instrument, debug, info_span, warn};

use self::machine::Machine;
use super::{Accepted, Intake, Source};
use crate::formats::Batch;
use crate::model::{Labels, Sample, Timestamp};
use crate::shell::clock::Clock;
use crate::shell::telemetry::{Ids, Metrics};

/// How often the machine is looked at unless the configuration says otherwise.
pub const HOST_INTERVAL_DEFAULT: Duration = Duration::from_secs(15);
/// As [`HOST_INTERVAL_DEFAULT`], when nothing is configured at all.
pub const HOST_INTERVAL_EMBEDDED: Duration = Duration::from_secs(5);

/// The source of samples of this machine, with `job="host"` and the machine's name as `instance`.
#[derive(Debug)]
pub struct HostSampler {
    intake: Intake,
    clock: Clock,
    ids: Ids,
    metrics: Arc<Metrics>,
    interval: Duration,
}

impl HostSampler {
    /// A sampler that looks every `interval` (at least every 100 ms).
    pub fn new(intake: Intake, clock: Clock, ids: Ids, metrics: Arc<Metrics>, interval: Duration) -> Self {
        HostSampler { intake, clock, ids, metrics, interval: interval.max(Duration::from_millis(100)) }
    }

    /// Looks at once and then every interval, until it is dropped or the intake closes.
    pub async fn run(self) {
        let mut ticks = tokio::time::interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let instance = Machine::name();
        let mut machine = Machine::new(&instance);
        let mut tracked = HashSet::new();
        let mut last = self.clock.start();
        loop {
            ticks.tick().await;
            let (now, since_last) = (self.clock.now(), self.clock.elapsed_since(last));
            last = self.clock.start();
            let looked = tokio::task::spawn_blocking(move || {
                let readings = machine.read(now, since_last);
                (machine, readings.into_batch(now))
            });
            let batch;
            (machine, batch) = match looked.await {
                Ok(looked) => looked,
                Err(error) if error.is_panic() => {
                    warn!("looking at this machine failed");
                    (Machine::new(&instance), Batch::default())
                }
                // The runtime stops.
                Err(_) => return,
            };
            let batch = with_ends(batch, &mut tracked, now);
            let trace = self.ids.trace();
            let accepted = Accepted { batch, wire: None, source: Source::Host, trace, received_at: now };
            let span = info_span!("host", trace_id = %trace);
            match self.intake.submit_patiently(accepted).instrument(span.clone()).await {
                Ok(stored) => {
                    let took = self.clock.elapsed_since(last);
                    self.metrics.batch_stored(Source::Host.name(), 0, &stored, took);
                    span.in_scope(|| debug!(samples = stored.samples_stored, "looked at this machine"));
                }
                Err(super::IntakeError::Closed) => return,
                Err(error) => {
                    self.metrics.batch_refused(Source::Host.name(), error.reason());
                    span.in_scope(|| warn!(%error, "samples of this machine are lost"));
                }
            }
        }
    }
}

/// `batch` with staleness markers for the series of the last look that are gone, such as those of an unplugged disk.
fn with_ends(mut batch: Batch, tracked: &mut HashSet<Labels>, now: Timestamp) -> Batch {
    let current: HashSet<Labels> = batch.series.iter().map(|(labels, _)| labels.clone()).collect();
    let gone = tracked.iter().filter(|labels| !current.contains(*labels));
    batch.series.extend(gone.map(|labels| (labels.clone(), vec![Sample::stale(now)])));
    *tracked = current;
    batch
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::is_stale;
    use crate::shell::ingest::testing;

    #[tokio::test]
    async fn hands_in_samples_at_once_and_again() {
        let (intake, _, mut announced) = testing::intake(testing::store_all);
        let metrics = testing::metrics();
        let interval = Duration::from_millis(100);
        let sampler = HostSampler::new(intake, Clock::system(), Ids::random(), Arc::clone(&metrics), interval);
        let task = tokio::spawn(sampler.run());
        for _ in 0..2 {
            let accepted = announced.recv().await.expect("a batch");
            assert_eq!(accepted.source, Source::Host);
            assert!(accepted.trace.is_some());
            assert!(accepted.batch.series.iter().any(|(labels, _)| labels.metric_name() == "up"));
        }
        task.abort();
        assert!(metrics.render(None).body.contains(r#"watchbell_ingest_batches_total{source="host"}"#));
    }

    #[test]
    fn series_that_are_gone_end_once() {
        let labels = Labels::from_pairs([("__name__", "a")]);
        let mut tracked = HashSet::new();
        let at = Timestamp::from_millis;
        let full = Batch { series: vec![(labels, vec![Sample::new(at(1), 1.0)])], ..Batch::default() };
        assert_eq!(with_ends(full.clone(), &mut tracked, at(1)), full);
        let ended = with_ends(Batch::default(), &mut tracked, at(2));
        assert!(ended.series.len() == 1 && is_stale(ended.series[0].1[0].value));
        assert!(with_ends(Batch::default(), &mut tracked, at(3)).series.is_empty());
    }
}
