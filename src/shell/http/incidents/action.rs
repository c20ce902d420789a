//! What somebody wants to do about an incident, as they post it.

use serde::Deserialize;

use crate::escalate::{Action, NOTE_BYTES_MAX, Target, Via, Who};
use crate::model::{Timestamp, nearest, parse_duration};
use crate::route::TimeInterval;
use crate::shell::http::Actor;

/// How long a comment may be, in bytes.
const COMMENT_BYTES_MAX: usize = 1 << 10;
/// How long the name may be of somebody for whom another one acts, in bytes.
const NAME_BYTES_MAX: usize = 128;
/// How many may be named at a time to whom an incident is handed over.
const TARGETS_MAX: usize = 64;
/// The actions by their names.
const ACTIONS: [&str; 8] = ["ack", "unack", "snooze", "reassign", "escalate", "note", "merge", "resolve"];

/// Something that cannot be done because of how it is asked for.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum AskedError {
    /// There is no such action.
    #[error("{}", no_such("action", .0, ACTIONS))]
    NoAction(String),
    /// The body is no JSON of this form.
    #[error("the body cannot be read: {0}")]
    Body(String),
    /// A field belongs to another action.
    #[error("`{0}` says nothing about `{1}`")]
    Foreign(&'static str, String),
    /// A field is missing.
    #[error("{0}")]
    Missing(&'static str),
    /// A value cannot be read.
    #[error("`{0}`: {1}")]
    Value(&'static str, String),
}

/// `there is no action `akc`; did you mean `ack`?`
fn no_such<'a>(kind: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let hint = match nearest(name, known.iter().copied()) {
        Some(near) => format!("; did you mean `{near}`?"),
        None if known.is_empty() => String::new(),
        None => format!("; there are {}", known.join(", ")),
    };
    format!("there is no {kind} `{name}`{hint}")
}

/// The body as it is posted; all of it may be left out where the action needs nothing.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object such as {\"comment\": \"on it\"}")]
struct Posted {
    by: Option<String>,
    comment: Option<String>,
    #[serde(rename = "for")]
    for_: Option<String>,
    until: Option<String>,
    until_interval: Option<String>,
    to: Option<Vec<String>>,
    text: Option<String>,
    into: Option<u64>,
}

/// What somebody wants to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// For whom they say they do it.
    pub(super) by: Option<String>,
    /// Why they say they do it.
    pub(super) comment: Option<String>,
    /// What.
    pub(super) action: AskedAction,
}

/// An action before the time and the configuration are known.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AskedAction {
    /// It is known already.
    Known(Action),
    /// Snooze for a while.
    SnoozeFor(std::time::Duration),
    /// Snooze until a time interval begins.
    SnoozeUntilInterval(String),
}

impl Asked {
    /// Reads the body of `action`.
    pub(super) fn read(action: &str, body: &[u8]) -> Result<Asked, AskedError> {
        if !ACTIONS.contains(&action) {
            return Err(AskedError::NoAction(action.to_owned()));
        }
        let mut posted = match body.trim_ascii().is_empty() {
            true => Posted::default(),
            false => serde_json::from_slice(body).map_err(|error| AskedError::Body(error.to_string()))?,
        };
        let comment = posted.comment.take().map(|comment| comment.trim().to_owned());
        if comment.as_ref().is_some_and(|comment| comment.len() > COMMENT_BYTES_MAX) {
            return Err(AskedError::Value("comment", format!("at most {COMMENT_BYTES_MAX} bytes")));
        }
        let by = posted.by.take();
        let read = posted.action(action)?;
        match posted.rest() {
            Some(field) => Err(AskedError::Foreign(field, action.to_owned())),
            None => Ok(Asked { by, comment, action: read }),
        }
    }
}

impl Posted {
    /// Takes out what the action is made of.
    fn action(&mut self, name: &str) -> Result<AskedAction, AskedError> {
        Ok(AskedAction::Known(match name {
            "unack" => Action::Unack,
            "escalate" => Action::Escalate,
            "resolve" => Action::Resolve,
            "snooze" => return self.snooze(),
            "reassign" => {
                let needed = "`to` says to whom, such as `{\"to\": [\"user:ada\"]}`";
                let names = self.to.take().ok_or(AskedError::Missing(needed))?;
                if names.len() > TARGETS_MAX {
                    return Err(AskedError::Value("to", format!("at most {TARGETS_MAX}")));
                }
                Action::Reassign { to: names.iter().map(|name| target(name)).collect::<Result<_, _>>()? }
            }
            "note" => {
                let text = self.text.take().ok_or(AskedError::Missing("`text` is the note"))?;
                if text.len() > NOTE_BYTES_MAX {
                    return Err(AskedError::Value("text", format!("at most {NOTE_BYTES_MAX} bytes")));
                }
                Action::Note { text }
            }
            "merge" => {
                let needed = "`into` is the number of the incident that it becomes part of";
                Action::Merge { into: self.into.take().ok_or(AskedError::Missing(needed))? }
            }
            _ => Action::Ack,
        }))
    }

