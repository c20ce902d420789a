use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{Seek, SeekFrom, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::snapshot::{newest_snapshot, sync_folder};
use super::{Contents, FORMAT_KEY, SEQUENCE_KEY, Store, StoreError, check, is_own, put, split_key, stored_key};
use crate::engine::{Record, RecordKind};
use crate::model::Timestamp;

/// The layout of keys and values that this version writes.
const FORMAT_VERSION: u64 = 1;
/// The longest value under one key of the database, which wants them well below 512 KiB; longer ones are split.
const PART_BYTES_MAX: usize = 256 << 10;
/// What the keys of the parts of a split value begin with.
const PART_PREFIX: &[u8] = b"part/";
/// The first byte of a stored value: the value follows, or the number of its parts.
const WHOLE: u8 = 0;
const SPLIT: u8 = 1;
/// How often, and after what time, the end of a closed store's threads is awaited.
const SLED_LOCK_TRIES_MAX: u32 = 250;
const SLED_LOCK_WAIT: Duration = Duration::from_millis(20);
/// How many names are tried for a folder that is moved aside.
const ASIDE_NAMES_MAX: u32 = 100;

/// Where and how a [`SledStore`] is opened.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// The database's own folder; made if it is not there.
    pub folder: PathBuf,
    /// Where snapshots are looked for when the database is lost or damaged.
    pub snapshots: PathBuf,
    /// The database's cache in bytes.
    pub cache_bytes: u64,
}

impl StoreOptions {
    /// The default layout inside a data folder: `state` and `snapshots`, with a cache of 64 MiB.
    pub fn inside(data: &Path) -> Self {
        StoreOptions { folder: data.join("state"), snapshots: data.join("snapshots"), cache_bytes: 64 << 20 }
    }
}

/// An opened store, and what was in it.
#[derive(Debug)]
pub struct Opened {
    /// The store.
    pub store: SledStore,
    /// Its records, as [`Store::load`] would give them.
    pub records: Vec<Record>,
    /// What had to be done because the database was lost or damaged.
    pub recovery: Option<Recovery>,
}

/// How a lost or damaged database was replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// What was wrong.
    pub reason: String,
    /// Where the damaged folder is now; `None` if there was none.
    pub moved_to: Option<PathBuf>,
    /// What is in place now.
    pub restored: Restored,
}

/// Where the records come from that replace a lost or damaged database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Restored {
    /// There were none to be had: the state begins anew.
    Nothing,
    /// From the database itself, as far as it could be read.
    Database,
    /// From this snapshot.
    Snapshot(PathBuf),
}

/// Records in a sled database: one tree, keys as `alert/KEY`, one batch per [`Store::apply`].
///
/// sled's own flush does not survive a power cut on Linux; so each batch is followed by an fdatasync of its file. And sled takes
/// a changed byte in its log for the log's end, silently; so the number of the last write stands in a file beside it.
#[derive(Debug)]
pub struct SledStore {
    tree: sled::Db,
    file: File,
    path: PathBuf,
    witness: Witness,
    /// The number of the last write.
    sequence: u64,
    /// The number of parts of each split value, by its key in the database.
    split: BTreeMap<Vec<u8>, u32>,
    failed: bool,
    /// Held as long as the store lives; sled's own lock may outlive it for a moment.
    lock: Option<File>,
}

impl SledStore {
    /// Opens the database, or makes it. A damaged one is moved aside as `FOLDER.corrupt-SECONDS` of `now` and, like one that is
    /// gone, replaced by the newest records to be had: its own or those of a snapshot. Both are logged as errors.
    ///
    /// # Errors
    ///
    /// Another process has it open; a newer version wrote it; a failing disk.
    pub fn open(options: &StoreOptions, now: Timestamp) -> Result<Opened, StoreError> {
        let lock = lock(&options.folder)?;
        let mut opened = SledStore::open_locked(options, now)?;
        opened.store.lock = Some(lock);
        Ok(opened)
    }

