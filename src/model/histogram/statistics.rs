//! Quantiles, fractions and moments of histograms.

use super::layout::{Cell, Compensated};
use super::{Bucket, Histogram};

/// What is to be remarked on a quantile: the histogram holds observations that are not numbers, which count as greater than all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuantileRemark {
    /// The quantile falls among them: the result is NaN.
    NanResult,
    /// They make the result greater than it were without them.
    SkewedHigher,
}

impl Histogram {
    /// The value below which the share `q` of the observations lies, estimated within its bucket: evenly by logarithm in exponential
    /// buckets, evenly in custom ones and in the zero bucket. NaN without observations and for a NaN `q`, infinite for a `q` outside of
    /// [0, 1].
    pub fn quantile(&self, q: f64) -> (f64, Option<QuantileRemark>) {
        match q {
            _ if q < 0.0 => (f64::NEG_INFINITY, None),
            _ if q > 1.0 => (f64::INFINITY, None),
            _ if self.count == 0.0 || q.is_nan() => (f64::NAN, None),
            // Observations that are not numbers are in no bucket, so that only the way up counts them where they belong.
            _ if self.sum.is_nan() || q < 0.5 => {
                let rank = q * self.count;
                self.quantile_along(self.buckets(), rank, |rank, before, _| rank - before)
            }
            _ => {
                let rank = (1.0 - q) * self.count;
                self.quantile_along(self.buckets().rev(), rank, |rank, _, through| through - rank)
            }
        }
    }

    /// The quantile that has `rank` observations before it in the order of `buckets`. `within` makes of that rank and of the
    /// observations before and through a bucket how many of its own lie below.
    fn quantile_along(
        &self,
        mut buckets: impl Iterator<Item = Bucket>,
        rank: f64,
        within: impl Fn(f64, f64, f64) -> f64,
    ) -> (f64, Option<QuantileRemark>) {
        let mut count = 0.0;
        let mut found =
            Bucket { lower: 0.0, upper: 0.0, lower_inclusive: false, upper_inclusive: false, count: 0.0, index: 0 };
        for bucket in buckets.by_ref() {
            found = bucket;
            if bucket.count != 0.0 {
                count += bucket.count;
                if count >= rank {
                    break;
                }
            }
        }
        if self.has_custom_buckets() {
            match found {
                Bucket { lower: f64::NEG_INFINITY, upper, .. } if upper <= 0.0 => return (upper, None),
                Bucket { lower: f64::NEG_INFINITY, .. } => found.lower = 0.0,
                Bucket { upper: f64::INFINITY, lower, .. } => return (lower, None),
                _ => {}
            }
        } else if found.lower < 0.0 && found.upper > 0.0 {
            self.narrow_to_filled_side(&mut found);
        }
        // Rounding may have made it greater.
        count = if count > self.count { self.count } else { count };
        if count < rank {
            return if self.sum.is_nan() { (f64::NAN, Some(QuantileRemark::NanResult)) } else { (found.upper, None) };
        }
        let fraction = within(rank, count - found.count, count) / found.count;
        let remark = if self.sum.is_nan() {
            let all = count + buckets.map(|bucket| bucket.count).sum::<f64>();
            (all < self.count).then_some(QuantileRemark::SkewedHigher)
        } else {
            None
        };
        (self.interpolated(found, fraction), remark)
    }

    /// The value that has `fraction` of the bucket below it.
    fn interpolated(&self, Bucket { lower, upper, .. }: Bucket, fraction: f64) -> f64 {
        if self.has_custom_buckets() || (lower <= 0.0 && upper >= 0.0) {
            return lower + (upper - lower) * fraction;
        }
        let (log_lower, log_upper) = (lower.abs().log2(), upper.abs().log2());
        if lower > 0.0 {
            (log_lower + (log_upper - log_lower) * fraction).exp2()
        } else {
            -(log_upper + (log_lower - log_upper) * (1.0 - fraction)).exp2()
        }
    }

