//! Rules: groups and their timetable, the alert state machine, recording rules.

mod definition;
mod expand;
mod series;
mod state;
mod timetable;

pub use definition::{AlertingRule, FlapSetting, Group, NoData, RecordingRule, Rule, RuleId};
pub use expand::{LabelError, TemplateQuery, observe};
pub use series::{alert_labels, alert_series, recorded_labels};
pub use state::{
    ActiveAlert, AlertState, Change, Counts, DuplicateLabels, Observation, PENDING_GRACE, Presence, RESOLVED_RETENTION,
    RuleState, StepError, Transition,
};
pub use timetable::next_evaluation;
