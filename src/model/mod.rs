//! The words that every other layer speaks: labels, samples, matchers, time, alerts, diagnostics.
//!
//! Nothing here decides anything; these are values with their laws.

mod alert;
mod cron;
mod diagnostic;
mod duration;
mod flap;
mod float;
mod histogram;
mod labels;
mod matcher;
mod pattern;
mod percent;
mod reason;
mod sample;
mod time;
mod timed;
mod trace;

pub use alert::{Alert, AlertStatus};
pub use cron::{CronError, WallCron};
pub use diagnostic::{Diagnostic, Place, Severity, SourceFile, nearest, render_github, render_json, render_text};
pub use duration::{DurationError, format_duration, parse_duration};
pub use flap::FlapPolicy;
pub use float::{AsciiBuffer, FloatForm, format_bound, format_exponent, format_general, format_value, write_whole};
pub use histogram::{
    BUCKET_INDEX_MAX, Bucket, BucketSpan, CUSTOM_BUCKETS_SCHEMA, ClassicError, Combination, CounterResetHint,
    DeltaHistogram, EXPONENTIAL_SCHEMA_MAX, EXPONENTIAL_SCHEMA_MAX_RESERVED, EXPONENTIAL_SCHEMA_MIN, Histogram,
    HistogramError, HistogramMean, HistogramNotation, HistogramSample, HistogramSum, NotationError,
    PROGRESSION_BUCKETS_MAX, PROGRESSION_LENGTH_MAX, Progress, QuantileRemark, SampleValue, StartTime,
    classic_to_native, parse_notation, progression, read_notation,
};
pub use labels::{
    ALERT_NAME, Fingerprint, Labels, LabelsBuilder, LabelsIter, METRIC_NAME, is_label_name, is_metric_name,
};
pub use matcher::{MatchOp, Matcher, MatcherError};
pub use pattern::{anchored_regex, expand_replacement, free_regex};
pub use percent::push_percent_encoded;
pub use reason::Reason;
pub use sample::{STALE_NAN, Sample, is_stale, parse_value};
pub use time::{Timestamp, from_rfc3339, rfc3339, rfc3339_or_none};
pub use timed::Timed;
pub use trace::TraceId;
