//! Schedules held against another definition of the same: somebody who looks at the clock on the wall every thirty seconds.
//!
//! They hand over when the clock shows the time of the next handoff, or a later one, for the first time; hours of the day begin
//! in the same way, and end when the clock shows their end for the last time, or is past it without having shown it.
//!
//! Every clock of the world that was changed in ten years is looked at, around one of its changes.

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
/// The numbers from which the schedules are made up; another one by `WATCHBELL_SEED`.
const SEED: u64 = 2020;
/// How often each clock is looked at, with another change of it and another schedule; more often by `WATCHBELL_ROUNDS`.
const ROUNDS: u64 = 1;
/// The years whose changes of clocks are looked at.
const YEARS: (&str, &str) = ("2016-01-01T00:00:00Z", "2026-01-01T00:00:00Z");
/// Changes that are always looked at: clocks that skip a day, change at midnight, or by half an hour.
const ALWAYS: [(&str, &str); 8] = [
    ("Pacific/Apia", "2011-12-30T10:00:00Z"),
    ("Pacific/Kwajalein", "1993-08-21T12:00:00Z"),
    ("America/Havana", "2020-03-08T05:00:00Z"),
    ("America/Sao_Paulo", "2018-02-18T02:00:00Z"),
    ("America/Chicago", "2020-03-08T08:00:00Z"),
    ("America/Chicago", "2020-11-01T07:00:00Z"),
    ("Australia/Lord_Howe", "2020-10-03T15:30:00Z"),
    ("Australia/Lord_Howe", "2021-04-03T15:00:00Z"),
];

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
    let hours = NonZeroU32::new(numbers.pick(&[1, 2, 3, 5, 6, 7, 8, 11, 12, 24, 48, 50])).expect("not zero");
    let every = match numbers.below(6) {
        0..=2 => Every::Hours(hours),
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

/// A number of the environment.
fn setting(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(default, |text| text.parse().unwrap_or_else(|error| panic!("{name}: {error}")))
}

/// Every clock of the IANA's that was changed in these years, once, with its changes: many names mean the same clock.
fn clocks() -> Vec<(String, Vec<jiff::Timestamp>)> {
    let (first, last) = (YEARS.0.parse().expect("a time"), YEARS.1.parse().expect("a time"));
    let mut known = std::collections::BTreeSet::new();
    let mut found = Vec::new();
    let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
    assert!(names.len() > 400, "{} zones", names.len());
    for name in names {
        let zone = TimeZone::get(&name).expect("a known zone");
        let changes: Vec<(jiff::Timestamp, i32)> = zone
            .following(first)
            .map(|it| (it.timestamp(), it.offset().seconds()))
            .take_while(|it| it.0 < last)
            .collect();
        if !changes.is_empty() && known.insert((zone.to_offset(first).seconds(), changes.clone())) {
            found.push((name, changes.into_iter().map(|(at, _)| at).collect()));
        }
    }
    found
}

/// Holds some schedule against the clock on the wall, around a change of the clock.
fn look_at(name: &str, change: jiff::Timestamp, numbers: &mut Numbers) {
    let zone = TimeZone::get(name).expect("a known zone");
    let change = Timestamp::from_millis(change.as_millisecond());
    let (from, until) = (change - AROUND, change + AROUND);
    let clock = Clock::watch(&zone, from - BEFORE, until + BEFORE);
    let before = zone.to_datetime(from.to_jiff().expect("a time"));
    let layer = some_layer(numbers, before);
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
}

#[test]
fn shifts_are_what_the_clock_on_the_wall_says() {
    let (seed, rounds) = (setting("WATCHBELL_SEED", SEED), setting("WATCHBELL_ROUNDS", ROUNDS));
    println!("WATCHBELL_SEED={seed} WATCHBELL_ROUNDS={rounds}");
    let mut numbers = Numbers(seed);
    let clocks = clocks();
    assert!(clocks.len() > 50, "{} clocks were changed", clocks.len());
    for _ in 0..rounds {
        for (name, change) in ALWAYS {
            look_at(name, change.parse().expect("a time"), &mut numbers);
        }
        for (name, changes) in &clocks {
            let change = numbers.pick(changes);
            look_at(name, change, &mut numbers);
        }
    }
}
