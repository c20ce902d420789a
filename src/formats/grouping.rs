use hashbrown::HashMap;

use crate::model::{Labels, Sample};

/// Gathers samples by series, in the order in which the series came.
#[derive(Debug, Default)]
pub(super) struct Grouping {
    series: Vec<(Labels, Vec<Sample>)>,
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

    /// The series that have samples, each ordered by time; samples of one time in the order in which they came.
    pub(super) fn finish(mut self) -> Vec<(Labels, Vec<Sample>)> {
        self.series.retain(|(_, samples)| !samples.is_empty());
        for (_, samples) in &mut self.series {
            super::order_by_time(samples);
        }
        self.series
    }
}
