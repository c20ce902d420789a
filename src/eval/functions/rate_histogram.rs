//! How fast native histograms change.

use std::borrow::Cow;

use crate::model::{CounterResetHint, Histogram, HistogramSample};

use super::super::row::Point;
use super::super::selector::{Window, seconds_between};
use super::rate::{Kind, Sampled, start_inside, starts_anew};
use super::remark::{Remark, Remarks};
use super::starts::Stamps;

/// The change of the histograms over the whole window, extrapolated from them to its borders as floats are, by their counts. A
/// gauge.
pub(super) fn extrapolated_change(window: &Window<'_>, kind: Kind, remarks: &mut Remarks) -> Option<Histogram> {
    let points = window.histograms;
    let (first, last) = (points.first()?, points.last()?);
    let mut change = match points {
        [_] => None,
        _ => {
            let (change, found) = change_between(window, kind);
            remarks.add_all(found);
            Some(change?)
        }
    };
    let start = if kind.is_counter { start_inside(window, first.at) } else { None };
    if start.is_some() {
        match &mut change {
            None => change = Some(first.histogram.as_ref().clone()),
            Some(change) => add(change, &first.histogram, remarks)?,
        }
    }
    let mut change = change?;
    let share = (change.count > 0.0 && first.histogram.count >= 0.0).then(|| first.histogram.count / change.count);
    let sampled = Sampled { first: first.at, last: last.at, count: points.len(), start, below_first: share };
    change.multiply(sampled.factor(window, kind));
    Some(change)
}

/// The change from the first to the last of two histograms or more, resets undone for a counter; `None` if their buckets cannot be
/// compared. With it what is to be remarked.
fn change_between(window: &Window<'_>, kind: Kind) -> (Option<Histogram>, Remarks) {
    let points = window.histograms;
    let mut remarks = Remarks::default();
    let mixed = (None, Remarks::only(Remark::MixedBuckets));
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return (None, remarks) };
    let (is_first_gauge, is_last_gauge) = (is_gauge(&first.histogram), is_gauge(&last.histogram));
    if kind.is_counter && (is_first_gauge || is_last_gauge) {
        remarks.add(Remark::NotCounter);
    }
    // A reset right after the first histogram makes it as good as empty, whatever its buckets are.
    let mut previous = Cow::Borrowed(first.histogram.as_ref());
    if let Some(second) = points.get(1).filter(|_| kind.is_counter)
        && (starts_anew(window, first.at, second.at) || second.histogram.detect_reset(&first.histogram))
    {
        previous = Cow::Owned(emptied(&second.histogram));
    }
    let is_custom = previous.has_custom_buckets();
    if last.histogram.has_custom_buckets() != is_custom {
        remarks.add(Remark::MixedBuckets);
        return (None, remarks);
    }
    let mut schema = last.histogram.schema.min(previous.schema);
    if kind.is_counter {
        for point in &points[1..points.len() - 1] {
            if is_gauge(&point.histogram) {
                remarks.add(Remark::NotCounter);
            }
            schema = schema.min(point.histogram.schema);
            if point.histogram.has_custom_buckets() != is_custom {
                return mixed;
            }
        }
    }
    let mut change = last.histogram.copy_to_schema(schema);
    if subtract(&mut change, &previous, &mut remarks).is_none() {
        return mixed;
    }
    if kind.is_counter {
        if undo_resets(&mut change, window, previous, &mut remarks).is_none() {
            return mixed;
        }
    } else if !is_first_gauge || !is_last_gauge {
        remarks.add(Remark::NotGauge);
    }
    change.counter_reset_hint = CounterResetHint::Gauge;
    change.compact(0);
    (Some(change), remarks)
}

/// Adds to `change` what was counted before each reset after the first histogram, which counts as `previous`.
fn undo_resets<'a>(
    change: &mut Histogram,
    window: &Window<'a>,
    mut previous: Cow<'a, Histogram>,
    remarks: &mut Remarks,
) -> Option<()> {
    let [first, rest @ ..] = window.histograms else { return Some(()) };
    let mut stamps = Stamps::new(window.starts, first.at);
    let mut before = stamps.of(first.at);
    for point in rest {
        let stamp = stamps.of(point.at);
        if stamp.overlaps(before) {
            remarks.add(Remark::OverlappingStart);
        }
        if stamp.starts_anew_after(before) || point.histogram.detect_reset(&previous) {
            add(change, &previous, remarks)?;
        }
        previous = Cow::Borrowed(point.histogram.as_ref());
        before = stamp;
    }
    Some(())
}

/// The change from `previous` to `last`; per second for a counter. A gauge.
pub(super) fn last_change(
    window: &Window<'_>,
    kind: Kind,
    previous: &HistogramSample,
    last: &HistogramSample,
    remarks: &mut Remarks,
) -> Point {
    let seconds = seconds_between(previous.at, last.at);
    if seconds == 0.0 {
        return Point::Absent;
    }
    let mut change = last.histogram.as_ref().clone();
    let gauges = [&previous.histogram, &last.histogram].map(|histogram| is_gauge(histogram));
    if kind.is_counter && gauges.contains(&true) {
        remarks.add(Remark::NotCounter);
    }
    if !kind.is_counter && gauges.contains(&false) {
        remarks.add(Remark::NotGauge);
    }
    let is_reset = kind.is_counter
        && (starts_anew(window, previous.at, last.at) || last.histogram.detect_reset(&previous.histogram));
    if !is_reset && subtract(&mut change, &previous.histogram, remarks).is_none() {
        return Point::Absent;
    }
    change.counter_reset_hint = CounterResetHint::Gauge;
    change.compact(0);
    if kind.is_counter {
        change.divide(seconds);
    }
    Point::Histogram(change.into())
}

/// Whether its values are no counts.
pub(super) fn is_gauge(histogram: &Histogram) -> bool {
    histogram.counter_reset_hint == CounterResetHint::Gauge
}

/// No observations in the buckets of `histogram`.
fn emptied(histogram: &Histogram) -> Histogram {
    Histogram { schema: histogram.schema, custom_values: histogram.custom_values.clone(), ..Histogram::default() }
}

/// Adds `other` to `base`; `None` with a remark if their buckets do not fit.
pub(super) fn add(base: &mut Histogram, other: &Histogram, remarks: &mut Remarks) -> Option<()> {
    match base.add(other) {
        Ok(combination) => {
            if combination.bounds_reconciled {
                remarks.add(Remark::ReconciledInAddition);
            }
            Some(())
        }
        Err(_) => {
            remarks.add(Remark::MixedBuckets);
            None
        }
    }
}

/// Subtracts `other` from `base`; `None` with a remark if their buckets do not fit.
pub(super) fn subtract(base: &mut Histogram, other: &Histogram, remarks: &mut Remarks) -> Option<()> {
    match base.sub(other) {
        Ok(combination) => {
            if combination.bounds_reconciled {
                remarks.add(Remark::ReconciledInSubtraction);
            }
            Some(())
        }
        Err(_) => {
            remarks.add(Remark::MixedBuckets);
            None
        }
    }
}
