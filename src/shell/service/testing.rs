//! A decider without a disk, for tests of what talks to it.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::decider::{self, Decider, Surround};
use super::sentinel::Sentinel;
use super::status::Statuses;
use crate::config::Plan;
use crate::deliver::Delivery;
use crate::engine::Engine;
use crate::shell::clock::Clock;
use crate::shell::history::History;
use crate::shell::storage::{MemoryStore, StoreError};
use crate::shell::telemetry::Metrics;

/// Decides by `plan`; what is to be sent goes to `send`.
pub(in crate::shell) fn decider_in_memory(
    plan: &Plan,
    metrics: Arc<Metrics>,
    send: impl Fn(Delivery) + Send + 'static,
) -> Decider {
    let folder = tempfile::tempdir().expect("a folder");
    let snapshots = folder.path().to_owned();
    let surround = Surround {
        store: Some(Box::new(MemoryStore::default())),
        reopen: Box::new(|_| Err(StoreError::ReservedKey)),
        history: History::restore(plan.history, &[]),
        snapshots,
        clock: Clock::system(),
        // The folder lives as long as the thread, which writes a last snapshot into it.
        send: Box::new(move |delivery| {
            let _ = &folder;
            send(delivery);
        }),
        metrics,
        statuses: Arc::new(Statuses::default()),
    };
    let engine = Engine::new(Arc::new(plan.engine.clone()));
    let sentinel = Sentinel::new("decide", mpsc::channel(1).0);
    decider::start(engine, Vec::new(), surround, sentinel).expect("a thread").0
}
