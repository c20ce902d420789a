//! `victorops_configs` and their defaults in `global`.

use crate::deliver::{Channel, VictoropsConfig};

use super::keyed::{KeyedApi, base_address};
use super::{ChannelDefaults, Fields, connection, templates_by_name, timeout};

/// Where VictorOps takes alerts.
const API_URL: &str = "https://alert.victorops.com/integrations/generic/20131114/alert/";
/// The fields that every message has by itself.
const RESERVED_FIELDS: [&str; 7] = [
    "routing_key",
    "message_type",
    "state_message",
    "entity_display_name",
    "monitoring_tool",
    "entity_id",
    "entity_state",
];

/// Reads `victorops_*` of `global`.
pub(in crate::config) fn victorops_defaults(fields: &mut Fields<'_>) -> KeyedApi {
    let url = base_address(fields, "victorops_api_url", API_URL);
    KeyedApi { url, key: fields.secret("victorops_api_key", "victorops_api_key_file") }
}

pub(super) fn read(fields: &mut Fields<'_>, defaults: &ChannelDefaults) -> Option<Channel> {
    let reader = fields.reader();
    let api = defaults.victorops.or_own(fields);
    if let Some(node) = fields.take("routing_key") {
        reader.note_template(node);
    }
    let routing_key = fields.need_text("routing_key");
    let custom_fields = templates_by_name(fields, "custom_fields");
    if let Some(name) = RESERVED_FIELDS.iter().find(|name| custom_fields.contains_key(**name)) {
        let message = format!("`custom_fields` cannot set `{name}`: every message has that field by itself");
        fields.error_at("custom_fields", "config/victorops", message);
    }
    let name = r#"{{ template "victorops.default.entity_display_name" . }}"#;
    let config = VictoropsConfig {
        message_type: fields.template_or("message_type", r#"{{ template "victorops.default.message_type" . }}"#),
        entity_display_name: fields.template_or("entity_display_name", name),
        state_message: fields.template_or("state_message", r#"{{ template "victorops.default.state_message" . }}"#),
        monitoring_tool: fields
            .template_or("monitoring_tool", r#"{{ template "victorops.default.monitoring_tool" . }}"#),
        custom_fields,
        timeout: timeout(fields),
        http: connection(fields, defaults),
        api_url: api.url,
        api_key: api.key?,
        routing_key: routing_key?,
    };
    Some(Channel::Victorops(Box::new(config)))
}
