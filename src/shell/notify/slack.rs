//! Slack: an incoming webhook or `chat.postMessage`, with the attachment that Alertmanager builds
//! (<https://docs.slack.dev/legacy/legacy-messaging/legacy-secondary-message-attachments>).

use serde::Serialize;
use serde_json::Value;
use tracing::warn;

use super::console::clock_text;
use super::http::{Answer, Post, json};
use super::slack_answer::{refuses_blocks, verdict};
use super::text::{RenderError, Texts, cut};
use super::{Attempt, limit, slack_app, slack_blocks};
use crate::deliver::{Notification, Outcome, SlackAction, SlackConfig, SlackConfirm, SlackField, SlackTarget};
use crate::shell::secret::{Hidden, reveal};

/// The greatest length of a title, in characters.
const TITLE_LENGTH_MAX: usize = 1024;

/// The greatest length of all texts of a message together, in characters.
const MESSAGE_LENGTH_MAX: usize = 40_000;

/// The parts that hold Slack's markdown unless the configuration says otherwise.
const MARKDOWN_PARTS: [&str; 3] = ["fallback", "pretext", "text"];

/// A message: one attachment, or blocks.
#[derive(Clone, Debug, Serialize)]
pub struct SlackMessage {
    #[serde(skip_serializing_if = "String::is_empty")]
    channel: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    username: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    icon_emoji: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    icon_url: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    link_names: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<Attachment>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    blocks: Vec<Value>,
    /// The message whose thread this one answers in.
    #[serde(skip_serializing_if = "Option::is_none")]
    thread_ts: Option<String>,
    /// The message that this one replaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    ts: Option<String>,
}

impl SlackMessage {
    /// The channel as it is configured.
    pub(super) fn channel(&self) -> &str {
        &self.channel
    }

    /// The message in place of `ts` in the channel with this id. A message's sender and icon cannot be changed.
    pub(super) fn replacing(&self, channel: &str, ts: &str) -> SlackMessage {
        let (channel, ts) = (channel.to_owned(), Some(ts.to_owned()));
        let (username, icon_emoji, icon_url) = (String::new(), String::new(), String::new());
        SlackMessage { channel, ts, username, icon_emoji, icon_url, ..self.clone() }
    }

    /// The message as an answer to `ts` in the channel with this id.
    pub(super) fn answering(&self, channel: &str, ts: &str) -> SlackMessage {
        SlackMessage { channel: channel.to_owned(), thread_ts: Some(ts.to_owned()), ..self.clone() }
    }
}

