//! `quantile`: values by their rank within the group.

use std::cmp::Ordering;

use crate::lang::{AggregateOp, Span};

use super::super::error::EvalError;
use super::super::evaluator::Evaluator;
use super::super::row::{Point, Row};
use super::group::Group;

/// How many moments are looked at in one walk over the series: their points lie side by side in memory.
pub(super) const BLOCK: usize = 8;

impl Evaluator<'_> {
    /// The quantile of each group with the rank of each moment; `span` is the vector's.
    pub(super) fn quantiles(&mut self, groups: Vec<Group>, ranks: &[f64], span: &Span) -> Result<Vec<Row>, EvalError> {
        let mut values: [Vec<f64>; BLOCK] = Default::default();
        let mut rows = Vec::with_capacity(groups.len());
        for group in groups {
            let mut points = Vec::with_capacity(ranks.len());
            for (block, ranks) in ranks.chunks(BLOCK).enumerate() {
                self.check_canceled(span)?;
                let has_histograms = gather(&group.rows, block * BLOCK, &mut values[..ranks.len()]);
                if has_histograms {
                    self.remark_ignored_histograms(AggregateOp::Quantile, span);
                }
                points.extend(ranks.iter().zip(&mut values).map(|(rank, values)| match values.is_empty() {
                    true => Point::Absent,
                    false => Point::Float(quantile(*rank, values)),
                }));
            }
            rows.push(group.row(points));
        }
        Ok(rows)
    }
}

/// Collects the numbers of the moments from `first` on, as many as `values` has places; whether there are histograms as well.
fn gather(rows: &[Row], first: usize, values: &mut [Vec<f64>]) -> bool {
    values.iter_mut().for_each(Vec::clear);
    let mut has_histograms = false;
    for row in rows {
        for (point, values) in row.points[first..].iter().zip(values.iter_mut()) {
            match point {
                Point::Float(value) => values.push(*value),
                Point::Absent => {}
                Point::Histogram(_) => has_histograms = true,
            }
        }
    }
    has_histograms
}

/// The quantile `rank` of `values` with linear interpolation, NaN counting as least; infinite for ranks outside 0 to 1.
fn quantile(rank: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || rank.is_nan() {
        return f64::NAN;
    }
    if !(0.0..=1.0).contains(&rank) {
        return if rank < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    let position = rank * (values.len() - 1) as f64;
    let lower = (position.floor() as usize).min(values.len() - 1);
    let (_, at, above) = values.select_nth_unstable_by(lower, nan_first);
    let (at, above) = (*at, above.iter().copied().min_by(nan_first).unwrap_or(*at));
    let weight = position - position.floor();
    at * (1.0 - weight) + above * weight
}

fn nan_first(left: &f64, right: &f64) -> Ordering {
    right.is_nan().cmp(&left.is_nan()).then(left.partial_cmp(right).unwrap_or(Ordering::Equal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles() {
        for (rank, mut values, expected) in [
            (0.5, vec![3.0, 1.0, 2.0], 2.0),
            (0.8, vec![0.0, 1.0, f64::NAN], 0.6),
            (0.25, vec![4.0, 1.0, 3.0, 2.0, 0.0], 1.0),
            (1.5, vec![1.0], f64::INFINITY),
            (-0.1, vec![1.0], f64::NEG_INFINITY),
            (1.0, vec![1.0, 5.0], 5.0),
            (0.0, vec![5.0, 1.0], 1.0),
        ] {
            let found = quantile(rank, &mut values);
            assert!(found == expected || (found - expected).abs() < 1e-12, "{rank} of {values:?}: {found}");
        }
        assert!(quantile(f64::NAN, &mut [1.0]).is_nan() && quantile(0.5, &mut []).is_nan());
    }
}
