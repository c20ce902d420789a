//! `/api/v1/overrides`: exceptions from schedules.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::oncall::{parameters, refused};
use super::{App, Author};
use crate::engine::{Audit, Engine, OverrideFate};
use crate::formats::icalendar::CalendarError;
use crate::model::Timestamp;
use crate::oncall::{
    CalendarChanges, Import, Moment, NameError, OncallPlan, Override, OverrideChange, OverrideDraft, OverrideError,
    OverrideState, SwapDraft,
};
use crate::shell::service::{OverrideChanges, Stopping};
use crate::shell::telemetry::Ids;

/// The largest body of a request in bytes.
const BODY_BYTES_MAX: usize = 1 << 20;

/// The routes.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/overrides", get(list).post(set))
        .route("/api/v1/overrides/calendar", post(import))
        .route("/api/v1/overrides/{id}", delete(remove))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}

/// An override as it is posted.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Posted {
    schedule: Option<String>,
    from: Option<String>,
    until: Option<String>,
    add: Option<String>,
    remove: Option<String>,
    replace: Option<PostedReplace>,
    absent: Option<String>,
    swap: Option<PostedSwap>,
    comment: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PostedReplace {
    user: String,
    by: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PostedSwap {
    schedule: String,
    user: String,
    with: String,
    from: String,
    until: String,
    and_from: String,
    and_until: String,
}

/// What is wrong with a request.
#[derive(Debug, thiserror::Error)]
enum RequestError {
    #[error("an override needs exactly one of `add`, `remove`, `replace`, `absent`, `swap`")]
    Kind,
    #[error("an override needs `{0}`")]
    Missing(&'static str),
    #[error("`{0}` belongs inside `swap`")]
    BesideSwap(&'static str),
    #[error("`{0}`: {1}")]
    Time(&'static str, crate::oncall::MomentError),
    #[error(transparent)]
    Override(#[from] OverrideError),
}

/// Who asks for an override, with an id for each that may come of it.
struct Asking<'a> {
    created_by: &'a str,
    ids: &'a Ids,
}

fn moment(name: &'static str, text: &str) -> Result<Moment, RequestError> {
    text.parse().map_err(|error| RequestError::Time(name, error))
}

impl Posted {
    /// The overrides that it comes to.
    fn read(self, plan: &OncallPlan, asking: &Asking<'_>) -> Result<Vec<Override>, RequestError> {
        let Posted { schedule, from, until, add, remove, replace, absent, swap, comment } = self;
        let replace = replace.map(|PostedReplace { user, by }| OverrideChange::Replace { user, by });
        let changes = [
            add.map(|user| OverrideChange::Add { user }),
            remove.map(|user| OverrideChange::Remove { user }),
            replace,
            absent.map(|user| OverrideChange::Absent { user }),
        ];
        let mut changes = changes.into_iter().flatten();
        match (changes.next(), changes.next(), swap) {
            (Some(change), None, None) => {
                let from = moment("from", &from.ok_or(RequestError::Missing("from"))?)?;
                let until = moment("until", &until.ok_or(RequestError::Missing("until"))?)?;
                let (id, created_by) = (asking.ids.uuid(), asking.created_by.to_owned());
                Ok(vec![plan.resolve(OverrideDraft { id, schedule, from, until, change, created_by, comment })?])
            }
            (None, None, Some(swap)) => {
                let beside = [("schedule", schedule), ("from", from), ("until", until)];
                if let Some((name, _)) = beside.into_iter().find(|(_, given)| given.is_some()) {
                    return Err(RequestError::BesideSwap(name));
                }
                Ok(plan.swap(swap.draft(asking, comment)?)?.to_vec())
            }
            _ => Err(RequestError::Kind),
        }
    }
}

impl PostedSwap {
    fn draft(self, asking: &Asking<'_>, comment: String) -> Result<SwapDraft, RequestError> {
        Ok(SwapDraft {
            ids: [asking.ids.uuid(), asking.ids.uuid()],
            from: moment("from", &self.from)?,
            until: moment("until", &self.until)?,
            and_from: moment("and_from", &self.and_from)?,
            and_until: moment("and_until", &self.and_until)?,
            schedule: self.schedule,
            user: self.user,
            with: self.with,
            created_by: asking.created_by.to_owned(),
            comment,
        })
    }
}

/// An override as it is listed.
pub(super) struct Listed {
    pub(super) exception: Override,
    /// When it was set; `None` if it stands in the configuration.
    pub(super) created_at: Option<Timestamp>,
}

impl Listed {
    fn concerns(&self, schedule: Option<&str>, user: Option<&str>) -> bool {
        let own = self.exception.schedule.as_deref();
        schedule.is_none_or(|wanted| own.is_none_or(|own| own == wanted))
            && user.is_none_or(|wanted| self.exception.change.users().any(|user| user == wanted))
    }

    /// As JSON, with the clock that it goes by in `plan`, and why it has no effect there.
    pub(super) fn json(&self, plan: &OncallPlan, now: Timestamp) -> Value {
        let Override { id, schedule, from, until, change, created_by, comment } = &self.exception;
        let mut shown = json!({
            "id": id,
            "state": self.exception.state(now).as_str(),
            "schedule": schedule,
            "from": from.to_string(),
            "until": until.to_string(),
            "created_by": created_by,
            "created_at": self.created_at.map(|at| at.to_string()),
            "from_configuration": self.created_at.is_none(),
            "comment": comment,
            "time_zone": plan.clock_of(schedule.as_deref(), change).ok().and_then(|zone| zone.iana_name()),
            "problem": plan.accept(&self.exception).err().map(|error| error.to_string()),
        });
        let (kind, value) = match change {
            OverrideChange::Add { user } => ("add", json!(user)),
            OverrideChange::Remove { user } => ("remove", json!(user)),
            OverrideChange::Replace { user, by } => ("replace", json!({ "user": user, "by": by })),
            OverrideChange::Absent { user } => ("absent", json!(user)),
        };
        shown[kind] = value;
        shown
    }
}

/// Those of the configuration, then those that were set.
fn listed(engine: &Engine) -> Vec<Listed> {
    let configured = engine.plan().oncall.overrides.iter();
    let configured = configured.map(|one| Listed { exception: one.clone(), created_at: None });
    let stored = engine
        .overrides()
        .into_iter()
        .map(|stored| Listed { exception: stored.exception.clone(), created_at: Some(stored.created_at) });
    configured.chain(stored).collect()
}

/// `GET /api/v1/overrides`: those that are not over, the first to begin first; `all=true` for those that are over too.
async fn list(State(app): State<App>, RawQuery(query): RawQuery) -> Response {
    let found = match parameters(query.as_deref(), &["schedule", "user", "all"]) {
        Ok(found) => found,
        Err(error) => return refused(StatusCode::BAD_REQUEST, error),
    };
    let all = match found.get("all").map(String::as_str) {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return refused(StatusCode::BAD_REQUEST, "all must be `true` or `false`"),
    };
    let now = app.clock.now();
    let read = app.decider.read(|engine| (listed(engine), Arc::clone(engine.oncall())));
    let (mut overrides, plan) = match read.await {
        Ok(read) => read,
        Err(error) => return refused(StatusCode::SERVICE_UNAVAILABLE, error),
    };
    let (schedule, user) = (found.get("schedule").map(String::as_str), found.get("user").map(String::as_str));
    overrides.retain(|one| one.concerns(schedule, user) && (all || one.exception.state(now) != OverrideState::Expired));
    overrides.sort_by_key(|one| one.exception.from);
    let shown: Vec<Value> = overrides.iter().map(|one| one.json(&plan, now)).collect();
    Json(json!({ "status": "success", "data": shown })).into_response()
}

/// `POST /api/v1/overrides`: sets one, or the two of a swap. Answers once they are on disk.
async fn set(State(app): State<App>, author: Author, body: Bytes) -> Response {
    let posted: Posted = match serde_json::from_slice(&body) {
        Ok(posted) => posted,
        Err(error) => return refused(StatusCode::BAD_REQUEST, format!("no override: {error}")),
    };
    let plan = match app.decider.read(|engine| Arc::clone(engine.oncall())).await {
        Ok(plan) => plan,
        Err(error) => return refused(StatusCode::SERVICE_UNAVAILABLE, error),
    };
    let asking = Asking { created_by: &author.actor.name, ids: &app.ids };
    let overrides = match posted.read(&plan, &asking) {
        Ok(overrides) => overrides,
        Err(error) => return refused(StatusCode::BAD_REQUEST, error),
    };
    let ids: Vec<&str> = overrides.iter().map(|one| one.id.as_str()).collect();
    let audit = audit(&author, "override.set", &ids.join(" "), &overrides[0].comment);
    let changes = OverrideChanges { set: overrides.clone(), removed: Vec::new() };
    match change(&app, changes, audit).await {
        Ok(()) => {
            let now = app.clock.now();
            let listed = |exception| Listed { exception, created_at: Some(now) }.json(&plan, now);
            let shown: Vec<Value> = overrides.into_iter().map(listed).collect();
            Json(json!({ "status": "success", "data": shown })).into_response()
        }
        Err(refusal) => *refusal,
    }
}

/// What is asked of a calendar.
struct ImportAsked {
    schedule: String,
    /// Nothing is changed.
    is_rehearsal: bool,
}

impl ImportAsked {
    fn read(query: Option<&str>) -> Result<ImportAsked, String> {
        let mut found = parameters(query, &["schedule", "dry_run"])?;
        let schedule = found.remove("schedule").ok_or("which schedule? give the parameter `schedule`")?;
        match found.get("dry_run").map(String::as_str) {
            None | Some("false") => Ok(ImportAsked { schedule, is_rehearsal: false }),
            Some("true") => Ok(ImportAsked { schedule, is_rehearsal: true }),
            Some(_) => Err("dry_run must be `true` or `false`".to_owned()),
        }
    }
}

/// `POST /api/v1/overrides/calendar`: sets what the events of a calendar say, and takes back what those of them said before that
/// it no longer has. All or nothing. Answers once it is on disk.
async fn import(State(app): State<App>, author: Author, RawQuery(query): RawQuery, body: Bytes) -> Response {
    let asked = match ImportAsked::read(query.as_deref()) {
        Ok(asked) => asked,
        Err(error) => return refused(StatusCode::BAD_REQUEST, error),
    };
    let read = app.decider.read(|engine| {
        let stored: Vec<Override> = engine.overrides().into_iter().map(|stored| stored.exception.clone()).collect();
        (stored, Arc::clone(engine.oncall()))
    });
    let (stored, plan) = match read.await {
        Ok(read) => read,
        Err(error) => return refused(StatusCode::SERVICE_UNAVAILABLE, error),
    };
    let ImportAsked { schedule, is_rehearsal } = asked;
    let (now, created_by, by) = (app.clock.now(), author.actor.name.to_string(), Arc::clone(&plan));
    let read = tokio::task::spawn_blocking(move || {
        let text = String::from_utf8_lossy(&body);
        let schedule = by.known_schedule(&schedule).map_err(NotImported::Schedule)?;
        let import = Import { plan: &by, schedule, created_by: &created_by, now: Some(now), back: Duration::ZERO };
        let imported = import.read(&text).map_err(NotImported::Events)?;
        Ok(imported.against(stored, now))
    });
    let changes: CalendarChanges = match read.await {
        Ok(Ok(changes)) => changes,
        Ok(Err(error)) => return NotImported::answer(&error),
        Err(error) => return refused(StatusCode::SERVICE_UNAVAILABLE, error),
    };
    let CalendarChanges { set, removed, unchanged } = changes;
    let removed: Vec<String> = removed.into_iter().map(|one| one.id).collect();
    let shown = |one: &Override| Listed { exception: one.clone(), created_at: Some(now) }.json(&plan, now);
    let shown: Vec<Value> = set.iter().map(shown).collect();
    let answer = json!({ "status": "success", "data": { "set": shown, "removed": removed, "unchanged": unchanged } });
    let changes_something = !set.is_empty() || !removed.is_empty();
    if changes_something && !is_rehearsal {
        let audit = author.audit("override.import", &format!("{} set, {} removed", set.len(), removed.len()));
        if let Err(refusal) = change(&app, OverrideChanges { set, removed }, audit).await {
            return *refusal;
        }
    }
    Json(answer).into_response()
}

/// Why a calendar is not taken.
enum NotImported {
    Schedule(NameError),
    Events(Vec<CalendarError>),
}

impl NotImported {
    fn answer(&self) -> Response {
        match self {
            NotImported::Schedule(error) => refused(StatusCode::NOT_FOUND, error),
            NotImported::Events(problems) => not_imported(problems),
        }
    }
}

/// Everything that is wrong with a calendar, with its lines.
fn not_imported(problems: &[CalendarError]) -> Response {
    let text: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let told = problems.iter().map(|problem| json!({ "line": problem.line, "message": problem.message }));
    let told: Vec<Value> = told.collect();
    let body = json!({ "status": "error", "errorType": "bad_data", "error": text.join("\n"), "problems": told });
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}

/// The note of a change; its reason is the comment, if there is one.
pub(super) fn audit(author: &Author, action: &str, subject: &str, comment: &str) -> Audit {
    let audit = author.audit(action, subject);
    match comment.is_empty() {
        true => audit,
        false => Audit { reason: comment.to_owned(), ..audit },
    }
}

/// Makes changes durable.
pub(super) async fn change(app: &App, changes: OverrideChanges, audit: Audit) -> Result<(), Box<Response>> {
    match app.decider.change_overrides(changes, audit).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(refusal)) => Err(Box::new(refused(status(&refusal.error), refusal))),
        Err(error @ Stopping) => Err(Box::new(refused(StatusCode::SERVICE_UNAVAILABLE, error))),
    }
}

fn status(error: &OverrideError) -> StatusCode {
    match error {
        OverrideError::NotFound(_) => StatusCode::NOT_FOUND,
        OverrideError::AlreadyOver(_) => StatusCode::CONFLICT,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// `DELETE /api/v1/overrides/ID`: ends one that has begun, forgets one that has not. Answers once that is on disk.
async fn remove(State(app): State<App>, author: Author, Path(id): Path<String>) -> Response {
    let now = app.clock.now();
    let wanted = id.clone();
    let found = app.decider.read(move |engine| {
        let is_configured = engine.plan().oncall.overrides.iter().any(|one| one.id == wanted);
        (is_configured, engine.plan_removal(now, &wanted))
    });
    let fate = match found.await {
        Ok((true, _)) => {
            let error = format!("override {id} stands in the configuration; take it out there");
            return refused(StatusCode::CONFLICT, error);
        }
        Ok((false, Ok(fate))) => fate,
        Ok((false, Err(error))) => return refused(status(&error), error),
        Err(error) => return refused(StatusCode::SERVICE_UNAVAILABLE, error),
    };
    let audit = author.audit("override.remove", &id);
    let changes = OverrideChanges { set: Vec::new(), removed: vec![id.clone()] };
    match change(&app, changes, audit).await {
        Ok(()) => removed(&id, fate),
        Err(refusal) => *refusal,
    }
}

fn removed(id: &str, fate: OverrideFate) -> Response {
    Json(json!({ "status": "success", "data": { "id": id, "fate": fate } })).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{MemoryFiles, load};

    fn plan() -> Arc<OncallPlan> {
        let fixture = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/oncall/watchbell.yml"));
        let files = MemoryFiles::new([("w.yml", fixture)]);
        load(Some("w.yml"), &files, &|_| None).expect("valid").plan.engine.oncall
    }

    fn read(body: &str) -> Result<Vec<Override>, String> {
        let posted: Posted = serde_json::from_str(body).map_err(|error| error.to_string())?;
        posted.read(&plan(), &Asking { created_by: "ada", ids: &Ids::random() }).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_posted() {
        let swap = r#"{"swap":{"schedule":"primary","user":"ada","with":"ben","from":"2026-11-16T09:00","until":"2026-11-17",
            "and_from":"2026-11-23T09:00","and_until":"2026-11-24"},"comment":"c"}"#;
        for (body, expected) in [
            (
                r#"{"schedule":"primary","replace":{"user":"ada","by":"cy"},"from":"2026-07-25","until":"2026-07-26T09:00:00Z"}"#,
                "ada: cy instead of ada 2026-07-24T23:00:00Z 2026-07-26T09:00:00Z",
            ),
            (
                r#"{"absent":"dee","from":"2026-12-24","until":"2026-12-25"}"#,
                "ada: dee is absent 2026-12-24T05:00:00Z 2026-12-25T05:00:00Z",
            ),
            (
                swap,
                "ada: ben instead of ada 2026-11-16T09:00:00Z 2026-11-17T00:00:00Z\nada: ada instead of ben 2026-11-23T09:00:00Z 2026-11-24T00:00:00Z",
            ),
        ] {
            let found = read(body).expect(body);
            let shown =
                found.iter().map(|one| format!("{}: {} {} {}", one.created_by, one.change, one.from, one.until));
            assert_eq!(shown.collect::<Vec<_>>().join("\n"), expected, "{body}");
        }
        let json = Listed { exception: read(swap).expect("a swap").remove(0), created_at: None };
        let json = json.json(&plan(), Timestamp::from_seconds(0));
        assert_eq!(
            (&json["replace"]["by"], &json["state"], &json["time_zone"]),
            (&json!("ben"), &json!("pending"), &json!("Europe/London"))
        );
    }

    #[test]
    fn what_is_refused() {
        for (body, expected) in [
            ("{}", "exactly one of"),
            (r#"{"add":"ada","absent":"ada","from":"2026-07-25","until":"2026-07-26"}"#, "exactly one of"),
            (r#"{"add":"ada","until":"2026-07-26"}"#, "an override needs `from`"),
            (r#"{"add":"ada","from":"2026-07-26"}"#, "an override needs `until`"),
            (r#"{"add":"ada","from":"noon","until":"2026-07-26"}"#, "`from`: no time; write"),
            (r#"{"add":"ada","from":"2026-07-26","until":"2026-07-25"}"#, "must be after `from`"),
            (r#"{"add":"adda","from":"2026-07-25","until":"2026-07-26"}"#, "did you mean `ada`?"),
            (r#"{"ad":"ada"}"#, "unknown field `ad`"),
            (r#"{"replace":{"user":"ada"}}"#, "missing field `by`"),
            (
                r#"{"schedule":"primary","swap":{"schedule":"primary","user":"ada","with":"ben","from":"","until":"","and_from":"","and_until":""}}"#,
                "`schedule` belongs inside `swap`",
            ),
            (
                r#"{"swap":{"schedule":"primary","user":"ada","with":"ben","from":"2026-11-23","until":"2026-11-24","and_from":"","and_until":""}}"#,
                "`and_from`: no time; write",
            ),
        ] {
            let error = read(body).expect_err(body);
            assert!(error.contains(expected), "{body}: {error}");
        }
    }
}
