//! Reading the configuration again when its files change, on SIGHUP, and when asked to over HTTP.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, Debouncer, RecommendedCache, new_debouncer};
use tokio::sync::mpsc;
use tracing::warn;

/// How long after the last change of a file it is read: editors write in several steps.
const DEBOUNCE: Duration = Duration::from_millis(300);
/// How often the files are looked at even if no change was reported: network file systems report none.
pub const POLL_INTERVAL: Duration = Duration::from_secs(30);
/// The greatest number of folders that are watched.
const FOLDERS_MAX: usize = 1024;

/// Watches the folders of configuration files. Whoever holds it is told of changes; what changed is found out by reading.
///
/// Folders are watched and not files: a file that is replaced by renaming, or behind a symbolic link that is swapped, is
/// another file afterwards.
#[derive(Debug)]
pub struct Watcher {
    debouncer: Option<Debouncer<RecommendedWatcher, RecommendedCache>>,
    folders: Vec<PathBuf>,
}

impl Watcher {
    /// A watcher that puts a word into `changed` when something in a watched folder changes. Where the operating system
    /// cannot watch, changes are found by [`POLL_INTERVAL`] alone.
    pub fn new(changed: mpsc::Sender<()>) -> Self {
        let tell = move |result: DebounceEventResult| {
            let touches = |event: &notify_debouncer_full::DebouncedEvent| !event.kind.is_access();
            if result.map_or(true, |events| events.iter().any(touches)) {
                // A full queue means that somebody will look anyway.
                let _ = changed.try_send(());
            }
        };
        let debouncer = new_debouncer(DEBOUNCE, None, tell);
        if let Err(error) = &debouncer {
            warn!(%error, "changes of files cannot be watched; they are looked for every {POLL_INTERVAL:?}");
        }
        Watcher { debouncer: debouncer.ok(), folders: Vec::new() }
    }

    /// Watches the folders of `files` and of `patterns`, and no others.
    pub fn watch<'a>(&mut self, files: impl Iterator<Item = &'a str>, patterns: &[String]) {
        let Some(debouncer) = &mut self.debouncer else { return };
        let mut wanted: Vec<PathBuf> = files.flat_map(|file| folders_of(Path::new(file))).collect();
        wanted.extend(patterns.iter().map(|pattern| folder_before_wildcard(pattern)));
        wanted.sort();
        wanted.dedup();
        wanted.truncate(FOLDERS_MAX);
        for folder in self.folders.iter().filter(|folder| !wanted.contains(folder)) {
            // A folder that is gone is watched no more already.
            drop(debouncer.unwatch(folder));
        }
        for folder in wanted.iter().filter(|folder| !self.folders.contains(folder)) {
            if let Err(error) = debouncer.watch(folder, RecursiveMode::NonRecursive) {
                warn!(folder = %folder.display(), %error, "folder cannot be watched");
            }
        }
        self.folders = wanted;
    }
}

/// The folder of `file`, and of what it links to: Kubernetes swaps a link in between.
fn folders_of(file: &Path) -> Vec<PathBuf> {
    let parent = |path: &Path| match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
        Some(parent) => parent.to_owned(),
        None => PathBuf::from("."),
    };
    let mut folders = vec![parent(file)];
    if let Ok(real) = file.canonicalize() {
        folders.push(parent(&real));
    }
    folders
}

fn folder_before_wildcard(pattern: &str) -> PathBuf {
    let fixed = pattern.split(['*', '?', '[', '{']).next().unwrap_or_default();
    match fixed.rfind('/') {
        Some(slash) => PathBuf::from(&fixed[..=slash]),
        None => PathBuf::from("."),
    }
}

/// What files held when they were last read, to tell a change from a touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents(BTreeMap<String, Option<u64>>);

impl Contents {
    /// Notes what the file at `path` holds; `None` if it cannot be read.
    pub fn note(&mut self, path: &str, content: Option<&[u8]>) {
        let hash = content.map(|bytes| {
            let mut hasher = std::collections::hash_map::DefaultHasher::new();
            bytes.hash(&mut hasher);
            hasher.finish()
        });
        self.0.insert(path.to_owned(), hash);
    }

    /// The paths of the files.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_before_a_wildcard() {
        for (pattern, folder) in
            [("rules/*.yml", "rules/"), ("/etc/w/**/a.yml", "/etc/w/"), ("*.yml", "."), ("a/b.yml", "a/")]
        {
            assert_eq!(folder_before_wildcard(pattern), PathBuf::from(folder), "{pattern}");
        }
    }

    #[test]
    fn the_same_content_is_no_change() {
        let noted = |content: Option<&[u8]>| {
            let mut contents = Contents::default();
            contents.note("a.yml", content);
            contents
        };
        assert_eq!(noted(Some(b"a")), noted(Some(b"a")));
        assert_ne!(noted(Some(b"a")), noted(Some(b"b")));
        assert_ne!(noted(None), noted(Some(b"")));
        assert_ne!(noted(None), Contents::default());
    }
}
