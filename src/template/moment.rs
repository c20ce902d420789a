//! Go's `time.Time` and `time.Duration` as templates use them: printing, layouts, reading.

use std::sync::Arc;

use jiff::Zoned;
use jiff::civil::{Date, Time};
use jiff::tz::{Offset, TimeZone};

use super::error::TemplateError;
use crate::model::Timestamp;

/// The layout of `time.Time`'s own text.
const TEXT_LAYOUT: &str = "2006-01-02 15:04:05.999999999 -0700 MST";

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// `at` in UTC; times beyond the calendar become Go's zero time.
pub(super) fn from_timestamp(at: Timestamp) -> Arc<Zoned> {
    at.to_jiff().map_or_else(zero, |at| Arc::new(at.to_zoned(TimeZone::UTC)))
}

/// Go's zero time, 1 January of the year 1.
pub(super) fn zero() -> Arc<Zoned> {
    let midnight = Date::constant(1, 1, 1).to_datetime(Time::midnight());
    Arc::new(Offset::UTC.to_timestamp(midnight).unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_zoned(TimeZone::UTC))
}

/// Whether `time` is Go's zero time.
pub(super) fn is_zero(time: &Zoned) -> bool {
    time.timestamp() == zero().timestamp()
}

/// Seconds since 1970 as a time in UTC, cut to milliseconds as Prometheus does.
///
/// # Errors
///
/// A time that 64 bits of nanoseconds cannot hold.
pub(super) fn from_seconds(seconds: f64) -> Result<Arc<Zoned>, TemplateError> {
    let nanos = seconds * 1e9;
    if nanos.is_nan() || nanos.abs() >= 9_223_372_036_854_775_808.0 {
        return Err(TemplateError::new(format!(
            "{} cannot be represented as a nanoseconds timestamp since it overflows int64",
            crate::model::FloatForm::General.text(seconds)
        )));
    }
    Ok(from_timestamp(Timestamp::from_millis((nanos as i64) / 1_000_000)))
}

/// The time as Go prints it.
pub(super) fn time_text(time: &Zoned) -> String {
    format(time, TEXT_LAYOUT)
}

/// The name of a month, from 1.
pub(super) fn month_name(month: i8) -> &'static str {
    usize::try_from(month - 1).ok().and_then(|at| MONTHS.get(at)).copied().unwrap_or("January")
}

/// The name of a weekday, Sunday being 0.
pub(super) fn weekday_name(weekday: i8) -> &'static str {
    usize::try_from(weekday).ok().and_then(|at| WEEKDAYS.get(at)).copied().unwrap_or("Sunday")
}

