use hashbrown::HashSet;

use super::{Decoded, EXPANDED_BYTES_MAX, Expansion, LabelCollector, SeriesContent, metadata_text, metric_kind};
use crate::formats::protobuf::{Field, Message};
use crate::formats::{FormatError, Metadata};
use crate::model::METRIC_NAME;

/// Reads an unpacked `io.prometheus.write.v2.Request`.
///
/// `Request`: 4 symbols, 5 timeseries. `TimeSeries`: 1 label references (pairs, packed), 2 samples, 3 histograms,
/// 4 exemplars, 5 metadata (1 type, 3 help, 4 unit; the texts by reference). Start times stand in samples and histograms; until
/// 2.0-rc.3 one stood in the series, as 6.
///
/// # Errors
///
/// A message that is not of this form: a reference beyond the symbols, half a pair of references, first symbol not empty,
/// labels, metadata and histograms that expand beyond 256 MiB. Series with bad labels and impossible histograms are no error:
/// see [`Decoded::refused_series`] and [`Decoded::refused_histograms`].
pub fn decode_v2(bytes: &[u8]) -> Result<Decoded, FormatError> {
    decode(bytes, EXPANDED_BYTES_MAX)
}

pub(super) fn decode(bytes: &[u8], expanded_bytes_max: usize) -> Result<Decoded, FormatError> {
    let mut decoder = Decoder {
        symbols: symbols(bytes)?,
        expansion: Expansion { bytes_left: expanded_bytes_max },
        described: HashSet::new(),
        out: Decoded::default(),
    };
    let mut request = Message::new(bytes);
    while let Some(field) = request.next_field()? {
        if field.number == 5 {
            decoder.series(field.message()?)?;
        }
    }
    Ok(decoder.out)
}

/// The symbols, which may stand anywhere among the series.
fn symbols(bytes: &[u8]) -> Result<Vec<&str>, FormatError> {
    let mut symbols = Vec::new();
    let mut request = Message::new(bytes);
    while let Some(field) = request.next_field()? {
        if field.number == 4 {
            symbols.push(field.text()?);
        }
    }
    match symbols.first() {
        Some(first) if !first.is_empty() => Err(FormatError::in_bytes(0, "the first symbol is not empty")),
        _ => Ok(symbols),
    }
}

struct Decoder<'a> {
    symbols: Vec<&'a str>,
    expansion: Expansion,
    /// The metrics that have metadata already.
    described: HashSet<String>,
    out: Decoded,
}

impl<'a> Decoder<'a> {
    fn series(&mut self, mut message: Message<'a>) -> Result<(), FormatError> {
        let mut labels = LabelCollector::new(message.offset());
        let mut content = SeriesContent::default();
        let mut start = None;
        let mut metadata = None;
        let mut name_ref = None;
        while let Some(field) = message.next_field()? {
            match field.number {
                1 if field.is_varint() => {
                    let reference = field.varint()?;
                    self.label(&mut labels, &mut name_ref, reference, field.offset)?;
                }
                1 => {
                    let mut packed = field.message()?;
                    while !packed.is_empty() {
                        let offset = packed.offset();
                        let reference = packed.varint()?;
                        self.label(&mut labels, &mut name_ref, reference, offset)?;
                    }
                }
                2 => content.add_sample(field.message()?)?,
                3 => content.add_histogram(field.message()?, &mut self.expansion)?,
                4 => {
                    field.message()?;
                    self.out.exemplars += 1;
                }
                5 => metadata = Some(self.metadata(field.message()?)?),
                6 => start = super::start(field.varint()? as i64),
                _ => {}
            }
        }
        if name_ref.is_some() {
            return Err(FormatError::in_bytes(message.offset(), "a label name without a value"));
        }
        let labels = labels.finish();
        if let (Ok(labels), Some(metadata)) = (&labels, metadata) {
            self.describe(labels.get(METRIC_NAME), metadata, message.offset())?;
        }
        if let Some(start) = start {
            content.set_start(start);
        }
        self.out.add_series(labels, content);
        Ok(())
    }

    /// Takes one reference of a pair: the name's is kept, with the value's the label is whole.
    fn label(
        &mut self,
        labels: &mut LabelCollector,
        name_ref: &mut Option<&'a str>,
        reference: u64,
        offset: usize,
    ) -> Result<(), FormatError> {
        let symbol = self.symbol(reference, offset)?;
        self.expansion.add(symbol.len(), offset)?;
        match name_ref.take() {
            Some(name) => labels.add(name, symbol),
            None => *name_ref = Some(symbol),
        }
        Ok(())
    }

    fn symbol(&self, reference: u64, offset: usize) -> Result<&'a str, FormatError> {
        usize::try_from(reference).ok().and_then(|index| self.symbols.get(index)).copied().ok_or_else(|| {
            let count = self.symbols.len();
            FormatError::in_bytes(offset, format!("reference to symbol {reference}, of which there are {count}"))
        })
    }

    /// The metadata without the metric's name.
    fn metadata(&self, mut message: Message<'a>) -> Result<(&'static str, &'a str, &'a str), FormatError> {
        let (mut kind, mut help, mut unit) = (metric_kind(0), "", "");
        while let Some(field) = message.next_field()? {
            match field {
                Field { number: 1, .. } => kind = metric_kind(field.varint()?),
                Field { number: 3, .. } => help = self.symbol(field.varint()?, field.offset)?,
                Field { number: 4, .. } => unit = self.symbol(field.varint()?, field.offset)?,
                _ => {}
            }
        }
        Ok((kind, help, unit))
    }

    /// Keeps the metadata of a metric if it says anything and is the first.
    fn describe(
        &mut self,
        metric: &str,
        (kind, help, unit): (&str, &str, &str),
        offset: usize,
    ) -> Result<(), FormatError> {
        let says_nothing = kind == metric_kind(0) && help.is_empty() && unit.is_empty();
        if says_nothing || self.described.contains(metric) {
            return Ok(());
        }
        let (help, unit) = (metadata_text(help), metadata_text(unit));
        self.expansion.add_metadata([metric, kind, unit, help], offset)?;
        self.described.insert(metric.to_owned());
        self.out.batch.metadata.push(Metadata {
            metric: metric.to_owned(),
            kind: kind.to_owned(),
            unit: unit.to_owned(),
            help: help.to_owned(),
        });
        Ok(())
    }
}
