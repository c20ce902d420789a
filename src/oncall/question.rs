//! What people ask of schedules: who is on call, and over which span.

use std::time::Duration;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::wall::{Moment, Occurrence};
use super::{Duty, OncallPlan, Schedule, Shift, User};
use crate::model::{Timestamp, from_rfc3339, nearest, rfc3339};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How many days a span has at most.
pub const SPAN_DAYS_MAX: u32 = 3660;
/// How many days a span has unless it is said.
pub const SPAN_DAYS: u32 = 14;
/// How far a calendar reaches ahead.
const CALENDAR_AHEAD: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// A name that nobody and nothing has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There is no such user.
    #[error("no user is named `{name}`{}", meant(.near))]
    User {
        /// What is asked for.
        name: String,
        /// Who may be meant.
        near: Option<String>,
    },
    /// There is no such schedule.
    #[error("no schedule is named `{name}`{}", meant(.near))]
    Schedule {
        /// What is asked for.
        name: String,
        /// Which may be meant.
        near: Option<String>,
    },
}

/// `; did you mean ...?`, if there is something.
fn meant(near: &Option<String>) -> String {
    near.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

/// A question that has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuestionError {
    /// Who or what is not there.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A time that cannot be told.
    #[error("the time is too far away")]
    TooFar,
    /// It ends before it begins, or then.
    #[error("the span ends at {until}, before it begins at {from}")]
    EndsBeforeStart {
        /// Its beginning.
        from: Timestamp,
        /// Its end.
        until: Timestamp,
    },
    /// It is too long.
    #[error("the span is longer than {SPAN_DAYS_MAX} days")]
    TooLong,
}

/// A span as somebody asks for it; times without an offset are by the clock of each schedule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The present; now by default.
    pub at: Option<Moment>,
    /// Where it begins; in the present by default.
    pub from: Option<Moment>,
    /// Where it ends; after `days` by default.
    pub until: Option<Moment>,
    /// How many days it has if it does not say where it ends.
    pub days: Option<u32>,
}

impl Span {
    /// The present by the clock of `zone`; `now` if none is given.
    ///
    /// # Errors
    ///
    /// [`QuestionError::TooFar`]
    pub fn present(&self, zone: &TimeZone, now: Timestamp) -> Result<Timestamp, QuestionError> {
        self.at.map_or(Ok(now), |at| at.by(zone, Occurrence::First).ok_or(QuestionError::TooFar))
    }

    /// The span by the clock of `zone`.
    ///
    /// # Errors
    ///
    /// All but [`QuestionError::Name`].
    pub fn by(&self, zone: &TimeZone, now: Timestamp) -> Result<(Timestamp, Timestamp), QuestionError> {
        let from = match self.from {
            Some(from) => from.by(zone, Occurrence::First).ok_or(QuestionError::TooFar)?,
            None => self.present(zone, now)?,
        };
        let until = match self.until {
            Some(until) => until.by(zone, Occurrence::Last).ok_or(QuestionError::TooFar)?,
            None => from + DAY * self.days.unwrap_or(SPAN_DAYS),
        };
        match until {
            until if until <= from => Err(QuestionError::EndsBeforeStart { from, until }),
            until if until.since(from) > DAY * SPAN_DAYS_MAX => Err(QuestionError::TooLong),
            _ => Ok((from, until)),
        }
    }
}

/// The final schedule of a span.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinalSchedule {
    /// The schedule.
    pub schedule: String,
    /// The time zone whose clock it goes by.
    pub time_zone: String,
    /// Where the span begins.
    #[serde(serialize_with = "rfc3339", deserialize_with = "from_rfc3339")]
    pub from: Timestamp,
    /// Where it ends.
    #[serde(serialize_with = "rfc3339", deserialize_with = "from_rfc3339")]
    pub until: Timestamp,
    /// Who is on call when, gaps included; of one user the shifts of that user alone.
    pub shifts: Vec<Shift>,
}

impl OncallPlan {
    /// The user `name`, or what is wrong with the name.
    ///
    /// # Errors
    ///
    /// [`NameError::User`]
    pub fn known_user(&self, name: &str) -> Result<&User, NameError> {
        self.user(name).ok_or_else(|| NameError::User {
            name: name.to_owned(),
            near: nearest(name, self.users.iter().map(|user| user.name.as_str())).map(str::to_owned),
        })
    }

    /// The schedule `name`, or what is wrong with the name.
    ///
    /// # Errors
    ///
    /// [`NameError::Schedule`]
    pub fn known_schedule(&self, name: &str) -> Result<&Schedule, NameError> {
        let found = self.schedules.iter().find(|schedule| schedule.name == name);
        found.ok_or_else(|| NameError::Schedule {
            name: name.to_owned(),
            near: nearest(name, self.schedules.iter().map(|schedule| schedule.name.as_str())).map(str::to_owned),
        })
    }

    /// The schedule `name`, or without one all.
    ///
    /// # Errors
    ///
    /// [`NameError::Schedule`]
    pub fn asked(&self, name: Option<&str>) -> Result<Vec<&Schedule>, NameError> {
        match name {
            Some(name) => Ok(vec![self.known_schedule(name)?]),
            None => Ok(self.schedules.iter().collect()),
        }
    }

    /// Who is on call in the present of `span`, by the schedule `name` or by all; of one user, only where they are.
    ///
    /// # Errors
    ///
    /// An unknown name, or a time that is too far away.
    pub fn duties_asked(
        &self,
        name: Option<&str>,
        user: Option<&str>,
        span: &Span,
        now: Timestamp,
    ) -> Result<Vec<Duty>, QuestionError> {
        user.map(|user| self.known_user(user)).transpose()?;
        let mut found = Vec::new();
        for schedule in self.asked(name)? {
            let duty = self.duty(schedule, span.present(&schedule.zone, now)?);
            let concerns = user.is_none_or(|user| duty.on_call.iter().any(|person| person == user));
            found.extend(concerns.then_some(duty));
        }
        Ok(found)
    }

    /// The final schedules of a span, of the schedule `name` or of all; of one user, only their shifts.
    ///
    /// # Errors
    ///
    /// An unknown name, or a span that cannot be.
    pub fn shifts_asked(
        &self,
        name: Option<&str>,
        user: Option<&str>,
        span: &Span,
        now: Timestamp,
    ) -> Result<Vec<FinalSchedule>, QuestionError> {
        user.map(|user| self.known_user(user)).transpose()?;
        let mut found = Vec::new();
        for schedule in self.asked(name)? {
            let (from, until) = span.by(&schedule.zone, now)?;
            let mut shifts = schedule.shifts(from, until, &self.overrides);
            shifts.retain(|shift| user.is_none_or(|user| shift.people.iter().any(|person| person == user)));
            let time_zone = schedule.zone_name();
            found.push(FinalSchedule { schedule: schedule.name.clone(), time_zone, from, until, shifts });
        }
        Ok(found)
    }
}

/// What a calendar shows that is read at `at`: from the beginning of the year before, since a shift that lasts keeps its beginning
/// as long as the year does, to a year ahead.
pub fn calendar_span(at: Timestamp) -> (Timestamp, Timestamp) {
    let start = at.to_jiff().and_then(|at| {
        let year = at.to_zoned(TimeZone::UTC).year();
        jiff::civil::DateTime::new(year.checked_sub(1)?, 1, 1, 0, 0, 0, 0).ok()
    });
    let start = start.and_then(|start| Moment::Wall(start).by(&TimeZone::UTC, Occurrence::First));
    (start.unwrap_or(at), at + CALENDAR_AHEAD)
}
