//! The compiled configuration of every decision.

use std::time::Duration;

use crate::deliver::Receiver;
use crate::model::Labels;
use crate::route::Route;
use crate::rule::Group;

/// What the engine runs by; swapped whole on reload.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The rules.
    pub groups: Vec<Group>,
    /// Who is told of what.
    pub route: Route,
    /// Every receiver that the routes name.
    pub receivers: Vec<Receiver>,
    /// Labels laid under those of every alert.
    pub external_labels: Labels,
    /// The address under which people reach Watchbell.
    pub external_url: String,
    /// After how long an alert that came from outside without an end is taken as resolved.
    pub resolve_timeout: Duration,
}
