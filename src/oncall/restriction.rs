//! Hours of the day and days of the week in which a layer counts.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan};

use super::wall::{Occurrence, instant, shown};
use crate::model::Timestamp;

/// A time of the day in minutes after midnight, 0 to 1440.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DayTime(pub u16);

/// On these days, from one time to another; one whose end is not after its start ends on the day after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restriction {
    /// The days on which it begins; none for every day.
    pub weekdays: Vec<Weekday>,
    /// When it begins.
    pub start: DayTime,
    /// When it ends.
    pub end: DayTime,
}

impl Restriction {
    fn begins_on(&self, day: Date) -> bool {
        self.weekdays.is_empty() || self.weekdays.contains(&day.weekday())
    }

    /// The stretch that begins on `day`.
    fn stretch(&self, zone: &TimeZone, day: Date) -> Option<(Timestamp, Timestamp)> {
        let wall = |day: Date, time: DayTime| {
            let midnight = day.at(0, 0, 0, 0);
            midnight.checked_add(Span::new().try_minutes(time.0).ok()?).ok()
        };
        let last_day = if self.end <= self.start { day.checked_add(1.day()).ok()? } else { day };
        let from = instant(zone, wall(day, self.start)?, Occurrence::First)?;
        let until = instant(zone, wall(last_day, self.end)?, Occurrence::Last)?;
        Some((from, until))
    }
}

/// The stretches between `from` and `until` in which any of `restrictions` holds, in order and apart from one another; all of
/// it if there are none.
pub(super) fn stretches(
    restrictions: &[Restriction],
    zone: &TimeZone,
    from: Timestamp,
    until: Timestamp,
) -> Vec<(Timestamp, Timestamp)> {
    if restrictions.is_empty() {
        return vec![(from, until)];
    }
    let (Some(first), Some(last)) = (shown(zone, from), shown(zone, until)) else { return Vec::new() };
    // One that began two days ago may still last: days can be skipped.
    let first = first.date().checked_sub(2.days()).unwrap_or(first.date());
    let last = last.date().checked_add(1.day()).unwrap_or(last.date());
    let mut found = Vec::new();
    for day in first.series(1.day()).take_while(|day| *day <= last) {
        let beginning = restrictions.iter().filter(|restriction| restriction.begins_on(day));
        found.extend(beginning.filter_map(|restriction| restriction.stretch(zone, day)));
    }
    found.retain(|(begin, end)| *begin < until && *end > from && begin < end);
    found.sort_unstable();
    let mut joined: Vec<(Timestamp, Timestamp)> = Vec::with_capacity(found.len());
    for (begin, end) in found {
        let (begin, end) = (begin.max(from), end.min(until));
        match joined.last_mut() {
            Some((_, before)) if begin <= *before => *before = (*before).max(end),
            _ => joined.push((begin, end)),
        }
    }
    joined
}
