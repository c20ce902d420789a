//! The outbox: every notification that was decided and is not yet settled. It says which to attempt when; each receiver's
//! integration gets those of one group in order.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{GIVE_UP_AFTER, Notification, Outcome, REFERENCE_BYTES_MAX};
use crate::model::Timestamp;

/// The wait before the second attempt.
const BACKOFF_FIRST: Duration = Duration::from_millis(500);
/// By how much each wait exceeds the one before.
const BACKOFF_FACTOR: f64 = 1.5;
/// The longest wait of our own.
const BACKOFF_MAX: Duration = Duration::from_secs(60);
/// The longest wait that a receiver can ask of us.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60 * 60);
/// How many attempts may be under way at one integration of a receiver, so that one that hangs does not hold up others.
const UNDER_WAY_PER_INTEGRATION_MAX: usize = 4;
/// How many attempts may be under way in all.
const UNDER_WAY_MAX: usize = 64;

/// A notification on its way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// Its number; never used twice.
    pub number: u64,
    /// The idempotency key: the same for every attempt, and for no other content.
    pub key: String,
    /// What is to be told.
    pub notification: Notification,
    /// How many attempts have ended.
    pub attempts: u32,
    /// When the next attempt is due.
    pub next_attempt_at: Timestamp,
    /// When it was written.
    pub created_at: Timestamp,
    /// How the last attempt failed.
    pub last_error: Option<String>,
    /// Until when the receiver asked us to leave it alone (`Retry-After`).
    #[serde(default)]
    pub asked_until: Option<Timestamp>,
    /// The message that stands for the group at its receiver, as [`Outcome::DeliveredAs`] named it: the newest when it is
    /// handed out, the one just sent when it has arrived.
    #[serde(skip)]
    pub reference: Option<String>,
}

impl Delivery {
    /// A delivery that is due at once.
    pub fn new(number: u64, key: String, notification: Notification, now: Timestamp) -> Delivery {
        Delivery {
            number,
            key,
            notification,
            attempts: 0,
            next_attempt_at: now,
            created_at: now,
            last_error: None,
            asked_until: None,
            reference: None,
        }
    }
}

/// What became of a delivery after an attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum Settled {
    /// It has arrived.
    Delivered(Delivery),
    /// It is tried again.
    Retried(Delivery),
    /// It is not tried again: refused for good, or too old.
    Abandoned(Delivery),
    /// Nothing is known of it: settled before, or never written.
    Unknown,
}

type Lane = (String, String, usize);
/// The receiver and the number of the integration.
type Target = (String, usize);

/// What is known of one integration.
#[derive(Debug, Default)]
struct Queue {
    /// The first of each lane that is not under way, by the time of its next attempt.
    due: BTreeSet<(Timestamp, u64)>,
    /// How many attempts are under way.
    under_way: usize,
    /// It asked us to wait until then.
    held_until: Option<Timestamp>,
}

impl Queue {
    /// What to attempt next, and when; `None` while all its slots are taken.
    fn next(&self) -> Option<(Timestamp, u64)> {
        let (at, number) = *self.due.first().filter(|_| self.under_way < UNDER_WAY_PER_INTEGRATION_MAX)?;
        Some((self.held_until.map_or(at, |held| held.max(at)), number))
    }
}

/// The notifications on their way.
#[derive(Debug, Default)]
pub struct Outbox {
    deliveries: BTreeMap<u64, Delivery>,
    /// The deliveries of one group at one integration, oldest first; only the first is attempted.
    lanes: HashMap<Lane, VecDeque<u64>>,
    /// The integrations that have something on its way, or that asked us to wait.
    queues: BTreeMap<Target, Queue>,
    under_way: BTreeSet<u64>,
    last_number: u64,
    /// The highest number of those that are from before the process began.
    restored_up_to: u64,
    /// How long each receiver is tried, where not for [`GIVE_UP_AFTER`].
    give_up_after: HashMap<String, Duration>,
}

fn lane(notification: &Notification) -> Lane {
    (notification.group_key.clone(), notification.receiver.clone(), notification.integration)
}

fn target(notification: &Notification) -> Target {
    (notification.receiver.clone(), notification.integration)
}

impl Outbox {
    /// Takes up a delivery from the store; an attempt that was under way counts as not made.
    pub fn restore(&mut self, delivery: Delivery) {
        self.last_number = self.last_number.max(delivery.number);
        self.hold(&delivery);
        let lane = self.lanes.entry(lane(&delivery.notification)).or_default();
        let position = lane.partition_point(|number| *number < delivery.number);
        lane.insert(position, delivery.number);
        if position == 0 {
            let queue = self.queues.entry(target(&delivery.notification)).or_default();
            if let Some(second) = lane.get(1).and_then(|second| self.deliveries.get(second)) {
                queue.due.remove(&(second.next_attempt_at, second.number));
            }
            queue.due.insert((delivery.next_attempt_at, delivery.number));
        }
        self.deliveries.insert(delivery.number, delivery);
    }

