//! When one shift hands over to the next.

use std::num::NonZeroU32;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, Unit};

use super::wall::{Occurrence, instant, shown};
use crate::model::{Timestamp, WallCron};

/// How many handoffs of a cron expression are counted from its start; a start that lies further back is an error of the
/// configuration.
pub const HANDOFFS_MAX: usize = 100_000;

/// The handoffs of a layer, on the wall clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Rotation {
    /// When the first shift begins; nobody is on call by this rotation before.
    pub start: DateTime,
    /// The distance of handoffs.
    pub every: Every,
}

/// The distance of handoffs, on the wall clock: a day is a day, whether it has 23, 24 or 25 hours.
#[derive(Clone, Debug, PartialEq)]
pub enum Every {
    /// Hours of the wall clock; 24 of them are a day.
    Hours(NonZeroU32),
    /// Days.
    Days(NonZeroU32),
    /// Weeks.
    Weeks(NonZeroU32),
    /// Months, counted from the start: one that begins on the 31st hands over on the last day of shorter months.
    Months(NonZeroU32),
    /// The times that a cron expression names, after the start.
    Cron(WallCron),
}

/// A handoff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Handoff {
    /// Its number; the first shift begins with number 0.
    pub(super) number: usize,
    /// When.
    pub(super) at: Timestamp,
}

