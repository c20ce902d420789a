//! Telling receivers: one file per integration, each with config in, render, send once.
//!
//! A sender makes one attempt and reports; whether and when there is another is decided in `deliver`.

mod alertmanager;
mod aws;
mod chart;
mod console;
mod discord;
mod email;
mod exec;
mod gotify;
mod http;
mod incidentio;
mod jira;
mod mail;
mod mail_login;
mod mattermost;
mod msteams;
mod msteamsv2;
mod ntfy;
mod opsgenie;
mod pagerduty;
mod pagerduty_generic;
mod pushover;
mod refusal;
mod rocketchat;
mod sigv4;
mod slack;
mod slack_answer;
mod slack_app;
mod slack_blocks;
mod sns;
mod telegram;
mod telegram_html;
mod text;
mod trial;
mod twilio;
mod victorops;
mod webex;
mod webhook;
mod wechat;

#[cfg(test)]
mod answer_tests;
#[cfg(test)]
mod attempt_tests;
#[cfg(test)]
mod chat_answer_tests;
#[cfg(test)]
mod chat_payload_tests;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod incident_note_tests;
#[cfg(test)]
mod incident_tests;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

pub use chart::{ChartData, ChartSource, LINES_MAX as CHART_LINES_MAX};
pub use mail::Mail;
pub use pagerduty::PagerdutyEvent;
pub use slack::SlackMessage;
pub use text::RenderError;
pub(crate) use text::escape_html;
pub(crate) use text::{cut, one_line};
pub use trial::{TRIAL_ALERTS_MAX, Trial, TrialAlert, TrialOutcome, trial_notification, try_receiver};
pub use webhook::{WebhookBody, WebhookPayload};

use crate::deliver::{Channel, Delivery, Integration, Notification, Outcome, PagerdutyKey};
use crate::model::Timestamp;
use crate::shell::answers::AnswerWays;
use crate::template::NotificationTemplates;
use chart::Charts;
use http::HttpSender;
use text::{Texts, pretty};
use wechat::WechatTokens;

/// How long an attempt may take if its integration does not say.
pub const ATTEMPT_TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);

/// What an attempt may take beyond its time-out: reading secrets, closing.
const ATTEMPT_GRACE: Duration = Duration::from_secs(5);

/// Makes one attempt. Never retries, never sleeps: reports.
pub struct Sender {
    templates: Arc<NotificationTemplates>,
    external_url: String,
    http: HttpSender,
    wechat_tokens: WechatTokens,
    charts: Option<Charts>,
    ways: Option<AnswerWays>,
}

/// What one attempt works with.
struct Attempt<'a> {
    http: &'a HttpSender,
    wechat_tokens: &'a WechatTokens,
    charts: Option<&'a Charts>,
    /// What pages carry so that they can be answered.
    ways: Option<&'a AnswerWays>,
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
        let mut data = self.notification.template_data(self.external_url);
        if let (Some(ways), Some(incident)) = (self.ways, &mut data.incident) {
            incident.links.answers = ways.links(self.notification, self.idempotency_key, self.external_url);
        }
        Texts::new(self.templates, data)
    }
}

impl Sender {
    /// A sender that renders with `templates`; `external_url` is what `.ExternalURL` yields.
    pub fn new(templates: Arc<NotificationTemplates>, external_url: String) -> Self {
        let (http, wechat_tokens) = (HttpSender::default(), WechatTokens::default());
        Sender { templates, external_url, http, wechat_tokens, charts: None, ways: None }
    }

    /// The sender with charts of what `source` knows, where a receiver wants them.
    pub fn with_charts(mut self, source: Arc<dyn ChartSource>) -> Self {
        self.charts = Some(Charts::new(source));
        self
    }

    /// The sender with links and buttons in pages, by which they can be answered.
    pub fn with_answers(mut self, ways: AnswerWays) -> Self {
        self.ways = Some(ways);
        self
    }

