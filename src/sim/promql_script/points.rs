use std::fmt;
use std::sync::Arc;

use super::fault;
use super::histogram_text::{add, read_histogram, write_histogram};
use crate::formats::FormatError;
use crate::formats::series_notation::{POINTS_PER_SERIES_MAX, parse_series_values};
use crate::model::{Histogram, format_value, is_stale};

/// One value of a series line.
#[derive(Clone, Debug)]
pub enum Point {
    /// No sample.
    Missing,
    /// A number; the bits of [`STALE_NAN`](crate::model::STALE_NAN) where the series ends.
    Float(f64),
    /// A native histogram.
    Histogram {
        /// The histogram.
        histogram: Arc<Histogram>,
        /// Whether its counter reset hint was written, so that it is compared.
        has_hint: bool,
    },
}

impl Point {
    /// How much it counts among the values of a script: a histogram counts each of its buckets.
    pub(super) fn weight(&self) -> usize {
        match self {
            Point::Missing | Point::Float(_) => 1,
            Point::Histogram { histogram, .. } => {
                1 + histogram.positive_buckets.len() + histogram.negative_buckets.len() + histogram.custom_values.len()
            }
        }
    }
}

/// The point in series notation.
impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Point::Missing => f.write_str("_"),
            Point::Float(value) if is_stale(*value) => f.write_str("stale"),
            Point::Float(value) => f.write_str(&format_value(*value)),
            Point::Histogram { histogram, .. } => f.write_str(&write_histogram(histogram)),
        }
    }
}

/// Reads the values of a series.
pub(super) fn read_points(text: &str) -> Result<Vec<Point>, FormatError> {
    let mut points = Vec::new();
    let mut at = 0;
    while let Some(found) = text[at..].find(|c: char| !c.is_whitespace()) {
        at += found;
        let rest = &text[at..];
        let column = text[..at].chars().count() + 1;
        let inside = |error: FormatError| error.inside(1, column);
        let length = match rest.starts_with("{{") {
            true => histogram_item(rest, &mut points).map_err(inside)?,
            false => {
                let length = rest.find(char::is_whitespace).unwrap_or(rest.len());
                let floats = parse_series_values(&rest[..length]).map_err(inside)?;
                points.extend(floats.into_iter().map(|value| value.map_or(Point::Missing, Point::Float)));
                length
            }
        };
        at += length;
        if points.len() > POINTS_PER_SERIES_MAX {
            return Err(inside(fault(1, format!("more than {POINTS_PER_SERIES_MAX} points in a series"))));
        }
    }
    Ok(points)
}

/// Reads `{{…}}`, `{{…}}xn`, `{{…}}+{{…}}xn`; yields the item's length.
fn histogram_item(text: &str, points: &mut Vec<Point>) -> Result<usize, FormatError> {
    let unclosed = || fault(1, "a histogram that is not closed").hint("end it with `}}`");
    let end = text.find("}}").ok_or_else(unclosed)? + 2;
    let (histogram, has_hint) = read_histogram(&text[..end])?;
    let mut at = end;
    let mut increment = None;
    let sign = if text[at..].starts_with('-') { -1.0 } else { 1.0 };
    if text[at..].starts_with("+{{") || text[at..].starts_with("-{{") {
        let end = at + 1 + text[at + 1..].find("}}").ok_or_else(unclosed)? + 2;
        increment = Some(read_histogram(&text[at + 1..end])?.0);
        at = end;
    }
    let tail_end = text[at..].find(char::is_whitespace).map_or(text.len(), |index| at + index);
    let malformed = || fault(1, format!("not a value of a series: `{}`", &text[..tail_end]));
    let times = match &text[at..tail_end] {
        "" if increment.is_none() => 0,
        tail => tail.strip_prefix('x').and_then(|times| times.parse::<usize>().ok()).ok_or_else(malformed)?,
    };
    if times >= POINTS_PER_SERIES_MAX {
        return Err(fault(1, format!("more than {POINTS_PER_SERIES_MAX} points in a series")));
    }
    let mut histogram = Arc::new(histogram);
    for index in 0..=times {
        points.push(Point::Histogram { histogram: Arc::clone(&histogram), has_hint });
        if let Some(increment) = increment.as_ref().filter(|_| index < times) {
            histogram = Arc::new(add(&histogram, increment, sign));
        }
    }
    Ok(tail_end)
}
