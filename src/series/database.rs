use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher;
use std::time::Duration;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::history::{Held, History, Point};
use super::index::Index;
use super::retention::RetentionTable;
use super::{AppendError, Limits, Querier, Retention, Stretch};
use crate::model::{HistogramSample, Labels, Matcher, Sample, SampleValue, StartTime, Timestamp, TraceId};

/// What became of a sample that was taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It is the first of a series that was not there.
    New,
    /// It was added to its series.
    Kept,
    /// Its series has it already: same time, same bits. Nothing changed.
    Duplicate,
}

/// A series by its place, for appending again and again without hashing its labels.
///
/// Refused with [`AppendError::Dropped`] once the series is dropped, even when its place is taken by another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SeriesRef {
    slot: u32,
    generation: u32,
}

/// How much a [`Database`] holds, and what it did not take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Series held.
    pub series: usize,
    /// Samples held, histograms among them.
    pub samples: usize,
    /// Native histograms held.
    pub histograms: usize,
    /// Bytes held, estimated.
    pub bytes: usize,
    /// Samples taken in since the start, duplicates not counted.
    pub appended: u64,
    /// Samples given up for a limit before their retention was over, since the start.
    pub evicted: u64,
    /// Samples refused since the start, by [`AppendError::reason`].
    pub refused: BTreeMap<&'static str, u64>,
}

/// The recent samples of all series, found by their labels.
///
/// Knows no clock: "too old" is judged by the time last given to [`Database::truncate`], and before the first call
/// nothing is too old. Samples may come in any order; samples from the future are the caller's to refuse.
#[derive(Debug)]
pub struct Database {
    limits: Limits,
    retention: RetentionTable,
    now: Timestamp,
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Slots by the hash of their labels.
    by_labels: HashTable<u32>,
    hasher: DefaultHashBuilder,
    index: Index,
    /// What is held, and what it counts against the limits.
    held: Held,
    /// Counts appends, to tell which series was touched last.
    appended: u64,
    evicted: u64,
    refused: BTreeMap<&'static str, u64>,
}

#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    series: Option<Series>,
}

#[derive(Debug)]
struct Series {
    labels: Labels,
    history: History,
    /// How long samples are kept, in milliseconds.
    retention_ms: u64,
    /// The batch that touched it last, and when in the count of appends.
    trace: TraceId,
    touched: u64,
}

impl Database {
    /// An empty database with the default [`Retention`].
    pub fn new(limits: Limits) -> Self {
        Database {
            limits,
            retention: RetentionTable::new(Retention::default()),
            now: Timestamp::MIN,
            slots: Vec::new(),
            free: Vec::new(),
            by_labels: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            index: Index::default(),
            held: Held::default(),
            appended: 0,
            evicted: 0,
            refused: BTreeMap::new(),
        }
    }

    /// Adds `sample`, which came with the batch `trace` ([`TraceId::NONE`] leaves the series' last trace), to the series
    /// `labels`.
    ///
    /// # Errors
    ///
    /// A limit of [`Limits`], another value at the same time, a sample from before what is kept. The database is then as it
    /// was, but for the count of refusals.
    pub fn append(&mut self, labels: &Labels, sample: Sample, trace: TraceId) -> Result<Appended, AppendError> {
        self.append_point(labels, Point::Float(sample), trace)
    }

    /// As [`Database::append`], for a histogram. Against the limits it counts as the float samples for which its memory would
    /// be enough.
    ///
    /// # Errors
    ///
    /// As [`Database::append`], where a float sample of the same time is another value, and [`AppendError::InvalidHistogram`].
    pub fn append_histogram(
        &mut self,
        labels: &Labels,
        sample: HistogramSample,
        trace: TraceId,
    ) -> Result<Appended, AppendError> {
        self.append_point(labels, Point::Histogram(sample), trace)
    }

    /// [`Database::append`] or [`Database::append_histogram`], as `value` has it.
    ///
    /// # Errors
    ///
    /// As these.
    pub fn append_value(
        &mut self,
        labels: &Labels,
        at: Timestamp,
        value: SampleValue,
        trace: TraceId,
    ) -> Result<Appended, AppendError> {
        let point = match value {
            SampleValue::Float(value) => Point::Float(Sample::new(at, value)),
            SampleValue::Histogram(histogram) => Point::Histogram(HistogramSample { at, histogram }),
        };
        self.append_point(labels, point, trace)
    }

