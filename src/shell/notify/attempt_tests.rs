//! Attempts at servers that behave and at servers that do not.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::{Sender, fixture};
use crate::deliver::{
    Channel, Delivery, EmailConfig, HttpConfig, Notification, Outcome, PagerdutyKey, Secret, SlackConfig, SlackTarget,
    SmtpSecurity,
};

pub(super) type Requests = Arc<Mutex<Vec<(String, HeaderMap, Bytes)>>>;

/// A server that answers every request with `answer(path)` and keeps what it was sent.
pub(super) async fn server(answer: fn(&str) -> Response) -> (SocketAddr, Requests) {
    let requests = Requests::default();
    let kept = requests.clone();
    let app = Router::new().fallback(move |uri: Uri, headers: HeaderMap, body: Bytes| async move {
        let path = uri.path().to_owned();
        kept.lock().expect("not poisoned").push((path.clone(), headers, body));
        answer(&path)
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, requests)
}

/// A server that does `act` with the first connection and then holds on to it.
async fn raw_server(answer: &'static [u8], then_close: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(answer).await;
            if !then_close {
                open.push(stream);
            }
        }
    });
    address
}

pub(super) async fn send(channel: Channel) -> Outcome {
    send_after(channel, fixture::notification(), None).await
}

/// As [`send`], of `notification`.
pub(super) async fn send_this(channel: Channel, notification: Notification) -> Outcome {
    send_after(channel, notification, None).await
}

/// As [`send_this`], of a group that the message `reference` stands for.
pub(super) async fn send_after(channel: Channel, notification: Notification, reference: Option<&str>) -> Outcome {
    let sender = Sender::new(Arc::new(fixture::templates()), fixture::EXTERNAL_URL.into());
    let now = fixture::at("2026-11-22T03:00:00Z");
    let mut delivery = Delivery::new(1, "key-1".to_owned(), notification, now);
    delivery.reference = reference.map(str::to_owned);
    sender.send(&fixture::integration(channel), &delivery, now).await
}

fn webhook(url: String) -> Channel {
    Channel::Webhook(Box::new(fixture::webhook(&url)))
}

pub(super) fn show(outcome: Outcome) -> String {
    match outcome {
        Outcome::Delivered => "delivered".into(),
        Outcome::DeliveredAs { reference } => format!("delivered as {reference}"),
        Outcome::Rejected { error } => format!("rejected: {error}"),
        Outcome::Retry { error, after: None } => format!("retry: {error}"),
        Outcome::Retry { error, after: Some(wait) } => format!("retry after {wait:?}: {error}"),
    }
}

fn by_path(path: &str) -> Response {
    let status = |code: u16| StatusCode::from_u16(code).expect("a status");
    match path {
        "/huge" => "x".repeat(10 << 20).into_response(),
        "/huge500" => (status(500), "x".repeat(10 << 20)).into_response(),
        "/seconds" => (status(429), [("Retry-After", "17")], "slow down").into_response(),
        "/date" => (status(503), [("Retry-After", "Sun, 22 Nov 2026 03:01:00 GMT")]).into_response(),
        "/echo-secret-path" => (status(400), "no such hook: /echo-secret-path\u{7}\nsecond line").into_response(),
        "/get-redirect" => (status(302), [("Location", "/200")]).into_response(),
        "/redirect" => (status(307), [("Location", "/200")]).into_response(),
        "/loop" => (status(308), [("Location", "/loop")]).into_response(),
        code => match code.trim_start_matches('/').parse() {
            Ok(code) => status(code).into_response(),
            Err(_) => status(404).into_response(),
        },
    }
}

#[tokio::test]
async fn statuses() {
    let (address, _) = server(by_path).await;
    for (path, expected) in [
        ("200", "delivered"),
        ("202", "delivered"),
        ("204", "delivered"),
        ("huge", "delivered"),
        ("redirect", "delivered"),
        ("400", "rejected: 400 Bad Request"),
        ("401", "rejected: 401 Unauthorized"),
        ("404", "rejected: 404 Not Found"),
        ("413", "rejected: 413 Payload Too Large"),
        ("408", "retry: 408 Request Timeout"),
        ("429", "retry: 429 Too Many Requests"),
        ("500", "retry: 500 Internal Server Error"),
        ("503", "retry: 503 Service Unavailable"),
        ("seconds", "retry after 17s: 429 Too Many Requests: slow down"),
        ("date", "retry after 60s: 503 Service Unavailable"),
        ("echo-secret-path", "rejected: 400 Bad Request: no such hook: /<secret> second line"),
        ("get-redirect", "rejected: 302 Found: not followed"),
        ("loop", "rejected: 308 Permanent Redirect: not followed"),
    ] {
        let shown = show(send(webhook(format!("http://{address}/{path}"))).await);
        assert_eq!(shown.split("; a POST").next(), Some(expected), "{path}");
    }
    let huge = show(send(webhook(format!("http://{address}/huge500"))).await);
    assert!(huge.starts_with("retry: 500 Internal Server Error: xxx") && huge.len() < 400, "{huge}");
}

