//! What Opsgenie and VictorOps have in common: an address and a key, each of the channel or of `global`.

use super::{Fields, address_or, secret_or};
use crate::deliver::Secret;

/// An address and a key.
#[derive(Clone, Debug)]
pub(in crate::config) struct KeyedApi {
    /// Ends with `/`.
    pub(super) url: String,
    pub(super) key: Option<Secret>,
}

/// The address `name`, or `default`; with a slash at its end.
pub(super) fn base_address(fields: &mut Fields<'_>, name: &'static str, default: &str) -> String {
    let url = address_or(fields, name, default);
    if url.ends_with('/') { url } else { format!("{url}/") }
}

impl KeyedApi {
    /// The channel's own `api_url`, `api_key` and `api_key_file`, or what `global` says; a key must be somewhere.
    pub(super) fn or_own(&self, fields: &mut Fields<'_>) -> KeyedApi {
        let url = base_address(fields, "api_url", &self.url);
        KeyedApi { url, key: secret_or(fields, "api_key", "api_key_file", self.key.as_ref()) }
    }
}
