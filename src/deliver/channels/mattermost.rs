//! Mattermost.

use std::time::Duration;

use super::SlackField;
use crate::deliver::{HttpConfig, Secret};

/// Alertmanager's `mattermost_config`. Every text is a template.
#[derive(Clone, Debug, PartialEq)]
pub struct MattermostConfig {
    /// The incoming webhook's address.
    pub webhook_url: Secret,
    /// The channel or `@user`; empty for that of the webhook.
    pub channel: String,
    /// The sender's name.
    pub username: String,
    /// The sender's icon as address.
    pub icon_url: String,
    /// The sender's icon as emoji.
    pub icon_emoji: String,
    /// The message's text, in Markdown.
    pub text: String,
    /// What stands below the text.
    pub attachments: Vec<MattermostAttachment>,
    /// The post's type, such as `custom_alert`; empty for a plain one.
    pub kind: String,
    /// What stands in the sidebar beside the message, in Markdown; empty for none.
    pub card: String,
    /// How urgent the message is.
    pub priority: Option<MattermostPriority>,
    /// The time that an attempt may take.
    pub timeout: Duration,
    /// The connection.
    pub http: HttpConfig,
}

/// An attachment of a Mattermost message. Every text is a template.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MattermostAttachment {
    /// The text for clients that cannot show attachments.
    pub fallback: String,
    /// `#rrggbb`.
    pub color: String,
    /// The text before the attachment.
    pub pretext: String,
    /// The attachment's text.
    pub text: String,
    /// The author.
    pub author_name: String,
    /// Where the author's name links to.
    pub author_link: String,
    /// A small picture beside the author's name.
    pub author_icon: String,
    /// The title.
    pub title: String,
    /// Where the title links to.
    pub title_link: String,
    /// A table of fields.
    pub fields: Vec<SlackField>,
    /// A small picture.
    pub thumb_url: String,
    /// The footer.
    pub footer: String,
    /// A small picture beside the footer.
    pub footer_icon: String,
    /// A picture.
    pub image_url: String,
}

/// How urgent a Mattermost message is.
#[derive(Clone, Debug, PartialEq)]
pub struct MattermostPriority {
    /// `urgent`, `important` or `standard`; a template.
    pub priority: String,
    /// Whether readers are asked to acknowledge; not for `standard`.
    pub requested_ack: bool,
    /// Whether those named are reminded until they answer; for `urgent` only.
    pub persistent_notifications: bool,
}
