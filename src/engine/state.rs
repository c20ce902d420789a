//! The engine: the one owner of alerts, groups and the outbox.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::external::Book;
use super::heartbeats::Heartbeats;
use super::keep::{self, KeepError, Kept};
use super::overrides::Overrides;
use super::own_alerts::OwnAlerts;
use super::{Effect, Event, EventKind, Input, Plan, Record, RuleView};
use crate::deliver::{Delivery, Outbox, Pace, Receiver};
use crate::escalate::Incidents;
use crate::model::{Alert, AlertStatus, Fingerprint, Timestamp, TraceId};
use crate::oncall::OncallPlan;
use crate::route::{Flaps, Groups, RouteTree, Target, Told};
use crate::rule::{ActiveAlert, AlertState, AlertingRule, Counts, Rule, RuleId, RuleState, alert_series};

/// All decisions: told what happened and when, it says what to write, what to send, what to tell. It reads no clock, opens
/// no socket, draws no random number: the same inputs give the same effects.
#[derive(Debug)]
pub struct Engine {
    pub(super) plan: Arc<Plan>,
    pub(super) tree: Arc<RouteTree>,
    pub(super) receivers: HashMap<String, Receiver>,
    /// Where each rule stands in the plan: group, then rule.
    pub(super) rules: HashMap<RuleId, (usize, usize)>,
    pub(super) states: BTreeMap<RuleId, RuleState>,
    pub(super) health: HashMap<RuleId, Health>,
    /// The rules that say of a routed alert that it fires.
    pub(super) sources: BTreeMap<Fingerprint, BTreeSet<RuleId>>,
    /// What is said from outside of routed alerts.
    pub(super) external: Book,
    /// What Watchbell itself has to say.
    pub(super) own: OwnAlerts,
    /// The signs of life that are awaited.
    pub(super) heartbeats: Heartbeats,
    pub(super) groups: Groups,
    pub(super) outbox: Outbox,
    /// When each integration with a throttle or storm control was told.
    pub(super) paces: BTreeMap<Target, Pace>,
    /// Those of them that have changed and are not written down.
    pub(super) unkept_paces: BTreeSet<Target>,
    /// The alerts that changed not long ago.
    pub(super) flaps: Flaps,
    /// The exceptions from schedules that people set.
    pub(super) overrides: Overrides,
    /// The schedules with all exceptions.
    pub(super) oncall: Arc<OncallPlan>,
    pub(super) incidents: Incidents,
    /// When who is on call changes next, by the schedules that somebody's answer is waited for by.
    pub(super) handovers: BTreeMap<String, Option<Timestamp>>,
    /// When the alerts end that steps came too late.
    pub(super) overdue: BTreeMap<Fingerprint, Timestamp>,
    /// Silences that end until then were reminded of.
    pub(super) reminded_until: Timestamp,
    /// The latest time that was told.
    latest: Timestamp,
}

/// By how much the clock goes back before waits are looked at anew; less is a clock that is being adjusted.
const STEP_BACK_MIN: Duration = Duration::from_secs(1);

/// How a rule's last evaluation went.
#[derive(Clone, Debug, Default)]
pub struct Health {
    /// When.
    pub last_evaluation: Option<Timestamp>,
    /// What went wrong, if anything did.
    pub last_error: Option<String>,
}

/// What a call of [`Engine::handle`] is about.
pub(super) struct Call<'a> {
    pub(super) now: Timestamp,
    pub(super) out: &'a mut Vec<Effect>,
}

impl Call<'_> {
    pub(super) fn persist(&mut self, record: Record) {
        self.out.push(Effect::Persist(record));
    }

    pub(super) fn emit(&mut self, trace: TraceId, kind: EventKind) {
        self.out.push(Effect::Emit(Box::new(Event { at: self.now, trace, kind })));
    }
}

