use crate::model::Timestamp;

/// How much a [`Database`](super::Database) takes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Series at a time. Default 1,000,000.
    pub series_max: usize,
    /// Samples of all series together; a series that appends beyond it gives up its own oldest. A native histogram counts as
    /// the float samples for which its memory would be enough (13 and one for every two buckets), a start time as one.
    /// Default 64 Mi (1 GiB).
    pub samples_max: usize,
    /// Samples of one series, counted alike; beyond it the oldest are given up. Default 500,000 (8 MB).
    pub samples_per_series_max: usize,
    /// Labels of a series, its name included. Default 128.
    pub labels_per_series_max: usize,
    /// Bytes of a label's name. Default 1024.
    pub label_name_bytes_max: usize,
    /// Bytes of a label's value. Default 4096.
    pub label_value_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            series_max: 1_000_000,
            samples_max: 64 << 20,
            samples_per_series_max: 500_000,
            labels_per_series_max: 128,
            label_name_bytes_max: 1024,
            label_value_bytes_max: 4096,
        }
    }
}

/// Why a sample was not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The label set is empty.
    #[error("a series needs at least one label")]
    NoLabels,
    /// A label has no name.
    #[error("a label has an empty name")]
    LabelNameEmpty,
    /// More labels than allowed.
    #[error("{count} labels, more than the limit of {limit} per series")]
    TooManyLabels {
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A label's name is too long.
    #[error("a label name of {bytes} bytes, more than the limit of {limit}")]
    LabelNameTooLong {
        /// Its length.
        bytes: usize,
        /// The longest allowed.
        limit: usize,
    },
    /// A label's value is too long.
    #[error("a label value of {bytes} bytes, more than the limit of {limit}")]
    LabelValueTooLong {
        /// Its length.
        bytes: usize,
        /// The longest allowed.
        limit: usize,
    },
    /// A new series while there are as many as allowed.
    #[error("the limit of {limit} series is reached")]
    TooManySeries {
        /// How many there may be.
        limit: usize,
    },
    /// No room for one more sample, and none older of the same series to give up.
    #[error("the limit on samples is reached, and the sample is older than all of its series")]
    TooManySamples,
    /// The series has another value at this time.
    #[error("duplicate sample for timestamp {at}")]
    DuplicateTimestamp {
        /// The time.
        at: Timestamp,
    },
    /// The sample is from before what is kept of its series.
    #[error("sample of {at} is older than what is kept, which begins at {floor}")]
    TooOld {
        /// The sample's time.
        at: Timestamp,
        /// The start of what is kept.
        floor: Timestamp,
    },
    /// A histogram whose parts do not fit together, or with a negative count.
    #[error("the parts of the histogram do not fit together, or a count of it is negative")]
    InvalidHistogram,
    /// A start time where the series has no sample.
    #[error("a start time for {at}, where there is no sample")]
    NoSample {
        /// The time.
        at: Timestamp,
    },
    /// The reference is to a series that was dropped: ask for a new one.
    #[error("the referenced series was dropped")]
    Dropped,
}

impl AppendError {
    /// A short name of the reason for counters and metrics, such as `duplicate_timestamp`.
    pub fn reason(&self) -> &'static str {
        match self {
            AppendError::NoLabels => "no_labels",
            AppendError::LabelNameEmpty => "label_name_empty",
            AppendError::TooManyLabels { .. } => "too_many_labels",
            AppendError::LabelNameTooLong { .. } => "label_name_too_long",
            AppendError::LabelValueTooLong { .. } => "label_value_too_long",
            AppendError::TooManySeries { .. } => "too_many_series",
            AppendError::TooManySamples => "too_many_samples",
            AppendError::DuplicateTimestamp { .. } => "duplicate_timestamp",
            AppendError::TooOld { .. } => "too_old",
            AppendError::InvalidHistogram => "invalid_histogram",
            AppendError::NoSample { .. } => "no_sample",
            AppendError::Dropped => "dropped_reference",
        }
    }
}
