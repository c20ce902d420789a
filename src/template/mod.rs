//! The Go-template dialect of Prometheus's rules and Alertmanager's notifications.
//!
//! Syntax comes from the crate `gotmpl` ([`syntax`]); values, fields, methods, functions and execution are here, because
//! templates call methods (`.Alerts.Firing`), run queries and must stop at limits.

mod arguments;
mod builtin;
mod check;
mod data;
mod error;
mod execute;
mod field;
mod html;
mod humanize;
#[cfg(test)]
mod incident_tests;
mod limits;
mod moment;
mod nesting;
mod notification;
mod notification_functions;
mod printf;
#[cfg(test)]
mod recorded;
mod rule;
mod rule_functions;
mod syntax;
mod text_functions;
mod uses;
mod value;

pub use data::{AlertData, AnswerLinks, IncidentData, IncidentLinks, NotificationData, QueryRow, RuleData};
pub use error::{TemplateError, TemplateFileError};
pub use notification::NotificationTemplates;
pub use rule::{QueryFunction, RuleTemplate};
pub use uses::TemplateUses;
