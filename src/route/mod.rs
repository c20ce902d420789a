//! The route tree, grouping, inhibition, silences and dedup: who is told of which alerts, and why.

mod cron;
mod flap;
mod flush;
mod group;
mod groups;
mod inhibit;
mod muting;
mod notify;
mod planned;
mod recheck;
mod silence;
mod stand_in;
mod summary;
mod texts;
mod time_interval;
mod timer;
mod tree;
mod verdict;
mod watch;

pub use cron::Cron;
pub use flap::{FLAPPING_ANNOTATION, Flap, Flaps, Steadied};
pub use flush::Decision;
pub use group::{Group, Integrated, Ledger, Target};
pub use groups::{Flushed, Forgotten, Groups};
pub use inhibit::InhibitRule;
pub use muting::{SilencesNow, Suppression};
pub use notify::{NotifyOn, NotifyPolicy, RepeatBackoff};
pub use planned::{PlannedSilence, PlannedTimes};
pub use recheck::SuppressedAlert;
pub use silence::{
    SILENCE_BYTES_MAX, SILENCE_MATCHERS_MAX, SILENCE_RETENTION, SILENCES_MAX, Silence, SilenceChange, SilenceDraft,
    SilenceError, SilenceState, Silences,
};
pub use time_interval::{
    CalendarSpan, DayRange, MINUTES_PER_DAY, MonthRange, NEXT_START_WITHIN, TimeInterval, TimeRange, WeekdayRange,
    YearRange,
};
pub use tree::{GroupBy, Match, Route, RouteTree};
pub use verdict::{Told, Verdict, WAITING_MAX, Withheld};
