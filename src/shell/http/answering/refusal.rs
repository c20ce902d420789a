//! Why a request that should be an answer is none.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tracing::warn;

use super::{Author, Desk, Unproven};
use crate::escalate::Via;
use crate::shell::secret::FileError;
use crate::shell::service::Stopping;

/// Why a request that should be an answer is none. Shows no secrets.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    /// The configuration does not open this way.
    #[error("this way to answer is not configured")]
    NotConfigured,
    /// The secret cannot be read.
    #[error("the secret cannot be read: {0}")]
    Secret(#[from] FileError),
    /// Whoever sends it does not know the secret.
    #[error("the signature is missing, wrong or too old")]
    Signature,
    /// It says nothing that is understood.
    #[error("the body cannot be read")]
    Unreadable,
    /// Nobody can answer now.
    #[error(transparent)]
    Stopping(#[from] Stopping),
    /// The engine takes too long.
    #[error("it took too long; whether the answer was taken is shown by the incident")]
    Slow,
}

impl Refused {
    /// For metrics.
    fn name(&self) -> &'static str {
        match self {
            Refused::NotConfigured => "not_configured",
            Refused::Secret(_) => "secret",
            Refused::Signature => "signature",
            Refused::Unreadable => "unreadable",
            Refused::Stopping(_) => "stopping",
            Refused::Slow => "slow",
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Refused::NotConfigured => StatusCode::NOT_FOUND,
            Refused::Signature => StatusCode::FORBIDDEN,
            Refused::Unreadable => StatusCode::BAD_REQUEST,
            Refused::Secret(_) | Refused::Stopping(_) | Refused::Slow => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The answer to it; counted and logged.
    pub(super) fn response(&self, desk: &Desk, author: &Author, via: Via) -> Response {
        desk.metrics.answered(via, self.name());
        let address = author.actor.address.map(tracing::field::display);
        warn!(error = %self, via = via.as_str(), address, "a request is no answer");
        // Where files lie is nobody's business.
        let text = match self {
            Refused::Secret(_) => "the secret cannot be read".to_owned(),
            refused => refused.to_string(),
        };
        let mut response = (self.status(), format!("{text}\n")).into_response();
        if matches!(self, Refused::Signature | Refused::NotConfigured) {
            response.extensions_mut().insert(Unproven);
        }
        response
    }
}
