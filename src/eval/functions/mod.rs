//! The functions of the language, a file per subject.

pub(super) mod absent;
mod date;
pub(super) mod extended;
mod histogram;
mod info;
mod label;
mod math;
pub(super) mod over_time;
mod rate;
mod sort;

use crate::lang::{Call, Expr, ExprKind, Span};
use crate::model::{Labels, Timestamp};

use super::error::{EvalError, EvalErrorKind};
use super::instant::{Computed, Evaluator, Item, Moment, unwrap_parens};

impl<'q> Evaluator<'q> {
    /// What `call` yields at `moment`.
    pub(super) fn eval_call(&mut self, call: &Call, span: &Span, moment: Moment) -> Result<Computed<'q>, EvalError> {
        let name = call.function.name;
        let seconds = |at: Timestamp| at.seconds_f64();
        let scalar = match name {
            "time" => Some(seconds(moment.at)),
            "start" => Some(self.axis.start_ms as f64 / 1000.0),
            "end" => Some(self.axis.end_ms as f64 / 1000.0),
            "step" => Some(self.axis.step_ms as f64 / 1000.0),
            "range" => Some(self.axis.end_ms.saturating_sub(self.axis.start_ms) as f64 / 1000.0),
            "pi" => Some(std::f64::consts::PI),
            "scalar" => Some(match self.vector(argument(call, 0, span)?, moment)?.as_slice() {
                [item] => item.value,
                _ => f64::NAN,
            }),
            "min_of" | "max_of" => {
                let first = self.scalar(argument(call, 0, span)?, moment)?;
                let second = self.scalar(argument(call, 1, span)?, moment)?;
                Some(if name == "min_of" { math::least(first, second) } else { math::greatest(first, second) })
            }
            _ => None,
        };
        match scalar {
            Some(value) => Ok(Computed::Scalar(value)),
            None => self.vector_call(call, span, moment).map(Computed::Vector),
        }
    }

    /// A call of a function that yields an instant vector.
    fn vector_call(&mut self, call: &Call, span: &Span, moment: Moment) -> Result<Vec<Item>, EvalError> {
        let name = call.function.name;
        if let Some(function) = math::of_value(name) {
            return Ok(mapped(self.vector(argument(call, 0, span)?, moment)?, function));
        }
        if let Some(function) = date::of_seconds(name) {
            let items = match call.args.first() {
                Some(argument) => self.vector(argument, moment)?,
                None => vec![unlabelled(moment.at.seconds_f64())],
            };
            return Ok(mapped(items, function));
        }
        if let Some(function) = over_time::of_samples(name) {
            return self.over_window(call, span, moment, function);
        }
        match name {
            "vector" => Ok(vec![unlabelled(self.scalar(argument(call, 0, span)?, moment)?)]),
            "timestamp" => self.call_timestamp(argument(call, 0, span)?, moment),
            // Samples carry no start times.
            "start_timestamp" => {
                self.vector(argument(call, 0, span)?, moment)?;
                Ok(Vec::new())
            }
            "round" | "clamp" | "clamp_min" | "clamp_max" => self.call_bounded(call, span, moment),
            "rate" | "increase" | "delta" | "irate" | "idelta" => self.call_rate(call, span, moment),
            "deriv" | "predict_linear" | "double_exponential_smoothing" | "quantile_over_time" => {
                self.call_fitted(call, span, moment)
            }
            "absent" | "absent_over_time" => self.call_absent(call, span, moment),
            "label_replace" => self.call_label_replace(call, span, moment),
            "label_join" => self.call_label_join(call, span, moment),
            "sort" | "sort_desc" | "sort_by_label" | "sort_by_label_desc" => self.call_sort(call, span, moment),
            "info" => self.call_info(call, span, moment),
            "histogram_quantile" | "histogram_quantiles" | "histogram_fraction" => {
                self.call_classic_histogram(call, span, moment)
            }
            // These read native histograms, which floats are not.
            "histogram_avg" | "histogram_count" | "histogram_sum" | "histogram_stddev" | "histogram_stdvar" => {
                self.vector(argument(call, 0, span)?, moment)?;
                Ok(Vec::new())
            }
            _ => Err(EvalError::new(
                EvalErrorKind::Unsupported,
                format!("the function {name} is not evaluated yet"),
                &call.name_span,
            )),
        }
    }

    /// `timestamp(x)`: of a selector the time of its samples, of anything else that of the evaluation.
    fn call_timestamp(&mut self, expr: &Expr, moment: Moment) -> Result<Vec<Item>, EvalError> {
        if let ExprKind::Selector(selector) = &unwrap_parens(expr).kind {
            let found = self.select(selector, &expr.span, moment)?;
            let item = |(labels, sample): (Labels, crate::model::Sample)| Item {
                labels,
                value: sample.at.seconds_f64(),
                drop_name: true,
            };
            return Ok(found.into_iter().map(item).collect());
        }
        Ok(mapped(self.vector(expr, moment)?, |_| moment.at.seconds_f64()))
    }
}

/// The argument `index` of `call`.
fn argument<'a>(call: &'a Call, index: usize, span: &Span) -> Result<&'a Expr, EvalError> {
    let missing = || EvalError::parameter(format!("{} needs more arguments", call.function.name), span);
    call.args.get(index).ok_or_else(missing)
}

/// `items` with `function` applied to their values, without names.
fn mapped(items: Vec<Item>, function: impl Fn(f64) -> f64) -> Vec<Item> {
    items.into_iter().map(|item| Item { value: function(item.value), drop_name: true, ..item }).collect()
}

/// The one element of a vector without labels.
fn unlabelled(value: f64) -> Item {
    Item { labels: Labels::default(), value, drop_name: false }
}
