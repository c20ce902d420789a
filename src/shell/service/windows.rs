//! The series of the running service, and the thread through which batches reach them: journal first, then the windows.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tracing::{debug, error, warn};

use super::sentinel::Sentinel;
use super::status::Statuses;
use crate::formats::{Batch, Metadata, json_lines, remote_write};
use crate::model::{HistogramSample, Labels, Sample, SampleValue, Timestamp, TraceId};
use crate::series::{AppendError, Appended, Catalogue, Database};
use crate::shell::clock::Clock;
use crate::shell::ingest::{Accepted, Intake, IntakeError, Source, Stored, Submission, WireKind};
use crate::shell::journal::{self, Entry, EntryKind, Journal, JournalError};
use crate::shell::telemetry::Metrics;

/// How many batches are written to the journal before they are made durable together.
const BATCHES_PER_SYNC_MAX: usize = 256;

/// How far a sample's time may lie ahead of our clock: a wrong clock elsewhere must not keep its series from being written.
const AHEAD_MAX: Duration = Duration::from_secs(10 * 60);

/// The largest batch that is read back from the journal, unpacked; far above every limit of what comes in.
const UNPACKED_BYTES_MAX: usize = 1 << 30;

/// How many characters of a series' labels an error quotes.
const LABELS_QUOTED_MAX: usize = 200;

/// The series; clones share them.
#[derive(Clone)]
pub struct Windows {
    database: Arc<RwLock<Database>>,
    catalogue: Arc<RwLock<Catalogue>>,
    intake: Intake,
    /// How far back the journal is kept, in milliseconds.
    window_ms: Arc<AtomicU64>,
}

impl Windows {
    /// The series in `database` and what `catalogue` knows of metrics; what rules write goes to the journal by way of
    /// `intake`.
    pub fn new(database: Database, catalogue: Catalogue, intake: Intake) -> Self {
        Windows {
            database: Arc::new(RwLock::new(database)),
            catalogue: Arc::new(RwLock::new(catalogue)),
            intake,
            window_ms: Arc::new(AtomicU64::new(u64::MAX)),
        }
    }

