//! Telegram: `sendMessage` of the Bot API (<https://core.telegram.org/bots/api#sendmessage>).

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::warn;

use super::http::{Answer, Post, json};
use super::refusal::{not_understood, refused};
use super::telegram_html::{cut_html, plain};
use super::text::{Texts, cut};
use super::{Attempt, limit};
use crate::deliver::{Outcome, TelegramConfig, TelegramParseMode};
use crate::shell::secret::{Hidden, reveal};

/// The greatest length of a text as people see it, in characters.
const TEXT_LENGTH_MAX: usize = 4096;

/// The greatest size of a text as it is sent, in bytes.
const TEXT_SIZE_MAX: usize = 1 << 15;

/// What Telegram says of markup that it does not understand.
const MARKUP_FAULT: &str = "can't parse entities";

/// A message without its chat.
#[derive(Serialize)]
pub(super) struct TelegramMessage {
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parse_mode: Option<&'static str>,
    #[serde(skip_serializing_if = "is_zero")]
    message_thread_id: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    disable_notification: bool,
    link_preview_options: LinkPreview,
    /// The buttons by which a page is answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_markup: Option<Value>,
}

#[derive(Clone, Copy, Serialize)]
struct LinkPreview {
    is_disabled: bool,
}

#[derive(Serialize)]
struct Addressed<'a> {
    chat_id: &'a Chat,
    #[serde(flatten)]
    message: &'a TelegramMessage,
}

/// The chat as Telegram takes it.
#[derive(Serialize)]
#[serde(untagged)]
enum Chat {
    Id(i64),
    Name(String),
}

#[derive(Deserialize)]
struct AnswerBody {
    ok: bool,
    #[serde(default)]
    error_code: u16,
    #[serde(default)]
    description: String,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The message. HTML is cut between its tags; Markdown that is too long goes out as it stands, since nothing says where
/// it may be cut.
pub(super) fn render(config: &TelegramConfig, texts: &Texts<'_>) -> TelegramMessage {
    let (text, parse_mode) = match config.parse_mode {
        TelegramParseMode::Html => {
            let html = texts.html("message", &config.message);
            match plain(&html).trim().is_empty() {
                true => (texts.filled("message", ""), None),
                false => (cut_html(&html, TEXT_LENGTH_MAX, TEXT_SIZE_MAX), Some("HTML")),
            }
        }
        TelegramParseMode::Plain => (texts.filled("message", &config.message), None),
        TelegramParseMode::Markdown => (texts.filled("message", &config.message), Some("Markdown")),
        TelegramParseMode::MarkdownV2 => (texts.filled("message", &config.message), Some("MarkdownV2")),
    };
    let is_cut = config.parse_mode != TelegramParseMode::Html && text.chars().count() > TEXT_LENGTH_MAX;
    TelegramMessage {
        text: if is_cut { cut(&text, TEXT_LENGTH_MAX) } else { text },
        parse_mode: parse_mode.filter(|_| !is_cut),
        message_thread_id: config.message_thread_id,
        disable_notification: config.disable_notifications,
        link_preview_options: LinkPreview { is_disabled: true },
        reply_markup: None,
    }
}

impl TelegramMessage {
    /// The same message without markup.
    fn unmarked(self) -> TelegramMessage {
        let text = if self.parse_mode == Some("HTML") { plain(&self.text) } else { self.text };
        TelegramMessage { text: cut(&text, TEXT_LENGTH_MAX), parse_mode: None, ..self }
    }
}

/// Sends the message; one whose markup is refused goes out again without it, so that a template costs no page.
pub(super) async fn send(config: &TelegramConfig, attempt: &Attempt<'_>) -> Result<Outcome, Outcome> {
    let mut hidden = Hidden::default();
    let mut message = render(config, &attempt.texts());
    message.reply_markup = attempt.ways.and_then(|ways| ways.telegram_buttons(attempt.notification));
    let token = reveal(&config.bot_token).await?;
    hidden.add(&token);
    let chat = chat(&reveal(&config.chat_id).await?)?;
    let url = format!("{}/bot{token}/sendMessage", config.api_url.trim_end_matches('/'));
    let answer = post(config, attempt, &url, &Addressed { chat_id: &chat, message: &message }, &mut hidden).await?;
    if message.parse_mode.is_none() || !is_markup_fault(&answer) {
        return Ok(verdict(&answer, &hidden));
    }
    warn!(receiver = attempt.notification.receiver, "Telegram refuses the message's markup; it goes out without");
    let message = message.unmarked();
    let answer = post(config, attempt, &url, &Addressed { chat_id: &chat, message: &message }, &mut hidden).await?;
    Ok(verdict(&answer, &hidden))
}

async fn post(
    config: &TelegramConfig,
    attempt: &Attempt<'_>,
    url: &str,
    message: &Addressed<'_>,
    hidden: &mut Hidden,
) -> Result<Answer, Outcome> {
    let post = Post::json(url, &config.http, limit(config.timeout), json(message)?);
    attempt.http.post(post, hidden, attempt.now).await
}

fn chat(text: &str) -> Result<Chat, Outcome> {
    match text.parse() {
        Ok(id) => Ok(Chat::Id(id)),
        Err(_) if text.starts_with('@') => Ok(Chat::Name(text.to_owned())),
        Err(_) => Err(Outcome::Rejected { error: "`chat_id` is neither a number nor a `@name`".to_owned() }),
    }
}

fn is_markup_fault(answer: &Answer) -> bool {
    serde_json::from_slice::<AnswerBody>(&answer.body).is_ok_and(|body| body.description.contains(MARKUP_FAULT))
}

fn verdict(answer: &Answer, hidden: &Hidden) -> Outcome {
    if !answer.status.is_success() {
        return answer.verdict(hidden);
    }
    match serde_json::from_slice::<AnswerBody>(&answer.body) {
        Ok(AnswerBody { ok: true, .. }) => Outcome::Delivered,
        Ok(AnswerBody { error_code, description, .. }) => {
            let is_transient = error_code == 429 || error_code >= 500;
            refused("Telegram", &description, is_transient, answer, hidden)
        }
        Err(_) => not_understood("Telegram", answer, hidden),
    }
}
