use crate::formats::Metadata;
use crate::model::{Histogram, Labels, METRIC_NAME, SampleValue, Timestamp, classic_to_native, parse_value};

/// The label of a classic histogram's bucket.
pub(super) const BUCKET_LABEL: &str = "le";
/// The label of a summary's quantile.
pub(super) const QUANTILE_LABEL: &str = "quantile";

/// A metric with everything that was exposed of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Family {
    /// What it is; the name is that of the family.
    pub metadata: Metadata,
    /// Whether the exposition says what it is, or only has samples of that name.
    pub is_described: bool,
    /// One for each set of labels, in order.
    pub metrics: Vec<Metric>,
}

/// The samples of a family that differ in nothing but what a sample of a histogram or summary is about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metric {
    /// The labels without the name, `le` and `quantile`.
    pub labels: Labels,
    /// Since when it counts.
    pub start: Option<Timestamp>,
    /// Its samples.
    pub points: Vec<Point>,
}

/// One sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// What stands after the family's name: nothing, `_total`, `_bucket`, ...
    pub suffix: &'static str,
    /// `le` or `quantile` with its value.
    pub bound: Option<(&'static str, String)>,
    /// The value.
    pub value: SampleValue,
    /// The time, where one is given.
    pub at: Option<Timestamp>,
}

impl Family {
    /// The labels of a sample, its name among them.
    pub fn labels(&self, metric: &Metric, point: &Point) -> Labels {
        let mut labels = metric.labels.builder();
        labels.set(METRIC_NAME, &format!("{}{}", self.metadata.metric, point.suffix));
        if let Some((name, value)) = &point.bound {
            labels.set(name, value);
        }
        labels.finish()
    }
}

impl Metric {
    /// Makes a native histogram with custom buckets of the classic one, unless there is a native one already or the buckets
    /// contradict each other. The classic samples go if `keep_classic` is not set.
    pub fn convert_classic(&mut self, keep_classic: bool) {
        if self.points.iter().any(|point| matches!(point.value, SampleValue::Histogram(_))) {
            return;
        }
        let Some(histogram) = custom_buckets(&self.points) else { return };
        let at = self.points.iter().find_map(|point| point.at);
        if !keep_classic {
            self.points.retain(|point| !matches!(point.suffix, "_bucket" | "_count" | "_sum"));
        }
        self.points.push(Point { suffix: "", bound: None, value: SampleValue::Histogram(histogram.into()), at });
    }
}

/// The histogram whose classic form is among `points`; `None` if there is no bucket, or they make no histogram.
fn custom_buckets(points: &[Point]) -> Option<Histogram> {
    let mut buckets: Vec<(f64, f64)> = Vec::new();
    let (mut count, mut sum) = (None, None);
    for point in points {
        let value = point.value.float()?;
        match (point.suffix, &point.bound) {
            ("_bucket", Some((BUCKET_LABEL, bound))) => buckets.push((parse_value(bound)?, value)),
            ("_count", _) => count = Some(value),
            ("_sum", _) => sum = Some(value),
            _ => {}
        }
    }
    if buckets.is_empty() || buckets.iter().any(|(_, count)| count.is_nan()) {
        return None;
    }
    classic_to_native(&buckets, count, sum).ok().filter(|histogram| histogram.validate().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(suffix: &'static str, bound: Option<&str>, value: f64) -> Point {
        let bound = bound.map(|bound| (BUCKET_LABEL, bound.to_owned()));
        Point { suffix, bound, value: value.into(), at: None }
    }

    #[test]
    fn classic_histograms_become_custom_buckets() {
        for (buckets, count, expected) in [
            (&[("1.0", 2.0), ("2.5", 2.0), ("+Inf", 5.0)][..], Some(5.0), Some((vec![1.0, 2.5], vec![2.0, 0.0, 3.0]))),
            (&[("2.5", 3.0), ("1.0", 2.0)], Some(4.0), Some((vec![1.0, 2.5], vec![2.0, 1.0, 1.0]))),
            (&[("+Inf", 5.0)], None, Some((vec![], vec![5.0]))),
            (&[], Some(5.0), None),
            (&[("1.0", 3.0), ("2.0", 2.0)], Some(4.0), None),
            (&[("1.0", 3.0)], Some(2.0), None),
            (&[("1.0", f64::NAN)], Some(2.0), None),
            (&[("fast", 1.0)], Some(2.0), None),
        ] {
            let mut points: Vec<Point> = buckets.iter().map(|(le, value)| point("_bucket", Some(le), *value)).collect();
            points.extend(count.map(|count| point("_count", None, count)));
            points.push(point("_sum", None, 9.5));
            let found = custom_buckets(&points);
            let parts = found.as_ref().map(|found| (found.custom_values.clone(), found.positive_buckets.clone()));
            assert_eq!(parts, expected, "{buckets:?}");
            assert!(found.is_none_or(|found| found.sum == 9.5));
        }
    }

    #[test]
    fn what_remains_of_the_classic_form() {
        let points =
            vec![point("_bucket", Some("+Inf"), 1.0), point("_count", None, 1.0), point("_created", None, 3.0)];
        for (keep, expected) in [(false, vec!["_created", ""]), (true, vec!["_bucket", "_count", "_created", ""])] {
            let mut metric = Metric { points: points.clone(), ..Metric::default() };
            metric.convert_classic(keep);
            metric.convert_classic(keep);
            assert_eq!(metric.points.iter().map(|point| point.suffix).collect::<Vec<_>>(), expected);
        }
    }
}
