//! Calendars that other programs write: the events of an iCalendar file.
//!
//! Source: RFC 5545 (<https://www.rfc-editor.org/rfc/rfc5545>): lines are unfolded (3.1), texts unescaped (3.3.11), events
//! begin, last and recur (3.6.1, 3.8.2, 3.8.5). Of recurrences, those are read that calendar programs write for daily, weekly,
//! monthly and yearly events; any other is an error.

mod line;
mod recurrence;
mod windows_zones;

use std::fmt;

use hashbrown::HashMap;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span};

pub use recurrence::Recurrence;

use line::{ContentLine, content_lines};
use windows_zones::iana_name;

/// The greatest size of a file in bytes.
pub const CALENDAR_BYTES_MAX: usize = 1 << 20;
/// The greatest number of events of a file.
pub const EVENTS_MAX: usize = 5_000;
/// The greatest number of dates that an event leaves out.
const EXCEPTIONS_MAX: usize = 1_000;
/// How deep components may lie in one another.
const DEPTH_MAX: usize = 16;
/// How far clocks may be apart.
const MARGIN: SignedDuration = SignedDuration::from_hours(2 * 24);
/// How many problems are told.
const PROBLEMS_MAX: usize = 100;

/// What is wrong with a calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalendarError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub message: String,
}

impl CalendarError {
    /// An error in `line`.
    pub fn new(line: usize, message: impl Into<String>) -> Self {
        CalendarError { line, message: message.into() }
    }
}

impl fmt::Display for CalendarError {
    /// `line 12: ...`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for CalendarError {}

/// A time of a calendar.
#[derive(Clone, Debug, PartialEq)]
pub struct EventTime {
    /// What the clock shows; midnight of a day.
    pub wall: DateTime,
    /// Whose clock; `None` for that of whoever reads it.
    pub zone: Option<TimeZone>,
    /// Whether it is a whole day.
    pub is_day: bool,
}

/// An event.
#[derive(Clone, Debug, PartialEq)]
pub struct CalendarEvent {
    /// The line on which it begins, from 1.
    pub line: usize,
    /// What names it, in every version of the calendar.
    pub uid: String,
    /// What it is about.
    pub summary: String,
    /// The line of that.
    pub summary_line: usize,
    /// When it begins.
    pub start: EventTime,
    /// When it is over.
    pub end: EventTime,
    /// How it recurs.
    pub recurrence: Option<Recurrence>,
    /// The times that it leaves out.
    pub exceptions: Vec<EventTime>,
    /// Of which occurrence of the event with the same UID it takes the place.
    pub replaces: Option<EventTime>,
    /// Whether it takes place no more.
    pub is_cancelled: bool,
}

/// Reads the events of a calendar.
///
/// # Errors
///
/// Everything that is wrong with it, up to a limit.
pub fn parse_calendar(text: &str) -> Result<Vec<CalendarEvent>, Vec<CalendarError>> {
    if text.len() > CALENDAR_BYTES_MAX {
        let message = format!("the calendar has more than {} KiB", CALENDAR_BYTES_MAX >> 10);
        return Err(vec![CalendarError::new(1, message)]);
    }
    let mut reading = Reading::default();
    for line in content_lines(text) {
        match line {
            Ok(line) => reading.take(line),
            Err(error) => reading.problems.push(error),
        }
        if reading.problems.len() >= PROBLEMS_MAX {
            break;
        }
    }
    reading.finish()
}

/// The parts of an event as they come.
#[derive(Default)]
struct Draft {
    line: usize,
    fields: HashMap<String, ContentLine>,
    exceptions: Vec<ContentLine>,
}

#[derive(Default)]
struct Reading {
    /// The components that are open: their names, and the lines where they begin.
    open: Vec<(String, usize)>,
    has_calendar: bool,
    is_cancelled: bool,
    event: Option<Draft>,
    events: Vec<CalendarEvent>,
    problems: Vec<CalendarError>,
}

/// The fields of an event that are read; each may be there once.
const FIELDS: [&str; 8] = ["UID", "SUMMARY", "DTSTART", "DTEND", "DURATION", "RRULE", "RECURRENCE-ID", "STATUS"];

impl Reading {
    fn problem(&mut self, line: usize, message: impl Into<String>) {
        self.problems.push(CalendarError::new(line, message));
    }

