//! Answers as the `data` of Prometheus's API, written and read.

use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::answer::{Answer, Bucket, Buckets, Cell, Row};
use crate::model::{FloatForm, Labels, Timestamp, parse_value};

/// The `data` of Prometheus's API.
pub(super) fn data(answer: &Answer) -> Json {
    match answer {
        Answer::Scalar(at, value) => json!({"resultType": "scalar", "result": [time(*at), text(*value)]}),
        Answer::Text(at, value) => json!({"resultType": "string", "result": [time(*at), value]}),
        Answer::Vector(rows) => {
            let result: Vec<Json> = rows.iter().map(|row| series(row, ["value", "histogram"], true)).collect();
            json!({"resultType": "vector", "result": result})
        }
        Answer::Matrix(rows) => {
            let result: Vec<Json> = rows.iter().map(|row| series(row, ["values", "histograms"], false)).collect();
            json!({"resultType": "matrix", "result": result})
        }
    }
}

fn series(row: &Row, [floats, histograms]: [&str; 2], is_single: bool) -> Json {
    let metric: Map<String, Json> =
        row.labels.iter().map(|(name, value)| (name.to_owned(), Json::from(value))).collect();
    let mut object = Map::new();
    object.insert("metric".to_owned(), Json::Object(metric));
    for (name, wants_floats) in [(floats, true), (histograms, false)] {
        let points = row.points.iter().filter(|(_, cell)| matches!(cell, Cell::Float(_)) == wants_floats);
        let mut points: Vec<Json> = points.map(|(at, cell)| json!([time(*at), self::cell(cell)])).collect();
        match points.pop() {
            None => {}
            Some(only) if is_single => {
                object.insert(name.to_owned(), only);
            }
            Some(last) => {
                points.push(last);
                object.insert(name.to_owned(), Json::Array(points));
            }
        }
    }
    Json::Object(object)
}

fn cell(cell: &Cell) -> Json {
    match cell {
        Cell::Float(value) => Json::from(text(*value)),
        Cell::Histogram(Buckets { count, sum, buckets }) => {
            let mut object = Map::new();
            object.insert("count".to_owned(), Json::from(text(*count)));
            object.insert("sum".to_owned(), Json::from(text(*sum)));
            if !buckets.is_empty() {
                let bucket = |b: &Bucket| json!([b.rule, text(b.lower), text(b.upper), text(b.count)]);
                object.insert("buckets".to_owned(), buckets.iter().map(bucket).collect());
            }
            Json::Object(object)
        }
    }
}

/// Whole seconds without a fraction.
fn time(at: Timestamp) -> Json {
    match at.millis() % 1000 {
        0 => Json::from(at.millis() / 1000),
        _ => Json::from(at.seconds_f64()),
    }
}

fn text(value: f64) -> String {
    FloatForm::Api.text(value)
}

/// The result of a query as a server sends it.
#[derive(Debug, Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
pub(super) enum Data {
    Scalar((f64, String)),
    String((f64, String)),
    Vector(Vec<Wire>),
    Matrix(Vec<Wire>),
}

/// A series as a server sends it.
#[derive(Debug, Deserialize)]
pub(super) struct Wire {
    metric: std::collections::BTreeMap<String, String>,
    value: Option<(f64, String)>,
    histogram: Option<(f64, WireHistogram)>,
    #[serde(default)]
    values: Vec<(f64, String)>,
    #[serde(default)]
    histograms: Vec<(f64, WireHistogram)>,
}

#[derive(Debug, Deserialize)]
struct WireHistogram {
    count: String,
    sum: String,
    #[serde(default)]
    buckets: Vec<(u8, String, String, String)>,
}

impl Data {
    /// The answer; none where a time or a value is no number.
    pub(super) fn into_answer(self) -> Option<Answer> {
        Some(match self {
            Data::Scalar((at, value)) => Answer::Scalar(Timestamp::from_seconds_f64(at)?, parse_value(&value)?),
            Data::String((at, text)) => Answer::Text(Timestamp::from_seconds_f64(at)?, text),
            Data::Vector(series) => Answer::Vector(series.into_iter().map(Wire::into_row).collect::<Option<_>>()?),
            Data::Matrix(series) => Answer::Matrix(series.into_iter().map(Wire::into_row).collect::<Option<_>>()?),
        })
    }
}

impl Wire {
    fn into_row(self) -> Option<Row> {
        let mut points = Vec::with_capacity(self.values.len() + self.histograms.len() + 1);
        for (at, value) in self.values.into_iter().chain(self.value) {
            points.push((Timestamp::from_seconds_f64(at)?, Cell::Float(parse_value(&value)?)));
        }
        for (at, histogram) in self.histograms.into_iter().chain(self.histogram) {
            points.push((Timestamp::from_seconds_f64(at)?, Cell::Histogram(histogram.into_buckets()?)));
        }
        points.sort_by_key(|(at, _)| *at);
        Some(Row {
            labels: Labels::from_pairs(self.metric.iter().map(|(name, value)| (name.as_str(), value.as_str()))),
            points,
        })
    }
}

impl WireHistogram {
    fn into_buckets(self) -> Option<Buckets> {
        let bucket = |(rule, lower, upper, count): (u8, String, String, String)| {
            Some(Bucket { rule, lower: parse_value(&lower)?, upper: parse_value(&upper)?, count: parse_value(&count)? })
        };
        Some(Buckets {
            count: parse_value(&self.count)?,
            sum: parse_value(&self.sum)?,
            buckets: self.buckets.into_iter().map(bucket).collect::<Option<_>>()?,
        })
    }
}
