//! `time_intervals`, and `mute_time_intervals` as the block was called before.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;

use crate::model::nearest;
use crate::route::{
    CalendarSpan, DayRange, MINUTES_PER_DAY, MonthRange, TimeInterval, TimeRange, WeekdayRange, YearRange,
};

use super::yaml::{Fields, Node, Reader, shorten};

/// The greatest number of time intervals, of stretches of one, and of ranges of one field.
const INTERVALS_MAX: usize = 1000;
const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Reads both blocks of the main file.
pub(super) fn time_intervals(fields: &mut Fields<'_>) -> Vec<TimeInterval> {
    let reader = fields.reader();
    let mut intervals: Vec<TimeInterval> = Vec::new();
    for block in ["mute_time_intervals", "time_intervals"] {
        for node in at_most(reader, fields.list(block)) {
            let Some(mut fields) = reader.fields(node, "a time interval") else { continue };
            let Some(name) = fields.need_text("name") else { continue };
            if intervals.iter().any(|known| known.name == name) {
                let message = format!("the time interval `{}` is defined twice", shorten(&name));
                fields.error_at("name", "config/duplicate", message);
            }
            let items = at_most(reader, fields.list("time_intervals"));
            let items = items.iter().filter_map(|node| reader.fields(node, "a stretch of time"));
            let items = items.map(calendar_span).collect();
            fields.finish();
            intervals.push(TimeInterval { name, items });
        }
    }
    intervals
}

fn at_most<'n, T: AsRef<Node>>(reader: &Reader<'_>, nodes: &'n [T]) -> &'n [T] {
    if let Some(node) = nodes.get(INTERVALS_MAX) {
        reader.error("config/limit", &node.as_ref().span, format!("more than {INTERVALS_MAX} items"));
    }
    &nodes[..nodes.len().min(INTERVALS_MAX)]
}

fn calendar_span(mut fields: Fields<'_>) -> CalendarSpan {
    let reader = fields.reader();
    let times = at_most(reader, fields.list("times"));
    let times = times.iter().filter_map(|node| reader.fields(node, "a range of times"));
    let span = CalendarSpan {
        times: times.filter_map(time_range).collect(),
        weekdays: ranges(&mut fields, "weekdays", weekday_range),
        days_of_month: ranges(&mut fields, "days_of_month", day_range),
        months: ranges(&mut fields, "months", month_range),
        years: ranges(&mut fields, "years", year_range),
        zone: zone(&mut fields),
    };
    fields.finish();
    span
}

/// A text that is no range: what is wrong, and how to mend it.
pub(super) struct NoRange {
    message: String,
    hint: Option<String>,
}

fn wrong(message: impl Into<String>, hint: Option<impl Into<String>>) -> NoRange {
    NoRange { message: message.into(), hint: hint.map(Into::into) }
}

/// The ranges that the field lists, each `first:last` or a single one.
pub(super) fn ranges<T>(
    fields: &mut Fields<'_>,
    name: &'static str,
    read: fn(&str, &str) -> Result<T, NoRange>,
) -> Vec<T> {
    let reader = fields.reader();
    let mut found = Vec::new();
    let texts = fields.texts(name).unwrap_or_default();
    if let Some((_, node)) = texts.get(INTERVALS_MAX) {
        reader.error("config/limit", &node.span, format!("more than {INTERVALS_MAX} items"));
    }
    for (text, node) in texts.into_iter().take(INTERVALS_MAX) {
        let (first, last) = text.split_once(':').unwrap_or((&text, &text));
        match read(first.trim(), last.trim()) {
            Ok(range) => found.push(range),
            Err(NoRange { message, hint }) => reader.error_hint("config/time-interval", &node.span, message, hint),
        }
    }
    found
}

/// The position of a name in `names`, whatever its case.
fn position(text: &str, names: &[&str], what: &str) -> Result<usize, NoRange> {
    let lower = text.to_ascii_lowercase();
    names.iter().position(|name| *name == lower).ok_or_else(|| {
        let hint = nearest(&lower, names.iter().copied()).map(|name| format!("did you mean `{name}`?"));
        wrong(format!("`{}` is no {what}", shorten(&text)), hint.or_else(|| Some(format!("as in `{}`", names[0]))))
    })
}

pub(super) fn weekday_range(first: &str, last: &str) -> Result<WeekdayRange, NoRange> {
    let day = |text: &str| {
        let position = position(text, &WEEKDAYS, "day of the week")?;
        let day = i8::try_from(position).ok().and_then(|offset| Weekday::from_monday_zero_offset(offset).ok());
        day.ok_or_else(|| wrong("no such day", None::<String>))
    };
    Ok(WeekdayRange { first: day(first)?, last: day(last)? })
}

