//! Histograms from outside: what is accepted, and the form with integer counts.

use super::{
    BucketSpan, CUSTOM_BUCKETS_SCHEMA, CounterResetHint, EXPONENTIAL_SCHEMA_MAX, EXPONENTIAL_SCHEMA_MIN, Histogram,
};

/// The finest schema that is accepted from outside; buckets of what is finer than [`EXPONENTIAL_SCHEMA_MAX`] are merged.
pub const EXPONENTIAL_SCHEMA_MAX_RESERVED: i32 = 52;
/// The greatest distance from zero of the index of a bucket. No float lies in one that is further away.
pub const BUCKET_INDEX_MAX: i64 = 1 << 20;

/// Why a histogram is not accepted, or two of them do not go together.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum HistogramError {
    /// Neither exponential nor [`CUSTOM_BUCKETS_SCHEMA`].
    #[error(
        "histogram has an invalid schema, which must be between {EXPONENTIAL_SCHEMA_MIN} and {EXPONENTIAL_SCHEMA_MAX} for exponential buckets, or {CUSTOM_BUCKETS_SCHEMA} for custom buckets, got schema {0}"
    )]
    Schema(i32),
    /// A gap between spans is negative.
    #[error("histogram has a span whose offset is negative: {0}")]
    NegativeOffset(i32),
    /// The spans place more buckets, or fewer, than there are.
    #[error(
        "histogram spans specify a different number of buckets than provided: spans need {needed}, have {provided}"
    )]
    SpansMismatch {
        /// How many the spans place.
        needed: u64,
        /// How many there are.
        provided: usize,
    },
    /// A bucket is further than [`BUCKET_INDEX_MAX`] from zero.
    #[error("histogram has a bucket of index {0}, which no number falls into")]
    IndexOutOfRange(i64),
    /// A bucket holds fewer than no observations.
    #[error("histogram has a bucket whose observation count is negative: {0}")]
    NegativeBucket(f64),
    /// There are fewer than no observations.
    #[error("histogram's observation count is negative: {0}")]
    NegativeCount(f64),
    /// Counts as integers do not add up: there are this many observations, and so many in buckets.
    #[error("histogram's observation count is {count}, its buckets hold {in_buckets}")]
    CountMismatch {
        /// The count as given.
        count: u64,
        /// The sum over the buckets.
        in_buckets: u64,
    },
    /// An integer count exceeds what fits.
    #[error("histogram has a bucket whose observation count is out of range")]
    CountOutOfRange,
    /// The threshold of the zero bucket is negative or not a number.
    #[error("histogram has a zero threshold of {0}")]
    ZeroThreshold(f64),
    /// Custom bounds do not ascend, or one is not a number, or the infinite one is given.
    #[error("histogram custom bounds must be finite and in strictly increasing order: {0} after {1}")]
    CustomBounds(f64, f64),
    /// There are more buckets than custom bounds make.
    #[error("histogram has {bounds} custom bounds, which is too few for buckets up to index {index}")]
    TooFewCustomBounds {
        /// How many there are.
        bounds: usize,
        /// The index of the last bucket.
        index: i64,
    },
    /// Custom buckets beside what belongs to exponential ones, or the other way round.
    #[error("histogram has {0}")]
    MixedForms(&'static str),
    /// Two histograms of which one has custom and the other exponential buckets.
    #[error("cannot apply this operation on histograms with a mix of exponential and custom bucket schemas")]
    IncompatibleSchemas,
    /// A progression whose step is coarser than what it is added to.
    #[error("error combining histograms: cannot merge from schema {step} to {base}")]
    CoarserStep {
        /// The schema of the step.
        step: i32,
        /// The schema of what it is added to.
        base: i32,
    },
    /// A progression of more histograms, or of more buckets in all, than its limits.
    #[error("a progression of {0} histograms is too long")]
    ProgressionTooLong(usize),
}

