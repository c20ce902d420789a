//! Aggregation groups: alerts that share their notifications, when each is flushed, and what each integration was told.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::verdict::{Situation, Told, Verdict, Withheld};
use super::{Route, RouteTree};
use crate::model::{Alert, AlertStatus, Fingerprint, Labels, Timestamp};

/// Who may be told: `(receiver, number of the integration)`.
pub type Target = (String, usize);

/// How long an ended alert is kept for an integration that cannot be told of its end.
const ENDED_RETENTION: Duration = Duration::from_secs(24 * 60 * 60);

/// A group of alerts at one route. Durable but for its members, which are found again from the alerts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Group {
    /// `{root matchers}/{child matchers}:{labels}`
    pub key: String,
    /// The route's key.
    pub route: String,
    /// The route's receiver.
    pub receiver: String,
    /// The labels that its alerts share by `group_by`.
    pub labels: Labels,
    /// When it is looked at next.
    pub next_flush: Timestamp,
    /// Whether its first notification was decided.
    pub flushed: bool,
    /// What was told, by integration; each with what still waits to be delivered.
    #[serde(with = "as_pairs")]
    pub ledger: BTreeMap<Target, Ledger>,
    /// No route leads here any more: it lives on until those who were told of its alerts know their end.
    #[serde(default)]
    pub orphan: bool,
    #[serde(skip)]
    members: BTreeSet<Fingerprint>,
}

/// An integration that a flush decides about.
struct Recipient {
    target: Target,
    send_resolved: bool,
    /// It belongs to the group no more, and only hears the end of what it was told.
    former: bool,
}

impl Group {
    /// The integrations of the group's receiver, and those that were told before a reload gave the group another one.
    fn recipients(&self, integrations: &dyn Fn(&str) -> Vec<Integrated>) -> Vec<Recipient> {
        let of = |receiver: &str, former: bool| -> Vec<Recipient> {
            let recipient = |integrated: Integrated| Recipient {
                target: (receiver.to_owned(), integrated.number),
                send_resolved: integrated.send_resolved,
                former,
            };
            integrations(receiver).into_iter().map(recipient).collect()
        };
        let mut recipients = of(&self.receiver, self.orphan);
        let former: BTreeSet<&str> = self.ledger.keys().map(|(receiver, _)| receiver.as_str()).collect();
        for receiver in former.into_iter().filter(|receiver| *receiver != self.receiver) {
            recipients.extend(of(receiver, true).into_iter().filter(|former| self.ledger.contains_key(&former.target)));
        }
        recipients
    }
}

/// What one integration was told of one group.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Ledger {
    /// The last that was delivered.
    pub told: Option<Told>,
    /// What was decided and is not yet delivered, oldest first, by the number of its delivery.
    pub waiting: VecDeque<(u64, Told)>,
}

impl Ledger {
    /// What it will know once everything decided is delivered.
    fn latest(&self) -> Option<&Told> {
        self.waiting.back().map(|(_, told)| told).or(self.told.as_ref())
    }

    /// Whether it knows, by what was delivered, `alert` as firing, or may come to know it so.
    fn knows_firing(&self, alert: Fingerprint) -> bool {
        let told = self.told.iter().chain(self.waiting.iter().map(|(_, told)| told));
        told.into_iter().any(|told| told.firing.contains(&alert))
    }
}

/// JSON keys are texts: a ledger keyed by pairs travels as a list.
mod as_pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::{Ledger, Target};

    pub(super) fn serialize<S: Serializer>(map: &BTreeMap<Target, Ledger>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<Target, Ledger>, D::Error> {
        Ok(Vec::<(Target, Ledger)>::deserialize(deserializer)?.into_iter().collect())
    }
}

/// An integration of a receiver, as far as grouping needs to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Integrated {
    /// Its number in the receiver.
    pub number: usize,
    /// Whether it wants to know of ends.
    pub send_resolved: bool,
}

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
    alerts: HashMap<Fingerprint, Alert>,
    groups: BTreeMap<String, Group>,
    due: BTreeSet<(Timestamp, String)>,
}

impl Groups {
    /// Takes up a group from the store; its members come with [`Groups::restore_alert`].
    pub fn restore_group(&mut self, group: Group) {
        self.due.insert((group.next_flush, group.key.clone()));
        self.groups.insert(group.key.clone(), group);
    }

