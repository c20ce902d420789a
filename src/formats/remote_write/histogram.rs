use std::sync::Arc;

use super::Expansion;
use crate::formats::FormatError;
use crate::formats::native_histogram::Parts;
use crate::formats::protobuf::{Message, put_delimited, put_double, put_doubles, put_integer, put_zigzag};
use crate::model::{BucketSpan, CounterResetHint, Histogram, HistogramSample, Timestamp, is_stale};

/// The reset hints in the order of their numbers.
const HINTS: [CounterResetHint; 4] =
    [CounterResetHint::Unknown, CounterResetHint::Reset, CounterResetHint::NotReset, CounterResetHint::Gauge];

/// What a histogram message holds.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) at: Timestamp,
    pub(super) start: Option<Timestamp>,
    pub(super) content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    Histogram(Arc<Histogram>),
    /// The series ended.
    Stale,
    /// A histogram that contradicts itself.
    Invalid(FormatError),
}

/// Reads a `Histogram`, alike in both versions: 1 count (2 as float), 3 sum, 4 schema, 5 zero threshold, 6 zero count (7 as
/// float), 8 negative spans, 9 deltas, 10 counts, 11 positive spans, 12 deltas, 13 counts, 14 reset hint, 15 timestamp,
/// 16 custom values, 17 start timestamp (version 2).
pub(super) fn histogram(mut message: Message<'_>, expansion: &mut Expansion) -> Result<Read, FormatError> {
    let offset = message.offset();
    let (mut parts, mut is_float, mut at, mut start) = (Parts::default(), false, 0, 0);
    while let Some(field) = message.next_field()? {
        match field.number {
            1 => parts.count.integer = field.varint()?,
            2 => (parts.count.float, is_float) = (field.double()?, true),
            3 => parts.sum = field.double()?,
            4 => parts.schema(field)?,
            5 => parts.zero_threshold = field.double()?,
            6 => parts.zero_count.integer = field.varint()?,
            7 => parts.zero_count.float = field.double()?,
            8 => parts.negative.span(field.message()?)?,
            9 => parts.negative.deltas(field)?,
            10 => parts.negative.counts(field)?,
            11 => parts.positive.span(field.message()?)?,
            12 => parts.positive.deltas(field)?,
            13 => parts.positive.counts(field)?,
            14 => parts.counter_reset_hint = hint(field.varint()?),
            15 => at = field.varint()? as i64,
            16 => parts.custom_values(field)?,
            17 => start = field.varint()? as i64,
            _ => {}
        }
    }
    expansion.add(parts.bytes(), offset)?;
    let content = match is_stale(parts.sum) {
        true => Content::Stale,
        false => match parts.finish(is_float) {
            Ok(histogram) => Content::Histogram(Arc::new(histogram)),
            Err(reason) => Content::Invalid(FormatError::in_bytes(offset, reason)),
        },
    };
    Ok(Read { at: Timestamp::from_millis(at), start: super::start(start), content })
}

fn hint(number: u64) -> CounterResetHint {
    usize::try_from(number).ok().and_then(|index| HINTS.get(index)).copied().unwrap_or_default()
}

/// The message of a histogram with float counts.
pub(super) fn histogram_message(sample: &HistogramSample, start: Option<Timestamp>) -> Vec<u8> {
    let histogram = &*sample.histogram;
    let mut out = Vec::new();
    put_double(&mut out, 2, histogram.count);
    put_double(&mut out, 3, histogram.sum);
    put_zigzag(&mut out, 4, histogram.schema.into());
    put_double(&mut out, 5, histogram.zero_threshold);
    put_double(&mut out, 7, histogram.zero_count);
    put_spans(&mut out, 8, &histogram.negative_spans);
    put_doubles(&mut out, 10, &histogram.negative_buckets);
    put_spans(&mut out, 11, &histogram.positive_spans);
    put_doubles(&mut out, 13, &histogram.positive_buckets);
    let hint = HINTS.iter().position(|hint| *hint == histogram.counter_reset_hint).unwrap_or(0);
    put_integer(&mut out, 14, hint as u64);
    put_integer(&mut out, 15, sample.at.millis() as u64);
    put_doubles(&mut out, 16, &histogram.custom_values);
    if let Some(start) = start {
        put_integer(&mut out, 17, start.millis() as u64);
    }
    out
}

fn put_spans(out: &mut Vec<u8>, number: u8, spans: &[BucketSpan]) {
    for span in spans {
        let mut message = Vec::new();
        put_zigzag(&mut message, 1, span.offset.into());
        put_integer(&mut message, 2, span.length.into());
        put_message(out, number, &message);
    }
}

/// Appends a message in field `number`.
fn put_message(out: &mut Vec<u8>, number: u8, message: &[u8]) {
    put_delimited(out, number, message.len());
    out.extend_from_slice(message);
}
