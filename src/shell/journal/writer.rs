use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::entry::{ENTRY_BYTES_MAX, Entry};
use super::reader::first_received;
use super::segment::{HEADER, Scanner, Step, list, path_of};
use super::{JournalError, JournalLimits};
use crate::model::Timestamp;

/// The scratch buffer is given back beyond this size.
const SCRATCH_BYTES_KEPT: usize = 1 << 20;

/// How much the journal holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JournalStats {
    /// Segment files.
    pub segments: usize,
    /// Their size together.
    pub bytes: u64,
    /// Segments dropped since the start because all together were too large.
    pub dropped_for_size: u64,
}

/// The writing end of a journal.
///
/// An entry is durable once the [`Journal::sync`] that follows its [`Journal::append`] has returned without error.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    limits: JournalLimits,
    /// Those that are not written to any more, oldest first.
    sealed: Vec<Sealed>,
    active: Option<Active>,
    next_number: u64,
    dropped_for_size: u64,
    /// Entries since the last [`Journal::sync`] are in a segment that ended without being synced.
    unsynced_lost: bool,
    scratch: Vec<u8>,
}

#[derive(Debug)]
struct Sealed {
    path: PathBuf,
    bytes: u64,
    first: Option<Timestamp>,
    /// The latest entry, where it is known.
    last: Option<Timestamp>,
}

#[derive(Debug)]
struct Active {
    path: PathBuf,
    file: File,
    bytes: u64,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    /// Whether it has entries that are not synced.
    is_unsynced: bool,
}

