//! Looks at groups, and deliveries from the decision to their end.

use std::collections::HashMap;

use super::state::Call;
use super::{Effect, Engine, EventKind, IncidentNotice, Notice, keep};
use crate::deliver::{Bounded, Delivery, Notification, OnBehalf, Outcome, Receiver, Settled};
use crate::model::{Alert, Fingerprint, Labels, Reason, Timestamp, TraceId};
use crate::route::{Decision, Flushed, Integrated, Target, Verdict, Withheld};

/// How often it is looked whether what was done has made something else due; the rest is left for the next call.
const ROUNDS_MAX: usize = 100;

/// What Watchbell itself has to say.
pub(super) struct OwnNotice {
    pub(super) group_key: String,
    pub(super) alert: Alert,
    pub(super) reason: Reason,
    pub(super) on_behalf: OnBehalf,
}

impl Engine {
    /// Looks at the groups whose time has come, and hands out the deliveries whose time has come.
    pub(super) fn run_due(&mut self, call: &mut Call<'_>) {
        self.run_flaps(call);
        self.run_silences(call);
        self.forget_overrides(call);
        self.run_reminders(call);
        self.run_storms(call);
        // A page that comes too late is an alert of its own; one that cannot be sent makes the next due.
        for _ in 0..ROUNDS_MAX {
            self.flush_groups(call);
            self.run_incidents(call);
            self.send_due(call);
            let next = [self.groups.next_due(), self.next_incident()];
            if next.into_iter().flatten().all(|at| at > call.now) {
                break;
            }
        }
    }

    fn flush_groups(&mut self, call: &mut Call<'_>) {
        // A group that has nothing to tell makes room for another.
        loop {
            let flushed = self.groups.flush_due(&self.tree, call.now, &integrations_of(&self.receivers));
            if flushed.is_empty() {
                break;
            }
            self.take_flushed(flushed, call);
        }
    }

    fn take_flushed(&mut self, flushed: Vec<Flushed>, call: &mut Call<'_>) {
        for Flushed { key, decisions, newly_suppressed } in flushed {
            for decision in decisions {
                self.take_decision(decision, call);
            }
            self.tell_suppressed(&key, newly_suppressed, call);
            self.settle_group(&key, call);
        }
    }

    fn send_due(&mut self, call: &mut Call<'_>) {
        loop {
            let due = self.outbox.take_due(call.now);
            if due.is_empty() {
                break;
            }
            for mut delivery in due {
                if !self.may_be_sent(&delivery, call) {
                    continue;
                }
                let target = (delivery.notification.receiver.clone(), delivery.notification.integration);
                delivery.reference = match delivery.notification.incident {
                    Some(_) => self.incident_reference(&delivery.notification),
                    None => self.groups.reference(&delivery.notification.group_key, &target),
                };
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
        if let Some(policy) = self.is_for_incidents(&decision.target, &decision.verdict) {
            return self.take_to_incidents(&policy, decision, call);
        }
        let Decision { group_key, group_labels, route_labels, target, verdict, alerts, told } = decision;
        let (receiver, integration) = target.clone();
        let verdict = match verdict {
            Verdict::Send(_) => self.admit(&target, &group_key, call).map_or(verdict, Verdict::Withhold),
            Verdict::Withhold(_) => verdict,
        };
        let reason = match verdict {
            Verdict::Send(reason) => reason,
            Verdict::Withhold(reason) => {
                if !matches!(reason, Withheld::Throttled | Withheld::Storm) {
                    self.release_place(&target, &group_key, call);
                }
                let suppressed = match reason {
                    Withheld::Suppressed => self.groups.suppressed(&group_key),
                    _ => Vec::new(),
                };
                let kind = EventKind::Withheld { group_key, receiver, integration, reason, suppressed };
                return call.emit(TraceId::NONE, kind);
            }
        };
        let channel = self.channel_of(&target).to_owned();
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
            on_behalf: OnBehalf::default(),
            incident: None,
        };
        let delivery = self.queue(notification, call);
        self.groups.note_waiting(&group_key, &target, delivery.number, told);
    }

    /// Takes a notification into the outbox, durable before it is sent.
    pub(super) fn queue(&mut self, notification: Notification, call: &mut Call<'_>) -> Delivery {
        let delivery = self.outbox.enqueue(call.now, notification);
        self.keep_queued(&delivery, call);
        delivery
    }

    /// Makes a delivery durable that the outbox has just taken.
    pub(super) fn keep_queued(&self, delivery: &Delivery, call: &mut Call<'_>) {
        call.persist(keep::delivery(delivery));
        call.persist(keep::last_number(delivery.number));
        call.emit(delivery.notification.trace, EventKind::Queued(notice(delivery)));
    }

    /// The name of the channel; empty for one that is configured no more.
    fn channel_of(&self, (receiver, integration): &Target) -> &'static str {
        let receiver = self.receivers.get(receiver);
        let integration = receiver.and_then(|receiver| receiver.integrations.get(*integration));
        integration.map_or("", |integration| integration.channel.name())
    }

