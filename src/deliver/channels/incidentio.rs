//! incident.io.

use std::time::Duration;

use crate::deliver::{HttpConfig, Secret};

/// Alertmanager's `incidentio_config`. The token is the authorization of `http`.
#[derive(Clone, Debug, PartialEq)]
pub struct IncidentioConfig {
    /// The alert source's address.
    pub url: Secret,
    /// The greatest number of alerts in one payload; 0 for all.
    pub max_alerts: usize,
    /// The time that an attempt may take.
    pub timeout: Duration,
    /// The connection.
    pub http: HttpConfig,
}
