use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::custom_buckets::native_histograms;
use super::play::Failure;
use super::{Load, Point};
use crate::formats::Batch;
use crate::model::{CounterResetHint, Histogram, HistogramSample, Labels, Matcher, Sample, StartTime, Timestamp};
use crate::series::{Querier, Stretch};

/// The series that a script has loaded.
#[derive(Clone, Debug, Default)]
pub struct Store {
    series: BTreeMap<Labels, Kept>,
}

/// What one series has.
#[derive(Clone, Debug, Default)]
struct Kept {
    samples: Vec<Sample>,
    histograms: Vec<HistogramSample>,
    starts: Vec<StartTime>,
}

impl Store {
    /// Adds samples to a series; at equal times the later wins.
    pub fn append(&mut self, labels: Labels, samples: impl IntoIterator<Item = Sample>) {
        let kept = self.series.entry(labels).or_default();
        for sample in samples {
            kept.add(sample.at, &Point::Float(sample.value));
        }
    }

    /// Adds samples of a file: floats, histograms and start times; at equal times the later wins.
    pub fn add(&mut self, batch: Batch) {
        for (labels, samples) in batch.series {
            self.append(labels, samples);
        }
        for (labels, histograms) in batch.histograms {
            let kept = self.series.entry(labels).or_default();
            for sample in histograms {
                forget(&mut kept.samples, sample.at, |kept| kept.at);
                insert(&mut kept.histograms, sample, |kept| kept.at);
            }
        }
        for (labels, starts) in batch.starts {
            let kept = self.series.entry(labels).or_default();
            starts.into_iter().for_each(|start| insert(&mut kept.starts, start, |start| start.at));
        }
    }

    /// The times of the first and the last sample.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let times = |kept: &Kept| {
            let samples = [kept.samples.first(), kept.samples.last()].map(|sample| sample.map(|sample| sample.at));
            let histograms = [kept.histograms.first(), kept.histograms.last()].map(|kept| kept.map(|kept| kept.at));
            samples.into_iter().chain(histograms).flatten().collect::<Vec<_>>()
        };
        let all: Vec<Timestamp> = self.series.values().flat_map(times).collect();
        Some((*all.iter().min()?, *all.iter().max()?))
    }

    /// Adds the samples of a load; at equal times the later wins.
    ///
    /// # Errors
    ///
    /// Classic histograms that cannot be made native ones; the other series are there.
    pub fn load(&mut self, load: &Load) -> Result<(), Failure> {
        let last_of_each: BTreeMap<&Labels, usize> =
            load.series.iter().enumerate().map(|(index, series)| (&series.labels, index)).collect();
        for (labels, index) in &last_of_each {
            let loaded = &load.series[*index];
            let kept = self.series.entry((*labels).clone()).or_default();
            for (step, point) in loaded.points.iter().enumerate() {
                let at = step_time(load.step_ms, step);
                kept.add(at, point);
                let start_ms = loaded.starts_ms.get(step).copied().flatten();
                if let Some(start_ms) = start_ms.filter(|_| !matches!(point, Point::Missing)) {
                    let start = Timestamp::from_millis(at.millis().saturating_add(start_ms));
                    insert(&mut kept.starts, StartTime { at, start }, |start| start.at);
                }
            }
        }
        if load.with_custom_buckets {
            for (labels, histograms) in native_histograms(last_of_each.values().map(|index| &load.series[*index]))? {
                let kept = self.series.entry(labels).or_default();
                for (step, histogram) in histograms {
                    kept.add(step_time(load.step_ms, step), &Point::Histogram { histogram, has_hint: false });
                }
            }
        }
        Ok(())
    }
}

/// The time of a load's step.
fn step_time(step_ms: i64, step: usize) -> Timestamp {
    Timestamp::from_millis(step_ms.saturating_mul(i64::try_from(step).unwrap_or(i64::MAX)))
}

impl Kept {
    fn add(&mut self, at: Timestamp, point: &Point) {
        match point {
            Point::Missing => {}
            Point::Float(value) => {
                forget(&mut self.histograms, at, |kept| kept.at);
                insert(&mut self.samples, Sample::new(at, *value), |sample| sample.at);
            }
            Point::Histogram { histogram, .. } => {
                forget(&mut self.samples, at, |kept| kept.at);
                let hint = self.stored_hint(at, histogram);
                let mut histogram = Arc::clone(histogram);
                if histogram.counter_reset_hint != hint {
                    Arc::make_mut(&mut histogram).counter_reset_hint = hint;
                }
                insert(&mut self.histograms, HistogramSample { at, histogram }, |kept| kept.at);
            }
        }
    }

    /// The hint of a histogram as Prometheus's storage gives it back: known against the histogram right before it.
    fn stored_hint(&self, at: Timestamp, histogram: &Histogram) -> CounterResetHint {
        let before = &self.histograms[..self.histograms.partition_point(|kept| kept.at < at)];
        let floats = &self.samples[..self.samples.partition_point(|sample| sample.at < at)];
        let float_between = floats.last().map(|sample| sample.at);
        let before = before.last().filter(|before| float_between.is_none_or(|float| float < before.at));
        histogram.hint_after(before.map(|before| &*before.histogram))
    }
}

/// Puts `item` in its place in time, instead of one at the same time.
fn insert<T>(items: &mut Vec<T>, item: T, at: impl Fn(&T) -> Timestamp) {
    let time = at(&item);
    let index = items.partition_point(|kept| at(kept) < time);
    match items.get_mut(index) {
        Some(kept) if at(kept) == time => *kept = item,
        _ => items.insert(index, item),
    }
}

/// Takes out the item at `time`, if there is one.
fn forget<T>(items: &mut Vec<T>, time: Timestamp, at: impl Fn(&T) -> Timestamp) {
    if let Ok(index) = items.binary_search_by_key(&time, at) {
        items.remove(index);
    }
}

/// The part of `items` after `after` and not after `until`.
fn inside<T>(items: &[T], after: Timestamp, until: Timestamp, at: impl Fn(&T) -> Timestamp) -> &[T] {
    let from = items.partition_point(|item| at(item) <= after);
    let to = items.partition_point(|item| at(item) <= until).max(from);
    &items[from..to]
}

impl Querier for Store {
    fn select(&self, matchers: &[Matcher], after: Timestamp, until: Timestamp) -> Vec<Stretch<'_>> {
        let matching = self.series.iter().filter(|(labels, _)| matchers.iter().all(|matcher| matcher.matches(labels)));
        let stretches = matching.map(|(labels, kept)| Stretch {
            labels: Cow::Borrowed(labels),
            samples: Cow::Borrowed(inside(&kept.samples, after, until, |sample| sample.at)),
            histograms: Cow::Borrowed(inside(&kept.histograms, after, until, |histogram| histogram.at)),
            starts: Cow::Borrowed(inside(&kept.starts, after, until, |start| start.at)),
        });
        stretches.filter(|stretch| !stretch.samples.is_empty() || !stretch.histograms.is_empty()).collect()
    }
}
