//! Where answers to pages come in: links, buttons, replies. Everybody reaches these routes; what they say counts by its token or
//! signature.

mod links;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use tracing::{info, warn};

use super::App;
use super::audit::Author;
use super::door::Unproven;
use crate::engine::Audit;
use crate::escalate::{Answer, AnswerError};
use crate::shell::answers::Seen;
use crate::shell::service::Stopping;

/// The largest body of a request in bytes.
const BODY_BYTES_MAX: usize = 256 << 10;

/// The routes by which people answer.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/answer/{token}", get(links::show).post(links::act))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}

/// The incident as it is now; none if there is none of that number.
async fn look(app: &App, number: u64) -> Result<Option<Seen>, Stopping> {
    let now = app.clock.now();
    app.decider.read(move |engine| Seen::find(engine, number, now)).await
}

/// Hands `answer` over, with the note of who gave it. Returns once it is on disk.
async fn take(app: &App, author: &Author, answer: Answer) -> Result<Result<(), AnswerError>, Stopping> {
    let (incident, who, action) = (answer.incident, answer.who.clone(), answer.action.name());
    let audit = Audit {
        who: who.name.clone(),
        reason: format!("by {}", who.via.as_str()),
        ..author.audit(&format!("incident.{action}"), &incident.to_string())
    };
    let outcome = app.decider.answer(answer, audit).await?;
    match &outcome {
        Ok(()) => info!(incident, who = who.name, via = who.via.as_str(), action, "answered"),
        Err(error) => warn!(%error, incident, who = who.name, via = who.via.as_str(), action, "an answer is not taken"),
    }
    Ok(outcome)
}
