//! Operators between histograms, and between histograms and numbers.

use std::sync::Arc;

use crate::lang::{BinaryOp, Span};
use crate::model::{Combination, CounterResetHint, Histogram, HistogramError};

use super::super::evaluator::Evaluator;
use super::super::row::Point;

/// What is to be remarked on a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remark {
    /// The operator does not take these two kinds of samples.
    Kinds(&'static str, &'static str),
    /// Custom and exponential buckets.
    BucketLayouts,
    /// One of the two knows of a reset, the other that there was none.
    ConflictingResets,
    /// Custom bounds differed.
    BoundsReconciled,
}

impl Remark {
    /// Hands the remark on `op` to `evaluator`; worded as Prometheus does.
    pub(super) fn report(self, op: BinaryOp, evaluator: &mut Evaluator<'_>, span: &Span) {
        let symbol = op.symbol();
        let work = if op == BinaryOp::Sub { "subtraction" } else { "addition" };
        match self {
            Remark::Kinds(left, right) => {
                let kinds = format!("{left} {symbol} {right}");
                evaluator.inform(
                    format!("incompatible sample types encountered for binary operator {symbol:?}: {kinds}"),
                    span,
                );
            }
            Remark::BucketLayouts => {
                evaluator.warn(format!("incompatible bucket layout encountered for binary operator {symbol}"), span);
            }
            Remark::ConflictingResets => {
                evaluator.warn(format!("conflicting counter resets during histogram {work}"), span);
            }
            Remark::BoundsReconciled => {
                evaluator.inform(format!("mismatched custom buckets were reconciled during {work}"), span);
            }
        }
    }
}

/// What `op` makes of two points that are there, unless both are numbers: nothing if it does not take them, and of a comparison
/// the left one or [`Point::Absent`].
pub(super) fn of_histograms(op: BinaryOp, left: &Point, right: &Point) -> (Option<Point>, Option<Remark>) {
    let result = match (left, right) {
        (Point::Float(factor), Point::Histogram(histogram)) if op == BinaryOp::Mul => {
            changed(histogram, |result| result.multiply(*factor))
        }
        (Point::Histogram(histogram), Point::Float(number)) => match op {
            BinaryOp::Mul => changed(histogram, |result| result.multiply(*number)),
            BinaryOp::Div => changed(histogram, |result| result.divide(*number)),
            BinaryOp::TrimUpper => Point::Histogram(Arc::new(histogram.trimmed_above(*number))),
            BinaryOp::TrimLower => Point::Histogram(Arc::new(histogram.trimmed_below(*number))),
            _ => return refused(left, right),
        },
        (Point::Histogram(one), Point::Histogram(other)) => match op {
            BinaryOp::Add => return combined(one, |result| result.add(other)),
            BinaryOp::Sub => {
                return combined(one, |result| {
                    let combination = result.sub(other)?;
                    result.counter_reset_hint = CounterResetHint::Gauge;
                    Ok(combination)
                });
            }
            BinaryOp::Eq => kept_if(one.equals(other), left),
            BinaryOp::Ne => kept_if(!one.equals(other), left),
            _ => return refused(left, right),
        },
        _ => return refused(left, right),
    };
    (Some(result), None)
}

fn refused(left: &Point, right: &Point) -> (Option<Point>, Option<Remark>) {
    let kind = |point: &Point| if matches!(point, Point::Histogram(_)) { "histogram" } else { "float" };
    (None, Some(Remark::Kinds(kind(left), kind(right))))
}

fn kept_if(holds: bool, point: &Point) -> Point {
    if holds { point.clone() } else { Point::Absent }
}

fn changed(histogram: &Histogram, change: impl FnOnce(&mut Histogram)) -> Point {
    let mut result = histogram.clone();
    change(&mut result);
    result.compact(0);
    Point::Histogram(Arc::new(result))
}

fn combined(
    one: &Histogram,
    combine: impl FnOnce(&mut Histogram) -> Result<Combination, HistogramError>,
) -> (Option<Point>, Option<Remark>) {
    let mut result = one.clone();
    match combine(&mut result) {
        Err(_) => (None, Some(Remark::BucketLayouts)),
        // As in Prometheus, a conflict leaves the pair without a result.
        Ok(Combination { conflicting_resets: true, .. }) => (None, Some(Remark::ConflictingResets)),
        Ok(Combination { bounds_reconciled, .. }) => {
            result.compact(0);
            (Some(Point::Histogram(Arc::new(result))), bounds_reconciled.then_some(Remark::BoundsReconciled))
        }
    }
}
