//! How fast series change: extrapolated rates, instant rates, regressions and smoothing.

use crate::lang::{Call, Span};
use crate::model::{Labels, Sample, Timestamp};

use super::super::compensated::Sum;
use super::super::error::EvalError;
use super::super::instant::{Evaluator, Item, Moment};
use super::super::selector::Window;
use super::over_time::quantile;
use super::{argument, extended};

impl Evaluator<'_> {
    /// `rate`, `increase`, `delta`, `irate`, `idelta`.
    pub(super) fn call_rate(&mut self, call: &Call, span: &Span, moment: Moment) -> Result<Vec<Item>, EvalError> {
        let name = call.function.name;
        let expr = argument(call, 0, span)?;
        let window = self.window(expr, moment)?;
        self.check_extension(name, &window, span)?;
        let is_counter = matches!(name, "rate" | "increase" | "irate");
        let mut items = Vec::new();
        for (track, samples) in window.tracks() {
            let value = match name {
                "irate" | "idelta" => last_change(samples, is_counter),
                _ if window.extension.is_some() => extended::change(samples, &window, is_counter),
                _ => extrapolated_change(samples, &window, is_counter),
            };
            let value = if name == "rate" { value.map(|change| change / window.seconds()) } else { value };
            items.extend(value.map(|value| Item { labels: track.labels.clone(), value, drop_name: true }));
        }
        if matches!(name, "rate" | "increase") {
            for (labels, _) in window.tracks().map(|(track, samples)| (&track.labels, samples)) {
                if let Some(text) = doubt_about_counter(labels) {
                    self.inform(text, &expr.span);
                    break;
                }
            }
        }
        Ok(items)
    }

    /// Functions that fit something to the samples: `deriv`, `predict_linear`, `double_exponential_smoothing`,
    /// `quantile_over_time`.
    pub(super) fn call_fitted(&mut self, call: &Call, span: &Span, moment: Moment) -> Result<Vec<Item>, EvalError> {
        let name = call.function.name;
        let window_index = usize::from(name == "quantile_over_time");
        let window = self.window(argument(call, window_index, span)?, moment)?;
        self.check_extension(name, &window, span)?;
        let mut scalars = [0.0; 2];
        let others = call.args.iter().enumerate().filter(|(index, _)| *index != window_index);
        for (scalar, (_, argument)) in scalars.iter_mut().zip(others) {
            *scalar = self.scalar(argument, moment)?;
        }
        match name {
            "quantile_over_time" => self.check_quantile(scalars[0], &argument(call, 0, span)?.span),
            "double_exponential_smoothing" => check_factors(scalars, span)?,
            _ => {}
        }
        let fitted = |samples: &[Sample]| match name {
            "quantile_over_time" => Some(quantile(scalars[0], samples.iter().map(|sample| sample.value).collect())),
            "double_exponential_smoothing" => smoothed_level(samples, scalars[0], scalars[1]),
            "deriv" => line_through(samples, samples.first()?.at).map(|(slope, _)| slope),
            _ => line_through(samples, moment.at).map(|(slope, intercept)| slope * scalars[0] + intercept),
        };
        let item = |(track, samples): (&super::super::selector::Track<'_>, &[Sample])| {
            fitted(samples).map(|value| Item { labels: track.labels.clone(), value, drop_name: true })
        };
        Ok(window.tracks().filter_map(item).collect())
    }
}

/// Why a series may not be a counter, if so.
fn doubt_about_counter(labels: &Labels) -> Option<String> {
    let name = labels.metric_name();
    if name.is_empty() {
        return None;
    }
    let declared = labels.get("__type__");
    if declared == "counter" || declared == "histogram" {
        return None;
    }
    if !declared.is_empty() {
        return Some(format!(
            "metric might not be a counter, __type__ label is not set to \"counter\" or \"histogram\", got {declared:?}: \
             {name:?}"
        ));
    }
    let suffixes = ["_total", "_sum", "_count", "_bucket"];
    (!suffixes.iter().any(|suffix| name.ends_with(suffix)))
        .then(|| format!("metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {name:?}"))
}

/// The change over the whole window, extrapolated from its samples to its borders as Prometheus does: at most by half
/// the distance of the samples where the series seems to begin or end inside, and a counter not below zero.
fn extrapolated_change(samples: &[Sample], window: &Window<'_>, is_counter: bool) -> Option<f64> {
    let [first, .., last] = samples else { return None };
    let mut change = last.value - first.value;
    if is_counter {
        for pair in samples.windows(2).filter(|pair| pair[1].value < pair[0].value) {
            change += pair[0].value;
        }
    }
    let seconds_between = |from: Timestamp, to: Timestamp| to.millis().saturating_sub(from.millis()) as f64 / 1000.0;
    let sampled = seconds_between(first.at, last.at);
    let distance = sampled / (samples.len() - 1) as f64;
    let reach = |seconds: f64| if seconds >= distance * 1.1 { distance / 2.0 } else { seconds };
    let mut before = reach(seconds_between(window.start, first.at));
    let after = reach(seconds_between(last.at, window.end));
    if is_counter && change > 0.0 && first.value >= 0.0 {
        before = before.min(sampled * (first.value / change));
    }
    Some(change * ((sampled + before + after) / sampled))
}

/// The change from the last sample but one to the last; per second for a counter.
fn last_change(samples: &[Sample], is_counter: bool) -> Option<f64> {
    let [.., previous, last] = samples else { return None };
    let seconds = last.at.millis().saturating_sub(previous.at.millis()) as f64 / 1000.0;
    if seconds == 0.0 {
        return None;
    }
    if !is_counter {
        return Some(last.value - previous.value);
    }
    let change = if last.value < previous.value { last.value } else { last.value - previous.value };
    Some(change / seconds)
}

/// Slope per second and value at `origin` of the least-squares line through the samples; of two samples or more.
fn line_through(samples: &[Sample], origin: Timestamp) -> Option<(f64, f64)> {
    let [first, _, ..] = samples else { return None };
    if samples.iter().all(|sample| sample.value == first.value) {
        return Some(if first.value.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first.value) });
    }
    let (mut x_sum, mut y_sum, mut xy_sum, mut xx_sum) = <(Sum, Sum, Sum, Sum)>::default();
    for sample in samples {
        let x = sample.at.millis().saturating_sub(origin.millis()) as f64 / 1000.0;
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
    Some((slope, y_sum / count - slope * x_sum / count))
}

fn check_factors([smoothing, trend]: [f64; 2], span: &Span) -> Result<(), EvalError> {
    for (factor, word, short) in [(smoothing, "smoothing", "sf"), (trend, "trend", "tf")] {
        if !(factor > 0.0 && factor < 1.0) {
            let text = format!("invalid {word} factor. Expected: 0 < {short} < 1, got: {factor}");
            return Err(EvalError::parameter(text, span));
        }
    }
    Ok(())
}

/// The level after double exponential smoothing (Holt's linear method).
fn smoothed_level(samples: &[Sample], smoothing: f64, trend_factor: f64) -> Option<f64> {
    let [first, second, ..] = samples else { return None };
    let (mut previous, mut level, mut trend) = (0.0, first.value, second.value - first.value);
    for (index, sample) in samples.iter().enumerate().skip(1) {
        if index > 1 {
            trend = trend_factor * (level - previous) + (1.0 - trend_factor) * trend;
        }
        let next = smoothing * sample.value + (1.0 - smoothing) * (level + trend);
        (previous, level) = (level, next);
    }
    Some(level)
}
