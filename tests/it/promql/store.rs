//! Series in memory, for scripts.

use std::borrow::Cow;
use std::collections::BTreeMap;

use watchbell::model::{Labels, Matcher, Sample, Timestamp};
use watchbell::series::{Querier, Stretch};

/// Series that scripts have loaded.
#[derive(Debug, Default)]
pub(super) struct Store {
    series: BTreeMap<Labels, Vec<Sample>>,
    /// Series that need what the evaluator does not have yet: native histograms, start timestamps.
    unsupported: Vec<Labels>,
}

impl Store {
    /// Adds samples; at equal times the later wins.
    pub(super) fn load(&mut self, labels: Labels, samples: Vec<Sample>) {
        let stored = self.series.entry(labels).or_default();
        let mut by_time: BTreeMap<Timestamp, f64> = stored.iter().map(|sample| (sample.at, sample.value)).collect();
        by_time.extend(samples.iter().map(|sample| (sample.at, sample.value)));
        *stored = by_time.into_iter().map(|(at, value)| Sample::new(at, value)).collect();
    }

    pub(super) fn load_unsupported(&mut self, labels: Labels) {
        self.unsupported.push(labels);
    }

    /// Whether `matchers` select a series that is not supported.
    pub(super) fn selects_unsupported(&self, matchers: &[Matcher]) -> bool {
        let matches = |labels: &Labels| matchers.iter().all(|matcher| matcher.matches(labels));
        self.unsupported.iter().any(matches)
    }
}

impl Querier for Store {
    fn select(&self, matchers: &[Matcher], after: Timestamp, until: Timestamp) -> Vec<Stretch<'_>> {
        let matching = self.series.iter().filter(|(labels, _)| matchers.iter().all(|matcher| matcher.matches(labels)));
        let stretches = matching.map(|(labels, samples)| {
            let from = samples.partition_point(|sample| sample.at <= after);
            let to = samples.partition_point(|sample| sample.at <= until).max(from);
            Stretch {
                labels: Cow::Borrowed(labels),
                samples: Cow::Borrowed(&samples[from..to]),
                histograms: Cow::Borrowed(&[]),
                starts: Cow::Borrowed(&[]),
            }
        });
        stretches.filter(|stretch| !stretch.samples.is_empty()).collect()
    }
}
