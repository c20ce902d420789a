//! The thread that owns the engine: takes in what happened, makes the decisions durable, then lets them act.

mod heartbeats;
mod overrides;
mod writing;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tracing::{debug, error, info, warn};

use super::sentinel::Sentinel;
use super::status::Statuses;
use crate::config::HistoryLimits;
use crate::deliver::Delivery;
use crate::engine::{
    Audit, Effect, Engine, Event, EventKind, ExternalAlert, ExternalError, HeartbeatSignal, Input, OverrideRefusal,
    Record, RecordKind, RuleView, UnknownHeartbeat,
};
use crate::escalate::{Answer, AnswerError};
use crate::model::{Timestamp, TraceId};
use crate::route::{SilenceDraft, SilenceError};
use crate::rule::{Change, RuleId};
use crate::shell::clock::{Clock, Started};
use crate::shell::history::{self, History};
use crate::shell::storage::{Opened, Store, StoreError};
use crate::shell::telemetry::Metrics;
pub(in crate::shell) use overrides::OverrideChanges;

/// How many messages may wait for the engine.
const QUEUE: usize = 4096;
/// After what time a full queue is tried again; the request's own limit ends that.
const QUEUE_RETRY: Duration = Duration::from_millis(10);
/// How long decisions wait for company before they are written together, while nothing comes.
const GROUP_COMMIT: Duration = Duration::from_millis(2);
/// How long they wait at the most, while more keep coming.
const GROUP_COMMIT_MAX: Duration = Duration::from_millis(20);
/// How many records are written together at the most.
const RECORDS_PER_COMMIT_MAX: usize = 4096;
/// How long to wait before a failed write is tried again.
const STORE_RETRY: Duration = Duration::from_secs(1);
/// How often a snapshot of the store is written; one more is written at the end.
const SNAPSHOT_INTERVAL: Duration = Duration::from_secs(60 * 60);
/// The longest sleep without a look at the clock, should it be set.
const SLEEP_MAX: Duration = Duration::from_secs(5);

/// Where a reply goes that waits for a decision to be durable.
type Reply<T> = tokio::sync::oneshot::Sender<T>;

/// Something for the engine's thread.
enum Message {
    Input(Input),
    Result(RuleId, Box<Input>, SyncSender<RuleView>),
    Read(Box<dyn FnOnce(&Engine) + Send>),
    History(u64, usize, Reply<Vec<Record>>),
    KeepHistory(HistoryLimits),
    ChangeOverrides(OverrideChanges, Audit, Reply<Result<(), OverrideRefusal>>),
    SetSilence(Box<SilenceDraft>, String, Audit, Reply<Result<String, SilenceError>>),
    ExpireSilence(String, Audit, Reply<Result<(), SilenceError>>),
    Answer(Box<Answer>, Audit, Reply<Result<(), AnswerError>>),
    Audit(Audit),
    Heartbeat(String, HeartbeatSignal, String, Reply<Result<(), UnknownHeartbeat>>),
    Alerts(Vec<ExternalAlert>, Reply<Vec<ExternalError>>),
    Stop,
}

/// The way to the engine; clones lead to the same one.
#[derive(Clone)]
pub struct Decider {
    queue: SyncSender<Message>,
}

/// The service is stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the service is stopping")]
pub struct Stopping;

impl Decider {
    /// Hands over an input.
    ///
    /// # Errors
    ///
    /// The engine has stopped.
    pub fn tell(&self, input: Input) -> Result<(), Stopping> {
        self.queue.send(Message::Input(input)).map_err(|_| Stopping)
    }

    /// Hands over a rule's result, and returns what the engine knows of the rule afterwards. Blocks.
    ///
    /// # Errors
    ///
    /// The engine has stopped.
    pub fn decide(&self, rule: RuleId, input: Input) -> Result<RuleView, Stopping> {
        let (answer, view) = sync_channel(1);
        self.queue.send(Message::Result(rule, Box::new(input), answer)).map_err(|_| Stopping)?;
        view.recv().map_err(|_| Stopping)
    }

