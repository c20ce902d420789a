//! Quantiles and fractions of classic histograms: series with a cumulative count per `le`.

use std::cmp::Ordering;

use hashbrown::HashMap;

use crate::lang::{Call, Expr, Span};
use crate::model::{Labels, METRIC_NAME, format_value, parse_value};

use super::super::error::EvalError;
use super::super::instant::{Evaluator, Item, Moment};
use super::argument;

/// The label with a bucket's upper bound.
const BUCKET_LABEL: &str = "le";
/// Relative differences below this between neighbouring buckets are rounding, not observations.
const SMALL_DELTA: f64 = 1e-12;

/// How many observations were at most `upper`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bucket {
    upper: f64,
    count: f64,
}

/// The buckets of one histogram.
struct Buckets {
    labels: Labels,
    buckets: Vec<Bucket>,
}

impl Evaluator<'_> {
    /// `histogram_quantile`, `histogram_quantiles`, `histogram_fraction`.
    pub(super) fn call_classic_histogram(
        &mut self,
        call: &Call,
        span: &Span,
        moment: Moment,
    ) -> Result<Vec<Item>, EvalError> {
        match call.function.name {
            "histogram_fraction" => {
                let lower = self.scalar(argument(call, 0, span)?, moment)?;
                let upper = self.scalar(argument(call, 1, span)?, moment)?;
                let histograms = self.histograms(argument(call, 2, span)?, moment)?;
                let of = |found: Buckets| item(found.labels, fraction(lower, upper, found.buckets));
                Ok(histograms.into_iter().map(of).collect())
            }
            "histogram_quantile" => {
                let rank_expr = argument(call, 0, span)?;
                let rank = self.scalar(rank_expr, moment)?;
                self.check_quantile(rank, &rank_expr.span);
                let vector = argument(call, 1, span)?;
                let histograms = self.histograms(vector, moment)?;
                Ok(histograms
                    .into_iter()
                    .map(|found| {
                        let value = self.quantile_of(rank, &found, vector);
                        item(found.labels, value)
                    })
                    .collect())
            }
            _ => self.histogram_quantiles(call, span, moment),
        }
    }

    /// `histogram_quantiles(v, label, ranks…)`: each quantile with its rank as a label.
    fn histogram_quantiles(&mut self, call: &Call, span: &Span, moment: Moment) -> Result<Vec<Item>, EvalError> {
        let vector = argument(call, 0, span)?;
        let label = self.string(argument(call, 1, span)?, moment)?;
        if label.is_empty() {
            return Err(EvalError::parameter("invalid label name \"\"", &call.args[1].span));
        }
        let mut ranks = Vec::new();
        for expr in call.args.iter().skip(2) {
            let rank = self.scalar(expr, moment)?;
            self.check_quantile(rank, &expr.span);
            ranks.push(rank);
        }
        let histograms = self.histograms(vector, moment)?;
        let mut items = Vec::new();
        for rank in ranks {
            for found in &histograms {
                let mut builder = found.labels.builder();
                builder.set(&label, &decimal(rank));
                items.push(item(builder.finish(), self.quantile_of(rank, found, vector)));
            }
        }
        Ok(items)
    }

    /// The classic histograms among the elements of `expr`.
    fn histograms(&mut self, expr: &Expr, moment: Moment) -> Result<Vec<Buckets>, EvalError> {
        let items = self.vector(expr, moment)?;
        let mut histograms: Vec<Buckets> = Vec::new();
        let mut index_of: HashMap<Labels, usize> = HashMap::new();
        for item in items {
            let bound = item.labels.get(BUCKET_LABEL);
            let Some(upper) = parse_value(bound) else {
                let text = format!("bucket label \"le\" is missing or has a malformed value of {bound:?}");
                self.warn(text + &for_metric(&item.labels), &expr.span);
                continue;
            };
            let labels = item.labels.retain(|name| name != BUCKET_LABEL);
            let index = *index_of.entry(labels).or_insert_with_key(|labels| {
                histograms.push(Buckets { labels: labels.clone(), buckets: Vec::new() });
                histograms.len() - 1
            });
            histograms[index].buckets.push(Bucket { upper, count: item.value });
        }
        Ok(histograms)
    }

    fn quantile_of(&mut self, rank: f64, found: &Buckets, vector: &Expr) -> f64 {
        let (value, repaired) = quantile(rank, found.buckets.clone());
        if repaired {
            let text = "input to histogram_quantile needed to be fixed for monotonicity".to_owned();
            self.inform(text + &for_metric(&found.labels), &vector.span);
        }
        value
    }
}

