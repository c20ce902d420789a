//! What templates can see.

use crate::model::{AlertStatus, Labels, SampleValue, Timestamp};

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
    /// What `now` yields.
    pub now: Timestamp,
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
