//! Classic histograms (series of cumulative counts per upper bound) as native ones with custom buckets.

use super::{BucketSpan, CUSTOM_BUCKETS_SCHEMA, Histogram};

/// The most empty buckets in a row that are kept where all counts are integers.
const EMPTY_BUCKETS_MAX: usize = 2;

/// Why classic buckets make no histogram.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ClassicError {
    /// A bucket holds fewer than no observations.
    #[error("bucket count must be non-negative: le={bound}, count={count}")]
    NegativeBucket {
        /// Its upper bound.
        bound: f64,
        /// Its count.
        count: f64,
    },
    /// There are fewer than no observations.
    #[error("count must be non-negative: count={0}")]
    NegativeCount(f64),
    /// A bucket has fewer observations than one that it includes.
    #[error("count is not cumulative: {count} < {before}")]
    NotCumulative {
        /// Its count.
        count: f64,
        /// The count of the one before it.
        before: f64,
    },
    /// The count differs from that of the infinite bucket.
    #[error("count mismatch: count={count} != le=+Inf count={last}")]
    CountMismatch {
        /// The count as given.
        count: f64,
        /// The count of the infinite bucket.
        last: f64,
    },
    /// An upper bound is not a number.
    #[error("bucket bound is not a number")]
    Bound,
}

/// Makes a histogram with custom buckets of pairs of an upper bound and a cumulative count, in any order; the first counts of two with
/// the same bound. Without a count, that of the last bucket is taken; without an infinite bucket, one is added that has the count.
///
/// # Errors
///
/// Bounds or counts that make no histogram.
pub fn classic_to_native(
    buckets: &[(f64, f64)],
    count: Option<f64>,
    sum: Option<f64>,
) -> Result<Histogram, ClassicError> {
    let mut buckets = buckets.to_vec();
    if buckets.iter().any(|(bound, _)| bound.is_nan()) {
        return Err(ClassicError::Bound);
    }
    buckets.sort_by(|left, right| left.0.total_cmp(&right.0));
    buckets.dedup_by(|later, earlier| later.0 == earlier.0);
    if let Some(&(bound, count)) = buckets.iter().find(|(_, count)| *count < 0.0) {
        return Err(ClassicError::NegativeBucket { bound, count });
    }
    if let Some(pair) = buckets.windows(2).find(|pair| pair[1].1 < pair[0].1) {
        return Err(ClassicError::NotCumulative { count: pair[1].1, before: pair[0].1 });
    }
    if let Some(count) = count.filter(|count| *count < 0.0) {
        return Err(ClassicError::NegativeCount(count));
    }
    let count = count.or(buckets.last().map(|(_, count)| *count)).unwrap_or(0.0);
    if buckets.last().is_none_or(|(bound, _)| *bound != f64::INFINITY) {
        buckets.push((f64::INFINITY, count));
    }
    let last = buckets.last().map_or(count, |(_, count)| *count);
    if last != count {
        return Err(ClassicError::CountMismatch { count, last });
    }
    Ok(native(&buckets, count, sum.unwrap_or(0.0)))
}

/// The histogram of ascending buckets of which the last is infinite.
fn native(buckets: &[(f64, f64)], count: f64, sum: f64) -> Histogram {
    let mut before = 0.0;
    let positive_buckets: Vec<_> = buckets
        .iter()
        .map(|(_, cumulative)| {
            let own = cumulative - before;
            before = *cumulative;
            own
        })
        .collect();
    let length = u32::try_from(positive_buckets.len()).unwrap_or(u32::MAX);
    let mut histogram = Histogram {
        schema: CUSTOM_BUCKETS_SCHEMA,
        count,
        sum,
        positive_spans: vec![BucketSpan { offset: 0, length }],
        positive_buckets,
        custom_values: buckets.iter().map(|(bound, _)| *bound).filter(|bound| *bound != f64::INFINITY).collect(),
        ..Histogram::default()
    };
    let integers = buckets.iter().all(|(_, count)| count.fract() == 0.0) && count.fract() == 0.0;
    histogram.compact(if integers { EMPTY_BUCKETS_MAX } else { 0 });
    histogram
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFINITE: f64 = f64::INFINITY;

    #[test]
    fn buckets_become_native() {
        for (buckets, count, sum, text) in [
            (&[][..], None, None, "{{schema:-53 custom_values:[]}}"),
            (&[], Some(3.0), Some(4.0), "{{schema:-53 count:3 sum:4 custom_values:[] buckets:[3]}}"),
            (
                &[(1.0, 2.0), (2.0, 2.0), (INFINITE, 5.0)],
                None,
                None,
                "{{schema:-53 count:5 custom_values:[1 2] buckets:[2 0 3]}}",
            ),
            (
                &[(2.0, 2.5), (1.0, 1.0), (1.0, 9.0)],
                Some(4.0),
                Some(1.5),
                "{{schema:-53 count:4 sum:1.5 custom_values:[1 2] buckets:[1 1.5 1.5]}}",
            ),
            (&[(-1.0, 1.0)], None, None, "{{schema:-53 count:1 custom_values:[-1] buckets:[1]}}"),
        ] {
            let histogram = classic_to_native(buckets, count, sum).unwrap();
            assert_eq!(histogram.test_expression(), text);
            assert_eq!(histogram.validate(), Ok(()));
        }
    }

    #[test]
    fn faults() {
        for (buckets, count, error) in [
            (&[(1.0, -1.0)][..], None, ClassicError::NegativeBucket { bound: 1.0, count: -1.0 }),
            (&[(2.0, 1.0), (1.0, 2.0)], None, ClassicError::NotCumulative { count: 1.0, before: 2.0 }),
            (&[], Some(-1.0), ClassicError::NegativeCount(-1.0)),
            (&[(INFINITE, 2.0)], Some(3.0), ClassicError::CountMismatch { count: 3.0, last: 2.0 }),
            (&[(f64::NAN, 2.0)], None, ClassicError::Bound),
        ] {
            assert_eq!(classic_to_native(buckets, count, None), Err(error));
        }
    }
}
