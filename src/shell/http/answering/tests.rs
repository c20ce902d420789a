//! Answers over real HTTP: a door, the routes, an engine that pages, and whoever answers.

use std::net::SocketAddr;
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::RequestBuilder;
use ring::hmac;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::*;
use crate::config::{MemoryFiles, Plan, load};
use crate::deliver::{Delivery, HttpConfig, Notification, dedup_key};
use crate::engine::ExternalAlert;
use crate::escalate::{Happening, Incident, IncidentState, Via};
use crate::model::{Labels, Timestamp, TraceId};
use crate::shell::answers::{LinkKey, LinkMaker, answer_links};
use crate::shell::http::door::behind;
use crate::shell::http::{self, Door, DoorRules};
use crate::shell::http_client;
use crate::shell::service::decider_in_memory;

const MAIN: &str = "
global:
  external_url: https://bell.example.org/watch
  telegram_bot_token: t
web: {failed_logins_per_minute: 3}
answers:
  slack: {signing_secret: slack-secret}
  twilio: {auth_token: twilio-token}
  pagerduty: {webhook_secrets: [old-secret, pagerduty-secret]}
  telegram: {secret_token: telegram-token}
users:
  - name: ada
    time_zone: UTC
    contacts: [{name: hook, webhook: 'http://127.0.0.1:9/'}]
    known_as: {slack: UADA, twilio: '+4915112345678', telegram: '5', pagerduty: PADA}
  - name: bob
    time_zone: UTC
    contacts: [{name: hook, webhook: 'http://127.0.0.1:9/'}]
    known_as: {slack: UBOB}
escalation_policies:
  - {name: all, steps: [{targets: ['user:ada', 'channel:chat']}], fallback: ['user:bob']}
route: {receiver: pages, group_by: [alertname], group_wait: 0s}
receivers:
  - {name: pages, escalation: all}
  - {name: chat, telegram_configs: [{chat_id: -100}]}
";
const SYSTEM_KEY: [u8; 32] = [7; 32];

struct Server {
    address: SocketAddr,
    desk: Desk,
    client: reqwest::Client,
    sent: Arc<Mutex<Vec<Notification>>>,
    _stop: DropGuard,
}

impl Server {
    /// A server with one open incident for each of `alerts`, from 1.
    async fn start(main: &str, alerts: &[&str]) -> Server {
        let files = MemoryFiles::new([("watchbell.yml", main)]);
        let plan = load(Some("watchbell.yml"), &files, &|_| None).expect("a configuration").plan;
        let metrics = Arc::new(Metrics::new(Timestamp::default()));
        let sent = Arc::new(Mutex::new(Vec::new()));
        let outbox = sent.clone();
        let note = move |delivery: Delivery| outbox.lock().expect("whole").push(delivery.notification);
        let decider = decider_in_memory(&plan, metrics.clone(), note);
        let answering = Answering::new(LinkKey::of(&SYSTEM_KEY), &plan);
        let desk = Desk { decider, answering, metrics: metrics.clone(), clock: Clock::system() };
        let (address, stop) = serve(&plan, desk.clone(), metrics).await;
        let config = HttpConfig { follow_redirects: false, ..HttpConfig::default() };
        let client = http_client::client(&config, std::time::Duration::from_secs(10)).await.expect("a client");
        let server = Server { address, desk, client, sent, _stop: stop };
        for (index, name) in alerts.iter().enumerate() {
            server.fire(name, u64::try_from(index).expect("few") + 1).await;
        }
        server
    }

    /// Lets an alert fire, and waits for its incident.
    async fn fire(&self, name: &str, number: u64) {
        let alert = ExternalAlert {
            labels: Labels::from_pairs([("alertname", name), ("severity", "critical")]),
            annotations: Labels::default(),
            starts_at: None,
            ends_at: None,
            generator_url: Arc::from(""),
            trace: TraceId::NONE,
        };
        assert_eq!(self.desk.decider.post_alerts(vec![alert]).await, Ok(Vec::new()));
        while self.desk.decider.read(move |engine| engine.incidents().get(number).is_none()).await.expect("runs") {
            tokio::task::yield_now().await;
        }
    }

    async fn incident(&self, number: u64) -> Incident {
        let found = self.desk.decider.read(move |engine| engine.incidents().get(number).cloned()).await;
        found.expect("runs").expect("an incident")
    }

