//! `webex_configs` and their defaults in `global`.

use crate::deliver::{Channel, WebexConfig};

use super::{ChannelDefaults, Fields, address_or, connection, timeout};

/// Where messages go unless the configuration says otherwise.
const API_URL: &str = "https://webexapis.com/v1/messages";

/// Reads `webex_api_url` of `global`.
pub(in crate::config) fn webex_api_url(fields: &mut Fields<'_>) -> String {
    address_or(fields, "webex_api_url", API_URL)
}

pub(super) fn read(fields: &mut Fields<'_>, defaults: &ChannelDefaults) -> Option<Channel> {
    fields.need_text("room_id");
    let config = WebexConfig {
        api_url: address_or(fields, "api_url", &defaults.webex_api_url),
        room_id: fields.template_or("room_id", ""),
        message: fields.template_or("message", r#"{{ template "webex.default.message" . }}"#),
        timeout: timeout(fields),
        http: connection(fields, defaults),
    };
    if config.http.authorization.is_none() {
        let message = "Webex needs the bot's token: `authorization` in `http_config`, here or in `global`";
        fields.error_at("http_config", "config/webex", message);
    }
    Some(Channel::Webex(Box::new(config)))
}
