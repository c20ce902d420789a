//! Where configuration files come from.

use std::collections::BTreeMap;

use globset::{GlobBuilder, GlobMatcher};

/// The greatest number of files that one pattern may match.
pub const GLOB_FILES_MAX: usize = 10_000;

/// A file or folder that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read `{path}`: {reason}")]
pub struct FileError {
    /// The path, as it was asked for.
    pub path: String,
    /// What went wrong.
    pub reason: String,
}

impl FileError {
    /// An error at `path`.
    pub fn new(path: impl Into<String>, reason: impl ToString) -> Self {
        FileError { path: path.into(), reason: reason.to_string() }
    }
}

/// Reads files and folders; paths use `/` and are absolute or relative to the working directory.
pub trait Files {
    /// The whole content of a file.
    ///
    /// # Errors
    ///
    /// A file that is not there, is no file, may not be read, or is larger than the reader takes.
    fn read(&self, path: &str) -> Result<Vec<u8>, FileError>;

    /// The files that match `pattern`, sorted. `*` and `?` stay inside a folder, `**` goes through folders.
    ///
    /// # Errors
    ///
    /// A malformed pattern, more than [`GLOB_FILES_MAX`] matches, a folder that may not be read.
    fn glob(&self, pattern: &str) -> Result<Vec<String>, FileError>;

    /// Whether `path` is a folder.
    fn is_dir(&self, path: &str) -> bool;
}

/// The matcher of a file pattern, for implementations of [`Files::glob`].
///
/// # Errors
///
/// A malformed pattern.
pub fn glob_matcher(pattern: &str) -> Result<GlobMatcher, FileError> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    glob.map(|glob| glob.compile_matcher()).map_err(|error| FileError::new(pattern, error.kind()))
}

/// Whether `pattern` can match more than the path that it spells.
pub fn has_wildcard(pattern: &str) -> bool {
    pattern.contains(['*', '?', '[', '{'])
}

/// Files in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryFiles(pub BTreeMap<String, Vec<u8>>);

impl MemoryFiles {
    /// The files of `pairs`.
    pub fn new<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        MemoryFiles(pairs.into_iter().map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())).collect())
    }
}

impl Files for MemoryFiles {
    fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        self.0.get(path).cloned().ok_or_else(|| FileError::new(path, "no such file"))
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, FileError> {
        let matcher = glob_matcher(pattern)?;
        Ok(self.0.keys().filter(|path| matcher.is_match(path)).cloned().collect())
    }

    fn is_dir(&self, path: &str) -> bool {
        let prefix = format!("{}/", path.trim_end_matches('/'));
        self.0.keys().any(|key| key.starts_with(&prefix))
    }
}
