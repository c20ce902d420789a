use crate::lang::{Call, Span};

use super::super::error::{EvalError, EvalErrorKind};
use super::super::evaluator::Evaluator;
use super::super::grid::Grid;
use super::super::row::Row;

impl Evaluator<'_> {
    /// Not yet.
    pub(super) fn call_over_time(&mut self, call: &Call, span: &Span, grid: Grid) -> Result<Vec<Row>, EvalError> {
        let _ = (call, grid);
        Err(EvalError::new(EvalErrorKind::Unsupported, "functions", span))
    }
}
