//! What is sent about incidents.

use super::super::state::Call;
use super::super::{Engine, keep};
use crate::deliver::{Bounded, Delivery, IncidentNote, IncidentNoteKind, Notification, OnBehalf};
use crate::escalate::{Happening, Incident, MessageReference, Order, Paged};
use crate::model::{Alert, Labels, Reason, Timestamp, TraceId};

/// How many symptoms a page names.
const SYMPTOMS_MAX: usize = 5;

/// Something to say about an incident.
struct Word {
    kind: IncidentNoteKind,
    user: Option<String>,
    text: String,
}

impl Engine {
    pub(super) fn take_order(&mut self, number: u64, order: Order, call: &mut Call<'_>) {
        match order {
            Order::Page { user, receiver, cause } => {
                let word = Word { kind: IncidentNoteKind::Page, user: user.clone(), text: cause.to_string() };
                let deliveries = self.say(number, &receiver, &word, call);
                let now = call.now;
                self.incidents.change(number, |incident| note_paged(incident, user, receiver, deliveries, now));
            }
            Order::TellAnswered { text } => self.tell_all(number, IncidentNoteKind::Answered, &text, call),
            Order::TellClosed { text } => self.tell_all(number, IncidentNoteKind::Closed, &text, call),
            Order::Remind { user, text } => {
                let paged = self.incidents.get(number).map(|incident| incident.paged.clone()).unwrap_or_default();
                let own = paged.iter().filter(|paged| paged.user.as_ref() == Some(&user));
                let mut receivers: Vec<String> = own.map(|paged| paged.receiver.clone()).collect();
                if receivers.is_empty() {
                    // Who has answered without having been paged is reminded as they would be paged.
                    let person = self.plan.escalation.person(&user);
                    let first = person.and_then(|person| person.high.first());
                    receivers.extend(first.map(|contact| contact.receiver.clone()));
                }
                if receivers.is_empty() {
                    receivers.extend(paged.into_iter().map(|paged| paged.receiver));
                }
                let word = Word { kind: IncidentNoteKind::Reminder, user: Some(user), text };
                for receiver in receivers {
                    self.say(number, &receiver, &word, call);
                }
            }
        }
    }

    /// Tells everybody who was paged, and takes back the pages that wait to be sent.
    fn tell_all(&mut self, number: u64, kind: IncidentNoteKind, text: &str, call: &mut Call<'_>) {
        self.withdraw_waiting(number, call);
        let paged = self.incidents.get(number).map(|incident| incident.paged.clone()).unwrap_or_default();
        for Paged { user, receiver, arrived, on_their_way, .. } in paged {
            if arrived > 0 || !on_their_way.is_empty() {
                let word = Word { kind, user, text: text.to_owned() };
                self.say(number, &receiver, &word, call);
            }
        }
    }

    /// Takes back the pages that nobody can have seen yet.
    fn withdraw_waiting(&mut self, number: u64, call: &mut Call<'_>) {
        let Some(incident) = self.incidents.get(number) else { return };
        let waiting: Vec<u64> = incident.paged.iter().flat_map(|paged| paged.on_their_way.iter().copied()).collect();
        for delivery in waiting {
            if !self.outbox.may_have_been_seen(delivery) {
                self.withdraw(number, delivery, call);
            }
        }
    }

    fn withdraw(&mut self, number: u64, delivery: u64, call: &mut Call<'_>) {
        let may_have_been_seen = self.outbox.may_have_been_seen(delivery);
        let Some(delivery) = self.outbox.remove(delivery) else { return };
        call.persist(keep::delivery_gone(delivery.number));
        let (now, receiver) = (call.now, delivery.notification.receiver);
        self.incidents.change(number, |incident| {
            for paged in incident.paged.iter_mut().filter(|paged| paged.on_their_way.contains(&delivery.number)) {
                paged.on_their_way.retain(|known| *known != delivery.number);
                // Whoever may have seen it is to hear of the end.
                paged.arrived = paged.arrived.saturating_add(u32::from(may_have_been_seen));
            }
            incident.note(now, Happening::Withdrawn { receiver });
        });
    }

