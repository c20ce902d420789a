//! When the configuration is read again, and who waits for the outcome.

use std::path::{Path, PathBuf};

use tokio::sync::{mpsc, oneshot};

use crate::config::{self, Files, Loaded};
use crate::model::{Diagnostic, render_text};
use crate::shell::files::DiskFiles;
use crate::shell::reload::{Contents, POLL_INTERVAL, Watcher};

/// Reads the configuration from disk and the environment.
pub(super) fn load(config: Option<&Path>) -> Result<Loaded, Vec<Diagnostic>> {
    let path = config.map(|path| path.to_string_lossy().into_owned());
    config::load(path.as_deref(), &DiskFiles, &|name| std::env::var(name).ok())
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
    /// Asks for a reload, and waits until the configuration is taken over or refused.
    ///
    /// # Errors
    ///
    /// [`ReloadError`]
    pub async fn reload(&self) -> Result<(), ReloadError> {
        let (answer, outcome) = oneshot::channel();
        self.requests.send(Request(Some(answer))).await.map_err(|_| ReloadError::Stopping)?;
        match outcome.await {
            Ok(outcome) => outcome.map_err(ReloadError::Refused),
            Err(_) => Err(ReloadError::Stopping),
        }
    }

    /// Asks for a reload; the outcome goes to the log.
    pub(super) fn request(&self) {
        // A full queue means that one is coming anyway.
        drop(self.requests.try_send(Request(None)));
    }
}

/// Somebody asked for a reload.
#[derive(Debug)]
pub(super) struct Request(Option<oneshot::Sender<Result<(), Vec<Diagnostic>>>>);

impl Request {
    pub(super) fn answer(self, outcome: Result<(), Vec<Diagnostic>>) {
        // Whoever asked may have gone.
        self.0.map(|answer| answer.send(outcome));
    }
}

/// The configuration's files as they were last read, and what asks for reading them again.
pub(super) struct Reloading {
    config: Option<PathBuf>,
    contents: Contents,
    files: Vec<String>,
    patterns: Vec<String>,
    watcher: Watcher,
    changed: mpsc::Receiver<()>,
    poll: tokio::time::Interval,
    requests: mpsc::Receiver<Request>,
    reloader: Reloader,
    /// What the next reading is for.
    next: Option<(Request, Cause)>,
}

/// Why the configuration is read again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// Somebody asked: it is taken over even if it is the same.
    Asked,
    /// Something changed in a watched folder, or time has passed.
    Noticed,
}

impl Reloading {
    pub(super) fn new(config: Option<PathBuf>, loaded: &Loaded) -> Self {
        let (tell, changed) = mpsc::channel(1);
        let (requests_in, requests) = mpsc::channel(16);
        let mut reloading = Reloading {
            config,
            contents: Contents::default(),
            files: Vec::new(),
            patterns: Vec::new(),
            watcher: Watcher::new(tell),
            changed,
            poll: tokio::time::interval_at(tokio::time::Instant::now() + POLL_INTERVAL, POLL_INTERVAL),
            requests,
            reloader: Reloader { requests: requests_in },
            next: None,
        };
        reloading.watch(&loaded.read, &loaded.patterns);
        reloading.contents = reloading.read_contents();
        reloading
    }

    pub(super) fn reloader(&self) -> Reloader {
        self.reloader.clone()
    }

    fn watch(&mut self, files: &[String], patterns: &[String]) {
        self.files = files.to_vec();
        self.patterns = patterns.to_vec();
        if self.config.is_some() {
            self.watcher.watch(files, patterns);
        }
    }

    fn read_contents(&self) -> Contents {
        let found = self.patterns.iter().flat_map(|pattern| DiskFiles.glob(pattern).unwrap_or_default());
        Contents::read(&self.files, found)
    }

    /// Resolves when the configuration is to be read again.
    pub(super) async fn wanted(&mut self) {
        if self.next.is_some() {
            return;
        }
        self.next = Some(tokio::select! {
            Some(request) = self.requests.recv() => (request, Cause::Asked),
            Some(()) = self.changed.recv() => (Request(None), Cause::Noticed),
            _ = self.poll.tick() => (Request(None), Cause::Noticed),
        });
    }

    pub(super) fn take(&mut self) -> Option<Request> {
        let (request, cause) = self.next.take()?;
        let contents = self.read_contents();
        let changed = contents != self.contents;
        self.contents = contents;
        if cause == Cause::Noticed && !changed {
            return None;
        }
        Some(request)
    }

    /// The configuration as it is now.
    pub(super) async fn read(&mut self) -> Result<Loaded, Vec<Diagnostic>> {
        let config = self.config.clone();
        let loaded = tokio::task::spawn_blocking(move || load(config.as_deref())).await;
        let Ok(loaded) = loaded else {
            return Err(vec![Diagnostic::error("reload/panic", "reading the configuration failed unexpectedly")]);
        };
        match loaded {
            Ok(loaded) => {
                self.watch(&loaded.read, &loaded.patterns);
                self.contents = self.read_contents();
                Ok(loaded)
            }
            Err(diagnostics) => Err(diagnostics),
        }
    }
}
