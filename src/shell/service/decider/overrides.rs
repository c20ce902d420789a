//! Exceptions from schedules on their way to the engine.

use super::{Decider, Loop, Message, Reply, Stopping};
use crate::engine::{Audit, Input, OverrideRefusal};
use crate::model::Timestamp;
use crate::oncall::Override;

/// What somebody changes of the exceptions from schedules: all of it, or nothing.
pub(in crate::shell) struct OverrideChanges {
    /// What is there from now on.
    pub set: Vec<Override>,
    /// The ids of what is taken back.
    pub removed: Vec<String>,
}

impl Decider {
    /// Changes exceptions from schedules; returns once that is durable.
    ///
    /// # Errors
    ///
    /// The engine has stopped; within, which change cannot be made, of those that are set first, and why.
    pub(in crate::shell) async fn change_overrides(
        &self,
        changes: OverrideChanges,
        audit: Audit,
    ) -> Result<Result<(), OverrideRefusal>, Stopping> {
        let (answer, done) = tokio::sync::oneshot::channel();
        self.push(Message::ChangeOverrides(changes, audit, answer)).await?;
        done.await.map_err(|_| Stopping)
    }
}

impl Loop {
    pub(super) fn change_overrides(
        &mut self,
        now: Timestamp,
        OverrideChanges { set, removed }: OverrideChanges,
        audit: Audit,
        reply: Reply<Result<(), OverrideRefusal>>,
    ) {
        let engine = &mut self.engine;
        let removable = |(position, id): (usize, &String)| {
            engine.plan_removal(now, id).map_err(|error| OverrideRefusal { position, error })
        };
        let planned = engine
            .plan_overrides(now, &set)
            .and_then(|()| removed.iter().enumerate().try_for_each(|it| removable(it).map(drop)));
        if planned.is_ok() {
            for id in removed {
                engine.handle(now, Input::RemoveOverride { id }, &mut self.pending);
            }
            engine.handle(now, Input::SetOverrides(set), &mut self.pending);
            self.note(now, audit);
        }
        self.answers.push(Box::new(move || drop(reply.send(planned))));
    }
}