impl Journal {
    /// Opens the journal in `folder`, which is made if it is not there.
    ///
    /// An entry that a crash left incomplete at the very end is cut off. Other damage is left for [`super::read`] to report,
    /// and a new segment is begun behind it.
    ///
    /// # Errors
    ///
    /// A folder or file that cannot be read or written; a last segment of a newer version.
    pub fn open(folder: &Path, limits: JournalLimits) -> Result<Self, JournalError> {
        fs::create_dir_all(folder).map_err(JournalError::io("cannot create", folder))?;
        if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            sync_folder(parent)?;
        }
        let numbers = list(folder)?;
        let mut journal = Journal {
            folder: folder.to_owned(),
            limits,
            sealed: Vec::new(),
            active: None,
            next_number: numbers.last().map_or(1, |last| last.saturating_add(1)),
            dropped_for_size: 0,
            unsynced_lost: false,
            scratch: Vec::new(),
        };
        if let Some((last, older)) = numbers.split_last() {
            for number in older {
                let path = path_of(folder, *number);
                let bytes = fs::metadata(&path).map_err(JournalError::io("cannot read", &path))?.len();
                let first = first_received(&path);
                journal.sealed.push(Sealed { path, bytes, first, last: None });
            }
            journal.resume(path_of(folder, *last))?;
        }
        Ok(journal)
    }

    /// Takes up the last segment where its whole entries end.
    fn resume(&mut self, path: PathBuf) -> Result<(), JournalError> {
        let failed = || JournalError::io("cannot read", &path);
        let Some(mut scanner) = Scanner::open(&path)? else {
            // Not even its header was on disk, so nothing in it was ever confirmed.
            return fs::remove_file(&path).map_err(JournalError::io("cannot remove", &path));
        };
        let (mut first, mut last) = (None, None);
        let is_damaged = loop {
            match scanner.next().map_err(failed())? {
                Step::Entry(entry) => {
                    first = first.or(Some(entry.received_at));
                    last = last.max(Some(entry.received_at));
                }
                Step::Unknown => {}
                Step::End | Step::Torn => break false,
                Step::Damaged => break true,
            }
        };
        if is_damaged {
            tracing::error!(path = %path.display(), offset = scanner.good_bytes, "journal segment damaged");
            self.sealed.push(Sealed { path, bytes: scanner.file_bytes, first, last });
            return Ok(());
        }
        let mut file = File::options().read(true).write(true).open(&path).map_err(failed())?;
        if scanner.good_bytes < scanner.file_bytes {
            let cut = scanner.file_bytes - scanner.good_bytes;
            tracing::warn!(path = %path.display(), bytes = cut, "incomplete entry at the end of the journal cut off");
            let set = file.set_len(scanner.good_bytes).and_then(|()| file.sync_all());
            set.map_err(JournalError::io("cannot cut", &path))?;
        }
        file.seek(SeekFrom::End(0)).map_err(failed())?;
        self.active = Some(Active { path, file, bytes: scanner.good_bytes, first, last, is_unsynced: false });
        Ok(())
    }

    /// Adds an entry at the end, in a new segment if the present one is full or old; durable after the next
    /// [`Journal::sync`].
    ///
    /// # Errors
    ///
    /// An entry that is too large; a failing disk: then the entry is not in the journal. If that costs entries which were
    /// appended since the last sync, the next [`Journal::sync`] says so.
    pub fn append(&mut self, entry: &Entry) -> Result<(), JournalError> {
        if entry.payload.len() > ENTRY_BYTES_MAX {
            return Err(JournalError::EntryTooLarge { bytes: entry.payload.len(), limit: ENTRY_BYTES_MAX });
        }
        self.scratch.clear();
        entry.encode(&mut self.scratch);
        let length = self.scratch.len() as u64;
        if self.active.as_ref().is_some_and(|active| self.is_full(active, length, entry.received_at)) {
            self.sync_active()?;
            self.seal();
        }
        let mut active = match self.active.take() {
            Some(active) => active,
            None => self.begin()?,
        };
        if let Err(source) = active.file.write_all(&self.scratch) {
            // Whatever of it reached the file must not stand before later entries.
            let cut = active.file.set_len(active.bytes).and_then(|()| active.file.seek(SeekFrom::End(0)));
            let path = active.path.clone();
            self.active = Some(active);
            if cut.is_err() {
                self.seal();
            }
            return Err(JournalError::Io { doing: "cannot write", path, source });
        }
        active.bytes += length;
        active.first = active.first.or(Some(entry.received_at));
        active.last = active.last.max(Some(entry.received_at));
        active.is_unsynced = true;
        self.active = Some(active);
        if self.scratch.capacity() > SCRATCH_BYTES_KEPT {
            self.scratch = Vec::new();
        }
        self.drop_beyond_size();
        Ok(())
    }

    /// Makes every entry durable that was appended since the last call.
    ///
    /// # Errors
    ///
    /// A failing disk, now or when a segment ended since the last call: then what was appended since that call may be lost,
    /// and what comes next is judged anew.
    pub fn sync(&mut self) -> Result<(), JournalError> {
        let synced = self.sync_active();
        let is_lost = std::mem::take(&mut self.unsynced_lost);
        synced?;
        if is_lost { Err(JournalError::Lost { folder: self.folder.clone() }) } else { Ok(()) }
    }

    /// Syncs the active segment; ends it if that fails.
    fn sync_active(&mut self) -> Result<(), JournalError> {
        let Some(active) = &mut self.active else { return Ok(()) };
        match active.file.sync_data() {
            Ok(()) => {
                active.is_unsynced = false;
                Ok(())
            }
            Err(source) => {
                let path = active.path.clone();
                self.seal();
                Err(JournalError::Io { doing: "cannot sync", path, source })
            }
        }
    }

    /// Deletes the segments all of whose entries were received before `older_than`; says how many.
    ///
    /// # Errors
    ///
    /// A file that cannot be removed.
    pub fn prune(&mut self, older_than: Timestamp) -> Result<usize, JournalError> {
        let mut count = 0;
        while self.oldest_ends_before(older_than) {
            self.remove_oldest()?;
            count += 1;
        }
        Ok(count)
    }

    /// How much there is.
    pub fn stats(&self) -> JournalStats {
        let active_bytes = self.active.as_ref().map_or(0, |active| active.bytes);
        JournalStats {
            segments: self.sealed.len() + usize::from(self.active.is_some()),
            bytes: self.sealed.iter().map(|sealed| sealed.bytes).sum::<u64>() + active_bytes,
            dropped_for_size: self.dropped_for_size,
        }
    }

    fn is_full(&self, active: &Active, length: u64, received_at: Timestamp) -> bool {
        let Some(first) = active.first else { return false };
        active.bytes + length > self.limits.segment_bytes_max || received_at.since(first) >= self.limits.segment_age_max
    }

    fn begin(&mut self) -> Result<Active, JournalError> {
        let path = path_of(&self.folder, self.next_number);
        let mut file = File::options()
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(JournalError::io("cannot create", &path))?;
        self.next_number = self.next_number.saturating_add(1);
        let header = file.write_all(&HEADER).map_err(JournalError::io("cannot write", &path));
        if let Err(error) = header.and_then(|()| sync_folder(&self.folder)) {
            self.discard(path);
            return Err(error);
        }
        Ok(Active { path, file, bytes: HEADER.len() as u64, first: None, last: None, is_unsynced: false })
    }

    /// Removes a segment that could not be begun, so that a full disk does not fill with empty files. One that stays is
    /// kept count of.
    fn discard(&mut self, path: PathBuf) {
        if let Err(error) = fs::remove_file(&path) {
            tracing::warn!(%error, path = %path.display(), "empty journal segment not removed");
            self.sealed.push(Sealed { path, bytes: HEADER.len() as u64, first: None, last: None });
        }
    }

    fn seal(&mut self) {
        if let Some(Active { path, bytes, first, last, is_unsynced, .. }) = self.active.take() {
            self.unsynced_lost |= is_unsynced;
            self.sealed.push(Sealed { path, bytes, first, last });
        }
    }

    /// Whether the oldest sealed segment holds nothing received at or after `time`. Where its last entry is not known, the
    /// first entry known to be newer stands for it; segments of which nothing can be read are passed over.
    fn oldest_ends_before(&self, time: Timestamp) -> bool {
        let Some((oldest, newer)) = self.sealed.split_first() else { return false };
        let active_first = self.active.as_ref().and_then(|active| active.first);
        let newer_first = newer.iter().find_map(|sealed| sealed.first).or(active_first);
        let end = oldest.last.or_else(|| newer_first.map(|first| oldest.first.map_or(first, |own| own.max(first))));
        end.is_some_and(|end| end < time)
    }

    fn drop_beyond_size(&mut self) {
        while self.stats().bytes > self.limits.bytes_max && !self.sealed.is_empty() {
            let path = self.sealed[0].path.clone();
            match self.remove_oldest() {
                Ok(()) => {
                    self.dropped_for_size += 1;
                    let limit = self.limits.bytes_max;
                    tracing::warn!(path = %path.display(), limit, reason = "size", "journal segment dropped");
                }
                Err(error) => {
                    tracing::error!(%error, "journal segment not dropped");
                    return;
                }
            }
        }
    }

    fn remove_oldest(&mut self) -> Result<(), JournalError> {
        let Some(oldest) = self.sealed.first() else { return Ok(()) };
        match fs::remove_file(&oldest.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(JournalError::io("cannot remove", &oldest.path)(error));
            }
            _ => {}
        }
        self.sealed.remove(0);
        Ok(())
    }
}

