//! Starting, running and stopping the service.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::host_task::HostTask;
use super::reloading::{Reloading, load};
use super::settings::{longest_window, retention, series_limits, surroundings, uncompressed_max};
use super::signals::{Signal, Signals};
use super::status::Statuses;
use super::windows::{self, TRUNCATE_INTERVAL, Windows, replay};
use super::{decider, dispatch::Dispatch, evaluator};
use crate::config::Loaded;
use crate::engine::{Engine, Record};
use crate::model::{Diagnostic, Timestamp, render_text};
use crate::series::Database;
use crate::shell::clock::{Clock, Started};
use crate::shell::http;
use crate::shell::ingest::{Accepted, BodyLimits, Intake, IntakeError, Scraper, Source};
use crate::shell::journal::{Journal, JournalError, JournalLimits};
use crate::shell::storage::{SledStore, Store, StoreError, StoreOptions};
use crate::shell::telemetry::{Ids, Metrics};

/// How many batches may wait to be written.
const INTAKE_QUEUE: usize = 1024;
/// How long attempts under way may take to end when the service stops.
const STOP_PATIENCE: Duration = Duration::from_secs(10);
/// How often the log says how things go.
const STATUS_INTERVAL: Duration = Duration::from_secs(15);

/// What the command line says about serving.
#[derive(Clone, Debug, Default)]
pub struct ServeOptions {
    /// The main file; without one the embedded default runs.
    pub config: Option<PathBuf>,
    /// Where to listen, instead of what the main file says.
    pub listen: Option<String>,
    /// The folder of the store and the journal, instead of what the main file says.
    pub data: Option<PathBuf>,
}

