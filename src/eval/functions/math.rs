//! Functions of one value, and those that bound or round it.

use crate::lang::{Call, Span};

use super::super::error::EvalError;
use super::super::evaluator::Evaluator;
use super::super::grid::Grid;
use super::super::row::Row;
use super::argument;

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

/// The lesser: negative infinity if either is that, else NaN if either is.
pub(super) fn least(left: f64, right: f64) -> f64 {
    if left == f64::NEG_INFINITY || right == f64::NEG_INFINITY {
        return f64::NEG_INFINITY;
    }
    if left.is_nan() || right.is_nan() { f64::NAN } else { left.min(right) }
}

/// The greater: infinity if either is that, else NaN if either is.
pub(super) fn greatest(left: f64, right: f64) -> f64 {
    if left == f64::INFINITY || right == f64::INFINITY {
        return f64::INFINITY;
    }
    if left.is_nan() || right.is_nan() { f64::NAN } else { left.max(right) }
}

impl Evaluator<'_> {
    /// `round`, `clamp`, `clamp_min`, `clamp_max`.
    pub(super) fn call_bounded(&mut self, call: &Call, span: &Span, grid: Grid) -> Result<Vec<Row>, EvalError> {
        let rows = self.vector(argument(call, 0, span)?, grid)?;
        let mut scalars = Vec::new();
        for argument in call.args.iter().skip(1) {
            scalars.push(self.scalar(argument, grid)?);
        }
        let bounded = |step: usize, value: f64| match (call.function.name, scalars.as_slice()) {
            ("round", to) => {
                // Dividing by the inverse keeps round(x, 0.1) free of the error of 0.1.
                let inverse = 1.0 / to.first().map_or(1.0, |to| to[step]);
                Some((value * inverse + 0.5).floor() / inverse)
            }
            ("clamp_min", [low]) => Some(greatest(low[step], value)),
            ("clamp_max", [high]) => Some(least(high[step], value)),
            ("clamp", [low, high]) => (high[step] >= low[step] || high[step].is_nan() || low[step].is_nan())
                .then(|| greatest(low[step], least(high[step], value))),
            _ => None,
        };
        Ok(rows.into_iter().map(|row| row.map_floats(bounded)).collect())
    }
}
