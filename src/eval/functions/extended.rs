//! Change between borders that are not left to extrapolation: `anchored` from the last sample not after the start of the window,
//! `smoothed` between values interpolated at both of its borders.

use std::sync::Arc;

use crate::lang::RangeExtension;
use crate::model::{CounterResetHint, Histogram, HistogramSample, Sample, Timed, Timestamp};

use super::super::grid::earlier;
use super::super::row::Point;
use super::super::selector::{Window, seconds_between};
use super::rate::Kind;
use super::rate_histogram::{add, is_gauge, subtract};
use super::remark::{Remark, Remarks};

/// The value at `at` on the line through two samples; a counter that fell between them rises from zero.
pub(in super::super) fn interpolate(before: Sample, after: Sample, at: Timestamp, is_counter: bool) -> f64 {
    let from = if is_counter && after.value < before.value { 0.0 } else { before.value };
    from + (after.value - from) * seconds_between(before.at, at) / seconds_between(before.at, after.at)
}

/// The histogram at `at` between two samples, as numbers are interpolated; `None` with a remark if their buckets do not fit.
pub(in super::super) fn interpolate_histograms(
    before: &HistogramSample,
    after: &HistogramSample,
    at: Timestamp,
    is_counter: bool,
    remarks: &mut Remarks,
) -> Option<Histogram> {
    if at == before.at || at == after.at {
        let same = if at == before.at { before } else { after };
        return Some(same.histogram.as_ref().clone());
    }
    let share = seconds_between(before.at, at) / seconds_between(before.at, after.at);
    let mut result = after.histogram.as_ref().clone();
    if is_counter && after.histogram.detect_reset(&before.histogram) {
        result.multiply(share);
        return Some(result);
    }
    subtract(&mut result, &before.histogram, remarks)?;
    result.multiply(share);
    add(&mut result, &before.histogram, remarks)?;
    Some(result)
}

/// The samples of an extended window that stand for its borders, and those between them.
#[derive(Clone, Copy, Debug)]
struct Borders {
    /// The last sample not after the start of the window, or the first of all.
    first: usize,
    /// The first sample not before the end of a smoothed window, or the last of all.
    last: usize,
}

impl Borders {
    /// `None` if nothing was sampled inside.
    fn of<T: Timed>(samples: &[T], window: &Window<'_>) -> Option<Borders> {
        let (newest, others) = samples.split_last()?;
        let first = others.partition_point(|sample| sample.at() <= window.start).saturating_sub(1);
        let last = match is_smoothed(window) {
            true => others.partition_point(|sample| sample.at() < window.end),
            false => others.len(),
        };
        let last_at = others.get(last).unwrap_or(newest).at();
        let starts_after_the_window = is_smoothed(window) && samples[first].at() > window.end;
        (last_at > window.start && !starts_after_the_window).then_some(Borders { first, last })
    }
}

fn is_smoothed(window: &Window<'_>) -> bool {
    window.extension == Some(RangeExtension::Smoothed)
}

fn left_value(samples: &[Sample], borders: Borders, window: &Window<'_>, is_counter: bool) -> f64 {
    match &samples[borders.first..] {
        [first, next, ..] if is_smoothed(window) && first.at < window.start => {
            interpolate(*first, *next, window.start, is_counter)
        }
        _ => samples[borders.first].value,
    }
}

fn right_value(samples: &[Sample], borders: Borders, window: &Window<'_>, is_counter: bool) -> f64 {
    match &samples[..=borders.last] {
        [.., previous, last] if is_smoothed(window) && last.at > window.end => {
            interpolate(*previous, *last, window.end, is_counter)
        }
        _ => samples[borders.last].value,
    }
}

/// The samples strictly between the borders.
fn inside<'a>(samples: &'a [Sample], borders: Borders, window: &Window<'_>) -> &'a [Sample] {
    let from = borders.first + usize::from(samples[borders.first].at <= window.start);
    let to = borders.last + usize::from(samples[borders.last].at < window.end);
    samples.get(from..to).unwrap_or_default()
}

