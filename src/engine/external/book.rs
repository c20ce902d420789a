//! What senders say of their alerts, and when each is over unless it is posted again.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::ExternalAlert;
use super::pages::Pages;
use crate::model::{Fingerprint, Labels, Timestamp};

/// How many entries of no account are kept.
const STALE_MAX: usize = 1_000;
/// The longest grace that a sender earns by posting far ahead of the end, time and again.
const GRACE_MAX: Duration = Duration::from_secs(6 * 60 * 60);

/// From when until when an alert fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) struct Range {
    pub(super) starts_at: Timestamp,
    pub(super) ends_at: Timestamp,
    /// The sender gave no end: it is the resolve timeout's.
    is_timeout: bool,
}

impl Range {
    /// The range of a posted alert, with what it leaves open.
    pub(super) fn of(alert: &ExternalAlert, now: Timestamp, timeout: Duration) -> Range {
        Range {
            starts_at: alert.starts_at.or(alert.ends_at).unwrap_or(now),
            ends_at: alert.ends_at.unwrap_or(now + timeout),
            is_timeout: alert.ends_at.is_none(),
        }
    }

    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.ends_at <= now
    }

    /// This range after `posted` came in: both together where they overlap, as Alertmanager joins them, else the new one.
    pub(super) fn joined(self, posted: Range, now: Timestamp) -> Range {
        let ends_inside = posted.ends_at > self.starts_at && posted.ends_at < self.ends_at;
        let starts_inside = posted.starts_at > self.starts_at && posted.starts_at < self.ends_at;
        if !ends_inside && !starts_inside {
            return posted;
        }
        let keeps_end = self.ends_at > posted.ends_at
            && match posted.is_over(now) {
                true => self.is_over(now),
                // An end that was said counts if it is the later one; one that was made up does not.
                false => !self.is_timeout,
            };
        let end = if keeps_end { self } else { posted };
        Range { starts_at: self.starts_at.min(posted.starts_at), ..end }
    }
}

/// What is said of an alert from outside.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Source {
    pub(super) range: Range,
    /// It is over, and that is decided.
    pub(super) ended: bool,
    pub(super) annotations: Labels,
    /// The end that is on disk.
    kept_end: Timestamp,
    /// After a restart the alert fires at least this long; what ends within it needs no writing down.
    grace: Duration,
    /// How far ahead the end was that was last written down because it was moved on.
    ahead: Duration,
    /// Its place among those that are to end.
    looked_at: Option<Timestamp>,
    /// The page that it is written on.
    page: u64,
}

/// What is on disk of a source, besides the alert.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::engine) struct KeptSource {
    starts_at: Timestamp,
    ends_at: Timestamp,
    is_timeout: bool,
    ended: bool,
    grace_ms: u64,
}

impl Source {
    /// A source that is to be written down.
    pub(super) fn new(range: Range, ended: bool, annotations: Labels, grace: Duration) -> Source {
        Source {
            range,
            ended,
            annotations,
            kept_end: range.ends_at,
            grace,
            ahead: Duration::ZERO,
            looked_at: None,
            page: 0,
        }
    }

    /// The source as of a restart at `now`. Nobody could post while nothing ran, and later ends may have been promised than
    /// were written: it gets its grace, from now.
    pub(super) fn restored(kept: &KeptSource, annotations: Labels, now: Timestamp) -> Source {
        let grace = Duration::from_millis(kept.grace_ms);
        let range = Range { starts_at: kept.starts_at, ends_at: kept.ends_at, is_timeout: kept.is_timeout };
        let prolonged = Range { ends_at: now + grace, is_timeout: true, ..range };
        let range = if kept.ended || range.ends_at >= prolonged.ends_at { range } else { prolonged };
        let kept_end = kept.ends_at;
        let ahead = Duration::ZERO;
        Source { range, ended: kept.ended, annotations, kept_end, grace, ahead, looked_at: None, page: 0 }
    }

    /// Whether a post of `annotations` over `range` says what was said before, but for the end.
    pub(super) fn says(&self, range: &Range, annotations: &Labels) -> bool {
        self.range.starts_at == range.starts_at && self.annotations == *annotations
    }
}

/// All sources, with the times at which they are to be looked at.
#[derive(Debug, Default)]
pub(in crate::engine) struct Book {
    sources: HashMap<Fingerprint, Source>,
    /// No alert stands here later than at its end; one whose end was moved on may stand earlier. What is not at its source's
    /// `looked_at` is of no account.
    due: BinaryHeap<Reverse<(Timestamp, Fingerprint)>>,
    firing: usize,
    pub(super) pages: Pages,
}

impl Book {
    pub(in crate::engine) fn len(&self) -> usize {
        self.sources.len()
    }

    /// How many fire.
    pub(in crate::engine) fn firing(&self) -> usize {
        self.firing
    }

    pub(super) fn get(&self, alert: Fingerprint) -> Option<&Source> {
        self.sources.get(&alert)
    }

