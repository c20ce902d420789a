//! `users`, `schedules` and `overrides`: who is on call when.

mod calendars;
mod layers;
mod overrides;

use std::ops::Range;

use hashbrown::HashSet;
use jiff::tz::TimeZone;

use crate::model::{Timestamp, nearest};
use crate::oncall::{Moment, Occurrence, OncallPlan, Schedule, ScheduleReport, User};

use super::escalation::People;
use super::time_intervals::named_zone;
use super::yaml::{Fields, Node, Reader, shorten};

pub(super) use calendars::CalendarFiles;
use calendars::Calendars;
use layers::layer;
use overrides::overrides;

/// The greatest number of users.
const USERS_MAX: usize = 10_000;
/// The greatest number of schedules, and of overrides.
const SCHEDULES_MAX: usize = 1000;
/// The greatest number of layers of a schedule.
const LAYERS_MAX: usize = 100;
/// How far ahead gaps are looked for.
const GAPS_AHEAD: std::time::Duration = std::time::Duration::from_secs(90 * 24 * 60 * 60);
/// How many gaps of a schedule are told with their dates.
const GAPS_TOLD_MAX: usize = 3;

/// The blocks as they were read, with the places of the schedules' names.
#[derive(Debug, Default)]
pub(super) struct Oncall {
    pub(super) plan: OncallPlan,
    pub(super) places: Vec<Range<usize>>,
    /// The calendars that are still to be read.
    calendars: Vec<Calendars>,
}

/// Reads the three blocks of the main file; how users are reached goes to `people`.
pub(super) fn oncall(fields: &mut Fields<'_>, people: &mut People<'_>) -> Oncall {
    let users = users(fields, people);
    let reader = fields.reader();
    let mut oncall = Oncall::default();
    let nodes = fields.list("schedules");
    for node in at_most(reader, nodes, SCHEDULES_MAX) {
        let Some(mut inner) = reader.fields(node, "a schedule") else { continue };
        let name = inner.need_text("name");
        let place = inner.take("name").map_or_else(|| inner.span().clone(), |node| node.span.clone());
        let read = schedule(&mut inner, name.clone().unwrap_or_default(), &users);
        let patterns = calendars::patterns(&mut inner);
        inner.finish();
        let Some(name) = name else { continue };
        if oncall.plan.schedules.iter().any(|known| known.name == name) {
            let message = format!("the schedule `{}` is defined twice", shorten(&name));
            reader.error("config/duplicate", &place, message);
        }
        if let Some(schedule) = read {
            oncall.calendars.push(Calendars { schedule: schedule.name.clone(), patterns });
            oncall.plan.schedules.push(schedule);
            oncall.places.push(place);
        }
    }
    oncall.plan.overrides = overrides(fields, &users, &oncall.plan.schedules);
    oncall.plan.users = users;
    oncall
}

/// Warns of every schedule by which nobody is on call for a while within 90 days from `now`.
pub(super) fn warn_of_gaps(oncall: &Oncall, reader: &Reader<'_>, now: Timestamp) {
    for (schedule, place) in oncall.plan.schedules.iter().zip(&oncall.places) {
        let shifts = schedule.shifts(now, now + GAPS_AHEAD, &oncall.plan.overrides);
        let gaps = ScheduleReport::new(&shifts, &schedule.zone).gaps;
        let wall = |at: Timestamp| {
            let wall = at.to_jiff().map(|at| at.to_zoned(schedule.zone.clone()));
            wall.map(|wall| wall.strftime("%Y-%m-%d %H:%M").to_string()).unwrap_or_default()
        };
        let told = gaps.iter().take(GAPS_TOLD_MAX).map(|gap| format!("{} to {}", wall(gap.from), wall(gap.until)));
        let told: Vec<String> = told.collect();
        let further = match gaps.len().saturating_sub(GAPS_TOLD_MAX) {
            0 => String::new(),
            further => format!(", and {further} times more"),
        };
        if !told.is_empty() {
            let zone = schedule.zone_name();
            let message = format!(
                "nobody is on call by `{}` within the next 90 days from {}{further} ({zone})",
                shorten(&schedule.name),
                told.join(", from "),
            );
            reader.warning("schedule/gap", place, message);
        }
    }
}