/// `/to/HOST/...` leads to `HOST`.
fn elsewhere(path: &str) -> Response {
    let host = path.strip_prefix("/to/").and_then(|rest| rest.split('/').next()).unwrap_or_default();
    (StatusCode::TEMPORARY_REDIRECT, [("Location", format!("http://{host}/200"))]).into_response()
}

#[tokio::test]
async fn keys_in_headers_do_not_leave_their_host() {
    let (other, told) = server(by_path).await;
    let (address, _) = server(elsewhere).await;
    let url = format!("http://{address}/to/{other}/x");
    assert_eq!(show(send(webhook(url.clone())).await), "delivered");
    told.lock().expect("not poisoned").clear();
    let mut with_headers = fixture::webhook(&url);
    with_headers.http.headers = vec![("X-Key".into(), Secret::Value("s3cret".into()))];
    let gotify = crate::deliver::GotifyConfig {
        url: Secret::Value(url),
        token: Secret::Value("s3cret".into()),
        title: "t".into(),
        message: "m".into(),
        priority: "5".into(),
        markdown: false,
        timeout: Duration::from_secs(10),
        http: HttpConfig::default(),
    };
    for channel in [Channel::Webhook(Box::new(with_headers)), Channel::Gotify(Box::new(gotify))] {
        let outcome = show(send(channel).await);
        assert!(outcome.starts_with("rejected: 307 Temporary Redirect: not followed"), "{outcome}");
    }
    assert!(told.lock().expect("not poisoned").is_empty());
}

