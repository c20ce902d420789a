//! What a query yielded, from wherever it was asked.

use std::fmt;

use crate::eval::{Evaluated, Series, Value};
use crate::model::{Histogram, Labels, SampleValue, Timestamp, format_value};

/// The result of a query.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    /// One number.
    Scalar(Timestamp, f64),
    /// A text.
    Text(Timestamp, String),
    /// One point per series.
    Vector(Vec<Row>),
    /// Points per series.
    Matrix(Vec<Row>),
}

/// A series with its points, oldest first.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) labels: Labels,
    pub(super) points: Vec<(Timestamp, Cell)>,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    Float(f64),
    Histogram(Buckets),
}

/// A native histogram as the API gives it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Buckets {
    pub(super) count: f64,
    pub(super) sum: f64,
    /// Those that hold something, from the lowest.
    pub(super) buckets: Vec<Bucket>,
}

/// A bucket: which of its bounds it includes (0 the upper, 1 the lower, 2 none, 3 both), the bounds, the count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bucket {
    pub(super) rule: u8,
    pub(super) lower: f64,
    pub(super) upper: f64,
    pub(super) count: f64,
}

impl Answer {
    /// The series, if it has any.
    pub(super) fn rows(&self) -> &[Row] {
        match self {
            Answer::Vector(rows) | Answer::Matrix(rows) => rows,
            Answer::Scalar(..) | Answer::Text(..) => &[],
        }
    }

    /// The answer to an evaluation at `at`.
    pub(super) fn of(evaluated: Evaluated, at: Timestamp) -> Answer {
        match evaluated.value {
            Value::Scalar(value) => Answer::Scalar(at, value),
            Value::String(text) => Answer::Text(at, text),
            Value::Vector(elements) => {
                let row = |element: crate::eval::Element| Row {
                    labels: element.labels,
                    points: vec![(at, Cell::from(&element.value))],
                };
                Answer::Vector(elements.into_iter().map(row).collect())
            }
            Value::Matrix(series) => Answer::Matrix(series.into_iter().map(Row::from).collect()),
        }
    }
}

impl From<Series> for Row {
    fn from(series: Series) -> Self {
        let floats = series.samples.iter().map(|sample| (sample.at, Cell::Float(sample.value)));
        let histograms =
            series.histograms.iter().map(|sample| (sample.at, Cell::Histogram(Buckets::of(&sample.histogram))));
        let mut points: Vec<(Timestamp, Cell)> = floats.chain(histograms).collect();
        points.sort_by_key(|(at, _)| *at);
        Row { labels: series.labels, points }
    }
}

impl From<&SampleValue> for Cell {
    fn from(value: &SampleValue) -> Self {
        match value {
            SampleValue::Float(value) => Cell::Float(*value),
            SampleValue::Histogram(histogram) => Cell::Histogram(Buckets::of(histogram)),
        }
    }
}

/// `0.5`, `{count:3, sum:4.5, (1,2]:3}`
impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cell::Float(value) => f.write_str(&format_value(*value)),
            Cell::Histogram(Buckets { count, sum, buckets }) => {
                write!(f, "{{count:{}, sum:{}", format_value(*count), format_value(*sum))?;
                for bucket in buckets {
                    let open = if matches!(bucket.rule, 1 | 3) { '[' } else { '(' };
                    let close = if matches!(bucket.rule, 0 | 3) { ']' } else { ')' };
                    let [lower, upper, count] = [bucket.lower, bucket.upper, bucket.count].map(format_value);
                    write!(f, ", {open}{lower},{upper}{close}:{count}")?;
                }
                f.write_str("}")
            }
        }
    }
}

impl Buckets {
    fn of(histogram: &Histogram) -> Self {
        let filled = histogram.buckets().filter(|bucket| bucket.count != 0.0);
        let buckets = filled.map(|bucket| Bucket {
            rule: match (bucket.lower_inclusive, bucket.upper_inclusive) {
                (false, true) => 0,
                (true, false) => 1,
                (false, false) => 2,
                (true, true) => 3,
            },
            lower: bucket.lower,
            upper: bucket.upper,
            count: bucket.count,
        });
        Buckets { count: histogram.count, sum: histogram.sum, buckets: buckets.collect() }
    }
}