    fn take(&mut self, line: ContentLine) {
        match line.name.as_str() {
            "BEGIN" => self.begin(&line),
            "END" => self.end(&line),
            _ => match (self.open.last().map(|(name, _)| name.as_str()), &mut self.event) {
                (None, _) => self.problem(line.number, "nothing may stand outside of `BEGIN:VCALENDAR`"),
                (Some("VCALENDAR"), _) if line.name == "METHOD" => {
                    self.is_cancelled = line.value.eq_ignore_ascii_case("CANCEL");
                }
                (Some("VEVENT"), Some(event)) => {
                    if let Err(error) = event.take(line) {
                        self.problems.push(error);
                    }
                }
                _ => {}
            },
        }
    }

    fn begin(&mut self, line: &ContentLine) {
        let name = line.value.to_ascii_uppercase();
        if self.open.len() >= DEPTH_MAX {
            return self.problem(line.number, format!("more than {DEPTH_MAX} components lie in one another"));
        }
        match (self.open.last().map(|(name, _)| name.as_str()), name.as_str()) {
            (None, "VCALENDAR") => self.has_calendar = true,
            (None, _) => self.problem(line.number, "a calendar begins with `BEGIN:VCALENDAR`"),
            (Some("VCALENDAR"), "VEVENT") => self.event = Some(Draft { line: line.number, ..Draft::default() }),
            _ => {}
        }
        self.open.push((name, line.number));
    }

    fn end(&mut self, line: &ContentLine) {
        match self.open.pop() {
            Some((name, _)) if name.eq_ignore_ascii_case(&line.value) => {}
            Some((name, begun)) => {
                return self.problem(line.number, format!("`END:{name}` is missing, for line {begun}"));
            }
            None => return self.problem(line.number, "nothing is open that could end here"),
        }
        if !line.value.eq_ignore_ascii_case("VEVENT") {
            return;
        }
        let Some(draft) = self.event.take() else { return };
        if self.events.len() >= EVENTS_MAX {
            return self.problem(draft.line, format!("the calendar has more than {EVENTS_MAX} events"));
        }
        match draft.event(self.is_cancelled) {
            Ok(event) => self.events.push(event),
            Err(error) => self.problems.push(error),
        }
    }

