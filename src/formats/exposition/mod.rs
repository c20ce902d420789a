//! The text formats in which exporters expose metrics: Prometheus's text format 0.0.4 and 1.0.0, and OpenMetrics 1.0.
//!
//! What is accepted is what Prometheus accepts (<https://prometheus.io/docs/instrumenting/exposition_formats/>,
//! <https://prometheus.io/docs/specs/om/open_metrics_spec/>): `\r` is no line end, OpenMetrics allows no blank line and no
//! extra space and must end with `# EOF`, bucket and quantile bounds become OpenMetrics floats (`le="1"` reads as `le="1.0"`).
//! A raw line break inside a label value is refused.

mod labels;
mod reader;

use hashbrown::HashMap;

use super::{Batch, FormatError, Metadata, order_by_time};
use crate::model::{Labels, Sample, Timestamp};

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
    let mut reader = Reader::new(text, dialect)?;
    let mut batch = Batch::default();
    let mut metadata_of: HashMap<String, usize> = HashMap::new();
    let mut by_text: HashMap<&str, usize> = HashMap::new();
    let mut by_labels: HashMap<Labels, usize> = HashMap::new();
    while let Some(entry) = reader.next_entry()? {
        match entry {
            Entry::Sample { series, value, at } => {
                let at = at.filter(|_| honor_timestamps).unwrap_or(default_at);
                let index = match by_text.get(series) {
                    Some(index) => *index,
                    None => {
                        let labels = reader.labels()?;
                        let index = *by_labels.entry(labels).or_insert_with_key(|labels| {
                            batch.series.push((labels.clone(), Vec::with_capacity(1)));
                            batch.series.len() - 1
                        });
                        by_text.insert(series, index);
                        index
                    }
                };
                batch.series[index].1.push(Sample::new(at, value));
            }
            Entry::Help { metric, help } => {
                metadata_entry(&mut batch, &mut metadata_of, metric).help = help.into_owned()
            }
            Entry::Type { metric, kind } => {
                metadata_entry(&mut batch, &mut metadata_of, metric).kind = kind.as_str().to_owned();
            }
            Entry::Unit { metric, unit } => {
                metadata_entry(&mut batch, &mut metadata_of, metric).unit = unit.to_owned();
            }
        }
    }
    for (_, samples) in &mut batch.series {
        order_by_time(samples);
        samples.dedup_by_key(|sample| sample.at);
    }
    Ok(batch)
}

/// The metadata of `metric`, new if it has none.
fn metadata_entry<'b>(
    batch: &'b mut Batch,
    metadata_of: &mut HashMap<String, usize>,
    metric: std::borrow::Cow<'_, str>,
) -> &'b mut Metadata {
    let index = *metadata_of.entry_ref(metric.as_ref()).or_insert_with(|| {
        let kind = MetricKind::Unknown.as_str().to_owned();
        batch.metadata.push(Metadata { metric: metric.to_string(), kind, ..Metadata::default() });
        batch.metadata.len() - 1
    });
    &mut batch.metadata[index]
}

#[cfg(test)]
mod tests;
