//! How a receiver is told, whatever its channels are.

use std::time::Duration;

/// How long a notification is tried before it is given up, where its receiver does not say.
pub const GIVE_UP_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
/// The same for a receiver with a fallback: another can be told while it still matters.
pub const GIVE_UP_AFTER_WITH_FALLBACK: Duration = Duration::from_secs(15 * 60);

/// The settings of a receiver that hold for each of its channels.
#[derive(Clone, Debug, PartialEq)]
pub struct DeliveryPolicy {
    /// The receiver that is told what could not be delivered to this one.
    pub fallback: Option<String>,
    /// How long a notification is tried before it is given up.
    pub give_up_after: Duration,
    /// How many notifications each of its integrations gets at most; further ones wait and become one per group.
    pub throttle: Option<Rate>,
    /// How many are not yet a storm; further ones become a summary.
    pub storm: Option<Rate>,
}

impl Default for DeliveryPolicy {
    /// No fallback and no bounds.
    fn default() -> Self {
        DeliveryPolicy { fallback: None, give_up_after: GIVE_UP_AFTER, throttle: None, storm: None }
    }
}

/// So many notifications in any stretch of so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many; at least 1.
    pub notifications: usize,
    /// The length of the stretch.
    pub within: Duration,
}
