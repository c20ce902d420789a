//! Everything about an incident.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::summary::{IncidentSummary, NextUp, Rfc3339, ahead};
use crate::escalate::{EscalationPlan, Happening, Incident, Step, Upcoming};
use crate::model::{Alert, AlertStatus, Labels, Timestamp, format_duration};

/// Everything about an incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IncidentDetail {
    /// The incident in short.
    #[serde(flatten)]
    pub summary: IncidentSummary,
    /// Its alerts: the likely cause first, then the other ones that fire, then those that are over.
    pub alerts: Vec<IncidentAlert>,
    /// How many more fire that are not listed.
    pub further_alerts: usize,
    /// The steps of its policy, as it began with it.
    pub steps: Vec<IncidentStep>,
    /// Who is paged when nobody answers any step, and when nobody else can be.
    pub fallback: Vec<String>,
    /// The how many-th time all steps are gone through, from 1.
    pub round: u32,
    /// What lies ahead if nobody does anything, the earliest first.
    pub ahead: Vec<NextUp>,
    /// Who was paged, and through which receiver.
    pub pages: Vec<IncidentPage>,
    /// What happened, in order.
    pub timeline: Vec<TimelineLine>,
    /// How many entries went from the timeline after its first.
    pub entries_gone: u64,
}

/// An alert of an incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IncidentAlert {
    /// `likely_cause`, `symptom`, or `over`.
    pub role: String,
    /// What identifies it.
    pub labels: Labels,
    /// What it says.
    pub annotations: Labels,
    /// The name of its severity.
    pub severity: String,
    /// Since when.
    pub starts_at: Rfc3339,
    /// Until when, if it is over.
    pub ended_at: Option<Rfc3339>,
    /// Where to look at its source.
    pub generator_url: String,
}

/// A step of the policy of an incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IncidentStep {
    /// Its place, from 1.
    pub step: usize,
    /// How long after the one before; nothing for the default.
    pub after: Option<String>,
    /// Who is paged.
    pub targets: Vec<String>,
    /// The time interval outside of which it is left out.
    pub when: Option<String>,
    /// How often it is repeated.
    pub times: u32,
    /// After which time each.
    pub every: Option<String>,
    /// Whether it is the next one.
    pub is_next: bool,
}

/// Somebody who was paged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IncidentPage {
    /// The user; none for a channel.
    pub user: Option<String>,
    /// The receiver.
    pub receiver: String,
    /// When first.
    pub first_at: Rfc3339,
    /// When last.
    pub last_at: Rfc3339,
    /// How many times.
    pub times: u32,
    /// How many of the pages have arrived.
    pub arrived: u32,
    /// How many are on their way.
    pub on_their_way: usize,
    /// Why, for people: the causes of those pages that the timeline holds, in order.
    pub because: Vec<String>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimelineLine {
    /// When.
    pub at: Rfc3339,
    /// What, for people.
    pub text: String,
    /// What, as data: `happening` and what belongs to it; times as RFC 3339, durations as `1h30m`.
    #[serde(flatten)]
    pub data: Value,
}

impl IncidentDetail {
    /// `incident` as it stands at `now`.
    pub fn new(incident: &Incident, now: Timestamp, plan: &EscalationPlan) -> IncidentDetail {
        let next = match (incident.is_open(), incident.course.next) {
            (true, Upcoming::Step(index, _)) => Some(index),
            _ => None,
        };
        let steps = incident.policy.steps.iter().enumerate();
        let line = |entry: &crate::escalate::Entry| TimelineLine {
            at: Rfc3339(entry.at),
            text: entry.what.to_string(),
            data: data(&entry.what),
        };
        IncidentDetail {
            summary: IncidentSummary::new(incident, now, plan),
            alerts: alerts(incident, now, plan),
            further_alerts: incident.further_alerts.len(),
            steps: steps.map(|(index, step)| IncidentStep::new(index, step, next)).collect(),
            fallback: incident.policy.fallback.iter().map(ToString::to_string).collect(),
            round: incident.course.round,
            ahead: ahead(incident),
            pages: pages(incident),
            timeline: incident.timeline.iter().map(line).collect(),
            entries_gone: incident.entries_gone,
        }
    }
}

