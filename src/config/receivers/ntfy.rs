//! `ntfy_configs`.

use crate::deliver::{Channel, NtfyAction, NtfyActionKind, NtfyConfig};

use super::{ChannelDefaults, Fields, Node, Reader, address_or, connection, secret_or, templates_by_name, timeout};

/// The server unless the configuration says otherwise.
const URL: &str = "https://ntfy.sh";
/// How many buttons a message may have.
const ACTIONS_MAX: usize = 3;
/// The priority unless the configuration says otherwise.
const PRIORITY: &str = r#"{{ template "ntfy.default.priority" . }}"#;
/// The tags unless the configuration says otherwise: pictures of a light and of a tick.
const TAGS: [&str; 1] = [r#"{{ template "ntfy.default.tag" . }}"#];

pub(super) fn read(fields: &mut Fields<'_>, defaults: &ChannelDefaults) -> Option<Channel> {
    if let Some(node) = fields.take("topic") {
        fields.reader().note_template(node);
    }
    let topic = secret_or(fields, "topic", "topic_file", None);
    let config = NtfyConfig {
        url: address_or(fields, "url", URL),
        token: fields.secret("token", "token_file"),
        title: fields.template_or("title", r#"{{ template "ntfy.default.title" . }}"#),
        message: fields.template_or("message", r#"{{ template "ntfy.default.message" . }}"#),
        priority: fields.template_or("priority", PRIORITY),
        tags: tags(fields),
        click: fields.template_or("click", r#"{{ template "__alertmanagerURL" . }}"#),
        actions: actions(fields),
        markdown: fields.flag("markdown").unwrap_or(false),
        timeout: timeout(fields),
        http: connection(fields, defaults),
        topic: topic?,
    };
    if config.token.is_some() && (config.http.authorization.is_some() || config.http.basic_auth.is_some()) {
        let message = "give `token` or the credentials of `http_config`, not both";
        fields.error_at("token", "config/auth-twice", message);
    }
    Some(Channel::Ntfy(Box::new(config)))
}

fn tags(fields: &mut Fields<'_>) -> Vec<String> {
    let reader = fields.reader();
    match fields.texts("tags") {
        None => TAGS.map(str::to_owned).to_vec(),
        Some(tags) => {
            tags.iter().for_each(|(_, node)| reader.note_template(node));
            tags.into_iter().map(|(tag, _)| tag).collect()
        }
    }
}

fn actions(fields: &mut Fields<'_>) -> Vec<NtfyAction> {
    let reader = fields.reader();
    let nodes = fields.list("actions");
    if nodes.len() > ACTIONS_MAX {
        fields.error_at("actions", "config/too-many", format!("ntfy shows at most {ACTIONS_MAX} actions"));
    }
    nodes.iter().filter_map(|node| action(reader, node)).collect()
}

fn action(reader: &Reader<'_>, node: &Node) -> Option<NtfyAction> {
    let mut fields = reader.fields(node, "an action of an ntfy message")?;
    let kind = match fields.text("action").as_deref() {
        Some("view") => Some(NtfyActionKind::View),
        Some("http") => Some(NtfyActionKind::Http),
        _ => {
            fields.error_at("action", "config/ntfy", "`action` is `view` or `http`");
            None
        }
    };
    for name in ["label", "url"] {
        fields.need_text(name);
    }
    // Headers are where such calls have their keys.
    if let Some(node) = fields.take("headers") {
        reader.hide(node);
    }
    let action = NtfyAction {
        label: fields.template_or("label", ""),
        url: fields.template_or("url", ""),
        method: fields.text_or("method", ""),
        headers: templates_by_name(&mut fields, "headers"),
        body: fields.template_or("body", ""),
        clear: fields.flag("clear").unwrap_or(false),
        kind: kind.unwrap_or(NtfyActionKind::View),
    };
    fields.finish();
    Some(action)
}
