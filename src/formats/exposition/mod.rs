//! The text formats in which exporters expose metrics: Prometheus's text format 0.0.4 and 1.0.0, and OpenMetrics 1.0.
//!
//! What is accepted is what Prometheus accepts (<https://prometheus.io/docs/instrumenting/exposition_formats/>,
//! <https://prometheus.io/docs/specs/om/open_metrics_spec/>): `\r` is no line end, OpenMetrics allows no blank line and no
//! extra space and must end with `# EOF`, bucket and quantile bounds become OpenMetrics floats (`le="1"` reads as `le="1.0"`).
//! A raw line break inside a label value is refused.

mod labels;
mod reader;

use hashbrown::HashMap;

use super::grouping::Grouping;
use super::{Batch, FormatError, Metadata};
use crate::model::{Sample, Timestamp};

pub use reader::{Entry, MetricKind, Reader};

/// Which text format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Prometheus's text format; timestamps are milliseconds.
    Prometheus,
    /// OpenMetrics 1.0 text; timestamps are seconds.
    OpenMetrics,
}

/// The `Accept` header of a scrape: OpenMetrics first, then Prometheus's text format, then anything.
pub const ACCEPT: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
     application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
     text/plain;version=0.0.4;q=0.2,*/*;q=0.1";

/// The dialect that a `Content-Type` header announces: OpenMetrics only where it says so, any parameters ignored.
pub fn dialect_of(content_type: &str) -> Dialect {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    match media_type.eq_ignore_ascii_case("application/openmetrics-text") {
        true => Dialect::OpenMetrics,
        false => Dialect::Prometheus,
    }
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
    let mut metadata = Families::default();
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
struct Families {
    list: Vec<Metadata>,
    index_of: HashMap<String, usize>,
}

impl Families {
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
