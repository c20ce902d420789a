//! Which series, labels and metrics there are.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::Queries;
use super::answer::{Failure, TRUNCATED, json_response};
use super::escaped::unescape_name;
use super::form::Form;
use super::listing::{Items, Listing};
use super::parameters::{expression, limit, quoted, selectors, span};
use crate::model::{Labels, Matcher, Timestamp, format_duration};
use crate::series::Database;

/// `GET`, `POST /api/v1/series`
pub(super) async fn series(State(queries): State<Queries>, form: Form) -> Response {
    let answer = async {
        let limit = limit(&form)?;
        if form.all("match[]").next().is_none() {
            return Err(Failure::bad_data("no match[] parameter provided"));
        }
        let (after, until) = span(&form)?;
        let wanted = selectors(&form)?;
        let found = look(&queries, move |database| {
            let mut found: Vec<Labels> =
                wanted.iter().flat_map(|matchers| database.series(matchers, after, until)).cloned().collect();
            if wanted.len() > 1 {
                found.sort_unstable();
                found.dedup();
            }
            found
        });
        Ok(list(found.await?, limit, |found| Items::LabelSets(found.into_iter())))
    };
    respond(answer.await)
}

/// `GET`, `POST /api/v1/labels`
pub(super) async fn labels(State(queries): State<Queries>, form: Form) -> Response {
    let names = |database: &Database, matchers: &[Matcher], after: Timestamp, until: Timestamp| {
        database.label_names(matchers, after, until).into_iter().map(str::to_owned).collect()
    };
    respond(texts(&queries, &form, names).await)
}

/// `GET /api/v1/label/{name}/values`
pub(super) async fn label_values(
    State(queries): State<Queries>,
    name: Result<Path<String>, PathRejection>,
    form: Form,
) -> Response {
    let name = match name {
        Ok(Path(name)) => unescape_name(&name),
        Err(_) => return Failure::bad_data("invalid label name: it is not UTF-8").into_response(),
    };
    if name.is_empty() {
        return Failure::bad_data(format!("invalid label name: {}", quoted(&name))).into_response();
    }
    let values = move |database: &Database, matchers: &[Matcher], after: Timestamp, until: Timestamp| {
        database.label_values(&name, matchers, after, until).into_iter().map(str::to_owned).collect()
    };
    respond(texts(&queries, &form, values).await)
}

/// `GET /api/v1/metadata`
pub(super) async fn metadata(State(queries): State<Queries>, form: Form) -> Response {
    let number = |name: &str| match form.first(name) {
        "" => Ok(-1),
        text => text.parse::<i64>().map_err(|_| Failure::bad_data(format!("{name} must be a number"))),
    };
    let answer = async {
        let limit = usize::try_from(number("limit")?).unwrap_or(usize::MAX);
        let per_metric = usize::try_from(number("limit_per_metric")?).ok().filter(|limit| *limit > 0);
        let metric = Some(form.first("metric").to_owned()).filter(|metric| !metric.is_empty());
        let windows = queries.windows.clone();
        let describe = move |_| {
            let per_metric = per_metric.unwrap_or(usize::MAX);
            Ok(windows.catalogue(|catalogue| catalogue.describe(metric.as_deref(), limit, per_metric)))
        };
        let found = queries.run(&queries.bounds(), None, describe).await?;
        Ok(Listing::new(b"{", Items::Metrics(found.into_iter()), b"}", &[], &[]))
    };
    respond(answer.await)
}

/// `GET`, `POST /api/v1/query_exemplars`: exemplars are not kept, so there are none.
pub(super) async fn exemplars(form: Form) -> Response {
    let checked = span(&form).and_then(|(after, until)| match until < after {
        true => Err(Failure::bad_data("end timestamp must not be before start timestamp")),
        false => expression(form.first("query")),
    });
    respond(checked.map(|_| Listing::new(b"[", Items::None, b"]", &[], &[])))
}

/// `GET /api/v1/status/runtimeinfo`
pub(super) async fn runtime(State(queries): State<Queries>) -> Response {
    let data = json!({
        "startTime": queries.started_at.to_string(),
        "serverTime": queries.clock.now().to_string(),
        "storageRetention": format_duration(queries.bounds().retention_floor),
    });
    json_response(Body::from(json!({ "status": "success", "data": data }).to_string()))
}

/// Texts that `find` finds for each selector of `match[]`, in order and each once.
async fn texts(
    queries: &Queries,
    form: &Form,
    find: impl Fn(&Database, &[Matcher], Timestamp, Timestamp) -> Vec<String> + Send + 'static,
) -> Result<Listing, Failure> {
    let limit = limit(form)?;
    let (after, until) = span(form)?;
    let wanted = selectors(form)?;
    let found = look(queries, move |database| match wanted.as_slice() {
        [] => find(database, &[], after, until),
        [matchers] => find(database, matchers, after, until),
        several => {
            let found: BTreeSet<String> =
                several.iter().flat_map(|matchers| find(database, matchers, after, until)).collect();
            found.into_iter().collect()
        }
    });
    Ok(list(found.await?, limit, |found| Items::Texts(found.into_iter())))
}

/// What `look` finds in the series.
async fn look<T: Send + 'static>(
    queries: &Queries,
    look: impl FnOnce(&Database) -> T + Send + 'static,
) -> Result<T, Failure> {
    let windows = queries.windows.clone();
    queries.run(&queries.bounds(), None, move |_| Ok(windows.read(look))).await
}

/// A list of at most `limit` items, all if it is 0.
fn list<T>(mut found: Vec<T>, limit: usize, items: impl FnOnce(Vec<T>) -> Items) -> Listing {
    let is_cut = limit > 0 && found.len() > limit;
    if is_cut {
        found.truncate(limit);
    }
    let warnings: &[String] = if is_cut { &[TRUNCATED.to_owned()] } else { &[] };
    Listing::new(b"[", items(found), b"]", warnings, &[])
}

fn respond(answer: Result<Listing, Failure>) -> Response {
    answer.map_or_else(IntoResponse::into_response, Listing::into_response)
}
