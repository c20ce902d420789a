//! All incidents, and which of them is next.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hashbrown::HashMap;

use super::{Begun, Closed, Course, EscalationPlan, EscalationPolicy, Happening, Incident, IncidentState, Order, Who};
use crate::model::{Alert, AlertStatus, Fingerprint, Labels, Timestamp};

/// How many closed incidents are kept at the most.
pub const CLOSED_MAX: usize = 5000;

/// Alerts that belong together by a policy.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// What alerts have in common that belong together.
    pub key: String,
    /// The labels that say so.
    pub labels: Labels,
    /// The alerts: those that fire, and those that are over.
    pub alerts: Vec<Arc<Alert>>,
}

/// All incidents, those included that were closed not long ago.
#[derive(Debug, Default)]
pub struct Incidents {
    all: BTreeMap<u64, Incident>,
    last_number: u64,
    /// The latest incident by policy and key.
    by_key: HashMap<(String, String), u64>,
    /// When something is due about each.
    due: BTreeSet<(Timestamp, u64)>,
    /// Those that are open and have paged by a schedule.
    by_schedule: BTreeMap<String, BTreeSet<u64>>,
    /// Those that are not closed, by the alerts that fire.
    by_alert: HashMap<Fingerprint, Vec<u64>>,
    closed: BTreeSet<(Timestamp, u64)>,
    /// The policies of incidents, each held once.
    policies: Vec<Arc<EscalationPolicy>>,
}

impl Incidents {
    /// The incident of that number.
    pub fn get(&self, number: u64) -> Option<&Incident> {
        self.all.get(&number)
    }

