//! What happened and why, as data: logs, timelines and tests read these and nothing else.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::deliver::reason_text;
use crate::escalate::Happening;
use crate::model::{Labels, Reason, Timestamp, TraceId, from_rfc3339, rfc3339};
use crate::oncall::OverrideChange;
use crate::route::{SilenceState, SuppressedAlert, Withheld};
use crate::rule::Change;

/// Something that happened.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Event {
    /// When; written as RFC 3339.
    #[serde(serialize_with = "rfc3339", deserialize_with = "from_rfc3339")]
    pub at: Timestamp,
    /// The batch of samples that it goes back to.
    pub trace: TraceId,
    /// What.
    pub kind: EventKind,
}

/// What became of an alert from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExternalChange {
    /// It fires.
    BecameFiring,
    /// It fires on, and says something new.
    Updated,
    /// Its sender says that it is over.
    Resolved,
    /// It was not posted again before its end.
    TimedOut,
}

/// What became of an exception from schedules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OverrideFate {
    /// It is there from now on, or is another one.
    Set,
    /// It had begun, and ends now.
    Ended,
    /// It had not begun, and is gone.
    Removed,
}

impl OverrideFate {
    /// `set`, `ended` or `removed`.
    pub fn as_str(self) -> &'static str {
        match self {
            OverrideFate::Set => "set",
            OverrideFate::Ended => "ended",
            OverrideFate::Removed => "removed",
        }
    }
}

/// What can happen.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum EventKind {
    /// An alert changed.
    Alert {
        /// The alert's labels.
        labels: Labels,
        /// Its annotations.
        annotations: Labels,
        /// What happened to it.
        change: Change,
        /// Its value, as Prometheus writes it; empty for an alert of Watchbell itself.
        value: String,
    },
    /// An alert from outside changed.
    Received {
        /// The alert's labels.
        labels: Labels,
        /// Its annotations.
        annotations: Labels,
        /// What happened to it.
        change: ExternalChange,
    },
    /// A rule whose results were fine fails.
    RuleFailed {
        /// The rule's name.
        rule: String,
        /// Why.
        error: String,
    },
    /// A rule that failed is fine again.
    RuleRecovered {
        /// The rule's name.
        rule: String,
    },
    /// A rule or its group is configured no more; its alerts end.
    RuleRemoved {
        /// How many of its alerts were firing.
        firing: usize,
    },
    /// A group's time had come, and an integration is told nothing.
    Withheld {
        /// The group.
        group_key: String,
        /// The receiver.
        receiver: String,
        /// The number of the integration.
        integration: usize,
        /// Why.
        reason: Withheld,
        /// The alerts that are inhibited, muted or silenced, up to a limit.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        suppressed: Vec<SuppressedAlert>,
    },
    /// Alerts that fire were found inhibited, muted or silenced, which they were not at the last look, or for another reason.
    Suppressed {
        /// The group.
        group_key: String,
        /// The receiver of its route.
        receiver: String,
        /// The alerts, up to a limit.
        alerts: Vec<SuppressedAlert>,
    },
    /// An alert keeps changing between firing and over, or does so no more.
    Flapping {
        /// The alert's labels.
        labels: Labels,
        /// Whether it flaps now.
        flaps: bool,
        /// How many of its changes count.
        changes: usize,
    },
    /// More alerts changed at that time than the history keeps one by one.
    More {
        /// How many, by what happened to them.
        alerts: BTreeMap<String, u64>,
    },
    /// A silence was set, changed or ended.
    Silence {
        /// Its id.
        id: String,
        /// Its state.
        state: SilenceState,
        /// What alerts must satisfy.
        matchers: String,
        /// Who set it.
        created_by: String,
        /// Why.
        comment: String,
        /// Its end; written as RFC 3339.
        #[serde(serialize_with = "rfc3339", deserialize_with = "from_rfc3339")]
        ends_at: Timestamp,
    },
    /// Something happened to an incident.
    Incident {
        /// Its number.
        number: u64,
        /// Its policy.
        policy: String,
        /// What it is about.
        title: String,
        /// The name of its severity.
        severity: String,
        /// What.
        #[serde(flatten)]
        happening: Box<Happening>,
    },
    /// An exception from schedules was set, changed, ended or taken back.
    Override {
        /// Its id.
        id: String,
        /// What became of it.
        fate: OverrideFate,
        /// The schedule; nothing for all.
        schedule: Option<String>,
        /// What is different.
        change: OverrideChange,
        /// Its beginning; written as RFC 3339.
        #[serde(serialize_with = "rfc3339", deserialize_with = "from_rfc3339")]
        from: Timestamp,
        /// Its end; written as RFC 3339.
        #[serde(serialize_with = "rfc3339", deserialize_with = "from_rfc3339")]
        until: Timestamp,
        /// Who set it.
        created_by: String,
        /// Why.
        comment: String,
    },
    /// Somebody changed something.
    Audit(Audit),
    /// A notification was decided and written to the outbox.
    Queued(Notice),
    /// A notification has arrived.
    Delivered(Notice),
    /// An attempt failed; another follows.
    Retried {
        /// The notification.
        #[serde(flatten)]
        notice: Notice,
        /// What went wrong.
        error: String,
        /// When it is tried again; written as RFC 3339.
        #[serde(serialize_with = "rfc3339", deserialize_with = "from_rfc3339")]
        next_attempt_at: Timestamp,
    },
    /// A notification is not tried any more.
    Abandoned {
        /// The notification.
        #[serde(flatten)]
        notice: Notice,
        /// What went wrong.
        error: String,
    },
}

