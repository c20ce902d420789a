//! Calendars of exceptions: every event of one is an override of a schedule.

use std::collections::BTreeSet;
use std::time::Duration;

use hashbrown::HashMap;
use jiff::civil::DateTime;

use super::wall::{Moment, Occurrence as Which, shown};
use super::{OncallPlan, Override, OverrideChange, OverrideState, Schedule};
use crate::formats::icalendar::{CalendarError, CalendarEvent, EventTime, Occurrence, parse_calendar};
use crate::model::{Labels, Timestamp, nearest};

/// The greatest number of overrides that come of a calendar.
pub const IMPORTED_MAX: usize = 1_000;
/// How far ahead events are taken that recur.
pub const IMPORT_AHEAD: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// How many occurrences of a calendar are looked at.
const OCCURRENCES_MAX: usize = 200_000;

/// What a calendar comes to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Imported {
    /// The overrides, each with the line of its event.
    pub overrides: Vec<(usize, Override)>,
    /// The ids of all events, cancelled ones and such that are over too: an override is of an event if its id is that of the event, or
    /// begins with it and a colon.
    pub events: BTreeSet<String>,
}

/// What a calendar changes of what was set before.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CalendarChanges {
    /// What is new or another one.
    pub set: Vec<Override>,
    /// What was set of its events, is not over, and is no longer said.
    pub removed: Vec<Override>,
    /// How many are as they were.
    pub unchanged: usize,
}

impl Imported {
    /// What changes of `stored` at `now`. Who made what stays as it is does not change.
    pub fn against(self, stored: Vec<Override>, now: Timestamp) -> CalendarChanges {
        let mut changes = CalendarChanges::default();
        let mut known: HashMap<String, Override> = HashMap::new();
        for one in stored {
            let event = one.id.match_indices(':').nth(1).map_or(one.id.as_str(), |(end, _)| &one.id[..end]);
            if self.events.contains(event) && one.state(now) != OverrideState::Expired {
                known.insert(one.id.clone(), one);
            }
        }
        for (_, one) in self.overrides {
            match known.remove(&one.id) {
                Some(before) if (Override { created_by: before.created_by.clone(), ..one.clone() }) == before => {
                    changes.unchanged += 1;
                }
                _ => changes.set.push(one),
            }
        }
        changes.removed = known.into_values().collect();
        changes.removed.sort_by(|one, other| (one.from, &one.id).cmp(&(other.from, &other.id)));
        changes
    }
}

/// Who imports a calendar, where to and when.
#[derive(Clone, Copy, Debug)]
pub struct Import<'a> {
    /// The people.
    pub plan: &'a OncallPlan,
    /// The schedule.
    pub schedule: &'a Schedule,
    /// Who made the overrides.
    pub created_by: &'a str,
    /// The present, from which events that recur are taken for a year; without it, they are from their first time.
    pub now: Option<Timestamp>,
    /// How long before the present something may be over; what was over earlier is left out.
    pub back: Duration,
}

