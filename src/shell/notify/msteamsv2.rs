//! Microsoft Teams: an adaptive card for a workflow (<https://adaptivecards.io/explorer/AdaptiveCard.html>).

use serde::Serialize;

use super::http::{Post, json};
use super::msteams::{TITLE_LENGTH_MAX, excess, shortened, verdict};
use super::text::{Texts, cut};
use super::{Attempt, limit};
use crate::deliver::{Msteamsv2Config, Outcome};
use crate::model::AlertStatus;
use crate::shell::secret::{Hidden, reveal};

/// A message with one card.
#[derive(Serialize)]
pub(super) struct WorkflowMessage {
    #[serde(rename = "type")]
    kind: &'static str,
    attachments: [Attachment; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Attachment {
    content_type: &'static str,
    content: AdaptiveCard,
}

#[derive(Serialize)]
struct AdaptiveCard {
    #[serde(rename = "$schema")]
    schema: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    version: &'static str,
    body: [TextBlock; 2],
    msteams: Layout,
}

#[derive(Default, Serialize)]
struct TextBlock {
    #[serde(rename = "type")]
    kind: &'static str,
    text: String,
    wrap: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    style: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    color: Option<&'static str>,
}

#[derive(Serialize)]
struct Layout {
    width: &'static str,
}

pub(super) fn render(config: &Msteamsv2Config, texts: &Texts<'_>) -> WorkflowMessage {
    let incident = texts.data().incident.as_ref().map(|incident| (incident.kind, incident.severity.as_str()));
    let color = match (texts.data().status, incident) {
        (AlertStatus::Resolved, _) => "Good",
        (AlertStatus::Firing, Some(("answered", _))) => "Accent",
        (AlertStatus::Firing, Some((_, "P3" | "P4"))) => "Warning",
        (AlertStatus::Firing, _) => "Attention",
    };
    let title = TextBlock {
        kind: "TextBlock",
        text: cut(&texts.filled("title", &config.title), TITLE_LENGTH_MAX),
        wrap: true,
        style: Some("heading"),
        weight: Some("Bolder"),
        size: Some("Medium"),
        color: Some(color),
    };
    let text =
        TextBlock { kind: "TextBlock", text: texts.text("text", &config.text), wrap: true, ..TextBlock::default() };
    let mut message = WorkflowMessage {
        kind: "message",
        attachments: [Attachment {
            content_type: "application/vnd.microsoft.card.adaptive",
            content: AdaptiveCard {
                schema: "http://adaptivecards.io/schemas/adaptive-card.json",
                kind: "AdaptiveCard",
                version: "1.2",
                body: [title, text],
                msteams: Layout { width: "full" },
            },
        }],
    };
    let excess = excess(&message);
    let [_, text] = &mut message.attachments[0].content.body;
    text.text = shortened(&text.text, excess);
    message
}

pub(super) async fn send(config: &Msteamsv2Config, attempt: &Attempt<'_>) -> Result<Outcome, Outcome> {
    let mut hidden = Hidden::default();
    let message = render(config, &attempt.texts());
    let url = reveal(&config.webhook_url).await?;
    let post = Post::json(&url, &config.http, limit(config.timeout), json(&message)?);
    let answer = attempt.http.post(post, &mut hidden, attempt.now).await?;
    Ok(verdict(&answer, &hidden))
}
