//! Whether Watchbell as a whole works: what `/health` answers and the watchdog says.

use std::sync::Arc;
use std::time::Duration;

use super::decider::Decider;
use super::evaluator::Evaluator;
use super::status::{Status, Statuses};
use crate::shell::clock::Clock;

/// What does not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ailment {
    /// The engine does not answer.
    Engine,
    /// Decisions cannot be written.
    Store,
    /// Samples cannot be written.
    Journal,
    /// The evaluation of a group does not end.
    Evaluation,
}

impl Ailment {
    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Ailment::Engine => "the engine does not answer",
            Ailment::Store => "decisions cannot be written to the store",
            Ailment::Journal => "samples cannot be written to the journal",
            Ailment::Evaluation => "the evaluation of a group does not end",
        }
    }
}

/// Looks at the parts that everything hangs on.
#[derive(Clone)]
pub struct Vitals {
    /// The engine.
    pub decider: Decider,
    /// The evaluation of groups.
    pub evaluator: Evaluator,
    /// The health of store and journal.
    pub statuses: Arc<Statuses>,
    /// The time.
    pub clock: Clock,
}

impl Vitals {
    /// The first thing that does not work, if anything does not; the engine may take `patience` to answer.
    pub async fn ailment(&self, patience: Duration) -> Option<Ailment> {
        let snapshot = self.statuses.snapshot();
        let fails = |status: &Status| status.ok == Some(false);
        if fails(&snapshot.store) {
            return Some(Ailment::Store);
        }
        if fails(&snapshot.journal) {
            return Some(Ailment::Journal);
        }
        if self.evaluator.is_stuck(self.clock.now()) {
            return Some(Ailment::Evaluation);
        }
        let answered = tokio::time::timeout(patience, self.decider.read(|_| ())).await;
        (!matches!(answered, Ok(Ok(())))).then_some(Ailment::Engine)
    }
}