impl Engine {
    /// An engine that runs by `plan`, with the state that `records` hold. Records that cannot be read are returned as
    /// errors and take no part. The effects of finding the plan changed since are pushed to `out`.
    pub fn restore(
        plan: Arc<Plan>,
        records: impl IntoIterator<Item = Record>,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) -> (Engine, Vec<KeepError>) {
        let mut engine = Engine {
            tree: Arc::new(RouteTree::new(&plan.route)),
            receivers: HashMap::new(),
            rules: HashMap::new(),
            states: BTreeMap::new(),
            health: HashMap::new(),
            sources: BTreeMap::new(),
            external: Book::default(),
            own: OwnAlerts::default(),
            heartbeats: Heartbeats::default(),
            groups: Groups::default(),
            outbox: Outbox::default(),
            paces: BTreeMap::new(),
            unkept_paces: BTreeSet::new(),
            flaps: Flaps::default(),
            overrides: Overrides::default(),
            oncall: Arc::clone(&plan.oncall),
            incidents: Incidents::default(),
            handovers: BTreeMap::new(),
            overdue: BTreeMap::new(),
            reminded_until: Timestamp::MIN,
            latest: now,
            plan,
        };
        let mut errors = Vec::new();
        for record in records {
            match keep::restore(&record) {
                Ok(Kept::RuleAlert(rule, alert)) => engine.states.entry(rule).or_default().restore(*alert),
                Ok(Kept::Routed(alert)) => engine.groups.restore_alert(*alert),
                Ok(Kept::Own(alert)) => engine.own.restore(*alert),
                Ok(Kept::Heartbeat(pulse)) => engine.heartbeats.restore(*pulse),
                Ok(Kept::Alive(at)) => engine.heartbeats.restore_alive(at),
                Ok(Kept::Page(page, entries)) => engine.restore_page(page, entries, now),
                Ok(Kept::Group(group)) => {
                    let key = group.key.clone();
                    engine.groups.restore_group(*group);
                    // What is in the store needs no writing.
                    engine.groups.needs_writing(&engine.tree, &key, keep::group_digest);
                }
                Ok(Kept::Delivery(delivery)) => engine.outbox.restore(*delivery),
                Ok(Kept::Silence(silence)) => engine.groups.put_silence(*silence),
                Ok(Kept::Override(stored)) => engine.overrides.put(*stored),
                Ok(Kept::Pace(target, pace)) => drop(engine.paces.insert(target, *pace)),
                Ok(Kept::Flap(alert, flap)) => engine.flaps.put(alert, *flap),
                Ok(Kept::Incident(incident)) => engine.incidents.restore(*incident),
                Ok(Kept::LastIncident(number)) => engine.incidents.restore_last_number(number),
                Ok(Kept::RemindedUntil(until)) => engine.reminded_until = until,
                Ok(Kept::LastNumber(number)) => engine.outbox.restore_last_number(number),
                Ok(Kept::Foreign) => {}
                Err(error) => errors.push(error),
            }
        }
        engine.outbox.end_of_restore();
        engine.join_outbox();
        let undecided = engine.join_pages();
        engine.restore_overdue(now);
        engine.join_flaps();
        // Before the plan is taken, which writes the groups down.
        engine.shorten_waits(now);
        let plan = Arc::clone(&engine.plan);
        let call = &mut Call { now, out };
        undecided.into_iter().for_each(|number| call.persist(keep::delivery_gone(number)));
        engine.adopt(plan, true, call);
        engine.keep_paces(call);
        engine.keep_pages(call);
        (engine, errors)
    }

    /// Makes the groups and the outbox agree, whose records may come from before and after one decision.
    fn join_outbox(&mut self) {
        let on_their_way: BTreeSet<u64> = self.outbox.iter().map(|delivery| delivery.number).collect();
        self.groups.drop_waiting(|number| on_their_way.contains(&number));
        for Delivery { number, notification, .. } in self.outbox.iter() {
            if !notification.on_behalf.groups.is_empty() || notification.incident.is_some() {
                // Its groups or incident, written with it, hold what it tells of them.
                continue;
            }
            let ids = |status| {
                let alerts = notification.alerts.iter();
                alerts.filter(|alert| alert.status(notification.decided_at) == status).map(Alert::fingerprint).collect()
            };
            let mut told = Told {
                at: notification.decided_at,
                firing: ids(AlertStatus::Firing),
                resolved: ids(AlertStatus::Resolved),
                ..Told::default()
            };
            let target = (notification.receiver.clone(), notification.integration);
            let known = self.groups.latest_told(&notification.group_key, &target);
            let unsaid = |alert: &Fingerprint| !told.firing.contains(alert) && !told.resolved.contains(alert);
            let firing: BTreeSet<Fingerprint> = known.firing.into_iter().filter(unsaid).collect();
            told.hushed = known.hushed.into_iter().filter(unsaid).collect();
            // Known to fire and not mentioned: suppressed, or left out where which were is known no more. It stays known
            // to fire, and its end is told later.
            match notification.truncated > 0 {
                true => told.firing.extend(firing),
                false => told.hushed.extend(firing),
            }
            self.groups.note_waiting(&notification.group_key, &target, *number, told);
        }
    }

