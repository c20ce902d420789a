//! How scenarios write what is told.

use std::time::Duration;

use watchbell::deliver::{IncidentNoteKind, Notification};
use watchbell::model::{AlertStatus, Labels, Reason};

use super::world::World;

impl World {
    /// `30s => crew first A(a) -A(b)`, or what [`about_incident`] writes.
    pub(super) fn line(&self, notification: &Notification) -> String {
        let at = written(self.now.since(self.start));
        if let Some(text) = about_incident(notification) {
            return format!("{at} => {}", text.split_whitespace().collect::<Vec<_>>().join(" "));
        }
        let reason = match notification.reason {
            Reason::FirstNotification => "first",
            Reason::NewAlerts => "new",
            Reason::AllResolved => "all-over",
            Reason::SomeResolved => "some-over",
            Reason::RepeatInterval => "repeat",
            #[allow(unreachable_patterns, reason = "reasons may be added")]
            other => other.as_str(),
        };
        let mut line = format!("{at} => {} {reason}", notification.receiver);
        for alert in &notification.alerts {
            let is_over = alert.status(notification.decided_at) == AlertStatus::Resolved;
            let values: Vec<&str> =
                alert.labels.iter().filter(|(name, _)| *name != "alertname").map(|(_, value)| value).collect();
            line.push_str(&format!(
                " {}{}({})",
                if is_over { "-" } else { "" },
                alert.labels.get("alertname"),
                values.join(",")
            ));
        }
        line
    }
}

/// `page ada by sms about 1: step 1 of 2, on call by primary`; `None` for what is about no incident.
fn about_incident(notification: &Notification) -> Option<String> {
    let note = notification.incident.as_ref()?;
    let receiver = &notification.receiver;
    let contact = receiver.rsplit_once('/').filter(|_| receiver.starts_with('@')).map_or(receiver.as_str(), |it| it.1);
    let whom = match &note.user {
        Some(user) => format!("{user} by {contact}"),
        None => receiver.clone(),
    };
    let (number, text) = (note.number, &note.text);
    Some(match note.kind {
        IncidentNoteKind::Page => format!("page {whom} about {number}: {text}"),
        IncidentNoteKind::Answered => format!("tell {whom} about {number}: {text}"),
        IncidentNoteKind::Reminder => format!("remind {whom} about {number}: {text}"),
        IncidentNoteKind::Closed => format!("tell {whom} that {number} is over: {text}"),
    })
}

/// The labels of `NAME LABEL=VALUE...`.
pub(super) fn labelled(words: &[&str]) -> Labels {
    let (name, labels) = words.split_first().expect("an alert's name");
    let pairs = labels.iter().map(|pair| pair.split_once('=').unwrap_or_else(|| panic!("{pair} is no label")));
    Labels::from_pairs(pairs.chain([("alertname", *name)]))
}

/// `1h2m3s`
fn written(time: Duration) -> String {
    let seconds = time.as_secs();
    let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let text: String = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
    let millis = time.subsec_millis();
    match (text.is_empty(), millis) {
        (true, 0) => "0s".to_owned(),
        (_, 0) => text,
        _ => format!("{text}{millis}ms"),
    }
}
