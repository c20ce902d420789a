//! PagerDuty: Events API v2 (<https://developer.pagerduty.com/docs/events-api-v2-overview>).

use std::collections::BTreeMap;

use serde::Serialize;

use super::http::{Post, json};
use super::text::{RenderError, Texts, cut};
use super::{Attempt, limit, pagerduty_generic};
use crate::deliver::{IncidentNoteKind, Notification, Outcome, PagerdutyConfig, PagerdutyKey};
use crate::model::AlertStatus;
use crate::shell::secret::{Hidden, reveal};

/// The greatest length of a summary, in characters.
pub(super) const SUMMARY_LENGTH_MAX: usize = 1024;

/// The greatest size of an event, in bytes; beyond it the details are dropped, then links and images.
pub(super) const EVENT_SIZE_MAX: usize = 512_000;

/// What the key may take of an event, in bytes.
pub(super) const KEY_ROOM: usize = 1024;

/// What stands for details that did not fit.
pub(super) const DETAILS_DROPPED: &str = "Custom details were dropped: the event was larger than 512 kB.";

/// The template that yields the severity of an incident.
const SEVERITY: &str = r#"{{ template "pagerduty.default.severity" . }}"#;

/// An event without its routing key.
#[derive(Clone, Debug, Serialize)]
pub struct PagerdutyEvent {
    event_action: &'static str,
    dedup_key: String,
    payload: Payload,
    #[serde(skip_serializing_if = "String::is_empty")]
    client: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    client_url: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<Link>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    images: Vec<Image>,
}

#[derive(Clone, Debug, Serialize)]
struct Payload {
    summary: String,
    source: String,
    severity: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    component: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    group: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    class: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    custom_details: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Serialize)]
struct Link {
    href: String,
    text: String,
}

#[derive(Clone, Debug, Serialize)]
struct Image {
    src: String,
    href: String,
    alt: String,
}

#[derive(Serialize)]
struct Keyed<'a> {
    routing_key: &'a str,
    #[serde(flatten)]
    event: &'a PagerdutyEvent,
}

/// The event under the group's key.
pub(super) fn render(
    config: &PagerdutyConfig,
    notification: &Notification,
    texts: &Texts<'_>,
) -> Result<PagerdutyEvent, RenderError> {
    let client = texts.text("client", &config.client);
    let mut event = PagerdutyEvent {
        event_action: action(notification),
        dedup_key: notification.dedup_key(),
        payload: payload(config, notification, texts, &client)?,
        client,
        client_url: texts.text("client_url", &config.client_url),
        links: links(config, texts)?,
        images: images(config, texts)?,
    };
    if size(&event) > EVENT_SIZE_MAX {
        event.payload.custom_details = BTreeMap::from([("error".to_owned(), DETAILS_DROPPED.to_owned())]);
    }
    if size(&event) > EVENT_SIZE_MAX {
        event.links.clear();
        event.images.clear();
    }
    Ok(event)
}

/// What the event does: `trigger` while an alert fires, else `resolve`; `acknowledge` when somebody has answered an incident.
pub(super) fn action(notification: &Notification) -> &'static str {
    let kind = notification.incident.as_ref().map(|incident| incident.kind);
    match (kind, notification.status()) {
        (Some(IncidentNoteKind::Answered), _) => "acknowledge",
        (_, AlertStatus::Firing) => "trigger",
        (_, AlertStatus::Resolved) => "resolve",
    }
}

fn payload(
    config: &PagerdutyConfig,
    notification: &Notification,
    texts: &Texts<'_>,
    client: &str,
) -> Result<Payload, RenderError> {
    let summary = texts.text("description", &config.description);
    let source = texts.text("source", &config.source);
    Ok(Payload {
        summary: cut(first_filled([summary.as_str(), &notification.group_key]), SUMMARY_LENGTH_MAX),
        source: first_filled([source.as_str(), client]).to_owned(),
        severity: severity(config, texts),
        component: texts.text("component", &config.component),
        group: texts.text("group", &config.group),
        class: texts.text("class", &config.class),
        custom_details: details(config, texts),
    })
}

/// The details by name; an incident adds its own.
pub(super) fn details(config: &PagerdutyConfig, texts: &Texts<'_>) -> BTreeMap<String, String> {
    let mut details: BTreeMap<String, String> =
        config.details.iter().map(|(name, template)| (name.clone(), texts.text("details", template))).collect();
    let Some(incident) = &texts.data().incident else { return details };
    for (name, value) in [
        ("incident", incident.number.to_string()),
        ("why", incident.text.clone()),
        ("priority", incident.priority.clone()),
        ("symptoms", incident.symptoms.join("\n")),
    ] {
        if !value.is_empty() {
            details.entry(name.to_owned()).or_insert(value);
        }
    }
    details
}

/// PagerDuty refuses events without summary or source: better a dull text than no page.
pub(super) fn first_filled<'a>(texts: impl IntoIterator<Item = &'a str>) -> &'a str {
    texts.into_iter().find(|text| !text.trim().is_empty()).unwrap_or("Watchbell")
}

