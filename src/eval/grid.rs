//! The moments at which a part of an expression is evaluated.

use crate::model::Timestamp;

/// Evenly spaced moments; one for an instant query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grid {
    first_ms: i64,
    step_ms: i64,
    count: usize,
}

impl Grid {
    /// One moment.
    pub(super) fn instant(at: Timestamp) -> Self {
        Grid { first_ms: at.millis(), step_ms: 0, count: 1 }
    }

    /// `count` moments from `first_ms` on, `step_ms` apart; at least one.
    pub(super) fn steps(first_ms: i64, step_ms: i64, count: usize) -> Self {
        Grid { first_ms, step_ms, count: count.max(1) }
    }

    /// How many moments there are.
    pub(super) fn len(self) -> usize {
        self.count
    }

    /// The moment `step`, from 0.
    pub(super) fn at(self, step: usize) -> Timestamp {
        Timestamp::from_millis(self.first_ms.saturating_add(self.step_ms.saturating_mul(as_millis(step))))
    }

    /// All moments.
    pub(super) fn moments(self) -> impl ExactSizeIterator<Item = Timestamp> {
        (0..self.count).map(move |step| self.at(step))
    }

    /// The first moment alone.
    pub(super) fn first_only(self) -> Grid {
        Grid { step_ms: 0, count: 1, ..self }
    }

    /// The moments as seen through `shift`.
    pub(super) fn shifted(self, shift: Shift) -> Grid {
        match shift.fixed_ms {
            Some(fixed_ms) => {
                Grid { first_ms: fixed_ms.saturating_sub(shift.offset_ms), step_ms: 0, count: self.count }
            }
            None => Grid { first_ms: self.first_ms.saturating_sub(shift.offset_ms), ..self },
        }
    }
}

/// What `@` and `offset` do to a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shift {
    /// The moment that `@` names.
    pub(super) fixed_ms: Option<i64>,
    /// How much earlier.
    pub(super) offset_ms: i64,
}

fn as_millis(step: usize) -> i64 {
    i64::try_from(step).unwrap_or(i64::MAX)
}

/// `at` less `millis`, which may be negative.
pub(super) fn earlier(at: Timestamp, millis: i64) -> Timestamp {
    Timestamp::from_millis(at.millis().saturating_sub(millis))
}
