//! How an event recurs: every so many days, weeks, months or years.

use jiff::Span;
use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;

use super::line::ContentLine;
use super::{CalendarError, EventTime, cut, event_time};

/// The greatest distance and count.
const NUMBER_MAX: u32 = 10_000;
/// After how many periods in which there is nothing a rule is over: the 29th of February comes every eighth year at the latest.
const EMPTY_PERIODS_MAX: usize = 1_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frequency {
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

/// A rule by which an event recurs, on the wall clock of its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recurrence {
    frequency: Frequency,
    interval: u32,
    count: Option<u32>,
    /// The last time at which it may begin.
    until: Option<DateTime>,
    /// The days of the week; of a month with their number in it, negative from its end, 0 for all.
    weekdays: Vec<(i8, Weekday)>,
    /// The days of the month, negative from its end.
    month_days: Vec<i8>,
    months: Vec<i8>,
    week_start: Weekday,
}

fn weekday(text: &str) -> Option<Weekday> {
    let names = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
    let position = names.iter().position(|name| *name == text)?;
    Weekday::from_monday_zero_offset(i8::try_from(position).ok()?).ok()
}

/// `MO`, `2TU`, `-1FR`
fn numbered_weekday(text: &str) -> Option<(i8, Weekday)> {
    let split = text.len().checked_sub(2).filter(|split| text.is_char_boundary(*split))?;
    let (number, day) = text.split_at(split);
    let number = if number.is_empty() { 0 } else { number.parse().ok().filter(|n: &i8| (1..=5).contains(&n.abs()))? };
    Some((number, weekday(day)?))
}

fn list<T>(text: &str, read: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    text.split(',').map(read).collect()
}

impl Recurrence {
    /// Reads the rule of an event that begins at `start`.
    pub(super) fn read(line: &ContentLine, start: &EventTime) -> Result<Recurrence, CalendarError> {
        let error = |message: String| CalendarError::new(line.number, message);
        let text = line.value.to_ascii_uppercase();
        let mut frequency = None;
        let mut rule = Recurrence {
            frequency: Frequency::Daily,
            interval: 1,
            count: None,
            until: None,
            weekdays: Vec::new(),
            month_days: Vec::new(),
            months: Vec::new(),
            week_start: Weekday::Monday,
        };
        for part in text.split(';').filter(|part| !part.is_empty()) {
            let bad = || error(format!("`{}` is not understood in a rule of recurrence", cut(part)));
            let (name, value) = part.split_once('=').ok_or_else(bad)?;
            let number = || value.parse().ok().filter(|number| (1..=NUMBER_MAX).contains(number)).ok_or_else(bad);
            match name {
                "FREQ" => {
                    frequency = Some(match value {
                        "DAILY" => Frequency::Daily,
                        "WEEKLY" => Frequency::Weekly,
                        "MONTHLY" => Frequency::Monthly,
                        "YEARLY" => Frequency::Yearly,
                        _ => return Err(bad()),
                    });
                }
                "INTERVAL" => rule.interval = number()?,
                "COUNT" => rule.count = Some(number()?),
                "UNTIL" => rule.until = Some(until(line, value, start)?),
                "BYDAY" => rule.weekdays = list(value, numbered_weekday).ok_or_else(bad)?,
                "BYMONTHDAY" => {
                    let day = |text: &str| text.parse().ok().filter(|day: &i8| (1..=31).contains(&day.abs()));
                    rule.month_days = list(value, day).ok_or_else(bad)?;
                }
                "BYMONTH" => {
                    let month = |text: &str| text.parse().ok().filter(|month| (1..=12).contains(month));
                    rule.months = list(value, month).ok_or_else(bad)?;
                }
                "WKST" => rule.week_start = weekday(value).ok_or_else(bad)?,
                _ => return Err(bad()),
            }
        }
        rule.frequency = frequency.ok_or_else(|| error("a rule of recurrence needs `FREQ`".to_owned()))?;
        if rule.can_be_read() {
            return Ok(rule);
        }
        Err(error(format!("the rule of recurrence `{}` is more than is read; write single events", cut(&line.value))))
    }

    fn can_be_read(&self) -> bool {
        let plain_weekdays = self.weekdays.iter().all(|(number, _)| *number == 0);
        match self.frequency {
            Frequency::Daily => self.month_days.is_empty() && plain_weekdays,
            Frequency::Weekly => self.month_days.is_empty() && plain_weekdays,
            Frequency::Monthly => self.weekdays.is_empty() || self.month_days.is_empty(),
            // A weekday of a year is one of a month of it.
            Frequency::Yearly => self.weekdays.is_empty() || (self.month_days.is_empty() && !self.months.is_empty()),
        }
    }

