//! Who makes a request.

use std::convert::Infallible;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::config::{ANONYMOUS, Roles};

/// The address that a connection comes from; every request of it carries this.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) IpAddr);

/// Who makes a request, as far as it is known; an argument of handlers that note who changes what.
///
/// What they may do was checked before a handler runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The name of the user or the token; `anonymous` without credentials.
    pub name: Arc<str>,
    /// What they may do.
    pub roles: Roles,
    /// The address that the connection comes from.
    pub address: Option<IpAddr>,
    /// Whether it is a user who has logged in, not a token and no stranger.
    pub is_user: bool,
}

impl Actor {
    /// Somebody without credentials.
    pub fn anonymous(roles: Roles, address: Option<IpAddr>) -> Self {
        Actor { name: Arc::from(ANONYMOUS), roles, address, is_user: false }
    }

    /// Whether there were no credentials.
    pub fn is_anonymous(&self) -> bool {
        *self.name == *ANONYMOUS
    }
}

impl fmt::Display for Actor {
    /// `ada (192.0.2.7)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match self.address {
            Some(address) => write!(f, " ({address})"),
            None => Ok(()),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Actor {
    type Rejection = Infallible;

    /// Whom the request was found to come from; without such a finding, somebody who may do nothing.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let found = parts.extensions.get::<Actor>().cloned();
        Ok(found.unwrap_or_else(|| Actor::anonymous(Roles::NONE, None)))
    }
}
