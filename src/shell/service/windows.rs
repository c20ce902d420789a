//! The series of the running service, and the thread through which batches reach them: journal first, then the windows.

use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tracing::{debug, error};

use super::status::Statuses;
use crate::formats::{Batch, remote_write};
use crate::model::{Labels, Sample, Timestamp, TraceId};
use crate::series::Database;
use crate::shell::clock::Clock;
use crate::shell::ingest::intake::{Accepted, Intake, IntakeError, Source, Stored, Submission, WireKind};
use crate::shell::journal::{Entry, EntryKind, Journal};
use crate::shell::telemetry::Metrics;

/// How many batches are written to the journal before they are made durable together.
const BATCHES_PER_SYNC_MAX: usize = 256;

/// The series; clones share them.
#[derive(Clone)]
pub struct Windows {
    database: Arc<RwLock<Database>>,
    intake: Intake,
}

impl Windows {
    /// The series in `database`; what rules write goes to the journal by way of `intake`.
    pub fn new(database: Database, intake: Intake) -> Self {
        Windows { database: Arc::new(RwLock::new(database)), intake }
    }

    /// What `read` finds.
    pub fn read<T>(&self, read: impl FnOnce(&Database) -> T) -> T {
        // Appending leaves the database whole at every step, so a panic elsewhere does not spoil it.
        read(&self.database.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the series.
    pub fn write<T>(&self, write: impl FnOnce(&mut Database) -> T) -> T {
        write(&mut self.database.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Appends what rules yielded, at once visible, and written to the journal soon after. Blocks while the journal is
    /// behind. Samples that cannot be taken are dropped with a line in the log.
    pub fn append_own(&self, samples: Vec<(Labels, Sample)>, now: Timestamp) {
        self.write(|database| {
            for (labels, sample) in &samples {
                if let Err(error) = database.append(labels, *sample, TraceId::NONE) {
                    debug!(%error, series = %labels, "a rule's sample is not taken");
                }
            }
        });
        let series = samples.into_iter().map(|(labels, sample)| (labels, vec![sample])).collect();
        let batch = Batch { series, metadata: Vec::new() };
        self.intake.submit_detached(Accepted {
            batch,
            wire: None,
            source: Source::Rules,
            trace: TraceId::NONE,
            received_at: now,
        });
    }
}

/// What the writing thread works with.
pub struct Surround {
    /// Where batches are made durable.
    pub journal: Journal,
    /// The time.
    pub clock: Clock,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// What is known of the journal's health.
    pub statuses: Arc<Statuses>,
}

/// Starts the thread that takes batches from `submissions` until every [`Intake`] is gone.
///
/// # Errors
///
/// The operating system gives no thread.
pub fn start(
    windows: Windows,
    submissions: mpsc::Receiver<Submission>,
    surround: Surround,
) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("write".to_owned()).spawn(move || Writer { windows, submissions, surround }.run())
}

struct Writer {
    windows: Windows,
    submissions: mpsc::Receiver<Submission>,
    surround: Surround,
}

type Waiting = (Accepted, usize, oneshot::Sender<Result<Stored, IntakeError>>);

impl Writer {
    fn run(mut self) {
        while let Some(first) = self.submissions.blocking_recv() {
            let mut batches = vec![first];
            while batches.len() < BATCHES_PER_SYNC_MAX {
                let Ok(next) = self.submissions.try_recv() else { break };
                batches.push(next);
            }
            self.surround.metrics.set_ingest_queue(batches.len());
            self.take(batches);
        }
        if let Err(error) = self.surround.journal.sync() {
            error!(%error, "the journal's end cannot be written");
        }
    }

    fn take(&mut self, batches: Vec<Submission>) {
        let Surround { journal, clock, metrics, statuses } = &mut self.surround;
        let started = clock.start();
        let mut written: Vec<Waiting> = Vec::with_capacity(batches.len());
        let mut failed = None;
        for (accepted, answer) in batches {
            let entry = entry(&accepted);
            let bytes = entry.payload.len();
            match journal.append(&entry) {
                Ok(()) => written.push((accepted, bytes, answer)),
                Err(error) => {
                    let error = error.to_string();
                    drop(answer.send(Err(IntakeError::NotDurable(error.clone()))));
                    failed = Some(error);
                }
            }
        }
        if let Err(error) = journal.sync() {
            failed = Some(error.to_string());
            for (_, _, answer) in written.drain(..) {
                drop(answer.send(Err(IntakeError::NotDurable(error.to_string()))));
            }
        }
        let took = clock.elapsed_since(started);
        match &failed {
            None => {
                let bytes: usize = written.iter().map(|(_, bytes, _)| bytes).sum();
                metrics.journal_synced(u64::try_from(bytes).unwrap_or(u64::MAX), took);
                metrics.set_journal_size(journal.size_bytes());
                statuses.journal(clock.now(), Ok(took));
            }
            Some(error) => {
                error!(%error, "batches cannot be written to the journal and are refused");
                statuses.journal(clock.now(), Err(error));
            }
        }
        for (accepted, bytes, answer) in written {
            let stored = self.append(&accepted);
            let Surround { clock, metrics, statuses, .. } = &self.surround;
            let took = clock.elapsed_since(started);
            if accepted.source != Source::Rules {
                metrics.batch_stored(accepted.source.name(), bytes, &stored, took);
                statuses.source(accepted.source.name(), clock.now(), took, Ok(()));
                debug!(trace_id = %accepted.trace, source = accepted.source.name(), samples = stored.samples_stored,
                    rejected = stored.samples_rejected(), "batch stored");
            }
            // Nobody waits for the outcome of a batch whose sender has gone.
            drop(answer.send(Ok(stored)));
        }
    }

    fn append(&self, accepted: &Accepted) -> Stored {
        if accepted.source == Source::Rules {
            return Stored::default();
        }
        self.windows.write(|database| append(database, &accepted.batch, accepted.trace))
    }
}

/// Appends a batch, and says what was not taken.
fn append(database: &mut Database, batch: &Batch, trace: TraceId) -> Stored {
    let mut stored = Stored::default();
    for (labels, samples) in &batch.series {
        for sample in samples {
            match database.append(labels, *sample, trace) {
                Ok(_) => stored.samples_stored += 1,
                Err(error) => {
                    let reason = error.reason();
                    match stored.rejected.iter_mut().find(|(known, _)| *known == reason) {
                        Some((_, count)) => *count += 1,
                        None => stored.rejected.push((reason, 1)),
                    }
                    stored.first_error.get_or_insert_with(|| format!("{labels} at {}: {error}", sample.at));
                }
            }
        }
    }
    stored
}

fn entry(accepted: &Accepted) -> Entry {
    let (kind, payload) = match &accepted.wire {
        Some(wire) => (entry_kind(wire.kind), wire.bytes.to_vec()),
        None => (EntryKind::Samples, remote_write::encode_v1(&accepted.batch)),
    };
    Entry { kind, received_at: accepted.received_at, trace: accepted.trace, payload }
}

fn entry_kind(kind: WireKind) -> EntryKind {
    match kind {
        WireKind::RemoteWriteV1 => EntryKind::RemoteWriteV1,
        WireKind::RemoteWriteV2 => EntryKind::RemoteWriteV2,
        WireKind::JsonLines => EntryKind::JsonLines,
        WireKind::Samples => EntryKind::Samples,
    }
}

/// Reads the journal back into `database`, from `since` on. Returns how many batches and samples came back.
pub fn replay(
    journal: &Journal,
    database: &mut Database,
    since: Timestamp,
    uncompressed_bytes_max: usize,
) -> (usize, u64) {
    let (mut batches, mut samples) = (0, 0);
    for entry in journal.read(since) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                error!(%error, "a part of the journal cannot be read; what it held is missing from the windows");
                continue;
            }
        };
        let read = |payload: &[u8]| -> Option<Batch> {
            let bytes = || remote_write::decompress(payload, uncompressed_bytes_max).ok();
            match entry.kind {
                EntryKind::RemoteWriteV1 | EntryKind::Samples => Some(remote_write::decode_v1(&bytes()?).ok()?.batch),
                EntryKind::RemoteWriteV2 => Some(remote_write::decode_v2(&bytes()?).ok()?.batch),
                EntryKind::JsonLines => crate::formats::json_lines::parse(payload, entry.received_at).ok(),
            }
        };
        match read(&entry.payload) {
            Some(batch) => {
                batches += 1;
                samples += append(database, &batch, entry.trace).samples_stored;
            }
            None => error!(received_at = %entry.received_at, "a batch of the journal cannot be decoded"),
        }
    }
    (batches, samples)
}

/// How often old samples and segments are dropped.
pub const TRUNCATE_INTERVAL: Duration = Duration::from_secs(60);
