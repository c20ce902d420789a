//! Alerts from outside: Prometheus, amtool and their like post them, and each fires until its end, which its sender moves on.

mod book;
mod pages;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::{Alert, Fingerprint, Labels, Timestamp, TraceId};

use super::state::Call;
use super::{Engine, EventKind, ExternalChange, keep};
pub(super) use book::Book;
use book::{KeptSource, Range, Source};

/// How many alerts from outside are known at a time.
pub const EXTERNAL_ALERTS_MAX: usize = 1_000_000;
/// How many labels an alert has, and how many annotations.
pub const EXTERNAL_LABELS_MAX: usize = 128;
/// How many bytes its labels, its annotations and its address take together.
pub const EXTERNAL_BYTES_MAX: usize = 128 << 10;

/// An alert on a page of the store.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct PageEntry {
    alert: Arc<Alert>,
    source: KeptSource,
}

/// An alert as it is posted.
#[derive(Clone, Debug, PartialEq)]
pub struct ExternalAlert {
    /// What identifies it, `alertname` included.
    pub labels: Labels,
    /// What it says to people.
    pub annotations: Labels,
    /// When it began; without it at its end, or now.
    pub starts_at: Option<Timestamp>,
    /// When it ended or will have; without it after the resolve timeout, unless it is posted again.
    pub ends_at: Option<Timestamp>,
    /// Where to look at its source.
    pub generator_url: Arc<str>,
    /// The request that it came with.
    pub trace: TraceId,
}

/// Why a posted alert is not taken; the others of its request are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExternalError {
    /// Nothing would identify it.
    #[error("at least one label pair required")]
    NoLabels,
    /// A label without a name.
    #[error("invalid label set: invalid name \"\"")]
    LabelName,
    /// An annotation without a name.
    #[error("invalid annotations: invalid name \"\"")]
    AnnotationName,
    /// It ends before it starts.
    #[error("start time must be before end time")]
    EndsBeforeStart,
    /// It has too many labels or annotations.
    #[error("{0} labels or annotations; at most {EXTERNAL_LABELS_MAX} of each are taken")]
    TooManyLabels(usize),
    /// It is too long.
    #[error("labels, annotations and address of {0} bytes; at most {EXTERNAL_BYTES_MAX} are taken")]
    TooLong(usize),
    /// There are too many alerts.
    #[error("{EXTERNAL_ALERTS_MAX} alerts are known already; no new one is taken")]
    TooManyAlerts,
}

fn bytes_of(labels: &Labels) -> usize {
    labels.iter().map(|(name, value)| name.len() + value.len()).sum()
}

impl ExternalAlert {
    /// Whether it can be taken, as far as it can be said without its times; Alertmanager's rules, with limits.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with it.
    pub fn check(&self) -> Result<(), ExternalError> {
        let total = bytes_of(&self.labels) + bytes_of(&self.annotations) + self.generator_url.len();
        let nameless = |labels: &Labels| labels.iter().any(|(name, _)| name.is_empty());
        match self.labels.len().max(self.annotations.len()) {
            _ if self.labels.is_empty() => Err(ExternalError::NoLabels),
            _ if nameless(&self.labels) => Err(ExternalError::LabelName),
            _ if nameless(&self.annotations) => Err(ExternalError::AnnotationName),
            count if count > EXTERNAL_LABELS_MAX => Err(ExternalError::TooManyLabels(count)),
            _ if total > EXTERNAL_BYTES_MAX => Err(ExternalError::TooLong(total)),
            _ => Ok(()),
        }
    }
}

impl Engine {
    /// Which of `alerts`, posted at `now` and found good by [`ExternalAlert::check`], will not be taken, and why: one error
    /// for each of them.
    pub fn refusals(&self, now: Timestamp, alerts: &[ExternalAlert]) -> Vec<ExternalError> {
        let room = self.external.len() + alerts.len() <= EXTERNAL_ALERTS_MAX;
        alerts.iter().filter_map(|alert| self.refusal(now, room, alert)).collect()
    }

    fn refusal(&self, now: Timestamp, room: bool, alert: &ExternalAlert) -> Option<ExternalError> {
        let range = Range::of(alert, now, self.plan.resolve_timeout);
        let is_known = || self.external.get(alert.labels.fingerprint()).is_some();
        match range.starts_at > range.ends_at {
            true => Some(ExternalError::EndsBeforeStart),
            false => (!room && !is_known()).then_some(ExternalError::TooManyAlerts),
        }
    }

    /// Takes in posted alerts, but for those that [`Engine::refusals`] names.
    pub(super) fn take_external(&mut self, alerts: Vec<ExternalAlert>, call: &mut Call<'_>) {
        let room = self.external.len() + alerts.len() <= EXTERNAL_ALERTS_MAX;
        for alert in alerts {
            if self.refusal(call.now, room, &alert).is_none() {
                self.take_one(alert, call);
            }
        }
    }

    fn take_one(&mut self, posted: ExternalAlert, call: &mut Call<'_>) {
        let fingerprint = posted.labels.fingerprint();
        let range = Range::of(&posted, call.now, self.plan.resolve_timeout);
        let Some(known) = self.external.get(fingerprint) else {
            // The end of what nobody knows of is no news.
            if !range.is_over(call.now) {
                self.change(fingerprint, posted, range, ExternalChange::BecameFiring, call);
            }
            return;
        };
        let range = known.range().joined(range, call.now);
        let change = match (known.ended, range.is_over(call.now)) {
            (true, true) if known.range() == range => return,
            (_, true) => ExternalChange::Resolved,
            (true, false) => ExternalChange::BecameFiring,
            (false, false) => match known.says(&range, &posted.annotations) {
                true => return self.prolong(fingerprint, range, &posted.generator_url, call),
                false => ExternalChange::Updated,
            },
        };
        self.change(fingerprint, posted, range, change, call);
    }

