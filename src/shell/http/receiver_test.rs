//! `POST /api/v1/receivers/NAME/test`: a test notification through the real senders.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use tracing::info;

use super::{App, Author};
use crate::model::{AlertStatus, Labels};
use crate::shell::notify::{TRIAL_ALERTS_MAX, TrialAlert, TrialOutcome};

/// What may be asked for; all of it may be left out.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    alerts: Vec<AskedAlert>,
    /// The number of the one integration that is told.
    #[serde(default)]
    integration: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AskedAlert {
    #[serde(default)]
    labels: Labels,
    #[serde(default)]
    annotations: Labels,
    #[serde(default = "firing")]
    status: AlertStatus,
}

fn firing() -> AlertStatus {
    AlertStatus::Firing
}

pub(super) async fn test(State(app): State<App>, author: Author, Path(name): Path<String>, body: Bytes) -> Response {
    let asked: Asked = match body.is_empty() {
        true => Asked::default(),
        false => match serde_json::from_slice(&body) {
            Ok(asked) => asked,
            Err(error) => return refused(StatusCode::BAD_REQUEST, &format!("the request cannot be read: {error}")),
        },
    };
    if asked.alerts.len() > TRIAL_ALERTS_MAX {
        return refused(StatusCode::BAD_REQUEST, &format!("a test has at most {TRIAL_ALERTS_MAX} alerts"));
    }
    let alert = |AskedAlert { labels, annotations, status }: AskedAlert| TrialAlert {
        labels,
        annotations,
        is_resolved: status == AlertStatus::Resolved,
    };
    let alerts: Vec<TrialAlert> = asked.alerts.into_iter().map(alert).collect();
    info!(actor = %author.actor, receiver = name, "asked to test a receiver");
    if app.dispatch.has_receiver(&name)
        && let Err(error) = app.decider.audit(author.audit("receiver.test", &name))
    {
        return refused(StatusCode::SERVICE_UNAVAILABLE, &error.to_string());
    }
    let Some(trials) = app.dispatch.try_out(&name, asked.integration, &alerts).await else {
        return refused(StatusCode::NOT_FOUND, &format!("there is no receiver `{name}`"));
    };
    if let (Some(number), true) = (asked.integration, trials.is_empty()) {
        return refused(StatusCode::NOT_FOUND, &format!("`{name}` has no integration {number}"));
    }
    let delivered = trials.iter().all(|trial| trial.outcome == TrialOutcome::Delivered);
    let data = json!({ "receiver": name, "delivered": delivered, "integrations": trials });
    Json(json!({ "status": "success", "data": data })).into_response()
}

pub(super) fn refused(status: StatusCode, error: &str) -> Response {
    let kind = match status {
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::SERVICE_UNAVAILABLE => "unavailable",
        _ => "bad_data",
    };
    (status, Json(json!({ "status": "error", "errorType": kind, "error": error }))).into_response()
}
