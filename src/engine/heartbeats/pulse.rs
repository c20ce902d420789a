//! What is known of one heartbeat.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::policy::{Armed, HeartbeatPolicy, HeartbeatState, HeartbeatView};
use crate::model::Timestamp;

/// A beat is written down if the last one that was is older than this part of the interval.
const WRITTEN_PART: u32 = 10;

/// What is told of a heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeartbeatSignal {
    /// It beats.
    Beat,
    /// It has failed.
    Fail,
}

/// That a heartbeat stays away, or has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::engine) struct Missing {
    pub(super) since: Timestamp,
    /// It said so itself.
    pub(super) failed: bool,
}

/// What is kept of a heartbeat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::engine) struct Pulse {
    pub(super) name: String,
    pub(super) last_beat: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) message: String,
    pub(super) missing: Option<Missing>,
    /// From when on the next beat is waited for.
    pub(super) from: Timestamp,
    /// How long it was waited for before that, while Watchbell ran, in milliseconds.
    pub(super) waited_ms: u64,
}

impl Pulse {
    /// The heartbeat's name.
    pub(in crate::engine) fn name(&self) -> &str {
        &self.name
    }
}

/// A heartbeat that is configured.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) policy: HeartbeatPolicy,
    pub(super) pulse: Pulse,
    /// Its place among those that are waited for.
    pub(super) due: Option<Timestamp>,
    /// When the pulse was last written down.
    pub(super) written_at: Timestamp,
}

impl Entry {
    /// One of which nothing is known, waited for from `now` on.
    pub(super) fn new(policy: HeartbeatPolicy, now: Timestamp) -> Entry {
        let (name, message) = (policy.name.clone(), String::new());
        let pulse = Pulse { name, last_beat: None, message, missing: None, from: now, waited_ms: 0 };
        Entry { policy, pulse, due: None, written_at: now }
    }

    /// When it counts as missing unless it beats before; `None` if it is not awaited, or is missing already.
    ///
    /// Time in which nothing ran does not count, since its beat may have come then: afterwards it has its whole time again. But for
    /// one that was waited for as long as that while Watchbell ran, if not at a stretch: that has its grace once more in all, so
    /// that starting again and again hides nobody.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        let Pulse { last_beat, missing, from, waited_ms, .. } = &self.pulse;
        let is_armed = self.policy.armed == Armed::FromStart || last_beat.is_some();
        let wait = self.policy.wait();
        let waited = Duration::from_millis(*waited_ms);
        let left = wait.saturating_add(self.policy.grace).saturating_sub(waited);
        let again = if waited < wait { wait } else { left };
        (is_armed && missing.is_none()).then(|| *from + again)
    }

    /// Nothing ran from `alive`, or a little later, until `now`.
    pub(super) fn skip(&mut self, alive: Timestamp, now: Timestamp) {
        // Beats that came soon after one another need not have been written down.
        let unwritten = match self.pulse.last_beat == Some(self.pulse.from) {
            true => self.policy.interval / WRITTEN_PART,
            false => Duration::ZERO,
        };
        let waited = alive.since(self.pulse.from).saturating_sub(unwritten);
        let waited_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        self.pulse.waited_ms = self.pulse.waited_ms.saturating_add(waited_ms);
        self.pulse.from = now;
    }

    /// It beats. Returns whether that must be written down: not if a restart that does not know of it would do the same.
    pub(super) fn beat(&mut self, message: String, now: Timestamp) -> bool {
        let Pulse { last_beat, missing, from, waited_ms, .. } = &self.pulse;
        let changes = *last_beat != Some(*from) || missing.is_some() || *waited_ms > 0;
        let is_due = now.since(self.written_at) >= self.policy.interval / WRITTEN_PART || now < self.written_at;
        let name = std::mem::take(&mut self.pulse.name);
        self.pulse = Pulse { name, last_beat: Some(now), message, missing: None, from: now, waited_ms: 0 };
        changes || is_due
    }

    /// It says that it has failed.
    pub(super) fn fail(&mut self, message: String, now: Timestamp) -> Missing {
        let since = self.pulse.missing.map_or(now, |missing| missing.since);
        let missing = Missing { since, failed: true };
        self.pulse.missing = Some(missing);
        self.pulse.message = message;
        missing
    }

    /// Its time is over.
    pub(super) fn miss(&mut self, due: Timestamp) -> Missing {
        let missing = Missing { since: due, failed: false };
        self.pulse.missing = Some(missing);
        missing
    }

    /// Takes over another policy. A wait that would be over by it begins anew: what beats has heard of it only now.
    pub(super) fn replan(&mut self, policy: HeartbeatPolicy, now: Timestamp) {
        let is_other = self.policy.wait() != policy.wait() || self.policy.armed != policy.armed;
        self.policy = policy;
        if is_other && self.deadline().is_some_and(|due| due <= now) {
            (self.pulse.from, self.pulse.waited_ms) = (now, 0);
        }
    }

    /// The clock shows `now` after a later time.
    pub(super) fn shorten_waits(&mut self, now: Timestamp) {
        self.pulse.from = self.pulse.from.min(now);
        self.written_at = self.written_at.min(now);
    }

    /// For people.
    pub(super) fn view(&self, now: Timestamp) -> HeartbeatView {
        let Pulse { last_beat, message, missing, .. } = self.pulse.clone();
        let is_late = |due: Timestamp| now > due - self.policy.grace;
        let state = match (missing, self.due, last_beat) {
            (Some(Missing { failed: true, .. }), ..) => HeartbeatState::Failed,
            (Some(_), ..) => HeartbeatState::Missing,
            (None, None, _) => HeartbeatState::Unarmed,
            (None, Some(due), _) if is_late(due) => HeartbeatState::Late,
            (None, Some(_), None) => HeartbeatState::Awaited,
            (None, Some(_), Some(_)) => HeartbeatState::Up,
        };
        let missing_since = missing.map(|missing| missing.since);
        HeartbeatView { policy: self.policy.clone(), state, last_beat, message, due: self.due, missing_since }
    }
}
