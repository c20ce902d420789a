//! Alerts of Watchbell itself: those that a policy is to answer whatever the routes say, and the one that a step comes too late.

use std::sync::Arc;
use std::time::Duration;

use super::super::Engine;
use super::super::heartbeats::{HEARTBEAT_ALERT, HEARTBEAT_LABEL};
use super::super::state::Call;
use crate::model::{ALERT_NAME, Alert, Fingerprint, Labels, Timestamp, TraceId, format_duration};

/// The name of the alert that steps came too late.
const OVERDUE_ALERT: &str = "WatchbellEscalationOverdue";
/// For how long it fires after the last one.
const OVERDUE_FIRES: Duration = Duration::from_secs(15 * 60);

impl Engine {
    /// Hands an alert of Watchbell itself, which fires or is over, to the escalation policy that is to answer it.
    pub(in super::super) fn escalate_own(&mut self, alert: &Alert, call: &mut Call<'_>) {
        let plan = Arc::clone(&self.plan.escalation);
        let Some(policy) = self.own_policy(alert).and_then(|name| plan.policy(name)) else { return };
        let labels = self.plan.external_labels.merged(&alert.labels);
        let key = format!("{{}}:{labels}");
        let group_labels = alert.labels.retain(|name| name == ALERT_NAME || name == HEARTBEAT_LABEL);
        let alerts = vec![Arc::new(Alert { labels, ..alert.clone() })];
        self.take_bundles(policy, (&key, &group_labels), alerts, call);
    }

    /// The escalation policy that answers an alert of Watchbell itself whatever the routes say.
    pub(super) fn own_policy(&self, alert: &Alert) -> Option<&str> {
        let is_heartbeat = alert.name() == HEARTBEAT_ALERT;
        is_heartbeat.then(|| self.heartbeats.escalation(alert.labels.get(HEARTBEAT_LABEL))).flatten()
    }

    /// Steps that come much too late are an alert of their own.
    pub(super) fn tell_overdue(&mut self, number: u64, policy: &str, late: Duration, call: &mut Call<'_>) {
        let late = format_duration(late);
        let summary = format!("a step of the policy {policy} came {late} late, first for incident {number}");
        let description =
            "Watchbell did not run, or could not write to its store, when the step was due. It has been made up for.";
        let alert = Alert {
            labels: Labels::from_pairs([(ALERT_NAME, OVERDUE_ALERT), ("policy", policy), ("severity", "warning")]),
            annotations: Labels::from_pairs([("summary", summary.as_str()), ("description", description)]),
            starts_at: call.now,
            ends_at: None,
            updated_at: call.now,
            generator_url: self.plan.external_url.as_str().into(),
            trace: TraceId::NONE,
        };
        let fingerprint = alert.fingerprint();
        if self.overdue.insert(fingerprint, call.now + OVERDUE_FIRES).is_none() {
            self.fire_own(alert, call);
        }
    }

    /// When the next of these alerts ends.
    pub(in super::super) fn next_overdue_end(&self) -> Option<Timestamp> {
        self.overdue.values().min().copied()
    }

    /// Ends those of these alerts whose time has come.
    pub(in super::super) fn end_overdue(&mut self, call: &mut Call<'_>) {
        let over = self.overdue.iter().filter(|(_, at)| **at <= call.now);
        let over: Vec<Fingerprint> = over.map(|(alert, _)| *alert).collect();
        for alert in over {
            self.overdue.remove(&alert);
            self.end_own(alert, call);
        }
    }

    /// Those of these alerts that fire, as the store has them, end as they would have without another late step.
    pub(in super::super) fn restore_overdue(&mut self, now: Timestamp) {
        let firing = self.own.iter().filter(|alert| alert.name() == OVERDUE_ALERT);
        self.overdue = firing.map(|alert| (alert.fingerprint(), now.max(alert.starts_at + OVERDUE_FIRES))).collect();
    }
}