/// The service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The configuration is wrong.
    #[error("{}", render_text(.0, false).trim_end())]
    Config(Vec<Diagnostic>),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {reason}; is another watchbell running? choose another address with --listen")]
    Listen {
        /// The address.
        address: String,
        /// Why not.
        reason: std::io::Error,
    },
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journal cannot be opened.
    #[error("cannot open the journal: {0}")]
    Journal(#[from] JournalError),
    /// A thread or a signal handler cannot be had.
    #[error("cannot start: {0}")]
    System(#[from] std::io::Error),
}

/// Runs the service until SIGTERM or SIGINT.
///
/// # Errors
///
/// The service cannot start. Once it runs it does not end by itself.
pub async fn serve(options: ServeOptions, clock: Clock, ids: Ids, began: Started) -> Result<(), ServeError> {
    let loaded = load(options.config.as_deref()).map_err(ServeError::Config)?;
    let service = Service::start(options, loaded, clock, ids, began).await?;
    service.run().await
}

/// Everything that runs.
struct Service {
    clock: Clock,
    windows: Windows,
    intake: Intake,
    decider: decider::Decider,
    decider_thread: std::thread::JoinHandle<()>,
    evaluator: evaluator::Evaluator,
    evaluator_thread: std::thread::JoinHandle<()>,
    dispatch: Dispatch,
    scraper: Scraper,
    host: HostTask,
    metrics: Arc<Metrics>,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
    stop_server: CancellationToken,
    reloading: Reloading,
    /// What the main file said of `listen` and `storage.path` at the start.
    listen: String,
    storage_path: String,
}

impl Service {
    async fn start(
        options: ServeOptions,
        loaded: Loaded,
        clock: Clock,
        ids: Ids,
        began: Started,
    ) -> Result<Service, ServeError> {
        let now = clock.now();
        let mut plan = loaded.plan.clone();
        if let Some(listen) = &options.listen {
            plan.listen.clone_from(listen);
        }
        if let Some(data) = &options.data {
            plan.storage_path = data.to_string_lossy().into_owned();
        }
        let plan = Arc::new(plan);
        let listener = listen(&plan.listen).await?;
        let metrics = Arc::new(Metrics::new(now));
        let statuses = Arc::new(Statuses::default());

        let data = PathBuf::from(&plan.storage_path);
        let (store, records) = open_store(&data, now).await?;
        let mut database = Database::new(series_limits(&plan));
        database.set_retention(retention(&plan));
        let journal_folder = data.join("journal");
        let journal = Journal::open(&journal_folder, JournalLimits::default())?;
        let since = now - longest_window(&plan);
        let (batches, samples) = replay(&journal_folder, &mut database, since, uncompressed_max(&plan))?;
        database.truncate(now);

        let mut effects = Vec::new();
        let engine_plan = Arc::new(plan.engine.clone());
        let (engine, errors) = Engine::restore(engine_plan, records, now, &mut effects);
        for error in errors {
            error!(%error, "a record of the store cannot be read; it takes no part");
        }
        for warning in &loaded.warnings {
            warn!("{}", render_text(std::slice::from_ref(warning), false).trim_end());
        }
        let (pending, firing) = engine.alert_counts();
        let undelivered = engine.deliveries().count();
        info!(batches, samples, pending, firing, undelivered, "state restored");

        let (intake, submissions) = Intake::new(INTAKE_QUEUE);
        let windows = Windows::new(database, intake.clone());
        windows.keep_journal(longest_window(&plan));
        let writer =
            windows::Surround { journal, clock: clock.clone(), metrics: metrics.clone(), statuses: statuses.clone() };
        windows::start(windows.clone(), submissions, writer)?;

        let dispatch = Dispatch::new(plan.clone(), Handle::current(), clock.clone(), metrics.clone(), statuses.clone());
        let send = dispatch.clone();
        let surround = decider::Surround {
            store: Some(store),
            snapshots: StoreOptions::inside(&data).snapshots,
            reopen: Box::new(move |now| Ok(Box::new(SledStore::open(&StoreOptions::inside(&data), now)?.store))),
            clock: clock.clone(),
            send: Box::new(move |delivery| send.send(delivery)),
            metrics: metrics.clone(),
            statuses: statuses.clone(),
        };
        let (decider, decider_thread) = decider::start(engine, effects, surround)?;
        dispatch.report_to(decider.clone());

        let surround = evaluator::Surround {
            windows: windows.clone(),
            decider: decider.clone(),
            clock: clock.clone(),
            metrics: metrics.clone(),
        };
        let (evaluator, evaluator_thread) =
            evaluator::start(plan.engine.groups.clone(), surroundings(&plan), surround)?;

        let scraper = Scraper::new(intake.clone(), clock.clone(), ids.clone(), metrics.clone());
        scraper.apply(plan.scrapes.clone()).await;
        let mut host = HostTask::new(intake.clone(), clock.clone(), ids.clone(), metrics.clone());
        host.apply(plan.host_samples);

        let reloading = Reloading::new(options.config, &loaded);
        let ready = Arc::new(AtomicBool::new(false));
        let state = http::App {
            decider: decider.clone(),
            windows: windows.clone(),
            evaluator: evaluator.clone(),
            scraper: scraper.clone(),
            reloader: reloading.reloader(),
            metrics: metrics.clone(),
            statuses,
            clock: clock.clone(),
            started_at: now,
            ready: ready.clone(),
        };
        let limits = BodyLimits {
            compressed_bytes_max: plan.limits.body_bytes_max,
            uncompressed_bytes_max: uncompressed_max(&plan),
        };
        let stop_server = CancellationToken::new();
        let app = http::router(state, intake.clone(), ids, limits);
        let address = listener.local_addr()?;
        let server = tokio::spawn(http::serve(listener, app, stop_server.clone()));
        ready.store(true, Ordering::Release);
        let startup_ms = u64::try_from(clock.elapsed_since(began).as_millis()).unwrap_or(u64::MAX);
        let rules: usize = plan.engine.groups.iter().map(|group| group.rules.len()).sum();
        info!(%address, rules, receivers = plan.engine.receivers.len(), startup_ms, "watchbell is ready");
        Ok(Service {
            clock,
            windows,
            intake,
            decider,
            decider_thread,
            evaluator,
            evaluator_thread,
            dispatch,
            scraper,
            host,
            metrics,
            server,
            stop_server,
            reloading,
            listen: loaded.plan.listen,
            storage_path: loaded.plan.storage_path,
        })
    }

    async fn run(mut self) -> Result<(), ServeError> {
        let mut signals = Signals::new()?;
        let mut truncate = tokio::time::interval(TRUNCATE_INTERVAL);
        let mut status = tokio::time::interval(STATUS_INTERVAL);
        let mut before = Progress::default();
        loop {
            tokio::select! {
                signal = signals.next() => match signal {
                    Signal::Stop => break,
                    Signal::Reload => self.reloading.reloader().request(),
                },
                () = self.reloading.wanted() => self.reload().await,
                _ = truncate.tick() => self.truncate().await,
                _ = status.tick() => {
                    before = self.tell_status(before).await;
                }
                ended = &mut self.server => {
                    error!(?ended, "the HTTP server has ended");
                    break;
                }
            }
        }
        tokio::select! {
            () = self.stop() => {}
            _ = signals.next() => warn!("stopped at once, as asked for twice"),
        }
        Ok(())
    }

    /// Says how things go since `before`; returns where they are now.
    async fn tell_status(&self, before: Progress) -> Progress {
        let stats = self.windows.read(|database| database.stats());
        let progress = Progress { samples: stats.appended, rules: self.metrics.rules_evaluated() };
        self.metrics.set_series(stats.series);
        if let Ok((pending, firing)) = self.decider.read(|engine| engine.alert_counts()).await {
            info!(
                samples_in = progress.samples - before.samples,
                series = stats.series,
                rules_evaluated = progress.rules - before.rules,
                pending,
                firing,
                "watching"
            );
        }
        progress
    }

    async fn truncate(&self) {
        let (windows, now) = (self.windows.clone(), self.clock.now());
        // Dropping old samples takes the lock for a while; it must not hold up this runtime.
        drop(tokio::task::spawn_blocking(move || windows.write(|database| database.truncate(now))).await);
    }

    async fn reload(&mut self) {
        let Some(request) = self.reloading.take() else { return };
        let outcome = self.reloading.read().await;
        let now = self.clock.now();
        let answer = match outcome {
            Ok(loaded) => {
                self.take_plan(loaded).await;
                self.metrics.reloaded(true, now);
                Ok(())
            }
            Err(diagnostics) => {
                self.metrics.reloaded(false, now);
                error!("the new configuration is refused; the old one runs on\n{}", render_text(&diagnostics, false));
                Err(diagnostics)
            }
        };
        request.answer(answer);
    }

    /// Swaps the plan whole: it has been compiled beside the running one.
    async fn take_plan(&mut self, loaded: Loaded) {
        let plan = Arc::new(loaded.plan);
        for warning in &loaded.warnings {
            warn!("{}", render_text(std::slice::from_ref(warning), false).trim_end());
        }
        for (what, running, new) in
            [("listen", &self.listen, &plan.listen), ("storage.path", &self.storage_path, &plan.storage_path)]
        {
            if running != new {
                warn!(running, new, "`{what}` changes with the next start only");
            }
        }
        self.windows.write(|database| database.set_retention(retention(&plan)));
        self.windows.keep_journal(longest_window(&plan));
        self.dispatch.replace(plan.clone());
        let (decider, engine_plan) = (self.decider.clone(), Arc::new(plan.engine.clone()));
        let told = tokio::task::spawn_blocking(move || decider.tell(crate::engine::Input::NewPlan(engine_plan))).await;
        drop(told);
        let (evaluator, groups, around) = (self.evaluator.clone(), plan.engine.groups.clone(), surroundings(&plan));
        drop(tokio::task::spawn_blocking(move || evaluator.replace(groups, around)).await);
        self.scraper.apply(plan.scrapes.clone()).await;
        self.host.apply(plan.host_samples);
        let rules: usize = plan.engine.groups.iter().map(|group| group.rules.len()).sum();
        info!(rules, receivers = plan.engine.receivers.len(), "configuration reloaded");
    }

    /// Stops in the order of the pipeline, so that what was taken in is still written and what was sent still noted.
    async fn stop(mut self) {
        info!("stopping");
        self.stop_server.cancel();
        self.scraper.stop().await;
        self.host.apply(None);
        self.evaluator.stop();
        drop(tokio::task::spawn_blocking(move || self.evaluator_thread.join()).await);
        if tokio::time::timeout(STOP_PATIENCE, self.dispatch.finish()).await.is_err() {
            warn!("some notifications are still under way; they are sent again after the next start");
        }
        // Batches are written in order: once this one is durable, all before it are.
        let last = Accepted {
            batch: crate::formats::Batch::default(),
            wire: None,
            source: Source::Rules,
            trace: crate::model::TraceId::NONE,
            received_at: self.clock.now(),
        };
        if let Err(IntakeError::NotDurable(error)) = self.intake.submit_patiently(last).await {
            error!(error, "the journal's end cannot be written");
        }
        let decider = self.decider.clone();
        drop(tokio::task::spawn_blocking(move || decider.stop()).await);
        drop(tokio::task::spawn_blocking(move || self.decider_thread.join()).await);
        info!("stopped");
    }
}

async fn listen(address: &str) -> Result<TcpListener, ServeError> {
    let bound = match address.parse::<SocketAddr>() {
        Ok(socket) => TcpListener::bind(socket).await,
        Err(_) => TcpListener::bind(address).await,
    };
    bound.map_err(|reason| ServeError::Listen { address: address.to_owned(), reason })
}

async fn open_store(data: &Path, now: Timestamp) -> Result<(Box<dyn Store>, Vec<Record>), ServeError> {
    let data = data.to_owned();
    let opened = tokio::task::spawn_blocking(move || {
        let opened = SledStore::open(&StoreOptions::inside(&data), now)?;
        Ok::<_, StoreError>((Box::new(opened.store) as Box<dyn Store>, opened.records))
    });
    Ok(opened.await.map_err(std::io::Error::other)??)
}

/// What has been done since the start.
#[derive(Clone, Copy, Default)]
struct Progress {
    samples: u64,
    rules: u64,
}
