//! The series notation of promtool's unit tests (<https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/>)
//! and fixture files that hold it.
//!
//! A fixture file (`*.series`) has one series a line, a series and its values:
//!
//! ```text
//! # A comment.
//! start 2026-11-22T03:00:00Z
//! interval 30s
//! up{job="api"}      1x10 0x5 stale
//! requests_total     0+15x20 _x3 NaN
//! latency_seconds    {{schema:0 sum:3 count:2 buckets:[1 1]}}x10
//! ```
//!
//! `start` (the epoch unless given) is the time of the first value, `interval` (1m unless given) the distance of values; both
//! hold for the lines after them. A metric that is named `start` or `interval` is written `{__name__="start"}`.

mod histogram;

use std::time::Duration;

use super::error::{excerpt, utf8};
use super::grouping::Grouping;
use super::series_name::parse_series_prefix;
use super::{Batch, FormatError};
use crate::model::{HistogramSample, STALE_NAN, Sample, SampleValue, Timestamp, parse_duration, parse_value};

/// The greatest number of points of one series.
pub const POINTS_PER_SERIES_MAX: usize = 1_000_000;
/// The greatest number of points in one file.
pub const POINTS_PER_FILE_MAX: usize = 10_000_000;

/// The greatest number of buckets of all histograms of one file, so that a progression of large ones stays small.
const BUCKETS_PER_FILE_MAX: usize = 4_000_000;

/// Reads the values of a series, one point per interval: `None` where there is no sample, the bits of
/// [`STALE_NAN`] where the series ends.
///
/// Items stand between blanks: `a`; `axn` (n + 1 times); `a+bxn` and `a-bxn` (n + 1 points, each b further); `_` and `_xn`
/// (n points without a sample); `stale`. Numbers are decimal (`0x5` is 0 six times), with an exponent, `NaN` or `Inf`.
/// In the place of a number a native histogram may stand, `{{schema:0 sum:3 count:2 buckets:[1 1]}}`.
///
/// # Errors
///
/// An item that is none of these, more than [`POINTS_PER_SERIES_MAX`] points.
pub fn parse_series_values(text: &str) -> Result<Vec<Option<SampleValue>>, FormatError> {
    let mut points = Vec::new();
    let mut buckets_left = BUCKETS_PER_FILE_MAX;
    parse_points(text, &mut points, &mut buckets_left)?;
    Ok(points)
}

type Points = Vec<Option<SampleValue>>;

fn parse_points(text: &str, points: &mut Points, buckets_left: &mut usize) -> Result<(), FormatError> {
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        at += rest.len() - rest.trim_start().len();
        let rest = &text[at..];
        if rest.starts_with("{{") {
            at += histogram::parse_item(rest, points, buckets_left)
                .map_err(|(offset, fault)| fault.at(text, at + offset))?;
            continue;
        }
        let item = rest.split(char::is_whitespace).next().unwrap_or_default();
        if !item.is_empty() {
            parse_item(item, points).map_err(|fault| fault.at(text, at))?;
        }
        at += item.len();
    }
    Ok(())
}

/// What is wrong with an item.
enum ItemFault {
    Malformed(String),
    Histogram(String),
    TooMany,
    TooManyBuckets,
}

impl ItemFault {
    fn at(self, text: &str, offset: usize) -> FormatError {
        let error = |message: String| FormatError::in_text(text.as_bytes(), offset, message);
        match self {
            ItemFault::Malformed(item) => error(format!("not a value of a series: `{}`", excerpt(&item)))
                .hint("write `1`, `1x5`, `1+2x5`, `_`, `_x5`, `stale`, `NaN` or `Inf`, with blanks between"),
            ItemFault::Histogram(message) => {
                error(message).hint("such as `{{schema:0 sum:3 count:2 buckets:[1 1]}}`, then `x5` or `+{{...}}x5`")
            }
            ItemFault::TooMany => error(format!("more than {POINTS_PER_SERIES_MAX} points in a series")),
            ItemFault::TooManyBuckets => {
                error(format!("histograms of more than {BUCKETS_PER_FILE_MAX} buckets in all"))
            }
        }
    }
}

/// Whether `count` more points fit.
fn fits(points: &Points, count: usize) -> bool {
    count <= POINTS_PER_SERIES_MAX - points.len().min(POINTS_PER_SERIES_MAX)
}

