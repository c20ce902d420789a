//! Timers of groups that are not written down at each flush: what the store has stands for a grid of times, `group_interval`
//! apart, and a restart finds its place on it.

use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;

use super::flush::{Flush, Gathered};
use super::group::{Group, Integrated, Target, Written};
use super::groups::group_interval;
use super::{Groups, RouteTree, Verdict};
use crate::model::{Alert, Fingerprint, Timestamp};

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX).max(1)
}

/// Whether `at` is `from`, or a whole number of intervals later.
fn is_on_grid(from: Timestamp, at: Timestamp, interval: Duration) -> bool {
    at >= from && (at.millis().saturating_sub(from.millis())) % millis(interval) == 0
}

/// The last time of the grid from `from` on that is not after `now`, which is not before `from`.
fn last_on_grid(from: Timestamp, now: Timestamp, interval: Duration) -> Timestamp {
    let over = now.millis().saturating_sub(from.millis()) % millis(interval);
    Timestamp::from_millis(now.millis().saturating_sub(over))
}

impl Groups {
    /// Whether the group `key` must be written down: anything but its timer differs from what was written, or the timer is
    /// no longer to be told from it. The caller writes it then. `digest` is of all that is written of a group.
    pub fn needs_writing(&mut self, tree: &RouteTree, key: &str, digest: impl FnOnce(&Group, Duration) -> u64) -> bool {
        let Some(group) = self.groups.get_mut(key) else { return false };
        let interval = group_interval(tree.route(&group.route));
        let next_flush = std::mem::replace(&mut group.next_flush, Timestamp::MIN);
        let digest = digest(group, interval);
        group.next_flush = next_flush;
        let is_known =
            |written: &Written| written.digest == digest && is_on_grid(written.next_flush, next_flush, interval);
        if group.written.as_ref().is_some_and(is_known) {
            return false;
        }
        group.written = Some(Written { digest, next_flush });
        true
    }

    /// After a restart: groups whose flush is past take their place on the grid again. Those that have news which should
    /// have been told meanwhile are due, unless `is_held_up` says that who is to be told them lets the group wait; the others were looked at without anything to tell, and wait for the next time.
    pub fn advance_timers(
        &mut self,
        tree: &RouteTree,
        now: Timestamp,
        integrations: &dyn Fn(&str) -> Vec<Integrated>,
        is_held_up: &dyn Fn(&Target, &str) -> bool,
    ) {
        let late = self.groups.values().filter(|group| group.flushed && group.next_flush <= now);
        let place = |group: &Group| {
            let interval = group_interval(tree.route(&group.route));
            let last = last_on_grid(group.next_flush, now, interval);
            let told = self.would_tell(tree, group, last, integrations);
            let is_due = told.iter().any(|target| !is_held_up(target, &group.key));
            (group.key.clone(), if is_due { last } else { last + interval })
        };
        let places: Vec<(String, Timestamp)> = late.map(place).collect();
        for (key, at) in places {
            let Some(group) = self.groups.get_mut(&key) else { continue };
            self.due.remove(&(group.next_flush, key.clone()));
            group.next_flush = at;
            self.due.insert((at, key));
        }
    }

    /// Who would have been told anything by a look at the group at `at`, which is past: what arose in the moment of the look or
    /// after it counts as unknown then.
    fn would_tell(
        &self,
        tree: &RouteTree,
        group: &Group,
        at: Timestamp,
        integrations: &dyn Fn(&str) -> Vec<Integrated>,
    ) -> Vec<Target> {
        let as_of = |id: &Fingerprint| {
            let alert = self.alerts.get(id)?;
            match alert.updated_at < at {
                true => Some((*id, Arc::clone(alert))),
                false => {
                    group.told_firing(*id).then(|| (*id, Arc::new(Alert { ends_at: None, ..Alert::clone(alert) })))
                }
            }
        };
        let alerts: HashMap<Fingerprint, Arc<Alert>> = group.members.union(&group.departed).filter_map(as_of).collect();
        let mut group = group.clone();
        group.members.retain(|id| alerts.contains_key(id));
        group.departed.retain(|id| alerts.contains_key(id));
        let route = tree.route(&group.route);
        let gathered = Gathered::new(&alerts, &group, route, &self.muting, at);
        // Whether it flapped then is what was told of it, for an alert that changed since.
        let changed = |id: &Fingerprint| self.alerts.get(id).is_some_and(|alert| alert.updated_at >= at);
        let ledgers = || group.ledger.values().filter_map(|ledger| ledger.latest());
        let flapping = self.flapping.iter().filter(|id| !changed(id)).copied();
        let told_flapping = ledgers().flat_map(|told| &told.flapping).filter(|id| changed(id)).copied();
        let flapping = flapping.filter(|id| group.holds(id)).chain(told_flapping).collect();
        let flush = Flush { now: at, route, gathered, flapping: &flapping };
        let recipients = group.recipients(integrations);
        let decisions = recipients.into_iter().map(|recipient| flush.decide(&mut group, recipient));
        let sent = decisions.filter(|decision| matches!(decision.verdict, Verdict::Send(_)));
        sent.map(|decision| decision.target).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_on_the_grid() {
        let (at, minute) = (Timestamp::from_seconds, Duration::from_secs(60));
        for (from, now, last) in [(10, 10, 10), (10, 69, 10), (10, 70, 70), (10, 1000, 970)] {
            assert_eq!(last_on_grid(at(from), at(now), minute), at(last), "{from} {now}");
        }
        for (from, time, expected) in [(10, 10, true), (10, 70, true), (10, 69, false), (70, 10, false)] {
            assert_eq!(is_on_grid(at(from), at(time), minute), expected, "{from} {time}");
        }
        last_on_grid(Timestamp::MIN, Timestamp::MAX, Duration::MAX);
    }
}
