use hashbrown::HashMap;

use super::family::{BUCKET_LABEL, Family, Metric, Point, QUANTILE_LABEL};
use super::protobuf::ProtobufReader;
use super::{Dialect, Entry, Format, HistogramForms, MetricKind, Reader};
use crate::formats::FormatError;
use crate::model::{Labels, METRIC_NAME, Timestamp};

/// What may stand after a family's name in the name of a sample.
const SUFFIXES: [&str; 9] = ["", "_total", "_bucket", "_count", "_sum", "_created", "_gcount", "_gsum", "_info"];

/// Reads an exposition family by family, whatever its format.
#[derive(Debug)]
pub struct Families<'a> {
    source: Source<'a>,
}

#[derive(Debug)]
enum Source<'a> {
    Protobuf(ProtobufReader<'a>),
    Text(Box<TextFamilies<'a>>),
}

impl<'a> Families<'a> {
    /// A reader at the start of `bytes`. Text has no native histograms, so `forms` is for protobuf alone.
    ///
    /// # Errors
    ///
    /// Text that is not UTF-8.
    pub fn new(bytes: &'a [u8], format: Format, forms: HistogramForms) -> Result<Self, FormatError> {
        let source = match format {
            Format::Protobuf => Source::Protobuf(ProtobufReader::new(bytes, forms)),
            Format::Text(dialect) => {
                let reader = Reader::new(bytes, dialect)?;
                Source::Text(Box::new(TextFamilies { reader, dialect, next: None, is_over: false }))
            }
        };
        Ok(Families { source })
    }

    /// The next family; `None` at the end. In OpenMetrics, `_created` samples are start times.
    ///
    /// # Errors
    ///
    /// The first fault of the exposition; nothing can be read after it.
    pub fn next_family(&mut self) -> Result<Option<Family>, FormatError> {
        match &mut self.source {
            Source::Protobuf(reader) => reader.next_family(),
            Source::Text(reader) => reader.next_family(),
        }
    }
}

/// Gathers the lines of a text exposition.
#[derive(Debug)]
struct TextFamilies<'a> {
    reader: Reader<'a>,
    dialect: Dialect,
    /// The family that the last line read begins.
    next: Option<Gathering>,
    is_over: bool,
}

#[derive(Debug, Default)]
struct Gathering {
    family: Family,
    kind: MetricKind,
    index_of: HashMap<Labels, usize>,
}

impl TextFamilies<'_> {
    fn next_family(&mut self) -> Result<Option<Family>, FormatError> {
        let mut current = self.next.take();
        while !self.is_over {
            let Some(entry) = self.reader.next_entry()? else {
                self.is_over = true;
                break;
            };
            if let Entry::Sample { value, at, .. } = entry {
                let labels = self.reader.labels()?;
                let place = current.as_ref().and_then(|current| current.suffix(labels.metric_name()));
                match (&mut current, place) {
                    (Some(current), Some(suffix)) => current.add(&labels, suffix, value, at, self.dialect),
                    _ => {
                        let mut next = Gathering::of(labels.metric_name());
                        next.add(&labels, "", value, at, self.dialect);
                        match current.replace(next) {
                            None => {}
                            Some(done) => return self.hand_over(done, current),
                        }
                    }
                }
                continue;
            }
            let metric = match &entry {
                Entry::Help { metric, .. } | Entry::Type { metric, .. } | Entry::Unit { metric, .. } => metric,
                Entry::Sample { .. } => continue,
            };
            let is_other = current.as_ref().is_none_or(|current| current.family.metadata.metric != **metric);
            let done = if is_other { current.replace(Gathering::of(metric)) } else { None };
            if let Some(current) = &mut current {
                current.describe(entry);
            }
            if let Some(done) = done {
                return self.hand_over(done, current);
            }
        }
        Ok(current.map(|done| done.family))
    }

    fn hand_over(&mut self, done: Gathering, next: Option<Gathering>) -> Result<Option<Family>, FormatError> {
        self.next = next;
        Ok(Some(done.family))
    }
}

impl Gathering {
    fn of(metric: &str) -> Self {
        let mut gathering = Gathering::default();
        gathering.family.metadata.metric = metric.to_owned();
        gathering.family.metadata.kind = MetricKind::Unknown.as_str().to_owned();
        gathering
    }

    fn describe(&mut self, entry: Entry<'_>) {
        let metadata = &mut self.family.metadata;
        match entry {
            Entry::Help { help, .. } => metadata.help = help.into_owned(),
            Entry::Unit { unit, .. } => metadata.unit = unit.to_owned(),
            Entry::Type { kind, .. } => {
                self.kind = kind;
                metadata.kind = kind.as_str().to_owned();
            }
            Entry::Sample { .. } => return,
        }
        self.family.is_described = true;
    }

