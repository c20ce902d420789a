//! Named stretches of the calendar, such as business hours.
//!
//! As in Alertmanager (<https://prometheus.io/docs/alerting/latest/configuration/#time_interval>), but that times may reach over
//! midnight, and weekdays and months over the end of the week and of the year.

use std::time::Duration;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

use crate::model::Timestamp;

/// How far ahead [`TimeInterval::next_start`] looks.
pub const NEXT_START_WITHIN: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// The minutes of a day.
pub const MINUTES_PER_DAY: u16 = 24 * 60;

/// A name for moments: those that lie in any of its items.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeInterval {
    /// How routes name it.
    pub name: String,
    /// Its stretches.
    pub items: Vec<CalendarSpan>,
}

impl TimeInterval {
    /// Whether `at` lies in it.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.items.iter().any(|item| item.contains(at))
    }

    /// When it begins next after `after`, be it in it then or not; `None` if not within [`NEXT_START_WITHIN`].
    pub fn next_start(&self, after: Timestamp) -> Option<Timestamp> {
        let begins =
            |at: &Timestamp| *at > after && self.contains(*at) && !self.contains(*at - Duration::from_millis(1));
        let starts = self.items.iter().filter_map(|item| item.candidates(after).filter(begins).min());
        starts.min().filter(|start| *start <= after + NEXT_START_WITHIN)
    }
}

/// A stretch of the calendar: the moments that satisfy every field; an empty field is satisfied by all.
#[derive(Clone, Debug, PartialEq)]
pub struct CalendarSpan {
    /// Times of the day.
    pub times: Vec<TimeRange>,
    /// Days of the week.
    pub weekdays: Vec<WeekdayRange>,
    /// Days of the month.
    pub days_of_month: Vec<DayRange>,
    /// Months.
    pub months: Vec<MonthRange>,
    /// Years.
    pub years: Vec<YearRange>,
    /// Whose clock and calendar count.
    pub zone: TimeZone,
}

impl Default for CalendarSpan {
    /// All time, in UTC.
    fn default() -> Self {
        CalendarSpan {
            times: Vec::new(),
            weekdays: Vec::new(),
            days_of_month: Vec::new(),
            months: Vec::new(),
            years: Vec::new(),
            zone: TimeZone::UTC,
        }
    }
}

/// Minutes of a day, from `start` until before `end`; over midnight when `end` is not after `start`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRange {
    /// Minutes since midnight, 0 to 1439.
    pub start: u16,
    /// Minutes since midnight, 0 to 1440.
    pub end: u16,
}

/// Days of the week, both included; over Sunday when the last comes before the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeekdayRange {
    /// The first.
    pub first: Weekday,
    /// The last.
    pub last: Weekday,
}

/// Days of the month, both included: 1 is the first, -1 the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayRange {
    /// The first, never 0.
    pub first: i8,
    /// The last, never 0.
    pub last: i8,
}

/// Months, both included; over the turn of the year when the last comes before the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MonthRange {
    /// 1 to 12.
    pub first: i8,
    /// 1 to 12.
    pub last: i8,
}

/// Years, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct YearRange {
    /// The first.
    pub first: i16,
    /// The last.
    pub last: i16,
}

impl CalendarSpan {
    /// Whether `at` lies in it. What reaches over midnight belongs to the day on which it began.
    pub fn contains(&self, at: Timestamp) -> bool {
        // A moment without a calendar lies in nothing that names a part of one.
        let Some(moment) = at.to_jiff() else { return false };
        let local = self.zone.to_datetime(moment);
        let (today, minute) = (local.date(), minute_of_day(local.hour(), local.minute()));
        if self.times.is_empty() {
            return self.contains_day(today);
        }
        self.times.iter().any(|times| {
            let began_today = minute >= times.start && (minute < times.end || times.is_over_midnight());
            let began_yesterday = times.is_over_midnight() && minute < times.end;
            (began_today && self.contains_day(today))
                || (began_yesterday && today.yesterday().is_ok_and(|yesterday| self.contains_day(yesterday)))
        })
    }

