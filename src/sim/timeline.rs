//! What a rehearsal showed, for people and for programs.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde::Serialize;

use crate::engine::{Audit, Event, EventKind, ExternalChange, Notice};
use crate::model::{ALERT_NAME, Timestamp, format_duration, rfc3339};
use crate::rule::Change;

/// What happened when.
#[derive(Clone, Debug, Serialize)]
pub struct Timeline {
    /// The time of the first sample.
    #[serde(serialize_with = "rfc3339")]
    pub first: Timestamp,
    /// The time of the last sample.
    #[serde(serialize_with = "rfc3339")]
    pub last: Timestamp,
    /// How many rules were evaluated, every evaluation counted.
    pub evaluated: usize,
    /// How many evaluations failed.
    pub failed: usize,
    /// What happened, in order.
    pub events: Vec<Event>,
}

/// How much of a timeline is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verbosity {
    /// Alerts and notifications.
    Normal,
    /// Notifications that were withheld, too, with the reason.
    Verbose,
}

impl Timeline {
    pub(super) fn new(first: Timestamp, last: Timestamp, evaluated: usize, failed: usize, events: Vec<Event>) -> Self {
        Timeline { first, last, evaluated, failed, events }
    }

    /// The names of the alerts that fired.
    pub fn fired(&self) -> BTreeSet<String> {
        let name = |event: &Event| match &event.kind {
            EventKind::Alert { labels, change: Change::BecameFiring, .. } => Some(labels.get(ALERT_NAME).to_owned()),
            _ => None,
        };
        self.events.iter().filter_map(name).collect()
    }

    /// How many notifications would have gone out.
    pub fn notifications(&self) -> usize {
        self.events.iter().filter(|event| matches!(event.kind, EventKind::Queued(_))).count()
    }

    /// The timeline as lines of text, and a closing line that counts.
    pub fn to_text(&self, verbosity: Verbosity) -> String {
        let mut text = String::new();
        let show =
            |event: &&Event| verbosity == Verbosity::Verbose || !matches!(event.kind, EventKind::Withheld { .. });
        let tells = |event: &&Event| !matches!(event.kind, EventKind::Delivered(_) | EventKind::RuleRemoved { .. });
        for event in self.events.iter().filter(show).filter(tells) {
            if let Some((word, detail)) = describe(&event.kind) {
                // Writing to a string does not fail.
                let _ = writeln!(text, "{}  {word:<9} {detail}", event.at);
            }
        }
        let span = format_duration(self.last.since(self.first));
        let fired = self.fired();
        let names = if fired.is_empty() { "none".to_owned() } else { fired.into_iter().collect::<Vec<_>>().join(", ") };
        let _ = writeln!(
            text,
            "\n{span} of samples, {} evaluations ({} failed); fired: {names}; notifications: {}",
            self.evaluated,
            self.failed,
            self.notifications()
        );
        text
    }
}

/// A word for what happened, and the rest; `None` for what is of no interest to people.
pub fn describe(kind: &EventKind) -> Option<(&'static str, String)> {
    Some(match kind {
        EventKind::Alert { labels, annotations, change, value } => {
            let word = match change {
                Change::BecamePending | Change::BackToPending => "pending",
                Change::BecameFiring => "firing",
                Change::Resolved => "resolved",
                Change::Dropped => "over",
                Change::KeptFiring => "kept",
                Change::LostData => "no data",
                Change::RegainedData => "data back",
                Change::HoldsAgain => "holds",
                Change::Expired => "expired",
                Change::Updated | Change::Forgotten => return None,
            };
            let told =
                ["summary", "description"].map(|name| annotations.get(name)).into_iter().find(|text| !text.is_empty());
            let summary = told.filter(|_| *change == Change::BecameFiring).map(|told| format!(": {told}"));
            let mut detail = labels.get(ALERT_NAME).to_owned();
            let rest = labels.retain(|label| label != ALERT_NAME);
            if !rest.is_empty() {
                detail.push_str(&rest.to_string());
            }
            if was_seen(*change) && !value.is_empty() {
                detail.push_str(&format!(" value {value}"));
            }
            (word, detail + &summary.unwrap_or_default())
        }
        EventKind::Received { labels, change, .. } => {
            let word = match change {
                ExternalChange::BecameFiring => "firing",
                ExternalChange::Resolved | ExternalChange::TimedOut => "resolved",
                ExternalChange::Updated => return None,
            };
            (word, format!("{labels} from outside"))
        }
        EventKind::RuleFailed { rule, error } => ("error", format!("{rule}: {error}")),
        EventKind::RuleRecovered { rule } => ("works", rule.clone()),
        EventKind::Audit(Audit { who, action, subject, reason, .. }) => {
            let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
            ("audit", format!("{who} {action} {subject}{why}"))
        }
        EventKind::Incident { number, title, severity, happening, .. } => {
            ("incident", format!("{number} {severity} {title}: {happening}"))
        }
        EventKind::RuleRemoved { firing } => ("removed", format!("a rule; {firing} of its alerts were firing")),
        EventKind::Delivered(notice) => ("sent", told(notice)),
        EventKind::Withheld { receiver, reason, group_key, suppressed, .. } => {
            let suppressed: Vec<String> = suppressed.iter().map(ToString::to_string).collect();
            let why = if suppressed.is_empty() { String::new() } else { format!(": {}", suppressed.join("; ")) };
            ("withheld", format!("{receiver}: {} (group {group_key}){why}", reason.as_str()))
        }
        EventKind::Suppressed { alerts, receiver, .. } => {
            let alerts: Vec<String> = alerts.iter().map(ToString::to_string).collect();
            ("muted", format!("{receiver}: {}", alerts.join("; ")))
        }
        EventKind::Flapping { labels, flaps: true, changes } => ("flapping", format!("{labels}: {changes} changes")),
        EventKind::Flapping { labels, .. } => ("settled", labels.to_string()),
        EventKind::More { alerts } => {
            let counts: Vec<String> = alerts.iter().map(|(change, count)| format!("{count} {change}")).collect();
            ("more", format!("alerts, not kept one by one: {}", counts.join(", ")))
        }
        EventKind::Silence { id, state, matchers, .. } => ("silence", format!("{id} {}: {matchers}", state.as_str())),
        EventKind::Override { id, fate, schedule, change, from, until, .. } => {
            let schedule = schedule.as_deref().unwrap_or("all schedules");
            ("override", format!("{id} {}: {schedule}: {change} from {from} until {until}", fate.as_str()))
        }
        EventKind::Queued(notice) => ("notify", told(notice)),
        EventKind::Retried { notice, error, .. } => ("retry", format!("{}: {error}", told(notice))),
        EventKind::Abandoned { notice, error } => ("failed", format!("{}: {error}", told(notice))),
    })
}

/// Whether the evaluation saw the alert, so that its value is of that moment.
fn was_seen(change: Change) -> bool {
    matches!(change, Change::BecamePending | Change::BackToPending | Change::BecameFiring | Change::HoldsAgain)
}

fn told(notice: &Notice) -> String {
    let counts = match (notice.firing, notice.resolved) {
        (firing, 0) => format!("{firing} firing"),
        (0, resolved) => format!("{resolved} resolved"),
        (firing, resolved) => format!("{firing} firing, {resolved} resolved"),
    };
    let Notice { receiver, channel, group_labels, .. } = notice;
    format!("{receiver} by {channel}: {counts}, group {group_labels} ({})", notice.reason_text())
}
