//! `opsgenie_configs` and their defaults in `global`.

use crate::deliver::{Channel, OpsgenieConfig, OpsgenieResponder};

use super::keyed::{KeyedApi, base_address};
use super::{ChannelDefaults, Fields, Node, Reader, connection, templates_by_name, timeout};
use crate::config::yaml::shorten;

/// Where Opsgenie takes alerts.
const API_URL: &str = "https://api.opsgenie.com/";
/// What a responder can be.
const RESPONDER_TYPES: [&str; 5] = ["team", "teams", "user", "escalation", "schedule"];

/// Reads `opsgenie_*` of `global`.
pub(in crate::config) fn opsgenie_defaults(fields: &mut Fields<'_>) -> KeyedApi {
    let url = base_address(fields, "opsgenie_api_url", API_URL);
    KeyedApi { url, key: fields.secret("opsgenie_api_key", "opsgenie_api_key_file") }
}

pub(super) fn read(fields: &mut Fields<'_>, defaults: &ChannelDefaults) -> Option<Channel> {
    let reader = fields.reader();
    if let Some(node) = fields.take("api_key") {
        reader.note_template(node);
    }
    let api = defaults.opsgenie.or_own(fields);
    let config = OpsgenieConfig {
        message: fields.template_or("message", r#"{{ template "opsgenie.default.message" . }}"#),
        description: fields.template_or("description", r#"{{ template "opsgenie.default.description" . }}"#),
        source: fields.template_or("source", r#"{{ template "opsgenie.default.source" . }}"#),
        details: templates_by_name(fields, "details"),
        responders: fields.list("responders").iter().filter_map(|node| responder(reader, node)).collect(),
        tags: fields.template_or("tags", ""),
        note: fields.template_or("note", ""),
        priority: fields.template_or("priority", r#"{{ template "opsgenie.default.priority" . }}"#),
        update_alerts: fields.flag("update_alerts").unwrap_or(false),
        entity: fields.template_or("entity", ""),
        actions: fields.template_or("actions", ""),
        timeout: timeout(fields),
        http: connection(fields, defaults),
        api_url: api.url,
        api_key: api.key?,
    };
    Some(Channel::Opsgenie(Box::new(config)))
}

fn responder(reader: &Reader<'_>, node: &Node) -> Option<OpsgenieResponder> {
    let mut fields = reader.fields(node, "a responder of an Opsgenie alert")?;
    let mut responder = OpsgenieResponder {
        id: fields.template_or("id", ""),
        name: fields.template_or("name", ""),
        username: fields.template_or("username", ""),
        kind: fields.template_or("type", ""),
    };
    if responder.id.is_empty() && responder.name.is_empty() && responder.username.is_empty() {
        let message = "a responder needs one of `id`, `name` and `username`";
        reader.error("yaml/missing-field", fields.span(), message);
    }
    if !responder.kind.contains("{{") {
        responder.kind.make_ascii_lowercase();
        if !RESPONDER_TYPES.contains(&responder.kind.as_str()) {
            let message = match responder.kind.is_empty() {
                true => "a responder needs a `type`".to_owned(),
                false => format!("`{}` is no type of responder", shorten(&responder.kind)),
            };
            let hint = Some(format!("known types: {}", RESPONDER_TYPES.join(", ")));
            reader.error_hint("config/opsgenie", &fields.key_span("type"), message, hint);
        }
    }
    fields.finish();
    Some(responder)
}