    fn open_locked(options: &StoreOptions, now: Timestamp) -> Result<Opened, StoreError> {
        let (reason, salvaged, confirmed) = match open_guarded(options) {
            Ok(Found { store, records: Some(records), confirmed }) if store.sequence >= confirmed => {
                return Ok(Opened { store, records, recovery: None });
            }
            Ok(Found { mut store, records: None, confirmed: 0 }) => {
                let Some((path, contents)) = newest_snapshot(&options.snapshots) else {
                    store.write(&[], 1)?;
                    return Ok(Opened { store, records: Vec::new(), recovery: None });
                };
                let reason = "there are snapshots, but no database".to_owned();
                let recovery = Recovery { reason, moved_to: None, restored: Restored::Snapshot(path) };
                return store.begin(contents, recovery);
            }
            Ok(Found { store, records, confirmed }) => {
                let reason = format!("{} of {confirmed} writes are missing", confirmed - store.sequence);
                (reason, records.map(|records| Contents { sequence: store.sequence, records }), confirmed)
            }
            Err(StoreError::Damaged(reason)) => (reason, None, Witness::read(&options.folder)),
            Err(other) => return Err(other),
        };
        let moved_to = Some(move_aside(&options.folder, now)?);
        let snapshot = newest_snapshot(&options.snapshots);
        let (restored, mut contents) = match (salvaged, snapshot) {
            (Some(own), Some((_, snapshot))) if own.sequence >= snapshot.sequence => (Restored::Database, own),
            (_, Some((path, snapshot))) => (Restored::Snapshot(path), snapshot),
            (Some(own), None) => (Restored::Database, own),
            (None, None) => (Restored::Nothing, Contents::default()),
        };
        contents.sequence = contents.sequence.max(confirmed);
        open_guarded(options)?.store.begin(contents, Recovery { reason, moved_to, restored })
    }

    /// Fills the new database with what is to replace a lost one.
    fn begin(mut self, contents: Contents, recovery: Recovery) -> Result<Opened, StoreError> {
        self.write(&contents.records, contents.sequence.saturating_add(1))?;
        let records = self.load()?;
        let Recovery { reason, moved_to, restored } = &recovery;
        tracing::error!(
            reason,
            ?moved_to,
            ?restored,
            records = records.len(),
            "the state was lost or damaged; it was replaced, and what is newer is gone"
        );
        Ok(Opened { store: self, records, recovery: Some(recovery) })
    }

    /// Writes `records` and what the store keeps of itself as one batch, the write number `sequence`.
    fn write(&mut self, records: &[Record], sequence: u64) -> Result<(), StoreError> {
        if self.failed {
            return Err(StoreError::Failed);
        }
        let mut batch = sled::Batch::default();
        let mut split = BTreeMap::new();
        for record in records {
            self.add(record, &mut batch, &mut split);
        }
        for (key, number) in [(FORMAT_KEY, FORMAT_VERSION), (SEQUENCE_KEY, sequence)] {
            batch.insert(stored_key(RecordKind::Meta, key), number.to_string().as_bytes());
        }
        self.failed = true;
        guard(|| self.tree.apply_batch(batch).and_then(|()| self.tree.flush()))?;
        self.file.sync_data().map_err(StoreError::io("cannot sync", &self.path))?;
        self.failed = false;
        self.sequence = sequence;
        self.witness.confirm(sequence);
        for (key, parts) in split {
            match parts {
                0 => self.split.remove(&key),
                parts => self.split.insert(key, parts),
            };
        }
        Ok(())
    }

    /// Adds a record to the batch, with the parts of its value and the removal of earlier parts.
    fn add(&self, record: &Record, batch: &mut sled::Batch, split: &mut BTreeMap<Vec<u8>, u32>) {
        let key = stored_key(record.kind, &record.key);
        let parts_before = split.get(&key).or_else(|| self.split.get(&key)).copied().unwrap_or(0);
        let mut parts_now = 0;
        match &record.value {
            None => batch.remove(key.as_slice()),
            Some(value) if value.len() < PART_BYTES_MAX => {
                let mut stored = Vec::with_capacity(value.len() + 1);
                stored.push(WHOLE);
                stored.extend_from_slice(value);
                batch.insert(key.as_slice(), stored);
            }
            Some(value) => {
                for part in value.chunks(PART_BYTES_MAX) {
                    batch.insert(part_key(&key, parts_now), part);
                    parts_now += 1;
                }
                let [a, b, c, d] = parts_now.to_be_bytes();
                batch.insert(key.as_slice(), &[SPLIT, a, b, c, d]);
            }
        }
        for part in parts_now..parts_before {
            batch.remove(part_key(&key, part));
        }
        if parts_before > 0 || parts_now > 0 {
            split.insert(key, parts_now);
        }
    }

    /// A number that the store keeps of itself.
    fn own_number(&self, key: &[u8]) -> Result<Option<u64>, StoreError> {
        let Some(value) = guard(|| self.tree.get(stored_key(RecordKind::Meta, key)))? else { return Ok(None) };
        let number = std::str::from_utf8(&value).ok().and_then(|text| text.parse().ok());
        number.map(Some).ok_or_else(|| damaged(format!("{} is no number", key.escape_ascii())))
    }

