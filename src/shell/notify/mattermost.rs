//! Mattermost: an incoming webhook (<https://developers.mattermost.com/integrate/webhooks/incoming/>).

use serde::Serialize;

use super::http::{Post, json};
use super::refusal::unless_page;
use super::slack::{Field, fields};
use super::text::{RenderError, Texts, cut};
use super::{Attempt, limit};
use crate::deliver::{MattermostAttachment, MattermostConfig, MattermostPriority, Outcome};
use crate::shell::secret::{Hidden, reveal};

/// The greatest length of a text, in characters.
const TEXT_LENGTH_MAX: usize = 16_383;

/// A message.
#[derive(Serialize)]
pub(super) struct MattermostMessage {
    text: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    channel: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    username: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    icon_url: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    icon_emoji: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<Attachment>,
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    props: Option<Props>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<Priority>,
}

#[derive(Serialize)]
struct Attachment {
    #[serde(skip_serializing_if = "String::is_empty")]
    fallback: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    color: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pretext: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    author_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    author_link: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    author_icon: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    title_link: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<Field>,
    #[serde(skip_serializing_if = "String::is_empty")]
    thumb_url: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    footer: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    footer_icon: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    image_url: String,
}

#[derive(Serialize)]
struct Props {
    card: String,
}

#[derive(Serialize)]
struct Priority {
    priority: &'static str,
    requested_ack: bool,
    persistent_notifications: bool,
}

pub(super) fn render(config: &MattermostConfig, texts: &Texts<'_>) -> Result<MattermostMessage, RenderError> {
    let card = texts.text("props", &config.card);
    let has_attachments = !config.attachments.is_empty();
    let text = if has_attachments { texts.text("text", &config.text) } else { texts.filled("text", &config.text) };
    Ok(MattermostMessage {
        text: cut(&text, TEXT_LENGTH_MAX),
        channel: texts.exact("channel", &config.channel)?,
        username: texts.text("username", &config.username),
        icon_url: texts.text("icon_url", &config.icon_url),
        icon_emoji: texts.text("icon_emoji", &config.icon_emoji),
        attachments: config.attachments.iter().map(|given| attachment(given, texts)).collect(),
        kind: texts.text("type", &config.kind),
        props: (!card.is_empty()).then_some(Props { card: cut(&card, TEXT_LENGTH_MAX) }),
        priority: config.priority.as_ref().map(|given| priority(given, texts)),
    })
}

/// The attachment; its long texts share [`TEXT_LENGTH_MAX`].
fn attachment(given: &MattermostAttachment, texts: &Texts<'_>) -> Attachment {
    let render = |template: &str| texts.text("attachments", template);
    let mut left = TEXT_LENGTH_MAX;
    let mut spend = |template: &str| super::slack::spend(&render(template), &mut left);
    let (pretext, title, text) = (spend(&given.pretext), spend(&given.title), spend(&given.text));
    Attachment {
        fallback: cut(&render(&given.fallback), TEXT_LENGTH_MAX),
        color: render(&given.color),
        pretext,
        text,
        author_name: render(&given.author_name),
        author_link: render(&given.author_link),
        author_icon: render(&given.author_icon),
        title,
        title_link: render(&given.title_link),
        fields: fields(&given.fields, false, texts, &mut left),
        thumb_url: render(&given.thumb_url),
        footer: render(&given.footer),
        footer_icon: render(&given.footer_icon),
        image_url: render(&given.image_url),
    }
}

/// The priority as far as Mattermost takes it: it refuses unknown names, and flags that do not go with them.
fn priority(given: &MattermostPriority, texts: &Texts<'_>) -> Priority {
    let name = texts.text("priority", &given.priority).trim().to_lowercase();
    let priority = ["urgent", "important"].into_iter().find(|known| *known == name).unwrap_or("standard");
    Priority {
        priority,
        requested_ack: given.requested_ack && priority != "standard",
        persistent_notifications: given.persistent_notifications && priority == "urgent",
    }
}

pub(super) async fn send(config: &MattermostConfig, attempt: &Attempt<'_>) -> Result<Outcome, Outcome> {
    let mut hidden = Hidden::default();
    let message = render(config, &attempt.texts())?;
    let url = reveal(&config.webhook_url).await?;
    let post = Post::json(&url, &config.http, limit(config.timeout), json(&message)?);
    let answer = attempt.http.post(post, &mut hidden, attempt.now).await?;
    Ok(unless_page("Mattermost", &answer, &hidden))
}
