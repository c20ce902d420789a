//! What the built-in templates say of an incident.

use super::NotificationTemplates;
use super::data::{AnswerLinks, IncidentData, IncidentLinks, NotificationData};
use super::recorded::notification;
use crate::model::Timestamp;

fn page() -> NotificationData {
    let ack = Some("https://bell.example/a?t=1&u=<2>".to_owned());
    let mut data = notification();
    data.alerts.truncate(1);
    data.alerts[0].annotations = Default::default();
    data.common_annotations = Default::default();
    data.incident = Some(Box::new(IncidentData {
        number: 12,
        kind: "page",
        user: "ada".to_owned(),
        title: "HostDown <web-1>".to_owned(),
        text: "step 2 of 3, on call by secondary; 3m late".to_owned(),
        severity: "P1".to_owned(),
        priority: "112 = 100 (P1) + 10 (2 services) + 2 (open for 25m)".to_owned(),
        symptoms: vec!["HighLatency api".to_owned(), "Errors shop & co".to_owned()],
        opened_at: Timestamp::parse_rfc3339("2026-03-01T10:20:30Z").unwrap(),
        answer_by: Timestamp::parse_rfc3339("2026-03-01T10:35:30Z"),
        links: IncidentLinks {
            show: "https://bell.example/api/v1/incidents/12".to_owned(),
            answers: AnswerLinks { ack, ..AnswerLinks::default() },
        },
    }));
    data
}

fn word(kind: &'static str, text: &str) -> NotificationData {
    let mut data = page();
    let incident = data.incident.as_mut().expect("an incident");
    (incident.kind, incident.text, incident.answer_by) = (kind, text.to_owned(), None);
    incident.symptoms.clear();
    incident.links.answers = AnswerLinks::default();
    data
}

fn shown(data: &NotificationData, names: &[&str]) -> String {
    let templates = NotificationTemplates::default();
    let mut all = String::new();
    for name in names {
        let text = templates.text(&format!("{{{{ template {name:?} . }}}}"), data);
        all += &format!("--- {name}\n{}\n", text.unwrap_or_else(|error| format!("error: {error}")));
    }
    all
}