    /// An engine that runs by `plan` and knows of nothing yet.
    pub fn new(plan: Arc<Plan>) -> Engine {
        Engine::restore(plan, [], Timestamp::MIN, &mut Vec::new()).0
    }

    /// Takes in what happened, and says what to do about it.
    pub fn handle(&mut self, now: Timestamp, input: Input, out: &mut Vec<Effect>) {
        match now + STEP_BACK_MIN < self.latest {
            true => self.shorten_waits(now),
            false => self.latest = self.latest.max(now),
        }
        let call = &mut Call { now, out };
        self.end_external(call);
        match input {
            Input::AlertingResult { rule, at, result, presence } => self.take_result(rule, at, result, &presence, call),
            Input::RecordingResult { rule, at, result } => self.note_health(rule, at, result.err(), call),
            Input::Attempted { number, outcome } => self.take_attempt(number, outcome, call),
            Input::SetSilence { draft, new_id } => self.set_silence(&draft, &new_id, call),
            Input::ExpireSilence { id } => self.expire_silence(&id, call),
            Input::SetOverrides(overrides) => self.set_overrides(overrides, call),
            Input::RemoveOverride { id } => self.remove_override(&id, call),
            Input::ExternalAlerts(alerts) => self.take_external(alerts, call),
            Input::Heartbeat { name, signal, message } => self.take_heartbeat(&name, signal, &message, call),
            Input::Answer(answer) => self.take_answer(&answer, call),
            Input::NewPlan(plan) => self.take_plan(plan, call),
            Input::Tick => {}
        }
        self.run_heartbeats(call);
        self.keep_pages(call);
        self.run_due(call);
        self.keep_paces(call);
        self.keep_pages(call);
    }

    /// The clock went back: what waits for a time that is far ahead now waits for as long as it may, and no longer.
    fn shorten_waits(&mut self, now: Timestamp) {
        self.latest = now;
        self.groups.shorten_waits(&self.tree, now);
        self.outbox.shorten_waits(now);
        self.incidents.shorten_waits(now);
        self.await_handovers(now);
        self.flaps.shorten_waits(now);
        self.heartbeats.shorten_waits(now);
        self.shorten_reminders(now);
        self.paces.values_mut().for_each(|pace| pace.shorten_waits(now));
    }

    /// When [`Input::Tick`] is due, if nothing else happens before.
    pub fn next_wakeup(&self) -> Option<Timestamp> {
        let noise = [self.next_storm_look(), self.flaps.next_due(), self.next_reminder()];
        let outside = [self.overrides.next_due(), self.heartbeats.next_due()];
        let due = [self.external.next_due(), self.groups.next_due(), self.outbox.next_due(), self.next_incident()];
        due.into_iter().chain(noise).chain(outside).flatten().min()
    }

    /// The plan in force.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// What the evaluation of `rule` needs to know of it.
    pub fn rule_view(&self, rule: RuleId) -> RuleView {
        let Some(state) = self.states.get(&rule) else { return RuleView::default() };
        let active = state.alerts().filter(|(_, alert)| alert.state != AlertState::Resolved);
        RuleView {
            series: alert_series(state),
            active: active.map(|(_, alert)| (alert.query_labels.clone(), alert.state)).collect(),
        }
    }

    /// The alerts of `rule`, resolved ones included.
    pub fn rule_alerts(&self, rule: RuleId) -> impl Iterator<Item = &ActiveAlert> {
        self.states.get(&rule).into_iter().flat_map(|state| state.alerts().map(|(_, alert)| alert))
    }

    /// How the last evaluation of `rule` went.
    pub fn rule_health(&self, rule: RuleId) -> Health {
        self.health.get(&rule).cloned().unwrap_or_default()
    }

    /// The notifications on their way.
    pub fn deliveries(&self) -> impl Iterator<Item = &Delivery> {
        self.outbox.iter()
    }

    /// How many alerts are pending and how many are firing, by rules, from outside or of Watchbell itself; cheap: the work grows with the number
    /// of rules alone.
    pub fn alert_counts(&self) -> (usize, usize) {
        let Counts { pending, firing } = self.states.values().map(RuleState::counts).sum();
        (pending, firing + self.external.firing() + self.own.len())
    }

    pub(super) fn alerting_rule(&self, rule: RuleId) -> Option<(usize, &AlertingRule)> {
        let (group, index) = *self.rules.get(&rule)?;
        let group = &self.plan.groups[group];
        match &group.rules[index] {
            Rule::Alerting(rule) => Some((group.limit, rule)),
            Rule::Recording(_) => None,
        }
    }
}
