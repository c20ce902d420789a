//! Mail.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::deliver::{Secret, TlsConfig};

/// Alertmanager's `email_config`.
#[derive(Clone, Debug, PartialEq)]
pub struct EmailConfig {
    /// The recipients, separated by commas; a template.
    pub to: String,
    /// The sender; a template.
    pub from: String,
    /// The server's host.
    pub host: String,
    /// The server's port.
    pub port: u16,
    /// The name we say in EHLO.
    pub hello: String,
    /// The user for AUTH; empty for none.
    pub auth_username: String,
    /// The password for PLAIN and LOGIN.
    pub auth_password: Option<Secret>,
    /// The secret for CRAM-MD5.
    pub auth_secret: Option<Secret>,
    /// Whom the user acts for, in PLAIN; empty for itself.
    pub auth_identity: String,
    /// How the connection is protected.
    pub security: SmtpSecurity,
    /// TLS settings.
    pub tls: TlsConfig,
    /// The HTML body; a template; empty for none.
    pub html: String,
    /// The text body; a template; empty for none.
    pub text: String,
    /// Further headers, `Subject` included; the values are templates.
    pub headers: BTreeMap<String, String>,
    /// Which mails clients show as one conversation.
    pub threading: MailThreading,
    /// The HTML body shows a chart of the expression of an alert.
    pub chart: bool,
    /// The time that an attempt may take.
    pub timeout: Duration,
}

/// Which mails clients show as one conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MailThreading {
    /// What their subjects suggest.
    #[default]
    Off,
    /// All of a group.
    Group,
    /// All of a group on one day, in UTC.
    GroupAndDay,
}

/// How a connection to a mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// TLS from the first byte.
    Implicit,
    /// STARTTLS, without which nothing is sent.
    StarttlsRequired,
    /// STARTTLS if the server offers it.
    StarttlsIfOffered,
}
