use crate::lang::{Aggregate, Span};

use super::error::{EvalError, EvalErrorKind};
use super::evaluator::Evaluator;
use super::grid::Grid;
use super::row::Row;

impl Evaluator<'_> {
    /// What `aggregate` yields.
    pub(super) fn eval_aggregate(
        &mut self,
        aggregate: &Aggregate,
        span: &Span,
        grid: Grid,
    ) -> Result<Vec<Row>, EvalError> {
        let _ = (aggregate, grid);
        Err(EvalError::new(EvalErrorKind::Unsupported, "aggregations", span))
    }
}
