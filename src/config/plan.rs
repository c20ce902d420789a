//! The compiled configuration of the whole service.

use std::time::Duration;

use crate::template::NotificationTemplates;
use crate::{engine, eval};

use super::{Answers, HeartbeatKey, ScrapeConfig, WatchdogConfig, Web};

/// Everything that a configuration says, checked and compiled.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the decisions run by: rules, routes, receivers.
    pub engine: engine::Plan,
    /// What is scraped.
    pub scrapes: Vec<ScrapeConfig>,
    /// How this machine is sampled; `None` for not at all.
    pub host_samples: Option<HostSamples>,
    /// The templates of notifications, the users' own included.
    pub templates: NotificationTemplates,
    /// The secrets of heartbeats.
    pub heartbeat_keys: Vec<HeartbeatKey>,
    /// Where Watchbell says that it works; `None` for nowhere.
    pub watchdog: Option<WatchdogConfig>,
    /// Where the HTTP interface listens: `host:port`.
    pub listen: String,
    /// How it is reached, who may do what there, and how much of it.
    pub web: Web,
    /// How people answer pages.
    pub answers: Answers,
    /// The folder of the store and the journal.
    pub storage_path: String,
    /// How long samples are kept at least, whatever the rules need.
    pub retention_floor: Duration,
    /// The distance of evaluations where a group does not say.
    pub evaluation_interval: Duration,
    /// The bounds of what comes in.
    pub limits: Limits,
    /// The bounds of queries.
    pub query: QueryLimits,
    /// How much of what happened is kept.
    pub history: HistoryLimits,
}

impl Plan {
    /// How expressions are evaluated, in rules, queries and rehearsals.
    pub fn eval_options(&self) -> eval::Options {
        eval::Options {
            lookback: self.query.lookback,
            samples_max: self.query.samples_max,
            default_step: self.evaluation_interval,
            ..eval::Options::default()
        }
    }
}

/// How this machine is sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostSamples {
    /// The distance of the samples.
    pub interval: Duration,
}

/// The bounds of what comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest body of a request in bytes, uncompressed.
    pub body_bytes_max: usize,
    /// The greatest number of series in memory.
    pub series_max: usize,
    /// The greatest number of labels of a series.
    pub labels_per_series_max: usize,
    /// The longest label name or value in bytes.
    pub label_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            body_bytes_max: 32 << 20,
            series_max: 1_000_000,
            labels_per_series_max: 100,
            label_bytes_max: 16 << 10,
        }
    }
}

/// How much of what happened is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryLimits {
    /// The greatest number of entries.
    pub entries_max: usize,
    /// How long an entry is kept.
    pub age_max: Duration,
}

impl Default for HistoryLimits {
    /// 20,000 entries, 30 days.
    fn default() -> Self {
        HistoryLimits { entries_max: 20_000, age_max: Duration::from_secs(30 * 24 * 60 * 60) }
    }
}

/// The bounds of queries; samples and look-back bound the rules too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueryLimits {
    /// How long one query may take, waiting for its turn included.
    pub timeout: Duration,
    /// How many queries are worked on at a time.
    pub concurrency_max: usize,
    /// How many samples one evaluation may hold.
    pub samples_max: usize,
    /// How far back an instant selector looks for the last sample.
    pub lookback: Duration,
}

impl Default for QueryLimits {
    /// Prometheus's: 2 minutes, 20 queries, 50 million samples, 5 minutes.
    fn default() -> Self {
        QueryLimits {
            timeout: Duration::from_secs(120),
            concurrency_max: 20,
            samples_max: 50_000_000,
            lookback: Duration::from_secs(300),
        }
    }
}
