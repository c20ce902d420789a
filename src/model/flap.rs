use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// How much an old change of state weighs, and how much a new one: as in Nagios.
const WEIGHT_OLD: f64 = 0.75;
const WEIGHT_NEW: f64 = 1.25;

/// When an alert that keeps changing between firing and over is said to flap, and when no more.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlapPolicy {
    /// It flaps from `changes` changes in any stretch of `within`, until fewer than half as many are left in the last one.
    Changes {
        /// How many; at least 2.
        changes: usize,
        /// The length of the stretch.
        within: Duration,
    },
    /// It flaps while the weighted share of changes among its last states is high.
    ///
    /// The formula is that of Nagios Core (`base/flapping.c`; "Detection and Handling of State Flapping" of its manual): of the
    /// last `states` states, each that differs from the one before it counts with a weight that grows evenly from 0.75 for the
    /// oldest to 1.25 for the newest; the share is their sum by `states - 1`. There is one state per `interval`.
    Share {
        /// It flaps no more once the share is below, from 0 to 1.
        low: f64,
        /// It flaps once the share is as high, from 0 to 1.
        high: f64,
        /// How many states are looked at; at least 3.
        states: usize,
        /// The distance of states.
        interval: Duration,
    },
}

impl FlapPolicy {
    /// How long a change counts.
    pub fn window(&self) -> Duration {
        match self {
            FlapPolicy::Changes { within, .. } => *within,
            FlapPolicy::Share { states, interval, .. } => {
                interval.saturating_mul(u32::try_from(states.saturating_sub(1)).unwrap_or(u32::MAX))
            }
        }
    }

    /// Whether an alert that changed at `changes`, in order, begins to flap.
    pub fn starts(&self, changes: &[Timestamp], now: Timestamp) -> bool {
        match self {
            FlapPolicy::Changes { changes: count, within } => {
                changes.iter().filter(|at| **at + *within > now).count() >= *count
            }
            FlapPolicy::Share { high, .. } => self.share(changes, now) >= *high,
        }
    }

    /// When an alert that changed at `changes`, in order, flaps no more, if it does not change again.
    pub fn calm_at(&self, changes: &[Timestamp]) -> Timestamp {
        let Some(last) = changes.last() else { return Timestamp::MIN };
        match self {
            FlapPolicy::Changes { changes: count, within } => {
                let index = changes.len().checked_sub(count.div_ceil(2));
                index.map_or(*last, |index| changes[index] + *within)
            }
            FlapPolicy::Share { low, states, interval, .. } => {
                let steps =
                    (0..u32::try_from(*states).unwrap_or(u32::MAX)).map(|step| *last + interval.saturating_mul(step));
                steps.into_iter().find(|at| self.share(changes, *at) < *low).unwrap_or(*last + self.window())
            }
        }
    }

    /// The weighted share of changes among the last states, from 0 to 1.
    fn share(&self, changes: &[Timestamp], now: Timestamp) -> f64 {
        let FlapPolicy::Share { states, interval, .. } = self else { return 0.0 };
        let steps = states.saturating_sub(1).max(1) as f64;
        let weight = |age: f64| WEIGHT_NEW - age * (WEIGHT_NEW - WEIGHT_OLD) / (steps - 1.0).max(1.0);
        let ages = changes.iter().map(|at| (now.since(*at).as_secs_f64() / interval.as_secs_f64().max(0.001)).floor());
        let sum: f64 = ages.filter(|age| *age < steps).map(weight).sum();
        (sum / steps).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: &[i64]) -> Vec<Timestamp> {
        minutes.iter().map(|minute| Timestamp::from_seconds(minute * 60)).collect()
    }

    #[test]
    fn changes_in_a_stretch() {
        let policy = FlapPolicy::Changes { changes: 4, within: Duration::from_secs(3600) };
        for (changes, now, starts, calm) in [
            (&[0, 10, 20][..], 20, false, 70),
            (&[0, 10, 20, 30], 30, true, 80),
            (&[0, 10, 20, 60], 60, false, 80),
            (&[0, 10, 20, 30, 40], 41, true, 90),
            (&[5], 6, false, 5),
        ] {
            let changes = at(changes);
            assert_eq!(policy.starts(&changes, at(&[now])[0]), starts, "{changes:?}");
            assert_eq!(policy.calm_at(&changes), at(&[calm])[0], "{changes:?}");
        }
    }

    #[test]
    fn nagios_share_of_changes() {
        let policy = FlapPolicy::Share { low: 0.05, high: 0.2, states: 21, interval: Duration::from_secs(60) };
        for (changes, now, expected) in [
            // The newest change of 20 possible ones weighs 1.25, the oldest 0.75.
            (&[100][..], 100, 0.0625),
            (&[81], 100, 0.0375),
            (&[80], 100, 0.0),
            (&[97, 98, 99, 100], 100, 0.242_105_26),
        ] {
            let share = policy.share(&at(changes), at(&[now])[0]);
            assert!((share - expected).abs() < 1e-6, "{changes:?}: {share}");
        }
        // One change at every state is all of it.
        assert_eq!(policy.share(&at(&(0..40).collect::<Vec<_>>()), at(&[39])[0]), 1.0);
        assert!(policy.starts(&at(&[97, 98, 99, 100]), at(&[100])[0]));
        assert!(!policy.starts(&at(&[98, 99, 100]), at(&[100])[0]));
        // The last change alone weighs less than 1.0, and with it the share is below 5 %, when it is ten states old.
        assert_eq!(policy.calm_at(&at(&[50, 100])), at(&[110])[0]);
    }
}
