//! A POST of the whole notification.

use std::time::Duration;

use crate::deliver::{HttpConfig, Secret};

/// Alertmanager's `webhook_config`.
#[derive(Clone, Debug, PartialEq)]
pub struct WebhookConfig {
    /// Where to POST; a template.
    pub url: Secret,
    /// The greatest number of alerts in one payload; 0 for all.
    pub max_alerts: usize,
    /// What is sent instead of Alertmanager's payload; its texts are templates.
    pub payload: Option<serde_json::Value>,
    /// The time that an attempt may take.
    pub timeout: Duration,
    /// The connection.
    pub http: HttpConfig,
}
