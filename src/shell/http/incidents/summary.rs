//! An incident in short, for lists.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::escalate::{EscalationPlan, Incident, IncidentState, Priority, Upcoming, Who};
use crate::model::{Labels, Timestamp, format_duration, from_rfc3339, rfc3339};

/// A time that is written as RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rfc3339(pub Timestamp);

impl Serialize for Rfc3339 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        rfc3339(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for Rfc3339 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_rfc3339(deserializer).map(Rfc3339)
    }
}

/// An incident in short.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IncidentSummary {
    /// Its number.
    pub number: u64,
    /// What it is about.
    pub title: String,
    /// How it stands.
    #[serde(flatten)]
    pub standing: Standing,
    /// The name of its severity.
    pub severity: String,
    /// How much it matters.
    pub priority: PriorityShown,
    /// The policy.
    pub policy: String,
    /// What its alerts have in common.
    pub labels: Labels,
    /// How many of its alerts fire.
    pub firing: usize,
    /// When it was opened.
    pub opened_at: Rfc3339,
    /// Until when somebody should answer.
    pub answer_by: Rfc3339,
    /// Whether nobody did.
    pub is_breached: bool,
    /// Who was paged: users, and receivers that stand for nobody.
    pub paged: Vec<String>,
    /// What is next.
    pub next: Option<NextUp>,
}

/// How an incident stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Standing {
    /// Nobody has answered.
    Open,
    /// Somebody takes care of it.
    Acknowledged {
        /// Who.
        by: Who,
        /// Since when.
        at: Rfc3339,
    },
    /// It waits.
    Snoozed {
        /// Who said so.
        by: Who,
        /// Until when.
        until: Rfc3339,
    },
    /// It is over.
    Closed {
        /// Since when.
        at: Rfc3339,
        /// Why, for people.
        because: String,
        /// The incident that it is part of.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        merged_into: Option<u64>,
    },
}

/// A priority with its arithmetic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriorityShown {
    /// The sum.
    pub score: u32,
    /// The arithmetic, for people.
    pub arithmetic: String,
    /// What the severity adds.
    pub severity_points: u32,
    /// How many services are affected.
    pub services: usize,
    /// What they add.
    pub services_points: u32,
    /// For how long it has been open.
    pub open_for: String,
    /// What that adds.
    pub time_points: u32,
}

/// What is done when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextUp {
    /// When.
    pub at: Rfc3339,
    /// What.
    pub what: Ahead,
    /// The same for people.
    pub text: String,
    /// Who is paged then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
}

/// What can lie ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ahead {
    /// A step of the policy.
    Step,
    /// The fallback.
    Fallback,
    /// A further contact of somebody who was paged.
    Contact,
    /// Whoever acknowledged is reminded.
    Reminder,
    /// The acknowledgement times out.
    AckTimeout,
    /// It has waited long enough.
    SnoozeOver,
}

impl IncidentSummary {
    /// `incident` as it stands at `now`.
    pub fn new(incident: &Incident, now: Timestamp, plan: &EscalationPlan) -> IncidentSummary {
        let mut paged: Vec<String> = Vec::new();
        for who in incident.paged.iter().map(|paged| paged.user.as_ref().unwrap_or(&paged.receiver)) {
            if !paged.contains(who) {
                paged.push(who.clone());
            }
        }
        IncidentSummary {
            number: incident.number,
            title: incident.title(now, plan),
            standing: Standing::of(&incident.state),
            severity: plan.severities.level(incident.rank).name.clone(),
            priority: PriorityShown::of(&incident.priority(now, plan)),
            policy: incident.policy.name.clone(),
            labels: incident.labels.clone(),
            firing: incident.firing(now).count() + incident.further_alerts.len(),
            opened_at: Rfc3339(incident.opened_at),
            answer_by: Rfc3339(incident.answer_by),
            is_breached: incident.is_breached,
            paged,
            next: ahead(incident).into_iter().next(),
        }
    }
}

impl Standing {
    fn of(state: &IncidentState) -> Standing {
        match state {
            IncidentState::Open => Standing::Open,
            IncidentState::Acknowledged { by, at, .. } => Standing::Acknowledged { by: by.clone(), at: Rfc3339(*at) },
            IncidentState::Snoozed { by, until } => Standing::Snoozed { by: by.clone(), until: Rfc3339(*until) },
            IncidentState::Closed { at, why } => Standing::Closed {
                at: Rfc3339(*at),
                because: why.to_string(),
                merged_into: match why {
                    crate::escalate::Closed::Merged { into, .. } => Some(*into),
                    _ => None,
                },
            },
        }
    }

    /// `open`, `acknowledged`, `snoozed` or `closed`.
    pub fn name(&self) -> &'static str {
        match self {
            Standing::Open => "open",
            Standing::Acknowledged { .. } => "acknowledged",
            Standing::Snoozed { .. } => "snoozed",
            Standing::Closed { .. } => "closed",
        }
    }
}

