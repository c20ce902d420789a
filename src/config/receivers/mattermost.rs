//! `mattermost_configs` and their defaults in `global`.

use crate::deliver::{Channel, MattermostAttachment, MattermostConfig, MattermostPriority, Secret};

use super::slack::message_field;
use super::{ChannelDefaults, Fields, Node, Reader, check_url, connection, timeout, webhook_url};

/// The greatest number of attachments of a message.
const ATTACHMENTS_MAX: usize = 20;

/// What `global` says of Mattermost.
#[derive(Debug)]
pub(in crate::config) struct MattermostDefaults {
    webhook_url: Option<Secret>,
}

/// Reads `mattermost_*` of `global`.
pub(in crate::config) fn mattermost_defaults(fields: &mut Fields<'_>) -> MattermostDefaults {
    let webhook_url = fields.secret("mattermost_webhook_url", "mattermost_webhook_url_file");
    check_url(fields, "mattermost_webhook_url", webhook_url.as_ref());
    MattermostDefaults { webhook_url }
}

pub(super) fn read(fields: &mut Fields<'_>, defaults: &ChannelDefaults) -> Option<Channel> {
    let reader = fields.reader();
    let webhook_url = webhook_url(fields, defaults.mattermost.webhook_url.as_ref());
    let priority = fields.take("priority").and_then(|node| priority(reader, node));
    let config = MattermostConfig {
        channel: fields.template_or("channel", ""),
        username: fields.template_or("username", r#"{{ template "mattermost.default.username" . }}"#),
        icon_url: fields.template_or("icon_url", ""),
        icon_emoji: fields.template_or("icon_emoji", ""),
        text: fields.template_or("text", r#"{{ template "mattermost.default.text" . }}"#),
        attachments: attachments(fields),
        kind: fields.template_or("type", ""),
        card: fields.take("props").map(|node| card(reader, node)).unwrap_or_default(),
        priority: priority.filter(|priority| !priority.priority.is_empty()),
        timeout: timeout(fields),
        http: connection(fields, defaults),
        webhook_url: webhook_url?,
    };
    Some(Channel::Mattermost(Box::new(config)))
}

/// Those of the list `attachments`; without it one of the fields beside the text, if any of them is given.
fn attachments(fields: &mut Fields<'_>) -> Vec<MattermostAttachment> {
    let reader = fields.reader();
    let beside = attachment(
        fields,
        MattermostAttachment {
            fallback: r#"{{ template "mattermost.default.fallback" . }}"#.to_owned(),
            color: r#"{{ template "mattermost.default.color" . }}"#.to_owned(),
            title: r#"{{ template "mattermost.default.title" . }}"#.to_owned(),
            title_link: r#"{{ template "mattermost.default.titlelink" . }}"#.to_owned(),
            ..MattermostAttachment::default()
        },
    );
    let nodes = fields.list("attachments");
    if nodes.len() > ATTACHMENTS_MAX {
        let message = format!("a message has at most {ATTACHMENTS_MAX} attachments");
        fields.error_at("attachments", "config/too-many", message);
    }
    if nodes.is_empty() {
        return beside.into_iter().collect();
    }
    let mut attachments = Vec::with_capacity(nodes.len());
    for node in nodes {
        let Some(mut inner) = reader.fields(node, "an attachment of a Mattermost message") else { continue };
        let text = inner.template_or("text", "");
        let listed = attachment(&mut inner, MattermostAttachment::default()).unwrap_or_default();
        attachments.push(MattermostAttachment { text, ..listed });
        inner.finish();
    }
    attachments
}

/// The attachment that `fields` give over `defaults`, without its text; `None` if they give nothing of it.
fn attachment(fields: &mut Fields<'_>, defaults: MattermostAttachment) -> Option<MattermostAttachment> {
    let reader = fields.reader();
    let mut is_given = false;
    let mut text = |name: &'static str, default: &str| {
        is_given |= fields.take(name).is_some();
        fields.template_or(name, default)
    };
    let attachment = MattermostAttachment {
        fallback: text("fallback", &defaults.fallback),
        color: text("color", &defaults.color),
        pretext: text("pretext", ""),
        text: String::new(),
        author_name: text("author_name", ""),
        author_link: text("author_link", ""),
        author_icon: text("author_icon", ""),
        title: text("title", &defaults.title),
        title_link: text("title_link", &defaults.title_link),
        fields: Vec::new(),
        thumb_url: text("thumb_url", ""),
        footer: text("footer", ""),
        footer_icon: text("footer_icon", ""),
        image_url: text("image_url", ""),
    };
    let table = fields.list("fields");
    let fields = table.iter().filter_map(|node| message_field(reader, node)).collect();
    (is_given || !table.is_empty()).then_some(MattermostAttachment { fields, ..attachment })
}

fn card(reader: &Reader<'_>, node: &Node) -> String {
    let Some(mut fields) = reader.fields(node, "`props`") else { return String::new() };
    let card = fields.template_or("card", "");
    fields.finish();
    card
}

fn priority(reader: &Reader<'_>, node: &Node) -> Option<MattermostPriority> {
    let mut fields = reader.fields(node, "`priority`")?;
    let priority = MattermostPriority {
        priority: fields.template_or("priority", ""),
        requested_ack: fields.flag("requested_ack").unwrap_or(false),
        persistent_notifications: fields.flag("persistent_notifications").unwrap_or(false),
    };
    fields.finish();
    Some(priority)
}
