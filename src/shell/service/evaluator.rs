//! The thread that evaluates groups when their time comes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Handle;
use tracing::{debug, warn};

use super::decider::Decider;
use super::sentinel::Sentinel;
use super::windows::Windows;
use crate::engine::{GroupRun, Input, RuleView, Surroundings, World};
use crate::model::{Labels, Matcher, SampleValue, Timestamp, TraceId};
use crate::rule::{Group, RuleId, next_evaluation};
use crate::series::Querier;
use crate::shell::clock::Clock;
use crate::shell::telemetry::Metrics;

/// The longest sleep without a look at the clock, should it be set.
const SLEEP_MAX: Duration = Duration::from_secs(1);
/// A group may take as long as its interval to evaluate, and in any case this long.
const EVALUATION_TIME_MIN: Duration = Duration::from_secs(10);
/// How many times as long as it may an evaluation takes that counts as stuck.
const STUCK_AFTER: u32 = 2;
/// A moment that does not come, in milliseconds.
const NEVER: i64 = i64::MAX;

/// Something for the evaluating thread.
enum Message {
    Plan(Vec<Group>, Box<Surroundings>),
    Stop,
}

/// The way to the evaluating thread.
#[derive(Clone, Debug)]
pub struct Evaluator {
    queue: SyncSender<Message>,
    progress: Arc<RwLock<HashMap<(String, String), Progress>>>,
    overdue_at: Arc<AtomicI64>,
}

/// How the last evaluation of a group went.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// For which moment.
    pub at: Timestamp,
    /// How long it took.
    pub took: Duration,
}

/// What the evaluating thread works with.
pub(super) struct Surround {
    /// The series.
    pub windows: Windows,
    /// The engine.
    pub decider: Decider,
    /// The time.
    pub clock: Clock,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Where watchdogs run.
    pub runtime: Handle,
}

/// Gives up an evaluation that takes too long.
struct Watchdog {
    canceled: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<()>,
}

