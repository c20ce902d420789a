//! How urgent an incident is, and how soon somebody should answer.

use std::time::Duration;

use super::Urgency;
use crate::model::Labels;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The levels, the most severe first, and how an alert comes by one.
#[derive(Clone, Debug, PartialEq)]
pub struct Severities {
    /// The label that says it.
    pub label: String,
    /// The levels, the most severe first; at least one.
    pub levels: Vec<SeverityLevel>,
    /// The level of alerts whose label says nothing known: its place among the levels.
    pub default: usize,
}

/// One level.
#[derive(Clone, Debug, PartialEq)]
pub struct SeverityLevel {
    /// Its name, such as `P1`.
    pub name: String,
    /// The values of the label that mean it, besides its name; compared without regard to case.
    pub values: Vec<String>,
    /// How soon somebody should answer.
    pub respond_within: Duration,
    /// How much a page may disturb.
    pub urgency: Urgency,
    /// What it adds to the priority score.
    pub weight: u32,
}

impl Default for Severities {
    /// P1 (`critical`, `page`, `emergency`: 15 minutes), P2 (`error`, `warning`, `high`: an hour), P3 (`notice`, `low`: a
    /// day), P4 (`info`, `none`, `debug`: two weeks, the next sprint) by the label `severity`; else P2.
    fn default() -> Self {
        let level = |name: &str, values: &[&str], seconds, urgency, weight| SeverityLevel {
            name: name.to_owned(),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
            respond_within: Duration::from_secs(seconds),
            urgency,
            weight,
        };
        let levels = vec![
            level("P1", &["critical", "page", "emergency"], 15 * MINUTE, Urgency::High, 100),
            level("P2", &["error", "warning", "high"], HOUR, Urgency::High, 60),
            level("P3", &["notice", "low"], DAY, Urgency::Low, 30),
            level("P4", &["info", "none", "debug"], 14 * DAY, Urgency::Low, 10),
        ];
        Severities { label: "severity".to_owned(), levels, default: 1 }
    }
}

impl Severities {
    /// The place of the level of an alert with `labels`; 0 is the most severe.
    pub fn rank(&self, labels: &Labels) -> usize {
        let value = labels.get(&self.label);
        let means = |level: &SeverityLevel| {
            let mut values = std::iter::once(&level.name).chain(&level.values);
            values.any(|known| known.eq_ignore_ascii_case(value))
        };
        self.levels.iter().position(means).unwrap_or(self.default)
    }

    /// The level at `rank`; the last one beyond them.
    pub fn level(&self, rank: usize) -> &SeverityLevel {
        let last = self.levels.len() - 1;
        &self.levels[rank.min(last)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_says_the_level() {
        let severities = Severities::default();
        for (value, expected) in [
            ("critical", "P1"),
            ("Page", "P1"),
            ("p1", "P1"),
            ("warning", "P2"),
            ("", "P2"),
            ("odd", "P2"),
            ("info", "P4"),
        ] {
            let rank = severities.rank(&Labels::from_pairs([("severity", value)]));
            assert_eq!(severities.level(rank).name, expected, "{value}");
        }
    }
}
