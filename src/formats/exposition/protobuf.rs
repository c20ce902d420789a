use super::MetricKind;
use super::family::{BUCKET_LABEL, Family, Metric, Point, QUANTILE_LABEL};
use crate::formats::native_histogram::{Count, Parts};
use crate::formats::protobuf::{Field, Message};
use crate::formats::{FormatError, LABELS_PER_SERIES_MAX, Metadata};
use crate::model::{CounterResetHint, LabelsBuilder, SampleValue, Timestamp};

/// The greatest number of bytes that the labels of all samples and the histograms of an exposition may take: a label of a
/// histogram stands once on the wire and in each of its buckets afterwards.
const EXPANDED_BYTES_MAX: usize = 1 << 30;
/// The greatest number of classic buckets or quantiles of one metric.
const POINTS_MAX: usize = 1 << 16;
/// About what a sample takes beyond its labels.
const POINT_BYTES: usize = 128;

/// The types in the order of their numbers.
const KINDS: [MetricKind; 6] = [
    MetricKind::Counter,
    MetricKind::Gauge,
    MetricKind::Summary,
    MetricKind::Unknown,
    MetricKind::Histogram,
    MetricKind::GaugeHistogram,
];

/// Which form of a histogram is read where it has both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HistogramForms {
    /// The native one.
    pub native: bool,
    /// The classic one even beside a native one that is read.
    pub always_classic: bool,
}

/// Reads a protobuf exposition: messages `io.prometheus.client.MetricFamily`, each behind its length
/// (<https://github.com/prometheus/client_model>). Exemplars are skipped.
#[derive(Debug)]
pub(super) struct ProtobufReader<'a> {
    rest: Message<'a>,
    forms: HistogramForms,
    bytes_left: usize,
}

impl<'a> ProtobufReader<'a> {
    pub(super) fn new(bytes: &'a [u8], forms: HistogramForms) -> Self {
        ProtobufReader { rest: Message::new(bytes), forms, bytes_left: EXPANDED_BYTES_MAX }
    }

    /// The next family; `None` at the end. `MetricFamily`: 1 name, 2 help, 3 type, 4 metrics, 5 unit.
    pub(super) fn next_family(&mut self) -> Result<Option<Family>, FormatError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let whole = self.rest.delimited()?;
        // A type that is not on the wire is the first.
        let (mut name, mut help, mut unit, mut kind) = ("", "", "", MetricKind::Counter);
        let mut message = whole;
        while let Some(field) = message.next_field()? {
            match field.number {
                1 => name = field.text()?,
                2 => help = field.text()?,
                3 => kind = kind_of(field)?,
                5 => unit = field.text()?,
                _ => {}
            }
        }
        if name.is_empty() {
            return Err(FormatError::in_bytes(whole.offset(), "a metric family without a name"));
        }
        let mut metrics = Vec::new();
        let mut message = whole;
        while let Some(field) = message.next_field()? {
            if field.number == 4 {
                let offset = field.offset;
                let metric = metric(field.message()?, kind, self.forms)?;
                self.count(name, &metric, offset)?;
                metrics.push(metric);
            }
        }
        let metadata = Metadata {
            metric: name.to_owned(),
            kind: kind.as_str().to_owned(),
            unit: unit.to_owned(),
            help: help.to_owned(),
        };
        Ok(Some(Family { metadata, is_described: true, metrics }))
    }

    /// Counts what the samples of a metric take once each has its labels.
    fn count(&mut self, name: &str, metric: &Metric, offset: usize) -> Result<(), FormatError> {
        let labels: usize = metric.labels.iter().map(|(name, value)| 32 + name.len() + value.len()).sum();
        let histogram_bytes = |point: &Point| match &point.value {
            SampleValue::Float(_) => 0,
            SampleValue::Histogram(histogram) => {
                let spans = histogram.positive_spans.len() + histogram.negative_spans.len();
                8 * (histogram.positive_buckets.len() + histogram.negative_buckets.len() + spans)
            }
        };
        let histograms: usize = metric.points.iter().map(histogram_bytes).sum();
        let bytes = metric.points.len().saturating_mul(POINT_BYTES + name.len() + labels) + histograms;
        let left = self.bytes_left.checked_sub(bytes);
        self.bytes_left = left
            .ok_or_else(|| FormatError::in_bytes(offset, "the labels of this exposition expand to more than 1 GiB"))?;
        Ok(())
    }
}

fn kind_of(field: Field<'_>) -> Result<MetricKind, FormatError> {
    let number = field.varint()?;
    let kind = usize::try_from(number).ok().and_then(|index| KINDS.get(index)).copied();
    kind.ok_or_else(|| FormatError::in_bytes(field.offset, format!("{number} is no type of a metric")))
}

