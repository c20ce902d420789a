//! Taking over another plan: what stays, what moves, what ends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::state::Call;
use super::telling::integrations_of;
use super::{Engine, EventKind, Plan, keep};
use crate::deliver::Receiver;
use crate::model::{Alert, AlertStatus, Fingerprint, TraceId};
use crate::route::{RouteTree, Target};
use crate::rule::{ActiveAlert, AlertState, Rule, RuleId};

impl Engine {
    /// Takes over a plan: alerts of rules that stay keep their state, those of rules that moved follow them, those of
    /// rules that are gone end; groups keep their timers.
    pub(super) fn take_plan(&mut self, plan: Arc<Plan>, call: &mut Call<'_>) {
        self.adopt(plan, false, call);
    }

    /// Takes over a plan; `is_restart` if nothing was decided for a while.
    pub(super) fn adopt(&mut self, plan: Arc<Plan>, is_restart: bool, call: &mut Call<'_>) {
        self.tree = Arc::new(RouteTree::new(&plan.route));
        self.receivers = plan.receivers.iter().map(|receiver| (receiver.name.clone(), receiver.clone())).collect();
        let give_up_after = |receiver: &Receiver| (receiver.name.clone(), receiver.policy.give_up_after);
        self.outbox.set_give_up_after(plan.receivers.iter().map(give_up_after).collect());
        self.rules = plan
            .groups
            .iter()
            .enumerate()
            .flat_map(|(group, of)| of.rules.iter().enumerate().map(move |(index, rule)| (rule.id(), (group, index))))
            .collect();
        self.plan = plan;
        self.refresh_oncall();
        self.health.retain(|id, _| self.rules.contains_key(id));
        let gone: Vec<RuleId> = self.states.keys().filter(|id| self.alerting_rule(**id).is_none()).copied().collect();
        for id in gone {
            self.retire(id, call);
        }
        self.reconcile(call);
        self.groups.set_muting(&self.plan.inhibit_rules, &self.plan.time_intervals, call.now);
        self.groups.set_planned(&self.plan.planned_silences, call.now);
        self.groups.find_members(&self.tree, call.now);
        if is_restart {
            let held_up = |target: &Target, group: &str| {
                self.paces.get(target).is_some_and(|pace| pace.holds_up(call.now, group))
            };
            self.groups.advance_timers(&self.tree, call.now, &integrations_of(&self.receivers), &held_up);
        }
        self.groups.recheck(&self.tree, call.now);
        // A group whose route tells more often now, or is back, does not wait as long as before.
        self.groups.shorten_waits(&self.tree, call.now);
        let keys: Vec<String> = self.groups.iter().map(|group| group.key.clone()).collect();
        for key in keys {
            self.keep_group(&key, call);
        }
        self.shorten_reminders(call.now);
        self.repace(call);
        self.replan_flaps(call);
        self.replan_heartbeats(is_restart, call);
        let all: Vec<Fingerprint> = self.groups.alerts().map(Alert::fingerprint).collect();
        self.forget_alerts(all, call);
        self.oncall_changed(call);
    }

    /// Makes the routed alerts agree with what the rules say fires: after a change of rules or of the external labels, and
    /// where the records of one decision were written in part.
    pub(super) fn reconcile(&mut self, call: &mut Call<'_>) {
        let mut sources: BTreeMap<Fingerprint, BTreeSet<RuleId>> = BTreeMap::new();
        let mut unrouted: Vec<Alert> = Vec::new();
        for (id, state) in &self.states {
            for (_, alert) in state.alerts().filter(|(_, alert)| alert.state == AlertState::Firing) {
                let fingerprint = self.routed_labels(alert).fingerprint();
                let known = self.groups.alert(fingerprint);
                if known.is_none_or(|known| known.status(call.now) == AlertStatus::Resolved) {
                    unrouted.push(self.routed(alert, call.now));
                }
                sources.entry(fingerprint).or_default().insert(*id);
            }
        }
        // What flaps ends when it has settled.
        unrouted.extend(self.own_to_route(call));
        let is_over = |alert: &&Alert| {
            let fingerprint = alert.fingerprint();
            let fires = sources.contains_key(&fingerprint) || self.fires_without_rules(fingerprint);
            alert.ends_at.is_none() && !fires && !self.flaps.is_flapping(fingerprint)
        };
        let over: Vec<Alert> = self.groups.alerts().filter(is_over).cloned().collect();
        let now = call.now;
        let ended = over.into_iter().map(|alert| Alert { ends_at: Some(now), updated_at: now, ..alert });
        for alert in ended.chain(unrouted) {
            self.keep_routed(&alert, call);
            self.groups.restore_alert(alert);
        }
        self.sources = sources;
    }

    /// The alerts of a rule that is gone go over to a rule of the same name that takes them for its own, or end.
    pub(super) fn retire(&mut self, id: RuleId, call: &mut Call<'_>) {
        let Some(state) = self.states.remove(&id) else { return };
        let mut firing = 0;
        for (fingerprint, alert) in state.alerts() {
            match self.heir(alert) {
                Some(heir) => {
                    call.persist(keep::rule_alert(heir, alert));
                    self.states.entry(heir).or_default().restore(alert.clone());
                }
                None => firing += usize::from(alert.state == AlertState::Firing),
            }
            call.persist(keep::rule_alert_gone(id, *fingerprint));
        }
        call.emit(TraceId::NONE, EventKind::RuleRemoved { firing });
    }

    /// A rule that has no state yet, with the alert's name: the file or group was renamed, or a label edited.
    pub(super) fn heir(&self, alert: &ActiveAlert) -> Option<RuleId> {
        let name = alert.labels.get(crate::model::ALERT_NAME);
        let of_rule = |rule: &Rule| match rule {
            Rule::Alerting(rule) if rule.alert == name && rule.carries(&alert.labels) => Some(rule.id),
            _ => None,
        };
        let rules = self.plan.groups.iter().flat_map(|group| &group.rules);
        let knows = |id: &RuleId| self.states.get(id).is_some_and(|state| state.knows(alert.labels.fingerprint()));
        rules.filter_map(of_rule).find(|id| !knows(id))
    }
}
