//! Incidents of the engine: alerts open and close them, time and people move them on, pages go to the outbox.

mod answers;
mod own;
mod pages;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::state::Call;
use super::{Engine, EventKind, keep};
use crate::deliver::Channel;
use crate::escalate::{EscalationPolicy, Happening, Incident, Incidents, Order, World};
use crate::model::{Alert, AlertStatus, Fingerprint, Labels, Timestamp, TraceId};
use crate::route::{Decision, Target, Verdict};

impl Engine {
    /// The incidents.
    pub fn incidents(&self) -> &Incidents {
        &self.incidents
    }

    /// The escalation policy that the integration stands for.
    pub(super) fn escalates(&self, (receiver, integration): &Target) -> Option<&str> {
        let receiver = self.receivers.get(receiver)?;
        match &receiver.integrations.get(*integration)?.channel {
            Channel::Escalation(config) => Some(&config.policy),
            _ => None,
        }
    }

    /// Takes in what a group has to say to an escalation policy.
    pub(super) fn take_to_incidents(&mut self, policy: &str, decision: Decision, call: &mut Call<'_>) {
        let Decision { group_key, group_labels, target, alerts, told, .. } = decision;
        let plan = Arc::clone(&self.plan.escalation);
        let Some(policy) = plan.policy(policy) else { return };
        // What the policy answers whatever the routes say, it knows already.
        let is_known = |alert: &Alert| self.own_policy(alert) == Some(policy.name.as_str());
        let alerts = alerts.into_iter().filter(|alert| !is_known(alert)).map(Arc::new).collect();
        self.take_bundles(policy, (&group_key, &group_labels), alerts, call);
        // It is told at once: the incident is written before the group.
        self.groups.note_waiting(&group_key, &target, 0, told);
        self.groups.note_settled(&group_key, &target, 0, true);
    }

    /// Opens, changes and closes the incidents that the alerts of a group belong to.
    fn take_bundles(
        &mut self,
        policy: &EscalationPolicy,
        group: (&str, &Labels),
        alerts: Vec<Arc<Alert>>,
        call: &mut Call<'_>,
    ) {
        let plan = Arc::clone(&self.plan.escalation);
        for bundle in self.incidents.bundles(policy, group, alerts, call.now, &plan) {
            let mut orders = Vec::new();
            if let Some(number) = self.incidents.take_bundle(call.now, policy, bundle, &plan, &mut orders) {
                // Pages are for `run_incidents`, when all groups have said what they know.
                self.take_orders(number, orders, call);
            }
        }
    }

    /// Whether the verdict about an escalation policy is for it to take.
    pub(super) fn is_for_incidents(&self, target: &Target, verdict: &Verdict) -> Option<String> {
        matches!(verdict, Verdict::Send(_)).then(|| self.escalates(target).map(str::to_owned)).flatten()
    }

    /// When something about incidents is due.
    pub(super) fn next_incident(&self) -> Option<Timestamp> {
        let handover = self.handovers.values().flatten().min().copied();
        [self.incidents.next_due(), handover, self.next_overdue_end()].into_iter().flatten().min()
    }

    /// Does what is due about incidents.
    pub(super) fn run_incidents(&mut self, call: &mut Call<'_>) {
        self.end_overdue(call);
        let is_due = |at: &Option<Timestamp>| at.is_some_and(|at| at <= call.now);
        let changed: Vec<String> =
            self.handovers.iter().filter(|(_, at)| is_due(at)).map(|(schedule, _)| schedule.clone()).collect();
        for schedule in changed {
            self.hand_over(&schedule, call);
        }
        loop {
            let due = self.incidents.due(call.now);
            if due.is_empty() {
                break;
            }
            for number in due {
                self.run_incident(number, call);
            }
        }
        for number in self.incidents.surplus() {
            self.forget_incident(number, call);
        }
    }

    /// Does what is due about one incident.
    fn run_incident(&mut self, number: u64, call: &mut Call<'_>) {
        let Some(incident) = self.incidents.get(number) else { return };
        if incident.is_closed() {
            match incident.next_due().is_some_and(|at| at <= call.now) {
                true => self.forget_incident(number, call),
                false => self.keep_incident(number, call),
            }
            return;
        }
        let mut orders = Vec::new();
        self.with_world(number, call.now, |incident, world| incident.advance(call.now, world, &mut orders));
        self.take_orders(number, orders, call);
    }

    fn forget_incident(&mut self, number: u64, call: &mut Call<'_>) {
        if self.incidents.forget(number).is_some() {
            call.persist(keep::incident_gone(number));
        }
    }

