//! Another Alertmanager: the alerts themselves
//! (<https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml>, `POST /alerts`).

use reqwest::Url;
use serde::Serialize;

use super::http::{Post, json};
use super::{Attempt, limit};
use crate::deliver::{AlertmanagerConfig, IncidentNoteKind, Notification, Outcome};
use crate::model::{Alert, AlertStatus, Labels, Timestamp};
use crate::shell::secret::Hidden;

/// How many alerts one request carries, as Prometheus has it.
pub(super) const BATCH: usize = 64;

/// An alert as the API takes it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PostedAlert<'a> {
    labels: &'a Labels,
    annotations: &'a Labels,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL", skip_serializing_if = "str::is_empty")]
    generator_url: &'a str,
}

/// The alerts, of an incident that is over those that are over too: Alertmanager knows alerts, and nothing of who answers. Those that fire end `expire_after` from `now` unless they are sent again.
pub(super) fn render<'a>(
    config: &AlertmanagerConfig,
    notification: &'a Notification,
    now: Timestamp,
) -> Vec<PostedAlert<'a>> {
    let posted = |alert: &'a Alert| PostedAlert {
        labels: &alert.labels,
        annotations: &alert.annotations,
        starts_at: alert.starts_at.to_string(),
        ends_at: match (alert.status(notification.decided_at), alert.ends_at) {
            (AlertStatus::Resolved, Some(end)) => end.to_string(),
            _ => (now + config.expire_after).to_string(),
        },
        // One that is no address would be refused, and the alerts beside it.
        generator_url: Some(&*alert.generator_url).filter(|url| Url::parse(url).is_ok()).unwrap_or_default(),
    };
    let tells = |alert: &&Alert| match notification.incident.as_ref().map(|incident| incident.kind) {
        None | Some(IncidentNoteKind::Page) => true,
        Some(IncidentNoteKind::Closed) => alert.status(notification.decided_at) == AlertStatus::Resolved,
        Some(IncidentNoteKind::Answered | IncidentNoteKind::Reminder) => false,
    };
    notification.alerts.iter().filter(tells).map(posted).collect()
}

pub(super) async fn send(config: &AlertmanagerConfig, attempt: &Attempt<'_>) -> Outcome {
    let mut refusal = None;
    for batch in render(config, attempt.notification, attempt.now).chunks(BATCH) {
        match send_batch(config, attempt, batch).await.unwrap_or_else(|outcome| outcome) {
            Outcome::Delivered | Outcome::DeliveredAs { .. } => {}
            // The other batches may be fine.
            outcome @ Outcome::Rejected { .. } => {
                refusal.get_or_insert(outcome);
            }
            outcome @ Outcome::Retry { .. } => return outcome,
        }
    }
    refusal.unwrap_or(Outcome::Delivered)
}

async fn send_batch(
    config: &AlertmanagerConfig,
    attempt: &Attempt<'_>,
    alerts: &[PostedAlert<'_>],
) -> Result<Outcome, Outcome> {
    let mut hidden = Hidden::default();
    let url = format!("{}/api/v2/alerts", config.url);
    let post = Post::json(&url, &config.http, limit(config.timeout), json(&alerts)?);
    let answer = attempt.http.post(post, &mut hidden, attempt.now).await?;
    Ok(answer.verdict(&hidden))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::http::StatusCode;
    use axum::response::IntoResponse;

    use crate::deliver::{Channel, HttpConfig};
    use crate::shell::notify::attempt_tests::{send_this, server, show};
    use crate::shell::notify::fixture;

    use super::*;

    fn channel(url: String) -> Channel {
        Channel::Alertmanager(Box::new(AlertmanagerConfig {
            url,
            expire_after: Duration::from_secs(24 * 60 * 60),
            timeout: Duration::from_secs(10),
            http: HttpConfig::default(),
        }))
    }

    #[test]
    fn payloads() {
        insta::assert_snapshot!(fixture::rendered(channel(String::new())), @r#"
        [
          {
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
            "endsAt": "2026-11-23T03:00:00.25Z",
            "generatorURL": "http://watchbell.example.org/graph?g0.expr=node_load1"
          },
          {
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
            "generatorURL": "http://watchbell.example.org/graph?g0.expr=node_load1"
          }
        ]
        "#);
        let mut notification = fixture::resolved_notification();
        notification.alerts.truncate(1);
        notification.alerts[0].generator_url = "no address".into();
        insta::assert_snapshot!(fixture::render_for(channel(String::new()), &notification).to_string(), @r#"
        [
          {
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
            "endsAt": "2026-11-22T02:59:00Z"
          }
        ]
        "#);
    }

    /// The end of what fires is counted from the attempt: a peer that was away gets an alert that still lasts.
    #[tokio::test]
    async fn every_alert_goes_out_in_batches() {
        let (address, requests) = server(|_| StatusCode::OK.into_response()).await;
        let mut notification = fixture::notification();
        notification.alerts = vec![notification.alerts[0].clone(); 130];
        let outcome = send_this(channel(format!("http://{address}/prefix")), notification).await;
        assert_eq!(show(outcome), "delivered");
        let requests = requests.lock().expect("not poisoned");
        let batches: Vec<Vec<serde_json::Value>> =
            requests.iter().map(|request| serde_json::from_slice(&request.2).expect("JSON")).collect();
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [64, 64, 2]);
        assert_eq!(requests[0].0, "/prefix/api/v2/alerts");
        assert_eq!(batches[0][0]["endsAt"], "2026-11-23T03:00:00Z");
    }

    #[tokio::test]
    async fn answers() {
        let (address, requests) = server(|path| match path {
            "/a/api/v2/alerts" => (StatusCode::BAD_REQUEST, r#""invalid label set""#).into_response(),
            _ => (StatusCode::SERVICE_UNAVAILABLE, "starting").into_response(),
        })
        .await;
        let mut notification = fixture::notification();
        notification.alerts = vec![notification.alerts[0].clone(); 65];
        for (path, expected, sent) in [
            ("a", r#"rejected: 400 Bad Request: "invalid label set""#, 2),
            ("b", "retry: 503 Service Unavailable: starting", 3),
        ] {
            let outcome = send_this(channel(format!("http://{address}/{path}")), notification.clone()).await;
            assert_eq!(show(outcome), expected);
            assert_eq!(requests.lock().expect("not poisoned").len(), sent, "{path}");
        }
    }
}