/// The change of the floats from the start to the end of the window, a counter's falls undone; per second for a rate.
pub(super) fn change(window: &Window<'_>, kind: Kind) -> Option<f64> {
    let samples = window.samples;
    let borders = Borders::of(samples, window)?;
    let left = left_value(samples, borders, window, kind.is_counter);
    let right = right_value(samples, borders, window, kind.is_counter);
    let mut change = right - left;
    if kind.is_counter {
        let values = inside(samples, borders, window).iter().map(|sample| sample.value);
        let mut undone = 0.0;
        let mut previous = left;
        for value in values.chain([right]) {
            if value < previous {
                undone += previous;
            }
            previous = value;
        }
        change += undone;
    }
    Some(if kind.is_rate { change / window.seconds() } else { change })
}

/// The samples of a window as a query for the window itself shows them: of an extended one the floats inside and one at each border,
/// and the histograms inside.
pub(in super::super) fn shown(window: &Window<'_>) -> (Vec<Sample>, Vec<HistogramSample>) {
    let (samples, histograms) = (window.samples, window.histograms);
    if window.extension.is_none() {
        return (samples.to_vec(), histograms.to_vec());
    }
    let mut shown = Vec::new();
    if let Some(borders) = Borders::of(samples, window) {
        shown.push(Sample::new(window.start, left_value(samples, borders, window, false)));
        shown.extend_from_slice(inside(samples, borders, window));
        shown.push(Sample::new(window.end, right_value(samples, borders, window, false)));
    }
    let is_inside = |sample: &&HistogramSample| sample.at > window.start && sample.at <= window.end;
    (shown, histograms.iter().filter(is_inside).cloned().collect())
}

/// What is at `at` between the samples around it, none further away than the look-back; the last one where none follows.
pub(in super::super) fn smoothed_at(
    samples: &[Sample],
    histograms: &[HistogramSample],
    at: Timestamp,
    lookback_ms: i64,
    remarks: &mut Remarks,
) -> Point {
    let (after, until) = (earlier(at, lookback_ms), earlier(at, lookback_ms.saturating_neg()));
    let (samples, histograms) = (within(samples, after, until), within(histograms, after, until));
    if !samples.is_empty() && !histograms.is_empty() {
        remarks.add(Remark::MixedTypes);
        return Point::Absent;
    }
    if histograms.is_empty() {
        let next = samples.partition_point(|sample| sample.at < at);
        return match (samples[..next].last(), samples.get(next)) {
            (_, Some(same)) if same.at == at => Point::Float(same.value),
            (Some(before), Some(after)) => Point::Float(interpolate(*before, *after, at, false)),
            (Some(before), None) => Point::Float(before.value),
            (None, _) => Point::Absent,
        };
    }
    let next = histograms.partition_point(|sample| sample.at < at);
    match (histograms[..next].last(), histograms.get(next)) {
        (_, Some(same)) if same.at == at => Point::Histogram(Arc::clone(&same.histogram)),
        (Some(before), Some(after)) => {
            if before.histogram.has_custom_buckets() != after.histogram.has_custom_buckets() {
                remarks.add(Remark::MixedBuckets);
                return Point::Absent;
            }
            let is_counter = !(is_gauge(&before.histogram) && is_gauge(&after.histogram));
            let histogram = interpolate_histograms(before, after, at, is_counter, remarks);
            histogram.map_or(Point::Absent, |histogram| Point::Histogram(histogram.into()))
        }
        (Some(before), None) => {
            // The hint tells of the step to this sample, not of its value.
            let counter_reset_hint = CounterResetHint::Unknown;
            Point::Histogram(Histogram { counter_reset_hint, ..before.histogram.as_ref().clone() }.into())
        }
        (None, _) => Point::Absent,
    }
}

/// The samples after `after` and not after `until`.
fn within<T: Timed>(samples: &[T], after: Timestamp, until: Timestamp) -> &[T] {
    let from = samples.partition_point(|sample| sample.at() <= after);
    let to = samples.partition_point(|sample| sample.at() <= until);
    samples.get(from..to).unwrap_or_default()
}

