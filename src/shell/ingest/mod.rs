//! Samples in: every source turns what it gets into batches and hands them to one [`Intake`].

mod host;
mod http;
mod import;
mod intake;
mod remote_write;
mod scrape;

pub use host::{HOST_INTERVAL_DEFAULT, HOST_INTERVAL_EMBEDDED, HostSampler};
pub use http::{BodyLimits, push_routes};
pub use intake::{Accepted, Intake, IntakeError, Source, Stored, Submission, Wire, WireKind};
pub use scrape::{ScrapeFailure, Scraper, TARGETS_PER_JOB_MAX, TargetHealth, TargetStatus, targets_json};

#[cfg(test)]
mod testing;