    /// What `read` finds in the engine. Blocks; for callers outside the async runtime.
    ///
    /// # Errors
    ///
    /// The engine has stopped.
    pub fn read_blocking<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Engine) -> T + Send + 'static,
    ) -> Result<T, Stopping> {
        let (answer, found) = sync_channel(1);
        let read = move |engine: &Engine| drop(answer.send(read(engine)));
        self.queue.send(Message::Read(Box::new(read))).map_err(|_| Stopping)?;
        found.recv().map_err(|_| Stopping)
    }

    /// What `read` finds in the engine.
    ///
    /// # Errors
    ///
    /// The engine has stopped.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Engine) -> T + Send + 'static,
    ) -> Result<T, Stopping> {
        let (answer, found) = tokio::sync::oneshot::channel();
        let read = move |engine: &Engine| drop(answer.send(read(engine)));
        self.push(Message::Read(Box::new(read))).await?;
        found.await.map_err(|_| Stopping)
    }

    /// Sets or changes a silence, known as `new_id` if it is a new one. Returns its id, once it is durable.
    ///
    /// # Errors
    ///
    /// The engine has stopped; within, what is wrong with the draft.
    pub async fn set_silence(
        &self,
        draft: SilenceDraft,
        new_id: String,
        audit: Audit,
    ) -> Result<Result<String, SilenceError>, Stopping> {
        let (answer, done) = tokio::sync::oneshot::channel();
        let message = Message::SetSilence(Box::new(draft), new_id, audit, answer);
        self.push(message).await?;
        done.await.map_err(|_| Stopping)
    }

    /// Ends a silence; returns once that is durable.
    ///
    /// # Errors
    ///
    /// The engine has stopped; within, that there is no such silence, or that it is over.
    pub async fn expire_silence(&self, id: String, audit: Audit) -> Result<Result<(), SilenceError>, Stopping> {
        let (answer, done) = tokio::sync::oneshot::channel();
        self.push(Message::ExpireSilence(id, audit, answer)).await?;
        done.await.map_err(|_| Stopping)
    }

    /// Does something about an incident; returns once that is durable. `audit` is noted with it.
    ///
    /// # Errors
    ///
    /// The engine has stopped; within, why the answer is not taken.
    pub async fn answer(&self, answer: Answer, audit: Audit) -> Result<Result<(), AnswerError>, Stopping> {
        let (reply, done) = tokio::sync::oneshot::channel();
        self.push(Message::Answer(Box::new(answer), audit, reply)).await?;
        done.await.map_err(|_| Stopping)
    }

    /// The entries of the history whose numbers are below `number`, the latest first, at most `limit` of them.
    ///
    /// # Errors
    ///
    /// The engine has stopped, or its store cannot be read.
    pub async fn history(&self, number: u64, limit: usize) -> Result<Vec<Record>, Stopping> {
        let (answer, found) = tokio::sync::oneshot::channel();
        self.push(Message::History(number, limit, answer)).await?;
        found.await.map_err(|_| Stopping)
    }

    /// From now on keeps as much of the history as `limits` says.
    ///
    /// # Errors
    ///
    /// The engine has stopped.
    pub fn keep_history(&self, limits: HistoryLimits) -> Result<(), Stopping> {
        self.queue.send(Message::KeepHistory(limits)).map_err(|_| Stopping)
    }

    /// Hands over posted alerts; returns, once they are durable, why some are not taken.
    ///
    /// # Errors
    ///
    /// The engine has stopped.
    pub async fn post_alerts(&self, alerts: Vec<ExternalAlert>) -> Result<Vec<ExternalError>, Stopping> {
        let (answer, done) = tokio::sync::oneshot::channel();
        self.push(Message::Alerts(alerts, answer)).await?;
        done.await.map_err(|_| Stopping)
    }

    /// Hands over a message, as soon as the queue has room for it.
    async fn push(&self, mut message: Message) -> Result<(), Stopping> {
        loop {
            message = match self.queue.try_send(message) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Disconnected(_)) => return Err(Stopping),
                Err(TrySendError::Full(message)) => message,
            };
            tokio::time::sleep(QUEUE_RETRY).await;
        }
    }

    /// Notes that somebody changed something.
    ///
    /// # Errors
    ///
    /// The engine has stopped.
    pub fn audit(&self, audit: Audit) -> Result<(), Stopping> {
        self.queue.send(Message::Audit(audit)).map_err(|_| Stopping)
    }

    /// Lets the engine write what it has decided, and stop.
    pub fn stop(&self) {
        // An engine that has stopped already is what was asked for.
        drop(self.queue.send(Message::Stop));
    }
}

