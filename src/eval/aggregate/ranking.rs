//! `topk` and `bottomk`: the series with the greatest or least values, chosen anew at each moment.

use std::cmp::Ordering;

use crate::lang::{AggregateOp, Span};

use super::super::error::EvalError;
use super::super::evaluator::Evaluator;
use super::super::row::{Point, Row};
use super::group::Group;
use super::quantile::BLOCK;

impl Evaluator<'_> {
    /// The rows of each group with only the points that are among the first `counts` of their moment. At a single moment they are in
    /// order of their values.
    pub(super) fn ranked(
        &mut self,
        op: AggregateOp,
        groups: Vec<Group>,
        counts: &[usize],
        span: &Span,
    ) -> Result<Vec<Row>, EvalError> {
        let descending = op == AggregateOp::Topk;
        let mut ranked = Vec::new();
        for mut group in groups {
            for (block, counts) in counts.chunks(BLOCK).enumerate() {
                self.check_canceled(span)?;
                if keep_first(&mut group.rows, block * BLOCK, counts, descending) {
                    self.remark_ignored_histograms(op, span);
                }
            }
            let from = ranked.len();
            ranked.extend(group.rows.into_iter().filter(Row::is_present));
            if counts.len() == 1 {
                let value = |row: &Row| row.points.first().and_then(Point::float).unwrap_or(f64::NAN);
                ranked[from..].sort_by(|left, right| order(value(left), value(right), descending));
            }
        }
        Ok(ranked)
    }
}

/// Which of two values comes first; NaN is always last.
fn order(left: f64, right: f64, descending: bool) -> Ordering {
    let by_value = if descending { right.partial_cmp(&left) } else { left.partial_cmp(&right) };
    left.is_nan().cmp(&right.is_nan()).then(by_value.unwrap_or(Ordering::Equal))
}

/// Leaves of the moments from `first` on, one for each of `counts`, only the points that come first; whether histograms were
/// passed over.
fn keep_first(rows: &mut [Row], first: usize, counts: &[usize], descending: bool) -> bool {
    let mut leaders: Vec<Leaders> = counts.iter().map(|count| Leaders::new(*count, descending)).collect();
    let mut has_histograms = false;
    for (index, row) in rows.iter().enumerate() {
        for (point, leaders) in row.points[first..].iter().zip(&mut leaders) {
            match point {
                Point::Float(value) => leaders.offer(*value, index),
                Point::Absent => {}
                Point::Histogram(_) => has_histograms |= leaders.count > 0,
            }
        }
    }
    // One bit per moment of the block.
    let mut chosen = vec![0_u8; rows.len()];
    for (bit, leaders) in leaders.into_iter().enumerate() {
        for index in leaders.finish() {
            chosen[index] |= 1 << bit;
        }
    }
    for (row, chosen) in rows.iter_mut().zip(chosen) {
        for (bit, point) in row.points[first..].iter_mut().take(counts.len()).enumerate() {
            if chosen & (1 << bit) == 0 {
                *point = Point::Absent;
            }
        }
    }
    has_histograms
}

/// The first `count` of the values offered so far, and some more until there are so many that the rest is cut off; of equal
/// values the one offered first comes first.
struct Leaders {
    count: usize,
    descending: bool,
    kept: Vec<(f64, usize)>,
    /// The last of the first `count`, once known: only what comes before it matters.
    bar: Option<f64>,
}

impl Leaders {
    fn new(count: usize, descending: bool) -> Self {
        Leaders { count, descending, kept: Vec::new(), bar: None }
    }

    #[inline]
    fn offer(&mut self, value: f64, index: usize) {
        if self.bar.is_some_and(|bar| order(value, bar, self.descending).is_ge()) {
            return;
        }
        self.kept.push((value, index));
        if self.kept.len() > self.count.saturating_mul(2) {
            self.cut();
        }
    }

    fn cut(&mut self) {
        if self.count == 0 {
            self.kept.clear();
        } else if self.kept.len() > self.count {
            let descending = self.descending;
            let by_value_then_age = |left: &(f64, usize), right: &(f64, usize)| {
                order(left.0, right.0, descending).then(left.1.cmp(&right.1))
            };
            let (_, last, _) = self.kept.select_nth_unstable_by(self.count - 1, by_value_then_age);
            self.bar = Some(last.0);
            self.kept.truncate(self.count);
        }
    }

    fn finish(mut self) -> impl Iterator<Item = usize> {
        self.cut();
        self.kept.into_iter().map(|(_, index)| index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaders_are_what_a_stable_sort_puts_first() {
        let values = [3.0, f64::NAN, 1.0, 3.0, -2.0, 7.0, f64::NAN, 1.0, 9.0, 7.0, 0.0];
        for descending in [true, false] {
            let mut sorted: Vec<usize> = (0..values.len()).collect();
            sorted.sort_by(|left, right| order(values[*left], values[*right], descending));
            for count in 0..=values.len() + 1 {
                let mut leaders = Leaders::new(count, descending);
                values.iter().enumerate().for_each(|(index, value)| leaders.offer(*value, index));
                let mut found: Vec<usize> = leaders.finish().collect();
                found.sort_unstable();
                let mut expected = sorted[..count.min(values.len())].to_vec();
                expected.sort_unstable();
                assert_eq!(found, expected, "{count} of {values:?}, descending: {descending}");
            }
        }
    }
}
