//! Operators between two expressions.
//!
//! Which series find each other, and what labels their results have, is worked out once per pair of series; the operator itself
//! runs down their columns of points.

mod join;
mod operation;
mod pair;
mod set;

pub(super) use join::braced;

use crate::lang::{Binary, BinaryOp, Span};

use super::error::{EvalError, EvalErrorKind};
use super::evaluator::{Computed, Evaluator};
use super::grid::Grid;
use super::row::{Point, Row};
use operation::{Kept, Operation};

/// How many rows are worked on between two looks at whether the answer is still wanted.
const ROWS_BETWEEN_CHECKS: usize = 256;

impl<'q> Evaluator<'q> {
    /// What `binary` yields.
    pub(super) fn eval_binary(&mut self, binary: &Binary, span: &Span, grid: Grid) -> Result<Computed<'q>, EvalError> {
        let left = self.eval(&binary.left, grid)?;
        let right = self.eval(&binary.right, grid)?;
        match (left, right) {
            (Computed::Scalar(left), Computed::Scalar(right)) => {
                Ok(Computed::Scalar(between_scalars(binary.op, left, &right)))
            }
            (Computed::Vector(rows), Computed::Scalar(scalars)) => {
                self.with_scalars(binary, span, rows, scalars, false).map(Computed::Vector)
            }
            (Computed::Scalar(scalars), Computed::Vector(rows)) => {
                self.with_scalars(binary, span, rows, scalars, true).map(Computed::Vector)
            }
            (Computed::Vector(left), Computed::Vector(right)) if binary.op.is_set() => {
                self.check_canceled(span)?;
                Ok(Computed::Vector(set::combined(binary, left, right, grid.len())))
            }
            (Computed::Vector(left), Computed::Vector(right)) => {
                self.join(binary, span, left, right, grid).map(Computed::Vector)
            }
            _ => {
                let text = "operands must be scalars or instant vectors";
                Err(EvalError::new(EvalErrorKind::InvalidType, text, span))
            }
        }
    }

    /// Each of `rows` with the number of the same moment, which stands on the left if `swapped`.
    fn with_scalars(
        &mut self,
        binary: &Binary,
        span: &Span,
        mut rows: Vec<Row>,
        scalars: Vec<f64>,
        swapped: bool,
    ) -> Result<Vec<Row>, EvalError> {
        let drops_name = !binary.op.is_comparison() && !operation::is_trim(binary.op) || binary.returns_bool;
        let scalars: Vec<Point> = scalars.into_iter().map(Point::Float).collect();
        let mut operation = Operation::new(binary, swapped, Kept::Points);
        for chunk in rows.chunks_mut(ROWS_BETWEEN_CHECKS) {
            self.check_canceled(span)?;
            for row in chunk {
                row.drop_name |= drops_name;
                operation.combine(&mut row.points, &scalars);
            }
        }
        operation.report(self, span);
        Ok(rows)
    }
}

fn between_scalars(op: BinaryOp, mut left: Vec<f64>, right: &[f64]) -> Vec<f64> {
    for (left, right) in left.iter_mut().zip(right) {
        *left = match op.is_comparison() {
            true => f64::from(u8::from(operation::compares(op, *left, *right))),
            false => operation::arithmetic(op, *left, *right),
        };
    }
    left
}
