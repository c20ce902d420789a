//! The HTTP interface: samples in, health and state out.

mod access;
mod actor;
mod audit;
mod door;
mod health;
mod heartbeats;
mod history;
mod oncall;
mod openapi;
mod overrides;
mod patient;
mod query;
mod receiver_test;
mod rules;
mod server;
mod v2;

pub use actor::Actor;
use audit::Author;
pub use door::{Door, DoorError, DoorRules};
pub use query::Queries;
pub use server::serve;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;
use tower_http::timeout::TimeoutLayer;

use super::clock::Clock;
use super::ingest::{BodyLimits, Intake, Scraper, push_routes, targets_json};
use super::service::{Decider, Dispatch, Evaluator, ReloadError, Reloader, Statuses, Vitals, Windows};
use super::telemetry::{Ids, Metrics};
use crate::model::Timestamp;

/// How long a request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// What the handlers need.
#[derive(Clone)]
pub struct App {
    /// The engine.
    pub decider: Decider,
    /// The series.
    pub windows: Windows,
    /// Answers queries.
    pub queries: Queries,
    /// The evaluation of groups.
    pub evaluator: Evaluator,
    /// The scraped targets.
    pub scraper: Scraper,
    /// Makes attempts.
    pub dispatch: Dispatch,
    /// Asks for reloads.
    pub reloader: Reloader,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// The health of what is outside.
    pub statuses: Arc<Statuses>,
    /// Whether all of it works.
    pub vitals: Vitals,
    /// Gives out ids.
    pub ids: Ids,
    /// The time.
    pub clock: Clock,
    /// When the service started.
    pub started_at: Timestamp,
    /// Whether everything has started.
    pub ready: Arc<AtomicBool>,
}

/// All routes, behind `door`.
pub fn router(app: App, intake: Intake, ids: Ids, limits: BodyLimits, door: Door) -> Router {
    let queries = query::query_routes(app.queries.clone());
    let push = push_routes(intake, app.clock.clone(), ids, app.metrics.clone(), limits);
    let routes = Router::new()
        .route("/", get(index))
        .route("/health", get(health::health))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/health/dependencies", get(health::dependencies))
        .route("/ready", get(health::ready))
        .route("/-/healthy", get(health::live))
        .route("/-/ready", get(health::ready))
        .route("/-/reload", post(reload).put(reload))
        .route("/version", get(version))
        .route("/metrics", get(metrics))
        .route("/api/v1/rules", get(rules::rules))
        .route("/api/v1/alerts", get(rules::alerts))
        .route("/api/v1/targets", get(targets))
        .route("/api/v1/history", get(history::history))
        .route("/api/v1/oncall", get(oncall::oncall))
        .merge(heartbeats::routes())
        .route("/api/v1/oncall/shifts", get(oncall::shifts))
        .route("/api/v1/oncall/users", get(oncall::users))
        .route("/api/v1/oncall/users/{file}", get(oncall::user_calendar))
        .route("/api/v1/oncall/{file}", get(oncall::schedule_calendar))
        .merge(overrides::routes())
        .route("/api/v1/receivers/{name}/test", post(receiver_test::test))
        .route("/api/openapi.json", get(openapi::json))
        .route("/api/openapi.yaml", get(openapi::yaml))
        .route("/api/v1/status/buildinfo", get(build_info))
        .merge(v2::routes(limits.compressed_bytes_max))
        .with_state(app);
    let routes = routes
        .merge(push)
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, REQUEST_TIMEOUT))
        .merge(queries);
    door::behind(door, routes)
}

async fn index() -> impl IntoResponse {
    let text = format!(
        "Watchbell {}\n\nGET  /health  /health/live  /health/ready  /health/dependencies  /metrics  /version\n\
         GET  /api/v1/heartbeats  GET, POST /api/v1/heartbeat/NAME  /api/v1/heartbeat/NAME/fail\n\
         GET  /api/v1/alerts  /api/v1/rules  /api/v1/targets  /api/v1/history\n\
         GET  /api/v1/oncall  /api/v1/oncall/shifts  /api/v1/oncall/users  /api/v1/oncall/SCHEDULE.ics  /api/v1/oncall/users/USER.ics\n\
         GET, POST /api/v1/overrides  DELETE /api/v1/overrides/ID\n\
         GET, POST /api/v1/query  /api/v1/query_range  /api/v1/series  /api/v1/labels  /api/v1/format_query  /api/v1/parse_query\n\
         GET  /api/v1/label/NAME/values  /api/v1/metadata  /api/v1/status/buildinfo  /api/v1/status/runtimeinfo\n\
         GET  /api/openapi.json  /api/openapi.yaml\n\
         GET, POST /api/v2/alerts\n\
         GET  /api/v2/alerts/groups  /api/v2/receivers  /api/v2/status\n\
         GET, POST /api/v2/silences  GET, DELETE /api/v2/silence/ID\n\
         POST /api/v1/receivers/NAME/test  /api/v1/write (Prometheus remote write)  /api/v1/import (JSON lines)  /-/reload\n",
        env!("CARGO_PKG_VERSION")
    );
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text)
}

async fn version() -> impl IntoResponse {
    Json(json!({ "name": "watchbell", "version": env!("CARGO_PKG_VERSION") }))
}

async fn build_info() -> impl IntoResponse {
    Json(json!({ "status": "success", "data": { "version": env!("CARGO_PKG_VERSION"), "application": "watchbell" } }))
}

async fn metrics(State(app): State<App>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let exposition = app.metrics.render(accept);
    ([(header::CONTENT_TYPE, exposition.content_type)], exposition.body).into_response()
}

async fn targets(State(app): State<App>) -> impl IntoResponse {
    Json(json!({ "status": "success", "data": targets_json(&app.scraper.targets().await) }))
}

async fn reload(State(app): State<App>, author: Author) -> Response {
    match app.reloader.reload(author.audit("configuration.reload", "")).await {
        Ok(()) => (StatusCode::OK, "reloaded\n".to_owned()).into_response(),
        Err(error @ ReloadError::Refused(_)) => {
            let text = format!("the new configuration is refused; the old one runs on\n\n{error}\n");
            (StatusCode::BAD_REQUEST, text).into_response()
        }
        Err(error @ ReloadError::Stopping) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
    }
}
