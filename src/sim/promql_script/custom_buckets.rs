use std::collections::BTreeMap;
use std::sync::Arc;

use super::play::Failure;
use super::{LoadedSeries, Point};
use crate::model::{Histogram, Labels, METRIC_NAME, classic_to_native, parse_value};

/// The label of a classic bucket's upper bound.
const BOUND: &str = "le";

/// What is known of a classic histogram at one step.
#[derive(Clone, Debug, Default)]
struct Classic {
    /// Upper bounds with cumulative counts.
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: Option<f64>,
}

/// Makes native histograms with custom buckets of the classic ones among `series`: by series and step.
///
/// # Errors
///
/// Counts that make no histogram.
pub(super) fn native_histograms<'a>(
    series: impl Iterator<Item = &'a LoadedSeries>,
) -> Result<BTreeMap<Labels, BTreeMap<usize, Arc<Histogram>>>, Failure> {
    let mut classics: BTreeMap<Labels, BTreeMap<usize, Classic>> = BTreeMap::new();
    for loaded in series {
        let name = loaded.labels.metric_name();
        let parts = ["_bucket", "_count", "_sum"];
        let Some((base, part)) = parts.iter().find_map(|part| Some((name.strip_suffix(part)?, *part))) else {
            continue;
        };
        let bound = parse_value(loaded.labels.get(BOUND)).filter(|bound| !bound.is_nan());
        if part == "_bucket" && bound.is_none() {
            continue;
        }
        let mut labels = loaded.labels.builder();
        labels.set(METRIC_NAME, base).remove(BOUND);
        let steps = classics.entry(labels.finish()).or_default();
        for (step, point) in loaded.points.iter().enumerate() {
            let Point::Float(value) = point else { continue };
            let classic = steps.entry(step).or_default();
            match (part, bound) {
                ("_bucket", Some(bound)) => classic.buckets.push((bound, *value)),
                ("_count", _) => classic.count = Some(*value),
                _ => classic.sum = Some(*value),
            }
        }
    }
    let mut natives: BTreeMap<Labels, BTreeMap<usize, Arc<Histogram>>> = BTreeMap::new();
    for (labels, steps) in classics {
        for (step, classic) in steps {
            let histogram = classic_to_native(&classic.buckets, classic.count, classic.sum)
                .map_err(|error| Failure::new(format!("{labels} cannot be made a native histogram: {error}")))?;
            natives.entry(labels.clone()).or_default().insert(step, Arc::new(histogram));
        }
    }
    Ok(natives)
}
