//! Buttons in Slack (<https://docs.slack.dev/authentication/verifying-requests-from-slack>,
//! <https://docs.slack.dev/reference/interaction-payloads/block_actions-payload>).

use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Verb;
use super::form::{fields, first};
use super::signature::is_sha256_hex;
use crate::model::Timestamp;

/// How old a request may be, and how far ahead our clock may be.
const AGE_MAX: Duration = Duration::from_secs(5 * 60);
/// What our buttons' names begin with.
const BUTTON_PREFIX: &str = "watchbell.";
/// Where answers to those who press a button go, and nowhere else.
const RESPONSE_HOST: &str = "hooks.slack.com";

/// What comes in.
#[derive(Clone, Debug, PartialEq)]
pub enum SlackRequest {
    /// Slack asks whether the address is ours: this is to be said.
    Challenge(String),
    /// Somebody pressed a button of ours.
    Pressed(Press),
    /// Something else, such as a button of the user's own.
    Other,
}

/// Somebody pressed a button.
#[derive(Clone, Debug, PartialEq)]
pub struct Press {
    /// The id of the Slack user.
    pub user: String,
    /// Their name in Slack.
    pub name: String,
    /// What the button does.
    pub verb: Verb,
    /// The number of the incident.
    pub incident: u64,
    /// Where an answer to them goes; an address of Slack.
    pub respond_to: Option<Url>,
}

#[derive(Deserialize)]
struct Challenge {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
}

#[derive(Deserialize)]
struct Payload {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    user: User,
    #[serde(default)]
    actions: Vec<Pressed>,
    #[serde(default)]
    response_url: Option<String>,
}

#[derive(Default, Deserialize)]
struct User {
    #[serde(default)]
    id: String,
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    name: Option<String>,
}

#[derive(Deserialize)]
struct Pressed {
    #[serde(default)]
    action_id: String,
    #[serde(default)]
    value: Option<String>,
}

/// Whether Slack has signed `body` not long before `now`: `v0=` and the HMAC-SHA256 of `v0:{timestamp}:{body}`.
pub fn is_signed(secret: &str, timestamp: &str, signature: &str, body: &[u8], now: Timestamp) -> bool {
    let Ok(at) = timestamp.parse::<u32>() else { return false };
    let at = Timestamp::from_seconds(at.into());
    let is_recent = at.since(now).max(now.since(at)) <= AGE_MAX;
    let parts = [b"v0:", timestamp.as_bytes(), b":", body];
    let is_right = signature.strip_prefix("v0=").is_some_and(|hex| is_sha256_hex(secret.as_bytes(), &parts, hex));
    is_recent && is_right
}

/// What `body` says; none if it cannot be read.
pub fn read(body: &[u8]) -> Option<SlackRequest> {
    if body.trim_ascii_start().starts_with(b"{") {
        let challenge: Option<Challenge> = serde_json::from_slice(body).ok();
        let challenge = challenge.filter(|challenge| challenge.kind == "url_verification");
        return Some(challenge.map_or(SlackRequest::Other, |found| SlackRequest::Challenge(found.challenge)));
    }
    let fields = fields(body);
    let payload: Payload = serde_json::from_str(first(&fields, "payload")).ok()?;
    let button = |pressed: &Pressed| {
        let verb = Verb::of_button(pressed.action_id.strip_prefix(BUTTON_PREFIX)?)?;
        Some((verb, pressed.value.as_deref()?.parse().ok()?))
    };
    let pressed = payload.actions.iter().find_map(button).filter(|_| payload.kind == "block_actions");
    let Some((verb, incident)) = pressed else { return Some(SlackRequest::Other) };
    let User { id, username, name } = payload.user;
    let name = username.or(name).filter(|name| !name.is_empty()).unwrap_or_else(|| id.clone());
    let respond_to = payload.response_url.as_deref().and_then(response_address);
    Some(SlackRequest::Pressed(Press { user: id, name, verb, incident, respond_to }))
}

/// The address, if it is one of Slack's; what comes in must not send us elsewhere.
fn response_address(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_slack = url.scheme() == "https" && url.host_str() == Some(RESPONSE_HOST) && url.port().is_none();
    (is_slack && url.username().is_empty() && url.password().is_none()).then_some(url)
}

/// What only the one who pressed the button sees.
pub fn whisper(text: &str) -> Value {
    json!({ "response_type": "ephemeral", "replace_original": false, "text": text })
}

