//! Wire and file formats of samples: bytes in, batches out. No file or socket is touched.

use crate::model::{Labels, Sample};

/// Samples that came together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Each series with its samples, oldest first.
    pub series: Vec<(Labels, Vec<Sample>)>,
    /// What is known of metrics.
    pub metadata: Vec<Metadata>,
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
