//! incident.io: Alertmanager's payload for an alert source of kind HTTP (<https://api-docs.incident.io/tag/Alert-Events-V2>).

use super::http::{Post, json};
use super::webhook::{self, WebhookPayload};
use super::{Attempt, limit};
use crate::deliver::{IncidentioConfig, Notification, Outcome};
use crate::shell::secret::{Hidden, reveal};
use crate::template::NotificationData;

/// The greatest size of a payload, in bytes.
const PAYLOAD_SIZE_MAX: usize = 512 * 1024;

/// The payload's version.
const VERSION: &str = "1";

/// The payload: as many of the first alerts as fit; one alone that does not fit is told without annotations.
pub(super) fn render(
    config: &IncidentioConfig,
    notification: &Notification,
    data: &NotificationData,
) -> WebhookPayload {
    let of = |alerts: usize| webhook::payload(alerts, VERSION, notification, data).without_incident();
    let mut payload = of(config.max_alerts);
    // The greatest number that fits lies in `fits..too_many`.
    let (mut fits, mut too_many): (usize, usize) = (1, payload.alerts());
    while size(&payload) > PAYLOAD_SIZE_MAX && too_many > 1 {
        let middle = usize::midpoint(fits, too_many);
        match size(&of(middle)) <= PAYLOAD_SIZE_MAX {
            true => fits = middle,
            false => too_many = middle,
        }
        if too_many - fits <= 1 {
            payload = of(fits);
            break;
        }
    }
    if size(&payload) > PAYLOAD_SIZE_MAX {
        payload.drop_annotations();
    }
    payload
}

fn size(payload: &WebhookPayload) -> usize {
    serde_json::to_vec(payload).map_or(0, |json| json.len())
}

pub(super) async fn send(config: &IncidentioConfig, attempt: &Attempt<'_>) -> Result<Outcome, Outcome> {
    let mut hidden = Hidden::default();
    let url = reveal(&config.url).await?;
    let payload = render(config, attempt.notification, attempt.texts().data());
    let post = Post::json(&url, &config.http, limit(config.timeout), json(&payload)?)
        .header("Idempotency-Key", attempt.idempotency_key);
    let answer = attempt.http.post(post, &mut hidden, attempt.now).await?;
    Ok(answer.verdict(&hidden))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::http::StatusCode;
    use axum::response::IntoResponse;

    use crate::deliver::{Channel, HttpConfig, Secret};
    use crate::model::Labels;
    use crate::shell::notify::attempt_tests::{send, server, show};
    use crate::shell::notify::fixture;

    use super::*;

    fn channel(url: String, max_alerts: usize) -> Channel {
        let token = ("Bearer".to_owned(), Secret::Value("s3cret-token".into()));
        Channel::Incidentio(Box::new(IncidentioConfig {
            url: Secret::Value(url),
            max_alerts,
            timeout: Duration::from_secs(10),
            http: HttpConfig { authorization: Some(token), ..HttpConfig::default() },
        }))
    }

    fn payload(max_alerts: usize, notification: &Notification) -> serde_json::Value {
        let rendered = fixture::render_for(channel(String::new(), max_alerts), notification).to_string();
        serde_json::from_str(&rendered).expect("JSON")
    }

    #[test]
    fn payloads() {
        insta::assert_snapshot!(fixture::rendered(channel(String::new(), 1)), @r#"
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
  "version": "1",
  "groupKey": "{}:{alertname=\"HighLoad\"}",
  "truncatedAlerts": 1
}
"#);
    }

    #[test]
    fn keeps_to_the_limits() {
        let mut notification = fixture::notification();
        let fires = notification.alerts[0].clone();
        let with = |bytes: usize| {
            let annotations = Labels::from_pairs([("text", "x".repeat(bytes))]);
            crate::model::Alert { annotations, ..fires.clone() }
        };
        for (alerts, bytes, max_alerts, expected) in
            [(100, 1_000, 0, (100, 0)), (100, 10_000, 0, (49, 51)), (100, 10_000, 7, (7, 93)), (2, 400_000, 0, (1, 1))]
        {
            notification.alerts = vec![with(bytes); alerts];
            let payload = payload(max_alerts, &notification);
            let shown = payload["alerts"].as_array().map_or(0, Vec::len);
            assert_eq!(
                (shown, payload["truncatedAlerts"].as_u64()),
                (expected.0, Some(expected.1)),
                "{alerts} {bytes}"
            );
        }
        notification.alerts = vec![with(600_000)];
        let payload = payload(0, &notification);
        assert_eq!(payload["alerts"][0]["annotations"], serde_json::json!({}));
        assert_eq!(payload["alerts"][0]["labels"]["alertname"], "HighLoad");
    }

    #[tokio::test]
    async fn attempts() {
        let (address, requests) = server(|path| match path {
            "/v2/alert_events/alertmanager/01" => (StatusCode::ACCEPTED, r#"{"status":"success"}"#).into_response(),
            "/busy" => (StatusCode::TOO_MANY_REQUESTS, [("Retry-After", "3")], "").into_response(),
            _ => (StatusCode::UNAUTHORIZED, r#"{"error":"s3cret-token is unknown"}"#).into_response(),
        })
        .await;
        for (path, expected) in [
            ("v2/alert_events/alertmanager/01", "delivered"),
            ("busy", "retry after 3s: 429 Too Many Requests"),
            ("other", r#"rejected: 401 Unauthorized: {"error":"<secret> is unknown"}"#),
        ] {
            assert_eq!(show(send(channel(format!("http://{address}/{path}"), 0)).await), expected, "{path}");
        }
        let requests = requests.lock().expect("not poisoned");
        assert_eq!(requests[0].1["authorization"], "Bearer s3cret-token");
        let payload: serde_json::Value = serde_json::from_slice(&requests[0].2).expect("JSON");
        assert_eq!(payload["version"], "1");
    }
}
