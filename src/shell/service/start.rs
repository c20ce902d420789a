//! Starting, running and stopping the service.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::host_task::HostTask;
use super::reloading::Reloading;
use super::running::Service;
use super::sentinel::Sentinel;
use super::settings::{longest_window, retention, series_limits, surroundings, uncompressed_max};
use super::signals::Signals;
use super::status::Statuses;
use super::swap::{Fixed, Swap};
use super::vitals::Vitals;
use super::watchdog::WatchdogTask;
use super::windows::{self, Windows, replay};
use super::{decider, dispatch::Dispatch, evaluator};
use crate::config::{Loaded, Plan};
use crate::engine::{Effect, Engine};
use crate::model::{Diagnostic, Timestamp, render_text};
use crate::series::{Catalogue, Database};
use crate::shell::clock::{Clock, Started};
use crate::shell::history::History;
use crate::shell::http;
use crate::shell::ingest::{BodyLimits, Intake, Scraper};
use crate::shell::journal::{Journal, JournalError, JournalLimits};
use crate::shell::storage::{SledStore, Store, StoreError, StoreOptions};
use crate::shell::telemetry::{Ids, Metrics};

/// How many batches may wait to be written.
const INTAKE_QUEUE: usize = 1024;

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

/// What the process gives to the service.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The time.
    pub clock: Clock,
    /// New trace ids.
    pub ids: Ids,
    /// When the process began.
    pub began: Started,
}

