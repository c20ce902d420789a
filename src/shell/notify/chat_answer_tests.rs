//! Chat services: what their answers mean.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::attempt_tests::{send, server, show};
use super::chat_payload_tests::channel;
use super::{Sender, fixture};
use crate::deliver::{Delivery, Outcome};

/// The answer by the first segment of the path.
fn by_case(path: &str) -> Response {
    let case = path.split('/').nth(1).unwrap_or_default();
    let (status, body) = match case {
        "204" => (204, ""),
        "202" => (202, ""),
        "500" => (500, "broken"),
        "page" => (200, "\n<!DOCTYPE html><title>Log in</title>"),
        "json" => (200, r#"{"id":"1"}"#),
        "ok" => (200, "ok"),
        "discord-429" => (429, r#"{"message":"You are being rate limited.","retry_after":0.376,"global":false}"#),
        "discord-404" => (404, r#"{"message":"Unknown Webhook","code":10015}"#),
        "teams-1" => (200, "1"),
        "teams-413" => (
            200,
            "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 413 with ContextId 1",
        ),
        "teams-429" => (
            200,
            "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with ContextId 1",
        ),
        "teams-lost" => (200, "Webhook message delivery failed"),
        "mattermost-404" => {
            (404, r#"{"id":"web.incoming_webhook.channel.app_error","message":"Couldn't find the channel."}"#)
        }
        "rocketchat-ok" => (200, r#"{"ts":1,"success":true}"#),
        "rocketchat-no" => (200, r#"{"success":false,"error":"[invalid-channel]"}"#),
        "rocketchat-401" => (401, r#"{"status":"error","message":"You must be logged in to do this."}"#),
        "rocketchat-fast" => (400, r#"{"success":false,"error":"Wait 50 seconds. [error-too-many-requests]"}"#),
        "telegram-ok" => (200, r#"{"ok":true,"result":{"message_id":1}}"#),
        "telegram-429" => (
            429,
            r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 5","parameters":{"retry_after":5}}"#,
        ),
        "telegram-401" => (401, r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#),
        "telegram-busy" => (200, r#"{"ok":false,"error_code":502,"description":"Bad Gateway"}"#),
        "telegram-chat" => (200, r#"{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}"#),
        "telegram-tags" => (
            400,
            r#"{"ok":false,"error_code":400,"description":"Bad Request: can't parse entities: Unsupported start tag \"p\""}"#,
        ),
        "wechat-secret" => (200, r#"{"errcode":40001,"errmsg":"invalid credential s3cret"}"#),
        "wechat-half" => (200, r#"{"errcode":0}"#),
        _ if path.ends_with("/gettoken") => {
            (200, r#"{"errcode":0,"errmsg":"ok","access_token":"t0ken","expires_in":7200}"#)
        }
        "wechat-ok" => (200, r#"{"errcode":0,"errmsg":"ok"}"#),
        "wechat-busy" => (200, r#"{"errcode":-1,"errmsg":"system busy"}"#),
        "wechat-user" => (200, r#"{"errcode":81013,"errmsg":"user & party & tag all invalid"}"#),
        "wechat-old" => (200, r#"{"errcode":42001,"errmsg":"access_token expired: t0ken"}"#),
        "ntfy-429" => (429, r#"{"code":42901,"http":429,"error":"limit reached: too many requests"}"#),
        "gotify-401" => (
            401,
            r#"{"error":"Unauthorized","errorCode":401,"errorDescription":"you need to provide a valid access token"}"#,
        ),
        _ => (404, ""),
    };
    (StatusCode::from_u16(status).expect("a status"), body).into_response()
}

#[tokio::test]
async fn answers() {
    let (address, _) = server(by_case).await;
    for (name, settings, cases) in [
        (
            "discord",
            "{webhook_url: 'URL/hook'}",
            &[
                ("204", "delivered"),
                ("json", "delivered"),
                (
                    "discord-429",
                    r#"retry after 376ms: 429 Too Many Requests: {"message":"You are being rate limited.","retry_after":0.376,"global":false}"#,
                ),
                ("discord-404", r#"rejected: 404 Not Found: {"message":"Unknown Webhook","code":10015}"#),
                ("page", "retry: 200 OK, but not from Discord: <!DOCTYPE html><title>Log in</title>"),
                ("500", "retry: 500 Internal Server Error: broken"),
            ][..],
        ),
        (
            "msteams",
            "{webhook_url: 'URL'}",
            &[
                ("teams-1", "delivered"),
                (
                    "teams-413",
                    "rejected: Teams says Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 413 with ContextId 1",
                ),
                (
                    "teams-429",
                    "retry: Teams says Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with ContextId 1",
                ),
                ("teams-lost", "retry: Teams says Webhook message delivery failed"),
                ("page", "retry: 200 OK, but not from Teams: <!DOCTYPE html><title>Log in</title>"),
            ],
        ),
        (
            "msteamsv2",
            "{webhook_url: 'URL'}",
            &[("202", "delivered"), ("500", "retry: 500 Internal Server Error: broken")],
        ),
        (
            "mattermost",
            "{webhook_url: 'URL'}",
            &[
                ("ok", "delivered"),
                (
                    "mattermost-404",
                    r#"rejected: 404 Not Found: {"id":"web.incoming_webhook.channel.app_error","message":"Couldn't find the channel."}"#,
                ),
                ("page", "retry: 200 OK, but not from Mattermost: <!DOCTYPE html><title>Log in</title>"),
            ],
        ),
        (
            "rocketchat",
            "{api_url: 'URL', token: t0ken, token_id: me}",
            &[
                ("rocketchat-ok", "delivered"),
                ("rocketchat-no", "rejected: Rocket.Chat says [invalid-channel]"),
                (
                    "rocketchat-401",
                    r#"rejected: 401 Unauthorized: {"status":"error","message":"You must be logged in to do this."}"#,
                ),
                ("rocketchat-fast", "retry: Rocket.Chat says Wait 50 seconds. [error-too-many-requests]"),
                ("page", "retry: 200 OK, but not from Rocket.Chat: <!DOCTYPE html><title>Log in</title>"),
                ("500", "retry: 500 Internal Server Error: broken"),
            ],
        ),
        (
            "webex",
            "{api_url: 'URL', room_id: r, http_config: {authorization: {credentials: t}}}",
            &[("json", "delivered"), ("500", "retry: 500 Internal Server Error: broken")],
        ),
        (
            "telegram",
            "{api_url: 'URL', bot_token: '1:t0ken', chat_id: 7}",
            &[
                ("telegram-ok", "delivered"),
                (
                    "telegram-429",
                    r#"retry after 5s: 429 Too Many Requests: {"ok":false,"error_code":429,"description":"Too Many Requests: retry after 5","parameters":{"retry_after":5}}"#,
                ),
                (
                    "telegram-401",
                    r#"rejected: 401 Unauthorized: {"ok":false,"error_code":401,"description":"Unauthorized"}"#,
                ),
                ("telegram-busy", "retry: Telegram says Bad Gateway"),
                ("telegram-chat", "rejected: Telegram says Bad Request: chat not found"),
                ("page", "retry: 200 OK, but not from Telegram: <!DOCTYPE html><title>Log in</title>"),
            ],
        ),
        (
            "wechat",
            "{api_url: 'URL', api_secret: s3cret, corp_id: c, to_user: u}",
            &[
                ("wechat-ok", "delivered"),
                ("wechat-secret", "rejected: WeChat says 40001 invalid credential <secret>"),
                ("wechat-half", r#"retry: 200 OK, but not from WeChat: {"errcode":0}"#),
                ("wechat-busy", "retry: WeChat says -1 system busy"),
                ("wechat-user", "rejected: WeChat says 81013 user & party & tag all invalid"),
                ("wechat-old", "retry: WeChat says 42001 access_token expired: <secret>"),
                ("500", "retry: 500 Internal Server Error: broken"),
            ],
        ),
        (
            "ntfy",
            "{url: 'URL', topic: t0pic}",
            &[
                ("json", "delivered"),
                (
                    "ntfy-429",
                    r#"retry: 429 Too Many Requests: {"code":42901,"http":429,"error":"limit reached: too many requests"}"#,
                ),
                ("page", "retry: 200 OK, but not from ntfy: <!DOCTYPE html><title>Log in</title>"),
            ],
        ),
        (
            "gotify",
            "{url: 'URL/', token: t0ken}",
            &[
                ("json", "delivered"),
                (
                    "gotify-401",
                    r#"rejected: 401 Unauthorized: {"error":"Unauthorized","errorCode":401,"errorDescription":"you need to provide a valid access token"}"#,
                ),
            ],
        ),
    ] {
        for (case, expected) in cases {
            let settings = settings.replace("URL", &format!("http://{address}/{case}"));
            assert_eq!(show(send(channel(name, &settings)).await), *expected, "{name} {case}");
        }
    }
}

#[tokio::test]
async fn credentials_go_where_they_belong_and_nowhere_else() {
    let (address, requests) =
        server(|path| (StatusCode::NOT_FOUND, format!("nothing at {path}")).into_response()).await;
    for (name, settings, expected) in [
        (
            "telegram",
            "{api_url: 'URL', bot_token: '1:t0ken', chat_id: '@ops'}",
            "rejected: 404 Not Found: nothing at /<secret>",
        ),
        (
            "rocketchat",
            "{api_url: 'URL', token: t0ken, token_id: user1}",
            "rejected: 404 Not Found: nothing at /<secret>",
        ),
        ("gotify", "{url: 'URL', token: t0ken}", "rejected: 404 Not Found: nothing at /<secret>"),
        ("ntfy", "{url: 'URL/', topic: t0pic, token: t0ken}", "rejected: 404 Not Found: nothing at /"),
    ] {
        let settings = settings.replace("URL", &format!("http://{address}"));
        assert_eq!(show(send(channel(name, &settings)).await), expected, "{name}");
    }
    let requests = requests.lock().expect("not poisoned");
    let body = |at: usize| serde_json::from_slice::<serde_json::Value>(&requests[at].2).expect("JSON");
    assert_eq!(requests[0].0, "/bot1:t0ken/sendMessage");
    assert_eq!(body(0)["chat_id"], "@ops");
    assert_eq!(requests[1].0, "/api/v1/chat.postMessage");
    assert_eq!(
        (&requests[1].1["x-auth-token"], &requests[1].1["x-user-id"]),
        (&"t0ken".parse().expect("a value"), &"user1".parse().expect("a value"))
    );
    assert_eq!(
        (requests[2].0.as_str(), &requests[2].1["x-gotify-key"]),
        ("/message", &"t0ken".parse().expect("a value"))
    );
    assert_eq!(requests[3].1["authorization"], "Bearer t0ken");
    assert_eq!(body(3)["topic"], "t0pic");
}

#[tokio::test]
async fn telegram_gets_a_message_whose_markup_it_refuses_once_more_without() {
    let (address, requests) = server(by_case).await;
    let settings = format!(
        "{{api_url: 'http://{address}/telegram-tags', bot_token: '1:t0ken', chat_id: 7, message: '<p>{{{{ .Status }}}} &amp; more</p>'}}"
    );
    let outcome = show(send(channel("telegram", &settings)).await);
    assert!(outcome.starts_with("rejected: 400 Bad Request"), "{outcome}");
    let requests = requests.lock().expect("not poisoned");
    let bodies: Vec<serde_json::Value> =
        requests.iter().map(|(_, _, body)| serde_json::from_slice(body).expect("JSON")).collect();
    assert_eq!(bodies.len(), 2);
    assert_eq!((&bodies[0]["text"], &bodies[0]["parse_mode"]), (&"<p>firing &amp; more</p>".into(), &"HTML".into()));
    assert_eq!((&bodies[1]["text"], bodies[1].get("parse_mode")), (&"firing & more".into(), None));
}

#[tokio::test]
async fn wechat_keeps_its_token_until_it_is_refused() {
    let (address, requests) = server(by_case).await;
    let sender = Sender::new(std::sync::Arc::new(fixture::templates()), fixture::EXTERNAL_URL.into());
    let integration = |case: &str| {
        let settings = "{api_url: 'URL', api_secret: s3cret, corp_id: c, to_user: u}";
        fixture::integration(channel("wechat", &settings.replace("URL", &format!("http://{address}/{case}"))))
    };
    for (case, now, delivered) in [
        ("wechat-ok", "2026-11-22T03:00:00Z", true),
        ("wechat-ok", "2026-11-22T04:58:00Z", true),
        ("wechat-ok", "2026-11-22T04:59:00Z", true),
        ("wechat-old", "2026-11-22T03:00:00Z", false),
        ("wechat-old", "2026-11-22T03:00:00Z", false),
    ] {
        let now = fixture::at(now);
        let delivery = Delivery::new(1, "key".to_owned(), fixture::notification(), now);
        let outcome = sender.send(&integration(case), &delivery, now).await;
        assert_eq!(outcome == Outcome::Delivered, delivered, "{case} {now}");
    }
    let requests = requests.lock().expect("not poisoned");
    let paths: Vec<&str> = requests.iter().map(|(path, ..)| path.rsplit('/').next().unwrap_or_default()).collect();
    assert_eq!(
        paths,
        ["gettoken", "send", "send", "gettoken", "send", "gettoken", "send", "gettoken", "send"],
        "an hour and 59 minutes, then anew; after a refusal too"
    );
}