impl Import<'_> {
    /// The overrides of the calendar `text`; up to a year ahead, where events recur. The same event has the same id in every
    /// version of its calendar.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, up to a limit.
    pub fn read(&self, text: &str) -> Result<Imported, Vec<CalendarError>> {
        let events = parse_calendar(text)?;
        let mut moved: HashMap<String, BTreeSet<DateTime>> = HashMap::new();
        let mut problems = Vec::new();
        let mut seen = HashMap::new();
        for event in &events {
            let original = event.replaces.as_ref().and_then(|it| event.start.same_clock(it));
            if let Some(first) = seen.insert((event.uid.as_str(), original), event.line) {
                let message = format!("the event of line {first} has the same `UID`");
                problems.push(CalendarError::new(event.line, message));
            }
            if let Some(original) = original {
                moved.entry(event.uid.clone()).or_default().insert(original);
            }
        }
        let mut imported = Imported::default();
        let mut looked_at = 0;
        for event in &events {
            let taken = moved.get(&event.uid).filter(|_| event.replaces.is_none());
            if let Err(error) = self.event(event, taken, &mut looked_at, &mut imported) {
                problems.push(error);
            }
        }
        if problems.is_empty() { Ok(imported) } else { Err(problems) }
    }

    /// Takes in an event; `moved` are its occurrences of which other events take the place.
    fn event(
        &self,
        event: &CalendarEvent,
        moved: Option<&BTreeSet<DateTime>>,
        looked_at: &mut usize,
        imported: &mut Imported,
    ) -> Result<(), CalendarError> {
        let id = self.id(&event.uid);
        imported.events.insert(id.clone());
        if event.is_cancelled {
            return Ok(());
        }
        let change = self.change(&event.summary).map_err(|text| CalendarError::new(event.summary_line, text))?;
        let error = |text: &str| CalendarError::new(event.line, text);
        let too_far = || error("the event is too far away");
        let first = self.at(&event.start, Which::First).ok_or_else(too_far)?;
        let now = self.now.unwrap_or(first);
        let zone = event.start.zone.as_ref().unwrap_or(&self.schedule.zone);
        let here = shown(zone, now - self.back).ok_or_else(too_far)?;
        for Occurrence { original, start, end } in event.occurrences(here) {
            *looked_at += 1;
            if *looked_at > OCCURRENCES_MAX {
                return Err(error("the events up to here take place too often"));
            }
            let original = original.or_else(|| event.start.same_clock(event.replaces.as_ref()?));
            if event.replaces.is_none() && original.zip(moved).is_some_and(|(at, moved)| moved.contains(&at)) {
                continue;
            }
            let from = self.at(&start, Which::First).ok_or_else(too_far)?;
            let until = self.at(&end, Which::Last).ok_or_else(too_far)?;
            if until <= from {
                return Err(error("the event ends before it begins"));
            }
            if event.recurrence.is_some() && from > now + IMPORT_AHEAD {
                break;
            }
            if self.now.is_some_and(|now| until <= now - self.back) {
                continue;
            }
            if imported.overrides.len() >= IMPORTED_MAX {
                return Err(error(&format!("more than {IMPORTED_MAX} overrides come of the calendar")));
            }
            let id = original.map_or_else(|| id.clone(), |at| format!("{id}:{}", at.strftime("%Y%m%dT%H%M%S")));
            let schedule = Some(self.schedule.name.clone());
            let (created_by, comment) = (self.created_by.to_owned(), event.summary.clone());
            let found = Override { id, schedule, from, until, change: change.clone(), created_by, comment };
            self.plan.accept(&found).map_err(|refusal| error(&refusal.to_string()))?;
            imported.overrides.push((event.line, found));
        }
        Ok(())
    }

    /// The id of the event `uid`.
    fn id(&self, uid: &str) -> String {
        let key = Labels::from_pairs([("schedule", self.schedule.name.as_str()), ("uid", uid)]);
        format!("calendar:{}", key.fingerprint())
    }

    /// Times without a zone are by the clock of the schedule.
    fn at(&self, time: &EventTime, which: Which) -> Option<Timestamp> {
        Moment::Wall(time.wall).by(time.zone.as_ref().unwrap_or(&self.schedule.zone), which)
    }

    /// What the summary of an event says: `Ada`, `away: Ada`, `without: Ada`, `Ada instead of Ben`, `Ben -> Ada`.
    fn change(&self, summary: &str) -> Result<OverrideChange, String> {
        if summary.is_empty() {
            return Err("the summary is empty; it has to name a user".to_owned());
        }
        let lower = summary.to_lowercase();
        // Where lower case is of another length, nothing but a name is seen.
        let lower = if lower.len() == summary.len() { lower } else { summary.to_owned() };
        let split = |at: usize, length: usize| Some((summary.get(..at)?, summary.get(at + length..)?));
        for (word, is_reversed) in [(" instead of ", false), ("->", true), ("→", true)] {
            let Some((first, second)) = lower.find(word).and_then(|at| split(at, word.len())) else { continue };
            let (by, user) = if is_reversed { (second, first) } else { (first, second) };
            return Ok(OverrideChange::Replace { user: self.user(user)?, by: self.user(by)? });
        }
        if let Some((word, name)) = lower.find(':').and_then(|at| split(at, 1)) {
            let user = || self.user(name);
            match word.trim().to_lowercase().as_str() {
                "absent" | "away" => return Ok(OverrideChange::Absent { user: user()? }),
                "without" | "remove" => return Ok(OverrideChange::Remove { user: user()? }),
                "add" | "with" => return Ok(OverrideChange::Add { user: user()? }),
                _ => {}
            }
        }
        Ok(OverrideChange::Add { user: self.user(summary)? })
    }

    /// The user whose name or full name that is, whatever the case of its letters.
    fn user(&self, text: &str) -> Result<String, String> {
        let wanted = text.trim().to_lowercase();
        let users = &self.plan.users;
        let by_name = users.iter().find(|user| user.name.to_lowercase() == wanted);
        let mut by_full_name = users.iter().filter(|user| user.full_name.to_lowercase() == wanted);
        let found = by_name.or_else(|| by_full_name.next());
        match (found, by_name.is_none().then(|| by_full_name.next()).flatten()) {
            (Some(one), Some(other)) => {
                Err(format!("both `{}` and `{}` are called so; write one of these", one.name, other.name))
            }
            (Some(user), None) => Ok(user.name.clone()),
            (None, _) => {
                let names = users.iter().flat_map(|user| [user.name.as_str(), user.full_name.as_str()]);
                let near = nearest(text.trim(), names).map(|near| format!("; did you mean `{near}`?"));
                let shown: String = text.trim().chars().take(60).collect();
                Err(format!("no user is called `{shown}`{}", near.unwrap_or_default()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    use super::*;
    use crate::oncall::User;

    fn plan() -> OncallPlan {
        let zone = TimeZone::get("Europe/Berlin").expect("known");
        let user =
            |name: &str, full_name: &str| User { name: name.into(), full_name: full_name.into(), zone: zone.clone() };
        OncallPlan {
            users: vec![
                user("ada", "Ada Lovelace"),
                user("ben", "Ben"),
                user("cy", "Ben: the -> second"),
                user("dee", "BEN"),
            ],
            schedules: vec![Schedule { name: "primary".into(), zone: zone.clone(), layers: Vec::new() }],
            overrides: Vec::new(),
        }
    }

    fn imported(events: &str) -> Result<Imported, Vec<CalendarError>> {
        let plan = plan();
        let now = Timestamp::parse_rfc3339("2026-07-01T00:00:00Z").expect("a time");
        let import = Import {
            plan: &plan,
            schedule: &plan.schedules[0],
            created_by: "me",
            now: Some(now),
            back: Duration::ZERO,
        };
        import.read(&format!("BEGIN:VCALENDAR\n{events}END:VCALENDAR\n"))
    }

    fn event(fields: &str) -> String {
        format!("BEGIN:VEVENT\n{}\nEND:VEVENT\n", fields.replace("; ", "\n"))
    }

    fn overrides(events: &str) -> Vec<String> {
        match imported(events) {
            Ok(imported) => {
                let one = |(_, it): &(usize, Override)| format!("{} {} {}", it.from, it.until, it.change);
                imported.overrides.iter().map(one).collect()
            }
            Err(problems) => problems.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn what_summaries_say() {
        for (summary, expected) in [
            ("ada", "ada too"),
            ("  ADA lovelace ", "ada too"),
            ("add: Ada", "ada too"),
            ("Absent: ada", "ada is absent"),
            ("away:Ada Lovelace", "ada is absent"),
            ("without: ben", "without ben"),
            ("Ada Lovelace instead of ben", "ada instead of ben"),
            ("ben -> ada", "ada instead of ben"),
            ("ben→ada", "ada instead of ben"),
            ("Lunch", "no user is called `Lunch`"),
            ("ada lovelase", "no user is called `ada lovelase`; did you mean `Ada Lovelace`?"),
            ("holiday: ada", "no user is called `holiday: ada`"),
            ("ada -> ada", "line 2: nobody can take their own place"),
            ("İ -> ada", "no user is called `İ`"),
            ("", "the summary is empty"),
        ] {
            let found = overrides(&event(&format!("UID:1; SUMMARY:{summary}; DTSTART;VALUE=DATE:20260720")));
            assert!(found.len() == 1 && found[0].contains(expected), "{summary}: {found:?}");
        }
    }

    #[test]
    fn events_become_overrides() {
        let text = [
            // By the clock of the schedule, by another, by none.
            event("UID:1; SUMMARY:ada; DTSTART;VALUE=DATE:20260720"),
            event("UID:2; SUMMARY:ada; DTSTART;TZID=America/New_York:20260720T090000; DTEND:20260720T150000Z"),
            // Over, and cancelled.
            event("UID:3; SUMMARY:ada; DTSTART;VALUE=DATE:20260620"),
            event("UID:4; SUMMARY:ada; DTSTART;VALUE=DATE:20260721; STATUS:CANCELLED"),
            // A week of nights over the end of summer time, one of them left out, one moved, one cancelled.
            event("UID:5; SUMMARY:away: ben; DTSTART:20261023T200000; DTEND:20261024T080000; RRULE:FREQ=DAILY;COUNT=5; EXDATE:20261024T200000"),
            event("UID:5; SUMMARY:away: ben; DTSTART:20261025T210000; DTEND:20261026T080000; RECURRENCE-ID:20261025T200000"),
            event("UID:5; SUMMARY:; DTSTART:20261026T200000; DTEND:20261027T080000; RECURRENCE-ID:20261026T200000; STATUS:CANCELLED"),
        ]
        .concat();
        assert_eq!(
            overrides(&text),
            [
                "2026-07-19T22:00:00Z 2026-07-20T22:00:00Z ada too",
                "2026-07-20T13:00:00Z 2026-07-20T15:00:00Z ada too",
                "2026-10-23T18:00:00Z 2026-10-24T06:00:00Z ben is absent",
                "2026-10-27T19:00:00Z 2026-10-28T07:00:00Z ben is absent",
                "2026-10-25T20:00:00Z 2026-10-26T07:00:00Z ben is absent",
            ]
        );
        let first = imported(&text).expect("a calendar");
        assert_eq!(first.events.len(), 5, "each event is known by its UID");
        let ids: Vec<&str> = first.overrides.iter().map(|(_, it)| it.id.as_str()).collect();
        assert!(ids[2].ends_with(":20261023T200000") && ids[4].ends_with(":20261025T200000"), "{ids:?}");
        assert!(ids.iter().all(|id| first.events.iter().any(|event| id.starts_with(event.as_str()))));
        assert_eq!(first, imported(&text.replace("20261027T080000", "20261027T080000\nSEQUENCE:2")).expect("the same"));
    }

    #[test]
    fn recurring_events_reach_a_year_ahead() {
        let found = overrides(&event("UID:1; SUMMARY:ada; DTSTART;VALUE=DATE:20200106; RRULE:FREQ=WEEKLY"));
        assert_eq!((found.len(), found[0].as_str()), (52, "2026-07-05T22:00:00Z 2026-07-06T22:00:00Z ada too"));
        let late = overrides(&event("UID:1; SUMMARY:ada; DTSTART;VALUE=DATE:20300106"));
        assert_eq!(late.len(), 1, "what takes place once may be further away");
        let many: String = (0..4)
            .map(|uid| event(&format!("UID:{uid}; SUMMARY:ada; DTSTART;VALUE=DATE:20200106; RRULE:FREQ=DAILY")))
            .collect();
        assert!(overrides(&many)[0].contains("more than 1000 overrides"), "{:?}", overrides(&many).last());
    }

    #[test]
    fn a_calendar_that_is_read_again() {
        let day = |uid: u8, day: &str, more: &str| {
            event(&format!("UID:{uid}; SUMMARY:ada; DTSTART;VALUE=DATE:202607{day}; {more}"))
        };
        let now = Timestamp::parse_rfc3339("2026-07-01T00:00:00Z").expect("a time");
        let first = imported(&(day(1, "20", "") + &day(2, "21", "RRULE:FREQ=DAILY;COUNT=3") + &day(3, "25", "")))
            .expect("valid");
        let mut stored: Vec<Override> =
            first.overrides.into_iter().map(|(_, one)| Override { created_by: "other".into(), ..one }).collect();
        stored.push(Override { id: "of nobody".into(), ..stored[0].clone() });
        let over = Override {
            id: format!("{}:19700101T000000", stored[1].id.split_at(25).0),
            until: now,
            ..stored[1].clone()
        };
        stored.push(over);
        // Moved; shortened; cancelled.
        let later = day(1, "22", "") + &day(2, "21", "RRULE:FREQ=DAILY;COUNT=2") + &day(3, "25", "STATUS:CANCELLED");
        let changes = imported(&later).expect("valid").against(stored.clone(), now);
        let ids = |all: &[Override]| all.iter().map(|one| one.id.clone()).collect::<Vec<_>>();
        assert_eq!((ids(&changes.set), changes.unchanged), (ids(&stored[..1]), 2));
        assert_eq!(ids(&changes.removed), ids(&stored[3..5]));
        // What is no longer in the file is not known to be cancelled.
        assert_eq!(imported("").expect("valid").against(stored, now), CalendarChanges::default());
    }

    #[test]
    fn what_is_wrong() {
        for (events, expected) in [
            (
                event("UID:1; SUMMARY:ada; DTSTART:20260720T090000; DTEND:20260720T090000"),
                "line 2: the event ends before",
            ),
            (
                event("UID:1; SUMMARY:ada; DTSTART;VALUE=DATE:20260720").repeat(2),
                "line 7: the event of line 2 has the same",
            ),
            (
                event("UID:1; SUMMARY:Ben; DTSTART;VALUE=DATE:20260720"),
                "2026-07-19T22:00:00Z 2026-07-20T22:00:00Z ben too",
            ),
        ] {
            let found = overrides(&events);
            assert!(found[0].starts_with(expected), "{expected}: {found:?}");
        }
    }

    proptest! {
        #[test]
        fn no_calendar_panics(
            summary in "\\PC{0,20}|ada|(a|A|İ|ß|-|>|:| |instead of ){0,12}",
            start in "[0-9]{4}[01][0-9][0-3][0-9](T[0-2][0-9][0-5][0-9]00Z?)?",
            end in "[0-9]{4}[01][0-9][0-3][0-9](T[0-2][0-9][0-5][0-9]00Z?)?",
            rule in "(RRULE:FREQ=(DAILY|WEEKLY|MONTHLY|YEARLY)(;INTERVAL=[0-9]{1,4})?(;COUNT=[0-9]{1,4})?)?",
        ) {
            drop(imported(&event(&format!("UID:1; SUMMARY:{summary}; DTSTART:{start}; DTEND:{end}; {rule}"))));
        }
    }
}