    /// Whether a sender says that the alert fires.
    pub(in crate::engine) fn fires(&self, alert: Fingerprint) -> bool {
        self.get(alert).is_some_and(|source| !source.ended)
    }

    /// When the next look is due.
    pub(in crate::engine) fn next_due(&self) -> Option<Timestamp> {
        self.due.peek().map(|Reverse((at, _))| *at)
    }

    /// What is to be on disk of the source.
    pub(in crate::engine) fn kept(&self, alert: Fingerprint) -> Option<KeptSource> {
        self.get(alert).map(|source| KeptSource {
            starts_at: source.range.starts_at,
            ends_at: source.kept_end,
            is_timeout: source.range.is_timeout,
            ended: source.ended,
            grace_ms: u64::try_from(source.grace.as_millis()).unwrap_or(u64::MAX),
        })
    }

    /// Takes up what a page of the store says.
    pub(super) fn restore(&mut self, alert: Fingerprint, source: Source, page: u64) {
        self.pages.restore(page, alert);
        self.insert(alert, Source { page, ..source });
    }

    /// Takes up what is said of an alert of so many bytes.
    pub(super) fn put(&mut self, alert: Fingerprint, mut source: Source, bytes: usize) {
        match self.take(alert) {
            Some(before) => {
                // What it is known to do from post to post stays known.
                source.grace = source.grace.max(before.grace);
                source.page = before.page;
            }
            None => source.page = self.pages.add(alert, bytes),
        }
        self.pages.mark(source.page);
        self.insert(alert, source);
    }

    fn insert(&mut self, alert: Fingerprint, mut source: Source) {
        if !source.ended {
            self.firing += 1;
            source.looked_at = Some(source.range.ends_at);
            self.due.push(Reverse((source.range.ends_at, alert)));
        }
        self.sources.insert(alert, source);
        self.tidy();
    }

    /// Forgets the source.
    pub(in crate::engine) fn remove(&mut self, alert: Fingerprint) -> Option<Source> {
        let source = self.take(alert)?;
        self.pages.remove(source.page, alert);
        Some(source)
    }

    /// What is said of the alert is to be written.
    pub(in crate::engine) fn mark(&mut self, alert: Fingerprint) {
        if let Some(source) = self.sources.get(&alert) {
            self.pages.mark(source.page);
        }
    }

    fn take(&mut self, alert: Fingerprint) -> Option<Source> {
        let source = self.sources.remove(&alert)?;
        self.firing -= usize::from(!source.ended);
        Some(source)
    }

    /// Drops what is of no account before there is more of it than of the rest.
    fn tidy(&mut self) {
        if self.due.len() > 2 * self.firing + STALE_MAX {
            let is_current = |Reverse((at, alert)): &Reverse<(Timestamp, Fingerprint)>| {
                self.sources.get(alert).is_some_and(|source| source.looked_at == Some(*at))
            };
            let mut due = std::mem::take(&mut self.due).into_vec();
            due.retain(is_current);
            // What an alert that came back left behind may be current again.
            due.sort_unstable();
            due.dedup();
            self.due = due.into();
        }
    }

    /// The source fires on, until another end. Returns whether that must be written down: not while a restart at any time
    /// from `now` on would not end it sooner.
    pub(super) fn prolong(&mut self, alert: Fingerprint, range: Range, now: Timestamp) -> bool {
        self.tidy();
        let Some(source) = self.sources.get_mut(&alert) else { return false };
        source.range = range;
        if source.looked_at.is_some_and(|looked_at| range.ends_at < looked_at) {
            self.due.push(Reverse((range.ends_at, alert)));
            source.looked_at = Some(range.ends_at);
        }
        let ahead = range.ends_at.since(now);
        if range.ends_at > source.kept_end.max(now + source.grace) {
            // A sender that has twice posted as far ahead does so again; the eighth is for posts that come early or late.
            if ahead.abs_diff(source.ahead) <= ahead / 8 {
                source.grace = ahead.saturating_add(ahead / 8).clamp(source.grace, source.grace.max(GRACE_MAX));
            }
            source.ahead = ahead;
        } else if range.ends_at >= source.kept_end {
            return false;
        }
        source.kept_end = range.ends_at;
        true
    }

    /// Takes note of the next alert that is over by `now`, and names it.
    pub(super) fn take_ended(&mut self, now: Timestamp) -> Option<Fingerprint> {
        while let Some(Reverse((at, alert))) = self.due.peek().filter(|Reverse((at, _))| *at <= now).copied() {
            self.due.pop();
            let Some(source) = self.sources.get_mut(&alert).filter(|source| source.looked_at == Some(at)) else {
                continue;
            };
            if source.range.is_over(now) {
                source.looked_at = None;
                source.ended = true;
                source.kept_end = source.range.ends_at;
                self.firing -= 1;
                return Some(alert);
            }
            source.looked_at = Some(source.range.ends_at);
            self.due.push(Reverse((source.range.ends_at, alert)));
        }
        None
    }
}
