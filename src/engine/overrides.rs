//! Exceptions from schedules that people set while the service runs, and the schedules with all exceptions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::state::Call;
use super::{Engine, EventKind, OverrideFate, keep};
use crate::model::{Timestamp, TraceId};
use crate::oncall::{OncallPlan, Override, OverrideError, OverrideState};

/// How long an override is kept after its end.
pub const OVERRIDE_RETENTION: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// The greatest number of overrides, ended ones included.
pub const OVERRIDES_MAX: usize = 10_000;
/// The greatest number of overrides that are set together.
pub const OVERRIDES_AT_ONCE_MAX: usize = 1_000;

/// An override that somebody set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredOverride {
    /// What it says.
    pub exception: Override,
    /// When it was set first; where two speak of the same person, the later one has the last word.
    pub created_at: Timestamp,
}

/// One of several overrides cannot be set, so that none is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct OverrideRefusal {
    /// Which one, counted from 0.
    pub position: usize,
    /// What is wrong with it.
    pub error: OverrideError,
}

/// What somebody set.
#[derive(Clone, Debug, Default)]
pub(super) struct Overrides {
    by_id: BTreeMap<String, StoredOverride>,
    /// All, by the time at which they are forgotten.
    kept_until: BTreeSet<(Timestamp, String)>,
}

impl Overrides {
    pub(super) fn put(&mut self, stored: StoredOverride) {
        let id = stored.exception.id.clone();
        self.remove(&id);
        self.kept_until.insert((stored.exception.until + OVERRIDE_RETENTION, id.clone()));
        self.by_id.insert(id, stored);
    }

    fn remove(&mut self, id: &str) {
        if let Some(stored) = self.by_id.remove(id) {
            self.kept_until.remove(&(stored.exception.until + OVERRIDE_RETENTION, id.to_owned()));
        }
    }

    /// When the next one is forgotten.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.kept_until.first().map(|(at, _)| *at)
    }

    /// In the order in which they were set.
    fn in_order(&self) -> Vec<&StoredOverride> {
        let mut all: Vec<&StoredOverride> = self.by_id.values().collect();
        all.sort_by_key(|stored| stored.created_at);
        all
    }
}

impl Engine {
    /// The people and schedules, with the exceptions of the configuration and then those that were set since.
    pub fn oncall(&self) -> &Arc<OncallPlan> {
        &self.oncall
    }

    /// What was set and is kept, in the order in which it was set; also what has no effect, since the configuration no longer
    /// has its users or its schedule.
    pub fn overrides(&self) -> Vec<&StoredOverride> {
        self.overrides.in_order()
    }

    /// Whether all of `overrides` can be set at `now`.
    ///
    /// # Errors
    ///
    /// The first that cannot, and why.
    pub fn plan_overrides(&self, now: Timestamp, overrides: &[Override]) -> Result<(), OverrideRefusal> {
        let new = overrides.iter().filter(|one| !self.overrides.by_id.contains_key(&one.id)).count();
        for (count, limit) in
            [(overrides.len(), OVERRIDES_AT_ONCE_MAX), (self.overrides.by_id.len() + new, OVERRIDES_MAX)]
        {
            if count > limit {
                return Err(OverrideRefusal { position: 0, error: OverrideError::TooMany { count, limit } });
            }
        }
        for (position, one) in overrides.iter().enumerate() {
            let checked = self.plan.oncall.accept(one).and_then(|()| match one.state(now) {
                OverrideState::Expired => Err(OverrideError::EndsInThePast(one.until)),
                OverrideState::Active | OverrideState::Pending => Ok(()),
            });
            checked.map_err(|error| OverrideRefusal { position, error })?;
        }
        Ok(())
    }

    /// What becomes of the override `id` when it is taken back at `now`.
    ///
    /// # Errors
    ///
    /// There is none, or it is over.
    pub fn plan_removal(&self, now: Timestamp, id: &str) -> Result<OverrideFate, OverrideError> {
        let stored = self.overrides.by_id.get(id).ok_or_else(|| OverrideError::NotFound(id.to_owned()))?;
        match stored.exception.state(now) {
            OverrideState::Expired => Err(OverrideError::AlreadyOver(id.to_owned())),
            OverrideState::Active if stored.exception.from < now => Ok(OverrideFate::Ended),
            OverrideState::Active | OverrideState::Pending => Ok(OverrideFate::Removed),
        }
    }

    pub(super) fn set_overrides(&mut self, overrides: Vec<Override>, call: &mut Call<'_>) {
        if self.plan_overrides(call.now, &overrides).is_err() {
            return;
        }
        for exception in overrides {
            let known = self.overrides.by_id.get(&exception.id);
            if known.is_some_and(|known| known.exception == exception) {
                continue;
            }
            let created_at = known.map_or(call.now, |known| known.created_at);
            tell(&exception, OverrideFate::Set, call);
            let stored = StoredOverride { exception, created_at };
            call.persist(keep::exception(&stored));
            self.overrides.put(stored);
        }
        self.refresh_oncall();
        self.oncall_changed(call);
    }

    pub(super) fn remove_override(&mut self, id: &str, call: &mut Call<'_>) {
        let Ok(fate) = self.plan_removal(call.now, id) else { return };
        let Some(stored) = self.overrides.by_id.get(id).cloned() else { return };
        match fate {
            OverrideFate::Ended => {
                // What was stays what it was: calendars and reports of the past do not change.
                let exception = Override { until: call.now, ..stored.exception };
                tell(&exception, fate, call);
                let stored = StoredOverride { exception, ..stored };
                call.persist(keep::exception(&stored));
                self.overrides.put(stored);
            }
            OverrideFate::Set | OverrideFate::Removed => {
                tell(&stored.exception, fate, call);
                call.persist(keep::exception_gone(id));
                self.overrides.remove(id);
            }
        }
        self.refresh_oncall();
        self.oncall_changed(call);
    }

    /// Forgets what ended long ago.
    pub(super) fn forget_overrides(&mut self, call: &mut Call<'_>) {
        let before = self.overrides.by_id.len();
        while let Some((at, id)) = self.overrides.kept_until.first().cloned() {
            if at > call.now {
                break;
            }
            call.persist(keep::exception_gone(&id));
            self.overrides.remove(&id);
        }
        if self.overrides.by_id.len() != before {
            self.refresh_oncall();
        }
    }

    /// Puts the schedules together again, after a change of the configuration or of what was set. It is the one place where
    /// the effective plan changes.
    pub(super) fn refresh_oncall(&mut self) {
        let set = self.overrides.in_order();
        let effective = match set.is_empty() {
            true => Arc::clone(&self.plan.oncall),
            false => Arc::new(self.plan.oncall.with_overrides(set.into_iter().map(|stored| &stored.exception))),
        };
        if *effective != *self.oncall {
            self.oncall = effective;
        }
    }
}

fn tell(exception: &Override, fate: OverrideFate, call: &mut Call<'_>) {
    let Override { id, schedule, from, until, change, created_by, comment } = exception.clone();
    call.emit(TraceId::NONE, EventKind::Override { id, fate, schedule, change, from, until, created_by, comment });
}
