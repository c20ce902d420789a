//! Shifts as a calendar that other programs read.
//!
//! Source: RFC 5545 (<https://www.rfc-editor.org/rfc/rfc5545>): lines end with CRLF and are folded at 75 octets (3.1), texts
//! are escaped (3.3.11), every event has a UID that stays (3.8.4.7).

use super::{OncallPlan, Schedule, Shift};
use crate::model::{Labels, Timestamp};

/// The greatest number of octets of a line, its end not counted.
const LINE_OCTETS_MAX: usize = 75;

/// The stretches in which a person is on call without a break: the shifts of several together are one where they are longer.
struct Duties {
    person: String,
    stretches: Vec<(Timestamp, Timestamp)>,
}

/// A calendar of the shifts of `schedules` between `from` and `until`, of one user if `user` is given; `now` is when it is
/// written. A shift has the same UID in every calendar that it begins in; so `from` should lie before the present, and stay.
pub fn calendar(
    plan: &OncallPlan,
    schedules: &[&Schedule],
    user: Option<&str>,
    (from, until): (Timestamp, Timestamp),
    now: Timestamp,
) -> String {
    let mut text = String::new();
    let mut line = |content: String| push_folded(&mut text, &content);
    line("BEGIN:VCALENDAR".to_owned());
    line("VERSION:2.0".to_owned());
    line("PRODID:-//Watchbell//On-call schedules//EN".to_owned());
    line("CALSCALE:GREGORIAN".to_owned());
    line("METHOD:PUBLISH".to_owned());
    for schedule in schedules {
        let shifts = schedule.shifts(from, until, &plan.overrides);
        for Duties { person, stretches } in
            duties(&shifts).into_iter().filter(|one| user.is_none_or(|u| u == one.person))
        {
            let full_name = plan.user(&person).map_or(person.as_str(), |user| user.full_name.as_str());
            for (begin, end) in stretches {
                let (Some(begins), Some(ends), Some(stamp)) = (utc(begin), utc(end), utc(now)) else { continue };
                let start = begin.to_string();
                let key =
                    Labels::from_pairs([("schedule", schedule.name.as_str()), ("user", &person), ("from", &start)]);
                line("BEGIN:VEVENT".to_owned());
                line(format!("UID:{}@watchbell", key.fingerprint()));
                line(format!("DTSTAMP:{stamp}"));
                line(format!("DTSTART:{begins}"));
                line(format!("DTEND:{ends}"));
                line(format!("SUMMARY:{}", escaped(&format!("On call: {full_name} ({})", schedule.name))));
                line("TRANSP:TRANSPARENT".to_owned());
                line("END:VEVENT".to_owned());
            }
        }
    }
    line("END:VCALENDAR".to_owned());
    text
}

fn duties(shifts: &[Shift]) -> Vec<Duties> {
    let mut found: Vec<Duties> = Vec::new();
    for shift in shifts {
        for person in &shift.people {
            let position = found.iter().position(|duties| duties.person == *person).unwrap_or_else(|| {
                found.push(Duties { person: person.clone(), stretches: Vec::new() });
                found.len() - 1
            });
            let stretches = &mut found[position].stretches;
            match stretches.last_mut() {
                Some((_, end)) if *end == shift.from => *end = shift.until,
                _ => stretches.push((shift.from, shift.until)),
            }
        }
    }
    found
}

/// `20260105T080000Z`
fn utc(at: Timestamp) -> Option<String> {
    at.to_jiff().map(|at| at.strftime("%Y%m%dT%H%M%SZ").to_string())
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | ';' | ',' => escaped.extend(['\\', c]),
            '\n' => escaped.push_str("\\n"),
            c if c.is_control() => {}
            c => escaped.push(c),
        }
    }
    escaped
}

/// Adds a line; what is longer goes on in lines that begin with a space, and no character is torn.
fn push_folded(text: &mut String, content: &str) {
    let mut octets = 0;
    for c in content.chars() {
        if octets + c.len_utf8() > LINE_OCTETS_MAX {
            text.push_str("\r\n ");
            octets = 1;
        }
        text.push(c);
        octets += c.len_utf8();
    }
    text.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    use super::*;
    use crate::oncall::{Every, Layer, Rotation, User};

    fn plan(full_name: &str) -> OncallPlan {
        let zone = TimeZone::get("Europe/Berlin").expect("known");
        let user =
            |name: &str, full_name: &str| User { name: name.into(), full_name: full_name.into(), zone: zone.clone() };
        let start = "2026-01-05T09:00".parse().expect("a time");
        let layer = Layer {
            name: "all".into(),
            from: None,
            until: None,
            rotation: Rotation { start, every: Every::Weeks(std::num::NonZeroU32::MIN) },
            turns: vec![vec!["ada".into()], vec!["ben".into(), "cy".into()], vec!["cy".into()]],
            restrictions: Vec::new(),
            joins: false,
        };
        let schedule = Schedule { name: "primary".into(), zone: zone.clone(), layers: vec![layer] };
        let users = vec![user("ada", full_name), user("ben", "Ben"), user("cy", "Cy")];
        OncallPlan { users, schedules: vec![schedule], overrides: Vec::new() }
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).expect(text)
    }

    #[test]
    fn a_calendar() {
        let plan = plan("Lovelace, Ada; Countess");
        let span = (at("2026-01-01T00:00:00Z"), at("2026-01-26T08:00:00Z"));
        let shown = |user| calendar(&plan, &[&plan.schedules[0]], user, span, at("2026-01-02T00:00:00Z"));
        let ada = shown(Some("ada"));
        assert!(ada.contains("DTSTART:20260105T080000Z\r\nDTEND:20260112T080000Z\r\n"), "{ada}");
        assert!(ada.contains("SUMMARY:On call: Lovelace\\, Ada\\; Countess (primary)\r\n"), "{ada}");
        assert_eq!(ada.matches("BEGIN:VEVENT").count(), 1);
        // Two shifts that follow one another are one stretch.
        let cy = shown(Some("cy"));
        assert!(cy.contains("DTSTART:20260112T080000Z\r\nDTEND:20260126T080000Z\r\n"), "{cy}");
        let all = shown(None);
        let uids: std::collections::BTreeSet<&str> = all.lines().filter(|line| line.starts_with("UID:")).collect();
        assert_eq!(uids.len(), 3, "{all}");
        let later = (at("2026-01-03T00:00:00Z"), at("2026-03-01T00:00:00Z"));
        let later = calendar(&plan, &[&plan.schedules[0]], None, later, at("2026-01-04T00:00:00Z"));
        assert!(uids.iter().all(|uid| later.contains(uid)), "a shift keeps its UID");
    }

    proptest! {
        #[test]
        fn lines_are_short_and_whole(name in "\\PC{0,200}") {
            let plan = plan(&name);
            let span = (at("2026-01-01T00:00:00Z"), at("2026-01-10T00:00:00Z"));
            let text = calendar(&plan, &[&plan.schedules[0]], Some("ada"), span, at("2026-01-02T00:00:00Z"));
            prop_assert!(text.ends_with("\r\n"));
            prop_assert!(text.split("\r\n").all(|line| line.len() <= LINE_OCTETS_MAX && !line.contains('\n')));
            let unfolded = text.replace("\r\n ", "");
            let summary = format!("SUMMARY:{}", escaped(&format!("On call: {name} (primary)")));
            prop_assert!(unfolded.contains(&summary));
        }
    }
}
