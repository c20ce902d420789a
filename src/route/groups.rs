//! Aggregation groups: alerts that share their notifications, when each is flushed, and who is told what.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::group::{Group, Integrated, Ledger, Recipient, Target};
use super::verdict::{Situation, Told, Verdict};
use super::{Route, RouteTree};
use crate::model::{Alert, AlertStatus, Fingerprint, Labels, Timestamp};

/// How long an ended alert is kept for an integration that cannot be told of its end.
const ENDED_RETENTION: Duration = Duration::from_secs(24 * 60 * 60);
/// The distance of flushes of a group whose route is no more.
const ORPHAN_INTERVAL: Duration = Duration::from_secs(5 * 60);
/// The shortest distance of flushes, so that time goes on whatever the configuration says.
const GROUP_INTERVAL_MIN: Duration = Duration::from_millis(1);

/// What a flush decided for one integration.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The group.
    pub group_key: String,
    /// The group's labels.
    pub group_labels: Labels,
    /// The route's labels.
    pub route_labels: Labels,
    /// Who.
    pub target: Target,
    /// What.
    pub verdict: Verdict,
    /// The alerts to tell of, sorted by job, instance and labels.
    pub alerts: Vec<Alert>,
    /// What it will have been told.
    pub told: Told,
}

/// All alerts that are routed, and their groups.
#[derive(Debug, Default)]
pub struct Groups {
    alerts: BTreeMap<Fingerprint, Alert>,
    groups: BTreeMap<String, Group>,
    due: BTreeSet<(Timestamp, String)>,
    /// The groups that may hold departed alerts.
    with_departed: BTreeSet<String>,
}

impl Groups {
    /// Takes up a group from the store; its alerts come with [`Groups::restore_alert`], its place in the tree with
    /// [`Groups::reroute`].
    pub fn restore_group(&mut self, group: Group) {
        self.due.insert((group.next_flush, group.key.clone()));
        self.groups.insert(group.key.clone(), group);
    }

    /// Takes up an alert from the store.
    pub fn restore_alert(&mut self, alert: Alert) {
        self.alerts.insert(alert.fingerprint(), alert);
    }

    /// When the next group is to be looked at.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
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
        self.alerts.values()
    }

    /// The alert with this fingerprint.
    pub fn alert(&self, fingerprint: Fingerprint) -> Option<&Alert> {
        self.alerts.get(&fingerprint)
    }

    /// Takes in an alert that fires, changed or ended, and puts it into the groups it belongs to: one that ended only
    /// where it is known already. Returns the keys of the groups that are new.
    pub fn upsert(&mut self, tree: &RouteTree, now: Timestamp, alert: Alert) -> Vec<String> {
        let touched = self.assign(tree, now, &alert);
        self.alerts.insert(alert.fingerprint(), alert);
        touched
    }

    fn assign(&mut self, tree: &RouteTree, now: Timestamp, alert: &Alert) -> Vec<String> {
        let fingerprint = alert.fingerprint();
        let firing = alert.status(now) == AlertStatus::Firing;
        let mut touched = Vec::new();
        for found in tree.matching(&alert.labels) {
            let labels = found.route.group_labels(&alert.labels);
            let key = format!("{}:{labels}", found.key);
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
    ) -> Vec<(String, Vec<Decision>)> {
        let mut flushed = Vec::new();
        while let Some((at, key)) = self.due.first().cloned().filter(|(at, _)| *at <= now) {
            self.due.remove(&(at, key.clone()));
            let decisions = self.flush(tree, now, &key, integrations);
            flushed.push((key, decisions));
        }
        flushed
    }

    fn flush(
        &mut self,
        tree: &RouteTree,
        now: Timestamp,
        key: &str,
        integrations: &dyn Fn(&str) -> Vec<Integrated>,
    ) -> Vec<Decision> {
        let Some(group) = self.groups.get_mut(key) else { return Vec::new() };
        let route = tree.route(&group.route);
        let interval = route.map_or(ORPHAN_INTERVAL, |route| route.group_interval).max(GROUP_INTERVAL_MIN);
        let scheduled = group.next_flush + interval;
        group.next_flush = if scheduled > now { scheduled } else { now + interval };
        group.flushed = true;
        self.due.insert((group.next_flush, key.to_owned()));
        let flush = Flush { now, route, gathered: Gathered::new(&self.alerts, group, now) };
        group.recipients(integrations).into_iter().map(|recipient| flush.decide(group, recipient)).collect()
    }

    /// The clock went back: no group waits for longer than its route lets it.
    pub fn shorten_waits(&mut self, tree: &RouteTree, now: Timestamp) {
        self.due.clear();
        for group in self.groups.values_mut() {
            let route = tree.route(&group.route);
            let longest = route.map_or(ORPHAN_INTERVAL, |route| route.group_wait.max(route.group_interval));
            group.next_flush = group.next_flush.min(now + longest.max(GROUP_INTERVAL_MIN));
            self.due.insert((group.next_flush, group.key.clone()));
        }
    }

    /// The alerts that `target` will know as firing once everything decided is delivered.
    pub fn told_firing_to(&self, group_key: &str, target: &Target) -> BTreeSet<Fingerprint> {
        let ledger = self.groups.get(group_key).and_then(|group| group.ledger.get(target));
        ledger.and_then(Ledger::latest).map(|told| told.firing.clone()).unwrap_or_default()
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
        let Group { members, departed, ledger, .. } = group;
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
        if departed.is_empty() {
            self.with_departed.remove(key);
        }
        let waits = ledger.values().any(|ledger| !ledger.waiting.is_empty());
        if members.is_empty() && departed.is_empty() && !waits {
            self.due.remove(&(group.next_flush, key.to_owned()));
            self.groups.remove(key);
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
                self.alerts.remove(&candidate);
                gone.push(candidate);
            }
        }
        gone
    }

    fn is_held(&self, tree: &RouteTree, alert: &Alert) -> bool {
        let fingerprint = alert.fingerprint();
        let routed = tree.matching(&alert.labels).into_iter().any(|found| {
            let key = format!("{}:{}", found.key, found.route.group_labels(&alert.labels));
            self.groups.get(&key).is_some_and(|group| group.members.contains(&fingerprint))
        });
        let departed = |key: &String| self.groups.get(key).is_some_and(|group| group.departed.contains(&fingerprint));
        routed || self.with_departed.iter().any(departed)
    }

    /// Takes over a new route tree: alerts find their groups anew; groups that stay keep their timers and ledgers; alerts
    /// that are routed elsewhere now stay known where somebody was told of them, until their end is told there too.
    pub fn reroute(&mut self, tree: &RouteTree, now: Timestamp) {
        for group in self.groups.values_mut() {
            group.members.clear();
            group.departed.clear();
            if let Some(route) = tree.route(&group.route) {
                group.receiver.clone_from(&route.receiver);
            }
        }
        let alerts = std::mem::take(&mut self.alerts);
        for alert in alerts.values() {
            self.assign(tree, now, alert);
        }
        self.alerts = alerts;
        for group in self.groups.values_mut() {
            let mut departed = group.all_told_firing();
            departed.retain(|alert| self.alerts.contains_key(alert) && !group.members.contains(alert));
            group.departed = departed;
        }
        let with_departed = self.groups.values().filter(|group| !group.departed.is_empty());
        self.with_departed = with_departed.map(|group| group.key.clone()).collect();
    }
}

