//! Aggregation groups: alerts that share their notifications, when each is flushed, and who is told what.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;

use super::flush::{Decision, Flush, Gathered};
use super::group::{Group, Integrated, Ledger, Target};
use super::inhibit::{InhibitRule, Inhibition};
use super::muting::{Muting, SilencesNow};
use super::planned::Planned;
use super::recheck::SuppressedAlert;
use super::texts::Texts;
use super::verdict::Told;
use super::watch::Watch;
use super::{PlannedSilence, Route, RouteTree, Silence, Silences, TimeInterval};
use crate::model::{Alert, AlertStatus, Fingerprint, Labels, Timestamp};

/// How long an ended alert is kept for an integration that cannot be told of its end.
const ENDED_RETENTION: Duration = Duration::from_secs(24 * 60 * 60);
/// The distance of flushes of a group whose route is no more.
const ORPHAN_INTERVAL: Duration = Duration::from_secs(5 * 60);
/// How much longer a group's key is than the text in it, or less.
const KEY_ROOM: usize = 32;
/// The shortest distance of flushes, so that time goes on whatever the configuration says.
const GROUP_INTERVAL_MIN: Duration = Duration::from_millis(1);

/// What a look at a group came to.
#[derive(Clone, Debug)]
pub struct Flushed {
    /// The group.
    pub key: String,
    /// What each integration is told, or why not.
    pub decisions: Vec<Decision>,
    /// The alerts that are suppressed now and were not, or for another reason, at the last look.
    pub newly_suppressed: Vec<SuppressedAlert>,
}

/// All alerts that are routed, and their groups.
#[derive(Debug, Default)]
pub struct Groups {
    pub(super) alerts: HashMap<Fingerprint, Arc<Alert>>,
    pub(super) groups: BTreeMap<String, Group>,
    pub(super) due: BTreeSet<(Timestamp, String)>,
    /// The groups that may hold departed alerts.
    with_departed: BTreeSet<String>,
    pub(super) muting: Muting,
    /// The groups that hold suppressed alerts.
    pub(super) watch: Watch,
    /// Whether something that suppresses has changed since the last look at all of them.
    pub(super) muting_changed: bool,
    /// The alerts that flap.
    pub(super) flapping: BTreeSet<Fingerprint>,
    /// The addresses of the alerts' sources.
    texts: Texts,
}

impl Groups {
    /// Takes up a group from the store; its alerts come with [`Groups::restore_alert`], its place in the tree with
    /// [`Groups::reroute`].
    pub fn restore_group(&mut self, group: Group) {
        self.due.insert((group.next_flush, group.key.clone()));
        self.groups.insert(group.key.clone(), group);
    }

    /// Takes up an alert from the store.
    pub fn restore_alert(&mut self, mut alert: Alert) {
        alert.generator_url = self.texts.share(alert.generator_url);
        self.alerts.insert(alert.fingerprint(), Arc::new(alert));
    }

    /// Notes whether the alert flaps; who was told of it is told that with the next look at its groups.
    pub fn set_flapping(&mut self, alert: Fingerprint, flaps: bool) {
        match flaps {
            true => drop(self.flapping.insert(alert)),
            false => drop(self.flapping.remove(&alert)),
        }
    }

    /// When the next group is to be looked at.
    pub fn next_due(&self) -> Option<Timestamp> {
        let flush = self.due.first().map(|(at, _)| *at);
        flush
            .into_iter()
            .chain(self.watch.next_due())
            .chain(self.muting.silences.set.next_due())
            .chain(self.muting.silences.planned.next_due())
            .min()
    }

    /// The silences.
    pub fn silences(&self) -> &Silences {
        &self.muting.silences.set
    }

    /// The silences, planned ones included, as they are now, whatever is done to them later.
    pub fn silences_now(&self) -> SilencesNow {
        self.muting.silences.clone()
    }

    /// What is planned and holds now or will, as silences.
    pub fn planned_silences(&self, now: Timestamp) -> impl Iterator<Item = Silence> {
        self.muting.silences.planned.shown(now)
    }

