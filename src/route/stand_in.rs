//! What a receiver is told in place of another that could not be told.

use std::collections::BTreeSet;

use super::{Groups, NotifyPolicy, RouteTree, Target, Told, WAITING_MAX, Withheld};
use crate::model::Timestamp;

impl Groups {
    /// What `target` would have been told by delivery `number`, while that waits.
    pub fn waiting_told(&self, group_key: &str, target: &Target, number: u64) -> Option<&Told> {
        let ledger = self.group(group_key)?.ledger.get(target)?;
        ledger.waiting.iter().find(|(waiting, _)| *waiting == number).map(|(_, told)| told)
    }

    /// What `target` will have been told once it gets what was meant for another, `told`.
    ///
    /// # Errors
    ///
    /// Why it does not get it: nothing fires in it, or it knows all of it and no repeat is due.
    pub fn stand_in(
        &self,
        tree: &RouteTree,
        group_key: &str,
        target: &Target,
        told: &Told,
        now: Timestamp,
    ) -> Result<Told, Withheld> {
        let group = self.group(group_key).ok_or(Withheld::NothingToTell)?;
        // Ends reach it as they reach everybody who was told.
        if told.firing.is_empty() {
            return Err(Withheld::NothingToTell);
        }
        let ledger = group.ledger.get(target);
        if ledger.is_some_and(|ledger| ledger.waiting.len() >= WAITING_MAX) {
            return Err(Withheld::Waiting);
        }
        let Some(known) = ledger.and_then(|ledger| ledger.latest()) else {
            return Ok(Told { at: now, ..told.clone() });
        };
        let wait = tree.route(&group.route).and_then(|route| {
            NotifyPolicy { backoff: route.notify.backoff, ..NotifyPolicy::default() }
                .repeat_wait(route.repeat_interval, known.repeats)
        });
        let repeats = wait.is_some_and(|wait| known.at + wait <= now);
        let knows_all = told.firing.iter().all(|alert| known.knows_firing(*alert));
        if knows_all && !repeats {
            return Err(Withheld::AlreadyTold);
        }
        let unsaid = |alert: &&_| !told.firing.contains(*alert) && !told.resolved.contains(*alert);
        let with = |more: &BTreeSet<_>, of: &BTreeSet<_>| more.iter().filter(unsaid).chain(of).copied().collect();
        Ok(Told {
            at: now,
            firing: with(&known.firing, &told.firing),
            resolved: with(&known.resolved, &told.resolved),
            hushed: with(&known.hushed, &BTreeSet::new()),
            flapping: with(&known.flapping, &told.flapping),
            repeats: if knows_all { known.repeats.saturating_add(1) } else { 0 },
            by_summary: told.by_summary,
        })
    }
}
