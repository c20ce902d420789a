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
