//! Throttles and storms: what an integration is told is held back, and told together.

use std::fmt::Write;

use super::state::Call;
use super::telling::{OwnNotice, integrations_of};
use super::{Engine, keep};
use crate::deliver::{Admission, DeliveryPolicy, Notification, OnBehalf, Pace, StormLook};
use crate::model::{ALERT_NAME, Alert, AlertStatus, Labels, Reason, Timestamp, TraceId};
use crate::route::{Decision, Target, Told, Verdict, Withheld};

/// The name of the alert that a summary tells of.
const STORM_ALERT: &str = "WatchbellStorm";
/// How many groups a summary names.
const NAMED_MAX: usize = 20;
/// How much of a group's labels a summary shows, in bytes.
const LABELS_BYTES_MAX: usize = 300;

/// A group in a summary.
struct Part {
    key: String,
    labels: Labels,
    told: Told,
    firing: usize,
    ended: usize,
}

impl Engine {
    /// Why `target` is not told of the group now, if it is not; what it is told is counted.
    pub(super) fn admit(&mut self, target: &Target, group_key: &str, call: &mut Call<'_>) -> Option<Withheld> {
        let policy = self.paced(target)?;
        let pace = self.paces.entry(target.clone()).or_default();
        let admission = pace.admit(call.now, group_key, &policy);
        self.unkept_paces.insert(target.clone());
        match admission {
            Admission::Now => None,
            Admission::At(at) => {
                self.groups.look_at(group_key, at);
                Some(Withheld::Throttled)
            }
            Admission::Storm => Some(Withheld::Storm),
        }
    }

    /// Counts a notification that goes out whatever the rates of `target` say.
    pub(super) fn count_sent(&mut self, target: &Target, call: &Call<'_>) {
        if let Some(policy) = self.paced(target) {
            self.paces.entry(target.clone()).or_default().count(call.now, &policy);
            self.unkept_paces.insert(target.clone());
        }
    }

    /// The group has nothing to tell `target`; its place is free for others.
    pub(super) fn release_place(&mut self, target: &Target, group_key: &str, call: &mut Call<'_>) {
        if let Some(pace) = self.paces.get_mut(target)
            && let Some(moved) = pace.release(group_key)
        {
            self.unkept_paces.insert(target.clone());
            self.move_up(moved, call);
        }
    }

    /// The group is no more.
    pub(super) fn release_places(&mut self, group_key: &str, call: &mut Call<'_>) {
        let targets: Vec<Target> = self.paces.keys().cloned().collect();
        for target in targets {
            self.release_place(&target, group_key, call);
        }
    }

    fn move_up(&mut self, moved: Vec<(String, Timestamp)>, call: &mut Call<'_>) {
        for (key, at) in moved {
            self.groups.look_at(&key, at.max(call.now));
            self.keep_group(&key, call);
        }
    }

    fn paced(&self, target: &Target) -> Option<DeliveryPolicy> {
        let policy = &self.receivers.get(&target.0)?.policy;
        (policy.throttle.is_some() || policy.storm.is_some()).then(|| policy.clone())
    }

    /// When a storm is looked at next.
    pub(super) fn next_storm_look(&self) -> Option<Timestamp> {
        self.paces.values().filter_map(Pace::next_look).min()
    }

    /// Takes over the rates of another plan: what nobody limits any more is forgotten.
    pub(super) fn repace(&mut self, call: &mut Call<'_>) {
        let targets: Vec<Target> = self.paces.keys().cloned().collect();
        for target in targets {
            let policy = self.paced(&target).unwrap_or_default();
            let integration = self.receivers.get(&target.0).and_then(|receiver| receiver.integrations.get(target.1));
            let Some(pace) = self.paces.get_mut(&target) else { continue };
            let lost_storm = policy.storm.is_none() || integration.is_none();
            let held = if lost_storm { pace.end_storm() } else { Vec::new() };
            if integration.is_none() || (policy.throttle.is_none() && policy.storm.is_none()) {
                self.paces.remove(&target);
                call.persist(keep::pace_gone(&target));
            } else if lost_storm {
                self.unkept_paces.insert(target);
            }
            self.look_now(&held, call);
        }
    }

    fn look_now(&mut self, keys: &[String], call: &mut Call<'_>) {
        self.move_up(keys.iter().map(|key| (key.clone(), call.now)).collect(), call);
    }

    /// Looks at the storms whose time has come.
    pub(super) fn run_storms(&mut self, call: &mut Call<'_>) {
        let is_due = |pace: &Pace| pace.next_look().is_some_and(|at| at <= call.now);
        let due: Vec<Target> = self.paces.iter().filter(|(_, pace)| is_due(pace)).map(|(it, _)| it.clone()).collect();
        for target in due {
            self.look_at_storm(&target, call);
        }
    }

    fn look_at_storm(&mut self, target: &Target, call: &mut Call<'_>) {
        let Some(rate) = self.paced(target).and_then(|policy| policy.storm) else { return };
        let Some(pace) = self.paces.get_mut(target) else { return };
        let look = pace.look(call.now, rate);
        let storm = pace.storm().cloned();
        match look {
            StormLook::Summary(keys) => self.sum_up(target, &keys, call),
            StormLook::Over(keys) => self.look_now(&keys, call),
            StormLook::Past => {}
        }
        if let Some(storm) = storm.filter(|storm| !storm.rages)
            && !self.groups.knows_by_summary(target)
        {
            self.tell_storm_is_over(target, storm.since, call);
            if let Some(pace) = self.paces.get_mut(target) {
                let held = pace.end_storm();
                self.look_now(&held, call);
            }
        }
        self.unkept_paces.insert(target.clone());
    }

