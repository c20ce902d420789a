//! Signs of life on their way to the engine.

use super::{Decider, Loop, Message, Reply, Stopping};
use crate::engine::{HeartbeatSignal, Input, UnknownHeartbeat};
use crate::model::Timestamp;

impl Decider {
    /// Hands over a sign of life; returns once it is durable.
    ///
    /// # Errors
    ///
    /// The engine has stopped; within, that there is no such heartbeat.
    pub async fn heartbeat(
        &self,
        name: String,
        signal: HeartbeatSignal,
        message: String,
    ) -> Result<Result<(), UnknownHeartbeat>, Stopping> {
        let (answer, done) = tokio::sync::oneshot::channel();
        self.push(Message::Heartbeat(name, signal, message, answer)).await?;
        done.await.map_err(|_| Stopping)
    }
}

impl Loop {
    pub(super) fn heartbeat(
        &mut self,
        now: Timestamp,
        name: String,
        signal: HeartbeatSignal,
        message: String,
        reply: Reply<Result<(), UnknownHeartbeat>>,
    ) {
        let found = self.engine.find_heartbeat(&name);
        if found.is_ok() {
            self.surround.metrics.heartbeat_received();
            self.engine.handle(now, Input::Heartbeat { name, signal, message }, &mut self.pending);
        }
        self.answer(reply, found);
    }
}
