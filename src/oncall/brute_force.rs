//! Schedules held against another definition of the same: somebody who looks at the clock on the wall every thirty seconds.
//!
//! They hand over when the clock shows the time of the next handoff, or a later one, for the first time; hours of the day begin
//! in the same way, and end when the clock shows their end for the last time, or is past it without having shown it.

use std::num::NonZeroU32;
use std::time::Duration;

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;

use super::restriction::{DayTime, Restriction};
use super::rotation::{Every, Rotation};
use super::{Layer, Schedule};
use crate::model::Timestamp;

const STEP: Duration = Duration::from_secs(30);
/// How far around a change of the clock is looked.
const AROUND: Duration = Duration::from_secs(50 * 60 * 60);
/// How long the clock is watched before that, so that what it has shown is known.
const BEFORE: Duration = Duration::from_secs(3 * 24 * 60 * 60);
/// How many schedules are looked at.
const CASES: usize = 60;

/// Numbers that look random and are the same each time (an MMIX linear congruential generator).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % limit
    }

    fn pick<T: Clone>(&mut self, among: &[T]) -> T {
        among[self.below(among.len())].clone()
    }
}

/// The clock on the wall at every step.
struct Clock {
    steps: Vec<(Timestamp, DateTime)>,
}

impl Clock {
    fn watch(zone: &TimeZone, from: Timestamp, until: Timestamp) -> Clock {
        let mut steps = Vec::new();
        let mut at = from;
        while at < until {
            steps.push((at, zone.to_datetime(at.to_jiff().expect("a time of this century"))));
            at = at + STEP;
        }
        Clock { steps }
    }

    /// When it shows `wall` or later for the first time.
    fn reaches(&self, wall: DateTime) -> Option<Timestamp> {
        self.steps.iter().find(|(_, shown)| *shown >= wall).map(|(at, _)| *at)
    }

    /// When it shows `wall` for the last time, or is past it.
    fn leaves(&self, wall: DateTime) -> Option<Timestamp> {
        let last = self.steps.iter().rev().find(|(_, shown)| *shown == wall).map(|(at, _)| *at);
        last.or_else(|| self.reaches(wall))
    }
}

fn minutes(wall: DateTime) -> i64 {
    let days = (wall.date() - Date::constant(1970, 1, 1)).get_days();
    i64::from(days) * 1440 + i64::from(wall.hour()) * 60 + i64::from(wall.minute())
}

/// The number of the last handoff whose time is not after `wall`; negative before the first.
fn turn(rotation: &Rotation, wall: DateTime) -> i64 {
    let since = minutes(wall) - minutes(rotation.start);
    match &rotation.every {
        Every::Hours(hours) => since.div_euclid(60 * i64::from(hours.get())),
        Every::Days(days) => since.div_euclid(1440 * i64::from(days.get())),
        Every::Weeks(weeks) => since.div_euclid(7 * 1440 * i64::from(weeks.get())),
        Every::Months(months) => {
            let start = rotation.start;
            let month = |wall: DateTime| i64::from(wall.year()) * 12 + i64::from(wall.month()) - 1;
            // In shorter months the last day stands for the day of the start.
            let day = start.day().min(wall.days_in_month());
            let is_before = (wall.day(), wall.time()) < (day, start.time());
            (month(wall) - month(start) - i64::from(is_before)).div_euclid(i64::from(months.get()))
        }
        Every::Cron(_) => unreachable!("not among the cases"),
    }
}

fn some_restrictions(numbers: &mut Numbers) -> Vec<Restriction> {
    let weekdays = [Weekday::Monday, Weekday::Friday, Weekday::Saturday, Weekday::Sunday];
    let count = numbers.below(3);
    let time = |numbers: &mut Numbers| DayTime(15 * u16::try_from(numbers.below(20)).expect("small"));
    let one = |numbers: &mut Numbers| Restriction {
        weekdays: if numbers.below(2) == 0 { Vec::new() } else { vec![numbers.pick(&weekdays)] },
        start: time(numbers),
        end: DayTime(time(numbers).0 + if numbers.below(2) == 0 { 0 } else { 12 * 60 }),
    };
    (0..count).map(|_| one(numbers)).collect()
}

