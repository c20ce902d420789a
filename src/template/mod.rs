//! The Go-template dialect of Prometheus's rules and Alertmanager's notifications.

mod data;

pub use data::{AlertData, NotificationData, RuleData};

/// A template of a rule's label or annotation, parsed once.
#[derive(Clone, Debug)]
pub struct RuleTemplate {
    text: String,
}
