//! Times on the wall clock of a zone as instants.
//!
//! A time that does not exist, because the clock was put forward over it, is the first instant after the jump. One that exists
//! twice, because the clock was put back over it, is its first occurrence where something begins, its last where something
//! ends: what follows one another may overlap then, and leaves no gap.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::model::Timestamp;

/// Which occurrence of a time that exists twice is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occurrence {
    /// Of a beginning.
    First,
    /// Of an end.
    Last,
}

/// The instant of `wall` in `zone`; `None` beyond the years that can be told.
pub(super) fn instant(zone: &TimeZone, wall: DateTime, occurrence: Occurrence) -> Option<Timestamp> {
    let at = |offset: jiff::tz::Offset| offset.to_timestamp(wall).ok();
    let found = match zone.to_ambiguous_timestamp(wall).offset() {
        AmbiguousOffset::Unambiguous { offset } => at(offset)?,
        AmbiguousOffset::Fold { before, after } => match occurrence {
            Occurrence::First => at(before)?,
            Occurrence::Last => at(after)?,
        },
        AmbiguousOffset::Gap { before, .. } => {
            // As if the clock had not been put forward: after the jump by less than the jump's size.
            let after_jump = at(before)?;
            let just_after = after_jump.checked_add(jiff::SignedDuration::from_nanos(1)).ok()?;
            zone.preceding(just_after).next().map_or(after_jump, |jump| jump.timestamp())
        }
    };
    Some(Timestamp::from_millis(found.as_millisecond()))
}

/// What the wall clock of `zone` shows at `at`; `None` beyond the years that can be told.
pub(super) fn shown(zone: &TimeZone, at: Timestamp) -> Option<DateTime> {
    at.to_jiff().map(|at| zone.to_datetime(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_do_not_exist_and_times_that_exist_twice() {
        for (zone, wall, first, last) in [
            ("America/Chicago", "2020-03-08T02:30", "2020-03-08T08:00:00Z", "2020-03-08T08:00:00Z"),
            ("America/Chicago", "2020-03-08T03:00", "2020-03-08T08:00:00Z", "2020-03-08T08:00:00Z"),
            ("America/Chicago", "2020-11-01T01:30", "2020-11-01T06:30:00Z", "2020-11-01T07:30:00Z"),
            ("America/Chicago", "2020-11-01T02:00", "2020-11-01T08:00:00Z", "2020-11-01T08:00:00Z"),
            ("Australia/Lord_Howe", "2020-10-04T02:15", "2020-10-03T15:30:00Z", "2020-10-03T15:30:00Z"),
            ("Australia/Lord_Howe", "2021-04-04T01:30", "2021-04-03T14:30:00Z", "2021-04-03T15:00:00Z"),
            // A day that Samoa did not have, and a zone that changes its clock at midnight.
            ("Pacific/Apia", "2011-12-30T09:00", "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z"),
            ("America/Havana", "2020-03-08T00:30", "2020-03-08T05:00:00Z", "2020-03-08T05:00:00Z"),
            ("America/Havana", "2020-11-01T00:30", "2020-11-01T04:30:00Z", "2020-11-01T05:30:00Z"),
            ("UTC", "2020-02-29T12:00", "2020-02-29T12:00:00Z", "2020-02-29T12:00:00Z"),
        ] {
            let zone = TimeZone::get(zone).expect(zone);
            let time: DateTime = wall.parse().expect(wall);
            let told = |occurrence| instant(&zone, time, occurrence).map(|at| at.to_string());
            assert_eq!(told(Occurrence::First).as_deref(), Some(first), "{wall}");
            assert_eq!(told(Occurrence::Last).as_deref(), Some(last), "{wall}");
        }
    }
}
