//! A notification: what one integration of one receiver is told about one group of alerts.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{IncidentNote, IncidentNoteKind};
use crate::model::{Alert, AlertStatus, Labels, Reason, Timestamp, TraceId};
use crate::template::{AlertData, NotificationData};

/// What one integration is told. Fixed when it is decided and written to the store before the first attempt, so that
/// every attempt says the same under the same key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// The receiver's name.
    pub receiver: String,
    /// The channel's name as in `<channel>_configs`.
    pub channel: String,
    /// The number of the integration in its receiver, from 0.
    pub integration: usize,
    /// The group: `{root matchers}/{child matchers}:{labels}`.
    pub group_key: String,
    /// The labels that the group has in common by `group_by`.
    pub group_labels: Labels,
    /// The labels of the route.
    #[serde(default)]
    pub route_labels: Labels,
    /// The alerts, sorted; ends in the future do not show. Within the bounds of [`Bounded`](super::Bounded), so that those
    /// that fire come in first.
    pub alerts: Vec<Alert>,
    /// How many more alerts the group has, that are left out.
    #[serde(default)]
    pub truncated: usize,
    /// How many of those left out fire.
    #[serde(default)]
    pub truncated_firing: usize,
    /// When it was decided; alerts are firing or resolved as of then.
    pub decided_at: Timestamp,
    /// Why it is sent.
    pub reason: Reason,
    /// The batch of samples that caused it.
    #[serde(default)]
    pub trace: TraceId,
    /// On whose behalf it is sent, where not for its own group and receiver.
    #[serde(default)]
    pub on_behalf: OnBehalf,
    /// The incident, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<Box<IncidentNote>>,
}

/// On whose behalf a notification is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnBehalf {
    /// The receiver that could not be told, whose fallback this is.
    pub receiver: Option<String>,
    /// The groups that a summary stands for, by key.
    pub groups: Vec<String>,
}

impl Notification {
    /// Firing if any alert fires; what is about an incident fires until that is closed, whatever its alerts do.
    pub fn status(&self) -> AlertStatus {
        match self.incident.as_ref().map(|incident| incident.kind) {
            None => {}
            Some(IncidentNoteKind::Closed) => return AlertStatus::Resolved,
            Some(_) => return AlertStatus::Firing,
        }
        let firing = self.alerts.iter().any(|alert| alert.status(self.decided_at) == AlertStatus::Firing);
        if firing { AlertStatus::Firing } else { AlertStatus::Resolved }
    }

    /// How many alerts of the group fire and how many have ended, those left out included.
    pub fn counts(&self) -> (usize, usize) {
        let firing = self.alerts.iter().filter(|alert| alert.status(self.decided_at) == AlertStatus::Firing).count();
        let ended = self.alerts.len() - firing;
        (firing + self.truncated_firing, ended + self.truncated.saturating_sub(self.truncated_firing))
    }

    /// The keys of the groups that it tells of.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        let own = self.on_behalf.groups.is_empty().then_some(self.group_key.as_str());
        own.into_iter().chain(self.on_behalf.groups.iter().map(String::as_str))
    }

    /// Why it is sent, for people.
    pub fn reason_text(&self) -> String {
        reason_text(self.reason, self.on_behalf.receiver.as_deref())
    }

    /// The key by which receivers recognise the group: the SHA-256 of the group key in hexadecimal.
    pub fn dedup_key(&self) -> String {
        let mut key = String::with_capacity(64);
        for byte in Sha256::digest(self.group_key.as_bytes()) {
            key.push_str(&format!("{byte:02x}"));
        }
        key
    }

    /// What templates see; `now` is the time of the decision, so that every attempt renders alike.
    pub fn template_data(&self, external_url: &str) -> NotificationData {
        let alerts: Vec<AlertData> = self
            .alerts
            .iter()
            .map(|alert| AlertData {
                status: alert.status(self.decided_at),
                labels: alert.labels.clone(),
                annotations: alert.annotations.clone(),
                starts_at: alert.starts_at,
                ends_at: alert.ends_at.filter(|end| *end <= self.decided_at),
                generator_url: alert.generator_url.to_string(),
                fingerprint: alert.fingerprint().to_string(),
            })
            .collect();
        NotificationData {
            receiver: self.receiver.clone(),
            status: self.status(),
            reason: self.reason_text(),
            group_labels: self.group_labels.clone(),
            common_labels: common(self.alerts.iter().map(|alert| &alert.labels)),
            common_annotations: common(self.alerts.iter().map(|alert| &alert.annotations)),
            route_labels: self.route_labels.clone(),
            external_url: external_url.to_owned(),
            incident: self.incident.as_ref().map(|incident| Box::new(incident.template_data(external_url))),
            now: self.decided_at,
            alerts,
        }
    }
}

/// A reason for people, with the receiver that could not be told.
pub fn reason_text(reason: Reason, failed: Option<&str>) -> String {
    match failed {
        Some(failed) => format!("{}: {failed} could not be told", reason.as_str()),
        None => reason.as_str().to_owned(),
    }
}

/// The pairs that all of `sets` hold.
fn common<'a>(mut sets: impl Iterator<Item = &'a Labels>) -> Labels {
    let Some(first) = sets.next() else { return Labels::default() };
    let mut kept: Vec<(&str, &str)> = first.iter().collect();
    for set in sets {
        kept.retain(|(name, value)| set.get(name) == *value);
    }
    Labels::from_pairs(kept)
}

/// How long the reference of a message may be, in bytes; longer ones are not kept.
pub const REFERENCE_BYTES_MAX: usize = 1 << 10;

/// How an attempt at sending ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The other side has taken it.
    Delivered,
    /// The other side has taken it, and names what later notifications of the group can change or answer to.
    DeliveredAs {
        /// How the sender finds it again: its own notation, at most [`REFERENCE_BYTES_MAX`]; no secrets.
        reference: String,
    },
    /// It may work later: no connection, a time-out, 429, 5xx.
    Retry {
        /// What went wrong; no secrets.
        error: String,
        /// How long the other side asks us to wait (`Retry-After`).
        after: Option<Duration>,
    },
    /// It will never work as it is: refused credentials, an invalid payload.
    Rejected {
        /// What went wrong; no secrets.
        error: String,
    },
}
