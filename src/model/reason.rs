use serde::{Deserialize, Serialize};

/// Why a notification is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The group fires and this integration was not told yet.
    FirstNotification,
    /// Alerts fire that this integration was not told of.
    NewAlerts,
    /// Nothing fires any more.
    AllResolved,
    /// Some alerts have ended.
    SomeResolved,
    /// Nothing changed since the repeat interval began.
    RepeatInterval,
}

impl Reason {
    /// For people and for `.NotificationReason`.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::FirstNotification => "first notification",
            Reason::NewAlerts => "new alerts in group",
            Reason::AllResolved => "all alerts resolved",
            Reason::SomeResolved => "alerts resolved in group",
            Reason::RepeatInterval => "repeat interval elapsed",
        }
    }
}
