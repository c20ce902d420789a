//! Templates of rules and notifications: parsed, and expanded over an alert.

#![no_main]

use libfuzzer_sys::fuzz_target;
use watchbell::model::{AlertStatus, Labels, Timestamp};
use watchbell::template::{
    AlertData, NotificationData, NotificationTemplates, QueryRow, RuleData, RuleTemplate, TemplateError,
};

/// The longest output of a template, by its contract, in bytes.
const OUTPUT_BYTES_MAX: usize = 1 << 20;

fuzz_target!(|text: &str| {
    let labels = Labels::from_pairs([("alertname", "HighLatency"), ("instance", "a:9100")]);
    let at = Timestamp::from_seconds(1_700_000_000);
    if let Ok(template) = RuleTemplate::parse(text) {
        let data = RuleData { labels: &labels, value: 1.5.into(), external_labels: &labels, external_url: "http://w", at };
        let query = |_: &str| -> Result<Vec<QueryRow>, TemplateError> {
            Ok(vec![QueryRow { labels: labels.clone(), value: 2.0 }])
        };
        if let Ok(output) = template.expand(&data, &query) {
            assert!(output.len() <= OUTPUT_BYTES_MAX);
        }
    }
    let alert = AlertData {
        status: AlertStatus::Firing,
        labels: labels.clone(),
        annotations: labels.clone(),
        starts_at: at,
        ends_at: None,
        generator_url: "http://w/g".to_owned(),
        fingerprint: labels.fingerprint().to_string(),
    };
    let data = NotificationData {
        receiver: "team".to_owned(),
        status: AlertStatus::Firing,
        alerts: vec![alert],
        reason: "first notification".to_owned(),
        group_labels: labels.clone(),
        common_labels: labels.clone(),
        common_annotations: labels.clone(),
        route_labels: Labels::default(),
        external_url: "http://w".to_owned(),
        now: at,
    };
    let templates = NotificationTemplates::default();
    for output in [templates.text(text, &data), templates.html(text, &data)].into_iter().flatten() {
        assert!(output.len() <= OUTPUT_BYTES_MAX);
    }
});
