//! What to send when: notifications, the outbox, retry. Nothing is sent here.

mod bound;
mod channels;
mod connection;
mod notification;
mod outbox;
mod receiver;
mod secret;

pub use crate::model::Reason;
pub use bound::{ALERTS_MAX, ANNOTATION_BYTES_MAX, BYTES_MAX, Bounded};
pub use channels::*;
pub use connection::{BasicAuth, HttpConfig, OAuth2Config, ProxyConfig, TlsConfig, TlsVersion};
pub use notification::{Notification, Outcome, REFERENCE_BYTES_MAX};
pub use outbox::{DELIVERY_AGE_MAX, Delivery, Outbox, Settled};
pub use receiver::{Channel, Integration, Receiver};
pub use secret::Secret;
