//! Functions that fit something to the floats of a window: `deriv`, `predict_linear`, `double_exponential_smoothing`,
//! `quantile_over_time`.

use crate::lang::{Call, Span};
use crate::model::{Sample, Timestamp, format_value};

use super::super::compensated::Sum;
use super::super::error::EvalError;
use super::super::evaluator::Evaluator;
use super::super::grid::Grid;
use super::super::row::{Point, Row};
use super::super::selector::{Window, seconds_between};
use super::argument;
use super::over_time::over_floats;
use super::quantile::Quantiles;
use super::remark::{Notebook, Remark, Remarks};

impl Evaluator<'_> {
    /// `deriv`, `predict_linear`, `double_exponential_smoothing`, `quantile_over_time`.
    pub(super) fn call_fitted(&mut self, call: &Call, span: &Span, grid: Grid) -> Result<Vec<Row>, EvalError> {
        let name = call.function.name;
        let window_index = usize::from(name == "quantile_over_time");
        let windows = self.windows(argument(call, window_index, span)?, grid)?;
        self.check_extension(name, &windows, span)?;
        let mut scalars = Vec::new();
        for (_, argument) in call.args.iter().enumerate().filter(|(index, _)| *index != window_index) {
            scalars.push(self.scalar(argument, grid)?);
        }
        let mut notebook = Notebook::default();
        let mut rows = match (name, scalars.as_slice()) {
            ("deriv", _) => windows.rows(|window| Ok(fitted(window, &mut notebook, slope))),
            ("predict_linear", [later]) => windows.rows(|window| {
                let predicted = |samples: &[Sample]| {
                    let (slope, value) = line_through(samples, window.at);
                    slope * later[window.step] + value
                };
                Ok(fitted(window, &mut notebook, predicted))
            }),
            ("double_exponential_smoothing", [smoothing, trend]) => windows.rows(|window| {
                let (smoothing, trend) = (smoothing[window.step], trend[window.step]);
                check_factors(smoothing, trend, span)?;
                Ok(fitted(window, &mut notebook, |samples| smoothed_level(samples, smoothing, trend)))
            }),
            ("quantile_over_time", [ranks]) => {
                let mut quantiles = Quantiles::default();
                let rows = over_floats(&windows, &mut notebook, |window| {
                    quantiles.of(ranks[window.step], window.samples.iter().map(|sample| sample.value))
                })?;
                self.check_asked_ranks(&rows, ranks, &argument(call, 0, span)?.span);
                Ok(rows)
            }
            _ => return Err(EvalError::parameter(format!("{name} needs more arguments"), span)),
        }?;
        self.remark_all(&notebook, &argument(call, 0, span)?.span);
        rows.iter_mut().for_each(|row| row.drop_name = true);
        Ok(rows)
    }

    /// Remarks on ranks that are none, at moments at which they are asked for.
    fn check_asked_ranks(&mut self, rows: &[Row], ranks: &[f64], span: &Span) {
        let is_asked = |step: usize| rows.iter().any(|row| row.points[step].is_present());
        for (step, rank) in ranks.iter().enumerate() {
            if !(0.0..=1.0).contains(rank) && is_asked(step) {
                self.check_quantile(*rank, span);
            }
        }
    }
}

/// What `fit` makes of the floats of the window, of which it needs two; histograms are passed over with a remark.
fn fitted(window: &Window<'_>, notebook: &mut Notebook, fit: impl FnOnce(&[Sample]) -> f64) -> Point {
    if !window.samples.is_empty() && !window.histograms.is_empty() {
        notebook.note(Remarks::only(Remark::HistogramsIgnored), window.labels);
    }
    if window.samples.len() < 2 { Point::Absent } else { Point::Float(fit(window.samples)) }
}

fn slope(samples: &[Sample]) -> f64 {
    // A time near those of the samples keeps the sums small.
    samples.first().map_or(f64::NAN, |first| line_through(samples, first.at).0)
}

/// Slope per second and value at `origin` of the least-squares line through the samples.
pub(super) fn line_through(samples: &[Sample], origin: Timestamp) -> (f64, f64) {
    let Some(first) = samples.first() else { return (f64::NAN, f64::NAN) };
    if samples.iter().all(|sample| sample.value == first.value) {
        return if first.value.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first.value) };
    }
    let (mut x_sum, mut y_sum, mut xy_sum, mut xx_sum) = <(Sum, Sum, Sum, Sum)>::default();
    for sample in samples {
        let x = seconds_between(origin, sample.at);
        x_sum.add(x);
        y_sum.add(sample.value);
        xy_sum.add(x * sample.value);
        xx_sum.add(x * x);
    }
    let count = samples.len() as f64;
    let (x_sum, y_sum) = (x_sum.value(), y_sum.value());
    let covariance = xy_sum.value() - x_sum * y_sum / count;
    let variance = xx_sum.value() - x_sum * x_sum / count;
    let slope = covariance / variance;
    (slope, y_sum / count - slope * x_sum / count)
}

fn check_factors(smoothing: f64, trend: f64, span: &Span) -> Result<(), EvalError> {
    for (factor, word, short) in [(smoothing, "smoothing", "sf"), (trend, "trend", "tf")] {
        if factor <= 0.0 || factor >= 1.0 {
            let got = if factor.is_finite() { format!("{factor:.6}") } else { format_value(factor) };
            let text = format!("invalid {word} factor. Expected: 0 < {short} < 1, got: {got}");
            return Err(EvalError::parameter(text, span));
        }
    }
    Ok(())
}

/// The level after double exponential smoothing (Holt's linear method) of two samples or more.
fn smoothed_level(samples: &[Sample], smoothing: f64, trend_factor: f64) -> f64 {
    let [first, second, ..] = samples else { return f64::NAN };
    let (mut previous, mut level, mut trend) = (0.0, first.value, second.value - first.value);
    for (index, sample) in samples.iter().enumerate().skip(1) {
        if index > 1 {
            trend = trend_factor * (level - previous) + (1.0 - trend_factor) * trend;
        }
        let next = smoothing * sample.value + (1.0 - smoothing) * (level + trend);
        (previous, level) = (level, next);
    }
    level
}
