//! The life of a rule's alerts: pending, firing, resolved, one evaluation after the other.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{AlertingRule, NoData};
use crate::model::{Fingerprint, Labels, Timestamp, TraceId};

/// How long a resolved alert is remembered, so that it is told again to whoever was not reached.
pub const RESOLVED_RETENTION: Duration = Duration::from_secs(15 * 60);
/// How long a pending alert outlives its data: a missed scrape or a restart does not begin `for` anew.
pub const PENDING_GRACE: Duration = Duration::from_secs(5 * 60);

/// Where an alert is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertState {
    /// The expression holds, and has not held for long enough.
    Pending,
    /// The expression has held for long enough.
    Firing,
    /// It is over.
    Resolved,
}

impl AlertState {
    /// The state as Prometheus writes it (`inactive` for resolved).
    pub fn as_str(self) -> &'static str {
        match self {
            AlertState::Pending => "pending",
            AlertState::Firing => "firing",
            AlertState::Resolved => "inactive",
        }
    }
}

/// One alert of a rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActiveAlert {
    /// What identifies it: the result's labels, the rule's over them, and `alertname`.
    pub labels: Labels,
    /// The labels of the result that it came from, without `__name__`.
    pub query_labels: Labels,
    /// What it says.
    pub annotations: Labels,
    /// The value at the last evaluation that saw it; in JSON it is a text, which has NaN and the infinities.
    #[serde(with = "float")]
    pub value: f64,
    /// Where it is in its life.
    pub state: AlertState,
    /// When the expression began to hold.
    pub active_at: Timestamp,
    /// When it began to fire.
    pub fired_at: Option<Timestamp>,
    /// When it ended.
    pub resolved_at: Option<Timestamp>,
    /// The first evaluation that missed it, while `keep_firing_for` runs.
    pub keep_firing_since: Option<Timestamp>,
    /// The first evaluation that found its data gone.
    pub lost_since: Option<Timestamp>,
    /// The batch of samples that it came from.
    pub trace: TraceId,
}

/// JSON has no NaN and no infinities: values travel as their text.
mod float {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::model::{format_value, parse_value};

    pub(super) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format_value(*value))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_value(&text).ok_or_else(|| serde::de::Error::custom("not a number"))
    }
}

/// One series of a rule's result, with its labels and annotations expanded.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// What will identify the alert.
    pub labels: Labels,
    /// The labels of the result without `__name__`.
    pub query_labels: Labels,
    /// What the alert says.
    pub annotations: Labels,
    /// The value.
    pub value: f64,
    /// The batch of samples behind it, where it is known.
    pub trace: TraceId,
}

/// Which label sets the rule has data for, whether or not its condition holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Presence {
    /// What is missing from the result is over: the expression cannot lose its data, or nobody asked.
    #[default]
    Unknown,
    /// These label sets have data; any other has lost them.
    Known(HashSet<Labels>),
}

impl Presence {
    fn has(&self, labels: &Labels) -> bool {
        match self {
            Presence::Unknown => true,
            Presence::Known(present) => present.contains(labels),
        }
    }
}

/// What an evaluation did to an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It began to hold.
    BecamePending,
    /// It began to fire.
    BecameFiring,
    /// It fires on, and says something new.
    Updated,
    /// The expression holds again while `keep_firing_for` ran.
    HoldsAgain,
    /// It ended before it fired.
    Dropped,
    /// It fires on although the expression does not hold: `keep_firing_for`.
    KeptFiring,
    /// Its data are gone; it stays as it was.
    LostData,
    /// Its data are back.
    RegainedData,
    /// It is over.
    Resolved,
    /// Its data were gone for too long; whether it is over is not known.
    Expired,
    /// A reload raised `for` above its age.
    BackToPending,
    /// It was forgotten after [`RESOLVED_RETENTION`].
    Forgotten,
}

/// A change of one alert, with the alert after it.
#[derive(Clone, Debug)]
pub struct Transition {
    /// The alert's identity.
    pub fingerprint: Fingerprint,
    /// What happened.
    pub change: Change,
    /// The alert as it is now.
    pub alert: ActiveAlert,
}

/// A rule's result holds the same labels twice.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the result has two series with the labels {0} after the alert's own labels are applied; aggregate, or keep a label that tells them apart"
)]
pub struct DuplicateLabels(pub Labels);

