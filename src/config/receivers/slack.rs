//! `slack_configs` and their defaults in `global`.

use crate::deliver::{
    Channel, SLACK_BLOCKS_MAX, Secret, SlackAction, SlackConfig, SlackConfirm, SlackField, SlackTarget,
};

use super::{ChannelDefaults, Fields, Node, NodeKind, Reader, address_or, check_url, connection, timeout};

/// The method that posts a message for an app.
const APP_URL: &str = "https://slack.com/api/chat.postMessage";

/// What `global` says of Slack.
#[derive(Debug)]
pub(in crate::config) struct SlackDefaults {
    api_url: Option<Secret>,
    app_token: Option<Secret>,
    app_url: String,
}

/// Reads `slack_*` of `global`.
pub(in crate::config) fn slack_defaults(fields: &mut Fields<'_>) -> SlackDefaults {
    let defaults = SlackDefaults {
        api_url: fields.secret("slack_api_url", "slack_api_url_file"),
        app_token: fields.secret("slack_app_token", "slack_app_token_file"),
        app_url: address_or(fields, "slack_app_url", APP_URL),
    };
    check_url(fields, "slack_api_url", defaults.api_url.as_ref());
    if defaults.api_url.is_some() && defaults.app_token.is_some() {
        let message = "give a Slack webhook (`slack_api_url`) or an app (`slack_app_token`), not both";
        fields.error_at("slack_api_url", "config/slack", message);
    }
    defaults
}

