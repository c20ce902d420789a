//! Samples as comma-separated values (RFC 4180: fields may be quoted, quotes inside are doubled), one header row first.
//!
//! The first column is `timestamp` (or `time`). Two forms:
//!
//! - long, when a column is named `value`: one sample a row; `__name__` or `metric` holds the metric's name, which else
//!   comes from the file's name; every other column is a label;
//! - wide: every other column is a series, its header the name or the series notation (`up{job="api"}`, quoted as CSV).
//!
//! An empty value is no sample, `stale` ends the series. Times are seconds since 1970 (whole or with a fraction),
//! milliseconds (from 12 digits on), RFC 3339, or `YYYY-MM-DD HH:MM:SS` in UTC. Empty lines are skipped.

use std::borrow::Cow;

use hashbrown::HashSet;

use super::error::{excerpt, utf8};
use super::grouping::Grouping;
use super::series_name::parse_series;
use super::{Batch, FormatError, LABELS_PER_SERIES_MAX};
use crate::model::{Labels, LabelsBuilder, METRIC_NAME, STALE_NAN, Sample, Timestamp, parse_value};

/// The greatest number of columns.
pub const COLUMNS_MAX: usize = 10_000;

/// Reads a CSV file; `stem` (the file's name without its extension) names the metric of a long file without a column for it.
///
/// # Errors
///
/// The first fault; nothing is returned of a file with one.
pub fn parse(text: &[u8], stem: &str) -> Result<Batch, FormatError> {
    let text = utf8(text)?;
    let mut rows = Rows::new(text.strip_prefix('\u{feff}').unwrap_or(text));
    let mut fields = Vec::new();
    if !rows.next_row(&mut fields)? {
        return Err(FormatError::new(1, 1, "an empty file").hint("the first row names the columns: `timestamp,value`"));
    }
    let layout = Layout::of(&rows, &fields, stem)?;
    let column_count = fields.len();
    let mut grouping = Grouping::default();
    let wide: Vec<usize> = match &layout {
        Layout::Wide(series) => series.iter().map(|labels| grouping.index(labels.clone())).collect(),
        Layout::Long(_) => Vec::new(),
    };
    while rows.next_row(&mut fields)? {
        if fields.len() != column_count {
            let message = format!("{} fields where the header has {column_count}", fields.len());
            return Err(rows.error(&fields[0], message));
        }
        let at = time(&rows, &fields[0])?;
        match &layout {
            Layout::Long(long) => {
                if let Some(value) = value(&rows, &fields[long.value])? {
                    let labels = long.labels(&rows, &fields)?;
                    let index = grouping.index(labels);
                    grouping.samples(index).push(Sample::new(at, value));
                }
            }
            Layout::Wide(_) => {
                for (index, field) in wide.iter().zip(&fields[1..]) {
                    if let Some(value) = value(&rows, field)? {
                        grouping.samples(*index).push(Sample::new(at, value));
                    }
                }
            }
        }
    }
    Ok(Batch { series: grouping.finish(), ..Batch::default() })
}

/// One field of a row.
struct FieldText<'a> {
    text: Cow<'a, str>,
    /// Where it begins in the file.
    offset: usize,
}

