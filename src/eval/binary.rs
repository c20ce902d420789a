use crate::lang::{Binary, Span};

use super::error::{EvalError, EvalErrorKind};
use super::evaluator::{Computed, Evaluator};
use super::grid::Grid;

impl<'q> Evaluator<'q> {
    /// What `binary` yields.
    pub(super) fn eval_binary(&mut self, binary: &Binary, span: &Span, grid: Grid) -> Result<Computed<'q>, EvalError> {
        let _ = (binary, grid);
        Err(EvalError::new(EvalErrorKind::Unsupported, "operators", span))
    }
}
