//! The one owner of all decisions: inputs in, effects out.

mod cycle;
mod event;
mod external;
mod fallback;
mod flapping;
mod heartbeats;
mod incidents;
mod input;
mod keep;
mod overrides;
mod own_alerts;
mod pace;
mod plan;
mod record;
mod reminders;
mod replan;
mod results;
mod routing;
mod silencing;
mod state;
mod telling;

pub use cycle::{GroupRun, Report, Surroundings, World};
pub use event::{Audit, Event, EventKind, ExternalChange, Notice, OverrideFate};
pub use external::{EXTERNAL_ALERTS_MAX, EXTERNAL_BYTES_MAX, EXTERNAL_LABELS_MAX, ExternalAlert, ExternalError};
pub use heartbeats::{
    Armed, HEARTBEAT_ALERT, HEARTBEAT_LABEL, HEARTBEAT_MESSAGE_BYTES_MAX, HeartbeatPolicy, HeartbeatSignal,
    HeartbeatState, HeartbeatView, UnknownHeartbeat,
};
pub use input::{Effect, Input, RuleError, RuleView};
pub use keep::KeepError;
pub use overrides::{OVERRIDE_RETENTION, OVERRIDES_AT_ONCE_MAX, OVERRIDES_MAX, OverrideRefusal, StoredOverride};
pub use plan::Plan;
pub use record::{Record, RecordKind};
pub use reminders::SilenceReminder;
pub use state::{Engine, Health};
