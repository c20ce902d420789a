//! Schedules: who is on call at a moment, and over any span. Pure functions of the configuration, the overrides and the time.

mod layer;
mod overrides;
mod report;
mod restriction;
mod rotation;
mod schedule;
mod wall;

#[cfg(test)]
mod brute_force;

pub use layer::Layer;
pub use overrides::{Override, OverrideChange};
pub use report::{Gap, PersonLoad, ScheduleReport};
pub use restriction::{DayTime, Restriction};
pub use rotation::{CronError, Every, HANDOFFS_MAX, Rotation, WallCron};
pub use schedule::{Schedule, Shift};
