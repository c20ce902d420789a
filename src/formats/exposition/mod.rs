//! The formats in which exporters expose metrics: Prometheus's text format 0.0.4 and 1.0.0, OpenMetrics 1.0, and protobuf,
//! the only one with native histograms.
//!
//! What is accepted is what Prometheus accepts (<https://prometheus.io/docs/instrumenting/exposition_formats/>,
//! <https://prometheus.io/docs/specs/om/open_metrics_spec/>): `\r` is no line end, OpenMetrics allows no blank line and no
//! extra space and must end with `# EOF`, bucket and quantile bounds become OpenMetrics floats (`le="1"` reads as `le="1.0"`).
//! A raw line break inside a label value is refused.

mod families;
mod family;
mod labels;
mod protobuf;
mod reader;

use hashbrown::HashMap;

use super::grouping::Grouping;
use super::{Batch, FormatError, Metadata};
use crate::model::{Sample, Timestamp};

pub use families::Families;
pub use family::{Family, Metric, Point};
pub use protobuf::HistogramForms;
pub use reader::{Entry, MetricKind, Reader};

/// Which text format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Prometheus's text format; timestamps are milliseconds.
    Prometheus,
    /// OpenMetrics 1.0 text; timestamps are seconds.
    OpenMetrics,
}

/// A format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Text.
    Text(Dialect),
    /// Messages `io.prometheus.client.MetricFamily`, each behind its length.
    Protobuf,
}

/// The format that a `Content-Type` header announces: OpenMetrics and protobuf only where it says so, any parameters ignored.
pub fn format_of(content_type: &str) -> Format {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    match media_type.to_ascii_lowercase().as_str() {
        "application/openmetrics-text" => Format::Text(Dialect::OpenMetrics),
        "application/vnd.google.protobuf" => Format::Protobuf,
        _ => Format::Text(Dialect::Prometheus),
    }
}

/// A format with its version, as a scrape asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is named as in the configuration, see `ScrapeProtocol::ALL`")]
pub enum ScrapeProtocol {
    PrometheusProto,
    OpenMetricsText1,
    OpenMetricsText0,
    PrometheusText1,
    PrometheusText0,
}

impl ScrapeProtocol {
    /// All, each with its name in `scrape_protocols`.
    pub const ALL: [(ScrapeProtocol, &str); 5] = [
        (ScrapeProtocol::PrometheusProto, "PrometheusProto"),
        (ScrapeProtocol::OpenMetricsText1, "OpenMetricsText1.0.0"),
        (ScrapeProtocol::OpenMetricsText0, "OpenMetricsText0.0.1"),
        (ScrapeProtocol::PrometheusText1, "PrometheusText1.0.0"),
        (ScrapeProtocol::PrometheusText0, "PrometheusText0.0.4"),
    ];

    /// What is asked for unless the configuration says otherwise: OpenMetrics first, then Prometheus's text format.
    pub const TEXT_FIRST: [ScrapeProtocol; 4] = [
        ScrapeProtocol::OpenMetricsText1,
        ScrapeProtocol::OpenMetricsText0,
        ScrapeProtocol::PrometheusText1,
        ScrapeProtocol::PrometheusText0,
    ];

    fn media_type(self) -> &'static str {
        match self {
            ScrapeProtocol::PrometheusProto => {
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
            }
            ScrapeProtocol::OpenMetricsText1 => "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8",
            ScrapeProtocol::OpenMetricsText0 => "application/openmetrics-text;version=0.0.1",
            ScrapeProtocol::PrometheusText1 => "text/plain;version=1.0.0;escaping=allow-utf-8",
            ScrapeProtocol::PrometheusText0 => "text/plain;version=0.0.4",
        }
    }
}

/// The `Accept` header of a scrape: the protocols, best first, then anything.
pub fn accept(protocols: &[ScrapeProtocol]) -> String {
    let mut accept = String::new();
    for (index, protocol) in protocols.iter().enumerate() {
        let quality = protocols.len() - index + 1;
        accept += &format!("{};q=0.{quality},", protocol.media_type());
    }
    accept + "*/*;q=0.1"
}

/// Reads a whole exposition.
///
/// A sample without a timestamp, and every sample unless `honor_timestamps`, is taken at `default_at`. Of samples of one
/// series at one time the first stays, as in a scrape by Prometheus. Exemplars are checked and left out.
///
/// # Errors
///
/// The first fault of the text; nothing is returned of a text with a fault.
pub fn parse(
    text: &[u8],
    dialect: Dialect,
    default_at: Timestamp,
    honor_timestamps: bool,
) -> Result<Batch, FormatError> {
    let mut batch = gather(text, dialect, |_, at| Ok(at.filter(|_| honor_timestamps).unwrap_or(default_at)))?;
    for (_, samples) in &mut batch.series {
        samples.dedup_by_key(|sample| sample.at);
    }
    Ok(batch)
}

/// As [`parse`] for text whose samples must all have timestamps; several samples of one series at one time all stay.
pub(super) fn parse_timed(text: &[u8], dialect: Dialect) -> Result<Batch, FormatError> {
    gather(text, dialect, |series, at| {
        at.ok_or_else(|| {
            let offset = series.as_ptr() as usize - text.as_ptr() as usize;
            FormatError::in_text(text, offset, "a sample without a timestamp")
                .hint("in a fixture each sample needs its time after the value")
        })
    })
}

/// Reads all entries; `time_of` says from a series as written and its timestamp when a sample is.
fn gather(
    text: &[u8],
    dialect: Dialect,
    time_of: impl Fn(&str, Option<Timestamp>) -> Result<Timestamp, FormatError>,
) -> Result<Batch, FormatError> {
    let mut reader = Reader::new(text, dialect)?;
    let mut grouping = Grouping::default();
    let mut by_text: HashMap<&str, usize> = HashMap::new();
    let mut metadata = Described::default();
    while let Some(entry) = reader.next_entry()? {
        match entry {
            Entry::Sample { series, value, at } => {
                let index = match by_text.get(series) {
                    Some(index) => *index,
                    None => {
                        let index = grouping.index(reader.labels()?);
                        by_text.insert(series, index);
                        index
                    }
                };
                grouping.samples(index).push(Sample::new(time_of(series, at)?, value));
            }
            Entry::Help { metric, help } => metadata.of(&metric).help = help.into_owned(),
            Entry::Type { metric, kind } => metadata.of(&metric).kind = kind.as_str().to_owned(),
            Entry::Unit { metric, unit } => metadata.of(&metric).unit = unit.to_owned(),
        }
    }
    Ok(Batch { series: grouping.finish(), metadata: metadata.list, ..Batch::default() })
}

/// The metadata of the families that were named so far.
#[derive(Default)]
struct Described {
    list: Vec<Metadata>,
    index_of: HashMap<String, usize>,
}

impl Described {
    /// The metadata of `metric`, new if it has none.
    fn of(&mut self, metric: &str) -> &mut Metadata {
        let index = *self.index_of.entry_ref(metric).or_insert_with(|| {
            let kind = MetricKind::Unknown.as_str().to_owned();
            self.list.push(Metadata { metric: metric.to_owned(), kind, ..Metadata::default() });
            self.list.len() - 1
        });
        &mut self.list[index]
    }
}

#[cfg(test)]
mod tests;
