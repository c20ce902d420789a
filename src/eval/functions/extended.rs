//! Change between borders that are not left to extrapolation: `anchored` and `smoothed`.

use crate::model::{Sample, Timestamp};

/// The value at `at` on the line through two samples.
pub(in super::super) fn interpolate(before: Sample, after: Sample, at: Timestamp) -> f64 {
    let since_before = |at: Timestamp| at.millis().saturating_sub(before.at.millis()) as f64;
    let share = since_before(at) / since_before(after.at);
    before.value + (after.value - before.value) * share
}