/// The service cannot start, or a part of it broke.
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
    /// The door of the HTTP interface cannot be made.
    #[error(transparent)]
    Door(#[from] http::DoorError),
    /// A thread or a signal handler cannot be had.
    #[error("cannot start: {0}")]
    System(#[from] std::io::Error),
    /// A part that must run as long as the service has ended.
    #[error("the part `{0}` has ended unexpectedly")]
    Ended(&'static str),
}

/// Runs the service until SIGTERM or SIGINT.
///
/// # Errors
///
/// The service cannot start, or a part of it ended that must not.
pub async fn serve(options: ServeOptions, environment: Environment) -> Result<(), ServeError> {
    let signals = Signals::new()?;
    let configuration = Reloading::start(options.config.clone()).map_err(ServeError::Config)?;
    start(options, configuration, signals, environment).await?.run().await
}

/// What was found on disk.
struct Restored {
    store: Box<dyn Store>,
    engine: Engine,
    effects: Vec<Effect>,
    database: Database,
    catalogue: Catalogue,
    journal: Journal,
    history: History,
}

/// Opens the store and the journal of `plan`, and brings the engine and the windows back to where they were.
fn restore(plan: &Plan, now: Timestamp) -> Result<Restored, ServeError> {
    let data = PathBuf::from(&plan.storage_path);
    let opened = SledStore::open(&StoreOptions::inside(&data), now)?;
    let mut database = Database::new(series_limits(plan));
    database.set_retention(retention(plan));
    let journal_folder = data.join("journal");
    let journal = Journal::open(&journal_folder, JournalLimits::default())?;
    let mut catalogue = Catalogue::default();
    let (batches, samples) = replay(&journal_folder, &mut database, &mut catalogue, now - longest_window(plan))?;
    database.truncate(now);
    let history = History::restore(plan.history, &opened.records);
    let mut effects = Vec::new();
    let (engine, errors) = Engine::restore(Arc::new(plan.engine.clone()), opened.records, now, &mut effects);
    for error in errors {
        error!(%error, "a record of the store cannot be read; it takes no part");
    }
    let (pending, firing) = engine.alert_counts();
    let undelivered = engine.deliveries().count();
    info!(batches, samples, pending, firing, undelivered, "state restored");
    Ok(Restored { store: Box::new(opened.store), engine, effects, database, catalogue, journal, history })
}

/// The plan with what the command line says instead.
fn plan_of(loaded: &Loaded, options: &ServeOptions) -> Arc<Plan> {
    let mut plan = loaded.plan.clone();
    if let Some(listen) = &options.listen {
        if plan.engine.external_url == format!("http://{}", plan.listen) {
            plan.engine.external_url = format!("http://{listen}");
        }
        plan.listen.clone_from(listen);
    }
    if let Some(data) = &options.data {
        plan.storage_path = data.to_string_lossy().into_owned();
    }
    Arc::new(plan)
}

async fn start(
    options: ServeOptions,
    (loaded, reloading): (Loaded, Reloading),
    signals: Signals,
    environment: Environment,
) -> Result<Service, ServeError> {
    let Environment { clock, ids, began } = environment;
    for warning in &loaded.warnings {
        warn!("{}", render_text(std::slice::from_ref(warning), false).trim_end());
    }
    let now = clock.now();
    let plan = plan_of(&loaded, &options);
    let door = http::DoorRules::read(&plan).await?;
    let listener = listen(&plan.listen).await?;
    let metrics = Arc::new(Metrics::new(now));
    let statuses = Arc::new(Statuses::default());
    let door = http::Door::new(door, clock.clone(), metrics.clone());
    door.warn_of_strangers(&plan.listen);
    let restoring = plan.clone();
    let restored =
        tokio::task::spawn_blocking(move || restore(&restoring, now)).await.map_err(std::io::Error::other)??;
    let (tell_end, ended) = mpsc::channel(4);
    let sentinel = |name| Sentinel::new(name, tell_end.clone());

    let (intake, submissions) = Intake::new(INTAKE_QUEUE);
    let windows = Windows::new(restored.database, restored.catalogue, intake.clone());
    windows.keep_journal(longest_window(&plan));
    let surround = windows::Surround {
        journal: restored.journal,
        clock: clock.clone(),
        metrics: metrics.clone(),
        statuses: statuses.clone(),
    };
    windows::start(windows.clone(), submissions, surround, sentinel("write"))?;

    let (runtime, charted) = (Handle::current(), windows.clone());
    let dispatch = Dispatch::new(plan.clone(), charted, runtime, clock.clone(), metrics.clone(), statuses.clone());
    let send = dispatch.clone();
    let layout = StoreOptions::inside(plan.storage_path.as_ref());
    let surround = decider::Surround {
        store: Some(restored.store),
        history: restored.history,
        snapshots: layout.snapshots.clone(),
        reopen: Box::new(move |now| SledStore::open(&layout, now)),
        clock: clock.clone(),
        send: Box::new(move |delivery| send.send(delivery)),
        metrics: metrics.clone(),
        statuses: statuses.clone(),
    };
    let (decider, decider_thread) = decider::start(restored.engine, restored.effects, surround, sentinel("decide"))?;
    dispatch.report_to(decider.clone());

    let surround = evaluator::Surround {
        windows: windows.clone(),
        decider: decider.clone(),
        clock: clock.clone(),
        metrics: metrics.clone(),
        runtime: Handle::current(),
    };
    let (evaluator, evaluator_thread) =
        evaluator::start(plan.engine.groups.clone(), surroundings(&plan), surround, sentinel("evaluate"))?;

    let scraper = Scraper::new(intake.clone(), clock.clone(), ids.clone(), metrics.clone());
    scraper.apply(plan.scrapes.clone()).await;
    let mut host = HostTask::new(intake.clone(), clock.clone(), ids.clone(), metrics.clone());
    host.apply(plan.host_samples);

    let ready = Arc::new(AtomicBool::new(false));
    let queries = http::Queries::new(windows.clone(), clock.clone(), now, &plan);
    let vitals = Vitals {
        decider: decider.clone(),
        evaluator: evaluator.clone(),
        statuses: statuses.clone(),
        clock: clock.clone(),
    };
    let app = http::App {
        vitals: vitals.clone(),
        queries: queries.clone(),
        decider: decider.clone(),
        windows: windows.clone(),
        evaluator: evaluator.clone(),
        scraper: scraper.clone(),
        dispatch: dispatch.clone(),
        reloader: reloading.reloader(),
        metrics: metrics.clone(),
        statuses,
        ids: ids.clone(),
        clock: clock.clone(),
        started_at: now,
        ready: ready.clone(),
    };
    let limits = BodyLimits {
        compressed_bytes_max: plan.limits.body_bytes_max,
        uncompressed_bytes_max: uncompressed_max(&plan),
    };
    let stop_server = CancellationToken::new();
    let address = listener.local_addr()?;
    let routes = http::router(app, intake.clone(), ids, limits, door.clone());
    let server = tokio::spawn(http::serve(listener, routes, door.clone(), stop_server.clone()));
    ready.store(true, Ordering::Release);
    let startup_ms = u64::try_from(clock.elapsed_since(began).as_millis()).unwrap_or(u64::MAX);
    let rules: usize = plan.engine.groups.iter().map(|group| group.rules.len()).sum();
    info!(%address, rules, receivers = plan.engine.receivers.len(), startup_ms, "watchbell is ready");
    let mut watchdog = WatchdogTask::new(vitals, clock.clone(), metrics.clone());
    watchdog.apply(plan.watchdog.as_ref());
    let swap = Swap {
        windows: windows.clone(),
        decider: decider.clone(),
        evaluator: evaluator.clone(),
        dispatch: dispatch.clone(),
        scraper: scraper.clone(),
        queries,
        door,
        host,
        watchdog,
        fixed: Fixed::of(&loaded.plan),
    };
    Ok(Service {
        signals,
        clock,
        windows,
        intake,
        decider,
        decider_thread,
        evaluator,
        evaluator_thread,
        ended,
        dispatch,
        scraper,
        metrics,
        server,
        stop_server,
        reloading,
        swap,
    })
}

async fn listen(address: &str) -> Result<TcpListener, ServeError> {
    let bound = match address.parse::<SocketAddr>() {
        Ok(socket) => TcpListener::bind(socket).await,
        Err(_) => TcpListener::bind(address).await,
    };
    bound.map_err(|reason| ServeError::Listen { address: address.to_owned(), reason })
}
