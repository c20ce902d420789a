//! The buckets of a native histogram with their bounds, from the lowest to the highest.

use crate::model::{BucketSpan, Histogram};

/// One bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bucket {
    pub(super) lower: f64,
    pub(super) upper: f64,
    pub(super) lower_inclusive: bool,
    pub(super) upper_inclusive: bool,
    pub(super) count: f64,
}

/// All buckets, those that hold nothing included.
pub(super) fn buckets(histogram: &Histogram) -> Vec<Bucket> {
    let mut all: Vec<Bucket> = placed(&histogram.negative_spans, &histogram.negative_buckets)
        .map(|(index, count)| Bucket {
            lower: -bound(histogram, index),
            upper: -bound(histogram, index - 1),
            lower_inclusive: true,
            upper_inclusive: false,
            count,
        })
        .collect();
    all.reverse();
    if histogram.zero_count > 0.0 && !histogram.has_custom_buckets() {
        let (lower, upper) = (-histogram.zero_threshold, histogram.zero_threshold);
        all.push(Bucket { lower, upper, lower_inclusive: true, upper_inclusive: true, count: histogram.zero_count });
    }
    all.extend(placed(&histogram.positive_spans, &histogram.positive_buckets).map(|(index, count)| {
        let (lower, upper) = (bound(histogram, index - 1), bound(histogram, index));
        // The first custom bucket reaches down to minus infinity, itself included.
        let lower_inclusive = histogram.has_custom_buckets() && index <= 0;
        Bucket { lower, upper, lower_inclusive, upper_inclusive: true, count }
    }));
    all
}

/// Each bucket's index and count.
fn placed<'a>(spans: &'a [BucketSpan], counts: &'a [f64]) -> impl Iterator<Item = (i64, f64)> + 'a {
    let mut next = 0;
    let indexes = spans.iter().flat_map(move |span| {
        let first = next + i64::from(span.offset);
        next = first + i64::from(span.length);
        first..next
    });
    indexes.zip(counts.iter().copied())
}

/// The upper bound of the bucket `index`.
fn bound(histogram: &Histogram, index: i64) -> f64 {
    if histogram.has_custom_buckets() {
        return match usize::try_from(index) {
            Ok(index) => histogram.custom_values.get(index).copied().unwrap_or(f64::INFINITY),
            Err(_) => f64::NEG_INFINITY,
        };
    }
    let exponent = index as f64 * f64::from(-histogram.schema).exp2();
    let whole = exponent.floor();
    // The last bucket that has finite numbers ends at the largest of them; the one above is for infinity.
    if exponent == 1024.0 { f64::MAX } else { whole.exp2() * (exponent - whole).exp2() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::CUSTOM_BUCKETS_SCHEMA;

    fn shown(histogram: &Histogram) -> Vec<(f64, f64, f64)> {
        buckets(histogram).iter().map(|bucket| (bucket.lower, bucket.upper, bucket.count)).collect()
    }

    #[test]
    fn from_the_lowest_to_the_highest() {
        let histogram = Histogram {
            schema: 0,
            zero_threshold: 0.5,
            zero_count: 1.0,
            negative_spans: vec![BucketSpan { offset: 1, length: 2 }],
            negative_buckets: vec![2.0, 3.0],
            positive_spans: vec![BucketSpan { offset: 0, length: 1 }, BucketSpan { offset: 1, length: 1 }],
            positive_buckets: vec![4.0, 5.0],
            ..Histogram::default()
        };
        let expected = [(-4.0, -2.0, 3.0), (-2.0, -1.0, 2.0), (-0.5, 0.5, 1.0), (0.5, 1.0, 4.0), (2.0, 4.0, 5.0)];
        assert_eq!(shown(&histogram), expected);
    }

    #[test]
    fn bounds() {
        for (schema, index, expected) in
            [(0, 1024, f64::MAX), (0, 1025, f64::INFINITY), (1, 1, 2f64.sqrt()), (-4, 1, 65536.0), (3, -8, 0.5)]
        {
            let histogram = Histogram { schema, ..Histogram::default() };
            assert_eq!(bound(&histogram, index), expected, "{schema} {index}");
        }
        let custom = Histogram {
            schema: CUSTOM_BUCKETS_SCHEMA,
            custom_values: vec![1.0],
            positive_spans: vec![BucketSpan { offset: 0, length: 2 }],
            positive_buckets: vec![7.0, 8.0],
            ..Histogram::default()
        };
        assert_eq!(shown(&custom), [(f64::NEG_INFINITY, 1.0, 7.0), (1.0, f64::INFINITY, 8.0)]);
    }
}
