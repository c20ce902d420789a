//! The series that rules write: recorded results, `ALERTS`, `ALERTS_FOR_STATE`.

use super::{ActiveAlert, AlertState, RecordingRule, RuleState};
use crate::model::{ALERT_NAME, Labels, METRIC_NAME};

/// The series of an alerting rule's alerts after an evaluation: `ALERTS` = 1 with the state, `ALERTS_FOR_STATE` = the
/// unix seconds since when it is active. Resolved alerts have none.
pub fn alert_series(state: &RuleState) -> Vec<(Labels, f64)> {
    let active = state.alerts().map(|(_, alert)| alert).filter(|alert| alert.state != AlertState::Resolved);
    active.flat_map(|alert| [alerts_sample(alert), for_state_sample(alert)]).collect()
}

fn alerts_sample(alert: &ActiveAlert) -> (Labels, f64) {
    let mut labels = alert.labels.builder();
    labels.set(METRIC_NAME, "ALERTS").set("alertstate", alert.state.as_str());
    (labels.finish(), 1.0)
}

fn for_state_sample(alert: &ActiveAlert) -> (Labels, f64) {
    let mut labels = alert.labels.builder();
    labels.set(METRIC_NAME, "ALERTS_FOR_STATE");
    (labels.finish(), (alert.active_at.millis().div_euclid(1000)) as f64)
}

/// The labels of a recording rule's series for a result with `labels`: the new name, the rule's labels over them.
pub fn recorded_labels(rule: &RecordingRule, labels: &Labels) -> Labels {
    let mut recorded = labels.merged(&rule.labels).builder();
    recorded.set(METRIC_NAME, &rule.record);
    recorded.finish()
}

/// The labels of an alert for a result with `labels`, given the rule's own labels already expanded.
pub fn alert_labels(alert: &str, labels: &Labels, own: &[(String, String)]) -> Labels {
    let mut identity = labels.without_name().builder();
    for (name, value) in own {
        identity.set(name, value);
    }
    identity.set(ALERT_NAME, alert);
    identity.finish()
}
