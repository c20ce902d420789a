//! Scripts that say what expressions yield, in the format of Prometheus's `promqltest`
//! (<https://github.com/prometheus/prometheus/tree/main/promql/promqltest>).
//!
//! ```text
//! load 1m
//!   requests_total{job="api"} 0+60x10
//!
//! eval instant at 10m rate(requests_total[5m])
//!   expect no_warn
//!   {job="api"} 1
//! ```

mod compare;
mod custom_buckets;
mod expectation;
mod play;
mod points;
mod reader;
mod start_times;
mod store;

use crate::formats::FormatError;
use crate::model::Labels;

pub use expectation::{Expectations, Remarks, Text};
pub use play::{Failure, Verdict, play};
pub use points::Point;
pub use reader::{POINTS_MAX, read, read_within};
pub use store::Store;

/// A script, read.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// Its commands, in their order.
    pub commands: Vec<Command>,
}

impl Script {
    /// How many evaluations it has.
    pub fn evaluation_count(&self) -> usize {
        self.commands.iter().filter(|command| matches!(command.kind, CommandKind::Eval(_))).count()
    }
}

/// A step of a script.
#[derive(Clone, Debug)]
pub struct Command {
    /// The line it begins on, from 1.
    pub line: usize,
    /// What it does.
    pub kind: CommandKind,
}

/// The commands.
#[derive(Clone, Debug)]
pub enum CommandKind {
    /// `clear`: forgets every series.
    Clear,
    /// `load` and `load_with_nhcb`: adds samples.
    Load(Load),
    /// `eval`: evaluates and compares.
    Eval(Box<Eval>),
}

/// Samples to add.
#[derive(Clone, Debug, Default)]
pub struct Load {
    /// The distance of the values; the first one is at the epoch.
    pub step_ms: i64,
    /// The series; of lines with the same labels the last counts.
    pub series: Vec<LoadedSeries>,
    /// Whether classic histograms are loaded a second time, as native ones with custom buckets.
    pub with_custom_buckets: bool,
}

/// One series of a load.
#[derive(Clone, Debug)]
pub struct LoadedSeries {
    /// Its line, from 1.
    pub line: usize,
    /// The series.
    pub labels: Labels,
    /// One value per step.
    pub points: Vec<Point>,
    /// Per step how far its start time is from it, in milliseconds; shorter than `points` where none are given.
    pub starts_ms: Vec<Option<i64>>,
}

/// When an expression is evaluated, in milliseconds from the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Once.
    Instant {
        /// When.
        at_ms: i64,
    },
    /// At every step of a range, the end included.
    Range {
        /// The first step.
        start_ms: i64,
        /// No step is after it.
        end_ms: i64,
        /// The distance of the steps, positive for range queries.
        step_ms: i64,
    },
}

/// An evaluation with its expectations.
#[derive(Clone, Debug)]
pub struct Eval {
    /// When.
    pub when: When,
    /// The expression as it is written.
    pub text: String,
    /// What it must yield.
    pub expectations: Expectations,
}

/// An error at `column` (from 1) of a line's text.
fn fault(column: usize, message: impl Into<String>) -> FormatError {
    FormatError::new(1, column, message)
}