    /// Says something about an incident to each integration of `receiver`; the numbers of the deliveries.
    fn say(&mut self, number: u64, receiver: &str, word: &Word, call: &mut Call<'_>) -> Vec<u64> {
        let Some(incident) = self.incidents.get(number) else { return Vec::new() };
        let note = self.incident_note(incident, word, call);
        let reason = match word.kind {
            IncidentNoteKind::Page => Reason::Page,
            IncidentNoteKind::Answered => Reason::IncidentAnswered,
            IncidentNoteKind::Reminder => Reason::AckReminder,
            IncidentNoteKind::Closed => Reason::IncidentClosed,
        };
        let by_likelihood = incident.by_likelihood(call.now, &self.plan.escalation);
        let alerts: Vec<Alert> = by_likelihood.into_iter().map(|alert| Alert::clone(alert)).collect();
        let trace = alerts.iter().max_by_key(|alert| alert.updated_at).map_or(TraceId::NONE, |alert| alert.trace);
        let further = incident.further_alerts.len();
        let Bounded { alerts, truncated, truncated_firing } = Bounded::new(alerts, call.now);
        let notification = Notification {
            receiver: receiver.to_owned(),
            channel: String::new(),
            integration: 0,
            group_key: incident.group_key(),
            group_labels: incident.labels.clone(),
            route_labels: Labels::default(),
            alerts,
            truncated: truncated + further,
            truncated_firing: truncated_firing + further,
            decided_at: call.now,
            reason,
            trace,
            on_behalf: OnBehalf::default(),
            incident: Some(Box::new(note)),
        };
        let integrations =
            self.receivers.get(receiver).map(|receiver| receiver.integrations.clone()).unwrap_or_default();
        let mut deliveries = Vec::new();
        for (integration, config) in integrations.iter().enumerate() {
            let channel = config.channel.name().to_owned();
            let notification = Notification { channel, integration, ..notification.clone() };
            deliveries.push(self.queue(notification, call).number);
        }
        deliveries
    }

    fn incident_note(&self, incident: &Incident, word: &Word, call: &Call<'_>) -> IncidentNote {
        let plan = &self.plan.escalation;
        IncidentNote {
            number: incident.number,
            kind: word.kind,
            user: word.user.clone(),
            text: word.text.clone(),
            severity: plan.severities.level(incident.rank).name.clone(),
            priority: incident.priority(call.now, plan).to_string(),
            title: incident.title(call.now, plan),
            symptoms: incident.symptoms(call.now, plan, SYMPTOMS_MAX),
            opened_at: incident.opened_at,
            answer_by: Some(incident.answer_by).filter(|_| incident.is_open() && !incident.is_breached),
        }
    }

    /// Whether the delivery may be sent: a page may while its incident is open. One that may not is taken back.
    pub(in super::super) fn may_be_sent(&mut self, delivery: &Delivery, call: &mut Call<'_>) -> bool {
        let Some(note) = &delivery.notification.incident else { return true };
        if note.kind != IncidentNoteKind::Page {
            return true;
        }
        if self.incidents.get(note.number).is_some_and(Incident::is_open) {
            return true;
        }
        let number = note.number;
        self.withdraw(number, delivery.number, call);
        self.keep_incident(number, call);
        false
    }

    /// The message that stands for the incident at the integration.
    pub(in super::super) fn incident_reference(&self, notification: &Notification) -> Option<String> {
        let incident = self.incidents.get(notification.incident.as_ref()?.number)?;
        let is_of = |known: &&MessageReference| {
            known.receiver == notification.receiver && known.integration == notification.integration
        };
        incident.references.iter().find(is_of).map(|known| known.reference.clone())
    }

