//! What to send when: notifications, the outbox, retry. Nothing is sent here.

mod bound;
mod channels;
mod connection;
mod incident_note;
mod notification;
mod outbox;
mod policy;
mod receiver;
mod secret;
mod throttle;

pub use crate::model::Reason;
pub use bound::{ALERTS_MAX, ANNOTATION_BYTES_MAX, BYTES_MAX, Bounded};
pub use channels::*;
pub use connection::{BasicAuth, HttpConfig, OAuth2Config, ProxyConfig, TlsConfig, TlsVersion};
pub use incident_note::{IncidentNote, IncidentNoteKind};
pub use notification::{Notification, OnBehalf, Outcome, REFERENCE_BYTES_MAX, dedup_key, reason_text};
pub use outbox::{Delivery, Outbox, Settled};
pub use policy::{DeliveryPolicy, GIVE_UP_AFTER, GIVE_UP_AFTER_WITH_FALLBACK, Rate};
pub use receiver::{Channel, HIDDEN_PREFIX, Integration, Receiver};
pub use secret::Secret;
pub use throttle::{Admission, Pace, Storm, StormLook};
