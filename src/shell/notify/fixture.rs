//! One notification and one configuration per integration, for the golden payloads.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Rendered;
use crate::deliver::{
    Channel, EmailConfig, HttpConfig, IncidentNote, IncidentNoteKind, Integration, MailThreading, Notification,
    PagerdutyConfig, PagerdutyImage, PagerdutyKey, PagerdutyLink, Reason, Secret, SlackAction, SlackConfig,
    SlackConfirm, SlackField, SlackTarget, SmtpSecurity, TlsConfig, WebhookConfig,
};
use crate::model::{Alert, Labels, Timestamp, TraceId};
use crate::template::NotificationTemplates;

pub(super) const EXTERNAL_URL: &str = "http://watchbell.example.org";

pub(super) fn templates() -> NotificationTemplates {
    NotificationTemplates::new([]).expect("no templates")
}

pub(super) fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).expect("a time")
}

/// Two alerts of one group: one fires, one has ended.
pub(super) fn notification() -> Notification {
    let alert = |host: &str, annotations: Labels, ends_at| Alert {
        labels: Labels::from_pairs([("alertname", "HighLoad"), ("instance", host), ("severity", "critical")]),
        annotations,
        starts_at: at("2026-11-22T02:55:00Z"),
        ends_at,
        updated_at: at("2026-11-22T03:00:00Z"),
        generator_url: format!("{EXTERNAL_URL}/graph?g0.expr=node_load1").into(),
        trace: TraceId::NONE,
    };
    let text = Labels::from_pairs([("summary", "Load is high, überall"), ("value", "9.5")]);
    Notification {
        receiver: "night-watch".into(),
        channel: "webhook".into(),
        integration: 0,
        group_key: r#"{}:{alertname="HighLoad"}"#.into(),
        group_labels: Labels::from_pairs([("alertname", "HighLoad")]),
        route_labels: Labels::default(),
        alerts: vec![
            alert("a:9100", text, None),
            alert("bb:9100", Labels::from_pairs([("summary", "Load is high")]), Some(at("2026-11-22T02:58:30.5Z"))),
        ],
        truncated: 0,
        truncated_firing: 0,
        decided_at: at("2026-11-22T03:00:00.250Z"),
        reason: Reason::NewAlerts,
        on_behalf: Default::default(),
        incident: None,
        trace: TraceId::NONE,
    }
}

/// The same group with nothing left that fires.
pub(super) fn resolved_notification() -> Notification {
    let mut notification = notification();
    for alert in &mut notification.alerts {
        alert.ends_at = Some(at("2026-11-22T02:59:00Z"));
    }
    notification.reason = Reason::AllResolved;
    notification
}

/// A page for the incident of that alert, and what is said of it later.
pub(super) fn incident(kind: IncidentNoteKind) -> Notification {
    let (reason, text) = match kind {
        IncidentNoteKind::Page => (Reason::Page, "step 2 of 3, on call by secondary; 3m late"),
        IncidentNoteKind::Answered => (Reason::IncidentAnswered, "acknowledged by ada by link"),
        IncidentNoteKind::Reminder => (Reason::AckReminder, "the acknowledgement of ada ends at 03:30"),
        IncidentNoteKind::Closed => (Reason::IncidentClosed, "resolved by ada: restarted"),
    };
    let mut notification = notification();
    notification.alerts.truncate(1);
    notification.incident = Some(Box::new(IncidentNote {
        number: 12,
        kind,
        user: Some("ada".into()),
        text: text.into(),
        severity: "P1".into(),
        priority: "112 = 100 (P1) + 10 (2 services) + 2 (open for 25m)".into(),
        title: "HostDown web-1".into(),
        symptoms: vec!["HighLoad a:9100".into()],
        opened_at: at("2026-11-22T02:55:00Z"),
        answer_by: (kind == IncidentNoteKind::Page).then(|| at("2026-11-22T03:10:00Z")),
    }));
    Notification { receiver: "@ada/phone".into(), group_key: "incident/12".into(), reason, ..notification }
}

/// What `channel` says of the page, of who answered, and of the end.
pub(super) fn incident_payloads(channel: impl Fn() -> Channel) -> String {
    let kinds = [IncidentNoteKind::Page, IncidentNoteKind::Answered, IncidentNoteKind::Closed];
    let shown = kinds.map(|kind| format!("--- {}\n{}\n", kind.as_str(), render_for(channel(), &incident(kind))));
    shown.concat().replace(&incident(IncidentNoteKind::Page).dedup_key(), "KEY")
}

pub(super) fn integration(channel: Channel) -> Integration {
    Integration { send_resolved: true, channel }
}