    /// Takes up an alert from the store, and puts it into its groups.
    pub fn restore_alert(&mut self, tree: &RouteTree, now: Timestamp, alert: Alert) -> Vec<String> {
        let fingerprint = alert.fingerprint();
        for group in self.groups.values_mut().filter(|group| group.orphan) {
            if group.ledger.values().any(|ledger| ledger.knows_firing(fingerprint)) {
                group.members.insert(fingerprint);
            }
        }
        self.upsert(tree, now, alert)
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

    /// The alerts that are routed.
    pub fn alerts(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.values()
    }

    /// The alert with this fingerprint.
    pub fn alert(&self, fingerprint: Fingerprint) -> Option<&Alert> {
        self.alerts.get(&fingerprint)
    }

    /// Takes in an alert that fires, changed or ended, and puts it into the groups it belongs to. Returns the keys of the
    /// groups that are new or changed their timer.
    pub fn upsert(&mut self, tree: &RouteTree, now: Timestamp, alert: Alert) -> Vec<String> {
        let fingerprint = alert.fingerprint();
        let firing = alert.status(now) == AlertStatus::Firing;
        let mut touched = Vec::new();
        for found in tree.matching(&alert.labels) {
            let labels = found.route.group_labels(&alert.labels);
            let key = format!("{}:{labels}", found.key);
            match self.groups.get_mut(&key) {
                Some(group) => {
                    group.members.insert(fingerprint);
                }
                None if firing => {
                    let mut group = new_group(now, key.clone(), found.key.to_owned(), found.route, labels, &alert);
                    group.members.insert(fingerprint);
                    self.due.insert((group.next_flush, key.clone()));
                    self.groups.insert(key.clone(), group);
                    touched.push(key);
                }
                None => {}
            }
        }
        self.alerts.insert(fingerprint, alert);
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
        let group_interval = route.map_or(Duration::from_secs(300), |route| route.group_interval);
        let scheduled = group.next_flush + group_interval;
        group.next_flush = if scheduled > now { scheduled } else { now + group_interval };
        group.flushed = true;
        self.due.insert((group.next_flush, key.to_owned()));

        let members = sorted_members(&self.alerts, &group.members);
        let ids = |status| -> BTreeSet<Fingerprint> {
            let with_status = members.iter().filter(|alert| alert.status(now) == status);
            with_status.map(|alert| alert.fingerprint()).collect()
        };
        let (firing, resolved) = (ids(AlertStatus::Firing), ids(AlertStatus::Resolved));
        let mut decisions = Vec::new();
        for recipient in group.recipients(integrations) {
            let ledger = group.ledger.entry(recipient.target.clone()).or_default();
            let known = ledger.latest().map(|told| told.firing.clone()).unwrap_or_default();
            let of_concern = |ids: &BTreeSet<Fingerprint>| match recipient.former {
                true => ids.intersection(&known).copied().collect(),
                false => ids.clone(),
            };
            let told = Told { at: now, firing: of_concern(&firing), resolved: of_concern(&resolved) };
            let repeat_interval =
                route.filter(|_| !recipient.former).map_or(Duration::MAX, |route| route.repeat_interval);
            let situation = Situation {
                now,
                firing: &told.firing,
                resolved: &told.resolved,
                told: ledger.latest(),
                waiting: ledger.waiting.len(),
                send_resolved: recipient.send_resolved,
                repeat_interval,
            };
            let verdict = situation.verdict();
            if verdict == Verdict::Withhold(Withheld::ResolvedNotWanted) {
                ledger.told = Some(told.clone());
            }
            let wanted = |alert: &Alert| {
                let fingerprint = alert.fingerprint();
                told.firing.contains(&fingerprint) || (recipient.send_resolved && told.resolved.contains(&fingerprint))
            };
            let alerts = match verdict {
                Verdict::Send(_) => {
                    members.iter().filter(|alert| wanted(alert)).map(|alert| (*alert).clone()).collect()
                }
                Verdict::Withhold(_) => Vec::new(),
            };
            decisions.push(Decision {
                group_key: key.to_owned(),
                group_labels: group.labels.clone(),
                route_labels: route.map(|route| route.labels.clone()).unwrap_or_default(),
                target: recipient.target,
                verdict,
                alerts,
                told,
            });
        }
        decisions
    }

    /// Notes that `told` waits to be delivered to `target` as delivery `number`.
    pub fn note_waiting(&mut self, group_key: &str, target: &Target, number: u64, told: Told) {
        if let Some(group) = self.groups.get_mut(group_key) {
            group.ledger.entry(target.clone()).or_default().waiting.push_back((number, told));
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

    /// Forgets what nobody needs to be told of any more: ended alerts whose end is known wherever they were told, and
    /// groups without members. Returns what was forgotten.
    pub fn forget(&mut self, now: Timestamp, key: &str, integrations: &dyn Fn(&str) -> Vec<Integrated>) -> Forgotten {
        let mut forgotten = Forgotten::default();
        let Some(group) = self.groups.get_mut(key) else { return forgotten };
        let recipients = group.recipients(integrations);
        let wants_end: BTreeSet<Target> = recipients
            .into_iter()
            .filter(|recipient| recipient.send_resolved)
            .map(|recipient| recipient.target)
            .collect();
        let alerts = &self.alerts;
        group.members.retain(|fingerprint| {
            let Some(alert) = alerts.get(fingerprint) else { return false };
            let ended_for = match alert.ends_at {
                Some(end) if end <= now => now.since(end),
                _ => return true,
            };
            let unaware = group.ledger.iter().filter(|(target, _)| wants_end.contains(*target));
            ended_for < ENDED_RETENTION && unaware.into_iter().any(|(_, ledger)| ledger.knows_firing(*fingerprint))
        });
        let waits = group.ledger.values().any(|ledger| !ledger.waiting.is_empty());
        if group.members.is_empty() && !waits {
            self.due.remove(&(group.next_flush, key.to_owned()));
            self.groups.remove(key);
            forgotten.group = true;
        }
        forgotten
    }

    /// Removes the ended alerts that no group holds any more, and names them.
    pub fn forget_alerts(&mut self, now: Timestamp) -> Vec<Fingerprint> {
        let held: BTreeSet<Fingerprint> =
            self.groups.values().flat_map(|group| group.members.iter().copied()).collect();
        let ended = |alert: &Alert| alert.status(now) == AlertStatus::Resolved;
        let gone: Vec<Fingerprint> = self
            .alerts
            .iter()
            .filter(|(fingerprint, alert)| ended(alert) && !held.contains(fingerprint))
            .map(|(fingerprint, _)| *fingerprint)
            .collect();
        for fingerprint in &gone {
            self.alerts.remove(fingerprint);
        }
        gone
    }

    /// Takes over a new route tree: alerts find their groups anew; groups that stay keep their timers and ledgers; groups
    /// that no route leads to any more live on as orphans while somebody must still hear of an end.
    pub fn reroute(&mut self, tree: &RouteTree, now: Timestamp) {
        let old_members: HashMap<String, BTreeSet<Fingerprint>> =
            self.groups.values_mut().map(|group| (group.key.clone(), std::mem::take(&mut group.members))).collect();
        let alerts: Vec<Alert> = self.alerts.values().cloned().collect();
        for alert in alerts {
            self.upsert(tree, now, alert);
        }
        for group in self.groups.values_mut() {
            match tree.route(&group.route).filter(|_| !group.members.is_empty()) {
                Some(route) => {
                    group.receiver.clone_from(&route.receiver);
                    group.orphan = false;
                }
                None => {
                    group.orphan = true;
                    group.members = old_members.get(&group.key).cloned().unwrap_or_default();
                }
            }
        }
    }
}

/// What [`Groups::forget`] removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// The group itself.
    pub group: bool,
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
        ledger: BTreeMap::new(),
        orphan: false,
        members: BTreeSet::new(),
    }
}

fn sorted_members<'a>(alerts: &'a HashMap<Fingerprint, Alert>, members: &BTreeSet<Fingerprint>) -> Vec<&'a Alert> {
    let mut sorted: Vec<&Alert> = members.iter().filter_map(|fingerprint| alerts.get(fingerprint)).collect();
    let key = |alert: &&Alert| {
        (alert.labels.get("job").to_owned(), alert.labels.get("instance").to_owned(), alert.labels.clone())
    };
    sorted.sort_by_cached_key(key);
    sorted
}