impl Histogram {
    /// Checks that the parts fit together and that counts are not negative; a sum or a count that is not a number is accepted.
    ///
    /// # Errors
    ///
    /// The first fault.
    pub fn validate(&self) -> Result<(), HistogramError> {
        if self.has_custom_buckets() {
            self.validate_custom()?;
        } else {
            self.validate_exponential()?;
        }
        if self.count < 0.0 {
            return Err(HistogramError::NegativeCount(self.count));
        }
        let counts = [&self.zero_count].into_iter().chain(&self.positive_buckets).chain(&self.negative_buckets);
        match counts.into_iter().find(|count| **count < 0.0) {
            Some(count) => Err(HistogramError::NegativeBucket(*count)),
            None => Ok(()),
        }
    }

    /// The histogram as it is worked with if it comes from outside: buckets that are too fine are merged, then it is validated.
    ///
    /// # Errors
    ///
    /// The first fault.
    pub fn accepted(mut self) -> Result<Histogram, HistogramError> {
        if (EXPONENTIAL_SCHEMA_MAX + 1..=EXPONENTIAL_SCHEMA_MAX_RESERVED).contains(&self.schema) {
            check_spans(&self.positive_spans, self.positive_buckets.len(), i64::MAX)?;
            check_spans(&self.negative_spans, self.negative_buckets.len(), i64::MAX)?;
            self.reduce_resolution(EXPONENTIAL_SCHEMA_MAX);
        }
        self.validate()?;
        Ok(self)
    }

    fn validate_exponential(&self) -> Result<(), HistogramError> {
        if !(EXPONENTIAL_SCHEMA_MIN..=EXPONENTIAL_SCHEMA_MAX).contains(&self.schema) {
            return Err(HistogramError::Schema(self.schema));
        }
        check_spans(&self.positive_spans, self.positive_buckets.len(), BUCKET_INDEX_MAX)?;
        check_spans(&self.negative_spans, self.negative_buckets.len(), BUCKET_INDEX_MAX)?;
        if self.zero_threshold.is_nan() || self.zero_threshold < 0.0 {
            return Err(HistogramError::ZeroThreshold(self.zero_threshold));
        }
        if !self.custom_values.is_empty() {
            return Err(HistogramError::MixedForms("an exponential schema and custom bounds"));
        }
        Ok(())
    }

    fn validate_custom(&self) -> Result<(), HistogramError> {
        let mut before = f64::NEG_INFINITY;
        for (number, bound) in self.custom_values.iter().enumerate() {
            if bound.is_nan() || *bound == f64::INFINITY || (number > 0 && *bound <= before) {
                return Err(HistogramError::CustomBounds(*bound, before));
            }
            before = *bound;
        }
        if let Some(span) = self.positive_spans.iter().find(|span| span.offset < 0) {
            return Err(HistogramError::NegativeOffset(span.offset));
        }
        let end = check_spans(&self.positive_spans, self.positive_buckets.len(), BUCKET_INDEX_MAX)?;
        if end > self.custom_values.len() as i64 + 1 {
            return Err(HistogramError::TooFewCustomBounds { bounds: self.custom_values.len(), index: end - 1 });
        }
        match () {
            () if self.zero_count != 0.0 => Err(HistogramError::MixedForms("custom buckets and a zero bucket")),
            () if self.zero_threshold != 0.0 => Err(HistogramError::MixedForms("custom buckets and a zero threshold")),
            () if !self.negative_spans.is_empty() || !self.negative_buckets.is_empty() => {
                Err(HistogramError::MixedForms("custom buckets and negative buckets"))
            }
            () => Ok(()),
        }
    }
}

/// Checks that spans place `provided` buckets not further than `index_max` from zero; the index behind the last.
fn check_spans(spans: &[BucketSpan], provided: usize, index_max: i64) -> Result<i64, HistogramError> {
    let (mut needed, mut end) = (0, 0);
    for (number, span) in spans.iter().enumerate() {
        if number > 0 && span.offset < 0 {
            return Err(HistogramError::NegativeOffset(span.offset));
        }
        needed += u64::from(span.length);
        let start = end + i64::from(span.offset);
        end = start + i64::from(span.length);
        for index in [start, end] {
            if index.abs() > index_max {
                return Err(HistogramError::IndexOutOfRange(index));
            }
        }
    }
    if needed != provided as u64 {
        return Err(HistogramError::SpansMismatch { needed, provided });
    }
    Ok(end)
}