impl PriorityShown {
    fn of(priority: &Priority) -> PriorityShown {
        PriorityShown {
            score: priority.score,
            arithmetic: priority.to_string(),
            severity_points: priority.severity_points,
            services: priority.services,
            services_points: priority.services_points,
            open_for: format_duration(priority.open_for),
            time_points: priority.time_points,
        }
    }
}

/// What lies ahead of `incident` if nobody does anything, the earliest first.
pub(super) fn ahead(incident: &Incident) -> Vec<NextUp> {
    let next = |at, what, text: String| NextUp { at: Rfc3339(at), what, text, targets: Vec::new() };
    let mut ahead = Vec::new();
    match &incident.state {
        IncidentState::Open => {
            ahead.push(page_ahead(incident));
            ahead.extend(incident.pending.iter().map(|contact| {
                let text = format!("{} ({}): {}", contact.user, contact.receiver, contact.cause);
                let targets = vec![format!("user:{}", contact.user)];
                NextUp { targets, ..next(contact.due, Ahead::Contact, text) }
            }));
        }
        IncidentState::Acknowledged { by, at, reminded } => {
            if let Some(timeout) = incident.policy.ack_timeout {
                if !reminded && !incident.policy.ack_reminder.is_zero() {
                    let at = *at + timeout.saturating_sub(incident.policy.ack_reminder);
                    ahead.push(next(at, Ahead::Reminder, format!("{} is reminded", by.name)));
                }
                let text = format!("the acknowledgement of {} times out, and paging begins again", by.name);
                ahead.push(next(*at + timeout, Ahead::AckTimeout, text));
            }
        }
        IncidentState::Snoozed { until, .. } => {
            ahead.push(next(*until, Ahead::SnoozeOver, "paging begins again".to_owned()));
        }
        IncidentState::Closed { .. } => {}
    }
    ahead.sort_by_key(|next| next.at);
    ahead
}

