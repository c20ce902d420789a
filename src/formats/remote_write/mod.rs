//! Prometheus's remote write: snappy-compressed protobuf messages of versions 1 and 2.
//!
//! Wire formats: `prometheus.WriteRequest` (<https://prometheus.io/docs/specs/prw/remote_write_spec/>) and
//! `io.prometheus.write.v2.Request` (<https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/>). Unknown fields are
//! skipped; a known field of the wrong wire type is an error.

mod protobuf;
mod v1;
mod v2;

use super::{Batch, FormatError, LABELS_PER_SERIES_MAX, Metadata, order_by_time};
use crate::model::{Labels, LabelsBuilder, METRIC_NAME, Sample, Timestamp};
use protobuf::{Field, Message};

pub use v1::{decode_v1, encode_v1};
pub use v2::decode_v2;

/// The greatest number of bytes of labels and metadata that one message may expand to. Version 2, whose symbols may be used
/// again and again, comes near with texts; version 1 with empty metadata, two bytes each on the wire.
const EXPANDED_BYTES_MAX: usize = 256 << 20;
/// The longest help text and unit of a metric, in bytes; the rest is cut off.
const METADATA_TEXT_BYTES_MAX: usize = 4 << 10;

/// Bytes of output that one byte of snappy input can make at the very most (a three-byte copy of 64 bytes, rounded up).
const SNAPPY_EXPANSION_MAX: usize = 32;

/// What a message held.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decoded {
    /// The float samples and the metadata; series without float samples are left out.
    pub batch: Batch,
    /// How many float samples the batch holds.
    pub samples: usize,
    /// How many native histograms there were; none of them is in the batch.
    pub histograms: usize,
    /// How many exemplars there were; none of them is in the batch.
    pub exemplars: usize,
    /// How many series were left out because of their labels: no `__name__`, a label given twice or without a name, too
    /// many labels. The sender must be told (status 400), although the rest of the message is good.
    pub refused_series: usize,
    /// Why the first of them was left out.
    pub refusal: Option<FormatError>,
}

impl Decoded {
    /// Takes in a series, or counts it as refused.
    fn add_series(&mut self, labels: Result<Labels, FormatError>, mut samples: Vec<Sample>) {
        match labels {
            Ok(_) if samples.is_empty() => {}
            Ok(labels) => {
                self.samples += samples.len();
                order_by_time(&mut samples);
                self.batch.series.push((labels, samples));
            }
            Err(error) => {
                self.refused_series += 1;
                self.refusal.get_or_insert(error);
            }
        }
    }
}

/// A compressed body that cannot be unpacked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecompressError {
    /// It is larger than allowed; nothing was unpacked (status 413).
    #[error("the body unpacks to {bytes} bytes; the limit is {bytes_max}")]
    TooLarge {
        /// The size that it announces.
        bytes: usize,
        /// The size that is allowed.
        bytes_max: usize,
    },
    /// It is not snappy's block format (status 400).
    #[error("the body is not snappy's block format: {reason}")]
    Malformed {
        /// What the decoder says.
        reason: String,
    },
}

/// Unpacks snappy's block format. No more than `bytes_max` bytes are allocated, and never much more than `body` can hold.
///
/// # Errors
///
/// A body that announces more than `bytes_max` bytes or that is malformed.
pub fn decompress(body: &[u8], bytes_max: usize) -> Result<Vec<u8>, DecompressError> {
    let malformed = |reason: &dyn std::fmt::Display| DecompressError::Malformed { reason: reason.to_string() };
    let bytes = snap::raw::decompress_len(body).map_err(|error| malformed(&error))?;
    if bytes > bytes_max {
        return Err(DecompressError::TooLarge { bytes, bytes_max });
    }
    if bytes / SNAPPY_EXPANSION_MAX > body.len() {
        return Err(malformed(&format!("{} bytes cannot unpack to {bytes}", body.len())));
    }
    snap::raw::Decoder::new().decompress_vec(body).map_err(|error| malformed(&error))
}

/// The type numbers of both versions, in order.
const METRIC_KINDS: [&str; 8] =
    ["unknown", "counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset"];

/// The name of a metric type; those that are not known yet are `unknown`.
fn metric_kind(number: u64) -> &'static str {
    usize::try_from(number).ok().and_then(|index| METRIC_KINDS.get(index)).copied().unwrap_or(METRIC_KINDS[0])
}

/// Reads a `Sample`, alike in both versions: 1 value (double), 2 timestamp (int64, milliseconds).
fn sample(mut message: Message<'_>) -> Result<Sample, FormatError> {
    let mut sample = Sample::new(Timestamp::default(), 0.0);
    while let Some(field) = message.next_field()? {
        match field {
            Field { number: 1, .. } => sample.value = f64::from_bits(field.fixed64()?),
            Field { number: 2, .. } => sample.at = Timestamp::from_millis(field.varint()? as i64),
            _ => {}
        }
    }
    Ok(sample)
}

/// Counts what a message expands to.
struct Expansion {
    bytes_left: usize,
}

impl Expansion {
    /// Counts `bytes` more, of the field at byte `offset`.
    fn add(&mut self, bytes: usize, offset: usize) -> Result<(), FormatError> {
        let left = self.bytes_left.checked_sub(bytes);
        self.bytes_left = left.ok_or_else(|| {
            FormatError::in_bytes(offset, "the labels and metadata of this message expand to more than 256 MiB")
        })?;
        Ok(())
    }

    /// Counts a metric's metadata, before it is copied.
    fn add_metadata(&mut self, texts: [&str; 4], offset: usize) -> Result<(), FormatError> {
        self.add(size_of::<Metadata>() + texts.iter().map(|text| text.len()).sum::<usize>(), offset)
    }
}

/// A help text or unit without what is beyond the limit.
fn metadata_text(text: &str) -> &str {
    &text[..text.floor_char_boundary(METADATA_TEXT_BYTES_MAX)]
}

/// Collects the labels of one series and checks them.
struct LabelCollector {
    builder: LabelsBuilder,
    count: usize,
    offset: usize,
    fault: Option<String>,
}

impl LabelCollector {
    /// For the series whose message starts at byte `offset`.
    fn new(offset: usize) -> Self {
        LabelCollector { builder: LabelsBuilder::default(), count: 0, offset, fault: None }
    }

    /// Adds a label unless the series is refused already.
    fn add(&mut self, name: &str, value: &str) {
        if self.fault.is_some() {
            return;
        }
        self.count += 1;
        if name.is_empty() {
            self.fault = Some("a label without a name".to_owned());
        } else if self.count > LABELS_PER_SERIES_MAX {
            self.fault = Some(format!("more than {LABELS_PER_SERIES_MAX} labels"));
        } else if !self.builder.insert_new(name, value) {
            self.fault = Some(format!("label `{}` given twice", super::error::excerpt(name)));
        }
    }

    /// The labels, or why the series is refused.
    fn finish(self) -> Result<Labels, FormatError> {
        let has_name = !self.builder.get(METRIC_NAME).is_empty();
        let labels = self.builder.finish();
        let fault = match self.fault {
            Some(fault) => fault,
            None if has_name => return Ok(labels),
            None => "no label `__name__`".to_owned(),
        };
        let series = super::error::excerpt(&labels.to_string());
        Err(FormatError::in_bytes(self.offset, format!("series `{series}`: {fault}")))
    }
}

#[cfg(test)]
mod tests;