    /// Notes since when the sample of `labels` at a moment counts; it goes when the sample goes. Against the limits it counts
    /// as a float sample.
    ///
    /// # Errors
    ///
    /// As [`Database::append`], and [`AppendError::NoSample`] where the series has no sample at that time.
    pub fn append_start(&mut self, labels: &Labels, start: StartTime) -> Result<Appended, AppendError> {
        let found = self.find(labels).ok_or(AppendError::NoSample { at: start.at });
        let result = found.and_then(|slot| self.append_to_slot(slot, Point::Start(start), TraceId::NONE));
        result.map_err(|error| self.refuse(error))
    }

    fn append_point(&mut self, labels: &Labels, point: Point, trace: TraceId) -> Result<Appended, AppendError> {
        if let Point::Histogram(sample) = &point
            && sample.histogram.validate().is_err()
        {
            return Err(self.refuse(AppendError::InvalidHistogram));
        }
        let slot = match self.find(labels) {
            Some(slot) => return self.append_to_slot(slot, point, trace).map_err(|error| self.refuse(error)),
            None => self.admit(labels, Some(&point)).map_err(|error| self.refuse(error))?,
        };
        self.append_to_slot(slot, point, trace).map_err(|error| self.refuse(error))?;
        Ok(Appended::New)
    }

    /// A reference to the series `labels`, which is made if it is not there; a series without samples is dropped by the
    /// next [`Database::truncate`].
    ///
    /// # Errors
    ///
    /// A limit of [`Limits`].
    pub fn reference(&mut self, labels: &Labels) -> Result<SeriesRef, AppendError> {
        let slot = match self.find(labels) {
            Some(slot) => slot,
            None => self.admit(labels, None).map_err(|error| self.refuse(error))?,
        };
        Ok(SeriesRef { slot, generation: self.slots[slot as usize].generation })
    }

    /// As [`Database::append`], to a referenced series; says [`Appended::Kept`] also of a first sample.
    ///
    /// # Errors
    ///
    /// As [`Database::append`], and [`AppendError::Dropped`].
    pub fn append_to(&mut self, series: SeriesRef, sample: Sample, trace: TraceId) -> Result<Appended, AppendError> {
        let live = self.slots.get(series.slot as usize).is_some_and(|slot| slot.generation == series.generation);
        let result = match live {
            true => self.append_to_slot(series.slot, Point::Float(sample), trace),
            false => Err(AppendError::Dropped),
        };
        result.map_err(|error| self.refuse(error))
    }

    /// Replaces what is kept for how long. What is already dropped does not come back.
    pub fn set_retention(&mut self, retention: Retention) {
        self.retention = RetentionTable::new(retention);
        for series in self.slots.iter_mut().filter_map(|slot| slot.series.as_mut()) {
            series.retention_ms = milliseconds(self.retention.of(&series.labels));
        }
    }

    /// Drops the samples that are out of retention at `now` and the series left without samples; says how many samples went.
    pub fn truncate(&mut self, now: Timestamp) -> usize {
        self.now = now;
        let mut dropped = Held::default();
        let mut dead: Vec<u32> = Vec::new();
        for (id, slot) in (0..).zip(&mut self.slots) {
            let Some(series) = &mut slot.series else { continue };
            dropped += series.history.drop_before(series.floor(now));
            if series.history.is_empty() {
                dead.push(id);
            }
        }
        self.held -= dropped;
        self.drop_series(&dead);
        dropped.samples
    }

    /// How much is held and was refused. Takes time in proportion to the number of series.
    pub fn stats(&self) -> Stats {
        let of_series = |series: &Series| series.labels.bytes() + series.history.bytes();
        let fixed = self.slots.capacity() * size_of::<Slot>() + self.by_labels.capacity() * size_of::<u32>();
        Stats {
            series: self.by_labels.len(),
            samples: self.held.samples,
            histograms: self.held.histograms,
            bytes: fixed + self.index.bytes() + self.live().map(of_series).sum::<usize>(),
            appended: self.appended,
            evicted: self.evicted,
            refused: self.refused.clone(),
        }
    }

    /// The trace of the latest batch that touched a series satisfying every matcher; `None` if no such batch had one.
    pub fn last_trace(&self, matchers: &[Matcher]) -> Option<TraceId> {
        self.resolve(matchers)
            .filter(|series| series.trace.is_some())
            .max_by_key(|series| series.touched)
            .map(|series| series.trace)
    }