    /// What `read` finds in what is known of metrics.
    pub fn catalogue<T>(&self, read: impl FnOnce(&Catalogue) -> T) -> T {
        // Telling leaves the catalogue usable at every step.
        read(&self.catalogue.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes in what a source says of metrics.
    pub fn tell(&self, metadata: &[Metadata]) {
        if !metadata.is_empty() {
            self.catalogue.write().unwrap_or_else(PoisonError::into_inner).tell(metadata);
        }
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

    /// Keeps the journal as far back as `window`.
    pub fn keep_journal(&self, window: Duration) {
        self.window_ms.store(u64::try_from(window.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Appends what rules yielded, at once visible, and written to the journal soon after. Blocks while the journal is
    /// behind. Samples that cannot be taken are dropped with a line in the log, one for all.
    pub fn append_own(&self, at: Timestamp, values: Vec<(Labels, SampleValue)>, now: Timestamp) {
        let refused = self.write(|database| {
            let taken = |(labels, value): &(Labels, SampleValue)| {
                let error = database.append_value(labels, at, value.clone(), TraceId::NONE).err()?;
                Some((labels.clone(), error))
            };
            values.iter().filter_map(taken).collect::<Vec<_>>()
        });
        if let Some((series, error)) = refused.first() {
            warn!(%error, %series, count = refused.len(), "samples of our own rules are not taken");
        }
        let mut batch = Batch::default();
        for (labels, value) in values {
            match value {
                SampleValue::Float(value) => batch.series.push((labels, vec![Sample::new(at, value)])),
                SampleValue::Histogram(histogram) => {
                    batch.histograms.push((labels, vec![HistogramSample { at, histogram }]));
                }
            }
        }
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
pub(super) struct Surround {
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
pub(super) fn start(
    windows: Windows,
    submissions: mpsc::Receiver<Submission>,
    surround: Surround,
    sentinel: Sentinel,
) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("write".to_owned()).spawn(move || {
        let _sentinel = sentinel;
        let pruned_at = surround.clock.now();
        Writer { windows, submissions, surround, pruned_at }.run();
    })
}

struct Writer {
    windows: Windows,
    submissions: mpsc::Receiver<Submission>,
    surround: Surround,
    pruned_at: Timestamp,
}

type Waiting = (Accepted, oneshot::Sender<Result<Stored, IntakeError>>);

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
            self.prune();
        }
        if let Err(error) = self.surround.journal.sync() {
            error!(%error, "the journal's end cannot be written");
        }
    }

    /// Drops segments that no window reaches any more, once in a while.
    fn prune(&mut self) {
        let now = self.surround.clock.now();
        if now.since(self.pruned_at) < TRUNCATE_INTERVAL {
            return;
        }
        self.pruned_at = now;
        let window = Duration::from_millis(self.windows.window_ms.load(Ordering::Relaxed));
        if let Err(error) = self.surround.journal.prune(now - window) {
            error!(%error, "old segments of the journal cannot be dropped");
        }
    }

    fn take(&mut self, batches: Vec<Submission>) {
        let Surround { journal, clock, metrics, statuses, .. } = &mut self.surround;
        let started = clock.start();
        let mut written: Vec<Waiting> = Vec::with_capacity(batches.len());
        let mut failed = None;
        let mut bytes: u64 = 0;
        for (accepted, answer) in batches {
            let entry = entry(&accepted);
            match journal.append(&entry) {
                Ok(()) => {
                    bytes += u64::try_from(entry.payload.len()).unwrap_or(u64::MAX);
                    written.push((accepted, answer));
                }
                // The fault is the batch's, not the disk's.
                Err(error @ JournalError::EntryTooLarge { .. }) => {
                    warn!(%error, source = accepted.source.name(), "a batch is too large for the journal and is refused");
                    drop(answer.send(Err(IntakeError::TooLarge(error.to_string()))));
                }
                Err(error) => {
                    let error = error.to_string();
                    statuses.source(accepted.source.name(), clock.now(), clock.elapsed_since(started), Err(&error));
                    drop(answer.send(Err(IntakeError::NotDurable(error.clone()))));
                    failed = Some(error);
                }
            }
        }
        if let Err(error) = journal.sync() {
            failed = Some(error.to_string());
            for (accepted, answer) in written.drain(..) {
                statuses.source(
                    accepted.source.name(),
                    clock.now(),
                    clock.elapsed_since(started),
                    Err(&error.to_string()),
                );
                drop(answer.send(Err(IntakeError::NotDurable(error.to_string()))));
            }
        }
        let took = clock.elapsed_since(started);
        match &failed {
            None => {
                metrics.journal_synced(bytes, took);
                metrics.set_journal_size(journal.stats().bytes);
                statuses.journal(clock.now(), Ok(took));
            }
            Some(error) => {
                error!(%error, "batches cannot be written to the journal and are refused");
                statuses.journal(clock.now(), Err(error));
            }
        }
        for (accepted, answer) in written {
            let stored = self.append(&accepted);
            let Surround { clock, statuses, .. } = &self.surround;
            let took = clock.elapsed_since(started);
            if accepted.source != Source::Rules {
                let refused = stored.first_error.as_deref().map_or(Ok(()), Err);
                statuses.source(accepted.source.name(), clock.now(), took, refused);
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
        self.windows.tell(&accepted.batch.metadata);
        self.windows.write(|database| append(database, &accepted.batch, accepted.trace, accepted.received_at))
    }
}

/// The labels as an error quotes them: they come from outside and may be of any length.
fn excerpt(labels: &Labels) -> String {
    let text = labels.to_string();
    match text.char_indices().nth(LABELS_QUOTED_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

/// Appends a batch that came at `received_at`, and says what was not taken.
fn append(database: &mut Database, batch: &Batch, trace: TraceId, received_at: Timestamp) -> Stored {
    let mut taking = Taking { stored: Stored::default(), latest: received_at + AHEAD_MAX };
    for (labels, samples) in &batch.series {
        for sample in samples {
            taking.take(labels, sample.at, || database.append(labels, *sample, trace));
        }
    }
    for (labels, samples) in &batch.histograms {
        for sample in samples {
            let taken = taking.take(labels, sample.at, || database.append_histogram(labels, sample.clone(), trace));
            taking.stored.histograms_stored += u64::from(taken);
        }
    }
    for (labels, starts) in &batch.starts {
        for start in starts {
            // Without its sample, which was refused and counted above, a start time says nothing.
            let _ = database.append_start(labels, *start);
        }
    }
    taking.stored
}

/// The outcome of a batch while it is taken in.
struct Taking {
    stored: Stored,
    /// The latest time that a sample may have.
    latest: Timestamp,
}

impl Taking {
    /// Counts the outcome for a sample of `labels` at `at`; says whether it is kept.
    fn take(&mut self, labels: &Labels, at: Timestamp, append: impl FnOnce() -> Result<Appended, AppendError>) -> bool {
        let taken = match at > self.latest {
            true => Err(("too_far_ahead", format!("it lies more than {AHEAD_MAX:?} ahead of our clock"))),
            false => append().map_err(|error| (error.reason(), error.to_string())),
        };
        let (reason, error) = match taken {
            Ok(_) => {
                self.stored.samples_stored += 1;
                return true;
            }
            Err(refusal) => refusal,
        };
        match self.stored.rejected.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count += 1,
            None => self.stored.rejected.push((reason, 1)),
        }
        self.stored.first_error.get_or_insert_with(|| format!("{} at {at}: {error}", excerpt(labels)));
        false
    }
}

fn entry(accepted: &Accepted) -> Entry {
    let (kind, payload) = match &accepted.wire {
        Some(wire) if wire.kind == WireKind::JsonLines => (EntryKind::JsonLines, compress(&wire.bytes)),
        Some(wire) => (entry_kind(wire.kind), wire.bytes.to_vec()),
        None => (EntryKind::Samples, remote_write::encode_v1(&accepted.batch)),
    };
    Entry { kind, received_at: accepted.received_at, trace: accepted.trace, payload }
}

/// Snappy's block format, as the other kinds of payload have it already. Text too long for it stays out of the journal's
/// reach: bodies are limited far below.
fn compress(bytes: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(bytes).unwrap_or_default()
}

fn entry_kind(kind: WireKind) -> EntryKind {
    match kind {
        WireKind::RemoteWriteV1 => EntryKind::RemoteWriteV1,
        WireKind::RemoteWriteV2 => EntryKind::RemoteWriteV2,
        WireKind::JsonLines => EntryKind::JsonLines,
        WireKind::Samples => EntryKind::Samples,
    }
}

/// Reads the journal in `folder` back into `database` and `catalogue`, from `since` on. Returns how many batches and samples came back.
///
/// # Errors
///
/// A folder that cannot be listed. Parts that cannot be read are logged and missing.
pub(super) fn replay(
    folder: &Path,
    database: &mut Database,
    catalogue: &mut Catalogue,
    since: Timestamp,
) -> Result<(usize, u64), JournalError> {
    let (mut batches, mut samples) = (0, 0);
    let mut truncated_at = since;
    for entry in journal::read(folder, since)? {
        if entry.received_at.since(truncated_at) >= TRUNCATE_INTERVAL {
            truncated_at = entry.received_at;
            database.truncate(truncated_at);
        }
        match decode(&entry) {
            Some(batch) => {
                batches += 1;
                catalogue.tell(&batch.metadata);
                samples += append(database, &batch, entry.trace, entry.received_at).samples_stored;
            }
            None => error!(received_at = %entry.received_at, "a batch of the journal cannot be decoded"),
        }
    }
    Ok((batches, samples))
}

fn decode(entry: &Entry) -> Option<Batch> {
    let bytes = remote_write::decompress(&entry.payload, UNPACKED_BYTES_MAX).ok()?;
    match entry.kind {
        EntryKind::RemoteWriteV1 | EntryKind::Samples => Some(remote_write::decode_v1(&bytes).ok()?.batch),
        EntryKind::RemoteWriteV2 => Some(remote_write::decode_v2(&bytes).ok()?.batch),
        EntryKind::JsonLines => json_lines::parse(&bytes, entry.received_at).ok(),
    }
}

/// How often old samples and segments are dropped.
pub(super) const TRUNCATE_INTERVAL: Duration = Duration::from_secs(60);
