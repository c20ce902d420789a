//! The functions of the language, a file per subject.

pub(super) mod absent;
mod anomaly;
mod changes;
mod classic;
mod date;
pub(super) mod extended;
mod fitted;
mod histogram;
mod info;
mod label;
mod math;
mod over_time;
mod over_time_histogram;
pub(super) mod quantile;
mod rate;
mod rate_histogram;
pub(super) mod remark;
mod sort;
mod starts;
mod time;

use crate::lang::{Call, Expr, Span};

use super::error::{EvalError, EvalErrorKind};
use super::evaluator::{Computed, Evaluator, unlabelled};
use super::grid::Grid;
use super::row::Row;

impl<'q> Evaluator<'q> {
    /// What `call` yields at the moments of `grid`.
    pub(super) fn eval_call(&mut self, call: &Call, span: &Span, grid: Grid) -> Result<Computed<'q>, EvalError> {
        match self.scalar_call(call, span, grid)? {
            Some(values) => Ok(Computed::Scalar(values)),
            None => self.vector_call(call, span, grid).map(Computed::Vector),
        }
    }

    /// A call of a function that yields a scalar; `None` if it yields none.
    fn scalar_call(&mut self, call: &Call, span: &Span, grid: Grid) -> Result<Option<Vec<f64>>, EvalError> {
        let seconds = |millis: i64| millis as f64 / 1000.0;
        let axis = self.axis;
        let constant = match call.function.name {
            "time" => return Ok(Some(grid.moments().map(|at| at.seconds_f64()).collect())),
            "scalar" => {
                let rows = self.vector(argument(call, 0, span)?, grid)?;
                return Ok(Some((0..grid.len()).map(|step| only_value(&rows, step)).collect()));
            }
            "min_of" | "max_of" => {
                let first = self.scalar(argument(call, 0, span)?, grid)?;
                let second = self.scalar(argument(call, 1, span)?, grid)?;
                let chosen = if call.function.name == "min_of" { math::least } else { math::greatest };
                return Ok(Some(first.into_iter().zip(second).map(|(one, other)| chosen(one, other)).collect()));
            }
            "start" => seconds(axis.start_ms),
            "end" => seconds(axis.end_ms),
            "step" => seconds(axis.step_ms),
            "range" => seconds(axis.end_ms.saturating_sub(axis.start_ms)),
            "pi" => std::f64::consts::PI,
            _ => return Ok(None),
        };
        Ok(Some(vec![constant; grid.len()]))
    }

    /// A call of a function that yields an instant vector.
    fn vector_call(&mut self, call: &Call, span: &Span, grid: Grid) -> Result<Vec<Row>, EvalError> {
        let name = call.function.name;
        if let Some(function) = math::of_value(name) {
            let rows = self.vector(argument(call, 0, span)?, grid)?;
            return Ok(rows.into_iter().map(|row| row.map_floats(|_, value| Some(function(value)))).collect());
        }
        if let Some(function) = date::of_seconds(name) {
            let rows = match call.args.first() {
                Some(argument) => self.vector(argument, grid)?,
                None => vec![unlabelled(grid.moments().map(|at| at.seconds_f64()).collect())],
            };
            return Ok(rows.into_iter().map(|row| row.map_floats(|_, value| Some(function(value)))).collect());
        }
        match name {
            "vector" => Ok(vec![unlabelled(self.scalar(argument(call, 0, span)?, grid)?)]),
            "timestamp" | "start_timestamp" => self.call_timestamp(call, span, grid),
            "round" | "clamp" | "clamp_min" | "clamp_max" => self.call_bounded(call, span, grid),
            "rate" | "increase" | "delta" | "irate" | "idelta" => self.call_rate(call, span, grid),
            "deriv" | "predict_linear" | "double_exponential_smoothing" | "quantile_over_time" => {
                self.call_fitted(call, span, grid)
            }
            "zscore_over_time" | "mad_score_over_time" | "ewma" | "seasonal_score" | "forecast" | "time_to" => {
                self.call_anomaly(call, span, grid)
            }
            "absent" | "absent_over_time" => self.call_absent(call, span, grid),
            "label_replace" => self.call_label_replace(call, span, grid),
            "label_join" => self.call_label_join(call, span, grid),
            "sort" | "sort_desc" | "sort_by_label" | "sort_by_label_desc" => self.call_sort(call, span, grid),
            "info" => self.call_info(call, span, grid),
            name if name.starts_with("histogram_") => self.call_histogram(call, span, grid),
            name if name.ends_with("_over_time") || matches!(name, "changes" | "resets") => {
                self.call_over_time(call, span, grid)
            }
            _ => Err(EvalError::new(
                EvalErrorKind::Unsupported,
                format!("the function {name} is not evaluated yet"),
                &call.name_span,
            )),
        }
    }
}

/// The argument `index` of `call`.
fn argument<'a>(call: &'a Call, index: usize, span: &Span) -> Result<&'a Expr, EvalError> {
    let missing = || EvalError::parameter(format!("{} needs more arguments", call.function.name), span);
    call.args.get(index).ok_or_else(missing)
}

/// The number of the only series that has one at `step`, or NaN.
fn only_value(rows: &[Row], step: usize) -> f64 {
    let mut values = rows.iter().filter_map(|row| row.points[step].float());
    match (values.next(), values.next()) {
        (Some(value), None) => value,
        _ => f64::NAN,
    }
}
