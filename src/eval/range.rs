//! Range queries: the instant evaluation, step by step.

use std::time::Duration;

use crate::lang::Expr;
use crate::model::{Labels, Sample, Timestamp};
use crate::series::Querier;

use super::duration::Axis;
use super::error::{EvalError, EvalErrorKind};
use super::instant::{Computed, Evaluator, Moment, final_labels};
use super::{Evaluated, Options, Series, Value};

/// What `expr` yields at `start` and every `step` after it until `end`: a matrix in order of labels. A scalar is the
/// series without labels.
///
/// # Errors
///
/// As [`instant`](super::instant()), a zero step, and expressions that are neither scalar nor instant vector.
pub fn range(
    querier: &dyn Querier,
    expr: &Expr,
    start: Timestamp,
    end: Timestamp,
    step: Duration,
    options: &Options,
) -> Result<Evaluated, EvalError> {
    let step_ms = i64::try_from(step.as_millis()).unwrap_or(i64::MAX);
    if step_ms == 0 {
        return Err(EvalError::new(EvalErrorKind::InvalidDuration, "the step must be greater than 0", &expr.span));
    }
    let axis = Axis { start_ms: start.millis(), end_ms: end.millis(), step_ms };
    let mut evaluator = Evaluator::new(querier, options, axis);
    let steps = if end < start { 0 } else { (end.millis().saturating_sub(start.millis()) / step_ms).saturating_add(1) };
    evaluator.take_steps(usize::try_from(steps).unwrap_or(usize::MAX), &expr.span)?;
    let mut series: Vec<Series> = Vec::new();
    let mut index_of = hashbrown::HashMap::<Labels, usize>::new();
    for index in 0..steps {
        let at = Timestamp::from_millis(start.millis().saturating_add(index.saturating_mul(step_ms)));
        let points: Vec<(Labels, f64)> = match evaluator.eval(expr, Moment { at, first: start, last: end })? {
            Computed::Scalar(value) => vec![(Labels::default(), value)],
            Computed::Vector(items) => {
                items.into_iter().map(|item| (final_labels(item.labels, item.drop_name), item.value)).collect()
            }
            Computed::String(_) | Computed::Matrix(_) => {
                let text = "invalid expression type for range query, must be scalar or instant vector";
                return Err(EvalError::new(EvalErrorKind::InvalidType, text, &expr.span));
            }
        };
        evaluator.hold_samples(points.len(), &expr.span)?;
        for (labels, value) in points {
            let index = *index_of.entry(labels).or_insert_with_key(|labels| {
                series.push(Series { labels: labels.clone(), samples: Vec::new(), histograms: Vec::new() });
                series.len() - 1
            });
            let samples = &mut series[index].samples;
            if samples.last().is_some_and(|last| last.at == at) {
                return Err(EvalError::duplicate(&expr.span));
            }
            samples.push(Sample::new(at, value));
        }
    }
    series.sort_by(|left, right| left.labels.cmp(&right.labels));
    Ok(Evaluated { value: Value::Matrix(series), warnings: evaluator.warnings })
}