    /// How the incident stands, and by whom.
    async fn standing(&self, number: u64) -> String {
        let incident = self.incident(number).await;
        let by = match &incident.state {
            IncidentState::Acknowledged { by, .. } | IncidentState::Snoozed { by, .. } => by.to_string(),
            IncidentState::Closed { why, .. } => why.to_string(),
            IncidentState::Open => String::new(),
        };
        format!("{} {by}", incident.state.name()).trim_end().to_owned()
    }

    fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("http://{}/watch{path}", self.address))
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("http://{}/watch{path}", self.address))
    }

    /// The paths of the four links of the page about `number` for `user`, sent `ago` seconds ago.
    async fn links(&self, number: u64, user: &str, ago: u64) -> [String; 4] {
        let page = loop {
            let found = self.sent.lock().expect("whole").iter().find_map(|sent| {
                let note = sent.incident.as_deref().filter(|note| note.number == number)?;
                (note.user.as_deref() == Some("ada")).then(|| note.clone())
            });
            match found {
                Some(note) => break note,
                None => tokio::task::yield_now().await,
            }
        };
        let note = crate::deliver::IncidentNote { user: Some(user.to_owned()), ..page };
        let rules = self.desk.answering.rules();
        let key = self.desk.answering.key();
        let maker = LinkMaker { key, external_url: &rules.external_url, ttl: rules.answers.link_ttl };
        let at = self.desk.clock.now() - std::time::Duration::from_secs(ago);
        let links = answer_links(&note, "@ada/hook", "delivery", at, &maker);
        [links.ack, links.resolve, links.snooze, links.escalate]
            .map(|url| url.expect("a link").strip_prefix("https://bell.example.org/watch").expect("ours").to_owned())
    }

    fn counted(&self, via: Via, result: &str) -> bool {
        let line = format!("watchbell_answers_total{{via=\"{}\",result=\"{result}\"}}", via.as_str());
        self.desk.metrics.render(None).body.contains(&line)
    }
}

async fn serve(plan: &Plan, desk: Desk, metrics: Arc<Metrics>) -> (SocketAddr, DropGuard) {
    let rules = DoorRules::read(plan).await.expect("rules");
    let door = Door::new(rules, Clock::system(), metrics);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let stop = CancellationToken::new();
    tokio::spawn(http::serve(listener, behind(door.clone(), routes(desk)), door, stop.clone()));
    (address, stop.drop_guard())
}

/// The status, the heading of the page, and whether it has a button.
async fn page(request: RequestBuilder) -> (u16, String, bool) {
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("a text");
    let heading = text.split("<h1>").nth(1).and_then(|rest| rest.split("</h1>").next()).unwrap_or_default().to_owned();
    (status, heading, text.contains("<button"))
}

async fn said(request: RequestBuilder) -> (u16, String) {
    let answer = request.send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("a text"))
}

fn heading(status: u16, heading: &str, button: bool) -> (u16, String, bool) {
    (status, heading.to_owned(), button)
}

#[tokio::test]
async fn a_link_asks_and_then_does() {
    let server = Server::start(MAIN, &["DiskFull"]).await;
    let [ack, resolve, ..] = server.links(1, "ada", 0).await;
    for _ in 0..3 {
        assert_eq!(page(server.get(&ack)).await, heading(200, "Acknowledge incident 1?", true));
    }
    let head = server.client.head(format!("http://{}/watch{ack}", server.address)).send().await.expect("an answer");
    assert_eq!(head.status(), 200);
    assert_eq!(server.standing(1).await, "open");
    let answer = server.post(&ack).header("origin", "null").send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    for (name, value) in [
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("content-type", "text/html; charset=utf-8"),
    ] {
        assert_eq!(answer.headers()[name], value);
    }
    assert!(answer.headers()["content-security-policy"].to_str().expect("text").starts_with("default-src 'none'"));
    assert!(answer.text().await.expect("a text").contains("You have acknowledged incident 1."));
    assert_eq!(server.standing(1).await, "acknowledged ada by link");
    // Pressed twice, and opened again.
    assert_eq!(page(server.post(&ack)).await, heading(200, "You have acknowledged incident 1.", false));
    assert_eq!(page(server.get(&ack)).await, heading(200, "You have acknowledged incident 1.", false));
    // The other links of the message count for themselves.
    assert_eq!(page(server.post(&resolve)).await, heading(200, "You have resolved incident 1.", false));
    assert_eq!(server.standing(1).await, "closed resolved by ada by link");
    assert_eq!(page(server.post(&ack)).await, heading(409, "Incident 1 is closed", false));
    let answered: Vec<String> = server
        .incident(1)
        .await
        .timeline
        .iter()
        .filter(|entry| matches!(entry.what, Happening::Answered { .. }))
        .map(|entry| entry.what.to_string())
        .collect();
    assert_eq!(answered, ["ada by link: acknowledged", "ada by link: resolved"]);
    assert!(server.counted(Via::Link, "taken") && server.counted(Via::Link, "not_taken"));
    let history = server.desk.decider.history(u64::MAX, 100).await.expect("runs");
    let texts: Vec<String> = history
        .iter()
        .filter_map(|record| record.value.as_deref())
        .map(|value| String::from_utf8_lossy(value).into_owned())
        .filter(|text| text.contains("incident.ack"))
        .collect();
    assert!(texts.len() == 1 && texts[0].contains("127.0.0.1") && texts[0].contains("by link"), "{texts:?}");
}

