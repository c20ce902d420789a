//! `/api/v2/silences` and `/api/v2/silence/ID`.

use std::cmp::Reverse;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::filter::Filter;
use super::{App, Author, moment, refused, stopping};
use crate::engine::Audit;
use crate::model::{MatchOp, Matcher, Timestamp};
use crate::route::{Silence, SilenceDraft, SilenceError, SilenceState};

/// A silence as it is posted.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Posted {
    #[serde(default)]
    id: Option<String>,
    matchers: Vec<PostedMatcher>,
    starts_at: String,
    ends_at: String,
    created_by: String,
    comment: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PostedMatcher {
    name: String,
    value: String,
    is_regex: bool,
    #[serde(default)]
    is_equal: Option<bool>,
}

impl PostedMatcher {
    fn matcher(self) -> Result<Matcher, String> {
        let op = match (self.is_regex, self.is_equal.unwrap_or(true)) {
            (false, true) => MatchOp::Equal,
            (false, false) => MatchOp::NotEqual,
            (true, true) => MatchOp::Regex,
            (true, false) => MatchOp::NotRegex,
        };
        Matcher::new(self.name, op, self.value).map_err(|error| error.to_string())
    }
}

impl Posted {
    fn draft(self) -> Result<SilenceDraft, String> {
        let time = |name: &str, text: &str| {
            Timestamp::parse_rfc3339(text).ok_or_else(|| format!("{name} must be a time such as 2026-11-22T03:00:00Z"))
        };
        Ok(SilenceDraft {
            id: self.id,
            starts_at: time("startsAt", &self.starts_at)?,
            ends_at: time("endsAt", &self.ends_at)?,
            matchers: self.matchers.into_iter().map(PostedMatcher::matcher).collect::<Result<_, _>>()?,
            created_by: self.created_by,
            comment: self.comment,
        })
    }
}

/// All silences that `filter` finds: active ones first, those that end soonest before the others; then pending ones by their
/// start, then those that are over, the latest first.
pub(super) async fn list(State(app): State<App>, RawQuery(query): RawQuery) -> Response {
    let filter = match Filter::read(query.as_deref()) {
        Ok(filter) => filter,
        Err(answer) => return *answer,
    };
    let now = app.clock.now();
    let read = app.decider.read(move |engine| {
        let takes = |silence: &&Silence| filter.matchers.iter().all(|wanted| names(silence, wanted));
        let planned = engine.groups().planned_silences(now);
        let silences = engine.groups().silences().iter().cloned().chain(planned);
        silences.filter(|silence| takes(&silence)).collect::<Vec<_>>()
    });
    let mut silences = match read.await {
        Ok(silences) => silences,
        Err(error) => return stopping(&error),
    };
    silences.sort_by_cached_key(|silence| {
        let state = silence.state(now);
        let place = match state {
            SilenceState::Active => (silence.ends_at, Reverse(Timestamp::MIN)),
            SilenceState::Pending => (silence.starts_at, Reverse(Timestamp::MIN)),
            SilenceState::Expired => (Timestamp::MIN, Reverse(silence.ends_at)),
        };
        (state, place, silence.id.clone())
    });
    Json(silences.iter().map(|silence| silence_json(silence, now)).collect::<Vec<_>>()).into_response()
}

/// Whether a silence has a matcher of the wanted label whose value satisfies; one without such a matcher has the value `""`.
fn names(silence: &Silence, wanted: &Matcher) -> bool {
    let mut values = silence.matchers.iter().filter(|matcher| matcher.name() == wanted.name()).map(Matcher::value);
    match values.next() {
        None => wanted.matches_value(""),
        Some(first) => std::iter::once(first).chain(values).any(|value| wanted.matches_value(value)),
    }
}

fn silence_json(silence: &Silence, now: Timestamp) -> Value {
    let matchers = silence.matchers.iter().map(|matcher| {
        json!({
            "name": matcher.name(),
            "value": matcher.value(),
            "isRegex": matches!(matcher.op(), MatchOp::Regex | MatchOp::NotRegex),
            "isEqual": matches!(matcher.op(), MatchOp::Regex | MatchOp::Equal),
        })
    });
    json!({
        "id": silence.id,
        "status": { "state": silence.state(now).as_str() },
        "updatedAt": moment(silence.updated_at),
        "matchers": matchers.collect::<Vec<_>>(),
        "startsAt": moment(silence.starts_at),
        "endsAt": moment(silence.ends_at),
        "createdBy": silence.created_by,
        "comment": silence.comment,
    })
}

/// Sets a silence, or changes the one with its id. Answers once it is on disk.
pub(super) async fn set(State(app): State<App>, author: Author, body: Bytes) -> Response {
    let posted: Posted = match serde_json::from_slice(&body) {
        Ok(posted) => posted,
        Err(error) => return refused(StatusCode::BAD_REQUEST, format!("no silence: {error}")),
    };
    let draft = match posted.draft() {
        Ok(draft) => draft,
        Err(error) => return refused(StatusCode::BAD_REQUEST, error),
    };
    let audit = Audit { reason: draft.comment.clone(), ..author.audit("silence.set", "") };
    match app.decider.set_silence(draft, app.ids.uuid(), audit).await {
        Ok(Ok(id)) => Json(json!({ "silenceID": id })).into_response(),
        Ok(Err(error)) => refusal(&error),
        Err(error) => stopping(&error),
    }
}

fn refusal(error: &SilenceError) -> Response {
    let status = match error {
        SilenceError::NotFound(_) => StatusCode::NOT_FOUND,
        SilenceError::AlreadyExpired(_) => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    };
    refused(status, error.to_string())
}

/// One silence.
pub(super) async fn one(State(app): State<App>, Path(id): Path<String>) -> Response {
    let now = app.clock.now();
    let wanted = id.clone();
    let found = app.decider.read(move |engine| {
        let groups = engine.groups();
        let planned = || groups.planned_silences(now).find(|silence| silence.id == wanted);
        groups.silences().get(&wanted).cloned().or_else(planned)
    });
    match found.await {
        Ok(Some(silence)) => Json(silence_json(&silence, now)).into_response(),
        Ok(None) => refusal(&SilenceError::NotFound(id)),
        Err(error) => stopping(&error),
    }
}

/// Ends a silence. Answers once that is on disk.
pub(super) async fn expire(State(app): State<App>, author: Author, Path(id): Path<String>) -> Response {
    let audit = author.audit("silence.expire", &id);
    match app.decider.expire_silence(id, audit).await {
        Ok(Ok(())) => StatusCode::OK.into_response(),
        Ok(Err(error)) => refusal(&error),
        Err(error) => stopping(&error),
    }
}