/// Where `resets` and `changes` begin in an anchored window, in its floats and its histograms: at the last of all samples not after
/// its start. `None` if nothing was sampled inside.
pub(super) fn anchor(window: &Window<'_>) -> Option<(usize, usize)> {
    let floats_before = window.samples.partition_point(|sample| sample.at <= window.start);
    let histograms_before = window.histograms.partition_point(|sample| sample.at <= window.start);
    if floats_before == window.samples.len() && histograms_before == window.histograms.len() {
        return None;
    }
    let last_float = floats_before.checked_sub(1).map(|index| window.samples[index].at);
    let last_histogram = histograms_before.checked_sub(1).map(|index| window.histograms[index].at);
    Some(match (last_float, last_histogram) {
        (None, None) => (0, 0),
        (float, histogram) if float >= histogram => (floats_before - 1, histograms_before),
        _ => (floats_before, histograms_before - 1),
    })
}

/// The change of the histograms from the start to the end of the window, a counter's resets undone; per second for a rate. A gauge.
pub(super) fn histogram_change(window: &Window<'_>, kind: Kind, remarks: &mut Remarks) -> Option<Histogram> {
    let points = window.histograms;
    let borders = Borders::of(points, window)?;
    let seen = &points[borders.first..=borders.last];
    let is_custom = seen[0].histogram.has_custom_buckets();
    for point in seen {
        if point.histogram.has_custom_buckets() != is_custom {
            remarks.add(Remark::MixedBuckets);
            return None;
        }
        if kind.is_counter && is_gauge(&point.histogram) {
            remarks.add(Remark::NotCounter);
        }
    }
    let left = match seen {
        [first, next, ..] if is_smoothed(window) && first.at < window.start => {
            interpolate_histograms(first, next, window.start, kind.is_counter, remarks)?
        }
        _ => seen[0].histogram.as_ref().clone(),
    };
    let right = match &points[..=borders.last] {
        [.., previous, last] if is_smoothed(window) && last.at > window.end => {
            interpolate_histograms(previous, last, window.end, kind.is_counter, remarks)?
        }
        _ => points[borders.last].histogram.as_ref().clone(),
    };
    let is_of_gauges = is_gauge(&left) && is_gauge(&right);
    if !(kind.is_counter || is_of_gauges) {
        remarks.add(Remark::NotGauge);
    }
    let mut change = right.clone();
    subtract(&mut change, &left, remarks)?;
    if kind.is_counter
        && let Some(undone) = before_resets(seen, window, &left, &right, remarks)?
    {
        add(&mut change, &undone, remarks)?;
    }
    if kind.is_rate {
        change.divide(window.seconds());
    }
    change.counter_reset_hint = CounterResetHint::Gauge;
    change.compact(0);
    Some(change)
}

/// The sum of what was counted before each reset between the borders; the outer `None` if the buckets do not fit.
fn before_resets(
    seen: &[HistogramSample],
    window: &Window<'_>,
    left: &Histogram,
    right: &Histogram,
    remarks: &mut Remarks,
) -> Option<Option<Histogram>> {
    // The first is told by `left`; the last by `right`, which has its hint and would seem to be a reset after it.
    let mut between = 1;
    let mut previous = left;
    if let [first, next, ..] = seen
        && is_smoothed(window)
        && first.at < window.start
        && next.histogram.detect_reset(&first.histogram)
    {
        // This reset is accounted for where the left border was interpolated.
        previous = &next.histogram;
        between = 2;
    }
    let Some(between) = seen.get(between..seen.len().saturating_sub(1)) else { return Some(None) };
    let mut undone: Option<Histogram> = None;
    for histogram in between.iter().map(|point| point.histogram.as_ref()).chain([right]) {
        if histogram.detect_reset(previous) {
            match &mut undone {
                None => undone = Some(previous.clone()),
                Some(undone) => add(undone, previous, remarks)?,
            }
        }
        previous = histogram;
    }
    Some(undone)
}
