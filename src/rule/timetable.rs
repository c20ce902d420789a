//! When groups are evaluated.

use std::time::Duration;

use crate::model::Timestamp;

/// The first moment of a group's timetable that is not before `from`: whole multiples of the interval since the epoch, so
/// that groups with equal intervals meet.
pub fn next_evaluation(from: Timestamp, interval: Duration) -> Timestamp {
    let step = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX).max(1);
    let rest = from.millis().rem_euclid(step);
    if rest == 0 { from } else { Timestamp::from_millis(from.millis().saturating_add(step - rest)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multiples_of_the_interval() {
        for (from, interval_s, expected) in
            [(0, 60, 0), (1, 60, 60_000), (60_000, 60, 60_000), (-1, 60, 0), (61_000, 15, 75_000)]
        {
            let next = next_evaluation(Timestamp::from_millis(from), Duration::from_secs(interval_s));
            assert_eq!(next.millis(), expected, "{from}");
        }
    }
}
