//! Silences and maintenance windows that the configuration plans: at times of the calendar, or once.

use std::time::Duration;

use super::{Cron, Silence, TimeInterval};
use crate::model::{Labels, Matcher, Timestamp};

/// The step of time intervals.
const MINUTE: Duration = Duration::from_secs(60);
/// How far ahead the end of a time interval is looked for, for people.
const END_SHOWN_MAX: u32 = 24 * 60;
/// Who set what the configuration plans.
const CREATED_BY: &str = "configuration";

/// Alerts that satisfy all of `matchers` are not told at certain times.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedSilence {
    /// `silence:NAME` or `maintenance:NAME`.
    pub id: String,
    /// What an alert must satisfy.
    pub matchers: Vec<Matcher>,
    /// The times.
    pub times: PlannedTimes,
    /// Why.
    pub comment: String,
}

/// When a planned silence holds.
#[derive(Clone, Debug, PartialEq)]
pub enum PlannedTimes {
    /// While one of these does.
    Intervals(Vec<TimeInterval>),
    /// From each of these moments, for so long by any clock.
    Recurring {
        /// The moments.
        cron: Box<Cron>,
        /// How long.
        duration: Duration,
    },
    /// Once.
    Once {
        /// Its first moment.
        from: Timestamp,
        /// Its end.
        until: Timestamp,
    },
}

/// Whether a planned silence holds, and until when that is certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Phase {
    active: bool,
    until: Timestamp,
}

impl PlannedTimes {
    fn phase(&self, now: Timestamp) -> Phase {
        if now.to_jiff().is_none() {
            return Phase { active: false, until: Timestamp::MAX };
        }
        match self {
            PlannedTimes::Intervals(intervals) => {
                let minute = i64::try_from(MINUTE.as_millis()).unwrap_or(i64::MAX);
                let start = Timestamp::from_millis(now.millis() - now.millis().rem_euclid(minute));
                Phase { active: intervals.iter().any(|interval| interval.contains(now)), until: start + MINUTE }
            }
            PlannedTimes::Recurring { cron, duration } => {
                match cron.last(now, *duration).map(|start| start + *duration).filter(|end| *end > now) {
                    Some(end) => Phase { active: true, until: end },
                    None => Phase { active: false, until: cron.next(now).unwrap_or(Timestamp::MAX) },
                }
            }
            PlannedTimes::Once { from, until } => match (now < *from, now < *until) {
                (true, _) => Phase { active: false, until: *from },
                (false, true) => Phase { active: true, until: *until },
                (false, false) => Phase { active: false, until: Timestamp::MAX },
            },
        }
    }

    /// The stretch of time in which it holds now, or next; `None` where that is not known.
    fn stretch(&self, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
        match self {
            PlannedTimes::Intervals(_) => {
                let first = self.phase(now);
                let minutes = (0..END_SHOWN_MAX).map(|minute| first.until + MINUTE * minute);
                let end = minutes.into_iter().find(|at| !self.phase(*at).active);
                first.active.then(|| (first.until - MINUTE, end.unwrap_or(first.until + MINUTE * END_SHOWN_MAX)))
            }
            PlannedTimes::Recurring { cron, duration } => {
                let active = cron.last(now, *duration).filter(|start| *start + *duration > now);
                active.or_else(|| cron.next(now)).map(|start| (start, start + *duration))
            }
            PlannedTimes::Once { from, until } => (now < *until).then_some((*from, *until)),
        }
    }
}

/// All planned silences, with what is known of them now.
#[derive(Clone, Debug, Default)]
pub(super) struct Planned {
    silences: Vec<PlannedSilence>,
    phases: Vec<Phase>,
    /// Since when `phases` hold, and until when.
    known: Option<(Timestamp, Timestamp)>,
}

impl Planned {
    pub(super) fn new(silences: Vec<PlannedSilence>, now: Timestamp) -> Planned {
        let mut planned = Planned { silences, ..Planned::default() };
        planned.advance(now);
        planned
    }

    /// Time has passed; names those that have begun or ended since the last call, as silences.
    pub(super) fn advance(&mut self, now: Timestamp) -> Vec<Silence> {
        if now.to_jiff().is_none()
            || self.silences.is_empty()
            || self.known.is_some_and(|(since, until)| since <= now && now < until)
        {
            return Vec::new();
        }
        let phases: Vec<Phase> = self.silences.iter().map(|silence| silence.times.phase(now)).collect();
        let until = phases.iter().map(|phase| phase.until).min().unwrap_or(Timestamp::MAX);
        self.known = Some((now, until));
        let before = std::mem::replace(&mut self.phases, phases);
        let changed = self.phases.iter().zip(&before).map(|(now, before)| now.active != before.active);
        let changed = self.silences.iter().zip(changed).filter(|(_, changed)| *changed);
        changed.map(|(silence, _)| silence.shown(now)).collect()
    }

    /// When one begins or ends by a moment that is known.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let known = self.silences.iter().zip(&self.phases);
        let known = known.filter(|(silence, _)| !matches!(silence.times, PlannedTimes::Intervals(_)));
        known.map(|(_, phase)| phase.until).filter(|until| *until < Timestamp::MAX).min()
    }

    fn phase(&self, index: usize, now: Timestamp) -> Phase {
        match (self.known, self.phases.get(index)) {
            (Some((since, until)), Some(phase)) if since <= now && now < until => *phase,
            _ => self.silences[index].times.phase(now),
        }
    }

    /// Those that hold now and that `labels` satisfy, each with the time until which that is certain.
    pub(super) fn silencing<'a>(
        &'a self,
        labels: &'a Labels,
        now: Timestamp,
    ) -> impl Iterator<Item = (&'a PlannedSilence, Timestamp)> {
        let silences = self.silences.iter().enumerate();
        silences.filter(|(_, silence)| silence.matchers.iter().all(|matcher| matcher.matches(labels))).filter_map(
            move |(index, silence)| {
                let phase = self.phase(index, now);
                phase.active.then_some((silence, phase.until))
            },
        )
    }

    /// Those that hold now or will, as silences.
    pub(super) fn shown(&self, now: Timestamp) -> impl Iterator<Item = Silence> {
        self.silences.iter().filter(move |silence| silence.times.stretch(now).is_some()).map(move |it| it.shown(now))
    }
}

impl PlannedSilence {
    /// As a silence: the time in which it holds now, or next, or where it never will, none.
    fn shown(&self, now: Timestamp) -> Silence {
        let (starts_at, ends_at) = self.times.stretch(now).unwrap_or((now, now));
        Silence {
            id: self.id.clone(),
            matchers: self.matchers.clone(),
            starts_at,
            ends_at,
            created_by: CREATED_BY.to_owned(),
            comment: self.comment.clone(),
            updated_at: starts_at.min(now),
        }
    }
}
