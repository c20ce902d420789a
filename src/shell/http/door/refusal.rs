//! Why a request was not let in.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::config::Role;
use crate::shell::http::Actor;

/// Why a request was not let in.
#[derive(Debug)]
pub(super) enum Refusal {
    /// There are no credentials, or they are wrong.
    Credentials,
    /// The key of a heartbeat is missing or wrong.
    Key,
    /// Too many failed to log in; how long to wait.
    Logins(Duration),
    /// Who makes the request has not the role that it needs.
    Role {
        /// The role.
        role: Role,
        /// Who makes it.
        actor: Actor,
    },
    /// A page that is not Watchbell's own wants to change something.
    Origin,
    /// Too many requests are worked on.
    Requests,
}

impl Refusal {
    /// A stable name for metrics.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Refusal::Credentials | Refusal::Key => "credentials",
            Refusal::Logins(_) => "logins",
            Refusal::Role { .. } => "role",
            Refusal::Origin => "origin",
            Refusal::Requests => "requests",
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Refusal::Credentials => StatusCode::UNAUTHORIZED,
            Refusal::Logins(_) => StatusCode::TOO_MANY_REQUESTS,
            Refusal::Key | Refusal::Role { .. } | Refusal::Origin => StatusCode::FORBIDDEN,
            Refusal::Requests => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn message(&self) -> String {
        match self {
            Refusal::Credentials => "log in with a user's name and password, or a bearer token".to_owned(),
            Refusal::Key => "the key of this heartbeat is missing or wrong".to_owned(),
            Refusal::Logins(_) => "too many failed logins from this address; try again later".to_owned(),
            Refusal::Role { role, actor } => {
                format!("this needs the role `{role}`; `{}` has {}", actor.name, actor.roles)
            }
            Refusal::Origin => "a page of another origin may not change anything; see `web.cors_origins`".to_owned(),
            Refusal::Requests => "too many requests at a time; try again".to_owned(),
        }
    }

    /// The answer to a request for `path`, in the form that its API has for errors.
    pub(super) fn response(&self, path: &str, has_tokens: bool) -> Response {
        let message = self.message();
        let body = match path.starts_with("/api/v2/") {
            true => json!(message),
            false => json!({ "status": "error", "errorType": self.reason(), "error": message }),
        };
        let mut response = (self.status(), Json(body)).into_response();
        let headers = response.headers_mut();
        match self {
            Refusal::Credentials => {
                let basic = HeaderValue::from_static("Basic realm=\"watchbell\", charset=\"UTF-8\"");
                headers.append(header::WWW_AUTHENTICATE, basic);
                if has_tokens {
                    headers.append(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"watchbell\""));
                }
            }
            Refusal::Logins(wait) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().saturating_add(1)));
            }
            Refusal::Requests => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Refusal::Key | Refusal::Role { .. } | Refusal::Origin => {}
        }
        response
    }
}
