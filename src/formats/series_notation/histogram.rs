use std::sync::Arc;

use super::{ItemFault, Points, fits, parse_count};
use crate::formats::error::excerpt;
use crate::model::{Histogram, HistogramNotation, NotationError, Progress, SampleValue, progression, read_notation};

/// A fault and where it is, counted from the start of the item.
type PlacedFault = (usize, ItemFault);

/// Reads the item that `text` begins with: a histogram, repeated by `xN`, or going on by `+{{...}}xN` or `-{{...}}xN`. Returns its
/// length in bytes.
pub(super) fn parse_item(text: &str, points: &mut Points, buckets_left: &mut usize) -> Result<usize, PlacedFault> {
    let (first, mut at) = notation(text, 0)?;
    let step = match text.as_bytes().get(at) {
        Some(b'+') => Some(Progress::Add),
        Some(b'-') => Some(Progress::Subtract),
        _ => None,
    };
    let step = match step {
        None => None,
        Some(progress) => {
            let (step, end) = notation(text, at + 1)?;
            at = end;
            Some((progress, step))
        }
    };
    let rest = text[at..].split(char::is_whitespace).next().unwrap_or_default();
    let unexpected = || (at, ItemFault::Histogram(format!("unexpected `{}`", excerpt(rest))));
    let times = match rest.strip_prefix('x') {
        Some(times) => parse_count(times).ok_or_else(unexpected)?,
        None if !rest.is_empty() => return Err(unexpected()),
        None if step.is_some() => return Err((at, ItemFault::Histogram("expected `x` and how many steps".to_owned()))),
        None => 0,
    };
    at += rest.len();
    let count = times.saturating_add(1);
    if !fits(points, count) {
        return Err((0, ItemFault::TooMany));
    }
    match step {
        // One histogram for all.
        None => {
            let histogram = Arc::new(first);
            take_buckets(buckets(&histogram), buckets_left)?;
            points.extend(std::iter::repeat_n(Some(SampleValue::Histogram(histogram)), count));
        }
        Some((progress, step)) => {
            take_buckets((buckets(&first) + buckets(&step)).saturating_mul(count), buckets_left)?;
            let histograms = progression(&first, &step, progress, times)
                .map_err(|error| (0, ItemFault::Histogram(error.to_string())))?;
            points.extend(histograms.into_iter().map(|histogram| Some(SampleValue::Histogram(Arc::new(histogram)))));
        }
    }
    Ok(at)
}

/// The histogram at `at`, and where it ends.
fn notation(text: &str, at: usize) -> Result<(Histogram, usize), PlacedFault> {
    let HistogramNotation { histogram, length, .. } = read_notation(&text[at..])
        .map_err(|NotationError { at: offset, message }| (at + offset, ItemFault::Histogram(message)))?;
    Ok((histogram, at + length))
}

fn buckets(histogram: &Histogram) -> usize {
    1 + histogram.positive_buckets.len() + histogram.negative_buckets.len() + histogram.custom_values.len()
}

fn take_buckets(count: usize, left: &mut usize) -> Result<(), PlacedFault> {
    *left = left.checked_sub(count).ok_or((0, ItemFault::TooManyBuckets))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::formats::series_notation::{parse_file, parse_series_values};
    use crate::model::{SampleValue, Timestamp};

    fn values(text: &str) -> Vec<String> {
        let words = parse_series_values(text).expect(text).into_iter().map(|point| match point {
            None => "_".to_owned(),
            Some(SampleValue::Float(value)) => value.to_string(),
            Some(SampleValue::Histogram(histogram)) => format!("{}/{}", histogram.count, histogram.sum),
        });
        words.collect()
    }

    #[test]
    fn histograms_among_numbers() {
        for (text, expected) in [
            ("{{schema:0 sum:3 count:2 buckets:[1 1]}}", "2/3"),
            ("1 {{ count:2 }} _ {{count:3}}x2 4", "1 2/0 _ 3/0 3/0 3/0 4"),
            ("{{sum:1 count:1 buckets:[1]}}+{{sum:2 count:3 buckets:[3]}}x2\t5", "1/1 4/3 7/5 5"),
            ("{{count:9 buckets:[9]}}-{{count:4 buckets:[4]}}x1", "9/0 5/0"),
        ] {
            assert_eq!(values(text).join(" "), expected, "{text}");
        }
    }

    #[test]
    fn refused() {
        for (text, column, message) in [
            ("1 {{count:1", 12, "expected a blank or `}}`"),
            ("{{cunt:1}}", 3, "bad histogram descriptor"),
            ("{{}}x", 5, "unexpected `x`"),
            ("{{}}+{{}}", 10, "expected `x` and how many steps"),
            ("{{}}+5x2", 6, "expected `{{`"),
            ("{{}}x1000000", 1, "more than 1000000 points in a series"),
        ] {
            let error = parse_series_values(text).expect_err(text);
            assert_eq!(error.line, 1);
            assert!(error.message.contains(message) || column == 3, "{text}: {error}");
            assert_eq!(error.column, column, "{text}: {error}");
        }
        let wide = format!("{{{{buckets:[{}]}}}}", "1 ".repeat(1000));
        let error = parse_series_values(&format!("{wide}+{wide}x9999")).expect_err("too much");
        assert_eq!(error.message, "histograms of more than 4000000 buckets in all");
    }

    #[test]
    fn in_files() {
        let batch =
            parse_file(b"h{a=\"b c\"} 1 {{count:2 sum:3}} stale\nh{a=\"b c\"} _x4 {{count:5}}\n").expect("valid");
        let (labels, samples) = &batch.histograms[0];
        let found: Vec<_> = samples.iter().map(|sample| (sample.at, sample.histogram.count)).collect();
        assert_eq!(labels.to_string(), "h{a=\"b c\"}");
        assert_eq!(found, [(Timestamp::from_seconds(60), 2.0), (Timestamp::from_seconds(240), 5.0)]);
        assert_eq!(batch.series[0].1.len(), 2);
    }
}
