//! A schedule: layers and the exceptions from them.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::layer::{Layer, Turn};
use super::overrides::{Override, OverrideChange};
use crate::model::{Timestamp, from_rfc3339, rfc3339};

/// How far ahead the next people on call are looked for.
const AHEAD_MAX: Duration = Duration::from_secs(2 * 366 * 24 * 60 * 60);
/// How far ahead is looked at first.
const AHEAD_FIRST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Who is on call when.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// The name that policies refer to.
    pub name: String,
    /// Whose clock counts.
    pub zone: TimeZone,
    /// The layers; a later one takes the place of the earlier ones where it has somebody, or joins them.
    pub layers: Vec<Layer>,
}

/// A stretch in which the same people are on call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shift {
    /// Its beginning.
    #[serde(serialize_with = "rfc3339", deserialize_with = "from_rfc3339")]
    pub from: Timestamp,
    /// Its end.
    #[serde(serialize_with = "rfc3339", deserialize_with = "from_rfc3339")]
    pub until: Timestamp,
    /// Who is on call, in the order of the layers; nobody in a gap.
    pub people: Vec<String>,
}

impl Schedule {
    /// The name of its time zone.
    pub fn zone_name(&self) -> String {
        self.zone.iana_name().unwrap_or("UTC").to_owned()
    }

    /// Who is on call at `at`.
    pub fn on_call(&self, at: Timestamp, overrides: &[Override]) -> Vec<String> {
        let shifts = self.shifts(at, at + Duration::from_millis(1), overrides);
        shifts.into_iter().next().map(|shift| shift.people).unwrap_or_default()
    }

    /// Who is on call at `at`, and after `offset` changes of who is on call; `None` if that is not within two years.
    pub fn on_call_next(&self, at: Timestamp, offset: usize, overrides: &[Override]) -> Option<Vec<String>> {
        let mut ahead = AHEAD_FIRST;
        loop {
            let shifts = self.shifts(at, at + ahead, overrides);
            let mut filled = shifts.into_iter().filter(|shift| !shift.people.is_empty());
            if let Some(shift) = filled.nth(offset) {
                return Some(shift.people);
            }
            if ahead >= AHEAD_MAX {
                return None;
            }
            ahead = (ahead * 4).min(AHEAD_MAX);
        }
    }

    /// When who is on call changes next after `at`; `None` if it does not within two years.
    pub fn next_change(&self, at: Timestamp, overrides: &[Override]) -> Option<Timestamp> {
        let mut ahead = AHEAD_FIRST;
        loop {
            let first = self.shifts(at, at + ahead, overrides).into_iter().next()?;
            if first.until < at + ahead {
                return Some(first.until);
            }
            if ahead >= AHEAD_MAX {
                return None;
            }
            ahead = (ahead * 4).min(AHEAD_MAX);
        }
    }

    /// The final schedule from `from` to `until`, gaps included, in order; neighbours differ.
    pub fn shifts(&self, from: Timestamp, until: Timestamp, overrides: &[Override]) -> Vec<Shift> {
        let concerns = |other: &&Override| other.concerns(&self.name) && other.from < until && other.until > from;
        let concerning: Vec<&Override> = overrides.iter().filter(concerns).collect();
        let turns: Vec<Vec<Turn>> = self.layers.iter().map(|layer| layer.turns(&self.zone, from, until)).collect();
        let mut bounds: BTreeSet<Timestamp> = BTreeSet::from([from, until]);
        bounds.extend(turns.iter().flatten().flat_map(|turn| [turn.from, turn.until]));
        let within = |at: &Timestamp| *at > from && *at < until;
        bounds.extend(concerning.iter().flat_map(|other| [other.from, other.until]).filter(within));
        let bounds: Vec<Timestamp> = bounds.into_iter().collect();
        let mut shifts: Vec<Shift> = Vec::new();
        for pair in bounds.windows(2) {
            let people = self.people(pair[0], &turns, &concerning);
            match shifts.last_mut() {
                Some(last) if last.people == people => last.until = pair[1],
                _ => shifts.push(Shift { from: pair[0], until: pair[1], people }),
            }
        }
        shifts
    }

