//! Discord.

use std::time::Duration;

use crate::deliver::{HttpConfig, Secret};

/// Alertmanager's `discord_config`. Every text is a template.
#[derive(Clone, Debug, PartialEq)]
pub struct DiscordConfig {
    /// The webhook's address.
    pub webhook_url: Secret,
    /// The embed's title.
    pub title: String,
    /// The embed's text.
    pub message: String,
    /// The message's own text, above the embed; the only one in which mentions ring.
    pub content: String,
    /// The sender's name; empty for that of the webhook.
    pub username: String,
    /// The address of the sender's picture; empty for that of the webhook.
    pub avatar_url: String,
    /// The time that an attempt may take.
    pub timeout: Duration,
    /// The connection.
    pub http: HttpConfig,
}