    /// What stands after the family's name in `name`; `None` if it is of another family.
    fn suffix(&self, name: &str) -> Option<&'static str> {
        let rest = name.strip_prefix(self.family.metadata.metric.as_str())?;
        SUFFIXES.into_iter().find(|suffix| *suffix == rest)
    }

    fn add(&mut self, labels: &Labels, suffix: &'static str, value: f64, at: Option<Timestamp>, dialect: Dialect) {
        let bound_label = match (self.kind, suffix) {
            (MetricKind::Histogram | MetricKind::GaugeHistogram, "_bucket") => Some(BUCKET_LABEL),
            (MetricKind::Summary, "") => Some(QUANTILE_LABEL),
            _ => None,
        };
        let bound_label = bound_label.filter(|name| labels.has(name));
        let of_metric = labels.retain(|name| name != METRIC_NAME && Some(name) != bound_label);
        let metrics = &mut self.family.metrics;
        let index = *self.index_of.entry(of_metric).or_insert_with_key(|labels| {
            metrics.push(Metric { labels: labels.clone(), ..Metric::default() });
            metrics.len() - 1
        });
        let metric = &mut metrics[index];
        let counts = matches!(self.kind, MetricKind::Counter | MetricKind::Histogram | MetricKind::Summary);
        if suffix == "_created" && counts && dialect == Dialect::OpenMetrics {
            metric.start = Timestamp::from_seconds_f64(value);
            return;
        }
        let bound = bound_label.map(|name| (name, labels.get(name).to_owned()));
        metric.points.push(Point { suffix, bound, value: value.into(), at });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::format_value;

    fn lines(text: &str, dialect: Dialect) -> Vec<String> {
        let forms = HistogramForms::default();
        let mut families = Families::new(text.as_bytes(), Format::Text(dialect), forms).expect("UTF-8");
        let mut lines = Vec::new();
        while let Some(family) = families.next_family().expect("valid") {
            let metadata = &family.metadata;
            lines.push(format!("{} {} {:?} {}", metadata.metric, metadata.kind, metadata.unit, family.is_described));
            for metric in &family.metrics {
                let start = metric.start.map_or(String::new(), |start| format!(" since {}", start.millis()));
                for point in &metric.points {
                    let value = format_value(point.value.float().expect("a float"));
                    lines.push(format!("  {} {value}{start}", family.labels(metric, point)));
                }
            }
        }
        lines
    }

    #[test]
    fn text_by_families() {
        let text = "# HELP a b\n# TYPE a histogram\na_bucket{x=\"1\",le=\"2\"} 1\na_bucket{x=\"2\",le=\"2\"} 2\n\
            a_count{x=\"1\"} 3\na_created{x=\"1\"} 4.5\nab 5\nab 6 7\n# TYPE c counter\nc_total 8\nd 9\n# TYPE e gauge\n";
        assert_eq!(
            lines(text, Dialect::Prometheus),
            [
                "a histogram \"\" true",
                "  a_bucket{le=\"2.0\", x=\"1\"} 1",
                "  a_count{x=\"1\"} 3",
                "  a_created{x=\"1\"} 4.5",
                "  a_bucket{le=\"2.0\", x=\"2\"} 2",
                "ab unknown \"\" false",
                "  ab 5",
                "  ab 6",
                "c counter \"\" true",
                "  c_total 8",
                "d unknown \"\" false",
                "  d 9",
                "e gauge \"\" true",
            ]
        );
    }

    #[test]
    fn created_of_openmetrics_is_a_start_time() {
        let text = "# TYPE s_seconds summary\n# UNIT s_seconds seconds\ns_seconds_count 1\ns_seconds{quantile=\"0.5\"} 2\n\
            s_seconds_created 3.5\n# TYPE g gauge\ng_created 1\n# EOF\n";
        assert_eq!(
            lines(text, Dialect::OpenMetrics),
            [
                "s_seconds summary \"seconds\" true",
                "  s_seconds_count 1 since 3500",
                "  s_seconds{quantile=\"0.5\"} 2 since 3500",
                "g gauge \"\" true",
                "  g_created 1",
            ]
        );
    }

    #[test]
    fn faults_are_told() {
        let mut families =
            Families::new(b"a 1\nb{ 2\n", Format::Text(Dialect::Prometheus), HistogramForms::default()).expect("UTF-8");
        assert_eq!(families.next_family().expect_err("the second line").line, 2);
    }
}
