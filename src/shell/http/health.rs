//! Whether Watchbell lives, is ready, and what it depends on.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::App;
use crate::shell::ingest::TargetHealth;
use crate::shell::service::Status;

/// How long the engine may take to answer before it counts as stuck.
const ENGINE_PATIENCE: Duration = Duration::from_secs(2);

/// The process answers; a process of which a part has ended stops as a whole. A full disk is no reason to be restarted: it
/// shows in `ready`.
pub(super) async fn live() -> Response {
    (StatusCode::OK, "Watchbell is healthy.\n").into_response()
}

/// Everything has started, and the store and the journal take what comes.
pub(super) async fn ready(State(app): State<App>) -> Response {
    let started = app.ready.load(Ordering::Acquire);
    let snapshot = app.statuses.snapshot();
    let works = |status: &Status| status.ok != Some(false);
    let refusal = match (started, works(&snapshot.store), works(&snapshot.journal)) {
        (true, true, true) => return (StatusCode::OK, "Watchbell is ready.\n").into_response(),
        (false, _, _) => "Watchbell is starting.\n",
        (true, false, _) => "Decisions cannot be written to the store.\n",
        (true, true, false) => "Samples cannot be written to the journal.\n",
    };
    (StatusCode::SERVICE_UNAVAILABLE, refusal).into_response()
}

/// A summary with the status of each part.
pub(super) async fn health(State(app): State<App>) -> Response {
    let snapshot = app.statuses.snapshot();
    let read = app.decider.read(|engine| (engine.alert_counts(), engine.deliveries().count()));
    let counts = tokio::time::timeout(ENGINE_PATIENCE, read).await.ok().and_then(Result::ok);
    let works = counts.is_some() && app.vitals.ailment(ENGINE_PATIENCE).await.is_none();
    let ((pending, firing), undelivered) = counts.unwrap_or_default();
    let windows = app.windows.clone();
    let stats =
        tokio::task::spawn_blocking(move || windows.read(|database| database.stats())).await.unwrap_or_default();
    let failing: Vec<&String> =
        snapshot.receivers.iter().filter(|(_, status)| status.ok == Some(false)).map(|(name, _)| name).collect();
    let status = match (works, failing.is_empty()) {
        (false, _) => "unhealthy",
        (true, false) => "degraded",
        (true, true) => "healthy",
    };
    let body = json!({
        "status": status,
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_seconds": app.clock.now().since(app.started_at).as_secs_f64(),
        "series": stats.series,
        "alerts": { "pending": pending, "firing": firing },
        "undelivered_notifications": undelivered,
        "failing_receivers": failing,
    });
    let code = if works { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(body)).into_response()
}

/// Each source, each receiver, the store and the journal: whether it works, how long it takes, its last error.
pub(super) async fn dependencies(State(app): State<App>) -> Json<Value> {
    let snapshot = app.statuses.snapshot();
    let targets: Vec<Value> = app
        .scraper
        .targets()
        .await
        .iter()
        .map(|target| {
            let ok = match target.health {
                TargetHealth::Up => Some(true),
                TargetHealth::Down => Some(false),
                TargetHealth::Unknown => None,
            };
            json!({
                "job": target.job,
                "url": target.url,
                "ok": ok,
                "latency_seconds": target.last_scrape.map(|_| target.last_duration.as_secs_f64()),
                "last_contact": target.last_scrape.map(|at| at.to_string()),
                "last_error": target.last_error,
            })
        })
        .collect();
    Json(json!({
        "store": snapshot.store,
        "journal": snapshot.journal,
        "receivers": snapshot.receivers,
        "sources": snapshot.sources,
        "targets": targets,
    }))
}