impl EventKind {
    /// The value of `event` by which it is told apart when it is written.
    pub fn name(&self) -> &'static str {
        match self {
            EventKind::Alert { .. } => "alert",
            EventKind::Received { .. } => "received",
            EventKind::RuleFailed { .. } => "rule_failed",
            EventKind::RuleRecovered { .. } => "rule_recovered",
            EventKind::RuleRemoved { .. } => "rule_removed",
            EventKind::Withheld { .. } => "withheld",
            EventKind::Suppressed { .. } => "suppressed",
            EventKind::Flapping { .. } => "flapping",
            EventKind::More { .. } => "more",
            EventKind::Silence { .. } => "silence",
            EventKind::Incident { .. } => "incident",
            EventKind::Override { .. } => "override",
            EventKind::Audit(_) => "audit",
            EventKind::Queued(_) => "queued",
            EventKind::Delivered(_) => "delivered",
            EventKind::Retried { .. } => "retried",
            EventKind::Abandoned { .. } => "abandoned",
        }
    }
}

/// A change that somebody made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// The name of a user or token; `anonymous` without credentials, `files` for a change of the configuration's files.
    pub who: String,
    /// The address that they came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What was done, such as `silence.set`.
    pub action: String,
    /// What it was done to.
    pub subject: String,
    /// Why, in their words; empty if they did not say.
    pub reason: String,
}

impl Notice {
    /// Why it is sent, for people.
    pub fn reason_text(&self) -> String {
        reason_text(self.reason, self.on_behalf_of.as_deref())
    }
}

/// A notification as events name it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Notice {
    /// The number of its delivery.
    pub delivery: u64,
    /// The idempotency key.
    pub key: String,
    /// The group.
    pub group_key: String,
    /// The group's labels.
    pub group_labels: Labels,
    /// The receiver.
    pub receiver: String,
    /// The channel.
    pub channel: String,
    /// The number of the integration.
    pub integration: usize,
    /// Why it is sent.
    pub reason: Reason,
    /// The receiver that could not be told, whose fallback this is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<String>,
    /// How many of its alerts fire.
    pub firing: usize,
    /// How many have ended.
    pub resolved: usize,
    /// How many attempts were made.
    pub attempts: u32,
}
