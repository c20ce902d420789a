//! Whether Watchbell lives, is ready, and what it depends on.

use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::App;
use crate::shell::ingest::TargetHealth;

/// The process answers, and so does the engine.
pub(super) async fn live(State(app): State<App>) -> Response {
    match app.decider.read(|_| ()).await {
        Ok(()) => (StatusCode::OK, "Watchbell is healthy.\n").into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
    }
}

/// Everything has started, and the store takes decisions.
pub(super) async fn ready(State(app): State<App>) -> Response {
    let started = app.ready.load(Ordering::Acquire);
    let store_works = app.statuses.snapshot().store.ok != Some(false);
    match (started, store_works) {
        (true, true) => (StatusCode::OK, "Watchbell is ready.\n").into_response(),
        (false, _) => (StatusCode::SERVICE_UNAVAILABLE, "Watchbell is starting.\n").into_response(),
        (true, false) => {
            (StatusCode::SERVICE_UNAVAILABLE, "Decisions cannot be written to the store.\n").into_response()
        }
    }
}

/// A summary with the status of each part.
pub(super) async fn health(State(app): State<App>) -> Response {
    let snapshot = app.statuses.snapshot();
    let counts = app.decider.read(|engine| (engine.alert_counts(), engine.deliveries().count())).await;
    let engine_works = counts.is_ok();
    let ((pending, firing), undelivered) = counts.unwrap_or_default();
    let stats = app.windows.read(|database| database.stats());
    let failing: Vec<&String> =
        snapshot.receivers.iter().filter(|(_, status)| status.ok == Some(false)).map(|(name, _)| name).collect();
    let works = engine_works && snapshot.store.ok != Some(false) && snapshot.journal.ok != Some(false);
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
