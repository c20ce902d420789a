//! PagerDuty.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::deliver::{HttpConfig, Secret};

/// Alertmanager's `pagerduty_config`. Every text is a template.
#[derive(Clone, Debug, PartialEq)]
pub struct PagerdutyConfig {
    /// The integration's key, and with it the version of the API.
    pub key: PagerdutyKey,
    /// The API's address.
    pub url: String,
    /// What sends.
    pub client: String,
    /// A link to what sends.
    pub client_url: String,
    /// The event's summary.
    pub description: String,
    /// `critical`, `error`, `warning` or `info`.
    pub severity: String,
    /// What is affected.
    pub source: String,
    /// Details by name.
    pub details: BTreeMap<String, String>,
    /// Pictures.
    pub images: Vec<PagerdutyImage>,
    /// Links.
    pub links: Vec<PagerdutyLink>,
    /// The part of the source that is affected.
    pub component: String,
    /// A group of sources.
    pub group: String,
    /// The class of the event.
    pub class: String,
    /// The time that an attempt may take.
    pub timeout: Duration,
    /// The connection.
    pub http: HttpConfig,
}

/// The key of an integration.
#[derive(Clone, Debug, PartialEq)]
pub enum PagerdutyKey {
    /// For Events API v2.
    Routing(Secret),
    /// For the generic Events API v1, which knows description, client and details alone.
    Service(Secret),
}

/// A picture of a PagerDuty event. Every text is a template.
#[derive(Clone, Debug, PartialEq)]
pub struct PagerdutyImage {
    /// Where it links to.
    pub href: String,
    /// Where it lies.
    pub src: String,
    /// What it shows.
    pub alt: String,
}

/// A link of a PagerDuty event. Every text is a template.
#[derive(Clone, Debug, PartialEq)]
pub struct PagerdutyLink {
    /// Where it leads.
    pub href: String,
    /// What it says.
    pub text: String,
}
