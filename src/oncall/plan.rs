//! What the configuration says of people and schedules.

use hashbrown::HashSet;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Override, Schedule};
use crate::model::{Timestamp, from_rfc3339, rfc3339_or_none};

/// Somebody who can be on call.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// The name that schedules refer to.
    pub name: String,
    /// The name for people; `name` if none is given.
    pub full_name: String,
    /// Whose clock they live by.
    pub zone: TimeZone,
}

/// People, schedules, and the exceptions from these that stand in the configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OncallPlan {
    /// Everybody, by order of the file.
    pub users: Vec<User>,
    /// The schedules; their people are all among the users.
    pub schedules: Vec<Schedule>,
    /// The exceptions; their people are all among the users, their schedules among the schedules.
    pub overrides: Vec<Override>,
}

/// Who is on call by one schedule, until when, and who is next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duty {
    /// The schedule.
    pub schedule: String,
    /// The time zone whose clock it goes by.
    pub time_zone: String,
    /// Who is on call; nobody in a gap.
    pub on_call: Vec<String>,
    /// When that changes; `None` if it does not within two years.
    #[serde(serialize_with = "rfc3339_or_none", deserialize_with = "from_rfc3339_or_none")]
    pub until: Option<Timestamp>,
    /// Who is on call next, after a gap if there is one; nobody if nobody is within two years.
    pub next: Vec<String>,
}

fn from_rfc3339_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    #[derive(Deserialize)]
    struct Told(#[serde(deserialize_with = "from_rfc3339")] Timestamp);
    Ok(Option::<Told>::deserialize(deserializer)?.map(|Told(at)| at))
}

impl OncallPlan {
    /// Who is on call by `schedule` at `at`.
    pub fn duty(&self, schedule: &Schedule, at: Timestamp) -> Duty {
        let on_call = schedule.on_call(at, &self.overrides);
        let following = usize::from(!on_call.is_empty());
        Duty {
            schedule: schedule.name.clone(),
            time_zone: schedule.zone_name(),
            until: schedule.next_change(at, &self.overrides),
            next: schedule.on_call_next(at, following, &self.overrides).unwrap_or_default(),
            on_call,
        }
    }

    /// Who is on call at `at`, by each schedule.
    pub fn duties(&self, at: Timestamp) -> Vec<Duty> {
        self.schedules.iter().map(|schedule| self.duty(schedule, at)).collect()
    }

    /// The same with `more` exceptions behind its own; those take no part whose users or schedule are not known here.
    pub fn with_overrides<'a>(&self, more: impl IntoIterator<Item = &'a Override>) -> OncallPlan {
        let users: HashSet<&str> = self.users.iter().map(|user| user.name.as_str()).collect();
        let schedules: HashSet<&str> = self.schedules.iter().map(|schedule| schedule.name.as_str()).collect();
        let is_known = |other: &&Override| {
            other.schedule.as_deref().is_none_or(|name| schedules.contains(name))
                && other.change.users().all(|user| users.contains(user))
        };
        let mut overrides = self.overrides.clone();
        overrides.extend(more.into_iter().filter(is_known).cloned());
        OncallPlan { users: self.users.clone(), schedules: self.schedules.clone(), overrides }
    }

    /// The user `name`.
    pub fn user(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|user| user.name == name)
    }
}
