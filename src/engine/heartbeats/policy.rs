//! What is configured of a heartbeat, and the alert that tells of it.

use std::time::Duration;

use super::pulse::{Missing, Pulse};
use crate::model::{ALERT_NAME, Alert, Labels, Timestamp, TraceId, format_duration};

/// The name of the alert that fires while a heartbeat stays away.
pub const HEARTBEAT_ALERT: &str = "WatchbellHeartbeatMissing";
/// The label that names the heartbeat.
pub const HEARTBEAT_LABEL: &str = "heartbeat";

/// A sign of life that somebody gives again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeartbeatPolicy {
    /// Its name, by which it is told; letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// The longest time from one beat to the next. Positive.
    pub interval: Duration,
    /// How much later a beat may come.
    pub grace: Duration,
    /// From when on it is awaited.
    pub armed: Armed,
    /// Labels of the alert, besides its name and the heartbeat's.
    pub labels: Labels,
    /// Annotations of the alert, instead of those that it has by itself and besides them.
    pub annotations: Labels,
    /// What beats there, for people; may be empty.
    pub description: String,
    /// The escalation policy that answers to the alert.
    pub escalation: Option<String>,
}

/// From when on a heartbeat is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Armed {
    /// From the moment that it is configured.
    FromStart,
    /// From its first beat on.
    FirstBeat,
}

impl Armed {
    /// Both.
    pub const ALL: [Armed; 2] = [Armed::FromStart, Armed::FirstBeat];

    /// The name, as it stands in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Armed::FromStart => "from_start",
            Armed::FirstBeat => "first_beat",
        }
    }
}

impl HeartbeatPolicy {
    /// How long a beat is waited for.
    pub(super) fn wait(&self) -> Duration {
        self.interval.saturating_add(self.grace)
    }

    /// The labels of the alert.
    pub(super) fn alert_labels(&self) -> Labels {
        let own = Labels::from_pairs([(ALERT_NAME, HEARTBEAT_ALERT), (HEARTBEAT_LABEL, self.name.as_str())]);
        self.labels.merged(&own)
    }

    /// The alert that fires while the heartbeat stays away or is said to have failed.
    pub(super) fn alert(&self, pulse: &Pulse, missing: Missing, external_url: &str) -> Alert {
        let name = &self.name;
        let last = pulse.last_beat.map_or_else(|| "never".to_owned(), |at| at.to_string());
        let every =
            format!("one is due every {}, {} of grace", format_duration(self.interval), format_duration(self.grace));
        let summary = match (missing.failed, pulse.last_beat) {
            (true, _) if pulse.message.is_empty() => format!("{name} reports a failure"),
            (true, _) => format!("{name} reports a failure: {}", pulse.message),
            (false, Some(at)) => format!("no heartbeat of {name} since {at}; {every}"),
            (false, None) => format!("no heartbeat of {name} yet; {every}"),
        };
        let since = missing.since.to_string();
        let own = [("summary", summary.as_str()), ("description", &self.description)];
        let facts = [("last_beat", last.as_str()), ("missing_since", &since), ("message", &pulse.message)];
        let annotations = Labels::from_pairs(own).merged(&self.annotations).merged(&Labels::from_pairs(facts));
        Alert {
            labels: self.alert_labels(),
            annotations,
            starts_at: missing.since,
            ends_at: None,
            updated_at: missing.since,
            generator_url: format!("{external_url}/api/v1/heartbeats").into(),
            trace: TraceId::NONE,
        }
    }
}

/// How a heartbeat is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeartbeatState {
    /// It has not beaten, and is awaited from its first beat on.
    Unarmed,
    /// It is awaited, and has not beaten yet.
    Awaited,
    /// It beats.
    Up,
    /// Its beat is overdue, and its grace not over.
    Late,
    /// It stays away.
    Missing,
    /// It says itself that it has failed.
    Failed,
}

impl HeartbeatState {
    /// The name, as the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            HeartbeatState::Unarmed => "unarmed",
            HeartbeatState::Awaited => "awaited",
            HeartbeatState::Up => "up",
            HeartbeatState::Late => "late",
            HeartbeatState::Missing => "missing",
            HeartbeatState::Failed => "failed",
        }
    }
}

/// A heartbeat and how it is.
#[derive(Clone, Debug)]
pub struct HeartbeatView {
    /// What is configured.
    pub policy: HeartbeatPolicy,
    /// How it is.
    pub state: HeartbeatState,
    /// When it last beat.
    pub last_beat: Option<Timestamp>,
    /// What it said then, or as it failed.
    pub message: String,
    /// When it counts as missing unless it beats before; `None` while it is not awaited.
    pub due: Option<Timestamp>,
    /// Since when it stays away or has failed.
    pub missing_since: Option<Timestamp>,
}
