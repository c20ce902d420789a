//! `/api/v1/heartbeat/NAME`, by which signs of life come in, and `/api/v1/heartbeats`, which shows how they are.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::App;
use super::oncall::refused;
use super::rules::unavailable;
use crate::engine::{HeartbeatSignal, HeartbeatView};

/// The largest body of a sign of life, in bytes; much less of it is kept.
const BODY_BYTES_MAX: usize = 128 << 10;

/// The routes. A GET will do for a sign of life, since that is what a cron job's last line asks for most easily.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/heartbeats", get(list))
        .route("/api/v1/heartbeat/{name}", get(beat).post(beat))
        .route("/api/v1/heartbeat/{name}/fail", get(fail).post(fail))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}

/// `/api/v1/heartbeat/NAME`
async fn beat(State(app): State<App>, Path(name): Path<String>, uri: Uri, body: Bytes) -> Response {
    take(app, name, HeartbeatSignal::Beat, message(&uri, &body)).await
}

/// `/api/v1/heartbeat/NAME/fail`
async fn fail(State(app): State<App>, Path(name): Path<String>, uri: Uri, body: Bytes) -> Response {
    take(app, name, HeartbeatSignal::Fail, message(&uri, &body)).await
}

/// What is said besides: the body, or the parameter `message` of the address.
fn message(uri: &Uri, body: &Bytes) -> String {
    match body.is_empty() {
        true => parameter(uri, "message").unwrap_or_default(),
        false => String::from_utf8_lossy(body).into_owned(),
    }
}

/// The first value of a parameter of the address.
pub(super) fn parameter(uri: &Uri, name: &str) -> Option<String> {
    let url = reqwest::Url::parse(&format!("http://localhost/?{}", uri.query()?)).ok()?;
    url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

/// Answers once the sign of life is on disk.
async fn take(app: App, name: String, signal: HeartbeatSignal, message: String) -> Response {
    match app.decider.heartbeat(name, signal, message).await {
        Ok(Ok(())) => Json(json!({ "status": "success" })).into_response(),
        Ok(Err(unknown)) => refused(StatusCode::NOT_FOUND, unknown),
        Err(error) => unavailable(&error.to_string()),
    }
}

/// `GET /api/v1/heartbeats`
async fn list(State(app): State<App>) -> Response {
    let now = app.clock.now();
    match app.decider.read(move |engine| engine.heartbeats(now)).await {
        Ok(found) => {
            let heartbeats: Vec<Value> = found.iter().map(shown).collect();
            Json(json!({ "status": "success", "data": { "heartbeats": heartbeats } })).into_response()
        }
        Err(error) => unavailable(&error.to_string()),
    }
}

fn shown(heartbeat: &HeartbeatView) -> Value {
    let HeartbeatView { policy, state, last_beat, message, due, missing_since } = heartbeat;
    json!({
        "name": policy.name,
        "state": state.as_str(),
        "description": policy.description,
        "interval_seconds": policy.interval.as_secs_f64(),
        "grace_seconds": policy.grace.as_secs_f64(),
        "armed": policy.armed.as_str(),
        "labels": policy.labels,
        "escalation": policy.escalation,
        "last_beat": last_beat.map(|at| at.to_string()),
        "due": due.map(|at| at.to_string()),
        "missing_since": missing_since.map(|at| at.to_string()),
        "message": message,
    })
}
