//! Cutting histograms off at a value: the operators `</` and `>/`.

use super::{Bucket, Histogram};

/// Which part of a histogram is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Below,
    Above,
}

/// How values lie in a bucket.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spread {
    /// Evenly, as in custom buckets.
    Linear,
    /// Evenly by their logarithms.
    Positive,
    /// Evenly by the logarithms of their magnitudes.
    Negative,
}

/// What is left of a bucket: how many observations, and the value that stands for them.
type Rest = (f64, f64);

impl Histogram {
    /// What is below `limit` (the operator `</`). In a bucket that is cut, observations are taken to lie evenly, by logarithm if it is
    /// an exponential one; the sum is estimated anew from the middles of buckets, unless nothing was cut.
    #[must_use]
    pub fn trimmed_above(&self, limit: f64) -> Histogram {
        self.trimmed(limit, Keep::Below)
    }

    /// What is above `limit` (the operator `>/`); as [`Histogram::trimmed_above`].
    #[must_use]
    pub fn trimmed_below(&self, limit: f64) -> Histogram {
        self.trimmed(limit, Keep::Above)
    }

    fn trimmed(&self, limit: f64, keep: Keep) -> Histogram {
        let mut trimmed = self.clone();
        let mut total = Total::default();
        let positive = if self.has_custom_buckets() { Spread::Linear } else { Spread::Positive };
        for (bucket, count) in self.positive_buckets().zip(&mut trimmed.positive_buckets) {
            total.take(bucket, count, limit, keep, positive);
        }
        let has_positive = total.filled;
        total.filled = false;
        for (bucket, count) in self.negative_buckets().zip(&mut trimmed.negative_buckets) {
            let negative = if self.has_custom_buckets() { Spread::Linear } else { Spread::Negative };
            total.take(bucket, count, limit, keep, negative);
        }
        if self.zero_count > 0.0 {
            let rest = self.zero_bucket_rest(limit, keep, total.filled, has_positive);
            total.add(rest, &mut trimmed.zero_count);
        }
        if total.changed {
            (trimmed.count, trimmed.sum) = (total.count, total.sum);
            trimmed.compact(0);
        }
        trimmed
    }

    fn zero_bucket_rest(&self, limit: f64, keep: Keep, has_negative: bool, has_positive: bool) -> Rest {
        let lower = if has_positive && !has_negative { 0.0 } else { -self.zero_threshold };
        let upper = if has_negative && !has_positive { 0.0 } else { self.zero_threshold };
        let whole = (self.zero_count, f64::midpoint(lower, upper));
        match keep {
            Keep::Below if limit <= lower => (0.0, 0.0),
            Keep::Below if limit >= upper => whole,
            Keep::Below => (self.zero_count * ((limit - lower) / (upper - lower)), f64::midpoint(lower, limit)),
            Keep::Above if limit <= lower => whole,
            Keep::Above if limit >= upper => (0.0, 0.0),
            Keep::Above => (self.zero_count * ((upper - limit) / (upper - lower)), f64::midpoint(limit, upper)),
        }
    }
}

/// What is left in all.
#[derive(Default)]
struct Total {
    count: f64,
    sum: f64,
    changed: bool,
    /// Whether a bucket of the side had observations.
    filled: bool,
}

impl Total {
    /// Cuts a bucket, whose new count goes to `count`.
    fn take(&mut self, bucket: Bucket, count: &mut f64, limit: f64, keep: Keep, spread: Spread) {
        if bucket.count == 0.0 {
            return;
        }
        self.filled = true;
        let (inside, touched) = match keep {
            Keep::Below => (bucket.upper <= limit, bucket.lower < limit),
            Keep::Above => (bucket.lower >= limit, bucket.upper > limit),
        };
        match (inside, touched) {
            (true, _) => self.add((bucket.count, middle(bucket.lower, bucket.upper, spread)), count),
            (false, true) => self.add(cut(bucket, limit, keep, spread), count),
            (false, false) => {
                *count = 0.0;
                self.changed = true;
            }
        }
    }

    fn add(&mut self, (kept, middle): Rest, count: &mut f64) {
        self.count += kept;
        self.sum += middle * kept;
        if *count != kept {
            *count = kept;
            self.changed = true;
        }
    }
}

fn cut(bucket: Bucket, limit: f64, keep: Keep, spread: Spread) -> Rest {
    if bucket.lower == f64::NEG_INFINITY {
        return cut_from_infinity(bucket, limit, keep);
    }
    if bucket.upper == f64::INFINITY {
        return cut_to_infinity(bucket, limit, keep);
    }
    let below = bucket.count * share_below(bucket, limit, spread);
    match keep {
        Keep::Below => (below, middle(bucket.lower, limit, spread)),
        Keep::Above => (bucket.count - below, middle(limit, bucket.upper, spread)),
    }
}

fn share_below(bucket: Bucket, limit: f64, spread: Spread) -> f64 {
    let (lower, upper, at) = (bucket.lower.abs().log2(), bucket.upper.abs().log2(), limit.abs().log2());
    match spread {
        _ if limit <= bucket.lower => 0.0,
        _ if limit >= bucket.upper => 1.0,
        Spread::Linear => (limit - bucket.lower) / (bucket.upper - bucket.lower),
        Spread::Positive => (at - lower) / (upper - lower),
        Spread::Negative => 1.0 - ((at - upper) / (lower - upper)),
    }
}

/// The lowest custom bucket, which begins at zero if it ends above it; otherwise its observations count as being at its end.
fn cut_from_infinity(bucket: Bucket, limit: f64, keep: Keep) -> Rest {
    let Bucket { upper, count, .. } = bucket;
    let finite = upper != f64::INFINITY;
    match keep {
        Keep::Below if limit > 0.0 && upper > 0.0 && finite => (count * limit / upper, limit / 2.0),
        Keep::Below if upper <= 0.0 => (count, limit),
        Keep::Above if limit >= 0.0 && upper > limit && finite => {
            (count * (1.0 - limit / upper), f64::midpoint(limit, upper))
        }
        _ => (0.0, 0.0),
    }
}

/// The highest bucket, of which all is above any limit.
fn cut_to_infinity(bucket: Bucket, limit: f64, keep: Keep) -> Rest {
    match keep {
        Keep::Above if limit >= bucket.lower => (bucket.count, limit),
        _ => (0.0, 0.0),
    }
}

/// The value that stands for observations between two bounds: the mean, by logarithm for exponential buckets; the finite one if the
/// other is not, but its half above zero, where the lower bound counts as zero.
fn middle(lower: f64, upper: f64, spread: Spread) -> f64 {
    match (lower.is_infinite(), upper.is_infinite()) {
        (true, true) => return 0.0,
        (true, false) => return if upper > 0.0 { upper / 2.0 } else { upper },
        (false, true) => return lower,
        (false, false) => {}
    }
    match spread {
        Spread::Linear => f64::midpoint(lower, upper),
        Spread::Positive => (lower * upper).abs().sqrt(),
        Spread::Negative => -(lower * upper).abs().sqrt(),
    }
}