/// Splits a file into rows of fields.
struct Rows<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Rows<'a> {
    fn new(text: &'a str) -> Self {
        Rows { text, at: 0 }
    }

    fn error_at(&self, offset: usize, message: impl Into<String>) -> FormatError {
        FormatError::in_text(self.text.as_bytes(), offset, message)
    }

    fn error(&self, field: &FieldText<'_>, message: impl Into<String>) -> FormatError {
        self.error_at(field.offset, message)
    }

    /// Reads the next row that is not empty; `false` at the end. A row that was read has at least one field.
    fn next_row(&mut self, fields: &mut Vec<FieldText<'a>>) -> Result<bool, FormatError> {
        fields.clear();
        let bytes = self.text.as_bytes();
        while matches!(bytes.get(self.at), Some(b'\r' | b'\n')) {
            self.at += 1;
        }
        if self.at == bytes.len() {
            return Ok(false);
        }
        loop {
            if fields.len() == COLUMNS_MAX {
                return Err(self.error_at(self.at, format!("more than {COLUMNS_MAX} columns")));
            }
            let field = match bytes.get(self.at) {
                Some(b'"') => self.quoted()?,
                _ => self.plain(),
            };
            fields.push(field);
            match bytes.get(self.at) {
                Some(b',') => self.at += 1,
                Some(b'\r') if bytes.get(self.at + 1) == Some(&b'\n') => {
                    self.at += 2;
                    return Ok(true);
                }
                Some(b'\n') => {
                    self.at += 1;
                    return Ok(true);
                }
                None => return Ok(true),
                Some(_) => {
                    return Err(self.error_at(self.at, "expected `,` or the end of the line after a quoted field"));
                }
            }
        }
    }

    fn plain(&mut self) -> FieldText<'a> {
        let offset = self.at;
        let rest = &self.text[offset..];
        let mut length = memchr::memchr2(b',', b'\n', rest.as_bytes()).unwrap_or(rest.len());
        if rest[length..].starts_with('\n') && rest[..length].ends_with('\r') {
            length -= 1;
        }
        self.at += length;
        FieldText { text: Cow::Borrowed(rest[..length].trim()), offset }
    }

    fn quoted(&mut self) -> Result<FieldText<'a>, FormatError> {
        let offset = self.at;
        let mut text = Cow::Borrowed("");
        self.at += 1;
        loop {
            let rest = &self.text[self.at..];
            let Some(length) = memchr::memchr(b'"', rest.as_bytes()) else {
                return Err(self.error_at(offset, "a quote that is not closed"));
            };
            self.at += length + 1;
            let doubled = rest[length + 1..].starts_with('"');
            let part = &rest[..length + usize::from(doubled)];
            match text.is_empty() {
                true => text = Cow::Borrowed(part),
                false => text.to_mut().push_str(part),
            }
            if !doubled {
                return Ok(FieldText { text, offset });
            }
            self.at += 1;
        }
    }
}

/// What the columns are.
enum Layout {
    Long(Long),
    /// The series of the columns after the first.
    Wide(Vec<Labels>),
}

/// The columns of a file with one sample a row.
struct Long {
    value: usize,
    /// The column of the metric's name.
    metric: Option<usize>,
    /// The metric's name if no column has it.
    default_metric: String,
    /// The other columns, each a label.
    labels: Vec<(usize, String)>,
}

impl Layout {
    fn of(rows: &Rows<'_>, header: &[FieldText<'_>], stem: &str) -> Result<Layout, FormatError> {
        let is = |field: &FieldText<'_>, names: &[&str]| names.iter().any(|name| field.text.eq_ignore_ascii_case(name));
        if !is(&header[0], &["timestamp", "time"]) {
            let message = format!("the first column is `{}`, not `timestamp`", excerpt(&header[0].text));
            return Err(rows.error(&header[0], message).hint("the first row names the columns: `timestamp,value`"));
        }
        if header.len() < 2 {
            return Err(rows.error(&header[0], "no column after `timestamp`").hint("add `value`, or one per series"));
        }
        let Some(value) = header.iter().position(|field| is(field, &["value"])) else {
            return Layout::wide(rows, &header[1..]).map(Layout::Wide);
        };
        let mut long = Long { value, metric: None, default_metric: metric_name(stem), labels: Vec::new() };
        let mut names = HashSet::new();
        for (index, field) in header.iter().enumerate().skip(1) {
            if field.text.is_empty() {
                return Err(rows.error(field, "a column without a name"));
            }
            if !names.insert(&*field.text) {
                return Err(rows.error(field, format!("a second column `{}`", excerpt(&field.text))));
            }
            match &*field.text {
                METRIC_NAME | "metric" if long.metric.is_none() => long.metric = Some(index),
                _ if index == value => {}
                name => long.labels.push((index, name.to_owned())),
            }
        }
        if long.labels.len() >= LABELS_PER_SERIES_MAX {
            return Err(rows.error(&header[0], format!("more than {LABELS_PER_SERIES_MAX} labels")));
        }
        Ok(Layout::Long(long))
    }

    fn wide(rows: &Rows<'_>, header: &[FieldText<'_>]) -> Result<Vec<Labels>, FormatError> {
        let mut seen = HashSet::new();
        let mut series = Vec::new();
        for field in header {
            let labels = parse_series(&field.text).map_err(|error| {
                let message = format!("column `{}` is no series: {}", excerpt(&field.text), error.message);
                rows.error(field, message).hint("name a column `value`, or each column like `up{job=\"api\"}`")
            })?;
            if !seen.insert(labels.clone()) {
                return Err(rows.error(field, format!("a second column `{}`", excerpt(&field.text))));
            }
            series.push(labels);
        }
        Ok(series)
    }
}

