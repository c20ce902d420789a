//! Durations that are computed: `step()`, `range()`, arithmetic.

use crate::lang::{BinaryOp, DurationExpr, DurationKind};

use super::error::{EvalError, EvalErrorKind};

/// The time axis of a query: one moment, or from `start` to `end` in steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Axis {
    /// The first moment, in milliseconds.
    pub(super) start_ms: i64,
    /// The last moment, in milliseconds.
    pub(super) end_ms: i64,
    /// The distance of the steps in milliseconds; 0 for an instant query.
    pub(super) step_ms: i64,
}

/// Durations beyond this are refused, so that no time arithmetic comes near its limits: about 292 years.
const DURATION_MS_MAX: f64 = 9.223e12;

/// `duration` in whole milliseconds, cut towards zero; may be negative.
///
/// # Errors
///
/// Results that are no number or too large, as after a division by zero.
pub(super) fn millis(duration: &DurationExpr, axis: &Axis) -> Result<i64, EvalError> {
    let step = axis.step_ms as f64 / 1000.0;
    let range = axis.end_ms.saturating_sub(axis.start_ms) as f64 / 1000.0;
    if let Some(problem) = zero_divisor(duration, step, range) {
        return Err(EvalError::new(EvalErrorKind::InvalidDuration, problem, &duration.span));
    }
    let millis = duration.seconds(Some(step), Some(range)).unwrap_or(f64::NAN) * 1000.0;
    // Arithmetic in seconds may fall a hair short of a whole millisecond.
    let millis = if (millis - millis.round()).abs() < 1e-6 { millis.round() } else { millis };
    if millis.is_nan() || millis.abs() > DURATION_MS_MAX {
        return Err(EvalError::new(EvalErrorKind::InvalidDuration, "duration is out of range", &duration.span));
    }
    Ok(millis as i64)
}

/// What is wrong with a division by zero inside `duration`, if there is one.
fn zero_divisor(duration: &DurationExpr, step: f64, range: f64) -> Option<&'static str> {
    let inside = |inner: &DurationExpr| zero_divisor(inner, step, range);
    match &duration.kind {
        DurationKind::Unary(_, inner) | DurationKind::Paren(inner) => inside(inner),
        DurationKind::MinOf(one, other) | DurationKind::MaxOf(one, other) => inside(one).or_else(|| inside(other)),
        DurationKind::Binary(op, one, other) => inside(one).or_else(|| inside(other)).or_else(|| {
            let is_zero = other.seconds(Some(step), Some(range)) == Some(0.0);
            match op {
                BinaryOp::Div if is_zero => Some("division by zero"),
                BinaryOp::Mod if is_zero => Some("modulo by zero"),
                _ => None,
            }
        }),
        DurationKind::Millis(_) | DurationKind::Seconds(_) | DurationKind::Step | DurationKind::Range => None,
    }
}

/// `duration` in whole milliseconds, greater than zero.
///
/// # Errors
///
/// As [`millis`], and durations that are zero or negative.
pub(super) fn positive_millis(duration: &DurationExpr, axis: &Axis) -> Result<i64, EvalError> {
    let millis = millis(duration, axis)?;
    if millis <= 0 {
        return Err(EvalError::new(EvalErrorKind::InvalidDuration, "duration must be greater than 0", &duration.span));
    }
    Ok(millis)
}
