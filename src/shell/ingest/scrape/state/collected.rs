use hashbrown::{HashMap, HashSet};

use crate::formats::{Batch, Metadata};
use crate::model::{HistogramSample, Labels, Sample, SampleValue, StartTime, Timestamp};

/// Samples of one scrape while they are collected.
#[derive(Default)]
pub(super) struct Collected {
    series: Vec<CollectedSeries>,
    index: HashMap<Labels, usize>,
    tracked: HashSet<Labels>,
    /// What is known of the families.
    pub(super) metadata: Vec<Metadata>,
    /// How many samples there were.
    pub(super) scraped: usize,
    /// How many of them remained after relabelling.
    pub(super) kept: usize,
    /// How many series are new.
    pub(super) series_added: usize,
}

struct CollectedSeries {
    labels: Labels,
    samples: Vec<Sample>,
    histograms: Vec<HistogramSample>,
    starts: Vec<StartTime>,
}

impl Collected {
    /// Keeps a sample of its `own` time or, without one, of the scrape's, whose end will then be marked.
    pub(super) fn push(
        &mut self,
        labels: Labels,
        own: Option<Timestamp>,
        scraped_at: Timestamp,
        value: SampleValue,
        start: Option<Timestamp>,
    ) {
        self.kept += 1;
        if own.is_none() {
            self.tracked.insert(labels.clone());
        }
        let at = own.unwrap_or(scraped_at);
        let index = match self.index.get(&labels) {
            Some(index) => *index,
            None => {
                self.index.insert(labels.clone(), self.series.len());
                let (samples, histograms, starts) = (Vec::with_capacity(1), Vec::new(), Vec::new());
                self.series.push(CollectedSeries { labels, samples, histograms, starts });
                self.series.len() - 1
            }
        };
        let series = &mut self.series[index];
        match value {
            SampleValue::Float(value) => series.samples.push(Sample::new(at, value)),
            SampleValue::Histogram(histogram) => series.histograms.push(HistogramSample { at, histogram }),
        }
        series.starts.extend(start.map(|start| StartTime { at, start }));
    }

    /// Nothing but how many samples there were.
    pub(super) fn voided(&self) -> Self {
        Collected { scraped: self.scraped, kept: self.kept, ..Collected::default() }
    }

    /// The entry of `metric`; expositions keep the lines of a family together, so only the last one can match.
    pub(super) fn metadata_of(&mut self, metric: &str) -> &mut Metadata {
        if self.metadata.last().is_none_or(|last| last.metric != metric) {
            let kind = "unknown".to_owned();
            self.metadata.push(Metadata { metric: metric.to_owned(), kind, ..Metadata::default() });
        }
        let last = self.metadata.len() - 1;
        &mut self.metadata[last]
    }

    /// Moves the samples to `batch`, of several at one time the first, and returns the series whose end will be marked.
    pub(super) fn fill(self, batch: &mut Batch) -> HashSet<Labels> {
        for CollectedSeries { labels, mut samples, mut histograms, mut starts } in self.series {
            samples.sort_by_key(|sample| sample.at);
            samples.dedup_by_key(|sample| sample.at);
            histograms.sort_by_key(|sample| sample.at);
            histograms.dedup_by_key(|sample| sample.at);
            starts.sort_by_key(|start| start.at);
            starts.dedup_by_key(|start| start.at);
            if !starts.is_empty() {
                batch.starts.push((labels.clone(), starts));
            }
            histograms.retain(|sample| samples.binary_search_by_key(&sample.at, |float| float.at).is_err());
            if !histograms.is_empty() {
                batch.histograms.push((labels.clone(), histograms));
            }
            if !samples.is_empty() {
                batch.series.push((labels, samples));
            }
        }
        self.tracked
    }
}
