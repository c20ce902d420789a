//! Pages: alerts from outside are written together, as they came together, since they are many and change together.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Fingerprint, Timestamp};

/// How many alerts stand on a page: as many as Prometheus posts at a time.
const ALERTS_PER_PAGE_MAX: usize = 64;
/// How many bytes of alerts make a page full.
const PAGE_BYTES: usize = 128 << 10;

#[derive(Debug, Default)]
struct Page {
    alerts: Vec<Fingerprint>,
    /// When an alert on it may end: no later than at the first end of those that fire, maybe earlier.
    due: Option<Timestamp>,
}

/// Which alert stands on which page, what is to be written, and what is to be looked at.
#[derive(Debug, Default)]
pub(in crate::engine) struct Pages {
    pages: BTreeMap<u64, Page>,
    due: BTreeSet<(Timestamp, u64)>,
    /// The page that new alerts go to, which is the last, and its bytes.
    open: u64,
    open_bytes: usize,
    changed: BTreeSet<u64>,
    /// Alerts that stood alone in the store before.
    superseded: Vec<Fingerprint>,
}

impl Pages {
    pub(super) fn restore(&mut self, page: u64, alert: Fingerprint) {
        self.pages.entry(page).or_default().alerts.push(alert);
        self.open = self.open.max(page + 1);
        self.open_bytes = 0;
    }

    /// Finds a place for the alert.
    pub(super) fn add(&mut self, alert: Fingerprint, bytes: usize) -> u64 {
        let count = self.pages.get(&self.open).map_or(0, |page| page.alerts.len());
        if count >= ALERTS_PER_PAGE_MAX || self.open_bytes >= PAGE_BYTES {
            self.open += 1;
            self.open_bytes = 0;
        }
        self.open_bytes += bytes;
        self.pages.entry(self.open).or_default().alerts.push(alert);
        self.open
    }

    pub(super) fn remove(&mut self, page: u64, alert: Fingerprint) {
        self.mark(page);
        let Some(found) = self.pages.get_mut(&page) else { return };
        found.alerts.retain(|other| *other != alert);
        if found.alerts.is_empty() {
            self.looked_at(page, None);
            self.pages.remove(&page);
        }
    }

    /// The first page that is to be looked at, and when.
    pub(super) fn next_due(&self) -> Option<(Timestamp, u64)> {
        self.due.first().copied()
    }

    /// An alert on the page may end at `at`.
    pub(super) fn look_at(&mut self, page: u64, at: Timestamp) {
        if self.pages.get(&page).is_some_and(|found| found.due.is_none_or(|due| at < due)) {
            self.looked_at(page, Some(at));
        }
    }

    /// The page was looked at; `next` is when an alert on it may end.
    pub(super) fn looked_at(&mut self, page: u64, next: Option<Timestamp>) {
        let Some(found) = self.pages.get_mut(&page) else { return };
        if let Some(before) = std::mem::replace(&mut found.due, next) {
            self.due.remove(&(before, page));
        }
        self.due.extend(next.map(|next| (next, page)));
    }

    /// Something on the page changed.
    pub(super) fn mark(&mut self, page: u64) {
        self.changed.insert(page);
    }

    /// The alert stood alone until now.
    pub(super) fn supersede(&mut self, alert: Fingerprint) {
        self.superseded.push(alert);
    }

    pub(super) fn alerts(&self, page: u64) -> &[Fingerprint] {
        self.pages.get(&page).map(|page| page.alerts.as_slice()).unwrap_or_default()
    }

    pub(super) fn take_changed(&mut self) -> Option<u64> {
        self.changed.pop_first()
    }

    pub(super) fn take_superseded(&mut self) -> Vec<Fingerprint> {
        std::mem::take(&mut self.superseded)
    }
}
