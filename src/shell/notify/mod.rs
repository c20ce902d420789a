//! Telling receivers: one file per integration, each with config in, render, send once.
//!
//! A sender makes one attempt and reports; whether and when there is another is decided in `deliver`.

mod console;
mod email;
mod http;
mod mail;
mod pagerduty;
mod slack;
mod slack_answer;
mod slack_app;
mod slack_blocks;
mod text;
mod webhook;

#[cfg(test)]
mod attempt_tests;
#[cfg(test)]
mod fixture;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

pub use mail::Mail;
pub use pagerduty::PagerdutyEvent;
pub use slack::SlackMessage;
pub use text::RenderError;
pub use webhook::WebhookPayload;

use crate::deliver::{Channel, Delivery, Integration, Notification, Outcome};
use crate::model::Timestamp;
use crate::template::NotificationTemplates;
use http::HttpSender;
use text::Texts;

/// How long an attempt may take if its integration does not say.
pub const ATTEMPT_TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);

/// What an attempt may take beyond its time-out: reading secrets, closing.
const ATTEMPT_GRACE: Duration = Duration::from_secs(5);

/// Makes one attempt. Never retries, never sleeps: reports.
pub struct Sender {
    templates: Arc<NotificationTemplates>,
    external_url: String,
    http: HttpSender,
}

/// What one attempt works with.
struct Attempt<'a> {
    http: &'a HttpSender,
    templates: &'a NotificationTemplates,
    external_url: &'a str,
    notification: &'a Notification,
    idempotency_key: &'a str,
    /// The message that stands for the group, if its channel named one.
    reference: Option<&'a str>,
    now: Timestamp,
}

impl Attempt<'_> {
    fn texts(&self) -> Texts<'_> {
        Texts::new(self.templates, self.notification.template_data(self.external_url))
    }
}

impl Sender {
    /// A sender that renders with `templates`; `external_url` is what `.ExternalURL` yields.
    pub fn new(templates: Arc<NotificationTemplates>, external_url: String) -> Self {
        Sender { templates, external_url, http: HttpSender::default() }
    }

    /// Tells `integration` once. The delivery's key stays the same over all attempts at one notification; `now` is the time
    /// of this attempt.
    ///
    /// Ends at the latest [`Integration`]'s time-out and five seconds later. No secret shows in the outcome.
    pub async fn send(&self, integration: &Integration, delivery: &Delivery, now: Timestamp) -> Outcome {
        let attempt = Attempt {
            http: &self.http,
            templates: &self.templates,
            external_url: &self.external_url,
            notification: &delivery.notification,
            idempotency_key: &delivery.key,
            reference: delivery.reference.as_deref(),
            now,
        };
        match &integration.channel {
            Channel::Console(_) => within(Duration::ZERO, console::send(&attempt)).await,
            Channel::Webhook(config) => within(config.timeout, webhook::send(config, &attempt)).await,
            Channel::Slack(config) => within(config.timeout, slack::send(config, &attempt)).await,
            Channel::Email(config) => within(config.timeout, email::send(config, &attempt)).await,
            Channel::Pagerduty(config) => within(config.timeout, pagerduty::send(config, &attempt)).await,
        }
    }
}

/// The time that an attempt with the configured `timeout` may take.
fn limit(timeout: Duration) -> Duration {
    if timeout.is_zero() { ATTEMPT_TIMEOUT_DEFAULT } else { timeout }
}

async fn within(timeout: Duration, attempt: impl Future<Output = Outcome>) -> Outcome {
    match tokio::time::timeout(limit(timeout) + ATTEMPT_GRACE, attempt).await {
        Ok(outcome) => outcome,
        Err(_) => Outcome::Retry { error: format!("no answer within {:?}", limit(timeout)), after: None },
    }
}

/// What an integration would say. Holds no secrets; shows as people read it.
#[derive(Clone, Debug)]
pub enum Rendered {
    /// Lines for people.
    Console(String),
    /// Alertmanager's version 4 payload.
    Webhook(WebhookPayload),
    /// A Slack message.
    Slack(Box<SlackMessage>),
    /// A mail.
    Email(Box<Mail>),
    /// A PagerDuty event without its routing key.
    Pagerduty(Box<PagerdutyEvent>),
    /// The body of another service's request, laid out for people.
    Request(String),
}

/// Renders without sending: for dry runs and tests.
///
/// # Errors
///
/// A template that fails; a mail address that is none.
pub fn render(
    integration: &Integration,
    notification: &Notification,
    templates: &NotificationTemplates,
    external_url: &str,
    idempotency_key: &str,
) -> Result<Rendered, RenderError> {
    let texts = Texts::new(templates, notification.template_data(external_url));
    Ok(match &integration.channel {
        Channel::Console(_) => Rendered::Console(console::render(texts.data(), false)),
        Channel::Webhook(config) => Rendered::Webhook(webhook::render(config, notification, texts.data())),
        Channel::Slack(config) => Rendered::Slack(Box::new(slack::render(config, notification, &texts)?)),
        Channel::Email(config) => {
            Rendered::Email(Box::new(mail::render(config, notification, &texts, idempotency_key)?))
        }
        Channel::Pagerduty(config) => Rendered::Pagerduty(Box::new(pagerduty::render(config, notification, &texts)?)),
    })
}

impl fmt::Display for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = match self {
            Rendered::Console(text) | Rendered::Request(text) => return f.write_str(text),
            Rendered::Email(mail) => return write!(f, "{mail}"),
            Rendered::Webhook(payload) => serde_json::to_string_pretty(payload),
            Rendered::Slack(message) => serde_json::to_string_pretty(message),
            Rendered::Pagerduty(event) => serde_json::to_string_pretty(event),
        };
        f.write_str(&json.map_err(|_| fmt::Error)?)
    }
}
