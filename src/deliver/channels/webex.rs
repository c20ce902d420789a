//! Webex.

use std::time::Duration;

use crate::deliver::HttpConfig;

/// Alertmanager's `webex_config`. Every text is a template; the bot's token is the connection's `authorization`.
#[derive(Clone, Debug, PartialEq)]
pub struct WebexConfig {
    /// The address of the messages.
    pub api_url: String,
    /// The room.
    pub room_id: String,
    /// The message, in Markdown.
    pub message: String,
    /// The time that an attempt may take.
    pub timeout: Duration,
    /// The connection.
    pub http: HttpConfig,
}
