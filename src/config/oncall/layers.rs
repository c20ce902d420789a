//! The layers of a schedule: rotations, turns, restrictions.

use std::num::NonZeroU32;

use jiff::civil::{DateTime, Weekday};
use jiff::tz::TimeZone;

use crate::model::WallCron;
use crate::oncall::{DayTime, Every, HANDOFFS_MAX, Layer, Moment, Occurrence, Restriction, Rotation, User};
use crate::route::{MINUTES_PER_DAY, WeekdayRange};

use super::super::time_intervals::{minute_field, ranges, weekday_range};
use super::super::yaml::{Fields, Node, NodeKind, Reader, shorten};
use super::{at_most, check_order, check_user, moment, value_span};

/// The greatest number of turns of a layer, of people in a turn, and of restrictions.
const TURNS_MAX: usize = 1000;
/// The greatest number of hours, days, weeks or months between two handoffs.
const EVERY_MAX: u32 = 10_000;
/// The year up to which the handoffs of a cron expression must be countable.
const COUNTED_UNTIL_YEAR: i16 = 2100;

/// Reads a layer of a schedule that goes by the clock of `zone`.
pub(super) fn layer(fields: &mut Fields<'_>, zone: &TimeZone, users: &[User]) -> Option<Layer> {
    let reader = fields.reader();
    let name = fields.need_text("name");
    let from = moment(fields, "from", zone, Occurrence::First);
    let until = moment(fields, "until", zone, Occurrence::Last);
    check_order(fields, from, until);
    let rotation = match fields.take("rotation") {
        None => {
            fields.missing("rotation");
            None
        }
        Some(node) => reader.fields(node, "a rotation").and_then(|mut inner| {
            let read = rotation(&mut inner);
            inner.finish();
            read
        }),
    };
    let turns = turns(fields, users);
    let nodes = fields.list("restrictions");
    let mut restrictions = Vec::new();
    for node in at_most(reader, nodes, TURNS_MAX) {
        let Some(mut inner) = reader.fields(node, "a restriction") else { continue };
        restrictions.extend(restriction(&mut inner));
        inner.finish();
    }
    let joins = fields.flag("joins").unwrap_or(false);
    Some(Layer { name: name?, from, until, rotation: rotation?, turns, restrictions, joins })
}

fn turns(fields: &mut Fields<'_>, users: &[User]) -> Vec<Vec<String>> {
    let reader = fields.reader();
    let nodes = fields.list("users");
    if nodes.is_empty() {
        fields.missing("users");
    }
    let person = |node: &Node| {
        let name = reader.scalar(node, "the name of a user")?.text.clone();
        check_user(reader, &name, &node.span, users);
        Some(name)
    };
    let mut turns = Vec::new();
    for node in at_most(reader, nodes, TURNS_MAX) {
        let turn: Vec<String> = match &node.kind {
            NodeKind::Sequence(several) => {
                if several.is_empty() {
                    reader.error("yaml/empty", &node.span, "nobody has this turn");
                }
                at_most(reader, several, TURNS_MAX).iter().filter_map(|node| person(node)).collect()
            }
            _ => person(node).into_iter().collect(),
        };
        turns.push(turn);
    }
    turns
}

fn rotation(fields: &mut Fields<'_>) -> Option<Rotation> {
    let start = start(fields);
    let given = fields.need_one_of(&["every", "cron"])?;
    if given == "every" && fields.has("cron") {
        fields.error_at("cron", "config/schedule", "give `every` or `cron`, not both");
    }
    let text = fields.text(given)?;
    let span = value_span(fields, given);
    if given == "every" {
        let every = every(&text);
        if every.is_none() {
            let hint = "a whole number above zero of hours, days, weeks or months: `12h`, `1d`, `1w`, `1mo`";
            let message = format!("`{}` is no distance of handoffs", shorten(&text));
            fields.reader().error_hint("config/schedule", &span, message, Some(hint));
        }
        return Some(Rotation { start: start?, every: every? });
    }
    let cron = match text.parse::<WallCron>() {
        Ok(cron) => cron,
        Err(error) => {
            let hint = "minute, hour, day of the month, month, day of the week: `0 9 * * Mon` is 9:00 on Mondays";
            fields.reader().error_hint("config/cron", &span, shorten(&error), Some(hint));
            return None;
        }
    };
    let start = start?;
    check_count(fields.reader(), &cron, start, &span);
    Some(Rotation { start, every: Every::Cron(cron) })
}

/// Turns by a cron expression are counted from the start, up to a limit: it must not be reached in this century.
fn check_count(reader: &Reader<'_>, cron: &WallCron, start: DateTime, span: &std::ops::Range<usize>) {
    let mut counted = cron.after(start).take(HANDOFFS_MAX).take_while(|wall| wall.year() < COUNTED_UNTIL_YEAR);
    let Some(first) = counted.next() else {
        reader.error("config/cron", span, "this expression names no time after the start");
        return;
    };
    let (count, last) = counted.fold((1, first), |(count, _), wall| (count + 1, wall));
    if count >= HANDOFFS_MAX {
        let hint = "let it start later, hand over more rarely, or give `every`";
        let message =
            format!("only {HANDOFFS_MAX} handoffs are counted from the start, and they end in {}", last.year());
        reader.error_hint("config/limit", span, message, Some(hint));
    }
}

fn start(fields: &mut Fields<'_>) -> Option<DateTime> {
    let text = fields.need_text("start")?;
    match text.parse() {
        Ok(Moment::Wall(wall)) => Some(wall),
        _ => {
            let hint = "a time of the schedule's clock without an offset, such as `2026-01-05T09:00`";
            let message = format!("`{}` is no such time", shorten(&text));
            let span = value_span(fields, "start");
            fields.reader().error_hint("config/time", &span, message, Some(hint));
            None
        }
    }
}

/// `12h`, `1d`, `2w`, `1mo`.
fn every(text: &str) -> Option<Every> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let count: NonZeroU32 = number.parse().ok().filter(|count: &NonZeroU32| count.get() <= EVERY_MAX)?;
    match unit {
        "h" => Some(Every::Hours(count)),
        "d" => Some(Every::Days(count)),
        "w" => Some(Every::Weeks(count)),
        "mo" => Some(Every::Months(count)),
        _ => None,
    }
}

fn restriction(fields: &mut Fields<'_>) -> Option<Restriction> {
    let weekdays = ranges(fields, "weekdays", weekday_range).into_iter().flat_map(days).collect();
    if fields.take("start").is_none() && fields.take("end").is_none() {
        return Some(Restriction { weekdays, start: DayTime(0), end: DayTime(MINUTES_PER_DAY) });
    }
    let (start, end) = (minute_field(fields, "start"), minute_field(fields, "end"));
    if start == Some(MINUTES_PER_DAY) {
        fields.error_at("start", "config/schedule", "a day ends at `24:00`; nothing starts there");
    }
    if start.is_some() && start == end {
        let hint = Some("for whole days, leave out both");
        fields.reader().error_hint("config/schedule", &fields.key_span("end"), "the end is the start", hint);
    }
    start.zip(end).map(|(start, end)| Restriction { weekdays, start: DayTime(start), end: DayTime(end) })
}

/// The days of a range, which may reach over the end of the week.
fn days(range: WeekdayRange) -> impl Iterator<Item = Weekday> {
    let count = range.first.until(range.last);
    range.first.cycle_forward().take(usize::try_from(count).unwrap_or(0) + 1)
}
