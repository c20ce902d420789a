//! Where answers to pages come in: links, buttons, replies. Everybody reaches these routes; what they say counts by its token or
//! signature.

mod desk;
mod links;
mod pagerduty;
mod refusal;
mod slack;
mod telegram;

mod twilio;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

use super::App;
use super::audit::Author;
use super::door::Unproven;

/// The largest body of a request in bytes.
const BODY_BYTES_MAX: usize = 256 << 10;

/// The routes by which people answer.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/answer/{token}", get(links::show).post(links::act))
        .route("/hooks/slack", post(slack::hook))
        .route("/hooks/twilio", post(twilio::hook))
        .route("/hooks/twilio/status", post(twilio::status))
        .route("/hooks/pagerduty", post(pagerduty::hook))
        .route("/hooks/telegram", post(telegram::hook))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}
