//! Decisions on their way to the disk.

use tracing::{debug, error, warn};

use super::{Loop, SNAPSHOT_INTERVAL, STORE_RETRY, Surround};
use crate::engine::Record;
use crate::shell::storage::{Contents, Opened, StoreError, write_snapshot};

impl Loop {
    /// Writes a snapshot, unless nothing was written since the last one.
    pub(super) fn snapshot(&mut self) {
        let now = self.surround.clock.now();
        self.snapshot_at = now + SNAPSHOT_INTERVAL;
        let Some(store) = &self.surround.store else { return };
        let sequence = store.sequence();
        if self.snapshot_of == Some(sequence) {
            return;
        }
        let written = store
            .load()
            .and_then(|records| write_snapshot(&self.surround.snapshots, now, &Contents { sequence, records }));
        match written {
            Ok(path) => {
                self.snapshot_of = Some(sequence);
                debug!(path = %path.display(), "snapshot written");
            }
            Err(error) => warn!(%error, "no snapshot of the store can be written"),
        }
    }

    /// Writes `records`, again and again until it succeeds: nothing may act on a decision that could be lost.
    ///
    /// Returns whether the engine may go on.
    pub(super) fn persist(&mut self, records: &[Record]) -> bool {
        if records.is_empty() {
            return true;
        }
        let Surround { store, reopen, clock, metrics, statuses, .. } = &mut self.surround;
        loop {
            let started = clock.start();
            let written = match store.as_mut() {
                Some(store) => store.apply(records).map(|()| store.size_bytes()),
                None => match reopen(clock.now()) {
                    Ok(Opened { store: opened, recovery: None, .. }) => {
                        *store = Some(Box::new(opened));
                        continue;
                    }
                    Ok(Opened { recovery: Some(_), .. }) => {
                        // What is on disk now is older than what the engine holds: only a start brings them together.
                        error!("the store was restored from a snapshot; the service ends, to start again from it");
                        return false;
                    }
                    Err(error) => Err(error),
                },
            };
            match written {
                Ok(size) => {
                    let took = clock.elapsed_since(started);
                    metrics.store_flushed(took);
                    metrics.set_store_size(size);
                    statuses.store_worked(clock.now(), took);
                    return true;
                }
                Err(StoreError::TooLarge { .. }) if records.len() == 1 => {
                    let Record { kind, .. } = &records[0];
                    error!(kind = kind.prefix(), "a record is too large to be kept; a restart will not know of it");
                    return true;
                }
                Err(StoreError::TooLarge { .. }) => {
                    return records.iter().all(|record| self.persist(std::slice::from_ref(record)));
                }
                Err(error) => {
                    error!(%error, records = records.len(), "decisions cannot be written; nothing is sent until they are");
                    statuses.store_failed(clock.now(), &error.to_string());
                    // A store that failed takes no further writes; its lock is free once it is gone.
                    *store = None;
                    std::thread::sleep(STORE_RETRY);
                }
            }
        }
    }
}
