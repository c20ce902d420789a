//! Chat services: what is sent for a configuration.

use super::fixture;
use crate::config::{MemoryFiles, load};
use crate::deliver::Channel;
use crate::model::render_text;

/// The channel that `settings`, a YAML mapping on one line, configure.
pub(super) fn channel(name: &str, settings: &str) -> Channel {
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
