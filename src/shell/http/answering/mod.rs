//! Where answers to pages come in: links, buttons, replies. Everybody reaches these routes; what they say counts by its token or
//! signature.

mod links;
mod pagerduty;
mod refusal;
mod respond;
mod slack;
mod telegram;
#[cfg(test)]
mod tests;
mod twilio;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

use super::App;
use super::audit::Author;
use super::door::Unproven;
use crate::shell::answers::Answering;
use crate::shell::clock::Clock;
use crate::shell::service::Decider;
use crate::shell::telemetry::Metrics;

/// The largest body of a request in bytes.
const BODY_BYTES_MAX: usize = 256 << 10;

/// What answers need of the service.
#[derive(Clone)]
pub(super) struct Desk {
    decider: Decider,
    answering: Answering,
    metrics: Arc<Metrics>,
    clock: Clock,
}

impl Desk {
    pub(super) fn of(app: &App) -> Desk {
        let App { decider, answering, metrics, clock, .. } = app;
        Desk { decider: decider.clone(), answering: answering.clone(), metrics: metrics.clone(), clock: clock.clone() }
    }
}

/// The routes by which people answer.
pub(super) fn routes(desk: Desk) -> Router {
    Router::new()
        .route("/answer/{token}", get(links::show).post(links::act))
        .route("/hooks/slack", post(slack::hook))
        .route("/hooks/twilio", post(twilio::hook))
        .route("/hooks/twilio/status", post(twilio::status))
        .route("/hooks/pagerduty", post(pagerduty::hook))
        .route("/hooks/telegram", post(telegram::hook))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(desk)
}
