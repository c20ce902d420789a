use std::io;
use std::path::PathBuf;

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the database open.
    #[error("the state in {} is in use by another process", folder.display())]
    Locked {
        /// The database's folder.
        folder: PathBuf,
    },
    /// A newer Watchbell wrote the database.
    #[error("the state has format version {found}, and this version reads up to {supported}")]
    Newer {
        /// The version found.
        found: u64,
        /// The newest that is understood.
        supported: u64,
    },
    /// The data contradicts itself.
    #[error("the state is damaged: {0}")]
    Damaged(String),
    /// A key or value that is too large to keep.
    #[error("a {what} of {bytes} bytes, more than the limit of {limit}")]
    TooLarge {
        /// `key` or `value`.
        what: &'static str,
        /// Its length.
        bytes: usize,
        /// The longest allowed.
        limit: usize,
    },
    /// A record under one of the store's own keys.
    #[error("the keys `format` and `sequence` of kind `meta` belong to the store")]
    ReservedKey,
    /// A line of a snapshot that cannot be read, or the lack of one.
    #[error("line {line} of the snapshot: {reason}")]
    Snapshot {
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// An earlier write failed; what it left is known only after opening the store again.
    #[error("an earlier write to the state failed")]
    Failed,
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
    /// The database refused.
    #[error("the database failed: {0}")]
    Database(#[source] sled::Error),
}

impl StoreError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            StoreError::Locked { .. } => "stop the other process, or give this one a data folder of its own",
            StoreError::Newer { .. } => "run the version that wrote it, or restore a backup that this one made",
            StoreError::Snapshot { .. } => "use a complete file that `watchbell backup` or a snapshot wrote",
            StoreError::Failed => "look for an earlier error about the disk, and restart",
            StoreError::Io { .. } | StoreError::Database(_) => {
                "check that the folder exists, is writable, and that its disk has room"
            }
            _ => return None,
        })
    }

    pub(super) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| StoreError::Io { doing, path, source }
    }
}
