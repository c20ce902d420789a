//! How far the hints of stored histograms on counter resets are believed, as Prometheus's readers do.
//!
//! Where buckets are read, a reset that storage noticed counts as unknown, and the buckets are compared again. Where only counts and
//! sums are, as below `histogram_count`, each histogram is compared with the one before it as it is read.

use std::borrow::Cow;
use std::sync::Arc;

use crate::model::{CounterResetHint, HistogramSample};

/// What a part of an expression reads of histograms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Reading {
    /// Everything.
    #[default]
    Buckets,
    /// Counts and sums.
    Counts,
    /// Everything, whatever is asked for further inside.
    BucketsAlways,
}

impl Reading {
    /// What the arguments of `function` read.
    pub(super) fn inside(self, function: &str) -> Reading {
        match (self, function) {
            (Reading::BucketsAlways, _) | (_, "histogram_quantile" | "histogram_quantiles" | "histogram_fraction") => {
                Reading::BucketsAlways
            }
            (_, "histogram_count" | "histogram_sum" | "histogram_avg") => Reading::Counts,
            (reading, _) => reading,
        }
    }
}

/// `histograms`, which follow each other, with the hints that `reading` goes by.
pub(super) fn read_hints(histograms: Cow<'_, [HistogramSample]>, reading: Reading) -> Cow<'_, [HistogramSample]> {
    let hint = |previous: Option<&HistogramSample>, sample: &HistogramSample| {
        let stored = sample.histogram.counter_reset_hint;
        match (reading, stored, previous) {
            (Reading::Counts, CounterResetHint::Unknown, Some(previous)) => {
                match sample.histogram.detect_reset(&previous.histogram) {
                    true => CounterResetHint::Reset,
                    false => CounterResetHint::NotReset,
                }
            }
            (Reading::Buckets | Reading::BucketsAlways, CounterResetHint::Reset, _) => CounterResetHint::Unknown,
            _ => stored,
        }
    };
    let previous = |index: usize| index.checked_sub(1);
    let is_stored = |(index, sample): (usize, &HistogramSample)| {
        hint(previous(index).map(|index| &histograms[index]), sample) == sample.histogram.counter_reset_hint
    };
    if histograms.iter().enumerate().all(is_stored) {
        return histograms;
    }
    let read = histograms
        .iter()
        .enumerate()
        .map(|(index, sample)| with_hint(sample, hint(previous(index).map(|index| &histograms[index]), sample)));
    Cow::Owned(read.collect())
}

/// `sample` with nothing known of resets, unless it is a gauge: samples of a subquery may be left out or come twice.
pub(super) fn unhinted(sample: HistogramSample) -> HistogramSample {
    match sample.histogram.counter_reset_hint {
        CounterResetHint::Reset | CounterResetHint::NotReset => with_hint(&sample, CounterResetHint::Unknown),
        CounterResetHint::Unknown | CounterResetHint::Gauge => sample,
    }
}

fn with_hint(sample: &HistogramSample, hint: CounterResetHint) -> HistogramSample {
    let mut sample = sample.clone();
    if sample.histogram.counter_reset_hint != hint {
        Arc::make_mut(&mut sample.histogram).counter_reset_hint = hint;
    }
    sample
}

#[cfg(test)]
mod tests {
    use crate::model::{Histogram, Timestamp};

    use super::*;

    fn samples(parts: &[(f64, CounterResetHint)]) -> Vec<HistogramSample> {
        let sample = |(at, (count, counter_reset_hint)): (i64, &(f64, CounterResetHint))| HistogramSample {
            at: Timestamp::from_seconds(at),
            histogram: Histogram { count: *count, counter_reset_hint: *counter_reset_hint, ..Histogram::default() }
                .into(),
        };
        (0..).zip(parts).map(sample).collect()
    }

    #[test]
    fn hints_as_they_are_read() {
        use CounterResetHint::{Gauge, NotReset, Reset, Unknown};
        let stored =
            samples(&[(5.0, Unknown), (6.0, NotReset), (2.0, Reset), (3.0, Unknown), (1.0, Unknown), (1.0, Gauge)]);
        for (reading, expected) in [
            (Reading::Buckets, [Unknown, NotReset, Unknown, Unknown, Unknown, Gauge]),
            (Reading::Counts, [Unknown, NotReset, Reset, NotReset, Reset, Gauge]),
        ] {
            let read = read_hints(Cow::Borrowed(&stored), reading);
            let found: Vec<_> = read.iter().map(|sample| sample.histogram.counter_reset_hint).collect();
            assert_eq!(found, expected, "{reading:?}");
        }
        assert!(matches!(read_hints(Cow::Borrowed(&stored[..2]), Reading::Buckets), Cow::Borrowed(_)));
    }

    #[test]
    fn what_functions_read() {
        for (functions, expected) in [
            (&["rate"][..], Reading::Buckets),
            (&["histogram_count", "rate"], Reading::Counts),
            (&["histogram_quantile", "histogram_avg"], Reading::BucketsAlways),
            (&["histogram_sum", "histogram_fraction", "rate"], Reading::BucketsAlways),
        ] {
            let reading = functions.iter().fold(Reading::default(), |reading, function| reading.inside(function));
            assert_eq!(reading, expected, "{functions:?}");
        }
    }
}
