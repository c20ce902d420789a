//! What a plan says to each part of the service.

use std::time::Duration;

use crate::config::Plan;
use crate::engine::Surroundings;
use crate::rule::Rule;
use crate::series::{Limits, Retention};

/// The bounds of the series.
pub(super) fn series_limits(plan: &Plan) -> Limits {
    Limits {
        series_max: plan.limits.series_max,
        labels_per_series_max: plan.limits.labels_per_series_max,
        label_name_bytes_max: plan.limits.label_bytes_max,
        label_value_bytes_max: plan.limits.label_bytes_max,
        ..Limits::default()
    }
}

/// The largest body after it was unpacked, in bytes.
pub(super) fn uncompressed_max(plan: &Plan) -> usize {
    plan.limits.body_bytes_max.saturating_mul(4)
}

/// How far back each selector of the rules reads.
pub(super) fn retention(plan: &Plan) -> Retention {
    let lookback = plan.query.lookback;
    let mut selectors = Vec::new();
    for group in &plan.engine.groups {
        for reach in group.rules.iter().map(Rule::expr).flat_map(|expr| expr.selectors()) {
            let back = Duration::from_millis(reach.back_ms.and_then(|ms| u64::try_from(ms).ok()).unwrap_or(0));
            let window = back + lookback + group.query_offset + group.interval;
            selectors.push((reach.selector.matchers.clone(), window));
        }
    }
    Retention { floor: plan.retention_floor, selectors }
}

/// How far back any rule reads.
pub(super) fn longest_window(plan: &Plan) -> Duration {
    let retention = retention(plan);
    retention.selectors.iter().map(|(_, window)| *window).chain([retention.floor]).max().unwrap_or(retention.floor)
}

/// What surrounds every evaluation.
pub(super) fn surroundings(plan: &Plan) -> Surroundings {
    Surroundings {
        external_labels: plan.engine.external_labels.clone(),
        external_url: plan.engine.external_url.clone(),
        options: plan.eval_options(),
    }
}