/// The severity that the template names; that of the incident, else `error`, for a name that PagerDuty does not know and would refuse.
fn severity(config: &PagerdutyConfig, texts: &Texts<'_>) -> &'static str {
    let known = |template: &str| {
        let name = texts.text("severity", template);
        ["critical", "error", "warning", "info"].into_iter().find(|known| known.eq_ignore_ascii_case(name.trim()))
    };
    known(&config.severity).or_else(|| known(SEVERITY)).unwrap_or("error")
}

fn links(config: &PagerdutyConfig, texts: &Texts<'_>) -> Result<Vec<Link>, RenderError> {
    let mut links = Vec::new();
    for link in &config.links {
        let href = texts.text("links", &link.href);
        if !href.is_empty() {
            links.push(Link { href, text: texts.text("links", &link.text) });
        }
    }
    Ok(links)
}

fn images(config: &PagerdutyConfig, texts: &Texts<'_>) -> Result<Vec<Image>, RenderError> {
    let mut images = Vec::new();
    for image in &config.images {
        let src = texts.text("images", &image.src);
        if !src.is_empty() {
            images.push(Image { src, href: texts.text("images", &image.href), alt: texts.text("images", &image.alt) });
        }
    }
    Ok(images)
}

/// The event's size in bytes with room for the routing key.
fn size(event: &PagerdutyEvent) -> usize {
    serde_json::to_vec(event).map_or(0, |json| json.len() + KEY_ROOM)
}

pub(super) async fn send(config: &PagerdutyConfig, attempt: &Attempt<'_>) -> Outcome {
    match try_send(config, attempt).await {
        Ok(outcome) | Err(outcome) => outcome,
    }
}

async fn try_send(config: &PagerdutyConfig, attempt: &Attempt<'_>) -> Result<Outcome, Outcome> {
    let texts = attempt.texts();
    let mut hidden = Hidden::default();
    let (field, secret) = match &config.key {
        PagerdutyKey::Routing(secret) => ("routing_key", secret),
        PagerdutyKey::Service(secret) => ("service_key", secret),
    };
    let key = texts.secret(field, &reveal(secret).await?)?;
    hidden.add(&key);
    let body = match &config.key {
        PagerdutyKey::Routing(_) => {
            let event = render(config, attempt.notification, &texts)?;
            json(&Keyed { routing_key: &key, event: &event })?
        }
        PagerdutyKey::Service(_) => {
            let event = pagerduty_generic::render(config, attempt.notification, &texts);
            json(&pagerduty_generic::Keyed { service_key: &key, event: &event })?
        }
    };
    let url = texts.exact("url", &config.url)?;
    let post = Post::json(&url, &config.http, limit(config.timeout), body);
    let answer = attempt.http.post(post, &mut hidden, attempt.now).await?;
    Ok(match &config.key {
        PagerdutyKey::Routing(_) => answer.verdict(&hidden),
        PagerdutyKey::Service(_) => pagerduty_generic::verdict(&answer, &hidden),
    })
}

#[cfg(test)]
mod tests {
    use crate::deliver::Channel;
    use crate::shell::notify::{Rendered, fixture};

    use super::*;

    #[test]
    fn payload() {
        let channel = Channel::Pagerduty(Box::new(fixture::pagerduty("http://127.0.0.1/")));
        insta::assert_snapshot!(fixture::rendered(channel), @r##"
        {
          "event_action": "trigger",
          "dedup_key": "196cd8f79681ecfe82cc3e2d31612835c7d1ce897fd702ce61839eace2d49e26",
          "payload": {
            "summary": "[firing] HighLoad",
            "source": "a:9100",
            "severity": "critical",
            "group": "load",
            "custom_details": {
              "num_firing": "1"
            }
          },
          "client": "Watchbell",
          "client_url": "http://watchbell.example.org",
          "links": [
            {
              "href": "http://watchbell.example.org/graph",
              "text": "graph"
            }
          ]
        }
        "##);
    }

    fn event(change: impl FnOnce(&mut PagerdutyConfig)) -> PagerdutyEvent {
        let mut config = fixture::pagerduty("http://127.0.0.1/");
        change(&mut config);
        match fixture::render_for(Channel::Pagerduty(Box::new(config)), &fixture::notification()) {
            Rendered::Pagerduty(event) => *event,
            other => panic!("not an event: {other:?}"),
        }
    }

    #[test]
    fn keeps_to_the_limits() {
        let long = event(|config| config.description = "ä".repeat(2000));
        assert_eq!(long.payload.summary.chars().count(), SUMMARY_LENGTH_MAX);

        let heavy = event(|config| drop(config.details.insert("firing".into(), "x".repeat(600_000))));
        assert_eq!(heavy.payload.custom_details.keys().collect::<Vec<_>>(), ["error"]);
        assert_eq!(heavy.links.len(), 1);

        let heavier = event(|config| config.links[0].text = "x".repeat(600_000));
        assert!(heavier.links.is_empty());
        assert!(size(&heavier) <= EVENT_SIZE_MAX);

        let empty = event(|config| {
            config.description.clear();
            config.source.clear();
            config.client.clear();
            config.severity = "page".into();
        });
        assert_eq!(empty.payload.summary, r#"{}:{alertname="HighLoad"}"#);
        assert_eq!((empty.payload.source.as_str(), empty.payload.severity), ("Watchbell", "error"));
    }

    #[test]
    fn resolves_under_the_same_key() {
        let channel = || Channel::Pagerduty(Box::new(fixture::pagerduty("http://127.0.0.1/")));
        let firing = fixture::render_for(channel(), &fixture::notification());
        let resolved = fixture::render_for(channel(), &fixture::resolved_notification());
        let (Rendered::Pagerduty(firing), Rendered::Pagerduty(resolved)) = (firing, resolved) else {
            panic!("not events")
        };
        assert_eq!((firing.event_action, resolved.event_action), ("trigger", "resolve"));
        assert_eq!(firing.dedup_key, resolved.dedup_key);
    }
}
