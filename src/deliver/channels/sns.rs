//! Amazon SNS.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::deliver::{HttpConfig, Secret};

/// Alertmanager's `sns_config`. Every text is a template.
#[derive(Clone, Debug, PartialEq)]
pub struct SnsConfig {
    /// The API's address; empty for that of the region.
    pub api_url: String,
    /// How requests are signed.
    pub sigv4: Sigv4Config,
    /// Who gets it.
    pub target: SnsTarget,
    /// The message's subject.
    pub subject: String,
    /// The message.
    pub message: String,
    /// The message's attributes by name; the names are templates too.
    pub attributes: BTreeMap<String, String>,
    /// The time that a request may take.
    pub timeout: Duration,
    /// The connection.
    pub http: HttpConfig,
}

/// The three kinds of receivers of a message. Every text is a template.
#[derive(Clone, Debug, PartialEq)]
pub enum SnsTarget {
    /// A topic; one whose name ends in `.fifo` keeps the order.
    Topic(String),
    /// A telephone, by SMS.
    Phone(String),
    /// An endpoint of a mobile platform.
    Endpoint(String),
}

/// AWS's Signature Version 4: who signs, and for which region.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sigv4Config {
    /// The region; empty for `AWS_REGION` or `AWS_DEFAULT_REGION`.
    pub region: String,
    /// The key's id and the key; without them those of the environment, then those of `profile`.
    pub keys: Option<(String, Secret)>,
    /// A profile of the shared credentials file; it goes before the environment.
    pub profile: String,
    /// A role to take on for each attempt; empty for none.
    pub role_arn: String,
    /// What the role's owner asks for.
    pub external_id: String,
    /// Whether the role is asked for at the endpoint that keeps to FIPS 140.
    pub fips: bool,
}