fn parse_item(item: &str, points: &mut Points) -> Result<(), ItemFault> {
    let malformed = || ItemFault::Malformed(item.to_owned());
    let mut push = |count: usize, mut point: Option<f64>, step: f64| {
        if !fits(points, count) {
            return Err(ItemFault::TooMany);
        }
        for _ in 0..count {
            points.push(point.map(SampleValue::Float));
            point = point.map(|value| value + step);
        }
        Ok(())
    };
    if item == "stale" {
        return push(1, Some(STALE_NAN), 0.0);
    }
    let (terms, times) = match item.rsplit_once('x') {
        Some((terms, times)) => (terms, Some(parse_count(times).ok_or_else(malformed)?)),
        None => (item, None),
    };
    if terms == "_" {
        return push(times.unwrap_or(1), None, 0.0);
    }
    let length = number_length(terms);
    let (first, step) = terms.split_at(length);
    let value = parse_number(first).ok_or_else(malformed)?;
    let step = match (step, times) {
        ("", _) => 0.0,
        (step, Some(_)) if step.starts_with(['+', '-']) => parse_number(step).ok_or_else(malformed)?,
        _ => return Err(malformed()),
    };
    push(times.map_or(1, |times| times.saturating_add(1)), Some(value), step)
}

/// A count of digits alone; what does not fit counts as far too many.
fn parse_count(text: &str) -> Option<usize> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(usize::MAX))
}

/// How far the number goes that `text` begins with: up to the sign of a second one.
fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let is_sign = |index: usize| index > 0 && matches!(bytes[index], b'+' | b'-');
    let after_exponent = |index: usize| matches!(bytes[index - 1], b'e' | b'E');
    (0..bytes.len()).find(|index| is_sign(*index) && !after_exponent(*index)).unwrap_or(bytes.len())
}

fn parse_number(text: &str) -> Option<f64> {
    if text.contains(['x', 'X']) {
        return None;
    }
    parse_value(text)
}

/// Reads a fixture file in series notation.
///
/// # Errors
///
/// The first line that is neither empty, a comment, `start`, `interval` nor a series with its values; more than
/// [`POINTS_PER_FILE_MAX`] points.
pub fn parse_file(text: &[u8]) -> Result<Batch, FormatError> {
    let text = utf8(text)?;
    let mut grouping = Grouping::default();
    let mut clock = Clock { start: Timestamp::default(), interval: Duration::from_secs(60) };
    let (mut point_count, mut buckets_left) = (0, BUCKETS_PER_FILE_MAX);
    for (index, line) in text.split('\n').enumerate() {
        let content = line.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let place = |error: FormatError| error.inside(index + 1, 1);
        if clock.take_directive(line).map_err(place)? {
            continue;
        }
        let (labels, length) = parse_series_prefix(line).map_err(place)?;
        let column = line[..length].chars().count() + 1;
        let mut points = Vec::new();
        parse_points(&line[length..], &mut points, &mut buckets_left)
            .map_err(|error| error.inside(index + 1, column))?;
        if points.is_empty() {
            return Err(FormatError::new(index + 1, column, "a series without values").hint("such as `1x10`"));
        }
        point_count += points.len();
        if point_count > POINTS_PER_FILE_MAX {
            let message = format!("more than {POINTS_PER_FILE_MAX} points in a file");
            return Err(FormatError::new(index + 1, 1, message));
        }
        let series = grouping.index(labels);
        for (step, point) in points.into_iter().enumerate() {
            let at = clock.at(step);
            match point {
                None => {}
                Some(SampleValue::Float(value)) => grouping.samples(series).push(Sample::new(at, value)),
                Some(SampleValue::Histogram(histogram)) => {
                    grouping.histograms(series).push(HistogramSample { at, histogram });
                }
            }
        }
    }
    Ok(grouping.batch())
}

/// When the points of a line are.
struct Clock {
    start: Timestamp,
    interval: Duration,
}

impl Clock {
    /// The time of a point.
    fn at(&self, step: usize) -> Timestamp {
        self.start + self.interval.saturating_mul(u32::try_from(step).unwrap_or(u32::MAX))
    }

