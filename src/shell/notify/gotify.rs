//! Gotify: a message of an application (<https://gotify.net/docs/pushmsg>).

use serde::Serialize;

use super::http::{Post, json};
use super::refusal::unless_page;
use super::text::{Texts, cut};
use super::{Attempt, limit};
use crate::deliver::{GotifyConfig, Outcome};
use crate::shell::secret::{Hidden, reveal};

/// The greatest lengths, in characters: Gotify has no limits of its own.
const TITLE_LENGTH_MAX: usize = 250;
const MESSAGE_LENGTH_MAX: usize = 16_384;

/// The priority in place of one that is no number.
const PRIORITY_DEFAULT: i64 = 5;

/// A message.
#[derive(Serialize)]
pub(super) struct GotifyMessage {
    title: String,
    message: String,
    priority: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    extras: Option<Extras>,
}

#[derive(Serialize)]
struct Extras {
    #[serde(rename = "client::display")]
    display: Display,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Display {
    content_type: &'static str,
}

pub(super) fn render(config: &GotifyConfig, texts: &Texts<'_>) -> GotifyMessage {
    let display = Display { content_type: "text/markdown" };
    GotifyMessage {
        title: cut(&texts.text("title", &config.title), TITLE_LENGTH_MAX),
        message: cut(&texts.filled("message", &config.message), MESSAGE_LENGTH_MAX),
        priority: texts.text("priority", &config.priority).trim().parse().unwrap_or(PRIORITY_DEFAULT),
        extras: config.markdown.then_some(Extras { display }),
    }
}

pub(super) async fn send(config: &GotifyConfig, attempt: &Attempt<'_>) -> Result<Outcome, Outcome> {
    let mut hidden = Hidden::default();
    let message = render(config, &attempt.texts());
    let url = format!("{}/message", reveal(&config.url).await?.trim_end_matches('/'));
    let post = Post::json(&url, &config.http, limit(config.timeout), json(&message)?)
        .secret_header("X-Gotify-Key", reveal(&config.token).await?);
    let answer = attempt.http.post(post, &mut hidden, attempt.now).await?;
    Ok(unless_page("Gotify", &answer, &hidden))
}
