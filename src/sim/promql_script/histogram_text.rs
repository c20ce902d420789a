use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::fault;
use crate::formats::FormatError;
use crate::model::{BucketSpan, CounterResetHint, Histogram, format_value, parse_value};

pub(super) fn read_histogram(text: &str) -> Result<(Histogram, bool), FormatError> {
    let mut histogram = Histogram::default();
    let mut has_hint = false;
    let (mut offset, mut negative_offset) = (0, 0);
    let mut rest = text.trim_start_matches('{').trim_end_matches('}').trim();
    while !rest.is_empty() {
        let malformed = || fault(1, format!("not a histogram: `{text}`"));
        let (key, tail) = rest.split_once(':').ok_or_else(malformed)?;
        let (value, tail) = match tail.strip_prefix('[') {
            Some(tail) => tail.split_once(']').ok_or_else(malformed)?,
            None => tail.split_at(tail.find(char::is_whitespace).unwrap_or(tail.len())),
        };
        rest = tail.trim_start();
        let number = || parse_value(value).ok_or_else(malformed);
        let integer = || value.parse::<i32>().map_err(|_| malformed());
        let numbers = || value.split_whitespace().map(parse_value).collect::<Option<Vec<f64>>>().ok_or_else(malformed);
        match key.trim() {
            "schema" => histogram.schema = integer()?,
            "sum" => histogram.sum = number()?,
            "count" => histogram.count = number()?,
            "z_bucket" => histogram.zero_count = number()?,
            "z_bucket_w" => histogram.zero_threshold = number()?,
            "offset" => offset = integer()?,
            "n_offset" => negative_offset = integer()?,
            "buckets" => histogram.positive_buckets = numbers()?,
            "n_buckets" => histogram.negative_buckets = numbers()?,
            "custom_values" => histogram.custom_values = numbers()?,
            "counter_reset_hint" => {
                has_hint = true;
                histogram.counter_reset_hint = match value {
                    "unknown" => CounterResetHint::Unknown,
                    "reset" => CounterResetHint::Reset,
                    "not_reset" => CounterResetHint::NotReset,
                    "gauge" => CounterResetHint::Gauge,
                    _ => return Err(malformed()),
                };
            }
            _ => return Err(malformed()),
        }
    }
    let spans = |offset: i32, buckets: &[f64]| match buckets.len() {
        0 => Vec::new(),
        length => vec![BucketSpan { offset, length: length as u32 }],
    };
    histogram.positive_spans = spans(offset, &histogram.positive_buckets);
    histogram.negative_spans = spans(negative_offset, &histogram.negative_buckets);
    Ok((histogram, has_hint))
}

fn by_index(spans: &[BucketSpan], buckets: &[f64]) -> BTreeMap<i64, f64> {
    let mut counts = buckets.iter();
    let mut index = 0;
    let mut found = BTreeMap::new();
    for span in spans {
        index += i64::from(span.offset);
        for _ in 0..span.length {
            let Some(count) = counts.next() else { return found };
            found.insert(index, *count);
            index += 1;
        }
    }
    found
}

fn dense(buckets: &BTreeMap<i64, f64>) -> (Vec<BucketSpan>, Vec<f64>) {
    let (Some((first, _)), Some((last, _))) = (buckets.first_key_value(), buckets.last_key_value()) else {
        return (Vec::new(), Vec::new());
    };
    let counts: Vec<f64> = (*first..=*last).map(|index| buckets.get(&index).copied().unwrap_or(0.0)).collect();
    (vec![BucketSpan { offset: *first as i32, length: counts.len() as u32 }], counts)
}

pub(super) fn add(left: &Histogram, right: &Histogram, sign: f64) -> Histogram {
    let mut sum = left.clone();
    sum.count += sign * right.count;
    sum.sum += sign * right.sum;
    sum.zero_count += sign * right.zero_count;
    let merged = |a: BTreeMap<i64, f64>, b: BTreeMap<i64, f64>| {
        let mut all = a;
        for (index, count) in b {
            *all.entry(index).or_default() += sign * count;
        }
        dense(&all)
    };
    (sum.positive_spans, sum.positive_buckets) = merged(
        by_index(&left.positive_spans, &left.positive_buckets),
        by_index(&right.positive_spans, &right.positive_buckets),
    );
    (sum.negative_spans, sum.negative_buckets) = merged(
        by_index(&left.negative_spans, &left.negative_buckets),
        by_index(&right.negative_spans, &right.negative_buckets),
    );
    sum
}

pub(super) fn write_histogram(histogram: &Histogram) -> String {
    let mut text = String::from("{{");
    let mut field = |name: &str, value: f64| {
        if value != 0.0 {
            let _ = write!(text, "{name}:{} ", format_value(value));
        }
    };
    field("schema", f64::from(histogram.schema));
    field("count", histogram.count);
    field("sum", histogram.sum);
    field("z_bucket", histogram.zero_count);
    field("z_bucket_w", histogram.zero_threshold);
    let list = |values: &[f64]| values.iter().map(|value| format_value(*value)).collect::<Vec<_>>().join(" ");
    if !histogram.custom_values.is_empty() {
        let _ = write!(text, "custom_values:[{}] ", list(&histogram.custom_values));
    }
    let hint = match histogram.counter_reset_hint {
        CounterResetHint::Unknown => "",
        CounterResetHint::Reset => "counter_reset_hint:reset ",
        CounterResetHint::NotReset => "counter_reset_hint:not_reset ",
        CounterResetHint::Gauge => "counter_reset_hint:gauge ",
    };
    text.push_str(hint);
    for (prefix, spans, buckets) in [
        ("", &histogram.positive_spans, &histogram.positive_buckets),
        ("n_", &histogram.negative_spans, &histogram.negative_buckets),
    ] {
        let (spans, buckets) = dense(&by_index(spans, buckets));
        if let Some(span) = spans.first() {
            if span.offset != 0 {
                let _ = write!(text, "{prefix}offset:{} ", span.offset);
            }
            let _ = write!(text, "{prefix}buckets:[{}] ", list(&buckets));
        }
    }
    text.truncate(text.trim_end().len());
    text + "}}"
}