#[tokio::test]
async fn servers_that_do_not_speak_properly() {
    let refused = {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        listener.local_addr().expect("an address")
    };
    for (name, address) in [
        ("refused", refused),
        ("closed", raw_server(b"", true).await),
        ("reset in the header", raw_server(b"HTTP/1.1 200 OK\r\nContent-Le", true).await),
        ("garbage", raw_server(b"\x16\x03\x01\x00nonsense\r\n\r\n", true).await),
        ("a status that is none", raw_server(b"HTTP/1.1 99999 Wow\r\n\r\n", true).await),
    ] {
        let outcome = show(send(webhook(format!("http://{address}/secret-hook"))).await);
        assert!(outcome.starts_with("retry: ") && !outcome.contains("secret-hook"), "{name}: {outcome}");
    }
    // The status has come, the rest of the answer has not: the webhook was taken, Slack's word is missing.
    let half = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"ok\":tr";
    let address = raw_server(half, true).await;
    assert_eq!(send(webhook(format!("http://{address}/"))).await, Outcome::Delivered);
    let outcome = show(send(app(address)).await);
    assert_eq!(outcome, r#"retry: 200 OK without Slack's `ok`: {"ok":tr"#);
}

#[tokio::test]
async fn a_server_that_hangs_costs_the_timeout() {
    let address = raw_server(b"", false).await;
    let mut config = fixture::webhook(&format!("http://{address}/"));
    config.timeout = Duration::from_millis(50);
    assert_eq!(show(send(Channel::Webhook(Box::new(config))).await), "retry: no answer within 50ms");
    let mut config = fixture::email("127.0.0.1", address.port());
    config.timeout = Duration::from_millis(50);
    assert_eq!(show(send(Channel::Email(Box::new(config))).await), "retry: no answer within 50ms");
}

#[tokio::test]
async fn addresses_that_are_none() {
    for url in ["", "ftp://example.org/", "hook", "http://", "file:///etc/passwd"] {
        let expected = "rejected: the address is not an http or https URL";
        assert_eq!(show(send(webhook(url.into())).await), expected, "{url}");
    }
    let mut config = fixture::webhook("http://127.0.0.1/");
    config.url = Secret::File("/nonexistent/url".into());
    let outcome = show(send(Channel::Webhook(Box::new(config))).await);
    assert!(outcome.starts_with("retry: cannot read /nonexistent/url"), "{outcome}");
    let outcome = show(send(webhook("http://127.0.0.1/s3cr3t/{{ .Nope".into())).await);
    assert_eq!(outcome, "rejected: url: its template cannot be rendered");
}

#[tokio::test]
async fn a_webhook_is_what_was_configured() {
    let (address, requests) = server(by_path).await;
    let mut config = fixture::webhook(&format!("http://{address}/200?name={{{{ .CommonLabels.alertname }}}}"));
    config.http.authorization = Some(("Bearer".into(), Secret::Value("t0ken".into())));
    assert_eq!(send(Channel::Webhook(Box::new(config))).await, Outcome::Delivered);
    let requests = requests.lock().expect("not poisoned");
    let (_, headers, body) = &requests[0];
    assert_eq!(headers["idempotency-key"], "key-1");
    assert_eq!(headers["authorization"], "Bearer t0ken");
    assert_eq!(headers["content-type"], "application/json");
    let payload: serde_json::Value = serde_json::from_slice(body).expect("JSON");
    assert_eq!(payload["version"], "4");
}

fn app(address: SocketAddr) -> Channel {
    let target = SlackTarget::App {
        token: Secret::Value("xoxb-secret".into()),
        url: format!("http://{address}/api/chat.postMessage"),
    };
    let mut config = fixture::slack(target);
    config.http =
        HttpConfig { authorization: Some(("Bearer".into(), Secret::Value("other".into()))), ..HttpConfig::default() };
    Channel::Slack(Box::new(config))
}

#[tokio::test]
async fn slack_apps_show_their_token_and_keep_it_secret() {
    let (address, requests) =
        server(|_| r#"{"ok":false,"error":"token xoxb-secret is revoked"}"#.into_response()).await;
    assert_eq!(show(send(app(address)).await), "rejected: Slack says token <secret> is revoked");
    let requests = requests.lock().expect("not poisoned");
    let authorization: Vec<_> = requests[0].1.get_all("authorization").iter().collect();
    assert_eq!(authorization, ["Bearer xoxb-secret"]);
}

/// An app that knows the message 1.1 of channel C1, and makes 2.2 of every other.
pub(super) fn slack_methods(path: &str) -> Response {
    match path {
        "/api/chat.update" => r#"{"ok":true,"channel":"C1","ts":"1.1"}"#,
        "/gone/chat.update" => r#"{"ok":false,"error":"message_not_found"}"#,
        "/busy/chat.update" => r#"{"ok":false,"error":"ratelimited"}"#,
        _ => r#"{"ok":true,"channel":"C1","ts":"2.2"}"#,
    }
    .into_response()
}

#[tokio::test]
async fn slack_apps_change_their_message_and_answer_it() {
    let known = r##"{"to":"#alerts","channel":"C1","ts":"1.1"}"##;
    let new = r##"delivered as {"to":"#alerts","channel":"C1","ts":"2.2"}"##;
    let same = format!("delivered as {known}");
    let elsewhere = r##"{"to":"#other","channel":"C9","ts":"1.1"}"##;
    for (folder, update, thread, reference, expected, calls) in [
        ("api", false, false, Some(known), "delivered", "postMessage"),
        ("api", true, false, None, new, "postMessage"),
        ("api", true, false, Some(known), same.as_str(), "update 1.1"),
        ("api", false, true, Some(known), same.as_str(), "postMessage in 1.1"),
        ("api", true, true, Some(known), same.as_str(), "update 1.1, postMessage in 1.1"),
        ("api", true, false, Some(elsewhere), new, "postMessage"),
        ("api", true, false, Some("nonsense"), new, "postMessage"),
        ("gone", true, true, Some(known), new, "update 1.1, postMessage"),
        ("busy", true, true, Some(known), "retry: Slack says ratelimited", "update 1.1"),
    ] {
        let (address, requests) = server(slack_methods).await;
        let url = format!("http://{address}/{folder}/chat.postMessage");
        let target = SlackTarget::App { token: Secret::Value("xoxb-secret".into()), url };
        let config = SlackConfig { update_message: update, thread_replies: thread, ..fixture::slack(target) };
        let outcome = show(send_after(Channel::Slack(Box::new(config)), fixture::notification(), reference).await);
        assert_eq!(outcome, expected, "{folder} {update} {thread} {reference:?}");
        let told: Vec<String> = requests.lock().expect("not poisoned").iter().map(slack_call).collect();
        assert_eq!(told.join(", "), calls, "{folder} {update} {thread} {reference:?}");
    }
}

/// The method, and the message that it is about.
pub(super) fn slack_call((path, _, body): &(String, HeaderMap, Bytes)) -> String {
    let message: serde_json::Value = serde_json::from_slice(body).expect("JSON");
    let method = path.rsplit('.').next().unwrap_or_default();
    match (message["ts"].as_str(), message["thread_ts"].as_str()) {
        (Some(ts), None) => {
            assert_eq!((&message["channel"], message.get("username")), (&"C1".into(), None));
            format!("{method} {ts}")
        }
        (None, Some(ts)) => format!("{method} in {ts}"),
        _ => method.to_owned(),
    }
}

#[tokio::test]
async fn slack_blocks_that_are_refused_do_not_cost_the_message() {
    let (address, requests) = server(|path| match path {
        "/webhook" => (StatusCode::BAD_REQUEST, "invalid_blocks").into_response(),
        _ => r#"{"ok":false,"error":"invalid_blocks"}"#.into_response(),
    })
    .await;
    let targets = [
        SlackTarget::Webhook(Secret::Value(format!("http://{address}/webhook"))),
        SlackTarget::App { token: Secret::Value("xoxb".into()), url: format!("http://{address}/chat.postMessage") },
    ];
    for target in targets {
        let blocks = vec![serde_json::json!({"type": "nonsense"})];
        send(Channel::Slack(Box::new(SlackConfig { blocks, ..fixture::slack(target) }))).await;
        let bodies: Vec<serde_json::Value> = std::mem::take(&mut *requests.lock().expect("not poisoned"))
            .iter()
            .map(|(_, _, body)| serde_json::from_slice(body).expect("JSON"))
            .collect();
        assert_eq!(bodies.len(), 2);
        assert!(bodies[0].get("blocks").is_some() && bodies[0].get("attachments").is_none());
        assert!(bodies[1].get("blocks").is_none() && bodies[1].get("attachments").is_some());
    }
}

#[tokio::test]
async fn pagerduty_gets_its_routing_key() {
    let (address, requests) = server(|path| match path {
        "/202" => (StatusCode::ACCEPTED, r#"{"status":"success"}"#).into_response(),
        _ => (StatusCode::BAD_REQUEST, "bad key 0123456789abcdef0123456789abcdef").into_response(),
    })
    .await;
    let channel = |path: &str| Channel::Pagerduty(Box::new(fixture::pagerduty(&format!("http://{address}{path}"))));
    assert_eq!(send(channel("/202")).await, Outcome::Delivered);
    assert_eq!(show(send(channel("/400")).await), "rejected: 400 Bad Request: bad key <secret>");
    let requests = requests.lock().expect("not poisoned");
    let event: serde_json::Value = serde_json::from_slice(&requests[0].2).expect("JSON");
    assert_eq!(event["routing_key"], "0123456789abcdef0123456789abcdef");
    assert_eq!(event["event_action"], "trigger");
}

#[tokio::test]
async fn pagerduty_by_service_key() {
    let (address, requests) = server(|path| match path {
        "/403" => (StatusCode::FORBIDDEN, "too many").into_response(),
        path => by_path(path),
    })
    .await;
    for (path, expected) in [
        ("/200", "delivered"),
        ("/403", "retry: 403 Forbidden: too many"),
        ("/400", "rejected: 400 Bad Request"),
        ("/500", "retry: 500 Internal Server Error"),
    ] {
        let mut config = fixture::pagerduty(&format!("http://{address}{path}"));
        config.key = PagerdutyKey::Service(Secret::Value("0123456789abcdef0123456789abcdef".into()));
        assert_eq!(show(send(Channel::Pagerduty(Box::new(config))).await), expected, "{path}");
    }
    let requests = requests.lock().expect("not poisoned");
    let event: serde_json::Value = serde_json::from_slice(&requests[0].2).expect("JSON");
    assert_eq!(event["service_key"], "0123456789abcdef0123456789abcdef");
    assert_eq!(event["event_type"], "trigger");
}

/// A mail server with fixed answers by command, none for an empty one; what it was told is kept.
async fn mail_server(answer: fn(&str) -> &'static str) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let told = Arc::new(Mutex::new(Vec::new()));
    let kept = told.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = converse(stream, answer, &kept).await;
        }
    });
    (port, told)
}

