//! `rocketchat_configs` and their defaults in `global`.

use crate::deliver::{Channel, RocketchatAction, RocketchatConfig, Secret};

use super::slack::message_field;
use super::{ChannelDefaults, Fields, Node, Reader, address_or, connection, secret_or, timeout};

/// Where messages go unless the configuration says otherwise.
const API_URL: &str = "https://open.rocket.chat/";

/// What `global` says of Rocket.Chat.
#[derive(Debug)]
pub(in crate::config) struct RocketchatDefaults {
    api_url: String,
    token: Option<Secret>,
    token_id: Option<Secret>,
}

/// Reads `rocketchat_*` of `global`.
pub(in crate::config) fn rocketchat_defaults(fields: &mut Fields<'_>) -> RocketchatDefaults {
    RocketchatDefaults {
        api_url: address_or(fields, "rocketchat_api_url", API_URL),
        token: fields.secret("rocketchat_token", "rocketchat_token_file"),
        token_id: fields.secret("rocketchat_token_id", "rocketchat_token_id_file"),
    }
}

pub(super) fn read(fields: &mut Fields<'_>, defaults: &ChannelDefaults) -> Option<Channel> {
    let reader = fields.reader();
    let token = secret_or(fields, "token", "token_file", defaults.rocketchat.token.as_ref());
    let token_id = secret_or(fields, "token_id", "token_id_file", defaults.rocketchat.token_id.as_ref());
    fields.without_effect("link_names", "Rocket.Chat always links names");
    let config = RocketchatConfig {
        api_url: address_or(fields, "api_url", &defaults.rocketchat.api_url),
        channel: fields.template_or("channel", ""),
        color: fields.template_or("color", r#"{{ template "rocketchat.default.color" . }}"#),
        title: fields.template_or("title", r#"{{ template "rocketchat.default.title" . }}"#),
        title_link: fields.template_or("title_link", r#"{{ template "rocketchat.default.titlelink" . }}"#),
        text: fields.template_or("text", r#"{{ template "rocketchat.default.text" . }}"#),
        fields: fields.list("fields").iter().filter_map(|node| message_field(reader, node)).collect(),
        short_fields: fields.flag("short_fields").unwrap_or(false),
        emoji: fields.template_or("emoji", r#"{{ template "rocketchat.default.emoji" . }}"#),
        icon_url: fields.template_or("icon_url", r#"{{ template "rocketchat.default.iconurl" . }}"#),
        image_url: fields.template_or("image_url", ""),
        thumb_url: fields.template_or("thumb_url", ""),
        actions: fields.list("actions").iter().filter_map(|node| action(reader, node)).collect(),
        timeout: timeout(fields),
        http: connection(fields, defaults),
        token: token?,
        token_id: token_id?,
    };
    Some(Channel::Rocketchat(Box::new(config)))
}

fn action(reader: &Reader<'_>, node: &Node) -> Option<RocketchatAction> {
    let mut fields = reader.fields(node, "an action of a Rocket.Chat message")?;
    if fields.text("type").is_some_and(|kind| kind != "button") {
        fields.error_at("type", "config/rocketchat", "Rocket.Chat has actions of the type `button` alone");
    }
    let action = RocketchatAction {
        text: fields.template_or("text", ""),
        url: fields.template_or("url", ""),
        image_url: fields.template_or("image_url", ""),
        is_webview: fields.flag("is_webview").unwrap_or(false),
        webview_height_ratio: fields.template_or("webview_height_ratio", ""),
        msg: fields.template_or("msg", ""),
        msg_in_chat_window: fields.flag("msg_in_chat_window").unwrap_or(false),
        msg_processing_type: fields.template_or("msg_processing_type", ""),
    };
    fields.finish();
    Some(action)
}
