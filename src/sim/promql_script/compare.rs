use std::collections::{BTreeMap, BTreeSet};

use super::play::Failure;
use super::{Eval, Point, When};
use crate::eval::{Element, Series, Value};
use crate::model::{BucketSpan, CounterResetHint, Histogram, Labels, SampleValue, is_stale};

/// How far values may be from what is expected, relative to their magnitude.
const EPSILON: f64 = 1e-6;
/// How many lines of a difference are shown.
const DIFFERENCES_MAX: usize = 20;
/// How many characters of a series are shown.
const CHARACTERS_MAX: usize = 400;

/// Values by step.
type Row = Vec<(i64, Point)>;
/// Values by series and step.
type Table = BTreeMap<Labels, Row>;

/// Compares the result of an evaluation with what is expected of it.
pub(super) fn compare(eval: &Eval, value: &Value) -> Result<(), Failure> {
    let expected = &eval.expectations;
    if let Some(text) = &expected.string
        && !matches!(value, Value::String(_))
    {
        return Err(Failure::new(format!("found {}, expected the text {text:?}", kind(value))));
    }
    if let Some(scalar) = expected.scalar
        && !matches!(value, Value::Scalar(_))
    {
        return Err(Failure::new(format!("found {}, expected the scalar {}", kind(value), Point::Float(scalar))));
    }
    match value {
        Value::String(text) => match expected.string.as_deref().unwrap_or_default() {
            expected if text == expected => Ok(()),
            expected => Err(Failure::new(format!("found the text {text:?}, expected {expected:?}"))),
        },
        Value::Scalar(value) => match expected.scalar {
            Some(expected) if almost_equal(*value, expected) => Ok(()),
            Some(expected) => {
                Err(Failure::new(format!("found {}, expected {}", Point::Float(*value), Point::Float(expected))))
            }
            None => Err(Failure::new(format!("found the scalar {}, expected series", Point::Float(*value)))),
        },
        Value::Vector(elements) => {
            tables(&expected_elements(eval), &found_elements(elements))?;
            if expected.ordered { order(eval, elements) } else { Ok(()) }
        }
        Value::Matrix(series) => {
            is_sorted(series)?;
            let (start_ms, step_ms) = match (expected.range_vector, eval.when) {
                (Some(When::Range { start_ms, step_ms, .. }), _) | (_, When::Range { start_ms, step_ms, .. }) => {
                    (start_ms, step_ms.max(1))
                }
                (_, When::Instant { at_ms }) => (at_ms, 1),
            };
            tables(&expected_series(eval), &found_series(series, start_ms, step_ms))
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Scalar(_) => "a scalar",
        Value::String(_) => "a text",
        Value::Vector(_) => "an instant vector",
        Value::Matrix(_) => "a range vector",
    }
}

/// The expected elements of an instant vector.
fn expected_elements(eval: &Eval) -> Table {
    let element = |(labels, points): &(Labels, Vec<Point>)| {
        // A missing value counts as zero, as in Prometheus's own runner.
        let point = points.first().map_or(Point::Float(0.0), |point| match point {
            Point::Missing => Point::Float(0.0),
            point => point.clone(),
        });
        (labels.clone(), vec![(0, point)])
    };
    eval.expectations.series.iter().map(element).collect()
}

fn expected_series(eval: &Eval) -> Table {
    let row = |(labels, points): &(Labels, Vec<Point>)| {
        let present = points.iter().enumerate().filter(|(_, point)| !matches!(point, Point::Missing));
        (labels.clone(), present.map(|(index, point)| (index as i64, point.clone())).collect())
    };
    eval.expectations.series.iter().map(row).collect()
}

fn found_point(value: &SampleValue) -> Point {
    match value {
        SampleValue::Float(value) => Point::Float(*value),
        SampleValue::Histogram(histogram) => Point::Histogram { histogram: histogram.clone(), has_hint: true },
    }
}

fn found_elements(elements: &[Element]) -> Table {
    elements.iter().map(|element| (element.labels.clone(), vec![(0, found_point(&element.value))])).collect()
}

fn found_series(series: &[Series], start_ms: i64, step_ms: i64) -> Table {
    let step = |at_ms: i64| {
        let distance = at_ms.saturating_sub(start_ms);
        if distance % step_ms == 0 { distance / step_ms } else { i64::MIN }
    };
    let row = |series: &Series| {
        let floats = series.samples.iter().map(|sample| (sample.at.millis(), Point::Float(sample.value)));
        let histograms = series.histograms.iter().map(|sample| {
            (sample.at.millis(), Point::Histogram { histogram: sample.histogram.clone(), has_hint: true })
        });
        let mut row: Row = floats.chain(histograms).map(|(at, point)| (step(at), point)).collect();
        row.sort_by_key(|(step, _)| *step);
        (series.labels.clone(), row)
    };
    series.iter().map(row).collect()
}

fn is_sorted(series: &[Series]) -> Result<(), Failure> {
    match series.windows(2).find(|pair| pair[0].labels > pair[1].labels) {
        Some(pair) => Err(Failure::new(format!(
            "found the series out of order: {} before {}, expected them ordered by their labels",
            pair[0].labels, pair[1].labels
        ))),
        None => Ok(()),
    }
}

fn order(eval: &Eval, elements: &[Element]) -> Result<(), Failure> {
    let found = elements.iter().map(|element| &element.labels);
    let expected = eval.expectations.series.iter().map(|(labels, _)| labels);
    if found.clone().eq(expected.clone()) {
        return Ok(());
    }
    let mut failure = Failure::new("found the series in another order than expected");
    failure.difference.extend(expected.map(|labels| format!("- {labels}")));
    failure.difference.extend(found.map(|labels| format!("+ {labels}")));
    failure.cut(DIFFERENCES_MAX);
    Err(failure)
}

/// Compares series by series; the difference has a line per expected (`-`) and found (`+`) series that is not as it should.
fn tables(expected: &Table, found: &Table) -> Result<(), Failure> {
    let all: BTreeSet<&Labels> = expected.keys().chain(found.keys()).collect();
    let mut failure = Failure::new("");
    let mut differing = Vec::new();
    for labels in all {
        let (wanted, have) = (expected.get(labels), found.get(labels));
        if matches!((wanted, have), (Some(wanted), Some(have)) if rows_equal(wanted, have)) {
            continue;
        }
        let lines = [("-", wanted), ("+", have)].map(|(sign, row)| row.map(|row| line(sign, labels, row)));
        failure.difference.extend(lines.into_iter().flatten());
        differing.push((labels, wanted, have));
    }
    match differing[..] {
        [] => return Ok(()),
        [(labels, None, Some(have))] => {
            failure.message = format!("found {}, which is not expected", line("", labels, have))
        }
        [(labels, Some(wanted), None)] => failure.message = format!("found no {labels}, expected {}", row(wanted)),
        [(labels, Some(wanted), Some(have))] => {
            failure.message = format!("found {}, expected {}", line("", labels, have), row(wanted));
        }
        _ => {
            failure.message =
                format!("found {} series, expected {}; {} differ", found.len(), expected.len(), differing.len());
        }
    }
    if differing.len() == 1 && failure.message.chars().count() <= CHARACTERS_MAX {
        failure.difference.clear();
    }
    failure.cut(DIFFERENCES_MAX);
    Err(failure)
}

fn line(sign: &str, labels: &Labels, values: &Row) -> String {
    let space = if sign.is_empty() { "" } else { " " };
    format!("{sign}{space}{labels} {}", row(values))
}

/// A row in series notation; values that are at no step are marked.
fn row(row: &Row) -> String {
    let mut text = String::new();
    let mut next = 0;
    for (step, point) in row {
        if !text.is_empty() {
            text.push(' ');
        }
        if *step < 0 {
            text.push_str("(between steps)");
        }
        match usize::try_from(step.saturating_sub(next)) {
            Ok(1) => text.push_str("_ "),
            Ok(gap) if gap > 1 => text.push_str(&format!("_x{gap} ")),
            _ => {}
        }
        next = step.saturating_add(1).max(next);
        text.push_str(&point.to_string());
        if let Some((end, _)) = text.char_indices().nth(CHARACTERS_MAX) {
            text.truncate(end);
            return text + "...";
        }
    }
    if text.is_empty() { "no values".to_owned() } else { text }
}

fn rows_equal(expected: &Row, found: &Row) -> bool {
    let equal = |(expected, found): (&(i64, Point), &(i64, Point))| {
        expected.0 == found.0 && points_equal(&expected.1, &found.1)
    };
    expected.len() == found.len() && expected.iter().zip(found).all(equal)
}

fn points_equal(expected: &Point, found: &Point) -> bool {
    match (expected, found) {
        (Point::Float(expected), Point::Float(found)) => almost_equal(*expected, *found),
        (Point::Histogram { histogram: expected, has_hint }, Point::Histogram { histogram: found, .. }) => {
            histograms_equal(expected, found, *has_hint)
        }
        _ => false,
    }
}

/// Equal to a millionth of their magnitude; NaN equals NaN, and a staleness marker only another one.
fn almost_equal(left: f64, right: f64) -> bool {
    if is_stale(left) || is_stale(right) {
        return is_stale(left) && is_stale(right);
    }
    if left == right || (left.is_nan() && right.is_nan()) {
        return true;
    }
    let (magnitude, difference) = (left.abs() + right.abs(), (left - right).abs());
    if left == 0.0 || right == 0.0 || magnitude < f64::MIN_POSITIVE {
        return difference < EPSILON * f64::MIN_POSITIVE;
    }
    difference / magnitude.min(f64::MAX) < EPSILON
}

/// Equal apart from empty buckets and from small differences of the counts; the hint counts only if it was written.
fn histograms_equal(expected: &Histogram, found: &Histogram, has_hint: bool) -> bool {
    let hint = |histogram: &Histogram| -> CounterResetHint { histogram.counter_reset_hint };
    expected.schema == found.schema
        && expected.custom_values == found.custom_values
        && expected.zero_threshold == found.zero_threshold
        && almost_equal(expected.count, found.count)
        && almost_equal(expected.sum, found.sum)
        && almost_equal(expected.zero_count, found.zero_count)
        && (!has_hint || hint(expected) == hint(found))
        && buckets_equal(
            (&expected.positive_spans, &expected.positive_buckets),
            (&found.positive_spans, &found.positive_buckets),
        )
        && buckets_equal(
            (&expected.negative_spans, &expected.negative_buckets),
            (&found.negative_spans, &found.negative_buckets),
        )
}

fn buckets_equal(expected: (&[BucketSpan], &[f64]), found: (&[BucketSpan], &[f64])) -> bool {
    let [mut expected, mut found] = [expected, found].map(|(spans, buckets)| buckets_by_index(spans, buckets));
    expected.retain(|_, count| *count != 0.0);
    found.retain(|_, count| *count != 0.0);
    expected.len() == found.len()
        && expected.iter().zip(&found).all(|(left, right)| left.0 == right.0 && almost_equal(*left.1, *right.1))
}

/// The counts of buckets by their index.
fn buckets_by_index(spans: &[BucketSpan], buckets: &[f64]) -> BTreeMap<i64, f64> {
    let mut counts = buckets.iter();
    let mut by_index = BTreeMap::new();
    let mut index = 0_i64;
    for span in spans {
        index += i64::from(span.offset);
        for count in counts.by_ref().take(usize::try_from(span.length).unwrap_or(usize::MAX)) {
            by_index.insert(index, *count);
            index += 1;
        }
    }
    by_index
}
