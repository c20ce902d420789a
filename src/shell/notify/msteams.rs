//! Microsoft Teams: a card for a connector
//! (<https://learn.microsoft.com/en-us/outlook/actionable-messages/message-card-reference>).

use serde::Serialize;

use super::http::{Answer, Post, json};
use super::refusal::{refused, unless_page};
use super::text::{Texts, cut, cut_bytes};
use super::{Attempt, limit};
use crate::deliver::{MsteamsConfig, Outcome};
use crate::shell::secret::{Hidden, reveal};

/// The greatest size of a message, in bytes.
pub(super) const MESSAGE_SIZE_MAX: usize = 28_000;

/// The greatest length of a title, in characters.
pub(super) const TITLE_LENGTH_MAX: usize = 1024;

/// What stands before the status with which Teams has refused what the connector took.
const ERROR_STATUS: &str = "returned HTTP error ";

/// A card.
#[derive(Serialize)]
pub(super) struct MessageCard {
    #[serde(rename = "@context")]
    context: &'static str,
    #[serde(rename = "@type")]
    kind: &'static str,
    title: String,
    summary: String,
    text: String,
    #[serde(rename = "themeColor")]
    theme_color: String,
}

pub(super) fn render(config: &MsteamsConfig, texts: &Texts<'_>) -> MessageCard {
    let mut card = MessageCard {
        context: "https://schema.org/extensions",
        kind: "MessageCard",
        title: cut(&texts.text("title", &config.title), TITLE_LENGTH_MAX),
        // Teams refuses cards that have neither summary nor text.
        summary: cut(&texts.filled("summary", &config.summary), TITLE_LENGTH_MAX),
        text: texts.text("text", &config.text),
        theme_color: format!("{:06X}", texts.color()),
    };
    let excess = excess(&card);
    card.text = shortened(&card.text, excess);
    card
}

/// By how many bytes `message` is too large.
pub(super) fn excess(message: &impl Serialize) -> usize {
    serde_json::to_vec(message).map_or(0, |json| json.len().saturating_sub(MESSAGE_SIZE_MAX))
}

/// `text` with at least `excess` bytes less; a byte of text is at least one of JSON.
pub(super) fn shortened(text: &str, excess: usize) -> String {
    if excess == 0 { text.to_owned() } else { cut_bytes(text, text.len().saturating_sub(excess)) }
}

pub(super) async fn send(config: &MsteamsConfig, attempt: &Attempt<'_>) -> Result<Outcome, Outcome> {
    let mut hidden = Hidden::default();
    let card = render(config, &attempt.texts());
    let url = reveal(&config.webhook_url).await?;
    let post = Post::json(&url, &config.http, limit(config.timeout), json(&card)?);
    let answer = attempt.http.post(post, &mut hidden, attempt.now).await?;
    Ok(verdict(&answer, &hidden))
}

/// Connectors answer 200 also when Teams refuses what they hand on; the text then holds its status.
pub(super) fn verdict(answer: &Answer, hidden: &Hidden) -> Outcome {
    let text = String::from_utf8_lossy(&answer.body);
    if !answer.status.is_success() || !(text.contains("delivery failed") || text.contains(ERROR_STATUS)) {
        return unless_page("Teams", answer, hidden);
    }
    let status = text.split_once(ERROR_STATUS).map_or("", |(_, rest)| rest);
    let digits = status.find(|c: char| !c.is_ascii_digit()).map_or(status, |end| &status[..end]);
    // Without a status nothing says that it is for good.
    let is_transient = digits.parse::<u16>().map_or(true, |status| matches!(status, 408 | 429) || status >= 500);
    refused("Teams", &text, is_transient, answer, hidden)
}
