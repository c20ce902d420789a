//! Change between borders that are not left to extrapolation: `anchored` and `smoothed`.

use crate::lang::RangeExtension;
use crate::model::{Sample, Timestamp};

use super::super::selector::Window;

/// The value at `at` on the line through two samples.
pub(in super::super) fn interpolate(before: Sample, after: Sample, at: Timestamp) -> f64 {
    let since_before = |at: Timestamp| at.millis().saturating_sub(before.at.millis()) as f64;
    let share = since_before(at) / since_before(after.at);
    before.value + (after.value - before.value) * share
}

/// The change from the window's start to its end. Anchored: from the last sample not after the start; smoothed: between
/// values interpolated at both borders. A counter's resets are added back.
pub(super) fn change(samples: &[Sample], window: &Window<'_>, is_counter: bool) -> Option<f64> {
    let (first, last) = (samples.first()?, samples.last()?);
    let smoothed = window.extension == Some(RangeExtension::Smoothed);
    let mut left = first.value;
    let mut right = last.value;
    if smoothed && first.at < window.start {
        let mut before = *first;
        let after = *samples.get(1)?;
        if is_counter && after.value < before.value {
            before.value = 0.0;
        }
        left = interpolate(before, after, window.start);
    }
    if smoothed && last.at > window.end {
        let before = *samples.get(samples.len().checked_sub(2)?)?;
        let mut after = *last;
        if is_counter && after.value < before.value {
            after.value += before.value;
        }
        right = interpolate(before, after, window.end);
    }
    let mut change = right - left;
    if is_counter {
        let inside = samples.iter().filter(|sample| sample.at > window.start && sample.at < window.end);
        let mut previous = left;
        for value in inside.map(|sample| sample.value).chain([right]) {
            if value < previous {
                change += previous;
            }
            previous = value;
        }
    }
    Some(change)
}
