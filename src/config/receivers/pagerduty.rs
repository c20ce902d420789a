//! `pagerduty_configs`.

use std::collections::BTreeMap;

use crate::deliver::{Channel, PagerdutyConfig, PagerdutyImage, PagerdutyKey, PagerdutyLink};

use super::{ChannelDefaults, Fields, Node, Reader, address_or, connection, secret_or, templates_by_name, timeout};

/// Where version 1 of PagerDuty's API takes events.
const SERVICE_URL: &str = "https://events.pagerduty.com/generic/2010-04-15/create_event.json";

/// The details that every event has unless they are overridden.
const DETAILS: [(&str, &str); 4] = [
    ("firing", r#"{{ template "pagerduty.default.instances" .Alerts.Firing }}"#),
    ("resolved", r#"{{ template "pagerduty.default.instances" .Alerts.Resolved }}"#),
    ("num_firing", "{{ .Alerts.Firing | len }}"),
    ("num_resolved", "{{ .Alerts.Resolved | len }}"),
];

pub(super) fn read(fields: &mut Fields<'_>, defaults: &ChannelDefaults) -> Option<Channel> {
    let reader = fields.reader();
    for name in ["routing_key", "service_key"] {
        if let Some(node) = fields.take(name) {
            reader.note_template(node);
        }
    }
    let is_first_version = fields.has("service_key") || fields.has("service_key_file");
    let key = match is_first_version {
        true => secret_or(fields, "service_key", "service_key_file", None).map(PagerdutyKey::Service),
        false => secret_or(fields, "routing_key", "routing_key_file", None).map(PagerdutyKey::Routing),
    };
    if is_first_version {
        for name in ["routing_key", "routing_key_file"] {
            fields.without_effect(name, "`service_key` is given, and events go to the API's version 1");
        }
    }
    let url = address_or(fields, "url", if is_first_version { SERVICE_URL } else { &defaults.pagerduty_url });
    let client = fields.template_or("client", r#"{{ template "pagerduty.default.client" . }}"#);
    let config = PagerdutyConfig {
        url,
        client_url: fields.template_or("client_url", r#"{{ template "pagerduty.default.clientURL" . }}"#),
        description: fields.template_or("description", r#"{{ template "pagerduty.default.description" . }}"#),
        severity: fields.template_or("severity", r#"{{ template "pagerduty.default.severity" . }}"#),
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
        key: key?,
    };
    Some(Channel::Pagerduty(Box::new(config)))
}

fn details(fields: &mut Fields<'_>) -> BTreeMap<String, String> {
    let mut details: BTreeMap<String, String> =
        DETAILS.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    details.extend(templates_by_name(fields, "details"));
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
