//! VictorOps, now Splunk On-Call.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::deliver::{HttpConfig, Secret};

/// Alertmanager's `victorops_config`. Every text is a template.
#[derive(Clone, Debug, PartialEq)]
pub struct VictoropsConfig {
    /// The integration's key. No template.
    pub api_key: Secret,
    /// The endpoint's address; ends with `/`. No template.
    pub api_url: String,
    /// Which team is told.
    pub routing_key: String,
    /// `CRITICAL`, `WARNING` or `INFO` while an alert fires.
    pub message_type: String,
    /// The incident's title.
    pub entity_display_name: String,
    /// The incident's text.
    pub state_message: String,
    /// What sends.
    pub monitoring_tool: String,
    /// Further fields by name; none of those above.
    pub custom_fields: BTreeMap<String, String>,
    /// The time that an attempt may take.
    pub timeout: Duration,
    /// The connection.
    pub http: HttpConfig,
}