async fn converse(
    stream: TcpStream,
    answer: fn(&str) -> &'static str,
    kept: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    writer.write_all(b"220 mail.test\r\n").await?;
    let mut in_data = false;
    while let Some(line) = lines.next_line().await? {
        kept.lock().expect("not poisoned").push(line.clone());
        if in_data && line != "." {
            continue;
        }
        let reply = answer(&line);
        if reply.is_empty() {
            continue;
        }
        in_data = reply.starts_with("354");
        writer.write_all(format!("{reply}\r\n").as_bytes()).await?;
    }
    Ok(())
}

fn obliging(line: &str) -> &'static str {
    match line {
        "DATA" => "354 go on",
        "QUIT" => "221 bye",
        line if line.starts_with("EHLO") => "250-mail.test\r\n250 8BITMIME",
        _ => "250 fine",
    }
}

async fn mail(port: u16, change: impl FnOnce(&mut EmailConfig)) -> String {
    let mut config = fixture::email("127.0.0.1", port);
    change(&mut config);
    show(send(Channel::Email(Box::new(config))).await)
}

fn with_password(config: &mut EmailConfig) {
    config.auth_username = "bell".into();
    config.auth_password = Some(Secret::Value("clapper".into()));
}

#[tokio::test]
async fn a_mail_goes_out_in_order() {
    let (port, told) = mail_server(obliging).await;
    assert_eq!(mail(port, |_| ()).await, "delivered");
    let told = told.lock().expect("not poisoned");
    let commands: Vec<&str> = told.iter().map(String::as_str).take(5).collect();
    assert_eq!(
        commands,
        [
            "EHLO localhost",
            "MAIL FROM:<bell@example.org>",
            "RCPT TO:<ops@example.org>",
            "RCPT TO:<ada@example.org>",
            "DATA"
        ]
    );
    assert!(told.iter().any(|line| line == "Auto-Submitted: auto-generated"));
    assert_eq!(told.last().map(String::as_str), Some("QUIT"));
}

