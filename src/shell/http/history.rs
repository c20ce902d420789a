//! `GET /api/v1/history`: what happened, the latest first.

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use super::App;
use crate::config::parse_matchers;
use crate::engine::{Event, EventKind, Notice, Record};
use crate::model::{Labels, Matcher, Timestamp, TraceId, parse_value};
use crate::shell::history::entry_number;

/// How many entries an answer has unless it is said.
const ENTRIES_DEFAULT: usize = 100;
/// How many entries an answer has at the most.
const ENTRIES_MAX: usize = 1_000;
/// How many entries are read at a time.
const PAGE: usize = 1_000;
/// How many entries are looked at for one answer.
const LOOKED_AT_MAX: usize = 20_000;

/// An entry of the history.
#[derive(Debug, Serialize)]
struct Entry {
    /// Its number; later ones have higher numbers.
    number: u64,
    #[serde(flatten)]
    event: Event,
}

#[derive(Serialize)]
struct Answer {
    status: &'static str,
    data: Page,
}

#[derive(Serialize)]
struct Page {
    entries: Vec<Entry>,
    /// What `before` must be for the entries before these; nothing after the first ones.
    next: Option<u64>,
}

/// Which entries are asked for.
#[derive(Debug)]
struct Wanted {
    before: u64,
    limit: usize,
    since: Timestamp,
    until: Timestamp,
    /// Kinds of events; none for all.
    events: Vec<String>,
    receiver: Option<String>,
    trace: Option<TraceId>,
    matchers: Vec<Matcher>,
}

impl Wanted {
    fn read(query: Option<&str>) -> Result<Wanted, String> {
        let mut wanted = Wanted {
            before: u64::MAX,
            limit: ENTRIES_DEFAULT,
            since: Timestamp::MIN,
            until: Timestamp::MAX,
            events: Vec::new(),
            receiver: None,
            trace: None,
            matchers: Vec::new(),
        };
        let url = reqwest::Url::parse(&format!("http://localhost/?{}", query.unwrap_or_default()));
        for (name, value) in url.map_err(|error| format!("the query cannot be read: {error}"))?.query_pairs() {
            let number = || value.parse().map_err(|_| format!("{name} must be a whole number"));
            let time = || {
                let seconds = parse_value(&value).and_then(Timestamp::from_seconds_f64);
                let time = seconds.or_else(|| Timestamp::parse_rfc3339(&value));
                time.ok_or_else(|| format!("{name} must be a time such as 2026-11-22T03:00:00Z, or seconds since 1970"))
            };
            match name.as_ref() {
                "before" => wanted.before = number()?,
                "limit" => {
                    let limit = usize::try_from(number()?).unwrap_or(usize::MAX);
                    wanted.limit = limit.clamp(1, ENTRIES_MAX);
                }
                "since" => wanted.since = time()?,
                "until" => wanted.until = time()?,
                "event" => wanted.events.push(value.into_owned()),
                "receiver" => wanted.receiver = Some(value.into_owned()),
                "trace" => {
                    wanted.trace = Some(value.parse().map_err(|error| format!("trace: {error}"))?);
                }
                "filter" | "match[]" => {
                    let matchers = parse_matchers(&value);
                    wanted.matchers.extend(matchers.map_err(|error| format!("{name} {value:?}: {error}"))?);
                }
                _ => return Err(format!("there is no parameter `{name}`")),
            }
        }
        Ok(wanted)
    }

    /// The entry of `record`, if it is asked for.
    fn entry(&self, record: &Record) -> Option<Entry> {
        let (number, at) = entry_number(record)?;
        if at < self.since || at > self.until {
            return None;
        }
        let event: Event = serde_json::from_slice(record.value.as_deref()?).ok()?;
        self.takes(&event).then_some(Entry { number, event })
    }

    /// Takes what is asked for out of a page; `before` goes on to where the next one begins. Whether there is none.
    fn take_page(&self, page: &[Record], before: &mut u64, entries: &mut Vec<Entry>) -> bool {
        for record in page {
            let Some((number, at)) = entry_number(record) else { continue };
            if at < self.since {
                return true;
            }
            if entries.len() == self.limit {
                return false;
            }
            *before = number;
            entries.extend(self.entry(record));
        }
        page.len() < PAGE
    }

    fn takes(&self, event: &Event) -> bool {
        let subject = Subject::of(&event.kind);
        let by_receiver = |wanted: &String| subject.receiver.is_some_and(|receiver| receiver == wanted);
        let by_labels = |labels: &&Labels| self.matchers.iter().all(|matcher| matcher.matches(labels));
        (self.events.is_empty() || self.events.iter().any(|wanted| wanted == event.kind.name()))
            && self.receiver.as_ref().is_none_or(by_receiver)
            && self.trace.is_none_or(|trace| trace == event.trace)
            && (self.matchers.is_empty() || subject.is_anything || subject.labels.iter().any(by_labels))
    }
}

/// What an event is about.
#[derive(Default)]
struct Subject<'a> {
    receiver: Option<&'a str>,
    labels: Vec<&'a Labels>,
    /// Which alerts it is about is not known.
    is_anything: bool,
}