#[tokio::test]
async fn links_that_do_nothing() {
    let server = Server::start(MAIN, &["DiskFull", "Slow"]).await;
    let [ack, _, snooze, escalate] = server.links(1, "ada", 0).await;
    let [bobs, ..] = server.links(1, "bob", 0).await;
    let [ended, ..] = server.links(1, "ada", 24 * 60 * 60).await;
    assert_eq!(page(server.get(&ended)).await, heading(410, "This link has ended", false));
    assert_eq!(page(server.post(&ended)).await, heading(410, "This link has ended", false));
    assert_eq!(page(server.post(&escalate)).await, heading(200, "You have escalated incident 1.", false));
    assert_eq!(page(server.post(&escalate)).await, heading(410, "This link was used already", false));
    assert_eq!(page(server.post(&ack)).await.0, 200);
    // Somebody else is asked whether they take over.
    assert_eq!(page(server.get(&bobs)).await, heading(200, "Acknowledge incident 1?", true));
    assert_eq!(page(server.post(&bobs)).await, heading(409, "ada was quicker", true));
    assert_eq!(server.standing(1).await, "acknowledged ada by link");
    assert_eq!(page(server.post(&bobs).body("take_over=1")).await.0, 200);
    assert_eq!(server.standing(1).await, "acknowledged bob by link");
    assert_eq!(page(server.post(&snooze)).await.0, 200);
    assert_eq!(server.standing(1).await, "snoozed ada by link");
    let [_, resolve, ..] = server.links(1, "bob", 0).await;
    assert_eq!(page(server.post(&resolve)).await.0, 200);
    let [ack, ..] = server.links(1, "ada", 1).await;
    assert_eq!(page(server.get(&ack)).await, heading(409, "Incident 1 is closed", false));
    assert_eq!(page(server.post(&ack)).await, heading(409, "Incident 1 is closed", false));
    assert_eq!(server.standing(2).await, "open");
}

#[tokio::test]
async fn guessing_links_is_slowed_down_and_knowing_one_is_not() {
    let server = Server::start(MAIN, &["DiskFull"]).await;
    let [ack, ..] = server.links(1, "ada", 0).await;
    for _ in 0..3 {
        assert_eq!(page(server.get("/answer/guess")).await, heading(404, "This link is not valid", false));
    }
    for path in ["/answer/guess", &ack[..ack.len() - 1], "/hooks/slack"] {
        let answer = server.post(path).send().await.expect("an answer");
        assert_eq!((answer.status().as_u16(), answer.headers().contains_key("retry-after")), (429, true), "{path}");
    }
    assert_eq!(page(server.post(&ack)).await, heading(200, "You have acknowledged incident 1.", false));
    let outside = server.client.get(format!("http://{}{ack}", server.address)).send().await.expect("an answer");
    assert_eq!(outside.status(), 404);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sha256(secret: &str, text: &str) -> String {
    hex(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), text.as_bytes()).as_ref())
}

fn form(pairs: &[(&str, &str)]) -> String {
    let mut url = reqwest::Url::parse("http://x/").expect("an address");
    url.query_pairs_mut().extend_pairs(pairs);
    url.query().expect("a query").to_owned()
}

fn slack(server: &Server, user: &str, action: &str, number: u64) -> RequestBuilder {
    let payload = json!({
        "type": "block_actions", "user": { "id": user, "username": "someone" },
        "actions": [{ "action_id": action, "value": number.to_string() }],
    });
    slack_body(server, form(&[("payload", &payload.to_string())]))
}

