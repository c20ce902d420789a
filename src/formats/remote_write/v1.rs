use hashbrown::HashMap;

use super::histogram::histogram_message;
use super::{
    Decoded, EXPANDED_BYTES_MAX, Expansion, LabelCollector, METRIC_KINDS, SeriesContent, metadata_text, metric_kind,
};
use crate::formats::protobuf::{
    Field, Message, delimited_length, put_delimited, put_double, put_integer, put_text, varint_length,
};
use crate::formats::{Batch, FormatError, Metadata};
use crate::model::{HistogramSample, Labels, Sample, StartTime, Timestamp};

/// Reads an unpacked `prometheus.WriteRequest`.
///
/// `WriteRequest`: 1 timeseries, 3 metadata. `TimeSeries`: 1 labels (1 name, 2 value), 2 samples, 3 exemplars,
/// 4 histograms. `MetricMetadata`: 1 type, 2 family, 4 help, 5 unit.
///
/// # Errors
///
/// A message that is not of this form; metadata and histograms that expand beyond 256 MiB. Series with bad labels and
/// impossible histograms are no error: see [`Decoded::refused_series`] and [`Decoded::refused_histograms`].
pub fn decode_v1(bytes: &[u8]) -> Result<Decoded, FormatError> {
    decode(bytes, EXPANDED_BYTES_MAX)
}

pub(super) fn decode(bytes: &[u8], expanded_bytes_max: usize) -> Result<Decoded, FormatError> {
    let mut expansion = Expansion { bytes_left: expanded_bytes_max };
    let mut decoded = Decoded::default();
    let mut request = Message::new(bytes);
    while let Some(field) = request.next_field()? {
        match field.number {
            1 => series(field.message()?, &mut expansion, &mut decoded)?,
            3 => {
                let metadata = metadata(field.message()?, &mut expansion)?;
                decoded.batch.metadata.push(metadata);
            }
            _ => {}
        }
    }
    Ok(decoded)
}

fn series(mut message: Message<'_>, expansion: &mut Expansion, decoded: &mut Decoded) -> Result<(), FormatError> {
    let mut labels = LabelCollector::new(message.offset());
    let mut content = SeriesContent::default();
    while let Some(field) = message.next_field()? {
        match field.number {
            1 => {
                let (name, value) = label(field.message()?)?;
                labels.add(name, value);
            }
            2 => content.add_sample(field.message()?)?,
            3 => {
                field.message()?;
                decoded.exemplars += 1;
            }
            4 => content.add_histogram(field.message()?, expansion)?,
            _ => {}
        }
    }
    decoded.add_series(labels.finish(), content);
    Ok(())
}

fn label(mut message: Message<'_>) -> Result<(&str, &str), FormatError> {
    let (mut name, mut value) = ("", "");
    while let Some(field) = message.next_field()? {
        match field {
            Field { number: 1, .. } => name = field.text()?,
            Field { number: 2, .. } => value = field.text()?,
            _ => {}
        }
    }
    Ok((name, value))
}

fn metadata(mut message: Message<'_>, expansion: &mut Expansion) -> Result<Metadata, FormatError> {
    let (mut kind, mut metric, mut help, mut unit) = (metric_kind(0), "", "", "");
    let offset = message.offset();
    while let Some(field) = message.next_field()? {
        match field.number {
            1 => kind = metric_kind(field.varint()?),
            2 => metric = field.text()?,
            4 => help = metadata_text(field.text()?),
            5 => unit = metadata_text(field.text()?),
            _ => {}
        }
    }
    expansion.add_metadata([metric, kind, unit, help], offset)?;
    Ok(Metadata { metric: metric.to_owned(), kind: kind.to_owned(), unit: unit.to_owned(), help: help.to_owned() })
}

/// Writes a batch as a snappy-compressed `prometheus.WriteRequest`, which [`super::decompress`] and [`decode_v1`] read
/// back: the same values bit by bit, the same times, the same metadata (a kind that version 1 lacks becomes `unknown`).
///
/// Start times, which version 1 lacks, stand where version 2 has them; readers of version 1 skip them.
pub fn encode_v1(batch: &Batch) -> Vec<u8> {
    let mut out = Vec::new();
    let starts: HashMap<&Labels, &[StartTime]> =
        batch.starts.iter().map(|(labels, starts)| (labels, starts.as_slice())).collect();
    let starts_of = |labels: &Labels| if starts.is_empty() { &[] } else { starts.get(labels).copied().unwrap_or(&[]) };
    for (labels, samples) in &batch.series {
        put_samples(&mut out, labels, samples, starts_of(labels));
    }
    for (labels, histograms) in &batch.histograms {
        put_histograms(&mut out, labels, histograms, starts_of(labels));
    }
    for metadata in &batch.metadata {
        put_metadata(&mut out, metadata);
    }
    // snappy's block format ends at 4 GiB of input, far beyond what any limit on a body lets in.
    snap::raw::Encoder::new().compress_vec(&out).expect("a batch of less than 4 GiB")
}

fn start_at(starts: &[StartTime], at: Timestamp) -> Option<Timestamp> {
    let found = starts.binary_search_by_key(&at, |start| start.at).ok()?;
    Some(starts[found].start)
}

/// Appends the head and the labels of a series whose samples take `length` bytes.
fn put_series(out: &mut Vec<u8>, labels: &Labels, length: usize) {
    let label_length = |name: &str, value: &str| delimited_length(name.len()) + delimited_length(value.len());
    let of_labels: usize = labels.iter().map(|(name, value)| delimited_length(label_length(name, value))).sum();
    put_delimited(out, 1, of_labels + length);
    for (name, value) in labels.iter() {
        put_delimited(out, 1, label_length(name, value));
        put_text(out, 1, name);
        put_text(out, 2, value);
    }
}

fn put_samples(out: &mut Vec<u8>, labels: &Labels, samples: &[Sample], starts: &[StartTime]) {
    let integer_length = |time: Timestamp| 1 + varint_length(time.millis() as u64);
    let sample_length =
        |sample: &Sample| 9 + integer_length(sample.at) + start_at(starts, sample.at).map_or(0, integer_length);
    put_series(out, labels, samples.iter().map(|sample| delimited_length(sample_length(sample))).sum());
    for sample in samples {
        put_delimited(out, 2, sample_length(sample));
        put_double(out, 1, sample.value);
        put_integer(out, 2, sample.at.millis() as u64);
        if let Some(start) = start_at(starts, sample.at) {
            put_integer(out, 3, start.millis() as u64);
        }
    }
}

fn put_histograms(out: &mut Vec<u8>, labels: &Labels, histograms: &[HistogramSample], starts: &[StartTime]) {
    let messages: Vec<Vec<u8>> =
        histograms.iter().map(|sample| histogram_message(sample, start_at(starts, sample.at))).collect();
    put_series(out, labels, messages.iter().map(|message| delimited_length(message.len())).sum());
    for message in messages {
        put_delimited(out, 4, message.len());
        out.extend_from_slice(&message);
    }
}

fn put_metadata(out: &mut Vec<u8>, metadata: &Metadata) {
    let kind = METRIC_KINDS.iter().position(|kind| *kind == metadata.kind).unwrap_or(0);
    let texts = [(2, &metadata.metric), (4, &metadata.help), (5, &metadata.unit)];
    let length = 2 + texts.iter().map(|(_, text)| delimited_length(text.len())).sum::<usize>();
    put_delimited(out, 3, length);
    out.extend([1 << 3, kind as u8]);
    for (number, text) in texts {
        put_text(out, number, text);
    }
}
