use std::time::Duration;

use hashbrown::HashMap;

use crate::model::{Labels, METRIC_NAME, MatchOp, Matcher};

/// How far back samples are kept.
///
/// A series is kept for the longest window among the selectors that match it, and for at least `floor`.
#[derive(Clone, Debug)]
pub struct Retention {
    /// What every series is kept for. Default one hour.
    pub floor: Duration,
    /// Selectors with the window that is read through each: range, offset and lookback added up.
    pub selectors: Vec<(Vec<Matcher>, Duration)>,
}

impl Default for Retention {
    fn default() -> Self {
        Retention { floor: Duration::from_secs(3600), selectors: Vec::new() }
    }
}

/// A [`Retention`] with its selectors found by metric name.
#[derive(Debug)]
pub(super) struct RetentionTable {
    retention: Retention,
    /// Selectors that name one metric, by it.
    by_metric: HashMap<String, Vec<usize>>,
    /// All others.
    general: Vec<usize>,
}

impl RetentionTable {
    pub(super) fn new(retention: Retention) -> Self {
        let mut by_metric: HashMap<String, Vec<usize>> = HashMap::new();
        let mut general = Vec::new();
        for (index, (matchers, window)) in retention.selectors.iter().enumerate() {
            if *window <= retention.floor {
                continue;
            }
            let metric = matchers
                .iter()
                .find(|matcher| matcher.name() == METRIC_NAME && matcher.op() == MatchOp::Equal)
                .map(Matcher::value);
            match metric {
                Some(metric) => by_metric.entry_ref(metric).or_default().push(index),
                None => general.push(index),
            }
        }
        RetentionTable { retention, by_metric, general }
    }

    /// How long the samples of `labels` are kept.
    pub(super) fn of(&self, labels: &Labels) -> Duration {
        let named = self.by_metric.get(labels.metric_name()).map_or(&[][..], Vec::as_slice);
        let mut longest = self.retention.floor;
        for index in named.iter().chain(&self.general) {
            let (matchers, window) = &self.retention.selectors[*index];
            if *window > longest && matchers.iter().all(|matcher| matcher.matches(labels)) {
                longest = *window;
            }
        }
        longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longest_matching_window_wins() {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        let regex = Matcher::new("job", MatchOp::Regex, "a.*").expect("valid");
        let table = RetentionTable::new(Retention {
            floor: minutes(5),
            selectors: vec![
                (vec![Matcher::equal(METRIC_NAME, "up")], minutes(10)),
                (vec![Matcher::equal(METRIC_NAME, "up"), Matcher::equal("job", "b")], minutes(60)),
                (vec![regex], minutes(30)),
                (vec![Matcher::equal(METRIC_NAME, "down")], minutes(1)),
            ],
        });
        for (metric, job, expected) in
            [("up", "", 10), ("up", "b", 60), ("up", "ab", 30), ("down", "", 5), ("down", "a", 30), ("", "", 5)]
        {
            let labels = Labels::from_pairs([(METRIC_NAME, metric), ("job", job)]);
            assert_eq!(table.of(&labels), minutes(expected), "{labels}");
        }
    }
}