fn slack_body(server: &Server, body: String) -> RequestBuilder {
    let timestamp = (server.desk.clock.now().millis() / 1000).to_string();
    let signature = format!("v0={}", sha256("slack-secret", &format!("v0:{timestamp}:{body}")));
    let request = server.post("/hooks/slack").header("x-slack-request-timestamp", timestamp);
    request.header("x-slack-signature", signature).body(body)
}

#[tokio::test]
async fn buttons_in_slack() {
    let server = Server::start(MAIN, &["DiskFull"]).await;
    assert_eq!(said(slack(&server, "UADA", "own.button", 1)).await, (200, String::new()));
    assert_eq!(said(slack(&server, "UADA", "watchbell.ack", 7)).await, (200, String::new()));
    assert_eq!(server.standing(1).await, "open");
    assert_eq!(said(slack(&server, "UADA", "watchbell.ack", 1)).await, (200, String::new()));
    assert_eq!(server.standing(1).await, "acknowledged ada by Slack");
    // Whoever comes second does not take over by accident.
    assert_eq!(said(slack(&server, "UBOB", "watchbell.ack", 1)).await, (200, String::new()));
    assert_eq!(server.standing(1).await, "acknowledged ada by Slack");
    assert_eq!(said(slack(&server, "UXYZ", "watchbell.snooze", 1)).await, (200, String::new()));
    assert_eq!(server.standing(1).await, "snoozed someone by Slack");
    assert_eq!(said(slack(&server, "UBOB", "watchbell.resolve", 1)).await, (200, String::new()));
    assert_eq!(server.standing(1).await, "closed resolved by bob by Slack");
    let challenge = r#"{"type":"url_verification","token":"x","challenge":"3eZb"}"#;
    assert_eq!(said(slack_body(&server, challenge.to_owned())).await, (200, r#"{"challenge":"3eZb"}"#.to_owned()));
    assert_eq!(said(slack_body(&server, "payload=%7B".to_owned())).await.0, 400);
    let unsigned = slack(&server, "UADA", "watchbell.ack", 1).header("x-slack-signature", "v0=00");
    assert_eq!(said(server.post("/hooks/slack").body("payload={}")).await.0, 403);
    assert_eq!(said(unsigned).await.0, 200, "the first of two headers counts");
    assert!(server.counted(Via::Slack, "signature") && server.counted(Via::Slack, "needless"));
}

#[tokio::test]
async fn the_one_who_pressed_is_told_by_way_of_the_proxy_and_nobody_else_is_asked() {
    let proxy = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = proxy.local_addr().expect("an address");
    let chat = format!(
        "\n  - {{name: room, slack_configs: [{{api_url: 'https://hooks.slack.com/services/x', http_config: {{proxy_url: 'http://{address}'}}}}]}}\n"
    );
    let server = Server::start(&format!("{}{chat}", MAIN.trim_end()), &["DiskFull"]).await;
    let press = |url: &str| {
        let payload = json!({
            "type": "block_actions", "user": { "id": "UADA" }, "response_url": url,
            "actions": [{ "action_id": "watchbell.ack", "value": "1" }],
        });
        slack_body(&server, form(&[("payload", &payload.to_string())]))
    };
    assert_eq!(said(press(&format!("https://{address}/"))).await.0, 200);
    assert_eq!(said(press("https://hooks.slack.com/actions/T1/2/x")).await.0, 200);
    let (mut stream, _) = proxy.accept().await.expect("a connection");
    let mut head = vec![0; 37];
    tokio::io::AsyncReadExt::read_exact(&mut stream, &mut head).await.expect("a request");
    assert_eq!(String::from_utf8_lossy(&head), "CONNECT hooks.slack.com:443 HTTP/1.1\r");
}

fn sms(server: &Server, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
    let mut sorted = fields.to_vec();
    sorted.sort_unstable();
    let text: String = sorted.iter().map(|(name, value)| format!("{name}{value}")).collect();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"twilio-token");
    let tag = hmac::sign(&key, format!("https://bell.example.org/watch{path}{text}").as_bytes());
    server.post(path).header("x-twilio-signature", STANDARD.encode(tag)).body(form(fields))
}

#[tokio::test]
async fn replies_by_sms() {
    let server = Server::start(MAIN, &["DiskFull", "Slow"]).await;
    let say = async |from: &str, text: &str| {
        let (status, body) = said(sms(&server, "/hooks/twilio", &[("From", from), ("Body", text), ("To", "+1")])).await;
        assert_eq!(status, 200, "{body}");
        let message = body.split("<Message>").nth(1).and_then(|rest| rest.split("</Message>").next());
        message.unwrap_or_default().to_owned()
    };
    let ada = "+4915112345678";
    let help = "Write ack 12, resolve 12, snooze 12 2h or escalate 12, with the number of the incident.";
    for (from, text, expected) in [
        ("+49000", "ack 1", "This number is not known to Watchbell. Nothing was changed."),
        (ada, "help", help),
        (ada, "what?", help),
        (ada, "ok", &format!("Which one? You were paged for incidents 2, 1. {help}")),
        (ada, "ACK1", "You have acknowledged incident 1. Paging stops."),
        (ada, "yes", "You have acknowledged incident 2. Paging stops."),
        (ada, "ok", "No incident waits for you. Say the number of the one you mean."),
        (ada, "ack 9", "Nothing was changed: there is no incident 9."),
        (ada, "resolve 2", "You have resolved incident 2. Everybody who was paged hears of it."),
        (ada, "snooze 1 99d", "Nothing was changed: incident 1 cannot be snoozed"),
    ] {
        let found = say(from, text).await;
        assert!(found.starts_with(expected), "{text}: {found}");
    }
    assert_eq!(server.standing(1).await, "acknowledged ada by SMS");
    assert_eq!(server.standing(2).await, "closed resolved by ada by SMS");
    let wrong = sms(&server, "/hooks/twilio", &[("From", ada), ("Body", "ack 1")]).body("From=x&Body=ack+1");
    assert_eq!(said(wrong).await.0, 403);
    let status = |fields: &[(&str, &str)]| sms(&server, "/hooks/twilio/status", fields);
    assert_eq!(
        said(status(&[("MessageSid", "SM1"), ("MessageStatus", "undelivered"), ("ErrorCode", "30003")])).await.0,
        204
    );
    assert_eq!(said(status(&[("MessageSid", "SM1"), ("MessageStatus", "delivered")])).await.0, 204);
    assert_eq!(said(status(&[("x", "y")])).await.0, 400);
    assert_eq!(said(sms(&server, "/hooks/twilio", &[("x", "y")])).await.0, 400);
    assert!(server.counted(Via::Sms, "unknown_person"));
}

fn pagerduty(server: &Server, id: &str, kind: &str, agent: Value, data: &Value) -> RequestBuilder {
    let body = json!({ "event": { "id": id, "event_type": kind, "agent": agent, "data": data } }).to_string();
    let signature = format!("v1={},v1={}", "0".repeat(64), sha256("pagerduty-secret", &body));
    server.post("/hooks/pagerduty").header("x-pagerduty-signature", signature).body(body)
}

#[tokio::test]
async fn what_is_done_in_pagerduty() {
    let server = Server::start(MAIN, &["DiskFull"]).await;
    let incident = json!({ "id": "PGR0VU2", "type": "incident", "incident_key": dedup_key(&server.incident(1).await.group_key()) });
    let other = json!({ "id": "PXXXXX1", "type": "incident", "incident_key": dedup_key("incident/2/0") });
    let note = json!({ "id": "PNOTE", "incident": { "id": "PGR0VU2" }, "content": "looking at it" });
    let ada = || json!({ "id": "PADA", "summary": "Ada L", "type": "user_reference" });
    let eve = || json!({ "id": "PEVE", "summary": "Eve", "type": "user_reference" });
    let us = || json!({ "id": "PINT", "type": "inbound_integration_reference" });
    for (id, kind, agent, data, expected) in [
        ("0", "incident.annotated", ada(), &note, "open"),
        ("1", "incident.triggered", us(), &incident, "open"),
        ("2", "incident.acknowledged", us(), &incident, "open"),
        ("3", "incident.acknowledged", Value::Null, &incident, "open"),
        ("4", "incident.acknowledged", ada(), &other, "open"),
        ("5", "incident.acknowledged", ada(), &incident, "acknowledged ada by PagerDuty"),
        ("6", "incident.acknowledged", eve(), &incident, "acknowledged ada by PagerDuty"),
        ("7", "incident.unacknowledged", Value::Null, &incident, "open"),
        ("5", "incident.acknowledged", ada(), &incident, "open"),
        ("8", "incident.acknowledged", eve(), &incident, "acknowledged Eve by PagerDuty"),
        ("9", "incident.annotated", eve(), &note, "acknowledged Eve by PagerDuty"),
        ("10", "incident.resolved", us(), &incident, "acknowledged Eve by PagerDuty"),
        ("11", "incident.resolved", ada(), &incident, "closed resolved by ada by PagerDuty"),
        ("12", "incident.resolved", ada(), &incident, "closed resolved by ada by PagerDuty"),
        ("13", "pagey.ping", Value::Null, &json!({ "message": "Hello" }), "closed resolved by ada by PagerDuty"),
    ] {
        let (status, text) = said(pagerduty(&server, id, kind, agent, data)).await;
        assert_eq!((status, server.standing(1).await.as_str()), (200, expected), "{id} {kind} {text}");
    }
    let notes =
        server.incident(1).await.timeline.iter().filter(|entry| entry.what.to_string().contains("looking")).count();
    assert_eq!(notes, 1);
    assert_eq!(said(pagerduty(&server, "1", "x", Value::Null, &Value::Null).body("{}")).await.0, 403);
    for result in ["own_event", "no_person", "unknown_incident", "needless", "other_event", "taken", "signature"] {
        assert!(server.counted(Via::Pagerduty, result), "{result}");
    }
}

#[tokio::test]
async fn telegram() {
    let server = Server::start(MAIN, &["DiskFull", "Slow"]).await;
    let post = |body: Value| {
        let request = server.post("/hooks/telegram").header("x-telegram-bot-api-secret-token", "telegram-token");
        request.body(body.to_string())
    };
    let press = async |user: i64, chat: i64, data: &str| {
        let message = json!({ "chat": { "id": chat, "type": "supergroup" } });
        let from = json!({ "id": user, "username": "someone" });
        let press = json!({ "id": "77", "from": from, "message": message, "data": data });
        let (status, text) = said(post(json!({ "update_id": 1, "callback_query": press }))).await;
        assert_eq!(status, 200, "{text}");
        let reply: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!((&reply["method"], &reply["callback_query_id"]), (&json!("answerCallbackQuery"), &json!("77")));
        reply["text"].as_str().expect("a text").to_owned()
    };
    while server.incident(2).await.paged.len() < 2 {
        tokio::task::yield_now().await;
    }
    let unknown = "Watchbell does not know you (Telegram user 6). Nothing was changed.";
    assert_eq!(press(6, -200, "watchbell:ack:1").await, unknown);
    assert_eq!(press(5, -200, "watchbell:ack:1").await, "You have acknowledged incident 1. Paging stops.");
    assert_eq!(server.standing(1).await, "acknowledged ada by Telegram");
    assert_eq!(
        press(6, -100, "watchbell:resolve:1").await,
        "You have resolved incident 1. Everybody who was paged hears of it."
    );
    assert_eq!(server.standing(1).await, "closed resolved by someone by Telegram");
    let message = json!({ "from": { "id": 5 }, "chat": { "id": 5, "type": "private" }, "text": "ok" });
    let expected =
        json!({ "method": "sendMessage", "chat_id": 5, "text": "You have acknowledged incident 2. Paging stops." });
    let (status, text) = said(post(json!({ "update_id": 2, "message": message }))).await;
    assert_eq!((status, serde_json::from_str::<Value>(&text).ok()), (200, Some(expected)));
    assert_eq!(said(post(json!({ "update_id": 3 }))).await, (200, String::new()));
    assert_eq!(said(post(json!("x"))).await.0, 400);
    let stranger = server.post("/hooks/telegram").header("x-telegram-bot-api-secret-token", "guess").body("{}");
    assert_eq!(said(stranger).await.0, 403);
    assert!(server.counted(Via::Telegram, "unknown_person") && server.counted(Via::Telegram, "unreadable"));
}

#[tokio::test]
async fn a_way_without_its_secret_is_closed() {
    let start = MAIN.find("answers:").expect("there");
    let end = MAIN.find("users:").expect("there");
    let main = format!("{}{}", &MAIN[..start], &MAIN[end..])
        .replace("failed_logins_per_minute: 3", "failed_logins_per_minute: 9");
    let server = Server::start(&main, &[]).await;
    for path in ["slack", "twilio", "twilio/status", "pagerduty", "telegram"] {
        let (status, text) = said(server.post(&format!("/hooks/{path}")).body("{}")).await;
        assert_eq!((status, text.as_str()), (404, "this way to answer is not configured\n"), "{path}");
    }
    let (status, _) = said(server.post("/hooks/slack").body("x".repeat(BODY_BYTES_MAX + 1))).await;
    assert_eq!(status, 413);
}
