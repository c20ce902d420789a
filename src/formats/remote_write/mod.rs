//! Prometheus's remote write: snappy-compressed protobuf messages of versions 1 and 2.
//!
//! Wire formats: `prometheus.WriteRequest` (<https://prometheus.io/docs/specs/prw/remote_write_spec/>) and
//! `io.prometheus.write.v2.Request` (<https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/>). Unknown fields are
//! skipped; a known field of the wrong wire type is an error.

mod histogram;
mod v1;
mod v2;

use super::protobuf::{Field, Message};
use super::{Batch, FormatError, LABELS_PER_SERIES_MAX, Metadata, order_by_time};
use crate::model::{HistogramSample, Labels, LabelsBuilder, METRIC_NAME, Sample, StartTime, Timestamp};
use histogram::{Content, histogram};

pub use v1::{decode_v1, encode_v1};
pub use v2::decode_v2;

/// The greatest number of bytes of labels, metadata and histograms that one message may expand to. Version 2, whose symbols
/// may be used again and again, comes near with texts; both with empty metadata or histograms, two bytes each on the wire.
const EXPANDED_BYTES_MAX: usize = 256 << 20;
/// The longest help text and unit of a metric, in bytes; the rest is cut off.
const METADATA_TEXT_BYTES_MAX: usize = 4 << 10;

/// Bytes of output that one byte of snappy input can make at the very most (a three-byte copy of 64 bytes, rounded up).
const SNAPPY_EXPANSION_MAX: usize = 32;

/// What a message held.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decoded {
    /// The samples, their start times and the metadata; series without samples are left out. A histogram that marks the end
    /// of its series is a float sample with the staleness marker.
    pub batch: Batch,
    /// How many float samples there were.
    pub samples: usize,
    /// How many native histograms there were, staleness markers included, those that were left out not.
    pub histograms: usize,
    /// How many exemplars there were; none of them is in the batch.
    pub exemplars: usize,
    /// How many series were left out because of their labels: no `__name__`, a label given twice or without a name, too
    /// many labels. The sender must be told (status 400), although the rest of the message is good.
    pub refused_series: usize,
    /// How many native histograms were left out because they contradict themselves or are too large; the sender must be told
    /// as well.
    pub refused_histograms: usize,
    /// Why the first series or histogram was left out.
    pub refusal: Option<FormatError>,
}

/// What a series holds.
#[derive(Default)]
struct SeriesContent {
    samples: Vec<Sample>,
    histograms: Vec<HistogramSample>,
    starts: Vec<StartTime>,
    /// How many of the samples are histograms that mark the end.
    ended: usize,
    refused: Vec<FormatError>,
}

impl SeriesContent {
    /// Takes in a `Sample`.
    fn add_sample(&mut self, message: Message<'_>) -> Result<(), FormatError> {
        let (sample, start) = sample(message)?;
        self.samples.push(sample);
        self.starts.extend(start.map(|start| StartTime { at: sample.at, start }));
        Ok(())
    }

    /// Takes in a `Histogram`.
    fn add_histogram(&mut self, message: Message<'_>, expansion: &mut Expansion) -> Result<(), FormatError> {
        let histogram::Read { at, start, content } = histogram(message, expansion)?;
        match content {
            Content::Histogram(histogram) => self.histograms.push(HistogramSample { at, histogram }),
            Content::Stale => {
                self.ended += 1;
                self.samples.push(Sample::stale(at));
            }
            Content::Invalid(error) => {
                self.refused.push(error);
                return Ok(());
            }
        }
        self.starts.extend(start.map(|start| StartTime { at, start }));
        Ok(())
    }

    /// Says of all samples that have no start time of their own that they count since `start`.
    fn set_start(&mut self, start: Timestamp) {
        let mut own: Vec<Timestamp> = self.starts.iter().map(|start| start.at).collect();
        own.sort_unstable();
        let times = self.samples.iter().map(|sample| sample.at).chain(self.histograms.iter().map(|sample| sample.at));
        let without = times.filter(|at| own.binary_search(at).is_err());
        self.starts.extend(without.map(|at| StartTime { at, start }));
    }
}

impl Decoded {
    /// Takes in a series, or counts it as refused.
    fn add_series(&mut self, labels: Result<Labels, FormatError>, mut content: SeriesContent) {
        let labels = match labels {
            Ok(labels) => labels,
            Err(error) => {
                self.refused_series += 1;
                self.refusal.get_or_insert(error);
                return;
            }
        };
        self.refused_histograms += content.refused.len();
        if self.refusal.is_none() {
            self.refusal = content.refused.into_iter().next();
        }
        self.samples += content.samples.len() - content.ended;
        self.histograms += content.histograms.len() + content.ended;
        if !content.starts.is_empty() {
            content.starts.sort_by_key(|start| start.at);
            self.batch.starts.push((labels.clone(), content.starts));
        }
        if !content.histograms.is_empty() {
            content.histograms.sort_by_key(|sample| sample.at);
            self.batch.histograms.push((labels.clone(), content.histograms));
        }
        if !content.samples.is_empty() {
            order_by_time(&mut content.samples);
            self.batch.series.push((labels, content.samples));
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

/// Reads a `Sample`, alike in both versions: 1 value (double), 2 timestamp (int64, milliseconds), 3 start timestamp
/// (version 2).
fn sample(mut message: Message<'_>) -> Result<(Sample, Option<Timestamp>), FormatError> {
    let (mut sample, mut began) = (Sample::new(Timestamp::default(), 0.0), 0);
    while let Some(field) = message.next_field()? {
        match field {
            Field { number: 1, .. } => sample.value = field.double()?,
            Field { number: 2, .. } => sample.at = Timestamp::from_millis(field.varint()? as i64),
            Field { number: 3, .. } => began = field.varint()? as i64,
            _ => {}
        }
    }
    Ok((sample, start(began)))
}

/// A start timestamp, for which 0 stands where none is known.
fn start(millis: i64) -> Option<Timestamp> {
    (millis != 0).then(|| Timestamp::from_millis(millis))
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
            FormatError::in_bytes(
                offset,
                "the labels, metadata and histograms of this message expand to more than 256 MiB",
            )
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