impl Long {
    fn labels(&self, rows: &Rows<'_>, fields: &[FieldText<'_>]) -> Result<Labels, FormatError> {
        let mut builder = LabelsBuilder::default();
        let metric = self.metric.map_or(self.default_metric.as_str(), |column| &fields[column].text);
        if metric.is_empty() {
            return Err(rows.error(&fields[self.metric.unwrap_or(0)], "a sample without a metric name"));
        }
        builder.set(METRIC_NAME, metric);
        for (column, name) in &self.labels {
            builder.insert_new(name, &fields[*column].text);
        }
        Ok(builder.finish())
    }
}

/// A metric's name from a file's: what the classic alphabet lacks becomes `_`.
fn metric_name(stem: &str) -> String {
    let mut name: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() || c == ':' { c } else { '_' }).collect();
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        name.insert(0, '_');
    }
    if name.is_empty() { "value".to_owned() } else { name }
}

fn value(rows: &Rows<'_>, field: &FieldText<'_>) -> Result<Option<f64>, FormatError> {
    match field.text.trim() {
        "" => Ok(None),
        "stale" => Ok(Some(STALE_NAN)),
        text => parse_value(text).map(Some).ok_or_else(|| {
            let message = format!("not a number: `{}`", excerpt(text));
            rows.error(field, message).hint("write a decimal number, NaN, +Inf, -Inf, stale or nothing")
        }),
    }
}

fn time(rows: &Rows<'_>, field: &FieldText<'_>) -> Result<Timestamp, FormatError> {
    parse_time(field.text.trim()).ok_or_else(|| {
        rows.error(field, format!("not a time: `{}`", excerpt(&field.text)))
            .hint("seconds or milliseconds since 1970, RFC 3339, or `YYYY-MM-DD HH:MM:SS` in UTC")
    })
}