    /// Writes down the rates that have changed, each once: one may name very many groups.
    pub(super) fn keep_paces(&mut self, call: &mut Call<'_>) {
        for target in std::mem::take(&mut self.unkept_paces) {
            if let Some(pace) = self.paces.get(&target) {
                call.persist(keep::pace(&target, pace));
            }
        }
    }

    /// One notification for the news of many groups. Their ledgers note what it tells of them.
    fn sum_up(&mut self, target: &Target, keys: &[String], call: &mut Call<'_>) {
        let mut parts = Vec::new();
        for key in keys {
            let integrations = integrations_of(&self.receivers);
            let decision = self.groups.decide_for(&self.tree, call.now, key, target, &integrations);
            parts.extend(decision.and_then(|decision| part(decision, call.now)));
        }
        let since = self.paces.get(target).and_then(Pace::storm).map_or(call.now, |storm| storm.since);
        let annotations = summary(&parts, keys.len(), since);
        let groups = parts.iter().map(|part| part.key.clone()).collect();
        let on_behalf = OnBehalf { receiver: None, groups };
        let Some(notification) = self.storm_notification(target, since, annotations, None, on_behalf, call) else {
            return;
        };
        let delivery = self.outbox.enqueue(call.now, notification);
        // The groups first: what is known of a delivery that was not written is dropped, and told again.
        for part in parts {
            self.groups.note_waiting(&part.key, target, delivery.number, Told { by_summary: true, ..part.told });
            self.keep_group(&part.key, call);
        }
        self.keep_queued(&delivery, call);
        self.count_sent(target, call);
    }

    fn tell_storm_is_over(&mut self, target: &Target, since: Timestamp, call: &mut Call<'_>) {
        let receiver = self.receivers.get(&target.0).and_then(|receiver| receiver.integrations.get(target.1));
        if !receiver.is_some_and(|integration| integration.send_resolved) {
            return;
        }
        let text = format!("the storm that began at {since} is over, and so is what only summaries told of");
        let annotations = Labels::from_pairs([("summary", text.as_str())]);
        let ended = Some(call.now);
        let told = self.storm_notification(target, since, annotations, ended, OnBehalf::default(), call);
        if let Some(notification) = told {
            self.queue(notification, call);
        }
    }

    fn storm_notification(
        &self,
        target: &Target,
        since: Timestamp,
        annotations: Labels,
        ends_at: Option<Timestamp>,
        on_behalf: OnBehalf,
        call: &Call<'_>,
    ) -> Option<Notification> {
        let labels = Labels::from_pairs([(ALERT_NAME, STORM_ALERT), ("receiver", target.0.as_str())]);
        let alert = Alert {
            labels,
            annotations,
            starts_at: since,
            ends_at,
            updated_at: call.now,
            generator_url: self.plan.external_url.as_str().into(),
            trace: TraceId::NONE,
        };
        let group_key = format!("storm/{}", target.0);
        let own = OwnNotice { group_key, alert, reason: Reason::Storm, on_behalf };
        self.own_notification(target, own, call.now)
    }
}

fn part(decision: Decision, now: Timestamp) -> Option<Part> {
    let Decision { group_key, group_labels, verdict, alerts, told, .. } = decision;
    let Verdict::Send(_) = verdict else { return None };
    let firing = alerts.iter().filter(|alert| alert.status(now) == AlertStatus::Firing).count();
    Some(Part { key: group_key, labels: group_labels, told, firing, ended: alerts.len() - firing })
}

/// What a summary says of `parts`, out of `held` groups that had news since `since`.
fn summary(parts: &[Part], held: usize, since: Timestamp) -> Labels {
    let firing: usize = parts.iter().map(|part| part.firing).sum();
    let ended: usize = parts.iter().map(|part| part.ended).sum();
    let groups = parts.len();
    let mut text = format!("storm since {since}: {groups} groups have news, {firing} alerts fire, {ended} resolved");
    if held > groups {
        // Writing to a string does not fail.
        let _ = write!(text, "; {} more groups had news that are over", held - groups);
    }
    let mut list = String::new();
    let mut by_size: Vec<&Part> = parts.iter().collect();
    by_size.sort_by(|a, b| (b.firing, b.ended, &a.key).cmp(&(a.firing, a.ended, &b.key)));
    for part in by_size.iter().take(NAMED_MAX) {
        let labels = part.labels.to_string();
        let labels = &labels[..labels.floor_char_boundary(LABELS_BYTES_MAX)];
        let _ = writeln!(list, "{labels}: {} firing, {} resolved", part.firing, part.ended);
    }
    if groups > NAMED_MAX {
        let _ = writeln!(list, "and {} more groups", groups - NAMED_MAX);
    }
    Labels::from_pairs([("summary", text.as_str()), ("description", list.trim_end())])
}
