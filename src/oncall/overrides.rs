//! Exceptions from a schedule: somebody takes a shift, swaps it, is on vacation.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::Timestamp;

/// An exception for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// Its id.
    pub id: String,
    /// The schedule; `None` for all.
    pub schedule: Option<String>,
    /// When it begins.
    pub from: Timestamp,
    /// When it is over.
    pub until: Timestamp,
    /// What is different.
    pub change: OverrideChange,
    /// Who made it.
    pub created_by: String,
    /// Why.
    pub comment: String,
}

/// What is different.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum OverrideChange {
    /// Somebody is on call too.
    Add {
        /// Who.
        user: String,
    },
    /// Somebody is not on call, and nobody takes their place.
    Remove {
        /// Who.
        user: String,
    },
    /// Somebody is on call in place of somebody else, whenever these would be.
    Replace {
        /// Who would be.
        user: String,
        /// Who is.
        by: String,
    },
    /// Somebody is away: in their turns the next in the rotation is on call.
    Absent {
        /// Who.
        user: String,
    },
}

impl OverrideChange {
    /// For whom something is different: by their clock times count that name no schedule.
    pub fn user(&self) -> &str {
        match self {
            OverrideChange::Add { user }
            | OverrideChange::Remove { user }
            | OverrideChange::Replace { user, .. }
            | OverrideChange::Absent { user } => user,
        }
    }

    /// Everybody whom it names.
    pub fn users(&self) -> impl Iterator<Item = &str> {
        let by = match self {
            OverrideChange::Replace { by, .. } => Some(by.as_str()),
            _ => None,
        };
        std::iter::once(self.user()).chain(by)
    }
}

impl fmt::Display for OverrideChange {
    /// `cy instead of ada`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OverrideChange::Add { user } => write!(f, "{user} too"),
            OverrideChange::Remove { user } => write!(f, "without {user}"),
            OverrideChange::Replace { user, by } => write!(f, "{by} instead of {user}"),
            OverrideChange::Absent { user } => write!(f, "{user} is absent"),
        }
    }
}

/// Where an override stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OverrideState {
    /// It has begun.
    Active,
    /// It has not begun.
    Pending,
    /// It is over.
    Expired,
}

impl OverrideState {
    /// `active`, `pending` or `expired`.
    pub fn as_str(self) -> &'static str {
        match self {
            OverrideState::Active => "active",
            OverrideState::Pending => "pending",
            OverrideState::Expired => "expired",
        }
    }
}

impl Override {
    /// Where it stands at `now`.
    pub fn state(&self, now: Timestamp) -> OverrideState {
        match (self.until <= now, self.from <= now) {
            (true, _) => OverrideState::Expired,
            (false, true) => OverrideState::Active,
            (false, false) => OverrideState::Pending,
        }
    }

    /// Whether it counts for `schedule` at `at`.
    pub(super) fn counts(&self, schedule: &str, at: Timestamp) -> bool {
        self.concerns(schedule) && self.from <= at && at < self.until
    }

    /// Whether it counts for `schedule` at all.
    pub(super) fn concerns(&self, schedule: &str) -> bool {
        self.schedule.as_deref().is_none_or(|own| own == schedule)
    }
}