/// The buttons under a page, as a block.
pub(crate) fn buttons(incident: u64) -> Value {
    let button = |(name, label, style): (&str, &str, Option<&str>)| {
        let mut button = json!({
            "type": "button",
            "action_id": format!("{BUTTON_PREFIX}{name}"),
            "text": { "type": "plain_text", "text": label },
            "value": incident.to_string(),
        });
        if let Some(style) = style {
            button["style"] = style.into();
        }
        button
    };
    let all = [
        ("ack", "Acknowledge", Some("primary")),
        ("resolve", "Resolve", None),
        ("snooze", "Snooze 1h", None),
        ("escalate", "Escalate", None),
    ];
    json!({
        "type": "actions",
        "block_id": format!("watchbell:incident:{incident}"),
        "elements": all.map(button),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The example of Slack's documentation.
    const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
    const BODY: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    const SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";

    #[test]
    fn signatures() {
        let at = 1_531_420_618;
        let ok = |secret, timestamp: &str, signature, body: &str, now| {
            is_signed(secret, timestamp, signature, body.as_bytes(), Timestamp::from_seconds(now))
        };
        let text = at.to_string();
        for (now, expected) in [(0, true), (300, true), (301, false), (-300, true), (-301, false)] {
            assert_eq!(ok(SECRET, &text, SIGNATURE, BODY, at + now), expected, "{now}");
        }
        for (secret, timestamp, signature, body) in [
            ("8f742231b10e8888abcd99yyyzzz85a6", text.as_str(), SIGNATURE, BODY),
            ("", &text, SIGNATURE, BODY),
            (SECRET, "1531420619", SIGNATURE, BODY),
            (SECRET, "", SIGNATURE, BODY),
            (SECRET, "-1531420618", SIGNATURE, BODY),
            (SECRET, &text, &SIGNATURE[3..], BODY),
            (SECRET, &text, &SIGNATURE[..66], BODY),
            (SECRET, &text, "v0=", BODY),
            (SECRET, &text, "", BODY),
            (SECRET, &text, SIGNATURE, &BODY[1..]),
        ] {
            assert!(!ok(secret, timestamp, signature, body, at), "{secret} {timestamp} {signature}");
        }
    }

    fn form(payload: &Value) -> Vec<u8> {
        let mut url = Url::parse("http://x/").expect("an address");
        url.query_pairs_mut().append_pair("payload", &payload.to_string());
        url.query().expect("a query").as_bytes().to_vec()
    }

    fn payload(action: &str, value: &str, response_url: &str) -> Value {
        json!({
            "type": "block_actions", "api_app_id": "A1", "token": "t", "trigger_id": "1.2",
            "team": { "id": "T1" }, "user": { "id": "U024BE7LH", "username": "ada.l", "name": "ada", "team_id": "T1" },
            "response_url": response_url,
            "actions": [
                { "type": "button", "action_id": "own", "block_id": "b", "value": "x" },
                { "type": "button", "action_id": action, "block_id": "b", "value": value, "action_ts": "1.0" },
            ],
        })
    }

    #[test]
    fn presses() {
        let url = "https://hooks.slack.com/actions/T1/2/x";
        for (action, value, expected) in [
            ("watchbell.ack", "12", Some((Verb::Ack, 12))),
            ("watchbell.resolve", "12", Some((Verb::Resolve, 12))),
            ("watchbell.snooze", "7", Some((Verb::Snooze(Duration::from_secs(3600)), 7))),
            ("watchbell.escalate", "12", Some((Verb::Escalate, 12))),
            ("watchbell.drop", "12", None),
            ("ack", "12", None),
            ("watchbell.ack", "twelve", None),
            ("watchbell.ack", "-1", None),
        ] {
            let expected = expected.map_or(SlackRequest::Other, |(verb, incident)| {
                let respond_to = Url::parse(url).ok();
                SlackRequest::Pressed(Press {
                    user: "U024BE7LH".into(),
                    name: "ada.l".into(),
                    verb,
                    incident,
                    respond_to,
                })
            });
            assert_eq!(read(&form(&payload(action, value, url))), Some(expected), "{action} {value}");
        }
        assert_eq!(read(b"payload=%7B"), None);
        assert_eq!(read(b"a=b"), None);
        let others = json!({ "type": "view_submission", "user": { "id": "U1" }, "view": {} });
        assert_eq!(read(&form(&others)), Some(SlackRequest::Other));
    }

    #[test]
    fn answers_go_to_slack_alone() {
        for (url, good) in [
            ("https://hooks.slack.com/actions/T1/2/x", true),
            ("https://HOOKS.slack.com/actions", true),
            ("https://hooks.slack.com:443/actions", true),
            ("http://hooks.slack.com/actions", false),
            ("https://hooks.slack.com:8443/actions", false),
            ("https://hooks.slack.com.evil.example/actions", false),
            ("https://evil.example/hooks.slack.com", false),
            ("https://hooks.slack.com@evil.example/", false),
            ("https://ada@hooks.slack.com/", false),
            ("https://169.254.169.254/", false),
            ("file:///etc/passwd", false),
            ("", false),
        ] {
            let Some(SlackRequest::Pressed(press)) = read(&form(&payload("watchbell.ack", "12", url))) else {
                panic!("{url}")
            };
            assert_eq!(press.respond_to.is_some(), good, "{url}");
        }
    }

    #[test]
    fn challenges() {
        for (body, expected) in [
            (r#"{"token":"t","challenge":"3eZb","type":"url_verification"}"#, SlackRequest::Challenge("3eZb".into())),
            (r#" {"challenge":"3eZb","type":"event_callback"}"#, SlackRequest::Other),
            ("{", SlackRequest::Other),
        ] {
            assert_eq!(read(body.as_bytes()), Some(expected), "{body}");
        }
    }

    #[test]
    fn what_is_pressed_is_read_again() {
        let block = buttons(12);
        for (index, verb) in
            [Verb::Ack, Verb::Resolve, Verb::Snooze(super::super::SNOOZE), Verb::Escalate].iter().enumerate()
        {
            let element = &block["elements"][index];
            let (action, value) = (element["action_id"].as_str(), element["value"].as_str());
            let body = form(&payload(action.expect("a name"), value.expect("a value"), ""));
            assert!(
                matches!(read(&body), Some(SlackRequest::Pressed(Press { verb: found, incident: 12, .. })) if found == *verb)
            );
        }
    }

    proptest! {
        #[test]
        fn any_body_is_read_without_panic(body in proptest::collection::vec(any::<u8>(), 0..200), text in "\\PC*") {
            read(&body);
            read(format!("payload={text}").as_bytes());
            is_signed("secret", &text, &text, &body, Timestamp::from_seconds(0));
        }
    }
}
