//! An incident: what it is about, how it stands, who was paged, what happened.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Begun, Cause, Closed, Entry, EscalationPolicy, Happening, Urgency, Who};
use crate::model::{Alert, AlertStatus, Fingerprint, Labels, Timestamp};

/// How many alerts of an incident are held whole; of further ones only that they fire.
pub const ALERTS_MAX: usize = 200;
/// How many entries the timeline of an incident holds; the earliest but the first go first.
pub const TIMELINE_MAX: usize = 200;

/// How long a closed incident is kept at least.
pub const CLOSED_KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Something that somebody is to take care of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Its number, from 1; people say it.
    pub number: u64,
    /// The policy that it began with, as it was then.
    pub policy: Arc<EscalationPolicy>,
    /// What alerts have in common that belong to it, for its policy.
    pub key: String,
    /// The keys of incidents that were merged into it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further_keys: Vec<String>,
    /// The labels of its group, or those by which alerts were correlated.
    pub labels: Labels,
    /// Its alerts, those that are over included.
    pub alerts: BTreeMap<Fingerprint, Arc<Alert>>,
    /// Alerts that fire too, beyond [`ALERTS_MAX`].
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub further_alerts: BTreeSet<Fingerprint>,
    /// The place of its severity among the levels: the most severe of its alerts.
    pub rank: usize,
    /// How it stands.
    pub state: IncidentState,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// Until when somebody should answer, by the response time of its severity.
    pub answer_by: Timestamp,
    /// Whether that has passed without an answer.
    #[serde(default)]
    pub is_breached: bool,
    /// What is done next, while it is open.
    pub course: Course,
    /// Contacts that are tried later, by the rules of those who were paged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<PendingContact>,
    /// Who was paged by schedules, so that a change of who is on call is seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub watches: Vec<Watch>,
    /// Who was paged, and through which receiver, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paged: Vec<Paged>,
    /// What happened, in order.
    pub timeline: Vec<Entry>,
    /// How many entries went from the timeline.
    #[serde(default)]
    pub entries_gone: u64,
    /// The links that were used up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub used: Vec<String>,
    /// How messages about it are found again, that can be changed or answered to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<MessageReference>,
    /// The number of the last delivery when this was written down: a later one about it is of a decision that was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<u64>,
    /// What happened since it was last asked; not kept.
    #[serde(skip)]
    pub(super) news: Vec<Happening>,
}

/// How a message about an incident is found again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageReference {
    /// The receiver.
    pub receiver: String,
    /// The number of the integration.
    pub integration: usize,
    /// What the sender knows it by.
    pub reference: String,
}

/// How an incident stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum IncidentState {
    /// Nobody has answered.
    Open,
    /// Somebody takes care of it.
    Acknowledged {
        /// Who.
        by: Who,
        /// Since when.
        at: Timestamp,
        /// Whether they were reminded that it times out.
        #[serde(default)]
        reminded: bool,
    },
    /// It waits.
    Snoozed {
        /// Who said so.
        by: Who,
        /// Until when.
        until: Timestamp,
    },
    /// It is over.
    Closed {
        /// Since when.
        at: Timestamp,
        /// Why.
        #[serde(flatten)]
        why: Closed,
    },
}

/// What is done next while nobody answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Course {
    /// What began it.
    pub begun: Begun,
    /// The how many-th time all steps are gone through, from 1.
    pub round: u32,
    /// What is next.
    pub next: Upcoming,
    /// When that is due.
    pub due: Timestamp,
    /// When it began.
    pub since: Timestamp,
    /// Whether somebody was paged in this round.
    #[serde(default)]
    pub has_paged: bool,
    /// Whether pages wait because everything is silenced, inhibited or about to be told as over.
    #[serde(default)]
    pub is_held: bool,
}

/// What can be next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Upcoming {
    /// A step: its place, from 0, and the how many-th repetition.
    Step(usize, u32),
    /// The fallback, paged so many times before.
    Fallback(u32),
}

/// A contact that is tried later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingContact {
    /// When.
    pub due: Timestamp,
    /// The user.
    pub user: String,
    /// The receiver that stands for the contact.
    pub receiver: String,
    /// Why they are paged.
    pub cause: Cause,
}

/// Who was paged by a schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// The schedule.
    pub schedule: String,
    /// After so many changes.
    pub offset: usize,
    /// Who was on call by it when it was last looked at.
    pub people: Vec<String>,
}

/// Somebody who was paged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paged {
    /// The user; none for a channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The receiver.
    pub receiver: String,
    /// When first.
    pub first_at: Timestamp,
    /// When last.
    pub last_at: Timestamp,
    /// How many times.
    pub times: u32,
    /// How many of the pages have arrived.
    #[serde(default)]
    pub arrived: u32,
    /// The deliveries of pages that have neither arrived nor been given up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_their_way: Vec<u64>,
}