    /// Takes in how the delivery of something about an incident ended.
    pub(in super::super) fn settle_incident(&mut self, delivery: &Delivery, arrived: bool, call: &mut Call<'_>) {
        let Some(note) = &delivery.notification.incident else { return };
        let (now, receiver) = (call.now, &delivery.notification.receiver);
        let integration = delivery.notification.integration;
        let found = self.incidents.change(note.number, |incident| {
            if let Some(reference) = delivery.reference.as_ref().filter(|_| arrived) {
                let is_of = |known: &MessageReference| known.receiver == *receiver && known.integration == integration;
                incident.references.retain(|known| !is_of(known));
                let (receiver, reference) = (receiver.clone(), reference.clone());
                incident.references.push(MessageReference { receiver, integration, reference });
            }
            let waited = incident.paged.iter_mut().find(|paged| paged.on_their_way.contains(&delivery.number));
            let Some(paged) = waited else {
                if arrived && note.kind == IncidentNoteKind::Page {
                    note_arrived(incident, note.user.as_deref(), receiver, now);
                }
                return;
            };
            paged.on_their_way.retain(|known| *known != delivery.number);
            match arrived {
                true => {
                    paged.arrived = paged.arrived.saturating_add(1);
                    incident.note(now, Happening::Arrived { receiver: receiver.clone() });
                }
                false => {
                    let error = delivery.last_error.as_deref().unwrap_or("given up");
                    incident.take_failure(now, receiver, error);
                }
            }
        });
        if found.is_some() {
            self.keep_incident(note.number, call);
        }
    }

    /// Makes the incidents agree with the outbox, whose records may come from before and after one decision. Returns the
    /// deliveries that are not made, since the decision about their incident was not written down: it is taken again.
    pub(in super::super) fn join_pages(&mut self) -> Vec<u64> {
        let is_undecided = |delivery: &&Delivery| {
            let Some(note) = &delivery.notification.incident else { return false };
            match self.incidents.get(note.number) {
                Some(incident) => incident.decided.is_some_and(|decided| delivery.number > decided),
                None => note.kind == IncidentNoteKind::Page,
            }
        };
        let undecided: Vec<u64> = self.outbox.iter().filter(is_undecided).map(|delivery| delivery.number).collect();
        for number in &undecided {
            self.outbox.remove(*number);
        }
        let numbers: Vec<u64> = self.incidents.iter().map(|incident| incident.number).collect();
        for number in numbers {
            let waits = |delivery: &u64| self.outbox.contains(*delivery);
            self.incidents.change(number, |incident| {
                incident.paged.iter_mut().for_each(|paged| paged.on_their_way.retain(waits));
            });
        }
        undecided
    }
}

/// A page has arrived that nobody waited for: one that goes to a fallback, or that was given up, which a crash made forgotten.
/// Whoever got it is to hear of the answer and of the end.
fn note_arrived(incident: &mut Incident, user: Option<&str>, receiver: &str, now: Timestamp) {
    let is_same = |paged: &&mut Paged| paged.user.as_deref() == user && paged.receiver == receiver;
    match incident.paged.iter_mut().find(is_same) {
        Some(paged) if paged.arrived > 0 => return,
        Some(paged) => paged.arrived = 1,
        None => {
            note_paged(incident, user.map(str::to_owned), receiver.to_owned(), Vec::new(), now);
            incident.paged.iter_mut().rev().take(1).for_each(|paged| paged.arrived = 1);
        }
    }
    incident.note(now, Happening::Arrived { receiver: receiver.to_owned() });
}

fn note_paged(incident: &mut Incident, user: Option<String>, receiver: String, deliveries: Vec<u64>, now: Timestamp) {
    let known = incident.paged.iter_mut().find(|paged| paged.user == user && paged.receiver == receiver);
    match known {
        Some(paged) => {
            paged.last_at = now;
            paged.times = paged.times.saturating_add(1);
            paged.on_their_way.extend(deliveries);
        }
        None => {
            let (first_at, last_at) = (now, now);
            incident.paged.push(Paged {
                user,
                receiver,
                first_at,
                last_at,
                times: 1,
                arrived: 0,
                on_their_way: deliveries,
            });
        }
    }
}
