//! Webhook: a POST of Alertmanager's version 4 payload
//! (<https://prometheus.io/docs/alerting/latest/configuration/#webhook_config>).

use serde::Serialize;

use super::http::Post;
use super::{Attempt, limit};
use crate::deliver::{Notification, Outcome, WebhookConfig};
use crate::model::{AlertStatus, Labels};
use crate::shell::secret::{Hidden, reveal};
use crate::template::{AlertData, NotificationData};

/// The payload; its fields stand in the order in which Alertmanager writes them.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookPayload {
    receiver: String,
    status: AlertStatus,
    alerts: Vec<PayloadAlert>,
    group_labels: Labels,
    common_labels: Labels,
    common_annotations: Labels,
    #[serde(rename = "externalURL")]
    external_url: String,
    version: &'static str,
    group_key: String,
    truncated_alerts: usize,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PayloadAlert {
    status: AlertStatus,
    labels: Labels,
    annotations: Labels,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: String,
    fingerprint: String,
}

/// What stands for "not yet", as Go writes its zero time.
const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

impl From<&AlertData> for PayloadAlert {
    fn from(alert: &AlertData) -> Self {
        PayloadAlert {
            status: alert.status,
            labels: alert.labels.clone(),
            annotations: alert.annotations.clone(),
            starts_at: alert.starts_at.to_string(),
            ends_at: alert.ends_at.map_or_else(|| ZERO_TIME.to_owned(), |end| end.to_string()),
            generator_url: alert.generator_url.clone(),
            fingerprint: alert.fingerprint.clone(),
        }
    }
}

/// The payload with at most `max_alerts` alerts; status and common labels are those of the whole notification.
pub(super) fn render(config: &WebhookConfig, notification: &Notification, data: &NotificationData) -> WebhookPayload {
    let shown = if config.max_alerts == 0 { data.alerts.len() } else { config.max_alerts.min(data.alerts.len()) };
    WebhookPayload {
        receiver: data.receiver.clone(),
        status: data.status,
        alerts: data.alerts[..shown].iter().map(PayloadAlert::from).collect(),
        group_labels: data.group_labels.clone(),
        common_labels: data.common_labels.clone(),
        common_annotations: data.common_annotations.clone(),
        external_url: data.external_url.clone(),
        version: "4",
        group_key: notification.group_key.clone(),
        truncated_alerts: data.alerts.len() - shown + notification.truncated,
    }
}

pub(super) async fn send(config: &WebhookConfig, attempt: &Attempt<'_>) -> Outcome {
    match try_send(config, attempt).await {
        Ok(outcome) | Err(outcome) => outcome,
    }
}

async fn try_send(config: &WebhookConfig, attempt: &Attempt<'_>) -> Result<Outcome, Outcome> {
    let texts = attempt.texts();
    let mut hidden = Hidden::default();
    let template = reveal(&config.url).await?;
    let url = texts.secret("url", &template)?;
    let payload = render(config, attempt.notification, texts.data());
    let post = Post::json(&url, &config.http, limit(config.timeout), super::http::json(&payload)?)
        .header("Idempotency-Key", attempt.idempotency_key);
    let answer = attempt.http.post(post, &mut hidden, attempt.now).await?;
    Ok(answer.verdict(&hidden))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::deliver::{Channel, HttpConfig, Secret};
    use crate::shell::notify::fixture;

    use super::*;

    fn config(max_alerts: usize) -> Channel {
        Channel::Webhook(Box::new(WebhookConfig {
            url: Secret::Value("http://127.0.0.1/".into()),
            max_alerts,
            timeout: Duration::from_secs(10),
            http: HttpConfig::default(),
        }))
    }

    #[test]
    fn payload() {
        insta::assert_snapshot!(fixture::rendered(config(0)), @r##"
        {
          "receiver": "night-watch",
          "status": "firing",
          "alerts": [
            {
              "status": "firing",
              "labels": {
                "alertname": "HighLoad",
                "instance": "a:9100",
                "severity": "critical"
              },
              "annotations": {
                "summary": "Load is high, überall",
                "value": "9.5"
              },
              "startsAt": "2026-11-22T02:55:00Z",
              "endsAt": "0001-01-01T00:00:00Z",
              "generatorURL": "http://watchbell.example.org/graph?g0.expr=node_load1",
              "fingerprint": "07725ff76c9db3d0"
            },
            {
              "status": "resolved",
              "labels": {
                "alertname": "HighLoad",
                "instance": "bb:9100",
                "severity": "critical"
              },
              "annotations": {
                "summary": "Load is high"
              },
              "startsAt": "2026-11-22T02:55:00Z",
              "endsAt": "2026-11-22T02:58:30.5Z",
              "generatorURL": "http://watchbell.example.org/graph?g0.expr=node_load1",
              "fingerprint": "c9aa877b466de61b"
            }
          ],
          "groupLabels": {
            "alertname": "HighLoad"
          },
          "commonLabels": {
            "alertname": "HighLoad",
            "severity": "critical"
          },
          "commonAnnotations": {},
          "externalURL": "http://watchbell.example.org",
          "version": "4",
          "groupKey": "{}:{alertname=\"HighLoad\"}",
          "truncatedAlerts": 0
        }
        "##);
    }

    #[test]
    fn truncated() {
        let text = fixture::rendered(config(1));
        let payload: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(payload["truncatedAlerts"], 1);
        assert_eq!(payload["alerts"].as_array().map(Vec::len), Some(1));
        assert_eq!(payload["status"], "firing");
        let huge = Notification { truncated: 41, truncated_firing: 7, ..fixture::notification() };
        let payload: serde_json::Value =
            serde_json::from_str(&fixture::render_for(config(1), &huge).to_string()).expect("JSON");
        assert_eq!(payload["truncatedAlerts"], 42);
    }
}
