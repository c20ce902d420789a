//! Series and their recent samples: the index, the windows, what is kept and for how long; relabelling on the way in.
//!
//! [`Database`] owns the samples; an evaluation reads them through [`Querier`].

mod catalogue;
mod database;
mod history;
mod index;
mod limits;
mod relabel;
mod retention;
mod window;

use std::borrow::Cow;

use crate::model::{HistogramSample, Labels, Matcher, Sample, StartTime, Timestamp};

pub use catalogue::{Catalogue, MetricFacts};
pub use database::{Appended, Database, SeriesRef, Stats};
pub use limits::{AppendError, Limits};
pub use relabel::{RelabelAction, RelabelRule, relabel};
pub use retention::Retention;

/// The samples of one series inside a stretch of time.
#[derive(Clone, Debug, PartialEq)]
pub struct Stretch<'a> {
    /// The series.
    pub labels: Cow<'a, Labels>,
    /// Its float samples, oldest first, no two at the same time; staleness markers included.
    pub samples: Cow<'a, [Sample]>,
    /// Its histograms, oldest first, none at the time of another or of a float sample.
    pub histograms: Cow<'a, [HistogramSample]>,
    /// The start times of those of its samples that have one, oldest first.
    pub starts: Cow<'a, [StartTime]>,
}

/// Where an evaluation finds its samples.
pub trait Querier {
    /// The series that satisfy every matcher, each with its samples after `after` and not after `until`; series without
    /// such samples are left out. In order of their labels.
    fn select(&self, matchers: &[Matcher], after: Timestamp, until: Timestamp) -> Vec<Stretch<'_>>;
}
