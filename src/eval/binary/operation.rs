//! One operator down two columns of points.

use crate::lang::{Binary, BinaryOp, Span};

use super::super::evaluator::Evaluator;
use super::super::row::Point;
use super::pair::{Remark, of_histograms};

/// What a comparison that filters keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// The left operand.
    Left,
    /// The point that is replaced, on whichever side it stands: the vector's beside a scalar.
    Points,
}

/// An operator, and what was to be remarked on its work.
pub(super) struct Operation {
    op: BinaryOp,
    returns_bool: bool,
    /// Whether the points that are replaced stand on the right.
    swapped: bool,
    kept: Kept,
    /// The last remark of each moment; empty before the first one.
    remarks: Vec<Option<Remark>>,
}

pub(super) fn is_trim(op: BinaryOp) -> bool {
    matches!(op, BinaryOp::TrimUpper | BinaryOp::TrimLower)
}

/// `left op right`; NaN for operators that are not arithmetic.
#[inline]
pub(super) fn arithmetic(op: BinaryOp, left: f64, right: f64) -> f64 {
    match op {
        BinaryOp::Add => left + right,
        BinaryOp::Sub => left - right,
        BinaryOp::Mul => left * right,
        BinaryOp::Div => left / right,
        BinaryOp::Mod => left % right,
        BinaryOp::Pow => left.powf(right),
        BinaryOp::Atan2 => left.atan2(right),
        _ => f64::NAN,
    }
}

/// Whether the comparison holds.
#[inline]
pub(super) fn compares(op: BinaryOp, left: f64, right: f64) -> bool {
    match op {
        BinaryOp::Eq => left == right,
        BinaryOp::Ne => left != right,
        BinaryOp::Gt => left > right,
        BinaryOp::Lt => left < right,
        BinaryOp::Ge => left >= right,
        BinaryOp::Le => left <= right,
        _ => false,
    }
}

impl Operation {
    pub(super) fn new(binary: &Binary, swapped: bool, kept: Kept) -> Self {
        Operation { op: binary.op, returns_bool: binary.returns_bool, swapped, kept, remarks: Vec::new() }
    }

    /// Makes each of `points` the result of itself and the one of `others` at the same moment; absent where one of the two is.
    pub(super) fn combine(&mut self, points: &mut [Point], others: &[Point]) {
        use BinaryOp::*;
        match self.op {
            Add => self.compute(points, others, |left, right| left + right),
            Sub => self.compute(points, others, |left, right| left - right),
            Mul => self.compute(points, others, |left, right| left * right),
            Div => self.compute(points, others, |left, right| left / right),
            Mod | Pow | Atan2 => {
                let op = self.op;
                self.compute(points, others, |left, right| arithmetic(op, left, right));
            }
            Eq => self.compare(points, others, |left, right| left == right),
            Ne => self.compare(points, others, |left, right| left != right),
            Gt => self.compare(points, others, |left, right| left > right),
            Lt => self.compare(points, others, |left, right| left < right),
            Ge => self.compare(points, others, |left, right| left >= right),
            Le => self.compare(points, others, |left, right| left <= right),
            And | Or | Unless | TrimUpper | TrimLower => self.combine_floats(points, others, |_, _, _| None),
        }
    }

    fn compute(&mut self, points: &mut [Point], others: &[Point], function: impl Fn(f64, f64) -> f64) {
        match self.swapped {
            false => self.combine_floats(points, others, |point, other, _| Some(function(point, other))),
            true => self.combine_floats(points, others, |point, other, _| Some(function(other, point))),
        }
    }

    fn compare(&mut self, points: &mut [Point], others: &[Point], holds: impl Fn(f64, f64) -> bool) {
        match (self.returns_bool, self.swapped) {
            (true, false) => {
                self.combine_floats(points, others, |point, other, _| Some(f64::from(u8::from(holds(point, other)))));
            }
            (true, true) => {
                self.combine_floats(points, others, |point, other, _| Some(f64::from(u8::from(holds(other, point)))));
            }
            (false, false) => {
                self.combine_floats(points, others, |point, other, _| holds(point, other).then_some(point));
            }
            (false, true) => {
                self.combine_floats(points, others, |point, other, kept| {
                    holds(other, point).then_some(if kept == Kept::Left { other } else { point })
                });
            }
        }
    }

    /// `function` of the numbers; pairs with a histogram go the long way.
    #[inline]
    fn combine_floats(
        &mut self,
        points: &mut [Point],
        others: &[Point],
        function: impl Fn(f64, f64, Kept) -> Option<f64>,
    ) {
        let (kept, trims) = (self.kept, is_trim(self.op));
        for (step, (point, other)) in points.iter_mut().zip(others).enumerate() {
            *point = match (&*point, other) {
                (Point::Float(value), Point::Float(other)) if !trims => function(*value, *other, kept).into(),
                (Point::Absent, _) | (_, Point::Absent) => Point::Absent,
                (value, other) => {
                    let (result, remark) = self.of_any(value, other);
                    if remark.is_some() {
                        self.remark(step, others.len(), remark);
                    }
                    result
                }
            };
        }
    }

    /// The result of two points of which one at least is a histogram, or that the operator does not take.
    fn of_any(&self, point: &Point, other: &Point) -> (Point, Option<Remark>) {
        let (left, right) = if self.swapped { (other, point) } else { (point, other) };
        let (outcome, remark) = of_histograms(self.op, left, right);
        let result = match outcome {
            None => Point::Absent,
            Some(result) if self.op.is_comparison() => {
                let holds = result.is_present();
                match (self.returns_bool, holds) {
                    (true, _) => Point::Float(f64::from(u8::from(holds))),
                    (false, false) => Point::Absent,
                    (false, true) => if self.kept == Kept::Left { left } else { point }.clone(),
                }
            }
            Some(result) => result,
        };
        (result, remark)
    }

    #[cold]
    fn remark(&mut self, step: usize, steps: usize, remark: Option<Remark>) {
        if self.remarks.is_empty() {
            self.remarks.resize(steps, None);
        }
        if let Some(place) = self.remarks.get_mut(step) {
            *place = remark;
        }
    }

    /// Whether the operator takes `point` and `other`: pairs that it does not take count as if they did not match.
    pub(super) fn takes(&self, point: &Point, other: &Point) -> bool {
        match (point, other) {
            (Point::Absent, _) | (_, Point::Absent) => false,
            (Point::Float(_), Point::Float(_)) => !is_trim(self.op),
            _ => {
                let (left, right) = if self.swapped { (other, point) } else { (point, other) };
                of_histograms(self.op, left, right).0.is_some()
            }
        }
    }

    /// Hands what was to be remarked to `evaluator`; `span` is the whole operation.
    pub(super) fn report(&self, evaluator: &mut Evaluator<'_>, span: &Span) {
        let mut seen: Vec<Remark> = Vec::new();
        for remark in self.remarks.iter().flatten() {
            if !seen.contains(remark) {
                seen.push(*remark);
                remark.report(self.op, evaluator, span);
            }
        }
    }
}
