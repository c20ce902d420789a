//! Functions over the samples of a window.

use std::sync::Arc;

use crate::lang::{Call, Span};
use crate::model::{Sample, Timestamp};

use super::super::compensated::{Mean, Sum, Variance};
use super::super::error::EvalError;
use super::super::evaluator::Evaluator;
use super::super::grid::Grid;
use super::super::row::{Point, Row};
use super::super::selector::{Window, Windows};
use super::quantile::Quantiles;
use super::remark::{Notebook, Remark, Remarks};
use super::{argument, changes, over_time_histogram};

impl Evaluator<'_> {
    /// The functions `*_over_time` of one argument, `changes` and `resets`.
    pub(super) fn call_over_time(&mut self, call: &Call, span: &Span, grid: Grid) -> Result<Vec<Row>, EvalError> {
        let name = call.function.name;
        let expr = argument(call, 0, span)?;
        let windows = self.windows(expr, grid)?;
        self.check_extension(name, &windows, span)?;
        let mut notebook = Notebook::default();
        let mut rows = match name {
            "count_over_time" => of_both(&windows, |window| (window.samples.len() + window.histograms.len()) as f64),
            "present_over_time" => of_both(&windows, |_| 1.0),
            "ts_of_first_over_time" => of_both(&windows, |window| first_at(window).seconds_f64()),
            "ts_of_last_over_time" => of_both(&windows, |window| last_at(window).seconds_f64()),
            "first_over_time" => windows.rows(|window| Ok(first(window))),
            "last_over_time" => windows.rows(|window| Ok(last(window))),
            "sum_over_time" => total(&windows, &mut notebook, sum, over_time_histogram::sum),
            "avg_over_time" => total(&windows, &mut notebook, mean, over_time_histogram::mean),
            "changes" => windows.rows(|window| Ok(changes::changes(window).into())),
            "resets" => windows.rows(|window| Ok(changes::resets(window).into())),
            "min_over_time" => {
                of_floats(&windows, &mut notebook, |samples| extreme(samples, |value, best| value < best))
            }
            "max_over_time" => {
                of_floats(&windows, &mut notebook, |samples| extreme(samples, |value, best| value > best))
            }
            "stdvar_over_time" => of_floats(&windows, &mut notebook, variance),
            "stddev_over_time" => of_floats(&windows, &mut notebook, |samples| variance(samples).sqrt()),
            "ts_of_min_over_time" => {
                of_floats(&windows, &mut notebook, |samples| time_of_last(samples, |value, best| value <= best))
            }
            "ts_of_max_over_time" => {
                of_floats(&windows, &mut notebook, |samples| time_of_last(samples, |value, best| value >= best))
            }
            "mad_over_time" => {
                let mut quantiles = Quantiles::default();
                of_floats(&windows, &mut notebook, |samples| median_deviation(&mut quantiles, samples))
            }
            _ => {
                let text = format!("the function {name} is not evaluated yet");
                return Err(EvalError::new(super::super::EvalErrorKind::Unsupported, text, &call.name_span));
            }
        }?;
        self.remark_all(&notebook, &expr.span);
        let keeps_name = matches!(name, "first_over_time" | "last_over_time");
        rows.iter_mut().for_each(|row| row.drop_name |= !keeps_name);
        Ok(rows)
    }
}

/// A number of each window, whatever it holds.
fn of_both(windows: &Windows<'_>, function: impl Fn(&Window<'_>) -> f64) -> Result<Vec<Row>, EvalError> {
    windows.rows(|window| Ok(Point::Float(function(window))))
}

/// A number of the floats of each window; histograms are passed over with a remark.
fn of_floats(
    windows: &Windows<'_>,
    notebook: &mut Notebook,
    mut function: impl FnMut(&[Sample]) -> f64,
) -> Result<Vec<Row>, EvalError> {
    over_floats(windows, notebook, |window| function(window.samples))
}