    /// The alert fires on as it did, until another time.
    fn prolong(&mut self, fingerprint: Fingerprint, range: Range, generator_url: &Arc<str>, call: &mut Call<'_>) {
        self.groups.touch(fingerprint, call.now, generator_url);
        if self.external.prolong(fingerprint, range, call.now) {
            self.external.mark(fingerprint);
        }
    }

    fn change(
        &mut self,
        fingerprint: Fingerprint,
        posted: ExternalAlert,
        range: Range,
        change: ExternalChange,
        call: &mut Call<'_>,
    ) {
        let ExternalAlert { labels, annotations, generator_url, trace, .. } = posted;
        let ended = change == ExternalChange::Resolved;
        let timeout = self.plan.resolve_timeout;
        if self.external.get(fingerprint).is_none() && self.groups.alert(fingerprint).is_some() {
            self.external.pages.supersede(fingerprint);
        }
        let source = Source::new(range, ended, annotations.clone(), timeout);
        self.external.put(fingerprint, source, bytes_of(&labels) + bytes_of(&annotations) + generator_url.len());
        call.emit(trace, EventKind::Received { labels: labels.clone(), annotations: annotations.clone(), change });
        if ended {
            return self.end_routed(fingerprint, annotations, call);
        }
        let by_others = self.groups.alert(fingerprint).filter(|_| self.fires_inside(fingerprint));
        let alert = Alert {
            starts_at: by_others.map_or(range.starts_at, |known| known.starts_at.min(range.starts_at)),
            labels,
            annotations,
            ends_at: None,
            updated_at: call.now,
            generator_url,
            trace,
        };
        let alert = self.steady(None, alert, call);
        self.take_routed_as(fingerprint, alert, call);
    }

    /// Whether a rule or Watchbell itself says that the alert fires.
    fn fires_inside(&self, alert: Fingerprint) -> bool {
        self.sources.contains_key(&alert) || self.own.fires(alert)
    }

    /// An alert from outside is over; it fires on if a rule or Watchbell itself says so.
    fn end_routed(&mut self, fingerprint: Fingerprint, annotations: Labels, call: &mut Call<'_>) {
        self.external.mark(fingerprint);
        let (Some(known), Some(source)) = (self.groups.alert(fingerprint), self.external.get(fingerprint)) else {
            return;
        };
        if self.fires_inside(fingerprint) {
            return;
        }
        let Range { starts_at, ends_at, .. } = source.range();
        let over = Alert { starts_at, ends_at: Some(ends_at), updated_at: call.now, annotations, ..known.clone() };
        let over = self.steady(None, over, call);
        self.take_routed(over, call);
    }

    /// Writes down the alert that is routed: alone, or on the page of alerts from outside that it is on.
    pub(super) fn keep_routed(&mut self, alert: &Alert, call: &mut Call<'_>) {
        let fingerprint = alert.fingerprint();
        match self.external.get(fingerprint) {
            Some(_) => self.external.mark(fingerprint),
            None => call.persist(keep::routed(alert)),
        }
    }

    /// Writes down the pages on which anything changed, with the alerts as they are now.
    pub(super) fn keep_pages(&mut self, call: &mut Call<'_>) {
        while let Some(page) = self.external.pages.take_changed() {
            let entry = |alert: &Fingerprint| {
                Some(PageEntry { alert: self.groups.alert_now(*alert)?.clone(), source: self.external.kept(*alert)? })
            };
            let entries: Vec<PageEntry> = self.external.pages.alerts(page).iter().filter_map(entry).collect();
            call.persist(keep::page(page, &entries));
        }
        for alert in self.external.pages.take_superseded() {
            call.persist(keep::routed_gone(alert));
        }
    }

    /// Ends the alerts whose time has come and that were not posted again.
    pub(super) fn end_external(&mut self, call: &mut Call<'_>) {
        while let Some(ended) = self.external.take_ended(call.now) {
            ended.into_iter().for_each(|alert| self.end_in_time(alert, call));
        }
    }

    /// The alert was not posted again before its end.
    fn end_in_time(&mut self, fingerprint: Fingerprint, call: &mut Call<'_>) {
        let (Some(known), Some(source)) = (self.groups.alert(fingerprint), self.external.get(fingerprint)) else {
            return;
        };
        let annotations = source.annotations.clone();
        let labels = known.labels.clone();
        let change = ExternalChange::TimedOut;
        call.emit(known.trace, EventKind::Received { labels, annotations: annotations.clone(), change });
        self.end_routed(fingerprint, annotations, call);
    }

    /// When an alert from outside ends if it is not posted again; `None` for one that is not from outside or is over.
    pub fn external_end(&self, alert: Fingerprint) -> Option<Timestamp> {
        self.external.get(alert).filter(|source| !source.ended).map(|source| source.range().ends_at)
    }

    /// Takes up a page of alerts from outside; those that were not seen to end get time to be posted again.
    pub(super) fn restore_page(&mut self, page: u64, entries: Vec<PageEntry>, now: Timestamp) {
        for PageEntry { alert, source } in entries {
            let source = Source::restored(&source, alert.annotations.clone(), now);
            self.external.restore(alert.fingerprint(), source, page);
            self.groups.restore_alert(Arc::unwrap_or_clone(alert));
        }
    }
}
