//! Schedules: who is on call at a moment, and over any span. Pure functions of the configuration, the overrides and the time.

mod draft;
mod ical;
mod import;
mod layer;
mod overrides;
mod plan;
mod question;
mod report;
mod restriction;
mod rotation;
mod schedule;
mod wall;

#[cfg(test)]
mod brute_force;

pub use draft::{OVERRIDE_BYTES_MAX, OverrideDraft, OverrideError, SwapDraft};
pub use ical::calendar;
pub use import::{CalendarChanges, IMPORT_AHEAD, IMPORTED_MAX, Import, Imported};
pub use layer::Layer;
pub use overrides::{Override, OverrideChange, OverrideState};
pub use plan::{Duty, OncallPlan, User};
pub use question::{FinalSchedule, NameError, QuestionError, SPAN_DAYS, SPAN_DAYS_MAX, Span, calendar_span};
pub use report::{Gap, PersonLoad, ScheduleReport};
pub use restriction::{DayTime, Restriction};
pub use rotation::{Every, HANDOFFS_MAX, Rotation};
pub use schedule::{Schedule, Shift};
pub use wall::{Moment, MomentError, Occurrence};
