//! How often series change or start anew: `changes` and `resets`.

use crate::lang::RangeExtension;
use crate::model::{HistogramSample, Sample, Timestamp};

use super::super::selector::Window;
use super::extended;
use super::starts::Stamps;

/// How often a value differs from the one before it; from float to histogram and back counts.
pub(super) fn changes(window: &Window<'_>) -> Option<f64> {
    let (samples, histograms) = counted(window)?;
    if histograms.is_empty() {
        let differs = |a: f64, b: f64| a != b && !(a.is_nan() && b.is_nan());
        let changes = samples.windows(2).filter(|pair| differs(pair[0].value, pair[1].value)).count();
        return Some(changes as f64);
    }
    Some(count(samples, histograms, |previous, last| match (previous, last) {
        (One::Float(previous), One::Float(last)) => {
            last.value != previous.value && !(last.value.is_nan() && previous.value.is_nan())
        }
        (One::Histogram(previous), One::Histogram(last)) => !last.histogram.equals(&previous.histogram),
        _ => true,
    }))
}

/// How often a counter started anew: a value fell or the start time says so; from float to histogram and back counts.
pub(super) fn resets(window: &Window<'_>) -> Option<f64> {
    let (samples, histograms) = counted(window)?;
    if histograms.is_empty() && window.starts.is_empty() {
        return Some(samples.windows(2).filter(|pair| pair[1].value < pair[0].value).count() as f64);
    }
    let first = samples.first().map(|sample| sample.at);
    let first = histograms.first().map(|sample| sample.at).into_iter().chain(first).min()?;
    let mut stamps = Stamps::new(window.starts, first);
    let mut before = stamps.of(first);
    Some(count(samples, histograms, |previous, last| {
        let stamp = stamps.of(last.at());
        let starts_anew = stamp.starts_anew_after(std::mem::replace(&mut before, stamp));
        match (previous, last) {
            (One::Float(previous), One::Float(last)) => last.value < previous.value || starts_anew,
            (One::Histogram(previous), One::Histogram(last)) => {
                starts_anew || last.histogram.detect_reset(&previous.histogram)
            }
            _ => true,
        }
    }))
}

/// The samples that count, in an anchored window from the anchor on.
fn counted<'a>(window: &Window<'a>) -> Option<(&'a [Sample], &'a [HistogramSample])> {
    let (mut samples, mut histograms) = (window.samples, window.histograms);
    if window.extension == Some(RangeExtension::Anchored) {
        let (first_float, first_histogram) = extended::anchor(window)?;
        samples = samples.get(first_float..).unwrap_or_default();
        histograms = histograms.get(first_histogram..).unwrap_or_default();
    }
    Some((samples, histograms))
}

/// A sample of either type.
#[derive(Clone, Copy)]
enum One<'a> {
    Float(Sample),
    Histogram(&'a HistogramSample),
}

impl One<'_> {
    fn at(self) -> Timestamp {
        match self {
            One::Float(sample) => sample.at,
            One::Histogram(sample) => sample.at,
        }
    }
}

/// Of how many pairs of samples that follow each other `counts` is true.
fn count(
    mut samples: &[Sample],
    mut histograms: &[HistogramSample],
    mut counts: impl FnMut(One<'_>, One<'_>) -> bool,
) -> f64 {
    let mut previous: Option<One<'_>> = None;
    let mut count = 0_usize;
    loop {
        let one = match (samples, histograms) {
            ([sample, rest @ ..], others) if others.first().is_none_or(|other| sample.at < other.at) => {
                samples = rest;
                One::Float(*sample)
            }
            (_, [histogram, rest @ ..]) => {
                histograms = rest;
                One::Histogram(histogram)
            }
            _ => return count as f64,
        };
        if let Some(previous) = previous.replace(one) {
            count += usize::from(counts(previous, one));
        }
    }
}