    /// The ids of the silences, planned ones included, that keep an alert with `labels` from being told.
    pub fn silenced_by(&self, labels: &Labels, now: Timestamp) -> Vec<String> {
        self.muting.silences.silenced_by(labels, now)
    }

    /// Looks which planned silences have begun or ended, and names them.
    pub fn advance_planned(&mut self, now: Timestamp) -> Vec<Silence> {
        Arc::make_mut(&mut self.muting.silences.planned).advance(now)
    }

    /// The group with this key.
    pub fn group(&self, key: &str) -> Option<&Group> {
        self.groups.get(key)
    }

    /// All groups, by key.
    pub fn iter(&self) -> impl Iterator<Item = &Group> {
        self.groups.values()
    }

    /// The alerts that are routed, by fingerprint.
    pub fn alerts(&self) -> impl Iterator<Item = &Alert> {
        self.alerts_now().map(|(_, alert)| alert.as_ref())
    }

    /// The alert with this fingerprint.
    pub fn alert(&self, fingerprint: Fingerprint) -> Option<&Alert> {
        self.alerts.get(&fingerprint).map(Arc::as_ref)
    }

    /// The alerts that are routed, by fingerprint, as they are now, whatever becomes of them later.
    pub fn alerts_now(&self) -> impl Iterator<Item = (Fingerprint, &Arc<Alert>)> {
        let mut alerts: Vec<_> = self.alerts.iter().map(|(fingerprint, alert)| (*fingerprint, alert)).collect();
        alerts.sort_unstable_by_key(|(fingerprint, _)| *fingerprint);
        alerts.into_iter()
    }

    /// The alert with this fingerprint as it is now, whatever becomes of it later.
    pub fn alert_now(&self, fingerprint: Fingerprint) -> Option<&Arc<Alert>> {
        self.alerts.get(&fingerprint)
    }

    /// Takes in an alert that fires, changed or ended, and puts it into the groups it belongs to: one that ended only
    /// where it is known already. Returns the keys of the groups that are new or changed.
    pub fn upsert(&mut self, tree: &RouteTree, now: Timestamp, alert: Alert) -> Vec<String> {
        self.upsert_as(tree, now, alert.fingerprint(), alert)
    }

    /// As [`Groups::upsert`], where the alert's fingerprint is known.
    pub fn upsert_as(
        &mut self,
        tree: &RouteTree,
        now: Timestamp,
        fingerprint: Fingerprint,
        mut alert: Alert,
    ) -> Vec<String> {
        alert.generator_url = self.texts.share(alert.generator_url);
        let mut touched = self.assign(tree, now, fingerprint, &alert);
        self.muting_changed |= self.muting.inhibition.note(&alert, now);
        if alert.status(now) == AlertStatus::Resolved && !self.watch.is_empty() {
            touched.extend(self.unsuppress(tree, now, &alert));
        }
        self.alerts.insert(fingerprint, Arc::new(alert));
        touched
    }

    /// The alert was told of again, and is as it was.
    pub fn touch(&mut self, alert: Fingerprint, now: Timestamp, generator_url: &Arc<str>) {
        let Some(alert) = self.alerts.get_mut(&alert).map(Arc::make_mut) else { return };
        alert.updated_at = now;
        if alert.generator_url != *generator_url {
            alert.generator_url = self.texts.share(Arc::clone(generator_url));
        }
    }

    fn assign(&mut self, tree: &RouteTree, now: Timestamp, fingerprint: Fingerprint, alert: &Alert) -> Vec<String> {
        let firing = alert.status(now) == AlertStatus::Firing;
        let mut touched = Vec::new();
        for found in tree.matching(&alert.labels) {
            let labels = found.route.group_labels(&alert.labels);
            let key = group_key(found.key, &labels);
            match self.groups.get_mut(&key) {
                Some(group) if firing || group.told_firing(fingerprint) => {
                    group.members.insert(fingerprint);
                    group.departed.remove(&fingerprint);
                }
                None if firing => {
                    let mut group = new_group(now, key.clone(), found.key.to_owned(), found.route, labels, alert);
                    group.members.insert(fingerprint);
                    self.due.insert((group.next_flush, key.clone()));
                    self.groups.insert(key.clone(), group);
                    touched.push(key);
                }
                Some(_) | None => {}
            }
        }
        touched
    }