pub(super) fn render_for(channel: Channel, notification: &Notification) -> Rendered {
    super::render(&integration(channel), notification, &templates(), EXTERNAL_URL, "key").expect("rendered")
}

pub(super) fn rendered(channel: Channel) -> String {
    render_for(channel, &notification()).to_string()
}

pub(super) fn webhook(url: &str) -> WebhookConfig {
    WebhookConfig {
        url: Secret::Value(url.into()),
        max_alerts: 0,
        payload: None,
        timeout: Duration::from_secs(10),
        http: HttpConfig::default(),
    }
}

pub(super) fn slack(target: SlackTarget) -> SlackConfig {
    SlackConfig {
        target,
        channel: "#alerts".into(),
        username: "Watchbell".into(),
        color: r#"{{ if eq .Status "firing" }}danger{{ else }}good{{ end }}"#.into(),
        title: "[{{ .Status | toUpper }}:{{ .Alerts.Firing | len }}] {{ .CommonLabels.alertname }}".into(),
        title_link: "{{ .ExternalURL }}/#/alerts?receiver={{ .Receiver }}".into(),
        pretext: String::new(),
        text: "{{ range .Alerts }}{{ .Labels.instance }}: {{ .Annotations.summary }}\n{{ end }}".into(),
        message_text: String::new(),
        fields: vec![
            SlackField { title: "Severity".into(), value: "{{ .CommonLabels.severity }}".into(), short: None },
            SlackField { title: "Reason".into(), value: "{{ .NotificationReason }}".into(), short: Some(false) },
        ],
        short_fields: true,
        footer: String::new(),
        fallback: "{{ .CommonLabels.alertname }}".into(),
        callback_id: String::new(),
        icon_emoji: ":bell:".into(),
        icon_url: String::new(),
        image_url: String::new(),
        thumb_url: String::new(),
        link_names: true,
        mrkdwn_in: Vec::new(),
        actions: vec![SlackAction {
            kind: "button".into(),
            text: "Silence".into(),
            url: "{{ .ExternalURL }}/#/silences".into(),
            style: "danger".into(),
            name: "silence".into(),
            value: "{{ .GroupLabels.alertname }}".into(),
            confirm: Some(SlackConfirm {
                title: "Sure?".into(),
                text: "Silence {{ .GroupLabels.alertname }}?".into(),
                ok_text: "Yes".into(),
                dismiss_text: String::new(),
            }),
        }],
        blocks: Vec::new(),
        update_message: false,
        thread_replies: false,
        timeout: Duration::from_secs(10),
        http: HttpConfig::default(),
    }
}

pub(super) fn email(host: &str, port: u16) -> EmailConfig {
    EmailConfig {
        to: "ops@example.org, Ada <ada@example.org>".into(),
        from: "Watchbell <bell@example.org>".into(),
        host: host.into(),
        port,
        hello: "localhost".into(),
        auth_username: String::new(),
        auth_password: None,
        auth_secret: None,
        auth_identity: String::new(),
        security: SmtpSecurity::StarttlsIfOffered,
        tls: TlsConfig::default(),
        html: "<p>{{ .CommonLabels.alertname }}: {{ (index .Alerts 0).Annotations.summary }}</p>".into(),
        text: String::new(),
        headers: BTreeMap::from([("Subject".into(), "[{{ .Status }}] {{ .CommonLabels.alertname }} — Störung".into())]),
        threading: MailThreading::Off,
        chart: false,
        timeout: Duration::from_secs(10),
    }
}

pub(super) fn pagerduty(url: &str) -> PagerdutyConfig {
    PagerdutyConfig {
        key: PagerdutyKey::Routing(Secret::Value("0123456789abcdef0123456789abcdef".into())),
        url: url.into(),
        client: "Watchbell".into(),
        client_url: "{{ .ExternalURL }}".into(),
        description: "[{{ .Status }}] {{ .CommonLabels.alertname }}".into(),
        severity: "{{ .CommonLabels.severity }}".into(),
        source: "{{ (index .Alerts 0).Labels.instance }}".into(),
        details: BTreeMap::from([("num_firing".into(), "{{ .Alerts.Firing | len }}".into())]),
        images: vec![PagerdutyImage { href: String::new(), src: String::new(), alt: "none".into() }],
        links: vec![PagerdutyLink { href: "{{ .ExternalURL }}/graph".into(), text: "graph".into() }],
        component: String::new(),
        group: "load".into(),
        class: String::new(),
        timeout: Duration::from_secs(10),
        http: HttpConfig::default(),
    }
}