/// Reads a `Metric`: 1 labels, 2 gauge, 3 counter, 4 summary, 5 untyped, 6 timestamp (milliseconds), 7 histogram. What is not
/// of the family's type is skipped.
fn metric(mut message: Message<'_>, kind: MetricKind, forms: HistogramForms) -> Result<Metric, FormatError> {
    let mut labels = LabelsBuilder::default();
    let mut count = 0;
    let (mut value, mut at) = (None, 0);
    let value_number = match kind {
        MetricKind::Gauge => 2,
        MetricKind::Counter => 3,
        MetricKind::Summary => 4,
        MetricKind::Histogram | MetricKind::GaugeHistogram => 7,
        _ => 5,
    };
    let whole = message;
    while let Some(field) = message.next_field()? {
        match field.number {
            1 => {
                count += 1;
                label(field, count, &mut labels)?;
            }
            6 => at = field.varint()? as i64,
            number if number == value_number => value = Some(field.message()?),
            _ => {}
        }
    }
    let at = (at != 0).then(|| Timestamp::from_millis(at));
    let mut metric = Metric { labels: labels.finish(), start: None, points: Vec::new() };
    // Without a value it is zero, as everything that is not on the wire.
    let value = value.unwrap_or_else(|| Message::empty_at(whole.offset()));
    match kind {
        MetricKind::Summary => summary(value, &mut metric)?,
        MetricKind::Histogram | MetricKind::GaugeHistogram => histogram(value, kind, forms, &mut metric)?,
        _ => number(value, &mut metric)?,
    }
    for point in &mut metric.points {
        point.at = at;
    }
    Ok(metric)
}

/// Takes in a `LabelPair`: 1 name, 2 value.
fn label(field: Field<'_>, count: usize, labels: &mut LabelsBuilder) -> Result<(), FormatError> {
    let fault = |message: String| Err(FormatError::in_bytes(field.offset, message));
    let (mut name, mut value) = ("", "");
    let mut message = field.message()?;
    while let Some(field) = message.next_field()? {
        match field.number {
            1 => name = field.text()?,
            2 => value = field.text()?,
            _ => {}
        }
    }
    if count > LABELS_PER_SERIES_MAX {
        return fault(format!("more than {LABELS_PER_SERIES_MAX} labels"));
    }
    if name.is_empty() {
        return fault("a label without a name".to_owned());
    }
    if !labels.insert_new(name, value) {
        return fault(format!("label `{}` is given twice", crate::formats::error::excerpt(name)));
    }
    Ok(())
}

fn push(metric: &mut Metric, suffix: &'static str, bound: Option<(&'static str, f64)>, value: f64) {
    let bound = bound.map(|(name, bound)| (name, crate::model::format_bound(bound)));
    metric.points.push(Point { suffix, bound, value: value.into(), at: None });
}

/// Reads a `Counter`, `Gauge` or `Untyped`: 1 value; of a counter 3 created.
fn number(mut message: Message<'_>, metric: &mut Metric) -> Result<(), FormatError> {
    let mut value = 0.0;
    while let Some(field) = message.next_field()? {
        match field.number {
            1 => value = field.double()?,
            3 => metric.start = created(field.message()?)?,
            _ => {}
        }
    }
    push(metric, "", None, value);
    Ok(())
}

/// Reads a `Summary`: 1 count, 2 sum, 3 quantiles (1 quantile, 2 value), 4 created.
fn summary(mut message: Message<'_>, metric: &mut Metric) -> Result<(), FormatError> {
    let (mut count, mut sum, mut quantiles) = (0, 0.0, Vec::new());
    while let Some(field) = message.next_field()? {
        match field.number {
            1 => count = field.varint()?,
            2 => sum = field.double()?,
            3 if quantiles.len() == POINTS_MAX => return Err(too_many(field)),
            3 => quantiles.push(pair(field.message()?)?),
            4 => metric.start = created(field.message()?)?,
            _ => {}
        }
    }
    push(metric, "_count", None, count as f64);
    push(metric, "_sum", None, sum);
    for (quantile, value) in quantiles {
        push(metric, "", Some((QUANTILE_LABEL, quantile)), value);
    }
    Ok(())
}

fn too_many(field: Field<'_>) -> FormatError {
    FormatError::in_bytes(field.offset, format!("a metric with more than {POINTS_MAX} buckets or quantiles"))
}

