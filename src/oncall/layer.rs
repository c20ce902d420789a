//! One layer of a schedule: people who take turns.

use jiff::tz::TimeZone;

use super::restriction::{Restriction, stretches};
use super::rotation::Rotation;
use crate::model::Timestamp;

/// People who take turns.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Its name, for people.
    pub name: String,
    /// When it begins to count; `None` from the beginning.
    pub from: Option<Timestamp>,
    /// When it counts no more; `None` for never.
    pub until: Option<Timestamp>,
    /// When one turn hands over to the next.
    pub rotation: Rotation,
    /// Who takes turns; several in one turn are on call together.
    pub turns: Vec<Vec<String>>,
    /// When in the week it counts; none for always.
    pub restrictions: Vec<Restriction>,
    /// Whether its people join those of the layers before, instead of taking their place.
    pub joins: bool,
}

/// A turn of a layer, or the part of one in which it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
    /// The number of the handoff with which it began.
    pub(super) number: usize,
}

impl Layer {
    /// The turns between `from` and `until`, in order and apart from one another.
    pub(super) fn turns(&self, zone: &TimeZone, from: Timestamp, until: Timestamp) -> Vec<Turn> {
        let from = self.from.map_or(from, |own| own.max(from));
        let until = self.until.map_or(until, |own| own.min(until));
        if self.turns.is_empty() || from >= until {
            return Vec::new();
        }
        let mut turns = Vec::new();
        let open = stretches(&self.restrictions, zone, from, until);
        let mut handoffs = self.rotation.handoffs(zone, from).peekable();
        while let Some(handoff) = handoffs.next() {
            if handoff.at >= until {
                break;
            }
            let end = handoffs.peek().map_or(until, |next| next.at.min(until));
            let begin = handoff.at.max(from);
            let first = open.partition_point(|(_, open_until)| *open_until <= begin);
            for (open_from, open_until) in open[first..].iter().take_while(|(open_from, _)| *open_from < end) {
                let turn = Turn { from: begin.max(*open_from), until: end.min(*open_until), number: handoff.number };
                turns.extend((turn.from < turn.until).then_some(turn));
            }
        }
        turns
    }

    /// Who has turn `number`: those whose turn it is but for absent ones; if all of them are absent, those of the next turn
    /// that are not. Nobody if everyone is absent.
    pub(super) fn people(&self, number: usize, is_absent: impl Fn(&str) -> bool) -> Vec<&str> {
        let count = self.turns.len();
        let turn = |offset: usize| {
            let people = self.turns[(number + offset) % count].iter().map(String::as_str);
            people.filter(|person| !is_absent(person)).collect::<Vec<_>>()
        };
        (0..count).map(turn).find(|people| !people.is_empty()).unwrap_or_default()
    }
}