/// A native histogram with integer counts, as remote write and the protobuf exposition carry it: the first number of a side is the
/// count of its first bucket, each further one the difference to the bucket before.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeltaHistogram {
    /// Whether counts started anew.
    pub counter_reset_hint: CounterResetHint,
    /// The width of the buckets.
    pub schema: i32,
    /// Observations at most this far from zero are in the zero bucket.
    pub zero_threshold: f64,
    /// How many observations are in the zero bucket.
    pub zero_count: u64,
    /// How many observations there are.
    pub count: u64,
    /// The sum of the observations.
    pub sum: f64,
    /// Where the positive buckets are.
    pub positive_spans: Vec<BucketSpan>,
    /// The counts of the positive buckets, as differences.
    pub positive_deltas: Vec<i64>,
    /// Where the negative buckets are.
    pub negative_spans: Vec<BucketSpan>,
    /// The counts of the negative buckets, as differences.
    pub negative_deltas: Vec<i64>,
    /// The upper bounds of custom buckets.
    pub custom_values: Vec<f64>,
}

impl DeltaHistogram {
    /// The same with absolute counts as floats, accepted as by [`Histogram::accepted`].
    ///
    /// # Errors
    ///
    /// As there; counts that do not add up: they must, unless the sum is not a number, which comes of observations that are none and
    /// are in no bucket.
    pub fn accepted(self) -> Result<Histogram, HistogramError> {
        let (positive_buckets, positive_count) = absolute(&self.positive_deltas)?;
        let (negative_buckets, negative_count) = absolute(&self.negative_deltas)?;
        let in_buckets = positive_count
            .checked_add(negative_count)
            .and_then(|count| count.checked_add(self.zero_count))
            .ok_or(HistogramError::CountOutOfRange)?;
        let adds_up = if self.sum.is_nan() { in_buckets <= self.count } else { in_buckets == self.count };
        if !adds_up {
            return Err(HistogramError::CountMismatch { count: self.count, in_buckets });
        }
        let histogram = Histogram {
            counter_reset_hint: self.counter_reset_hint,
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            zero_count: self.zero_count as f64,
            count: self.count as f64,
            sum: self.sum,
            positive_spans: self.positive_spans,
            positive_buckets,
            negative_spans: self.negative_spans,
            negative_buckets,
            custom_values: self.custom_values,
        };
        histogram.accepted()
    }
}