    /// Reads what the store keeps of itself; `false` in a database without anything.
    fn take_stock(&mut self) -> Result<bool, StoreError> {
        match self.own_number(FORMAT_KEY)? {
            None if guard(|| Ok(self.tree.iter().next().is_none()))? => return Ok(false),
            None => return Err(damaged("records without a format version")),
            Some(FORMAT_VERSION) => {}
            Some(found) if found > FORMAT_VERSION => {
                return Err(StoreError::Newer { found, supported: FORMAT_VERSION });
            }
            // Version 1 is the first; its successors are migrated to here.
            Some(other) => return Err(damaged(format!("there never was a format version {other}"))),
        }
        self.sequence = self.own_number(SEQUENCE_KEY)?.ok_or_else(|| damaged("no sequence number"))?;
        for entry in self.tree.iter() {
            let (key, stored) = entry.map_err(failure)?;
            if let Some(parts) = part_count(&stored).filter(|_| split_key(&key).is_some()) {
                self.split.insert(key.to_vec(), parts);
            }
        }
        Ok(true)
    }

    /// The records among `entries`.
    fn read_all(
        &self,
        entries: impl Iterator<Item = sled::Result<(sled::IVec, sled::IVec)>>,
    ) -> Result<Vec<Record>, StoreError> {
        let read = || {
            let mut records = Vec::new();
            for entry in entries {
                let (key, stored) = entry.map_err(failure)?;
                records.extend(self.read(&key, &stored)?);
            }
            Ok(records)
        };
        catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|panic| Err(damaged(text_of(&*panic))))
    }

    /// The record that is stored under `key`; `None` for what is the store's own.
    fn read(&self, key: &[u8], stored: &[u8]) -> Result<Option<Record>, StoreError> {
        if key.starts_with(PART_PREFIX) {
            return Ok(None);
        }
        let (kind, rest) = split_key(key).ok_or_else(|| damaged(format!("unknown key {}", key.escape_ascii())))?;
        if is_own(kind, rest) {
            return Ok(None);
        }
        let value = match part_count(stored) {
            Some(parts) => {
                let mut value = Vec::new();
                for part in 0..parts {
                    let missing = || damaged(format!("part {part} of {} is missing", key.escape_ascii()));
                    let bytes = self.tree.get(part_key(key, part)).map_err(failure)?.ok_or_else(missing)?;
                    value.extend_from_slice(&bytes);
                }
                value
            }
            None => match stored.strip_prefix(&[WHOLE]) {
                Some(value) => value.to_vec(),
                None => return Err(damaged(format!("the value of {} cannot be read", key.escape_ascii()))),
            },
        };
        Ok(Some(put(kind, rest, value)))
    }
}

impl Store for SledStore {
    fn apply(&mut self, records: &[Record]) -> Result<(), StoreError> {
        records.iter().try_for_each(check)?;
        if records.is_empty() {
            return Ok(());
        }
        self.write(records, self.sequence.saturating_add(1))
    }

    fn sequence(&self) -> u64 {
        self.sequence
    }

    fn load(&self) -> Result<Vec<Record>, StoreError> {
        self.read_all(self.tree.iter())
    }

    fn below(&self, kind: RecordKind, key: &[u8], limit: usize) -> Result<Vec<Record>, StoreError> {
        self.read_all(self.tree.range(stored_key(kind, &[])..stored_key(kind, key)).rev().take(limit))
    }

    fn size_bytes(&self) -> u64 {
        guard(|| self.tree.size_on_disk()).unwrap_or(0)
    }
}

/// A database as it was found.
struct Found {
    store: SledStore,
    /// `None` when it is new.
    records: Option<Vec<Record>>,
    /// The last write that was confirmed, as the witness has it.
    confirmed: u64,
}

/// Opens the database and reads it once, in a thread of its own: some damage makes sled panic.
fn open_guarded(options: &StoreOptions) -> Result<Found, StoreError> {
    let options = options.clone();
    let folder = options.folder.clone();
    let opening = thread::Builder::new().name("store-open".to_owned()).spawn(move || open_plain(&options));
    let opening = opening.map_err(StoreError::io("cannot start a thread for", folder))?;
    opening.join().unwrap_or_else(|panic| Err(damaged(text_of(&*panic))))
}

fn open_plain(options: &StoreOptions) -> Result<Found, StoreError> {
    let StoreOptions { folder, cache_bytes, .. } = options;
    fs::create_dir_all(folder).map_err(StoreError::io("cannot create", folder))?;
    let config = sled::Config::new().path(folder).cache_capacity(*cache_bytes).flush_every_ms(None);
    let tree = open_tree(&config, folder)?;
    let path = folder.join("db");
    let file = File::options().read(true).write(true).open(&path).map_err(StoreError::io("cannot open", &path))?;
    let confirmed = Witness::read(folder);
    let witness = Witness::open(folder)?;
    sync_folder(folder)?;
    if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        sync_folder(parent)?;
    }
    let split = BTreeMap::new();
    let mut store = SledStore { tree, file, path, witness, sequence: 0, split, failed: false, lock: None };
    let records = if store.take_stock()? { Some(store.load()?) } else { None };
    Ok(Found { store, records, confirmed })
}

