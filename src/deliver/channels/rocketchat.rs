//! Rocket.Chat.

use std::time::Duration;

use super::SlackField;
use crate::deliver::{HttpConfig, Secret};

/// Alertmanager's `rocketchat_config`. Every text is a template.
#[derive(Clone, Debug, PartialEq)]
pub struct RocketchatConfig {
    /// The server's address.
    pub api_url: String,
    /// The personal access token.
    pub token: Secret,
    /// The id of the user whose token it is.
    pub token_id: Secret,
    /// The `#channel` or `@user`.
    pub channel: String,
    /// The attachment's colour.
    pub color: String,
    /// The attachment's title.
    pub title: String,
    /// Where the title links to.
    pub title_link: String,
    /// The attachment's text.
    pub text: String,
    /// A table of fields.
    pub fields: Vec<SlackField>,
    /// Whether fields are short unless they say otherwise.
    pub short_fields: bool,
    /// The sender's icon as emoji.
    pub emoji: String,
    /// The sender's icon as address.
    pub icon_url: String,
    /// A picture.
    pub image_url: String,
    /// A small picture.
    pub thumb_url: String,
    /// Buttons.
    pub actions: Vec<RocketchatAction>,
    /// The time that an attempt may take.
    pub timeout: Duration,
    /// The connection.
    pub http: HttpConfig,
}

/// A button of a Rocket.Chat attachment. Every text is a template.
#[derive(Clone, Debug, PartialEq)]
pub struct RocketchatAction {
    /// What it says.
    pub text: String,
    /// Where it leads.
    pub url: String,
    /// A picture in place of the text.
    pub image_url: String,
    /// Whether the address opens beside the chat.
    pub is_webview: bool,
    /// How much of the screen that takes: `compact`, `tall` or `full`.
    pub webview_height_ratio: String,
    /// The message that it writes.
    pub msg: String,
    /// Whether that message shows in the chat.
    pub msg_in_chat_window: bool,
    /// `sendMessage` or `respondWithMessage`.
    pub msg_processing_type: String,
}