impl IncidentStep {
    fn new(index: usize, step: &Step, next: Option<usize>) -> IncidentStep {
        IncidentStep {
            step: index + 1,
            after: step.after.map(format_duration),
            targets: step.targets.iter().map(ToString::to_string).collect(),
            when: step.when.clone(),
            times: step.repeat.map_or(0, |repeat| repeat.times),
            every: step.repeat.map(|repeat| format_duration(repeat.every)),
            is_next: next == Some(index),
        }
    }
}

fn alerts(incident: &Incident, now: Timestamp, plan: &EscalationPlan) -> Vec<IncidentAlert> {
    let shown = |alert: &Alert, role: &str| IncidentAlert {
        role: role.to_owned(),
        labels: alert.labels.clone(),
        annotations: alert.annotations.clone(),
        severity: plan.severities.level(plan.severities.rank(&alert.labels)).name.clone(),
        starts_at: Rfc3339(alert.starts_at),
        ended_at: alert.ends_at.filter(|_| alert.status(now) == AlertStatus::Resolved).map(Rfc3339),
        generator_url: alert.generator_url.to_string(),
    };
    let ranked = incident.by_likelihood(now, plan);
    let mut alerts: Vec<IncidentAlert> = Vec::with_capacity(incident.alerts.len());
    for (index, alert) in ranked.iter().enumerate() {
        alerts.push(shown(alert, if index == 0 { "likely_cause" } else { "symptom" }));
    }
    if incident.firing(now).next().is_some() {
        let over = incident.alerts.values().filter(|alert| alert.status(now) == AlertStatus::Resolved);
        alerts.extend(over.map(|alert| shown(alert, "over")));
    }
    alerts
}

fn pages(incident: &Incident) -> Vec<IncidentPage> {
    let because = |user: &Option<String>, receiver: &str| {
        let of_it = |entry: &crate::escalate::Entry| match &entry.what {
            Happening::Paged { user: paged, receiver: through, cause } if paged == user && through == receiver => {
                Some(cause.to_string())
            }
            _ => None,
        };
        incident.timeline.iter().filter_map(of_it).collect()
    };
    let page = |paged: &crate::escalate::Paged| IncidentPage {
        user: paged.user.clone(),
        receiver: paged.receiver.clone(),
        first_at: Rfc3339(paged.first_at),
        last_at: Rfc3339(paged.last_at),
        times: paged.times,
        arrived: paged.arrived,
        on_their_way: paged.on_their_way.len(),
        because: because(&paged.user, &paged.receiver),
    };
    incident.paged.iter().map(page).collect()
}

/// What happened as data that programs of others can read.
fn data(happening: &Happening) -> Value {
    // Texts, numbers and maps by names can always be written.
    let mut data = serde_json::to_value(happening).unwrap_or_default();
    readable(&mut data);
    data
}

/// Writes durations as text and the times of fields that are named so as RFC 3339.
fn readable(value: &mut Value) {
    let Value::Object(fields) = value else { return };
    for (name, field) in fields.iter_mut() {
        let whole = |name: &str| field.get(name).and_then(Value::as_u64);
        if let (Some(seconds), Some(nanos)) = (whole("secs"), whole("nanos")) {
            let millis = Duration::from_millis(nanos / 1_000_000);
            *field = Value::from(format_duration(Duration::from_secs(seconds) + millis));
        } else if let (true, Some(millis)) = (name == "until", field.as_i64()) {
            *field = Value::from(Timestamp::from_millis(millis).to_string());
        } else {
            readable(field);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::summary::tests::{incident, plan};
    use super::*;

    #[test]
    fn all_of_an_incident() {
        let detail = IncidentDetail::new(&incident(), Timestamp::from_seconds(20 * 60), &plan());
        let written = serde_json::to_value(&detail).expect("JSON");
        assert_eq!(serde_json::from_value::<IncidentDetail>(written.clone()).expect("read"), detail);
        insta::assert_json_snapshot!("detail", written);
    }

    #[test]
    fn durations_and_times_are_readable() {
        let mut value = serde_json::json!({
            "cause": {"late": {"secs": 90, "nanos": 5_000_000}, "begun": {"after": {"secs": 3600, "nanos": 0}}},
            "until": 60_000, "step": 3, "labels": {"until": "x"},
        });
        readable(&mut value);
        let expected = serde_json::json!({
            "cause": {"late": "1m30s5ms", "begun": {"after": "1h"}}, "until": "1970-01-01T00:01:00Z", "step": 3,
            "labels": {"until": "x"},
        });
        assert_eq!(value, expected);
    }
}