fn month_range(first: &str, last: &str) -> Result<MonthRange, NoRange> {
    let month = |text: &str| match text.parse::<i8>() {
        Ok(number) if (1..=12).contains(&number) => Ok(number),
        Ok(_) => Err(wrong(format!("`{}` is no month", shorten(&text)), Some("months go from 1 to 12"))),
        Err(_) => {
            let position = position(text, &MONTHS, "month")?;
            i8::try_from(position + 1).map_err(|_| wrong("no such month", None::<String>))
        }
    };
    Ok(MonthRange { first: month(first)?, last: month(last)? })
}

fn day_range(first: &str, last: &str) -> Result<DayRange, NoRange> {
    let day = |text: &str| match text.parse::<i8>() {
        Ok(number) if number != 0 && (-31..=31).contains(&number) => Ok(number),
        _ => {
            let hint = "days go from 1 to 31, or from -31 to -1 as seen from the end of the month";
            Err(wrong(format!("`{}` is no day of the month", shorten(&text)), Some(hint)))
        }
    };
    let (first, last) = (day(first)?, day(last)?);
    if first < 0 && last > 0 {
        let hint = "count both from the end, or both from the beginning";
        return Err(wrong("a range that begins with a negative day must end with one", Some(hint)));
    }
    // From the beginning to a day before the end: the longest month decides whether there is such a day.
    let from_start = |day: i8| if day < 0 { 31 + day + 1 } else { day };
    if from_start(first) > from_start(last) {
        return Err(wrong("the last day comes before the first", Some("give two ranges")));
    }
    Ok(DayRange { first, last })
}

fn year_range(first: &str, last: &str) -> Result<YearRange, NoRange> {
    let year = |text: &str| {
        let year = text.parse::<i16>().ok().filter(|year| (1..=9999).contains(year));
        year.ok_or_else(|| wrong(format!("`{}` is no year", shorten(&text)), Some("as in `2026` or `2026:2028`")))
    };
    let (first, last) = (year(first)?, year(last)?);
    match first <= last {
        true => Ok(YearRange { first, last }),
        false => Err(wrong("the last year comes before the first", None::<String>)),
    }
}

/// The minute of the day that the field `name`, which must be there, gives as `09:30`.
pub(super) fn minute_field(fields: &mut Fields<'_>, name: &'static str) -> Option<u16> {
    let text = fields.need_text(name)?;
    let minute = minute_of_day(&text);
    if minute.is_none() {
        let hint = "write hours and minutes with two digits each, such as `09:30`";
        let span = fields.take(name).map_or(0..0, |node| node.span.clone());
        let message = format!("`{}` is no time of the day", shorten(&text));
        fields.reader().error_hint("config/time-interval", &span, message, Some(hint));
    }
    minute
}

fn time_range(mut fields: Fields<'_>) -> Option<TimeRange> {
    let (start, end) = (minute_field(&mut fields, "start_time"), minute_field(&mut fields, "end_time"));
    let range = match (start, end) {
        (Some(MINUTES_PER_DAY), _) => {
            fields.error_at("start_time", "config/time-interval", "a day ends at `24:00`; nothing starts there");
            None
        }
        (Some(start), Some(end)) if start == end => {
            let hint = Some("for whole days, leave out `times`");
            let span = fields.key_span("end_time");
            fields.reader().error_hint("config/time-interval", &span, "the end is the start", hint);
            None
        }
        (start, end) => start.zip(end).map(|(start, end)| TimeRange { start, end }),
    };
    fields.finish();
    range
}

/// `09:30` as minutes since midnight; `24:00` is the end of the day.
fn minute_of_day(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let two_digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !two_digits(hours) || !two_digits(minutes) {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    let minute = hours * 60 + minutes;
    (minutes < 60 && minute <= MINUTES_PER_DAY).then_some(minute)
}

/// The time zone that `location` names.
pub(super) fn zone(fields: &mut Fields<'_>) -> TimeZone {
    named_zone(fields, "location")
}

/// The time zone that the field `field` names; UTC without one.
pub(super) fn named_zone(fields: &mut Fields<'_>, field: &'static str) -> TimeZone {
    let Some(name) = fields.text(field).filter(|name| !name.is_empty()) else { return TimeZone::UTC };
    let zone = match name.as_str() {
        // A machine that does not say where it is runs by UTC.
        "Local" => Ok(TimeZone::system()),
        "UTC" => Ok(TimeZone::UTC),
        name => TimeZone::get(name),
    };
    zone.unwrap_or_else(|_| {
        let hint = "a name of the time zone database, such as `Europe/Berlin`";
        let span = fields.take(field).map_or(0..0, |node| node.span.clone());
        let message = format!("there is no time zone `{}`", shorten(&name));
        fields.reader().error_hint("config/time-zone", &span, message, Some(hint));
        TimeZone::UTC
    })
}