    /// Who is on call at `at`, given the turns of each layer around it.
    fn people(&self, at: Timestamp, turns: &[Vec<Turn>], overrides: &[&Override]) -> Vec<String> {
        let in_force = || overrides.iter().filter(|other| other.counts(&self.name, at));
        let is_absent = |person: &str| {
            in_force().any(|other| matches!(&other.change, OverrideChange::Absent { user } if user == person))
        };
        let mut people: Vec<String> = Vec::new();
        for (layer, turns) in self.layers.iter().zip(turns) {
            let position = turns.partition_point(|turn| turn.until <= at);
            let Some(turn) = turns.get(position).filter(|turn| turn.from <= at) else { continue };
            let own = layer.people(turn.number, is_absent);
            if own.is_empty() {
                continue;
            }
            if !layer.joins {
                people.clear();
            }
            own.into_iter().for_each(|person| join(&mut people, person));
        }
        for other in in_force() {
            match &other.change {
                OverrideChange::Add { user } => join(&mut people, user),
                OverrideChange::Remove { user } => people.retain(|person| person != user),
                OverrideChange::Replace { user, by } => {
                    if let Some(position) = people.iter().position(|person| person == user) {
                        people.remove(position);
                        if !people.contains(by) {
                            people.insert(position, by.clone());
                        }
                    }
                }
                OverrideChange::Absent { user } => people.retain(|person| person != user),
            }
        }
        people
    }
}

