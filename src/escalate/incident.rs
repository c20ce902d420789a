//! An incident: what it is about, how it stands, who was paged, what happened.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Action, Begun, Cause, EscalationPolicy, Urgency, Who};
use crate::model::{Alert, AlertStatus, Fingerprint, Labels, Timestamp};

/// How many alerts of an incident are held whole; of further ones only that they fire.
pub const ALERTS_MAX: usize = 200;
/// How many entries the timeline of an incident holds; the earliest but the first go first.
pub const TIMELINE_MAX: usize = 200;

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

/// Why an incident is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "why")]
pub enum Closed {
    /// None of its alerts fires.
    AlertsOver,
    /// Somebody said so.
    Resolved {
        /// Who.
        by: Who,
    },
    /// It is part of another.
    Merged {
        /// The number of the other.
        into: u64,
        /// Who said so.
        by: Who,
    },
    /// Nobody answered within the policy's `max_age`.
    Stale,
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

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub what: Happening,
}

/// What can happen to an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "happening")]
pub enum Happening {
    /// It was opened, or opened again.
    Opened {
        /// Why.
        begun: Begun,
    },
    /// An alert belongs to it that did not.
    AlertJoined {
        /// Its labels.
        labels: Labels,
    },
    /// An alert is over.
    AlertOver {
        /// Its labels.
        labels: Labels,
    },
    /// Somebody is paged.
    Paged {
        /// Whom; none for a channel.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<String>,
        /// Through which receiver.
        receiver: String,
        /// Why.
        cause: Cause,
    },
    /// A step is left out.
    StepSkipped {
        /// Which one, from 1.
        step: usize,
        /// The time interval that does not hold.
        when: String,
    },
    /// Nobody is on call by a schedule that others stand in for.
    NobodyOnCall {
        /// The schedule.
        schedule: String,
    },
    /// A page has arrived.
    Arrived {
        /// Through which receiver.
        receiver: String,
    },
    /// A page could not be delivered.
    Failed {
        /// Through which receiver.
        receiver: String,
        /// What went wrong; no secrets.
        error: String,
    },
    /// A page that waited to be sent is not sent any more, because somebody has answered.
    Withdrawn {
        /// Through which receiver.
        receiver: String,
    },
    /// Nobody has answered within the response time of its severity.
    DeadlineMissed,
    /// Somebody did something.
    Answered {
        /// What.
        #[serde(flatten)]
        action: Action,
        /// Who.
        who: Who,
    },
    /// Whoever acknowledged is reminded.
    Reminded,
    /// It became part of another, or another became part of it.
    Merged {
        /// The number of the other.
        other: u64,
    },
    /// It is over.
    Closed {
        /// Why.
        #[serde(flatten)]
        why: Closed,
    },
}

impl IncidentState {
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
    /// Whether it is over.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, IncidentState::Closed { .. })
    }

    /// Whether pages may be sent.
    pub fn is_open(&self) -> bool {
        self.state == IncidentState::Open
    }

    /// Those of its alerts that are held whole and fire at `now`.
    pub fn firing(&self, now: Timestamp) -> impl Iterator<Item = &Arc<Alert>> {
        self.alerts.values().filter(move |alert| alert.status(now) == AlertStatus::Firing)
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
    pub(super) fn note(&mut self, at: Timestamp, what: Happening) {
        if self.timeline.len() >= TIMELINE_MAX {
            self.timeline.remove(1);
            self.entries_gone += 1;
        }
        self.timeline.push(Entry { at, what });
    }
}
