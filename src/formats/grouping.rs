use hashbrown::HashMap;

use super::Batch;
use crate::model::{HistogramSample, Labels, Sample};

/// Gathers samples by series, in the order in which the series came.
#[derive(Debug, Default)]
pub(super) struct Grouping {
    series: Vec<(Labels, Vec<Sample>)>,
    /// By the place of the series.
    histograms: HashMap<usize, Vec<HistogramSample>>,
    index_of: HashMap<Labels, usize>,
}

impl Grouping {
    /// The place of a series, for [`Grouping::samples`].
    pub(super) fn index(&mut self, labels: Labels) -> usize {
        *self.index_of.entry(labels).or_insert_with_key(|labels| {
            self.series.push((labels.clone(), Vec::new()));
            self.series.len() - 1
        })
    }

    /// The samples so far of the series at `index`.
    pub(super) fn samples(&mut self, index: usize) -> &mut Vec<Sample> {
        &mut self.series[index].1
    }

    /// The histograms so far of the series at `index`.
    pub(super) fn histograms(&mut self, index: usize) -> &mut Vec<HistogramSample> {
        self.histograms.entry(index).or_default()
    }

    /// As [`Grouping::finish`], with the series that have histograms.
    pub(super) fn batch(mut self) -> Batch {
        let mut by_place: Vec<(usize, Vec<HistogramSample>)> = self.histograms.drain().collect();
        by_place.sort_unstable_by_key(|(place, _)| *place);
        let histograms = by_place.into_iter().map(|(place, mut samples)| {
            samples.sort_by_key(|sample| sample.at);
            (self.series[place].0.clone(), samples)
        });
        let histograms = histograms.collect();
        Batch { series: self.finish(), histograms, ..Batch::default() }
    }

    /// The series that have samples, each ordered by time; samples of one time in the order in which they came.
    pub(super) fn finish(mut self) -> Vec<(Labels, Vec<Sample>)> {
        self.series.retain(|(_, samples)| !samples.is_empty());
        for (_, samples) in &mut self.series {
            super::order_by_time(samples);
        }
        self.series
    }
}
