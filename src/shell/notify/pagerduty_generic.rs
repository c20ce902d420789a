//! PagerDuty: Events API v1, for integrations with a service key (<https://developer.pagerduty.com/docs/events-api-v1-overview>).

use std::collections::BTreeMap;

use serde::Serialize;

use super::http::Answer;
use super::pagerduty::{DETAILS_DROPPED, EVENT_SIZE_MAX, KEY_ROOM, SUMMARY_LENGTH_MAX, action, details, first_filled};
use super::text::{Texts, cut};
use crate::deliver::{Notification, Outcome, PagerdutyConfig};
use crate::shell::secret::Hidden;

/// An event without its service key.
#[derive(Debug, Serialize)]
pub(super) struct GenericEvent {
    event_type: &'static str,
    incident_key: String,
    description: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    client: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    client_url: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    details: BTreeMap<String, String>,
}

/// The event as it goes out.
#[derive(Serialize)]
pub(super) struct Keyed<'a> {
    pub(super) service_key: &'a str,
    #[serde(flatten)]
    pub(super) event: &'a GenericEvent,
}

/// The event under the group's key.
pub(super) fn render(config: &PagerdutyConfig, notification: &Notification, texts: &Texts<'_>) -> GenericEvent {
    let description = texts.text("description", &config.description);
    let mut event = GenericEvent {
        event_type: action(notification),
        incident_key: notification.dedup_key(),
        description: cut(first_filled([description.as_str(), &notification.group_key]), SUMMARY_LENGTH_MAX),
        client: String::new(),
        client_url: String::new(),
        details: details(config, texts),
    };
    if event.event_type == "trigger" {
        event.client = texts.text("client", &config.client);
        event.client_url = texts.text("client_url", &config.client_url);
    }
    if serde_json::to_vec(&event).map_or(0, |json| json.len() + KEY_ROOM) > EVENT_SIZE_MAX {
        event.details = BTreeMap::from([("error".to_owned(), DETAILS_DROPPED.to_owned())]);
    }
    event
}

/// As for any request, but for 403, by which this version says that there are too many.
pub(super) fn verdict(answer: &Answer, hidden: &Hidden) -> Outcome {
    match answer.verdict(hidden) {
        Outcome::Rejected { error } if answer.status == reqwest::StatusCode::FORBIDDEN => {
            Outcome::Retry { error, after: answer.retry_after }
        }
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests {
    use crate::deliver::{Channel, PagerdutyKey, Secret};
    use crate::shell::notify::fixture;

    use super::*;

    fn channel(change: impl FnOnce(&mut PagerdutyConfig)) -> Channel {
        let mut config = fixture::pagerduty("http://127.0.0.1/");
        config.key = PagerdutyKey::Service(Secret::Value("0123456789abcdef0123456789abcdef".into()));
        change(&mut config);
        Channel::Pagerduty(Box::new(config))
    }

    #[test]
    fn payloads() {
        insta::assert_snapshot!(fixture::rendered(channel(|_| ())), @r#"
        {
          "event_type": "trigger",
          "incident_key": "196cd8f79681ecfe82cc3e2d31612835c7d1ce897fd702ce61839eace2d49e26",
          "description": "[firing] HighLoad",
          "client": "Watchbell",
          "client_url": "http://watchbell.example.org",
          "details": {
            "num_firing": "1"
          }
        }
        "#);
        let resolved = fixture::render_for(channel(|_| ()), &fixture::resolved_notification());
        insta::assert_snapshot!(resolved.to_string(), @r#"
        {
          "event_type": "resolve",
          "incident_key": "196cd8f79681ecfe82cc3e2d31612835c7d1ce897fd702ce61839eace2d49e26",
          "description": "[resolved] HighLoad",
          "details": {
            "num_firing": "0"
          }
        }
        "#);
    }

    #[test]
    fn keeps_to_the_limits() {
        let event = |change: fn(&mut PagerdutyConfig)| -> serde_json::Value {
            serde_json::from_str(&fixture::rendered(channel(change))).expect("JSON")
        };
        let long = event(|config| config.description = "ä".repeat(2000));
        assert_eq!(long["description"].as_str().map(|text| text.chars().count()), Some(SUMMARY_LENGTH_MAX));
        let empty = event(|config| config.description.clear());
        assert_eq!(empty["description"], r#"{}:{alertname="HighLoad"}"#);
        let heavy = event(|config| drop(config.details.insert("firing".into(), "x".repeat(600_000))));
        assert_eq!(heavy["details"], serde_json::json!({ "error": DETAILS_DROPPED }));
    }
}
