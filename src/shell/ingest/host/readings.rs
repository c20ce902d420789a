//! Collects what was read of the machine as series.

use crate::formats::Batch;
use crate::model::{Labels, METRIC_NAME, Sample, Timestamp};

/// The values of one look at the machine.
#[derive(Debug)]
pub(super) struct Readings {
    base: Labels,
    values: Vec<(Labels, f64)>,
}

impl Readings {
    /// No values yet; every series will have the labels of `base`.
    pub(super) fn new(base: &Labels) -> Self {
        Readings { base: base.clone(), values: Vec::new() }
    }

    /// Adds a value; one that is not finite is left out.
    pub(super) fn add(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        if !value.is_finite() {
            return;
        }
        let mut builder = self.base.builder();
        builder.set(METRIC_NAME, name);
        for (name, value) in labels {
            builder.set(name, value);
        }
        self.values.push((builder.finish(), value));
    }

    /// Adds a value if there is one.
    pub(super) fn add_some(&mut self, name: &str, labels: &[(&str, &str)], value: Option<f64>) {
        if let Some(value) = value {
            self.add(name, labels, value);
        }
    }

    /// The samples at `at`, in order of their labels; of a series that was read twice the first stays.
    pub(super) fn into_batch(mut self, at: Timestamp) -> Batch {
        self.values.sort_by(|a, b| a.0.cmp(&b.0));
        self.values.dedup_by(|later, first| later.0 == first.0);
        let series = self.values.into_iter().map(|(labels, value)| (labels, vec![Sample::new(at, value)])).collect();
        Batch { series, ..Batch::default() }
    }

    #[cfg(test)]
    pub(super) fn lines(self) -> String {
        let batch = self.into_batch(Timestamp::default());
        let line = |(labels, samples): &(Labels, Vec<Sample>)| {
            format!("{labels} {}\n", crate::model::format_value(samples[0].value))
        };
        batch.series.iter().map(line).collect()
    }
}
