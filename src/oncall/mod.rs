//! Schedules: who is on call at a moment, and over any span. Pure functions of the configuration, the overrides and the time.

mod ical;
mod layer;
mod overrides;
mod plan;
mod report;
mod restriction;
mod rotation;
mod schedule;
mod wall;

#[cfg(test)]
mod brute_force;

pub use ical::calendar;
pub use layer::Layer;
pub use overrides::{Override, OverrideChange};
pub use plan::{Duty, OncallPlan, User};
pub use report::{Gap, PersonLoad, ScheduleReport};
pub use restriction::{DayTime, Restriction};
pub use rotation::{Every, HANDOFFS_MAX, Rotation};
pub use schedule::{Schedule, Shift};
pub use wall::{Moment, MomentError, Occurrence};
