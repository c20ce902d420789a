//! Gotify.

use std::time::Duration;

use crate::deliver::{HttpConfig, Secret};

/// A message to Gotify. Every text is a template.
#[derive(Clone, Debug, PartialEq)]
pub struct GotifyConfig {
    /// The server's address.
    pub url: Secret,
    /// The application's token.
    pub token: Secret,
    /// The title.
    pub title: String,
    /// The text.
    pub message: String,
    /// A number; from 4 on it rings, from 8 on it insists.
    pub priority: String,
    /// Whether the text is Markdown.
    pub markdown: bool,
    /// The time that an attempt may take.
    pub timeout: Duration,
    /// The connection.
    pub http: HttpConfig,
}
