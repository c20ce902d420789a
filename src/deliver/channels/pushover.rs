//! Pushover.

use std::time::Duration;

use crate::deliver::{HttpConfig, Secret};

/// Alertmanager's `pushover_config`. Every text is a template.
#[derive(Clone, Debug, PartialEq)]
pub struct PushoverConfig {
    /// The user or group that is told.
    pub user_key: Secret,
    /// The application's token.
    pub token: Secret,
    /// Where messages are sent. No template.
    pub api_url: String,
    /// The message's title.
    pub title: String,
    /// The message's text.
    pub message: String,
    /// A link.
    pub url: String,
    /// What the link says.
    pub url_title: String,
    /// The user's device; all if empty.
    pub device: String,
    /// The sound.
    pub sound: String,
    /// `-2` to `2`; 2 is repeated until somebody acknowledges it.
    pub priority: String,
    /// How often a message of priority 2 is repeated.
    pub retry: Duration,
    /// How long it is repeated.
    pub expire: Duration,
    /// After which time the message is deleted; never if zero.
    pub ttl: Duration,
    /// What the text is.
    pub format: PushoverFormat,
    /// The time that an attempt may take.
    pub timeout: Duration,
    /// The connection.
    pub http: HttpConfig,
}

/// How Pushover shows a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PushoverFormat {
    /// As it is.
    #[default]
    Plain,
    /// As HTML; what templates put in is escaped.
    Html,
    /// In letters of one width.
    Monospace,
}
