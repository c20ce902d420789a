//! What happens in PagerDuty, by its webhooks version 3 (<https://developer.pagerduty.com/docs/webhooks-overview>).

use serde::Deserialize;

use super::signature::is_sha256_hex;
use crate::escalate::{Action, NOTE_BYTES_MAX};

/// How many signatures of one request are looked at.
const SIGNATURES_MAX: usize = 16;

/// Whether one of `secrets` has signed `body`: the header holds `v1=` and the HMAC-SHA256 for each secret of the subscription.
pub fn is_signed(secrets: &[String], header: &str, body: &[u8]) -> bool {
    let signatures = || header.split(',').take(SIGNATURES_MAX).filter_map(|part| part.trim().strip_prefix("v1="));
    secrets.iter().any(|secret| signatures().any(|hex| is_sha256_hex(secret.as_bytes(), &[body], hex)))
}

/// Something that happened in PagerDuty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PagerdutyEvent {
    /// Its id; the same if it is told again.
    pub id: String,
    /// What it means for the incident.
    pub action: Option<Action>,
    /// PagerDuty's id of the incident.
    pub incident: String,
    /// The key that the incident was opened by, where the event tells it.
    pub key: Option<String>,
    /// Who did it, if it was a person.
    pub person: Option<PagerdutyPerson>,
    /// Whether it was done by what an integration sent: by ourselves, as far as our incidents are concerned.
    pub is_integration: bool,
}

/// A user of PagerDuty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PagerdutyPerson {
    /// Their id.
    pub id: String,
    /// Their name.
    pub name: String,
    /// Their address, where it is told.
    pub email: Option<String>,
}

impl PagerdutyPerson {
    /// By what they may be known.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        [Some(self.id.as_str()), self.email.as_deref(), Some(self.name.as_str())].into_iter().flatten()
    }
}

#[derive(Deserialize)]
struct Body {
    event: Event,
}

#[derive(Deserialize)]
struct Event {
    id: String,
    event_type: String,
    #[serde(default)]
    agent: Option<Agent>,
    #[serde(default)]
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Agent {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    summary: Option<String>,
    #[serde(default)]
    email: Option<String>,
    #[serde(rename = "type", default)]
    kind: Option<String>,
}

#[derive(Default, Deserialize)]
struct Data {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    incident_key: Option<String>,
    /// The text of a note.
    #[serde(default)]
    content: Option<String>,
    /// The incident of a note.
    #[serde(default)]
    incident: Option<Reference>,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(default)]
    id: Option<String>,
}