    /// A notification of Watchbell's own, about `alerts` that come from no rule; `None` for a target that is configured no
    /// more.
    pub(super) fn own_notification(&self, target: &Target, own: OwnNotice, now: Timestamp) -> Option<Notification> {
        let OwnNotice { group_key, alert, reason, on_behalf } = own;
        let channel = Some(self.channel_of(target)).filter(|channel| !channel.is_empty())?;
        Some(Notification {
            receiver: target.0.clone(),
            integration: target.1,
            channel: channel.to_owned(),
            group_key,
            group_labels: alert.labels.clone(),
            route_labels: Labels::default(),
            trace: alert.trace,
            alerts: vec![alert],
            truncated: 0,
            truncated_firing: 0,
            decided_at: now,
            reason,
            on_behalf,
            incident: None,
        })
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
        if !delivered {
            self.fail_over(&delivery, call);
        }
        let target = (notification.receiver.clone(), notification.integration);
        if let Some(reference) = delivery.reference.as_ref().filter(|_| delivered) {
            self.groups.note_reference(&notification.group_key, &target, reference);
        }
        for key in notification.groups() {
            self.groups.note_settled(key, &target, number, delivered);
        }
        let notice = notice(&delivery);
        let kind = match delivered {
            true => EventKind::Delivered(notice),
            false => EventKind::Abandoned { notice, error: delivery.last_error.clone().unwrap_or_default() },
        };
        call.emit(notification.trace, kind);
        if notification.incident.is_some() {
            // The incident first: between the two records the delivery is made again under its key, and not forgotten.
            self.settle_incident(&delivery, delivered, call);
            return call.persist(keep::delivery_gone(number));
        }
        // The group first: between the two records the delivery is made again under its key, and not forgotten.
        for key in notification.groups() {
            self.settle_group(key, call);
        }
        call.persist(keep::delivery_gone(number));
    }

    /// Forgets what the group needs no more, and writes down what is left of it.
    pub(super) fn settle_group(&mut self, key: &str, call: &mut Call<'_>) {
        let forgotten = self.groups.forget(call.now, key, &integrations_of(&self.receivers));
        match forgotten.group {
            true => {
                call.persist(keep::group_gone(key));
                self.release_places(key, call);
            }
            false => self.keep_group(key, call),
        }
        self.forget_alerts(forgotten.alerts, call);
    }

    /// Writes down the group, unless the store has all of it.
    pub(super) fn keep_group(&mut self, key: &str, call: &mut Call<'_>) {
        let needed = self.groups.needs_writing(&self.tree, key, keep::group_digest);
        if let Some(group) = self.groups.group(key).filter(|_| needed) {
            call.persist(keep::group(group));
        }
    }

    pub(super) fn forget_alerts(&mut self, candidates: Vec<Fingerprint>, call: &mut Call<'_>) {
        for fingerprint in self.groups.forget_alerts(&self.tree, call.now, candidates) {
            if self.external.remove(fingerprint).is_none() {
                call.persist(keep::routed_gone(fingerprint));
            }
            self.alerts_gone(fingerprint, call);
        }
    }
}

pub(super) fn integrations_of(receivers: &HashMap<String, Receiver>) -> impl Fn(&str) -> Vec<Integrated> {
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
        on_behalf_of: notification.on_behalf.receiver.clone(),
        firing,
        resolved,
        attempts: delivery.attempts,
        incident: notification.incident.as_deref().map(|note| {
            Box::new(IncidentNotice {
                number: note.number,
                kind: note.kind,
                user: note.user.clone(),
                severity: note.severity.clone(),
                text: note.text.clone(),
            })
        }),
    }
}