/// Counts of differences, and their sum.
fn absolute(deltas: &[i64]) -> Result<(Vec<f64>, u64), HistogramError> {
    let (mut count, mut total) = (0_i64, 0_u64);
    let mut counts = Vec::with_capacity(deltas.len());
    for delta in deltas {
        count = count.checked_add(*delta).ok_or(HistogramError::CountOutOfRange)?;
        let unsigned = u64::try_from(count).map_err(|_| HistogramError::NegativeBucket(count as f64))?;
        total = total.checked_add(unsigned).ok_or(HistogramError::CountOutOfRange)?;
        counts.push(count as f64);
    }
    Ok((counts, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(offset: i32, length: u32) -> BucketSpan {
        BucketSpan { offset, length }
    }

    fn exponential(spans: &[BucketSpan], buckets: &[f64]) -> Histogram {
        Histogram { positive_spans: spans.to_vec(), positive_buckets: buckets.to_vec(), ..Histogram::default() }
    }

    fn custom(bounds: &[f64], spans: &[BucketSpan], buckets: &[f64]) -> Histogram {
        Histogram { schema: CUSTOM_BUCKETS_SCHEMA, custom_values: bounds.to_vec(), ..exponential(spans, buckets) }
    }

    #[test]
    fn faults_are_named() {
        let nan = f64::NAN;
        for (histogram, fault) in [
            (exponential(&[], &[]), None),
            (exponential(&[span(-5, 1), span(2, 1)], &[1.0, nan]), None),
            (Histogram { schema: 9, ..Histogram::default() }, Some("schema 9")),
            (Histogram { schema: -5, ..Histogram::default() }, Some("schema -5")),
            (exponential(&[span(0, 1), span(-1, 1)], &[1.0, 1.0]), Some("offset is negative: -1")),
            (exponential(&[span(0, u32::MAX)], &[1.0]), Some("index 4294967295")),
            (exponential(&[span(0, 2)], &[1.0]), Some("spans need 2, have 1")),
            (exponential(&[], &[1.0]), Some("spans need 0, have 1")),
            (exponential(&[span(i32::MIN, 1)], &[1.0]), Some("index -2147483648")),
            (exponential(&[span(0, 1)], &[-1.0]), Some("count is negative: -1")),
            (Histogram { count: -2.0, ..Histogram::default() }, Some("count is negative: -2")),
            (Histogram { zero_count: -2.0, ..Histogram::default() }, Some("count is negative: -2")),
            (Histogram { zero_threshold: nan, ..Histogram::default() }, Some("zero threshold of NaN")),
            (Histogram { custom_values: vec![1.0], ..Histogram::default() }, Some("custom bounds")),
            (custom(&[1.0, 2.0], &[span(0, 1), span(1, 1)], &[1.0, 1.0]), None),
            (custom(&[1.0], &[span(1, 2)], &[1.0, 1.0]), Some("1 custom bounds")),
            (custom(&[2.0, 2.0], &[], &[]), Some("strictly increasing order: 2 after 2")),
            (custom(&[nan], &[], &[]), Some("NaN after -inf")),
            (custom(&[f64::INFINITY], &[], &[]), Some("finite")),
            (custom(&[1.0], &[span(-1, 1)], &[1.0]), Some("negative: -1")),
            (Histogram { zero_count: 1.0, ..custom(&[], &[], &[]) }, Some("zero bucket")),
            (Histogram { zero_threshold: 1.0, ..custom(&[], &[], &[]) }, Some("zero threshold")),
            (Histogram { negative_spans: vec![span(0, 0)], ..custom(&[], &[], &[]) }, Some("negative buckets")),
        ] {
            let got = histogram.validate().err().map(|error| error.to_string());
            match fault {
                None => assert_eq!(got, None),
                Some(part) => assert!(got.clone().unwrap_or_default().contains(part), "{got:?} without {part:?}"),
            }
        }
    }

    #[test]
    fn finer_schemas_are_reduced() {
        let fine = Histogram { schema: 10, ..exponential(&[span(i32::MAX - 8, 8)], &[1.0; 8]) };
        assert!(matches!(fine.accepted(), Err(HistogramError::IndexOutOfRange(_))));
        let fine = Histogram { schema: 10, ..exponential(&[span(1, 8)], &[1.0; 8]) }.accepted().unwrap();
        assert_eq!((fine.schema, fine.positive_spans, fine.positive_buckets), (8, vec![span(1, 2)], vec![4.0, 4.0]));
        assert_eq!(Histogram { schema: 53, ..Histogram::default() }.accepted(), Err(HistogramError::Schema(53)));
    }

    #[test]
    fn integer_counts() {
        let deltas = DeltaHistogram {
            zero_count: 1,
            count: 10,
            positive_spans: vec![span(0, 2), span(1, 1)],
            positive_deltas: vec![3, -2, 3],
            negative_spans: vec![span(0, 1)],
            negative_deltas: vec![1],
            ..DeltaHistogram::default()
        };
        let histogram = deltas.clone().accepted().unwrap();
        assert_eq!(histogram.positive_buckets, [3.0, 1.0, 4.0]);
        assert_eq!((histogram.count, histogram.zero_count, histogram.negative_buckets), (10.0, 1.0, vec![1.0]));
        let more = DeltaHistogram { count: 11, ..deltas.clone() };
        assert_eq!(more.clone().accepted(), Err(HistogramError::CountMismatch { count: 11, in_buckets: 10 }));
        assert!(DeltaHistogram { sum: f64::NAN, ..more }.accepted().is_ok());
        for (positive_deltas, error) in [
            (vec![1, -2, 3], HistogramError::NegativeBucket(-1.0)),
            (vec![i64::MAX, 1, 0], HistogramError::CountOutOfRange),
            (vec![i64::MAX, 0, 0], HistogramError::CountOutOfRange),
        ] {
            assert_eq!(DeltaHistogram { positive_deltas, ..deltas.clone() }.accepted(), Err(error));
        }
    }
}
