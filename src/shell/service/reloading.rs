//! When the configuration is read again, and who waits for the outcome.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};

use crate::config::{self, FileError, Files, Loaded};
use crate::engine::Audit;
use crate::model::{Diagnostic, Timestamp, render_text};
use crate::shell::clock::Clock;
use crate::shell::files::DiskFiles;
use crate::shell::reload::{Contents, POLL_INTERVAL, Watcher};

/// The files of this machine, with a note of what was read and looked up.
#[derive(Debug, Default)]
struct NotedFiles {
    notes: Mutex<Notes>,
}

/// What a reading of the configuration saw.
#[derive(Clone, Debug, Default)]
struct Notes {
    contents: Contents,
    patterns: Vec<String>,
}

impl NotedFiles {
    fn notes(&self) -> MutexGuard<'_, Notes> {
        // Notes are whole at every step.
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Files for NotedFiles {
    fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        let read = DiskFiles.read(path);
        self.notes().contents.note(path, read.as_deref().ok());
        read
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, FileError> {
        self.notes().patterns.push(pattern.to_owned());
        DiskFiles.glob(pattern)
    }

    fn is_dir(&self, path: &str) -> bool {
        DiskFiles.is_dir(path)
    }
}

/// Reads the configuration from disk and the environment, and notes what it saw, also of a configuration that is refused.
fn load(config: Option<&Path>, now: Timestamp) -> (Result<Loaded, Vec<Diagnostic>>, Notes) {
    let path = config.map(|path| path.to_string_lossy().into_owned());
    let files = NotedFiles::default();
    let loaded = config::load_at(path.as_deref(), &files, &|name| std::env::var(name).ok(), now);
    let notes = files.notes().clone();
    (loaded, notes)
}

/// A reload was refused, or the service is stopping.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReloadError {
    /// The new configuration is wrong; the old one runs on.
    #[error("{}", render_text(.0, false).trim_end())]
    Refused(Vec<Diagnostic>),
    /// The service is stopping.
    #[error("the service is stopping")]
    Stopping,
}

/// Asks for a reload; clones lead to the same service.
#[derive(Clone, Debug)]
pub struct Reloader {
    requests: mpsc::Sender<Request>,
}

impl Reloader {
    /// Asks for a reload, and waits until the configuration is taken over or refused; `audit` says who asks.
    ///
    /// # Errors
    ///
    /// [`ReloadError`]
    pub async fn reload(&self, audit: Audit) -> Result<(), ReloadError> {
        let (answer, outcome) = oneshot::channel();
        self.requests.send(Request { audit, answer: Some(answer) }).await.map_err(|_| ReloadError::Stopping)?;
        match outcome.await {
            Ok(outcome) => outcome.map_err(ReloadError::Refused),
            Err(_) => Err(ReloadError::Stopping),
        }
    }

    /// Asks for a reload; the outcome goes to the log.
    pub(super) fn request(&self) {
        // A full queue means that one is coming anyway.
        drop(self.requests.try_send(Request::by("signal")));
    }
}

/// Somebody asked for a reload.
#[derive(Debug)]
pub(super) struct Request {
    /// Who asked.
    pub(super) audit: Audit,
    answer: Option<oneshot::Sender<Result<(), Vec<Diagnostic>>>>,
}

impl Request {
    /// A request of nobody who waits for an answer.
    fn by(who: &str) -> Request {
        let (address, subject, reason) = (None, String::new(), String::new());
        let audit = Audit { who: who.to_owned(), address, action: "configuration.reload".to_owned(), subject, reason };
        Request { audit, answer: None }
    }

    pub(super) fn answer(self, outcome: Result<(), Vec<Diagnostic>>) {
        // Whoever asked may have gone.
        self.answer.map(|answer| answer.send(outcome));
    }
}

/// The configuration's files as they were last read, and what asks for reading them again.
pub(super) struct Reloading {
    config: Option<PathBuf>,
    clock: Clock,
    notes: Notes,
    watcher: Watcher,
    changed: mpsc::Receiver<()>,
    poll: tokio::time::Interval,
    requests: mpsc::Receiver<Request>,
    reloader: Reloader,
}

impl Reloading {
    /// Reads the configuration for the first time, and watches its files from now on.
    ///
    /// # Errors
    ///
    /// A configuration that cannot run.
    pub(super) fn start(config: Option<PathBuf>, clock: Clock) -> Result<(Loaded, Reloading), Vec<Diagnostic>> {
        let (loaded, notes) = load(config.as_deref(), clock.now());
        let loaded = loaded?;
        let (tell, changed) = mpsc::channel(1);
        let (requests_in, requests) = mpsc::channel(16);
        // The first tick comes at once: what changed while the service started is found too.
        let poll = tokio::time::interval(POLL_INTERVAL);
        let reloader = Reloader { requests: requests_in };
        let watcher = Watcher::new(tell);
        let mut reloading =
            Reloading { config, clock, notes: Notes::default(), watcher, changed, poll, requests, reloader };
        reloading.take_notes(notes);
        Ok((loaded, reloading))
    }

    pub(super) fn reloader(&self) -> Reloader {
        self.reloader.clone()
    }

    fn take_notes(&mut self, notes: Notes) {
        self.watcher.watch(notes.contents.paths(), &notes.patterns);
        self.notes = notes;
    }

    /// Waits until the configuration is to be read again, and reads it; `None` when nothing has changed after all.
    pub(super) async fn next(&mut self) -> Option<(Request, Result<Loaded, Vec<Diagnostic>>)> {
        let (request, asked) = tokio::select! {
            Some(request) = self.requests.recv() => (request, true),
            Some(()) = self.changed.recv() => (Request::by("files"), false),
            _ = self.poll.tick() => (Request::by("files"), false),
        };
        let (config, notes, now) = (self.config.clone(), self.notes.clone(), self.clock.now());
        // Files may lie on a disk that hangs; that must not hold up this runtime.
        let read =
            tokio::task::spawn_blocking(move || (asked || notes.differ_now()).then(|| load(config.as_deref(), now)));
        match read.await {
            Ok(Some((loaded, notes))) => {
                self.take_notes(notes);
                Some((request, loaded))
            }
            Ok(None) => None,
            Err(_) => {
                let message = "reading the configuration failed unexpectedly";
                Some((request, Err(vec![Diagnostic::error("reload/panic", message)])))
            }
        }
    }
}

impl Notes {
    /// Whether the files hold something else now, or others match the patterns.
    fn differ_now(&self) -> bool {
        let found = self.patterns.iter().flat_map(|pattern| DiskFiles.glob(pattern).unwrap_or_default());
        let mut now = Contents::default();
        for path in self.contents.paths().map(str::to_owned).chain(found) {
            now.note(&path, DiskFiles.read(&path).as_deref().ok());
        }
        now != self.contents
    }
}
