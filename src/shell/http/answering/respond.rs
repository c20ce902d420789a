//! What all ways have in common: who somebody is, which incident they mean, and what they hear.

use tracing::{info, warn};

use super::{Author, Desk};
use crate::engine::{Audit, Engine};
use crate::escalate::{Action, Answer, AnswerError, Incident, Via, Who};
use crate::model::Timestamp;
use crate::shell::answers::command::HELP;
use crate::shell::answers::{Command, Seen, Verb, done_text};
use crate::shell::service::Stopping;

/// How many incidents are named to somebody who has to say which one they mean.
const NAMED_MAX: usize = 10;

/// The incident as it is now; none if there is none of that number.
pub(super) async fn look(desk: &Desk, number: u64) -> Result<Option<Seen>, Stopping> {
    let now = desk.clock.now();
    desk.decider.read(move |engine| Seen::find(engine, number, now)).await
}

/// Hands `answer` over, with the note of who gave it. Returns once it is on disk.
pub(super) async fn take(desk: &Desk, author: &Author, answer: Answer) -> Result<Result<(), AnswerError>, Stopping> {
    let (incident, who, action) = (answer.incident, answer.who.clone(), answer.action.name());
    let via = who.via.as_str();
    let audit = Audit {
        who: who.name.clone(),
        reason: format!("by {via}"),
        ..author.audit(&format!("incident.{action}"), &incident.to_string())
    };
    let outcome = desk.decider.answer(answer, audit).await?;
    desk.metrics.answered(who.via, if outcome.is_ok() { "taken" } else { "not_taken" });
    match &outcome {
        Ok(()) => info!(incident, who = who.name, via, action, "answered"),
        Err(error) => warn!(%error, incident, who = who.name, via, action, "an answer is not taken"),
    }
    Ok(outcome)
}

/// The user whom `system` knows by one of `names`.
pub(super) async fn user_known_as(
    desk: &Desk,
    system: &'static str,
    names: Vec<String>,
) -> Result<Option<String>, Stopping> {
    let find = move |engine: &Engine| {
        let people = &engine.plan().escalation.people;
        let known = |name: &String| people.iter().find(|person| person.is_known_as(system, name));
        names.iter().find_map(known).map(|person| person.user.clone())
    };
    desk.decider.read(find).await
}

/// Does what `command` says in the name of `who`; returns what they hear. `user` is the one whose incidents are meant where no number
/// is given.
pub(super) async fn obey(
    desk: &Desk,
    author: &Author,
    command: Option<Command>,
    who: Who,
    user: Option<&str>,
) -> Result<String, Stopping> {
    let Some(Command::Do(verb, number)) = command else { return Ok(HELP.to_owned()) };
    let number = match (number, user) {
        (Some(number), _) => number,
        (None, None) => return Ok(format!("Which incident? {HELP}")),
        (None, Some(user)) => match meant(desk, user, verb).await? {
            Ok(number) => number,
            Err(question) => return Ok(question),
        },
    };
    answer(desk, author, Answer { incident: number, action: verb.action(desk.clock.now()), who, once: None }).await
}

/// Gives an answer; returns what the one who gives it hears.
pub(super) async fn answer(desk: &Desk, author: &Author, answer: Answer) -> Result<String, Stopping> {
    let now = desk.clock.now();
    let (number, action, who) = (answer.incident, answer.action.clone(), answer.who.clone());
    if let Some(seen) = look(desk, number).await?
        && let Some(text) = needless(&seen, &action, &who, now)
    {
        desk.metrics.answered(who.via, "needless");
        info!(
            incident = number,
            who = who.name,
            via = who.via.as_str(),
            action = action.name(),
            "an answer changes nothing"
        );
        return Ok(text);
    }
    Ok(match take(desk, author, answer).await? {
        Ok(()) => done_text(&action, number),
        Err(error @ AnswerError::Unknown(_)) => format!("Nothing was changed: {error}."),
        Err(error) => match look(desk, number).await? {
            Some(seen) => format!("Nothing was changed: {error}. Incident {number} is {}.", seen.standing(now)),
            None => format!("Nothing was changed: {error}."),
        },
    })
}

/// What is said to somebody who acknowledges what they, or somebody else, have acknowledged.
fn needless(seen: &Seen, action: &Action, who: &Who, now: Timestamp) -> Option<String> {
    let standing = seen.standing(now);
    if seen.is_done(action, &who.name) {
        return Some(format!("Incident {} is {standing}.", seen.number));
    }
    let other = seen.acknowledged_by().filter(|other| *action == Action::Ack && *other != who.name)?;
    Some(format!(
        "{other} was quicker: incident {} is {standing}. To take it over, open a link of a message or run: watchbell ack {}",
        seen.number, seen.number
    ))
}

/// The one incident that `user` means, or what to ask them.
async fn meant(desk: &Desk, user: &str, verb: Verb) -> Result<Result<u64, String>, Stopping> {
    let name = user.to_owned();
    let found = desk.decider.read(move |engine| {
        let is_meant = |incident: &&Incident| {
            let waits = if verb == Verb::Ack { incident.is_open() } else { !incident.is_closed() };
            waits && incident.paged.iter().any(|paged| paged.user.as_deref() == Some(&name))
        };
        engine.incidents().iter().filter(is_meant).map(|incident| incident.number).collect::<Vec<_>>()
    });
    let numbers = found.await?;
    Ok(match numbers.as_slice() {
        [number] => Ok(*number),
        [] => Err("No incident waits for you. Say the number of the one you mean.".to_owned()),
        _ => {
            let named: Vec<String> = numbers.iter().rev().take(NAMED_MAX).map(u64::to_string).collect();
            Err(format!("Which one? You were paged for incidents {}. {HELP}", named.join(", ")))
        }
    })
}

/// Somebody, by the name of the user where that is known.
pub(super) fn who(user: Option<&str>, name: &str, via: Via) -> Who {
    Who { name: user.unwrap_or(name).to_owned(), via }
}
