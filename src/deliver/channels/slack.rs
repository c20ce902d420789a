//! Slack.

use std::time::Duration;

use crate::deliver::{HttpConfig, Secret};

/// How many blocks a message of Slack may have, the buttons' included.
pub const SLACK_BLOCKS_MAX: usize = 50;

/// Alertmanager's `slack_config`. Every text is a template.
#[derive(Clone, Debug, PartialEq)]
pub struct SlackConfig {
    /// Where it goes.
    pub target: SlackTarget,
    /// The channel or user; needed for an app, optional for a webhook.
    pub channel: String,
    /// The sender's name.
    pub username: String,
    /// `good`, `warning`, `danger` or `#rrggbb`.
    pub color: String,
    /// The attachment's title.
    pub title: String,
    /// Where the title links to.
    pub title_link: String,
    /// The text before the attachment.
    pub pretext: String,
    /// The attachment's text.
    pub text: String,
    /// The message's own text, above the attachment.
    pub message_text: String,
    /// A table of fields.
    pub fields: Vec<SlackField>,
    /// Whether fields are short unless they say otherwise.
    pub short_fields: bool,
    /// The attachment's footer.
    pub footer: String,
    /// The text for clients that cannot show attachments.
    pub fallback: String,
    /// The attachment's callback id.
    pub callback_id: String,
    /// The sender's icon as emoji.
    pub icon_emoji: String,
    /// The sender's icon as address.
    pub icon_url: String,
    /// A picture.
    pub image_url: String,
    /// A small picture.
    pub thumb_url: String,
    /// Whether names in the text become links.
    pub link_names: bool,
    /// Which parts hold Slack's markdown.
    pub mrkdwn_in: Vec<String>,
    /// Buttons.
    pub actions: Vec<SlackAction>,
    /// Block Kit blocks in place of the attachment, at most [`SLACK_BLOCKS_MAX`]; their texts are templates.
    pub blocks: Vec<serde_json::Value>,
    /// Whether an app changes the group's message instead of sending another.
    pub update_message: bool,
    /// Whether an app answers in the thread of the group's first message.
    pub thread_replies: bool,
    /// The time that an attempt may take.
    pub timeout: Duration,
    /// The connection.
    pub http: HttpConfig,
}

/// The two ways into Slack.
#[derive(Clone, Debug, PartialEq)]
pub enum SlackTarget {
    /// An incoming webhook's address.
    Webhook(Secret),
    /// An app's token, with the address of `chat.postMessage`.
    App {
        /// The bearer token.
        token: Secret,
        /// The method's address.
        url: String,
    },
}

/// A field of a Slack attachment.
#[derive(Clone, Debug, PartialEq)]
pub struct SlackField {
    /// A template.
    pub title: String,
    /// A template.
    pub value: String,
    /// Whether it may share its line; `None` as the attachment says.
    pub short: Option<bool>,
}

/// A button of a Slack attachment.
#[derive(Clone, Debug, PartialEq)]
pub struct SlackAction {
    /// `button` or another of Slack's kinds.
    pub kind: String,
    /// A template.
    pub text: String,
    /// A template.
    pub url: String,
    /// `primary`, `danger` or empty.
    pub style: String,
    /// The action's name.
    pub name: String,
    /// The value that is sent back; a template.
    pub value: String,
    /// What is asked before the action is taken.
    pub confirm: Option<SlackConfirm>,
}

/// The question before a Slack action. Every text is a template.
#[derive(Clone, Debug, PartialEq)]
pub struct SlackConfirm {
    /// The question's title.
    pub title: String,
    /// The question.
    pub text: String,
    /// The label of yes.
    pub ok_text: String,
    /// The label of no.
    pub dismiss_text: String,
}
