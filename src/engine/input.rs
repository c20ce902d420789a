//! What the engine is told, and what it asks for.

use std::sync::Arc;

use super::{Event, ExternalAlert, HeartbeatSignal, Plan, Record};
use crate::deliver::{Delivery, Outcome};
use crate::escalate::Answer;
use crate::model::{Labels, Timestamp};
use crate::oncall::Override;
use crate::route::SilenceDraft;
use crate::rule::{AlertState, Observation, Presence, RuleId};

/// Something the engine is told.
#[derive(Clone, Debug)]
pub enum Input {
    /// An alerting rule was evaluated.
    AlertingResult {
        /// The rule.
        rule: RuleId,
        /// The moment of evaluation.
        at: Timestamp,
        /// What it yielded.
        result: Result<Vec<Observation>, RuleError>,
        /// For which label sets it has data.
        presence: Presence,
    },
    /// A recording rule was evaluated.
    RecordingResult {
        /// The rule.
        rule: RuleId,
        /// The moment of evaluation.
        at: Timestamp,
        /// Whether it went well.
        result: Result<(), RuleError>,
    },
    /// An attempt at sending has ended.
    Attempted {
        /// The number of the delivery.
        number: u64,
        /// How it ended.
        outcome: Outcome,
    },
    /// Somebody sets or changes a silence; one that cannot be is refused without effect, as [`super::Engine::plan_silence`]
    /// says.
    SetSilence {
        /// What is asked for.
        draft: SilenceDraft,
        /// The id of the silence, should it be a new one; never used before.
        new_id: String,
    },
    /// Somebody ends a silence.
    ExpireSilence {
        /// Its id.
        id: String,
    },
    /// Somebody sets exceptions from schedules, all or none; an id that is known is changed. What cannot be is refused without
    /// effect, as [`super::Engine::plan_overrides`] says.
    SetOverrides(Vec<Override>),
    /// Somebody takes an exception back: one that has begun ends now, one that has not is forgotten.
    RemoveOverride {
        /// Its id.
        id: String,
    },
    /// Somebody posts alerts, each found good by [`ExternalAlert::check`]; those that [`super::Engine::refusals`] names are
    /// left out.
    ExternalAlerts(Vec<ExternalAlert>),
    /// Somebody gives a sign of life; that of a heartbeat which is not configured is passed over.
    Heartbeat {
        /// The heartbeat's name.
        name: String,
        /// Whether it beats or has failed.
        signal: HeartbeatSignal,
        /// What it says of it; may be empty.
        message: String,
    },
    /// Somebody does something about an incident; what cannot be is refused without effect, as
    /// [`super::Engine::plan_answer`] says.
    Answer(Box<Answer>),
    /// The configuration was read again.
    NewPlan(Arc<Plan>),
    /// Time has passed.
    Tick,
}

/// A rule could not be evaluated, or its result not be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RuleError(pub String);

/// Something the engine asks for. `Persist` must be durable before any `Send` of the same call is performed.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Write this record.
    Persist(Record),
    /// Make one attempt at this delivery and report it with [`Input::Attempted`].
    Send(Box<Delivery>),
    /// Tell whoever listens.
    Emit(Box<Event>),
}

/// What the evaluation of an alerting rule needs to know of it afterwards.
#[derive(Clone, Debug, Default)]
pub struct RuleView {
    /// `ALERTS` and `ALERTS_FOR_STATE`.
    pub series: Vec<(Labels, f64)>,
    /// The query labels of the alerts that are pending or firing, and which of the two.
    pub active: Vec<(Labels, AlertState)>,
}
