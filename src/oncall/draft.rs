//! Overrides as people ask for them, and what is wrong with those that cannot be.

use jiff::tz::TimeZone;

use super::wall::{Moment, Occurrence};
use super::{NameError, OncallPlan, Override, OverrideChange};
use crate::model::Timestamp;

/// The greatest length of an override's texts together, in bytes.
pub const OVERRIDE_BYTES_MAX: usize = 16 << 10;

/// An override as somebody asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverrideDraft {
    /// Its id; one that is known already is changed.
    pub id: String,
    /// The schedule; `None` for all.
    pub schedule: Option<String>,
    /// When it begins; by the schedule's clock, for all schedules by that of the user.
    pub from: Moment,
    /// When it is over; by the same clock.
    pub until: Moment,
    /// What is different.
    pub change: OverrideChange,
    /// Who asks.
    pub created_by: String,
    /// Why.
    pub comment: String,
}

/// Two people who take each other's shift, as somebody asks for it. Times are by the schedule's clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwapDraft {
    /// The ids of the two overrides that it comes to.
    pub ids: [String; 2],
    /// The schedule.
    pub schedule: String,
    /// Whose shift it is that the other takes first.
    pub user: String,
    /// With whom.
    pub with: String,
    /// The shift of `user`.
    pub from: Moment,
    /// Its end.
    pub until: Moment,
    /// The shift of `with`.
    pub and_from: Moment,
    /// Its end.
    pub and_until: Moment,
    /// Who asks.
    pub created_by: String,
    /// Why.
    pub comment: String,
}

