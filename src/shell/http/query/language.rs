//! `/api/v1/format_query` and `/api/v1/parse_query`.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::Queries;
use super::answer::{Failure, json_response};
use super::form::Form;
use super::parameters::expression;
use super::tree::tree;
use crate::lang::{Expr, WIDTH_DEFAULT, pretty};

/// `GET`, `POST /api/v1/format_query`: the expression, long ones over several lines.
pub(super) async fn format(State(queries): State<Queries>, form: Form) -> Response {
    respond(&queries, &form, |expr| json!(pretty(expr, WIDTH_DEFAULT))).await
}

/// `GET`, `POST /api/v1/parse_query`: the expression as a tree.
pub(super) async fn parse(State(queries): State<Queries>, form: Form) -> Response {
    respond(&queries, &form, tree).await
}

async fn respond(queries: &Queries, form: &Form, show: fn(&Expr) -> serde_json::Value) -> Response {
    let text = form.first("query").to_owned();
    let work = move |_| {
        let data = show(&expression(&text)?);
        Ok::<_, Failure>(json!({ "status": "success", "data": data }).to_string())
    };
    let shown = queries.run(&queries.bounds(), None, work).await;
    shown.map_or_else(IntoResponse::into_response, |text| json_response(Body::from(text)))
}
