//! Native histograms as the messages of Prometheus hold them: counts as integers, each bucket as difference to the one before,
//! or as floats.

use super::FormatError;
use super::protobuf::{Field, Message};
use crate::model::{BucketSpan, CounterResetHint, DeltaHistogram, Histogram};

/// The greatest number of positive or negative buckets, of spans of either kind and of custom bounds; clients make some 160
/// buckets at most.
const BUCKETS_MAX: usize = 1 << 16;

/// A count that a message may give in two ways.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count {
    pub(super) integer: u64,
    pub(super) float: f64,
}

/// The buckets on one side of zero.
#[derive(Debug, Default)]
pub(super) struct Side {
    spans: Vec<BucketSpan>,
    deltas: Vec<i64>,
    floats: Vec<f64>,
    is_too_long: bool,
}

impl Side {
    /// Takes in a `BucketSpan`: 1 offset, 2 length.
    pub(super) fn span(&mut self, mut message: Message<'_>) -> Result<(), FormatError> {
        let mut span = BucketSpan { offset: 0, length: 0 };
        let offset = message.offset();
        let too_large = |_| FormatError::in_bytes(offset, "a span of buckets out of range");
        while let Some(field) = message.next_field()? {
            match field.number {
                1 => span.offset = i32::try_from(field.zigzag()?).map_err(too_large)?,
                2 => span.length = u32::try_from(field.varint()?).map_err(too_large)?,
                _ => {}
            }
        }
        self.is_too_long |= !push(&mut self.spans, span);
        Ok(())
    }

    /// Takes in differences of integer counts.
    pub(super) fn deltas(&mut self, field: Field<'_>) -> Result<(), FormatError> {
        field.zigzags(|delta| self.is_too_long |= !push(&mut self.deltas, delta))
    }

    /// Takes in float counts.
    pub(super) fn counts(&mut self, field: Field<'_>) -> Result<(), FormatError> {
        field.doubles(|count| self.is_too_long |= !push(&mut self.floats, count))
    }

    /// Whether there is a span.
    pub(super) fn has_spans(&self) -> bool {
        !self.spans.is_empty()
    }
}

/// Adds an item unless there are too many.
fn push<T>(list: &mut Vec<T>, item: T) -> bool {
    let fits = list.len() < BUCKETS_MAX;
    if fits {
        list.push(item);
    }
    fits
}

/// A histogram that is being read.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) counter_reset_hint: CounterResetHint,
    pub(super) schema: i32,
    pub(super) zero_threshold: f64,
    pub(super) zero_count: Count,
    pub(super) count: Count,
    pub(super) sum: f64,
    pub(super) positive: Side,
    pub(super) negative: Side,
    custom_values: Vec<f64>,
}

impl Parts {
    /// Takes in bounds of custom buckets.
    pub(super) fn custom_values(&mut self, field: Field<'_>) -> Result<(), FormatError> {
        let is_too_long = &mut self.positive.is_too_long;
        field.doubles(|bound| *is_too_long |= !push(&mut self.custom_values, bound))
    }

    /// Takes in the schema.
    pub(super) fn schema(&mut self, field: Field<'_>) -> Result<(), FormatError> {
        let out_of_range = |_| FormatError::in_bytes(field.offset, "a schema out of range");
        self.schema = i32::try_from(field.zigzag()?).map_err(out_of_range)?;
        Ok(())
    }

    /// The bytes that the histogram takes, about.
    pub(super) fn bytes(&self) -> usize {
        let of_side = |side: &Side| 8 * (side.spans.len() + side.deltas.len() + side.floats.len());
        size_of::<Histogram>() + of_side(&self.positive) + of_side(&self.negative) + 8 * self.custom_values.len()
    }

    /// The histogram, with the counts that are floats if `is_float`, else with the integers.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(super) fn finish(self, is_float: bool) -> Result<Histogram, String> {
        if self.positive.is_too_long || self.negative.is_too_long {
            return Err(format!("a histogram of more than {BUCKETS_MAX} buckets"));
        }
        let Parts { counter_reset_hint, schema, zero_threshold, zero_count, count, sum, custom_values, .. } = self;
        let (positive, negative) = (self.positive, self.negative);
        let accepted = match is_float {
            true => Histogram {
                counter_reset_hint,
                schema,
                zero_threshold,
                zero_count: zero_count.float,
                count: count.float,
                sum,
                positive_spans: positive.spans,
                positive_buckets: positive.floats,
                negative_spans: negative.spans,
                negative_buckets: negative.floats,
                custom_values,
            }
            .accepted(),
            false => DeltaHistogram {
                counter_reset_hint,
                schema,
                zero_threshold,
                zero_count: zero_count.integer,
                count: count.integer,
                sum,
                positive_spans: positive.spans,
                positive_deltas: positive.deltas,
                negative_spans: negative.spans,
                negative_deltas: negative.deltas,
                custom_values,
            }
            .accepted(),
        };
        let mut histogram = accepted.map_err(|error| error.to_string())?;
        for list in [&mut histogram.positive_buckets, &mut histogram.negative_buckets, &mut histogram.custom_values] {
            list.shrink_to_fit();
        }
        for spans in [&mut histogram.positive_spans, &mut histogram.negative_spans] {
            spans.shrink_to_fit();
        }
        Ok(histogram)
    }
}
