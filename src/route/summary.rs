//! What groups contribute to a summary that stands for many of them.

use super::flush::{Decision, Flush, Gathered};
use super::{Groups, Integrated, RouteTree, Target};
use crate::model::Timestamp;

impl Groups {
    /// What `target` would be told of the group now; its timer runs on.
    pub fn decide_for(
        &mut self,
        tree: &RouteTree,
        now: Timestamp,
        key: &str,
        target: &Target,
        integrations: &dyn Fn(&str) -> Vec<Integrated>,
    ) -> Option<Decision> {
        let group = self.groups.get_mut(key)?;
        let route = tree.route(&group.route);
        let recipient = group.recipients(integrations).into_iter().find(|recipient| recipient.target == *target)?;
        let gathered = Gathered::new(&self.alerts, group, route, &self.muting, now);
        let flush = Flush { now, route, gathered, flapping: &self.flapping };
        Some(flush.decide(group, recipient))
    }

    /// Brings the next look at the group forward to `at`, if it would be later.
    pub fn look_at(&mut self, key: &str, at: Timestamp) {
        let Some(group) = self.groups.get_mut(key).filter(|group| at < group.next_flush) else { return };
        self.due.remove(&(group.next_flush, key.to_owned()));
        group.next_flush = at;
        self.due.insert((at, key.to_owned()));
    }

    /// Whether something fires of which `target` knows by a summary alone.
    pub fn knows_by_summary(&self, target: &Target) -> bool {
        let ledgers = self.groups.values().filter_map(|group| group.ledger.get(target));
        let mut latest = ledgers.filter_map(|ledger| ledger.latest());
        latest.any(|told| told.by_summary && !(told.firing.is_empty() && told.hushed.is_empty()))
    }
}