#[test]
fn a_page() {
    let names = [
        "__subject",
        "__alertmanagerURL",
        "__text_alerts_by_status",
        "__markdown_alerts_by_status",
        "slack.default.text",
        "slack.default.color",
        "telegram.default.message",
        "twilio.default.body",
    ];
    insta::assert_snapshot!(shown(&page(), &names), @r"
    --- __subject
    [PAGE P1] HostDown <web-1> (incident 12)
    --- __alertmanagerURL
    https://bell.example/api/v1/incidents/12
    --- __text_alerts_by_status
    Why ada: step 2 of 3, on call by secondary; 3m late
    Answer by: 2026-03-01 10:35:30 UTC
    Priority: 112 = 100 (P1) + 10 (2 services) + 2 (open for 25m)
    Opened: 2026-03-01 10:20:30 UTC
    Symptoms:
     - HighLatency api
     - Errors shop & co
    Acknowledge: https://bell.example/a?t=1&u=<2>
    Show: https://bell.example/api/v1/incidents/12

    Alerts firing:
    Labels:
     - alertname = HighLatency
     - instance = web-1:9090
     - job = api
     - severity = critical
    Annotations:
    Source: http://prom/graph?g0.expr=up&g0.tab=1

    --- __markdown_alerts_by_status
    - **Why ada:** step 2 of 3, on call by secondary; 3m late
    - **Answer by:** 2026-03-01 10:35:30 UTC
    - **Priority:** 112 = 100 (P1) + 10 (2 services) + 2 (open for 25m)
    - **Opened:** 2026-03-01 10:20:30 UTC
    - **Symptoms:** HighLatency api; Errors shop & co

    [Acknowledge](https://bell.example/a?t=1&u=<2>) [Show](https://bell.example/api/v1/incidents/12)

    # Alerts firing:

    **HighLatency** firing since 2026-03-01 10:20:30 UTC

    Labels:
    - alertname = HighLatency
    - instance = web-1:9090
    - job = api
    - severity = critical

    Annotations:

    [Source](http://prom/graph?g0.expr=up&g0.tab=1)

    --- slack.default.text
    Why ada: step 2 of 3, on call by secondary; 3m late
    Answer: <https://bell.example/a?t=1&u=<2>|Acknowledge>
    --- slack.default.color
    #b3261e
    --- telegram.default.message
    [PAGE P1] HostDown <web-1> (incident 12)
    Why ada: step 2 of 3, on call by secondary; 3m late
    Answer by: 2026-03-01 10:35:30 UTC
    Priority: 112 = 100 (P1) + 10 (2 services) + 2 (open for 25m)
    Opened: 2026-03-01 10:20:30 UTC
    Symptoms:
     - HighLatency api
     - Errors shop & co
    Acknowledge: https://bell.example/a?t=1&u=<2>
    Show: https://bell.example/api/v1/incidents/12

    Alerts firing:
    Labels:
     - alertname = HighLatency
     - instance = web-1:9090
     - job = api
     - severity = critical
    Annotations:
    Source: http://prom/graph?g0.expr=up&g0.tab=1

    --- twilio.default.body
    [PAGE P1] incident 12: HostDown <web-1>; answer by 10:35 UTC
    ");
}

#[test]
fn later_words() {
    let mut all = String::new();
    for (kind, text) in [
        ("answered", "acknowledged by ada by link"),
        ("reminder", "the acknowledgement of ada ends at 11:20"),
        ("closed", "resolved by ada: disk replaced"),
    ] {
        let mut data = word(kind, text);
        data.alerts.clear();
        all += &shown(
            &data,
            &["__subject", "__color", "__text_alerts_by_status", "webex.default.message", "twilio.default.body"],
        );
    }
    insta::assert_snapshot!(all, @r"
    --- __subject
    [ACK] incident 12 HostDown <web-1>: acknowledged by ada by link
    --- __color
    #234a8b
    --- __text_alerts_by_status
    Answer: acknowledged by ada by link
    Priority: 112 = 100 (P1) + 10 (2 services) + 2 (open for 25m)
    Opened: 2026-03-01 10:20:30 UTC
    Show: https://bell.example/api/v1/incidents/12

    --- webex.default.message
    **[ACK] incident 12 HostDown <web-1>: acknowledged by ada by link**

    - **Answer:** acknowledged by ada by link
    - **Priority:** 112 = 100 (P1) + 10 (2 services) + 2 (open for 25m)
    - **Opened:** 2026-03-01 10:20:30 UTC

    [Show](https://bell.example/api/v1/incidents/12)

    --- twilio.default.body
    [ACK] incident 12: HostDown <web-1>: acknowledged by ada by link
    --- __subject
    [REMINDER] incident 12 HostDown <web-1>: the acknowledgement of ada ends at 11:20
    --- __color
    #b3261e
    --- __text_alerts_by_status
    Reminder: the acknowledgement of ada ends at 11:20
    Priority: 112 = 100 (P1) + 10 (2 services) + 2 (open for 25m)
    Opened: 2026-03-01 10:20:30 UTC
    Show: https://bell.example/api/v1/incidents/12

    --- webex.default.message
    **[REMINDER] incident 12 HostDown <web-1>: the acknowledgement of ada ends at 11:20**

    - **Reminder:** the acknowledgement of ada ends at 11:20
    - **Priority:** 112 = 100 (P1) + 10 (2 services) + 2 (open for 25m)
    - **Opened:** 2026-03-01 10:20:30 UTC

    [Show](https://bell.example/api/v1/incidents/12)

    --- twilio.default.body
    [REMINDER] incident 12: HostDown <web-1>: the acknowledgement of ada ends at 11:20
    --- __subject
    [RESOLVED] incident 12 HostDown <web-1>: resolved by ada: disk replaced
    --- __color
    #1b6e3c
    --- __text_alerts_by_status
    Over: resolved by ada: disk replaced
    Priority: 112 = 100 (P1) + 10 (2 services) + 2 (open for 25m)
    Opened: 2026-03-01 10:20:30 UTC
    Show: https://bell.example/api/v1/incidents/12

    --- webex.default.message
    **[RESOLVED] incident 12 HostDown <web-1>: resolved by ada: disk replaced**

    - **Over:** resolved by ada: disk replaced
    - **Priority:** 112 = 100 (P1) + 10 (2 services) + 2 (open for 25m)
    - **Opened:** 2026-03-01 10:20:30 UTC

    [Show](https://bell.example/api/v1/incidents/12)

    --- twilio.default.body
    [RESOLVED] incident 12: HostDown <web-1>: resolved by ada: disk replaced
    ");
}

/// How loud each service is, by level; what is no page disturbs nobody.
#[test]
fn loudness() {
    let names = [
        "__color",
        "pagerduty.default.severity",
        "victorops.default.message_type",
        "opsgenie.default.priority",
        "ntfy.default.priority",
        "gotify.default.priority",
        "pushover.default.priority",
    ];
    let loud = |data: &NotificationData| {
        let all: Vec<String> = names
            .iter()
            .map(|name| {
                let text = NotificationTemplates::default().text(&format!("{{{{ template {name:?} . }}}}"), data);
                text.expect("a text")
            })
            .collect();
        all.join(" ")
    };
    for (level, expected) in [
        ("P1", "#b3261e critical CRITICAL P1 5 10 2"),
        ("P2", "#d9730d error CRITICAL P2 4 8 1"),
        ("P3", "#c9a400 warning WARNING P3 4 8 0"),
        ("P4", "#5d6575 info INFO P4 4 8 0"),
        ("Warning", "#b3261e warning CRITICAL Warning 4 8 0"),
        ("", "#b3261e error CRITICAL  4 8 0"),
    ] {
        let mut data = page();
        data.incident.as_mut().expect("an incident").severity = level.to_owned();
        assert_eq!(loud(&data), expected, "{level}");
    }
    assert_eq!(loud(&word("answered", "")), "#234a8b critical CRITICAL P1 3 5 0");
    assert_eq!(loud(&notification()), "#b3261e error CRITICAL  4 5 2");
}

#[test]
fn short_messages_fit_one() {
    let body = |mut data: NotificationData| {
        let incident = data.incident.as_mut().expect("an incident");
        incident.title = "HostDown ".repeat(30);
        incident.text = "acknowledged by somebody with a long name ".repeat(5);
        incident.number = 1_234_567;
        let text = NotificationTemplates::default().text("{{ template \"twilio.default.body\" . }}", &data);
        text.expect("a text").chars().count()
    };
    // With room for how to answer.
    assert!(body(page()) <= 140, "{}", body(page()));
    assert!(body(word("answered", "")) <= 160);
}

#[test]
fn html_of_mails() {
    let html = |data: &NotificationData| {
        let html = NotificationTemplates::default().html("{{ template \"email.default.html\" . }}", data);
        html.expect("HTML")
    };
    let html_of_page = html(&page());
    let (_, told) = html_of_page
        .split_once("<table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" style=\"max")
        .expect("a table");
    let (told, alerts) = told.split_once("View in").expect("a link");
    assert!(alerts.contains("Firing (1)"));
    insta::assert_snapshot!(told, @r#"
    -width:640px;background:#ffffff;border:1px solid #dfe2e8;">
    <tr><td style="padding:16px 20px;color:#ffffff;background:#b3261e;">
    <strong style="font-size:18px;">[PAGE P1] HostDown &lt;web-1&gt; (incident 12)</strong>
    </td></tr>
    <tr><td style="padding:16px 20px 0;">
    <a href="https://bell.example/a?t=1&amp;u=%3c2%3e" style="display:inline-block;margin:0 8px 8px 0;padding:14px 22px;background:#1b6e3c;color:#ffffff;font-size:18px;font-weight:bold;text-decoration:none;">Acknowledge</a>
    <p style="margin:0;">
    <strong>Why ada:</strong> step 2 of 3, on call by secondary; 3m late<br>
    <strong>Answer by:</strong> 2026-03-01 10:35:30 UTC<br>
    <strong>Priority:</strong> 112 = 100 (P1) &#43; 10 (2 services) &#43; 2 (open for 25m)<br>
    <strong>Opened:</strong> 2026-03-01 10:20:30 UTC
    </p>
    <p style="margin:8px 0 0;"><strong>Symptoms:</strong></p>
    <ul style="margin:0;padding-left:20px;">
    <li>HighLatency api</li>
    <li>Errors shop &amp; co</li>
    </ul>
    </td></tr>
    <tr><td style="padding:16px 20px;">
    <a href="https://bell.example/api/v1/incidents/12" style="display:inline-block;padding:10px 16px;background:#234a8b;color:#ffffff;text-decoration:none;">
    "#);
    let brief = html(&word("answered", "acknowledged by <ada> by link"));
    assert!(
        brief.contains("<strong>Answer:</strong> acknowledged by &lt;ada&gt; by link<br>")
            && !brief.contains("Firing (")
    );
}

#[test]
fn fields() {
    let page = page();
    for (template, expected) in [
        ("{{ with .Incident }}{{ .Number }} {{ .Kind }} {{ .User }} {{ .Severity }}{{ end }}", "12 page ada P1"),
        ("{{ .Incident.OpenedAt.Unix }} {{ .Incident.AnswerBy.Sub .Incident.OpenedAt }}", "1772360430 15m0s"),
        ("{{ .Incident.Symptoms.Join \", \" }}|{{ .Incident.Links.Snooze }}|", "HighLatency api, Errors shop & co||"),
        ("{{ .Incident }}", "{12 page P1 HostDown <web-1> step 2 of 3, on call by secondary; 3m late}"),
        (
            "{{ toJson .Incident }}",
            r#"{"number":12,"kind":"page","user":"ada","title":"HostDown \u003cweb-1\u003e","text":"step 2 of 3, on call by secondary; 3m late","severity":"P1","priority":"112 = 100 (P1) + 10 (2 services) + 2 (open for 25m)","symptoms":["HighLatency api","Errors shop \u0026 co"],"openedAt":"2026-03-01T10:20:30Z","answerBy":"2026-03-01T10:35:30Z","links":{"show":"https://bell.example/api/v1/incidents/12","ack":"https://bell.example/a?t=1\u0026u=\u003c2\u003e"}}"#,
        ),
    ] {
        assert_eq!(NotificationTemplates::default().text(template, &page).as_deref(), Ok(expected), "{template}");
    }
    let templates = NotificationTemplates::default();
    assert_eq!(
        templates.text("{{ .Incident }}{{ with .Incident }}x{{ end }}", &notification()).as_deref(),
        Ok("<no value>")
    );
    let error = templates.text("{{ .Incident.Symptom }}", &page).expect_err("no such field");
    assert_eq!(error.hint.as_deref(), Some("did you mean `.Symptoms`?"));
    let whole = templates.text("{{ toJson . }}", &page).expect("JSON");
    assert!(whole.contains(r#","incident":{"number":12,"#) && whole.ends_with("}}}"), "{whole}");
}
