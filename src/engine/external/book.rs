//! What senders say of their alerts, and when each is over unless it is posted again.

use std::time::Duration;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::ExternalAlert;
use super::pages::Pages;
use crate::model::{Fingerprint, Labels, Timestamp};

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

/// What is said of an alert from outside. There may be very many.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Source {
    starts_at: Timestamp,
    ends_at: Timestamp,
    pub(super) annotations: Labels,
    /// The end that is on disk.
    kept_end: Timestamp,
    /// After a restart the alert fires at least this long; what ends within it needs no writing down.
    grace_ms: u64,
    /// The page that it is written on.
    page: u64,
    /// How far ahead the end was that was last written down because it was moved on, in milliseconds.
    ahead_ms: u32,
    is_timeout: bool,
    /// It is over, and that is decided.
    pub(super) ended: bool,
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
        let Range { starts_at, ends_at, is_timeout } = range;
        let (kept_end, grace_ms) = (ends_at, millis(grace));
        Source { starts_at, ends_at, annotations, kept_end, grace_ms, page: 0, ahead_ms: 0, is_timeout, ended }
    }

    /// The source as of a restart at `now`. Nobody could post while nothing ran, and later ends may have been promised than
    /// were written: it gets its grace, from now.
    pub(super) fn restored(kept: &KeptSource, annotations: Labels, now: Timestamp) -> Source {
        let grace = Duration::from_millis(kept.grace_ms);
        let range = Range { starts_at: kept.starts_at, ends_at: kept.ends_at, is_timeout: kept.is_timeout };
        let prolonged = Range { ends_at: now + grace, is_timeout: true, ..range };
        let range = if kept.ended || range.ends_at >= prolonged.ends_at { range } else { prolonged };
        Source { kept_end: kept.ends_at, ..Source::new(range, kept.ended, annotations, grace) }
    }

    pub(super) fn range(&self) -> Range {
        Range { starts_at: self.starts_at, ends_at: self.ends_at, is_timeout: self.is_timeout }
    }

    fn set_range(&mut self, Range { starts_at, ends_at, is_timeout }: Range) {
        (self.starts_at, self.ends_at, self.is_timeout) = (starts_at, ends_at, is_timeout);
    }

    /// Whether a post of `annotations` over `range` says what was said before, but for the end.
    pub(super) fn says(&self, range: &Range, annotations: &Labels) -> bool {
        self.starts_at == range.starts_at && self.annotations == *annotations
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// All sources, on their pages.
#[derive(Debug, Default)]
pub(in crate::engine) struct Book {
    sources: HashMap<Fingerprint, Source>,
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
        self.pages.next_due().map(|(at, _)| at)
    }

    /// What is to be on disk of the source.
    pub(in crate::engine) fn kept(&self, alert: Fingerprint) -> Option<KeptSource> {
        self.get(alert).map(|source| KeptSource {
            starts_at: source.starts_at,
            ends_at: source.kept_end,
            is_timeout: source.is_timeout,
            ended: source.ended,
            grace_ms: source.grace_ms,
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
                source.grace_ms = source.grace_ms.max(before.grace_ms);
                source.page = before.page;
            }
            None => source.page = self.pages.add(alert, bytes),
        }
        self.pages.mark(source.page);
        self.insert(alert, source);
    }

    fn insert(&mut self, alert: Fingerprint, source: Source) {
        if !source.ended {
            self.firing += 1;
            self.pages.look_at(source.page, source.ends_at);
        }
        self.sources.insert(alert, source);
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

    /// The source fires on, until another end. Returns whether that must be written down: not while a restart at any time
    /// from `now` on would not end it sooner.
    pub(super) fn prolong(&mut self, alert: Fingerprint, range: Range, now: Timestamp) -> bool {
        let Some(source) = self.sources.get_mut(&alert) else { return false };
        source.set_range(range);
        self.pages.look_at(source.page, range.ends_at);
        let ahead = range.ends_at.since(now);
        if range.ends_at > source.kept_end.max(now + Duration::from_millis(source.grace_ms)) {
            // A sender that has twice posted as far ahead does so again; the eighth is for posts that come early or late.
            if ahead.abs_diff(Duration::from_millis(u64::from(source.ahead_ms))) <= ahead / 8 {
                let earned = millis(ahead.saturating_add(ahead / 8));
                source.grace_ms = earned.clamp(source.grace_ms, source.grace_ms.max(millis(GRACE_MAX)));
            }
            source.ahead_ms = u32::try_from(ahead.as_millis()).unwrap_or(u32::MAX);
        } else if range.ends_at >= source.kept_end {
            return false;
        }
        source.kept_end = range.ends_at;
        true
    }

    /// Takes note of the next alerts that are over by `now`, and names them, the one that ended first before the others;
    /// `None` once there are no more.
    pub(super) fn take_ended(&mut self, now: Timestamp) -> Option<Vec<Fingerprint>> {
        while let Some((_, page)) = self.pages.next_due().filter(|(at, _)| *at <= now) {
            let mut over = Vec::new();
            let mut next = None;
            for alert in self.pages.alerts(page) {
                let Some(source) = self.sources.get_mut(alert).filter(|source| !source.ended) else { continue };
                if source.range().is_over(now) {
                    source.ended = true;
                    source.kept_end = source.ends_at;
                    over.push((source.ends_at, *alert));
                } else {
                    next = Some(next.map_or(source.ends_at, |next: Timestamp| next.min(source.ends_at)));
                }
            }
            self.pages.looked_at(page, next);
            if !over.is_empty() {
                self.firing -= over.len();
                over.sort_unstable();
                return Some(over.into_iter().map(|(_, alert)| alert).collect());
            }
        }
        None
    }
}
