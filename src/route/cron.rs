//! Moments that recur by the calendar, as `cron` writes them.

use std::str::FromStr;
use std::time::Duration;

use ::cron::{Schedule, TimeUnitSpec};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Zoned};

use crate::model::Timestamp;

/// How many days ahead the next moment is looked for: past the longest distance of two 29ths of February.
const DAYS_AHEAD_MAX: usize = 9 * 366;
const WEEKDAYS: [&str; 8] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// A `cron` expression of five fields (minute, hour, day of the month, month, day of the week), on the clock of a time zone.
///
/// Days of the week go from 0 (Sunday) to 7 (Sunday). Where both kinds of days are restricted either may hold, as in Vixie's
/// cron (<https://man7.org/linux/man-pages/man5/crontab.5.html>). A time that the clock skips counts as much later as it skips;
/// one that the clock shows twice counts once, the first time.
#[derive(Clone, Debug)]
pub struct Cron {
    text: String,
    schedule: Schedule,
    zone: TimeZone,
}

/// A text that is no `cron` expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CronError(String);

impl PartialEq for Cron {
    fn eq(&self, other: &Cron) -> bool {
        (&self.text, &self.zone) == (&other.text, &other.zone)
    }
}

impl Cron {
    /// Reads an expression.
    ///
    /// # Errors
    ///
    /// Text that is none.
    pub fn new(text: &str, zone: TimeZone) -> Result<Cron, CronError> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return Err(CronError(format!("`{text}` has {} fields, not the five of cron", fields.len())));
        };
        let weekday: Vec<String> = weekday.split(',').map(weekday_item).collect();
        let whole = format!("0 {minute} {hour} {day} {month} {}", weekday.join(","));
        let schedule = Schedule::from_str(&whole).map_err(|_| CronError(format!("`{text}` is no cron expression")))?;
        Ok(Cron { text: text.to_owned(), schedule, zone })
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
        if !self.takes(date) {
            return Vec::new();
        }
        let times =
            self.schedule.hours().iter().flat_map(|hour| self.schedule.minutes().iter().map(move |it| (hour, it)));
        let moment = |(hour, minute): (u32, u32)| {
            let (hour, minute) = (i8::try_from(hour).ok()?, i8::try_from(minute).ok()?);
            let at = date.at(hour, minute, 0, 0).to_zoned(self.zone.clone()).ok()?;
            Some(Timestamp::from_millis(at.timestamp().as_millisecond()))
        };
        times.filter_map(moment).collect()
    }

    fn takes(&self, date: Date) -> bool {
        let number = |number: i8| u32::try_from(number).unwrap_or_default();
        let (days, weekdays) = (self.schedule.days_of_month(), self.schedule.days_of_week());
        let day = days.includes(number(date.day()));
        let weekday = weekdays.includes(number(date.weekday().to_sunday_one_offset()));
        let either = !days.is_all() && !weekdays.is_all();
        self.schedule.months().includes(number(date.month())) && if either { day || weekday } else { day && weekday }
    }
}

/// Days of the week by name, so that numbers mean what they mean to cron: the schedule counts Sunday as 1.
fn weekday_item(item: &str) -> String {
    let (range, step) = item.split_once('/').map_or((item, None), |(range, step)| (range, Some(step)));
    let name = |text: &str| {
        let day = text.parse::<usize>().ok().and_then(|day| WEEKDAYS.get(day));
        day.map_or_else(|| text.to_owned(), |day| (*day).to_owned())
    };
    let range = match range.split_once('-') {
        // The week of the schedule ends with Saturday.
        Some((first, "7")) if step.is_none() => format!("{}-Sat,Sun", name(first)),
        Some((first, last)) => format!("{}-{}", name(first), name(last)),
        None => name(range),
    };
    step.map_or(range.clone(), |step| format!("{range}/{step}"))
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
    }

    #[test]
    fn what_is_no_expression() {
        for text in ["", "* * * *", "0 0 3 * * 6", "60 * * * *", "0 25 * * *", "0 0 0 * *", "0 0 * 13 *", "x * * * *"] {
            assert!(Cron::new(text, TimeZone::UTC).is_err(), "{text}");
        }
        assert_eq!(Cron::new("0 0 31 2 *", TimeZone::UTC).expect("valid").next(Timestamp::from_seconds(0)), None);
    }
}
