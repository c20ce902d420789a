//! Webex: a message to a room (<https://developer.webex.com/docs/api/v1/messages/create-a-message>).

use serde::Serialize;

use super::http::{Post, json};
use super::refusal::unless_page;
use super::text::{RenderError, Texts, cut_bytes};
use super::{Attempt, limit};
use crate::deliver::{Outcome, WebexConfig};
use crate::shell::secret::Hidden;

/// The greatest size of a message, in bytes.
const MESSAGE_SIZE_MAX: usize = 7439;

/// A message.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WebexMessage {
    room_id: String,
    markdown: String,
}

pub(super) fn render(config: &WebexConfig, texts: &Texts<'_>) -> Result<WebexMessage, RenderError> {
    Ok(WebexMessage {
        room_id: texts.exact("room_id", &config.room_id)?,
        markdown: cut_bytes(&texts.filled("message", &config.message), MESSAGE_SIZE_MAX),
    })
}

pub(super) async fn send(config: &WebexConfig, attempt: &Attempt<'_>) -> Result<Outcome, Outcome> {
    let mut hidden = Hidden::default();
    let message = render(config, &attempt.texts())?;
    let post = Post::json(&config.api_url, &config.http, limit(config.timeout), json(&message)?);
    let answer = attempt.http.post(post, &mut hidden, attempt.now).await?;
    Ok(unless_page("Webex", &answer, &hidden))
}
