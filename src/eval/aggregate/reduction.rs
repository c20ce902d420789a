//! Aggregators that make one number of all numbers of a group.

use crate::lang::{AggregateOp, Span};

use super::super::compensated::{Mean, Sum};
use super::super::error::EvalError;
use super::super::evaluator::Evaluator;
use super::super::row::{Point, Row};
use super::group::Group;
use super::histograms::Totals;

/// What takes in numbers one by one.
trait Accumulator: Clone + Default {
    fn add(&mut self, value: f64);
    /// Of everything taken in, which is at least one number.
    fn value(&self) -> f64;
}

impl Accumulator for Sum {
    #[inline]
    fn add(&mut self, value: f64) {
        Sum::add(self, value);
    }

    fn value(&self) -> f64 {
        Sum::value(*self)
    }
}

impl Accumulator for Mean {
    #[inline]
    fn add(&mut self, value: f64) {
        Mean::add(self, value);
    }

    fn value(&self) -> f64 {
        Mean::value(*self)
    }
}

/// The least number; NaN only among NaNs.
#[derive(Clone)]
struct Least(f64);

impl Default for Least {
    fn default() -> Self {
        Least(f64::NAN)
    }
}

impl Accumulator for Least {
    #[inline]
    fn add(&mut self, value: f64) {
        if self.0 > value || self.0.is_nan() {
            self.0 = value;
        }
    }

    fn value(&self) -> f64 {
        self.0
    }
}

/// The greatest number; NaN only among NaNs.
#[derive(Clone)]
struct Greatest(f64);

impl Default for Greatest {
    fn default() -> Self {
        Greatest(f64::NAN)
    }
}

impl Accumulator for Greatest {
    #[inline]
    fn add(&mut self, value: f64) {
        if self.0 < value || self.0.is_nan() {
            self.0 = value;
        }
    }

    fn value(&self) -> f64 {
        self.0
    }
}

/// The population variance (Welford), or its root; NaN as soon as a number is not finite.
#[derive(Clone, Default)]
struct Variance<const ROOT: bool> {
    count: f64,
    mean: f64,
    squares: f64,
}

impl<const ROOT: bool> Accumulator for Variance<ROOT> {
    #[inline]
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let delta = value - self.mean;
        self.mean += delta / self.count;
        self.squares += delta * (value - self.mean);
    }

    fn value(&self) -> f64 {
        let variance = self.squares / self.count;
        if ROOT { variance.sqrt() } else { variance }
    }
}

/// One moment of a group.
#[derive(Clone, Default)]
struct Slot<A> {
    accumulator: A,
    is_present: bool,
}