    fn finish(mut self) -> Result<Vec<CalendarEvent>, Vec<CalendarError>> {
        if let Some((name, line)) = self.open.last().cloned() {
            self.problem(line, format!("`END:{name}` is missing"));
        } else if !self.has_calendar && self.problems.is_empty() {
            self.problem(1, "a calendar begins with `BEGIN:VCALENDAR`");
        }
        if self.is_cancelled {
            self.events.iter_mut().for_each(|event| event.is_cancelled = true);
        }
        if self.problems.is_empty() { Ok(self.events) } else { Err(self.problems) }
    }
}

impl Draft {
    fn take(&mut self, line: ContentLine) -> Result<(), CalendarError> {
        let number = line.number;
        match line.name.as_str() {
            "EXDATE" if self.exceptions.len() >= EXCEPTIONS_MAX => {
                Err(CalendarError::new(number, format!("an event has more than {EXCEPTIONS_MAX} `EXDATE`")))
            }
            "EXDATE" => {
                self.exceptions.push(line);
                Ok(())
            }
            "RDATE" | "EXRULE" => {
                Err(CalendarError::new(number, format!("`{}` is not read; write an event of its own", line.name)))
            }
            name if FIELDS.contains(&name) => match self.fields.insert(line.name.clone(), line) {
                Some(first) => {
                    Err(CalendarError::new(number, format!("`{}` stands in line {} already", first.name, first.number)))
                }
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn event(mut self, is_cancelled: bool) -> Result<CalendarEvent, CalendarError> {
        let line = self.line;
        let mut take = |name: &str| self.fields.remove(name);
        let missing = |name: &str| CalendarError::new(line, format!("the event has no `{name}`"));
        let status = take("STATUS").is_some_and(|status| status.value.eq_ignore_ascii_case("CANCELLED"));
        let uid = take("UID").filter(|uid| !uid.value.trim().is_empty()).ok_or_else(|| missing("UID"))?;
        let is_cancelled = is_cancelled || status;
        // What is cancelled is often told without a word of what it was.
        let summary = match take("SUMMARY") {
            Some(summary) => summary,
            None if is_cancelled => ContentLine { value: String::new(), ..uid.clone() },
            None => return Err(missing("SUMMARY")),
        };
        let start_line = take("DTSTART").ok_or_else(|| missing("DTSTART"))?;
        let start = event_time(&start_line, &start_line.value)?;
        let end = end(&start, take("DTEND"), take("DURATION"), line)?;
        let recurrence = take("RRULE").map(|rule| Recurrence::read(&rule, &start)).transpose()?;
        let replaces = take("RECURRENCE-ID").map(|id| event_time(&id, &id.value)).transpose()?;
        let mut exceptions = Vec::new();
        for exception in &self.exceptions {
            for value in exception.value.split(',') {
                if exceptions.len() >= EXCEPTIONS_MAX {
                    let message = format!("an event leaves out more than {EXCEPTIONS_MAX} times");
                    return Err(CalendarError::new(exception.number, message));
                }
                exceptions.push(event_time(exception, value)?);
            }
        }
        Ok(CalendarEvent {
            line,
            uid: uid.text(),
            summary_line: summary.number,
            summary: summary.text(),
            start,
            end,
            recurrence,
            exceptions,
            replaces,
            is_cancelled,
        })
    }
}

/// The end of an event: told, or by its duration, or that of its day.
fn end(
    start: &EventTime,
    end: Option<ContentLine>,
    duration: Option<ContentLine>,
    line: usize,
) -> Result<EventTime, CalendarError> {
    let after = |span: Span, line: usize| {
        let wall = start.wall.checked_add(span);
        let wall = wall.map_err(|_| CalendarError::new(line, "the event is too long"))?;
        Ok(EventTime { wall, is_day: false, ..start.clone() })
    };
    match (end, duration) {
        (Some(_), Some(duration)) => Err(CalendarError::new(duration.number, "give `DTEND` or `DURATION`, not both")),
        (Some(end), None) => event_time(&end, &end.value),
        (None, Some(duration)) => match duration.value.parse::<Span>() {
            Ok(span) => after(span, duration.number),
            Err(_) => Err(CalendarError::new(duration.number, format!("`{}` is no duration", cut(&duration.value)))),
        },
        (None, None) if start.is_day => after(Span::new().days(1), line),
        (None, None) => Err(CalendarError::new(line, "the event has no `DTEND`")),
    }
}

/// What is shown of a text that is not understood.
fn cut(text: &str) -> String {
    const CHARACTERS_MAX: usize = 60;
    match text.char_indices().nth(CHARACTERS_MAX) {
        Some((index, _)) => format!("{}…", &text[..index]),
        None => text.to_owned(),
    }
}

/// `20260720`, `20260720T090000`, `20260720T090000Z`, by the clock that the line names.
fn event_time(line: &ContentLine, value: &str) -> Result<EventTime, CalendarError> {
    let value = value.trim();
    let error = || CalendarError::new(line.number, format!("`{}` is no date and no time", cut(value)));
    let number = |range: std::ops::Range<usize>| value.get(range).and_then(|digits| digits.parse::<i8>().ok());
    let is_form = value.bytes().enumerate().all(|(index, byte)| match index {
        8 => byte == b'T',
        15 => byte == b'Z',
        _ => byte.is_ascii_digit(),
    });
    if !is_form || !matches!(value.len(), 8 | 15 | 16) {
        return Err(error());
    }
    let year = value[..4].parse::<i16>().map_err(|_| error())?;
    let date = number(4..6).zip(number(6..8)).and_then(|(month, day)| Date::new(year, month, day).ok());
    let date = date.ok_or_else(error)?;
    if value.len() == 8 {
        return Ok(EventTime { wall: date.at(0, 0, 0, 0), zone: None, is_day: true });
    }
    let (hour, minute, second) = (number(9..11), number(11..13), number(13..15));
    // A leap second is the second before.
    let time = hour.zip(minute).zip(second.map(|second| second.min(59)));
    let time = time.and_then(|((hour, minute), second)| jiff::civil::Time::new(hour, minute, second, 0).ok());
    let wall = date.to_datetime(time.ok_or_else(error)?);
    let zone = match (value.len(), line.parameter("TZID")) {
        (16, _) => Some(TimeZone::UTC),
        (_, Some(name)) => Some(zone(name).ok_or_else(|| {
            let hint = "use one of the IANA's, such as Europe/Berlin";
            CalendarError::new(line.number, format!("there is no time zone `{}`; {hint}", cut(name)))
        })?),
        (_, None) => None,
    };
    Ok(EventTime { wall, zone, is_day: false })
}

/// The zone of that name: the IANA's, also at the end of a longer name as some programs write it, or Windows'.
fn zone(name: &str) -> Option<TimeZone> {
    let known = |name: &str| TimeZone::get(name).ok();
    let tail = |skipped: usize| name.splitn(skipped + 1, '/').nth(skipped);
    known(name)
        .or_else(|| known(iana_name(name)?))
        .or_else(|| (1..=name.matches('/').count().min(8)).find_map(|skipped| known(tail(skipped)?)))
}

impl EventTime {
    /// The same time of the day, `days` later.
    pub(in crate::formats) fn later(&self, by: SignedDuration) -> Option<EventTime> {
        Some(EventTime { wall: self.wall.checked_add(by).ok()?, ..self.clone() })
    }
}

/// One time at which an event takes place.
#[derive(Clone, Debug, PartialEq)]
pub struct Occurrence {
    /// Which one: the time at which the event's rule puts it; `None` for an event that takes place once.
    pub original: Option<DateTime>,
    /// When it begins.
    pub start: EventTime,
    /// When it is over.
    pub end: EventTime,
}

impl CalendarEvent {
    /// When it takes place, in order: all that is not over at `from`, by the clock of its start, and perhaps some of what was
    /// before. Occurrences keep the length that the first has on the wall clock.
    pub fn occurrences(&self, from: DateTime) -> impl Iterator<Item = Occurrence> + '_ {
        let once = Occurrence { original: None, start: self.start.clone(), end: self.end.clone() };
        let is_left_out = |wall: DateTime| {
            self.exceptions.iter().any(|out| match out.is_day {
                true => out.wall.date() == wall.date(),
                false => self.start.same_clock(out) == Some(wall),
            })
        };
        let length = self.end.wall.duration_since(self.start.wall).max(SignedDuration::ZERO);
        let from = from.saturating_sub(length).saturating_sub(MARGIN);
        let walls = self.recurrence.iter().flat_map(move |rule| rule.walls(self.start.wall, from));
        let recurring = walls.filter_map(move |wall| {
            let by = wall.duration_since(self.start.wall);
            let (start, end) = (self.start.later(by)?, self.end.later(by)?);
            (!is_left_out(wall)).then_some(Occurrence { original: Some(wall), start, end })
        });
        self.recurrence.is_none().then_some(once).into_iter().chain(recurring)
    }
}

impl EventTime {
    /// What the clock of this time shows at `other`; `None` beyond the years that can be told.
    pub fn same_clock(&self, other: &EventTime) -> Option<DateTime> {
        match (&self.zone, &other.zone) {
            (Some(own), Some(zone)) if own != zone => {
                let at = zone.to_ambiguous_timestamp(other.wall).compatible().ok()?;
                Some(own.to_datetime(at))
            }
            _ => Some(other.wall),
        }
    }
}

#[cfg(test)]
mod tests;