/// An override that cannot be set or removed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OverrideError {
    /// Who or what is not there.
    #[error(transparent)]
    Name(#[from] NameError),
    /// It ends before it begins, or then.
    #[error("`until` ({until}) must be after `from` ({from})")]
    EndsBeforeStart {
        /// Its beginning.
        from: Timestamp,
        /// Its end.
        until: Timestamp,
    },
    /// It would be over already.
    #[error("it would be over already: it ends at {0}")]
    EndsInThePast(Timestamp),
    /// A time that cannot be told.
    #[error("the time is too far away")]
    TooFar,
    /// Somebody would stand in for themselves.
    #[error("nobody can take their own place")]
    OwnPlace,
    /// The two shifts of a swap are at the same time.
    #[error("the two shifts overlap; nobody can take the other's place at the same time")]
    Overlap,
    /// A shift of a swap is not that person's.
    #[error("{user} is not on call by `{schedule}` between {from} and {until}: there is nothing to swap")]
    NotOnCall {
        /// Who is not.
        user: String,
        /// By which schedule.
        schedule: String,
        /// From then.
        from: Timestamp,
        /// Until then.
        until: Timestamp,
    },
    /// Its texts are too long.
    #[error("an override's texts take at most {OVERRIDE_BYTES_MAX} bytes")]
    TooLong,
    /// There are too many.
    #[error("there would be {count} overrides; at most {limit} are kept")]
    TooMany {
        /// How many there would be.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// There is none with this id.
    #[error("there is no override {0}")]
    NotFound(String),
    /// It is over already.
    #[error("override {0} is over already")]
    AlreadyOver(String),
}

impl OncallPlan {
    /// By whose clock the times of an override are: that of its schedule, for all schedules that of the user.
    ///
    /// # Errors
    ///
    /// There is no such user or schedule.
    pub fn clock_of(&self, schedule: Option<&str>, change: &OverrideChange) -> Result<&TimeZone, NameError> {
        match schedule {
            Some(name) => Ok(&self.known_schedule(name)?.zone),
            None => Ok(&self.known_user(change.user())?.zone),
        }
    }

    /// The override that `draft` asks for.
    ///
    /// # Errors
    ///
    /// A user or schedule that is not there, times in the wrong order or too far away, texts that are too long.
    pub fn resolve(&self, draft: OverrideDraft) -> Result<Override, OverrideError> {
        let OverrideDraft { id, schedule, from, until, change, created_by, comment } = draft;
        let zone = self.clock_of(schedule.as_deref(), &change)?;
        let from = from.by(zone, Occurrence::First).ok_or(OverrideError::TooFar)?;
        let until = until.by(zone, Occurrence::Last).ok_or(OverrideError::TooFar)?;
        let found = Override { id, schedule, from, until, change, created_by, comment };
        self.accept(&found)?;
        Ok(found)
    }

    /// The two overrides that `draft` asks for, of the shifts as they are now.
    ///
    /// # Errors
    ///
    /// As of [`OncallPlan::resolve`], and shifts that overlap or are not of these people.
    pub fn swap(&self, draft: SwapDraft) -> Result<[Override; 2], OverrideError> {
        let SwapDraft { ids: [first, second], schedule, created_by, comment, .. } = draft;
        let one = |id: String, user: &str, by: &str, from: Moment, until: Moment| {
            self.resolve(OverrideDraft {
                id,
                schedule: Some(schedule.clone()),
                from,
                until,
                change: OverrideChange::Replace { user: user.to_owned(), by: by.to_owned() },
                created_by: created_by.clone(),
                comment: comment.clone(),
            })
        };
        let both = [
            one(first, &draft.user, &draft.with, draft.from, draft.until)?,
            one(second, &draft.with, &draft.user, draft.and_from, draft.and_until)?,
        ];
        if both[0].from < both[1].until && both[1].from < both[0].until {
            return Err(OverrideError::Overlap);
        }
        let known = self.known_schedule(&schedule)?;
        for Override { change, from, until, .. } in &both {
            let user = change.user();
            let shifts = known.shifts(*from, *until, &self.overrides);
            if !shifts.iter().any(|shift| shift.people.iter().any(|person| person == user)) {
                let (user, from, until) = (user.to_owned(), *from, *until);
                return Err(OverrideError::NotOnCall { user, schedule, from, until });
            }
        }
        Ok(both)
    }

    /// Whether an override makes sense here.
    ///
    /// # Errors
    ///
    /// As of [`OncallPlan::resolve`].
    pub fn accept(&self, one: &Override) -> Result<(), OverrideError> {
        if let Some(schedule) = &one.schedule {
            self.known_schedule(schedule)?;
        }
        for user in one.change.users() {
            self.known_user(user)?;
        }
        if let OverrideChange::Replace { user, by } = &one.change
            && user == by
        {
            return Err(OverrideError::OwnPlace);
        }
        if one.until <= one.from {
            return Err(OverrideError::EndsBeforeStart { from: one.from, until: one.until });
        }
        let bytes = one.id.len() + one.created_by.len() + one.comment.len();
        if bytes > OVERRIDE_BYTES_MAX { Err(OverrideError::TooLong) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oncall::{Every, Layer, Rotation, Schedule, User};

    fn plan() -> OncallPlan {
        let zone = TimeZone::get("America/Chicago").expect("known");
        let user = |name: &str, zone: &str| User {
            name: name.into(),
            full_name: name.into(),
            zone: TimeZone::get(zone).expect(zone),
        };
        let layer = Layer {
            name: "all".into(),
            from: None,
            until: None,
            rotation: Rotation {
                start: "2020-03-02T09:00".parse().expect("a time"),
                every: Every::Weeks(std::num::NonZeroU32::MIN),
            },
            turns: vec![vec!["ada".into()], vec!["ben".into()]],
            restrictions: Vec::new(),
            joins: false,
        };
        OncallPlan {
            users: vec![user("ada", "Europe/London"), user("ben", "America/Chicago"), user("cy", "UTC")],
            schedules: vec![Schedule { name: "primary".into(), zone, layers: vec![layer] }],
            overrides: Vec::new(),
        }
    }

    fn draft(schedule: Option<&str>, change: OverrideChange, from: &str, until: &str) -> OverrideDraft {
        OverrideDraft {
            id: "1".into(),
            schedule: schedule.map(str::to_owned),
            from: from.parse().expect(from),
            until: until.parse().expect(until),
            change,
            created_by: "me".into(),
            comment: String::new(),
        }
    }

    fn add(user: &str) -> OverrideChange {
        OverrideChange::Add { user: user.into() }
    }

    #[test]
    fn times_are_by_the_clock_of_the_schedule_or_the_person() {
        for (schedule, user, from, until, expected) in [
            (Some("primary"), "ada", "2020-07-01", "2020-07-02", "2020-07-01T05:00:00Z 2020-07-02T05:00:00Z"),
            (None, "ada", "2020-07-01", "2020-07-02", "2020-06-30T23:00:00Z 2020-07-01T23:00:00Z"),
            // Of a time that exists twice, it is there from the first to the last.
            (
                Some("primary"),
                "ada",
                "2020-11-01T01:00",
                "2020-11-01T01:30",
                "2020-11-01T06:00:00Z 2020-11-01T07:30:00Z",
            ),
            (None, "cy", "2020-07-01T09:00", "2020-07-01T12:00:00+02:00", "2020-07-01T09:00:00Z 2020-07-01T10:00:00Z"),
        ] {
            let found = plan().resolve(draft(schedule, add(user), from, until)).expect(from);
            assert_eq!(format!("{} {}", found.from, found.until), expected, "{from}");
        }
    }

    #[test]
    fn what_cannot_be_set() {
        let replace = |user: &str, by: &str| OverrideChange::Replace { user: user.into(), by: by.into() };
        for (schedule, change, from, until, expected) in [
            (
                Some("primry"),
                add("ada"),
                "2020-07-01",
                "2020-07-02",
                "no schedule is named `primry`; did you mean `primary`?",
            ),
            (None, add("adda"), "2020-07-01", "2020-07-02", "no user is named `adda`; did you mean `ada`?"),
            (None, replace("ada", "zoe"), "2020-07-01", "2020-07-02", "no user is named `zoe`"),
            (None, replace("ada", "ada"), "2020-07-01", "2020-07-02", "nobody can take their own place"),
            (
                None,
                add("cy"),
                "2020-07-02",
                "2020-07-02",
                "`until` (2020-07-02T00:00:00Z) must be after `from` (2020-07-02T00:00:00Z)",
            ),
        ] {
            let error = plan().resolve(draft(schedule, change, from, until)).expect_err(expected);
            assert_eq!(error.to_string(), expected);
        }
        let long = OverrideDraft {
            comment: "x".repeat(OVERRIDE_BYTES_MAX),
            ..draft(None, add("cy"), "2020-07-01", "2020-07-02")
        };
        assert_eq!(plan().resolve(long), Err(OverrideError::TooLong));
    }

    #[test]
    fn swaps() {
        let swap = |user: &str, with: &str, from: &str, until: &str, and_from: &str, and_until: &str| {
            let moment = |text: &str| text.parse::<Moment>().expect("a time");
            plan().swap(SwapDraft {
                ids: ["1".into(), "2".into()],
                schedule: "primary".into(),
                user: user.into(),
                with: with.into(),
                from: moment(from),
                until: moment(until),
                and_from: moment(and_from),
                and_until: moment(and_until),
                created_by: "me".into(),
                comment: String::new(),
            })
        };
        let weeks = ("2020-03-02T09:00", "2020-03-09T09:00", "2020-03-09T09:00", "2020-03-16T09:00");
        let [first, second] = swap("ada", "ben", weeks.0, weeks.1, weeks.2, weeks.3).expect("a swap");
        let plan = OncallPlan { overrides: vec![first, second], ..plan() };
        let shifts = plan.schedules[0].shifts(
            "2020-03-02T15:00:00Z"
                .parse::<Moment>()
                .expect("a time")
                .by(&TimeZone::UTC, Occurrence::First)
                .expect("near"),
            Timestamp::parse_rfc3339("2020-03-20T00:00:00Z").expect("a time"),
            &plan.overrides,
        );
        let shown: Vec<String> =
            shifts.iter().map(|shift| format!("{} {}", shift.from, shift.people.join(","))).collect();
        // The 9th begins in summer time.
        assert_eq!(shown, ["2020-03-02T15:00:00Z ben", "2020-03-09T14:00:00Z ada"]);
        for (user, with, spans, expected) in [
            ("ada", "ben", (weeks.0, weeks.1, "2020-03-08", weeks.3), "the two shifts overlap"),
            ("ben", "ada", weeks, "ben is not on call by `primary` between 2020-03-02T15:00:00Z and"),
            ("ada", "cy", weeks, "cy is not on call"),
            ("ada", "bne", weeks, "did you mean `ben`?"),
        ] {
            let error = swap(user, with, spans.0, spans.1, spans.2, spans.3).expect_err(expected).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