impl Evaluator<'_> {
    /// One row per group over `steps` moments; `span` is the vector's.
    pub(super) fn reduced(
        &mut self,
        op: AggregateOp,
        groups: Vec<Group>,
        steps: usize,
        span: &Span,
    ) -> Result<Vec<Row>, EvalError> {
        match op {
            AggregateOp::Sum => self.accumulated::<Sum>(op, groups, steps, span),
            AggregateOp::Avg => self.accumulated::<Mean>(op, groups, steps, span),
            AggregateOp::Min => self.accumulated::<Least>(op, groups, steps, span),
            AggregateOp::Max => self.accumulated::<Greatest>(op, groups, steps, span),
            AggregateOp::Stdvar => self.accumulated::<Variance<false>>(op, groups, steps, span),
            AggregateOp::Stddev => self.accumulated::<Variance<true>>(op, groups, steps, span),
            op => self.counted(op == AggregateOp::Group, groups, span),
        }
    }

    fn accumulated<A: Accumulator>(
        &mut self,
        op: AggregateOp,
        groups: Vec<Group>,
        steps: usize,
        span: &Span,
    ) -> Result<Vec<Row>, EvalError> {
        let mut slots: Vec<Slot<A>> = Vec::new();
        let mut reduced = Vec::with_capacity(groups.len());
        for mut group in groups {
            slots.clear();
            slots.resize(steps, Slot::default());
            let mut has_histograms = false;
            for (index, row) in group.rows.iter().enumerate() {
                if index % super::ROWS_BETWEEN_CHECKS == 0 {
                    self.check_canceled(span)?;
                }
                has_histograms |= accumulate(&mut slots, &row.points);
            }
            let totals = match op {
                AggregateOp::Sum | AggregateOp::Avg if has_histograms => {
                    Some(Totals::of(&group.rows, op == AggregateOp::Avg, steps))
                }
                _ => None,
            };
            if has_histograms && totals.is_none() {
                self.remark_ignored_histograms(op, span);
            }
            let mut points = group.rows.first_mut().map(|row| std::mem::take(&mut row.points)).unwrap_or_default();
            for (point, slot) in points.iter_mut().zip(&slots) {
                *point = slot.is_present.then(|| slot.accumulator.value()).into();
            }
            if let Some(totals) = totals {
                totals.replace(&mut points, self, span);
            }
            reduced.push(group.row(points));
        }
        Ok(reduced)
    }

    /// How many series there are at each moment, or 1 where there is any.
    fn counted(&mut self, only_ones: bool, groups: Vec<Group>, span: &Span) -> Result<Vec<Row>, EvalError> {
        let mut counted = Vec::with_capacity(groups.len());
        for mut group in groups {
            self.check_canceled(span)?;
            let (first, others) =
                group.rows.split_first_mut().map_or((None, &mut [][..]), |(row, rows)| (Some(row), rows));
            let mut points = first.map(|row| std::mem::take(&mut row.points)).unwrap_or_default();
            for point in &mut points {
                *point = point.is_present().then_some(1.0).into();
            }
            for row in others {
                for (point, other) in points.iter_mut().zip(&row.points) {
                    match point {
                        Point::Float(count) if !only_ones && other.is_present() => *count += 1.0,
                        Point::Absent if other.is_present() => *point = Point::Float(1.0),
                        _ => {}
                    }
                }
            }
            counted.push(group.row(points));
        }
        Ok(counted)
    }
}

/// Adds the numbers of a series; whether it has histograms as well.
#[inline]
fn accumulate<A: Accumulator>(slots: &mut [Slot<A>], points: &[Point]) -> bool {
    let mut has_histograms = false;
    for (slot, point) in slots.iter_mut().zip(points) {
        match point {
            Point::Float(value) => {
                slot.accumulator.add(*value);
                slot.is_present = true;
            }
            Point::Absent => {}
            Point::Histogram(_) => has_histograms = true,
        }
    }
    has_histograms
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<A: Accumulator>(values: &[f64]) -> f64 {
        let mut accumulator = A::default();
        values.iter().for_each(|value| accumulator.add(*value));
        accumulator.value()
    }

    #[test]
    fn extremes_pass_over_nan() {
        for (values, least, greatest) in [
            (&[2.0, f64::NAN, 1.0, 3.0][..], 1.0, 3.0),
            (&[f64::NAN, f64::NEG_INFINITY], f64::NEG_INFINITY, f64::NEG_INFINITY),
        ] {
            assert_eq!((of::<Least>(values), of::<Greatest>(values)), (least, greatest), "{values:?}");
        }
        assert!(of::<Least>(&[f64::NAN]).is_nan() && of::<Greatest>(&[f64::NAN]).is_nan());
    }

    #[test]
    fn variances_of_what_is_not_finite() {
        assert_eq!(of::<Variance<false>>(&[1.0, 3.0]), 1.0);
        assert_eq!(of::<Variance<true>>(&[2.0, 6.0]), 2.0);
        assert_eq!(of::<Variance<false>>(&[7.0]), 0.0);
        for values in [&[f64::INFINITY][..], &[1.0, f64::NAN], &[1.0, f64::NEG_INFINITY, 2.0]] {
            assert!(of::<Variance<true>>(values).is_nan(), "{values:?}");
        }
    }
}
