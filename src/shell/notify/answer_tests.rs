//! What pages carry so that they can be answered, as it goes out.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::Value;

use super::attempt_tests::{Requests, server, show};
use super::{Sender, fixture};
use crate::config::Answers;
use crate::deliver::{
    Channel, Delivery, HttpConfig, IncidentNote, IncidentNoteKind, Notification, Secret, SlackConfig, SlackTarget,
    TelegramConfig, TelegramParseMode, TwilioConfig, TwilioSender,
};
use crate::shell::answers::{AnswerWays, Link, LinkAction, LinkKey};

fn key() -> LinkKey {
    LinkKey::of(&[7; 32])
}

fn about(kind: IncidentNoteKind) -> Notification {
    let note = IncidentNote {
        number: 12,
        kind,
        user: Some("ada".into()),
        text: "step 1 of 2".into(),
        severity: "P1".into(),
        priority: "100 = 100 (P1)".into(),
        title: "HighLoad a:9100".into(),
        symptoms: Vec::new(),
        opened_at: fixture::at("2026-11-22T02:55:00Z"),
        answer_by: None,
    };
    Notification { incident: Some(Box::new(note)), ..fixture::notification() }
}

fn all() -> Answers {
    let secret = || Some(Secret::Value("secret".into()));
    Answers {
        slack_signing_secret: secret(),
        twilio_auth_token: secret(),
        telegram_secret_token: secret(),
        ..Answers::default()
    }
}

/// Sends through `channel`; what `requests` got last.
async fn sent(channel: Channel, notification: Notification, answers: Answers, requests: &Requests) -> String {
    let sender = Sender::new(Arc::new(fixture::templates()), fixture::EXTERNAL_URL.into());
    let sender = sender.with_answers(AnswerWays { key: key(), answers });
    let now = fixture::at("2026-11-22T03:00:00Z");
    let delivery = Delivery::new(1, "key-1".to_owned(), notification, now);
    assert_eq!(show(sender.send(&fixture::integration(channel), &delivery, now).await), "delivered");
    let requests = requests.lock().expect("not poisoned");
    String::from_utf8(requests.last().expect("a request").2.to_vec()).expect("text")
}

