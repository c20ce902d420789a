//! Slack: an incoming webhook or `chat.postMessage`, with the attachment that Alertmanager builds
//! (<https://docs.slack.dev/legacy/legacy-messaging/legacy-secondary-message-attachments>).

use serde::Serialize;

use super::http::{Post, json};
use super::slack_answer::verdict;
use super::text::{RenderError, Texts, cut};
use super::{Attempt, limit};
use crate::deliver::{HttpConfig, Outcome, SlackAction, SlackConfig, SlackConfirm, SlackTarget};
use crate::shell::secret::{Hidden, reveal};

/// The greatest length of a title, in characters.
const TITLE_LENGTH_MAX: usize = 1024;

/// The greatest length of all texts of a message together, in characters.
const MESSAGE_LENGTH_MAX: usize = 40_000;

/// The parts that hold Slack's markdown unless the configuration says otherwise.
const MARKDOWN_PARTS: [&str; 3] = ["fallback", "pretext", "text"];

/// A message with one attachment.
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
    attachments: [Attachment; 1],
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
struct Field {
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
pub(super) fn render(config: &SlackConfig, texts: &Texts<'_>) -> Result<SlackMessage, RenderError> {
    let mut left = MESSAGE_LENGTH_MAX;
    let text = spend(&texts.text("message_text", &config.message_text), &mut left);
    let pretext = spend(&texts.text("pretext", &config.pretext), &mut left);
    let title = spend(&cut(&texts.text("title", &config.title), TITLE_LENGTH_MAX), &mut left);
    let fallback = cut(&texts.text("fallback", &config.fallback), TITLE_LENGTH_MAX);
    let body = spend(&texts.text("text", &config.text), &mut left);
    Ok(SlackMessage {
        channel: texts.exact("channel", &config.channel)?,
        username: texts.text("username", &config.username),
        icon_emoji: texts.text("icon_emoji", &config.icon_emoji),
        icon_url: texts.text("icon_url", &config.icon_url),
        link_names: config.link_names,
        text,
        attachments: [Attachment {
            title,
            title_link: texts.text("title_link", &config.title_link),
            pretext,
            text: body,
            fallback,
            callback_id: texts.text("callback_id", &config.callback_id),
            fields: fields(config, texts, &mut left),
            actions: config.actions.iter().map(|action| button(action, texts)).collect(),
            image_url: texts.text("image_url", &config.image_url),
            thumb_url: texts.text("thumb_url", &config.thumb_url),
            footer: texts.text("footer", &config.footer),
            color: texts.text("color", &config.color),
            mrkdwn_in: match config.mrkdwn_in.is_empty() {
                true => MARKDOWN_PARTS.map(str::to_owned).to_vec(),
                false => config.mrkdwn_in.clone(),
            },
        }],
    })
}

/// As much of `text` as fits into `left`, which it shortens.
fn spend(text: &str, left: &mut usize) -> String {
    let kept = cut(text, *left);
    *left -= kept.chars().count();
    kept
}

fn fields(config: &SlackConfig, texts: &Texts<'_>, left: &mut usize) -> Vec<Field> {
    let mut fields = Vec::with_capacity(config.fields.len());
    for field in &config.fields {
        fields.push(Field {
            title: spend(&texts.text("fields", &field.title), left),
            value: spend(&texts.text("fields", &field.value), left),
            short: field.short.unwrap_or(config.short_fields),
        });
    }
    fields
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
    let message = render(config, &attempt.texts())?;
    let (url, http) = match &config.target {
        SlackTarget::Webhook(secret) => (reveal(secret).await?, config.http.clone()),
        SlackTarget::App { token, url } => {
            let authorization = Some(("Bearer".to_owned(), token.clone()));
            (url.clone(), HttpConfig { authorization, basic_auth: None, ..config.http.clone() })
        }
    };
    let post = Post::json(&url, &http, limit(config.timeout), json(&message)?);
    let answer = attempt.http.post(post, &mut hidden, attempt.now).await?;
    Ok(verdict(&answer, matches!(config.target, SlackTarget::App { .. }), &hidden))
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

    #[test]
    fn keeps_to_the_limits() {
        let mut config = fixture::slack(target());
        config.title = "t".repeat(2000);
        config.pretext = "p".repeat(30_000);
        config.text = "x".repeat(30_000);
        let rendered = fixture::render_for(Channel::Slack(Box::new(config)), &fixture::notification());
        let Rendered::Slack(message) = rendered else { panic!("not a message") };
        let [attachment] = &message.attachments;
        assert_eq!(attachment.title.chars().count(), TITLE_LENGTH_MAX);
        assert_eq!(attachment.pretext.chars().count(), 30_000);
        let texts = [&message.text, &attachment.title, &attachment.pretext, &attachment.text];
        assert_eq!(texts.iter().map(|text| text.chars().count()).sum::<usize>(), MESSAGE_LENGTH_MAX);
        assert!(attachment.text.ends_with('…'));
    }
}
