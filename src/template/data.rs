//! What templates can see.

use serde::Serialize;

use crate::model::{AlertStatus, Labels, SampleValue, Timestamp, rfc3339, rfc3339_or_none};

/// What the templates of a rule's labels and annotations see, for one series of the result.
#[derive(Clone, Debug)]
pub struct RuleData<'a> {
    /// `$labels`: the labels of the query's result without `__name__`.
    pub labels: &'a Labels,
    /// `$value`; a histogram is shown as its text.
    pub value: SampleValue,
    /// `$externalLabels`
    pub external_labels: &'a Labels,
    /// `$externalURL`
    pub external_url: &'a str,
    /// The moment of evaluation: `now`, `$activeAt` of a new alert.
    pub at: Timestamp,
}

/// What the templates of a receiver see: Alertmanager's `Data`.
#[derive(Clone, Debug)]
pub struct NotificationData {
    /// `.Receiver`
    pub receiver: String,
    /// `.Status`: firing if any alert is.
    pub status: AlertStatus,
    /// `.Alerts`, in order.
    pub alerts: Vec<AlertData>,
    /// `.NotificationReason`: why it is sent.
    pub reason: String,
    /// `.GroupLabels`
    pub group_labels: Labels,
    /// `.CommonLabels`
    pub common_labels: Labels,
    /// `.CommonAnnotations`
    pub common_annotations: Labels,
    /// `.RouteLabels`
    pub route_labels: Labels,
    /// `.ExternalURL`
    pub external_url: String,
    /// `.Incident`; nil for notifications that are not about one.
    pub incident: Option<Box<IncidentData>>,
    /// What `now` yields.
    pub now: Timestamp,
}

/// The incident that a notification is about. As JSON it is what webhooks are told.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IncidentData {
    /// `.Number`, by which people call it.
    pub number: u64,
    /// `.Kind`: `page`, `answered`, `reminder` or `closed`.
    pub kind: &'static str,
    /// `.User`, whom it is for; empty for a channel.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// `.Title`: the likely cause.
    pub title: String,
    /// `.Text`: why, for people.
    pub text: String,
    /// `.Severity`: the name of its level.
    pub severity: String,
    /// `.Priority`: the score with its arithmetic.
    pub priority: String,
    /// `.Symptoms`: the other alerts, in short.
    pub symptoms: Vec<String>,
    /// `.OpenedAt`
    #[serde(serialize_with = "rfc3339")]
    pub opened_at: Timestamp,
    /// `.AnswerBy`; nil if nobody is waited for.
    #[serde(serialize_with = "rfc3339_or_none", skip_serializing_if = "Option::is_none")]
    pub answer_by: Option<Timestamp>,
    /// `.Links`
    pub links: IncidentLinks,
}

/// Where an incident is shown and answered.
#[derive(Clone, Debug, Default, Serialize)]
pub struct IncidentLinks {
    /// `.Show`: the page of the incident.
    pub show: String,
    /// The links that answer.
    #[serde(flatten)]
    pub answers: AnswerLinks,
}

/// Addresses that answer an incident when they are opened; secrets of whom they are for. Templates see empty texts for those that
/// are not given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AnswerLinks {
    /// `.Links.Ack`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ack: Option<String>,
    /// `.Links.Resolve`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolve: Option<String>,
    /// `.Links.Snooze`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snooze: Option<String>,
    /// `.Links.Escalate`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub escalate: Option<String>,
}

/// One alert in [`NotificationData`].
#[derive(Clone, Debug)]
pub struct AlertData {
    /// `.Status`
    pub status: AlertStatus,
    /// `.Labels`
    pub labels: Labels,
    /// `.Annotations`
    pub annotations: Labels,
    /// `.StartsAt`
    pub starts_at: Timestamp,
    /// `.EndsAt`; zero time while it fires.
    pub ends_at: Option<Timestamp>,
    /// `.GeneratorURL`
    pub generator_url: String,
    /// `.Fingerprint`
    pub fingerprint: String,
}

/// One row of a query that a rule's template runs.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryRow {
    /// `.Labels`, `__name__` included.
    pub labels: Labels,
    /// `.Value`
    pub value: f64,
}
