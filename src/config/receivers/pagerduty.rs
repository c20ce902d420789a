//! `pagerduty_configs`.

use std::collections::BTreeMap;

use crate::deliver::{Channel, PagerdutyConfig, PagerdutyImage, PagerdutyLink};

use super::{ChannelDefaults, Fields, Node, Reader, connection, timeout};

/// The details that every event has unless they are overridden.
const DETAILS: [(&str, &str); 4] = [
    ("firing", r#"{{ template "pagerduty.default.instances" .Alerts.Firing }}"#),
    ("resolved", r#"{{ template "pagerduty.default.instances" .Alerts.Resolved }}"#),
    ("num_firing", "{{ .Alerts.Firing | len }}"),
    ("num_resolved", "{{ .Alerts.Resolved | len }}"),
];

pub(super) fn read(fields: &mut Fields<'_>, defaults: &ChannelDefaults) -> Option<Channel> {
    let reader = fields.reader();
    for name in ["service_key", "service_key_file"] {
        fields.unsupported(name, Some("use the Events API v2 with `routing_key`"));
    }
    if let Some(node) = fields.take("routing_key") {
        reader.note_template(node);
    }
    let routing_key = fields.secret("routing_key", "routing_key_file");
    if routing_key.is_none() && fields.take("routing_key").is_none() && fields.take("routing_key_file").is_none() {
        fields.missing("routing_key");
    }
    let url = fields.text_or("url", &defaults.pagerduty_url);
    if !url.starts_with("http://") && !url.starts_with("https://") {
        fields.error_at("url", "config/url", "`url` must begin with `http://` or `https://`");
    }
    let client = fields.template_or("client", r#"{{ template "pagerduty.default.client" . }}"#);
    let config = PagerdutyConfig {
        url,
        client_url: fields.template_or("client_url", r#"{{ template "pagerduty.default.clientURL" . }}"#),
        description: fields.template_or("description", r#"{{ template "pagerduty.default.description" . }}"#),
        severity: fields.template_or("severity", "error"),
        source: fields.template_or("source", &client),
        details: details(fields),
        images: fields.list("images").iter().filter_map(|node| image(reader, node)).collect(),
        links: fields.list("links").iter().filter_map(|node| link(reader, node)).collect(),
        component: fields.template_or("component", ""),
        group: fields.template_or("group", ""),
        class: fields.template_or("class", ""),
        timeout: timeout(fields),
        http: connection(fields, defaults),
        client,
        routing_key: routing_key?,
    };
    Some(Channel::Pagerduty(Box::new(config)))
}

fn details(fields: &mut Fields<'_>) -> BTreeMap<String, String> {
    let reader = fields.reader();
    let mut details: BTreeMap<String, String> =
        DETAILS.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    for entry in fields.take("details").map(|node| reader.entries(node, "details by name")).unwrap_or_default() {
        reader.note_template(&entry.value);
        if let Some(value) = reader.scalar(&entry.value, "a text") {
            details.insert(entry.key.clone(), value.text.clone());
        }
    }
    details
}

fn image(reader: &Reader<'_>, node: &Node) -> Option<PagerdutyImage> {
    let mut fields = reader.fields(node, "an image of a PagerDuty event")?;
    let image = PagerdutyImage {
        href: fields.template_or("href", ""),
        src: fields.template_or("src", ""),
        alt: fields.template_or("alt", ""),
    };
    fields.finish();
    Some(image)
}

fn link(reader: &Reader<'_>, node: &Node) -> Option<PagerdutyLink> {
    let mut fields = reader.fields(node, "a link of a PagerDuty event")?;
    let link = PagerdutyLink { href: fields.template_or("href", ""), text: fields.template_or("text", "") };
    fields.finish();
    Some(link)
}