/// Opens a store.
pub(super) type Reopen = Box<dyn Fn(Timestamp) -> Result<Opened, StoreError> + Send>;

/// What the engine's thread works with.
pub(super) struct Surround {
    /// Where decisions are made durable; `None` after a failed write, until it is opened again.
    pub store: Option<Box<dyn Store>>,
    /// Opens the store again after a failed write: it takes no further ones.
    pub reopen: Reopen,
    /// What happened.
    pub history: History,
    /// The folder of the snapshots from which a damaged store is restored.
    pub snapshots: PathBuf,
    /// The time.
    pub clock: Clock,
    /// Where durable deliveries go.
    pub send: Box<dyn Fn(Delivery) + Send>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// What is known of the store's health.
    pub statuses: Arc<Statuses>,
}

/// Starts the engine's thread. `effects` are those that restoring it yielded.
///
/// # Errors
///
/// The operating system gives no thread.
pub(super) fn start(
    engine: Engine,
    effects: Vec<Effect>,
    surround: Surround,
    sentinel: Sentinel,
) -> std::io::Result<(Decider, JoinHandle<()>)> {
    let (queue, messages) = sync_channel(QUEUE);
    let thread = std::thread::Builder::new().name("decide".to_owned()).spawn(move || {
        let _sentinel = sentinel;
        let snapshot_at = surround.clock.now() + SNAPSHOT_INTERVAL;
        let (pending, pending_since, answers) = (effects, None, Vec::new());
        Loop { engine, messages, surround, pending, pending_since, answers, snapshot_at, snapshot_of: None }.run();
    })?;
    Ok((Decider { queue }, thread))
}

struct Loop {
    engine: Engine,
    messages: Receiver<Message>,
    surround: Surround,
    pending: Vec<Effect>,
    /// When the first of them was decided.
    pending_since: Option<Started>,
    /// Who waits for what is pending to be durable.
    answers: Vec<Box<dyn FnOnce() + Send>>,
    snapshot_at: Timestamp,
    /// The write that the last snapshot holds.
    snapshot_of: Option<u64>,
}

impl Loop {
    fn run(mut self) {
        loop {
            let message = self.messages.recv_timeout(self.sleep());
            let go_on = match message {
                Ok(message) => self.take(message),
                Err(RecvTimeoutError::Timeout) => {
                    if !self.commit() {
                        return;
                    }
                    self.wake();
                    if self.surround.clock.now() >= self.snapshot_at {
                        self.snapshot();
                    }
                    true
                }
                Err(RecvTimeoutError::Disconnected) => false,
            };
            if !go_on {
                if self.commit() {
                    self.snapshot();
                }
                return;
            }
            // Messages may come one upon the other, so that the queue is never found empty.
            self.wake();
            if self.is_commit_due() && !self.commit() {
                return;
            }
        }
    }

    /// Whether what was decided must not wait any longer.
    fn is_commit_due(&mut self) -> bool {
        if self.pending.is_empty() && self.answers.is_empty() {
            return false;
        }
        let clock = &self.surround.clock;
        let since = *self.pending_since.get_or_insert_with(|| clock.start());
        self.pending.len() >= RECORDS_PER_COMMIT_MAX || clock.elapsed_since(since) >= GROUP_COMMIT_MAX
    }

    /// How long nothing needs to be done, unless a message comes.
    fn sleep(&self) -> Duration {
        if !self.pending.is_empty() || !self.answers.is_empty() {
            return GROUP_COMMIT;
        }
        let now = self.surround.clock.now();
        self.engine.next_wakeup().map_or(SLEEP_MAX, |at| at.since(now).min(SLEEP_MAX))
    }

    fn wake(&mut self) {
        let now = self.surround.clock.now();
        if self.engine.next_wakeup().is_some_and(|at| at <= now) {
            self.engine.handle(now, Input::Tick, &mut self.pending);
        }
    }

