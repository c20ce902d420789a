//! What people write to answer: `ack 12`, `12`, `snooze 12 2h`, `help`.

use std::time::Duration;

use super::SNOOZE;
use crate::escalate::Action;
use crate::model::{Timestamp, parse_duration};

/// How much of a message is read, in bytes.
const TEXT_BYTES_MAX: usize = 1 << 10;

/// What somebody who was not understood hears.
pub const HELP: &str = "Write ack 12, resolve 12, snooze 12 2h or escalate 12, with the number of the incident.";

/// What somebody does about an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// They take care of it.
    Ack,
    /// It is over.
    Resolve,
    /// It waits for so long.
    Snooze(Duration),
    /// The next step is due now.
    Escalate,
}

impl Verb {
    /// What it does at `now`.
    pub fn action(self, now: Timestamp) -> Action {
        match self {
            Verb::Ack => Action::Ack,
            Verb::Resolve => Action::Resolve,
            Verb::Snooze(duration) => Action::Snooze { until: now + duration },
            Verb::Escalate => Action::Escalate,
        }
    }

    /// The verb of a button: the last part of its name, such as `ack` of `watchbell.ack`.
    pub(super) fn of_button(name: &str) -> Option<Verb> {
        match name {
            "ack" => Some(Verb::Ack),
            "resolve" => Some(Verb::Resolve),
            "snooze" => Some(Verb::Snooze(SNOOZE)),
            "escalate" => Some(Verb::Escalate),
            _ => None,
        }
    }

    fn of_word(word: &str) -> Option<Verb> {
        match word {
            "ack" | "acknowledge" | "acknowledged" | "ok" | "okay" | "yes" => Some(Verb::Ack),
            "resolve" | "resolved" | "close" => Some(Verb::Resolve),
            "snooze" => Some(Verb::Snooze(SNOOZE)),
            "escalate" => Some(Verb::Escalate),
            _ => None,
        }
    }
}

/// What a message asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// How one answers.
    Help,
    /// Something is done about the incident of that number; about the one that is meant, without a number.
    Do(Verb, Option<u64>),
}

impl Command {
    /// What `text` asks for; none if it is not clear. A number alone acknowledges. What follows verb and number is passed over, so that
    /// courtesy does no harm.
    pub fn read(text: &str) -> Option<Command> {
        let text = text[..text.floor_char_boundary(TEXT_BYTES_MAX)].to_lowercase();
        let words = words(&text);
        let mut words = words.iter().map(String::as_str);
        let first = words.next()?;
        if matches!(first, "help" | "?") {
            return Some(Command::Help);
        }
        let rest: Vec<&str> = words.collect();
        if let Ok(number) = first.parse() {
            return match rest.split_first() {
                None => Some(Command::Do(Verb::Ack, Some(number))),
                Some((verb, rest)) => Some(Command::Do(for_as_long(Verb::of_word(verb)?, rest)?, Some(number))),
            };
        }
        let verb = Verb::of_word(first)?;
        match rest.split_first() {
            None => Some(Command::Do(verb, None)),
            Some((number, rest)) if number.parse::<u64>().is_ok() => {
                Some(Command::Do(for_as_long(verb, rest)?, number.parse().ok()))
            }
            Some((duration, [])) if matches!(verb, Verb::Snooze(_)) => {
                Some(Command::Do(Verb::Snooze(parse_duration(duration).ok()?), None))
            }
            Some(_) => None,
        }
    }
}

/// The verb with the duration that follows; none if what follows to `snooze` is no duration.
fn for_as_long(verb: Verb, rest: &[&str]) -> Option<Verb> {
    match (verb, rest) {
        (Verb::Snooze(_), ["for", duration, ..] | [duration, ..]) => parse_duration(duration).ok().map(Verb::Snooze),
        _ => Some(verb),
    }
}

/// The words of `text`: without signs around them, and letters apart from digits that follow (`ack12`); `/ack@bot` is `ack`.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for word in text.split_whitespace() {
        let word = word.split('@').next().unwrap_or_default();
        let word = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '?');
        let digits = word.find(|c: char| c.is_ascii_digit()).unwrap_or(word.len());
        let (letters, number) = word.split_at(digits);
        let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
        match letters.is_empty() || number.is_empty() || !is_number {
            true => words.push(word.to_owned()),
            false => words.extend([letters.trim_end_matches(['#', '-', ':']).to_owned(), number.to_owned()]),
        }
    }
    words.retain(|word| !word.is_empty() && word != "incident");
    words
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn messages() {
        let hours = |hours: u64| Verb::Snooze(Duration::from_secs(hours * 3600));
        for (text, expected) in [
            ("ack 12", Some(Command::Do(Verb::Ack, Some(12)))),
            ("ACK12", Some(Command::Do(Verb::Ack, Some(12)))),
            ("Ack #12.", Some(Command::Do(Verb::Ack, Some(12)))),
            ("ack#12", Some(Command::Do(Verb::Ack, Some(12)))),
            ("12 ack", Some(Command::Do(Verb::Ack, Some(12)))),
            ("  12 ", Some(Command::Do(Verb::Ack, Some(12)))),
            ("ack 12, thank you", Some(Command::Do(Verb::Ack, Some(12)))),
            ("ack incident 12", Some(Command::Do(Verb::Ack, Some(12)))),
            ("ok", Some(Command::Do(Verb::Ack, None))),
            ("Yes!", Some(Command::Do(Verb::Ack, None))),
            ("/ack@watch_bot 12", Some(Command::Do(Verb::Ack, Some(12)))),
            ("/ack", Some(Command::Do(Verb::Ack, None))),
            ("resolve 12", Some(Command::Do(Verb::Resolve, Some(12)))),
            ("12 resolved", Some(Command::Do(Verb::Resolve, Some(12)))),
            ("snooze 12 2h", Some(Command::Do(hours(2), Some(12)))),
            ("snooze 12 for 2h", Some(Command::Do(hours(2), Some(12)))),
            ("12 snooze 2h", Some(Command::Do(hours(2), Some(12)))),
            ("snooze 12", Some(Command::Do(hours(1), Some(12)))),
            ("snooze 2h", Some(Command::Do(hours(2), None))),
            ("snooze12", Some(Command::Do(hours(1), Some(12)))),
            ("escalate 12", Some(Command::Do(Verb::Escalate, Some(12)))),
            ("help", Some(Command::Help)),
            ("HELP me", Some(Command::Help)),
            ("?", Some(Command::Help)),
            ("", None),
            ("snooze 12 long", None),
            ("not ack 12", None),
            ("12 is not mine", None),
            ("ok what is this", None),
            ("who is on call", None),
            ("-12", Some(Command::Do(Verb::Ack, Some(12)))),
            ("ack 99999999999999999999999", None),
            ("ack 1.5", None),
        ] {
            assert_eq!(Command::read(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_done() {
        let now = Timestamp::from_seconds(100);
        assert_eq!(Verb::Snooze(SNOOZE).action(now), Action::Snooze { until: Timestamp::from_seconds(3_700) });
        assert_eq!(Verb::of_button("escalate").map(|verb| verb.action(now)), Some(Action::Escalate));
        assert_eq!(Verb::of_button("ok"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "\\PC*") {
            let _ = Command::read(&text);
        }

        #[test]
        fn words_of_the_language_too(words in proptest::collection::vec(
            prop_oneof!["ack", "12", "snooze", "[0-9]{1,3}[hms@/?#é]", "for", "/"], 0..6)) {
            let _ = Command::read(&words.join(" "));
        }
    }
}
