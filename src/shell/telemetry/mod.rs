//! What Watchbell tells of itself: ids, logs, metrics.

mod ids;

pub use ids::{Ids, SpanId};