    fn snooze(&mut self) -> Result<AskedAction, AskedError> {
        match (self.for_.take(), self.until.take(), self.until_interval.take()) {
            (Some(text), None, None) => {
                let duration = parse_duration(&text).map_err(|error| AskedError::Value("for", error.to_string()))?;
                if duration.is_zero() {
                    return Err(AskedError::Value("for", "a duration longer than zero is needed".to_owned()));
                }
                Ok(AskedAction::SnoozeFor(duration))
            }
            (None, Some(text), None) => {
                let until = Timestamp::parse_rfc3339(&text).ok_or_else(|| {
                    AskedError::Value("until", format!("`{text}` is not a time such as 2026-11-22T03:00:00Z"))
                })?;
                Ok(AskedAction::Known(Action::Snooze { until }))
            }
            (None, None, Some(name)) => Ok(AskedAction::SnoozeUntilInterval(name)),
            _ => Err(AskedError::Missing(
                "exactly one is needed of `for` (a duration such as `2h`), `until` (a time such as 2026-11-22T03:00:00Z), \
                 `until_interval` (the name of a time interval that begins then)",
            )),
        }
    }

    /// A field that is left.
    fn rest(&self) -> Option<&'static str> {
        [
            ("for", self.for_.is_some()),
            ("until", self.until.is_some()),
            ("until_interval", self.until_interval.is_some()),
            ("to", self.to.is_some()),
            ("text", self.text.is_some()),
            ("into", self.into.is_some()),
        ]
        .into_iter()
        .find_map(|(name, is_there)| is_there.then_some(name))
    }
}

fn target(name: &str) -> Result<Target, AskedError> {
    let hint = "is not of the form `user:NAME`, `team:NAME`, `schedule:NAME`, `schedule:NAME+1` or `channel:NAME`";
    Target::parse(name).ok_or_else(|| AskedError::Value("to", format!("`{name}` {hint}")))
}

/// The action, at `now` and by the configured `intervals`.
pub(super) fn what_is_done(
    asked: AskedAction,
    now: Timestamp,
    intervals: &[TimeInterval],
) -> Result<Action, AskedError> {
    let until = match asked {
        AskedAction::Known(action) => return Ok(action),
        AskedAction::SnoozeFor(duration) => now + duration,
        AskedAction::SnoozeUntilInterval(name) => {
            let interval = intervals.iter().find(|interval| interval.name == name).ok_or_else(|| {
                let known = intervals.iter().map(|interval| interval.name.as_str());
                AskedError::Value("until_interval", no_such("time interval", &name, known))
            })?;
            interval
                .next_start(now)
                .ok_or_else(|| AskedError::Value("until_interval", format!("`{name}` does not begin within 90 days")))?
        }
    };
    Ok(Action::Snooze { until })
}

