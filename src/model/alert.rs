use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{ALERT_NAME, Fingerprint, Labels, Timestamp, TraceId};

/// Whether an alert is firing or has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertStatus {
    /// It holds now.
    Firing,
    /// It has ended.
    Resolved,
}

impl AlertStatus {
    /// `firing` or `resolved`, as templates and payloads write it.
    pub fn as_str(self) -> &'static str {
        match self {
            AlertStatus::Firing => "firing",
            AlertStatus::Resolved => "resolved",
        }
    }
}

/// An alert as the routing sees it: what holds, since when, and until when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// What identifies it, `alertname` included.
    pub labels: Labels,
    /// What it says to people; no part of its identity.
    pub annotations: Labels,
    /// When it began to fire.
    pub starts_at: Timestamp,
    /// When it ended, or will be taken to have ended; `None` while it fires without a limit.
    pub ends_at: Option<Timestamp>,
    /// When it was last told of.
    pub updated_at: Timestamp,
    /// Where to look at its source; alerts of one rule share the text.
    pub generator_url: Arc<str>,
    /// The batch of samples that it came from.
    #[serde(default)]
    pub trace: TraceId,
}

impl Alert {
    /// Firing or resolved as of `now`.
    pub fn status(&self, now: Timestamp) -> AlertStatus {
        match self.ends_at {
            Some(end) if end <= now => AlertStatus::Resolved,
            _ => AlertStatus::Firing,
        }
    }

    /// The identity of the alert.
    pub fn fingerprint(&self) -> Fingerprint {
        self.labels.fingerprint()
    }

    /// The alert's name, or `""`.
    pub fn name(&self) -> &str {
        self.labels.get(ALERT_NAME)
    }
}
