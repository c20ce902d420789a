//! Everything about an incident, for people.

use std::fmt::Write as _;

use super::{rough, standing, until};
use crate::cli::query::aligned;
use crate::model::{ALERT_NAME, Timestamp};
use crate::shell::http::{IncidentAlert, IncidentDetail, IncidentPage, Standing};
use crate::shell::notify::one_line;

/// What it is and how it stands, then alerts, who was paged, what lies ahead, what happened.
pub(super) fn text(detail: &IncidentDetail, now: Timestamp) -> String {
    let mut text = head(detail, now);
    alerts(detail, now, &mut text);
    paged(detail, now, &mut text);
    steps(detail, &mut text);
    section("Ahead", &mut text);
    let ahead = detail.ahead.iter();
    let mut lines: Vec<Vec<String>> =
        ahead.map(|next| vec![format!("  {}", next.at.0), until(next.at.0, now), one_line(&next.text)]).collect();
    if lines.is_empty() {
        lines.push(vec!["  nothing".to_owned()]);
    }
    text.push_str(&aligned(&lines));
    section("What happened", &mut text);
    for (index, line) in detail.timeline.iter().enumerate() {
        let _ = writeln!(text, "  {}  {}", line.at.0, one_line(&line.text));
        if index == 0 && detail.entries_gone > 0 {
            let _ = writeln!(text, "  ... {} entries are not kept", detail.entries_gone);
        }
    }
    text
}

fn section(title: &str, text: &mut String) {
    let _ = writeln!(text, "\n{title}");
}

fn head(detail: &IncidentDetail, now: Timestamp) -> String {
    let summary = &detail.summary;
    let mut text = format!("Incident {}: {}\n", summary.number, one_line(&summary.title));
    let _ = writeln!(text, "{}, priority {}", one_line(&summary.severity), one_line(&summary.priority.arithmetic));
    let opened = summary.opened_at.0;
    let _ = writeln!(text, "{}", one_line(&standing(&summary.standing, now)));
    let _ = writeln!(text, "opened {opened} ({} ago), policy {}", rough(now.since(opened)), one_line(&summary.policy));
    let by = summary.answer_by.0;
    match (&summary.standing, summary.is_breached) {
        (_, true) => drop(writeln!(text, "nobody answered until {by}, the response time")),
        (Standing::Open, false) => drop(writeln!(text, "to be answered until {by} ({})", until(by, now))),
        _ => {}
    }
    text
}

fn alerts(detail: &IncidentDetail, now: Timestamp, text: &mut String) {
    for (role, title) in [("likely_cause", "Likely cause"), ("symptom", "Symptoms"), ("over", "Over")] {
        let mut alerts = detail.alerts.iter().filter(|alert| alert.role == role).peekable();
        if alerts.peek().is_some() {
            section(title, text);
        }
        alerts.for_each(|alert| alert_lines(alert, now, text));
    }
    if detail.further_alerts > 0 {
        let _ = writeln!(text, "  and {} more that fire", detail.further_alerts);
    }
}

fn alert_lines(alert: &IncidentAlert, now: Timestamp, text: &mut String) {
    let name = alert.labels.get(ALERT_NAME);
    let rest = alert.labels.retain(|label| label != ALERT_NAME);
    let rest = if rest.is_empty() { String::new() } else { one_line(&rest.to_string()) };
    let since = alert.starts_at.0;
    let when = match alert.ended_at {
        Some(ended) => format!("fired for {}, over {} ago", rough(ended.0.since(since)), rough(now.since(ended.0))),
        None => format!("fires for {}", rough(now.since(since))),
    };
    let _ = writeln!(text, "  {}{rest}  {when}", one_line(name));
    let said = ["summary", "description"].map(|name| alert.annotations.get(name));
    let urls = ["runbook_url", "dashboard_url"].map(|name| alert.annotations.get(name));
    for line in said.into_iter().chain(urls).chain([alert.generator_url.as_str()]).filter(|line| !line.is_empty()) {
        let _ = writeln!(text, "    {}", one_line(line));
    }
}

fn paged(detail: &IncidentDetail, now: Timestamp, text: &mut String) {
    section("Paged", text);
    if detail.pages.is_empty() {
        text.push_str("  nobody yet\n");
    }
    for page in &detail.pages {
        let IncidentPage { user, receiver, last_at, times, arrived, on_their_way, because, .. } = page;
        let who = user.as_ref().map_or_else(|| receiver.clone(), |user| format!("{user} ({receiver})"));
        let count = if *times == 1 { "once".to_owned() } else { format!("{times} times, last") };
        let state = match (*arrived, *on_their_way) {
            (0, 0) => "not arrived".to_owned(),
            (0, _) => "on its way".to_owned(),
            (arrived, _) if arrived >= *times => "arrived".to_owned(),
            (arrived, _) => format!("{arrived} arrived"),
        };
        let _ = writeln!(text, "  {}  {count} {} ago, {state}", one_line(&who), rough(now.since(last_at.0)));
        for cause in because {
            let _ = writeln!(text, "    {}", one_line(cause));
        }
    }
}

fn steps(detail: &IncidentDetail, text: &mut String) {
    let round = if detail.round > 1 { format!(" (round {})", detail.round) } else { String::new() };
    section(&format!("Steps{round}"), text);
    for step in &detail.steps {
        let mark = if step.is_next { '>' } else { ' ' };
        let mut line = step.step.to_string();
        if let Some(after) = &step.after {
            let _ = write!(line, " after {after}");
        }
        let _ = write!(line, ": {}", step.targets.join(", "));
        if let Some(when) = &step.when {
            let _ = write!(line, ", in {when}");
        }
        if let Some(every) = &step.every {
            let _ = write!(line, ", {} times more every {every}", step.times);
        }
        let _ = writeln!(text, "{mark} {}", one_line(&line));
    }
    let _ = writeln!(text, "  then {}", one_line(&detail.fallback.join(", ")));
}