/// A duration as Go prints it: `1h2m3.5s`, `1.5ms`, `0s`.
pub(super) fn duration_text(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let magnitude = nanos.unsigned_abs();
    let fraction = |scale: u64, unit: &str| {
        let text = format!("{}.{:0width$}", magnitude / scale, magnitude % scale, width = scale.ilog10() as usize);
        format!("{sign}{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
    };
    match magnitude {
        0 => "0s".to_owned(),
        1..1_000 => format!("{sign}{magnitude}ns"),
        1_000..1_000_000 => fraction(1_000, "µs"),
        1_000_000..1_000_000_000 => fraction(1_000_000, "ms"),
        _ => {
            let minutes = magnitude / 60_000_000_000;
            let rest = magnitude % 60_000_000_000;
            let text = format!("{}.{:09}", rest / 1_000_000_000, rest % 1_000_000_000);
            let seconds = text.trim_end_matches('0').trim_end_matches('.');
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{sign}{seconds}s"),
                (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
                (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
            }
        }
    }
}

/// The nanoseconds from `earlier` to `later`, saturating.
pub(super) fn nanos_between(later: &Zoned, earlier: &Zoned) -> i64 {
    let nanos = later.timestamp().as_nanosecond() - earlier.timestamp().as_nanosecond();
    i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
}

/// `time` moved by `nanos`, in its zone.
///
/// # Errors
///
/// The result is beyond the calendar.
pub(super) fn moved(time: &Zoned, nanos: i64) -> Result<Arc<Zoned>, TemplateError> {
    let moved = jiff::Timestamp::from_nanosecond(time.timestamp().as_nanosecond() + i128::from(nanos));
    let moved = moved.map_err(|_| TemplateError::new("the time is beyond the calendar"))?;
    Ok(Arc::new(moved.to_zoned(time.time_zone().clone())))
}

/// `time` in the zone called `name`, such as `Europe/Berlin`.
///
/// # Errors
///
/// There is no such zone.
pub(super) fn in_zone(time: &Zoned, name: &str) -> Result<Arc<Zoned>, TemplateError> {
    let zone = match name {
        "" | "UTC" | "Local" => TimeZone::UTC,
        _ => TimeZone::get(name).map_err(|_| TemplateError::new(format!("unknown time zone {name}")))?,
    };
    Ok(Arc::new(time.timestamp().to_zoned(zone)))
}

/// One element of a Go layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    LongMonth,
    Month,
    MonthNumber,
    MonthTwo,
    LongWeekday,
    Weekday,
    Day,
    DayPadded,
    DayTwo,
    YearDayPadded,
    YearDayThree,
    Hour,
    HourTwelve,
    HourTwelveTwo,
    Minute,
    MinuteTwo,
    Second,
    SecondTwo,
    LongYear,
    Year,
    UpperHalf,
    LowerHalf,
    ZoneName,
    /// Z for UTC, then whether with colons, and how many parts.
    Offset {
        z: bool,
        colon: bool,
        parts: u8,
    },
    /// Digits of the fraction; whether trailing zeros are dropped.
    Fraction {
        comma: bool,
        digits: u8,
        trims: bool,
    },
}

/// The fixed elements, longer ones before their beginnings.
const ELEMENTS: [(&str, Element); 33] = [
    ("January", Element::LongMonth),
    ("Jan", Element::Month),
    ("Monday", Element::LongWeekday),
    ("Mon", Element::Weekday),
    ("MST", Element::ZoneName),
    ("2006", Element::LongYear),
    ("002", Element::YearDayThree),
    ("01", Element::MonthTwo),
    ("02", Element::DayTwo),
    ("03", Element::HourTwelveTwo),
    ("04", Element::MinuteTwo),
    ("05", Element::SecondTwo),
    ("06", Element::Year),
    ("15", Element::Hour),
    ("__2", Element::YearDayPadded),
    ("_2", Element::DayPadded),
    ("1", Element::MonthNumber),
    ("2", Element::Day),
    ("3", Element::HourTwelve),
    ("4", Element::Minute),
    ("5", Element::Second),
    ("PM", Element::UpperHalf),
    ("pm", Element::LowerHalf),
    ("-07:00:00", Element::Offset { z: false, colon: true, parts: 3 }),
    ("-070000", Element::Offset { z: false, colon: false, parts: 3 }),
    ("-07:00", Element::Offset { z: false, colon: true, parts: 2 }),
    ("-0700", Element::Offset { z: false, colon: false, parts: 2 }),
    ("-07", Element::Offset { z: false, colon: false, parts: 1 }),
    ("Z07:00:00", Element::Offset { z: true, colon: true, parts: 3 }),
    ("Z070000", Element::Offset { z: true, colon: false, parts: 3 }),
    ("Z07:00", Element::Offset { z: true, colon: true, parts: 2 }),
    ("Z0700", Element::Offset { z: true, colon: false, parts: 2 }),
    ("Z07", Element::Offset { z: true, colon: false, parts: 1 }),
];

/// The element at the start of `layout`, with its length.
fn element(layout: &str) -> Option<(Element, usize)> {
    let bytes = layout.as_bytes();
    if let [separator @ (b'.' | b','), digit @ (b'0' | b'9'), ..] = bytes {
        let digits = bytes[1..].iter().take_while(|byte| *byte == digit).count();
        if !bytes.get(1 + digits).is_some_and(u8::is_ascii_digit) {
            let comma = *separator == b',';
            let fraction = Element::Fraction { comma, digits: digits.min(9) as u8, trims: *digit == b'9' };
            return Some((fraction, 1 + digits));
        }
    }
    if layout.starts_with("_2006") {
        return None;
    }
    let (text, element) = ELEMENTS.iter().find(|(text, _)| layout.starts_with(text))?;
    let short_name = matches!(element, Element::Month | Element::Weekday);
    if short_name && bytes.get(text.len()).is_some_and(u8::is_ascii_lowercase) {
        return None;
    }
    Some((*element, text.len()))
}

/// Writes `time` by a Go layout such as `2006-01-02 15:04:05 MST`.
pub(super) fn format(time: &Zoned, layout: &str) -> String {
    let mut out = String::with_capacity(layout.len() + 8);
    let mut rest = layout;
    while let Some(character) = rest.chars().next() {
        let length = match element(rest) {
            Some((element, length)) => {
                write_element(&mut out, element, time);
                length
            }
            None => {
                out.push(character);
                character.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    out
}

fn write_element(out: &mut String, element: Element, time: &Zoned) {
    let twelve = |hour: i8| if hour % 12 == 0 { 12 } else { hour % 12 };
    let name = weekday_name(time.weekday().to_sunday_zero_offset());
    let text = match element {
        Element::LongMonth => month_name(time.month()).to_owned(),
        Element::Month => month_name(time.month())[..3].to_owned(),
        Element::MonthNumber => time.month().to_string(),
        Element::MonthTwo => format!("{:02}", time.month()),
        Element::LongWeekday => name.to_owned(),
        Element::Weekday => name[..3].to_owned(),
        Element::Day => time.day().to_string(),
        Element::DayPadded => format!("{:2}", time.day()),
        Element::DayTwo => format!("{:02}", time.day()),
        Element::YearDayPadded => format!("{:3}", time.day_of_year()),
        Element::YearDayThree => format!("{:03}", time.day_of_year()),
        Element::Hour => format!("{:02}", time.hour()),
        Element::HourTwelve => twelve(time.hour()).to_string(),
        Element::HourTwelveTwo => format!("{:02}", twelve(time.hour())),
        Element::Minute => time.minute().to_string(),
        Element::MinuteTwo => format!("{:02}", time.minute()),
        Element::Second => time.second().to_string(),
        Element::SecondTwo => format!("{:02}", time.second()),
        Element::LongYear => format!("{:04}", time.year()),
        Element::Year => format!("{:02}", time.year().rem_euclid(100)),
        Element::UpperHalf => if time.hour() >= 12 { "PM" } else { "AM" }.to_owned(),
        Element::LowerHalf => if time.hour() >= 12 { "pm" } else { "am" }.to_owned(),
        Element::ZoneName => time.time_zone().to_offset_info(time.timestamp()).abbreviation().to_owned(),
        Element::Offset { z, colon, parts } => offset_text(time.offset().seconds(), z, colon, parts),
        Element::Fraction { comma, digits, trims } => {
            let separator = if comma { ',' } else { '.' };
            let nanos = format!("{:09}", time.subsec_nanosecond());
            let kept = &nanos[..usize::from(digits)];
            let kept = if trims { kept.trim_end_matches('0') } else { kept };
            if kept.is_empty() { String::new() } else { format!("{separator}{kept}") }
        }
    };
    out.push_str(&text);
}

fn offset_text(seconds: i32, z: bool, colon: bool, parts: u8) -> String {
    if z && seconds == 0 {
        return "Z".to_owned();
    }
    let sign = if seconds < 0 { '-' } else { '+' };
    let seconds = seconds.abs();
    let separator = if colon { ":" } else { "" };
    let mut text = format!("{sign}{:02}", seconds / 3600);
    if parts >= 2 {
        text.push_str(&format!("{separator}{:02}", seconds / 60 % 60));
    }
    if parts >= 3 {
        text.push_str(&format!("{separator}{:02}", seconds % 60));
    }
    text
}

/// What a layout has read so far.
struct Fields {
    year: i16,
    month: i8,
    day: i8,
    year_day: Option<i16>,
    hour: i8,
    half: Option<bool>,
    minute: i8,
    second: i8,
    nanos: i32,
    offset_seconds: i32,
}

/// Reads `text` by a Go layout, in UTC unless the text says otherwise.
///
/// # Errors
///
/// The text does not follow the layout, or is no real date.
pub(super) fn parse(layout: &str, text: &str) -> Result<Arc<Zoned>, TemplateError> {
    let failed = || TemplateError::new(format!("parsing time {text:?} as {layout:?}: cannot parse"));
    let mut fields = Fields {
        year: 0,
        month: 1,
        day: 1,
        year_day: None,
        hour: 0,
        half: None,
        minute: 0,
        second: 0,
        nanos: 0,
        offset_seconds: 0,
    };
    let (mut layout_rest, mut rest) = (layout, text);
    while let Some(character) = layout_rest.chars().next() {
        match element(layout_rest) {
            Some((element, length)) => {
                rest = read_element(element, rest, &mut fields).ok_or_else(failed)?;
                layout_rest = &layout_rest[length..];
                let fraction_follows = matches!(self::element(layout_rest), Some((Element::Fraction { .. }, _)));
                if matches!(element, Element::Second | Element::SecondTwo) && !fraction_follows {
                    rest = read_fraction(rest, None, &mut fields).unwrap_or(rest);
                }
            }
            None => {
                rest = rest.strip_prefix(character).ok_or_else(failed)?;
                layout_rest = &layout_rest[character.len_utf8()..];
            }
        }
    }
    if !rest.is_empty() {
        return Err(failed());
    }
    fields.time().ok_or_else(failed)
}

impl Fields {
    fn time(&self) -> Option<Arc<Zoned>> {
        let hour = match self.half {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let mut date = Date::new(self.year, self.month, self.day).ok()?;
        if let Some(day) = self.year_day {
            date = Date::new(self.year, 1, 1)
                .ok()?
                .checked_add(jiff::Span::new().try_days(i64::from(day) - 1).ok()?)
                .ok()?;
        }
        let time = Time::new(hour, self.minute, self.second, self.nanos).ok()?;
        let offset = Offset::from_seconds(self.offset_seconds).ok()?;
        let at = offset.to_timestamp(date.to_datetime(time)).ok()?;
        let zone = if self.offset_seconds == 0 { TimeZone::UTC } else { TimeZone::fixed(offset) };
        Some(Arc::new(at.to_zoned(zone)))
    }
}

/// Reads between `least` and `most` digits.
fn digits(text: &str, least: usize, most: usize) -> Option<(i32, &str)> {
    let count = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(count);
    (count >= least).then_some(())?;
    Some((number.parse().ok()?, rest))
}

/// Reads one of `names`, or its first three letters.
fn name<'t>(text: &'t str, names: &[&str], is_long: bool) -> Option<(usize, &'t str)> {
    names.iter().enumerate().find_map(|(index, name)| {
        let wanted = if is_long { name } else { &name[..3] };
        let head = text.get(..wanted.len())?;
        head.eq_ignore_ascii_case(wanted).then(|| (index, &text[wanted.len()..]))
    })
}

fn read_element<'t>(element: Element, text: &'t str, fields: &mut Fields) -> Option<&'t str> {
    let (slot, least, most): (&mut i8, usize, usize) = match element {
        Element::LongMonth | Element::Month => {
            let (index, rest) = name(text, &MONTHS, element == Element::LongMonth)?;
            fields.month = i8::try_from(index + 1).ok()?;
            return Some(rest);
        }
        Element::LongWeekday | Element::Weekday => {
            return name(text, &WEEKDAYS, element == Element::LongWeekday).map(|(_, rest)| rest);
        }
        Element::LongYear | Element::Year => {
            let count = if element == Element::LongYear { 4 } else { 2 };
            let (year, rest) = digits(text, count, count)?;
            let century = if count == 4 {
                0
            } else if year >= 69 {
                1900
            } else {
                2000
            };
            fields.year = i16::try_from(century + year).ok()?;
            return Some(rest);
        }
        Element::YearDayPadded | Element::YearDayThree => {
            let (day, rest) = digits(text.trim_start_matches(' '), 1, 3)?;
            fields.year_day = Some(i16::try_from(day).ok()?);
            return Some(rest);
        }
        Element::UpperHalf | Element::LowerHalf => {
            let head = text.get(..2)?;
            fields.half = Some(head.eq_ignore_ascii_case("pm"));
            return (head.eq_ignore_ascii_case("am") || head.eq_ignore_ascii_case("pm")).then(|| &text[2..]);
        }
        Element::ZoneName => return text.strip_prefix("UTC").or_else(|| text.strip_prefix("GMT")),
        Element::Offset { z, colon, parts } => return read_offset(text, z, colon, parts, fields),
        Element::Fraction { digits, trims, .. } => {
            return read_fraction(text, (!trims).then_some(usize::from(digits)), fields).or(trims.then_some(text));
        }
        Element::MonthNumber => (&mut fields.month, 1, 2),
        Element::MonthTwo => (&mut fields.month, 2, 2),
        Element::Day => (&mut fields.day, 1, 2),
        Element::DayPadded => {
            let (day, rest) = digits(text.trim_start_matches(' '), 1, 2)?;
            fields.day = i8::try_from(day).ok()?;
            return Some(rest);
        }
        Element::DayTwo => (&mut fields.day, 2, 2),
        Element::Hour | Element::HourTwelveTwo => (&mut fields.hour, 2, 2),
        Element::HourTwelve => (&mut fields.hour, 1, 2),
        Element::Minute => (&mut fields.minute, 1, 2),
        Element::MinuteTwo => (&mut fields.minute, 2, 2),
        Element::Second => (&mut fields.second, 1, 2),
        Element::SecondTwo => (&mut fields.second, 2, 2),
    };
    let (number, rest) = digits(text, least, most)?;
    *slot = i8::try_from(number).ok()?;
    Some(rest)
}

fn read_offset<'t>(text: &'t str, z: bool, colon: bool, parts: u8, fields: &mut Fields) -> Option<&'t str> {
    if let (true, Some(rest)) = (z, text.strip_prefix('Z')) {
        return Some(rest);
    }
    let sign = match text.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let mut rest = &text[1..];
    let mut seconds = 0;
    for (part, scale) in (0..parts).zip([3600, 60, 1]) {
        if part > 0 && colon {
            rest = rest.strip_prefix(':')?;
        }
        let (number, after) = digits(rest, 2, 2)?;
        seconds += number * scale;
        rest = after;
    }
    fields.offset_seconds = sign * seconds;
    Some(rest)
}

fn read_fraction<'t>(text: &'t str, exactly: Option<usize>, fields: &mut Fields) -> Option<&'t str> {
    let rest = text.strip_prefix(['.', ','])?;
    let count = rest.bytes().take_while(u8::is_ascii_digit).count();
    if count == 0 || exactly.is_some_and(|wanted| wanted != count) {
        return None;
    }
    let nine: String = rest[..count].chars().chain("000000000".chars()).take(9).collect();
    fields.nanos = nine.parse().ok()?;
    Some(&rest[count..])
}