/// The next page of the policy.
fn page_ahead(incident: &Incident) -> NextUp {
    let (policy, course) = (&incident.policy, &incident.course);
    let names = |targets: &[crate::escalate::Target]| targets.iter().map(ToString::to_string).collect::<Vec<_>>();
    let (what, mut text, targets) = match course.next {
        Upcoming::Step(index, repetition) => {
            let mut text = format!("step {} of {}", index + 1, policy.steps.len());
            if repetition > 0 {
                text.push_str(&format!(", repetition {repetition}"));
            }
            let step = policy.steps.get(index);
            if let Some(when) = step.and_then(|step| step.when.as_ref()) {
                text.push_str(&format!(", if it is {when} then"));
            }
            (Ahead::Step, text, names(step.map(|step| step.targets.as_slice()).unwrap_or_default()))
        }
        Upcoming::Fallback(0) => (Ahead::Fallback, "the fallback".to_owned(), names(&policy.fallback)),
        Upcoming::Fallback(times) => {
            (Ahead::Fallback, format!("the fallback, paged {times} times before"), names(&policy.fallback))
        }
    };
    text.push_str(&format!(": {}", targets.join(", ")));
    NextUp { at: Rfc3339(course.due), what, text, targets }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    fn minutes(minutes: i64) -> Timestamp {
        Timestamp::from_seconds(minutes * 60)
    }

    pub(crate) fn plan() -> EscalationPlan {
        EscalationPlan::default()
    }

    /// Number 7: open since minute 10, a step done, the second one due in minute 25.
    pub(crate) fn incident() -> Incident {
        let cause = json!({
            "why": "step", "step": 1, "of": 2, "round": 1, "repetition": 0, "on_call_by": "primary", "begun": {"kind": "opened"},
        });
        let who = json!({"name": "ada", "via": "link"});
        let step = |target: serde_json::Value, when: Option<&str>| json!({"after": {"secs": 900, "nanos": 0}, "targets": [target], "when": when, "repeat": {"times": 2, "every": {"secs": 300, "nanos": 0}}});
        let steps = [
            step(json!({"schedule": {"name": "primary", "offset": 0}}), None),
            step(json!({"user": "bo"}), Some("business-hours")),
        ];
        let labels = json!({"alertname": "Disk", "service": "db", "severity": "page"});
        let alert = |labels: &serde_json::Value, at: i64, ends_at: Option<i64>| {
            let ends_at = ends_at.map(|at| minutes(at).millis());
            let text = json!({
                "labels": labels, "annotations": {"summary": "no room"}, "starts_at": minutes(at).millis(), "ends_at": ends_at,
                "updated_at": minutes(at).millis(), "generator_url": "http://prometheus/graph",
            });
            Arc::new(serde_json::from_value::<crate::model::Alert>(text).expect("an alert"))
        };
        let slow = json!({"alertname": "Slow", "service": "shop", "severity": "warning"});
        let alerts =
            [alert(&labels, 10, None), alert(&slow, 12, None), alert(&json!({"alertname": "Gone"}), 9, Some(13))];
        let mut incident: Incident = serde_json::from_value(json!({
            "number": 7,
            "policy": {
                "name": "web", "steps": steps, "repeat": {"times": 1, "every": null}, "fallback": [{"user": "boss"}],
                "repage": {"secs": 1800, "nanos": 0}, "ack_timeout": {"secs": 3600, "nanos": 0},
                "ack_reminder": {"secs": 600, "nanos": 0}, "max_age": null, "reopen_within": {"secs": 0, "nanos": 0},
                "correlate_by": [], "correlate_dependencies": false,
            },
            "key": "k", "labels": {"service": "db"}, "alerts": {}, "rank": 0, "state": {"state": "open"},
            "opened_at": minutes(10).millis(), "answer_by": minutes(25).millis(),
            "course": {"begun": {"kind": "opened"}, "round": 1, "next": {"step": [1, 0]}, "due": minutes(25).millis(), "since": minutes(10).millis()},
            "pending": [{"due": minutes(20).millis(), "user": "ada", "receiver": "@ada/phone", "cause": cause}],
            "paged": [{
                "user": "ada", "receiver": "@ada/mail", "first_at": minutes(10).millis(), "last_at": minutes(15).millis(),
                "times": 2, "arrived": 1, "on_their_way": [44],
            }],
            "timeline": [
                {"at": minutes(10).millis(), "happening": "opened", "begun": {"kind": "opened"}},
                {"at": minutes(10).millis(), "happening": "paged", "user": "ada", "receiver": "@ada/mail", "cause": cause},
                {"at": minutes(12).millis(), "happening": "answered", "action": "snooze", "until": minutes(30).millis(), "who": who},
            ],
        }))
        .expect("an incident");
        incident.alerts = alerts.into_iter().map(|alert| (alert.fingerprint(), alert)).collect();
        incident
    }

    #[test]
    fn what_lies_ahead() {
        let who = || Who { name: "ada".to_owned(), via: crate::escalate::Via::Link };
        let at = minutes(15);
        for (state, next, expected) in [
            (
                IncidentState::Open,
                Upcoming::Step(1, 0),
                vec![
                    "20 ada (@ada/phone): step 1 of 2, on call by primary",
                    "25 step 2 of 2, if it is business-hours then: user:bo",
                ],
            ),
            (
                IncidentState::Open,
                Upcoming::Step(0, 1),
                vec![
                    "20 ada (@ada/phone): step 1 of 2, on call by primary",
                    "25 step 1 of 2, repetition 1: schedule:primary",
                ],
            ),
            (
                IncidentState::Open,
                Upcoming::Fallback(3),
                vec![
                    "20 ada (@ada/phone): step 1 of 2, on call by primary",
                    "25 the fallback, paged 3 times before: user:boss",
                ],
            ),
            (
                IncidentState::Acknowledged { by: who(), at, reminded: false },
                Upcoming::Step(1, 0),
                vec!["65 ada is reminded", "75 the acknowledgement of ada times out, and paging begins again"],
            ),
            (
                IncidentState::Acknowledged { by: who(), at, reminded: true },
                Upcoming::Step(1, 0),
                vec!["75 the acknowledgement of ada times out, and paging begins again"],
            ),
            (
                IncidentState::Snoozed { by: who(), until: minutes(90) },
                Upcoming::Step(1, 0),
                vec!["90 paging begins again"],
            ),
            (IncidentState::Closed { at, why: crate::escalate::Closed::Stale }, Upcoming::Step(1, 0), vec![]),
        ] {
            let mut incident = incident();
            (incident.state, incident.course.next) = (state, next);
            let line = |next: &NextUp| format!("{} {}", next.at.0.millis() / 60_000, next.text);
            assert_eq!(ahead(&incident).iter().map(line).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn an_incident_in_short() {
        let summary = IncidentSummary::new(&incident(), minutes(20), &plan());
        let written = serde_json::to_value(&summary).expect("JSON");
        assert_eq!(serde_json::from_value::<IncidentSummary>(written.clone()).expect("read"), summary);
        let mut closed = incident();
        let by = Who { name: "ada".to_owned(), via: crate::escalate::Via::Api };
        closed.state = IncidentState::Closed { at: minutes(15), why: crate::escalate::Closed::Merged { into: 3, by } };
        let summary = IncidentSummary::new(&closed, minutes(20), &plan());
        let written = serde_json::to_value(&summary).expect("JSON");
        assert_eq!(serde_json::from_value::<IncidentSummary>(written.clone()).expect("read"), summary);
        assert_eq!(
            (&written["state"], &written["merged_into"], &written["next"]),
            (&json!("closed"), &json!(3), &json!(null))
        );
    }
}