    fn take(&mut self, message: Message) -> bool {
        let now = self.surround.clock.now();
        match message {
            Message::Input(input) => self.engine.handle(now, input, &mut self.pending),
            Message::Result(rule, input, answer) => {
                self.engine.handle(now, *input, &mut self.pending);
                // The view only feeds series; decisions become durable before they act, in `commit`.
                drop(answer.send(self.engine.rule_view(rule)));
            }
            Message::Read(read) => read(&self.engine),
            Message::History(number, limit, answer) => {
                let store = self.surround.store.as_ref();
                match store.map(|store| store.below(RecordKind::Event, &history::before(number), limit)) {
                    Some(Ok(records)) => drop(answer.send(records)),
                    Some(Err(error)) => error!(%error, "the history cannot be read"),
                    None => {}
                }
            }
            Message::KeepHistory(limits) => self.surround.history.set_limits(limits),
            Message::Audit(audit) => self.note(now, audit),
            Message::SetSilence(draft, new_id, audit, answer) => {
                let planned = self.engine.plan_silence(now, &draft, &new_id);
                self.engine.handle(now, Input::SetSilence { draft: *draft, new_id }, &mut self.pending);
                let outcome = planned.map(|change| change.silence.id);
                if let Ok(id) = &outcome {
                    self.note(now, Audit { subject: id.clone(), ..audit });
                }
                self.answers.push(Box::new(move || drop(answer.send(outcome))));
            }
            Message::ExpireSilence(id, audit, answer) => {
                let planned = self.engine.groups().silences().ended(now, &id).map(drop);
                self.engine.handle(now, Input::ExpireSilence { id }, &mut self.pending);
                if planned.is_ok() {
                    self.note(now, audit);
                }
                self.answers.push(Box::new(move || drop(answer.send(planned))));
            }
            Message::ChangeOverrides(changes, audit, answer) => self.change_overrides(now, changes, audit, answer),
            Message::Answer(answer, audit, reply) => {
                let planned = self.engine.plan_answer(now, &answer);
                if planned.is_ok() {
                    self.engine.handle(now, Input::Answer(answer), &mut self.pending);
                    self.note(now, audit);
                }
                self.answers.push(Box::new(move || drop(reply.send(planned))));
            }
            Message::Alerts(alerts, answer) => {
                let refused = self.engine.refusals(now, &alerts);
                self.engine.handle(now, Input::ExternalAlerts(alerts), &mut self.pending);
                self.answer(answer, refused);
            }
            Message::Heartbeat(name, signal, message, reply) => self.heartbeat(now, name, signal, message, reply),
            Message::Stop => return false,
        }
        true
    }

    /// Answers once everything is durable that was decided.
    fn answer<T: Send + 'static>(&mut self, answer: Reply<T>, outcome: T) {
        match self.pending.is_empty() && self.answers.is_empty() {
            // Nothing new, and everything old is durable.
            true => drop(answer.send(outcome)),
            false => self.answers.push(Box::new(move || drop(answer.send(outcome)))),
        }
    }

    /// A change becomes durable with the note of who made it.
    fn note(&mut self, now: Timestamp, audit: Audit) {
        let event = Event { at: now, trace: TraceId::NONE, kind: EventKind::Audit(audit) };
        self.pending.push(Effect::Emit(Box::new(event)));
    }

    /// Makes what was decided durable, then lets it act.
    ///
    /// Returns whether the engine may go on.
    fn commit(&mut self) -> bool {
        self.pending_since = None;
        if self.pending.is_empty() {
            self.answers.drain(..).for_each(|answer| answer());
            return true;
        }
        let mut records = Vec::new();
        let mut deliveries = Vec::new();
        let mut events = Vec::new();
        for effect in self.pending.drain(..) {
            match effect {
                Effect::Persist(record) => records.push(record),
                Effect::Send(delivery) => deliveries.push(*delivery),
                Effect::Emit(event) => events.push(event),
            }
        }
        let now = self.surround.clock.now();
        let mut records = latest(records);
        records.extend(self.surround.history.note(now, events.iter().map(|event| &**event)));
        if !self.persist(&records) {
            return false;
        }
        self.answers.drain(..).for_each(|answer| answer());
        events.iter().for_each(|event| log(event));
        for delivery in deliveries {
            (self.surround.send)(delivery);
        }
        let (pending, firing) = self.engine.alert_counts();
        self.surround.metrics.set_alerts(pending, firing);
        self.surround.metrics.set_outbox(self.engine.deliveries().count());
        self.surround.metrics.set_heartbeats_missing(self.engine.heartbeats_missing());
        true
    }
}

