//! Rules: groups and their timetable, the alert state machine, recording rules.

mod definition;

pub use definition::{AlertingRule, Group, NoData, RecordingRule, Rule, RuleId};
