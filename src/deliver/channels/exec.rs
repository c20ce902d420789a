//! A local command.

use std::collections::BTreeMap;
use std::time::Duration;

/// A command that gets the webhook's payload on its standard input. No shell takes part.
#[derive(Clone, Debug, PartialEq)]
pub struct ExecConfig {
    /// The program: a path, or a name that is looked up in `PATH`.
    pub command: String,
    /// Its arguments; templates, each stays one argument whatever it holds.
    pub args: Vec<String>,
    /// Further variables of its environment; templates that may hold secrets.
    pub env: BTreeMap<String, String>,
    /// The greatest number of alerts in the payload; 0 for all.
    pub max_alerts: usize,
    /// The time after which it is killed, with all that it has started.
    pub timeout: Duration,
}
