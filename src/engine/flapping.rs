//! Alerts that flap: held as firing while they do, wherever they come from.

use super::state::Call;
use super::{Engine, EventKind, keep};
use crate::model::{Alert, Fingerprint, FlapPolicy};
use crate::route::Steadied;
use crate::rule::{FlapSetting, RuleId};

impl Engine {
    /// When the alerts of `rule`, or those from outside, are said to flap.
    fn flap_policy(&self, rule: Option<RuleId>) -> Option<FlapPolicy> {
        match rule.and_then(|rule| self.alerting_rule(rule)).map(|(_, rule)| rule.flap) {
            Some(FlapSetting::Off) => None,
            Some(FlapSetting::On(policy)) => Some(policy),
            Some(FlapSetting::Default) | None => self.plan.flap,
        }
    }

    /// The alert as it is to be routed: as it is, or as firing while it flaps.
    pub(super) fn steady(&mut self, rule: Option<RuleId>, alert: Alert, call: &mut Call<'_>) -> Alert {
        let Some(policy) = self.flap_policy(rule) else {
            self.forget_flap(&alert, call);
            return alert;
        };
        let fingerprint = alert.fingerprint();
        let known = self.groups.alert(fingerprint);
        let Steadied { alert: steadied, changed, started } = self.flaps.steady(call.now, alert, known, policy);
        if changed {
            // As it is held, in place of what the caller wrote down.
            if self.flaps.is_flapping(fingerprint) {
                self.keep_routed(&steadied, call);
            }
            call.persist(keep::flap(fingerprint, self.flaps.get(fingerprint)));
        }
        if started {
            self.note_flapping(&steadied, true, call);
        }
        steadied
    }

    /// Nothing says any more when the alert flaps: what is known of it must not come back.
    fn forget_flap(&mut self, alert: &Alert, call: &mut Call<'_>) {
        let fingerprint = alert.fingerprint();
        let Some(flap) = self.flaps.forget(fingerprint) else { return };
        call.persist(keep::flap(fingerprint, None));
        if flap.is_flapping() {
            self.note_flapping(alert, false, call);
        }
    }

    fn note_flapping(&mut self, alert: &Alert, flaps: bool, call: &mut Call<'_>) {
        let fingerprint = alert.fingerprint();
        self.groups.set_flapping(fingerprint, flaps);
        let changes = self.flaps.get(fingerprint).map_or(0, |flap| flap.changes());
        call.emit(alert.trace, EventKind::Flapping { labels: alert.labels.clone(), flaps, changes });
    }

    /// Looks at the alerts that may have settled.
    pub(super) fn run_flaps(&mut self, call: &mut Call<'_>) {
        for (fingerprint, actual) in self.flaps.settle(call.now) {
            self.take_settled(fingerprint, actual, call);
        }
    }

    /// Takes over the settings of another plan.
    pub(super) fn replan_flaps(&mut self, call: &mut Call<'_>) {
        let rules = self.plan.groups.iter().flat_map(|group| &group.rules).map(crate::rule::Rule::id);
        let watches = self.plan.flap.is_some() || rules.into_iter().any(|rule| self.flap_policy(Some(rule)).is_some());
        if !watches {
            for (fingerprint, actual) in self.flaps.clear() {
                self.take_settled(fingerprint, actual, call);
            }
        }
    }

    fn take_settled(&mut self, fingerprint: Fingerprint, actual: Option<Alert>, call: &mut Call<'_>) {
        call.persist(keep::flap(fingerprint, self.flaps.get(fingerprint)));
        let Some(mut alert) = actual else { return };
        let fires = self.sources.contains_key(&fingerprint) || self.fires_without_rules(fingerprint);
        if alert.ends_at.is_none() && !fires {
            alert.ends_at = Some(call.now);
        }
        alert.updated_at = call.now;
        if let Some(known) = self.groups.alert(fingerprint) {
            alert.starts_at = known.starts_at;
        }
        self.keep_routed(&alert, call);
        self.note_flapping(&alert, false, call);
        self.take_routed(alert, call);
    }

    /// The records say which alerts flap.
    pub(super) fn join_flaps(&mut self) {
        let flapping: Vec<Fingerprint> =
            self.groups.alerts().map(Alert::fingerprint).filter(|it| self.flaps.is_flapping(*it)).collect();
        for fingerprint in flapping {
            self.groups.set_flapping(fingerprint, true);
        }
    }
}
