//! Rocket.Chat: `chat.postMessage` (<https://developer.rocket.chat/apidocs/post-message>).

use serde::{Deserialize, Serialize};

use super::http::{Answer, Post, json};
use super::refusal::{not_understood, refused};
use super::slack::{Field, fields, spend};
use super::text::{RenderError, Texts, cut};
use super::{Attempt, limit};
use crate::deliver::{Outcome, RocketchatAction, RocketchatConfig};
use crate::shell::secret::{Hidden, reveal};

/// The greatest length of a title, in characters.
const TITLE_LENGTH_MAX: usize = 1024;

/// The greatest length of all texts of a message together, in characters.
const MESSAGE_LENGTH_MAX: usize = 40_000;

/// What the error of a message has in it that came too early.
const TOO_MANY_REQUESTS: &str = "too-many-requests";

/// A message with one attachment.
#[derive(Serialize)]
pub(super) struct RocketchatMessage {
    #[serde(skip_serializing_if = "String::is_empty")]
    channel: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    emoji: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    avatar: String,
    attachments: [Attachment; 1],
}

#[derive(Serialize)]
struct Attachment {
    title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    title_link: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    image_url: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    thumb_url: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    color: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<Field>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    actions: Vec<Action>,
}

#[derive(Serialize)]
struct Action {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    url: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    image_url: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_webview: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    webview_height_ratio: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    msg: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    msg_in_chat_window: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    msg_processing_type: String,
}

#[derive(Deserialize)]
struct AnswerBody {
    success: bool,
    #[serde(default)]
    error: String,
}

pub(super) fn render(config: &RocketchatConfig, texts: &Texts<'_>) -> Result<RocketchatMessage, RenderError> {
    let mut left = MESSAGE_LENGTH_MAX;
    let title = spend(&cut(&texts.filled("title", &config.title), TITLE_LENGTH_MAX), &mut left);
    let text = spend(&texts.text("text", &config.text), &mut left);
    Ok(RocketchatMessage {
        channel: texts.exact("channel", &config.channel)?,
        emoji: texts.text("emoji", &config.emoji),
        avatar: texts.text("icon_url", &config.icon_url),
        attachments: [Attachment {
            title,
            title_link: texts.text("title_link", &config.title_link),
            text,
            image_url: texts.text("image_url", &config.image_url),
            thumb_url: texts.text("thumb_url", &config.thumb_url),
            color: texts.text("color", &config.color),
            fields: fields(&config.fields, config.short_fields, texts, &mut left),
            actions: config.actions.iter().map(|given| action(given, texts)).collect(),
        }],
    })
}

fn action(given: &RocketchatAction, texts: &Texts<'_>) -> Action {
    let text = |template: &str| texts.text("actions", template);
    Action {
        kind: "button",
        text: text(&given.text),
        url: text(&given.url),
        image_url: text(&given.image_url),
        is_webview: given.is_webview,
        webview_height_ratio: text(&given.webview_height_ratio),
        msg: text(&given.msg),
        msg_in_chat_window: given.msg_in_chat_window,
        msg_processing_type: text(&given.msg_processing_type),
    }
}

pub(super) async fn send(config: &RocketchatConfig, attempt: &Attempt<'_>) -> Result<Outcome, Outcome> {
    let mut hidden = Hidden::default();
    let message = render(config, &attempt.texts())?;
    let url = format!("{}/api/v1/chat.postMessage", config.api_url.trim_end_matches('/'));
    let post = Post::json(&url, &config.http, limit(config.timeout), json(&message)?)
        .secret_header("X-Auth-Token", reveal(&config.token).await?)
        .secret_header("X-User-Id", reveal(&config.token_id).await?);
    let answer = attempt.http.post(post, &mut hidden, attempt.now).await?;
    Ok(verdict(&answer, &hidden))
}

/// Rocket.Chat may refuse with a 200, and says "not so fast" with a 400 too.
fn verdict(answer: &Answer, hidden: &Hidden) -> Outcome {
    match serde_json::from_slice::<AnswerBody>(&answer.body) {
        Ok(AnswerBody { success: false, error }) if error.contains(TOO_MANY_REQUESTS) => {
            refused("Rocket.Chat", &error, true, answer, hidden)
        }
        _ if !answer.status.is_success() => answer.verdict(hidden),
        Ok(AnswerBody { success: true, .. }) => Outcome::Delivered,
        Ok(AnswerBody { success: false, error }) => refused("Rocket.Chat", &error, false, answer, hidden),
        Err(_) => not_understood("Rocket.Chat", answer, hidden),
    }
}
