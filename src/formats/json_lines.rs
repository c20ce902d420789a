//! Samples as one JSON object a line, as `POST /api/v1/import` takes them.
//!
//! Two forms, which may be mixed:
//!
//! - `{"metric":{"__name__":"up","job":"api"},"values":[1,2],"timestamps":[1000,2000]}`: many samples of a series, as
//!   VictoriaMetrics exports them (<https://docs.victoriametrics.com/#how-to-import-data-in-json-line-format>);
//! - `{"name":"up","labels":{"job":"api"},"value":1,"timestamp":1000}`: one sample; the time may be left out.
//!
//! Times are milliseconds since 1970; the second form also takes RFC 3339. Values are numbers, `null` (not a number, as in
//! VictoriaMetrics) or the texts `NaN`, `+Inf`, `Inf`, `-Inf`.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Visitor};

use super::error::excerpt;
use super::grouping::Grouping;
use super::{Batch, FormatError, LABELS_PER_SERIES_MAX};
use crate::model::{Labels, LabelsBuilder, METRIC_NAME, Sample, Timestamp, parse_value};

/// Reads a body of JSON lines; empty lines are skipped. A sample without a time is taken at `default_at`.
///
/// # Errors
///
/// The first line that is of neither form; nothing is returned of a body with such a line.
pub fn parse(text: &[u8], default_at: Timestamp) -> Result<Batch, FormatError> {
    parse_timed(text, Some(default_at))
}

/// As [`parse`]; without a default a sample without a time is an error.
pub(super) fn parse_timed(text: &[u8], default_at: Option<Timestamp>) -> Result<Batch, FormatError> {
    let mut grouping = Grouping::default();
    let mut start = 0;
    for (index, end) in memchr::memchr_iter(b'\n', text).chain([text.len()]).enumerate() {
        let line = &text[start..end];
        start = end + 1;
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let (labels, samples) = parse_line(line, default_at).map_err(|error| error.inside(index + 1, 1))?;
        let index = grouping.index(labels);
        grouping.samples(index).extend(samples);
    }
    Ok(Batch { series: grouping.finish(), ..Batch::default() })
}

/// The fields of both forms.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    metric: Option<LabelMap>,
    values: Option<Vec<Number>>,
    timestamps: Option<Vec<i64>>,
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    labels: Option<LabelMap>,
    #[serde(default, deserialize_with = "present")]
    value: Option<Number>,
    timestamp: Option<Time>,
}

const FORMS: &str = "write {\"metric\":{\"__name__\":\"up\"},\"values\":[1],\"timestamps\":[1000]} or \
                     {\"name\":\"up\",\"labels\":{},\"value\":1,\"timestamp\":1000}";

fn parse_line(line: &[u8], default_at: Option<Timestamp>) -> Result<(Labels, Vec<Sample>), FormatError> {
    if line.trim_ascii_start().first() != Some(&b'{') {
        return Err(FormatError::new(1, 1, "not a JSON object").hint(FORMS));
    }
    let line: Line<'_> = serde_json::from_slice(line).map_err(|error| {
        let text = error.to_string();
        let message = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message);
        FormatError::new(1, error.column().max(1), message).hint(FORMS)
    })?;
    let fault = |message: &str| FormatError::new(1, 1, message).hint(FORMS);
    match line {
        Line {
            metric: Some(LabelMap(labels)),
            values: Some(values),
            timestamps: Some(timestamps),
            name: None,
            labels: None,
            value: None,
            timestamp: None,
        } => {
            if values.len() != timestamps.len() {
                let message = format!("{} values and {} timestamps", values.len(), timestamps.len());
                return Err(fault(&message));
            }
            let labels = labels.finish();
            if !labels.has(METRIC_NAME) {
                return Err(fault("a metric without `__name__`"));
            }
            let times = timestamps.into_iter().map(Timestamp::from_millis);
            Ok((labels, times.zip(values).map(|(at, value)| Sample::new(at, value.0)).collect()))
        }
        Line {
            metric: None,
            values: None,
            timestamps: None,
            name: Some(name),
            labels,
            value: Some(value),
            timestamp,
        } => {
            let mut builder = labels.map(|LabelMap(labels)| labels).unwrap_or_default();
            if name.is_empty() || !builder.insert_new(METRIC_NAME, &name) {
                return Err(fault("a sample needs one name: `name` is not empty and `labels` holds no `__name__`"));
            }
            let at = timestamp.map(|time| time.0).or(default_at);
            let at = at.ok_or_else(|| fault("a sample without a `timestamp`"))?;
            Ok((builder.finish(), vec![Sample::new(at, value.0)]))
        }
        _ => Err(fault("neither `metric`, `values` and `timestamps` nor `name` and `value`")),
    }
}

