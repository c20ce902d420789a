//! What sources say of metrics: type, unit, help.

use std::collections::{BTreeMap, HashMap};

use crate::formats::Metadata;

/// How many metrics are known at most; beyond that the one told of longest ago is forgotten.
const METRICS_MAX: usize = 100_000;
/// How many different descriptions of one metric are kept; beyond that the oldest is forgotten.
const FACTS_PER_METRIC_MAX: usize = 16;

/// One description of a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricFacts {
    /// `counter`, `gauge`, `histogram`, ..., or `unknown`.
    pub kind: String,
    /// The unit, or empty.
    pub unit: String,
    /// The help text, or empty.
    pub help: String,
}

/// What is known of metrics by their names; bounded.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    metrics: HashMap<String, Known>,
    /// Names by when they were told of last.
    order: BTreeMap<u64, String>,
    told: u64,
}

#[derive(Clone, Debug)]
struct Known {
    told: u64,
    /// The latest last.
    facts: Vec<MetricFacts>,
}

impl Catalogue {
    /// Takes in what a source says; a description that is known already only counts as told again.
    pub fn tell(&mut self, metadata: &[Metadata]) {
        for entry in metadata.iter().filter(|entry| !entry.metric.is_empty()) {
            self.told += 1;
            let told = self.told;
            let facts = MetricFacts {
                kind: if entry.kind.is_empty() { "unknown".to_owned() } else { entry.kind.clone() },
                unit: entry.unit.clone(),
                help: entry.help.clone(),
            };
            if let Some(known) = self.metrics.get_mut(&entry.metric) {
                self.order.remove(&known.told);
                known.told = told;
                known.facts.retain(|old| *old != facts);
                if known.facts.len() >= FACTS_PER_METRIC_MAX {
                    known.facts.remove(0);
                }
                known.facts.push(facts);
            } else {
                if self.metrics.len() >= METRICS_MAX
                    && let Some((_, oldest)) = self.order.pop_first()
                {
                    self.metrics.remove(&oldest);
                }
                self.metrics.insert(entry.metric.clone(), Known { told, facts: vec![facts] });
            }
            self.order.insert(told, entry.metric.clone());
        }
    }

    /// The metric `name` if one is named, else all, in order of their names, at most `limit`; of each at most
    /// `limit_per_metric` descriptions, the latest first.
    pub fn describe(
        &self,
        name: Option<&str>,
        limit: usize,
        limit_per_metric: usize,
    ) -> Vec<(String, Vec<MetricFacts>)> {
        let mut names: Vec<&String> = match name {
            Some(name) => self.metrics.get_key_value(name).map(|(name, _)| name).into_iter().collect(),
            None => self.metrics.keys().collect(),
        };
        names.sort_unstable();
        names.truncate(limit);
        let described = |name: &String| {
            let facts = self.metrics.get(name).map_or(&[][..], |known| &known.facts);
            (name.clone(), facts.iter().rev().take(limit_per_metric).cloned().collect())
        };
        names.into_iter().map(described).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(metric: &str, help: &str) -> Metadata {
        Metadata { metric: metric.to_owned(), kind: "gauge".to_owned(), unit: String::new(), help: help.to_owned() }
    }

    fn shown(catalogue: &Catalogue, name: Option<&str>, limit: usize, per_metric: usize) -> Vec<(String, Vec<String>)> {
        let described = catalogue.describe(name, limit, per_metric).into_iter();
        described.map(|(name, facts)| (name, facts.into_iter().map(|facts| facts.help).collect())).collect()
    }

    #[test]
    fn the_latest_description_stands_first() {
        let mut catalogue = Catalogue::default();
        catalogue.tell(&[told("b", "one"), told("a", "x"), told("b", "two"), told("b", "one"), told("", "nobody")]);
        let b = ("b".to_owned(), vec!["one".to_owned(), "two".to_owned()]);
        let a = ("a".to_owned(), vec!["x".to_owned()]);
        for (name, limit, per_metric, expected) in [
            (None, 9, 9, vec![a.clone(), b.clone()]),
            (None, 1, 9, vec![a]),
            (None, 0, 9, vec![]),
            (Some("b"), 9, 1, vec![("b".to_owned(), vec!["one".to_owned()])]),
            (Some("c"), 9, 9, vec![]),
        ] {
            assert_eq!(shown(&catalogue, name, limit, per_metric), expected);
        }
    }

    #[test]
    fn bounded() {
        let mut catalogue = Catalogue::default();
        catalogue.tell(&[told("first", ""), told("second", "")]);
        catalogue.tell(&(0..METRICS_MAX - 2).map(|number| told(&format!("m{number}"), "")).collect::<Vec<_>>());
        catalogue.tell(&[told("first", ""), told("one_more", "")]);
        assert_eq!((catalogue.metrics.len(), catalogue.order.len()), (METRICS_MAX, METRICS_MAX));
        assert!(!catalogue.metrics.contains_key("second") && catalogue.metrics.contains_key("first"));
        catalogue.tell(&(0..100).map(|number| told("first", &number.to_string())).collect::<Vec<_>>());
        assert_eq!(shown(&catalogue, Some("first"), 1, usize::MAX)[0].1.len(), FACTS_PER_METRIC_MAX);
    }
}
