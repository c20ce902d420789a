//! Alerts of rules as they are routed.

use super::Engine;
use super::state::Call;
use crate::model::{ALERT_NAME, Alert, AlertStatus, Fingerprint, Labels, Timestamp, push_percent_encoded};
use crate::rule::{ActiveAlert, Change, RuleId};

impl Engine {
    /// The labels under which a rule's alert is routed.
    pub(super) fn routed_labels(&self, alert: &ActiveAlert) -> Labels {
        self.plan.external_labels.merged(&alert.labels)
    }

    pub(super) fn route_firing(&mut self, id: RuleId, alert: &ActiveAlert, durable: bool, call: &mut Call<'_>) {
        let routed = self.routed(alert, call.now);
        self.sources.entry(routed.fingerprint()).or_default().insert(id);
        if durable {
            self.keep_routed(&routed, call);
        }
        let routed = self.steady(Some(id), routed, call);
        self.take_routed(routed, call);
    }

    /// A rule's alert as it is routed while it fires.
    pub(super) fn routed(&self, alert: &ActiveAlert, now: Timestamp) -> Alert {
        let labels = self.routed_labels(alert);
        let known = self.groups.alert(labels.fingerprint()).filter(|known| known.status(now) == AlertStatus::Firing);
        Alert {
            starts_at: known.map_or(alert.fired_at.unwrap_or(now), |known| known.starts_at),
            labels,
            annotations: alert.annotations.clone(),
            ends_at: None,
            updated_at: now,
            generator_url: self.generator_url(alert).into(),
            trace: alert.trace,
        }
    }

    pub(super) fn route_end(
        &mut self,
        id: RuleId,
        alert: &ActiveAlert,
        change: Change,
        at: Timestamp,
        call: &mut Call<'_>,
    ) {
        let fingerprint = self.routed_labels(alert).fingerprint();
        if let Some(sources) = self.sources.get_mut(&fingerprint) {
            sources.remove(&id);
            if !sources.is_empty() {
                return;
            }
        }
        self.sources.remove(&fingerprint);
        if self.fires_without_rules(fingerprint) {
            return;
        }
        let Some(known) = self.groups.alert(fingerprint) else { return };
        let mut ended = Alert { ends_at: Some(at.min(call.now)), updated_at: call.now, ..known.clone() };
        ended.annotations = alert.annotations.clone();
        if change == Change::Expired {
            let since = alert.lost_since.unwrap_or(at);
            let mut annotations = ended.annotations.builder();
            let note = format!("expired: its data are gone since {since}; it was not seen to recover");
            annotations.set("watchbell_resolution", &note);
            ended.annotations = annotations.finish();
        }
        self.keep_routed(&ended, call);
        let ended = self.steady(Some(id), ended, call);
        self.take_routed(ended, call);
    }

    /// Whether the alert fires whatever rules say: from outside, or by Watchbell itself.
    pub(super) fn fires_without_rules(&self, alert: Fingerprint) -> bool {
        self.external.fires(alert) || self.own.fires(alert)
    }

    pub(super) fn take_routed(&mut self, alert: Alert, call: &mut Call<'_>) {
        self.take_routed_as(alert.fingerprint(), alert, call);
    }

    pub(super) fn take_routed_as(&mut self, fingerprint: Fingerprint, alert: Alert, call: &mut Call<'_>) {
        for key in self.groups.upsert_as(&self.tree, call.now, fingerprint, alert) {
            self.keep_group(&key, call);
        }
    }

    pub(super) fn generator_url(&self, alert: &ActiveAlert) -> String {
        let mut url = format!("{}/api/v1/rules?rule_name[]=", self.plan.external_url.trim_end_matches('/'));
        push_percent_encoded(alert.labels.get(ALERT_NAME), &mut url);
        url
    }
}
