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
    /// An alert keeps changing between firing and over; it counts as firing until it settles.
    FlappingStarted,
    /// An alert that kept changing has settled, and fires.
    FlappingStopped,
    /// Another receiver could not be told.
    Fallback,
    /// So many notifications were due that one stands for them.
    Storm,
    /// A silence that still holds alerts back is about to end.
    SilenceEnds,
    /// Somebody is to answer an incident.
    Page,
    /// Somebody has answered an incident.
    IncidentAnswered,
    /// An acknowledgement is about to time out.
    AckReminder,
    /// An incident is over.
    IncidentClosed,
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
            Reason::FlappingStarted => "alerts flap",
            Reason::FlappingStopped => "alerts flap no more",
            Reason::Fallback => "fallback",
            Reason::Storm => "summary of a storm",
            Reason::SilenceEnds => "a silence ends soon",
            Reason::Page => "page",
            Reason::IncidentAnswered => "somebody has answered",
            Reason::AckReminder => "an acknowledgement ends soon",
            Reason::IncidentClosed => "the incident is over",
        }
    }
}
