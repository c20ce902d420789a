//! Wire and file formats: samples in batches, events of calendars. No file or socket is touched.

pub mod csv;
pub mod exposition;
pub mod fixture;
pub mod icalendar;
pub mod json_lines;
pub mod remote_write;
pub mod series_notation;

mod error;
mod grouping;
mod native_histogram;
mod protobuf;
mod series_name;

use crate::model::{HistogramSample, Labels, Sample, StartTime};

pub use error::FormatError;
pub use series_name::parse_series;
pub(crate) use series_name::parse_series_prefix;

/// The greatest number of labels that a reader accepts in one series.
pub const LABELS_PER_SERIES_MAX: usize = 1024;

/// Samples that came together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Each series with its samples, oldest first.
    pub series: Vec<(Labels, Vec<Sample>)>,
    /// Each series with its native histograms, oldest first; none at the time of one of its samples.
    pub histograms: Vec<(Labels, Vec<HistogramSample>)>,
    /// The start times of samples and histograms that have one, oldest first.
    pub starts: Vec<(Labels, Vec<StartTime>)>,
    /// What is known of metrics.
    pub metadata: Vec<Metadata>,
}

impl Batch {
    /// How many samples there are.
    pub fn sample_count(&self) -> usize {
        let floats: usize = self.series.iter().map(|(_, samples)| samples.len()).sum();
        floats + self.histograms.iter().map(|(_, histograms)| histograms.len()).sum::<usize>()
    }

    /// Takes in what another batch holds.
    pub fn extend(&mut self, other: Batch) {
        let Batch { series, histograms, starts, metadata } = other;
        self.series.extend(series);
        self.histograms.extend(histograms);
        self.starts.extend(starts);
        self.metadata.extend(metadata);
    }

    /// Whether there is neither a sample nor a metric's metadata.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty() && self.histograms.is_empty() && self.metadata.is_empty()
    }
}

/// What is known of a metric.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The metric's name (of the family).
    pub metric: String,
    /// `counter`, `gauge`, `histogram`, `summary`, `unknown`, ...
    pub kind: String,
    /// The unit, or empty.
    pub unit: String,
    /// The help text, or empty.
    pub help: String,
}

/// Puts samples in order of time unless they are.
fn order_by_time(samples: &mut [Sample]) {
    if !samples.is_sorted_by_key(|sample| sample.at) {
        samples.sort_by_key(|sample| sample.at);
    }
}
