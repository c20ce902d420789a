//! Suppressed alerts: who they are, and when what suppresses them is over.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::muting::Suppression;
use super::silence::Silence;
use super::{Groups, Route, RouteTree};
use crate::model::{Alert, AlertStatus, Fingerprint, Labels, Timestamp};

/// How many suppressed alerts of one group are named.
const NAMED_MAX: usize = 50;

/// An alert that fires and is not told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuppressedAlert {
    /// Its labels.
    pub labels: Labels,
    /// Why.
    #[serde(flatten)]
    pub suppression: Suppression,
    /// The labels of the alert that inhibits it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inhibited_by: Option<Labels>,
}

/// For people.
impl std::fmt::Display for SuppressedAlert {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ", self.labels)?;
        match &self.suppression {
            Suppression::Inhibited { rule, source } => {
                match &self.inhibited_by {
                    Some(labels) => write!(f, "inhibited by {labels}")?,
                    None => write!(f, "inhibited by alert {source}")?,
                }
                if rule.is_empty() { Ok(()) } else { write!(f, " (rule {rule})") }
            }
            Suppression::Inactive { intervals } => write!(f, "outside of {}", intervals.join(", ")),
            Suppression::Muted { intervals } => write!(f, "muted by {}", intervals.join(", ")),
            Suppression::Silenced { silences } => write!(f, "silenced by {}", silences.join(", ")),
        }
    }
}

impl Groups {
    /// What keeps the alert from being told in the group `key` now.
    pub fn suppression(&self, tree: &RouteTree, key: &str, alert: &Alert, now: Timestamp) -> Option<Suppression> {
        let route = self.groups.get(key).and_then(|group| tree.route(&group.route));
        self.muting.suppression(route, &alert.labels, now)
    }

    /// Whether an alert with `labels` is inhibited or silenced, wherever it is routed.
    pub fn is_muted(&self, labels: &Labels, now: Timestamp) -> bool {
        self.muting.suppression(None, labels, now).is_some()
    }

    /// Whether the time interval `name` holds; one that is not configured does not.
    pub fn is_in_interval(&self, name: &str, now: Timestamp) -> bool {
        self.muting.intervals.get(name).is_some_and(|interval| interval.contains(now))
    }

    /// The time intervals that keep `route` from telling anything now.
    pub fn muted_by(&self, route: Option<&Route>, now: Timestamp) -> Vec<String> {
        match self.muting.by_time(route, now) {
            Some(Suppression::Inactive { intervals } | Suppression::Muted { intervals }) => intervals,
            _ => Vec::new(),
        }
    }

