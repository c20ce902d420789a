//! Heartbeats: signs of life that others give. One that stays away is an alert of Watchbell itself.

mod book;
mod policy;
mod pulse;

use std::collections::BTreeSet;

use super::state::Call;
use super::{Engine, keep};
use crate::model::{Alert, Fingerprint, Timestamp, nearest};

pub(super) use book::Heartbeats;
pub use policy::{Armed, HEARTBEAT_ALERT, HEARTBEAT_LABEL, HeartbeatPolicy, HeartbeatState, HeartbeatView};
pub use pulse::HeartbeatSignal;
pub(super) use pulse::Pulse;
use pulse::{Entry, Missing};

/// How much of what a heartbeat says is kept, in bytes.
pub const HEARTBEAT_MESSAGE_BYTES_MAX: usize = 1 << 10;

/// There is no such heartbeat.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no heartbeat `{name}`{}", .nearest.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default())]
pub struct UnknownHeartbeat {
    /// What was asked for.
    pub name: String,
    /// The one that may be meant.
    pub nearest: Option<String>,
}

impl Engine {
    /// All heartbeats, in order of their names, as they are at `now`.
    pub fn heartbeats(&self, now: Timestamp) -> Vec<HeartbeatView> {
        self.heartbeats.iter().map(|entry| entry.view(now)).collect()
    }

    /// How many heartbeats stay away or have failed; cheap.
    pub fn heartbeats_missing(&self) -> usize {
        self.heartbeats.missing()
    }

    /// Whether there is a heartbeat of this name.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn find_heartbeat(&self, name: &str) -> Result<(), UnknownHeartbeat> {
        if self.heartbeats.get(name).is_some() {
            return Ok(());
        }
        let nearest = nearest(name, self.heartbeats.iter().map(|entry| entry.policy.name.as_str())).map(str::to_owned);
        Err(UnknownHeartbeat { name: name.to_owned(), nearest })
    }

    /// Takes in what is told of a heartbeat; of one that is not configured, nothing.
    pub(super) fn take_heartbeat(&mut self, name: &str, signal: HeartbeatSignal, text: &str, call: &mut Call<'_>) {
        let (now, message) = (call.now, kept_text(text));
        let changed = self.heartbeats.change(name, |entry| match signal {
            HeartbeatSignal::Beat => (entry.beat(message, now), None),
            HeartbeatSignal::Fail => (true, Some(entry.fail(message, now))),
        });
        let Some((is_to_be_kept, missing)) = changed else { return };
        if is_to_be_kept {
            self.keep_heartbeat(name, call);
        }
        match missing {
            Some(missing) => self.fire_heartbeat(name, missing, call),
            None => {
                if let Some(alert) = self.heartbeats.get(name).map(|entry| entry.policy.alert_labels().fingerprint()) {
                    self.end_own(alert, call);
                }
            }
        }
    }

    /// Looks at the heartbeats whose time has come.
    pub(super) fn run_heartbeats(&mut self, call: &mut Call<'_>) {
        let now = call.now;
        if self.heartbeats.next_due().is_none_or(|due| due > now) {
            return;
        }
        let is_late = self.heartbeats.is_late(now);
        if is_late {
            let alive = self.heartbeats.alive();
            for name in self.heartbeats.awaited() {
                self.heartbeats.change(&name, |entry| entry.skip(alive, now));
                self.keep_heartbeat(&name, call);
            }
        }
        while let Some((due, name)) = self.heartbeats.overdue(now) {
            let Some(missing) = self.heartbeats.change(&name, |entry| entry.miss(due)) else { break };
            self.keep_heartbeat(&name, call);
            self.fire_heartbeat(&name, missing, call);
        }
        if self.heartbeats.note_alive(now, is_late) {
            call.persist(keep::alive(Some(now)));
        }
    }

    /// Takes over the heartbeats of another plan, or of the same one after a restart.
    pub(super) fn replan_heartbeats(&mut self, is_restart: bool, call: &mut Call<'_>) {
        let plan = std::sync::Arc::clone(&self.plan);
        let (changed, gone) = self.heartbeats.replan(&plan.heartbeats, is_restart, call.now);
        for name in changed {
            self.keep_heartbeat(&name, call);
        }
        for name in gone {
            call.persist(keep::heartbeat_gone(&name));
        }
        let firing: Vec<Alert> = self.heartbeats.iter().filter_map(|entry| self.missing_alert(entry)).collect();
        let wanted: BTreeSet<Fingerprint> = firing.iter().map(Alert::fingerprint).collect();
        let is_over = |alert: &&Alert| alert.name() == HEARTBEAT_ALERT && !wanted.contains(&alert.fingerprint());
        let over: Vec<Fingerprint> = self.own.iter().filter(is_over).map(Alert::fingerprint).collect();
        for alert in over {
            self.end_own(alert, call);
        }
        for alert in firing {
            self.fire_own(alert, call);
        }
        if plan.heartbeats.is_empty() {
            if self.heartbeats.forget_alive() {
                call.persist(keep::alive(None));
            }
        } else if self.heartbeats.note_alive(call.now, is_restart) {
            call.persist(keep::alive(Some(call.now)));
        }
    }

    fn missing_alert(&self, entry: &Entry) -> Option<Alert> {
        Some(entry.policy.alert(&entry.pulse, entry.pulse.missing?, &self.plan.external_url))
    }

    fn fire_heartbeat(&mut self, name: &str, missing: Missing, call: &mut Call<'_>) {
        let Some(entry) = self.heartbeats.get(name) else { return };
        let alert = entry.policy.alert(&entry.pulse, missing, &self.plan.external_url);
        self.fire_own(alert, call);
    }

    fn keep_heartbeat(&mut self, name: &str, call: &mut Call<'_>) {
        let now = call.now;
        let kept = self.heartbeats.change(name, |entry| {
            entry.written_at = now;
            keep::heartbeat(&entry.pulse)
        });
        if let Some(record) = kept {
            call.persist(record);
        }
    }
}

/// What is kept of a text: one line of a bounded length.
fn kept_text(text: &str) -> String {
    let text = text.trim();
    let text = &text[..text.floor_char_boundary(HEARTBEAT_MESSAGE_BYTES_MAX)];
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests;
