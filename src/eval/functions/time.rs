//! `timestamp` and `start_timestamp`.

use crate::lang::{Call, ExprKind, Span};
use crate::model::Timestamp;

use super::super::error::EvalError;
use super::super::evaluator::{Evaluator, unwrap_parens};
use super::super::grid::Grid;
use super::super::row::{Point, Row};
use super::super::selector::Found;
use super::argument;

impl Evaluator<'_> {
    /// Of a selector the time or the start time of its samples; of anything else the time of the evaluation, and no start
    /// time.
    pub(super) fn call_timestamp(&mut self, call: &Call, span: &Span, grid: Grid) -> Result<Vec<Row>, EvalError> {
        let expr = argument(call, 0, span)?;
        let of_start = call.function.name == "start_timestamp";
        let seconds = |at: Timestamp| Point::Float(at.seconds_f64());
        let mut rows = match &unwrap_parens(expr).kind {
            ExprKind::Selector(selector) if selector.extension.is_none() => {
                let seen_at = grid.shifted(self.shift(selector.at, selector.offset.as_ref())?);
                self.select_with(&selector.matchers, seen_at, span, |found: Found<'_>| {
                    // A sample whose start time is unknown is said to have begun at the epoch.
                    seconds(if of_start { found.start().unwrap_or_default() } else { found.at })
                })?
            }
            _ if of_start => {
                self.vector(expr, grid)?;
                Vec::new()
            }
            _ => {
                let mut rows = self.vector(expr, grid)?;
                for row in &mut rows {
                    for (point, at) in row.points.iter_mut().zip(grid.moments()) {
                        if point.is_present() {
                            *point = seconds(at);
                        }
                    }
                }
                rows
            }
        };
        rows.iter_mut().for_each(|row| row.drop_name = true);
        Ok(rows)
    }
}