    /// When an event begins whose first start is `start`: that, and the times that follow it by the rule. What is before `from`
    /// is left out where that is possible.
    pub(super) fn walls(&self, start: DateTime, from: DateTime) -> impl Iterator<Item = DateTime> + '_ {
        let mut empty = 0;
        // What is counted is counted from the first.
        let first = if self.count.is_some() { 0 } else { self.period(start.date(), from.date()) };
        let days = (first..u32::MAX).map_while(move |period| {
            let days = self.days(start.date(), period)?;
            empty = if days.is_empty() { empty + 1 } else { 0 };
            (empty <= EMPTY_PERIODS_MAX).then_some(days)
        });
        let following = days.flatten().map(move |day| day.to_datetime(start.time())).filter(move |wall| *wall > start);
        let count = self.count.map_or(usize::MAX, |count| usize::try_from(count).unwrap_or(usize::MAX));
        let until = self.until;
        let all = std::iter::once(start).chain(following).take(count);
        all.take_while(move |wall| until.is_none_or(|until| *wall <= until))
    }

    /// The number of a period that is not after `day`, and not long before it.
    fn period(&self, start: Date, day: Date) -> u32 {
        let days = i64::from((day - start).get_days());
        let months = i64::from(day.year() - start.year()) * 12 + i64::from(day.month() - start.month());
        let periods = match self.frequency {
            Frequency::Daily => days,
            Frequency::Weekly => days / 7,
            Frequency::Monthly => months,
            Frequency::Yearly => months / 12,
        };
        u32::try_from(periods / i64::from(self.interval) - 1).unwrap_or(0)
    }

    /// The days of a period in order; `None` beyond the years that can be told.
    fn days(&self, start: Date, period: u32) -> Option<Vec<Date>> {
        let by = i64::from(period) * i64::from(self.interval);
        let in_months = |day: &Date| self.months.is_empty() || self.months.contains(&day.month());
        let mut days = match self.frequency {
            Frequency::Daily => {
                let day = start.checked_add(Span::new().try_days(by).ok()?).ok()?;
                let is_wanted =
                    self.weekdays.is_empty() || self.weekdays.iter().any(|(_, wanted)| *wanted == day.weekday());
                if is_wanted { vec![day] } else { Vec::new() }
            }
            Frequency::Weekly => {
                let first = i64::from(self.week_start.until(start.weekday()));
                let offset = |weekday: Weekday| i64::from(self.week_start.until(weekday));
                let mut offsets: Vec<i64> = self.weekdays.iter().map(|(_, weekday)| offset(*weekday)).collect();
                if offsets.is_empty() {
                    offsets.push(first);
                }
                let monday = start.checked_add(Span::new().try_days(by * 7 - first).ok()?).ok()?;
                let day = |offset: i64| monday.checked_add(Span::new().days(offset)).ok();
                offsets.into_iter().map(day).collect::<Option<Vec<Date>>>()?
            }
            Frequency::Monthly => {
                let month = start.first_of_month().checked_add(Span::new().try_months(by).ok()?).ok()?;
                self.days_of_month(month, start.day())
            }
            Frequency::Yearly => {
                let year = start.first_of_year().checked_add(Span::new().try_years(by).ok()?).ok()?;
                let months = if self.months.is_empty() { vec![start.month()] } else { self.months.clone() };
                let month = |month: i8| Date::new(year.year(), month, 1).ok();
                months.into_iter().filter_map(month).flat_map(|month| self.days_of_month(month, start.day())).collect()
            }
        };
        days.retain(in_months);
        days.sort_unstable();
        days.dedup();
        Some(days)
    }

    /// The days of the month that begins with `first`; without a word of them, the one with the number `own`.
    fn days_of_month(&self, first: Date, own: i8) -> Vec<Date> {
        let last = first.days_in_month();
        let nth = |day: i8| if day < 0 { last + 1 + day } else { day };
        let day = |day: i8| Date::new(first.year(), first.month(), nth(day)).ok();
        if self.weekdays.is_empty() {
            let wanted = if self.month_days.is_empty() { vec![own] } else { self.month_days.clone() };
            return wanted.into_iter().filter_map(day).collect();
        }
        let mut days = Vec::new();
        for (number, weekday) in &self.weekdays {
            match number {
                0 => days.extend((1..=last).filter_map(day).filter(|day| day.weekday() == *weekday)),
                number => days.extend(first.nth_weekday_of_month(*number, *weekday).ok()),
            }
        }
        days
    }
}

/// The last time at which an event may begin, by the clock of its start.
fn until(line: &ContentLine, value: &str, start: &EventTime) -> Result<DateTime, CalendarError> {
    let until = event_time(line, value)?;
    if until.is_day {
        return Ok(until.wall.date().at(23, 59, 59, 0));
    }
    // Without a zone of its own, it is floating as the start is; in UTC, it is to be told by the clock of the start.
    let until = match (&start.zone, &until.zone) {
        (None, Some(_)) => EventTime { zone: Some(TimeZone::UTC), ..until },
        _ => until,
    };
    start.same_clock(&until).ok_or_else(|| CalendarError::new(line.number, "the end of the rule is too far away"))
}