    /// Moments from `after` on, and some before, among which are all at which it can begin within [`NEXT_START_WITHIN`].
    fn candidates(&self, after: Timestamp) -> impl Iterator<Item = Timestamp> {
        // The day before may come again where clocks go back over midnight.
        let first = after.to_jiff().and_then(|moment| self.zone.to_datetime(moment).date().yesterday().ok());
        let days = first.into_iter().flat_map(|first| first.series(jiff::Span::new().days(1)));
        let days = days.take(NEXT_START_WITHIN.as_secs() as usize / 86_400 + 3).filter(|day| self.contains_day(*day));
        let midnight = self.times.is_empty().then_some(0);
        let minutes: Vec<u16> = self.times.iter().map(|times| times.start).chain(midnight).collect();
        let starts = days.flat_map(move |day| {
            minutes.clone().into_iter().flat_map(move |minute| {
                // A wall-clock time that comes twice begins what it begins twice; one that is left out, at the jump.
                let time = Time::new((minute / 60) as i8, (minute % 60) as i8, 0, 0).ok();
                let wall = time.map(|time| self.zone.to_ambiguous_timestamp(day.to_datetime(time)));
                let both = wall.map(|wall| [wall.earlier(), wall.later()]);
                both.into_iter().flatten().flatten()
            })
        });
        let end = (after + NEXT_START_WITHIN).to_jiff();
        let jumps = after.to_jiff().map(|after| self.zone.following(after));
        let jumps = jumps.into_iter().flatten().map(|jump| jump.timestamp());
        let jumps = jumps.take_while(move |jump| end.is_some_and(|end| *jump <= end));
        jumps.chain(starts).map(|moment| Timestamp::from_millis(moment.as_millisecond()))
    }

    fn contains_day(&self, day: Date) -> bool {
        let holds = |count: usize, any: bool| count == 0 || any;
        holds(self.weekdays.len(), self.weekdays.iter().any(|range| range.contains(day.weekday())))
            && holds(self.days_of_month.len(), self.days_of_month.iter().any(|range| range.contains(day)))
            && holds(self.months.len(), self.months.iter().any(|range| range.contains(day.month())))
            && holds(self.years.len(), self.years.iter().any(|range| range.contains(day.year())))
    }
}

impl TimeRange {
    fn is_over_midnight(self) -> bool {
        self.end <= self.start
    }
}

impl WeekdayRange {
    fn contains(self, day: Weekday) -> bool {
        let number = |day: Weekday| day.to_monday_zero_offset();
        is_between(number(day), number(self.first), number(self.last))
    }
}

impl DayRange {
    fn contains(self, day: Date) -> bool {
        let length = day.days_in_month();
        let from_start = |day: i8| if day < 0 { length + day + 1 } else { day };
        (from_start(self.first)..=from_start(self.last)).contains(&day.day())
    }
}

impl MonthRange {
    fn contains(self, month: i8) -> bool {
        is_between(month, self.first, self.last)
    }
}

impl YearRange {
    fn contains(self, year: i16) -> bool {
        (self.first..=self.last).contains(&year)
    }
}

/// Whether `value` lies from `first` to `last` on a circle.
fn is_between(value: i8, first: i8, last: i8) -> bool {
    if first <= last { (first..=last).contains(&value) } else { value >= first || value <= last }
}

