//! `absent` and `absent_over_time`.

use crate::lang::{Call, Expr, ExprKind, Span};
use crate::model::{Labels, METRIC_NAME, MatchOp, Matcher};

use super::super::error::EvalError;
use super::super::evaluator::{Evaluator, unwrap_parens};
use super::super::grid::Grid;
use super::super::row::{Point, Row};
use super::argument;

impl Evaluator<'_> {
    /// One element with the labels that the selector asks for if its argument is empty, and nothing otherwise.
    pub(super) fn call_absent(&mut self, call: &Call, span: &Span, grid: Grid) -> Result<Vec<Row>, EvalError> {
        let expr = argument(call, 0, span)?;
        let mut is_seen = vec![false; grid.len()];
        if call.function.name == "absent" {
            for row in self.vector(expr, grid)? {
                is_seen.iter_mut().zip(&row.points).for_each(|(seen, point)| *seen |= point.is_present());
            }
        } else {
            let windows = self.windows(expr, grid)?;
            self.check_extension(call.function.name, &windows, span)?;
            for track in windows.tracks() {
                windows.each_window(track, |window| {
                    is_seen[window.step] = true;
                    Ok(())
                })?;
            }
        }
        let points = is_seen.into_iter().map(|seen| if seen { Point::Absent } else { Point::Float(1.0) });
        Ok(vec![Row { labels: wanted_labels(expr), drop_name: false, points: points.collect() }])
    }
}

/// The labels that the selector `expr` demands by equality; one that a later matcher speaks of again is left out, one that
/// only earlier matchers other than equality speak of is not.
pub(in crate::eval) fn wanted_labels(expr: &Expr) -> Labels {
    let matchers = match &unwrap_parens(expr).kind {
        ExprKind::Selector(selector) => &selector.matchers,
        ExprKind::Range(range) => &range.selector.matchers,
        _ => return Labels::default(),
    };
    let is_wanted = |index: usize, matcher: &Matcher| {
        let (before, after) = (&matchers[..index], &matchers[index + 1..]);
        matcher.op() == MatchOp::Equal
            && matcher.name() != METRIC_NAME
            && !before.iter().any(|other| other.op() == MatchOp::Equal && other.name() == matcher.name())
            && !after.iter().any(|other| other.name() == matcher.name())
    };
    let wanted = matchers.iter().enumerate().filter(|(index, matcher)| is_wanted(*index, matcher));
    Labels::from_pairs(wanted.map(|(_, matcher)| (matcher.name(), matcher.value())))
}
