//! Console: lines on standard output, for people. One block per notification.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::time::Duration;

use super::Attempt;
use super::text::{cut, one_line};
use crate::deliver::Outcome;
use crate::model::{ALERT_NAME, AlertStatus, Labels, Timestamp, format_duration};
use crate::template::{AlertData, IncidentData, NotificationData};

/// The greatest number of alerts that a block shows.
const ALERTS_SHOWN_MAX: usize = 20;

/// The greatest length of an annotation, in characters.
const ANNOTATION_LENGTH_MAX: usize = 200;

/// The widest that a column is padded to, in characters.
const COLUMN_WIDTH_MAX: usize = 60;

/// The annotations that may say in one line what is wrong; the first that is there stands beside the labels.
const SUMMARY_ANNOTATIONS: [&str; 3] = ["summary", "message", "description"];

/// The block, with a line break at its end; `colour` adds escape sequences for terminals.
pub(super) fn render(data: &NotificationData, colour: bool) -> String {
    let mut block = match &data.incident {
        Some(incident) => incident_lines(incident, data, colour),
        None => headline(data, colour),
    };
    if data.incident.as_ref().is_some_and(|incident| matches!(incident.kind, "answered" | "reminder")) {
        return block;
    }
    let rows: Vec<Row<'_>> = data.alerts.iter().take(ALERTS_SHOWN_MAX).map(|alert| Row::of(alert, data.now)).collect();
    let name_width = width(rows.iter().map(|row| &row.name));
    let labels_width = width(rows.iter().map(|row| &row.labels));
    for row in &rows {
        let status = status_text(row.alert.status, colour);
        let line = format!("{:name_width$}  {:labels_width$}  {}", row.name, row.labels, row.summary);
        let _ = writeln!(block, "    {status}  {}  ({})", line.trim_end(), row.age);
        for (name, value) in &row.annotations {
            let _ = writeln!(block, "              {name}: {value}");
        }
    }
    if data.alerts.len() > rows.len() {
        let _ = writeln!(block, "    and {} more", data.alerts.len() - rows.len());
    }
    block
}

fn headline(data: &NotificationData, colour: bool) -> String {
    let time = clock_text(data.now);
    let status = status_text(data.status, colour);
    let title = cut(&one_line(&title(data)), ANNOTATION_LENGTH_MAX);
    let receiver = one_line(&data.receiver);
    format!("{time}  {status}  {title}  ({}; to {receiver}: {})\n", counts(data), one_line(&data.reason))
}

/// What is said of the incident: at a glance, then the rest.
fn incident_lines(incident: &IncidentData, data: &NotificationData, colour: bool) -> String {
    let short = |text: &str| cut(&one_line(text), ANNOTATION_LENGTH_MAX);
    let (word, code) = match incident.kind {
        "page" => (format!("PAGE {}", short(&incident.severity)), "1;31"),
        "answered" => ("ACK".to_owned(), "34"),
        "reminder" => ("REMINDER".to_owned(), "33"),
        _ => ("RESOLVED".to_owned(), "32"),
    };
    let whom = if incident.user.is_empty() { &data.receiver } else { &incident.user };
    let answer_by = incident.answer_by.map(|at| format!("; answer by {}", clock_text(at))).unwrap_or_default();
    let mut lines = format!(
        "{}  {}  incident {}: {}  (to {}: {}{answer_by})\n",
        clock_text(data.now),
        coloured(&format!("{word:8}"), code, colour),
        incident.number,
        short(&incident.title),
        one_line(whom),
        short(&incident.text),
    );
    let answers = &incident.links.answers;
    let link = |link: &Option<String>| link.clone().unwrap_or_default();
    let mut rest = vec![("priority", incident.priority.clone())];
    rest.extend(incident.symptoms.iter().map(|symptom| ("symptom", symptom.clone())));
    rest.extend([
        ("acknowledge", link(&answers.ack)),
        ("resolve", link(&answers.resolve)),
        ("snooze", link(&answers.snooze)),
        ("escalate", link(&answers.escalate)),
        ("show", incident.links.show.clone()),
    ]);
    for (name, value) in rest.iter().filter(|(_, value)| !value.is_empty()) {
        // Links may be longer than texts for people.
        let _ = writeln!(lines, "    {name}: {}", one_line(value));
    }
    lines
}

struct Row<'a> {
    alert: &'a AlertData,
    name: String,
    labels: String,
    summary: String,
    age: String,
    annotations: Vec<(String, String)>,
}

