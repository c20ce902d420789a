use std::fmt;
use std::sync::Arc;

use super::fault;
use crate::formats::FormatError;
use crate::formats::series_notation::{POINTS_PER_SERIES_MAX, parse_series_values};
use crate::model::{Histogram, NotationError, Progress, format_value, is_stale, progression, read_notation};

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
            Point::Histogram { histogram, .. } => f.write_str(&histogram.test_expression()),
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
                points.extend(
                    floats
                        .into_iter()
                        .map(|value| value.and_then(|value| value.float()).map_or(Point::Missing, Point::Float)),
                );
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

/// Reads `{{…}}`, `{{…}}xn`, `{{…}}+{{…}}xn`, `{{…}}-{{…}}xn`; yields the item's length.
fn histogram_item(text: &str, points: &mut Vec<Point>) -> Result<usize, FormatError> {
    let at_byte =
        |start: usize| move |error: NotationError| fault(text[..start + error.at].chars().count() + 1, error.message);
    let base = read_notation(text).map_err(at_byte(0))?;
    let mut length = base.length;
    let progress = match text[length..].get(..3) {
        Some("+{{") => Some(Progress::Add),
        Some("-{{") => Some(Progress::Subtract),
        _ => None,
    };
    let mut step = None;
    if let Some(progress) = progress {
        let notation = read_notation(&text[length + 1..]).map_err(at_byte(length + 1))?;
        length += 1 + notation.length;
        step = Some((notation.histogram, progress));
    }
    let end = text[length..].find(char::is_whitespace).map_or(text.len(), |index| length + index);
    let column = text[..length].chars().count() + 1;
    let times = match (&text[length..end], &step) {
        ("", None) => 0,
        (tail, _) => tail.strip_prefix('x').and_then(|times| times.parse::<usize>().ok()).ok_or_else(|| {
            fault(column, "expected a blank or a number of times after the histogram").hint("such as `x5`")
        })?,
    };
    if times >= POINTS_PER_SERIES_MAX - points.len().min(POINTS_PER_SERIES_MAX) {
        return Err(fault(column, format!("more than {POINTS_PER_SERIES_MAX} points in a series")));
    }
    let has_hint = base.hint_given;
    let point = |histogram: Arc<Histogram>| Point::Histogram { histogram, has_hint };
    match step {
        None => {
            let histogram = Arc::new(base.histogram);
            points.extend((0..=times).map(|_| point(Arc::clone(&histogram))));
        }
        Some((step, progress)) => {
            let histograms = progression(&base.histogram, &step, progress, times);
            let histograms = histograms.map_err(|error| fault(1, error.to_string()))?;
            points.extend(histograms.into_iter().map(|histogram| point(Arc::new(histogram))));
        }
    }
    Ok(end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn notation() {
        for (text, expected) in [
            ("1 _ 2x1 stale", "1 _ 2 2 stale"),
            ("{{count:1 sum:2}}x1 _", "{{count:1 sum:2}} {{count:1 sum:2}} _"),
            ("{{count:1}}+{{count:2}}x2 5", "{{count:1}} {{count:3}} {{count:5}} 5"),
            ("{{count:3}}-{{count:1}}x1", "{{count:3}} {{count:2}}"),
        ] {
            let points = read_points(text).expect(text);
            let words: Vec<String> = points.iter().map(Point::to_string).collect();
            assert_eq!(words.join(" "), expected);
        }
    }

    #[test]
    fn notation_refused() {
        for (text, column) in
            [("1 {{count:1", 3), ("{{count:1}}y", 12), ("{{}}x", 5), ("{{}}+{{}}", 10), ("{{}}x9999999", 5)]
        {
            let error = read_points(text).expect_err(text);
            assert!(error.line == 1 && error.column >= column, "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in r"(\{\{|\}\}|count:|[0-9x+ -]|ä|buckets:\[1 2\]){0,20}") {
            let _ = read_points(&text);
        }
    }
}
