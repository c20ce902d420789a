//! Alerts of Watchbell itself: they fire and end by a decision of the engine, are routed as those of rules, and are durable.

use std::collections::{BTreeMap, BTreeSet};

use super::state::Call;
use super::{Engine, EventKind, keep};
use crate::model::{Alert, AlertStatus, Fingerprint};
use crate::rule::Change;

/// The alerts that fire.
#[derive(Debug, Default)]
pub(super) struct OwnAlerts {
    /// By their own labels, without those that are laid under every alert.
    alerts: BTreeMap<Fingerprint, Alert>,
    /// The labels under which they are routed.
    routed: BTreeSet<Fingerprint>,
}

impl OwnAlerts {
    /// How many fire.
    pub(super) fn len(&self) -> usize {
        self.alerts.len()
    }

    /// Whether one fires that is routed as `alert`.
    pub(super) fn fires(&self, alert: Fingerprint) -> bool {
        self.routed.contains(&alert)
    }

    /// Those that fire, as they were given.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.values()
    }

    /// Takes up an alert of the store; [`Engine::own_to_route`] says how it is routed.
    pub(super) fn restore(&mut self, alert: Alert) {
        self.alerts.insert(alert.fingerprint(), alert);
    }
}

impl Engine {
    /// The alert fires from now on, until [`Engine::end_own`]. One that fires already says what it says now; as long as that is the
    /// same, nothing happens.
    pub(super) fn fire_own(&mut self, alert: Alert, call: &mut Call<'_>) {
        let known = self.own.alerts.get(&alert.fingerprint());
        if known.is_some_and(|known| known.annotations == alert.annotations) {
            return;
        }
        let change = if known.is_some() { Change::Updated } else { Change::BecameFiring };
        let starts_at = known.map_or(alert.starts_at, |known| known.starts_at);
        let alert = Alert { starts_at, ends_at: None, updated_at: call.now, ..alert };
        call.persist(keep::own_alert(&alert));
        let routed = self.own_as_routed(&alert);
        self.own.routed.insert(routed.fingerprint());
        self.keep_routed(&routed, call);
        let routed = self.steady(None, routed, call);
        self.take_routed(routed, call);
        if change == Change::BecameFiring {
            tell(&alert, change, call);
        }
        self.own.alerts.insert(alert.fingerprint(), alert);
    }

    /// The alert with these labels is over, if it fires; `alert` is that of the labels that it was given with.
    pub(super) fn end_own(&mut self, alert: Fingerprint, call: &mut Call<'_>) {
        let Some(alert) = self.own.alerts.remove(&alert) else { return };
        call.persist(keep::own_alert_gone(alert.fingerprint()));
        tell(&alert, Change::Resolved, call);
        let routed = self.plan.external_labels.merged(&alert.labels).fingerprint();
        self.own.routed.remove(&routed);
        if self.sources.contains_key(&routed) || self.external.fires(routed) {
            return;
        }
        let Some(known) = self.groups.alert(routed) else { return };
        let over = Alert { ends_at: Some(call.now), updated_at: call.now, ..known.clone() };
        self.keep_routed(&over, call);
        let over = self.steady(None, over, call);
        self.take_routed(over, call);
    }

    /// The alert as it is routed.
    fn own_as_routed(&self, alert: &Alert) -> Alert {
        let labels = self.plan.external_labels.merged(&alert.labels);
        let known = self.groups.alert(labels.fingerprint());
        let known = known.filter(|known| known.status(alert.updated_at) == AlertStatus::Firing);
        Alert { starts_at: known.map_or(alert.starts_at, |known| known.starts_at), labels, ..alert.clone() }
    }

    /// By other labels that are laid under every alert, or after a restart: the alerts that are to be routed and are not.
    pub(super) fn own_to_route(&mut self, call: &Call<'_>) -> Vec<Alert> {
        let routed: Vec<Alert> = self.own.iter().map(|alert| self.own_as_routed(alert)).collect();
        self.own.routed = routed.iter().map(Alert::fingerprint).collect();
        let is_routed = |alert: &Alert| {
            self.groups.alert(alert.fingerprint()).is_some_and(|known| known.status(call.now) == AlertStatus::Firing)
        };
        let unrouted = routed.into_iter().filter(|alert| !is_routed(alert));
        unrouted.map(|alert| Alert { updated_at: call.now, ..alert }).collect()
    }
}

fn tell(alert: &Alert, change: Change, call: &mut Call<'_>) {
    let (labels, annotations) = (alert.labels.clone(), alert.annotations.clone());
    call.emit(alert.trace, EventKind::Alert { labels, annotations, change, value: String::new() });
}
