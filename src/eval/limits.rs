//! What an evaluation may still take, for work that cannot ask the evaluator itself.

use std::sync::atomic::Ordering;

use crate::lang::Span;

use super::Options;
use super::error::{EvalError, EvalErrorKind};

/// The limits of an evaluation as they are at one part of its expression.
#[derive(Clone, Debug)]
pub(super) struct Limits<'q> {
    options: &'q Options,
    /// Samples and points that exist already.
    used: usize,
    span: Span,
}

impl<'q> Limits<'q> {
    /// The limits at `span` when `used` samples and points exist.
    pub(super) fn new(options: &'q Options, used: usize, span: &Span) -> Self {
        Limits { options, used, span: span.clone() }
    }

    /// Refuses `more` points that are not there yet if they are too many.
    pub(super) fn check_room(&self, more: usize) -> Result<(), EvalError> {
        if self.used.saturating_add(more) > self.options.samples_max {
            let text = "query processing would load too many samples into memory in query execution";
            return Err(EvalError::new(EvalErrorKind::TooManySamples, text, &self.span));
        }
        Ok(())
    }

    /// Gives up when nobody wants the answer any more.
    pub(super) fn check_canceled(&self) -> Result<(), EvalError> {
        match &self.options.canceled {
            Some(canceled) if canceled.load(Ordering::Relaxed) => {
                Err(EvalError::new(EvalErrorKind::Canceled, "the evaluation was canceled", &self.span))
            }
            _ => Ok(()),
        }
    }
}
