//! The engine: the one owner of alerts, groups and the outbox.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::keep::{self, KeepError, Kept};
use super::{Effect, Event, EventKind, Input, Notice, Plan, Record, RuleError, RuleView};
use crate::deliver::{Bounded, Delivery, Notification, Outbox, Outcome, Receiver, Settled};
use crate::model::{Alert, AlertStatus, Fingerprint, Labels, Timestamp, TraceId, format_value};
use crate::route::{Decision, Flushed, Groups, Integrated, RouteTree, Told, Verdict, Withheld};
use crate::rule::{
    ActiveAlert, AlertState, AlertingRule, Change, Counts, Observation, Presence, Rule, RuleId, RuleState, Transition,
    alert_series,
};

/// All decisions: told what happened and when, it says what to write, what to send, what to tell. It reads no clock, opens
/// no socket, draws no random number: the same inputs give the same effects.
#[derive(Debug)]
pub struct Engine {
    plan: Arc<Plan>,
    pub(super) tree: RouteTree,
    receivers: HashMap<String, Receiver>,
    /// Where each rule stands in the plan: group, then rule.
    rules: HashMap<RuleId, (usize, usize)>,
    states: BTreeMap<RuleId, RuleState>,
    health: HashMap<RuleId, Health>,
    /// The rules that say of a routed alert that it fires.
    sources: BTreeMap<Fingerprint, BTreeSet<RuleId>>,
    pub(super) groups: Groups,
    outbox: Outbox,
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
    out: &'a mut Vec<Effect>,
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
            tree: RouteTree::new(&plan.route),
            receivers: HashMap::new(),
            rules: HashMap::new(),
            states: BTreeMap::new(),
            health: HashMap::new(),
            sources: BTreeMap::new(),
            groups: Groups::default(),
            outbox: Outbox::default(),
            latest: now,
            plan,
        };
        let mut errors = Vec::new();
        for record in records {
            match keep::restore(&record) {
                Ok(Kept::RuleAlert(rule, alert)) => engine.states.entry(rule).or_default().restore(*alert),
                Ok(Kept::Routed(alert)) => engine.groups.restore_alert(*alert),
                Ok(Kept::Group(group)) => engine.groups.restore_group(*group),
                Ok(Kept::Delivery(delivery)) => engine.outbox.restore(*delivery),
                Ok(Kept::Silence(silence)) => engine.groups.put_silence(*silence),
                Ok(Kept::LastNumber(number)) => engine.outbox.restore_last_number(number),
                Ok(Kept::Foreign) => {}
                Err(error) => errors.push(error),
            }
        }
        engine.join_outbox();
        let plan = Arc::clone(&engine.plan);
        engine.take_plan(plan, &mut Call { now, out });
        engine.shorten_waits(now);
        (engine, errors)
    }

    /// Makes the groups and the outbox agree, whose records may come from before and after one decision.
    fn join_outbox(&mut self) {
        let on_their_way: BTreeSet<u64> = self.outbox.iter().map(|delivery| delivery.number).collect();
        self.groups.drop_waiting(|number| on_their_way.contains(&number));
        for Delivery { number, notification, .. } in self.outbox.iter() {
            let ids = |status| {
                let alerts = notification.alerts.iter();
                alerts.filter(|alert| alert.status(notification.decided_at) == status).map(Alert::fingerprint).collect()
            };
            let mut told = Told {
                at: notification.decided_at,
                firing: ids(AlertStatus::Firing),
                resolved: ids(AlertStatus::Resolved),
                hushed: BTreeSet::new(),
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
        match input {
            Input::AlertingResult { rule, at, result, presence } => self.take_result(rule, at, result, &presence, call),
            Input::RecordingResult { rule, at, result } => self.note_health(rule, at, result.err(), call),
            Input::Attempted { number, outcome } => self.take_attempt(number, outcome, call),
            Input::SetSilence { draft, new_id } => self.set_silence(&draft, &new_id, call),
            Input::ExpireSilence { id } => self.expire_silence(&id, call),
            Input::NewPlan(plan) => self.take_plan(plan, call),
            Input::Tick => {}
        }
        self.run_due(call);
    }

    /// The clock went back: what waits for a time that is far ahead now waits for as long as it may, and no longer.
    fn shorten_waits(&mut self, now: Timestamp) {
        self.latest = now;
        self.groups.shorten_waits(&self.tree, now);
        self.outbox.shorten_waits(now);
    }

    /// When [`Input::Tick`] is due, if nothing else happens before.
    pub fn next_wakeup(&self) -> Option<Timestamp> {
        [self.groups.next_due(), self.outbox.next_due()].into_iter().flatten().min()
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

    /// How many alerts are pending and how many are firing; cheap: the work grows with the number of rules alone.
    pub fn alert_counts(&self) -> (usize, usize) {
        let Counts { pending, firing } = self.states.values().map(RuleState::counts).sum();
        (pending, firing)
    }

    fn alerting_rule(&self, rule: RuleId) -> Option<(usize, &AlertingRule)> {
        let (group, index) = *self.rules.get(&rule)?;
        let group = &self.plan.groups[group];
        match &group.rules[index] {
            Rule::Alerting(rule) => Some((group.limit, rule)),
            Rule::Recording(_) => None,
        }
    }

    fn take_result(
        &mut self,
        id: RuleId,
        at: Timestamp,
        result: Result<Vec<Observation>, RuleError>,
        presence: &Presence,
        call: &mut Call<'_>,
    ) {
        let plan = Arc::clone(&self.plan);
        let Some((group, index)) = self.rules.get(&id).copied() else { return };
        let Rule::Alerting(rule) = &plan.groups[group].rules[index] else { return };
        let limit = plan.groups[group].limit;
        let state = self.states.entry(id).or_default();
        let stepped = result.and_then(|observed| {
            state.step(rule, limit, at, observed, presence).map_err(|error| RuleError(error.to_string()))
        });
        let error = match stepped {
            Ok(transitions) => {
                for transition in transitions {
                    self.take_transition(id, transition, at, call);
                }
                None
            }
            Err(error) => Some(error),
        };
        self.note_health(id, at, error, call);
    }

    fn note_health(&mut self, id: RuleId, at: Timestamp, error: Option<RuleError>, call: &mut Call<'_>) {
        let Some((group, index)) = self.rules.get(&id).copied() else { return };
        let name = match &self.plan.groups[group].rules[index] {
            Rule::Alerting(rule) => &rule.alert,
            Rule::Recording(rule) => &rule.record,
        };
        let health = self.health.entry(id).or_default();
        let error = error.map(|RuleError(error)| error);
        match (&health.last_error, &error) {
            (old, Some(error)) if old.as_ref() != Some(error) => {
                call.emit(TraceId::NONE, EventKind::RuleFailed { rule: name.clone(), error: error.clone() });
            }
            (Some(_), None) => call.emit(TraceId::NONE, EventKind::RuleRecovered { rule: name.clone() }),
            _ => {}
        }
        *health = Health { last_evaluation: Some(at), last_error: error };
    }

    fn take_transition(&mut self, id: RuleId, transition: Transition, at: Timestamp, call: &mut Call<'_>) {
        let Transition { fingerprint, change, alert } = transition;
        match change {
            Change::Dropped | Change::Forgotten => call.persist(keep::rule_alert_gone(id, fingerprint)),
            Change::Updated => {}
            _ => call.persist(keep::rule_alert(id, &alert)),
        }
        match change {
            Change::BecameFiring => self.route_firing(id, &alert, true, call),
            Change::Updated | Change::HoldsAgain | Change::RegainedData if alert.state == AlertState::Firing => {
                self.route_firing(id, &alert, false, call);
            }
            Change::Resolved | Change::Expired | Change::BackToPending => {
                self.route_end(id, &alert, change, at, call);
            }
            _ => {}
        }
        let quiet = matches!(change, Change::Updated | Change::Forgotten);
        if !quiet {
            call.emit(
                alert.trace,
                EventKind::Alert {
                    value: format_value(alert.value),
                    labels: alert.labels,
                    annotations: alert.annotations,
                    change,
                },
            );
        }
    }

    /// The labels under which a rule's alert is routed.
    fn routed_labels(&self, alert: &ActiveAlert) -> Labels {
        self.plan.external_labels.merged(&alert.labels)
    }

    fn route_firing(&mut self, id: RuleId, alert: &ActiveAlert, durable: bool, call: &mut Call<'_>) {
        let routed = self.routed(alert, call.now);
        self.sources.entry(routed.fingerprint()).or_default().insert(id);
        if durable {
            call.persist(keep::routed(&routed));
        }
        self.upsert(routed, call);
    }

    /// A rule's alert as it is routed while it fires.
    fn routed(&self, alert: &ActiveAlert, now: Timestamp) -> Alert {
        let labels = self.routed_labels(alert);
        let known = self.groups.alert(labels.fingerprint()).filter(|known| known.status(now) == AlertStatus::Firing);
        Alert {
            starts_at: known.map_or(alert.fired_at.unwrap_or(now), |known| known.starts_at),
            labels,
            annotations: alert.annotations.clone(),
            ends_at: None,
            updated_at: now,
            generator_url: self.generator_url(alert),
            trace: alert.trace,
        }
    }

    fn route_end(&mut self, id: RuleId, alert: &ActiveAlert, change: Change, at: Timestamp, call: &mut Call<'_>) {
        let fingerprint = self.routed_labels(alert).fingerprint();
        if let Some(sources) = self.sources.get_mut(&fingerprint) {
            sources.remove(&id);
            if !sources.is_empty() {
                return;
            }
        }
        self.sources.remove(&fingerprint);
        let Some(known) = self.groups.alert(fingerprint) else { return };
        let mut ended = Alert { ends_at: Some(at.min(call.now)), updated_at: call.now, ..known.clone() };
        ended.annotations = alert.annotations.clone();
        if change == Change::Expired {
            let since = alert.lost_since.unwrap_or(at);
            let mut annotations = ended.annotations.builder();
            let note = format!("expired: its data are gone since {since}; it was not seen to recover");
            annotations.set("watchbell_resolution", &note);
            ended.annotations = annotations.finish();
        }
        call.persist(keep::routed(&ended));
        self.upsert(ended, call);
    }

    fn upsert(&mut self, alert: Alert, call: &mut Call<'_>) {
        for key in self.groups.upsert(&self.tree, call.now, alert) {
            if let Some(group) = self.groups.group(&key) {
                call.persist(keep::group(group));
            }
        }
    }

    fn generator_url(&self, alert: &ActiveAlert) -> String {
        let mut url = format!("{}/api/v1/rules?rule_name[]=", self.plan.external_url.trim_end_matches('/'));
        push_percent_encoded(alert.labels.get(crate::model::ALERT_NAME), &mut url);
        url
    }

    /// Looks at the groups whose time has come, and hands out the deliveries whose time has come.
    fn run_due(&mut self, call: &mut Call<'_>) {
        self.run_silences(call);
        let flushed = self.groups.flush_due(&self.tree, call.now, &integrations_of(&self.receivers));
        for Flushed { key, decisions, newly_suppressed } in flushed {
            for decision in decisions {
                self.take_decision(decision, call);
            }
            self.tell_suppressed(&key, newly_suppressed, call);
            self.settle_group(&key, call);
        }
        loop {
            let due = self.outbox.take_due(call.now);
            if due.is_empty() {
                break;
            }
            for delivery in due {
                match self.still_configured(&delivery.notification) {
                    true => call.out.push(Effect::Send(Box::new(delivery))),
                    false => {
                        let error = "the receiver is configured no more".to_owned();
                        self.take_attempt(delivery.number, Outcome::Rejected { error }, call);
                    }
                }
            }
        }
    }

    fn still_configured(&self, notification: &Notification) -> bool {
        let receiver = self.receivers.get(&notification.receiver);
        let integration = receiver.and_then(|receiver| receiver.integrations.get(notification.integration));
        integration.is_some_and(|integration| integration.channel.name() == notification.channel)
    }

    fn take_decision(&mut self, decision: Decision, call: &mut Call<'_>) {
        let Decision { group_key, group_labels, route_labels, target, verdict, alerts, told } = decision;
        let (receiver, integration) = target.clone();
        let reason = match verdict {
            Verdict::Send(reason) => reason,
            Verdict::Withhold(reason) => {
                let suppressed = match reason {
                    Withheld::Suppressed => self.groups.suppressed(&group_key),
                    _ => Vec::new(),
                };
                let kind = EventKind::Withheld { group_key, receiver, integration, reason, suppressed };
                return call.emit(TraceId::NONE, kind);
            }
        };
        let configured = self.receivers.get(&receiver).and_then(|receiver| receiver.integrations.get(integration));
        let channel = configured.map_or("", |integration| integration.channel.name()).to_owned();
        let trace = alerts.iter().max_by_key(|alert| alert.updated_at).map(|alert| alert.trace).unwrap_or_default();
        let Bounded { alerts, truncated, truncated_firing } = Bounded::new(alerts, call.now);
        let notification = Notification {
            trace,
            receiver,
            channel,
            integration,
            group_key: group_key.clone(),
            group_labels,
            route_labels,
            alerts,
            truncated,
            truncated_firing,
            decided_at: call.now,
            reason,
        };
        let delivery = self.outbox.enqueue(call.now, notification);
        self.groups.note_waiting(&group_key, &target, delivery.number, told);
        call.persist(keep::delivery(&delivery));
        call.persist(keep::last_number(delivery.number));
        call.emit(delivery.notification.trace, EventKind::Queued(notice(&delivery)));
    }

    fn take_attempt(&mut self, number: u64, outcome: Outcome, call: &mut Call<'_>) {
        let settled = self.outbox.settle(call.now, number, outcome);
        let (delivery, delivered) = match settled {
            Settled::Unknown => return,
            Settled::Retried(delivery) => {
                call.persist(keep::delivery(&delivery));
                let error = delivery.last_error.clone().unwrap_or_default();
                let next_attempt_at = delivery.next_attempt_at;
                let notice = notice(&delivery);
                return call.emit(delivery.notification.trace, EventKind::Retried { notice, error, next_attempt_at });
            }
            Settled::Delivered(delivery) => (delivery, true),
            Settled::Abandoned(delivery) => (delivery, false),
        };
        let Delivery { notification, .. } = &delivery;
        let target = (notification.receiver.clone(), notification.integration);
        self.groups.note_settled(&notification.group_key, &target, number, delivered);
        let notice = notice(&delivery);
        let kind = match delivered {
            true => EventKind::Delivered(notice),
            false => EventKind::Abandoned { notice, error: delivery.last_error.clone().unwrap_or_default() },
        };
        call.emit(notification.trace, kind);
        // The group first: between the two records the delivery is made again under its key, and not forgotten.
        self.settle_group(&notification.group_key, call);
        call.persist(keep::delivery_gone(number));
    }

    /// Forgets what the group needs no more, and writes down what is left of it.
    fn settle_group(&mut self, key: &str, call: &mut Call<'_>) {
        let forgotten = self.groups.forget(call.now, key, &integrations_of(&self.receivers));
        match self.groups.group(key) {
            Some(group) => call.persist(keep::group(group)),
            None if forgotten.group => call.persist(keep::group_gone(key)),
            None => {}
        }
        self.forget_alerts(forgotten.alerts, call);
    }

    fn forget_alerts(&mut self, candidates: Vec<Fingerprint>, call: &mut Call<'_>) {
        for fingerprint in self.groups.forget_alerts(&self.tree, call.now, candidates) {
            call.persist(keep::routed_gone(fingerprint));
        }
    }

    /// Takes over a plan: alerts of rules that stay keep their state, those of rules that moved follow them, those of
    /// rules that are gone end; groups keep their timers.
    fn take_plan(&mut self, plan: Arc<Plan>, call: &mut Call<'_>) {
        self.tree = RouteTree::new(&plan.route);
        self.receivers = plan.receivers.iter().map(|receiver| (receiver.name.clone(), receiver.clone())).collect();
        self.rules = plan
            .groups
            .iter()
            .enumerate()
            .flat_map(|(group, of)| of.rules.iter().enumerate().map(move |(index, rule)| (rule.id(), (group, index))))
            .collect();
        self.plan = plan;
        self.health.retain(|id, _| self.rules.contains_key(id));
        let gone: Vec<RuleId> = self.states.keys().filter(|id| self.alerting_rule(**id).is_none()).copied().collect();
        for id in gone {
            self.retire(id, call);
        }
        self.reconcile(call);
        self.groups.set_muting(&self.plan.inhibit_rules, &self.plan.time_intervals, call.now);
        self.groups.reroute(&self.tree, call.now);
        for group in self.groups.iter() {
            call.persist(keep::group(group));
        }
        let all: Vec<Fingerprint> = self.groups.alerts().map(Alert::fingerprint).collect();
        self.forget_alerts(all, call);
    }

    /// Makes the routed alerts agree with what the rules say fires: after a change of rules or of the external labels, and
    /// where the records of one decision were written in part.
    fn reconcile(&mut self, call: &mut Call<'_>) {
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
        let is_over = |alert: &&Alert| alert.ends_at.is_none() && !sources.contains_key(&alert.fingerprint());
        let over: Vec<Alert> = self.groups.alerts().filter(is_over).cloned().collect();
        let now = call.now;
        let ended = over.into_iter().map(|alert| Alert { ends_at: Some(now), updated_at: now, ..alert });
        for alert in ended.chain(unrouted) {
            call.persist(keep::routed(&alert));
            self.groups.restore_alert(alert);
        }
        self.sources = sources;
    }

    /// The alerts of a rule that is gone go over to a rule of the same name that takes them for its own, or end.
    fn retire(&mut self, id: RuleId, call: &mut Call<'_>) {
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
    fn heir(&self, alert: &ActiveAlert) -> Option<RuleId> {
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

fn integrations_of(receivers: &HashMap<String, Receiver>) -> impl Fn(&str) -> Vec<Integrated> {
    |name: &str| {
        let integrations = receivers.get(name).map(|receiver| receiver.integrations.as_slice()).unwrap_or_default();
        let integrated = |(number, integration): (usize, &crate::deliver::Integration)| Integrated {
            number,
            send_resolved: integration.send_resolved,
        };
        integrations.iter().enumerate().map(integrated).collect()
    }
}

fn notice(delivery: &Delivery) -> Notice {
    let Delivery { notification, .. } = delivery;
    let (firing, resolved) = notification.counts();
    Notice {
        delivery: delivery.number,
        key: delivery.key.clone(),
        group_key: notification.group_key.clone(),
        group_labels: notification.group_labels.clone(),
        receiver: notification.receiver.clone(),
        channel: notification.channel.clone(),
        integration: notification.integration,
        reason: notification.reason,
        firing,
        resolved,
        attempts: delivery.attempts,
    }
}

fn push_percent_encoded(text: &str, url: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => url.push(char::from(byte)),
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
}
