use std::fmt;

use crate::lang::Span;

/// Why an evaluation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EvalErrorKind {
    /// More samples than [`Options::samples_max`](super::Options::samples_max).
    TooManySamples,
    /// More steps of a range query or of subqueries than one evaluation may take.
    TooManySteps,
    /// The expression is nested too deeply.
    TooDeep,
    /// Series of the two sides of an operator do not find each other uniquely.
    Matching,
    /// Two series of a result have the same labels.
    DuplicateSeries,
    /// A parameter has a value that the function or aggregator does not take.
    InvalidParameter,
    /// A range, step or offset that cannot be used.
    InvalidDuration,
    /// The expression has the wrong type for its place.
    InvalidType,
    /// [`Options::canceled`](super::Options::canceled) was set: it took too long, or nobody waits for it.
    Canceled,
    /// Valid, and not evaluated by this version.
    Unsupported,
}

/// A failed evaluation: why, and which part of the expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct EvalError {
    /// The kind of failure.
    pub kind: EvalErrorKind,
    /// What went wrong, in one line, worded as Prometheus does where it has words for it.
    pub text: String,
    /// The part of the expression at fault.
    pub span: Span,
}

impl EvalError {
    /// An error of `kind` at `span`.
    pub(super) fn new(kind: EvalErrorKind, text: impl Into<String>, span: &Span) -> Self {
        EvalError { kind, text: text.into(), span: span.clone() }
    }

    /// A parameter out of its range.
    pub(super) fn parameter(text: impl Into<String>, span: &Span) -> Self {
        EvalError::new(EvalErrorKind::InvalidParameter, text, span)
    }

    /// Two series with the same labels.
    pub(super) fn duplicate(span: &Span) -> Self {
        EvalError::new(EvalErrorKind::DuplicateSeries, "vector cannot contain metrics with the same labelset", span)
    }
}

/// How much a remark matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WarningLevel {
    /// Good to know.
    Info,
    /// The result may not be what was meant.
    Warning,
}

/// A remark on an evaluation that succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// How much it matters.
    pub level: WarningLevel,
    /// The remark, without position.
    pub text: String,
    /// The part of the expression that it is about.
    pub span: Span,
}

/// `PromQL warning: …` or `PromQL info: …`, without position.
impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            WarningLevel::Info => "info",
            WarningLevel::Warning => "warning",
        };
        write!(f, "PromQL {level}: {}", self.text)
    }
}
