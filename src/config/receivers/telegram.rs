//! `telegram_configs` and their defaults in `global`.

use crate::deliver::{Channel, Secret, TelegramConfig, TelegramParseMode};

use super::{ChannelDefaults, Fields, address_or, connection, secret_or, timeout};

/// The Bot API unless the configuration says otherwise.
const API_URL: &str = "https://api.telegram.org";

/// What `global` says of Telegram.
#[derive(Debug)]
pub(in crate::config) struct TelegramDefaults {
    api_url: String,
    bot_token: Option<Secret>,
}

/// Reads `telegram_*` of `global`.
pub(in crate::config) fn telegram_defaults(fields: &mut Fields<'_>) -> TelegramDefaults {
    TelegramDefaults {
        api_url: address_or(fields, "telegram_api_url", API_URL),
        bot_token: fields.secret("telegram_bot_token", "telegram_bot_token_file"),
    }
}

pub(super) fn read(fields: &mut Fields<'_>, defaults: &ChannelDefaults) -> Option<Channel> {
    let bot_token = secret_or(fields, "bot_token", "bot_token_file", defaults.telegram.bot_token.as_ref());
    let chat_id = secret_or(fields, "chat_id", "chat_id_file", None);
    if let Some(Secret::Value(chat)) = &chat_id
        && !is_chat(chat)
    {
        let message = "`chat_id` must be a number that is not 0, or the `@name` of a channel";
        fields.error_at("chat_id", "config/telegram", message);
    }
    let config = TelegramConfig {
        api_url: address_or(fields, "api_url", &defaults.telegram.api_url),
        message_thread_id: fields.count("message_thread_id").unwrap_or(0) as u64,
        message: fields.template_or("message", r#"{{ template "telegram.default.message" . }}"#),
        disable_notifications: fields.flag("disable_notifications").unwrap_or(false),
        parse_mode: parse_mode(fields),
        timeout: timeout(fields),
        http: connection(fields, defaults),
        bot_token: bot_token?,
        chat_id: chat_id?,
    };
    Some(Channel::Telegram(Box::new(config)))
}

fn is_chat(chat: &str) -> bool {
    match chat.strip_prefix('@') {
        Some(name) => !name.is_empty(),
        None => chat.parse::<i64>().is_ok_and(|id| id != 0),
    }
}

fn parse_mode(fields: &mut Fields<'_>) -> TelegramParseMode {
    match fields.text("parse_mode").as_deref() {
        None | Some("HTML") => TelegramParseMode::Html,
        Some("") => TelegramParseMode::Plain,
        Some("Markdown") => TelegramParseMode::Markdown,
        Some("MarkdownV2") => TelegramParseMode::MarkdownV2,
        Some(_) => {
            let message = "`parse_mode` is `HTML`, `Markdown`, `MarkdownV2` or empty";
            fields.error_at("parse_mode", "config/telegram", message);
            TelegramParseMode::Html
        }
    }
}
