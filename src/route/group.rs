//! One aggregation group: its alerts, its timer, and what each integration was told of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::muting::Suppression;
use super::verdict::Told;
use crate::model::{Fingerprint, Labels, Timestamp};

/// Who may be told: `(receiver, number of the integration)`.
pub type Target = (String, usize);

/// A group of alerts at one route. Durable but for its alerts, which are found again from the routed alerts.
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
    /// Those of its firing alerts that were not told at the last look, and why.
    #[serde(default)]
    pub suppressed: Vec<(Fingerprint, Suppression)>,
    /// The alerts that are routed here.
    #[serde(skip)]
    pub(super) members: BTreeSet<Fingerprint>,
    /// Alerts that a reload routed elsewhere, kept until whoever was told of them here knows their end.
    #[serde(skip)]
    pub(super) departed: BTreeSet<Fingerprint>,
    /// What the store has of it.
    #[serde(skip)]
    pub(super) written: Option<Written>,
}

/// A group as the store has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written {
    /// Of everything but the timer.
    pub(super) digest: u64,
    pub(super) next_flush: Timestamp,
}

/// An integration that a flush decides about.
pub(super) struct Recipient {
    pub(super) target: Target,
    pub(super) send_resolved: bool,
    /// It belongs to the group no more, and only hears the end of what it was told.
    pub(super) former: bool,
}

impl Group {
    /// The alerts that are routed here.
    pub fn alerts(&self) -> impl Iterator<Item = Fingerprint> {
        self.members.iter().copied()
    }

    /// Whether no alert is routed here any more: it lives on until those who were told of its alerts know their end.
    pub fn is_orphan(&self) -> bool {
        self.members.is_empty() && !self.departed.is_empty()
    }

    /// The integrations of the group's receiver, and those that were told before a reload gave the group another one.
    pub(super) fn recipients(&self, integrations: &dyn Fn(&str) -> Vec<Integrated>) -> Vec<Recipient> {
        let of = |receiver: &str, former: bool| -> Vec<Recipient> {
            let recipient = |integrated: Integrated| Recipient {
                target: (receiver.to_owned(), integrated.number),
                send_resolved: integrated.send_resolved,
                former,
            };
            integrations(receiver).into_iter().map(recipient).collect()
        };
        let mut recipients = of(&self.receiver, self.is_orphan());
        let former: BTreeSet<&str> = self.ledger.keys().map(|(receiver, _)| receiver.as_str()).collect();
        for receiver in former.into_iter().filter(|receiver| *receiver != self.receiver) {
            recipients.extend(of(receiver, true).into_iter().filter(|former| self.ledger.contains_key(&former.target)));
        }
        recipients
    }

    /// Whether anybody knows `alert` as firing, or may come to know it so.
    pub(super) fn told_firing(&self, alert: Fingerprint) -> bool {
        self.ledger.values().any(|ledger| ledger.knows_firing(alert))
    }

    /// Every alert that somebody knows as firing.
    pub(super) fn all_told_firing(&self) -> BTreeSet<Fingerprint> {
        let told = self.ledger.values().flat_map(Ledger::all_told);
        told.flat_map(|told| told.firing.union(&told.hushed).copied()).collect()
    }

    /// Whether the alert is routed here, or was.
    pub(super) fn holds(&self, alert: &Fingerprint) -> bool {
        self.members.contains(alert) || self.departed.contains(alert)
    }
}

/// What one integration was told of one group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    /// The last that was delivered.
    pub told: Option<Told>,
    /// What was decided and is not yet delivered, oldest first, by the number of its delivery.
    pub waiting: VecDeque<(u64, Told)>,
    /// The message that stands for the group there, if the channel names one: what comes next changes it or answers to it.
    #[serde(default)]
    pub reference: Option<String>,
}

impl Ledger {
    /// What it will know once everything decided is delivered.
    pub(super) fn latest(&self) -> Option<&Told> {
        self.waiting.back().map(|(_, told)| told).or(self.told.as_ref())
    }

    fn all_told(&self) -> impl Iterator<Item = &Told> {
        self.told.iter().chain(self.waiting.iter().map(|(_, told)| told))
    }

    /// Whether it knows, by what was delivered, `alert` as firing, or may come to know it so.
    pub(super) fn knows_firing(&self, alert: Fingerprint) -> bool {
        self.all_told().any(|told| told.knows_firing(alert))
    }

    /// Notes which of the alerts that it knows as firing are suppressed.
    pub(super) fn hush(&mut self, suppressed: impl Fn(&Fingerprint) -> bool) {
        for told in self.told.iter_mut().chain(self.waiting.iter_mut().map(|(_, told)| told)) {
            let hushed: Vec<Fingerprint> = told.firing.iter().filter(|alert| suppressed(alert)).copied().collect();
            told.firing.retain(|alert| hushed.binary_search(alert).is_err());
            told.hushed.extend(hushed);
        }
    }

    /// Notes ends that it does not want to be told of, so that the alerts count as new when they fire again.
    pub(super) fn note_unwanted_ends(&mut self, ended: &BTreeSet<Fingerprint>) {
        let latest = self.waiting.back_mut().map(|(_, told)| told).or(self.told.as_mut());
        if let Some(told) = latest {
            let known: BTreeSet<Fingerprint> =
                ended.iter().filter(|alert| told.knows_firing(**alert)).copied().collect();
            told.firing.retain(|alert| !known.contains(alert));
            told.hushed.retain(|alert| !known.contains(alert));
            told.resolved.extend(known);
        }
        self.drop_ended_reference();
    }

    /// Forgets the message once it knows of nothing that fires: what fires next begins a new one.
    pub(super) fn drop_ended_reference(&mut self) {
        if self.told.as_ref().is_some_and(|told| told.firing.is_empty() && told.hushed.is_empty()) {
            self.reference = None;
        }
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
