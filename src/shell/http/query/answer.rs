//! Prometheus's envelope around every answer, and its errors.

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::json::write_text;

/// The client has gone, as nginx and Prometheus write it.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// What kind of error it is: Prometheus's `errorType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FailureKind {
    BadData,
    Execution,
    Canceled,
    Timeout,
    Internal,
}

impl FailureKind {
    fn name(self) -> &'static str {
        match self {
            FailureKind::BadData => "bad_data",
            FailureKind::Execution => "execution",
            FailureKind::Canceled => "canceled",
            FailureKind::Timeout => "timeout",
            FailureKind::Internal => "internal",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            FailureKind::BadData => StatusCode::BAD_REQUEST,
            FailureKind::Execution => StatusCode::UNPROCESSABLE_ENTITY,
            FailureKind::Canceled => {
                StatusCode::from_u16(CLIENT_CLOSED_REQUEST).unwrap_or(StatusCode::SERVICE_UNAVAILABLE)
            }
            FailureKind::Timeout => StatusCode::SERVICE_UNAVAILABLE,
            FailureKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// Why a request is not answered with data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) kind: FailureKind,
    pub(super) text: String,
}

impl Failure {
    pub(super) fn new(kind: FailureKind, text: impl Into<String>) -> Self {
        Failure { kind, text: text.into() }
    }

    pub(super) fn bad_data(text: impl Into<String>) -> Self {
        Failure::new(FailureKind::BadData, text)
    }

    /// A parameter that cannot be used.
    pub(super) fn parameter(name: &str, text: impl AsRef<str>) -> Self {
        Failure::bad_data(format!("invalid parameter {name:?}: {}", text.as_ref()))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut body = format!(r#"{{"status":"error","errorType":"{}","error":"#, self.kind.name()).into_bytes();
        write_text(&mut body, &self.text);
        body.push(b'}');
        (self.kind.status(), [(header::CONTENT_TYPE, JSON)], body).into_response()
    }
}

const JSON: &str = "application/json";

/// A body of JSON.
pub(super) fn json_response(body: Body) -> Response {
    ([(header::CONTENT_TYPE, JSON)], body).into_response()
}

/// What Prometheus says about results that were cut.
pub(super) const TRUNCATED: &str = "results truncated due to limit";
