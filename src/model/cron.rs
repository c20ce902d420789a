//! Times that recur by the calendar, as `cron` writes them.

use std::str::FromStr;

use ::cron::{Schedule, TimeUnitSpec};
use jiff::civil::{Date, DateTime};

/// How many days ahead the next time is looked for: past the longest distance of two 29ths of February.
const DAYS_AHEAD_MAX: usize = 9 * 366;
const WEEKDAYS: [&str; 8] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// A `cron` expression of five fields (minute, hour, day of the month, month, day of the week), whose times are those of a
/// clock on the wall.
///
/// Days of the week go from 0 (Sunday) to 7 (Sunday). Where both kinds of days are restricted either may hold, as in Vixie's
/// cron (<https://man7.org/linux/man-pages/man5/crontab.5.html>).
#[derive(Clone, Debug)]
pub struct WallCron {
    text: String,
    schedule: Box<Schedule>,
}

/// A text that is no `cron` expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CronError(String);

impl PartialEq for WallCron {
    fn eq(&self, other: &WallCron) -> bool {
        self.text == other.text
    }
}

impl FromStr for WallCron {
    type Err = CronError;

    fn from_str(text: &str) -> Result<WallCron, CronError> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return Err(CronError(format!("`{text}` has {} fields, not the five of cron", fields.len())));
        };
        let weekday: Vec<String> = weekday.split(',').map(weekday_item).collect();
        let whole = format!("0 {minute} {hour} {day} {month} {}", weekday.join(","));
        let schedule = Schedule::from_str(&whole).map_err(|_| CronError(format!("`{text}` is no cron expression")))?;
        Ok(WallCron { text: text.to_owned(), schedule: Box::new(schedule) })
    }
}

impl WallCron {
    /// The expression as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its times on a day, in order.
    pub fn on(&self, date: Date) -> Vec<DateTime> {
        if !self.takes(date) {
            return Vec::new();
        }
        let times =
            self.schedule.hours().iter().flat_map(|hour| self.schedule.minutes().iter().map(move |it| (hour, it)));
        let time =
            |(hour, minute): (u32, u32)| Some(date.at(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0));
        times.filter_map(time).collect()
    }

    /// Its times after `wall`, in order.
    pub fn after(&self, wall: DateTime) -> impl Iterator<Item = DateTime> + '_ {
        let mut empty_days = 0;
        let days = std::iter::successors(Some(wall.date()), |day| day.tomorrow().ok());
        let of_days = days.map(|day| self.on(day)).take_while(move |times| {
            empty_days = if times.is_empty() { empty_days + 1 } else { 0 };
            empty_days < DAYS_AHEAD_MAX
        });
        of_days.flatten().skip_while(move |time| *time <= wall)
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
    fn days_are_those_of_crontab() {
        let from: DateTime = "2024-01-01T00:00".parse().expect("a Monday");
        for (text, expected) in [
            ("0 9 * * 0", "2024-01-07T09:00:00 2024-01-14T09:00:00"),
            ("0 9 * * 7", "2024-01-07T09:00:00 2024-01-14T09:00:00"),
            ("0 9 * * 1-5", "2024-01-01T09:00:00 2024-01-02T09:00:00"),
            ("0 9 * * Mon", "2024-01-01T09:00:00 2024-01-08T09:00:00"),
            ("30 8 1 * *", "2024-01-01T08:30:00 2024-02-01T08:30:00"),
            ("0 9 * * 6-7", "2024-01-06T09:00:00 2024-01-07T09:00:00"),
            ("0 9 3 * Mon", "2024-01-01T09:00:00 2024-01-03T09:00:00"),
            ("0 0 29 2 *", "2024-02-29T00:00:00 2028-02-29T00:00:00"),
            ("0 0 1 * *", "2024-02-01T00:00:00 2024-03-01T00:00:00"),
        ] {
            let cron: WallCron = text.parse().expect(text);
            let found: Vec<String> = cron.after(from).take(2).map(|wall| wall.to_string()).collect();
            assert_eq!(found.join(" "), expected, "{text}");
        }
        let never: WallCron = "0 0 31 2 *".parse().expect("valid");
        assert_eq!(never.after(from).next(), None);
    }

    #[test]
    fn what_is_no_expression() {
        for (text, part) in [
            ("9 * * *", "4 fields"),
            ("0 0 3 * * 6", "6 fields"),
            ("", "0 fields"),
            ("0 25 * * *", "no cron expression"),
            ("60 * * * *", "no cron expression"),
            ("0 0 0 * *", "no cron expression"),
            ("0 0 * 13 *", "no cron expression"),
            ("0 9 * * 8", "no cron expression"),
            ("x * * * *", "no cron expression"),
        ] {
            let error = text.parse::<WallCron>().expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