    /// The share of observations between two values, estimated as in [`Histogram::quantile`], and whether there are observations
    /// that are not numbers, which lie between none. NaN without observations and for a NaN bound.
    pub fn fraction(&self, lower: f64, upper: f64) -> (f64, bool) {
        if self.count == 0.0 || lower.is_nan() || upper.is_nan() {
            return (f64::NAN, false);
        }
        if lower >= upper {
            return (0.0, false);
        }
        let (mut rank, mut lower_rank, mut upper_rank) = (0.0, None, None);
        let mut buckets = self.buckets();
        let mut in_buckets = 0.0;
        for mut bucket in buckets.by_ref() {
            in_buckets += bucket.count;
            let around_zero = bucket.lower <= 0.0 && bucket.upper >= 0.0;
            if around_zero {
                self.narrow_to_filled_side(&mut bucket);
            }
            for (bound, bound_rank) in [(lower, &mut lower_rank), (upper, &mut upper_rank)] {
                if bound_rank.is_none() {
                    *bound_rank = self.rank_in(bucket, around_zero, rank, bound);
                }
            }
            if lower_rank.is_some() && upper_rank.is_some() {
                break;
            }
            rank += bucket.count;
        }
        let (count, has_nan) = if self.sum.is_nan() {
            let all = in_buckets + buckets.map(|bucket| bucket.count).sum::<f64>();
            (all, all < self.count)
        } else {
            (self.count, false)
        };
        let bounded = |rank: Option<f64>| match rank {
            Some(rank) if rank > count => count,
            Some(rank) => rank,
            None => count,
        };
        ((bounded(upper_rank) - bounded(lower_rank)) / self.count, has_nan)
    }

    /// How many observations are below `bound` if it is not above the bucket, which has `rank` before it.
    fn rank_in(&self, bucket: Bucket, around_zero: bool, rank: f64, bound: f64) -> Option<f64> {
        let Bucket { lower, upper, count, .. } = bucket;
        if lower >= bound {
            return Some(rank);
        }
        if !(lower < bound && upper > bound) {
            return None;
        }
        if self.has_custom_buckets() || around_zero {
            let from_infinity = lower == f64::NEG_INFINITY;
            return Some(if from_infinity { count } else { rank + count * (bound - lower) / (upper - lower) });
        }
        let (log_lower, log_upper, log_bound) = (lower.abs().log2(), upper.abs().log2(), bound.abs().log2());
        let fraction = if bound > 0.0 {
            (log_bound - log_lower) / (log_upper - log_lower)
        } else {
            1.0 - (log_bound - log_upper) / (log_lower - log_upper)
        };
        Some(rank + count * fraction)
    }

    /// Lets a bucket around zero begin or end there if there are buckets on one side only.
    fn narrow_to_filled_side(&self, bucket: &mut Bucket) {
        match (self.negative_buckets.is_empty(), self.positive_buckets.is_empty()) {
            (true, false) => bucket.lower = 0.0,
            (false, true) => bucket.upper = 0.0,
            _ => {}
        }
    }

    /// The mean of the observations; NaN without any.
    pub fn average(&self) -> f64 {
        self.sum / self.count
    }

    /// The variance of the observations, each taken to be in the middle of its bucket: by logarithm in exponential buckets, zero in
    /// the zero bucket.
    pub fn variance(&self) -> f64 {
        let mean = self.average();
        let mut total = Compensated::default();
        for bucket in self.buckets().filter(|bucket| bucket.count != 0.0) {
            let Bucket { lower, upper, count, .. } = bucket;
            let value = if self.has_custom_buckets() {
                (upper + lower) / 2.0
            } else if lower <= 0.0 && upper >= 0.0 {
                0.0
            } else if upper < 0.0 {
                -(upper * lower).sqrt()
            } else {
                (upper * lower).sqrt()
            };
            let delta = value - mean;
            total = total.plus(count * delta * delta);
        }
        (total.sum + total.lost) / self.count
    }

    /// The square root of [`Histogram::variance`].
    pub fn standard_deviation(&self) -> f64 {
        self.variance().sqrt()
    }
}
