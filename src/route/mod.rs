//! The route tree, grouping and dedup: who is told of which alerts, and why.

mod group;
mod groups;
mod time_interval;
mod tree;
mod verdict;

pub use group::{Group, Integrated, Ledger, Target};
pub use groups::{Decision, Forgotten, Groups};
pub use time_interval::{
    CalendarSpan, DayRange, MINUTES_PER_DAY, MonthRange, TimeInterval, TimeRange, WeekdayRange, YearRange,
};
pub use tree::{GroupBy, Match, Route, RouteTree};
pub use verdict::{Told, Verdict, WAITING_MAX, Withheld};
