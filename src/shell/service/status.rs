//! What is known of the health of everything outside: the store, the receivers, the sources.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

use crate::model::Timestamp;

/// The health of one dependency.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Status {
    /// Whether the last contact went well; `None` before the first.
    pub ok: Option<bool>,
    /// How long the last contact took, in seconds.
    pub latency_seconds: Option<f64>,
    /// When it was last in contact, as RFC 3339.
    #[serde(serialize_with = "as_text")]
    pub last_contact: Option<Timestamp>,
    /// The last thing that went wrong, even if it goes well now; no secrets.
    pub last_error: Option<String>,
    /// When that was, as RFC 3339.
    #[serde(serialize_with = "as_text")]
    pub last_error_at: Option<Timestamp>,
}

fn as_text<S: serde::Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => serializer.collect_str(at),
        None => serializer.serialize_none(),
    }
}

impl Status {
    /// After a contact that went well.
    pub fn worked(&mut self, now: Timestamp, took: Duration) {
        self.ok = Some(true);
        self.latency_seconds = Some(took.as_secs_f64());
        self.last_contact = Some(now);
    }

    /// After a contact that failed.
    pub fn failed(&mut self, now: Timestamp, took: Option<Duration>, error: &str) {
        self.ok = Some(false);
        self.latency_seconds = took.map(|took| took.as_secs_f64()).or(self.latency_seconds);
        self.last_contact = Some(now);
        self.last_error = Some(error.to_owned());
        self.last_error_at = Some(now);
    }
}

/// The health of all dependencies, shared between those who notice it and those who ask.
#[derive(Debug, Default)]
pub struct Statuses {
    inner: Mutex<Inner>,
}

/// A copy of what is known.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Inner {
    /// The store of decisions.
    pub store: Status,
    /// The journal of samples.
    pub journal: Status,
    /// Receivers by `name/number channel`.
    pub receivers: BTreeMap<String, Status>,
    /// Pushed and host sources by name.
    pub sources: BTreeMap<String, Status>,
}

impl Statuses {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        // The data are plain values: a panic elsewhere leaves nothing half done.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy of what is known.
    pub fn snapshot(&self) -> Inner {
        self.inner().clone()
    }

    /// The store has written.
    pub fn store_worked(&self, now: Timestamp, took: Duration) {
        self.inner().store.worked(now, took);
    }

    /// The store could not write.
    pub fn store_failed(&self, now: Timestamp, error: &str) {
        self.inner().store.failed(now, None, error);
    }

    /// The journal has written, or could not.
    pub fn journal(&self, now: Timestamp, outcome: Result<Duration, &str>) {
        let journal = &mut self.inner().journal;
        match outcome {
            Ok(took) => journal.worked(now, took),
            Err(error) => journal.failed(now, None, error),
        }
    }

    /// An attempt at a receiver has ended.
    pub fn receiver(&self, name: &str, now: Timestamp, took: Duration, outcome: Result<(), &str>) {
        let mut inner = self.inner();
        // An attempt may end after its receiver is gone.
        let Some(status) = inner.receivers.get_mut(name) else { return };
        match outcome {
            Ok(()) => status.worked(now, took),
            Err(error) => status.failed(now, Some(took), error),
        }
    }

    /// The receivers that are configured; others are forgotten, new ones are not in contact yet.
    pub fn set_receivers(&self, names: impl IntoIterator<Item = String>) {
        let mut inner = self.inner();
        let mut old = std::mem::take(&mut inner.receivers);
        inner.receivers = names.into_iter().map(|name| (name.clone(), old.remove(&name).unwrap_or_default())).collect();
    }

    /// A batch from a source was stored, or could not be.
    pub fn source(&self, name: &str, now: Timestamp, took: Duration, outcome: Result<(), &str>) {
        let mut inner = self.inner();
        let status = inner.sources.entry(name.to_owned()).or_default();
        match outcome {
            Ok(()) => status.worked(now, took),
            Err(error) => status.failed(now, Some(took), error),
        }
    }
}