/// Who does it: a user who has logged in acts for nobody else; a token and a stranger say for whom they act.
pub(super) fn whose(actor: &Actor, by: Option<&str>) -> Result<Who, AskedError> {
    let own = || actor.name.to_string();
    let name = match by.map(str::trim) {
        Some(by) if !actor.is_user => {
            if by.is_empty() || by.len() > NAME_BYTES_MAX || by.chars().any(char::is_control) {
                return Err(AskedError::Value("by", format!("a name of 1 to {NAME_BYTES_MAX} bytes is needed")));
            }
            by.to_owned()
        }
        _ => own(),
    };
    Ok(Who { name, via: Via::Api })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::{Role, Roles};
    use crate::route::{CalendarSpan, TimeRange};

    #[test]
    fn bodies() {
        let known = |action| Ok(AskedAction::Known(action));
        let hours = |hours: u64| Ok(AskedAction::SnoozeFor(Duration::from_secs(hours * 3600)));
        let to = vec![Target::User("ada".into()), Target::Schedule { name: "primary".into(), offset: 1 }];
        for (action, body, expected) in [
            ("ack", "", known(Action::Ack)),
            ("ack", " \n", known(Action::Ack)),
            ("ack", "{}", known(Action::Ack)),
            ("ack", r#"{"comment":"on it","by":"ada"}"#, known(Action::Ack)),
            ("unack", "", known(Action::Unack)),
            ("escalate", "", known(Action::Escalate)),
            ("resolve", "", known(Action::Resolve)),
            ("snooze", r#"{"for":"2h"}"#, hours(2)),
            (
                "snooze",
                r#"{"until":"1970-01-01T00:00:09Z"}"#,
                known(Action::Snooze { until: Timestamp::from_seconds(9) }),
            ),
            ("snooze", r#"{"until_interval":"day"}"#, Ok(AskedAction::SnoozeUntilInterval("day".into()))),
            ("reassign", r#"{"to":["user:ada","schedule:primary+1"]}"#, known(Action::Reassign { to })),
            ("note", r#"{"text":"the disk"}"#, known(Action::Note { text: "the disk".into() })),
            ("merge", r#"{"into":3}"#, known(Action::Merge { into: 3 })),
            ("akc", "", Err("there is no action `akc`; did you mean `ack`?")),
            (
                "dance",
                "",
                Err(
                    "there is no action `dance`; there are ack, unack, snooze, reassign, escalate, note, merge, resolve",
                ),
            ),
            (
                "ack",
                "[]",
                Err(
                    "the body cannot be read: invalid length 0, expected an object such as {\"comment\": \"on it\"} at line 1 column 2",
                ),
            ),
            (
                "ack",
                r#"{"coment":"x"}"#,
                Err(
                    "the body cannot be read: unknown field `coment`, expected one of `by`, `comment`, `for`, `until`, `until_interval`, `to`, `text`, `into` at line 1 column 9",
                ),
            ),
            ("ack", r#"{"for":"2h"}"#, Err("`for` says nothing about `ack`")),
            ("snooze", r#"{"for":"2h","into":4}"#, Err("`into` says nothing about `snooze`")),
            (
                "snooze",
                r#"{"for":"two hours"}"#,
                Err(
                    "`for`: not a duration: `two hours`; write numbers with the units y, w, d, h, m, s, ms in this order, such as `1h30m`",
                ),
            ),
            ("snooze", r#"{"for":"0s"}"#, Err("`for`: a duration longer than zero is needed")),
            (
                "snooze",
                r#"{"until":"tomorrow"}"#,
                Err("`until`: `tomorrow` is not a time such as 2026-11-22T03:00:00Z"),
            ),
            (
                "snooze",
                r#"{"for":"2h","until_interval":"day"}"#,
                Err(
                    "exactly one is needed of `for` (a duration such as `2h`), `until` (a time such as 2026-11-22T03:00:00Z), `until_interval` (the name of a time interval that begins then)",
                ),
            ),
            ("reassign", "", Err("`to` says to whom, such as `{\"to\": [\"user:ada\"]}`")),
            (
                "reassign",
                r#"{"to":["ada"]}"#,
                Err(
                    "`to`: `ada` is not of the form `user:NAME`, `team:NAME`, `schedule:NAME`, `schedule:NAME+1` or `channel:NAME`",
                ),
            ),
            ("note", "{}", Err("`text` is the note")),
            ("merge", "{}", Err("`into` is the number of the incident that it becomes part of")),
        ] {
            let found = Asked::read(action, body.as_bytes()).map(|asked| asked.action);
            assert_eq!(found.map_err(|error| error.to_string()), expected.map_err(str::to_owned), "{action} {body}");
        }
        let long = |field: &str, length: usize| format!(r#"{{"{field}":"{}"}}"#, "x".repeat(length));
        assert!(Asked::read("note", long("text", NOTE_BYTES_MAX + 1).as_bytes()).is_err());
        assert!(Asked::read("ack", long("comment", COMMENT_BYTES_MAX + 1).as_bytes()).is_err());
    }

    #[test]
    fn snoozes_end() {
        let times = vec![TimeRange { start: 540, end: 1020 }];
        let hours = |name: &str, items| TimeInterval { name: name.to_owned(), items };
        let intervals = [
            hours("business", vec![CalendarSpan { times, ..CalendarSpan::default() }]),
            hours("always", vec![CalendarSpan::default()]),
        ];
        let interval = |name: &str| AskedAction::SnoozeUntilInterval(name.to_owned());
        for (asked, expected) in [
            (AskedAction::SnoozeFor(Duration::from_secs(60)), Ok(60)),
            (interval("business"), Ok(32_400)),
            (interval("always"), Err("`until_interval`: `always` does not begin within 90 days")),
            (
                interval("busines"),
                Err("`until_interval`: there is no time interval `busines`; did you mean `business`?"),
            ),
        ] {
            let found = what_is_done(asked, Timestamp::from_seconds(0), &intervals);
            let expected = expected.map(|seconds| Action::Snooze { until: Timestamp::from_seconds(seconds) });
            assert_eq!(found.map_err(|error| error.to_string()), expected.map_err(str::to_owned));
        }
    }

    #[test]
    fn who_acts() {
        let roles = Roles::from(Role::Respond);
        let actor = |name: &str, is_user| Actor { name: name.into(), roles, address: None, is_user };
        for (actor, by, expected) in [
            (actor("ada", true), None, Some("ada")),
            (actor("ada", true), Some("bo"), Some("ada")),
            (actor("bot", false), None, Some("bot")),
            (actor("bot", false), Some(" bo "), Some("bo")),
            (Actor::anonymous(roles, None), None, Some("anonymous")),
            (Actor::anonymous(roles, None), Some("bo"), Some("bo")),
            (actor("bot", false), Some(""), None),
            (actor("bot", false), Some("a\nb"), None),
        ] {
            let expected = expected.map(|name| Who { name: name.to_owned(), via: Via::Api });
            assert_eq!(whose(&actor, by).ok(), expected, "{actor} {by:?}");
        }
    }
}
