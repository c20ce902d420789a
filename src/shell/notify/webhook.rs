//! Webhook: a POST of Alertmanager's version 4 payload
//! (<https://prometheus.io/docs/alerting/latest/configuration/#webhook_config>).

use serde::Serialize;
use serde_json::Value;

use super::http::Post;
use super::text::Texts;
use super::{Attempt, limit};
use crate::deliver::{Notification, Outcome, WebhookConfig};
use crate::model::{AlertStatus, Labels};
use crate::shell::secret::{Hidden, reveal};
use crate::template::{AlertData, IncidentData, NotificationData};

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
    #[serde(skip_serializing_if = "Option::is_none")]
    incident: Option<Box<IncidentData>>,
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

/// The version of the payload.
pub(super) const VERSION: &str = "4";

/// What is posted.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum WebhookBody {
    /// Alertmanager's payload.
    Standard(Box<WebhookPayload>),
    /// As it is configured.
    Custom(Value),
}

/// Alertmanager's payload, or the configured one.
pub(super) fn render(config: &WebhookConfig, notification: &Notification, texts: &Texts<'_>) -> WebhookBody {
    match &config.payload {
        Some(payload) => WebhookBody::Custom(texts.tree("payload", payload, retyped)),
        None => WebhookBody::Standard(Box::new(payload(config.max_alerts, VERSION, notification, texts.data()))),
    }
}

/// A text that is a number, `true`, `false`, `null`, a list or an object becomes that, as in Alertmanager, so that templates can
/// yield more than texts (`toJson`). Other than there, a text such as `Disk full: /var` stays a text, and so does an empty one.
fn retyped(text: String) -> Value {
    let trimmed = text.trim();
    let parsed = match serde_json::from_str(trimmed) {
        Ok(Value::String(_)) => None,
        // A number with more digits than numbers hold stays as it is.
        Ok(Value::Number(number)) if number.to_string() != trimmed => None,
        Ok(value) => Some(value),
        Err(_) if trimmed.starts_with(['{', '[']) => serde_saphyr::from_str(trimmed).ok(),
        Err(_) => None,
    };
    parsed.unwrap_or(Value::String(text))
}

/// The payload with at most `max_alerts` alerts, 0 for all; status and common labels are those of the whole notification.
pub(super) fn payload(
    max_alerts: usize,
    version: &'static str,
    notification: &Notification,
    data: &NotificationData,
) -> WebhookPayload {
    let shown = if max_alerts == 0 { data.alerts.len() } else { max_alerts.min(data.alerts.len()) };
    WebhookPayload {
        receiver: data.receiver.clone(),
        status: data.status,
        alerts: data.alerts[..shown].iter().map(PayloadAlert::from).collect(),
        group_labels: data.group_labels.clone(),
        common_labels: data.common_labels.clone(),
        common_annotations: data.common_annotations.clone(),
        external_url: data.external_url.clone(),
        version,
        group_key: notification.group_key.clone(),
        truncated_alerts: data.alerts.len() - shown + notification.truncated,
        incident: data.incident.clone(),
    }
}

impl WebhookPayload {
    /// How many alerts it has.
    pub(super) fn alerts(&self) -> usize {
        self.alerts.len()
    }

    /// The payload as Alertmanager knows it.
    pub(super) fn without_incident(self) -> Self {
        WebhookPayload { incident: None, ..self }
    }

    /// Leaves out every annotation.
    pub(super) fn drop_annotations(&mut self) {
        self.common_annotations = Labels::default();
        for alert in &mut self.alerts {
            alert.annotations = Labels::default();
        }
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
    let payload = render(config, attempt.notification, &texts);
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

    #[test]
    fn custom_payload() {
        let payload = serde_json::json!({
            "msgtype": "markdown",
            "{{ .Status }}": "{{ .Alerts.Firing | len }}",
            "labels": "{{ toJson .CommonLabels }}",
            "names": "[{{ range .Alerts }}{{ .Labels.instance }}, {{ end }}]",
            "text": ["Disk full: /var", "{{ .CommonAnnotations.nope }}", "no", "0123", "12345678901234567890123", "a\nb: c"],
            "typed": [1.5, true, null, "true", "null", " 7 "],
        });
        let config = WebhookConfig { payload: Some(payload), ..fixture::webhook("http://127.0.0.1/") };
        insta::assert_snapshot!(fixture::rendered(Channel::Webhook(Box::new(config))), @r#"
        {
          "firing": 1,
          "labels": {
            "alertname": "HighLoad",
            "severity": "critical"
          },
          "msgtype": "markdown",
          "names": [
            "a:9100",
            "bb:9100"
          ],
          "text": [
            "Disk full: /var",
            "",
            "no",
            "0123",
            "12345678901234567890123",
            "a\nb: c"
          ],
          "typed": [
            1.5,
            true,
            null,
            true,
            null,
            7
          ]
        }
        "#);
    }

    fn config(max_alerts: usize) -> Channel {
        Channel::Webhook(Box::new(WebhookConfig {
            url: Secret::Value("http://127.0.0.1/".into()),
            max_alerts,
            payload: None,
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
