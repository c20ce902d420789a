//! Answers about samples from a database: a fixture that was read.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::time::Duration;

use crate::eval::{Options, Value, instant};
use crate::formats::{Batch, Metadata};
use crate::lang::Expr;
use crate::model::{Labels, Matcher, Sample, Timestamp, TraceId, is_stale};
use crate::series::{Database, Limits, Querier, Retention};

use super::knowledge::{SERIES_SHOWN_MAX, SelectorFacts, SeriesKnowledge};

/// How far back a series' last sample may lie for the series to be there.
const LOOKBACK_MS: i64 = 300_000;
/// From how many series the distance of samples is taken.
const SERIES_TIMED_MAX: usize = 20;

/// The samples of fixtures, whose last moment is the present.
pub struct RecordedSeries {
    database: Database,
    first: Timestamp,
    at: Timestamp,
    names: Rc<[String]>,
    kinds: HashMap<String, String>,
}

impl RecordedSeries {
    /// Takes over the samples of `batch`; those that a limit refuses are left out.
    pub fn new(batch: Batch) -> RecordedSeries {
        let ages = Retention { floor: Duration::from_secs(u32::MAX.into()), ..Retention::default() };
        let mut database = Database::new(Limits::default());
        database.set_retention(ages);
        let mut names = BTreeSet::new();
        let (mut first, mut at) = (Timestamp::from_millis(i64::MAX), Timestamp::from_millis(0));
        let mut rows: Vec<(Sample, &Labels)> = Vec::new();
        for (labels, samples) in &batch.series {
            names.insert(labels.metric_name().to_owned());
            rows.extend(samples.iter().map(|sample| (*sample, labels)));
        }
        for (labels, histograms) in &batch.histograms {
            names.insert(labels.metric_name().to_owned());
            for sample in histograms {
                first = first.min(sample.at);
                at = at.max(sample.at);
                let _refused = database.append_histogram(labels, sample.clone(), TraceId::NONE).is_err();
            }
        }
        rows.sort_by_key(|(sample, _)| sample.at);
        for (sample, labels) in rows {
            first = first.min(sample.at);
            at = at.max(sample.at);
            // A fixture may hold anything; what the database refuses is not there.
            let _refused = database.append(labels, sample, TraceId::NONE).is_err();
        }
        let kind = |metadata: &Metadata| (metadata.metric.clone(), metadata.kind.clone());
        RecordedSeries {
            database,
            first,
            at,
            names: names.into_iter().collect(),
            kinds: batch.metadata.iter().map(kind).collect(),
        }
    }
}

impl SeriesKnowledge for RecordedSeries {
    fn at(&self) -> Timestamp {
        self.at
    }

    fn facts(&self, matchers: &[Matcher]) -> Option<Rc<SelectorFacts>> {
        let before = Timestamp::from_millis(self.first.millis().saturating_sub(1));
        let found = self.database.select(matchers, before, self.at);
        let mut facts = SelectorFacts::default();
        let mut distances = Vec::new();
        for stretch in &found {
            let samples: Vec<Sample> =
                stretch.samples.iter().filter(|sample| !is_stale(sample.value)).copied().collect();
            let histograms = stretch.histograms.iter().map(|sample| sample.at.millis());
            let mut moments: Vec<i64> = samples.iter().map(|sample| sample.at.millis()).chain(histograms).collect();
            moments.sort_unstable();
            let Some(end) = moments.last().copied() else { continue };
            facts.last_seen = facts.last_seen.max(Some(Timestamp::from_millis(end)));
            let ended = stretch.samples.last().filter(|sample| is_stale(sample.value));
            let is_stopped = ended.is_some_and(|marker| marker.at.millis() > end);
            if end > self.at.millis() - LOOKBACK_MS && !is_stopped {
                facts.count += 1;
                if facts.series.len() < SERIES_SHOWN_MAX {
                    facts.series.push(stretch.labels.clone().into_owned());
                }
            }
            let distance = usual_distance(&moments);
            if distances.len() < SERIES_TIMED_MAX {
                distances.extend(distance);
            }
            let late = |sample: &&Sample| sample.at.millis() - self.first.millis() > distance.unwrap_or(LOOKBACK_MS);
            let born = samples.first().filter(|first| first.value > 0.0).filter(late);
            if let (None, Some(born)) = (&facts.newborn, born) {
                facts.newborn = Some((stretch.labels.clone().into_owned(), born.value));
            }
        }
        facts.interval = median(distances).map(|millis| Duration::from_millis(millis.unsigned_abs()));
        Some(Rc::new(facts))
    }

    fn count(&self, expr: &Expr) -> Option<usize> {
        match instant(&self.database, expr, self.at, &Options::default()).ok()?.value {
            Value::Vector(elements) => Some(elements.len()),
            _ => None,
        }
    }

    fn metric_names(&self) -> Option<Rc<[String]>> {
        Some(Rc::clone(&self.names))
    }

    fn kind(&self, metric: &str) -> Option<String> {
        let family = ["_total", "_count", "_sum", "_bucket"].iter().find_map(|ending| metric.strip_suffix(ending));
        let found = self.kinds.get(metric).or_else(|| family.and_then(|family| self.kinds.get(family)))?;
        let is_part = family.is_some() && !self.kinds.contains_key(metric);
        Some(if is_part && found != "gauge" { "counter".to_owned() } else { found.clone() })
    }
}

/// The middle distance of neighbouring moments in milliseconds.
pub(super) fn usual_distance(moments: &[i64]) -> Option<i64> {
    median(moments.windows(2).map(|pair| pair[1] - pair[0]).collect())
}

fn median(mut values: Vec<i64>) -> Option<i64> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}