    /// Tells `integration` once. The delivery's key stays the same over all attempts at one notification; `now` is the time
    /// of this attempt.
    ///
    /// Ends at the latest [`Integration`]'s time-out for each request that it takes, and five seconds later. No secret shows in the outcome.
    pub async fn send(&self, integration: &Integration, delivery: &Delivery, now: Timestamp) -> Outcome {
        let attempt = Attempt {
            http: &self.http,
            wechat_tokens: &self.wechat_tokens,
            charts: self.charts.as_ref(),
            ways: self.ways.as_ref(),
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
            Channel::Discord(config) => tried(config.timeout, discord::send(config, &attempt)).await,
            Channel::Msteams(config) => tried(config.timeout, msteams::send(config, &attempt)).await,
            Channel::Msteamsv2(config) => tried(config.timeout, msteamsv2::send(config, &attempt)).await,
            Channel::Mattermost(config) => tried(config.timeout, mattermost::send(config, &attempt)).await,
            Channel::Rocketchat(config) => tried(config.timeout, rocketchat::send(config, &attempt)).await,
            Channel::Webex(config) => tried(config.timeout, webex::send(config, &attempt)).await,
            Channel::Telegram(config) => tried(config.timeout, telegram::send(config, &attempt)).await,
            Channel::Wechat(config) => tried(config.timeout, wechat::send(config, &attempt)).await,
            Channel::Ntfy(config) => tried(config.timeout, ntfy::send(config, &attempt)).await,
            Channel::Gotify(config) => tried(config.timeout, gotify::send(config, &attempt)).await,
            Channel::Opsgenie(config) => {
                let all = limit(config.timeout).saturating_mul(opsgenie::REQUESTS_MAX);
                tried(all, opsgenie::send(config, &attempt)).await
            }
            Channel::Victorops(config) => tried(config.timeout, victorops::send(config, &attempt)).await,
            Channel::Pushover(config) => tried(config.timeout, pushover::send(config, &attempt)).await,
            Channel::Jira(config) => {
                let all = limit(config.timeout).saturating_mul(jira::REQUESTS_MAX);
                tried(all, jira::send(config, &attempt)).await
            }
            // A role and the message itself: two requests.
            Channel::Sns(config) => tried(limit(config.timeout) * 2, sns::send(config, &attempt)).await,
            Channel::Incidentio(config) => tried(config.timeout, incidentio::send(config, &attempt)).await,
            Channel::Twilio(config) => tried(config.timeout, twilio::send(config, &attempt)).await,
            Channel::Exec(config) => tried(config.timeout, exec::send(config, &attempt)).await,
            Channel::Alertmanager(config) => {
                let requests = attempt.notification.alerts.len().div_ceil(alertmanager::BATCH).max(1);
                let requests = u32::try_from(requests).unwrap_or(u32::MAX);
                let all = limit(config.timeout).saturating_mul(requests);
                within(all, alertmanager::send(config, &attempt)).await
            }
            Channel::Escalation(_) => Outcome::Rejected { error: NOTHING_TO_SEND.to_owned() },
        }
    }
}

/// Why an escalation is no attempt.
const NOTHING_TO_SEND: &str = "an escalation policy pages people; the receiver itself is sent nothing";

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

/// As [`within`], for an attempt that ends early with `?`.
async fn tried(timeout: Duration, attempt: impl Future<Output = Result<Outcome, Outcome>>) -> Outcome {
    within(timeout, async { attempt.await.unwrap_or_else(|outcome| outcome) }).await
}

/// What an integration would say. Holds no secrets; shows as people read it.
#[derive(Clone, Debug)]
pub enum Rendered {
    /// Lines for people.
    Console(String),
    /// Alertmanager's version 4 payload, or one of the user's own.
    Webhook(WebhookBody),
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
        Channel::Webhook(config) => Rendered::Webhook(webhook::render(config, notification, &texts)),
        Channel::Slack(config) => Rendered::Slack(Box::new(slack::render(config, notification, &texts)?)),
        Channel::Email(config) => {
            Rendered::Email(Box::new(mail::render(config, notification, &texts, idempotency_key, None)?))
        }
        Channel::Discord(config) => Rendered::Request(pretty(&discord::render(config, &texts))),
        Channel::Msteams(config) => Rendered::Request(pretty(&msteams::render(config, &texts))),
        Channel::Msteamsv2(config) => Rendered::Request(pretty(&msteamsv2::render(config, &texts))),
        Channel::Mattermost(config) => Rendered::Request(pretty(&mattermost::render(config, &texts)?)),
        Channel::Rocketchat(config) => Rendered::Request(pretty(&rocketchat::render(config, &texts)?)),
        Channel::Webex(config) => Rendered::Request(pretty(&webex::render(config, &texts)?)),
        Channel::Telegram(config) => Rendered::Request(pretty(&telegram::render(config, &texts))),
        Channel::Wechat(config) => Rendered::Request(pretty(&wechat::render(config, &texts)?)),
        Channel::Ntfy(config) => Rendered::Request(pretty(&ntfy::render(config, &texts))),
        Channel::Gotify(config) => Rendered::Request(pretty(&gotify::render(config, &texts))),
        Channel::Opsgenie(config) => {
            Rendered::Request(opsgenie::show(&opsgenie::render(config, notification, &texts)?))
        }
        Channel::Victorops(config) => Rendered::Request(pretty(&victorops::render(config, notification, &texts))),
        Channel::Pushover(config) => laid_out(&pushover::render(config, &texts)),
        Channel::Jira(config) => Rendered::Request(pretty(&jira::render(config, notification, &texts, true)?)),
        Channel::Pagerduty(config) => match &config.key {
            PagerdutyKey::Routing(_) => Rendered::Pagerduty(Box::new(pagerduty::render(config, notification, &texts)?)),
            PagerdutyKey::Service(_) => {
                Rendered::Request(pretty(&pagerduty_generic::render(config, notification, &texts)))
            }
        },
        Channel::Sns(config) => laid_out(&sns::render(config, notification, &texts, idempotency_key)?),
        Channel::Incidentio(config) => {
            Rendered::Request(pretty(&incidentio::render(config, notification, texts.data())))
        }
        Channel::Twilio(config) => laid_out(&twilio::render(config, notification, &texts, None)?),
        Channel::Escalation(config) => Rendered::Request(format!("an incident of the policy {}", config.policy)),
        Channel::Exec(config) => Rendered::Request(exec::render(config, notification, &texts, idempotency_key)?.show()),
        Channel::Alertmanager(config) => {
            Rendered::Request(pretty(&alertmanager::render(config, notification, notification.decided_at)))
        }
    })
}

/// The pairs of a form, one below the other.
fn laid_out(pairs: &[(impl fmt::Display, String)]) -> Rendered {
    let lines: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    Rendered::Request(lines.join("\n"))
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