    /// The incidents by their numbers, the earliest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Incident> {
        self.all.values()
    }

    /// The highest number that was ever used.
    pub fn last_number(&self) -> u64 {
        self.last_number
    }

    /// Takes up the highest number that was ever used.
    pub fn restore_last_number(&mut self, number: u64) {
        self.last_number = self.last_number.max(number);
    }

    /// Takes up an incident as it was written down.
    pub fn restore(&mut self, mut incident: Incident) {
        let policy = incident.policy.as_ref();
        match self.policies.iter().find(|known| known.as_ref() == policy) {
            Some(known) => incident.policy = Arc::clone(known),
            None => self.policies.push(Arc::clone(&incident.policy)),
        }
        self.restore_last_number(incident.number);
        self.put(incident);
    }

    /// When something about any incident is due.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// The incidents about which something is due at `now`.
    pub fn due(&self, now: Timestamp) -> Vec<u64> {
        self.due.iter().take_while(|(at, _)| *at <= now).map(|(_, number)| *number).collect()
    }

    /// The schedules by which people were paged who have not answered.
    pub fn schedules(&self) -> impl Iterator<Item = &str> {
        self.by_schedule.keys().map(String::as_str)
    }

    /// The incidents that wait for an answer of whoever is on call by `schedule`.
    pub fn watching(&self, schedule: &str) -> Vec<u64> {
        self.by_schedule.get(schedule).into_iter().flatten().copied().collect()
    }

    /// The incidents that are not closed and that `alert` belongs to.
    pub fn with_alert(&self, alert: Fingerprint) -> &[u64] {
        self.by_alert.get(&alert).map(Vec::as_slice).unwrap_or_default()
    }

    /// Changes an incident.
    pub fn change<T>(&mut self, number: u64, change: impl FnOnce(&mut Incident) -> T) -> Option<T> {
        let mut incident = self.take(number)?;
        let yielded = change(&mut incident);
        self.put(incident);
        Some(yielded)
    }

    /// Forgets an incident.
    pub fn forget(&mut self, number: u64) -> Option<Incident> {
        let incident = self.take(number)?;
        for key in std::iter::once(&incident.key).chain(&incident.further_keys) {
            let key = (incident.policy.name.clone(), key.clone());
            if self.by_key.get(&key) == Some(&number) {
                self.by_key.remove(&key);
            }
        }
        if !self.all.values().any(|other| Arc::ptr_eq(&other.policy, &incident.policy)) {
            self.policies.retain(|policy| !Arc::ptr_eq(policy, &incident.policy));
        }
        Some(incident)
    }

    /// The clock went back to `now`.
    pub fn shorten_waits(&mut self, now: Timestamp) {
        let numbers: Vec<u64> = self.all.keys().copied().collect();
        for number in numbers {
            self.change(number, |incident| incident.shorten_waits(now));
        }
    }

    /// The closed incidents beyond [`CLOSED_MAX`], which are to be forgotten.
    pub fn surplus(&self) -> Vec<u64> {
        let surplus = self.closed.len().saturating_sub(CLOSED_MAX);
        self.closed.iter().take(surplus).map(|(_, number)| *number).collect()
    }

    fn put(&mut self, incident: Incident) {
        let number = incident.number;
        // One that was merged into another leaves its keys to that one.
        if !incident.is_merged() {
            for key in std::iter::once(&incident.key).chain(&incident.further_keys) {
                let latest = self.by_key.entry((incident.policy.name.clone(), key.clone())).or_insert(number);
                *latest = number.max(*latest);
            }
        }
        if let Some(at) = incident.next_due() {
            self.due.insert((at, number));
        }
        match incident.closed_at() {
            Some(at) => drop(self.closed.insert((at, number))),
            None => {
                for alert in held(&incident) {
                    self.by_alert.entry(alert).or_default().push(number);
                }
            }
        }
        if incident.is_open() {
            for watch in &incident.watches {
                self.by_schedule.entry(watch.schedule.clone()).or_default().insert(number);
            }
        }
        self.all.insert(number, incident);
    }

    fn take(&mut self, number: u64) -> Option<Incident> {
        let incident = self.all.remove(&number)?;
        if let Some(at) = incident.next_due() {
            self.due.remove(&(at, number));
        }
        match incident.closed_at() {
            Some(at) => drop(self.closed.remove(&(at, number))),
            None => {
                for alert in held(&incident) {
                    if let Some(numbers) = self.by_alert.get_mut(&alert) {
                        numbers.retain(|known| *known != number);
                        if numbers.is_empty() {
                            self.by_alert.remove(&alert);
                        }
                    }
                }
            }
        }
        for watch in &incident.watches {
            if let Some(numbers) = self.by_schedule.get_mut(&watch.schedule) {
                numbers.remove(&number);
                if numbers.is_empty() {
                    self.by_schedule.remove(&watch.schedule);
                }
            }
        }
        Some(incident)
    }

    /// Sorts the alerts of a group by the incidents that they belong to.
    pub fn bundles(
        &self,
        policy: &EscalationPolicy,
        (group_key, group_labels): (&str, &Labels),
        alerts: Vec<Arc<Alert>>,
        now: Timestamp,
        plan: &EscalationPlan,
    ) -> Vec<Bundle> {
        if policy.correlate_by.is_empty() && !policy.correlate_dependencies {
            return vec![Bundle { key: group_key.to_owned(), labels: group_labels.clone(), alerts }];
        }
        let mut bundles: Vec<Bundle> = Vec::new();
        for alert in alerts {
            let Some((key, labels)) = self.correlation(policy, &alert, &bundles, now, plan) else { continue };
            match bundles.iter_mut().find(|bundle| bundle.key == key) {
                Some(bundle) => bundle.alerts.push(alert),
                None => bundles.push(Bundle { key, labels, alerts: vec![alert] }),
            }
        }
        bundles
    }

    /// The key of the incident that `alert` belongs to, and the labels that say so; `None` for one that is over and belongs
    /// to none.
    fn correlation(
        &self,
        policy: &EscalationPolicy,
        alert: &Alert,
        bundles: &[Bundle],
        now: Timestamp,
        plan: &EscalationPlan,
    ) -> Option<(String, Labels)> {
        let of_policy = |number: &&u64| self.get(**number).is_some_and(|incident| incident.policy.name == policy.name);
        let own = self.with_alert(alert.fingerprint()).iter().find(of_policy).and_then(|number| self.get(*number));
        if let Some(incident) = own {
            return Some((incident.key.clone(), incident.labels.clone()));
        }
        if alert.status(now) == AlertStatus::Resolved {
            return None;
        }
        let shared = policy.correlate_by.iter().map(|name| (name.as_str(), alert.labels.get(name)));
        let labels = Labels::from_pairs(shared.filter(|(_, value)| !value.is_empty()));
        let mut key = labels.to_string();
        if policy.correlate_dependencies {
            let service = alert.labels.get(&plan.services.label);
            let related =
                |other: &Arc<Alert>| plan.services.are_related(service, other.labels.get(&plan.services.label));
            let prefix = format!("{key}/");
            let bundled =
                bundles.iter().find(|bundle| bundle.key.starts_with(&prefix) && bundle.alerts.iter().any(related));
            if let Some(bundle) = bundled {
                return Some((bundle.key.clone(), bundle.labels.clone()));
            }
            let is_of_policy = |incident: &&Incident| {
                incident.policy.name == policy.name && incident.key.starts_with(&prefix) && !incident.is_closed()
            };
            let mut open = self.all.values().filter(is_of_policy);
            if let Some(incident) = open.find(|incident| incident.firing(now).any(related)) {
                return Some((incident.key.clone(), incident.labels.clone()));
            }
            if let Some(incident) = self.ended_with(policy, alert, now) {
                return Some((incident.key.clone(), incident.labels.clone()));
            }
            key = format!("{prefix}{service}");
        }
        Some((key, labels))
    }

    /// The latest closed incident of `policy` that `alert` belonged to, if the alert went on all the time or it is not too late
    /// to open the incident again.
    fn ended_with(&self, policy: &EscalationPolicy, alert: &Alert, now: Timestamp) -> Option<&Incident> {
        let ended = self.closed.iter().rev().filter_map(|(at, number)| Some((*at, self.get(*number)?)));
        let mut ended = ended.filter(|(_, incident)| incident.policy.name == policy.name && !incident.is_merged());
        let found = ended.find(|(at, incident)| {
            let held = incident.alerts.get(&alert.fingerprint());
            let reopens = now <= *at + incident.policy.reopen_within;
            held.is_some_and(|held| reopens || held.status(now) == AlertStatus::Firing)
        });
        found.map(|(_, incident)| incident)
    }

    /// Takes in how the alerts of `bundle` are: opens an incident, opens a closed one again, or tells an open one. Returns
    /// the number of the incident that changed.
    pub fn take_bundle(
        &mut self,
        now: Timestamp,
        policy: &EscalationPolicy,
        bundle: Bundle,
        plan: &EscalationPlan,
        orders: &mut Vec<Order>,
    ) -> Option<u64> {
        let known = self.by_key.get(&(policy.name.clone(), bundle.key.clone())).copied();
        let fires = |alert: &&Arc<Alert>| alert.status(now) == AlertStatus::Firing;
        if let Some(number) = known {
            let incident = self.get(number)?;
            let Some(closed_at) = incident.closed_at() else {
                self.change(number, |incident| incident.take_alerts(now, &bundle.alerts, plan, orders));
                return Some(number);
            };
            // What somebody has resolved by hand stays so while the same alerts go on. The beginning of an alert may lie ahead,
            // where its sender names its end alone.
            let is_news = |alert: &Arc<Alert>| match incident.alerts.get(&alert.fingerprint()) {
                Some(held) if held.status(now) == AlertStatus::Firing => {
                    alert.starts_at > closed_at && alert.starts_at > held.starts_at
                }
                Some(_) => true,
                None => alert.starts_at > closed_at || !incident.further_alerts.contains(&alert.fingerprint()),
            };
            if !bundle.alerts.iter().filter(fires).any(is_news) {
                return None;
            }
            if now <= closed_at + incident.policy.reopen_within {
                self.change(number, |incident| {
                    incident.begin(now, Begun::Reopened);
                    incident.take_alerts(now, &bundle.alerts, plan, orders);
                    incident.set_deadline(now, plan);
                });
                return Some(number);
            }
        }
        if !bundle.alerts.iter().any(|alert| fires(&alert)) {
            return None;
        }
        let number = self.last_number + 1;
        let mut incident = self.opened(number, now, policy, &bundle, plan);
        incident.take_alerts(now, &bundle.alerts, plan, orders);
        incident.set_deadline(now, plan);
        self.restore(incident);
        Some(number)
    }

    fn opened(
        &self,
        number: u64,
        now: Timestamp,
        policy: &EscalationPolicy,
        bundle: &Bundle,
        plan: &EscalationPlan,
    ) -> Incident {
        let first = policy.steps.first().and_then(|step| step.after).unwrap_or_default();
        let mut incident = Incident {
            number,
            policy: Arc::new(policy.clone()),
            key: bundle.key.clone(),
            further_keys: Vec::new(),
            labels: bundle.labels.clone(),
            alerts: BTreeMap::new(),
            further_alerts: BTreeSet::new(),
            rank: plan.severities.levels.len(),
            state: IncidentState::Open,
            opened_at: now,
            answer_by: Timestamp::MAX,
            is_breached: false,
            course: Course::new(now, Begun::Opened, first),
            pending: Vec::new(),
            watches: Vec::new(),
            paged: Vec::new(),
            timeline: Vec::new(),
            entries_gone: 0,
            used: Vec::new(),
            references: Vec::new(),
            decided: None,
            news: Vec::new(),
        };
        incident.note(now, Happening::Opened { begun: Begun::Opened });
        incident
    }

    /// Makes an incident part of another: its alerts and its key go over, and it is closed. `orders` are for each of the two.
    pub fn merge(
        &mut self,
        now: Timestamp,
        (number, into): (u64, u64),
        who: &Who,
        plan: &EscalationPlan,
        orders: (&mut Vec<Order>, &mut Vec<Order>),
    ) {
        let Some(mut merged) = self.take(number) else { return };
        let alerts: Vec<Arc<Alert>> = merged.firing(now).cloned().collect();
        let further = std::mem::take(&mut merged.further_alerts);
        let keys: Vec<String> = std::iter::once(&merged.key).chain(&merged.further_keys).cloned().collect();
        let policy = merged.policy.name.clone();
        merged.close(now, Closed::Merged { into, by: who.clone() }, orders.0);
        self.put(merged);
        self.change(into, |incident| {
            incident.note(now, Happening::Merged { other: number });
            incident.further_alerts.extend(further);
            // Whoever takes care of it knows: they, or somebody else, have said that it is the same.
            match incident.is_open() {
                true => incident.take_alerts(now, &alerts, plan, orders.1),
                false => incident.absorb(now, &alerts, plan),
            }
            // Keys are those of one policy; alerts of another open an incident of their own again when they have news.
            if incident.policy.name == policy {
                incident.further_keys.extend(keys.iter().cloned());
            }
        });
        if self.get(into).is_some_and(|incident| incident.policy.name == policy) {
            self.by_key.extend(keys.into_iter().map(|key| ((policy.clone(), key), into)));
        }
    }
}

/// The alerts that `incident` holds.
fn held(incident: &Incident) -> impl Iterator<Item = Fingerprint> {
    incident.alerts.keys().chain(&incident.further_alerts).copied()
}