    /// The groups whose time has come, each looked at once; `integrations` names the channels of a receiver.
    pub fn flush_due(
        &mut self,
        tree: &RouteTree,
        now: Timestamp,
        integrations: &dyn Fn(&str) -> Vec<Integrated>,
    ) -> Vec<Flushed> {
        let mut flushed = Vec::new();
        while let Some((at, key)) = self.due.first().cloned().filter(|(at, _)| *at <= now) {
            self.due.remove(&(at, key.clone()));
            flushed.extend(self.flush(tree, now, &key, integrations));
        }
        flushed
    }

    fn flush(
        &mut self,
        tree: &RouteTree,
        now: Timestamp,
        key: &str,
        integrations: &dyn Fn(&str) -> Vec<Integrated>,
    ) -> Option<Flushed> {
        let group = self.groups.get_mut(key)?;
        let route = tree.route(&group.route);
        let interval = group_interval(route);
        let scheduled = group.next_flush + interval;
        group.next_flush = if scheduled > now { scheduled } else { now + interval };
        group.flushed = true;
        self.due.insert((group.next_flush, key.to_owned()));
        let gathered = Gathered::new(&self.alerts, group, route, &self.muting, now);
        let flush = Flush { now, route, gathered, flapping: &self.flapping };
        let recipients = group.recipients(integrations);
        let decisions = recipients.into_iter().map(|recipient| flush.decide(group, recipient)).collect();
        let before = std::mem::replace(&mut group.suppressed, flush.gathered.suppressed.into_iter().collect());
        self.watch_group(key, now);
        let newly_suppressed = self.suppressed_but(key, &before);
        Some(Flushed { key: key.to_owned(), decisions, newly_suppressed })
    }

    /// The clock went back: no group waits for longer than its route lets it.
    pub fn shorten_waits(&mut self, tree: &RouteTree, now: Timestamp) {
        Arc::make_mut(&mut self.muting.silences.set).reopen();
        self.muting_changed = true;
        self.due.clear();
        for group in self.groups.values_mut() {
            let route = tree.route(&group.route);
            let longest = route.map_or(ORPHAN_INTERVAL, |route| route.group_wait.max(route.group_interval));
            group.next_flush = group.next_flush.min(now + longest.max(GROUP_INTERVAL_MIN));
            self.due.insert((group.next_flush, group.key.clone()));
        }
    }

    /// What `target` will have been told once everything decided is delivered.
    pub fn latest_told(&self, group_key: &str, target: &Target) -> Told {
        let ledger = self.groups.get(group_key).and_then(|group| group.ledger.get(target));
        ledger.and_then(Ledger::latest).cloned().unwrap_or_default()
    }

    /// Notes that `told` waits to be delivered to `target` as delivery `number`.
    pub fn note_waiting(&mut self, group_key: &str, target: &Target, number: u64, told: Told) {
        let Some(group) = self.groups.get_mut(group_key) else { return };
        let waiting = &mut group.ledger.entry(target.clone()).or_default().waiting;
        let position = waiting.partition_point(|(other, _)| *other < number);
        if waiting.get(position).is_none_or(|(other, _)| *other != number) {
            waiting.insert(position, (number, told));
        }
    }

    /// Notes how delivery `number` ended: delivered, or given up, so that the next flush decides by what is really known.
    pub fn note_settled(&mut self, group_key: &str, target: &Target, number: u64, delivered: bool) {
        let Some(ledger) = self.groups.get_mut(group_key).and_then(|group| group.ledger.get_mut(target)) else {
            return;
        };
        let Some(position) = ledger.waiting.iter().position(|(waiting, _)| *waiting == number) else { return };
        if let Some((_, told)) = ledger.waiting.remove(position).filter(|_| delivered) {
            ledger.told = Some(told);
            ledger.drop_ended_reference();
        }
    }