fn some_layer(numbers: &mut Numbers, before: DateTime) -> Layer {
    let count = NonZeroU32::new(u32::try_from(numbers.below(7)).expect("small") + 1).expect("not zero");
    let every = match numbers.below(6) {
        0..=2 => Every::Hours(count),
        3 => Every::Days(count),
        4 => Every::Weeks(count),
        _ => Every::Months(count),
    };
    let back = jiff::Span::new().hours(i64::try_from(numbers.below(24 * 400)).expect("small"));
    let quarter = i8::try_from(15 * numbers.below(4)).expect("small");
    let start = before.checked_sub(back).expect("a time").with().minute(quarter).second(0).subsec_nanosecond(0).build();
    Layer {
        name: "all".into(),
        from: None,
        until: None,
        rotation: Rotation { start: start.expect("a time"), every },
        turns: ["a", "b", "c"].map(|person| vec![person.to_owned()]).to_vec(),
        restrictions: some_restrictions(numbers),
        joins: false,
    }
}

/// Who is on call at each step by the clock on the wall, for steps from `from` on.
fn by_the_clock(layer: &Layer, clock: &Clock, from: Timestamp) -> Vec<(Timestamp, Option<String>)> {
    let days: Vec<Date> = {
        let mut days: Vec<Date> = clock.steps.iter().map(|(_, shown)| shown.date()).collect();
        days.dedup();
        let mut all: Vec<Date> =
            days.first().map(|first| first.series(jiff::Span::new().days(1)).take(10).collect()).unwrap_or_default();
        all.retain(|day| days.last().is_some_and(|last| day <= last));
        all
    };
    let wall = |day: Date, time: DayTime| day.at(0, 0, 0, 0) + jiff::Span::new().minutes(i64::from(time.0));
    let mut open = Vec::new();
    for day in &days {
        for restriction in &layer.restrictions {
            if !restriction.weekdays.is_empty() && !restriction.weekdays.contains(&day.weekday()) {
                continue;
            }
            let last_day = if restriction.end <= restriction.start { day.tomorrow().expect("a day") } else { *day };
            let begin = clock.reaches(wall(*day, restriction.start));
            let end = clock.leaves(wall(last_day, restriction.end)).unwrap_or(Timestamp::MAX);
            open.extend(begin.map(|begin| (begin, end)));
        }
    }
    let mut highest = None;
    let mut found = Vec::new();
    for (at, shown) in &clock.steps {
        highest = highest.max(Some(*shown));
        let number = turn(&layer.rotation, highest.expect("shown by now"));
        let is_open = layer.restrictions.is_empty() || open.iter().any(|(begin, end)| begin <= at && at < end);
        if *at >= from {
            let person =
                usize::try_from(number).ok().filter(|_| is_open).map(|number| layer.turns[number % 3][0].clone());
            found.push((*at, person));
        }
    }
    found
}

#[test]
fn shifts_are_what_the_clock_on_the_wall_says() {
    let mut numbers = Numbers(2020);
    let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
    assert!(names.len() > 400, "{} zones", names.len());
    let ten_years: jiff::Timestamp = "2016-01-01T00:00:00Z".parse().expect("a time");
    let mut looked_at = 0;
    let mut changes = 0;
    while looked_at < CASES {
        let name = numbers.pick(&names);
        let zone = TimeZone::get(&name).expect("a known zone");
        let all: Vec<jiff::Timestamp> = zone.following(ten_years).map(|change| change.timestamp()).take(24).collect();
        if all.is_empty() && numbers.below(20) != 0 {
            continue;
        }
        let change = if all.is_empty() { ten_years } else { numbers.pick(&all) };
        changes += usize::from(!all.is_empty());
        let change = Timestamp::from_millis(change.as_millisecond());
        let (from, until) = (change - AROUND, change + AROUND);
        let clock = Clock::watch(&zone, from - BEFORE, until + BEFORE);
        let before = zone.to_datetime(from.to_jiff().expect("a time"));
        let layer = some_layer(&mut numbers, before);
        let schedule = Schedule { name: "s".into(), zone, layers: vec![layer.clone()] };
        let shifts = schedule.shifts(from, until, &[]);
        let mut position = 0;
        for (at, person) in by_the_clock(&layer, &clock, from) {
            if at >= until {
                break;
            }
            while shifts[position].until <= at {
                position += 1;
            }
            let found = shifts[position].people.first();
            assert_eq!(found, person.as_ref(), "{name} at {at}: {layer:?}");
        }
        looked_at += 1;
    }
    assert!(changes > CASES / 2, "{changes} changes of the clock were looked at");
}
