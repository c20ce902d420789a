//! When to look whether what suppresses a group's alerts is over.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::Timestamp;

/// The groups that hold suppressed alerts, with the time of the next look at them.
#[derive(Debug, Default)]
pub(super) struct Watch {
    groups: BTreeMap<String, Option<Timestamp>>,
    due: BTreeSet<(Timestamp, String)>,
}

impl Watch {
    /// Watches the group `key`: at `at`, or only when something is said.
    pub(super) fn set(&mut self, key: &str, at: Option<Timestamp>) {
        self.remove(key);
        if let Some(at) = at {
            self.due.insert((at, key.to_owned()));
        }
        self.groups.insert(key.to_owned(), at);
    }

    /// Watches the group no more.
    pub(super) fn remove(&mut self, key: &str) {
        if let Some(Some(at)) = self.groups.remove(key) {
            self.due.remove(&(at, key.to_owned()));
        }
    }

    /// When the next look is due.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// The groups whose time has come.
    pub(super) fn due(&self, now: Timestamp) -> Vec<String> {
        self.due.iter().take_while(|(at, _)| *at <= now).map(|(_, key)| key.clone()).collect()
    }

    /// All groups.
    pub(super) fn all(&self) -> Vec<String> {
        self.groups.keys().cloned().collect()
    }

    /// Whether no group is watched.
    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }
}