pub(super) fn read(fields: &mut Fields<'_>, defaults: &ChannelDefaults) -> Option<Channel> {
    let reader = fields.reader();
    let channel = fields.template_or("channel", "");
    let target = target(fields, &defaults.slack);
    if matches!(target, Some(SlackTarget::App { .. })) && channel.is_empty() {
        fields.missing("channel");
    }
    let is_webhook = matches!(target, Some(SlackTarget::Webhook(_)));
    let mut for_apps = |name| {
        let wanted = fields.flag(name).unwrap_or(false);
        if wanted && is_webhook {
            let message = format!("`{name}` needs an app (`app_token`): a webhook does not say which message it made");
            fields.error_at(name, "config/slack", message);
        }
        wanted
    };
    let (update_message, thread_replies) = (for_apps("update_message"), for_apps("thread_replies"));
    let blocks = blocks(fields);
    let config = SlackConfig {
        channel,
        username: fields.template_or("username", r#"{{ template "slack.default.username" . }}"#),
        color: fields.template_or("color", r#"{{ template "slack.default.color" . }}"#),
        title: fields.template_or("title", r#"{{ template "slack.default.title" . }}"#),
        title_link: fields.template_or("title_link", r#"{{ template "slack.default.titlelink" . }}"#),
        pretext: fields.template_or("pretext", r#"{{ template "slack.default.pretext" . }}"#),
        text: fields.template_or("text", r#"{{ template "slack.default.text" . }}"#),
        message_text: fields.template_or("message_text", ""),
        fields: fields.list("fields").iter().filter_map(|node| message_field(reader, node)).collect(),
        short_fields: fields.flag("short_fields").unwrap_or(false),
        footer: fields.template_or("footer", r#"{{ template "slack.default.footer" . }}"#),
        fallback: fields.template_or("fallback", r#"{{ template "slack.default.fallback" . }}"#),
        callback_id: fields.template_or("callback_id", r#"{{ template "slack.default.callbackid" . }}"#),
        icon_emoji: fields.template_or("icon_emoji", r#"{{ template "slack.default.iconemoji" . }}"#),
        icon_url: fields.template_or("icon_url", r#"{{ template "slack.default.iconurl" . }}"#),
        image_url: fields.template_or("image_url", ""),
        thumb_url: fields.template_or("thumb_url", ""),
        link_names: fields.flag("link_names").unwrap_or(false),
        mrkdwn_in: mrkdwn_in(fields),
        actions: fields.list("actions").iter().filter_map(|node| action(reader, node)).collect(),
        blocks,
        update_message,
        thread_replies,
        timeout: timeout(fields),
        http: connection(fields, defaults),
        target: target?,
    };
    Some(Channel::Slack(Box::new(config)))
}

fn target(fields: &mut Fields<'_>, defaults: &SlackDefaults) -> Option<SlackTarget> {
    let api_url = fields.secret("api_url", "api_url_file");
    let app_token = fields.secret("app_token", "app_token_file");
    let app_url = address_or(fields, "app_url", &defaults.app_url);
    check_url(fields, "api_url", api_url.as_ref());
    match (api_url, app_token) {
        (Some(_), Some(_)) => {
            let message = "give a Slack webhook (`api_url`) or an app (`app_token`), not both";
            fields.error_at("app_token", "config/slack", message);
            None
        }
        (Some(url), None) => Some(SlackTarget::Webhook(url)),
        (None, Some(token)) => Some(SlackTarget::App { token, url: app_url }),
        (None, None) => match (&defaults.app_token, &defaults.api_url) {
            (Some(token), _) => Some(SlackTarget::App { token: token.clone(), url: app_url }),
            (None, Some(url)) => Some(SlackTarget::Webhook(url.clone())),
            (None, None) => {
                let message = "a Slack channel needs `api_url` or `app_token`, here or as `slack_…` in `global`";
                fields.reader().error("yaml/missing-field", fields.span(), message);
                None
            }
        },
    }
}

/// Block Kit blocks as they are, each with its `type`; the buttons need one of [`SLACK_BLOCKS_MAX`].
fn blocks(fields: &mut Fields<'_>) -> Vec<serde_json::Value> {
    let reader = fields.reader();
    let nodes = fields.list("blocks");
    let own = usize::from(!fields.list("actions").is_empty());
    if nodes.len() + own > SLACK_BLOCKS_MAX {
        let message =
            format!("Slack takes {SLACK_BLOCKS_MAX} blocks; with that of the actions here are {}", nodes.len() + own);
        fields.error_at("blocks", "config/slack", message);
    }
    let mut blocks = Vec::new();
    for node in nodes {
        let is_mapping = matches!(node.kind, NodeKind::Mapping(_));
        let has_type = reader.entries(node, "a block of a Slack message").iter().any(|entry| entry.key == "type");
        if is_mapping && !has_type {
            reader.error("config/slack", &node.span, "a block of a Slack message needs the field `type`");
        }
        blocks.push(reader.template_tree(node));
    }
    blocks
}

fn mrkdwn_in(fields: &mut Fields<'_>) -> Vec<String> {
    match fields.texts("mrkdwn_in") {
        Some(parts) => parts.into_iter().map(|(part, _)| part).collect(),
        None => ["fallback", "pretext", "text"].map(str::to_owned).to_vec(),
    }
}

/// A field of a message, alike for services that take Slack's attachments.
pub(super) fn message_field(reader: &Reader<'_>, node: &Node) -> Option<SlackField> {
    let mut fields = reader.fields(node, "a field of a message")?;
    for name in ["title", "value"] {
        fields.need_text(name);
    }
    let field = SlackField {
        title: fields.template_or("title", ""),
        value: fields.template_or("value", ""),
        short: fields.flag("short"),
    };
    fields.finish();
    Some(field)
}

fn action(reader: &Reader<'_>, node: &Node) -> Option<SlackAction> {
    let mut fields = reader.fields(node, "an action of a Slack message")?;
    for name in ["type", "text"] {
        fields.need_text(name);
    }
    let confirm = fields.take("confirm").and_then(|node| confirm(reader, node));
    let action = SlackAction {
        kind: fields.text_or("type", "button"),
        text: fields.template_or("text", ""),
        url: fields.template_or("url", ""),
        style: fields.template_or("style", ""),
        name: fields.template_or("name", ""),
        value: fields.template_or("value", ""),
        confirm,
    };
    if action.url.is_empty() && action.name.is_empty() {
        fields.missing("url");
    }
    fields.finish();
    Some(action)
}

fn confirm(reader: &Reader<'_>, node: &Node) -> Option<SlackConfirm> {
    let mut fields = reader.fields(node, "the question before an action")?;
    fields.need_text("text");
    let confirm = SlackConfirm {
        title: fields.template_or("title", ""),
        text: fields.template_or("text", ""),
        ok_text: fields.template_or("ok_text", ""),
        dismiss_text: fields.template_or("dismiss_text", ""),
    };
    fields.finish();
    Some(confirm)
}
