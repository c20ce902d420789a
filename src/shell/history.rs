//! What happened, kept: events as records of the store, written with the decisions that they tell of, the oldest forgotten
//! first.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::config::HistoryLimits;
use crate::engine::{Event, EventKind, ExternalChange, Notice, Record, RecordKind};
use crate::model::{Timestamp, TraceId};
use crate::route::Withheld;
use crate::rule::Change;

/// How many integrations' last verdicts are remembered; beyond that all are forgotten, and told once more.
const VERDICTS_MAX: usize = 100_000;
/// How many entries are forgotten at a time, or twice as many as come in.
const FORGOTTEN_MAX: usize = 1_000;
/// How many changes of alerts are kept one by one in a minute; further ones are counted.
const ALERTS_PER_MINUTE_MAX: usize = 500;
/// The length of a minute.
const MINUTE_MS: i64 = 60_000;

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
    /// A minute, and how many changes of alerts were kept in it.
    alerts: (i64, usize),
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
        History { limits, next, kept: kept.into(), withheld: HashMap::new(), alerts: (0, 0) }
    }

    /// From now on keeps as much as `limits` says.
    pub fn set_limits(&mut self, limits: HistoryLimits) {
        self.limits = limits;
    }

    /// The records that keep `events` and forget what is over the limits.
    pub fn note<'a>(&mut self, now: Timestamp, events: impl IntoIterator<Item = &'a Event>) -> Vec<Record> {
        let mut records = Vec::new();
        let mut more: BTreeMap<String, u64> = BTreeMap::new();
        for event in events {
            if !self.is_worth_keeping(&event.kind) {
                continue;
            }
            match alert_change(&event.kind).filter(|_| !self.has_room(now)) {
                Some(change) => *more.entry(change).or_default() += 1,
                None => records.push(self.record(event)),
            }
        }
        if !more.is_empty() {
            let kind = EventKind::More { alerts: more };
            records.push(self.record(&Event { at: now, trace: TraceId::NONE, kind }));
        }
        if !records.is_empty() {
            self.forget(now, &mut records);
        }
        records
    }

    fn record(&mut self, event: &Event) -> Record {
        let value = serde_json::to_vec(event).expect("our own events have only text keys and finite numbers");
        let record = Record { kind: RecordKind::Event, key: key(self.next, event.at), value: Some(value) };
        self.kept.push_back((self.next, event.at));
        self.next = self.next.saturating_add(1);
        record
    }

    /// Whether one more change of an alert is kept by itself in this minute; it is counted.
    fn has_room(&mut self, now: Timestamp) -> bool {
        let minute = now.millis().div_euclid(MINUTE_MS);
        if self.alerts.0 != minute {
            self.alerts = (minute, 0);
        }
        self.alerts.1 += 1;
        self.alerts.1 <= ALERTS_PER_MINUTE_MAX
    }

    fn forget(&mut self, now: Timestamp, records: &mut Vec<Record>) {
        for _ in 0..FORGOTTEN_MAX.max(2 * records.len()) {
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
            EventKind::Received { change, .. } => *change != ExternalChange::Updated,
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

/// What happened to an alert, where that is all that the event tells: there may be very many of them at once.
fn alert_change(kind: &EventKind) -> Option<String> {
    let change = match kind {
        EventKind::Alert { change, .. } => serde_json::to_value(change),
        EventKind::Received { change, .. } => serde_json::to_value(change),
        EventKind::Flapping { flaps, .. } => return Some(if *flaps { "flapping" } else { "settled" }.to_owned()),
        _ => return None,
    };
    change.ok()?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::Labels;

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
    fn a_flood_of_alerts_is_counted_and_nothing_is_left_out_unsaid() {
        let received = |number: u64, change| {
            let labels = Labels::from_pairs([("n", number.to_string().as_str())]);
            event(60, EventKind::Received { labels, annotations: Labels::default(), change })
        };
        let mut history = history(100_000);
        let counts = |records: &[Record]| {
            let last = records.last().and_then(|record| record.value.as_deref()).expect("an entry");
            let kind = serde_json::from_slice::<Event>(last).expect("an event").kind;
            if let EventKind::More { alerts } = kind { alerts.into_iter().collect() } else { Vec::new() }
        };
        let now = Timestamp::from_seconds(60);
        for (events, expected) in
            [(10_000, vec![("became_firing".to_owned(), 9_500)]), (3, vec![("became_firing".to_owned(), 3)])]
        {
            let mut events: Vec<Event> = (0..events).map(|it| received(it, ExternalChange::BecameFiring)).collect();
            events.push(received(0, ExternalChange::Updated));
            let records = history.note(now, &events);
            assert!(records.len() <= ALERTS_PER_MINUTE_MAX + 1, "{}", records.len());
            assert_eq!(counts(&records), expected);
        }
        assert_eq!(history.note(now, [&recovered(60)]).len(), 1, "what else happens is kept");
        let later = Timestamp::from_seconds(120);
        assert_eq!(counts(&history.note(later, [&received(1, ExternalChange::Resolved)])), []);
    }

    #[test]
    fn a_flood_of_other_entries_is_forgotten_as_fast_as_it_comes() {
        let mut history = history(3);
        for at in 1..4 {
            let events: Vec<Event> = (0..5_000).map(|_| recovered(at)).collect();
            history.note(Timestamp::from_seconds(at), &events);
            assert_eq!(history.kept.len(), 3);
        }
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
