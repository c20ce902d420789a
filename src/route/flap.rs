//! Alerts that keep changing between firing and over: they count as firing until they settle.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::{Alert, AlertStatus, Fingerprint, FlapPolicy, Timestamp};

/// The annotation that says that an alert flaps.
pub const FLAPPING_ANNOTATION: &str = "watchbell_flapping";
/// How many changes of one alert are remembered.
const CHANGES_MAX: usize = 1000;

/// An alert that changed not long ago.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Flap {
    /// What says when it flaps.
    policy: FlapPolicy,
    /// When it changed, in order.
    changes: Vec<Timestamp>,
    /// The alert as it really is, while it flaps.
    actual: Option<Alert>,
}

/// What is made of an alert that came in.
#[derive(Clone, Debug, PartialEq)]
pub struct Steadied {
    /// The alert as it is to be routed: one that flaps fires.
    pub alert: Alert,
    /// Whether what is remembered of it has changed.
    pub changed: bool,
    /// Whether it has begun to flap.
    pub started: bool,
}

/// The alerts that changed not long ago.
#[derive(Debug, Default)]
pub struct Flaps {
    by_alert: BTreeMap<Fingerprint, Flap>,
    due: BTreeSet<(Timestamp, Fingerprint)>,
}

impl Flap {
    /// Whether it flaps.
    pub fn is_flapping(&self) -> bool {
        self.actual.is_some()
    }

    /// How many of its changes count.
    pub fn changes(&self) -> usize {
        self.changes.len()
    }

    /// When it is calm, or while it does not flap, when it may be forgotten.
    fn look_at(&self) -> Timestamp {
        match self.actual {
            Some(_) => self.policy.calm_at(&self.changes),
            None => self.changes.last().map_or(Timestamp::MIN, |last| *last + self.policy.window()),
        }
    }

    /// The alert as it is routed while it flaps, where it was known as `known`.
    fn held(&self, actual: &Alert, known: Option<&Alert>, now: Timestamp) -> Alert {
        let firing = known.filter(|known| known.status(now) == AlertStatus::Firing);
        let mut annotations = actual.annotations.builder();
        let since = self.changes.first().copied().unwrap_or(now);
        let text =
            format!("flapping: {} changes since {since}; it counts as firing until it settles", self.changes.len());
        annotations.set(FLAPPING_ANNOTATION, &text);
        Alert {
            starts_at: firing.map_or(actual.starts_at, |known| known.starts_at),
            ends_at: None,
            annotations: annotations.finish(),
            ..actual.clone()
        }
    }
}

impl Flaps {
    /// What is remembered of the alert.
    pub fn get(&self, alert: Fingerprint) -> Option<&Flap> {
        self.by_alert.get(&alert)
    }

    /// Whether the alert flaps.
    pub fn is_flapping(&self, alert: Fingerprint) -> bool {
        self.get(alert).is_some_and(Flap::is_flapping)
    }

    /// Takes up what is remembered of an alert.
    pub fn put(&mut self, alert: Fingerprint, flap: Flap) {
        self.forget(alert);
        self.due.insert((flap.look_at(), alert));
        self.by_alert.insert(alert, flap);
    }

    /// Forgets what is remembered of an alert.
    pub fn forget(&mut self, alert: Fingerprint) -> Option<Flap> {
        let flap = self.by_alert.remove(&alert)?;
        self.due.remove(&(flap.look_at(), alert));
        Some(flap)
    }

    /// Whether nothing is known of any alert.
    pub fn is_empty(&self) -> bool {
        self.by_alert.is_empty()
    }

    /// When [`Flaps::settle`] is due.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Takes in an alert that fires, goes on or ends, and that was routed as `known` until now.
    pub fn steady(&mut self, now: Timestamp, alert: Alert, known: Option<&Alert>, policy: FlapPolicy) -> Steadied {
        let fingerprint = alert.fingerprint();
        let before = self.by_alert.get(&fingerprint);
        let former = before.and_then(|flap| flap.actual.as_ref()).or(known);
        let was_firing = former.is_some_and(|former| former.status(now) == AlertStatus::Firing);
        let flapped = before.is_some_and(Flap::is_flapping);
        let changed = was_firing != (alert.status(now) == AlertStatus::Firing);
        if !changed && !flapped {
            return Steadied { alert, changed: false, started: false };
        }
        let mut flap = self.forget(fingerprint).unwrap_or(Flap { policy, changes: Vec::new(), actual: None });
        flap.policy = policy;
        if changed {
            flap.changes.push(now);
            flap.changes.retain(|at| *at + policy.window() > now);
            let excess = flap.changes.len().saturating_sub(CHANGES_MAX);
            flap.changes.drain(..excess);
        }
        let flaps = flapped || policy.starts(&flap.changes, now);
        let routed = if flaps { flap.held(&alert, known, now) } else { alert.clone() };
        flap.actual = flaps.then_some(alert);
        self.put(fingerprint, flap);
        Steadied { alert: routed, changed, started: flaps && !flapped }
    }

    /// Alerts that have settled, as they really are; what is not needed any more is forgotten. Names all whose memory changed.
    pub fn settle(&mut self, now: Timestamp) -> Vec<(Fingerprint, Option<Alert>)> {
        let mut settled = Vec::new();
        while let Some((_, alert)) = self.due.first().copied().filter(|(at, _)| *at <= now) {
            let Some(mut flap) = self.forget(alert) else {
                self.due.pop_first();
                continue;
            };
            let actual = flap.actual.take();
            if flap.look_at() > now {
                self.put(alert, flap);
            }
            settled.push((alert, actual));
        }
        settled
    }

    /// Nothing says any more when alerts flap: all count as settled.
    pub fn clear(&mut self) -> Vec<(Fingerprint, Option<Alert>)> {
        self.due.clear();
        std::mem::take(&mut self.by_alert).into_iter().map(|(alert, flap)| (alert, flap.actual)).collect()
    }

    /// The clock went back: no change lies ahead.
    pub fn shorten_waits(&mut self, now: Timestamp) {
        self.due.clear();
        for (alert, mut flap) in std::mem::take(&mut self.by_alert) {
            flap.changes.iter_mut().for_each(|at| *at = (*at).min(now));
            self.put(alert, flap);
        }
    }
}
