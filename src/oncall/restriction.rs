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

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> DayTime {
        let (hours, minutes) = text.split_once(':').expect(text);
        DayTime(hours.parse::<u16>().expect(text) * 60 + minutes.parse::<u16>().expect(text))
    }

    #[test]
    fn hours_of_days_on_which_the_clock_changes() {
        for (zone, weekdays, start, end, from, until, expected) in [
            // Over midnight, and on one day of the week.
            (
                "UTC",
                vec![],
                "22:00",
                "06:00",
                "2020-03-07T12:00:00Z",
                "2020-03-08T12:00:00Z",
                "2020-03-07T22:00:00Z/2020-03-08T06:00:00Z",
            ),
            (
                "UTC",
                vec![Weekday::Saturday],
                "00:00",
                "24:00",
                "2020-03-01T00:00:00Z",
                "2020-03-10T00:00:00Z",
                "2020-03-07T00:00:00Z/2020-03-08T00:00:00Z",
            ),
            // What begins when no clock shows it begins after the jump; what ends then ends there too.
            (
                "America/Chicago",
                vec![],
                "02:30",
                "05:00",
                "2020-03-08T06:00:00Z",
                "2020-03-08T23:00:00Z",
                "2020-03-08T08:00:00Z/2020-03-08T10:00:00Z",
            ),
            (
                "America/Chicago",
                vec![],
                "00:00",
                "02:30",
                "2020-03-08T05:00:00Z",
                "2020-03-08T23:00:00Z",
                "2020-03-08T06:00:00Z/2020-03-08T08:00:00Z",
            ),
            ("America/Chicago", vec![], "02:10", "02:50", "2020-03-08T05:00:00Z", "2020-03-08T23:00:00Z", ""),
            // Of a time that is there twice, the first begins and the last ends.
            (
                "America/Chicago",
                vec![],
                "01:30",
                "05:00",
                "2020-11-01T05:00:00Z",
                "2020-11-01T23:00:00Z",
                "2020-11-01T06:30:00Z/2020-11-01T11:00:00Z",
            ),
            (
                "America/Chicago",
                vec![],
                "00:00",
                "01:30",
                "2020-11-01T05:00:00Z",
                "2020-11-01T23:00:00Z",
                "2020-11-01T05:00:00Z/2020-11-01T07:30:00Z",
            ),
            (
                "Australia/Lord_Howe",
                vec![],
                "01:45",
                "03:00",
                "2021-04-03T13:00:00Z",
                "2021-04-04T05:00:00Z",
                "2021-04-03T14:45:00Z/2021-04-03T16:30:00Z",
            ),
            // No midnight, and a day that is not there.
            (
                "America/Havana",
                vec![],
                "00:00",
                "06:00",
                "2020-03-08T03:00:00Z",
                "2020-03-08T20:00:00Z",
                "2020-03-08T05:00:00Z/2020-03-08T10:00:00Z",
            ),
            (
                "Pacific/Apia",
                vec![],
                "22:00",
                "06:00",
                "2011-12-30T00:00:00Z",
                "2011-12-31T00:00:00Z",
                "2011-12-30T08:00:00Z/2011-12-30T16:00:00Z",
            ),
            (
                "Pacific/Apia",
                vec![Weekday::Friday],
                "08:00",
                "20:00",
                "2011-12-28T00:00:00Z",
                "2012-01-05T00:00:00Z",
                "",
            ),
        ] {
            let restriction = Restriction { weekdays, start: time(start), end: time(end) };
            let at = |text: &str| Timestamp::parse_rfc3339(text).expect(text);
            let found = stretches(&[restriction], &TimeZone::get(zone).expect(zone), at(from), at(until));
            let found: Vec<String> = found.iter().map(|(begin, end)| format!("{begin}/{end}")).collect();
            assert_eq!(found.join(" "), expected, "{zone} {start} {end}");
        }
    }

    #[test]
    fn what_follows_one_another_leaves_no_gap() {
        let zone = TimeZone::get("America/Chicago").expect("known");
        let both = [("22:00", "01:30"), ("01:30", "22:00")].map(|(start, end)| Restriction {
            weekdays: Vec::new(),
            start: time(start),
            end: time(end),
        });
        let at = |text: &str| Timestamp::parse_rfc3339(text).expect(text);
        let (from, until) = (at("2020-10-25T00:00:00Z"), at("2020-11-10T00:00:00Z"));
        assert_eq!(stretches(&both, &zone, from, until), [(from, until)]);
    }
}