fn parse_time(text: &str) -> Option<Timestamp> {
    /// From here on a whole number means milliseconds; as seconds it is the year 5138.
    const MILLIS_MIN: u64 = 100_000_000_000;
    if let Ok(number) = text.parse::<i64>() {
        let in_millis = number.unsigned_abs() >= MILLIS_MIN;
        return Some(if in_millis { Timestamp::from_millis(number) } else { Timestamp::from_seconds(number) });
    }
    if let Some(seconds) = parse_value(text) {
        return Timestamp::from_seconds_f64(seconds);
    }
    if let Some(at) = Timestamp::parse_rfc3339(text) {
        return Some(at);
    }
    let civil: jiff::civil::DateTime = text.parse().ok()?;
    let at = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Timestamp::from_millis(at.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Vec<String>, FormatError> {
        let mut lines = Vec::new();
        for (labels, samples) in parse(text.as_bytes(), "cpu-1.load")?.series {
            lines.extend(samples.iter().map(|sample| format!("{labels} {} @{}", sample.value, sample.at.millis())));
        }
        Ok(lines)
    }

    #[test]
    fn files() {
        for (text, expected) in [
            ("timestamp,value\n", vec![]),
            ("timestamp,value\n2014-04-01 00:00:00,20.5\n\n", vec!["cpu_1_load 20.5 @1396310400000"]),
            ("\u{feff}Time,Value\r\n5,1\r\n4.25,-2e3\r\n", vec!["cpu_1_load -2000 @4250", "cpu_1_load 1 @5000"]),
            ("timestamp,value,job\n1,1,a\n2,,a\n3,2,\n", vec![r#"cpu_1_load{job="a"} 1 @1000"#, "cpu_1_load 2 @3000"]),
            ("timestamp,metric,value\n1,up,1\n1,down,stale", vec!["up 1 @1000", "down NaN @1000"]),
            ("timestamp,value,__name__,metric\n1,1,up,x\n", vec![r#"up{metric="x"} 1 @1000"#]),
            (
                "timestamp,up,\"down{a=\"\"b,c\"\"}\"\n1,1,\n2, ,\"+Inf\"\n",
                vec!["up 1 @1000", r#"down{a="b,c"} inf @2000"#],
            ),
            (
                "timestamp,value,l\n1600000000,1,\"say \"\"a\"\"\nb\"\n1600000000000,2,\"\"\n",
                vec![r#"cpu_1_load{l="say \"a\"\nb"} 1 @1600000000000"#, "cpu_1_load 2 @1600000000000"],
            ),
            (
                "timestamp,a\n2020-09-13T12:26:40Z,1\n2020-09-13T14:26:40+02:00,2",
                vec!["a 1 @1600000000000", "a 2 @1600000000000"],
            ),
        ] {
            assert_eq!(read(text).expect(text), expected, "{text}");
        }
    }

    #[test]
    fn refused() {
        for (text, line, column, message) in [
            ("", 1, 1, "an empty file"),
            ("a,b\n", 1, 1, "the first column is `a`, not `timestamp`"),
            ("timestamp\n", 1, 1, "no column after `timestamp`"),
            ("timestamp,1a\n", 1, 11, "column `1a` is no series: expected a series"),
            ("timestamp,a,a\n", 1, 13, "a second column `a`"),
            ("timestamp,value,a,a\n", 1, 19, "a second column `a`"),
            ("timestamp,value,\n", 1, 17, "a column without a name"),
            ("timestamp,value\n1,2,3\n", 2, 1, "3 fields where the header has 2"),
            ("timestamp,value\n1,ä,\n", 2, 1, "3 fields where the header has 2"),
            ("timestamp,a,b\n1,ä,x\n", 2, 3, "not a number: `ä`"),
            ("timestamp,a,b\n1,1,x\n", 2, 5, "not a number: `x`"),
            ("timestamp,value\nnow,1\n", 2, 1, "not a time: `now`"),
            ("timestamp,value\nNaN,1\n", 2, 1, "not a time: `NaN`"),
            ("timestamp,value\n\"1,1\n", 2, 1, "a quote that is not closed"),
            ("timestamp,value\n\"1\"1,1\n", 2, 4, "expected `,` or the end of the line after a quoted field"),
            ("timestamp,metric,value\n1,,1\n", 2, 3, "a sample without a metric name"),
        ] {
            let error = read(text).expect_err(text);
            assert_eq!((error.line, error.column, error.message.as_str()), (line, column, message), "{text}");
        }
        let wide = format!("timestamp{}", ",a".repeat(COLUMNS_MAX));
        assert_eq!(read(&wide).expect_err("too wide").message, "more than 10000 columns");
    }

    proptest! {
        #[test]
        fn never_panics(text in r#"(timestamp,value,a|timestamp,b|[,"\r\n0-9.:T-]|ä|x){0,40}"#) {
            let _ = parse(text.as_bytes(), "x");
        }

        #[test]
        fn quoted_fields_survive(value in "[ -~\n\"ä]{1,20}") {
            let text = format!("timestamp,value,l\n1,1,\"{}\"\n", value.replace('"', "\"\""));
            let batch = parse(text.as_bytes(), "x").expect("valid");
            prop_assert_eq!(batch.series[0].0.get("l"), value.as_str());
        }
    }
}