/// The last record of each key, in order.
fn latest(records: Vec<Record>) -> Vec<Record> {
    let mut position = std::collections::HashMap::new();
    let mut kept: Vec<Record> = Vec::with_capacity(records.len());
    for record in records {
        match position.get(&(record.kind, record.key.clone())) {
            Some(index) => kept[*index] = record,
            None => {
                position.insert((record.kind, record.key.clone()), kept.len());
                kept.push(record);
            }
        }
    }
    kept
}

/// Tells the log what happened; the trace id leads back to the batch of samples.
fn log(event: &Event) {
    let trace_id = event.trace;
    let at: Timestamp = event.at;
    match &event.kind {
        EventKind::Alert { labels, change, value, .. } => match change {
            Change::BecameFiring | Change::Resolved | Change::Expired | Change::LostData => {
                info!(%trace_id, %at, alert = %labels, ?change, value, "alert");
            }
            _ => debug!(%trace_id, %at, alert = %labels, ?change, value, "alert"),
        },
        EventKind::Received { labels, change, .. } => {
            debug!(%trace_id, %at, alert = %labels, ?change, "alert from outside");
        }
        EventKind::RuleFailed { rule, error } => warn!(rule, error, "rule fails; its alerts stay as they were"),
        EventKind::RuleRecovered { rule } => info!(rule, "rule works again"),
        EventKind::RuleRemoved { firing } => info!(firing, "rule removed"),
        EventKind::Withheld { group_key, receiver, integration, reason, .. } => {
            debug!(group = group_key, receiver, integration, reason = reason.as_str(), "not notified");
        }
        EventKind::Suppressed { group_key, receiver, alerts } => {
            for alert in alerts {
                info!(group = group_key, receiver, %alert, "alert is not told");
            }
        }
        EventKind::Flapping { labels, flaps, changes } => {
            info!(%trace_id, alert = %labels, flaps, changes, "alert flaps or has settled");
        }
        EventKind::More { alerts } => debug!(?alerts, "more alerts changed than the history keeps one by one"),
        EventKind::Silence { id, state, matchers, created_by, comment, ends_at } => {
            info!(id, state = state.as_str(), matchers, created_by, comment, %ends_at, "silence");
        }
        EventKind::Incident { number, policy, title, severity, happening } => {
            info!(%trace_id, %at, incident = number, policy, title, severity, %happening, "incident");
        }
        EventKind::Override { id, fate, schedule, change, from, until, created_by, comment } => {
            let schedule = schedule.as_deref().unwrap_or("all");
            info!(id, fate = fate.as_str(), schedule, %change, %from, %until, created_by, comment, "override");
        }
        EventKind::Audit(Audit { who, address, action, subject, reason }) => {
            let address = address.as_deref().unwrap_or_default();
            info!(who, address, action, subject, reason, "changed");
        }
        EventKind::Queued(notice) => {
            info!(%trace_id, receiver = notice.receiver, channel = notice.channel, group = notice.group_key,
                firing = notice.firing, resolved = notice.resolved, reason = notice.reason.as_str(),
                delivery = notice.delivery, key = notice.key, "notification decided");
        }
        EventKind::Delivered(notice) => {
            info!(%trace_id, receiver = notice.receiver, channel = notice.channel, delivery = notice.delivery,
                attempts = notice.attempts, key = notice.key, "notification delivered");
        }
        EventKind::Retried { notice, error, next_attempt_at } => {
            warn!(%trace_id, receiver = notice.receiver, channel = notice.channel, delivery = notice.delivery,
                attempts = notice.attempts, error, %next_attempt_at, "notification not delivered yet");
        }
        EventKind::Abandoned { notice, error } => {
            error!(%trace_id, receiver = notice.receiver, channel = notice.channel, delivery = notice.delivery,
                attempts = notice.attempts, error, "notification given up");
        }
    }
}
