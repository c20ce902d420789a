//! Functions of one value, and those that bound or round it.

use crate::lang::{Call, Span};

use super::super::error::EvalError;
use super::super::instant::{Evaluator, Item, Moment};
use super::{argument, mapped};

/// The function `name` of one value.
pub(super) fn of_value(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "abs" => f64::abs,
        "ceil" => f64::ceil,
        "floor" => f64::floor,
        "sgn" => sign,
        "exp" => f64::exp,
        "ln" => f64::ln,
        "log2" => f64::log2,
        "log10" => f64::log10,
        "sqrt" => f64::sqrt,
        "acos" => f64::acos,
        "acosh" => f64::acosh,
        "asin" => f64::asin,
        "asinh" => f64::asinh,
        "atan" => f64::atan,
        "atanh" => f64::atanh,
        "cos" => f64::cos,
        "cosh" => f64::cosh,
        "sin" => f64::sin,
        "sinh" => f64::sinh,
        "tan" => f64::tan,
        "tanh" => f64::tanh,
        "deg" => |radians| radians * 180.0 / std::f64::consts::PI,
        "rad" => |degrees| degrees * std::f64::consts::PI / 180.0,
        _ => return None,
    })
}

/// -1, 1, or the zero or NaN itself.
fn sign(value: f64) -> f64 {
    if value < 0.0 {
        -1.0
    } else if value > 0.0 {
        1.0
    } else {
        value
    }
}

/// The lesser, NaN if either is.
pub(super) fn least(left: f64, right: f64) -> f64 {
    if left.is_nan() || right.is_nan() { f64::NAN } else { left.min(right) }
}

/// The greater, NaN if either is.
pub(super) fn greatest(left: f64, right: f64) -> f64 {
    if left.is_nan() || right.is_nan() { f64::NAN } else { left.max(right) }
}

impl Evaluator<'_> {
    /// `round`, `clamp`, `clamp_min`, `clamp_max`.
    pub(super) fn call_bounded(&mut self, call: &Call, span: &Span, moment: Moment) -> Result<Vec<Item>, EvalError> {
        let items = self.vector(argument(call, 0, span)?, moment)?;
        let mut scalars = Vec::new();
        for argument in call.args.iter().skip(1) {
            scalars.push(self.scalar(argument, moment)?);
        }
        Ok(match (call.function.name, scalars.as_slice()) {
            ("round", to) => {
                // Dividing by the inverse keeps round(x, 0.1) free of the error of 0.1.
                let inverse = 1.0 / to.first().copied().unwrap_or(1.0);
                mapped(items, |value| (value * inverse + 0.5).floor() / inverse)
            }
            ("clamp_min", [low]) => mapped(items, |value| greatest(*low, value)),
            ("clamp_max", [high]) => mapped(items, |value| least(*high, value)),
            ("clamp", [low, high]) if high < low => Vec::new(),
            ("clamp", [low, high]) => mapped(items, |value| greatest(*low, least(*high, value))),
            (name, _) => return Err(EvalError::parameter(format!("{name} needs more arguments"), span)),
        })
    }
}
