//! The reference evaluator: what an expression yields at one moment or many.
//!
//! Complete and plainly written; whatever evaluates faster is held equal to it. A part of an expression yields its values at
//! all moments of a query at once: labels are worked out once per series, numbers once per moment. Look-back and ranges are
//! left-open, metric names are removed at the end (`__type__` and `__unit__` with them).

mod aggregate;
mod binary;
mod compensated;
mod duration;
mod error;
mod evaluator;
mod functions;
mod grid;
mod hints;
mod keys;
mod limits;
mod presence;
mod query;
mod row;
mod selector;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::model::{HistogramSample, Labels, Sample, SampleValue};

pub use error::{EvalError, EvalErrorKind, Warning, WarningLevel};
pub use presence::{data_labels, presence};
pub use query::{instant, range};

/// What bounds an evaluation.
#[derive(Clone, Debug)]
pub struct Options {
    /// How far back an instant selector looks for the last sample; left-open.
    pub lookback: Duration,
    /// How many samples one evaluation may hold.
    pub samples_max: usize,
    /// The step of a subquery that names none.
    pub default_step: Duration,
    /// Once true, the evaluation gives up: [`EvalErrorKind::Canceled`].
    pub canceled: Option<Arc<AtomicBool>>,
}

impl Default for Options {
    /// Prometheus's: 5 minutes, 50 million samples, 1 minute.
    fn default() -> Self {
        Options {
            lookback: Duration::from_secs(300),
            samples_max: 50_000_000,
            default_step: Duration::from_secs(60),
            canceled: None,
        }
    }
}

/// What an evaluation yielded, with what it has to remark.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluated {
    /// The result.
    pub value: Value,
    /// Remarks, each once; at most [`WARNINGS_MAX`].
    pub warnings: Vec<Warning>,
}

/// How many remarks one evaluation keeps; further ones are dropped.
pub const WARNINGS_MAX: usize = 100;

/// The result of an evaluation.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// One number.
    Scalar(f64),
    /// A text.
    String(String),
    /// One value per series, no two with the same labels; in the order that the expression gives them.
    Vector(Vec<Element>),
    /// Samples per series, no two series with the same labels.
    Matrix(Vec<Series>),
}

/// A series at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Element {
    /// The series.
    pub labels: Labels,
    /// Its value.
    pub value: SampleValue,
}

/// A series over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The series.
    pub labels: Labels,
    /// Its float samples, oldest first.
    pub samples: Vec<Sample>,
    /// Its histograms, oldest first.
    pub histograms: Vec<HistogramSample>,
}