    /// The series that satisfy every matcher and have a sample after `after` and not after `until`, in order.
    pub fn series(&self, matchers: &[Matcher], after: Timestamp, until: Timestamp) -> Vec<&Labels> {
        let mut found: Vec<&Labels> = self
            .resolve(matchers)
            .filter(|series| series.history.is_seen(after, until))
            .map(|series| &series.labels)
            .collect();
        found.sort_unstable();
        found
    }

    /// The label names of those series that [`Database::series`] gives, in order.
    pub fn label_names(&self, matchers: &[Matcher], after: Timestamp, until: Timestamp) -> Vec<&str> {
        if matchers.is_empty() && after == Timestamp::MIN && until == Timestamp::MAX {
            let mut names: Vec<&str> = self.index.names().collect();
            names.sort_unstable();
            return names;
        }
        let names: BTreeSet<&str> = self
            .resolve(matchers)
            .filter(|series| series.history.is_seen(after, until))
            .flat_map(|series| series.labels.iter().map(|(name, _)| name))
            .collect();
        names.into_iter().collect()
    }

    /// The values of the label `name` among those series that [`Database::series`] gives, in order.
    pub fn label_values(&self, name: &str, matchers: &[Matcher], after: Timestamp, until: Timestamp) -> Vec<&str> {
        if matchers.is_empty() {
            let seen = |id: &u32| self.get(*id).is_some_and(|series| series.history.is_seen(after, until));
            return self.index.values(name).filter(|(_, ids)| ids.iter().any(seen)).map(|(value, _)| value).collect();
        }
        let values: BTreeSet<&str> = self
            .resolve(matchers)
            .filter(|series| series.history.is_seen(after, until))
            .map(|series| series.labels.get(name))
            .filter(|value| !value.is_empty())
            .collect();
        values.into_iter().collect()
    }

    fn get(&self, id: u32) -> Option<&Series> {
        self.slots.get(id as usize).and_then(|slot| slot.series.as_ref())
    }

    fn live(&self) -> impl Iterator<Item = &Series> {
        self.slots.iter().filter_map(|slot| slot.series.as_ref())
    }

    fn resolve(&self, matchers: &[Matcher]) -> impl Iterator<Item = &Series> {
        let labels_of = |id: u32| &self.get(id).expect("the index holds live series only").labels;
        let all = || (0..).zip(&self.slots).filter(|(_, slot)| slot.series.is_some()).map(|(id, _)| id).collect();
        self.index.resolve(matchers, all, labels_of).into_iter().filter_map(|id| self.get(id))
    }

    fn find(&self, labels: &Labels) -> Option<u32> {
        let hash = self.hasher.hash_one(labels);
        let is_it = |id: &u32| self.get(*id).is_some_and(|series| series.labels == *labels);
        self.by_labels.find(hash, is_it).copied()
    }

    /// Makes the series `labels`, which is not there, if it and its first sample are acceptable.
    fn admit(&mut self, labels: &Labels, first: Option<&Point>) -> Result<u32, AppendError> {
        let Limits { series_max, samples_max, samples_per_series_max, .. } = self.limits;
        check_labels(labels, &self.limits)?;
        if self.by_labels.len() >= series_max.min(u32::MAX as usize) {
            return Err(AppendError::TooManySeries { limit: series_max });
        }
        let retention = self.retention.of(labels);
        if let Some(point) = first {
            check_age(point.at(), self.now - retention)?;
            if self.held.load + point.load() > samples_max || point.load() > samples_per_series_max {
                return Err(AppendError::TooManySamples);
            }
        }
        let id = match self.free.pop() {
            Some(id) => id,
            None => {
                let id =
                    u32::try_from(self.slots.len()).map_err(|_| AppendError::TooManySeries { limit: series_max })?;
                self.slots.push(Slot::default());
                id
            }
        };
        self.index.insert(id, labels);
        self.slots[id as usize].series = Some(Series {
            labels: labels.clone(),
            history: History::default(),
            retention_ms: milliseconds(retention),
            trace: TraceId::NONE,
            touched: 0,
        });
        let (hasher, slots) = (&self.hasher, &self.slots);
        self.by_labels.insert_unique(hasher.hash_one(labels), id, |id| {
            slots[*id as usize].series.as_ref().map_or(0, |series| hasher.hash_one(&series.labels))
        });
        Ok(id)
    }

