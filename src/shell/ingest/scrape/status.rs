//! How targets are doing, for health checks and the HTTP API.

use std::time::Duration;

use serde_json::{Value, json};

use crate::model::{Labels, Timestamp, format_duration};

/// Whether the last scrape of a target worked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TargetHealth {
    /// It was not scraped yet.
    #[default]
    Unknown,
    /// It answered.
    Up,
    /// It did not, or not properly.
    Down,
}

impl TargetHealth {
    /// As Prometheus's API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            TargetHealth::Unknown => "unknown",
            TargetHealth::Up => "up",
            TargetHealth::Down => "down",
        }
    }
}

/// How a target is doing.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetStatus {
    /// The `job_name` of the configuration.
    pub job: String,
    /// The labels that its samples get.
    pub labels: Labels,
    /// The labels before relabelling.
    pub discovered_labels: Labels,
    /// What is asked.
    pub url: String,
    /// The distance of scrapes.
    pub interval: Duration,
    /// How long a scrape may take.
    pub timeout: Duration,
    /// Whether the last scrape worked.
    pub health: TargetHealth,
    /// When the last scrape began.
    pub last_scrape: Option<Timestamp>,
    /// How long the last scrape took.
    pub last_duration: Duration,
    /// Why the last scrape failed.
    pub last_error: Option<String>,
}

/// The `data` of Prometheus's `GET /api/v1/targets`.
pub fn targets_json(targets: &[TargetStatus]) -> Value {
    let active: Vec<Value> = targets
        .iter()
        .map(|target| {
            json!({
                "discoveredLabels": target.discovered_labels,
                "labels": target.labels,
                "scrapePool": target.job,
                "scrapeUrl": target.url,
                "globalUrl": target.url,
                "lastError": target.last_error.as_deref().unwrap_or_default(),
                "lastScrape": target.last_scrape.map_or("0001-01-01T00:00:00Z".to_owned(), |at| at.to_string()),
                "lastScrapeDuration": target.last_duration.as_secs_f64(),
                "health": target.health.as_str(),
                "scrapeInterval": format_duration(target.interval),
                "scrapeTimeout": format_duration(target.timeout),
            })
        })
        .collect();
    json!({ "activeTargets": active, "droppedTargets": [], "droppedTargetCounts": {} })
}
