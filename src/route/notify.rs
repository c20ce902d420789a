//! What of a group is worth a notification, and how often what stays as it was is told again.

use std::time::Duration;

/// Which changes of a group are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum NotifyOn {
    /// Alerts that begin to fire, and the end of the group. What ends while others fire is told with the next of these.
    New,
    /// Alerts that begin to fire, and those that end.
    Changed,
    /// Changes, and repeats of what stays as it was: what Alertmanager does.
    #[default]
    All,
}

/// What a route wants to be told of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct NotifyPolicy {
    /// Which changes.
    pub on: NotifyOn,
    /// How repeats become rarer; `None` for ever the same distance.
    pub backoff: Option<RepeatBackoff>,
}

/// How repeats become rarer while nothing changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RepeatBackoff {
    /// By how much each wait exceeds the one before; at least 1.
    pub factor: f64,
    /// The longest wait.
    pub max: Duration,
}

impl NotifyPolicy {
    /// The wait after `repeats` repeats in a row: `first * factor^repeats`, at most `max`, never less than `first`; `None`
    /// where nothing is repeated.
    pub fn repeat_wait(&self, first: Duration, repeats: u32) -> Option<Duration> {
        if self.on != NotifyOn::All {
            return None;
        }
        let Some(RepeatBackoff { factor, max }) = self.backoff else { return Some(first) };
        let grown = first.as_secs_f64() * factor.powi(i32::try_from(repeats).unwrap_or(i32::MAX));
        let grown = if grown < max.as_secs_f64() { Duration::from_secs_f64(grown) } else { max };
        Some(grown.max(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_the_longest() {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        let backoff = |factor, max| Some(RepeatBackoff { factor, max: hours(max) });
        for (on, backoff, repeats, expected) in [
            (NotifyOn::All, None, 9, Some(4)),
            (NotifyOn::All, backoff(2.0, 24), 0, Some(4)),
            (NotifyOn::All, backoff(2.0, 24), 1, Some(8)),
            (NotifyOn::All, backoff(2.0, 24), 2, Some(16)),
            (NotifyOn::All, backoff(2.0, 24), 3, Some(24)),
            (NotifyOn::All, backoff(2.0, 24), u32::MAX, Some(24)),
            (NotifyOn::All, backoff(2.0, 1), 5, Some(4)),
            (NotifyOn::All, backoff(1.0, 24), 5, Some(4)),
            (NotifyOn::Changed, backoff(2.0, 24), 0, None),
            (NotifyOn::New, None, 0, None),
        ] {
            let policy = NotifyPolicy { on, backoff };
            assert_eq!(policy.repeat_wait(hours(4), repeats), expected.map(hours), "{policy:?} {repeats}");
        }
    }
}
