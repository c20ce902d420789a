//! Microsoft Teams: connectors and workflows.

use std::time::Duration;

use crate::deliver::{HttpConfig, Secret};

/// Alertmanager's `msteams_config`: a card for a connector. Every text is a template.
#[derive(Clone, Debug, PartialEq)]
pub struct MsteamsConfig {
    /// The connector's address.
    pub webhook_url: Secret,
    /// The card's title.
    pub title: String,
    /// What lists and notifications show of the card.
    pub summary: String,
    /// The card's text, in Markdown.
    pub text: String,
    /// The time that an attempt may take.
    pub timeout: Duration,
    /// The connection.
    pub http: HttpConfig,
}

/// Alertmanager's `msteamsv2_config`: an adaptive card for a workflow. Every text is a template.
#[derive(Clone, Debug, PartialEq)]
pub struct Msteamsv2Config {
    /// The workflow's address.
    pub webhook_url: Secret,
    /// The card's title.
    pub title: String,
    /// The card's text, in Markdown.
    pub text: String,
    /// The time that an attempt may take.
    pub timeout: Duration,
    /// The connection.
    pub http: HttpConfig,
}
