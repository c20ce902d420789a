use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The W3C trace id (128 bits) that follows a batch of samples to the notification that it causes.
///
/// Written as 32 lower-case hexadecimal digits; zero means "none".
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceId(pub u128);

impl TraceId {
    /// No trace.
    pub const NONE: TraceId = TraceId(0);

    /// Whether this is a real trace id.
    pub fn is_some(self) -> bool {
        self.0 != 0
    }

    /// The trace id of a `traceparent` header (`00-<trace id>-<span id>-<flags>`); `None` if it is malformed or zero.
    pub fn from_traceparent(header: &str) -> Option<Self> {
        let mut parts = header.split('-');
        let version = parts.next()?;
        let id: TraceId = parts.next()?.parse().ok()?;
        (version.len() == 2 && id.is_some()).then_some(id)
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not 32 hexadecimal digits.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a trace id is 32 hexadecimal digits")]
pub struct TraceIdError;

impl FromStr for TraceId {
    type Err = TraceIdError;
    fn from_str(text: &str) -> Result<Self, TraceIdError> {
        if text.len() != 32 || text.starts_with('+') {
            return Err(TraceIdError);
        }
        u128::from_str_radix(text, 16).map(TraceId).map_err(|_| TraceIdError)
    }
}

impl Serialize for TraceId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TraceId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_traceparent() {
        let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let id = TraceId::from_traceparent(header).expect("valid");
        assert_eq!(id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        for bad in ["", "00-0-0-0", "00-00000000000000000000000000000000-00f067aa0ba902b7-01", "x"] {
            assert_eq!(TraceId::from_traceparent(bad), None, "{bad}");
        }
    }
}
