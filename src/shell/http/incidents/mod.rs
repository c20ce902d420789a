//! `/api/v1/incidents`: what somebody is to take care of, and what people do about it.

mod action;
mod detail;
mod summary;
mod wanted;

pub use detail::{IncidentAlert, IncidentDetail, IncidentPage, IncidentStep, TimelineLine};
#[cfg(test)]
pub(crate) use summary::tests as samples;
pub use summary::{Ahead, IncidentSummary, NextUp, PriorityShown, Rfc3339, Standing};

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;
use serde_json::json;

use self::action::{Asked, AskedError, what_is_done, whose};
use self::wanted::Wanted;
use super::oncall::refused;
use super::{App, Author};
use crate::engine::{Audit, Engine};
use crate::escalate::{Answer, AnswerError};

/// The largest body of a request in bytes.
const BODY_BYTES_MAX: usize = 64 << 10;

/// The routes below `/api/v1/incidents`.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/incidents", get(list))
        .route("/api/v1/incidents/{number}", get(one))
        .route("/api/v1/incidents/{number}/{action}", post(act))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}

/// Some incidents.
#[derive(Serialize)]
struct Listed {
    incidents: Vec<IncidentSummary>,
    /// What `before` must be for the incidents before these; nothing after the first ones.
    next: Option<u64>,
}

/// `GET /api/v1/incidents`
async fn list(State(app): State<App>, RawQuery(query): RawQuery) -> Response {
    let wanted = match Wanted::read(query.as_deref()) {
        Ok(wanted) => wanted,
        Err(error) => return refused(StatusCode::BAD_REQUEST, error),
    };
    let now = app.clock.now();
    let read = app.decider.read(move |engine| {
        let plan = &engine.plan().escalation;
        let mut found = engine.incidents().iter().rev().filter(|incident| wanted.takes(incident, plan));
        let page: Vec<_> = found.by_ref().take(wanted.limit).collect();
        let next = found.next().and(page.last()).map(|last| last.number);
        let incidents = page.into_iter().map(|incident| IncidentSummary::new(incident, now, plan)).collect();
        Listed { incidents, next }
    });
    match read.await {
        Ok(listed) => success(&listed),
        Err(error) => refused(StatusCode::SERVICE_UNAVAILABLE, error),
    }
}

/// `GET /api/v1/incidents/{number}`
async fn one(State(app): State<App>, Path(number): Path<String>) -> Response {
    let Some(number) = read_number(&number) else { return no_number(&number) };
    let now = app.clock.now();
    let read = app.decider.read(move |engine| {
        let plan = engine.plan();
        engine.incidents().get(number).map(|incident| IncidentDetail::new(incident, now, &plan.escalation))
    });
    match read.await {
        Ok(Some(detail)) => success(&detail),
        Ok(None) => refusal(number, &AnswerError::Unknown(number)),
        Err(error) => refused(StatusCode::SERVICE_UNAVAILABLE, error),
    }
}

/// `POST /api/v1/incidents/{number}/{action}`. Answers once it is on disk.
async fn act(
    State(app): State<App>,
    author: Author,
    Path((number, name)): Path<(String, String)>,
    body: Bytes,
) -> Response {
    let Some(number) = read_number(&number) else { return no_number(&number) };
    let asked = match Asked::read(&name, &body) {
        Ok(asked) => asked,
        Err(error) => return unasked(&error),
    };
    let who = match whose(&author.actor, asked.by.as_deref()) {
        Ok(who) => who,
        Err(error) => return unasked(&error),
    };
    let now = app.clock.now();
    let audit = audit(&author, &name, number, &asked, &who.name);
    let read = app.decider.read(move |engine| what_is_done(asked.action, now, &engine.plan().time_intervals));
    let action = match read.await {
        Ok(Ok(action)) => action,
        Ok(Err(error)) => return unasked(&error),
        Err(error) => return refused(StatusCode::SERVICE_UNAVAILABLE, error),
    };
    match app.decider.answer(Answer { incident: number, action, who, once: None }, audit).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return refusal(number, &error),
        Err(error) => return refused(StatusCode::SERVICE_UNAVAILABLE, error),
    }
    let after = move |engine: &Engine| {
        let incident = engine.incidents().get(number)?;
        Some(IncidentSummary::new(incident, now, &engine.plan().escalation))
    };
    match app.decider.read(after).await {
        Ok(summary) => success(&summary),
        Err(error) => refused(StatusCode::SERVICE_UNAVAILABLE, error),
    }
}

/// The note of what was done; it names those who act, and for whom if that is somebody else.
fn audit(author: &Author, action: &str, number: u64, asked: &Asked, name: &str) -> Audit {
    let audit = author.audit(&format!("incident.{action}"), &number.to_string());
    let reason = asked.comment.clone().unwrap_or(audit.reason);
    let reason = match (*author.actor.name == *name, reason.is_empty()) {
        (true, _) => reason,
        (false, true) => format!("for {name}"),
        (false, false) => format!("for {name}: {reason}"),
    };
    Audit { reason, ..audit }
}

fn success(data: &impl Serialize) -> Response {
    Json(json!({ "status": "success", "data": data })).into_response()
}

fn read_number(text: &str) -> Option<u64> {
    text.parse().ok()
}

fn no_number(text: &str) -> Response {
    refused(StatusCode::BAD_REQUEST, format!("`{text}` is not the number of an incident"))
}

fn unasked(error: &AskedError) -> Response {
    let status = match error {
        AskedError::NoAction(_) => StatusCode::NOT_FOUND,
        _ => StatusCode::BAD_REQUEST,
    };
    refused(status, error)
}

fn refusal(number: u64, error: &AnswerError) -> Response {
    refused(status_of(number, error), error)
}

fn status_of(number: u64, error: &AnswerError) -> StatusCode {
    match error {
        AnswerError::Unknown(unknown) if *unknown == number => StatusCode::NOT_FOUND,
        AnswerError::Closed(_) | AnswerError::NotAnswered(_) | AnswerError::Used(_) => StatusCode::CONFLICT,
        _ => StatusCode::BAD_REQUEST,
    }
}
