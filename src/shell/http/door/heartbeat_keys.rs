//! The keys by which heartbeats are told without a login.

use std::collections::HashMap;

use axum::http::{HeaderMap, Uri};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::DoorError;
use crate::config::{HEARTBEAT_KEY_BYTES_MIN, HeartbeatKey};
use crate::shell::http::heartbeats::parameter;
use crate::shell::secret::reveal;

/// The header that may hold the key.
const KEY_HEADER: &str = "x-watchbell-key";
/// The parameter of the address that may hold it.
const KEY_PARAMETER: &str = "key";
/// What stands before the name of a heartbeat in a path.
const PATH: &str = "/api/v1/heartbeat/";

/// The keys, by the names of their heartbeats.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct HeartbeatKeys(HashMap<String, [u8; 32]>);

/// What a request for a heartbeat has to show for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum KeyVerdict {
    /// The right key of this heartbeat.
    Right(String),
    /// A wrong key.
    Wrong,
    /// The heartbeat has a key, and none is given.
    None,
    /// There is nothing to be right or wrong about.
    NotNeeded,
}

impl HeartbeatKeys {
    /// Reads the secrets.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, or holds no key.
    pub(super) async fn read(keys: &[HeartbeatKey]) -> Result<HeartbeatKeys, DoorError> {
        let mut found = HashMap::new();
        for HeartbeatKey { heartbeat, key } in keys {
            let key = reveal(key).await?;
            if key.len() < HEARTBEAT_KEY_BYTES_MIN {
                return Err(DoorError::ShortKey(heartbeat.clone()));
            }
            found.insert(heartbeat.clone(), Sha256::digest(key).into());
        }
        Ok(HeartbeatKeys(found))
    }

    /// Judges a request for a heartbeat. How long it takes does not depend on how much of a key is right.
    pub(super) fn judge(&self, uri: &Uri, headers: &HeaderMap) -> KeyVerdict {
        let name = uri.path().strip_prefix(PATH).map(|rest| rest.split('/').next().unwrap_or_default());
        let Some((name, known)) = name.and_then(|name| self.0.get_key_value(name)) else {
            return KeyVerdict::NotNeeded;
        };
        match given(uri, headers) {
            None => KeyVerdict::None,
            Some(key) => {
                let sum: [u8; 32] = Sha256::digest(key).into();
                match bool::from(known.ct_eq(&sum)) {
                    true => KeyVerdict::Right(name.clone()),
                    false => KeyVerdict::Wrong,
                }
            }
        }
    }
}

/// The key that a request gives.
fn given(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let header = headers.get(KEY_HEADER).map(|key| String::from_utf8_lossy(key.as_bytes()).trim().to_owned());
    header.or_else(|| parameter(uri, KEY_PARAMETER))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::Secret;

    #[tokio::test]
    async fn what_keys_open() {
        let key = |heartbeat: &str, key: &str| HeartbeatKey {
            heartbeat: heartbeat.to_owned(),
            key: Secret::Value(key.to_owned()),
        };
        let keys = HeartbeatKeys::read(&[key("backup", "0123456789abcde+"), key("other", "fedcba9876543210")]).await;
        let keys = keys.map_err(|error| error.to_string()).expect("keys");
        let right = |name: &str| KeyVerdict::Right(name.to_owned());
        for (path, header, expected) in [
            ("/api/v1/heartbeat/backup?key=0123456789abcde%2B", None, right("backup")),
            ("/api/v1/heartbeat/backup/fail?a=b&key=0123456789abcde%2B", None, right("backup")),
            ("/api/v1/heartbeat/backup", Some("0123456789abcde+"), right("backup")),
            ("/api/v1/heartbeat/backup?key=fedcba9876543210", None, KeyVerdict::Wrong),
            ("/api/v1/heartbeat/backup?key=", None, KeyVerdict::Wrong),
            ("/api/v1/heartbeat/backup", None, KeyVerdict::None),
            ("/api/v1/heartbeat/unheard?key=0123456789abcde%2B", None, KeyVerdict::NotNeeded),
            ("/api/v1/write?key=0123456789abcde%2B", None, KeyVerdict::NotNeeded),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(header) = header {
                headers.insert(KEY_HEADER, header.parse().expect("a value"));
            }
            assert_eq!(keys.judge(&path.parse().expect("an address"), &headers), expected, "{path}");
        }
        assert!(
            matches!(HeartbeatKeys::read(&[key("a", "short")]).await, Err(DoorError::ShortKey(name)) if name == "a")
        );
    }
}
