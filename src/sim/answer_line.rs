//! What people do about incidents, as lines of text: `ack 1 by ben via link`.

use std::time::Duration;

use crate::escalate::{Action, Answer, Target, Via, Who};
use crate::model::{Timestamp, parse_duration};

/// A line that says of no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerLineError {
    /// It begins with none of the actions.
    #[error("`{0}` is none of ack, unack, snooze, reassign, escalate, note, merge, resolve")]
    Action(String),
    /// The number of the incident is missing or is none.
    #[error("`{0}` is not the number of an incident")]
    Number(String),
    /// A word is not one that belongs there.
    #[error("`{0}` was not expected; after the number come `by NAME`, `via WAY` and what the action needs")]
    Word(String),
    /// Something is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A value is not what it should be.
    #[error("`{text}` is not {wanted}")]
    Value {
        /// What is written.
        text: String,
        /// What it should be.
        wanted: &'static str,
    },
}

/// Reads an answer that is given at `now`: an action, the number of the incident, and then in any order `by NAME`, `via WAY`
/// (`api` if left out), and what the action needs: `for DURATION` or `until MOMENT` (RFC 3339) of `snooze`, `to TARGET[,...]` of
/// `reassign`, `into NUMBER` of `merge`. The text of a `note` comes last, after a colon.
///
/// # Errors
///
/// A line that says something else.
pub fn parse_answer(line: &str, now: Timestamp) -> Result<Answer, AnswerLineError> {
    let (head, text) = match line.split_once(": ") {
        Some((head, text)) => (head, Some(text.trim())),
        None => (line, None),
    };
    let mut words = head.split_whitespace();
    let action = words.next().unwrap_or_default();
    let incident = number(words.next().unwrap_or_default())?;
    let mut given = Given { text, ..Given::default() };
    while let Some(word) = words.next() {
        let place = match word {
            "by" => &mut given.by,
            "via" => &mut given.via,
            "for" => &mut given.duration,
            "until" => &mut given.until,
            "to" => &mut given.to,
            "into" => &mut given.into,
            _ => return Err(AnswerLineError::Word(word.to_owned())),
        };
        *place = Some(words.next().ok_or(AnswerLineError::Missing("the last word"))?);
    }
    let via = given.via.take().map_or(Ok(Via::Api), way)?;
    let name = given.by.take().ok_or(AnswerLineError::Missing("`by NAME`"))?.to_owned();
    let action = given.action(action, now)?;
    match given.left() {
        Some(word) => Err(AnswerLineError::Word(word.to_owned())),
        None => Ok(Answer { incident, action, who: Who { name, via }, once: None }),
    }
}

/// What a line gives.
#[derive(Default)]
struct Given<'a> {
    by: Option<&'a str>,
    via: Option<&'a str>,
    duration: Option<&'a str>,
    until: Option<&'a str>,
    to: Option<&'a str>,
    into: Option<&'a str>,
    text: Option<&'a str>,
}

impl<'a> Given<'a> {
    /// The action of that name; what it needs is taken.
    fn action(&mut self, name: &str, now: Timestamp) -> Result<Action, AnswerLineError> {
        Ok(match name {
            "ack" => Action::Ack,
            "unack" => Action::Unack,
            "escalate" => Action::Escalate,
            "resolve" => Action::Resolve,
            "snooze" => Action::Snooze { until: self.end(now)? },
            "reassign" => {
                let to = self.to.take().ok_or(AnswerLineError::Missing("`to TARGET`"))?;
                let target = |text: &str| Target::parse(text).ok_or_else(|| value(text, "a target such as user:ada"));
                Action::Reassign { to: to.split(',').map(target).collect::<Result<_, _>>()? }
            }
            "merge" => {
                Action::Merge { into: number(self.into.take().ok_or(AnswerLineError::Missing("`into NUMBER`"))?)? }
            }
            "note" => {
                let text = self.text.take().ok_or(AnswerLineError::Missing("`: ` and a text"))?;
                Action::Note { text: text.to_owned() }
            }
            _ => return Err(AnswerLineError::Action(name.to_owned())),
        })
    }

