//! What happened at a moment, whatever it was.

use super::{HistogramSample, Sample, StartTime, Timestamp};

/// Something of a moment.
pub trait Timed {
    /// The moment.
    fn at(&self) -> Timestamp;
}

impl Timed for Sample {
    fn at(&self) -> Timestamp {
        self.at
    }
}

impl Timed for HistogramSample {
    fn at(&self) -> Timestamp {
        self.at
    }
}

impl Timed for StartTime {
    fn at(&self) -> Timestamp {
        self.at
    }
}
