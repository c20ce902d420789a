//! What Prometheus 2.42 (`promtool test rules`) and Alertmanager 0.25 (`amtool template render`) print, recorded; the
//! latter over the same notification as in `tests/fixtures/templates/data.json`.

use super::data::{AlertData, NotificationData};
use super::{NotificationTemplates, RuleData, RuleTemplate};
use crate::model::{AlertStatus, Labels, Timestamp, parse_value};

/// The notification that the recorded templates were rendered over.
pub(super) fn notification() -> NotificationData {
    let time = |text: &str| Timestamp::parse_rfc3339(text).unwrap();
    let labels = |instance: &str, severity: &str| {
        Labels::from_pairs([
            ("alertname", "HighLatency"),
            ("instance", instance),
            ("severity", severity),
            ("job", "api"),
        ])
    };
    let summary = ("summary", "Latency is <high>");
    NotificationData {
        receiver: "team-X & co".to_owned(),
        status: AlertStatus::Firing,
        alerts: vec![
            AlertData {
                status: AlertStatus::Firing,
                labels: labels("web-1:9090", "critical"),
                annotations: Labels::from_pairs([
                    summary,
                    ("runbook_url", "https://runbooks.example/x?a=1&b=2"),
                    ("description", "p99 5s"),
                ]),
                starts_at: time("2026-03-01T10:20:30.5Z"),
                ends_at: None,
                generator_url: "http://prom/graph?g0.expr=up&g0.tab=1".to_owned(),
                fingerprint: "0123456789abcdef".to_owned(),
            },
            AlertData {
                status: AlertStatus::Resolved,
                labels: labels("web-2:9090", "warning"),
                annotations: Labels::from_pairs([summary]),
                starts_at: time("2026-03-01T09:00:00Z"),
                ends_at: Some(time("2026-03-01T10:00:00Z")),
                generator_url: String::new(),
                fingerprint: "fedcba9876543210".to_owned(),
            },
        ],
        reason: "new alerts".to_owned(),
        group_labels: Labels::from_pairs([("alertname", "HighLatency")]),
        common_labels: Labels::from_pairs([("alertname", "HighLatency"), ("job", "api")]),
        common_annotations: Labels::from_pairs([summary]),
        route_labels: Labels::from_pairs([("team", "web")]),
        external_url: "http://am.example:9093".to_owned(),
        incident: None,
        now: time("2026-03-01T10:30:00Z"),
    }
}

/// Templates with what amtool prints, and what Watchbell prints where it means to differ; `tests/peers/templates.py` records.
const RECORDED: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/templates/recorded.json"));

