//! The running service: its threads and tasks, how they start, reload and stop.

mod charts;
mod decider;
mod dispatch;
mod evaluator;
mod host_task;
mod reloading;
mod running;
mod sentinel;
mod settings;
mod signals;
mod snapshot;
mod start;
mod status;
mod swap;
mod vitals;
mod watchdog;
mod windows;

pub(in crate::shell) use decider::OverrideChanges;
pub use decider::{Decider, Stopping};
pub use dispatch::Dispatch;
pub use evaluator::{Evaluator, Progress};
pub use reloading::{ReloadError, Reloader};
pub use snapshot::Snapshot;
pub use start::{Environment, ServeError, ServeOptions, serve};
pub use status::{Inner as StatusSnapshot, Status, Statuses};
pub use vitals::{Ailment, Vitals};
pub use windows::Windows;