    /// Takes up the highest number that was ever used.
    pub fn restore_last_number(&mut self, number: u64) {
        self.last_number = self.last_number.max(number);
    }

    /// The highest number that was ever used.
    pub fn last_number(&self) -> u64 {
        self.last_number
    }

    /// Takes in a notification, due at once. The caller makes the returned delivery durable before anything is sent.
    pub fn enqueue(&mut self, now: Timestamp, notification: Notification) -> Delivery {
        let number = self.last_number + 1;
        let key = idempotency_key(number, now, &notification);
        let delivery = Delivery::new(number, key, notification, now);
        self.restore(delivery.clone());
        delivery
    }

    /// Whether the delivery is on its way.
    pub fn contains(&self, number: u64) -> bool {
        self.deliveries.contains_key(&number)
    }

    /// Whether an attempt at the delivery was made or is under way: somebody may have seen it.
    pub fn may_have_been_seen(&self, number: u64) -> bool {
        let was_attempted = self.deliveries.get(&number).is_none_or(|delivery| delivery.attempts > 0);
        was_attempted || self.under_way.contains(&number) || number <= self.restored_up_to
    }

    /// All records of the store were taken up: attempts at them may have been under way when the process ended.
    pub fn end_of_restore(&mut self) {
        self.restored_up_to = self.last_number;
    }

    /// How many notifications are on their way.
    pub fn len(&self) -> usize {
        self.deliveries.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.deliveries.is_empty()
    }