/// A value, and how it is printed plainly, by `humanize`, `humanize1024`, `humanizeDuration`, `humanizePercentage` and
/// `humanizeTimestamp`.
#[rustfmt::skip]
const NUMBERS: &[(&str, [&str; 6])] = &[
    ("0", ["0", "0", "0", "0s", "0%", "1970-01-01 00:00:00 +0000 UTC"]),
    ("-0", ["-0", "-0", "-0", "-0s", "-0%", "1970-01-01 00:00:00 +0000 UTC"]),
    ("NaN", ["NaN", "NaN", "NaN", "NaN", "NaN%", "NaN"]),
    ("Inf", ["+Inf", "+Inf", "+Inf", "+Inf", "+Inf%", "+Inf"]),
    ("-Inf", ["-Inf", "-Inf", "-Inf", "-Inf", "-Inf%", "-Inf"]),
    ("1", ["1", "1", "1", "1s", "100%", "1970-01-01 00:00:01 +0000 UTC"]),
    ("-1", ["-1", "-1", "-1", "-1s", "-100%", "1969-12-31 23:59:59 +0000 UTC"]),
    ("0.5", ["0.5", "500m", "0.5", "500ms", "50%", "1970-01-01 00:00:00.5 +0000 UTC"]),
    ("-0.001234", ["-0.001234", "-1.234m", "-0.001234", "-1.234ms", "-0.1234%", "1969-12-31 23:59:59.999 +0000 UTC"]),
    ("1000", ["1000", "1k", "1000", "16m 40s", "1e+05%", "1970-01-01 00:16:40 +0000 UTC"]),
    ("999.95", ["999.95", "1000", "1000", "16m 39s", "1e+05%", "1970-01-01 00:16:39.95 +0000 UTC"]),
    ("999.99", ["999.99", "1000", "1000", "16m 39s", "1e+05%", "1970-01-01 00:16:39.99 +0000 UTC"]),
    ("1234567", ["1.234567e+06", "1.235M", "1.177Mi", "14d 6h 56m 7s", "1.235e+08%", "1970-01-15 06:56:07 +0000 UTC"]),
    ("-1234567", ["-1.234567e+06", "-1.235M", "-1.177Mi", "-14d 6h 56m 7s", "-1.235e+08%", "1969-12-17 17:03:53 +0000 UTC"]),
    ("1e-10", ["1e-10", "100p", "1e-10", "100ps", "1e-08%", "1970-01-01 00:00:00 +0000 UTC"]),
    ("1e-30", ["1e-30", "1e-06y", "1e-30", "1e-06ys", "1e-28%", "1970-01-01 00:00:00 +0000 UTC"]),
    ("1e30", ["1e+30", "1e+06Y", "8.272e+05Yi", "-106751991167300d -15h -30m -8s", "1e+32%", "ERROR"]),
    ("1.7e308", ["1.7e+308", "1.7e+284Y", "1.406e+284Yi", "-106751991167300d -15h -30m -8s", "+Inf%", "ERROR"]),
    ("59.99", ["59.99", "59.99", "59.99", "59.99s", "5999%", "1970-01-01 00:00:59.99 +0000 UTC"]),
    ("60", ["60", "60", "60", "1m 0s", "6000%", "1970-01-01 00:01:00 +0000 UTC"]),
    ("3600", ["3600", "3.6k", "3.516ki", "1h 0m 0s", "3.6e+05%", "1970-01-01 01:00:00 +0000 UTC"]),
    ("86400", ["86400", "86.4k", "84.38ki", "1d 0h 0m 0s", "8.64e+06%", "1970-01-02 00:00:00 +0000 UTC"]),
    ("90061.5", ["90061.5", "90.06k", "87.95ki", "1d 1h 1m 1s", "9.006e+06%", "1970-01-02 01:01:01.5 +0000 UTC"]),
    ("-90061.5", ["-90061.5", "-90.06k", "-87.95ki", "-1d 1h 1m 1s", "-9.006e+06%", "1969-12-30 22:58:58.5 +0000 UTC"]),
    ("1024", ["1024", "1.024k", "1ki", "17m 4s", "1.024e+05%", "1970-01-01 00:17:04 +0000 UTC"]),
    ("1048576", ["1.048576e+06", "1.049M", "1Mi", "12d 3h 16m 16s", "1.049e+08%", "1970-01-13 03:16:16 +0000 UTC"]),
    ("1.5e15", ["1.5e+15", "1.5P", "1.332Pi", "17361111111d 2h 40m 0s", "1.5e+17%", "ERROR"]),
    ("0.1234567", ["0.1234567", "123.5m", "0.1235", "123.5ms", "12.35%", "1970-01-01 00:00:00.123 +0000 UTC"]),
    ("1700000000", ["1.7e+09", "1.7G", "1.583Gi", "19675d 22h 13m 20s", "1.7e+11%", "2023-11-14 22:13:20 +0000 UTC"]),
    ("1700000000.1239", ["1.7000000001239e+09", "1.7G", "1.583Gi", "19675d 22h 13m 20s", "1.7e+11%", "2023-11-14 22:13:20.123 +0000 UTC"]),
    ("1e19", ["1e+19", "10E", "8.674Ei", "-106751991167300d -15h -30m -8s", "1e+21%", "ERROR"]),
    ("123456", ["123456", "123.5k", "120.6ki", "1d 10h 17m 36s", "1.235e+07%", "1970-01-02 10:17:36 +0000 UTC"]),
    ("100", ["100", "100", "100", "1m 40s", "1e+04%", "1970-01-01 00:01:40 +0000 UTC"]),
    ("12.345678", ["12.345678", "12.35", "12.35", "12.35s", "1235%", "1970-01-01 00:00:12.345 +0000 UTC"]),
    ("5e-324", ["5e-324", "4.941e-300y", "4.941e-324", "4.941e-300ys", "4.941e-322%", "1970-01-01 00:00:00 +0000 UTC"]),
];

#[test]
fn templates_as_alertmanager_prints_them() {
    let (templates, data) = (NotificationTemplates::default(), notification());
    let cases: Vec<serde_json::Value> = serde_json::from_str(RECORDED).unwrap();
    assert!(cases.len() > 250, "{} templates", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        let template = case["template"].as_str().unwrap();
        let printed = match case["kind"].as_str().unwrap() {
            "html" => templates.html(template, &data),
            _ => templates.text(template, &data),
        };
        // `why` comes with what Watchbell prints instead; `null` stands for an error.
        let expected = if case["why"].is_string() { &case["watchbell"] } else { &case["output"] };
        if printed.as_deref().ok() != expected.as_str() {
            wrong.push(format!("{template}\n    printed {printed:?}\n    expected {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn numbers_as_prometheus_prints_them() {
    let functions =
        ["print", "humanize", "humanize1024", "humanizeDuration", "humanizePercentage", "humanizeTimestamp"];
    let labels = Labels::default();
    for (number, expected) in NUMBERS {
        let value = parse_value(number).unwrap();
        let at = Timestamp::default();
        let value = value.into();
        let data = RuleData { labels: &labels, value, external_labels: &labels, external_url: "", at };
        for (function, expected) in functions.iter().zip(expected) {
            let template = RuleTemplate::parse(&format!("{{{{ $value | {function} }}}}")).unwrap();
            match template.expand(&data, &|_| Ok(Vec::new())) {
                Ok(text) => assert_eq!(text, *expected, "{number} {function}"),
                Err(error) => assert_eq!(*expected, "ERROR", "{number} {function}: {error}"),
            }
        }
    }
}
