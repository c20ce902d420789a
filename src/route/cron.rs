//! Moments that recur by the calendar.

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Zoned};

use crate::model::{CronError, Timestamp, WallCron};

/// How many days ahead the next moment is looked for: past the longest distance of two 29ths of February.
const DAYS_AHEAD_MAX: usize = 9 * 366;

/// A `cron` expression on the clock of a time zone.
///
/// A time that the clock skips counts as much later as it skips; one that the clock shows twice counts once, the first time.
#[derive(Clone, Debug, PartialEq)]
pub struct Cron {
    wall: WallCron,
    zone: TimeZone,
}

impl Cron {
    /// Reads an expression.
    ///
    /// # Errors
    ///
    /// Text that is none.
    pub fn new(text: &str, zone: TimeZone) -> Result<Cron, CronError> {
        Ok(Cron { wall: text.parse()?, zone })
    }

    /// The last moment not after `now`, if it is at most `back` before it.
    pub fn last(&self, now: Timestamp, back: Duration) -> Option<Timestamp> {
        let earliest = self.date(now - back)?.yesterday().ok()?;
        let mut date = self.date(now)?;
        while date >= earliest {
            if let Some(at) = self.on(date).into_iter().filter(|at| *at <= now).max() {
                return (now.since(at) <= back).then_some(at);
            }
            date = date.yesterday().ok()?;
        }
        None
    }

    /// The first moment after `now`.
    pub fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let mut date = self.date(now)?;
        for _ in 0..DAYS_AHEAD_MAX {
            if let Some(at) = self.on(date).into_iter().filter(|at| *at > now).min() {
                return Some(at);
            }
            date = date.checked_add(Span::new().days(1)).ok()?;
        }
        None
    }

    fn date(&self, at: Timestamp) -> Option<Date> {
        Some(Zoned::new(at.to_jiff()?, self.zone.clone()).date())
    }

    /// The moments of a day.
    fn on(&self, date: Date) -> Vec<Timestamp> {
        let moment = |wall: jiff::civil::DateTime| {
            let at = wall.to_zoned(self.zone.clone()).ok()?;
            Some(Timestamp::from_millis(at.timestamp().as_millisecond()))
        };
        self.wall.on(date).into_iter().filter_map(moment).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_the_calendar() {
        let at = |text: &str| Timestamp::parse_rfc3339(text).expect(text);
        for (text, zone, now, next) in [
            ("0 3 * * 6", "UTC", "2026-11-22T00:00:00Z", "2026-11-28T03:00:00Z"),
            ("0 3 * * 0", "UTC", "2026-11-22T00:00:00Z", "2026-11-22T03:00:00Z"),
            ("0 3 * * 7", "UTC", "2026-11-22T03:00:00Z", "2026-11-29T03:00:00Z"),
            ("0 3 * * 5-7", "UTC", "2026-11-22T04:00:00Z", "2026-11-27T03:00:00Z"),
            ("*/15 * * * *", "UTC", "2026-11-22T03:01:00Z", "2026-11-22T03:15:00Z"),
            ("0 3 1 * mon", "UTC", "2026-11-24T00:00:00Z", "2026-11-30T03:00:00Z"),
            ("0 3 1 * mon", "UTC", "2026-11-30T04:00:00Z", "2026-12-01T03:00:00Z"),
            ("0 0 29 2 *", "UTC", "2026-11-22T00:00:00Z", "2028-02-29T00:00:00Z"),
            ("0 3 * * *", "Europe/Berlin", "2026-11-22T00:00:00Z", "2026-11-22T02:00:00Z"),
            // The clock goes from 2:00 to 3:00 on 2026-03-29, and from 3:00 back to 2:00 on 2026-10-25.
            ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:30:00Z"),
            ("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"),
            ("30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"),
        ] {
            let cron = Cron::new(text, TimeZone::get(zone).expect(zone)).expect(text);
            let found = cron.next(at(now)).expect(text);
            assert_eq!(found, at(next), "{text} after {now}: {found}");
            assert_eq!(cron.last(found, Duration::ZERO), Some(found));
            assert_eq!(cron.last(found + Duration::from_secs(59), Duration::from_secs(60)), Some(found));
            assert_eq!(cron.last(found - Duration::from_secs(1), Duration::ZERO), None);
        }
        let never = Cron::new("0 0 31 2 *", TimeZone::UTC).expect("valid");
        assert_eq!(never.next(Timestamp::from_seconds(0)), None);
    }
}
