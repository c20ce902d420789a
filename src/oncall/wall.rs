//! Times on the wall clock of a zone as instants.
//!
//! A time that does not exist, because the clock was put forward over it, is the first instant after the jump. One that exists
//! twice, because the clock was put back over it, is its first occurrence where something begins, its last where something
//! ends: what follows one another may overlap then, and leaves no gap.

use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::model::Timestamp;

/// A moment as people write it: an instant, or what the clock on some wall shows then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The same everywhere.
    Instant(Timestamp),
    /// By a clock that is still to be named.
    Wall(DateTime),
}

/// A text that is no moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no time; write `2026-01-05`, `2026-01-05T09:00`, or `2026-01-05T09:00:00Z`")]
pub struct MomentError;

impl FromStr for Moment {
    type Err = MomentError;

    /// RFC 3339, or without an offset a date, a date with hours and minutes, or with seconds too.
    fn from_str(text: &str) -> Result<Moment, MomentError> {
        if let Some(at) = Timestamp::parse_rfc3339(text) {
            return Ok(Moment::Instant(at));
        }
        let has_form =
            matches!(text.len(), 10 | 16 | 19) && text.is_ascii() && !text[10..].contains(['-', '+', '[', 'Z']);
        text.parse().ok().filter(|_| has_form).map(Moment::Wall).ok_or(MomentError)
    }
}

impl Moment {
    /// When that is by the clock of `zone`; `None` beyond the years that can be told.
    pub fn by(&self, zone: &TimeZone, occurrence: Occurrence) -> Option<Timestamp> {
        match self {
            Moment::Instant(at) => Some(*at),
            Moment::Wall(wall) => instant(zone, *wall, occurrence),
        }
    }
}

/// Which occurrence of a time that exists twice is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occurrence {
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
    fn moments_as_people_write_them() {
        let zone = TimeZone::get("Europe/Berlin").expect("known");
        for (text, expected) in [
            ("2026-01-05", Some("2026-01-04T23:00:00Z")),
            ("2026-07-05T09:00", Some("2026-07-05T07:00:00Z")),
            ("2026-07-05T09:00:30", Some("2026-07-05T07:00:30Z")),
            ("2026-07-05T09:00:00Z", Some("2026-07-05T09:00:00Z")),
            ("2026-07-05T09:00:00-01:00", Some("2026-07-05T10:00:00Z")),
            ("2026-07-05T09:00-05", Some("2026-07-05T14:00:00Z")),
            ("2026-07-05T09", None),
            ("2026-02-30", None),
            ("tomorrow", None),
            ("", None),
        ] {
            let moment = text.parse::<Moment>().ok();
            let at = moment.and_then(|moment| moment.by(&zone, Occurrence::First)).map(|at| at.to_string());
            assert_eq!(at.as_deref(), expected, "{text}");
        }
    }

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