impl Watchdog {
    /// Waits for `limit`, unless it is dropped before.
    fn start(runtime: &Handle, limit: Duration) -> Self {
        let canceled = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&canceled);
        let task = runtime.spawn(async move {
            tokio::time::sleep(limit).await;
            flag.store(true, Ordering::Relaxed);
        });
        Watchdog { canceled, task }
    }

    fn has_barked(&self) -> bool {
        self.canceled.load(Ordering::Relaxed)
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Evaluator {
    /// Goes on with other groups; those that stay keep what they know of their last evaluation.
    pub fn replace(&self, groups: Vec<Group>, surroundings: Surroundings) {
        // A thread that has stopped evaluates nothing, old or new.
        drop(self.queue.send(Message::Plan(groups, Box::new(surroundings))));
    }

    /// Lets the evaluation under way end, and stops.
    pub fn stop(&self) {
        drop(self.queue.send(Message::Stop));
    }

    /// Whether an evaluation has not ended though it was given up long ago.
    pub fn is_stuck(&self, now: Timestamp) -> bool {
        now > Timestamp::from_millis(self.overdue_at.load(Ordering::Relaxed))
    }

    /// How the last evaluation of the group `name` in `file` went.
    pub fn progress(&self, file: &str, name: &str) -> Option<Progress> {
        let progress = self.progress.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        progress.get(&(file.to_owned(), name.to_owned())).copied()
    }
}

/// Starts the evaluating thread.
///
/// # Errors
///
/// The operating system gives no thread.
pub(super) fn start(
    groups: Vec<Group>,
    surroundings: Surroundings,
    surround: Surround,
    sentinel: Sentinel,
) -> std::io::Result<(Evaluator, JoinHandle<()>)> {
    let (queue, messages) = sync_channel(16);
    let progress = Arc::new(RwLock::new(HashMap::new()));
    let overdue_at = Arc::new(AtomicI64::new(NEVER));
    let evaluator = Evaluator { queue, progress: Arc::clone(&progress), overdue_at: Arc::clone(&overdue_at) };
    let thread = std::thread::Builder::new().name("evaluate".to_owned()).spawn(move || {
        let _sentinel = sentinel;
        let now = surround.clock.now();
        let entries = groups.into_iter().map(|group| Entry::new(group, now)).collect();
        Loop { entries, surroundings, surround, messages, progress, overdue_at }.run();
    })?;
    Ok((evaluator, thread))
}

/// A group with the moment of its next evaluation.
struct Entry {
    run: GroupRun,
    next: Timestamp,
}

impl Entry {
    fn new(group: Group, now: Timestamp) -> Self {
        let next = next_evaluation(now, group.interval);
        Entry { run: GroupRun::new(group), next }
    }
}

struct Loop {
    entries: Vec<Entry>,
    surroundings: Surroundings,
    surround: Surround,
    messages: Receiver<Message>,
    progress: Arc<RwLock<HashMap<(String, String), Progress>>>,
    /// By when the evaluation under way must have ended.
    overdue_at: Arc<AtomicI64>,
}

impl Loop {
    fn run(mut self) {
        loop {
            let now = self.surround.clock.now();
            let next = self.entries.iter().map(|entry| entry.next).min();
            let wait = next.map_or(SLEEP_MAX, |next| next.since(now).min(SLEEP_MAX));
            match self.messages.recv_timeout(wait) {
                Ok(Message::Plan(groups, surroundings)) => self.take_plan(groups, *surroundings),
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => self.evaluate_due(),
            }
        }
    }

    fn take_plan(&mut self, groups: Vec<Group>, surroundings: Surroundings) {
        let now = self.surround.clock.now();
        self.surroundings = surroundings;
        let key = |group: &Group| (group.file.clone(), group.name.clone());
        let mut old: HashMap<(String, String), Entry> =
            self.entries.drain(..).map(|entry| (key(entry.run.group()), entry)).collect();
        let mut world = LiveWorld { surround: &self.surround };
        for group in groups {
            let entry = match old.remove(&key(&group)) {
                Some(mut entry) => {
                    if entry.run.group().interval != group.interval {
                        entry.next = next_evaluation(now, group.interval);
                    }
                    entry.run.replace(group, now, &mut world);
                    entry
                }
                None => Entry::new(group, now),
            };
            self.entries.push(entry);
        }
        let mut progress = self.progress.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        for (gone, entry) in old {
            progress.remove(&gone);
            entry.run.retire(now, &mut world);
        }
    }

    fn evaluate_due(&mut self) {
        let Surround { clock, metrics, runtime, .. } = &self.surround;
        for entry in &mut self.entries {
            let now = clock.now();
            let interval = entry.run.group().interval;
            if entry.next > now + interval {
                warn!(group = entry.run.group().name, next = %entry.next, "the clock was set back; evaluations go on from now");
                entry.next = next_evaluation(now, interval);
            }
            if entry.next > now {
                continue;
            }
            let missed = now.since(entry.next).as_millis() / interval.as_millis().max(1);
            let at = if missed == 0 { entry.next } else { last_evaluation(now, interval) };
            if missed > 0 {
                metrics.evaluations_missed(u64::try_from(missed).unwrap_or(u64::MAX));
                warn!(group = entry.run.group().name, missed, "evaluations missed");
            }
            let started = clock.start();
            let limit = interval.max(EVALUATION_TIME_MIN);
            let watchdog = Watchdog::start(runtime, limit);
            self.overdue_at.store((now + limit * STUCK_AFTER).millis(), Ordering::Relaxed);
            self.surroundings.options.canceled = Some(Arc::clone(&watchdog.canceled));
            let report = entry.run.evaluate(at, &self.surroundings, &mut LiveWorld { surround: &self.surround });
            let took = clock.elapsed_since(started);
            self.overdue_at.store(NEVER, Ordering::Relaxed);
            metrics.group_evaluated(report.evaluated, report.failed, took);
            entry.next = at + interval;
            let group = entry.run.group();
            if watchdog.has_barked() {
                let took_seconds = took.as_secs_f64();
                warn!(group = group.name, took_seconds, "a group took too long; its rules that were not done failed");
            }
            debug!(
                group = group.name,
                rules = report.evaluated,
                failed = report.failed,
                written = report.written,
                took_seconds = took.as_secs_f64(),
                "group evaluated"
            );
            let mut progress = self.progress.write().unwrap_or_else(std::sync::PoisonError::into_inner);
            progress.insert((group.file.clone(), group.name.clone()), Progress { at, took });
        }
    }
}

/// The last moment of the timetable that is not after `now`.
fn last_evaluation(now: Timestamp, interval: Duration) -> Timestamp {
    let next = next_evaluation(now, interval);
    if next > now { next - interval } else { next }
}

/// The series and the engine of the running service.
struct LiveWorld<'a> {
    surround: &'a Surround,
}

impl World for LiveWorld<'_> {
    fn query<T>(&self, read: impl FnOnce(&dyn Querier) -> T) -> T {
        self.surround.windows.read(|database| read(database))
    }

    fn last_trace(&self, matchers: &[Matcher]) -> Option<TraceId> {
        self.surround.windows.read(|database| database.last_trace(matchers))
    }

    fn append(&mut self, at: Timestamp, values: Vec<(Labels, SampleValue)>) {
        self.surround.windows.append_own(at, values, self.surround.clock.now());
    }

    fn decide(&mut self, rule: RuleId, input: Input) -> RuleView {
        // When the engine has stopped, the service is stopping, and nobody looks at the view.
        self.surround.decider.decide(rule, input).unwrap_or_default()
    }

    fn view(&mut self, rule: RuleId) -> RuleView {
        self.surround.decider.read_blocking(move |engine| engine.rule_view(rule)).unwrap_or_default()
    }
}