impl<'a> Row<'a> {
    fn of(alert: &'a AlertData, now: Timestamp) -> Self {
        let shown = SUMMARY_ANNOTATIONS.into_iter().find(|name| alert.annotations.has(name)).unwrap_or("");
        let lasted = format_duration(whole_seconds(alert.ends_at.unwrap_or(now).since(alert.starts_at)));
        Row {
            alert,
            name: one_line(alert.labels.get(ALERT_NAME)),
            labels: one_line(&alert.labels.retain(|name| name != ALERT_NAME).to_string()),
            summary: cut(&one_line(alert.annotations.get(shown)), ANNOTATION_LENGTH_MAX),
            age: match alert.status {
                AlertStatus::Firing => format!("for {lasted}"),
                AlertStatus::Resolved => format!("after {lasted}"),
            },
            annotations: alert
                .annotations
                .iter()
                .filter(|(name, _)| *name != shown)
                .map(|(name, value)| (one_line(name), cut(&one_line(value), ANNOTATION_LENGTH_MAX)))
                .collect(),
        }
    }
}

/// What the group is about: its alert's name, else its labels.
fn title(data: &NotificationData) -> String {
    let rest = data.group_labels.retain(|name| name != ALERT_NAME);
    match (data.common_labels.get(ALERT_NAME), rest.is_empty()) {
        ("", true) => "alerts".to_owned(),
        ("", false) => rest.to_string(),
        (name, true) => name.to_owned(),
        (name, false) => format!("{name} {}", Labels::to_string(&rest)),
    }
}

fn counts(data: &NotificationData) -> String {
    let firing = data.alerts.iter().filter(|alert| alert.status == AlertStatus::Firing).count();
    match (firing, data.alerts.len() - firing) {
        (firing, 0) => format!("{firing} firing"),
        (0, resolved) => format!("{resolved} resolved"),
        (firing, resolved) => format!("{firing} firing, {resolved} resolved"),
    }
}

fn status_text(status: AlertStatus, colour: bool) -> String {
    let (text, code) = match status {
        AlertStatus::Firing => ("FIRING  ", "1;31"),
        AlertStatus::Resolved => ("RESOLVED", "32"),
    };
    coloured(text, code, colour)
}

fn coloured(text: &str, code: &str, colour: bool) -> String {
    if colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}

/// The time, to the second, for people.
pub(super) fn clock_text(at: Timestamp) -> String {
    let seconds = Timestamp::from_seconds(at.millis().div_euclid(1000));
    seconds.to_string().replace('T', " ")
}

fn whole_seconds(duration: Duration) -> Duration {
    Duration::from_secs(duration.as_secs())
}

fn width<'a>(texts: impl Iterator<Item = &'a String>) -> usize {
    texts.map(|text| text.chars().count()).filter(|width| *width <= COLUMN_WIDTH_MAX).max().unwrap_or(0)
}

/// Whether standard output is a terminal that wants colours (<https://no-color.org>).
fn wants_colour() -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    std::io::stdout().is_terminal() && !is_set("NO_COLOR") && !is_dumb
}

/// Writes the block in one piece, so that blocks of notifications sent at once do not mix.
pub(super) async fn send(attempt: &Attempt<'_>) -> Outcome {
    let block = render(attempt.texts().data(), wants_colour());
    let write = move || {
        let mut output = std::io::stdout().lock();
        output.write_all(block.as_bytes()).and_then(|()| output.flush())
    };
    match tokio::task::spawn_blocking(write).await {
        Ok(Ok(())) => Outcome::Delivered,
        Ok(Err(error)) => Outcome::Retry { error: format!("standard output: {error}"), after: None },
        Err(error) => Outcome::Retry { error: error.to_string(), after: None },
    }
}

#[cfg(test)]
mod tests {
    use crate::deliver::{Channel, ConsoleConfig};
    use crate::shell::notify::fixture;

    use super::*;

    #[test]
    fn block() {
        insta::assert_snapshot!(fixture::rendered(Channel::Console(ConsoleConfig {})), @r##"
        2026-11-22 03:00:00Z  FIRING    HighLoad  (1 firing, 1 resolved; to night-watch: new alerts in group)
            FIRING    HighLoad  {instance="a:9100", severity="critical"}   Load is high, überall  (for 5m)
                      value: 9.5
            RESOLVED  HighLoad  {instance="bb:9100", severity="critical"}  Load is high  (after 3m30s)
        "##);
    }

    #[test]
    fn colours_and_limits() {
        let mut notification = fixture::resolved_notification();
        let alert = notification.alerts[0].clone();
        notification.alerts = vec![alert; 25];
        notification.alerts[0].annotations = Labels::from_pairs([("summary", "\u{1b}[2Jgone\nnew line")]);
        let block = render(&notification.template_data(""), true);
        assert!(block.contains("\u{1b}[32mRESOLVED\u{1b}[0m"));
        assert!(block.contains("[2Jgone new line") && !block.contains("\u{1b}[2J"));
        assert!(block.ends_with("    and 5 more\n"));
    }
}
