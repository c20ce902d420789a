//! Another Alertmanager.

use std::time::Duration;

use crate::deliver::HttpConfig;

/// One Alertmanager, or what speaks its API v2, that gets the alerts themselves.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertmanagerConfig {
    /// Where it is, with its route prefix.
    pub url: String,
    /// How long after a notification its firing alerts end there unless they are sent again.
    pub expire_after: Duration,
    /// The time that a request may take.
    pub timeout: Duration,
    /// The connection.
    pub http: HttpConfig,
}