impl Rotation {
    /// The handoffs in order, from the one whose shift lasts at `from`; where nothing has begun by then, from the first.
    pub(super) fn handoffs<'a>(
        &'a self,
        zone: &'a TimeZone,
        from: Timestamp,
    ) -> Box<dyn Iterator<Item = Handoff> + 'a> {
        let at = move |(number, wall): (usize, DateTime)| {
            Some(Handoff { number, at: instant(zone, wall, Occurrence::First)? })
        };
        // Beyond the years that can be told nothing is handed over.
        if shown(zone, from).is_none() {
            return Box::new(std::iter::empty());
        }
        match &self.every {
            Every::Cron(cron) => {
                let walls = std::iter::once(self.start).chain(cron.after(self.start)).take(HANDOFFS_MAX).enumerate();
                let mut handoffs = walls.map_while(at).peekable();
                let mut current = handoffs.next();
                while let Some(next) = handoffs.next_if(|next| next.at <= from) {
                    current = Some(next);
                }
                Box::new(current.into_iter().chain(handoffs))
            }
            every => {
                let first = self.last_before(zone, every, from);
                let walls = (first..).map_while(move |number| Some((number, self.wall(every, number)?)));
                Box::new(walls.map_while(at))
            }
        }
    }

    /// The number of the shift that lasts at `from`, or 0.
    fn last_before(&self, zone: &TimeZone, every: &Every, from: Timestamp) -> usize {
        let Some(wall) = shown(zone, from) else { return 0 };
        let since = if wall > self.start { self.start.until((Unit::Hour, wall)) } else { return 0 };
        let days = |unit: i64| since.ok().and_then(|span| span.total(Unit::Hour).ok()).map(|hours| hours as i64 / unit);
        let guess = match every {
            Every::Hours(hours) => days(i64::from(hours.get())),
            Every::Days(count) => days(24 * i64::from(count.get())),
            Every::Weeks(count) => days(7 * 24 * i64::from(count.get())),
            Every::Months(count) => {
                let months =
                    i64::from(wall.year() - self.start.year()) * 12 + i64::from(wall.month() - self.start.month());
                Some(months / i64::from(count.get()))
            }
            Every::Cron(_) => None,
        };
        let mut number = guess.and_then(|guess| usize::try_from(guess).ok()).unwrap_or(0);
        let starts = |number: usize| self.wall(every, number).and_then(|wall| instant(zone, wall, Occurrence::First));
        // The clock may have been put forward or back since: the guess is off by a few.
        while number > 0 && starts(number).is_none_or(|start| start > from) {
            number -= 1;
        }
        while starts(number + 1).is_some_and(|start| start <= from) {
            number += 1;
        }
        number
    }

    /// What the wall clock shows at handoff `number`.
    fn wall(&self, every: &Every, number: usize) -> Option<DateTime> {
        let number = i64::try_from(number).ok()?;
        let times = |count: &NonZeroU32| number.checked_mul(i64::from(count.get()));
        let span = match every {
            Every::Hours(count) => Span::new().try_hours(times(count)?),
            Every::Days(count) => Span::new().try_days(times(count)?),
            Every::Weeks(count) => Span::new().try_weeks(times(count)?),
            Every::Months(count) => Span::new().try_months(times(count)?),
            Every::Cron(_) => return None,
        };
        self.start.checked_add(span.ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(number: u32) -> NonZeroU32 {
        NonZeroU32::new(number).expect("not zero")
    }

    fn walls(rotation: &Rotation, zone: &str, from: &str, many: usize) -> Vec<String> {
        let zone = TimeZone::get(zone).expect(zone);
        let from = Timestamp::parse_rfc3339(from).expect(from);
        let shown = |handoff: Handoff| shown(&zone, handoff.at).map(|wall| wall.to_string()).unwrap_or_default();
        rotation.handoffs(&zone, from).take(many).map(shown).collect()
    }

    #[test]
    fn handoffs_on_days_when_the_clock_changes() {
        let rotation = |start: &str, every: Every| Rotation { start: start.parse().expect(start), every };
        for (rotation, zone, from, expected) in [
            (
                rotation("2020-03-01T02:30", Every::Days(count(1))),
                "America/Chicago",
                "2020-03-07T12:00:00Z",
                vec!["2020-03-07T02:30:00", "2020-03-08T03:00:00", "2020-03-09T02:30:00"],
            ),
            (
                rotation("2020-03-01T00:30", Every::Hours(count(1))),
                "America/Chicago",
                "2020-03-08T06:30:00Z",
                vec!["2020-03-08T00:30:00", "2020-03-08T01:30:00", "2020-03-08T03:00:00", "2020-03-08T03:30:00"],
            ),
            (
                rotation("2020-10-01T02:15", Every::Days(count(1))),
                "Australia/Lord_Howe",
                "2020-10-03T00:00:00Z",
                vec!["2020-10-03T02:15:00", "2020-10-04T02:30:00", "2020-10-05T02:15:00"],
            ),
            (
                rotation("2011-12-01T09:00", Every::Days(count(1))),
                "Pacific/Apia",
                "2011-12-30T00:00:00Z",
                vec!["2011-12-29T09:00:00", "2011-12-31T00:00:00", "2011-12-31T09:00:00"],
            ),
            // Clocks that are changed at midnight: 00:00 does not exist, or 23:30 exists twice.
            (
                rotation("2020-03-01T00:00", Every::Days(count(1))),
                "America/Havana",
                "2020-03-07T12:00:00Z",
                vec!["2020-03-07T00:00:00", "2020-03-08T01:00:00", "2020-03-09T00:00:00"],
            ),
            (
                rotation("2018-10-28T00:00", Every::Weeks(count(1))),
                "America/Sao_Paulo",
                "2018-11-01T00:00:00Z",
                vec!["2018-10-28T00:00:00", "2018-11-04T01:00:00", "2018-11-11T00:00:00"],
            ),
            // Periods that do not divide the day go on over it: by the wall clock, as if no hour were missing or twice there.
            (
                rotation("2020-03-07T00:00", Every::Hours(count(5))),
                "America/Chicago",
                "2020-03-08T02:30:00Z",
                vec!["2020-03-07T20:00:00", "2020-03-08T01:00:00", "2020-03-08T06:00:00", "2020-03-08T11:00:00"],
            ),
            (
                rotation("2020-03-07T05:30", Every::Hours(count(7))),
                "America/Chicago",
                "2020-03-08T02:00:00Z",
                vec!["2020-03-07T19:30:00", "2020-03-08T03:00:00", "2020-03-08T09:30:00", "2020-03-08T16:30:00"],
            ),
            (
                rotation("2020-10-31T11:00", Every::Hours(count(7))),
                "America/Chicago",
                "2020-10-31T23:00:00Z",
                vec!["2020-10-31T18:00:00", "2020-11-01T01:00:00", "2020-11-01T08:00:00", "2020-11-01T15:00:00"],
            ),
            // A day that is not there: its handoffs are all at the end of it.
            (
                rotation("2011-12-29T00:00", Every::Hours(count(7))),
                "Pacific/Apia",
                "2011-12-30T07:30:00Z",
                vec!["2011-12-29T21:00:00", "2011-12-31T00:00:00", "2011-12-31T00:00:00", "2011-12-31T00:00:00"],
            ),
            (
                rotation("2023-10-31T08:00", Every::Months(count(1))),
                "Europe/Berlin",
                "2023-12-01T00:00:00Z",
                vec!["2023-11-30T08:00:00", "2023-12-31T08:00:00", "2024-01-31T08:00:00", "2024-02-29T08:00:00"],
            ),
            (
                rotation("2024-01-01T09:00", Every::Cron("0 9 * * 1".parse().expect("cron"))),
                "Europe/Berlin",
                "2024-03-27T00:00:00Z",
                vec!["2024-03-25T09:00:00", "2024-04-01T09:00:00", "2024-04-08T09:00:00"],
            ),
            (
                rotation("2024-01-01T09:00", Every::Weeks(count(2))),
                "Europe/Berlin",
                "2000-01-01T00:00:00Z",
                vec!["2024-01-01T09:00:00", "2024-01-15T09:00:00"],
            ),
        ] {
            let found = walls(&rotation, zone, from, expected.len());
            assert_eq!(found, expected, "{rotation:?}");
        }
    }

    #[test]
    fn so_many_times_24_hours_are_days() {
        for (zone, start) in [
            ("America/Chicago", "2020-03-01T02:30"),
            ("America/Chicago", "2020-10-25T01:30"),
            ("Australia/Lord_Howe", "2020-09-27T02:15"),
            ("Pacific/Apia", "2011-12-20T09:00"),
            ("America/Havana", "2020-03-01T00:00"),
        ] {
            let zone = TimeZone::get(zone).expect(zone);
            let start: DateTime = start.parse().expect(start);
            let from = instant(&zone, start, Occurrence::First).expect("a time");
            for days in [1, 2, 3] {
                let handoffs = |every| {
                    let rotation = Rotation { start, every };
                    rotation.handoffs(&zone, from).take(40).collect::<Vec<Handoff>>()
                };
                let by_hours = handoffs(Every::Hours(count(24 * days)));
                assert_eq!(by_hours, handoffs(Every::Days(count(days))), "{start} {days}");
                let weeks = handoffs(Every::Days(count(7 * days)));
                assert_eq!(weeks, handoffs(Every::Weeks(count(days))), "{start} {days}");
            }
        }
    }

    #[test]
    fn a_shift_over_an_hour_that_comes_twice_is_longer() {
        let hourly = |start: &str| Rotation { start: start.parse().expect(start), every: Every::Hours(count(1)) };
        for (start, zone, at, minutes) in [
            ("2020-10-01T01:00", "America/Chicago", "2020-11-01T06:10:00Z", 120),
            ("2020-10-01T01:00", "America/Chicago", "2020-11-01T07:10:00Z", 120),
            ("2021-04-01T01:30", "Australia/Lord_Howe", "2021-04-03T14:40:00Z", 90),
            // From 23:00 to 24:00 it takes two hours where the clock is put back at midnight.
            ("2018-02-01T23:00", "America/Sao_Paulo", "2018-02-18T01:30:00Z", 120),
        ] {
            let zone = TimeZone::get(zone).expect(zone);
            let rotation = hourly(start);
            let found: Vec<Handoff> =
                rotation.handoffs(&zone, Timestamp::parse_rfc3339(at).expect(at)).take(2).collect();
            assert_eq!(found[1].at.since(found[0].at).as_secs() / 60, minutes, "{at}");
        }
    }
}
