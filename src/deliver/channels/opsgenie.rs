//! Opsgenie.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::deliver::{HttpConfig, Secret};

/// Alertmanager's `opsgenie_config`. Every text is a template.
#[derive(Clone, Debug, PartialEq)]
pub struct OpsgenieConfig {
    /// The integration's key.
    pub api_key: Secret,
    /// The API's address; ends with `/`. No template.
    pub api_url: String,
    /// The alert's title.
    pub message: String,
    /// The alert's text.
    pub description: String,
    /// What sends.
    pub source: String,
    /// Details by name, beside the common labels.
    pub details: BTreeMap<String, String>,
    /// Who is told.
    pub responders: Vec<OpsgenieResponder>,
    /// Tags, separated by commas.
    pub tags: String,
    /// A note.
    pub note: String,
    /// `P1` to `P5`.
    pub priority: String,
    /// Whether title and text of an alert that is there already are brought up to date.
    pub update_alerts: bool,
    /// What is affected.
    pub entity: String,
    /// Actions that are offered, separated by commas.
    pub actions: String,
    /// The time that a request may take.
    pub timeout: Duration,
    /// The connection.
    pub http: HttpConfig,
}

/// Who is told of an Opsgenie alert. Every text is a template.
#[derive(Clone, Debug, PartialEq)]
pub struct OpsgenieResponder {
    /// By id,
    pub id: String,
    /// by name,
    pub name: String,
    /// or by user name.
    pub username: String,
    /// `team`, `teams` (names separated by commas), `user`, `escalation` or `schedule`.
    pub kind: String,
}