/// Else a mail that is out would be sent again.
#[tokio::test]
async fn a_server_that_hangs_at_quit_has_the_mail() {
    let (port, told) = mail_server(|line| if line == "QUIT" { "" } else { obliging(line) }).await;
    assert_eq!(mail(port, |config| config.timeout = Duration::from_secs(1)).await, "delivered");
    assert_eq!(told.lock().expect("not poisoned").last().map(String::as_str), Some("QUIT"));
}

#[tokio::test]
async fn refusals_of_mail_servers() {
    type Case = (fn(&str) -> &'static str, &'static str);
    let cases: [Case; 6] = [
        (
            |line| if line.starts_with("MAIL") { "451 later" } else { obliging(line) },
            "retry: transient error (451): later",
        ),
        (
            |line| if line.starts_with("MAIL") { "550 never" } else { obliging(line) },
            "rejected: permanent error (550): never",
        ),
        (|line| if line == "." { "552 too big" } else { obliging(line) }, "rejected: permanent error (552): too big"),
        (|line| if line == "DATA" { "what?" } else { obliging(line) }, "retry: response error"),
        (
            |line| if line.starts_with("RCPT") { "550 who?" } else { obliging(line) },
            "rejected: permanent error (550): who?",
        ),
        (
            |line| if line.contains("ada") { "450 greylisted" } else { obliging(line) },
            "retry: transient error (450): greylisted",
        ),
    ];
    for (answer, expected) in cases {
        let (port, _) = mail_server(answer).await;
        let outcome = mail(port, |_| ()).await;
        assert!(outcome.starts_with(expected), "{expected}: {outcome}");
    }
    let (port, told) = mail_server(|line| if line.contains("ada") { "550 who?" } else { obliging(line) }).await;
    assert_eq!(mail(port, |_| ()).await, "delivered", "the others have it");
    assert!(told.lock().expect("not poisoned").iter().any(|line| line == "."));
}

