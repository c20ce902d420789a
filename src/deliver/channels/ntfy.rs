//! ntfy.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::deliver::{HttpConfig, Secret};

/// A message to a topic of ntfy. Every text is a template.
#[derive(Clone, Debug, PartialEq)]
pub struct NtfyConfig {
    /// The server's address.
    pub url: String,
    /// The topic, which is as good as a password where everybody may subscribe; a template.
    pub topic: Secret,
    /// The access token, where the server asks for one.
    pub token: Option<Secret>,
    /// The title.
    pub title: String,
    /// The text.
    pub message: String,
    /// 1 to 5, or `min`, `low`, `default`, `high`, `max`.
    pub priority: String,
    /// Tags; names of emoji become pictures.
    pub tags: Vec<String>,
    /// The address that opens when the message is touched.
    pub click: String,
    /// Buttons.
    pub actions: Vec<NtfyAction>,
    /// Whether the text is Markdown.
    pub markdown: bool,
    /// The time that an attempt may take.
    pub timeout: Duration,
    /// The connection.
    pub http: HttpConfig,
}

/// A button of an ntfy message. Every text is a template.
#[derive(Clone, Debug, PartialEq)]
pub struct NtfyAction {
    /// What it does.
    pub kind: NtfyActionKind,
    /// What it says.
    pub label: String,
    /// The address that is opened or called.
    pub url: String,
    /// The method of the call; empty for POST.
    pub method: String,
    /// Headers of the call.
    pub headers: BTreeMap<String, String>,
    /// The body of the call.
    pub body: String,
    /// Whether the message goes away once the button was touched.
    pub clear: bool,
}

/// What a button of an ntfy message does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NtfyActionKind {
    /// Opens an address.
    View,
    /// Calls an address.
    Http,
}
