//! Native histograms: one sample that holds a whole distribution in sparse buckets.
//!
//! Format and semantics: <https://prometheus.io/docs/specs/native_histograms/>.

mod arithmetic;
mod bounds;
mod buckets;
mod classic;
mod compare;
#[cfg(test)]
mod laws;
mod layout;
mod notation;
mod statistics;
mod sum;
#[cfg(test)]
mod tests;
mod text;
mod trim;
mod validate;

use std::sync::Arc;

use super::{Timestamp, is_stale};

pub use arithmetic::Combination;
pub use buckets::Bucket;
pub use classic::{ClassicError, classic_to_native};
pub use notation::{
    HistogramNotation, NotationError, PROGRESSION_BUCKETS_MAX, PROGRESSION_LENGTH_MAX, Progress, parse_notation,
    progression, read_notation,
};
pub use statistics::QuantileRemark;
pub use sum::{HistogramMean, HistogramSum};
pub use validate::{BUCKET_INDEX_MAX, DeltaHistogram, EXPONENTIAL_SCHEMA_MAX_RESERVED, HistogramError};

/// The schema of histograms with custom bucket bounds.
pub const CUSTOM_BUCKETS_SCHEMA: i32 = -53;
/// The coarsest exponential schema: each bucket is 2^16 times as wide as the one before.
pub const EXPONENTIAL_SCHEMA_MIN: i32 = -4;
/// The finest exponential schema: 256 buckets per power of two.
pub const EXPONENTIAL_SCHEMA_MAX: i32 = 8;

/// What is known of whether counts started anew between this histogram and the one before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CounterResetHint {
    /// Nothing: compare the two.
    #[default]
    Unknown,
    /// They did.
    Reset,
    /// They did not.
    NotReset,
    /// The histogram is a gauge, for which there are no resets.
    Gauge,
}

/// A run of buckets that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BucketSpan {
    /// The gap to the end of the span before; of the first span the index of its first bucket.
    pub offset: i32,
    /// How many buckets it has.
    pub length: u32,
}

/// A native histogram with absolute counts as floats.
///
/// Bucket `i` of an exponential schema `s` holds what is in (2^((i-1)/2^s), 2^(i/2^s)], of the negative ones mirrored; with
/// [`CUSTOM_BUCKETS_SCHEMA`] bucket `i` ends at `custom_values[i]`, and one more reaches to infinity.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// Whether counts started anew.
    pub counter_reset_hint: CounterResetHint,
    /// The width of the buckets.
    pub schema: i32,
    /// Observations at most this far from zero are in the zero bucket.
    pub zero_threshold: f64,
    /// How many observations are in the zero bucket.
    pub zero_count: f64,
    /// How many observations there are.
    pub count: f64,
    /// The sum of the observations.
    pub sum: f64,
    /// Where the positive buckets are.
    pub positive_spans: Vec<BucketSpan>,
    /// The counts of the positive buckets, those of all spans one after the other.
    pub positive_buckets: Vec<f64>,
    /// Where the negative buckets are.
    pub negative_spans: Vec<BucketSpan>,
    /// The counts of the negative buckets.
    pub negative_buckets: Vec<f64>,
    /// The upper bounds of custom buckets, ascending, without the infinite one; empty for exponential schemas.
    pub custom_values: Vec<f64>,
}

impl Histogram {
    /// Whether the buckets have custom bounds.
    pub fn has_custom_buckets(&self) -> bool {
        self.schema == CUSTOM_BUCKETS_SCHEMA
    }

    /// Whether it marks that the series ended.
    pub fn is_stale(&self) -> bool {
        is_stale(self.sum)
    }
}

/// One histogram of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct HistogramSample {
    /// When it was observed.
    pub at: Timestamp,
    /// What was observed.
    pub histogram: Arc<Histogram>,
}

/// Since when the sample of a series at a moment counts: its start timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartTime {
    /// The time of the sample.
    pub at: Timestamp,
    /// When counting began.
    pub start: Timestamp,
}

/// What a sample holds.
#[derive(Clone, Debug, PartialEq)]
pub enum SampleValue {
    /// A number.
    Float(f64),
    /// A native histogram.
    Histogram(Arc<Histogram>),
}

impl SampleValue {
    /// The number, unless it is a histogram.
    pub fn float(&self) -> Option<f64> {
        match self {
            SampleValue::Float(value) => Some(*value),
            SampleValue::Histogram(_) => None,
        }
    }
}

impl From<f64> for SampleValue {
    fn from(value: f64) -> Self {
        SampleValue::Float(value)
    }
}
