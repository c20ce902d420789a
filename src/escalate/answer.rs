//! What people do about an incident.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Target;
use crate::model::Timestamp;

/// How long a note may be, in bytes.
pub const NOTE_BYTES_MAX: usize = 4 << 10;

/// Somebody does something about an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The number of the incident.
    pub incident: u64,
    /// What they do.
    pub action: Action,
    /// Who.
    pub who: Who,
    /// The token that was used up by it, if it came by a link that is good for one time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub once: Option<String>,
}

/// Who did something, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// The name of a user where that is known, else how the other system calls them.
    pub name: String,
    /// How.
    pub via: Via,
}

/// By which way an answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// The HTTP interface, the command line included.
    Api,
    /// A link in a message.
    Link,
    /// A button in Slack.
    Slack,
    /// A reply by SMS.
    Sms,
    /// PagerDuty.
    Pagerduty,
    /// A button in Telegram.
    Telegram,
}

impl Via {
    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Via::Api => "API",
            Via::Link => "link",
            Via::Slack => "Slack",
            Via::Sms => "SMS",
            Via::Pagerduty => "PagerDuty",
            Via::Telegram => "Telegram",
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by {}", self.name, self.via.as_str())
    }
}

/// What is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "action")]
pub enum Action {
    /// They take care of it: paging stops.
    Ack,
    /// They do not: paging begins again.
    Unack,
    /// It may wait; paging begins again then.
    Snooze {
        /// Until when.
        until: Timestamp,
    },
    /// Others are to take care of it: they are paged now, and the next step waits for them.
    Reassign {
        /// Who.
        to: Vec<Target>,
    },
    /// The next step is due now.
    Escalate,
    /// Something to know.
    Note {
        /// What.
        text: String,
    },
    /// It is the same as another: its alerts go over to that one.
    Merge {
        /// The number of the other.
        into: u64,
    },
    /// It is over.
    Resolve,
}

impl Action {
    /// Its name in the API, the command line and the audit log.
    pub fn name(&self) -> &'static str {
        match self {
            Action::Ack => "ack",
            Action::Unack => "unack",
            Action::Snooze { .. } => "snooze",
            Action::Reassign { .. } => "reassign",
            Action::Escalate => "escalate",
            Action::Note { .. } => "note",
            Action::Merge { .. } => "merge",
            Action::Resolve => "resolve",
        }
    }
}

/// Why an answer is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// There is no such incident.
    #[error("there is no incident {0}")]
    Unknown(u64),
    /// It is over.
    #[error("incident {0} is closed")]
    Closed(u64),
    /// It waits for nobody's acknowledgement to be taken back.
    #[error("incident {0} is neither acknowledged nor snoozed")]
    NotAnswered(u64),
    /// An incident cannot become part of itself.
    #[error("incident {0} cannot be merged into itself")]
    MergeIntoItself(u64),
    /// The end of a snooze has passed or is too far away.
    #[error("incident {0} cannot be snoozed until {1}: that has passed, or is more than 90 days away")]
    SnoozePast(u64, Timestamp),
    /// Nobody would be paged.
    #[error("nobody is named who is to take care of incident {0}")]
    Nobody(u64),
    /// Somebody is named who is not configured.
    #[error("`{0}` is not configured")]
    UnknownTarget(String),
    /// The link was used.
    #[error("this link was used already; incident {0} stays as it is")]
    Used(u64),
    /// A note is empty or too long.
    #[error("a note has 1 to {NOTE_BYTES_MAX} bytes")]
    Note,
}

/// How long a snooze may last.
pub const SNOOZE_MAX: Duration = Duration::from_secs(90 * 24 * 60 * 60);
