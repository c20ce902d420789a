//! The one place that reads the time.

#![allow(clippy::disallowed_methods, reason = "everything else takes a `Clock` or a `Timestamp` from here")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::model::Timestamp;

/// The machine's clock; cheap to clone. Code that needs the time takes one of these.
#[derive(Clone, Debug)]
pub struct Clock(());

/// When something began, for measuring how long it takes; steps of the wall clock do not touch it.
#[derive(Clone, Copy, Debug)]
pub struct Started(Instant);

impl Clock {
    /// The clock of this machine.
    pub fn system() -> Self {
        Clock(())
    }

    /// The wall-clock time.
    pub fn now(&self) -> Timestamp {
        let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => millis(after),
            Err(before) => -millis(before.duration()),
        })
    }

    /// Begins a measurement.
    pub fn start(&self) -> Started {
        Started(Instant::now())
    }

    /// How long ago `started` was.
    pub fn elapsed_since(&self, started: Started) -> Duration {
        started.0.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_plausible_and_durations_do_not_run_backwards() {
        let clock = Clock::system();
        assert!(clock.now() > Timestamp::from_seconds(1_700_000_000));
        let started = clock.start();
        assert!(clock.elapsed_since(started) <= clock.elapsed_since(started));
    }
}
