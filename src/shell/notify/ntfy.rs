//! ntfy: a message as JSON (<https://docs.ntfy.sh/publish/#publish-as-json>).

use std::collections::BTreeMap;

use serde::Serialize;

use super::http::{Post, json};
use super::refusal::unless_page;
use super::text::{Texts, cut, cut_bytes};
use super::{Attempt, limit};
use crate::deliver::{NtfyAction, NtfyActionKind, NtfyConfig, Outcome};
use crate::shell::secret::{Hidden, reveal};

/// The greatest size of a text, in bytes; longer ones become files.
const MESSAGE_SIZE_MAX: usize = 4096;

/// The greatest length of a title, in characters: what telephones show.
const TITLE_LENGTH_MAX: usize = 250;

/// The names of the priorities, from 1 on.
const PRIORITIES: [&str; 5] = ["min", "low", "default", "high", "max"];

/// A message without its topic.
#[derive(Serialize)]
pub(super) struct NtfyMessage {
    title: String,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    click: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    actions: Vec<Action>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    markdown: bool,
}

#[derive(Serialize)]
struct Action {
    action: &'static str,
    label: String,
    url: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    method: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    body: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    clear: bool,
}

#[derive(Serialize)]
struct Published<'a> {
    topic: &'a str,
    #[serde(flatten)]
    message: &'a NtfyMessage,
}

pub(super) fn render(config: &NtfyConfig, texts: &Texts<'_>) -> NtfyMessage {
    let tags = config.tags.iter().map(|tag| texts.text("tags", tag).trim().to_owned());
    NtfyMessage {
        title: cut(&texts.text("title", &config.title), TITLE_LENGTH_MAX),
        message: cut_bytes(&texts.filled("message", &config.message), MESSAGE_SIZE_MAX),
        priority: priority(&texts.text("priority", &config.priority)),
        tags: tags.filter(|tag| !tag.is_empty()).collect(),
        click: texts.text("click", &config.click),
        actions: config.actions.iter().map(|given| action(given, texts)).collect(),
        markdown: config.markdown,
    }
}

/// The priority as number; `None`, which is the server's default, for what is none.
fn priority(text: &str) -> Option<usize> {
    let name = text.trim().to_lowercase();
    let name = if name == "urgent" { "max" } else { &name };
    let by_number = name.parse().ok().filter(|number| (1..=PRIORITIES.len()).contains(number));
    by_number.or_else(|| Some(PRIORITIES.iter().position(|known| *known == name)? + 1))
}

fn action(given: &NtfyAction, texts: &Texts<'_>) -> Action {
    let text = |template: &str| texts.text("actions", template);
    Action {
        action: match given.kind {
            NtfyActionKind::View => "view",
            NtfyActionKind::Http => "http",
        },
        label: text(&given.label),
        url: text(&given.url),
        method: given.method.clone(),
        headers: given.headers.iter().map(|(name, value)| (name.clone(), text(value))).collect(),
        body: text(&given.body),
        clear: given.clear,
    }
}

pub(super) async fn send(config: &NtfyConfig, attempt: &Attempt<'_>) -> Result<Outcome, Outcome> {
    let texts = attempt.texts();
    let mut hidden = Hidden::default();
    let message = render(config, &texts);
    let topic = texts.secret("topic", &reveal(&config.topic).await?)?;
    hidden.add(&topic);
    let body = json(&Published { topic: &topic, message: &message })?;
    let mut post = Post::json(&config.url, &config.http, limit(config.timeout), body);
    if let Some(token) = &config.token {
        post = post.secret_header("Authorization", format!("Bearer {}", reveal(token).await?));
    }
    let answer = attempt.http.post(post, &mut hidden, attempt.now).await?;
    Ok(unless_page("ntfy", &answer, &hidden))
}
