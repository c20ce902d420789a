//! What to send when: notifications, the outbox, retry. Nothing is sent here.

mod notification;
mod receiver;

pub use crate::model::Reason;
pub use notification::{Notification, Outcome};
pub use receiver::{
    BasicAuth, Channel, ConsoleConfig, EmailConfig, HttpConfig, Integration, PagerdutyConfig, PagerdutyImage,
    PagerdutyLink, Receiver, Secret, SlackAction, SlackConfig, SlackConfirm, SlackField, SlackTarget, SmtpSecurity,
    TlsConfig, WebhookConfig,
};