/// A number of each window that has floats; histograms are passed over with a remark.
pub(super) fn over_floats(
    windows: &Windows<'_>,
    notebook: &mut Notebook,
    mut function: impl FnMut(&Window<'_>) -> f64,
) -> Result<Vec<Row>, EvalError> {
    windows.rows(|window| {
        if window.samples.is_empty() {
            return Ok(Point::Absent);
        }
        if !window.histograms.is_empty() {
            notebook.note(Remarks::only(Remark::HistogramsIgnored), window.labels);
        }
        Ok(Point::Float(function(window)))
    })
}

/// What comes of adding up the floats or the histograms of each window; of both together nothing.
fn total(
    windows: &Windows<'_>,
    notebook: &mut Notebook,
    of_floats: impl Fn(&[Sample]) -> f64,
    of_histograms: over_time_histogram::OfHistograms,
) -> Result<Vec<Row>, EvalError> {
    windows.rows(|window| {
        if window.histograms.is_empty() {
            return Ok(Point::Float(of_floats(window.samples)));
        }
        let mut remarks = Remarks::default();
        let point = match window.samples {
            [] => of_histograms(window.histograms, &mut remarks),
            _ => {
                remarks.add(Remark::MixedTypes);
                None
            }
        };
        notebook.note(remarks, window.labels);
        Ok(point.map_or(Point::Absent, |histogram| Point::Histogram(histogram.into())))
    })
}

fn sum(samples: &[Sample]) -> f64 {
    let mut sum = Sum::default();
    samples.iter().for_each(|sample| sum.add(sample.value));
    sum.value()
}

fn mean(samples: &[Sample]) -> f64 {
    let mut mean = Mean::default();
    samples.iter().for_each(|sample| mean.add(sample.value));
    mean.value()
}

fn variance(samples: &[Sample]) -> f64 {
    let mut variance = Variance::default();
    samples.iter().for_each(|sample| variance.add(sample.value));
    variance.value()
}

/// The value that beats all others; NaN only among NaNs.
fn extreme(samples: &[Sample], beats: impl Fn(f64, f64) -> bool) -> f64 {
    let better = |best: f64, value: f64| if beats(value, best) || best.is_nan() { value } else { best };
    const LANES: usize = 4;
    let mut bests = [f64::NAN; LANES];
    let chunks = samples.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (best, sample) in bests.iter_mut().zip(chunk) {
            *best = better(*best, sample.value);
        }
    }
    let best = bests.into_iter().chain(rest.iter().map(|sample| sample.value)).fold(f64::NAN, better);
    if best != 0.0 {
        return best;
    }
    // Of zeros with and without sign it is the first that counts.
    samples.iter().fold(f64::NAN, |best, sample| better(best, sample.value))
}

/// The time of the last sample that beats or equals all others.
fn time_of_last(samples: &[Sample], beats: impl Fn(f64, f64) -> bool) -> f64 {
    let better = |best: Sample, sample: &Sample| {
        if beats(sample.value, best.value) || best.value.is_nan() { *sample } else { best }
    };
    let first = samples.first().copied();
    first.map_or(f64::NAN, |first| samples.iter().fold(first, better).at.seconds_f64())
}

/// The median of the distances from the median.
fn median_deviation(quantiles: &mut Quantiles, samples: &[Sample]) -> f64 {
    let median = quantiles.of(0.5, samples.iter().map(|sample| sample.value));
    quantiles.of(0.5, samples.iter().map(|sample| (sample.value - median).abs()))
}

fn first_at(window: &Window<'_>) -> Timestamp {
    let float = window.samples.first().map_or(Timestamp::MAX, |sample| sample.at);
    window.histograms.first().map_or(float, |sample| sample.at.min(float))
}

fn last_at(window: &Window<'_>) -> Timestamp {
    let float = window.samples.last().map_or(Timestamp::MIN, |sample| sample.at);
    window.histograms.last().map_or(float, |sample| sample.at.max(float))
}

fn first(window: &Window<'_>) -> Point {
    match (window.samples.first(), window.histograms.first()) {
        (Some(sample), Some(histogram)) if sample.at < histogram.at => Point::Float(sample.value),
        (_, Some(histogram)) => Point::Histogram(Arc::clone(&histogram.histogram)),
        (sample, None) => sample.map(|sample| sample.value).into(),
    }
}

fn last(window: &Window<'_>) -> Point {
    match (window.samples.last(), window.histograms.last()) {
        (Some(sample), Some(histogram)) if histogram.at < sample.at => Point::Float(sample.value),
        (_, Some(histogram)) => Point::Histogram(Arc::clone(&histogram.histogram)),
        (sample, None) => sample.map(|sample| sample.value).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(values: &[f64]) -> Vec<Sample> {
        let sample = |(at, value): (i64, &f64)| Sample::new(Timestamp::from_seconds(at), *value);
        (0..).zip(values).map(sample).collect()
    }

    #[test]
    fn extremes() {
        let nan = f64::NAN;
        for (values, least, most) in [
            (&[1.0][..], 1.0, 1.0),
            (&[3.0, nan, 2.0, 7.0, 1.0, nan, 5.0], 1.0, 7.0),
            (&[nan, f64::NEG_INFINITY, f64::INFINITY, 0.0, nan], f64::NEG_INFINITY, f64::INFINITY),
            (&[0.0, -0.0, 0.0, 0.0, -0.0], 0.0, 0.0),
            (&[-0.0, 0.0, 0.0, 0.0, 0.0, 0.0], -0.0, -0.0),
        ] {
            let samples = samples(values);
            assert_eq!(extreme(&samples, |value, best| value < best).to_bits(), least.to_bits(), "{values:?}");
            assert_eq!(extreme(&samples, |value, best| value > best).to_bits(), most.to_bits(), "{values:?}");
        }
        assert!(extreme(&samples(&[nan; 6]), |value, best| value < best).is_nan());
    }

    #[test]
    fn times_of_extremes_are_the_last() {
        let samples = samples(&[f64::NAN, 2.0, 1.0, 2.0, 1.0, f64::NAN]);
        assert_eq!(time_of_last(&samples, |value, best| value >= best), 3.0);
        assert_eq!(time_of_last(&samples, |value, best| value <= best), 4.0);
    }
}