    /// Obeys a `start` or `interval` line; says whether it is one.
    fn take_directive(&mut self, line: &str) -> Result<bool, FormatError> {
        let Some((word, argument)) = line.trim().split_once([' ', '\t']) else { return Ok(false) };
        let argument = argument.trim();
        let column = line.rfind(argument).map_or(1, |offset| line[..offset].chars().count() + 1);
        let fault = |message: String| FormatError::new(1, column, message);
        match word {
            "start" => {
                self.start = Timestamp::parse_rfc3339(argument).ok_or_else(|| {
                    fault(format!("not a time: `{}`", excerpt(argument))).hint("such as `start 2026-11-22T03:00:00Z`")
                })?;
            }
            "interval" => {
                let interval = parse_duration(argument).map_err(|error| fault(error.to_string()))?;
                if interval.is_zero() {
                    return Err(fault("an interval of zero".to_owned()));
                }
                self.interval = interval;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::is_stale;

    fn values(text: &str) -> String {
        let points = parse_series_values(text).expect(text);
        let words: Vec<String> = points
            .iter()
            .map(|point| match point {
                None => "_".to_owned(),
                Some(SampleValue::Float(value)) if is_stale(*value) => "stale".to_owned(),
                Some(SampleValue::Float(value)) => value.to_string(),
                Some(SampleValue::Histogram(histogram)) => histogram.test_expression(),
            })
            .collect();
        words.join(" ")
    }

    #[test]
    fn notation() {
        for (text, expected) in [
            ("", ""),
            ("  ", ""),
            ("1", "1"),
            (" 1 2\t-3\n+4 ", "1 2 -3 4"),
            ("1x3", "1 1 1 1"),
            ("0x5", "0 0 0 0 0 0"),
            ("1+2x3", "1 3 5 7"),
            ("1-2x3", "1 -1 -3 -5"),
            ("-1-2x2", "-1 -3 -5"),
            ("-2+4x3", "-2 2 6 10"),
            ("1x0", "1"),
            ("_ 1 _x3 2", "_ 1 _ _ _ 2"),
            ("_x0 1", "1"),
            ("1 stale 2", "1 stale 2"),
            ("NaN Inf -Inf +inf nan", "NaN inf -inf inf NaN"),
            ("NaNx1 Infx1", "NaN NaN inf inf"),
            ("1e2+1e-1x2", "100 100.1 100.19999999999999"),
            ("1e+2x1 .5 5.", "100 100 0.5 5"),
        ] {
            assert_eq!(values(text), expected, "{text}");
        }
    }

    #[test]
    fn notation_refused() {
        for (text, column, message) in [
            ("1 two", 3, "not a value of a series: `two`"),
            ("1+2", 1, "not a value of a series: `1+2`"),
            ("1x", 1, "not a value of a series: `1x`"),
            ("1x-1", 1, "not a value of a series: `1x-1`"),
            ("x3", 1, "not a value of a series: `x3`"),
            ("1+x3", 1, "not a value of a series: `1+x3`"),
            ("1+2+3x4", 1, "not a value of a series: `1+2+3x4`"),
            ("0x1x2", 1, "not a value of a series: `0x1x2`"),
            ("_+1x2", 1, "not a value of a series: `_+1x2`"),
            ("stalex2", 1, "not a value of a series: `stalex2`"),
            ("ä", 1, "not a value of a series: `ä`"),
            ("1 {{schema:0 count:1}}y", 23, "unexpected `y`"),
            ("1 1x1000000", 3, "more than 1000000 points in a series"),
            ("_x99999999999999999999999", 1, "more than 1000000 points in a series"),
        ] {
            let error = parse_series_values(text).expect_err(text);
            assert_eq!((error.line, error.column, error.message.as_str()), (1, column, message), "{text}");
        }
    }

    #[test]
    fn file() {
        let text = "# two series\r\n\nup{job=\"a b\"}\t1 0 # no comment here\n";
        assert_eq!(
            parse_file(text.as_bytes()).expect_err("`#`").to_string().split(';').next(),
            Some("line 3, column 19: not a value of a series: `#`")
        );
        let text = "  interval 30s\r\nup{job=\"a b\"}  1 _ 0\r\nstart 1970-01-01T00:01:00Z\n{__name__=\"start\"} 5 stale\nup{job='a b'}7\n";
        let batch = parse_file(text.as_bytes()).expect("valid");
        let lines: Vec<String> = batch
            .series
            .iter()
            .flat_map(|(labels, samples)| {
                samples.iter().map(move |s| format!("{labels} {} @{}", s.value, s.at.millis()))
            })
            .collect();
        assert_eq!(
            lines,
            [
                "up{job=\"a b\"} 1 @0",
                "up{job=\"a b\"} 0 @60000",
                "up{job=\"a b\"} 7 @60000",
                "start 5 @60000",
                "start NaN @90000"
            ]
        );
    }

    #[test]
    fn file_refused() {
        for (text, expected) in [
            ("\nup", "line 2, column 3: a series without values"),
            ("up{a='b'} 1 2y", "line 1, column 13: not a value of a series: `2y`"),
            ("a 1\nüp 1", "line 2, column 1: expected a series"),
            ("interval 5", "line 1, column 10: not a duration: `5`"),
            ("interval 0", "line 1, column 10: an interval of zero"),
            ("start now", "line 1, column 7: not a time: `now`"),
        ] {
            let error = parse_file(text.as_bytes()).expect_err(text).to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        let large = "a 1x999999\n".repeat(11);
        let error = parse_file(large.as_bytes()).expect_err("too large");
        assert_eq!((error.line, error.message.as_str()), (11, "more than 10000000 points in a file"));
    }

    proptest! {
        #[test]
        fn never_panics(text in r#"([0-9x_+. -]|e|NaN|stale|\{\{|ä|\n|up|interval |start |#|"){0,30}"#) {
            let _ = parse_series_values(&text);
            let _ = parse_file(text.as_bytes());
        }

        #[test]
        fn a_ramp_has_its_points(first in -1000i32..1000, step in 0i32..100, count in 0usize..50) {
            let points = parse_series_values(&format!("{first}+{step}x{count}")).expect("valid");
            let value = |i: usize| Some(SampleValue::Float(f64::from(first) + f64::from(step) * i as f64));
            let expected: Vec<_> = (0..=count).map(value).collect();
            prop_assert_eq!(points, expected);
        }
    }
}
