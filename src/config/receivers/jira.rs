//! `jira_configs` and their default in `global`.

use serde_json::{Map, Value};

use crate::config::yaml::{NodeKind, shorten};
use crate::deliver::{Channel, JiraApi, JiraConfig, JiraText};

use super::{ChannelDefaults, Fields, address_or, connection, timeout};

/// The address `name`, without a slash at its end; empty if there is none.
pub(in crate::config) fn jira_api_url(fields: &mut Fields<'_>, name: &'static str, default: &str) -> String {
    address_or(fields, name, default).trim_end_matches('/').to_owned()
}

pub(super) fn read(fields: &mut Fields<'_>, defaults: &ChannelDefaults) -> Option<Channel> {
    let reader = fields.reader();
    let api_url = jira_api_url(fields, "api_url", &defaults.jira_api_url);
    if api_url.is_empty() {
        let message = "a Jira channel needs `api_url`, here or as `jira_api_url` in `global`";
        reader.error("yaml/missing-field", fields.span(), message);
    }
    for name in ["project", "issue_type"] {
        if let Some(node) = fields.take(name) {
            reader.note_template(node);
        }
    }
    let (project, issue_type) = (fields.need_text("project"), fields.need_text("issue_type"));
    let config = JiraConfig {
        api_url,
        api_type: api_type(fields),
        summary: text(fields, "summary", r#"{{ template "jira.default.summary" . }}"#),
        description: text(fields, "description", r#"{{ template "jira.default.description" . }}"#),
        labels: labels(fields),
        priority: fields.template_or("priority", r#"{{ template "jira.default.priority" . }}"#),
        fields: further_fields(fields),
        resolve_transition: fields.text_or("resolve_transition", ""),
        reopen_transition: fields.text_or("reopen_transition", ""),
        reopen_duration: fields.duration("reopen_duration").unwrap_or_default(),
        wont_fix_resolution: fields.text_or("wont_fix_resolution", ""),
        timeout: timeout(fields),
        http: connection(fields, defaults),
        project: project?,
        issue_type: issue_type?,
    };
    Some(Channel::Jira(Box::new(config)))
}

fn api_type(fields: &mut Fields<'_>) -> JiraApi {
    match fields.text("api_type").as_deref() {
        None | Some("" | "auto") => JiraApi::Auto,
        Some("cloud") => JiraApi::Cloud,
        Some("datacenter") => JiraApi::Datacenter,
        Some(other) => {
            let message = format!("`{}` is no type of Jira; write `auto`, `cloud` or `datacenter`", shorten(&other));
            fields.error_at("api_type", "config/jira", message);
            JiraApi::Auto
        }
    }
}

/// A template, alone or as `template` beside `enable_update`.
fn text(fields: &mut Fields<'_>, name: &'static str, default: &str) -> JiraText {
    let reader = fields.reader();
    let node = fields.take(name).filter(|node| matches!(node.kind, NodeKind::Mapping(_)));
    let Some(mut inner) = node.and_then(|node| reader.fields(node, "a text of a Jira issue")) else {
        return JiraText { template: fields.template_or(name, default), enable_update: true };
    };
    let text = JiraText {
        template: inner.template_or("template", default),
        enable_update: inner.flag("enable_update").unwrap_or(true),
    };
    inner.finish();
    text
}

fn labels(fields: &mut Fields<'_>) -> Vec<String> {
    let reader = fields.reader();
    let note = |(label, node): (String, &_)| {
        reader.note_template(node);
        label
    };
    fields.texts("labels").unwrap_or_default().into_iter().map(note).collect()
}

fn further_fields(fields: &mut Fields<'_>) -> Map<String, Value> {
    let reader = fields.reader();
    let Some(node) = fields.take("fields") else { return Map::new() };
    let entries = reader.entries(node, "fields of a Jira issue");
    entries.iter().map(|entry| (entry.key.clone(), reader.template_tree(&entry.value))).collect()
}