/// Why a result was not taken; the alerts stay as they were.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// Two series became one alert.
    #[error(transparent)]
    Duplicate(#[from] DuplicateLabels),
    /// More alerts than the group's `limit` allows.
    #[error("{found} alerts exceed the group's limit of {limit}; the alerts stay as they were")]
    Limit {
        /// How many there would be.
        found: usize,
        /// How many are allowed.
        limit: usize,
    },
}

/// The alerts of one rule.
#[derive(Clone, Debug, Default)]
pub struct RuleState {
    alerts: BTreeMap<Fingerprint, ActiveAlert>,
    counts: Counts,
}

/// How many alerts are in which state; resolved ones do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// How many are pending.
    pub pending: usize,
    /// How many fire.
    pub firing: usize,
}

impl Counts {
    fn of(state: AlertState) -> Counts {
        Counts { pending: usize::from(state == AlertState::Pending), firing: usize::from(state == AlertState::Firing) }
    }

    fn plus(self, other: Counts) -> Counts {
        Counts { pending: self.pending + other.pending, firing: self.firing + other.firing }
    }
}

impl std::iter::Sum for Counts {
    fn sum<I: Iterator<Item = Counts>>(counts: I) -> Counts {
        counts.fold(Counts::default(), Counts::plus)
    }
}

impl RuleState {
    /// Takes up an alert from the store.
    pub fn restore(&mut self, alert: ActiveAlert) {
        self.counts = self.counts.plus(Counts::of(alert.state));
        if let Some(other) = self.alerts.insert(alert.labels.fingerprint(), alert) {
            let other = Counts::of(other.state);
            self.counts.pending -= other.pending;
            self.counts.firing -= other.firing;
        }
    }

    /// How many of its alerts are pending and how many fire; known without a look at them.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The alerts, resolved ones included.
    pub fn alerts(&self) -> impl ExactSizeIterator<Item = (&Fingerprint, &ActiveAlert)> {
        self.alerts.iter()
    }

    /// Whether it has this alert, resolved or not.
    pub fn knows(&self, alert: Fingerprint) -> bool {
        self.alerts.contains_key(&alert)
    }

    /// Takes in the result of the evaluation at `at`; the transitions are sorted by labels.
    ///
    /// # Errors
    ///
    /// A result that cannot be taken; the alerts are as before.
    pub fn step(
        &mut self,
        rule: &AlertingRule,
        limit: usize,
        at: Timestamp,
        observed: Vec<Observation>,
        presence: &Presence,
    ) -> Result<Vec<Transition>, StepError> {
        let observed = by_fingerprint(observed)?;
        let found = observed.len();
        if limit > 0 && found > limit {
            return Err(StepError::Limit { found, limit });
        }
        let mut transitions = Vec::new();
        let missing: Vec<Fingerprint> = self.alerts.keys().filter(|key| !observed.contains_key(key)).copied().collect();
        for fingerprint in missing {
            self.step_missing(rule, at, fingerprint, presence, &mut transitions);
        }
        for (fingerprint, observation) in observed {
            self.step_observed(rule, at, fingerprint, observation, &mut transitions);
        }
        self.counts = self.alerts.values().map(|alert| Counts::of(alert.state)).sum();
        transitions.sort_by(|one, other| one.alert.labels.cmp(&other.alert.labels));
        Ok(transitions)
    }

    fn step_observed(
        &mut self,
        rule: &AlertingRule,
        at: Timestamp,
        fingerprint: Fingerprint,
        observation: Observation,
        transitions: &mut Vec<Transition>,
    ) {
        let mut push = |change, alert: &ActiveAlert| {
            transitions.push(Transition { fingerprint, change, alert: alert.clone() });
        };
        let known = self.alerts.get_mut(&fingerprint).filter(|alert| alert.state != AlertState::Resolved);
        let alert = match known {
            Some(alert) => {
                let regained = alert.lost_since.take().is_some();
                let held = alert.keep_firing_since.take().is_some();
                let updated = alert.annotations != observation.annotations;
                alert.value = observation.value;
                alert.annotations = observation.annotations;
                alert.query_labels = observation.query_labels;
                if regained {
                    push(Change::RegainedData, alert);
                } else if held {
                    push(Change::HoldsAgain, alert);
                } else if updated && alert.state == AlertState::Firing {
                    push(Change::Updated, alert);
                }
                alert
            }
            None => {
                let alert = ActiveAlert {
                    labels: observation.labels,
                    query_labels: observation.query_labels,
                    annotations: observation.annotations,
                    value: observation.value,
                    state: AlertState::Pending,
                    active_at: at,
                    fired_at: None,
                    resolved_at: None,
                    keep_firing_since: None,
                    lost_since: None,
                    trace: observation.trace,
                };
                if !rule.hold_for.is_zero() {
                    push(Change::BecamePending, &alert);
                }
                self.alerts.entry(fingerprint).insert_entry(alert).into_mut()
            }
        };
        let old_enough = at.since(alert.active_at) >= rule.hold_for;
        if alert.state == AlertState::Pending && old_enough {
            alert.state = AlertState::Firing;
            alert.fired_at = Some(at);
            if observation.trace.is_some() {
                alert.trace = observation.trace;
            }
            push(Change::BecameFiring, alert);
        } else if alert.state == AlertState::Firing && !old_enough {
            alert.state = AlertState::Pending;
            alert.fired_at = None;
            push(Change::BackToPending, alert);
        }
    }

