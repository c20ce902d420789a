//! What to send when: notifications, the outbox, retry. Nothing is sent here.

mod bound;
mod notification;
mod outbox;
mod receiver;

pub use crate::model::Reason;
pub use bound::{ALERTS_MAX, ANNOTATION_BYTES_MAX, BYTES_MAX, Bounded};
pub use notification::{Notification, Outcome};
pub use outbox::{DELIVERY_AGE_MAX, Delivery, Outbox, Settled};
pub use receiver::{
    BasicAuth, Channel, ConsoleConfig, EmailConfig, HttpConfig, Integration, PagerdutyConfig, PagerdutyImage,
    PagerdutyLink, Receiver, Secret, SlackAction, SlackConfig, SlackConfirm, SlackField, SlackTarget, SmtpSecurity,
    TlsConfig, WebhookConfig,
};
