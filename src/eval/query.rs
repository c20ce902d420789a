//! Instant and range queries.

use std::time::Duration;

use crate::lang::{Expr, Span};
use crate::model::{HistogramSample, Labels, Sample, SampleValue, Timestamp};
use crate::series::Querier;

use super::duration::Axis;
use super::error::{EvalError, EvalErrorKind};
use super::evaluator::{Computed, Evaluator, unlabelled};
use super::functions::extended::shown;
use super::grid::Grid;
use super::row::{Row, final_labels, merged};
use super::selector::Windows;
use super::{Element, Evaluated, Options, Series, Value};

/// What `expr` yields at `at` over the samples of `querier`.
///
/// # Errors
///
/// Series that do not match uniquely, results with equal labels, parameters out of range, and evaluations past the
/// limits of `options`.
pub fn instant(querier: &dyn Querier, expr: &Expr, at: Timestamp, options: &Options) -> Result<Evaluated, EvalError> {
    let axis = Axis { start_ms: at.millis(), end_ms: at.millis(), step_ms: 0 };
    let mut evaluator = Evaluator::new(querier, options, axis);
    let value = match evaluator.eval(expr, Grid::instant(at))? {
        Computed::Scalar(values) => Value::Scalar(values.first().copied().unwrap_or(f64::NAN)),
        Computed::String(text) => Value::String(text),
        Computed::Vector(rows) => Value::Vector(elements(rows, &expr.span)?),
        Computed::Matrix(windows) => Value::Matrix(seen(&windows, &expr.span)?),
    };
    Ok(Evaluated { value, warnings: evaluator.warnings })
}

/// What `expr` yields at `start` and every `step` after it until `end`: a matrix in order of labels. A scalar is the
/// series without labels.
///
/// # Errors
///
/// As [`instant`], a zero step, and expressions that are neither scalar nor instant vector.
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
    if end < start {
        return Ok(Evaluated { value: Value::Matrix(Vec::new()), warnings: Vec::new() });
    }
    let steps = (end.millis().saturating_sub(start.millis()) / step_ms).saturating_add(1);
    let grid = Grid::steps(start.millis(), step_ms, evaluator.checked_steps(steps, &expr.span)?);
    let rows = match evaluator.eval(expr, grid)? {
        Computed::Scalar(values) => vec![unlabelled(values)],
        Computed::Vector(rows) => rows,
        Computed::String(_) | Computed::Matrix(_) => {
            let text = "invalid expression type for range query, must be scalar or instant vector";
            return Err(EvalError::new(EvalErrorKind::InvalidType, text, &expr.span));
        }
    };
    let mut series: Vec<Series> = finished(rows, &expr.span)?.into_iter().map(|row| as_series(row, grid)).collect();
    series.retain(|series| !series.samples.is_empty() || !series.histograms.is_empty());
    series.sort_unstable_by(|left, right| left.labels.cmp(&right.labels));
    Ok(Evaluated { value: Value::Matrix(series), warnings: evaluator.warnings })
}

/// Removes the names that are to be removed and joins or refuses equal label sets.
fn finished(mut rows: Vec<Row>, span: &Span) -> Result<Vec<Row>, EvalError> {
    rows.retain(Row::is_present);
    for row in &mut rows {
        row.labels = final_labels(std::mem::take(&mut row.labels), row.drop_name);
    }
    merged(rows).map_err(|()| EvalError::duplicate(span))
}

fn elements(rows: Vec<Row>, span: &Span) -> Result<Vec<Element>, EvalError> {
    let element = |mut row: Row| {
        let value = std::mem::take(row.points.first_mut()?).into_value()?;
        Some(Element { labels: row.labels, value })
    };
    Ok(finished(rows, span)?.into_iter().filter_map(element).collect())
}

fn as_series(row: Row, grid: Grid) -> Series {
    let mut series = Series { labels: row.labels, samples: Vec::new(), histograms: Vec::new() };
    for (at, point) in grid.moments().zip(row.points) {
        match point.into_value() {
            None => {}
            Some(SampleValue::Float(value)) => series.samples.push(Sample::new(at, value)),
            Some(SampleValue::Histogram(histogram)) => series.histograms.push(HistogramSample { at, histogram }),
        }
    }
    series
}

/// The samples inside the windows of a range vector at one moment.
fn seen(windows: &Windows<'_>, span: &Span) -> Result<Vec<Series>, EvalError> {
    let mut found = Vec::new();
    let mut taken = hashbrown::HashSet::<Labels>::new();
    for track in windows.tracks() {
        windows.each_window(track, |window| {
            let labels = final_labels(track.labels.clone(), track.drop_name);
            if !taken.insert(labels.clone()) {
                return Err(EvalError::duplicate(span));
            }
            let (samples, histograms) = shown(window);
            found.push(Series { labels, samples, histograms });
            Ok(())
        })?;
    }
    Ok(found)
}
