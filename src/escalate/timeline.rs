//! What happened to an incident, as data.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Action, Begun, Cause, Who};
use crate::model::{Labels, Timestamp};

/// Why an incident is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "why")]
pub enum Closed {
    /// None of its alerts fires.
    AlertsOver,
    /// Somebody said so.
    Resolved {
        /// Who.
        by: Who,
    },
    /// It is part of another.
    Merged {
        /// The number of the other.
        into: u64,
        /// Who said so.
        by: Who,
    },
    /// Nobody answered within the policy's `max_age`.
    Stale,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub what: Happening,
}

/// What can happen to an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "happening")]
pub enum Happening {
    /// It was opened, or opened again.
    Opened {
        /// Why.
        begun: Begun,
    },
    /// An alert belongs to it that did not.
    AlertJoined {
        /// Its labels.
        labels: Labels,
    },
    /// An alert is over.
    AlertOver {
        /// Its labels.
        labels: Labels,
    },
    /// Somebody is paged.
    Paged {
        /// Whom; none for a channel.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<String>,
        /// Through which receiver.
        receiver: String,
        /// Why.
        cause: Cause,
    },
    /// A step is left out.
    StepSkipped {
        /// Which one, from 1.
        step: usize,
        /// The time interval that does not hold.
        when: String,
    },
    /// Nobody is on call by a schedule that others stand in for.
    NobodyOnCall {
        /// The schedule.
        schedule: String,
    },
    /// A page has arrived.
    Arrived {
        /// Through which receiver.
        receiver: String,
    },
    /// A page could not be delivered.
    Failed {
        /// Through which receiver.
        receiver: String,
        /// What went wrong; no secrets.
        error: String,
    },
    /// A page that waited to be sent is not sent any more, because somebody has answered.
    Withdrawn {
        /// Through which receiver.
        receiver: String,
    },
    /// A page that was due waits: all of its alerts are silenced, inhibited, or over and about to be told so.
    Held,
    /// Nobody has answered within the response time of its severity.
    DeadlineMissed,
    /// A step came much later than it was due.
    Overdue {
        /// By how much.
        late: Duration,
    },
    /// Somebody did something.
    Answered {
        /// What.
        #[serde(flatten)]
        action: Action,
        /// Who.
        who: Who,
    },
    /// Whoever acknowledged is reminded.
    Reminded,
    /// It became part of another, or another became part of it.
    Merged {
        /// The number of the other.
        other: u64,
    },
    /// It is over.
    Closed {
        /// Why.
        #[serde(flatten)]
        why: Closed,
    },
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Closed::AlertsOver => write!(f, "none of its alerts fires"),
            Closed::Resolved { by } => write!(f, "resolved by {by}"),
            Closed::Merged { into, by } => write!(f, "merged into {into} by {by}"),
            Closed::Stale => write!(f, "nobody answered within the policy's max_age"),
        }
    }
}