fn minute_of_day(hour: i8, minute: i8) -> u16 {
    u16::from(hour.unsigned_abs()) * 60 + u16::from(minute.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).expect(text)
    }

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).expect(name)
    }

    #[test]
    fn moments_inside_and_outside() {
        let hours = |start: u16, end: u16| vec![TimeRange { start: start * 60, end: end * 60 }];
        let working_week = vec![WeekdayRange { first: Weekday::Monday, last: Weekday::Friday }];
        let weekend = vec![WeekdayRange { first: Weekday::Saturday, last: Weekday::Monday }];
        let business = CalendarSpan { times: hours(9, 17), weekdays: working_week.clone(), ..CalendarSpan::default() };
        let friday_night = CalendarSpan {
            times: hours(22, 6),
            weekdays: vec![WeekdayRange { first: Weekday::Friday, last: Weekday::Friday }],
            ..CalendarSpan::default()
        };
        let last_days =
            CalendarSpan { days_of_month: vec![DayRange { first: -3, last: -1 }], ..CalendarSpan::default() };
        let late_days =
            CalendarSpan { days_of_month: vec![DayRange { first: 30, last: 31 }], ..CalendarSpan::default() };
        let winter = CalendarSpan { months: vec![MonthRange { first: 11, last: 2 }], ..CalendarSpan::default() };
        let one_year = CalendarSpan { years: vec![YearRange { first: 2026, last: 2026 }], ..CalendarSpan::default() };
        let berlin = CalendarSpan { times: hours(9, 17), zone: zone("Europe/Berlin"), ..CalendarSpan::default() };
        let all_day = CalendarSpan { times: hours(0, 24), ..CalendarSpan::default() };
        for (span, moment, expected) in [
            (&business, "2026-11-20T09:00:00Z", true),
            (&business, "2026-11-20T16:59:59Z", true),
            (&business, "2026-11-20T17:00:00Z", false),
            (&business, "2026-11-21T12:00:00Z", false),
            (&friday_night, "2026-11-20T23:00:00Z", true),
            (&friday_night, "2026-11-21T05:59:00Z", true),
            (&friday_night, "2026-11-21T06:00:00Z", false),
            (&friday_night, "2026-11-21T23:00:00Z", false),
            (&friday_night, "2026-11-20T05:00:00Z", false),
            (&last_days, "2026-02-26T12:00:00Z", true),
            (&last_days, "2026-02-25T12:00:00Z", false),
            (&late_days, "2026-02-28T12:00:00Z", false),
            (&late_days, "2026-04-30T12:00:00Z", true),
            (&winter, "2026-01-01T00:00:00Z", true),
            (&winter, "2026-03-01T00:00:00Z", false),
            (&one_year, "2026-12-31T23:59:59Z", true),
            (&one_year, "2027-01-01T00:00:00Z", false),
            (&berlin, "2026-07-01T07:00:00Z", true),
            (&berlin, "2026-01-01T07:00:00Z", false),
            (&all_day, "2026-01-01T23:59:00Z", true),
        ] {
            assert_eq!(span.contains(at(moment)), expected, "{moment} {span:?}");
        }
        let interval = TimeInterval {
            name: "off".to_owned(),
            items: vec![CalendarSpan { weekdays: weekend, ..CalendarSpan::default() }, friday_night],
        };
        assert!(interval.contains(at("2026-11-23T12:00:00Z")) && interval.contains(at("2026-11-20T22:00:00Z")));
        assert!(!interval.contains(at("2026-11-24T12:00:00Z")));
        assert!(!interval.contains(Timestamp::MAX), "no calendar, no interval");
    }

    /// The first minute after `after`, looking at each of them, at which it begins.
    fn next_start_by_minutes(interval: &TimeInterval, after: Timestamp, minutes: i64) -> Option<Timestamp> {
        let first = after.millis().div_euclid(60_000) + 1;
        let minute = |number: i64| Timestamp::from_millis(number * 60_000);
        (first..first + minutes)
            .find(|number| interval.contains(minute(*number)) && !interval.contains(minute(number - 1)))
            .map(minute)
    }

    #[test]
    fn the_next_start() {
        let times = |start: u16, end: u16| vec![TimeRange { start, end }];
        let weekdays = |first, last| vec![WeekdayRange { first, last }];
        let span = CalendarSpan::default;
        let working_week = weekdays(Weekday::Monday, Weekday::Friday);
        let business = CalendarSpan { times: times(9 * 60, 17 * 60), weekdays: working_week.clone(), ..span() };
        let working_days = CalendarSpan { weekdays: working_week, ..span() };
        let evening = CalendarSpan { times: times(17 * 60, 20 * 60), ..span() };
        let berlin = CalendarSpan { times: times(9 * 60, 17 * 60), zone: zone("Europe/Berlin"), ..span() };
        let in_the_gap = CalendarSpan { times: times(150, 200), zone: zone("America/Chicago"), ..span() };
        let twice = CalendarSpan { times: times(75, 105), zone: zone("America/Chicago"), ..span() };
        let next_year = CalendarSpan { years: vec![YearRange { first: 2027, last: 2027 }], ..span() };
        let past = CalendarSpan { years: vec![YearRange { first: 2020, last: 2020 }], ..span() };
        for (items, after, expected) in [
            (vec![business.clone()], "2026-11-20T08:00:30Z", Some("2026-11-20T09:00:00Z")),
            (vec![business.clone()], "2026-11-20T09:00:00Z", Some("2026-11-23T09:00:00Z")),
            (vec![business.clone()], "2026-11-20T12:00:00Z", Some("2026-11-23T09:00:00Z")),
            (vec![working_days], "2026-11-18T12:00:00Z", Some("2026-11-23T00:00:00Z")),
            (vec![business, evening], "2026-11-20T12:00:00Z", Some("2026-11-21T17:00:00Z")),
            (vec![berlin.clone()], "2026-03-28T12:00:00Z", Some("2026-03-29T07:00:00Z")),
            (vec![berlin], "2026-03-27T12:00:00Z", Some("2026-03-28T08:00:00Z")),
            (vec![in_the_gap], "2020-03-08T07:00:00Z", Some("2020-03-08T08:00:00Z")),
            (vec![twice], "2020-11-01T06:20:00Z", Some("2020-11-01T07:15:00Z")),
            (vec![next_year.clone()], "2026-11-20T12:00:00Z", Some("2027-01-01T00:00:00Z")),
            (vec![next_year], "2026-07-20T12:00:00Z", None),
            (vec![past], "2026-11-20T12:00:00Z", None),
            (vec![span()], "2026-11-20T12:00:00Z", None),
            (vec![], "2026-11-20T12:00:00Z", None),
        ] {
            let interval = TimeInterval { name: "x".to_owned(), items };
            let found = interval.next_start(at(after));
            assert_eq!(found, expected.map(at), "{after} {interval:?}");
        }
        assert_eq!(TimeInterval { name: "x".to_owned(), items: vec![span()] }.next_start(Timestamp::MAX), None);
    }

    fn any_span() -> impl Strategy<Value = CalendarSpan> {
        let zones = ["UTC", "America/Chicago", "Australia/Lord_Howe", "America/Asuncion", "Africa/Cairo"];
        let times = prop::collection::vec((0..1440_u16, 0..=1440_u16), 0..3);
        let weekdays = prop::option::of((0..7_i8, 0..7_i8));
        (times, weekdays, prop::sample::select(zones.to_vec())).prop_map(|(times, weekdays, name)| {
            let day = |number| Weekday::from_monday_zero_offset(number).expect("a day");
            CalendarSpan {
                times: times.into_iter().map(|(start, end)| TimeRange { start, end }).collect(),
                weekdays: weekdays
                    .map(|(first, last)| WeekdayRange { first: day(first), last: day(last) })
                    .into_iter()
                    .collect(),
                zone: zone(name),
                ..CalendarSpan::default()
            }
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_next_start_is_what_a_look_at_each_minute_finds(
            items in prop::collection::vec(any_span(), 1..3),
            hours in 0..24 * 365_i64,
        ) {
            let interval = TimeInterval { name: "x".to_owned(), items };
            let after = Timestamp::from_seconds(1_767_225_600 + hours * 3600);
            let week = 8 * 24 * 60;
            let found = interval.next_start(after).filter(|start| *start <= after + Duration::from_secs(week as u64 * 60));
            prop_assert_eq!(found, next_start_by_minutes(&interval, after, week));
        }
    }
}