    fn append_to_slot(&mut self, id: u32, point: Point, trace: TraceId) -> Result<Appended, AppendError> {
        let Some(series) = self.slots[id as usize].series.as_mut() else { return Err(AppendError::Dropped) };
        let (at, load) = (point.at(), point.load());
        check_age(at, series.floor(self.now))?;
        match series.history.standing(&point) {
            None => {}
            Some(true) => return Ok(Appended::Duplicate),
            Some(false) => return Err(AppendError::DuplicateTimestamp { at }),
        }
        if point.is_start() && !series.history.has_sample(at) {
            return Err(AppendError::NoSample { at });
        }
        let of_series = (series.history.load() + load).saturating_sub(self.limits.samples_per_series_max);
        let of_all = (self.held.load + load).saturating_sub(self.limits.samples_max);
        let needed = of_series.max(of_all);
        if needed > 0 {
            let youngest = series.history.oldest_for(needed, at).ok_or(AppendError::TooManySamples)?;
            let dropped = series.history.drop_before(youngest + Duration::from_millis(1));
            self.held -= dropped;
            self.evicted += dropped.samples as u64;
        }
        let added = point.measure();
        series.history.insert(point);
        self.held += added;
        self.appended += added.samples as u64;
        if trace.is_some() {
            series.trace = trace;
            series.touched = self.appended;
        }
        Ok(Appended::Kept)
    }

    fn drop_series(&mut self, dead: &[u32]) {
        if dead.is_empty() {
            return;
        }
        let mut is_dead = vec![false; self.slots.len()];
        let mut gone: Vec<Labels> = Vec::with_capacity(dead.len());
        for id in dead {
            is_dead[*id as usize] = true;
            let slot = &mut self.slots[*id as usize];
            let Some(series) = slot.series.take() else { continue };
            // A place whose generations are used up is not used again, so that no reference is ever ambiguous.
            slot.generation = slot.generation.saturating_add(1);
            if slot.generation < u32::MAX {
                self.free.push(*id);
            }
            if let Ok(entry) = self.by_labels.find_entry(self.hasher.hash_one(&series.labels), |other| other == id) {
                entry.remove();
            }
            gone.push(series.labels);
        }
        self.index.remove(gone.iter(), |id| is_dead[id as usize]);
    }

    fn refuse(&mut self, error: AppendError) -> AppendError {
        *self.refused.entry(error.reason()).or_default() += 1;
        error
    }
}

impl Series {
    /// The time before which nothing is kept.
    fn floor(&self, now: Timestamp) -> Timestamp {
        now - Duration::from_millis(self.retention_ms)
    }
}

impl Querier for Database {
    fn select(&self, matchers: &[Matcher], after: Timestamp, until: Timestamp) -> Vec<Stretch<'_>> {
        let mut found: Vec<Stretch<'_>> = self
            .resolve(matchers)
            .filter_map(|series| {
                let (samples, histograms, starts) = series.history.range(after, until);
                let stretch = || Stretch {
                    labels: Cow::Borrowed(&series.labels),
                    samples: Cow::Borrowed(samples),
                    histograms: Cow::Borrowed(histograms),
                    starts: Cow::Borrowed(starts),
                };
                (!samples.is_empty() || !histograms.is_empty()).then(stretch)
            })
            .collect();
        found.sort_unstable_by(|one, other| one.labels.cmp(&other.labels));
        found
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn check_age(at: Timestamp, floor: Timestamp) -> Result<(), AppendError> {
    if at < floor { Err(AppendError::TooOld { at, floor }) } else { Ok(()) }
}

fn check_labels(labels: &Labels, limits: &Limits) -> Result<(), AppendError> {
    let Limits { labels_per_series_max, label_name_bytes_max, label_value_bytes_max, .. } = *limits;
    if labels.is_empty() {
        return Err(AppendError::NoLabels);
    }
    if labels.len() > labels_per_series_max {
        return Err(AppendError::TooManyLabels { count: labels.len(), limit: labels_per_series_max });
    }
    for (name, value) in labels.iter() {
        if name.is_empty() {
            return Err(AppendError::LabelNameEmpty);
        }
        if name.len() > label_name_bytes_max {
            return Err(AppendError::LabelNameTooLong { bytes: name.len(), limit: label_name_bytes_max });
        }
        if value.len() > label_value_bytes_max {
            return Err(AppendError::LabelValueTooLong { bytes: value.len(), limit: label_value_bytes_max });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