/// One look at a group.
struct Flush<'a> {
    now: Timestamp,
    route: Option<&'a Route>,
    gathered: Gathered,
}

/// The alerts of a group at a flush.
struct Gathered {
    /// Sorted by job, instance and labels.
    alerts: Vec<Alert>,
    firing: BTreeSet<Fingerprint>,
    resolved: BTreeSet<Fingerprint>,
}

impl Gathered {
    fn new(alerts: &BTreeMap<Fingerprint, Alert>, group: &Group, now: Timestamp) -> Self {
        let held = group.members.union(&group.departed);
        let mut alerts: Vec<Alert> = held.filter_map(|fingerprint| alerts.get(fingerprint)).cloned().collect();
        let key = |alert: &Alert| {
            (alert.labels.get("job").to_owned(), alert.labels.get("instance").to_owned(), alert.labels.clone())
        };
        alerts.sort_by_cached_key(key);
        let ids = |status| {
            alerts.iter().filter(|alert| alert.status(now) == status).map(Alert::fingerprint).collect::<BTreeSet<_>>()
        };
        Gathered { firing: ids(AlertStatus::Firing), resolved: ids(AlertStatus::Resolved), alerts }
    }
}

impl Flush<'_> {
    /// What `recipient` is told now. It is never told the end of what it was not told.
    fn decide(&self, group: &mut Group, recipient: Recipient) -> Decision {
        let Recipient { target, send_resolved, former } = recipient;
        let ledger = group.ledger.entry(target.clone()).or_default();
        let (known_firing, known_resolved) =
            ledger.latest().map(|told| (told.firing.clone(), told.resolved.clone())).unwrap_or_default();
        let concerns = |id: &Fingerprint| (!former && group.members.contains(id)) || known_firing.contains(id);
        let told = Told {
            at: self.now,
            firing: self.gathered.firing.iter().filter(|id| concerns(id)).copied().collect(),
            resolved: self
                .gathered
                .resolved
                .iter()
                .filter(|id| known_firing.contains(id) || known_resolved.contains(id))
                .copied()
                .collect(),
        };
        let repeat_interval = self.route.filter(|_| !former).map_or(Duration::MAX, |route| route.repeat_interval);
        let situation = Situation {
            now: self.now,
            firing: &told.firing,
            resolved: &told.resolved,
            told: ledger.latest(),
            waiting: ledger.waiting.len(),
            send_resolved,
            repeat_interval,
        };
        let verdict = situation.verdict();
        let alerts = match verdict {
            Verdict::Send(_) => self.alerts_to_tell(&told, send_resolved),
            Verdict::Withhold(_) => Vec::new(),
        };
        if matches!(verdict, Verdict::Withhold(_)) && !send_resolved {
            ledger.note_unwanted_ends(&told.resolved);
        }
        Decision {
            group_key: group.key.clone(),
            group_labels: group.labels.clone(),
            route_labels: self.route.map(|route| route.labels.clone()).unwrap_or_default(),
            target,
            verdict,
            alerts,
            told,
        }
    }

    fn alerts_to_tell(&self, told: &Told, send_resolved: bool) -> Vec<Alert> {
        let wanted = |alert: &&Alert| {
            let fingerprint = alert.fingerprint();
            told.firing.contains(&fingerprint) || (send_resolved && told.resolved.contains(&fingerprint))
        };
        self.gathered.alerts.iter().filter(wanted).cloned().collect()
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
        members: BTreeSet::new(),
        departed: BTreeSet::new(),
    }
}

#[cfg(test)]
mod tests;