async fn listening() -> (String, Requests) {
    let (address, requests) = server(|path| match path {
        path if path.ends_with("/sendMessage") => r#"{"ok":true,"result":{}}"#.into_response(),
        path if path.ends_with("/Messages.json") => (StatusCode::CREATED, r#"{"sid":"SM1"}"#).into_response(),
        _ => "ok".into_response(),
    })
    .await;
    (format!("http://{address}"), requests)
}

fn slack(url: &str, change: impl FnOnce(&mut SlackConfig)) -> Channel {
    let mut config = fixture::slack(SlackTarget::Webhook(Secret::Value(url.to_owned())));
    config.actions.clear();
    change(&mut config);
    Channel::Slack(Box::new(config))
}

#[tokio::test]
async fn buttons_in_slack() {
    let (url, requests) = listening().await;
    let body = sent(slack(&url, |_| ()), about(IncidentNoteKind::Page), all(), &requests).await;
    let message: Value = serde_json::from_str(&body).expect("JSON");
    insta::assert_snapshot!(message["attachments"][1], @"");
    assert!(message.get("blocks").is_none());
    let with_blocks = |config: &mut SlackConfig| {
        config.blocks = vec![serde_json::json!({ "type": "divider" }); 50];
    };
    let body = sent(slack(&url, with_blocks), about(IncidentNoteKind::Page), all(), &requests).await;
    let message: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(message["blocks"].as_array().map(Vec::len), Some(50));
    assert_eq!(message["blocks"][49]["elements"][0]["action_id"], "watchbell.ack");
    for (kind, answers) in [
        (IncidentNoteKind::Answered, all()),
        (IncidentNoteKind::Closed, all()),
        (IncidentNoteKind::Page, Answers::default()),
    ] {
        let body = sent(slack(&url, |_| ()), about(kind), answers, &requests).await;
        assert!(!body.contains("watchbell.ack"), "{kind:?}");
    }
}

#[tokio::test]
async fn buttons_that_slack_refuses_cost_no_page() {
    let (address, requests) = server(|path| match path {
        "/refuses" => (StatusCode::BAD_REQUEST, "invalid_blocks").into_response(),
        _ => "ok".into_response(),
    })
    .await;
    let sender = Sender::new(Arc::new(fixture::templates()), fixture::EXTERNAL_URL.into());
    let sender = sender.with_answers(AnswerWays { key: key(), answers: all() });
    let now = fixture::at("2026-11-22T03:00:00Z");
    let delivery = Delivery::new(1, "key-1".to_owned(), about(IncidentNoteKind::Page), now);
    let channel = slack(&format!("http://{address}/refuses"), |_| ());
    drop(sender.send(&fixture::integration(channel), &delivery, now).await);
    let requests = requests.lock().expect("not poisoned");
    let bodies: Vec<bool> =
        requests.iter().map(|(_, _, body)| String::from_utf8_lossy(body).contains("watchbell.ack")).collect();
    assert_eq!(bodies, [true, false]);
}

#[tokio::test]
async fn buttons_in_telegram() {
    let (url, requests) = listening().await;
    let channel = || {
        Channel::Telegram(Box::new(TelegramConfig {
            api_url: url.clone(),
            bot_token: Secret::Value("t0ken".into()),
            chat_id: Secret::Value("-100".into()),
            message_thread_id: 0,
            message: "{{ .Incident.Title }}".into(),
            disable_notifications: false,
            parse_mode: TelegramParseMode::Plain,
            timeout: Duration::from_secs(10),
            http: HttpConfig::default(),
        }))
    };
    let body = sent(channel(), about(IncidentNoteKind::Page), all(), &requests).await;
    let message: Value = serde_json::from_str(&body).expect("JSON");
    insta::assert_snapshot!(message["reply_markup"], @"");
    assert!(!sent(channel(), about(IncidentNoteKind::Closed), all(), &requests).await.contains("reply_markup"));
    let closed = Answers::default();
    assert!(!sent(channel(), about(IncidentNoteKind::Page), closed, &requests).await.contains("reply_markup"));
}

#[tokio::test]
async fn a_hint_in_messages() {
    let (url, requests) = listening().await;
    let channel = |body: &str| {
        Channel::Twilio(Box::new(TwilioConfig {
            api_url: url.clone(),
            account_sid: "AC1".into(),
            sender: TwilioSender::From("+1".into()),
            to: "+2".into(),
            body: body.to_owned(),
            status_callback: String::new(),
            timeout: Duration::from_secs(10),
            http: HttpConfig::default(),
        }))
    };
    for (text, kind, answers, expected) in [
        ("Wake up", IncidentNoteKind::Page, all(), "To=%2B2&From=%2B1&Body=Wake+up%0AReply+ACK+12"),
        ("Wake up", IncidentNoteKind::Closed, all(), "To=%2B2&From=%2B1&Body=Wake+up"),
        ("Wake up", IncidentNoteKind::Page, Answers::default(), "To=%2B2&From=%2B1&Body=Wake+up"),
    ] {
        assert_eq!(sent(channel(text), about(kind), answers, &requests).await, expected);
    }
    let long = sent(channel(&"x".repeat(2000)), about(IncidentNoteKind::Page), all(), &requests).await;
    let (_, body) = long.split_once("Body=").expect("a body");
    assert!(body.ends_with("x%E2%80%A6%0AReply+ACK+12"), "{body}");
    assert_eq!(body.replace("%E2%80%A6", ".").replace("%0A", ".").chars().count(), 1600);
}

#[tokio::test]
async fn links_in_templates() {
    let (url, requests) = listening().await;
    let text = "{{ .Incident.Links.Ack }} {{ .Incident.Links.Escalate }}";
    let channel = || slack(&url, |config| config.text = text.into());
    let now = fixture::at("2026-11-22T03:00:00Z");
    let mut bodies = Vec::new();
    for _ in 0..2 {
        bodies.push(sent(channel(), about(IncidentNoteKind::Page), Answers::default(), &requests).await);
    }
    assert_eq!(bodies[0], bodies[1], "each attempt says the same");
    let message: Value = serde_json::from_str(&bodies[0]).expect("JSON");
    let links: Vec<&str> = message["attachments"][0]["text"].as_str().expect("a text").split(' ').collect();
    for (link, action) in links.iter().zip([LinkAction::Ack, LinkAction::Escalate]) {
        let token = link.strip_prefix("http://watchbell.example.org/answer/").expect(link);
        let link = Link::read(token, &key(), now).expect("good");
        assert_eq!((link.incident, link.action, link.name.as_str()), (12, action, "ada"));
        assert_eq!(link.ends_at, fixture::at("2026-11-23T03:00:00Z"));
    }
    let closed = sent(channel(), about(IncidentNoteKind::Closed), Answers::default(), &requests).await;
    assert!(!closed.contains("/answer/"));
}
