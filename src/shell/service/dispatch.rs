//! Hands durable deliveries to the sender, and reports how each attempt ended.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, debug, info_span};

use super::charts::RuleCharts;
use super::decider::Decider;
use super::status::Statuses;
use super::windows::Windows;
use crate::config::Plan;
use crate::deliver::{Channel, Delivery, Integration, Notification, Outcome};
use crate::engine::Input;
use crate::model::Timestamp;
use crate::shell::answers::{AnswerWays, LinkKey};
use crate::shell::clock::Clock;
use crate::shell::notify::{Sender, Trial, TrialAlert, try_receiver};
use crate::shell::telemetry::{AttemptClass, Metrics};

/// Makes attempts; clones share their state.
#[derive(Clone)]
pub struct Dispatch {
    shared: Arc<Shared>,
}

struct Shared {
    current: RwLock<Current>,
    windows: Windows,
    link_key: LinkKey,
    decider: OnceLock<Decider>,
    runtime: Handle,
    tasks: TaskTracker,
    clock: Clock,
    metrics: Arc<Metrics>,
    statuses: Arc<Statuses>,
}

/// What attempts go by; swapped on reload.
#[derive(Clone)]
struct Current {
    plan: Arc<Plan>,
    sender: Arc<Sender>,
}

impl Current {
    fn new(plan: Arc<Plan>, windows: Windows, link_key: &LinkKey) -> Self {
        let sender = Sender::new(Arc::new(plan.templates.clone()), plan.engine.external_url.clone());
        let sender = sender.with_charts(Arc::new(RuleCharts::new(windows, plan.clone())));
        let ways = AnswerWays { key: link_key.clone(), answers: plan.answers.clone() };
        Current { plan, sender: Arc::new(sender.with_answers(ways)) }
    }

    fn integration(&self, notification: &Notification) -> Option<&Integration> {
        let receivers = &self.plan.engine.receivers;
        let receiver = receivers.iter().find(|receiver| receiver.name == notification.receiver)?;
        receiver.integrations.get(notification.integration)
    }
}

impl Dispatch {
    /// Attempts go by `plan` and run on `runtime`; charts in them show what is in `windows`, links are signed by `link_key`.
    pub(super) fn new(
        plan: Arc<Plan>,
        windows: Windows,
        link_key: LinkKey,
        runtime: Handle,
        clock: Clock,
        metrics: Arc<Metrics>,
        statuses: Arc<Statuses>,
    ) -> Self {
        statuses.set_receivers(receiver_names(&plan));
        let shared = Shared {
            current: RwLock::new(Current::new(plan, windows.clone(), &link_key)),
            windows,
            link_key,
            decider: OnceLock::new(),
            runtime,
            tasks: TaskTracker::new(),
            clock,
            metrics,
            statuses,
        };
        Dispatch { shared: Arc::new(shared) }
    }

    /// Outcomes are reported to `decider`.
    pub(super) fn report_to(&self, decider: Decider) {
        // It is set once, when the service starts.
        drop(self.shared.decider.set(decider));
    }

    /// Attempts from now on go by `plan`.
    pub(super) fn replace(&self, plan: Arc<Plan>) {
        self.shared.statuses.set_receivers(receiver_names(&plan));
        let current = Current::new(plan, self.shared.windows.clone(), &self.shared.link_key);
        *self.shared.current.write().unwrap_or_else(PoisonError::into_inner) = current;
    }

    fn current(&self) -> Current {
        self.shared.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether there is a receiver of this name.
    pub fn has_receiver(&self, name: &str) -> bool {
        self.current().plan.engine.receivers.iter().any(|known| known.name == name)
    }

    /// Tells every integration of the receiver, or the one with the number `only`, of made-up `alerts`; `None` if there is no such
    /// receiver.
    pub async fn try_out(&self, receiver: &str, only: Option<usize>, alerts: &[TrialAlert]) -> Option<Vec<Trial>> {
        let current = self.current();
        let receiver = current.plan.engine.receivers.iter().find(|known| known.name == receiver)?;
        Some(try_receiver(&current.sender, receiver, only, alerts, &self.shared.clock).await)
    }

    /// Waits for the attempts under way.
    pub(super) async fn finish(&self) {
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }

    /// Begins one attempt; none any more once [`Dispatch::finish`] was called: the store has it for the next start.
    pub(super) fn send(&self, delivery: Delivery) {
        if self.shared.tasks.is_closed() {
            return;
        }
        let current = self.current();
        let shared = Arc::clone(&self.shared);
        let notification = &delivery.notification;
        let span = info_span!("deliver", trace_id = %notification.trace, delivery = delivery.number,
            receiver = notification.receiver, channel = notification.channel);
        let attempt = async move { shared.attempt(&current, &delivery).await }.instrument(span);
        self.shared.tasks.spawn_on(attempt, &self.shared.runtime);
    }
}

impl Shared {
    async fn attempt(&self, current: &Current, delivery: &Delivery) {
        let Delivery { number, notification, .. } = delivery;
        let started = self.clock.start();
        let outcome = match current.integration(notification) {
            Some(integration) => {
                let outcome = guarded(current, integration, delivery, self.clock.now()).await;
                let took = self.clock.elapsed_since(started);
                self.metrics.notification_attempted(integration.channel.name(), class(&outcome), took);
                debug!(?outcome, took_seconds = took.as_secs_f64(), "attempt ended");
                self.statuses.receiver(
                    &dependency_name(&notification.receiver, notification.integration, &integration.channel),
                    self.clock.now(),
                    took,
                    match &outcome {
                        Outcome::Delivered | Outcome::DeliveredAs { .. } => Ok(()),
                        Outcome::Retry { error, .. } | Outcome::Rejected { error } => Err(error),
                    },
                );
                outcome
            }
            None => Outcome::Rejected { error: "the receiver is configured no more".to_owned() },
        };
        if let Some(decider) = self.decider.get() {
            let (decider, number) = (decider.clone(), *number);
            // The queue to the engine may be full for a moment; that must not hold up this runtime.
            let told = tokio::task::spawn_blocking(move || decider.tell(Input::Attempted { number, outcome })).await;
            // An engine that has stopped finds the delivery in its store again and repeats it under the same key.
            drop(told);
        }
    }
}

/// Makes the attempt in a task of its own, so that a bug in a sender costs an attempt and not the delivery.
async fn guarded(current: &Current, integration: &Integration, delivery: &Delivery, now: Timestamp) -> Outcome {
    let (sender, integration, delivery) = (current.sender.clone(), integration.clone(), delivery.clone());
    let attempt = async move { sender.send(&integration, &delivery, now).await };
    match tokio::spawn(attempt.in_current_span()).await {
        Ok(outcome) => outcome,
        Err(_) => Outcome::Retry { error: "the sender failed unexpectedly".to_owned(), after: None },
    }
}

fn class(outcome: &Outcome) -> AttemptClass {
    match outcome {
        Outcome::Delivered | Outcome::DeliveredAs { .. } => AttemptClass::Delivered,
        Outcome::Retry { .. } => AttemptClass::Retry,
        Outcome::Rejected { .. } => AttemptClass::Rejected,
    }
}

fn dependency_name(receiver: &str, integration: usize, channel: &Channel) -> String {
    format!("{receiver}/{}[{integration}]", channel.name())
}

fn receiver_names(plan: &Plan) -> Vec<String> {
    let receivers = plan.engine.receivers.iter();
    receivers
        .flat_map(|receiver| {
            let integrations = receiver.integrations.iter().enumerate();
            integrations.map(|(number, integration)| dependency_name(&receiver.name, number, &integration.channel))
        })
        .collect()
}
