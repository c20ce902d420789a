//! `overrides`: exceptions from schedules that are known beforehand.

use jiff::tz::TimeZone;

use crate::model::nearest;
use crate::oncall::{Occurrence, Override, OverrideChange, Schedule, User};

use super::super::yaml::{Fields, shorten};
use super::{SCHEDULES_MAX, at_most, check_order, check_user, moment, value_span};

/// Who has made the exceptions of the file.
const AUTHOR: &str = "configuration";

/// Reads the block.
pub(super) fn overrides(fields: &mut Fields<'_>, users: &[User], schedules: &[Schedule]) -> Vec<Override> {
    let reader = fields.reader();
    let mut found = Vec::new();
    for (index, node) in at_most(reader, fields.list("overrides"), SCHEDULES_MAX).iter().enumerate() {
        let Some(mut inner) = reader.fields(node, "an override") else { continue };
        found.extend(one(&mut inner, users, schedules, format!("{AUTHOR}:{index}")));
        inner.finish();
    }
    found
}

fn one(fields: &mut Fields<'_>, users: &[User], schedules: &[Schedule], id: String) -> Option<Override> {
    let schedule = fields.text("schedule");
    let known = schedule.as_ref().map(|name| schedules.iter().find(|schedule| schedule.name == *name));
    if let (Some(name), Some(None)) = (&schedule, known) {
        let hint = nearest(name, schedules.iter().map(|schedule| schedule.name.as_str()));
        let hint = hint.map(|name| format!("did you mean `{name}`?"));
        let span = value_span(fields, "schedule");
        let message = format!("no schedule is named `{}`", shorten(name));
        fields.reader().error_hint("config/unknown-schedule", &span, message, hint);
    }
    let change = change(fields, users);
    let person = change.as_ref().and_then(|change| users.iter().find(|user| user.name == change.user()));
    let zone = match known {
        Some(schedule) => schedule.map(|schedule| &schedule.zone),
        None => person.map(|user| &user.zone),
    };
    let zone = zone.cloned().unwrap_or(TimeZone::UTC);
    for name in ["from", "until"] {
        if fields.take(name).is_none() {
            fields.missing(name);
        }
    }
    let from = moment(fields, "from", &zone, Occurrence::First);
    let until = moment(fields, "until", &zone, Occurrence::Last);
    check_order(fields, from, until);
    let comment = fields.text_or("comment", "");
    let created_by = AUTHOR.to_owned();
    Some(Override { id, schedule, from: from?, until: until?, change: change?, created_by, comment })
}

fn change(fields: &mut Fields<'_>, users: &[User]) -> Option<OverrideChange> {
    let reader = fields.reader();
    let kinds = ["add", "remove", "replace", "absent"];
    let given = fields.need_one_of(&kinds)?;
    if let Some(second) = kinds.into_iter().filter(|kind| *kind != given).find(|kind| fields.has(kind)) {
        fields.error_at(second, "config/schedule", format!("give `{given}` or `{second}`, not both"));
    }
    if given == "replace" {
        let node = fields.take("replace")?;
        let mut inner = reader.fields(node, "`replace`")?;
        let (user, by) = (known_user(&mut inner, "user", users), known_user(&mut inner, "by", users));
        if user.is_some() && user == by {
            inner.error_at("by", "config/schedule", "nobody can take their own place");
        }
        inner.finish();
        return Some(OverrideChange::Replace { user: user?, by: by? });
    }
    let user = known_user(fields, given, users)?;
    Some(match given {
        "add" => OverrideChange::Add { user },
        "remove" => OverrideChange::Remove { user },
        _ => OverrideChange::Absent { user },
    })
}

fn known_user(fields: &mut Fields<'_>, name: &'static str, users: &[User]) -> Option<String> {
    let user = fields.need_text(name)?;
    let span = value_span(fields, name);
    check_user(fields.reader(), &user, &span, users);
    Some(user)
}
