//! `/api/v1/oncall`: who is on call, the final schedules, and their calendars.

use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use super::App;
use super::rules::unavailable;
use crate::model::Timestamp;
use crate::oncall::{NameError, OncallPlan, QuestionError, SPAN_DAYS_MAX, Span, calendar, calendar_span};

/// How the address of a calendar ends.
const CALENDAR: &str = ".ics";

/// What the parameters of a request ask for.
#[derive(Debug, Default)]
struct Asked {
    schedule: Option<String>,
    user: Option<String>,
    span: Span,
}

/// The parameters of a query, each once, of those that are `known`.
pub(super) fn parameters(query: Option<&str>, known: &[&str]) -> Result<HashMap<String, String>, String> {
    let url = reqwest::Url::parse(&format!("http://localhost/?{}", query.unwrap_or_default()));
    let mut found = HashMap::new();
    for (name, value) in url.map_err(|error| format!("the query cannot be read: {error}"))?.query_pairs() {
        if !known.contains(&name.as_ref()) {
            return Err(format!("there is no parameter `{name}`; there are {}", known.join(", ")));
        }
        if found.insert(name.to_string(), value.into_owned()).is_some() {
            return Err(format!("`{name}` is given twice"));
        }
    }
    Ok(found)
}

/// What a parameter says, if it is there.
fn value<T: FromStr<Err: Display>>(found: &HashMap<String, String>, name: &str) -> Result<Option<T>, String> {
    let Some(text) = found.get(name) else { return Ok(None) };
    text.parse().map(Some).map_err(|error| format!("{name}: {error}"))
}

impl Asked {
    fn read(query: Option<&str>, known: &[&str]) -> Result<Asked, String> {
        let mut found = parameters(query, known)?;
        let days = value(&found, "days")?;
        if days.is_some_and(|days| !(1..=SPAN_DAYS_MAX).contains(&days)) {
            return Err(format!("days must be 1 to {SPAN_DAYS_MAX}"));
        }
        let (from, until) = (value(&found, "from")?, value(&found, "until")?);
        if until.is_some() && days.is_some() {
            return Err("give `until` or `days`, not both".to_owned());
        }
        let span = Span { at: value(&found, "at")?, from, until, days };
        Ok(Asked { schedule: found.remove("schedule"), user: found.remove("user"), span })
    }
}

/// An error of the API.
pub(super) fn refused(status: StatusCode, error: impl Display) -> Response {
    let kind = match status {
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::CONFLICT => "conflict",
        StatusCode::SERVICE_UNAVAILABLE => "unavailable",
        _ => "bad_data",
    };
    (status, Json(json!({ "status": "error", "errorType": kind, "error": error.to_string() }))).into_response()
}

fn refusal(error: &QuestionError) -> Response {
    let status = match error {
        QuestionError::Name(_) => StatusCode::NOT_FOUND,
        _ => StatusCode::BAD_REQUEST,
    };
    refused(status, error)
}

/// Answers with what `read` finds in the schedules as they are now, all exceptions included. Looking years ahead in many
/// schedules takes its time: it is done on a thread that may block.
async fn answered<E: Send + 'static>(
    app: &App,
    read: impl FnOnce(&OncallPlan, Timestamp) -> Result<Response, E> + Send + 'static,
    refuse: impl FnOnce(&E) -> Response,
) -> Response {
    let now = app.clock.now();
    let plan = match app.decider.read(|engine| Arc::clone(engine.oncall())).await {
        Ok(plan) => plan,
        Err(error) => return unavailable(&error.to_string()),
    };
    match tokio::task::spawn_blocking(move || read(&plan, now)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => refuse(&error),
        Err(error) => unavailable(&error.to_string()),
    }
}

fn success(data: impl Serialize) -> Response {
    Json(json!({ "status": "success", "data": data })).into_response()
}

