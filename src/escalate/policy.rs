//! Escalation policies: who is paged after which time.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Who is paged after which time, until somebody answers. An incident keeps the policy that it began with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EscalationPolicy {
    /// The name that receivers refer to.
    pub name: String,
    /// The steps; at least one.
    pub steps: Vec<Step>,
    /// How often all steps are gone through again, and how long after the last one.
    pub repeat: RepeatPolicy,
    /// Who is paged after the last round, and when nobody else can be: users, teams or channels; never empty.
    pub fallback: Vec<Target>,
    /// How often the fallback is paged again, from then on until somebody answers.
    pub repage: Duration,
    /// How long an acknowledgement holds; `None` until the end.
    pub ack_timeout: Option<Duration>,
    /// How long before that whoever acknowledged is reminded.
    pub ack_reminder: Duration,
    /// After what time an incident that nobody answers is closed as stale; `None` never.
    pub max_age: Option<Duration>,
    /// For how long after its end the same incident is opened again if its alerts fire again.
    pub reopen_within: Duration,
    /// The labels whose values alerts of one incident share, whatever their rules and groups; empty: an incident for each
    /// group of alerts.
    pub correlate_by: Vec<String>,
    /// Whether alerts of services that depend on each other share an incident, within `correlate_by`.
    pub correlate_dependencies: bool,
}

/// One step of a policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// How long after the step before, or after the beginning; `None`: the response time of the incident's severity, for the
    /// first step at once.
    pub after: Option<Duration>,
    /// Who is paged.
    pub targets: Vec<Target>,
    /// The time interval outside of which the step is left out.
    pub when: Option<String>,
    /// How often it is repeated before the next one.
    pub repeat: Option<StepRepeat>,
}

/// Repetitions of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRepeat {
    /// How many times more it pages.
    pub times: u32,
    /// After which time each.
    pub every: Duration,
}

/// Repetitions of all steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepeatPolicy {
    /// How many times more all steps are gone through.
    pub times: u32,
    /// How long after the last page the first step comes again, or the fallback its turn; `None`: the response time of the
    /// incident's severity.
    pub every: Option<Duration>,
}

/// Who or what is paged.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A user, by their notification rule.
    User(String),
    /// Everybody of a team.
    Team(String),
    /// Whoever is on call.
    Schedule {
        /// By this schedule.
        name: String,
        /// After so many changes of who is on call: 1 is the next.
        offset: usize,
    },
    /// A receiver, also one that stands for a webhook of the policy.
    Channel(String),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::User(name) => write!(f, "user:{name}"),
            Target::Team(name) => write!(f, "team:{name}"),
            Target::Schedule { name, offset: 0 } => write!(f, "schedule:{name}"),
            Target::Schedule { name, offset } => write!(f, "schedule:{name}+{offset}"),
            Target::Channel(name) => write!(f, "channel:{name}"),
        }
    }
}

impl Target {
    /// Reads what is displayed: `user:NAME`, `team:NAME`, `schedule:NAME`, `schedule:NAME+OFFSET` or `channel:NAME`.
    pub fn parse(text: &str) -> Option<Target> {
        let (kind, name) = text.split_once(':').filter(|(_, name)| !name.is_empty())?;
        Some(match kind {
            "user" => Target::User(name.to_owned()),
            "team" => Target::Team(name.to_owned()),
            "channel" => Target::Channel(name.to_owned()),
            "schedule" => {
                let offset = name.rsplit_once('+').and_then(|(name, offset)| Some((name, offset.parse().ok()?)));
                let (name, offset) = offset.unwrap_or((name, 0));
                Target::Schedule { name: name.to_owned(), offset }
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_as_they_are_written() {
        for (text, offset) in
            [("user:ada", None), ("team:web", None), ("channel:#ops", None), ("schedule:a+b", Some(0))]
        {
            let target = Target::parse(text).unwrap();
            assert_eq!(target.to_string(), text);
            let found = match target {
                Target::Schedule { offset, .. } => Some(offset),
                _ => None,
            };
            assert_eq!(found, offset, "{text}");
        }
        let next = Target::Schedule { name: "primary".to_owned(), offset: 1 };
        assert_eq!(Target::parse("schedule:primary+1"), Some(next));
        for text in ["", "ada", "user:", "planet:mars"] {
            assert_eq!(Target::parse(text), None, "{text}");
        }
    }
}
