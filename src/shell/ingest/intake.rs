//! Where every accepted batch goes: a bounded queue to the task that makes batches durable.

use axum::body::Bytes;
use tokio::sync::{mpsc, oneshot};

use crate::formats::Batch;
use crate::model::{Timestamp, TraceId};

/// A batch that was understood, on its way to the journal and the windows.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The samples.
    pub batch: Batch,
    /// The bytes as they came, for the journal; `None` when the batch has no wire form or differs from it.
    pub wire: Option<Wire>,
    /// Who sent it.
    pub source: Source,
    /// The id that follows the batch to the notifications it causes.
    pub trace: TraceId,
    /// When it arrived.
    pub received_at: Timestamp,
}

/// Bytes of a batch as they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wire {
    /// How to read them.
    pub kind: WireKind,
    /// The bytes; for remote write still compressed, for JSON lines after any `Content-Encoding` was undone.
    pub bytes: Bytes,
}

/// How the bytes of a batch are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WireKind {
    /// Snappy-compressed `prometheus.WriteRequest`.
    RemoteWriteV1,
    /// Snappy-compressed `io.prometheus.write.v2.Request`.
    RemoteWriteV2,
    /// JSON lines as `/api/v1/import` takes them.
    JsonLines,
    /// Samples without a wire form of their own.
    Samples,
}

/// Who sent a batch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// `POST /api/v1/write`.
    RemoteWrite,
    /// `POST /api/v1/import`.
    Import,
    /// A scraped target.
    Scrape {
        /// The target's `job` label.
        job: String,
        /// The target's `instance` label.
        instance: String,
    },
    /// This machine.
    Host,
    /// Our own rules; the samples are in the windows already and only go to the journal.
    Rules,
}

impl Source {
    /// The source's name in metrics and logs.
    pub fn name(&self) -> &'static str {
        match self {
            Source::RemoteWrite => "remote_write",
            Source::Import => "import",
            Source::Scrape { .. } => "scrape",
            Source::Host => "host",
            Source::Rules => "rules",
        }
    }
}

/// What became of a batch once it is durable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// How many samples are kept, native histograms among them.
    pub samples_stored: u64,
    /// How many native histograms are kept.
    pub histograms_stored: u64,
    /// How many samples are not, by reason (a stable name such as `out_of_order`); only reasons that occurred.
    pub rejected: Vec<(&'static str, u64)>,
    /// The first rejected sample and why, for people; `None` if nothing was rejected.
    pub first_error: Option<String>,
}

impl Stored {
    /// How many samples were rejected.
    pub fn samples_rejected(&self) -> u64 {
        self.rejected.iter().map(|(_, count)| count).sum()
    }
}

/// Why a batch was not taken. Nothing of it counts as stored; the sender may send it again unless it is too large.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntakeError {
    /// Too many batches wait already.
    #[error("the intake queue is full")]
    Full,
    /// The batch could not be written to disk.
    #[error("the batch could not be made durable: {0}")]
    NotDurable(String),
    /// The batch is larger than the journal keeps; it never will be taken.
    #[error("the batch is too large: {0}")]
    TooLarge(String),
    /// The service is stopping.
    #[error("the service is stopping")]
    Closed,
}

impl IntakeError {
    /// A stable name of the reason, for metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            IntakeError::Full => "queue_full",
            IntakeError::NotDurable(_) => "not_durable",
            IntakeError::TooLarge(_) => "batch_too_large",
            IntakeError::Closed => "stopping",
        }
    }
}

/// A batch with the place where its outcome is awaited.
pub type Submission = (Accepted, oneshot::Sender<Result<Stored, IntakeError>>);

/// The near end of the queue; clones share it.
#[derive(Clone, Debug)]
pub struct Intake {
    queue: mpsc::Sender<Submission>,
}

impl Intake {
    /// A queue that holds at most `capacity` batches (at least one), and its far end.
    pub fn new(capacity: usize) -> (Intake, mpsc::Receiver<Submission>) {
        let (queue, receiver) = mpsc::channel(capacity.max(1));
        (Intake { queue }, receiver)
    }

    /// Hands in a batch and resolves when it is durable and can be queried. For senders that can come again: a full queue
    /// is an error at once.
    ///
    /// # Errors
    ///
    /// [`IntakeError`]; the batch is then not stored, or not durably.
    pub async fn submit(&self, accepted: Accepted) -> Result<Stored, IntakeError> {
        let (outcome, answer) = oneshot::channel();
        self.queue.try_send((accepted, outcome)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => IntakeError::Full,
            mpsc::error::TrySendError::Closed(_) => IntakeError::Closed,
        })?;
        answer.await.unwrap_or(Err(IntakeError::Closed))
    }

    /// As [`Intake::submit`], for sources that cannot come again: waits for a place in the queue.
    ///
    /// # Errors
    ///
    /// [`IntakeError`], never [`IntakeError::Full`].
    pub async fn submit_patiently(&self, accepted: Accepted) -> Result<Stored, IntakeError> {
        let (outcome, answer) = oneshot::channel();
        self.queue.send((accepted, outcome)).await.map_err(|_| IntakeError::Closed)?;
        answer.await.unwrap_or(Err(IntakeError::Closed))
    }

    /// Hands in a batch from a thread that may block, without waiting for its outcome.
    pub fn submit_detached(&self, accepted: Accepted) {
        // A closed queue means that the service is stopping.
        drop(self.queue.blocking_send((accepted, oneshot::channel().0)));
    }

    /// How many batches wait.
    pub fn depth(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted() -> Accepted {
        Accepted {
            batch: Batch::default(),
            wire: None,
            source: Source::Import,
            trace: TraceId::NONE,
            received_at: Timestamp::default(),
        }
    }

    #[tokio::test]
    async fn resolves_with_the_outcome() {
        let (intake, mut far) = Intake::new(1);
        let waiting = tokio::spawn({
            let intake = intake.clone();
            async move { intake.submit(accepted()).await }
        });
        let (_, outcome) = far.recv().await.expect("a submission");
        let rejected = vec![("out_of_order", 2)];
        let stored = Stored { samples_stored: 3, rejected, ..Stored::default() };
        assert_eq!(stored.samples_rejected(), 2);
        outcome.send(Ok(stored.clone())).expect("awaited");
        assert_eq!(waiting.await.expect("no panic"), Ok(stored));
    }

    #[tokio::test]
    async fn a_full_queue_and_a_closed_one_are_errors() {
        let (intake, far) = Intake::new(1);
        let first = tokio::spawn({
            let intake = intake.clone();
            async move { intake.submit(accepted()).await }
        });
        while intake.depth() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(intake.submit(accepted()).await, Err(IntakeError::Full));
        drop(far);
        assert_eq!(first.await.expect("no panic"), Err(IntakeError::Closed));
        assert_eq!(intake.submit(accepted()).await, Err(IntakeError::Closed));
        assert_eq!(intake.submit_patiently(accepted()).await, Err(IntakeError::Closed));
    }
}
