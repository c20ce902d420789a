//! The journal: accepted batches as they came, on disk before they are answered with success.
//!
//! Segment files `00000000000000000001.seg`, ... of entries one after another (see [`Entry`]). A start reads back the
//! segments inside the longest window; a replay reads them all. One process at a time writes: the store's lock says which.

mod entry;
mod reader;
mod segment;
mod writer;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

pub use entry::{ENTRY_BYTES_MAX, Entry, EntryKind};
pub use reader::{Damage, DamageKind, Reader, read};
pub use writer::{Journal, JournalStats};

/// When segments end, and how much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalLimits {
    /// The size at which a segment ends. Default 64 MiB.
    pub segment_bytes_max: u64,
    /// The time between the first and the last entry of a segment. Default 10 minutes.
    pub segment_age_max: Duration,
    /// The size of all segments; beyond it the oldest are dropped. Default 4 GiB.
    pub bytes_max: u64,
}

impl Default for JournalLimits {
    fn default() -> Self {
        JournalLimits { segment_bytes_max: 64 << 20, segment_age_max: Duration::from_secs(600), bytes_max: 4 << 30 }
    }
}

/// Why the journal could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// An entry that is too large to keep.
    #[error("a journal entry of {bytes} bytes, more than the limit of {limit}")]
    EntryTooLarge {
        /// Its payload's length.
        bytes: usize,
        /// The longest allowed.
        limit: usize,
    },
    /// A newer Watchbell wrote a segment.
    #[error("{} was written by a newer version", path.display())]
    Newer {
        /// The segment.
        path: PathBuf,
    },
    /// Entries that waited to be synced are in a segment that could not be.
    #[error("entries in {} could not be made durable", folder.display())]
    Lost {
        /// The journal's folder.
        folder: PathBuf,
    },
    /// A file could not be read or written.
    #[error("{doing} {}: {source}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl JournalError {
    fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| JournalError::Io { doing, path, source }
    }
}

#[cfg(test)]
mod tests;