/// Two doubles, as of a `Quantile`.
fn pair(mut message: Message<'_>) -> Result<(f64, f64), FormatError> {
    let mut pair = (0.0, 0.0);
    while let Some(field) = message.next_field()? {
        match field.number {
            1 => pair.0 = field.double()?,
            2 => pair.1 = field.double()?,
            _ => {}
        }
    }
    Ok(pair)
}

/// Reads a `Histogram`: 1 count (4 as float), 2 sum, 3 classic buckets, 5 schema, 6 zero threshold, 7 zero count (8 as float),
/// 9 negative spans, 10 deltas, 11 counts, 12 positive spans, 13 deltas, 14 counts, 15 created.
fn histogram(
    mut message: Message<'_>,
    kind: MetricKind,
    forms: HistogramForms,
    metric: &mut Metric,
) -> Result<(), FormatError> {
    let offset = message.offset();
    let (mut parts, mut buckets) = (Parts::default(), Vec::new());
    while let Some(field) = message.next_field()? {
        match field.number {
            1 => parts.count.integer = field.varint()?,
            2 => parts.sum = field.double()?,
            3 if buckets.len() == POINTS_MAX => return Err(too_many(field)),
            3 => buckets.push(bucket(field.message()?)?),
            4 => parts.count.float = field.double()?,
            5 => parts.schema(field)?,
            6 => parts.zero_threshold = field.double()?,
            7 => parts.zero_count.integer = field.varint()?,
            8 => parts.zero_count.float = field.double()?,
            9 => parts.negative.span(field.message()?)?,
            10 => parts.negative.deltas(field)?,
            11 => parts.negative.counts(field)?,
            12 => parts.positive.span(field.message()?)?,
            13 => parts.positive.deltas(field)?,
            14 => parts.positive.counts(field)?,
            15 => metric.start = created(field.message()?)?,
            _ => {}
        }
    }
    // A native histogram without any observation has at least an empty span.
    let has_zero_bucket = parts.zero_threshold > 0.0 || parts.zero_count.integer > 0 || parts.zero_count.float > 0.0;
    let is_native = parts.positive.has_spans() || parts.negative.has_spans() || has_zero_bucket;
    let reads_native = forms.native && is_native;
    let (count, sum) = (count_of(parts.count), parts.sum);
    if reads_native {
        if kind == MetricKind::GaugeHistogram {
            parts.counter_reset_hint = CounterResetHint::Gauge;
        }
        let is_float = parts.count.float > 0.0 || parts.zero_count.float > 0.0;
        let histogram = parts.finish(is_float).map_err(|reason| FormatError::in_bytes(offset, reason))?;
        let value = SampleValue::Histogram(histogram.into());
        metric.points.push(Point { suffix: "", bound: None, value, at: None });
    }
    if reads_native && (!forms.always_classic || buckets.is_empty()) {
        return Ok(());
    }
    push(metric, "_count", None, count);
    push(metric, "_sum", None, sum);
    let ends = buckets.last().is_some_and(|(bound, _)| *bound == f64::INFINITY);
    for (bound, count) in buckets {
        push(metric, "_bucket", Some((BUCKET_LABEL, bound)), count);
    }
    if !ends {
        push(metric, "_bucket", Some((BUCKET_LABEL, f64::INFINITY)), count);
    }
    Ok(())
}

/// The count as float where there is one.
fn count_of(count: Count) -> f64 {
    if count.float > 0.0 { count.float } else { count.integer as f64 }
}

/// A classic bucket's bound and cumulative count. `Bucket`: 1 count (4 as float), 2 upper bound.
fn bucket(mut message: Message<'_>) -> Result<(f64, f64), FormatError> {
    let (mut bound, mut count) = (0.0, Count::default());
    while let Some(field) = message.next_field()? {
        match field.number {
            1 => count.integer = field.varint()?,
            2 => bound = field.double()?,
            4 => count.float = field.double()?,
            _ => {}
        }
    }
    Ok((bound, count_of(count)))
}

/// Reads a `google.protobuf.Timestamp`: 1 seconds, 2 nanoseconds.
fn created(mut message: Message<'_>) -> Result<Option<Timestamp>, FormatError> {
    let (mut seconds, mut nanos) = (0, 0);
    while let Some(field) = message.next_field()? {
        match field.number {
            1 => seconds = field.varint()? as i64,
            2 => nanos = field.varint()? as i64,
            _ => {}
        }
    }
    let millis = seconds.saturating_mul(1000).saturating_add(nanos / 1_000_000);
    Ok((millis != 0).then(|| Timestamp::from_millis(millis)))
}

#[cfg(test)]
mod tests;