#[derive(Clone, Debug, Serialize)]
struct Attachment {
    #[serde(skip_serializing_if = "String::is_empty")]
    title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    title_link: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pretext: String,
    text: String,
    fallback: String,
    callback_id: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<Field>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    actions: Vec<Action>,
    #[serde(skip_serializing_if = "String::is_empty")]
    image_url: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    thumb_url: String,
    footer: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    color: String,
    mrkdwn_in: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Field {
    title: String,
    value: String,
    short: bool,
}

#[derive(Clone, Debug, Serialize)]
struct Action {
    #[serde(rename = "type")]
    kind: String,
    text: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    url: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    style: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirm: Option<Confirm>,
}

#[derive(Clone, Debug, Serialize)]
struct Confirm {
    text: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    ok_text: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    dismiss_text: String,
}

/// The message; its long texts share [`MESSAGE_LENGTH_MAX`], what stands first in Slack is cut last.
pub(super) fn render(
    config: &SlackConfig,
    notification: &Notification,
    texts: &Texts<'_>,
) -> Result<SlackMessage, RenderError> {
    let mut left = MESSAGE_LENGTH_MAX;
    let text = spend(&texts.text("message_text", &config.message_text), &mut left);
    let message = SlackMessage {
        channel: texts.exact("channel", &config.channel)?,
        username: texts.text("username", &config.username),
        icon_emoji: texts.text("icon_emoji", &config.icon_emoji),
        icon_url: texts.text("icon_url", &config.icon_url),
        link_names: config.link_names,
        text,
        attachments: Vec::new(),
        blocks: Vec::new(),
        thread_ts: None,
        ts: None,
    };
    if config.blocks.is_empty() {
        return Ok(SlackMessage { attachments: vec![attachment(config, texts, left)], ..message });
    }
    let text = match message.text.is_empty() {
        // What clients show that cannot show blocks: previews and notifications.
        true => cut(&texts.text("fallback", &config.fallback), TITLE_LENGTH_MAX),
        false => message.text,
    };
    Ok(SlackMessage { text, blocks: slack_blocks::render(config, notification, texts), ..message })
}

fn attachment(config: &SlackConfig, texts: &Texts<'_>, mut left: usize) -> Attachment {
    let pretext = spend(&texts.text("pretext", &config.pretext), &mut left);
    let title = spend(&cut(&texts.text("title", &config.title), TITLE_LENGTH_MAX), &mut left);
    let fallback = cut(&texts.text("fallback", &config.fallback), TITLE_LENGTH_MAX);
    let body = spend(&texts.text("text", &config.text), &mut left);
    Attachment {
        title,
        title_link: texts.text("title_link", &config.title_link),
        pretext,
        text: body,
        fallback,
        callback_id: texts.text("callback_id", &config.callback_id),
        fields: incident_fields(texts, &mut left)
            .into_iter()
            .chain(fields(&config.fields, config.short_fields, texts, &mut left))
            .collect(),
        actions: config.actions.iter().map(|action| button(action, texts)).collect(),
        image_url: texts.text("image_url", &config.image_url),
        thumb_url: texts.text("thumb_url", &config.thumb_url),
        footer: texts.text("footer", &config.footer),
        color: texts.text("color", &config.color),
        mrkdwn_in: match config.mrkdwn_in.is_empty() {
            true => MARKDOWN_PARTS.map(str::to_owned).to_vec(),
            false => config.mrkdwn_in.clone(),
        },
    }
}

/// As much of `text` as fits into `left`, which it shortens.
pub(super) fn spend(text: &str, left: &mut usize) -> String {
    let kept = cut(text, *left);
    *left -= kept.chars().count();
    kept
}

pub(super) fn fields(given: &[SlackField], short: bool, texts: &Texts<'_>, left: &mut usize) -> Vec<Field> {
    let mut fields = Vec::with_capacity(given.len());
    for field in given {
        fields.push(Field {
            title: spend(&texts.text("fields", &field.title), left),
            value: spend(&texts.text("fields", &field.value), left),
            short: field.short.unwrap_or(short),
        });
    }
    fields
}

/// What is to be seen of an incident at a glance.
fn incident_fields(texts: &Texts<'_>, left: &mut usize) -> Vec<Field> {
    let Some(incident) = &texts.data().incident else { return Vec::new() };
    let rows = [
        ("Severity", incident.severity.clone(), true),
        ("Answer by", incident.answer_by.map(clock_text).unwrap_or_default(), true),
        ("Opened", clock_text(incident.opened_at), true),
        ("Priority", incident.priority.clone(), false),
        ("Symptoms", incident.symptoms.join("\n"), false),
    ];
    let row = |(title, value, short): (&str, String, bool)| Field {
        title: spend(title, left),
        value: spend(&value, left),
        short,
    };
    rows.into_iter().filter(|(_, value, _)| !value.is_empty()).map(row).collect()
}

fn button(action: &SlackAction, texts: &Texts<'_>) -> Action {
    let text = |template: &str| texts.text("actions", template);
    let question = |confirm: &SlackConfirm| Confirm {
        text: text(&confirm.text),
        title: text(&confirm.title),
        ok_text: text(&confirm.ok_text),
        dismiss_text: text(&confirm.dismiss_text),
    };
    Action {
        kind: text(&action.kind),
        text: text(&action.text),
        url: text(&action.url),
        style: text(&action.style),
        name: text(&action.name),
        value: text(&action.value),
        confirm: action.confirm.as_ref().map(question),
    }
}

pub(super) async fn send(config: &SlackConfig, attempt: &Attempt<'_>) -> Outcome {
    match try_send(config, attempt).await {
        Ok(outcome) | Err(outcome) => outcome,
    }
}

async fn try_send(config: &SlackConfig, attempt: &Attempt<'_>) -> Result<Outcome, Outcome> {
    let mut hidden = Hidden::default();
    let texts = attempt.texts();
    let message = render(config, attempt.notification, &texts)?;
    let (answer, outcome) = tell(config, &message, attempt, &mut hidden).await?;
    if message.blocks.is_empty() || !refuses_blocks(&answer) {
        return Ok(outcome);
    }
    warn!(receiver = attempt.notification.receiver, "Slack refuses the blocks; the attachment is sent in their place");
    let plain = SlackConfig { blocks: Vec::new(), ..config.clone() };
    let (_, outcome) = tell(&plain, &render(&plain, attempt.notification, &texts)?, attempt, &mut hidden).await?;
    Ok(outcome)
}

/// Brings `message` to the webhook or through the app; the last answer and what it means.
async fn tell(
    config: &SlackConfig,
    message: &SlackMessage,
    attempt: &Attempt<'_>,
    hidden: &mut Hidden,
) -> Result<(Answer, Outcome), Outcome> {
    match &config.target {
        SlackTarget::App { token, url } => slack_app::tell(config, token, url, message, attempt, hidden).await,
        SlackTarget::Webhook(secret) => {
            let url = reveal(secret).await?;
            let post = Post::json(&url, &config.http, limit(config.timeout), json(message)?);
            let answer = attempt.http.post(post, hidden, attempt.now).await?;
            let outcome = verdict(&answer, false, hidden);
            Ok((answer, outcome))
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::deliver::{Channel, Secret};
    use crate::shell::notify::{Rendered, fixture};

    use super::*;

    fn target() -> SlackTarget {
        SlackTarget::Webhook(Secret::Value("http://127.0.0.1/".into()))
    }

    #[test]
    fn payload() {
        insta::assert_snapshot!(fixture::rendered(Channel::Slack(Box::new(fixture::slack(target())))), @r##"
        {
          "channel": "#alerts",
          "username": "Watchbell",
          "icon_emoji": ":bell:",
          "link_names": true,
          "attachments": [
            {
              "title": "[FIRING:1] HighLoad",
              "title_link": "http://watchbell.example.org/#/alerts?receiver=night-watch",
              "text": "a:9100: Load is high, überall\nbb:9100: Load is high\n",
              "fallback": "HighLoad",
              "callback_id": "",
              "fields": [
                {
                  "title": "Severity",
                  "value": "critical",
                  "short": true
                },
                {
                  "title": "Reason",
                  "value": "new alerts in group",
                  "short": false
                }
              ],
              "actions": [
                {
                  "type": "button",
                  "text": "Silence",
                  "url": "http://watchbell.example.org/#/silences",
                  "style": "danger",
                  "name": "silence",
                  "value": "HighLoad",
                  "confirm": {
                    "text": "Silence HighLoad?",
                    "title": "Sure?",
                    "ok_text": "Yes"
                  }
                }
              ],
              "footer": "",
              "color": "danger",
              "mrkdwn_in": [
                "fallback",
                "pretext",
                "text"
              ]
            }
          ]
        }
        "##);
    }

    fn with_blocks(blocks: serde_json::Value) -> Channel {
        let mut config = fixture::slack(target());
        config.blocks = blocks.as_array().expect("a list").clone();
        Channel::Slack(Box::new(config))
    }

    #[test]
    fn blocks() {
        let blocks = serde_json::json!([
            {"type": "header", "text": {"type": "plain_text", "text": "{{ .CommonLabels.alertname }}", "emoji": true}},
            {"type": "section", "fields": [
                {"type": "mrkdwn", "text": "*{{ .Status }}*: {{ .Alerts.Firing | len }}"},
                {"type": "mrkdwn", "text": "{{ .CommonAnnotations.nope }}"},
            ]},
        ]);
        insta::assert_snapshot!(fixture::rendered(with_blocks(blocks)), @r##"
        {
          "channel": "#alerts",
          "username": "Watchbell",
          "icon_emoji": ":bell:",
          "link_names": true,
          "text": "HighLoad",
          "blocks": [
            {
              "text": {
                "emoji": true,
                "text": "HighLoad",
                "type": "plain_text"
              },
              "type": "header"
            },
            {
              "fields": [
                {
                  "text": "*firing*: 1",
                  "type": "mrkdwn"
                },
                {
                  "text": "–",
                  "type": "mrkdwn"
                }
              ],
              "type": "section"
            },
            {
              "block_id": "watchbell:196cd8f79681ecfe82cc3e2d31612835c7d1ce897fd702ce61839eace2d49e26",
              "elements": [
                {
                  "action_id": "silence",
                  "confirm": {
                    "confirm": {
                      "text": "Yes",
                      "type": "plain_text"
                    },
                    "deny": {
                      "text": "No",
                      "type": "plain_text"
                    },
                    "text": {
                      "text": "Silence HighLoad?",
                      "type": "plain_text"
                    },
                    "title": {
                      "text": "Sure?",
                      "type": "plain_text"
                    }
                  },
                  "style": "danger",
                  "text": {
                    "text": "Silence",
                    "type": "plain_text"
                  },
                  "type": "button",
                  "url": "http://watchbell.example.org/#/silences",
                  "value": "HighLoad"
                }
              ],
              "type": "actions"
            }
          ]
        }
        "##);
    }

    #[test]
    fn blocks_keep_to_the_limits() {
        let text = |length: usize| serde_json::json!({"type": "mrkdwn", "text": "x".repeat(length)});
        let section = serde_json::json!({"type": "section", "text": text(4000), "fields": vec![text(4000); 20]});
        let header = serde_json::json!({"type": "header", "text": {"type": "plain_text", "text": "x".repeat(999)}});
        let mut blocks = vec![header; 60];
        blocks[0] = section;
        let rendered = fixture::render_for(with_blocks(blocks.into()), &fixture::notification());
        let Rendered::Slack(message) = rendered else { panic!("not a message") };
        let length = |text: &Value| text["text"].as_str().map(|text| text.chars().count());
        assert_eq!(message.blocks.len(), 50);
        assert_eq!(length(&message.blocks[0]["text"]), Some(3000));
        assert_eq!(message.blocks[0]["fields"].as_array().map(Vec::len), Some(10));
        assert_eq!(length(&message.blocks[0]["fields"][9]), Some(2000));
        assert_eq!(length(&message.blocks[1]["text"]), Some(150));
        assert_eq!(message.blocks[49]["type"], "actions");
    }

    #[test]
    fn keeps_to_the_limits() {
        let mut config = fixture::slack(target());
        config.title = "t".repeat(2000);
        config.pretext = "p".repeat(30_000);
        config.text = "x".repeat(30_000);
        let rendered = fixture::render_for(Channel::Slack(Box::new(config)), &fixture::notification());
        let Rendered::Slack(message) = rendered else { panic!("not a message") };
        let attachment = &message.attachments[0];
        assert_eq!(attachment.title.chars().count(), TITLE_LENGTH_MAX);
        assert_eq!(attachment.pretext.chars().count(), 30_000);
        let texts = [&message.text, &attachment.title, &attachment.pretext, &attachment.text];
        assert_eq!(texts.iter().map(|text| text.chars().count()).sum::<usize>(), MESSAGE_LENGTH_MAX);
        assert!(attachment.text.ends_with('…'));
    }
}
