//! One look at a group: who is told what of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;

use super::Route;
use super::group::{Group, Recipient, Target};
use super::muting::{Muting, Suppression};
use super::verdict::{Situation, Told, Verdict};
use crate::model::{Alert, AlertStatus, Fingerprint, Labels, Reason, Timestamp};

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

/// One look at a group.
pub(super) struct Flush<'a> {
    pub(super) now: Timestamp,
    pub(super) route: Option<&'a Route>,
    pub(super) gathered: Gathered,
    /// All alerts that flap.
    pub(super) flapping: &'a BTreeSet<Fingerprint>,
}

/// The alerts of a group at a flush.
pub(super) struct Gathered {
    /// Sorted by job, instance and labels.
    alerts: Vec<Arc<Alert>>,
    firing: BTreeSet<Fingerprint>,
    resolved: BTreeSet<Fingerprint>,
    /// Those of the firing ones that are not told, and why.
    pub(super) suppressed: BTreeMap<Fingerprint, Suppression>,
}

impl Gathered {
    pub(super) fn new(
        alerts: &HashMap<Fingerprint, Arc<Alert>>,
        group: &Group,
        route: Option<&Route>,
        muting: &Muting,
        now: Timestamp,
    ) -> Self {
        let held = group.members.union(&group.departed);
        let mut alerts: Vec<Arc<Alert>> = held.filter_map(|fingerprint| alerts.get(fingerprint)).cloned().collect();
        let key = |alert: &Arc<Alert>| {
            (alert.labels.get("job").to_owned(), alert.labels.get("instance").to_owned(), alert.labels.clone())
        };
        alerts.sort_by_cached_key(key);
        let with = |status| alerts.iter().filter(move |alert| alert.status(now) == status);
        let suppressed = with(AlertStatus::Firing).filter_map(|alert| {
            let suppression = muting.suppression(route, &alert.labels, now)?;
            Some((alert.fingerprint(), suppression))
        });
        Gathered {
            suppressed: suppressed.collect(),
            firing: with(AlertStatus::Firing).map(|alert| alert.fingerprint()).collect(),
            resolved: with(AlertStatus::Resolved).map(|alert| alert.fingerprint()).collect(),
            alerts,
        }
    }
}

impl Flush<'_> {
    /// What `recipient` is told now. It is never told the end of what it was not told, and always the end of what it was.
    pub(super) fn decide(&self, group: &mut Group, recipient: Recipient) -> Decision {
        let Recipient { target, send_resolved, former } = recipient;
        let ledger = group.ledger.entry(target.clone()).or_default();
        ledger.hush(|alert| self.gathered.suppressed.contains_key(alert));
        let known = ledger.latest().cloned().unwrap_or_default();
        let concerns = |id: &&Fingerprint| (!former && group.members.contains(*id)) || known.knows_firing(**id);
        // Who belongs to the group no more is not told anew of what fires.
        let hushed =
            |id: &&Fingerprint| self.gathered.suppressed.contains_key(*id) || (former && known.hushed.contains(*id));
        let firing = || self.gathered.firing.iter().filter(concerns);
        let ended = |id: &&Fingerprint| known.knows_firing(**id) || known.resolved.contains(*id);
        let mut told = Told {
            at: self.now,
            firing: firing().filter(|id| !hushed(id)).copied().collect(),
            resolved: self.gathered.resolved.iter().filter(ended).copied().collect(),
            hushed: firing().filter(|id| hushed(id) && known.knows_firing(**id)).copied().collect(),
            flapping: firing().filter(|id| !hushed(id) && self.flapping.contains(*id)).copied().collect(),
            ..Told::default()
        };
        let suppressed = firing().any(|id| hushed(&id));
        let repeat_interval = self.route.filter(|_| !former).map_or(Duration::MAX, |route| route.repeat_interval);
        let situation = Situation {
            now: self.now,
            firing: &told.firing,
            resolved: &told.resolved,
            suppressed,
            told: ledger.latest(),
            waiting: ledger.waiting.len(),
            send_resolved,
            repeat_interval,
            notify: self.route.filter(|_| !former).map(|route| route.notify).unwrap_or_default(),
            flapping: &told.flapping,
            begun_again: self.has_begun_again(&told, &known),
        };
        let verdict = situation.verdict();
        if verdict == Verdict::Send(Reason::RepeatInterval) {
            told.repeats = known.repeats.saturating_add(1);
        }
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

    /// Whether an alert that was told as firing has ended and fires again.
    fn has_begun_again(&self, told: &Told, known: &Told) -> bool {
        let begun = |alert: &Alert| known.at < alert.starts_at && alert.starts_at <= self.now;
        let again = |id: &Fingerprint| told.firing.contains(id) && known.firing.contains(id);
        self.gathered.alerts.iter().any(|alert| begun(alert) && again(&alert.fingerprint()))
    }

    fn alerts_to_tell(&self, told: &Told, send_resolved: bool) -> Vec<Alert> {
        let wanted = |alert: &&Arc<Alert>| {
            let fingerprint = alert.fingerprint();
            told.firing.contains(&fingerprint) || (send_resolved && told.resolved.contains(&fingerprint))
        };
        self.gathered.alerts.iter().filter(wanted).map(|alert| Alert::clone(alert)).collect()
    }
}
