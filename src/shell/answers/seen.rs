//! An incident as whoever answers sees it, and what they hear.

use std::time::Duration;

use crate::engine::Engine;
use crate::escalate::{Action, Closed, EscalationPlan, Incident, IncidentState};
use crate::model::{Timestamp, format_duration};

/// An incident as whoever answers sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Its number.
    pub number: u64,
    /// The name of its severity.
    pub severity: String,
    /// What it is about.
    pub title: String,
    /// How it stands.
    pub state: IncidentState,
    /// When it was opened.
    pub opened_at: Timestamp,
}

impl Seen {
    /// The incident of that number, as it is at `now`.
    pub fn find(engine: &Engine, number: u64, now: Timestamp) -> Option<Seen> {
        engine.incidents().get(number).map(|incident| Seen::of(incident, now, &engine.plan().escalation))
    }

    /// `incident` as it is at `now`.
    pub fn of(incident: &Incident, now: Timestamp, plan: &EscalationPlan) -> Seen {
        Seen {
            number: incident.number,
            severity: plan.severities.level(incident.rank).name.clone(),
            title: incident.title(now, plan),
            state: incident.state.clone(),
            opened_at: incident.opened_at,
        }
    }

    /// Who has answered, with the way: none while nobody has, and of what ended without anybody.
    pub fn answered_by(&self) -> Option<&str> {
        match &self.state {
            IncidentState::Acknowledged { by, .. }
            | IncidentState::Snoozed { by, .. }
            | IncidentState::Closed { why: Closed::Resolved { by } | Closed::Merged { by, .. }, .. } => Some(&by.name),
            IncidentState::Open | IncidentState::Closed { .. } => None,
        }
    }

    /// Who takes care of it.
    pub fn acknowledged_by(&self) -> Option<&str> {
        match &self.state {
            IncidentState::Acknowledged { by, .. } => Some(&by.name),
            _ => None,
        }
    }

    /// Whether somebody of that name has done `action` already, so that doing it again is no mistake.
    pub fn is_done(&self, action: &Action, name: &str) -> bool {
        let is_so = matches!(
            (action, &self.state),
            (Action::Ack, IncidentState::Acknowledged { .. })
                | (Action::Snooze { .. }, IncidentState::Snoozed { .. })
                | (Action::Resolve, IncidentState::Closed { why: Closed::Resolved { .. }, .. })
        );
        is_so && self.answered_by() == Some(name)
    }

    /// How it stands, for people.
    pub fn standing(&self, now: Timestamp) -> String {
        match &self.state {
            IncidentState::Open => "open: nobody has answered".to_owned(),
            IncidentState::Acknowledged { by, at, .. } => format!("acknowledged by {by}, {}", ago(*at, now)),
            IncidentState::Snoozed { by, until } => format!("snoozed by {by} until {}", clock_time(*until)),
            IncidentState::Closed { at, why } => format!("closed {}: {why}", ago(*at, now)),
        }
    }
}

/// What whoever has done `action` to incident `number` hears.
pub fn done_text(action: &Action, number: u64) -> String {
    match action {
        Action::Ack => format!("You have acknowledged incident {number}. Paging stops."),
        Action::Unack => format!("You have taken back the acknowledgement of incident {number}. Paging begins again."),
        Action::Resolve => format!("You have resolved incident {number}. Everybody who was paged hears of it."),
        Action::Escalate => format!("You have escalated incident {number}. The next step is taken now."),
        Action::Snooze { until } => {
            format!("You have snoozed incident {number} until {}. Paging begins again then.", clock_time(*until))
        }
        Action::Note { .. } => format!("Your note is part of incident {number} now."),
        Action::Reassign { .. } => format!("You have reassigned incident {number}."),
        Action::Merge { into } => format!("Incident {number} is part of incident {into} now."),
    }
}

/// `just now`, `14m ago`, `2d5h ago`.
pub(super) fn ago(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.since(at).as_secs();
    match seconds {
        0..60 => "just now".to_owned(),
        60..86_400 => format!("{} ago", format_duration(Duration::from_secs(seconds / 60 * 60))),
        _ => format!("{} ago", format_duration(Duration::from_secs(seconds / 3600 * 3600))),
    }
}

/// `2026-11-22 03:00 UTC`
pub(super) fn clock_time(at: Timestamp) -> String {
    let text = at.to_string();
    match (text.get(..10), text.get(11..16)) {
        (Some(day), Some(time)) => format!("{day} {time} UTC"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::escalate::{Via, Who};

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).expect("a time")
    }

    #[test]
    fn times_for_people() {
        let now = at("2026-11-22T03:00:00Z");
        for (text, expected) in [
            ("2026-11-22T03:00:00Z", "just now"),
            ("2026-11-22T03:30:00Z", "just now"),
            ("2026-11-22T02:59:01Z", "just now"),
            ("2026-11-22T02:45:10Z", "14m ago"),
            ("2026-11-21T22:45:10Z", "4h14m ago"),
            ("2026-11-19T22:45:10Z", "2d4h ago"),
        ] {
            assert_eq!(ago(at(text), now), expected, "{text}");
        }
        assert_eq!(clock_time(at("2026-11-22T03:04:05.678Z")), "2026-11-22 03:04 UTC");
    }

    #[test]
    fn how_it_stands() {
        let now = at("2026-11-22T03:00:00Z");
        let by = || Who { name: "ada".to_owned(), via: Via::Link };
        let since = at("2026-11-22T02:50:00Z");
        let until = at("2026-11-22T05:00:00Z");
        for (state, expected, answered) in [
            (IncidentState::Open, "open: nobody has answered", None),
            (
                IncidentState::Acknowledged { by: by(), at: since, reminded: false },
                "acknowledged by ada by link, 10m ago",
                Some("ada"),
            ),
            (
                IncidentState::Snoozed { by: by(), until },
                "snoozed by ada by link until 2026-11-22 05:00 UTC",
                Some("ada"),
            ),
            (
                IncidentState::Closed { at: since, why: Closed::Resolved { by: by() } },
                "closed 10m ago: resolved by ada by link",
                Some("ada"),
            ),
            (
                IncidentState::Closed { at: since, why: Closed::AlertsOver },
                "closed 10m ago: none of its alerts fires",
                None,
            ),
        ] {
            let seen =
                Seen { number: 12, severity: "P1".to_owned(), title: "DiskFull".to_owned(), state, opened_at: since };
            assert_eq!((seen.standing(now).as_str(), seen.answered_by()), (expected, answered));
            let is_acknowledged = expected.starts_with("ack");
            assert_eq!(seen.is_done(&Action::Ack, "ada"), is_acknowledged);
            assert!(!seen.is_done(&Action::Ack, "bob") && !seen.is_done(&Action::Escalate, "ada"));
        }
    }
}