impl<'a> Subject<'a> {
    fn of(kind: &'a EventKind) -> Subject<'a> {
        match kind {
            EventKind::Alert { labels, .. } | EventKind::Received { labels, .. } => {
                Subject { labels: vec![labels], ..Subject::default() }
            }
            EventKind::Withheld { receiver, suppressed: alerts, .. }
            | EventKind::Suppressed { receiver, alerts, .. } => {
                let labels = alerts.iter().map(|alert| &alert.labels).collect();
                Subject { receiver: Some(receiver), labels, is_anything: false }
            }
            EventKind::Queued(notice) | EventKind::Delivered(notice) => Subject::of_notice(notice),
            EventKind::Retried { notice, .. } | EventKind::Abandoned { notice, .. } => Subject::of_notice(notice),
            EventKind::More { .. } => Subject { is_anything: true, ..Subject::default() },
            _ => Subject::default(),
        }
    }

    fn of_notice(notice: &'a Notice) -> Subject<'a> {
        Subject { receiver: Some(&notice.receiver), labels: vec![&notice.group_labels], is_anything: false }
    }
}

/// `GET /api/v1/history`
pub(super) async fn history(State(app): State<App>, RawQuery(query): RawQuery) -> Response {
    let wanted = match Wanted::read(query.as_deref()) {
        Ok(wanted) => wanted,
        Err(error) => return refused(StatusCode::BAD_REQUEST, "bad_data", &error),
    };
    let mut entries = Vec::new();
    let mut before = wanted.before;
    let mut next = None;
    for _ in 0..LOOKED_AT_MAX / PAGE {
        let page = match app.decider.history(before, PAGE).await {
            Ok(page) => page,
            Err(error) => return refused(StatusCode::SERVICE_UNAVAILABLE, "unavailable", &error.to_string()),
        };
        let is_through = wanted.take_page(&page, &mut before, &mut entries);
        next = (!is_through).then_some(before);
        if entries.len() == wanted.limit || is_through {
            break;
        }
    }
    Json(Answer { status: "success", data: Page { entries, next } }).into_response()
}

fn refused(status: StatusCode, kind: &str, error: &str) -> Response {
    (status, Json(json!({ "status": "error", "errorType": kind, "error": error }))).into_response()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::HistoryLimits;
    use crate::shell::history::History;

    fn event(kind: EventKind) -> Event {
        Event { at: Timestamp::from_seconds(10), trace: TraceId(7), kind }
    }

    #[test]
    fn filters() {
        let alert = event(EventKind::Alert {
            labels: Labels::from_pairs([("alertname", "A"), ("job", "x")]),
            annotations: Labels::default(),
            change: crate::rule::Change::BecameFiring,
            value: "1".into(),
        });
        let silence = event(EventKind::RuleRecovered { rule: "R".into() });
        for (query, takes_alert, takes_other) in [
            ("", true, true),
            ("event=alert", true, false),
            ("event=alert&event=rule_recovered", true, true),
            ("filter=job%3Dx", true, false),
            ("filter=job%3Dy", false, false),
            ("match[]=%7Bjob%3D~%22x|y%22%7D&event=alert", true, false),
            ("receiver=crew", false, false),
            ("trace=00000000000000000000000000000007", true, true),
            ("trace=00000000000000000000000000000008", false, false),
        ] {
            let wanted = Wanted::read(Some(query)).expect(query);
            assert_eq!((wanted.takes(&alert), wanted.takes(&silence)), (takes_alert, takes_other), "{query}");
        }
    }

    #[test]
    fn pages_go_on_up_to_the_time_asked_for() {
        let limits = HistoryLimits { entries_max: 100, age_max: Duration::from_secs(1_000) };
        let mut history = History::restore(limits, &[]);
        let recovered =
            |at| Event { at: Timestamp::from_seconds(at), ..event(EventKind::RuleRecovered { rule: "R".into() }) };
        let events: Vec<Event> = (0..10).map(recovered).collect();
        let mut records = history.note(Timestamp::from_seconds(10), &events);
        records.reverse();
        let wanted = Wanted::read(Some("limit=3&since=2")).expect("a query");
        // Entries 10 to 3 are of the times 9 to 2.
        let (mut before, mut found) = (u64::MAX, Vec::new());
        for (numbers, is_through) in [([10, 9, 8].as_slice(), false), (&[7, 6, 5], false), (&[4, 3], true)] {
            let page: Vec<Record> =
                records.iter().filter(|it| entry_number(it).is_some_and(|(it, _)| it < before)).cloned().collect();
            assert_eq!(wanted.take_page(&page, &mut before, &mut found), is_through);
            assert_eq!(found.drain(..).map(|entry| entry.number).collect::<Vec<_>>(), numbers);
        }
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for (query, part) in [
            ("since=yesterday", "since must be a time"),
            ("limit=x", "limit must be a whole number"),
            ("trace=1", "32 hexadecimal digits"),
            ("filter=a%3D~%22(%22", "filter"),
            ("recevier=x", "no parameter `recevier`"),
        ] {
            let error = Wanted::read(Some(query)).expect_err(query);
            assert!(error.contains(part), "{query}: {error}");
        }
        assert_eq!(Wanted::read(Some("limit=100000")).map(|wanted| wanted.limit), Ok(ENTRIES_MAX));
    }
}