impl IncidentState {
    /// What [`IncidentState::name`] can be.
    pub const NAMES: [&str; 4] = ["open", "acknowledged", "snoozed", "closed"];

    /// For people and for filters: `open`, `acknowledged`, `snoozed`, `closed`.
    pub fn name(&self) -> &'static str {
        match self {
            IncidentState::Open => "open",
            IncidentState::Acknowledged { .. } => "acknowledged",
            IncidentState::Snoozed { .. } => "snoozed",
            IncidentState::Closed { .. } => "closed",
        }
    }
}

impl Incident {
    /// The key by which receivers recognise it; with the moment of its opening, so that no other installation's, and none from
    /// before the data folder was begun anew, is the same.
    pub fn group_key(&self) -> String {
        format!("incident/{}/{}", self.number, self.opened_at.millis())
    }

    /// Whether it is over.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, IncidentState::Closed { .. })
    }

    /// Whether it became part of another.
    pub(super) fn is_merged(&self) -> bool {
        matches!(self.state, IncidentState::Closed { why: Closed::Merged { .. }, .. })
    }

    /// When it was closed.
    pub fn closed_at(&self) -> Option<Timestamp> {
        match self.state {
            IncidentState::Closed { at, .. } => Some(at),
            _ => None,
        }
    }

    /// Whether pages may be sent.
    pub fn is_open(&self) -> bool {
        self.state == IncidentState::Open
    }

    /// Those of its alerts that are held whole and fire at `now`.
    pub fn firing(&self, now: Timestamp) -> impl Iterator<Item = &Arc<Alert>> {
        self.alerts.values().filter(move |alert| alert.status(now) == AlertStatus::Firing)
    }

    /// Its alerts that fire at `now`, all of them.
    pub fn firing_ids(&self, now: Timestamp) -> impl Iterator<Item = Fingerprint> {
        let held = self.alerts.iter().filter(move |(_, alert)| alert.status(now) == AlertStatus::Firing);
        held.map(|(fingerprint, _)| *fingerprint).chain(self.further_alerts.iter().copied())
    }

    /// The clock went back to `now`: what began after that begins now, and what follows comes that much sooner.
    pub(super) fn shorten_waits(&mut self, now: Timestamp) {
        let ahead = self.course.since.since(now);
        self.course.since = self.course.since - ahead;
        self.course.due = self.course.due - ahead;
        self.answer_by = self.answer_by - ahead;
        self.pending.iter_mut().for_each(|contact| contact.due = contact.due - ahead);
        match &mut self.state {
            IncidentState::Acknowledged { at, .. } | IncidentState::Closed { at, .. } => *at = now.min(*at),
            IncidentState::Open | IncidentState::Snoozed { .. } => {}
        }
    }

    /// Whether any of its alerts fires at `now`.
    pub fn fires(&self, now: Timestamp) -> bool {
        !self.further_alerts.is_empty() || self.firing(now).next().is_some()
    }

    /// How much its pages may disturb.
    pub(super) fn urgency(&self, severities: &super::Severities) -> Urgency {
        severities.level(self.rank).urgency
    }

    /// Notes what happened; the first entry stays when the timeline is full.
    pub fn note(&mut self, at: Timestamp, what: Happening) {
        if self.timeline.len() >= TIMELINE_MAX {
            self.timeline.remove(1);
            self.entries_gone += 1;
        }
        self.news.push(what.clone());
        self.timeline.push(Entry { at, what });
    }

    /// What happened since this was last called.
    pub fn take_news(&mut self) -> Vec<Happening> {
        std::mem::take(&mut self.news)
    }

    /// When something about it is due next; `None` if nothing is. Of a closed one: when it is forgotten.
    pub fn next_due(&self) -> Option<Timestamp> {
        match &self.state {
            IncidentState::Open => {
                let deadline = (!self.is_breached).then_some(self.answer_by);
                let stale = self.policy.max_age.map(|age| self.course.since + age);
                let contacts = self.pending.iter().map(|contact| contact.due);
                [Some(self.course.due), deadline, stale].into_iter().flatten().chain(contacts).min()
            }
            IncidentState::Acknowledged { at, reminded, .. } => {
                let timeout = self.policy.ack_timeout?;
                let reminder = timeout.saturating_sub(self.policy.ack_reminder);
                Some(*at + if *reminded { timeout } else { reminder })
            }
            IncidentState::Snoozed { until, .. } => Some(*until),
            IncidentState::Closed { at, .. } => Some(*at + self.policy.reopen_within.max(CLOSED_KEPT)),
        }
    }
}
