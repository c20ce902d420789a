//! What happened, kept: events as records of the store, written with the decisions that they tell of, the oldest forgotten
//! first.

use std::collections::{HashMap, VecDeque};

use crate::config::HistoryLimits;
use crate::engine::{Event, EventKind, Notice, Record, RecordKind};
use crate::model::Timestamp;
use crate::route::Withheld;
use crate::rule::Change;

/// How many integrations' last verdicts are remembered; beyond that all are forgotten, and told once more.
const VERDICTS_MAX: usize = 100_000;
/// How many entries are forgotten at a time.
const FORGOTTEN_MAX: usize = 1_000;

/// The group, the receiver, the number of the integration.
type Target = (String, String, usize);

/// Numbers the events and forgets old ones.
#[derive(Debug)]
pub struct History {
    limits: HistoryLimits,
    next: u64,
    /// Those that are kept, oldest first.
    kept: VecDeque<(u64, Timestamp)>,
    /// Why each integration was last told nothing, so that the same reason is kept once.
    withheld: HashMap<Target, Withheld>,
}

/// The key of an entry: its number, then its time, so that neither needs its value to be read.
fn key(number: u64, at: Timestamp) -> Vec<u8> {
    [number.to_be_bytes(), at.millis().to_be_bytes()].concat()
}

/// The number and the time of an entry.
pub fn entry_number(record: &Record) -> Option<(u64, Timestamp)> {
    let (number, at) = record.key.split_first_chunk::<8>()?;
    let at = at.first_chunk::<8>().map(|bytes| Timestamp::from_millis(i64::from_be_bytes(*bytes)))?;
    (record.kind == RecordKind::Event).then(|| (u64::from_be_bytes(*number), at))
}

/// The key before which the entries with lower numbers stand.
pub fn before(number: u64) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

impl History {
    /// Goes on after the entries among `records`.
    pub fn restore(limits: HistoryLimits, records: &[Record]) -> History {
        let mut kept: Vec<(u64, Timestamp)> = records.iter().filter_map(entry_number).collect();
        kept.sort_unstable();
        let next = kept.last().map_or(1, |(number, _)| number.saturating_add(1));
        History { limits, next, kept: kept.into(), withheld: HashMap::new() }
    }

    /// From now on keeps as much as `limits` says.
    pub fn set_limits(&mut self, limits: HistoryLimits) {
        self.limits = limits;
    }

    /// The records that keep `events` and forget what is over the limits.
    pub fn note<'a>(&mut self, now: Timestamp, events: impl IntoIterator<Item = &'a Event>) -> Vec<Record> {
        let mut records = Vec::new();
        for event in events {
            if !self.is_worth_keeping(&event.kind) {
                continue;
            }
            let value = serde_json::to_vec(event).expect("our own events have only text keys and finite numbers");
            records.push(Record { kind: RecordKind::Event, key: key(self.next, event.at), value: Some(value) });
            self.kept.push_back((self.next, event.at));
            self.next = self.next.saturating_add(1);
        }
        if !records.is_empty() {
            self.forget(now, &mut records);
        }
        records
    }

    fn forget(&mut self, now: Timestamp, records: &mut Vec<Record>) {
        for _ in 0..FORGOTTEN_MAX {
            let Some((number, at)) = self.kept.front().copied() else { return };
            let too_many = self.kept.len() > self.limits.entries_max;
            if !too_many && now.since(at) <= self.limits.age_max {
                return;
            }
            self.kept.pop_front();
            records.push(Record { kind: RecordKind::Event, key: key(number, at), value: None });
        }
    }

    /// Everything but what repeats at every look.
    fn is_worth_keeping(&mut self, kind: &EventKind) -> bool {
        match kind {
            EventKind::Alert { change, .. } => !matches!(change, Change::Updated | Change::Forgotten),
            // Their senders know more of them, and they may be very many; what is told of them is kept.
            EventKind::Received { .. } => false,
            EventKind::Withheld { group_key, receiver, integration, reason, .. } => {
                if matches!(reason, Withheld::NothingToTell | Withheld::AlreadyTold) {
                    return false;
                }
                if self.withheld.len() >= VERDICTS_MAX {
                    self.withheld.clear();
                }
                let target = (group_key.clone(), receiver.clone(), *integration);
                self.withheld.insert(target, *reason) != Some(*reason)
            }
            EventKind::Queued(Notice { group_key, receiver, integration, .. }) => {
                self.withheld.remove(&(group_key.clone(), receiver.clone(), *integration));
                true
            }
            // An outage of hours does not push out everything else.
            EventKind::Retried { notice, .. } => notice.attempts.is_power_of_two(),
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::TraceId;

    fn event(at: i64, kind: EventKind) -> Event {
        Event { at: Timestamp::from_seconds(at), trace: TraceId::NONE, kind }
    }

    fn withheld(reason: Withheld) -> EventKind {
        let (group_key, receiver) = ("{}:{}".to_owned(), "crew".to_owned());
        EventKind::Withheld { group_key, receiver, integration: 0, reason, suppressed: Vec::new() }
    }

    fn recovered(at: i64) -> Event {
        event(at, EventKind::RuleRecovered { rule: "R".into() })
    }

    fn history(entries_max: usize) -> History {
        History::restore(HistoryLimits { entries_max, age_max: Duration::from_secs(100) }, &[])
    }

    #[test]
    fn the_same_reason_is_kept_once() {
        let mut history = history(10);
        let reasons = [
            (Withheld::AlreadyTold, 0),
            (Withheld::Suppressed, 1),
            (Withheld::Suppressed, 0),
            (Withheld::Waiting, 1),
            (Withheld::Suppressed, 1),
            (Withheld::NothingToTell, 0),
        ];
        for (reason, expected) in reasons {
            let kept = history.note(Timestamp::from_seconds(1), [&event(1, withheld(reason))]);
            assert_eq!(kept.len(), expected, "{reason:?}");
        }
    }

    #[test]
    fn the_oldest_are_forgotten_by_number_and_by_age() {
        let mut history = history(3);
        for (at, deleted) in [(1, 0), (2, 0), (3, 0), (4, 1), (5, 1), (200, 3)] {
            let records = history.note(Timestamp::from_seconds(at), [&recovered(at)]);
            assert_eq!(records.iter().filter(|record| record.value.is_none()).count(), deleted, "at {at}");
        }
        assert_eq!(history.kept.len(), 1);
    }

    #[test]
    fn numbers_go_on_after_a_restart_and_events_come_back_as_they_were() {
        let mut first = history(10);
        let kept = first.note(Timestamp::from_seconds(7), [&recovered(6), &recovered(7)]);
        let mut second = History::restore(first.limits, &kept);
        let more = second.note(Timestamp::from_seconds(8), [&recovered(8)]);
        let numbers: Vec<_> = kept.iter().chain(&more).filter_map(entry_number).collect();
        assert_eq!(numbers, [6, 7, 8].map(|at| (at as u64 - 5, Timestamp::from_seconds(at))));
        let read: Event = serde_json::from_slice(kept[0].value.as_deref().expect("a value")).expect("an event");
        assert_eq!(serde_json::to_vec(&read).ok(), kept[0].value);
        assert!(before(2) > kept[0].key && before(2) < kept[1].key);
    }
}
