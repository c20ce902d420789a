//! What keeps alerts from being told while they fire: inhibition, times, silences.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::inhibit::{Inhibition, Inhibitor};
use super::planned::Planned;
use super::silence::{SilenceState, Silences};
use super::{Route, TimeInterval};
use crate::model::{Fingerprint, Labels, Timestamp};

/// The step of time intervals.
const MINUTE: Duration = Duration::from_secs(60);

/// Why an alert that fires is not told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Suppression {
    /// Another alert that fires makes it not worth telling.
    Inhibited {
        /// The name of the rule that says so.
        rule: String,
        /// The other alert.
        source: Fingerprint,
    },
    /// It is none of the times at which its route tells.
    Inactive {
        /// The times at which it does.
        intervals: Vec<String>,
    },
    /// It is a time at which its route does not tell.
    Muted {
        /// The times that say so.
        intervals: Vec<String>,
    },
    /// Somebody silenced it.
    Silenced {
        /// The silences, by id.
        silences: Vec<String>,
    },
}

/// All silences, shared with those who read them while they may change.
#[derive(Clone, Debug, Default)]
pub struct SilencesNow {
    pub(super) set: Arc<Silences>,
    pub(super) planned: Arc<Planned>,
}

impl SilencesNow {
    /// The silences, those that somebody set and planned ones, that keep an alert with `labels` from being told.
    pub fn silenced_by(&self, labels: &Labels, now: Timestamp) -> Vec<String> {
        let set = self.set.silencing(labels, now).into_iter().map(|silence| silence.id.clone());
        set.chain(self.planned.silencing(labels, now).map(|(silence, _)| silence.id.clone())).collect()
    }
}

/// Everything that suppresses, as it is now.
#[derive(Debug, Default)]
pub(super) struct Muting {
    pub(super) inhibition: Inhibition,
    pub(super) silences: SilencesNow,
    pub(super) intervals: BTreeMap<String, TimeInterval>,
}

impl Muting {
    /// What keeps an alert with `labels` at `route` from being told; the first that holds, in Alertmanager's order.
    pub(super) fn suppression(&self, route: Option<&Route>, labels: &Labels, now: Timestamp) -> Option<Suppression> {
        if let Some(Inhibitor { rule, source, .. }) = self.inhibition.first(labels, now) {
            return Some(Suppression::Inhibited { rule: rule.to_owned(), source });
        }
        self.by_time(route, now).or_else(|| {
            let silences = self.silences.silenced_by(labels, now);
            (!silences.is_empty()).then_some(Suppression::Silenced { silences })
        })
    }

    /// Whether the time alone keeps `route` from telling anything.
    pub(super) fn by_time(&self, route: Option<&Route>, now: Timestamp) -> Option<Suppression> {
        let route = route?;
        let is_in = |name: &&String| self.intervals.get(*name).is_some_and(|interval| interval.contains(now));
        if !route.active_intervals.is_empty() && !route.active_intervals.iter().any(|name| is_in(&name)) {
            return Some(Suppression::Inactive { intervals: route.active_intervals.clone() });
        }
        let intervals: Vec<String> = route.mute_intervals.iter().filter(is_in).cloned().collect();
        (!intervals.is_empty()).then_some(Suppression::Muted { intervals })
    }

    /// Whether `suppression` of an alert with `labels` at `route` still holds.
    pub(super) fn holds(
        &self,
        suppression: &Suppression,
        route: Option<&Route>,
        labels: &Labels,
        now: Timestamp,
    ) -> bool {
        match suppression {
            Suppression::Inhibited { rule, source } => {
                let is_it = |found: Inhibitor<'_>| found.source == *source && found.rule == rule;
                self.inhibition.inhibitors(labels, now).any(is_it)
            }
            Suppression::Inactive { .. } | Suppression::Muted { .. } => {
                self.by_time(route, now).as_ref() == Some(suppression)
            }
            Suppression::Silenced { silences } => {
                let active = |id: &String| self.silences.set.get(id).filter(|it| it.state(now) == SilenceState::Active);
                silences.iter().filter_map(active).any(|silence| silence.matches(labels))
                    || self.silences.planned.silencing(labels, now).any(|(silence, _)| silences.contains(&silence.id))
            }
        }
    }

    /// When to look whether `suppression` still holds, if nothing is said before.
    pub(super) fn look_at(&self, suppression: &Suppression, labels: &Labels, now: Timestamp) -> Option<Timestamp> {
        match suppression {
            Suppression::Inhibited { source, .. } => {
                let is_it = |found: &Inhibitor<'_>| found.source == *source;
                self.inhibition.inhibitors(labels, now).find(is_it).and_then(|found| found.ends_at)
            }
            Suppression::Inactive { .. } | Suppression::Muted { .. } => {
                let minute = i64::try_from(MINUTE.as_millis()).unwrap_or(i64::MAX);
                Some(Timestamp::from_millis(now.millis() - now.millis().rem_euclid(minute)) + MINUTE)
            }
            Suppression::Silenced { silences } => {
                let set = silences.iter().filter_map(|id| self.silences.set.get(id)).map(|silence| silence.ends_at);
                let planned = self.silences.planned.silencing(labels, now).map(|(_, until)| until);
                set.chain(planned).filter(|end| *end > now).min()
            }
        }
    }
}
