//! `GET /api/v1/oncall`: who is on call.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::App;
use super::rules::unavailable;

/// `GET /api/v1/oncall`
pub(super) async fn oncall(State(app): State<App>) -> Response {
    let now = app.clock.now();
    let plan = match app.decider.read(|engine| Arc::clone(&engine.plan().oncall)).await {
        Ok(plan) => plan,
        Err(error) => return unavailable(&error.to_string()),
    };
    // Looking two years ahead in many schedules takes its time.
    match tokio::task::spawn_blocking(move || plan.duties(now)).await {
        Ok(duties) => Json(json!({ "status": "success", "data": duties })).into_response(),
        Err(error) => unavailable(&error.to_string()),
    }
}