    fn step_missing(
        &mut self,
        rule: &AlertingRule,
        at: Timestamp,
        fingerprint: Fingerprint,
        presence: &Presence,
        transitions: &mut Vec<Transition>,
    ) {
        let Some(alert) = self.alerts.get_mut(&fingerprint) else { return };
        let verdict = missing(rule, at, alert, presence);
        let changed = match verdict {
            Missing::Remains => None,
            Missing::Changes(change) => Some(change),
            Missing::Leaves(change) => {
                let alert = self.alerts.remove(&fingerprint);
                transitions.extend(alert.map(|alert| Transition { fingerprint, change, alert }));
                return;
            }
        };
        if let Some(change) = changed {
            transitions.push(Transition { fingerprint, change, alert: alert.clone() });
        }
    }
}

/// What becomes of an alert that is not in the result.
enum Missing {
    Remains,
    Changes(Change),
    Leaves(Change),
}

/// Decides about an alert that is not in the result, and writes the decision into it.
fn missing(rule: &AlertingRule, at: Timestamp, alert: &mut ActiveAlert, presence: &Presence) -> Missing {
    let lost = match rule.no_data {
        NoData::Resolve => None,
        NoData::KeepFor(keep_for) => (!presence.has(&alert.query_labels)).then_some(keep_for),
    };
    match (alert.state, lost) {
        (AlertState::Resolved, _) => match alert.resolved_at {
            Some(end) if at.since(end) <= RESOLVED_RETENTION => Missing::Remains,
            _ => Missing::Leaves(Change::Forgotten),
        },
        (AlertState::Pending, Some(_)) => {
            let first = alert.lost_since.is_none();
            let since = *alert.lost_since.get_or_insert(at);
            match at.since(since) <= PENDING_GRACE {
                true if first => Missing::Changes(Change::LostData),
                true => Missing::Remains,
                false => Missing::Leaves(Change::Dropped),
            }
        }
        (AlertState::Pending, None) => Missing::Leaves(Change::Dropped),
        (AlertState::Firing, Some(keep_for)) => {
            let first = alert.lost_since.is_none();
            let since = *alert.lost_since.get_or_insert(at);
            if at.since(since) >= keep_for {
                return end(alert, at, Change::Expired);
            }
            if first { Missing::Changes(Change::LostData) } else { Missing::Remains }
        }
        (AlertState::Firing, None) => {
            let regained = alert.lost_since.take().is_some();
            let first = alert.keep_firing_since.is_none();
            let since = alert.keep_firing_since.unwrap_or(at);
            if at.since(since) >= rule.keep_firing_for {
                return end(alert, at, Change::Resolved);
            }
            alert.keep_firing_since = Some(since);
            match (first, regained) {
                (true, _) => Missing::Changes(Change::KeptFiring),
                (false, true) => Missing::Changes(Change::RegainedData),
                (false, false) => Missing::Remains,
            }
        }
    }
}

fn end(alert: &mut ActiveAlert, at: Timestamp, change: Change) -> Missing {
    alert.state = AlertState::Resolved;
    alert.resolved_at = Some(at);
    alert.keep_firing_since = None;
    Missing::Changes(change)
}

fn by_fingerprint(observed: Vec<Observation>) -> Result<BTreeMap<Fingerprint, Observation>, DuplicateLabels> {
    let mut by_fingerprint = BTreeMap::new();
    for observation in observed {
        if let Some(other) = by_fingerprint.insert(observation.labels.fingerprint(), observation) {
            return Err(DuplicateLabels(other.labels));
        }
    }
    Ok(by_fingerprint)
}

#[cfg(test)]
mod tests;
