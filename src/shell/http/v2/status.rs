//! `/api/v2/status` and `/api/v2/receivers`.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{App, moment, stopping};

/// What runs, by which configuration; alone, without a cluster.
pub(super) async fn status(State(app): State<App>) -> Response {
    let plan = match app.decider.read(|engine| engine.plan().clone()).await {
        Ok(plan) => plan,
        Err(error) => return stopping(&error),
    };
    Json(json!({
        "cluster": { "name": "", "status": "disabled", "peers": [] },
        "versionInfo": {
            "version": env!("CARGO_PKG_VERSION"),
            "revision": "",
            "branch": "",
            "buildUser": "",
            "buildDate": "",
            "goVersion": "",
        },
        // amtool reads the first; the second is the whole.
        "config": { "original": &*plan.as_alertmanager, "written": &*plan.written },
        "uptime": moment(app.started_at),
    }))
    .into_response()
}

/// The names of the receivers that routes may name.
pub(super) async fn receivers(State(app): State<App>) -> Response {
    let read = app.decider.read(|engine| {
        let receivers = engine.plan().receivers.iter().filter(|receiver| !receiver.is_hidden());
        receivers.map(|receiver| json!({ "name": receiver.name })).collect::<Vec<Value>>()
    });
    match read.await {
        Ok(receivers) => Json(receivers).into_response(),
        Err(error) => stopping(&error),
    }
}
