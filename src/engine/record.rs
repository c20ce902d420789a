//! What the engine asks to be made durable: keyed records of opaque bytes.

/// What a record holds; its key in the store begins with [`RecordKind::prefix`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordKind {
    /// An alert: of a rule, or as it is routed.
    Alert,
    /// An aggregation group with what was told.
    Group,
    /// A notification on its way.
    Outbox,
    /// A silence.
    Silence,
    /// An incident.
    Incident,
    /// An exception from schedules that somebody set.
    Override,
    /// Noise control: when receivers were told, alerts that flap, reminders.
    Noise,
    /// A sign of life that is awaited.
    Heartbeat,
    /// Something that happened.
    Event,
    /// About the store itself.
    Meta,
}

impl RecordKind {
    /// Every kind.
    pub const ALL: [RecordKind; 10] = [
        RecordKind::Alert,
        RecordKind::Group,
        RecordKind::Outbox,
        RecordKind::Silence,
        RecordKind::Incident,
        RecordKind::Override,
        RecordKind::Noise,
        RecordKind::Heartbeat,
        RecordKind::Event,
        RecordKind::Meta,
    ];

    /// The first bytes of its keys.
    pub fn prefix(self) -> &'static str {
        match self {
            RecordKind::Alert => "alert/",
            RecordKind::Group => "group/",
            RecordKind::Outbox => "outbox/",
            RecordKind::Silence => "silence/",
            RecordKind::Incident => "incident/",
            RecordKind::Override => "override/",
            RecordKind::Noise => "noise/",
            RecordKind::Heartbeat => "heartbeat/",
            RecordKind::Event => "event/",
            RecordKind::Meta => "meta/",
        }
    }
}

/// A record to write, or to delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What it holds.
    pub kind: RecordKind,
    /// Its key inside its kind; numbers are big-endian, so that order by key is order by number.
    pub key: Vec<u8>,
    /// Its bytes, or `None` to delete it.
    pub value: Option<Vec<u8>>,
}