/// Opens the database while [`lock`] is held: whoever holds sled's lock then is a thread that a closed store left behind in
/// this process, and is waited for.
fn open_tree(config: &sled::Config, folder: &Path) -> Result<sled::Db, StoreError> {
    let is_locked = |error: &sled::Error| error.to_string().contains("could not acquire lock");
    for _ in 0..SLED_LOCK_TRIES_MAX {
        match config.open() {
            Err(error) if is_locked(&error) => thread::sleep(SLED_LOCK_WAIT),
            result => return result.map_err(failure),
        }
    }
    Err(StoreError::Locked { folder: folder.to_owned() })
}

/// Takes the lock that stands for the folder: a file beside it, which stays when the folder is moved aside.
fn lock(folder: &Path) -> Result<File, StoreError> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let path = folder.with_file_name(format!("{name}.lock"));
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent).map_err(StoreError::io("cannot create", parent))?;
    }
    let file = File::options().write(true).create(true).truncate(false).open(&path);
    let file = file.map_err(StoreError::io("cannot open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { folder: folder.to_owned() }),
        Err(TryLockError::Error(source)) => Err(StoreError::Io { doing: "cannot lock", path, source }),
    }
}

/// The file that holds the number of the last confirmed write.
///
/// It is written after the database is durable and not synced itself: it may be behind the database and is never ahead of it,
/// unless the database lost something.
#[derive(Debug)]
struct Witness {
    file: File,
}

impl Witness {
    const NAME: &str = "confirmed";

    fn open(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(Witness::NAME);
        let file = File::options().write(true).create(true).truncate(false).open(&path);
        Ok(Witness { file: file.map_err(StoreError::io("cannot open", path))? })
    }

    /// The number in the folder's file; 0 where there is none to be read.
    fn read(folder: &Path) -> u64 {
        let text = fs::read_to_string(folder.join(Witness::NAME)).unwrap_or_default();
        text.strip_suffix('\n').and_then(|number| number.parse().ok()).unwrap_or(0)
    }

    fn confirm(&mut self, sequence: u64) {
        let text = format!("{sequence:020}\n");
        let written = self.file.seek(SeekFrom::Start(0)).and_then(|_| self.file.write_all(text.as_bytes()));
        if let Err(error) = written {
            tracing::warn!(%error, sequence, "the number of the last write was not noted");
        }
    }
}

/// Renames the folder to a name that is free.
fn move_aside(folder: &Path, now: Timestamp) -> Result<PathBuf, StoreError> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let seconds = now.millis().div_euclid(1000);
    let free = (0..ASIDE_NAMES_MAX)
        .map(|attempt| match attempt {
            0 => folder.with_file_name(format!("{name}.corrupt-{seconds}")),
            _ => folder.with_file_name(format!("{name}.corrupt-{seconds}-{attempt}")),
        })
        .find(|path| !path.exists());
    let target = free.ok_or_else(|| damaged("too many damaged copies of the state lie beside it"))?;
    fs::rename(folder, &target).map_err(StoreError::io("cannot move aside", folder))?;
    Ok(target)
}

/// The key of a part: the length of the whole's key keeps those of different records apart.
fn part_key(key: &[u8], part: u32) -> Vec<u8> {
    [PART_PREFIX, &(key.len() as u32).to_be_bytes(), key, &part.to_be_bytes()].concat()
}

fn part_count(stored: &[u8]) -> Option<u32> {
    match stored {
        [SPLIT, a, b, c, d] => Some(u32::from_be_bytes([*a, *b, *c, *d])),
        _ => None,
    }
}

fn damaged(reason: impl Into<String>) -> StoreError {
    StoreError::Damaged(reason.into())
}

/// Runs a call into the database; a panic in it is damage.
fn guard<T>(call: impl FnOnce() -> sled::Result<T>) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(failure),
        Err(panic) => Err(damaged(text_of(&*panic))),
    }
}

fn failure(error: sled::Error) -> StoreError {
    match error {
        sled::Error::Corruption { .. } | sled::Error::ReportableBug(_) => damaged(error.to_string()),
        other => StoreError::Database(other),
    }
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("the database panicked").to_owned()
}

#[cfg(test)]
mod tests;