    /// The notifications on their way, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Delivery> {
        self.deliveries.values()
    }

    /// When the next attempt is due; `None` when nothing can be attempted before one that is under way ends.
    pub fn next_due(&self) -> Option<Timestamp> {
        if self.under_way.len() >= UNDER_WAY_MAX {
            return None;
        }
        self.queues.values().filter_map(Queue::next).map(|(at, _)| at).min()
    }

    /// Leaves the delivery's integration alone for as long as it asked us to.
    fn hold(&mut self, delivery: &Delivery) {
        if delivery.asked_until.is_some() {
            let queue = self.queues.entry(target(&delivery.notification)).or_default();
            queue.held_until = queue.held_until.max(delivery.asked_until);
        }
    }

    /// The deliveries to attempt now; they count as under way until [`Outbox::settle`]. The work grows with the number of
    /// integrations, not with that of deliveries that wait.
    pub fn take_due(&mut self, now: Timestamp) -> Vec<Delivery> {
        let mut taken = Vec::new();
        while self.under_way.len() < UNDER_WAY_MAX {
            let ready = self.queues.values_mut().filter(|queue| queue.next().is_some_and(|(at, _)| at <= now));
            let Some(queue) = ready.min_by_key(|queue| queue.due.first().copied()) else { break };
            let Some((_, number)) = queue.due.pop_first() else { break };
            let Some(delivery) = self.deliveries.get(&number) else { continue };
            queue.under_way += 1;
            self.under_way.insert(number);
            taken.push(delivery.clone());
        }
        taken
    }

    /// An attempt is under way no more; whether it was.
    fn end_attempt(&mut self, number: u64) -> bool {
        if !self.under_way.remove(&number) {
            return false;
        }
        let delivery = self.deliveries.get(&number);
        if let Some(queue) = delivery.and_then(|delivery| self.queues.get_mut(&target(&delivery.notification))) {
            queue.under_way = queue.under_way.saturating_sub(1);
        }
        true
    }

    /// The clock went back: no delivery waits for longer than an attempt just made would let it.
    pub fn shorten_waits(&mut self, now: Timestamp) {
        for queue in self.queues.values_mut() {
            queue.held_until = queue.held_until.map(|held| held.min(now + RETRY_AFTER_MAX));
            queue.due = std::mem::take(&mut queue.due)
                .into_iter()
                .filter_map(|(_, number)| {
                    let delivery = self.deliveries.get_mut(&number)?;
                    let longest = if delivery.asked_until.is_some() { RETRY_AFTER_MAX } else { BACKOFF_MAX };
                    delivery.next_attempt_at = delivery.next_attempt_at.min(now + longest);
                    Some((delivery.next_attempt_at, number))
                })
                .collect();
        }
        // Those that wait in their lanes for others.
        for delivery in self.deliveries.values_mut().filter(|delivery| delivery.attempts == 0) {
            let first = self.lanes.get(&lane(&delivery.notification)).and_then(|lane| lane.front());
            if first != Some(&delivery.number) {
                delivery.next_attempt_at = delivery.next_attempt_at.min(now);
            }
        }
    }

    /// Takes up how long each receiver is tried before a notification is given up; others are for [`GIVE_UP_AFTER`].
    pub fn set_give_up_after(&mut self, by_receiver: HashMap<String, Duration>) {
        self.give_up_after = by_receiver;
    }

    /// Takes in how an attempt ended.
    pub fn settle(&mut self, now: Timestamp, number: u64, outcome: Outcome) -> Settled {
        if !self.end_attempt(number) {
            return Settled::Unknown;
        }
        let Some(delivery) = self.deliveries.get_mut(&number) else { return Settled::Unknown };
        delivery.attempts = delivery.attempts.saturating_add(1);
        match outcome {
            Outcome::Delivered => self.remove(number).map_or(Settled::Unknown, Settled::Delivered),
            Outcome::DeliveredAs { reference } => {
                delivery.reference = Some(reference).filter(|reference| reference.len() <= REFERENCE_BYTES_MAX);
                self.remove(number).map_or(Settled::Unknown, Settled::Delivered)
            }
            Outcome::Rejected { error } => {
                delivery.last_error = Some(error);
                self.remove(number).map_or(Settled::Unknown, Settled::Abandoned)
            }
            Outcome::Retry { error, after } => {
                delivery.last_error = Some(error);
                let give_up_after = self.give_up_after.get(&delivery.notification.receiver);
                let deadline = delivery.created_at + give_up_after.copied().unwrap_or(GIVE_UP_AFTER);
                let asked = after.map(|after| after.min(RETRY_AFTER_MAX));
                if now >= deadline || asked.is_some_and(|asked| now + asked > deadline) {
                    return self.remove(number).map_or(Settled::Unknown, Settled::Abandoned);
                }
                let wait = backoff(delivery.number, delivery.attempts).max(asked.unwrap_or_default());
                delivery.next_attempt_at = now + wait;
                let queue = self.queues.entry(target(&delivery.notification)).or_default();
                queue.due.insert((delivery.next_attempt_at, number));
                delivery.asked_until = asked.map(|asked| now + asked);
                let delivery = delivery.clone();
                self.hold(&delivery);
                Settled::Retried(delivery)
            }
        }
    }

    /// Forgets a delivery whose receiver is no more.
    pub fn remove(&mut self, number: u64) -> Option<Delivery> {
        self.end_attempt(number);
        let delivery = self.deliveries.remove(&number)?;
        let integration = target(&delivery.notification);
        let queue = self.queues.entry(integration.clone()).or_default();
        queue.due.remove(&(delivery.next_attempt_at, number));
        let key = lane(&delivery.notification);
        if let Some(lane) = self.lanes.get_mut(&key) {
            lane.retain(|waiting| *waiting != number);
            let first = lane.front().and_then(|first| self.deliveries.get(first));
            if let Some(first) = first.filter(|first| !self.under_way.contains(&first.number)) {
                queue.due.insert((first.next_attempt_at, first.number));
            }
            if lane.is_empty() {
                self.lanes.remove(&key);
            }
        }
        if queue.due.is_empty() && queue.under_way == 0 && queue.held_until.is_none() {
            self.queues.remove(&integration);
        }
        Some(delivery)
    }
}

/// The wait after attempt number `attempts`: exponential, spread by +-50 % through a hash of the delivery and the attempt, so
/// that the decision is repeatable.
fn backoff(number: u64, attempts: u32) -> Duration {
    let exponent = attempts.saturating_sub(1).min(64);
    let full = BACKOFF_FIRST.as_secs_f64() * BACKOFF_FACTOR.powi(exponent.try_into().unwrap_or(i32::MAX));
    let capped = full.min(BACKOFF_MAX.as_secs_f64());
    let digest = Sha256::digest([number.to_be_bytes(), u64::from(attempts).to_be_bytes()].concat());
    let spread = f64::from(digest[0]) / 255.0;
    Duration::from_secs_f64((capped * (0.5 + spread)).min(BACKOFF_MAX.as_secs_f64()))
}

fn idempotency_key(number: u64, now: Timestamp, notification: &Notification) -> String {
    let mut hasher = Sha256::new();
    for part in [&notification.group_key, &notification.receiver] {
        hasher.update(part.as_bytes());
        hasher.update([0xff]);
    }
    hasher.update(notification.integration.to_be_bytes());
    hasher.update(number.to_be_bytes());
    hasher.update(now.millis().to_be_bytes());
    hasher.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
