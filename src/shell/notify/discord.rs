//! Discord: a webhook with one embed (<https://discord.com/developers/docs/resources/webhook#execute-webhook>).

use reqwest::Url;
use serde::Serialize;

use super::http::{Post, json};
use super::refusal::unless_page;
use super::text::{Texts, cut};
use super::{Attempt, limit};
use crate::deliver::{DiscordConfig, Outcome};
use crate::shell::secret::{Hidden, reveal};

/// The greatest lengths, in characters.
const TITLE_LENGTH_MAX: usize = 256;
const DESCRIPTION_LENGTH_MAX: usize = 4096;
const CONTENT_LENGTH_MAX: usize = 2000;
const USERNAME_LENGTH_MAX: usize = 80;

/// A message with one embed.
#[derive(Serialize)]
pub(super) struct DiscordMessage {
    #[serde(skip_serializing_if = "String::is_empty")]
    content: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    username: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    avatar_url: String,
    embeds: [Embed; 1],
}

#[derive(Serialize)]
struct Embed {
    title: String,
    description: String,
    color: u32,
}

pub(super) fn render(config: &DiscordConfig, texts: &Texts<'_>) -> DiscordMessage {
    DiscordMessage {
        content: cut(&texts.text("content", &config.content), CONTENT_LENGTH_MAX),
        username: cut(&texts.text("username", &config.username), USERNAME_LENGTH_MAX),
        avatar_url: texts.text("avatar_url", &config.avatar_url),
        embeds: [Embed {
            title: cut(&texts.filled("title", &config.title), TITLE_LENGTH_MAX),
            description: cut(&texts.text("message", &config.message), DESCRIPTION_LENGTH_MAX),
            color: texts.color(),
        }],
    }
}

pub(super) async fn send(config: &DiscordConfig, attempt: &Attempt<'_>) -> Result<Outcome, Outcome> {
    let mut hidden = Hidden::default();
    let message = render(config, &attempt.texts());
    let webhook_url = reveal(&config.webhook_url).await?;
    hidden.add_url(&webhook_url);
    let url = waiting(&webhook_url);
    let post = Post::json(&url, &config.http, limit(config.timeout), json(&message)?);
    let answer = attempt.http.post(post, &mut hidden, attempt.now).await?;
    Ok(unless_page("Discord", &answer, &hidden))
}

/// `url` with `wait=true`: Discord then answers when the message is there, not when it is queued.
fn waiting(url: &str) -> String {
    let Ok(mut url) = Url::parse(url) else { return url.to_owned() };
    if !url.query_pairs().any(|(name, _)| name == "wait") {
        url.query_pairs_mut().append_pair("wait", "true");
    }
    url.into()
}