pub(super) fn at_most<'n, T: AsRef<Node>>(reader: &Reader<'_>, nodes: &'n [T], limit: usize) -> &'n [T] {
    if let Some(node) = nodes.get(limit) {
        reader.error("config/limit", &node.as_ref().span, format!("more than {limit} items"));
    }
    &nodes[..nodes.len().min(limit)]
}

fn users(fields: &mut Fields<'_>, people: &mut People<'_>) -> Vec<User> {
    let reader = fields.reader();
    let mut users: Vec<User> = Vec::new();
    let mut names = HashSet::new();
    for node in at_most(reader, fields.list("users"), USERS_MAX) {
        let Some(mut inner) = reader.fields(node, "a user") else { continue };
        let name = inner.need_text("name");
        let full_name = inner.text("full_name").filter(|name| !name.is_empty());
        let zone = need_zone(&mut inner);
        if let Some(name) = name.as_ref().filter(|name| !names.insert((*name).clone())) {
            inner.error_at("name", "config/duplicate", format!("another user is named `{}` too", shorten(name)));
        }
        people.read(&mut inner, name.as_deref());
        inner.finish();
        // Also without a zone, so that nobody is told that there is no such user.
        let Some(name) = name else { continue };
        let full_name = full_name.unwrap_or_else(|| name.clone());
        users.push(User { name, full_name, zone: zone.unwrap_or(TimeZone::UTC) });
    }
    users
}

fn need_zone(fields: &mut Fields<'_>) -> Option<TimeZone> {
    fields.need_text("time_zone")?;
    Some(named_zone(fields, "time_zone"))
}

fn schedule(fields: &mut Fields<'_>, name: String, users: &[User]) -> Option<Schedule> {
    let reader = fields.reader();
    let zone = need_zone(fields);
    let nodes = fields.list("layers");
    if nodes.is_empty() {
        fields.missing("layers");
    }
    let mut layers = Vec::new();
    for node in at_most(reader, nodes, LAYERS_MAX) {
        let Some(mut inner) = reader.fields(node, "a layer") else { continue };
        layers.extend(layer(&mut inner, zone.as_ref().unwrap_or(&TimeZone::UTC), users));
        inner.finish();
    }
    Some(Schedule { name, zone: zone?, layers })
}

/// The moment that the field `name` gives, by the clock of `zone` where it has no offset.
fn moment(fields: &mut Fields<'_>, name: &'static str, zone: &TimeZone, occurrence: Occurrence) -> Option<Timestamp> {
    let text = fields.text(name)?;
    let moment = text.parse::<Moment>().ok().and_then(|moment| moment.by(zone, occurrence));
    if moment.is_none() {
        let hint = "write `2026-01-05` or `2026-01-05T09:00` by the schedule's clock, or RFC 3339 as in `2026-01-05T09:00:00Z`";
        let span = value_span(fields, name);
        fields.reader().error_hint("config/time", &span, format!("`{}` is no time", shorten(&text)), Some(hint));
    }
    moment
}

/// Notes that `until` is not after `from`, if both are given.
fn check_order(fields: &Fields<'_>, from: Option<Timestamp>, until: Option<Timestamp>) {
    if from.zip(until).is_some_and(|(from, until)| until <= from) {
        fields.error_at("until", "config/schedule", "`until` must be after `from`");
    }
}

pub(super) fn value_span(fields: &mut Fields<'_>, name: &'static str) -> Range<usize> {
    fields.take(name).map_or_else(|| fields.span().clone(), |node| node.span.clone())
}

/// Notes that no user has the name that stands at `span`, if so.
pub(super) fn check_user(reader: &Reader<'_>, name: &str, span: &Range<usize>, users: &[User]) {
    if users.iter().all(|user| user.name != name) {
        let near = nearest(name, users.iter().map(|user| user.name.as_str()));
        let hint =
            near.map_or_else(|| "name everybody in `users`".to_owned(), |near| format!("did you mean `{near}`?"));
        reader.error_hint("config/unknown-user", span, format!("no user is named `{}`", shorten(&name)), Some(hint));
    }
}