fn join(people: &mut Vec<String>, person: &str) {
    if !people.iter().any(|known| known == person) {
        people.push(person.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::oncall::{DayTime, Every, Restriction, Rotation};

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(&format!("2026-01-{text}:00Z")).expect(text)
    }

    fn layer(turns: &[&str], restrictions: Vec<Restriction>) -> Layer {
        Layer {
            name: "l".into(),
            from: None,
            until: None,
            rotation: Rotation {
                start: "2026-01-05T00:00".parse().expect("a time"),
                every: Every::Days(NonZeroU32::MIN),
            },
            turns: turns.iter().map(|turn| turn.split(' ').map(str::to_owned).collect()).collect(),
            restrictions,
            joins: false,
        }
    }

    fn schedule(layers: Vec<Layer>) -> Schedule {
        Schedule { name: "s".into(), zone: TimeZone::UTC, layers }
    }

    fn other(change: OverrideChange, from: &str, until: &str) -> Override {
        Override {
            id: "1".into(),
            schedule: Some("s".into()),
            from: at(from),
            until: at(until),
            change,
            created_by: "me".into(),
            comment: String::new(),
        }
    }

    fn replace(user: &str, by: &str) -> OverrideChange {
        OverrideChange::Replace { user: user.into(), by: by.into() }
    }

    #[test]
    fn what_overrides_do() {
        let schedule = schedule(vec![layer(&["ada", "ben cy", "dee"], Vec::new())]);
        let add = |user: &str| OverrideChange::Add { user: user.into() };
        let remove = |user: &str| OverrideChange::Remove { user: user.into() };
        let absent = |user: &str| OverrideChange::Absent { user: user.into() };
        let (first, second) = ("05T12:00", "06T12:00");
        for (changes, on_first, on_second) in [
            (vec![], "ada", "ben cy"),
            (vec![add("zoe"), add("ada")], "ada zoe", "ben cy zoe ada"),
            (vec![remove("ada"), remove("cy")], "", "ben"),
            (vec![replace("ada", "zoe"), replace("ben", "zoe")], "zoe", "zoe cy"),
            // Somebody who is on call already takes no second place.
            (vec![replace("ben", "cy")], "ada", "cy"),
            // The next turn's people are on call where everybody of a turn is away; of several, the others stay.
            (vec![absent("ada"), absent("ben")], "cy", "cy"),
            (vec![absent("ben"), absent("cy")], "ada", "dee"),
            (vec![absent("ada"), absent("ben"), absent("cy"), absent("dee")], "", ""),
            // Also when they were put there.
            (vec![add("zoe"), absent("zoe")], "ada", "ben cy"),
            // The last word counts.
            (vec![add("zoe"), remove("zoe")], "ada", "ben cy"),
            (vec![remove("zoe"), add("zoe")], "ada zoe", "ben cy zoe"),
            (vec![replace("ada", "ben"), replace("ben", "ada")], "ada", "ada cy"),
        ] {
            let overrides: Vec<Override> =
                changes.into_iter().map(|change| other(change, "01T00:00", "20T00:00")).collect();
            let found = |when: &str| schedule.on_call(at(when), &overrides).join(" ");
            assert_eq!((found(first).as_str(), found(second).as_str()), (on_first, on_second), "{overrides:?}");
        }
        let elsewhere = Override { schedule: Some("t".into()), ..other(add("zoe"), "01T00:00", "20T00:00") };
        assert_eq!(schedule.on_call(at(first), std::slice::from_ref(&elsewhere)), ["ada"]);
        let everywhere = Override { schedule: None, ..elsewhere };
        assert_eq!(schedule.on_call(at(first), &[everywhere]), ["ada", "zoe"]);
    }

    #[test]
    fn overrides_begin_and_end_inside_of_shifts() {
        let schedule = schedule(vec![layer(&["ada", "ben"], Vec::new())]);
        let overrides = [other(replace("ada", "zoe"), "05T06:00", "05T18:00")];
        let shown = |from: &str, until: &str| {
            let shifts = schedule.shifts(at(from), at(until), &overrides);
            shifts.iter().map(|it| format!("{} {}", it.from, it.people.join(" "))).collect::<Vec<_>>()
        };
        assert_eq!(
            shown("04T22:00", "06T06:00"),
            [
                "2026-01-04T22:00:00Z ",
                "2026-01-05T00:00:00Z ada",
                "2026-01-05T06:00:00Z zoe",
                "2026-01-05T18:00:00Z ada",
                "2026-01-06T00:00:00Z ben",
            ]
        );
        assert_eq!(shown("05T07:00", "05T08:00"), ["2026-01-05T07:00:00Z zoe"]);
        assert_eq!(schedule.next_change(at("05T07:00"), &overrides), Some(at("05T18:00")));
        let next =
            |offset: usize| schedule.on_call_next(at("05T05:00"), offset, &overrides).unwrap_or_default().join(" ");
        assert_eq!([0, 1, 2, 3].map(next), ["ada", "zoe", "ada", "ben"]);
    }

    #[test]
    fn layers_take_the_place_of_others_or_join_them() {
        let night = || vec![Restriction { weekdays: Vec::new(), start: DayTime(22 * 60), end: DayTime(6 * 60) }];
        let over = schedule(vec![layer(&["ada"], Vec::new()), layer(&["ben"], night())]);
        let beside =
            schedule(vec![layer(&["ada"], Vec::new()), Layer { joins: true, ..layer(&["ben", "ada"], night()) }]);
        for (schedule, when, expected) in [
            (&over, "05T12:00", "ada"),
            (&over, "05T23:00", "ben"),
            (&beside, "05T12:00", "ada"),
            (&beside, "05T23:00", "ada ben"),
            (&beside, "06T23:00", "ada"),
            (&over, "06T05:59", "ben"),
            (&over, "06T06:00", "ada"),
        ] {
            assert_eq!(schedule.on_call(at(when), &[]).join(" "), expected, "{when}");
        }
        // Where nobody of a layer is there, the ones before it are on call.
        let away = [other(OverrideChange::Absent { user: "ben".into() }, "05T00:00", "07T00:00")];
        assert_eq!(over.on_call(at("05T23:00"), &away), ["ada"]);
        // Nobody at all is nobody for ever.
        assert_eq!(schedule(Vec::new()).on_call_next(at("05T00:00"), 0, &[]), None);
        assert_eq!(schedule(Vec::new()).next_change(at("05T00:00"), &[]), None);
    }
}
