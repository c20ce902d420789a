//! How fast series change: `rate`, `increase`, `delta`, `irate`, `idelta`.

use crate::lang::{Call, Span};
use crate::model::{HistogramSample, Labels, Sample, Timestamp};

use super::super::error::EvalError;
use super::super::evaluator::Evaluator;
use super::super::grid::Grid;
use super::super::row::{Point, Row};
use super::super::selector::{Window, seconds_between};
use super::argument;
use super::remark::{Notebook, Remark, Remarks};
use super::starts::{Stamp, Stamps};
use super::{extended, rate_histogram};

/// Which of the functions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    /// Whether a fall is a new start from zero.
    pub(super) is_counter: bool,
    /// Whether the change is per second.
    pub(super) is_rate: bool,
    /// Whether only the last two samples count.
    is_instant: bool,
}

impl Kind {
    fn of(name: &str) -> Kind {
        Kind {
            is_counter: matches!(name, "rate" | "increase" | "irate"),
            is_rate: matches!(name, "rate" | "irate"),
            is_instant: matches!(name, "irate" | "idelta"),
        }
    }
}

impl Evaluator<'_> {
    /// `rate`, `increase`, `delta`, `irate`, `idelta`.
    pub(super) fn call_rate(&mut self, call: &Call, span: &Span, grid: Grid) -> Result<Vec<Row>, EvalError> {
        let name = call.function.name;
        let expr = argument(call, 0, span)?;
        let windows = self.windows(expr, grid)?;
        self.check_extension(name, &windows, span)?;
        let kind = Kind::of(name);
        let mut notebook = Notebook::default();
        let mut rows = windows.rows(|window| {
            let mut remarks = Remarks::default();
            let point = changed(window, kind, &mut remarks);
            notebook.note(remarks, window.labels);
            Ok(point)
        })?;
        self.remark_all(&notebook, &expr.span);
        if matches!(name, "rate" | "increase") {
            self.doubt_counters(&rows, &expr.span);
        }
        rows.iter_mut().for_each(|row| row.drop_name = true);
        Ok(rows)
    }

    fn doubt_counters(&mut self, rows: &[Row], span: &Span) {
        let mut last: Option<(&str, &str)> = None;
        for row in rows.iter().filter(|row| row.points.iter().any(|point| point.float().is_some())) {
            let metric = (row.labels.metric_name(), row.labels.get("__type__"));
            if last == Some(metric) {
                continue;
            }
            last = Some(metric);
            if let Some(text) = doubt_about_counter(&row.labels) {
                self.inform(text, span);
            }
        }
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

fn changed(window: &Window<'_>, kind: Kind, remarks: &mut Remarks) -> Point {
    if kind.is_instant {
        return last_change(window, kind, remarks);
    }
    if !window.histograms.is_empty() {
        if !window.samples.is_empty() {
            remarks.add(Remark::MixedTypes);
            return Point::Absent;
        }
        let change = match window.extension {
            Some(_) => extended::histogram_change(window, kind, remarks),
            None => rate_histogram::extrapolated_change(window, kind, remarks),
        };
        return change.map_or(Point::Absent, |histogram| Point::Histogram(histogram.into()));
    }
    match window.extension {
        Some(_) => extended::change(window, kind).into(),
        None => extrapolated_change(window, kind, remarks).into(),
    }
}

/// The change over the whole window, extrapolated from its samples to its borders.
fn extrapolated_change(window: &Window<'_>, kind: Kind, remarks: &mut Remarks) -> Option<f64> {
    let samples = window.samples;
    let (first, last) = (samples.first()?, samples.last()?);
    let mut change = last.value - first.value;
    let mut start = None;
    if kind.is_counter {
        let stamps = Stamps::new(window.starts, first.at);
        if stamps.is_empty() {
            change = with_falls_undone(change, samples);
        } else {
            change = with_resets_undone(change, samples, stamps, remarks);
            start = start_inside(window, first.at);
        }
    }
    if start.is_some() {
        change += first.value;
    } else if samples.len() < 2 {
        return None;
    }
    let share = (change > 0.0 && first.value >= 0.0).then(|| first.value / change);
    let sampled = Sampled { first: first.at, last: last.at, count: samples.len(), start, below_first: share };
    Some(change * sampled.factor(window, kind))
}

/// `change` with the value before each fall added.
fn with_falls_undone(mut change: f64, samples: &[Sample]) -> f64 {
    let falls = samples.windows(2).fold(0_usize, |falls, pair| falls + usize::from(pair[1].value < pair[0].value));
    if falls > 0 {
        for pair in samples.windows(2).filter(|pair| pair[1].value < pair[0].value) {
            change += pair[0].value;
        }
    }
    change
}

/// `change` with the value before each fall and each new start added.
fn with_resets_undone(mut change: f64, samples: &[Sample], mut stamps: Stamps<'_>, remarks: &mut Remarks) -> f64 {
    let mut previous: Option<(f64, Stamp)> = None;
    for sample in samples {
        let stamp = stamps.of(sample.at);
        if let Some((value, before)) = previous {
            if stamp.overlaps(before) {
                remarks.add(Remark::OverlappingStart);
            }
            if sample.value < value || stamp.starts_anew_after(before) {
                change += value;
            }
        }
        previous = Some((sample.value, stamp));
    }
    change
}

/// Since when the first sample of the window counts, if it began inside the window and before the sample.
pub(super) fn start_inside(window: &Window<'_>, first: Timestamp) -> Option<Timestamp> {
    let start = Stamps::new(window.starts, first).of(first).start?;
    (start > window.start && start < first).then_some(start)
}

/// Where the samples of a window are, to reach from them to its borders.
pub(super) struct Sampled {
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) count: usize,
    /// When counting began, if that is known to be inside the window: the counter was zero then.
    pub(super) start: Option<Timestamp>,
    /// The first value as a share of the change, if that tells how far back the counter was zero.
    pub(super) below_first: Option<f64>,
}

