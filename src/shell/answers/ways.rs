//! What pages carry so that they can be answered.

use serde_json::Value;

use super::{LinkKey, LinkMaker, answer_links, slack, telegram};
use crate::config::Answers;
use crate::deliver::{IncidentNoteKind, Notification};
use crate::template::AnswerLinks;

/// What pages carry so that they can be answered: by which ways, the configuration says.
#[derive(Clone, Debug)]
pub struct AnswerWays {
    /// What signs links.
    pub key: LinkKey,
    /// The ways that are open.
    pub answers: Answers,
}

impl AnswerWays {
    /// The links of `notification`; the same for every attempt under one `delivery_key`.
    pub(crate) fn links(&self, notification: &Notification, delivery_key: &str, external_url: &str) -> AnswerLinks {
        let Some(note) = &notification.incident else { return AnswerLinks::default() };
        let maker = LinkMaker { key: &self.key, external_url, ttl: self.answers.link_ttl };
        answer_links(note, &notification.receiver, delivery_key, notification.decided_at, &maker)
    }

    /// The buttons of a page in Slack, as a block.
    pub(crate) fn slack_buttons(&self, notification: &Notification) -> Option<Value> {
        self.answers.slack_signing_secret.as_ref().and(page(notification)).map(slack::buttons)
    }

    /// The buttons of a page in Telegram.
    pub(crate) fn telegram_buttons(&self, notification: &Notification) -> Option<Value> {
        self.answers.telegram_secret_token.as_ref().and(page(notification)).map(telegram::buttons)
    }

    /// What a page by SMS ends with.
    pub(crate) fn sms_hint(&self, notification: &Notification) -> Option<String> {
        let page = self.answers.twilio_auth_token.as_ref().and(page(notification));
        page.map(|incident| format!("Reply ACK {incident}"))
    }
}

/// The number of the incident that `notification` pages about.
fn page(notification: &Notification) -> Option<u64> {
    let note = notification.incident.as_ref()?;
    (note.kind == IncidentNoteKind::Page).then_some(note.number)
}