/// What `body` tells; none if it cannot be read.
pub fn read(body: &[u8]) -> Option<PagerdutyEvent> {
    let Body { event } = serde_json::from_slice(body).ok()?;
    let Data { id, incident_key, content, incident } = event.data.unwrap_or_default();
    let action = match event.event_type.as_str() {
        "incident.acknowledged" => Some(Action::Ack),
        "incident.unacknowledged" => Some(Action::Unack),
        "incident.resolved" => Some(Action::Resolve),
        "incident.annotated" => content.filter(|text| !text.trim().is_empty()).map(|mut text| {
            text.truncate(text.floor_char_boundary(NOTE_BYTES_MAX));
            Action::Note { text }
        }),
        _ => None,
    };
    let kind = event.agent.as_ref().and_then(|agent| agent.kind.clone()).unwrap_or_default();
    let person = event.agent.filter(|_| kind == "user_reference" || kind == "user").map(|agent| {
        let id = agent.id.unwrap_or_default();
        PagerdutyPerson { name: agent.summary.unwrap_or_else(|| id.clone()), id, email: agent.email }
    });
    Some(PagerdutyEvent {
        id: event.id,
        action,
        incident: incident.and_then(|incident| incident.id).or(id).unwrap_or_default(),
        key: incident_key,
        person,
        is_integration: kind.ends_with("inbound_integration_reference"),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// Signed by an independent program.
    #[test]
    fn signatures() {
        let body = br#"{"event":{"id":"5ac64822-4adc-4fda-ade0-410becf0de4f"}}"#;
        let (one, other) = (
            "e7ef4c60691e97e2c9b449e8739e9ea7cdd168578f65c091aef2fbbf561f2b3a",
            "7bd70dacc531e3c478537de421440105b7206b08d6a34e08ec00e23e2fdd9965",
        );
        let secrets = ["first-secret".to_owned(), "second-secret".to_owned()];
        for (header, expected) in [
            (format!("v1={one}"), true),
            (format!("v1={other}"), true),
            (format!("v1={},v1={other}", "0".repeat(64)), true),
            (format!("v1={}, v1={other}", "0".repeat(64)), true),
            (format!("v2={one}"), false),
            (one.to_owned(), false),
            (format!("v1={}", &one[..62]), false),
            (format!("{}v1={one}", "v1=00,".repeat(16)), false),
            (String::new(), false),
        ] {
            assert_eq!(is_signed(&secrets, &header, body), expected, "{header}");
        }
        assert!(!is_signed(&[], &format!("v1={one}"), body));
        assert!(!is_signed(&[String::new()], &format!("v1={one}"), body));
        assert!(!is_signed(&secrets, &format!("v1={one}"), &body[1..]));
    }

    fn event(kind: &str, agent: Value, data: Value) -> Option<PagerdutyEvent> {
        let body = json!({ "event": {
            "id": "01A", "event_type": kind, "resource_type": "incident", "occurred_at": "2026-11-22T03:00:00Z",
            "agent": agent, "client": null, "data": data,
        } });
        read(body.to_string().as_bytes())
    }

    #[test]
    fn events() {
        let ada =
            || json!({ "id": "PLH1HKV", "summary": "Ada Lovelace", "type": "user_reference", "self": "https://x" });
        let us = || json!({ "id": "PXMQRWJ", "summary": "Events API V2", "type": "inbound_integration_reference" });
        let incident = || json!({ "id": "PGR0VU2", "type": "incident", "incident_key": "d3640f", "status": "x" });
        for (kind, agent, action, person, is_integration) in [
            ("incident.acknowledged", ada(), Some(Action::Ack), true, false),
            ("incident.unacknowledged", Value::Null, Some(Action::Unack), false, false),
            ("incident.resolved", us(), Some(Action::Resolve), false, true),
            ("incident.resolved", ada(), Some(Action::Resolve), true, false),
            ("incident.triggered", us(), None, false, true),
            ("incident.priority_updated", ada(), None, true, false),
        ] {
            let event = event(kind, agent, incident()).expect(kind);
            let found = (event.action, event.person.is_some(), event.is_integration);
            assert_eq!(found, (action, person, is_integration), "{kind}");
            assert_eq!(
                (event.incident.as_str(), event.key.as_deref(), event.id.as_str()),
                ("PGR0VU2", Some("d3640f"), "01A")
            );
        }
        let person =
            event("incident.acknowledged", ada(), incident()).and_then(|event| event.person).expect("a person");
        assert_eq!(person.names().collect::<Vec<_>>(), ["PLH1HKV", "Ada Lovelace"]);
    }

    #[test]
    fn notes() {
        let note = |text: &str| {
            let incident = json!({ "id": "PGR0VU2", "type": "incident_reference", "summary": "x" });
            let data = json!({ "incident": incident, "id": "P6NOTE", "content": text, "trimmed": false });
            event("incident.annotated", json!({ "id": "U", "type": "user_reference" }), data).expect("an event")
        };
        let found = note("looking");
        assert_eq!(found.action, Some(Action::Note { text: "looking".to_owned() }));
        assert_eq!((found.incident.as_str(), found.key), ("PGR0VU2", None));
        assert_eq!(note(" ").action, None);
        let Some(Action::Note { text }) = note(&"ä".repeat(9_000)).action else { panic!("no note") };
        assert_eq!(text.len(), NOTE_BYTES_MAX);
    }

    #[test]
    fn other_bodies() {
        for body in ["", "{}", "[]", r#"{"event":{}}"#, r#"{"event":{"id":1,"event_type":"x"}}"#, "null"] {
            assert_eq!(read(body.as_bytes()), None, "{body}");
        }
        let ping =
            r#"{"event":{"id":"1","event_type":"pagey.ping","agent":null,"data":{"message":"Hello","type":"ping"}}}"#;
        assert_eq!(read(ping.as_bytes()).and_then(|event| event.action), None);
    }

    proptest! {
        #[test]
        fn any_body_is_read_without_panic(body in proptest::collection::vec(any::<u8>(), 0..200), text in "\\PC*") {
            read(&body);
            read(json!({ "event": { "id": text, "event_type": "incident.annotated", "data": { "content": text } } }).to_string().as_bytes());
            is_signed(std::slice::from_ref(&text), &text, &body);
        }
    }
}
