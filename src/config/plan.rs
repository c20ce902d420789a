//! The compiled configuration of the whole service.

use std::time::Duration;

use crate::engine;
use crate::template::NotificationTemplates;

use super::ScrapeConfig;

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
    /// Where the HTTP interface listens: `host:port`.
    pub listen: String,
    /// The folder of the store and the journal.
    pub storage_path: String,
    /// How long samples are kept at least, whatever the rules need.
    pub retention_floor: Duration,
    /// The distance of evaluations where a group does not say.
    pub evaluation_interval: Duration,
    /// The bounds of what comes in.
    pub limits: Limits,
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
