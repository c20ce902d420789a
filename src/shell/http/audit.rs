//! Who changed what, and why: what handlers note of changes that people make.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::Actor;
use crate::engine::Audit;

/// The header in which a request says why.
const REASON_HEADER: &str = "x-watchbell-reason";
/// How much of a reason is kept, in bytes.
const REASON_BYTES_MAX: usize = 1 << 10;

/// Who makes a request and why they say they do.
#[derive(Clone, Debug)]
pub(super) struct Author {
    pub(super) actor: Actor,
    /// Empty if nothing is said.
    reason: String,
}

impl Author {
    /// The note of a change: the `action`, and what it was done to.
    pub(super) fn audit(&self, action: &str, subject: &str) -> Audit {
        Audit {
            who: self.actor.name.to_string(),
            address: self.actor.address.map(|address| address.to_string()),
            action: action.to_owned(),
            subject: subject.to_owned(),
            reason: self.reason.clone(),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Author {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let Ok(actor) = Actor::from_request_parts(parts, state).await;
        let said = parts.headers.get(REASON_HEADER).map(|value| String::from_utf8_lossy(value.as_bytes()));
        let reason = said.unwrap_or_default();
        let reason = reason[..reason.floor_char_boundary(REASON_BYTES_MAX)].trim().to_owned();
        Ok(Author { actor, reason })
    }
}