/// Reads a field that is there, so that `null` is told from an absent field.
fn present<'de, D: de::Deserializer<'de>>(deserializer: D) -> Result<Option<Number>, D::Error> {
    Number::deserialize(deserializer).map(Some)
}

/// Labels as a JSON object of texts.
struct LabelMap(LabelsBuilder);

impl<'de> Deserialize<'de> for LabelMap {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(LabelMapVisitor)
    }
}

struct LabelMapVisitor;

impl<'de> Visitor<'de> for LabelMapVisitor {
    type Value = LabelMap;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of labels, each a text")
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<LabelMap, A::Error> {
        let mut builder = LabelsBuilder::default();
        let mut count = 0;
        while let Some((name, value)) = map.next_entry::<String, String>()? {
            count += 1;
            if count > LABELS_PER_SERIES_MAX {
                return Err(de::Error::custom(format!("more than {LABELS_PER_SERIES_MAX} labels")));
            }
            if name.is_empty() {
                return Err(de::Error::custom("a label without a name"));
            }
            if !builder.insert_new(&name, &value) {
                return Err(de::Error::custom(format!("label `{}` is given twice", excerpt(&name))));
            }
        }
        Ok(LabelMap(builder))
    }
}

/// A value: a number, a text that names one, or `null`.
#[derive(Debug)]
struct Number(f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor)
    }
}

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, null, or one of the texts NaN, +Inf, -Inf")
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Number, E> {
        Ok(Number(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Number, E> {
        Ok(Number(value as f64))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Number, E> {
        Ok(Number(value as f64))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Number, E> {
        Ok(Number(f64::NAN))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
        let value = parse_value(text).filter(|value| !value.is_finite());
        value.map(Number).ok_or_else(|| de::Error::invalid_value(de::Unexpected::Str(&excerpt(text)), &self))
    }
}

/// A time: milliseconds or RFC 3339.
#[derive(Debug)]
struct Time(Timestamp);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TimeVisitor)
    }
}

struct TimeVisitor;

impl Visitor<'_> for TimeVisitor {
    type Value = Time;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("milliseconds since 1970 as a whole number, or RFC 3339 text")
    }

    fn visit_i64<E: de::Error>(self, millis: i64) -> Result<Time, E> {
        Ok(Time(Timestamp::from_millis(millis)))
    }

    fn visit_u64<E: de::Error>(self, millis: u64) -> Result<Time, E> {
        let millis = i64::try_from(millis);
        let out_of_range = |_| de::Error::custom("a timestamp out of range");
        millis.map(|millis| Time(Timestamp::from_millis(millis))).map_err(out_of_range)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Time, E> {
        let at = Timestamp::parse_rfc3339(text);
        at.map(Time).ok_or_else(|| de::Error::invalid_value(de::Unexpected::Str(&excerpt(text)), &self))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(7);

    fn read(text: &str) -> Result<Vec<String>, FormatError> {
        let mut lines = Vec::new();
        for (labels, samples) in parse(text.as_bytes(), NOW)?.series {
            lines.extend(samples.iter().map(|sample| format!("{labels} {} @{}", sample.value, sample.at.millis())));
        }
        Ok(lines)
    }

    #[test]
    fn both_forms() {
        for (text, expected) in [
            ("", vec![]),
            ("\n  \n", vec![]),
            (
                r#"{"metric":{"__name__":"up","job":"a"},"values":[1,2.5],"timestamps":[2000,1000]}"#,
                vec![r#"up{job="a"} 2.5 @1000"#, r#"up{job="a"} 1 @2000"#],
            ),
            (
                r#"{"metric":{"__name__":"a"},"values":[null,"NaN","+Inf","Inf","-Inf",-1e3],"timestamps":[1,2,3,4,5,6]}"#,
                vec!["a NaN @1", "a NaN @2", "a inf @3", "a inf @4", "a -inf @5", "a -1000 @6"],
            ),
            (r#"{"metric":{"__name__":"a"},"values":[],"timestamps":[]}"#, vec![]),
            (
                "{\"name\":\"up\",\"labels\":{\"b\":\"\\u00e4\"},\"value\":1,\"timestamp\":5}\r\n{\"name\":\"up\",\"value\":2}\n",
                vec![r#"up{b="ä"} 1 @5"#, "up 2 @7"],
            ),
            (r#"{"name":"up","value":null,"timestamp":"1970-01-01T00:00:01.5Z"}"#, vec!["up NaN @1500"]),
            (
                "{\"name\":\"a\",\"value\":1,\"timestamp\":2}\n{\"name\":\"a\",\"value\":2,\"timestamp\":1}",
                vec!["a 2 @1", "a 1 @2"],
            ),
        ] {
            assert_eq!(read(text).expect(text), expected, "{text}");
        }
    }

    #[test]
    fn refused() {
        for (text, line, column, message) in [
            ("{}", 1, 1, "neither `metric`, `values` and `timestamps` nor `name` and `value`"),
            ("\n{", 2, 1, "EOF while parsing an object"),
            ("[]\n", 1, 1, "not a JSON object"),
            ("{} {}", 1, 4, "trailing characters"),
            (
                r#"{"nam":1}"#,
                1,
                6,
                "unknown field `nam`, expected one of `metric`, `values`, `timestamps`, `name`, `labels`, `value`, `timestamp`",
            ),
            (
                r#"{"name":"a","value":"5"}"#,
                1,
                23,
                "invalid value: string \"5\", expected a number, null, or one of the texts NaN, +Inf, -Inf",
            ),
            (
                r#"{"name":"a","value":1,"timestamp":1.5}"#,
                1,
                37,
                "invalid type: floating point `1.5`, expected milliseconds since 1970 as a whole number, or RFC 3339 text",
            ),
            (
                r#"{"name":"a","value":1,"timestamp":"now"}"#,
                1,
                39,
                "invalid value: string \"now\", expected milliseconds since 1970 as a whole number, or RFC 3339 text",
            ),
            (
                r#"{"name":"","value":1}"#,
                1,
                1,
                "a sample needs one name: `name` is not empty and `labels` holds no `__name__`",
            ),
            (
                r#"{"name":"a","labels":{"__name__":"b"},"value":1}"#,
                1,
                1,
                "a sample needs one name: `name` is not empty and `labels` holds no `__name__`",
            ),
            (r#"{"name":"a","labels":{"b":"1","b":"2"},"value":1}"#, 1, 38, "label `b` is given twice"),
            (r#"{"metric":{"a":"b"},"values":[1],"timestamps":[1]}"#, 1, 1, "a metric without `__name__`"),
            (r#"{"metric":{"__name__":"b"},"values":[1],"timestamps":[]}"#, 1, 1, "1 values and 0 timestamps"),
            (
                r#"{"metric":{"__name__":"b"},"values":[1],"timestamps":[1],"value":1}"#,
                1,
                1,
                "neither `metric`, `values` and `timestamps` nor `name` and `value`",
            ),
        ] {
            let error = read(text).expect_err(text);
            assert_eq!((error.line, error.column, error.message.as_str()), (line, column, message), "{text}");
            assert!(error.hint.is_some());
        }
        let deep = format!("{{\"metric\":{}", "[".repeat(100_000));
        assert!(read(&deep).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in r#"([\[\]{}:,"\n]|[0-9.e-]|null|NaN|metric|values|timestamps|name|value|labels|ä){0,40}"#) {
            let _ = parse(text.as_bytes(), NOW);
        }

        #[test]
        fn never_panics_on_bytes(text in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = parse(&text, NOW);
        }
    }
}
