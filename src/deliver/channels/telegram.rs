//! Telegram.

use std::time::Duration;

use crate::deliver::{HttpConfig, Secret};

/// Alertmanager's `telegram_config`.
#[derive(Clone, Debug, PartialEq)]
pub struct TelegramConfig {
    /// The server of the Bot API.
    pub api_url: String,
    /// The bot's token.
    pub bot_token: Secret,
    /// The chat: a number, or `@channel`.
    pub chat_id: Secret,
    /// The topic of a forum; 0 for none.
    pub message_thread_id: u64,
    /// The message; a template.
    pub message: String,
    /// Whether it arrives without a sound.
    pub disable_notifications: bool,
    /// What marks up the message.
    pub parse_mode: TelegramParseMode,
    /// The time that an attempt may take.
    pub timeout: Duration,
    /// The connection.
    pub http: HttpConfig,
}

/// How Telegram reads a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TelegramParseMode {
    /// As it stands.
    Plain,
    /// HTML; what templates put in is escaped.
    Html,
    /// The older Markdown.
    Markdown,
    /// The newer Markdown.
    MarkdownV2,
}
