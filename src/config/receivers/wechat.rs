//! `wechat_configs` and their defaults in `global`.

use crate::deliver::{Channel, Secret, WechatConfig};

use super::{ChannelDefaults, Fields, address_or, connection, secret_or, timeout};

/// The API unless the configuration says otherwise.
const API_URL: &str = "https://qyapi.weixin.qq.com/cgi-bin/";

/// What `global` says of WeChat.
#[derive(Debug)]
pub(in crate::config) struct WechatDefaults {
    api_url: String,
    api_secret: Option<Secret>,
    corp_id: String,
}

/// Reads `wechat_*` of `global`.
pub(in crate::config) fn wechat_defaults(fields: &mut Fields<'_>) -> WechatDefaults {
    WechatDefaults {
        api_url: address_or(fields, "wechat_api_url", API_URL),
        api_secret: fields.secret("wechat_api_secret", "wechat_api_secret_file"),
        corp_id: fields.text_or("wechat_api_corp_id", ""),
    }
}

pub(super) fn read(fields: &mut Fields<'_>, defaults: &ChannelDefaults) -> Option<Channel> {
    if let Some(node) = fields.take("api_secret") {
        fields.reader().note_template(node);
    }
    let api_secret = secret_or(fields, "api_secret", "api_secret_file", defaults.wechat.api_secret.as_ref());
    let corp_id = fields.template_or("corp_id", &defaults.wechat.corp_id);
    if corp_id.is_empty() {
        fields.missing("corp_id");
    }
    let api_url = address_or(fields, "api_url", &defaults.wechat.api_url);
    let config = WechatConfig {
        api_url: format!("{}/", api_url.trim_end_matches('/')),
        agent_id: fields.template_or("agent_id", r#"{{ template "wechat.default.agent_id" . }}"#),
        to_user: fields.template_or("to_user", r#"{{ template "wechat.default.to_user" . }}"#),
        to_party: fields.template_or("to_party", r#"{{ template "wechat.default.to_party" . }}"#),
        to_tag: fields.template_or("to_tag", r#"{{ template "wechat.default.to_tag" . }}"#),
        message: fields.template_or("message", r#"{{ template "wechat.default.message" . }}"#),
        is_markdown: is_markdown(fields),
        timeout: timeout(fields),
        http: connection(fields, defaults),
        corp_id,
        api_secret: api_secret?,
    };
    Some(Channel::Wechat(Box::new(config)))
}

fn is_markdown(fields: &mut Fields<'_>) -> bool {
    match fields.text("message_type").as_deref() {
        None | Some("" | "text") => false,
        Some("markdown") => true,
        Some(_) => {
            fields.error_at("message_type", "config/wechat", "`message_type` is `text` or `markdown`");
            false
        }
    }
}
