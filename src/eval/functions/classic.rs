//! Quantiles and fractions of classic histograms: cumulative counts at upper bounds.

use std::cmp::Ordering;

/// Relative differences below this between neighbouring buckets are rounding, not observations.
const SMALL_DELTA: f64 = 1e-12;

/// How many observations were at most `upper`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bucket {
    pub(super) upper: f64,
    pub(super) count: f64,
}

/// Which counts fell below that of an earlier bucket and were raised.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Repair {
    /// The bound of the lowest such bucket.
    pub(super) lowest: f64,
    /// The bound of the highest such bucket.
    pub(super) highest: f64,
    /// By how much one was raised at most.
    pub(super) difference: f64,
}

/// Adds up equal bounds of sorted buckets; whether the last bound is +Inf, as it must be.
fn is_complete(buckets: &mut Vec<Bucket>) -> bool {
    if buckets.last().is_none_or(|last| last.upper != f64::INFINITY) {
        return false;
    }
    buckets.dedup_by(|later, kept| {
        let same = later.upper == kept.upper;
        if same {
            kept.count += later.count;
        }
        same
    });
    true
}

/// Raises counts that fall below an earlier bucket's, and levels out rounding; says what more than rounding was mended.
fn make_monotonic(buckets: &mut [Bucket]) -> Option<Repair> {
    let mut repair: Option<Repair> = None;
    let mut highest = buckets.first().map_or(0.0, |bucket| bucket.count);
    for bucket in buckets.iter_mut().skip(1) {
        if nearly_equal(highest, bucket.count) {
            bucket.count = highest;
        } else if bucket.count < highest {
            let difference = highest - bucket.count;
            let known = repair.get_or_insert(Repair { lowest: bucket.upper, highest: bucket.upper, difference });
            known.highest = bucket.upper;
            known.difference = known.difference.max(difference);
            bucket.count = highest;
        } else {
            highest = bucket.count;
        }
    }
    repair
}

fn nearly_equal(left: f64, right: f64) -> bool {
    if left == right {
        return true;
    }
    let (magnitude, difference) = (left.abs() + right.abs(), (left - right).abs());
    if left == 0.0 || right == 0.0 || magnitude < f64::MIN_POSITIVE {
        return difference < SMALL_DELTA * f64::MIN_POSITIVE;
    }
    difference / magnitude.min(f64::MAX) < SMALL_DELTA
}

/// The quantile `rank` of sorted buckets by linear interpolation inside its bucket, and what had to be repaired in them.
pub(super) fn quantile(rank: f64, buckets: &mut Vec<Bucket>) -> (f64, Option<Repair>) {
    if rank.is_nan() {
        return (f64::NAN, None);
    }
    if rank < 0.0 {
        return (f64::NEG_INFINITY, None);
    }
    if rank > 1.0 {
        return (f64::INFINITY, None);
    }
    if !is_complete(buckets) {
        return (f64::NAN, None);
    }
    let repair = make_monotonic(buckets);
    (quantile_of_ordered(rank, buckets), repair)
}

fn quantile_of_ordered(rank: f64, buckets: &[Bucket]) -> f64 {
    let [below_last @ .., last] = buckets else { return f64::NAN };
    let Some(highest) = below_last.last() else { return f64::NAN };
    if last.count == 0.0 || last.count.is_nan() {
        return f64::NAN;
    }
    let wanted = rank * last.count;
    let index = below_last.partition_point(|bucket| bucket.count.partial_cmp(&wanted).is_none_or(Ordering::is_lt));
    let Some(bucket) = below_last.get(index) else { return highest.upper };
    if index == 0 && bucket.upper <= 0.0 {
        return bucket.upper;
    }
    let below = match index {
        0 => Bucket { upper: 0.0, count: 0.0 },
        index => below_last[index - 1],
    };
    below.upper + (bucket.upper - below.upper) * ((wanted - below.count) / (bucket.count - below.count))
}

/// The share of observations between `lower` and `upper`, of sorted buckets.
pub(super) fn fraction(lower: f64, upper: f64, buckets: &mut Vec<Bucket>) -> f64 {
    if !is_complete(buckets) {
        return f64::NAN;
    }
    let count = buckets.last().map_or(0.0, |bucket| bucket.count);
    if count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    (rank_at(upper, buckets).min(count) - rank_at(lower, buckets).min(count)) / count
}

/// How many observations are at most `bound`, by linear interpolation; the first bucket begins at zero if it ends above.
fn rank_at(bound: f64, buckets: &[Bucket]) -> f64 {
    let mut below = 0.0;
    let mut begin = f64::NEG_INFINITY;
    for (index, bucket) in buckets.iter().enumerate() {
        let start = if index == 0 && bucket.upper > 0.0 { 0.0 } else { begin };
        if bound <= start {
            return below;
        }
        if bound < bucket.upper {
            return if start == f64::NEG_INFINITY {
                bucket.count
            } else if bucket.upper == f64::INFINITY {
                below
            } else {
                below + (bucket.count - below) * (bound - start) / (bucket.upper - start)
            };
        }
        below = bucket.count;
        begin = bucket.upper;
    }
    below
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(pairs: &[(f64, f64)]) -> Vec<Bucket> {
        pairs.iter().map(|(upper, count)| Bucket { upper: *upper, count: *count }).collect()
    }

    #[test]
    fn quantiles_of_buckets() {
        let inf = f64::INFINITY;
        for (rank, pairs, expected, repaired) in [
            (0.5, vec![(0.1, 5.0), (0.2, 7.0), (1.0, 11.0), (inf, 12.0)], 0.15, false),
            (0.5, vec![(0.1, 1.0), (0.2, 3.0), (inf, 4.0)], 0.15, false),
            (1.0, vec![(1.0, 1.0), (inf, 2.0)], 1.0, false),
            (0.01, vec![(0.1, 2.0), (1.0, 1.0), (10.0, 5.0), (inf, 9.0)], 0.0045, true),
        ] {
            let (value, repair) = quantile(rank, &mut buckets(&pairs));
            assert!((value - expected).abs() < 1e-9, "{rank} of {pairs:?}: {value}");
            assert_eq!(repair.is_some(), repaired);
        }
        for pairs in [vec![(1.0, 1.0)], vec![(inf, 1.0)], vec![(1.0, 0.0), (inf, 0.0)], vec![]] {
            assert!(quantile(0.5, &mut buckets(&pairs)).0.is_nan(), "{pairs:?}");
        }
    }
}
