//! The store: where the engine's records are durable before its decisions are acted on.
//!
//! [`SledStore`] keeps them on disk, [`MemoryStore`] for as long as it lives. Snapshots are all records as JSON lines
//! ([`write_snapshot`]); a damaged database is moved aside and its records restored from the newest of them.

mod error;
mod memory;
mod sled;
mod snapshot;

use std::collections::BTreeSet;
use std::io::{BufRead, Write};

use crate::engine::{Record, RecordKind};

pub use self::sled::{Opened, Recovery, Restored, SledStore, StoreOptions};
pub use error::StoreError;
pub use memory::MemoryStore;
pub use snapshot::{Contents, SNAPSHOTS_KEPT, write_snapshot};

/// The longest key of a record in bytes.
pub const KEY_BYTES_MAX: usize = 4096;
/// The longest value of a record in bytes.
pub const VALUE_BYTES_MAX: usize = 64 << 20;
/// The key of kind `meta` under which a store keeps its format version.
const FORMAT_KEY: &[u8] = b"format";
/// The key of kind `meta` under which a store keeps the number of its last write.
const SEQUENCE_KEY: &[u8] = b"sequence";

/// Keeps records. Calls wait for the disk: asynchronous code makes them from a thread that may block.
pub trait Store: Send {
    /// Writes and deletes, in order, all or nothing; durable on return.
    ///
    /// # Errors
    ///
    /// A record that cannot be kept (nothing is written then), or a failing disk: then it is unknown what is durable, and the
    /// store refuses every further write until it is opened again.
    fn apply(&mut self, records: &[Record]) -> Result<(), StoreError>;

    /// All records with their values, in order of the kinds' prefixes and then of the keys.
    ///
    /// # Errors
    ///
    /// A failing disk or damaged data.
    fn load(&self) -> Result<Vec<Record>, StoreError>;

    /// The records of `kind` whose keys are below `key`, the highest first, at most `limit` of them.
    ///
    /// # Errors
    ///
    /// As [`Store::load`].
    fn below(&self, kind: RecordKind, key: &[u8], limit: usize) -> Result<Vec<Record>, StoreError>;

    /// The number of the last write; goes up by one with each.
    fn sequence(&self) -> u64;

    /// What the store takes on its medium, in bytes.
    fn size_bytes(&self) -> u64;

    /// Writes all records as JSON lines; says how many.
    ///
    /// # Errors
    ///
    /// As [`Store::load`], and what `writer` says.
    fn export(&self, writer: &mut dyn Write) -> Result<usize, StoreError> {
        let contents = Contents { sequence: self.sequence(), records: self.load()? };
        contents.export(writer)?;
        Ok(contents.records.len())
    }

    /// Replaces all records by those that [`Store::export`] wrote; says how many there are. On an error nothing is changed.
    ///
    /// # Errors
    ///
    /// As [`Store::apply`], and a text that is no complete export.
    fn import(&mut self, reader: &mut dyn BufRead) -> Result<usize, StoreError> {
        let wanted = Contents::import(reader)?.records;
        let kept: BTreeSet<Vec<u8>> = wanted.iter().map(|record| stored_key(record.kind, &record.key)).collect();
        let mut changes: Vec<Record> = self
            .load()?
            .into_iter()
            .filter(|record| !kept.contains(&stored_key(record.kind, &record.key)))
            .map(|record| Record { value: None, ..record })
            .collect();
        let count = wanted.len();
        changes.extend(wanted);
        self.apply(&changes)?;
        Ok(count)
    }
}

/// Whether a record can be kept.
fn check(record: &Record) -> Result<(), StoreError> {
    if is_own(record.kind, &record.key) {
        return Err(StoreError::ReservedKey);
    }
    if record.key.len() > KEY_BYTES_MAX {
        return Err(StoreError::TooLarge { what: "key", bytes: record.key.len(), limit: KEY_BYTES_MAX });
    }
    match &record.value {
        Some(value) if value.len() > VALUE_BYTES_MAX => {
            Err(StoreError::TooLarge { what: "value", bytes: value.len(), limit: VALUE_BYTES_MAX })
        }
        _ => Ok(()),
    }
}

/// Whether a store keeps something of itself under the key.
fn is_own(kind: RecordKind, key: &[u8]) -> bool {
    kind == RecordKind::Meta && (key == FORMAT_KEY || key == SEQUENCE_KEY)
}

/// The key of a record in a store: the prefix of its kind, then its own.
fn stored_key(kind: RecordKind, key: &[u8]) -> Vec<u8> {
    [kind.prefix().as_bytes(), key].concat()
}

/// The kind and own key of a record; `None` for a prefix that is of no kind.
fn split_key(stored: &[u8]) -> Option<(RecordKind, &[u8])> {
    RecordKind::ALL.into_iter().find_map(|kind| Some((kind, stored.strip_prefix(kind.prefix().as_bytes())?)))
}

/// A record to write.
fn put(kind: RecordKind, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Record {
    Record { kind, key: key.into(), value: Some(value.into()) }
}