    /// Every alert that inhibits one with `labels` now, once each.
    pub fn inhibitors(&self, labels: &Labels, now: Timestamp) -> Vec<Fingerprint> {
        let mut found: Vec<_> = self.muting.inhibition.inhibitors(labels, now).map(|found| found.source).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Names the suppressed alerts of the group `key`, those of `before` left out.
    pub(super) fn suppressed_but(&self, key: &str, before: &[(Fingerprint, Suppression)]) -> Vec<SuppressedAlert> {
        let suppressed = self.groups.get(key).map(|group| group.suppressed.as_slice()).unwrap_or_default();
        let is_known = |(alert, suppression): &(Fingerprint, Suppression)| {
            let known = before.binary_search_by_key(alert, |(known, _)| *known);
            known.is_ok_and(|index| before[index].1 == *suppression)
        };
        let named = suppressed.iter().filter(|entry| !is_known(entry)).take(NAMED_MAX);
        named.filter_map(|(alert, suppression)| self.named(*alert, suppression)).collect()
    }

    /// Names the suppressed alerts of the group `key` as of the last look.
    pub fn suppressed(&self, key: &str) -> Vec<SuppressedAlert> {
        self.suppressed_but(key, &[])
    }

    fn named(&self, alert: Fingerprint, suppression: &Suppression) -> Option<SuppressedAlert> {
        let inhibited_by = match suppression {
            Suppression::Inhibited { source, .. } => self.alerts.get(source).map(|alert| alert.labels.clone()),
            _ => None,
        };
        let labels = self.alerts.get(&alert)?.labels.clone();
        Some(SuppressedAlert { labels, suppression: suppression.clone(), inhibited_by })
    }

    /// Sets the time of the next look at what suppresses alerts of the group `key`.
    pub(super) fn watch_group(&mut self, key: &str, now: Timestamp) {
        let Some(group) = self.groups.get(key).filter(|group| !group.suppressed.is_empty()) else {
            return self.watch.remove(key);
        };
        let look = |(alert, suppression): &(Fingerprint, Suppression)| {
            let alert = self.alerts.get(alert)?;
            self.muting.look_at(suppression, &alert.labels, now)
        };
        let at = group.suppressed.iter().filter_map(look).min();
        self.watch.set(key, at);
    }

    /// An alert has ended: it is no suppressed one any more. Returns the groups that held it as such.
    pub(super) fn unsuppress(&mut self, tree: &RouteTree, now: Timestamp, alert: &Alert) -> Vec<String> {
        let fingerprint = alert.fingerprint();
        let routed = tree.matching(&alert.labels).into_iter();
        let routed = routed.map(|found| format!("{}:{}", found.key, found.route.group_labels(&alert.labels)));
        let departed = self.with_departed_alert(fingerprint);
        let mut touched = Vec::new();
        for key in routed.chain(departed).collect::<Vec<_>>() {
            let Some(group) = self.groups.get_mut(&key) else { continue };
            let before = group.suppressed.len();
            group.suppressed.retain(|(suppressed, _)| *suppressed != fingerprint);
            if group.suppressed.len() < before {
                self.watch_group(&key, now);
                touched.push(key);
            }
        }
        touched
    }

    /// Looks whether what kept alerts from being told is over, where that may be; where it is, the group's next flush is
    /// brought forward: to now, or where an inhibition ended by `group_wait`, since what it covered tends to end with it.
    /// Returns the groups that changed.
    pub fn recheck(&mut self, tree: &RouteTree, now: Timestamp) -> Vec<String> {
        let keys = match std::mem::take(&mut self.muting_changed) {
            true => self.watch.all(),
            false => self.watch.due(now),
        };
        keys.into_iter().filter(|key| self.recheck_group(tree, now, key)).collect()
    }

    /// Forgets silences that ended long ago, and names them.
    pub fn forget_silences(&mut self, now: Timestamp) -> Vec<String> {
        if self.muting.silences.set.next_due().is_none_or(|due| due > now) {
            return Vec::new();
        }
        Arc::make_mut(&mut self.muting.silences.set).advance(now)
    }

    fn recheck_group(&mut self, tree: &RouteTree, now: Timestamp, key: &str) -> bool {
        let Some(group) = self.groups.get_mut(key) else { return false };
        let route = tree.route(&group.route);
        let mut flush_at = group.next_flush;
        let mut kept = Vec::with_capacity(group.suppressed.len());
        for (fingerprint, before) in &group.suppressed {
            let alert = self.alerts.get(fingerprint).filter(|alert| alert.status(now) == AlertStatus::Firing);
            let Some(alert) = alert.filter(|_| group.holds(fingerprint)) else { continue };
            if self.muting.holds(before, route, &alert.labels, now) {
                kept.push((*fingerprint, before.clone()));
                continue;
            }
            match (self.muting.suppression(route, &alert.labels, now), before) {
                (Some(other), _) => kept.push((*fingerprint, other)),
                (None, Suppression::Inhibited { .. }) => {
                    let wait = route.map_or(Duration::ZERO, |route| route.group_wait);
                    flush_at = flush_at.min(now + wait);
                }
                (None, _) => flush_at = now,
            }
        }
        let changed = kept != group.suppressed || flush_at != group.next_flush;
        if flush_at < group.next_flush {
            self.due.remove(&(group.next_flush, key.to_owned()));
            group.next_flush = flush_at;
            self.due.insert((flush_at, key.to_owned()));
        }
        group.suppressed = kept;
        self.watch_group(key, now);
        changed
    }

    /// Takes up a silence, new, changed or ended; [`Groups::recheck`] looks at what it changes.
    pub fn put_silence(&mut self, silence: Silence) {
        Arc::make_mut(&mut self.muting.silences.set).put(silence);
        self.muting_changed = true;
    }
}