    /// The message that stands for the group at `target`, until all its alerts have ended.
    pub fn reference(&self, group_key: &str, target: &Target) -> Option<String> {
        self.groups.get(group_key)?.ledger.get(target)?.reference.clone()
    }

    /// Notes which message stands for the group at `target`; called before the delivery is settled.
    pub fn note_reference(&mut self, group_key: &str, target: &Target, reference: &str) {
        if let Some(ledger) = self.groups.get_mut(group_key).and_then(|group| group.ledger.get_mut(target)) {
            ledger.reference = Some(reference.to_owned());
        }
    }

    /// Drops what waits for deliveries that are no more, so that it is told again.
    pub fn drop_waiting(&mut self, exists: impl Fn(u64) -> bool) {
        for ledger in self.groups.values_mut().flat_map(|group| group.ledger.values_mut()) {
            ledger.waiting.retain(|(number, _)| exists(*number));
        }
    }

    /// Forgets what nobody needs to be told of any more: ended alerts whose end is known wherever they were told, and
    /// groups without alerts. Says what was forgotten.
    pub fn forget(&mut self, now: Timestamp, key: &str, integrations: &dyn Fn(&str) -> Vec<Integrated>) -> Forgotten {
        let mut forgotten = Forgotten::default();
        let Some(group) = self.groups.get_mut(key) else { return forgotten };
        let recipients = group.recipients(integrations);
        let wants_end: BTreeSet<Target> = recipients
            .into_iter()
            .filter(|recipient| recipient.send_resolved)
            .map(|recipient| recipient.target)
            .collect();
        let Group { members, departed, ledger, suppressed, .. } = group;
        let awaits_end = |fingerprint: &Fingerprint| {
            let unaware = ledger.iter().filter(|(target, _)| wants_end.contains(*target));
            unaware.into_iter().any(|(_, ledger)| ledger.knows_firing(*fingerprint))
        };
        let mut retain = |fingerprint: &Fingerprint, routed_here: bool| {
            let needed = self.alerts.get(fingerprint).is_some_and(|alert| match alert.ends_at {
                Some(end) if end <= now => now.since(end) < ENDED_RETENTION && awaits_end(fingerprint),
                _ => routed_here || awaits_end(fingerprint),
            });
            if !needed {
                forgotten.alerts.push(*fingerprint);
            }
            needed
        };
        members.retain(|fingerprint| retain(fingerprint, true));
        departed.retain(|fingerprint| retain(fingerprint, false));
        if !forgotten.alerts.is_empty() {
            suppressed.retain(|(alert, _)| members.contains(alert) || departed.contains(alert));
        }
        if departed.is_empty() {
            self.with_departed.remove(key);
        }
        let waits = ledger.values().any(|ledger| !ledger.waiting.is_empty());
        if members.is_empty() && departed.is_empty() && !waits {
            self.due.remove(&(group.next_flush, key.to_owned()));
            self.groups.remove(key);
            self.watch.remove(key);
            forgotten.group = true;
        }
        forgotten
    }

    /// Removes those of `candidates` that ended and that no group holds any more, and names them.
    pub fn forget_alerts(
        &mut self,
        tree: &RouteTree,
        now: Timestamp,
        candidates: impl IntoIterator<Item = Fingerprint>,
    ) -> Vec<Fingerprint> {
        let mut gone = Vec::new();
        for candidate in candidates {
            let Some(alert) = self.alerts.get(&candidate) else { continue };
            if alert.status(now) == AlertStatus::Resolved && !self.is_held(tree, alert) {
                self.muting.inhibition.forget(&alert.labels);
                self.alerts.remove(&candidate);
                gone.push(candidate);
            }
        }
        gone
    }

    /// The groups in which the alert is a departed one.
    pub(super) fn with_departed_alert(&self, alert: Fingerprint) -> Vec<String> {
        let departed = |key: &&String| self.groups.get(*key).is_some_and(|group| group.departed.contains(&alert));
        self.with_departed.iter().filter(departed).cloned().collect()
    }