    fn end(&mut self, now: Timestamp) -> Result<Timestamp, AnswerLineError> {
        match (self.duration.take(), self.until.take()) {
            (Some(text), _) => {
                let duration: Duration = parse_duration(text).map_err(|_| value(text, "a duration such as 2h"))?;
                Ok(now + duration)
            }
            (None, Some(text)) => {
                Timestamp::parse_rfc3339(text).ok_or_else(|| value(text, "a moment such as 2026-11-22T05:00:00Z"))
            }
            (None, None) => Err(AnswerLineError::Missing("`for DURATION` or `until MOMENT`")),
        }
    }

    /// Something that the action has no use for.
    fn left(&self) -> Option<&'a str> {
        [self.duration, self.until, self.to, self.into, self.text].into_iter().flatten().next()
    }
}

fn value(text: &str, wanted: &'static str) -> AnswerLineError {
    AnswerLineError::Value { text: text.to_owned(), wanted }
}

fn number(text: &str) -> Result<u64, AnswerLineError> {
    text.parse().map_err(|_| AnswerLineError::Number(text.to_owned()))
}

fn way(text: &str) -> Result<Via, AnswerLineError> {
    Ok(match text {
        "api" => Via::Api,
        "link" => Via::Link,
        "slack" => Via::Slack,
        "sms" => Via::Sms,
        "pagerduty" => Via::Pagerduty,
        "telegram" => Via::Telegram,
        _ => return Err(value(text, "one of api, link, slack, sms, pagerduty, telegram")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1000);

    #[test]
    fn answers_are_read() {
        for (line, number, shown) in [
            ("ack 1 by ben via link", 1, "ben by link: acknowledged"),
            ("unack 1 by ben", 1, "ben by API: acknowledgement taken back"),
            ("snooze 2 for 1h by ada via sms", 2, "ada by SMS: snoozed until 1970-01-01T01:16:40Z"),
            ("snooze 2 by ada until 2026-11-22T05:00:00Z", 2, "ada by API: snoozed until 2026-11-22T05:00:00Z"),
            ("reassign 3 to user:eve,team:web by ben", 3, "ben by API: reassigned to user:eve, team:web"),
            ("escalate 3 by ben via slack", 3, "ben by Slack: escalated"),
            ("note 3 by ben: a disk: full by noon", 3, "ben by API: note: a disk: full by noon"),
            ("merge 3 into 4 by ben via telegram", 3, "ben by Telegram: merged into 4"),
            ("resolve 3 by ben via pagerduty", 3, "ben by PagerDuty: resolved"),
        ] {
            let answer = parse_answer(line, NOW).unwrap_or_else(|error| panic!("{line}: {error}"));
            assert_eq!(answer.incident, number, "{line}");
            assert_eq!(format!("{}: {}", answer.who, answer.action), shown, "{line}");
        }
    }

    #[test]
    fn other_lines_are_refused() {
        for (line, error) in [
            ("", "`` is not the number of an incident"),
            ("sing 1 by ben", "`sing` is none of ack, unack, snooze, reassign, escalate, note, merge, resolve"),
            ("ack one by ben", "`one` is not the number of an incident"),
            ("ack 1", "`by NAME` is missing"),
            ("ack 1 by", "the last word is missing"),
            (
                "ack 1 by ben for 2h",
                "`2h` was not expected; after the number come `by NAME`, `via WAY` and what the action needs",
            ),
            ("ack 1 by ben via owl", "`owl` is not one of api, link, slack, sms, pagerduty, telegram"),
            ("snooze 1 by ben", "`for DURATION` or `until MOMENT` is missing"),
            ("snooze 1 by ben for ever", "`ever` is not a duration such as 2h"),
            ("snooze 1 by ben until noon", "`noon` is not a moment such as 2026-11-22T05:00:00Z"),
            ("reassign 1 by ben to eve", "`eve` is not a target such as user:ada"),
            ("merge 1 by ben", "`into NUMBER` is missing"),
            ("note 1 by ben", "`: ` and a text is missing"),
        ] {
            let found = parse_answer(line, NOW).map_err(|error| error.to_string());
            assert_eq!(found, Err(error.to_owned()), "{line}");
        }
    }
}
