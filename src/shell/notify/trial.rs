//! Tests of receivers: a made-up notification through the real senders.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tracing::Instrument;

use super::Sender;
use crate::deliver::{Channel, Delivery, Integration, Notification, OnBehalf, Outcome, Reason, Receiver};
use crate::model::{ALERT_NAME, Alert, Labels, Timestamp, TraceId};
use crate::shell::clock::Clock;

/// The name of the alert that is told of unless there is another one.
const TRIAL_ALERT: &str = "WatchbellTest";
/// How long an alert of a test fired before its end.
const FIRED_FOR: Duration = Duration::from_secs(5 * 60);

/// The greatest number of alerts of a test.
pub const TRIAL_ALERTS_MAX: usize = 100;

/// An alert of a test.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrialAlert {
    /// Its labels; without `alertname` it gets one.
    pub labels: Labels,
    /// Its annotations; without any it gets a `summary`.
    pub annotations: Labels,
    /// Whether it has ended.
    pub is_resolved: bool,
}

impl TrialAlert {
    fn alert(&self, receiver: &str, now: Timestamp) -> Alert {
        let mut labels = self.labels.builder();
        if !self.labels.has(ALERT_NAME) {
            labels.set(ALERT_NAME, TRIAL_ALERT);
        }
        let mut annotations = self.annotations.builder();
        if self.annotations.is_empty() {
            annotations.set("summary", &format!("A test of the receiver {receiver}. Nothing is wrong."));
        }
        Alert {
            labels: labels.finish(),
            annotations: annotations.finish(),
            starts_at: if self.is_resolved { now - FIRED_FOR } else { now },
            ends_at: self.is_resolved.then_some(now),
            updated_at: now,
            generator_url: "".into(),
            trace: TraceId::NONE,
        }
    }
}

/// What the integration is told in a test: one group of `alerts`, of one made-up alert if there are none. The group's key is none of a
/// real group's, and the same for the same alerts, so that a test of the end ends what a test of the beginning began.
pub fn trial_notification(
    receiver: &str,
    (number, integration): (usize, &Integration),
    alerts: &[TrialAlert],
    now: Timestamp,
) -> Notification {
    let default = [TrialAlert::default()];
    let alerts = if alerts.is_empty() { &default } else { alerts };
    let alerts: Vec<Alert> = alerts.iter().take(TRIAL_ALERTS_MAX).map(|alert| alert.alert(receiver, now)).collect();
    let names: Vec<&str> = alerts.iter().map(Alert::name).collect();
    let group_labels = match names.iter().all(|name| *name == names[0]) {
        true => Labels::from_pairs([(ALERT_NAME, names[0])]),
        false => Labels::default(),
    };
    let firing = alerts.iter().any(|alert| alert.ends_at.is_none());
    Notification {
        receiver: receiver.to_owned(),
        channel: integration.channel.name().to_owned(),
        integration: number,
        group_key: format!("test:{group_labels}"),
        group_labels,
        route_labels: Labels::default(),
        alerts,
        truncated: 0,
        truncated_firing: 0,
        decided_at: now,
        reason: if firing { Reason::FirstNotification } else { Reason::AllResolved },
        trace: TraceId::NONE,
        on_behalf: OnBehalf::default(),
        incident: None,
    }
}

/// How the test of one integration went.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trial {
    /// The number of the integration.
    pub integration: usize,
    /// Its channel.
    pub channel: &'static str,
    /// Whether it was delivered.
    pub outcome: TrialOutcome,
    /// Why it was not; no secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How long it took, in seconds.
    pub took_seconds: f64,
}

/// How one attempt of a test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TrialOutcome {
    /// The other side has taken it.
    Delivered,
    /// It may work later.
    Retry,
    /// It will never work as it is.
    Rejected,
    /// There was nothing to send: it opens an incident, which a test does not.
    NotSent,
}

impl TrialOutcome {
    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            TrialOutcome::Delivered => "delivered",
            TrialOutcome::Retry => "retry",
            TrialOutcome::Rejected => "rejected",
            TrialOutcome::NotSent => "not sent",
        }
    }

    /// Whether nothing is wrong.
    pub fn is_good(self) -> bool {
        matches!(self, TrialOutcome::Delivered | TrialOutcome::NotSent)
    }
}

/// Tells every integration of `receiver`, or the one with the number `only`, once and at the same time.
pub async fn try_receiver(
    sender: &Arc<Sender>,
    receiver: &Receiver,
    only: Option<usize>,
    alerts: &[TrialAlert],
    clock: &Clock,
) -> Vec<Trial> {
    let now = clock.now();
    let (mut attempts, mut trials) = (Vec::new(), Vec::new());
    let integrations = receiver.integrations.iter().enumerate();
    for (number, integration) in integrations.filter(|(number, _)| only.is_none_or(|only| only == *number)) {
        if let Channel::Escalation(config) = &integration.channel {
            trials.push(not_sent(number, &config.policy));
            continue;
        }
        let notification = trial_notification(&receiver.name, (number, integration), alerts, now);
        let key = format!("test-{}-{number}-{}", now.millis(), notification.dedup_key());
        let delivery = Delivery::new(0, key, notification, now);
        let (sender, integration, clock) = (Arc::clone(sender), integration.clone(), clock.clone());
        let channel = integration.channel.name();
        let attempt = async move {
            let started = clock.start();
            (sender.send(&integration, &delivery, now).await, clock.elapsed_since(started))
        };
        attempts.push((number, channel, tokio::spawn(attempt.in_current_span())));
    }
    for (integration, channel, attempt) in attempts {
        let failed = Outcome::Retry { error: "the sender failed unexpectedly".to_owned(), after: None };
        let (outcome, took) = attempt.await.unwrap_or((failed, Duration::ZERO));
        let (outcome, error) = match outcome {
            Outcome::Delivered | Outcome::DeliveredAs { .. } => (TrialOutcome::Delivered, None),
            Outcome::Retry { error, .. } => (TrialOutcome::Retry, Some(error)),
            Outcome::Rejected { error } => (TrialOutcome::Rejected, Some(error)),
        };
        trials.push(Trial { integration, channel, outcome, error, took_seconds: took.as_secs_f64() });
    }
    trials.sort_by_key(|trial| trial.integration);
    trials
}

fn not_sent(integration: usize, policy: &str) -> Trial {
    let error = format!("pages by the policy `{policy}`; try the contacts of its people out, each as `@USER/CONTACT`");
    let outcome = TrialOutcome::NotSent;
    Trial { integration, channel: "escalation", outcome, error: Some(error), took_seconds: 0.0 }
}