    fn is_held(&self, tree: &RouteTree, alert: &Alert) -> bool {
        let fingerprint = alert.fingerprint();
        let routed = tree.matching(&alert.labels).into_iter().any(|found| {
            let key = group_key(found.key, &found.route.group_labels(&alert.labels));
            self.groups.get(&key).is_some_and(|group| group.members.contains(&fingerprint))
        });
        let departed = |key: &String| self.groups.get(key).is_some_and(|group| group.departed.contains(&fingerprint));
        routed || self.with_departed.iter().any(departed)
    }

    /// Takes over a new route tree: alerts find their groups anew; groups that stay keep their timers and ledgers; alerts
    /// that are routed elsewhere now stay known where somebody was told of them, until their end is told there too.
    pub fn reroute(&mut self, tree: &RouteTree, now: Timestamp) {
        self.find_members(tree, now);
        self.recheck(tree, now);
    }

    /// As [`Groups::reroute`], without a look at what suppresses, which is to follow.
    pub fn find_members(&mut self, tree: &RouteTree, now: Timestamp) {
        for group in self.groups.values_mut() {
            group.members.clear();
            group.departed.clear();
            if let Some(route) = tree.route(&group.route) {
                group.receiver.clone_from(&route.receiver);
            }
        }
        let alerts: Vec<(Fingerprint, Arc<Alert>)> =
            self.alerts_now().map(|(fingerprint, alert)| (fingerprint, Arc::clone(alert))).collect();
        for (fingerprint, alert) in alerts {
            self.assign(tree, now, fingerprint, &alert);
        }
        for group in self.groups.values_mut() {
            let mut departed = group.all_told_firing();
            departed.retain(|alert| self.alerts.contains_key(alert) && !group.members.contains(alert));
            group.departed = departed;
        }
        let with_departed = self.groups.values().filter(|group| !group.departed.is_empty());
        self.with_departed = with_departed.map(|group| group.key.clone()).collect();
        for key in self.groups.keys().cloned().collect::<Vec<_>>() {
            self.watch_group(&key, now);
        }
        self.muting_changed = true;
    }

    /// Takes over the planned silences; [`Groups::reroute`] looks at what they change.
    pub fn set_planned(&mut self, planned: &[PlannedSilence], now: Timestamp) {
        self.muting.silences.planned = Arc::new(Planned::new(planned.to_vec(), now));
    }

    /// Takes over the rules and times that suppress; [`Groups::reroute`] looks at what they change.
    pub fn set_muting(&mut self, rules: &[InhibitRule], intervals: &[TimeInterval], now: Timestamp) {
        let alerts: Vec<&Alert> = self.alerts().collect();
        self.muting.inhibition = Inhibition::new(rules, alerts.iter().copied(), now);
        self.muting.intervals = intervals.iter().map(|interval| (interval.name.clone(), interval.clone())).collect();
    }
}

/// What [`Groups::forget`] removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// The group itself.
    pub group: bool,
    /// Alerts that the group holds no more.
    pub alerts: Vec<Fingerprint>,
}

/// The distance of a group's flushes.
pub(super) fn group_interval(route: Option<&Route>) -> Duration {
    route.map_or(ORPHAN_INTERVAL, |route| route.group_interval).max(GROUP_INTERVAL_MIN)
}

/// The key of the group with these labels at a route.
fn group_key(route_key: &str, labels: &Labels) -> String {
    let mut key = String::with_capacity(route_key.len() + 2 * labels.bytes() + KEY_ROOM);
    // Writing to a text does not fail.
    let _ = write!(key, "{route_key}:{labels}");
    key
}

fn new_group(now: Timestamp, key: String, route_key: String, route: &Route, labels: Labels, alert: &Alert) -> Group {
    let overdue = alert.starts_at + route.group_wait <= now && alert.starts_at < now;
    Group {
        key,
        route: route_key,
        receiver: route.receiver.clone(),
        labels,
        next_flush: if overdue { now } else { now + route.group_wait },
        flushed: false,
        ledger: BTreeMap::<Target, Ledger>::new(),
        suppressed: Vec::new(),
        members: BTreeSet::new(),
        departed: BTreeSet::new(),
        written: None,
    }
}

#[cfg(test)]
mod tests;