    /// Changes an incident with everything else in sight.
    fn with_world<T>(
        &mut self,
        number: u64,
        now: Timestamp,
        change: impl FnOnce(&mut Incident, &World<'_>) -> T,
    ) -> Option<T> {
        let mut incidents = std::mem::take(&mut self.incidents);
        let plan = Arc::clone(&self.plan.escalation);
        let yielded = {
            let on_call = |schedule: &str, offset: usize| self.people_on_call(schedule, offset, now);
            let holds = |name: &str| self.groups.is_in_interval(name, now);
            let is_receiver = |name: &str| self.receivers.contains_key(name);
            let is_quiet = |alert: Fingerprint| self.is_quiet(alert, now);
            let world =
                World { plan: &plan, on_call: &on_call, holds: &holds, is_receiver: &is_receiver, is_quiet: &is_quiet };
            incidents.change(number, |incident| change(incident, &world))
        };
        self.incidents = incidents;
        yielded
    }

    /// Whether the alert is over, silenced or inhibited.
    fn is_quiet(&self, alert: Fingerprint, now: Timestamp) -> bool {
        match self.groups.alert(alert) {
            // What nobody knows of any more is told by `alert_gone`.
            None => false,
            Some(known) => known.status(now) == AlertStatus::Resolved || self.groups.is_muted(&known.labels, now),
        }
    }

    fn people_on_call(&self, schedule: &str, offset: usize, now: Timestamp) -> Vec<String> {
        let oncall = &self.oncall;
        let Some(schedule) = oncall.schedules.iter().find(|known| known.name == schedule) else { return Vec::new() };
        match offset {
            0 => schedule.on_call(now, &oncall.overrides),
            _ => schedule.on_call_next(now, offset, &oncall.overrides).unwrap_or_default(),
        }
    }

    /// Who is on call by `schedule` may have changed: whoever is new is paged by the incidents that wait for an answer.
    fn hand_over(&mut self, schedule: &str, call: &mut Call<'_>) {
        let mut on_call: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for number in self.incidents.watching(schedule) {
            let Some(incident) = self.incidents.get(number) else { continue };
            let watches = incident.watches.iter().filter(|watch| watch.schedule == schedule);
            let mut is_new = false;
            for watch in watches {
                let people = on_call.entry(watch.offset);
                is_new |=
                    *people.or_insert_with(|| self.people_on_call(schedule, watch.offset, call.now)) != watch.people;
            }
            if is_new {
                let mut orders = Vec::new();
                self.with_world(number, call.now, |incident, world| incident.hand_over(call.now, world, &mut orders));
                self.take_orders(number, orders, call);
            }
        }
        self.handovers.remove(schedule);
        if !self.incidents.watching(schedule).is_empty() {
            self.await_handover(schedule, call.now);
        }
    }

    /// Schedules, people or overrides may have changed.
    pub(super) fn oncall_changed(&mut self, call: &mut Call<'_>) {
        self.handovers.clear();
        let schedules: Vec<String> = self.incidents.schedules().map(str::to_owned).collect();
        for schedule in schedules {
            self.hand_over(&schedule, call);
        }
    }

    /// Works out anew when who is on call changes next.
    pub(super) fn await_handovers(&mut self, now: Timestamp) {
        self.handovers.clear();
        let schedules: Vec<String> = self.incidents.schedules().map(str::to_owned).collect();
        for schedule in schedules {
            self.await_handover(&schedule, now);
        }
    }

    /// Works out when who is on call by `schedule` changes next.
    fn await_handover(&mut self, schedule: &str, now: Timestamp) {
        if !self.handovers.contains_key(schedule) {
            let known = self.oncall.schedules.iter().find(|known| known.name == schedule);
            let next = known.and_then(|known| known.next_change(now, &self.oncall.overrides));
            self.handovers.insert(schedule.to_owned(), next);
        }
    }

    /// Alerts are forgotten: what is not known any more does not fire.
    pub(super) fn alerts_gone(&mut self, alert: Fingerprint, call: &mut Call<'_>) {
        for number in self.incidents.with_alert(alert).to_vec() {
            let now = call.now;
            let mut orders = Vec::new();
            let was_firing = self.incidents.change(number, |incident| {
                let fired = incident.fires(now);
                incident.end_alert(now, alert, None);
                incident.close_if_over(now, &mut orders);
                fired
            });
            if was_firing == Some(true) {
                self.take_orders(number, orders, call);
            }
        }
    }

    /// Writes an incident down, and tells what happened to it.
    fn keep_incident(&mut self, number: u64, call: &mut Call<'_>) {
        let decided = Some(self.outbox.last_number());
        let news = self.incidents.change(number, |incident| {
            incident.decided = decided;
            incident.take_news()
        });
        let news = news.unwrap_or_default();
        let Some(incident) = self.incidents.get(number) else { return };
        call.persist(keep::incident(incident));
        call.persist(keep::last_incident(self.incidents.last_number()));
        let title = incident.title(call.now, &self.plan.escalation);
        let severity = self.plan.escalation.severities.level(incident.rank).name.clone();
        let (policy, trace) = (incident.policy.name.clone(), self.trace_of(number));
        for happening in news {
            if let Happening::Overdue { late } = &happening {
                self.tell_overdue(number, &policy, *late, call);
            }
            let (policy, title, severity) = (policy.clone(), title.clone(), severity.clone());
            let kind = EventKind::Incident { number, policy, title, severity, happening: Box::new(happening) };
            call.emit(trace, kind);
        }
        let watches = self.incidents.get(number).map(|incident| incident.watches.clone()).unwrap_or_default();
        for watch in watches {
            self.await_handover(&watch.schedule, call.now);
        }
    }

    fn trace_of(&self, number: u64) -> TraceId {
        let alerts = self.incidents.get(number).into_iter().flat_map(|incident| incident.alerts.values());
        alerts.max_by_key(|alert| alert.updated_at).map(|alert| alert.trace).unwrap_or_default()
    }

    /// Writes an incident down with what is to be sent about it.
    fn take_orders(&mut self, number: u64, orders: Vec<Order>, call: &mut Call<'_>) {
        for order in orders {
            self.take_order(number, order, call);
        }
        self.keep_incident(number, call);
    }
}
