//! Exceptions from a schedule: somebody takes a shift, swaps it, is on vacation.

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

impl Override {
    /// Whether it counts for `schedule` at `at`.
    pub(super) fn counts(&self, schedule: &str, at: Timestamp) -> bool {
        self.concerns(schedule) && self.from <= at && at < self.until
    }

    /// Whether it counts for `schedule` at all.
    pub(super) fn concerns(&self, schedule: &str) -> bool {
        self.schedule.as_deref().is_none_or(|own| own == schedule)
    }
}