impl Sampled {
    /// By what to multiply the change between the samples to get the change over the window, or its rate.
    ///
    /// As Prometheus does: each side is extended to the border, but only by half the distance of the samples where the border is
    /// further away than 1.1 distances, for there the series seems to begin or end; a counter not below zero.
    pub(super) fn factor(&self, window: &Window<'_>, kind: Kind) -> f64 {
        let between = seconds_between(self.first, self.last);
        let distance = if self.count > 1 { between / (self.count - 1) as f64 } else { 0.0 };
        let threshold = distance * 1.1;
        let reach = |seconds: f64| if seconds >= threshold { distance / 2.0 } else { seconds };
        let (sampled, before) = match self.start {
            Some(start) => (seconds_between(start, self.last), 0.0),
            None => {
                let before = reach(seconds_between(window.start, self.first));
                let to_zero = self.below_first.filter(|_| kind.is_counter).map(|share| between * share);
                (between, to_zero.map_or(before, |to_zero| before.min(to_zero)))
            }
        };
        let after = reach(seconds_between(self.last, window.end));
        let factor = if sampled == 0.0 { 1.0 } else { (sampled + before + after) / sampled };
        if kind.is_rate { factor / window.seconds() } else { factor }
    }
}

/// The change from the last sample but one to the last, floats and histograms together; per second for a counter.
fn last_change(window: &Window<'_>, kind: Kind, remarks: &mut Remarks) -> Point {
    let (mut floats, mut histograms) = (window.samples, window.histograms);
    let last = pop_last(&mut floats, &mut histograms);
    let previous = pop_last(&mut floats, &mut histograms);
    match (previous, last) {
        (Some(Either::Float(previous)), Some(Either::Float(last))) => {
            last_float_change(window, kind, previous, last).into()
        }
        (Some(Either::Histogram(previous)), Some(Either::Histogram(last))) => {
            rate_histogram::last_change(window, kind, previous, last, remarks)
        }
        (Some(_), Some(_)) => {
            remarks.add(Remark::MixedTypes);
            Point::Absent
        }
        _ => Point::Absent,
    }
}

/// A sample of either type.
enum Either<'a> {
    Float(Sample),
    Histogram(&'a HistogramSample),
}

/// Takes the latest of both off.
fn pop_last<'a>(floats: &mut &[Sample], histograms: &mut &'a [HistogramSample]) -> Option<Either<'a>> {
    match (*floats, *histograms) {
        ([rest @ .., last], others) if others.last().is_none_or(|other| other.at < last.at) => {
            *floats = rest;
            Some(Either::Float(*last))
        }
        (_, [rest @ .., last]) => {
            *histograms = rest;
            Some(Either::Histogram(last))
        }
        _ => None,
    }
}

fn last_float_change(window: &Window<'_>, kind: Kind, previous: Sample, last: Sample) -> Option<f64> {
    let seconds = seconds_between(previous.at, last.at);
    if seconds == 0.0 {
        return None;
    }
    if !kind.is_counter {
        return Some(last.value - previous.value);
    }
    let is_reset = last.value < previous.value || starts_anew(window, previous.at, last.at);
    let change = if is_reset { last.value } else { last.value - previous.value };
    Some(change / seconds)
}

/// Whether start times tell of a new start between two samples of the window.
pub(super) fn starts_anew(window: &Window<'_>, previous: Timestamp, last: Timestamp) -> bool {
    let mut stamps = Stamps::new(window.starts, previous);
    if stamps.is_empty() {
        return false;
    }
    let previous = stamps.of(previous);
    stamps.of(last).starts_anew_after(previous)
}
