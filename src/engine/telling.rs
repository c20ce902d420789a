//! Looks at groups, and deliveries from the decision to their end.

use std::collections::HashMap;

use super::state::Call;
use super::{Effect, Engine, EventKind, Notice, keep};
use crate::deliver::{Bounded, Delivery, Notification, Outcome, Receiver, Settled};
use crate::model::{Fingerprint, TraceId};
use crate::route::{Decision, Flushed, Integrated, Verdict, Withheld};

impl Engine {
    /// Looks at the groups whose time has come, and hands out the deliveries whose time has come.
    pub(super) fn run_due(&mut self, call: &mut Call<'_>) {
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
            for mut delivery in due {
                let target = (delivery.notification.receiver.clone(), delivery.notification.integration);
                delivery.reference = self.groups.reference(&delivery.notification.group_key, &target);
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

    pub(super) fn still_configured(&self, notification: &Notification) -> bool {
        let receiver = self.receivers.get(&notification.receiver);
        let integration = receiver.and_then(|receiver| receiver.integrations.get(notification.integration));
        integration.is_some_and(|integration| integration.channel.name() == notification.channel)
    }

    pub(super) fn take_decision(&mut self, decision: Decision, call: &mut Call<'_>) {
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

    pub(super) fn take_attempt(&mut self, number: u64, outcome: Outcome, call: &mut Call<'_>) {
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
        if let Some(reference) = delivery.reference.as_ref().filter(|_| delivered) {
            self.groups.note_reference(&notification.group_key, &target, reference);
        }
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
    pub(super) fn settle_group(&mut self, key: &str, call: &mut Call<'_>) {
        let forgotten = self.groups.forget(call.now, key, &integrations_of(&self.receivers));
        match self.groups.group(key) {
            Some(group) => call.persist(keep::group(group)),
            None if forgotten.group => call.persist(keep::group_gone(key)),
            None => {}
        }
        self.forget_alerts(forgotten.alerts, call);
    }

    pub(super) fn forget_alerts(&mut self, candidates: Vec<Fingerprint>, call: &mut Call<'_>) {
        for fingerprint in self.groups.forget_alerts(&self.tree, call.now, candidates) {
            self.external.remove(fingerprint);
            call.persist(keep::routed_gone(fingerprint));
        }
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
