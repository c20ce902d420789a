//! Incidents as a table.

use crate::cli::query::aligned;
use crate::model::Timestamp;
use crate::shell::http::{Ahead, IncidentSummary, NextUp, Standing};
use crate::shell::notify::{cut, one_line};

use super::{rough, until};

/// How wide the last column is at the least, in characters.
const NOTE_MIN: usize = 16;
/// How wide the title is at the least.
const TITLE_MIN: usize = 12;

/// A line per incident, at most `width` characters wide where that can be.
pub(super) fn table(incidents: &[IncidentSummary], now: Timestamp, width: usize) -> String {
    if incidents.is_empty() {
        return "no incidents\n".to_owned();
    }
    let heads = ["#", "sev", "state", "prio", "age"].map(str::to_owned);
    let fixed: Vec<[String; 5]> = std::iter::once(heads)
        .chain(incidents.iter().map(|incident| {
            let mark = if incident.is_breached && incident.standing == Standing::Open { "!" } else { "" };
            [
                incident.number.to_string(),
                one_line(&incident.severity),
                format!("{}{mark}", state(&incident.standing)),
                incident.priority.score.to_string(),
                rough(now.since(incident.opened_at.0)),
            ]
        }))
        .collect();
    let taken: usize =
        (0..5).map(|column| fixed.iter().map(|row| row[column].chars().count()).max().unwrap_or(0) + 2).sum();
    let titles = incidents.iter().map(|incident| one_line(&incident.title));
    let titles: Vec<String> = std::iter::once("what".to_owned()).chain(titles).collect();
    let notes = incidents.iter().map(|incident| one_line(&note(incident, now)));
    let notes: Vec<String> = std::iter::once("who, next".to_owned()).chain(notes).collect();
    let room = width.saturating_sub(taken + 2);
    let longest = |texts: &[String]| texts.iter().map(|text| text.chars().count()).max().unwrap_or(0);
    // The title gets what it needs as long as the note keeps half of the room, or what it needs itself.
    let note_width = longest(&notes).min((room / 2).max(NOTE_MIN));
    let title_width = longest(&titles).min(room.saturating_sub(note_width).max(TITLE_MIN));
    let note_width = room.saturating_sub(title_width).max(NOTE_MIN);
    let lines = fixed.into_iter().zip(titles.iter().zip(&notes)).map(|(fixed, (title, note))| {
        fixed.into_iter().chain([cut(title, title_width), cut(note, note_width)]).collect()
    });
    let mut text = aligned(&lines.collect::<Vec<Vec<String>>>());
    if text.contains("open!") {
        text.push_str("open!: nobody has answered within the response time\n");
    }
    text
}

fn state(standing: &Standing) -> &'static str {
    match standing {
        Standing::Acknowledged { .. } => "acked",
        other => other.name(),
    }
}

/// Who has answered, and what is next.
fn note(incident: &IncidentSummary, now: Timestamp) -> String {
    let next = |next: &NextUp| {
        let when = until(next.at.0, now);
        match next.what {
            Ahead::Step | Ahead::Fallback | Ahead::Contact => format!("{when}: {}", next.targets.join(", ")),
            Ahead::Reminder => format!("reminded {when}"),
            Ahead::AckTimeout => format!("times out {when}"),
            Ahead::SnoozeOver => format!("over {when}"),
        }
    };
    let next = incident.next.as_ref().map(next);
    match (&incident.standing, next) {
        (Standing::Open, next) => next.unwrap_or_default(),
        (Standing::Acknowledged { by, .. } | Standing::Snoozed { by, .. }, Some(next)) => {
            format!("{}, {next}", by.name)
        }
        (Standing::Acknowledged { by, .. } | Standing::Snoozed { by, .. }, None) => by.name.clone(),
        (Standing::Closed { because, .. }, _) => because.clone(),
    }
}
