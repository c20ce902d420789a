//! All heartbeats, with the times at which they are to be looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::policy::HeartbeatPolicy;
use super::pulse::{Entry, Pulse};
use crate::model::Timestamp;

/// The shortest and the longest time between two notes that Watchbell runs.
const ALIVE_EVERY_MIN: Duration = Duration::from_secs(10);
const ALIVE_EVERY_MAX: Duration = Duration::from_secs(10 * 60);
/// Into how many parts these notes divide the shortest wait.
const ALIVE_PARTS: u32 = 8;
/// How late a look may be; if it is later, nothing ran for a while.
const LATE_MAX: Duration = Duration::from_secs(15);

/// The heartbeats.
#[derive(Debug)]
pub(in crate::engine) struct Heartbeats {
    entries: BTreeMap<String, Entry>,
    /// What the store has, until the plan is known.
    restored: BTreeMap<String, Pulse>,
    /// Those that are waited for.
    due: BTreeSet<(Timestamp, String)>,
    missing: usize,
    /// When Watchbell was last noted to run.
    alive: Timestamp,
    alive_every: Duration,
}

impl Default for Heartbeats {
    fn default() -> Self {
        Heartbeats {
            entries: BTreeMap::new(),
            restored: BTreeMap::new(),
            due: BTreeSet::new(),
            missing: 0,
            alive: Timestamp::MIN,
            alive_every: ALIVE_EVERY_MAX,
        }
    }
}

impl Heartbeats {
    pub(super) fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// How many stay away or have failed.
    pub(super) fn missing(&self) -> usize {
        self.missing
    }

    pub(super) fn alive(&self) -> Timestamp {
        self.alive
    }

    /// Takes up what the store has of a heartbeat.
    pub(in crate::engine) fn restore(&mut self, pulse: Pulse) {
        self.restored.insert(pulse.name.clone(), pulse);
    }

    /// Takes up when Watchbell was last noted to run.
    pub(in crate::engine) fn restore_alive(&mut self, at: Timestamp) {
        self.alive = at;
    }

    /// Changes the heartbeat, and puts it to its place among those that are waited for.
    pub(super) fn change<T>(&mut self, name: &str, change: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        let mut entry = self.entries.remove(name)?;
        self.unplace(&entry);
        let changed = change(&mut entry);
        self.place(entry);
        Some(changed)
    }

    fn unplace(&mut self, entry: &Entry) {
        if let Some(at) = entry.due {
            self.due.remove(&(at, entry.policy.name.clone()));
        }
        self.missing -= usize::from(entry.pulse.missing.is_some());
    }

    fn place(&mut self, mut entry: Entry) {
        entry.due = entry.deadline();
        self.due.extend(entry.due.map(|at| (at, entry.policy.name.clone())));
        self.missing += usize::from(entry.pulse.missing.is_some());
        self.entries.insert(entry.policy.name.clone(), entry);
    }

    /// Takes over `policies`; `is_restart` if nothing ran for a while. Returns the names of those to be written down, and of those
    /// that are configured no more.
    pub(super) fn replan(
        &mut self,
        policies: &[HeartbeatPolicy],
        is_restart: bool,
        now: Timestamp,
    ) -> (Vec<String>, Vec<String>) {
        let mut changed = Vec::new();
        let mut before = std::mem::take(&mut self.entries);
        (self.due, self.missing) = (BTreeSet::new(), 0);
        for policy in policies {
            let restored = self.restored.remove(&policy.name);
            let (mut entry, is_known) = match (before.remove(&policy.name), restored) {
                (Some(entry), _) => (entry, true),
                (None, Some(pulse)) => (Entry { pulse, ..Entry::new(policy.clone(), now) }, true),
                (None, None) => (Entry::new(policy.clone(), now), false),
            };
            let pulse = entry.pulse.clone();
            if is_restart && is_known {
                entry.skip(self.alive, now);
            }
            entry.replan(policy.clone(), now);
            if !is_known || entry.pulse != pulse {
                changed.push(policy.name.clone());
            }
            self.place(entry);
        }
        let shortest = policies.iter().map(HeartbeatPolicy::wait).min().unwrap_or_default();
        self.alive_every = (shortest / ALIVE_PARTS).clamp(ALIVE_EVERY_MIN, ALIVE_EVERY_MAX);
        let gone = before.into_keys().chain(std::mem::take(&mut self.restored).into_keys()).collect();
        (changed, gone)
    }

    /// When the next look is due.
    pub(in crate::engine) fn next_due(&self) -> Option<Timestamp> {
        let (first, _) = self.due.first()?;
        Some((*first).min(self.alive + self.alive_every))
    }

    /// Whether so much time has passed since a look was due that nothing ran meanwhile.
    pub(super) fn is_late(&self, now: Timestamp) -> bool {
        self.next_due().is_some_and(|due| due + LATE_MAX < now)
    }

    /// Those that are waited for.
    pub(super) fn awaited(&self) -> Vec<String> {
        self.due.iter().map(|(_, name)| name.clone()).collect()
    }

    /// The next heartbeat whose time is over by `now`.
    pub(super) fn overdue(&self, now: Timestamp) -> Option<(Timestamp, String)> {
        self.due.first().filter(|(at, _)| *at <= now).cloned()
    }

    /// Notes that Watchbell runs, if it is time for that; returns whether it is.
    pub(super) fn note_alive(&mut self, now: Timestamp, is_asked: bool) -> bool {
        let is_time = is_asked || now >= self.alive + self.alive_every;
        if is_time {
            self.alive = now;
        }
        is_time
    }

    /// Nothing is waited for any more; returns whether anything was noted.
    pub(super) fn forget_alive(&mut self) -> bool {
        std::mem::replace(&mut self.alive, Timestamp::MIN) > Timestamp::MIN
    }

    /// The clock shows `now` after a later time.
    pub(in crate::engine) fn shorten_waits(&mut self, now: Timestamp) {
        self.alive = self.alive.min(now);
        for name in self.entries.keys().cloned().collect::<Vec<_>>() {
            self.change(&name, |entry| entry.shorten_waits(now));
        }
    }
}
