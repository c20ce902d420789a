//! A source of trace and span ids.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::TraceId;

/// A W3C span id: 64 bits, never zero, written as 16 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId(pub u64);

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A source of trace and span ids: a counter hashed under keys that the operating system chose. Unique, not secret.
///
/// Clones share the counter.
#[derive(Clone, Debug, Default)]
pub struct Ids(Arc<Source>);

#[derive(Debug, Default)]
struct Source {
    high: RandomState,
    low: RandomState,
    counter: AtomicU64,
}

impl Ids {
    /// A source with keys of its own.
    pub fn random() -> Self {
        Ids::default()
    }

    /// A trace id that was not given out before.
    pub fn trace(&self) -> TraceId {
        let turn = self.0.counter.fetch_add(1, Ordering::Relaxed);
        let id = u128::from(self.0.high.hash_one(turn)) << 64 | u128::from(self.0.low.hash_one(turn));
        TraceId(id.max(1))
    }

    /// A version 4 UUID that was not given out before.
    pub fn uuid(&self) -> String {
        let digits = format!("{:032x}", self.trace().0);
        // The version, and the variant `10`.
        let variant = ['8', '9', 'a', 'b'][usize::from(digits.as_bytes()[16]) % 4];
        format!(
            "{}-{}-4{}-{variant}{}-{}",
            &digits[..8],
            &digits[8..12],
            &digits[13..16],
            &digits[17..20],
            &digits[20..]
        )
    }

    /// A span id that was not given out before.
    pub fn span(&self) -> SpanId {
        let turn = self.0.counter.fetch_add(1, Ordering::Relaxed);
        SpanId(self.0.high.hash_one(turn).max(1))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_differ_within_and_between_sources() {
        let (one, other) = (Ids::random(), Ids::random());
        let traces: HashSet<TraceId> = (0..1000).flat_map(|_| [one.trace(), other.trace()]).collect();
        assert_eq!(traces.len(), 2000);
        assert!(traces.iter().all(|id| id.is_some() && id.to_string().len() == 32));
        let spans: HashSet<SpanId> = (0..1000).map(|_| one.span()).collect();
        assert_eq!(spans.len(), 1000);
        assert!(spans.iter().all(|id| id.to_string().len() == 16));
    }
}