fn item(labels: Labels, value: f64) -> Item {
    Item { labels, value, drop_name: true }
}

fn for_metric(labels: &Labels) -> String {
    match labels.get(METRIC_NAME) {
        "" => String::new(),
        name => format!(" for metric name {name:?}"),
    }
}

/// A number as OpenMetrics writes it in labels: whole ones with `.0`.
fn decimal(value: f64) -> String {
    let text = format_value(value);
    if value.is_finite() && !text.contains(['.', 'e']) { text + ".0" } else { text }
}

/// Sorted by bound, equal bounds added up; `None` unless the last bound is +Inf.
fn ordered(mut buckets: Vec<Bucket>) -> Option<Vec<Bucket>> {
    buckets.sort_by(|left, right| left.upper.total_cmp(&right.upper));
    if buckets.last().is_none_or(|last| last.upper != f64::INFINITY) {
        return None;
    }
    buckets.dedup_by(|later, kept| {
        let same = later.upper == kept.upper;
        if same {
            kept.count += later.count;
        }
        same
    });
    Some(buckets)
}

/// Raises counts that fall below an earlier bucket's, and levels out rounding; whether more than rounding was mended.
fn make_monotonic(buckets: &mut [Bucket]) -> bool {
    let mut repaired = false;
    let mut highest = buckets.first().map_or(0.0, |bucket| bucket.count);
    for bucket in buckets.iter_mut().skip(1) {
        if nearly_equal(highest, bucket.count) {
            bucket.count = highest;
        } else if bucket.count < highest {
            bucket.count = highest;
            repaired = true;
        } else {
            highest = bucket.count;
        }
    }
    repaired
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

/// The quantile `rank` by linear interpolation inside its bucket, and whether the counts had to be made monotonic.
fn quantile(rank: f64, buckets: Vec<Bucket>) -> (f64, bool) {
    if rank.is_nan() {
        return (f64::NAN, false);
    }
    if rank < 0.0 {
        return (f64::NEG_INFINITY, false);
    }
    if rank > 1.0 {
        return (f64::INFINITY, false);
    }
    let Some(mut buckets) = ordered(buckets) else { return (f64::NAN, false) };
    let repaired = make_monotonic(&mut buckets);
    (quantile_of_ordered(rank, &buckets), repaired)
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

/// The share of observations between `lower` and `upper`.
fn fraction(lower: f64, upper: f64, buckets: Vec<Bucket>) -> f64 {
    let Some(buckets) = ordered(buckets) else { return f64::NAN };
    let count = buckets.last().map_or(0.0, |bucket| bucket.count);
    if count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    (rank_at(upper, &buckets).min(count) - rank_at(lower, &buckets).min(count)) / count
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
            (0.5, vec![(inf, 4.0), (0.1, 1.0), (0.2, 3.0)], 0.15, false),
            (1.0, vec![(1.0, 1.0), (inf, 2.0)], 1.0, false),
            (0.01, vec![(0.1, 2.0), (1.0, 1.0), (10.0, 5.0), (inf, 9.0)], 0.0045, true),
        ] {
            let (value, was_repaired) = quantile(rank, buckets(&pairs));
            assert!((value - expected).abs() < 1e-9, "{rank} of {pairs:?}: {value}");
            assert_eq!(was_repaired, repaired);
        }
        for pairs in [vec![(1.0, 1.0)], vec![(inf, 1.0)], vec![(1.0, 0.0), (inf, 0.0)], vec![]] {
            assert!(quantile(0.5, buckets(&pairs)).0.is_nan(), "{pairs:?}");
        }
    }
}
