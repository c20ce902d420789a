//! How good a schedule is: gaps, and who carries how much.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::schedule::Shift;
use super::wall::shown;
use crate::model::{Timestamp, rfc3339};

/// Nights are from 22:00 to 06:00.
const NIGHT_BEGINS: i8 = 22;
const NIGHT_ENDS: i8 = 6;
/// The step in which hours are counted.
const STEP: Duration = Duration::from_secs(15 * 60);

/// A stretch in which nobody is on call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// Its beginning.
    #[serde(serialize_with = "rfc3339")]
    pub from: Timestamp,
    /// Its end.
    #[serde(serialize_with = "rfc3339")]
    pub until: Timestamp,
}

/// What one person carries.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PersonLoad {
    /// Hours on call.
    pub hours: f64,
    /// Of these, hours between 22:00 and 06:00.
    pub night_hours: f64,
    /// Of these, hours on Saturdays and Sundays.
    pub weekend_hours: f64,
}

/// How good a schedule is over a span.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScheduleReport {
    /// The share of the span in which somebody is on call, from 0 to 1.
    pub coverage: f64,
    /// When nobody is.
    pub gaps: Vec<Gap>,
    /// What each person carries, by name.
    pub people: BTreeMap<String, PersonLoad>,
    /// The most hours of a person, divided by the mean of all who are on call at all; 1 is even. 0 if nobody is.
    pub imbalance: f64,
}

impl ScheduleReport {
    /// Looks at `shifts`, the final schedule of a span, by the clock of `zone`.
    pub fn new(shifts: &[Shift], zone: &TimeZone) -> ScheduleReport {
        let length = |shift: &Shift| shift.until.since(shift.from).as_secs_f64();
        let total: f64 = shifts.iter().map(length).sum();
        let covered: f64 = shifts.iter().filter(|shift| !shift.people.is_empty()).map(length).sum();
        let gaps = shifts.iter().filter(|shift| shift.people.is_empty());
        let mut people: BTreeMap<String, PersonLoad> = BTreeMap::new();
        for shift in shifts.iter().filter(|shift| !shift.people.is_empty()) {
            let load = load(shift, zone);
            for person in &shift.people {
                let sum = people.entry(person.clone()).or_default();
                sum.hours += load.hours;
                sum.night_hours += load.night_hours;
                sum.weekend_hours += load.weekend_hours;
            }
        }
        let hours = people.values().map(|load| load.hours);
        let mean = hours.clone().sum::<f64>() / people.len().max(1) as f64;
        let most = hours.fold(0.0, f64::max);
        ScheduleReport {
            coverage: if total > 0.0 { covered / total } else { 0.0 },
            gaps: gaps.map(|shift| Gap { from: shift.from, until: shift.until }).collect(),
            people,
            imbalance: if mean > 0.0 { most / mean } else { 0.0 },
        }
    }
}

fn load(shift: &Shift, zone: &TimeZone) -> PersonLoad {
    let mut load = PersonLoad::default();
    let mut at = shift.from;
    while at < shift.until {
        let end = (at + STEP).min(shift.until);
        let hours = end.since(at).as_secs_f64() / 3600.0;
        load.hours += hours;
        if let Some(wall) = shown(zone, at) {
            let is_night = wall.hour() >= NIGHT_BEGINS || wall.hour() < NIGHT_ENDS;
            let is_weekend = matches!(wall.weekday(), Weekday::Saturday | Weekday::Sunday);
            load.night_hours += if is_night { hours } else { 0.0 };
            load.weekend_hours += if is_weekend { hours } else { 0.0 };
        }
        at = end;
    }
    load
}