fn sync_folder(folder: &Path) -> Result<(), JournalError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(JournalError::io("cannot sync", folder))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TraceId;
    use crate::shell::journal::EntryKind;

    fn entry(second: i64) -> Entry {
        let received_at = Timestamp::from_seconds(second);
        Entry { kind: EntryKind::JsonLines, received_at, trace: TraceId::NONE, payload: b"{}".to_vec() }
    }

    /// A journal of one synced and one unsynced entry.
    fn journal(folder: &Path) -> Journal {
        let mut journal = Journal::open(folder, JournalLimits::default()).expect("opened");
        journal.append(&entry(1)).expect("appended");
        journal.sync().expect("synced");
        journal.append(&entry(2)).expect("appended");
        journal
    }

    /// `/dev/null` takes bytes but cannot be synced, `/dev/full` cannot even be cut.
    fn replace_file(journal: &mut Journal, device: &str) {
        let file = File::options().read(true).write(true).open(device).expect("a device");
        journal.active.as_mut().expect("a segment").file = file;
    }

    #[test]
    fn entries_lost_before_the_closing_sync_fail_it_once() {
        for (device, second) in [("/dev/null", 10_000), ("/dev/full", 3)] {
            let folder = tempfile::tempdir().expect("folder");
            let mut journal = journal(folder.path());
            replace_file(&mut journal, device);
            journal.append(&entry(second)).expect_err("the segment cannot be ended or written");
            journal.append(&entry(second)).expect("a new segment");
            journal.sync().expect_err("the entry before is not durable");
            journal.append(&entry(second)).expect("appended");
            journal.sync().expect("what came after is durable");
        }
    }

    #[test]
    fn a_failed_sync_is_told_once() {
        let folder = tempfile::tempdir().expect("folder");
        let mut journal = journal(folder.path());
        replace_file(&mut journal, "/dev/null");
        journal.sync().expect_err("not durable");
        journal.sync().expect("nothing is waiting");
    }

    #[test]
    fn synced_entries_are_not_lost_with_their_segment() {
        let folder = tempfile::tempdir().expect("folder");
        let mut journal = journal(folder.path());
        journal.sync().expect("synced");
        replace_file(&mut journal, "/dev/full");
        journal.append(&entry(3)).expect_err("cannot be written");
        journal.sync().expect("nothing else was waiting");
    }

    #[test]
    fn segments_without_entries_do_not_hold_up_pruning() {
        let folder = tempfile::tempdir().expect("folder");
        for number in 1..=3 {
            fs::write(path_of(folder.path(), number), b"").expect("written");
        }
        let mut journal = Journal::open(folder.path(), JournalLimits::default()).expect("opened");
        journal.append(&entry(1)).expect("appended");
        assert_eq!(journal.prune(Timestamp::from_seconds(1)).expect("pruned"), 0);
        journal.append(&entry(10_000)).expect("appended");
        assert_eq!(journal.prune(Timestamp::from_seconds(5000)).expect("pruned"), 3);
        assert_eq!(journal.stats().segments, 1);
    }

    #[test]
    fn a_segment_that_cannot_be_begun_leaves_no_file() {
        let folder = tempfile::tempdir().expect("folder");
        let mut journal = Journal::open(folder.path(), JournalLimits::default()).expect("opened");
        let path = path_of(folder.path(), 1);
        fs::write(&path, b"").expect("written");
        journal.discard(path.clone());
        assert!(!path.exists());
        assert_eq!(journal.stats(), JournalStats::default());
    }
}
