//! What each channel says of a page, of who answered, and of the end.

use std::collections::BTreeMap;
use std::time::Duration;

use super::attempt_tests::{send_after, server, show, slack_call, slack_methods};
use super::chat_payload_tests::channel;
use super::fixture::{self, incident, incident_payloads};
use crate::deliver::{
    Channel, ConsoleConfig, ExecConfig, IncidentNoteKind, MailThreading, PagerdutyKey, Secret, SlackConfig, SlackTarget,
};

/// What the channel says by default.
fn told(name: &str, settings: &str) -> String {
    incident_payloads(|| channel(name, settings))
}

#[test]
fn console() {
    insta::assert_snapshot!(incident_payloads(|| Channel::Console(ConsoleConfig {})), @r#"
    --- page
    2026-11-22 03:00:00Z  PAGE P1   incident 12: HostDown web-1  (to ada: step 2 of 3, on call by secondary; 3m late; answer by 2026-11-22 03:10:00Z)
        priority: 112 = 100 (P1) + 10 (2 services) + 2 (open for 25m)
        symptom: HighLoad a:9100
        show: http://watchbell.example.org/api/v1/incidents/12
        FIRING    HighLoad  {instance="a:9100", severity="critical"}  Load is high, überall  (for 5m)
                  value: 9.5

    --- answered
    2026-11-22 03:00:00Z  ACK       incident 12: HostDown web-1  (to ada: acknowledged by ada by link)
        priority: 112 = 100 (P1) + 10 (2 services) + 2 (open for 25m)
        symptom: HighLoad a:9100
        show: http://watchbell.example.org/api/v1/incidents/12

    --- closed
    2026-11-22 03:00:00Z  RESOLVED  incident 12: HostDown web-1  (to ada: resolved by ada: restarted)
        priority: 112 = 100 (P1) + 10 (2 services) + 2 (open for 25m)
        symptom: HighLoad a:9100
        show: http://watchbell.example.org/api/v1/incidents/12
        FIRING    HighLoad  {instance="a:9100", severity="critical"}  Load is high, überall  (for 5m)
                  value: 9.5
    "#);
}

#[test]
fn email() {
    let mail = |kind| {
        let mut config = fixture::email("localhost", 25);
        config.threading = MailThreading::GroupAndDay;
        config.html.clear();
        config.headers.insert("Subject".into(), r#"{{ template "email.default.subject" . }}"#.into());
        fixture::render_for(Channel::Email(Box::new(config)), &incident(kind)).to_string()
    };
    let told = mail(IncidentNoteKind::Page);
    let (headers, text) = told.split_once("\n\n").expect("a text");
    insta::assert_snapshot!(text, @r#"
    2026-11-22 03:00:00Z  PAGE P1   incident 12: HostDown web-1  (to ada: step =
    2 of 3, on call by secondary; 3m late; answer by 2026-11-22 03:10:00Z)
        priority: 112 =3D 100 (P1) + 10 (2 services) + 2 (open for 25m)
        symptom: HighLoad a:9100
        show: http://watchbell.example.org/api/v1/incidents/12
        FIRING    HighLoad  {instance=3D"a:9100", severity=3D"critical"}  Load =
    is high, =C3=BCberall  (for 5m)
                  value: 9.5
    "#);
    let header = |mail: &str, name: &str| {
        mail.lines().find(|line| line.starts_with(name)).map(str::to_owned).unwrap_or_default()
    };
    assert_eq!(header(headers, "Subject"), "Subject: [PAGE P1] HostDown web-1 (incident 12)");
    assert!(header(headers, "References").starts_with("References: <alert-"));
    for kind in [IncidentNoteKind::Answered, IncidentNoteKind::Closed] {
        assert_eq!(header(&mail(kind), "References"), header(headers, "References"));
    }
}

#[test]
fn webhook() {
    let payload = |kind| {
        let channel = Channel::Webhook(Box::new(fixture::webhook("http://127.0.0.1/")));
        let rendered = fixture::render_for(channel, &incident(kind)).to_string();
        serde_json::from_str::<serde_json::Value>(&rendered).expect("JSON")
    };
    let page = payload(IncidentNoteKind::Page);
    insta::assert_snapshot!(format!("{:#}", page["incident"]), @r#"
    {
      "answerBy": "2026-11-22T03:10:00Z",
      "kind": "page",
      "links": {
        "show": "http://watchbell.example.org/api/v1/incidents/12"
      },
      "number": 12,
      "openedAt": "2026-11-22T02:55:00Z",
      "priority": "112 = 100 (P1) + 10 (2 services) + 2 (open for 25m)",
      "severity": "P1",
      "symptoms": [
        "HighLoad a:9100"
      ],
      "text": "step 2 of 3, on call by secondary; 3m late",
      "title": "HostDown web-1",
      "user": "ada"
    }
    "#);
    assert_eq!((&page["status"], &page["groupKey"]), (&"firing".into(), &"incident/12".into()));
    let closed = payload(IncidentNoteKind::Closed);
    assert_eq!((&closed["status"], &closed["incident"]["kind"]), (&"resolved".into(), &"closed".into()));
    assert_eq!(closed["incident"].get("answerBy"), None);
    let incidentio = fixture::render_for(
        channel("incidentio", "{url: 'http://x/', alert_source_token: t}"),
        &incident(IncidentNoteKind::Page),
    );
    assert!(!incidentio.to_string().contains("\"incident\""));
}

#[test]
fn slack() {
    let all = told("slack", "{api_url: 'http://x/', channel: '#ops', fields: [{title: Team, value: web}]}");
    insta::assert_snapshot!(all, @r##"
    --- page
    {
      "channel": "#ops",
      "username": "Watchbell",
      "attachments": [
        {
          "title": "[PAGE P1] HostDown web-1 (incident 12)",
          "title_link": "http://watchbell.example.org/api/v1/incidents/12",
          "text": "Why ada: step 2 of 3, on call by secondary; 3m late",
          "fallback": "[PAGE P1] HostDown web-1 (incident 12) | http://watchbell.example.org/api/v1/incidents/12",
          "callback_id": "",
          "fields": [
            {
              "title": "Severity",
              "value": "P1",
              "short": true
            },
            {
              "title": "Answer by",
              "value": "2026-11-22 03:10:00Z",
              "short": true
            },
            {
              "title": "Opened",
              "value": "2026-11-22 02:55:00Z",
              "short": true
            },
            {
              "title": "Priority",
              "value": "112 = 100 (P1) + 10 (2 services) + 2 (open for 25m)",
              "short": false
            },
            {
              "title": "Symptoms",
              "value": "HighLoad a:9100",
              "short": false
            },
            {
              "title": "Team",
              "value": "web",
              "short": false
            }
          ],
          "footer": "",
          "color": "#b3261e",
          "mrkdwn_in": [
            "fallback",
            "pretext",
            "text"
          ]
        }
      ]
    }
    --- answered
    {
      "channel": "#ops",
      "username": "Watchbell",
      "attachments": [
        {
          "title": "[ACK] incident 12 HostDown web-1: acknowledged by ada by link",
          "title_link": "http://watchbell.example.org/api/v1/incidents/12",
          "text": "Answer: acknowledged by ada by link",
          "fallback": "[ACK] incident 12 HostDown web-1: acknowledged by ada by link | http://watchbell.example.org/api/v1/incidents/12",
          "callback_id": "",
          "fields": [
            {
              "title": "Severity",
              "value": "P1",
              "short": true
            },
            {
              "title": "Opened",
              "value": "2026-11-22 02:55:00Z",
              "short": true
            },
            {
              "title": "Priority",
              "value": "112 = 100 (P1) + 10 (2 services) + 2 (open for 25m)",
              "short": false
            },
            {
              "title": "Symptoms",
              "value": "HighLoad a:9100",
              "short": false
            },
            {
              "title": "Team",
              "value": "web",
              "short": false
            }
          ],
          "footer": "",
          "color": "#234a8b",
          "mrkdwn_in": [
            "fallback",
            "pretext",
            "text"
          ]
        }
      ]
    }
    --- closed
    {
      "channel": "#ops",
      "username": "Watchbell",
      "attachments": [
        {
          "title": "[RESOLVED] incident 12 HostDown web-1: resolved by ada: restarted",
          "title_link": "http://watchbell.example.org/api/v1/incidents/12",
          "text": "Over: resolved by ada: restarted",
          "fallback": "[RESOLVED] incident 12 HostDown web-1: resolved by ada: restarted | http://watchbell.example.org/api/v1/incidents/12",
          "callback_id": "",
          "fields": [
            {
              "title": "Severity",
              "value": "P1",
              "short": true
            },
            {
              "title": "Opened",
              "value": "2026-11-22 02:55:00Z",
              "short": true
            },
            {
              "title": "Priority",
              "value": "112 = 100 (P1) + 10 (2 services) + 2 (open for 25m)",
              "short": false
            },
            {
              "title": "Symptoms",
              "value": "HighLoad a:9100",
              "short": false
            },
            {
              "title": "Team",
              "value": "web",
              "short": false
            }
          ],
          "footer": "",
          "color": "#1b6e3c",
          "mrkdwn_in": [
            "fallback",
            "pretext",
            "text"
          ]
        }
      ]
    }
    "##);
}

#[test]
fn pagerduty() {
    insta::assert_snapshot!(told("pagerduty", "{routing_key: k, details: {firing: '', resolved: '', priority: mine}}"), @r#"
    --- page
    {
      "event_action": "trigger",
      "dedup_key": "KEY",
      "payload": {
        "summary": "[PAGE P1] HostDown web-1 (incident 12)",
        "source": "Watchbell",
        "severity": "critical",
        "custom_details": {
          "firing": "",
          "incident": "12",
          "num_firing": "1",
          "num_resolved": "0",
          "priority": "mine",
          "resolved": "",
          "symptoms": "HighLoad a:9100",
          "why": "step 2 of 3, on call by secondary; 3m late"
        }
      },
      "client": "Watchbell",
      "client_url": "http://watchbell.example.org/api/v1/incidents/12"
    }
    --- answered
    {
      "event_action": "acknowledge",
      "dedup_key": "KEY",
      "payload": {
        "summary": "[ACK] incident 12 HostDown web-1: acknowledged by ada by link",
        "source": "Watchbell",
        "severity": "critical",
        "custom_details": {
          "firing": "",
          "incident": "12",
          "num_firing": "1",
          "num_resolved": "0",
          "priority": "mine",
          "resolved": "",
          "symptoms": "HighLoad a:9100",
          "why": "acknowledged by ada by link"
        }
      },
      "client": "Watchbell",
      "client_url": "http://watchbell.example.org/api/v1/incidents/12"
    }
    --- closed
    {
      "event_action": "resolve",
      "dedup_key": "KEY",
      "payload": {
        "summary": "[RESOLVED] incident 12 HostDown web-1: resolved by ada: restarted",
        "source": "Watchbell",
        "severity": "critical",
        "custom_details": {
          "firing": "",
          "incident": "12",
          "num_firing": "1",
          "num_resolved": "0",
          "priority": "mine",
          "resolved": "",
          "symptoms": "HighLoad a:9100",
          "why": "resolved by ada: restarted"
        }
      },
      "client": "Watchbell",
      "client_url": "http://watchbell.example.org/api/v1/incidents/12"
    }
    "#);
    // A name that the user's template yields takes precedence, as long as PagerDuty knows it.
    for (severity, expected) in [("info", "info"), ("{{ .CommonLabels.severity }}", "critical"), ("odd", "critical")] {
        let mut config = fixture::pagerduty("http://127.0.0.1/");
        config.severity = severity.into();
        let event = fixture::render_for(Channel::Pagerduty(Box::new(config)), &incident(IncidentNoteKind::Page));
        assert!(event.to_string().contains(&format!("\"severity\": \"{expected}\"")), "{severity}: {event}");
    }
    let mut config = fixture::pagerduty("http://127.0.0.1/");
    config.key = PagerdutyKey::Service(Secret::Value("k".into()));
    let generic = incident_payloads(|| Channel::Pagerduty(Box::new(config.clone())));
    let types: Vec<&str> = generic.lines().filter(|line| line.contains("event_type")).map(str::trim).collect();
    assert_eq!(types.join(" "), r#""event_type": "trigger", "event_type": "acknowledge", "event_type": "resolve","#);
}

#[test]
fn opsgenie() {
    let settings = "{api_key: k, description: d, source: s}";
    insta::assert_snapshot!(told("opsgenie", settings), @r#"
    --- page
    POST v2/alerts
    {
      "alias": "KEY",
      "message": "[PAGE P1] HostDown web-1 (incident 12)",
      "description": "d",
      "details": {
        "alertname": "HighLoad",
        "instance": "a:9100",
        "severity": "critical"
      },
      "source": "s",
      "priority": "P1"
    }
    --- answered
    POST v2/alerts/KEY/acknowledge?identifierType=alias
    {
      "source": "s",
      "note": "acknowledged by ada by link"
    }
    --- closed
    POST v2/alerts/KEY/close?identifierType=alias
    {
      "source": "s",
      "note": "resolved by ada: restarted"
    }
    "#);
    let reminder =
        fixture::render_for(channel("opsgenie", settings), &incident(IncidentNoteKind::Reminder)).to_string();
    assert!(reminder.contains("/notes?") && reminder.contains("the acknowledgement of ada ends"), "{reminder}");
}

#[test]
fn victorops() {
    insta::assert_snapshot!(told("victorops", "{api_key: k, routing_key: ops, state_message: m}"), @r#"
    --- page
    {
      "entity_display_name": "[PAGE P1] HostDown web-1 (incident 12)",
      "entity_id": "KEY",
      "message_type": "CRITICAL",
      "monitoring_tool": "Watchbell",
      "state_message": "m"
    }
    --- answered
    {
      "entity_display_name": "[ACK] incident 12 HostDown web-1: acknowledged by ada by link",
      "entity_id": "KEY",
      "message_type": "ACKNOWLEDGEMENT",
      "monitoring_tool": "Watchbell",
      "state_message": "m"
    }
    --- closed
    {
      "entity_display_name": "[RESOLVED] incident 12 HostDown web-1: resolved by ada: restarted",
      "entity_id": "KEY",
      "message_type": "RECOVERY",
      "monitoring_tool": "Watchbell",
      "state_message": "m"
    }
    "#);
}

#[test]
fn telephones() {
    insta::assert_snapshot!(told("ntfy", "{topic: t, message: m}"), @r#"
    --- page
    {
      "title": "[PAGE P1] HostDown web-1 (incident 12)",
      "message": "m",
      "priority": 5,
      "tags": [
        "rotating_light"
      ],
      "click": "http://watchbell.example.org/api/v1/incidents/12"
    }
    --- answered
    {
      "title": "[ACK] incident 12 HostDown web-1: acknowledged by ada by link",
      "message": "m",
      "priority": 3,
      "tags": [
        "ok_hand"
      ],
      "click": "http://watchbell.example.org/api/v1/incidents/12"
    }
    --- closed
    {
      "title": "[RESOLVED] incident 12 HostDown web-1: resolved by ada: restarted",
      "message": "m",
      "priority": 3,
      "tags": [
        "white_check_mark"
      ],
      "click": "http://watchbell.example.org/api/v1/incidents/12"
    }
    "#);
    insta::assert_snapshot!(told("gotify", "{url: 'http://x/', token: t, message: m}"), @r#"
    --- page
    {
      "title": "[PAGE P1] HostDown web-1 (incident 12)",
      "message": "m",
      "priority": 10
    }
    --- answered
    {
      "title": "[ACK] incident 12 HostDown web-1: acknowledged by ada by link",
      "message": "m",
      "priority": 5
    }
    --- closed
    {
      "title": "[RESOLVED] incident 12 HostDown web-1: resolved by ada: restarted",
      "message": "m",
      "priority": 5
    }
    "#);
    insta::assert_snapshot!(told("pushover", "{token: t, user_key: u, message: m}"), @r"
    --- page
    title: [PAGE P1] HostDown web-1 (incident 12)
    message: m
    url: http://watchbell.example.org/api/v1/incidents/12
    priority: 2
    retry: 60
    expire: 3600
    --- answered
    title: [ACK] incident 12 HostDown web-1: acknowledged by ada by link
    message: m
    url: http://watchbell.example.org/api/v1/incidents/12
    priority: 0
    --- closed
    title: [RESOLVED] incident 12 HostDown web-1: resolved by ada: restarted
    message: m
    url: http://watchbell.example.org/api/v1/incidents/12
    priority: 0
    ");
}

#[test]
fn sms() {
    let settings = "{account_sid: AC1, auth_token: t, from: '+1', to: ['+2']}";
    insta::assert_snapshot!(told("twilio", settings), @r"
    --- page
    To: +2
    From: +1
    Body: [PAGE P1] incident 12: HostDown web-1; answer by 03:10 UTC
    --- answered
    To: +2
    From: +1
    Body: [ACK] incident 12: HostDown web-1: acknowledged by ada by link
    --- closed
    To: +2
    From: +1
    Body: [RESOLVED] incident 12: HostDown web-1: resolved by ada: restarted
    ");
}

#[test]
fn chats() {
    insta::assert_snapshot!(told("telegram", "{bot_token: t, chat_id: 1}"), @r#"
    --- page
    {
      "text": "[PAGE P1] HostDown web-1 (incident 12)\nWhy ada: step 2 of 3, on call by secondary; 3m late\nAnswer by: 2026-11-22 03:10:00 UTC\nPriority: 112 = 100 (P1) &#43; 10 (2 services) &#43; 2 (open for 25m)\nOpened: 2026-11-22 02:55:00 UTC\nSymptoms:\n - HighLoad a:9100\nShow: http://watchbell.example.org/api/v1/incidents/12\nLoad is high, überall 9.5\n\nAlerts firing:\nLabels:\n - alertname = HighLoad\n - instance = a:9100\n - severity = critical\nAnnotations:\n - summary = Load is high, überall\n - value = 9.5\nSource: http://watchbell.example.org/graph?g0.expr=node_load1\n",
      "parse_mode": "HTML",
      "link_preview_options": {
        "is_disabled": true
      }
    }
    --- answered
    {
      "text": "[ACK] incident 12 HostDown web-1: acknowledged by ada by link\nAnswer: acknowledged by ada by link\nPriority: 112 = 100 (P1) &#43; 10 (2 services) &#43; 2 (open for 25m)\nOpened: 2026-11-22 02:55:00 UTC\nSymptoms:\n - HighLoad a:9100\nShow: http://watchbell.example.org/api/v1/incidents/12\n",
      "parse_mode": "HTML",
      "link_preview_options": {
        "is_disabled": true
      }
    }
    --- closed
    {
      "text": "[RESOLVED] incident 12 HostDown web-1: resolved by ada: restarted\nOver: resolved by ada: restarted\nPriority: 112 = 100 (P1) &#43; 10 (2 services) &#43; 2 (open for 25m)\nOpened: 2026-11-22 02:55:00 UTC\nSymptoms:\n - HighLoad a:9100\nShow: http://watchbell.example.org/api/v1/incidents/12\nLoad is high, überall 9.5\n\nAlerts firing:\nLabels:\n - alertname = HighLoad\n - instance = a:9100\n - severity = critical\nAnnotations:\n - summary = Load is high, überall\n - value = 9.5\nSource: http://watchbell.example.org/graph?g0.expr=node_load1\n",
      "parse_mode": "HTML",
      "link_preview_options": {
        "is_disabled": true
      }
    }
    "#);
    let colors = |name: &str, settings: &str, field: &str| -> Vec<String> {
        let all = told(name, settings);
        let of_field = |line: &str| {
            line.trim().strip_prefix(&format!("\"{field}\": ")).map(|v| v.trim_matches(['"', ',']).to_owned())
        };
        all.lines().filter_map(of_field).collect()
    };
    for (name, settings, field, expected) in [
        ("discord", "{webhook_url: 'http://x/'}", "color", "11740702 2312843 1797692"),
        ("msteams", "{webhook_url: 'http://x/'}", "themeColor", "B3261E 234A8B 1B6E3C"),
        ("msteamsv2", "{webhook_url: 'http://x/'}", "color", "Attention Accent Good"),
        ("rocketchat", "{token: t, token_id: i, api_url: 'http://x'}", "color", "#b3261e #234a8b #1b6e3c"),
    ] {
        assert_eq!(colors(name, settings, field).join(" "), expected, "{name}");
        let subjects =
            ["[PAGE P1] HostDown web-1 (incident 12)", "[ACK] incident 12 HostDown web-1: acknowledged by ada by link"];
        let all = told(name, settings);
        assert!(subjects.iter().all(|subject| all.contains(subject)), "{name}: {all}");
    }
    for (name, settings) in [
        ("webex", "{room_id: r, http_config: {authorization: {credentials: t}}}"),
        ("mattermost", "{webhook_url: 'http://x/'}"),
        ("wechat", "{api_secret: s, corp_id: c, to_user: u}"),
        ("sns", "{topic_arn: 'arn:aws:sns:us-east-1:1:t', sigv4: {region: us-east-1}}"),
        ("jira", "{api_url: 'http://x/', project: P, issue_type: Bug}"),
    ] {
        let all = told(name, settings);
        assert!(all.contains("[PAGE P1] HostDown web-1 (incident 12)"), "{name}: {all}");
        assert!(all.contains("[RESOLVED] incident 12 HostDown web-1: resolved by ada: restarted"), "{name}: {all}");
    }
}

#[test]
fn exec() {
    let config = ExecConfig {
        command: "/bin/page".into(),
        args: Vec::new(),
        env: BTreeMap::new(),
        max_alerts: 0,
        timeout: Duration::from_secs(1),
    };
    let all = incident_payloads(|| Channel::Exec(Box::new(config.clone())));
    let variables: Vec<&str> =
        all.lines().filter_map(|line| line.strip_prefix("variable: WATCHBELL_INCIDENT_")).collect();
    assert_eq!(variables[..6], ["NUMBER", "KIND", "SEVERITY", "TITLE", "TEXT", "USER"]);
    assert!(all.contains(r#""kind": "answered""#));
}

/// Alerts, and nothing of who answers; what fires still when the incident is over is no end.
#[test]
fn alertmanager() {
    let alerts = |kind, has_ended: bool| {
        let mut notification = incident(kind);
        notification.alerts[0].ends_at = has_ended.then_some(notification.decided_at);
        let shown = fixture::render_for(channel("alertmanager", "{urls: ['http://x']}"), &notification).to_string();
        shown.matches("startsAt").count()
    };
    for (kind, has_ended, expected) in [
        (IncidentNoteKind::Page, false, 1),
        (IncidentNoteKind::Answered, false, 0),
        (IncidentNoteKind::Reminder, false, 0),
        (IncidentNoteKind::Closed, false, 0),
        (IncidentNoteKind::Closed, true, 1),
    ] {
        assert_eq!(alerts(kind, has_ended), expected, "{kind:?} {has_ended}");
    }
}

/// The page's message shows who has answered; whoever is to do something gets a message of their own.
#[tokio::test]
async fn slack_apps_change_the_page_when_somebody_answers() {
    use IncidentNoteKind::{Answered, Closed, Page, Reminder};
    const KNOWN: &str = r##"{"to":"#alerts","channel":"C1","ts":"1.1"}"##;
    for (kind, thread, reference, expected) in [
        (Page, false, None, "postMessage"),
        (Page, false, Some(KNOWN), "postMessage"),
        (Reminder, false, Some(KNOWN), "postMessage"),
        (Answered, false, Some(KNOWN), "update 1.1"),
        (Answered, true, Some(KNOWN), "postMessage in 1.1"),
        (Answered, false, None, "postMessage"),
        (Closed, false, Some(KNOWN), "update 1.1"),
    ] {
        let (address, requests) = server(slack_methods).await;
        let url = format!("http://{address}/api/chat.postMessage");
        let target = SlackTarget::App { token: Secret::Value("xoxb-secret".into()), url };
        let config = SlackConfig { thread_replies: thread, ..fixture::slack(target) };
        let outcome = show(send_after(Channel::Slack(Box::new(config)), incident(kind), reference).await);
        let told: Vec<String> = requests.lock().expect("not poisoned").iter().map(slack_call).collect();
        assert_eq!(told.join(" "), expected, "{kind:?} {thread} {reference:?}");
        let is_kept = kind == Page || reference.is_some() && kind != Reminder;
        assert_eq!(outcome.starts_with("delivered as"), is_kept, "{kind:?}: {outcome}");
    }
}
