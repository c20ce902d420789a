//! Functions over the samples of a window.

use crate::lang::{Call, Span};
use crate::model::Sample;

use super::super::aggregate::extreme;
use super::super::compensated::{Mean, Sum, Variance};
use super::super::error::EvalError;
use super::super::instant::{Evaluator, Item, Moment};
use super::argument;

/// A function of the samples of a window, of which there is at least one.
pub(super) type OfSamples = fn(&[Sample]) -> f64;

/// The function `name` of samples alone.
pub(super) fn of_samples(name: &str) -> Option<OfSamples> {
    Some(match name {
        "avg_over_time" => |samples| {
            let mut mean = Mean::default();
            samples.iter().for_each(|sample| mean.add(sample.value));
            mean.value()
        },
        "sum_over_time" => |samples| {
            let mut sum = Sum::default();
            samples.iter().for_each(|sample| sum.add(sample.value));
            sum.value()
        },
        "count_over_time" => |samples| samples.len() as f64,
        "min_over_time" => |samples| extreme(&values(samples), |value, least| value < least),
        "max_over_time" => |samples| extreme(&values(samples), |value, most| value > most),
        "first_over_time" => |samples| samples.first().map_or(f64::NAN, |sample| sample.value),
        "last_over_time" => |samples| samples.last().map_or(f64::NAN, |sample| sample.value),
        "present_over_time" => |_| 1.0,
        "stdvar_over_time" => variance,
        "stddev_over_time" => |samples| variance(samples).sqrt(),
        "mad_over_time" => |samples| {
            let median = quantile(0.5, values(samples));
            quantile(0.5, samples.iter().map(|sample| (sample.value - median).abs()).collect())
        },
        "ts_of_first_over_time" => |samples| samples.first().map_or(f64::NAN, |sample| sample.at.seconds_f64()),
        "ts_of_last_over_time" => |samples| samples.last().map_or(f64::NAN, |sample| sample.at.seconds_f64()),
        "ts_of_min_over_time" => |samples| time_of_last(samples, |value, least| value <= least),
        "ts_of_max_over_time" => |samples| time_of_last(samples, |value, most| value >= most),
        "changes" => |samples| {
            let differs = |a: f64, b: f64| a != b && !(a.is_nan() && b.is_nan());
            samples.windows(2).filter(|pair| differs(pair[0].value, pair[1].value)).count() as f64
        },
        "resets" => |samples| samples.windows(2).filter(|pair| pair[1].value < pair[0].value).count() as f64,
        _ => return None,
    })
}

impl Evaluator<'_> {
    /// `function` over each series of the only argument.
    pub(super) fn over_window(
        &mut self,
        call: &Call,
        span: &Span,
        moment: Moment,
        function: OfSamples,
    ) -> Result<Vec<Item>, EvalError> {
        let name = call.function.name;
        let window = self.window(argument(call, 0, span)?, moment)?;
        self.check_extension(name, &window, span)?;
        let keeps_name = matches!(name, "first_over_time" | "last_over_time");
        let item = |(track, samples): (&super::super::selector::Track<'_>, &[Sample])| Item {
            labels: track.labels.clone(),
            value: function(samples),
            drop_name: track.drop_name || !keeps_name,
        };
        Ok(window.tracks().map(item).collect())
    }
}

fn values(samples: &[Sample]) -> Vec<f64> {
    samples.iter().map(|sample| sample.value).collect()
}

fn variance(samples: &[Sample]) -> f64 {
    let mut variance = Variance::default();
    samples.iter().for_each(|sample| variance.add(sample.value));
    variance.value()
}

/// The time of the last sample that beats or equals all others.
fn time_of_last(samples: &[Sample], beats: impl Fn(f64, f64) -> bool) -> f64 {
    let better = |best: Sample, sample: &Sample| {
        if beats(sample.value, best.value) || best.value.is_nan() { *sample } else { best }
    };
    let first = samples.first().copied();
    first.map_or(f64::NAN, |first| samples.iter().fold(first, better).at.seconds_f64())
}

/// The quantile `rank` of `values` with linear interpolation, NaN counting as least; infinite for ranks outside 0 to 1.
pub(in super::super) fn quantile(rank: f64, mut values: Vec<f64>) -> f64 {
    if values.is_empty() || rank.is_nan() {
        return f64::NAN;
    }
    if rank < 0.0 {
        return f64::NEG_INFINITY;
    }
    if rank > 1.0 {
        return f64::INFINITY;
    }
    let key = |value: &f64| if value.is_nan() { (0, 0.0) } else { (1, *value) };
    values.sort_by(|left, right| {
        let (left, right) = (key(left), key(right));
        left.0.cmp(&right.0).then(left.1.total_cmp(&right.1))
    });
    let position = rank * (values.len() - 1) as f64;
    let lower = position.floor() as usize;
    let upper = (lower + 1).min(values.len() - 1);
    let weight = position - position.floor();
    values[lower] * (1.0 - weight) + values[upper] * weight
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles() {
        for (rank, values, expected) in [
            (0.5, vec![3.0, 1.0, 2.0], 2.0),
            (0.8, vec![0.0, 1.0, f64::NAN], 0.6),
            (1.5, vec![1.0], f64::INFINITY),
            (-0.1, vec![1.0], f64::NEG_INFINITY),
            (1.0, vec![1.0, 5.0], 5.0),
        ] {
            let found = quantile(rank, values.clone());
            assert!(found == expected || (found - expected).abs() < 1e-12, "{rank} of {values:?}: {found}");
        }
        assert!(quantile(f64::NAN, vec![1.0]).is_nan() && quantile(0.5, vec![]).is_nan());
    }
}
