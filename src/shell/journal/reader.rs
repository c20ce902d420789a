use std::path::{Path, PathBuf};

use super::JournalError;
use super::entry::Entry;
use super::segment::{Scanner, Step, list, path_of};
use crate::model::Timestamp;

/// Something in a journal that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The segment.
    pub path: PathBuf,
    /// Where in it.
    pub offset: u64,
    /// How many bytes of it were skipped.
    pub bytes_skipped: u64,
    /// What is wrong.
    pub kind: DamageKind,
}

/// What is wrong with a stretch of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DamageKind {
    /// The segment ends within an entry, as a crash leaves it; that entry was never confirmed.
    TornTail,
    /// An entry does not have its checksum; the rest of the segment is skipped.
    Changed,
    /// Entries of a kind that this version does not know; they alone are skipped.
    UnknownKind,
    /// The segment cannot be read, or is of a newer version.
    Unreadable,
}

/// The entries of the journal in `folder` that were received at or after `since`, oldest first.
///
/// # Errors
///
/// A folder that cannot be listed. What is wrong inside it is told by [`Reader::damage`] and logged.
pub fn read(folder: &Path, since: Timestamp) -> Result<Reader, JournalError> {
    let mut segments: Vec<PathBuf> = list(folder)?.into_iter().map(|number| path_of(folder, number)).collect();
    // What stands before a segment that began before `since` is older still.
    let start = segments.iter().rposition(|path| first_received(path).is_some_and(|first| first < since)).unwrap_or(0);
    segments.drain(..start);
    segments.reverse();
    Ok(Reader { segments, open: None, since, damage: Vec::new() })
}

/// When the first entry of the segment was received; `None` if there is none to be read.
pub(super) fn first_received(path: &Path) -> Option<Timestamp> {
    let mut scanner = Scanner::open(path).ok()??;
    match scanner.next() {
        Ok(Step::Entry(entry)) => Some(entry.received_at),
        _ => None,
    }
}

/// Reads a journal; made by [`read`].
pub struct Reader {
    /// Those to come, the next one last.
    segments: Vec<PathBuf>,
    open: Option<(PathBuf, Scanner)>,
    since: Timestamp,
    damage: Vec<Damage>,
}

impl Reader {
    /// What could not be read so far.
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    fn report(&mut self, path: &Path, offset: u64, bytes_skipped: u64, kind: DamageKind) {
        // Neighbours of unknown kinds are one stretch, so that a journal full of them does not fill the log.
        if let Some(last) = self.damage.last_mut()
            && last.kind == kind
            && last.path == path
            && last.offset + last.bytes_skipped == offset
        {
            last.bytes_skipped += bytes_skipped;
            return;
        }
        if kind == DamageKind::TornTail {
            tracing::info!(path = %path.display(), offset, bytes_skipped, "journal segment ends within an entry");
        } else {
            tracing::error!(path = %path.display(), offset, bytes_skipped, ?kind, "journal segment damaged");
        }
        self.damage.push(Damage { path: path.to_owned(), offset, bytes_skipped, kind });
    }

    /// Opens the next segment; `false` when there is none.
    fn advance(&mut self) -> bool {
        while let Some(path) = self.segments.pop() {
            match Scanner::open(&path) {
                Ok(Some(scanner)) => {
                    self.open = Some((path, scanner));
                    return true;
                }
                Ok(None) => self.report(&path, 0, 0, DamageKind::TornTail),
                Err(error) => {
                    tracing::error!(%error, "journal segment not read");
                    self.report(&path, 0, 0, DamageKind::Unreadable);
                }
            }
        }
        false
    }
}

impl Iterator for Reader {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        loop {
            let Some((path, mut scanner)) = self.open.take() else {
                if self.advance() {
                    continue;
                }
                return None;
            };
            let offset = scanner.good_bytes;
            let step = scanner.next();
            let rest = scanner.file_bytes - offset;
            match step {
                Ok(Step::Entry(entry)) => {
                    self.open = Some((path, scanner));
                    if entry.received_at >= self.since {
                        return Some(entry);
                    }
                }
                Ok(Step::Unknown) => {
                    self.report(&path, offset, scanner.good_bytes - offset, DamageKind::UnknownKind);
                    self.open = Some((path, scanner));
                }
                Ok(Step::End) => {}
                Ok(Step::Torn) => self.report(&path, offset, rest, DamageKind::TornTail),
                Ok(Step::Damaged) => self.report(&path, offset, rest, DamageKind::Changed),
                Err(error) => {
                    tracing::error!(%error, path = %path.display(), "journal segment not read");
                    self.report(&path, offset, rest, DamageKind::Unreadable);
                }
            }
        }
    }
}
