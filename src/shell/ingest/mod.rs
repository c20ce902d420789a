//! Samples in: every source turns what it gets into batches and hands them to one [`Intake`].

mod intake;

pub use intake::{Accepted, Intake, IntakeError, Source, Stored, Submission, Wire, WireKind};
