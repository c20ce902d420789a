use super::protobuf::{Field, Message, delimited_length, put_delimited, put_text, put_varint, varint_length};
use super::{Decoded, EXPANDED_BYTES_MAX, Expansion, LabelCollector, METRIC_KINDS, metadata_text, metric_kind, sample};
use crate::formats::{Batch, FormatError, Metadata};
use crate::model::{Labels, Sample};

/// Reads an unpacked `prometheus.WriteRequest`.
///
/// `WriteRequest`: 1 timeseries, 3 metadata. `TimeSeries`: 1 labels (1 name, 2 value), 2 samples, 3 exemplars,
/// 4 histograms. `MetricMetadata`: 1 type, 2 family, 4 help, 5 unit.
///
/// # Errors
///
/// A message that is not of this form; metadata that expands beyond 256 MiB. Series with bad labels are no error: see
/// [`Decoded::refused_series`].
pub fn decode_v1(bytes: &[u8]) -> Result<Decoded, FormatError> {
    decode(bytes, EXPANDED_BYTES_MAX)
}

pub(super) fn decode(bytes: &[u8], expanded_bytes_max: usize) -> Result<Decoded, FormatError> {
    let mut expansion = Expansion { bytes_left: expanded_bytes_max };
    let mut decoded = Decoded::default();
    let mut request = Message::new(bytes);
    while let Some(field) = request.next_field()? {
        match field.number {
            1 => series(field.message()?, &mut decoded)?,
            3 => {
                let metadata = metadata(field.message()?, &mut expansion)?;
                decoded.batch.metadata.push(metadata);
            }
            _ => {}
        }
    }
    Ok(decoded)
}

fn series(mut message: Message<'_>, decoded: &mut Decoded) -> Result<(), FormatError> {
    let mut labels = LabelCollector::new(message.offset());
    let mut samples = Vec::new();
    while let Some(field) = message.next_field()? {
        match field.number {
            1 => {
                let (name, value) = label(field.message()?)?;
                labels.add(name, value);
            }
            2 => samples.push(sample(field.message()?)?),
            3 => {
                field.message()?;
                decoded.exemplars += 1;
            }
            4 => {
                field.message()?;
                decoded.histograms += 1;
            }
            _ => {}
        }
    }
    decoded.add_series(labels.finish(), samples);
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
pub fn encode_v1(batch: &Batch) -> Vec<u8> {
    let mut out = Vec::new();
    for (labels, samples) in &batch.series {
        put_series(&mut out, labels, samples);
    }
    for metadata in &batch.metadata {
        put_metadata(&mut out, metadata);
    }
    // snappy's block format ends at 4 GiB of input, far beyond what any limit on a body lets in.
    snap::raw::Encoder::new().compress_vec(&out).expect("a batch of less than 4 GiB")
}

fn put_series(out: &mut Vec<u8>, labels: &Labels, samples: &[Sample]) {
    let label_length = |name: &str, value: &str| delimited_length(name.len()) + delimited_length(value.len());
    let sample_length = |sample: &Sample| 9 + 1 + varint_length(sample.at.millis() as u64);
    let length = labels.iter().map(|(name, value)| delimited_length(label_length(name, value))).sum::<usize>()
        + samples.iter().map(|sample| delimited_length(sample_length(sample))).sum::<usize>();
    put_delimited(out, 1, length);
    for (name, value) in labels.iter() {
        put_delimited(out, 1, label_length(name, value));
        put_text(out, 1, name);
        put_text(out, 2, value);
    }
    for sample in samples {
        put_delimited(out, 2, sample_length(sample));
        out.push(1 << 3 | 1);
        out.extend_from_slice(&sample.value.to_bits().to_le_bytes());
        out.push(2 << 3);
        put_varint(out, sample.at.millis() as u64);
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
