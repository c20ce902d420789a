//! Chat services: what is sent for a configuration, and what their answers mean.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::attempt_tests::{send, server, show};
use super::{Sender, fixture};
use crate::config::{MemoryFiles, load};
use crate::deliver::{Channel, Delivery, Outcome};
use crate::model::render_text;

/// The channel that `settings`, a YAML mapping on one line, configure.
fn channel(name: &str, settings: &str) -> Channel {
    let text = format!("route: {{receiver: r}}\nreceivers:\n  - name: r\n    {name}_configs:\n      - {settings}\n");
    let files = MemoryFiles::new([("watchbell.yml", text.as_str())]);
    let mut loaded = load(Some("watchbell.yml"), &files, &|_| None)
        .unwrap_or_else(|problems| panic!("{}", render_text(&problems, false)));
    loaded.plan.engine.receivers.remove(0).integrations.remove(0).channel
}

fn payload(name: &str, settings: &str) -> String {
    fixture::rendered(channel(name, settings))
}

fn value(name: &str, settings: &str) -> serde_json::Value {
    serde_json::from_str(&payload(name, settings)).expect("JSON")
}

#[test]
fn payload_of_discord() {
    let settings =
        "{webhook_url: 'http://x/', content: '@here {{ .Status }}', username: Bell, avatar_url: 'http://x/a.png'}";
    insta::assert_snapshot!(payload("discord", settings), @r##"
    {
      "content": "@here firing",
      "username": "Bell",
      "avatar_url": "http://x/a.png",
      "embeds": [
        {
          "title": "[FIRING:1] HighLoad (critical)",
          "description": "\nAlerts firing:\nLabels:\n - alertname = HighLoad\n - instance = a:9100\n - severity = critical\nAnnotations:\n - summary = Load is high, überall\n - value = 9.5\nSource: http://watchbell.example.org/graph?g0.expr=node_load1\n\nAlerts resolved:\nLabels:\n - alertname = HighLoad\n - instance = bb:9100\n - severity = critical\nAnnotations:\n - summary = Load is high\nSource: http://watchbell.example.org/graph?g0.expr=node_load1\n",
          "color": 11740702
        }
      ]
    }
    "##);
}

#[test]
fn payload_of_msteams() {
    insta::assert_snapshot!(payload("msteams", "{webhook_url: 'http://x/', text: '**{{ .Status }}**'}"), @r##"
    {
      "@context": "https://schema.org/extensions",
      "@type": "MessageCard",
      "title": "[FIRING:1] HighLoad (critical)",
      "summary": "[FIRING:1] HighLoad (critical)",
      "text": "**firing**",
      "themeColor": "B3261E"
    }
    "##);
}

#[test]
fn payload_of_msteamsv2() {
    insta::assert_snapshot!(payload("msteamsv2", "{webhook_url: 'http://x/'}"), @r##"
    {
      "type": "message",
      "attachments": [
        {
          "contentType": "application/vnd.microsoft.card.adaptive",
          "content": {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.2",
            "body": [
              {
                "type": "TextBlock",
                "text": "[FIRING:1] HighLoad (critical)",
                "wrap": true,
                "style": "heading",
                "weight": "Bolder",
                "size": "Medium",
                "color": "Attention"
              },
              {
                "type": "TextBlock",
                "text": "# Alerts firing:\n\n**HighLoad** firing since 2026-11-22 02:55:00 UTC\n\nLabels:\n- alertname = HighLoad\n- instance = a:9100\n- severity = critical\n\nAnnotations:\n- summary = Load is high, überall\n- value = 9.5\n\n[Source](http://watchbell.example.org/graph?g0.expr=node_load1)\n\n# Alerts resolved:\n\n**HighLoad** resolved since 2026-11-22 02:55:00 UTC\n\nLabels:\n- alertname = HighLoad\n- instance = bb:9100\n- severity = critical\n\nAnnotations:\n- summary = Load is high\n\n[Source](http://watchbell.example.org/graph?g0.expr=node_load1)\n",
                "wrap": true
              }
            ],
            "msteams": {
              "width": "full"
            }
          }
        }
      ]
    }
    "##);
}

#[test]
fn payload_of_mattermost() {
    insta::assert_snapshot!(payload("mattermost", "{webhook_url: 'http://x/', text: '{{ .Status }}'}"), @r##"
    {
      "text": "firing",
      "username": "Watchbell"
    }
    "##);
    let settings = "{webhook_url: 'http://x/', text: hi, channel: town-square, icon_emoji: bell, pretext: '{{ .Receiver }}', \
        fields: [{title: Severity, value: '{{ .CommonLabels.severity }}', short: true}], \
        type: custom_alert, props: {card: '# card'}, \
        priority: {priority: Important, requested_ack: true, persistent_notifications: true}}";
    insta::assert_snapshot!(payload("mattermost", settings), @r##"
    {
      "text": "hi",
      "channel": "town-square",
      "username": "Watchbell",
      "icon_emoji": "bell",
      "attachments": [
        {
          "fallback": "[FIRING:1] HighLoad (critical) | http://watchbell.example.org/#/alerts?receiver=night-watch",
          "color": "#b3261e",
          "pretext": "night-watch",
          "title": "[FIRING:1] HighLoad (critical)",
          "title_link": "http://watchbell.example.org/#/alerts?receiver=night-watch",
          "fields": [
            {
              "title": "Severity",
              "value": "critical",
              "short": true
            }
          ]
        }
      ],
      "type": "custom_alert",
      "props": {
        "card": "# card"
      },
      "priority": {
        "priority": "important",
        "requested_ack": true,
        "persistent_notifications": false
      }
    }
    "##);
    let settings = "{webhook_url: 'http://x/', text: '', title: unseen, attachments: [{text: a, author_name: b}, {color: '#fff'}]}";
    let value = value("mattermost", settings);
    assert_eq!(value["text"], "");
    assert_eq!(value["attachments"].to_string(), r##"[{"author_name":"b","text":"a"},{"color":"#fff"}]"##);
}

#[test]
fn payload_of_rocketchat() {
    let settings = "{token: t0ken, token_id: me, channel: '#ops', text: '{{ .Status }}', emoji: ':bell:', short_fields: true, \
        fields: [{title: a, value: b}], actions: [{type: button, text: Look, url: '{{ .ExternalURL }}'}]}";
    insta::assert_snapshot!(payload("rocketchat", settings), @r##"
    {
      "channel": "#ops",
      "emoji": ":bell:",
      "attachments": [
        {
          "title": "[FIRING:1] HighLoad (critical)",
          "title_link": "http://watchbell.example.org/#/alerts?receiver=night-watch",
          "text": "firing",
          "color": "red",
          "fields": [
            {
              "title": "a",
              "value": "b",
              "short": true
            }
          ],
          "actions": [
            {
              "type": "button",
              "text": "Look",
              "url": "http://watchbell.example.org"
            }
          ]
        }
      ]
    }
    "##);
}

#[test]
fn payload_of_webex() {
    let settings = "{room_id: r00m, message: '{{ .Status }}', http_config: {authorization: {credentials: t0ken}}}";
    insta::assert_snapshot!(payload("webex", settings), @r##"
    {
      "roomId": "r00m",
      "markdown": "firing"
    }
    "##);
}

#[test]
fn payload_of_telegram() {
    insta::assert_snapshot!(payload("telegram", "{bot_token: '1:t0ken', chat_id: -100}"), @r##"
    {
      "text": "\nAlerts firing:\nLabels:\n - alertname = HighLoad\n - instance = a:9100\n - severity = critical\nAnnotations:\n - summary = Load is high, überall\n - value = 9.5\nSource: http://watchbell.example.org/graph?g0.expr=node_load1\n\nAlerts resolved:\nLabels:\n - alertname = HighLoad\n - instance = bb:9100\n - severity = critical\nAnnotations:\n - summary = Load is high\nSource: http://watchbell.example.org/graph?g0.expr=node_load1\n",
      "parse_mode": "HTML",
      "link_preview_options": {
        "is_disabled": true
      }
    }
    "##);
    let settings = "{bot_token: '1:t0ken', chat_id: -100, message_thread_id: 7, disable_notifications: true, \
        parse_mode: MarkdownV2, message: '*{{ .Status }}*'}";
    insta::assert_snapshot!(payload("telegram", settings), @r##"
    {
      "text": "*firing*",
      "parse_mode": "MarkdownV2",
      "message_thread_id": 7,
      "disable_notification": true,
      "link_preview_options": {
        "is_disabled": true
      }
    }
    "##);
}

#[test]
fn payload_of_wechat() {
    let settings = "{api_secret: s3cret, corp_id: c0rp, to_user: '@all', agent_id: 7, message: '{{ .Status }}'}";
    insta::assert_snapshot!(payload("wechat", settings), @r##"
    {
      "msgtype": "text",
      "text": {
        "content": "firing"
      },
      "touser": "@all",
      "agentid": "7",
      "safe": "0"
    }
    "##);
    let markdown = value("wechat", "{api_secret: s3cret, corp_id: c0rp, to_tag: a, message_type: markdown}");
    assert_eq!((&markdown["msgtype"], &markdown["totag"]), (&"markdown".into(), &"a".into()));
    assert!(markdown["markdown"]["content"].as_str().is_some_and(|text| text.starts_with("[FIRING:1] HighLoad")));
}

#[test]
fn payload_of_ntfy() {
    let settings = "{topic: 't0pic', message: '{{ .Status }}', markdown: true, actions: [\
        {action: view, label: Look, url: '{{ .ExternalURL }}'}, \
        {action: http, label: Ack, url: 'http://x/', method: PUT, headers: {a: b}, body: '{{ .Receiver }}', clear: true}]}";
    insta::assert_snapshot!(payload("ntfy", settings), @r##"
    {
      "title": "[FIRING:1] HighLoad (critical)",
      "message": "firing",
      "priority": 4,
      "tags": [
        "rotating_light"
      ],
      "click": "http://watchbell.example.org/#/alerts?receiver=night-watch",
      "actions": [
        {
          "action": "view",
          "label": "Look",
          "url": "http://watchbell.example.org"
        },
        {
          "action": "http",
          "label": "Ack",
          "url": "http://x/",
          "method": "PUT",
          "headers": {
            "a": "b"
          },
          "body": "night-watch",
          "clear": true
        }
      ],
      "markdown": true
    }
    "##);
    for (priority, expected) in [("5", 5), ("max", 5), ("Urgent", 5), ("min", 1), ("high", 4)] {
        let value = value("ntfy", &format!("{{topic: t, priority: '{priority}'}}"));
        assert_eq!(value["priority"], expected, "{priority}");
    }
    for priority in ["0", "6", "", "none"] {
        assert!(
            value("ntfy", &format!("{{topic: t, priority: '{priority}'}}")).get("priority").is_none(),
            "{priority}"
        );
    }
}

#[test]
fn payload_of_gotify() {
    let settings = "{url: 'http://x/', token: t0ken, message: '{{ .Status }}', content_type: text/markdown}";
    insta::assert_snapshot!(payload("gotify", settings), @r##"
    {
      "title": "[FIRING:1] HighLoad (critical)",
      "message": "firing",
      "priority": 5,
      "extras": {
        "client::display": {
          "contentType": "text/markdown"
        }
      }
    }
    "##);
    assert_eq!(value("gotify", "{url: 'http://x/', token: t, priority: '{{ .Status }}'}")["priority"], 5);
}

#[test]
fn limits() {
    let long = "ä".repeat(50_000);
    let chars = |value: &serde_json::Value| value.as_str().map_or(0, |text| text.chars().count());
    let bytes = |value: &serde_json::Value| value.as_str().map_or(0, str::len);

    let settings =
        format!("{{webhook_url: 'http://x/', title: {long}, message: {long}, content: {long}, username: {long}}}");
    let discord = value("discord", &settings);
    let embed = &discord["embeds"][0];
    let lengths = [&embed["title"], &embed["description"], &discord["content"], &discord["username"]].map(chars);
    assert_eq!(lengths, [256, 4096, 2000, 80]);

    for name in ["msteams", "msteamsv2"] {
        for text in [long.clone(), format!("'{}'", "\"".repeat(20_000))] {
            let json = value(name, &format!("{{webhook_url: 'http://x/', title: {long}, text: {text}}}")).to_string();
            assert!(json.len() <= 28_000, "{name} {}", json.len());
        }
    }

    let settings = format!("{{webhook_url: 'http://x/', text: {long}, pretext: {long}, title: {long}}}");
    let mattermost = value("mattermost", &settings);
    let attachment = &mattermost["attachments"][0];
    assert_eq!((chars(&mattermost["text"]), chars(&attachment["pretext"])), (16_383, 16_383));

    let rocketchat = value("rocketchat", &format!("{{token: t, token_id: i, title: {long}, text: {long}}}"));
    let attachment = &rocketchat["attachments"][0];
    assert_eq!((chars(&attachment["title"]), chars(&attachment["text"])), (1024, 38_976));

    let settings = format!("{{room_id: r, message: {long}, http_config: {{authorization: {{credentials: t}}}}}}");
    assert_eq!(bytes(&value("webex", &settings)["markdown"]), 7439);
    let wechat = value("wechat", &format!("{{api_secret: s, corp_id: c, to_user: u, message: {long}}}"));
    assert_eq!(bytes(&wechat["text"]["content"]), 2047);
    assert_eq!(bytes(&value("ntfy", &format!("{{topic: t, message: {long}}}"))["message"]), 4095);
    let gotify = value("gotify", &format!("{{url: 'http://x/', token: t, message: {long}}}"));
    assert_eq!(chars(&gotify["message"]), 16_384);
}

#[test]
fn telegram_cuts_html_between_tags_and_markdown_not_at_all() {
    let long = "x".repeat(5000);
    let telegram = |mode: &str, message: &str| {
        value("telegram", &format!("{{bot_token: t, chat_id: 1, parse_mode: '{mode}', message: '{message}'}}"))
    };
    let html = telegram("HTML", &format!("<b>{{{{ .Status }}}} {{{{ \"<\" }}}} {long}</b>"));
    assert_eq!(html["parse_mode"], "HTML");
    let text = html["text"].as_str().expect("a text");
    assert!(text.starts_with("<b>firing &lt; xxx") && text.ends_with("x…</b>"), "{text}");
    assert_eq!(text.chars().count(), 4096 + "<b></b>".len() + "lt;".len());
    for mode in ["Markdown", "MarkdownV2", ""] {
        let cut = telegram(mode, &format!("*{long}*"));
        assert!(cut.get("parse_mode").is_none());
        assert_eq!(cut["text"].as_str().map(|text| text.chars().count()), Some(4096));
    }
    assert_eq!(telegram("HTML", "<b> </b>")["text"], "[FIRING:1] HighLoad (critical)");
}

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
