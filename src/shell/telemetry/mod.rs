//! What Watchbell tells of itself: ids, logs, metrics.

mod ids;
mod logs;
mod metrics;
mod process;
mod render;

pub use ids::{Ids, SpanId};
pub use logs::{LogError, LogFormat, LogOptions, init_logs};
pub use metrics::{AttemptClass, Metrics, WatchdogResult};
pub use render::{CONTENT_TYPE_OPENMETRICS, CONTENT_TYPE_TEXT, Exposition};