/// `GET /api/v1/oncall`
pub(super) async fn oncall(State(app): State<App>, RawQuery(query): RawQuery) -> Response {
    let Asked { schedule, user, span } = match Asked::read(query.as_deref(), &["at", "schedule", "user"]) {
        Ok(asked) => asked,
        Err(error) => return refused(StatusCode::BAD_REQUEST, error),
    };
    let read =
        move |plan: &OncallPlan, now| plan.duties_asked(schedule.as_deref(), user.as_deref(), &span, now).map(success);
    answered(&app, read, refusal).await
}

/// `GET /api/v1/oncall/shifts`
pub(super) async fn shifts(State(app): State<App>, RawQuery(query): RawQuery) -> Response {
    let known = ["at", "from", "until", "days", "schedule", "user"];
    let Asked { schedule, user, span } = match Asked::read(query.as_deref(), &known) {
        Ok(asked) => asked,
        Err(error) => return refused(StatusCode::BAD_REQUEST, error),
    };
    let read =
        move |plan: &OncallPlan, now| plan.shifts_asked(schedule.as_deref(), user.as_deref(), &span, now).map(success);
    answered(&app, read, refusal).await
}

/// `GET /api/v1/oncall/users`
pub(super) async fn users(State(app): State<App>) -> Response {
    let read = |plan: &OncallPlan, _| {
        let users = plan.users.iter().map(|user| {
            let zone = user.zone.iana_name().unwrap_or("UTC");
            json!({ "name": user.name, "full_name": user.full_name, "time_zone": zone })
        });
        Ok(success(users.collect::<Vec<_>>()))
    };
    answered(&app, read, refusal).await
}

/// `GET /api/v1/oncall/NAME.ics`
pub(super) async fn schedule_calendar(State(app): State<App>, Path(file): Path<String>) -> Response {
    let Some(name) = file.strip_suffix(CALENDAR).map(str::to_owned) else { return no_calendar(&file) };
    let read = move |plan: &OncallPlan, now| {
        let schedule = plan.known_schedule(&name)?;
        Ok(calendar_of(&calendar(plan, &[schedule], None, calendar_span(now), now)))
    };
    answered(&app, read, unknown).await
}

/// `GET /api/v1/oncall/users/NAME.ics`
pub(super) async fn user_calendar(State(app): State<App>, Path(file): Path<String>) -> Response {
    let Some(name) = file.strip_suffix(CALENDAR).map(str::to_owned) else { return no_calendar(&file) };
    let read = move |plan: &OncallPlan, now| {
        plan.known_user(&name)?;
        let schedules: Vec<_> = plan.schedules.iter().collect();
        Ok(calendar_of(&calendar(plan, &schedules, Some(&name), calendar_span(now), now)))
    };
    answered(&app, read, unknown).await
}

fn unknown(error: &NameError) -> Response {
    refused(StatusCode::NOT_FOUND, error)
}

fn no_calendar(file: &str) -> Response {
    refused(StatusCode::NOT_FOUND, format!("there is no `{file}`; calendars end in `{CALENDAR}`"))
}

fn calendar_of(text: &str) -> Response {
    ([(header::CONTENT_TYPE, "text/calendar; charset=utf-8")], text.to_owned()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for() {
        let known = ["at", "from", "until", "days", "schedule", "user"];
        for (query, expected) in [
            ("", ""),
            ("schedule=a%20b&user=ada&at=2026-01-01&from=2026-01-01T10:00&days=3660", ""),
            ("days=0", "days must be 1 to 3660"),
            ("days=many", "days: invalid digit found in string"),
            ("days=1&until=2026-01-01", "give `until` or `days`, not both"),
            ("at=noon", "at: no time; write `2026-01-05`, `2026-01-05T09:00`, or `2026-01-05T09:00:00Z`"),
            ("at=2026-01-01&at=2026-01-01", "`at` is given twice"),
            ("zone=UTC", "there is no parameter `zone`; there are at, from, until, days, schedule, user"),
        ] {
            let error = Asked::read(Some(query), &known).err().unwrap_or_default();
            assert_eq!(error, expected, "{query}");
        }
    }
}