#[tokio::test]
async fn passwords_of_mail() {
    fn offering(mechanisms: &'static str, line: &str) -> &'static str {
        match line {
            line if line.starts_with("EHLO") => mechanisms,
            "AUTH PLAIN AGJlbGwAY2xhcHBlcg==" => "235 welcome",
            "AUTH LOGIN" => "334 VXNlcm5hbWU6",
            "YmVsbA==" => "334 UGFzc3dvcmQ6",
            "Y2xhcHBlcg==" => "235 welcome",
            line => obliging(line),
        }
    }
    for (answer, expected) in [
        (
            (|line| offering("250-x\r\n250 AUTH LOGIN PLAIN", line)) as fn(&str) -> &'static str,
            "AUTH PLAIN AGJlbGwAY2xhcHBlcg==",
        ),
        (|line| offering("250-x\r\n250 AUTH LOGIN", line), "AUTH LOGIN"),
        (|line| offering("250 x", line), "MAIL FROM:<bell@example.org>"),
    ] {
        let (port, told) = mail_server(answer).await;
        assert_eq!(mail(port, with_password).await, "delivered");
        assert_eq!(told.lock().expect("not poisoned")[1], expected);
    }
    let (port, told) = mail_server(|line| offering("250-x\r\n250 AUTH PLAIN", line)).await;
    let outcome = mail(port, |config| {
        with_password(config);
        config.host = "0.0.0.0".into();
    });
    let expected = "rejected: the server asks for a password over a connection that is not encrypted";
    assert_eq!(outcome.await, expected);
    assert!(!told.lock().expect("not poisoned").iter().any(|line| line.starts_with("AUTH")));

    let (port, _) = mail_server(|line| match line {
        line if line.starts_with("AUTH") => "535 clapper is wrong",
        line => offering("250-x\r\n250 AUTH PLAIN", line),
    })
    .await;
    assert_eq!(mail(port, with_password).await, "rejected: permanent error (535): <secret> is wrong");
}

/// The challenge and the answer of RFC 2195, section 2.
fn challenging(line: &str) -> &'static str {
    match line {
        line if line.starts_with("EHLO") => "250-x\r\n250 AUTH PLAIN CRAM-MD5",
        "AUTH CRAM-MD5" => "334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+",
        "dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw" => "235 welcome",
        line if line.starts_with("AUTH") => "535 no",
        line => obliging(line),
    }
}

#[tokio::test]
async fn secrets_of_mail() {
    let as_tim = |config: &mut EmailConfig| {
        config.auth_username = "tim".into();
        config.auth_secret = Some(Secret::Value("tanstaaftanstaaf".into()));
    };
    let (port, told) = mail_server(challenging).await;
    // The secret itself is never sent, so that the connection need not be encrypted.
    let with_both = |config: &mut EmailConfig| {
        as_tim(config);
        config.auth_password = Some(Secret::Value("clapper".into()));
        config.host = "0.0.0.0".into();
    };
    assert_eq!(mail(port, with_both).await, "delivered");
    assert_eq!(told.lock().expect("not poisoned")[2], "AUTH CRAM-MD5");
    let (port, _) = mail_server(|line| match line {
        line if line.starts_with("EHLO") => "250-x\r\n250 AUTH PLAIN LOGIN",
        line => obliging(line),
    })
    .await;
    let expected = "rejected: the server does not offer CRAM-MD5, which `auth_secret` is for: PLAIN, LOGIN";
    assert_eq!(mail(port, as_tim).await, expected);
    let (port, _) = mail_server(|line| match line {
        "AUTH CRAM-MD5" => "334 ?",
        line => challenging(line),
    })
    .await;
    assert_eq!(mail(port, as_tim).await, "retry: the server's challenge for CRAM-MD5 cannot be read");
    let (port, _) = mail_server(obliging).await;
    assert_eq!(mail(port, as_tim).await, "delivered", "a server without AUTH");
}

#[tokio::test]
async fn identities_of_mail() {
    let (port, told) = mail_server(|line| match line {
        line if line.starts_with("EHLO") => "250-x\r\n250 AUTH PLAIN",
        line if line.starts_with("AUTH") => "235 welcome",
        line => obliging(line),
    })
    .await;
    let outcome = mail(port, |config| {
        with_password(config);
        config.auth_identity = "team".into();
    });
    assert_eq!(outcome.await, "delivered");
    assert_eq!(told.lock().expect("not poisoned")[1], "AUTH PLAIN dGVhbQBiZWxsAGNsYXBwZXI=");
}

#[tokio::test]
async fn mail_is_protected_as_configured() {
    let (port, told) = mail_server(obliging).await;
    let outcome = mail(port, |config| config.security = SmtpSecurity::StarttlsRequired).await;
    assert_eq!(outcome, "rejected: the server does not offer STARTTLS, which `require_tls` asks for");
    assert!(!told.lock().expect("not poisoned").iter().any(|line| line.starts_with("MAIL")));
    let outcome = mail(port, |config| config.security = SmtpSecurity::Implicit).await;
    assert!(outcome.starts_with("retry: "), "{outcome}");
    for hello in ["", "a b", "a\r\nMAIL FROM:<e@example.org>"] {
        let outcome = mail(port, |config| config.hello = hello.into()).await;
        assert!(outcome.starts_with("rejected: hello"), "{outcome}");
    }
}
