//! Aggregators: many series into one per group, or the chosen ones of each group.
//!
//! Series are put into groups once; then each group's columns of points are worked through, one series after the other.

mod count_values;
mod group;
mod histograms;
mod limit;
mod parameter;
mod quantile;
mod ranking;
mod reduction;

use crate::lang::{Aggregate, AggregateOp, Expr, Span};

use super::error::EvalError;
use super::evaluator::{Evaluator, unwrap_parens};
use super::grid::Grid;
use super::keys::Choice;
use super::row::Row;
use group::grouped;

/// How many rows are worked on between two looks at whether the answer is still wanted.
const ROWS_BETWEEN_CHECKS: usize = 256;

impl Evaluator<'_> {
    /// What `aggregate` yields.
    pub(super) fn eval_aggregate(
        &mut self,
        aggregate: &Aggregate,
        span: &Span,
        grid: Grid,
    ) -> Result<Vec<Row>, EvalError> {
        use AggregateOp::*;
        let choice = Choice::of_grouping(&aggregate.grouping);
        let inner = unwrap_parens(&aggregate.expr);
        match aggregate.op {
            CountValues => self.count_values(aggregate, span, grid),
            Topk | Bottomk | Limitk => {
                let counts = self.scalar(parameter(aggregate, span)?, grid)?;
                let rows = self.vector(inner, grid)?;
                match self.checked_counts(&counts, rows.len(), &parameter(aggregate, span)?.span)? {
                    None => Ok(Vec::new()),
                    Some(counts) if aggregate.op == Limitk => {
                        self.check_canceled(span)?;
                        Ok(limit::first_of_each(grouped(rows, choice), &counts))
                    }
                    Some(counts) => self.ranked(aggregate.op, grouped(rows, choice), &counts, span),
                }
            }
            LimitRatio => {
                let ratios = self.scalar(parameter(aggregate, span)?, grid)?;
                let rows = self.vector(inner, grid)?;
                let ratios = self.checked_ratios(ratios, &parameter(aggregate, span)?.span)?;
                Ok(limit::sampled(rows, &ratios))
            }
            Quantile => {
                let ranks = self.scalar(parameter(aggregate, span)?, grid)?;
                let rows = self.vector(inner, grid)?;
                self.check_ranks(&ranks, &parameter(aggregate, span)?.span);
                self.quantiles(grouped(rows, choice), &ranks, &inner.span)
            }
            op => {
                let rows = self.vector(inner, grid)?;
                self.reduced(op, grouped(rows, choice), grid.len(), &inner.span)
            }
        }
    }

    /// Remarks that the aggregator passed over histograms.
    fn remark_ignored_histograms(&mut self, op: AggregateOp, span: &Span) {
        self.inform(format!("ignored histogram in {} aggregation", op.name()), span);
    }
}

/// The expression before the vector.
fn parameter<'a>(aggregate: &'a Aggregate, span: &Span) -> Result<&'a Expr, EvalError> {
    let missing = || EvalError::parameter(format!("{} needs a parameter", aggregate.op.name()), span);
    aggregate.parameter.as_ref().map(unwrap_parens).ok_or_else(missing)
}
