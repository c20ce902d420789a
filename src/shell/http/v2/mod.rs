//! Alertmanager's HTTP API, version 2: what amtool and its web interfaces speak.

mod alerts;
mod filter;
mod listing;
mod posting;
mod silences;
mod status;

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};

use super::App;
use super::audit::Author;
use crate::model::Timestamp;

/// The largest body of a request in bytes.
const BODY_BYTES_MAX: usize = 1 << 20;

/// The routes below `/api/v2`.
pub(super) fn routes(body_bytes_max: usize) -> Router<App> {
    let posting = posting::Places::new(body_bytes_max);
    Router::new()
        .route("/api/v2/status", get(status::status))
        .route("/api/v2/receivers", get(status::receivers))
        .route("/api/v2/alerts", get(alerts::alerts))
        .route("/api/v2/alerts/groups", get(alerts::groups))
        .route("/api/v2/silences", get(silences::list).post(silences::set))
        .route("/api/v2/silence/{id}", get(silences::one).delete(silences::expire))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .route("/api/v2/alerts", post(posting::post).layer(Extension(posting)))
}

/// An error as Alertmanager tells it: a text in JSON.
fn refused(status: StatusCode, message: impl Into<String>) -> Response {
    (status, Json(message.into())).into_response()
}

fn stopping(error: &crate::shell::service::Stopping) -> Response {
    refused(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
}

/// RFC 3339 with milliseconds, always.
fn moment(at: Timestamp) -> String {
    at.to_jiff().map_or_else(|| at.to_string(), |at| format!("{at:.3}"))
}
