//! What time and people do to an incident.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::{
    Action, Answer, Begun, Cause, Closed, Course, EscalationPlan, Happening, Incident, IncidentState, PendingContact,
    Target, Upcoming, Watch, Why,
};
use crate::model::{Fingerprint, Timestamp};

/// A delay that is worth a word.
const LATE_MIN: Duration = Duration::from_secs(5);
/// A delay that is an alert of its own.
pub const OVERDUE_AFTER: Duration = Duration::from_secs(60);
/// After what time an incident whose alerts are all silenced is looked at again.
const HELD_RECHECK: Duration = Duration::from_secs(60);
/// After what time those are paged again who could not be reached, where there is nobody else.
const UNREACHED_RETRY: Duration = Duration::from_secs(60);
/// The shortest time between two pages of the fallback.
const REPAGE_MIN: Duration = Duration::from_secs(1);

/// What an incident needs to know of everything else, as it is now.
pub struct World<'a> {
    /// The people, severities and services.
    pub plan: &'a EscalationPlan,
    /// Who is on call by a schedule, after so many changes.
    pub on_call: &'a dyn Fn(&str, usize) -> Vec<String>,
    /// Whether a time interval holds.
    pub holds: &'a dyn Fn(&str) -> bool,
    /// Whether a receiver is configured.
    pub is_receiver: &'a dyn Fn(&str) -> bool,
    /// Whether an alert neither fires nor is told at present: it is silenced, inhibited, or over.
    pub is_quiet: &'a dyn Fn(Fingerprint) -> bool,
}

/// What is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// A page.
    Page {
        /// The user whom it is for; none for a channel.
        user: Option<String>,
        /// The receiver.
        receiver: String,
        /// Why.
        cause: Cause,
    },
    /// Everybody who was paged is told that somebody has answered.
    TellAnswered {
        /// By whom and how, for people.
        text: String,
    },
    /// Everybody who was paged is told that it is over.
    TellClosed {
        /// Why, for people.
        text: String,
    },
    /// Whoever acknowledged is reminded.
    Remind {
        /// The user.
        user: String,
        /// What of, for people.
        text: String,
    },
}

/// One look at an incident.
struct Look<'a, 'w> {
    now: Timestamp,
    world: &'a World<'w>,
    orders: &'a mut Vec<Order>,
    /// The receivers that were paged by this look.
    paged: BTreeSet<String>,
    /// Whether pages wait, because nothing fires that is not silenced, inhibited, or about to be told as over.
    holds_pages: bool,
}

impl Incident {
    /// Does what is due at `now`.
    pub fn advance(&mut self, now: Timestamp, world: &World<'_>, orders: &mut Vec<Order>) {
        let mut look = Look { now, world, orders, paged: BTreeSet::new(), holds_pages: false };
        self.look(&mut look);
    }

    fn look(&mut self, look: &mut Look<'_, '_>) {
        let now = look.now;
        match &self.state {
            IncidentState::Closed { .. } => return,
            IncidentState::Acknowledged { by, at, reminded } => {
                let Some(timeout) = self.policy.ack_timeout else { return };
                let (by, at) = (by.clone(), *at);
                if at + timeout <= now {
                    self.begin_late(now, at + timeout, Begun::AckTimedOut { by: by.name, after: timeout });
                    self.set_deadline(now, look.world.plan);
                } else if !reminded && at + timeout.saturating_sub(self.policy.ack_reminder) <= now {
                    let ends_at = Timestamp::from_seconds((at + timeout).millis() / 1000);
                    let text = format!("acknowledged by {}, and opened again at {ends_at} unless it is over", by.name);
                    self.state = IncidentState::Acknowledged { by: by.clone(), at, reminded: true };
                    self.note(now, Happening::Reminded);
                    look.orders.push(Order::Remind { user: by.name, text });
                }
            }
            IncidentState::Snoozed { by, until } if *until <= now => {
                let (by, until) = (by.name.clone(), *until);
                self.begin_late(now, until, Begun::SnoozeOver { by });
                self.set_deadline(now, look.world.plan);
            }
            IncidentState::Snoozed { .. } | IncidentState::Open => {}
        }
        if !self.is_open() {
            return;
        }
        // Nobody can have answered pages that were not sent, because Watchbell did not run.
        let late = now.since(self.course.due);
        if late >= OVERDUE_AFTER {
            self.course.since = now.min(self.course.since + late);
        }
        if self.policy.max_age.is_some_and(|age| self.course.since + age <= now) {
            return self.close(now, Closed::Stale, look.orders);
        }
        if !self.is_breached && self.answer_by <= now {
            self.is_breached = true;
            self.note(now, Happening::DeadlineMissed);
        }
        self.run_due(look);
    }

    /// Pages whom it is time to page. What was missed is caught up, each step once.
    fn run_due(&mut self, look: &mut Look<'_, '_>) {
        let is_due = self.course.due <= look.now || self.pending.iter().any(|contact| contact.due <= look.now);
        if !is_due {
            return;
        }
        if self.firing_ids(look.now).all(|alert| (look.world.is_quiet)(alert)) {
            return self.hold(look.now);
        }
        self.course.is_held = false;
        self.run_pending(look);
        let mut seen: Vec<usize> = Vec::new();
        while self.course.due <= look.now {
            let late = look.now.since(self.course.due);
            if late >= OVERDUE_AFTER && seen.is_empty() {
                self.note(look.now, Happening::Overdue { late });
            }
            let place = match self.course.next {
                Upcoming::Step(step, _) => step,
                Upcoming::Fallback(_) => self.policy.steps.len(),
            };
            let is_new = !seen.contains(&place);
            seen.push(place);
            match self.course.next {
                Upcoming::Step(step, repetition) => self.run_step(step, repetition, is_new, late, look),
                Upcoming::Fallback(times) => {
                    let repage = self.policy.repage.max(REPAGE_MIN);
                    self.course.due = self.course.due + repage;
                    match is_new {
                        true => {
                            let why = match times {
                                0 if !self.has_asked() => Why::NoStep,
                                0 => Why::Fallback,
                                _ => Why::Repage { times },
                            };
                            self.page_fallback(why, late, look);
                            self.course.next = Upcoming::Fallback(times.saturating_add(1));
                        }
                        // Pages that were missed are made up for by one.
                        false => self.course.due = self.course.due.max(look.now + repage),
                    }
                }
            }
        }
    }

    /// Whether anybody was paged since the paging began.
    pub(super) fn has_asked(&self) -> bool {
        let begins = self.timeline.iter().rposition(|entry| matches!(entry.what, Happening::Opened { .. }));
        let since = self.timeline.iter().skip(begins.unwrap_or_default());
        since.into_iter().any(|entry| matches!(entry.what, Happening::Paged { .. }))
    }

    /// Whether nothing of it fires that is not silenced, inhibited, or about to be told as over.
    fn is_quiet(&self, world: &World<'_>) -> bool {
        self.alerts.keys().chain(&self.further_alerts).all(|alert| (world.is_quiet)(*alert))
    }

    /// Nothing of it fires that is not silenced: its pages wait.
    fn hold(&mut self, now: Timestamp) {
        if !self.course.is_held {
            self.course.is_held = true;
            self.note(now, Happening::Held);
        }
        self.course.due = self.course.due.max(now + HELD_RECHECK);
        for contact in &mut self.pending {
            contact.due = contact.due.max(now + HELD_RECHECK);
        }
    }

    /// The contacts whose time has come, by the rules of their users.
    fn run_pending(&mut self, look: &mut Look<'_, '_>) {
        let (due, later): (Vec<PendingContact>, Vec<PendingContact>) =
            std::mem::take(&mut self.pending).into_iter().partition(|contact| contact.due <= look.now);
        self.pending = later;
        for PendingContact { due, user, receiver, mut cause } in due {
            cause.late = worth_a_word(look.now.since(due));
            self.page_receiver(Some(user), receiver, cause, look);
        }
    }

    fn run_step(&mut self, place: usize, repetition: u32, is_new: bool, late: Duration, look: &mut Look<'_, '_>) {
        let policy = Arc::clone(&self.policy);
        let Some(step) = policy.steps.get(place) else {
            self.course.next = Upcoming::Fallback(0);
            return;
        };
        if let Some(when) = step.when.as_ref().filter(|when| !(look.world.holds)(when)) {
            if is_new {
                self.note(look.now, Happening::StepSkipped { step: place + 1, when: when.clone() });
            }
            // Nobody waits for somebody who is not asked.
            return self.go_on(place, true, look.world.plan);
        }
        if is_new {
            let of = policy.steps.len();
            let cause = self.cause(Why::Step { step: place + 1, of, round: self.course.round, repetition }, late);
            self.page_all(&step.targets, &cause, look);
        }
        match step.repeat {
            Some(repeat) if repetition < repeat.times => {
                self.course.next = Upcoming::Step(place, repetition + 1);
                self.course.due = self.course.due + repeat.every.max(REPAGE_MIN);
            }
            _ => self.go_on(place, false, look.world.plan),
        }
    }

    /// Takes up what comes after the step `place`, which was left out or not.
    fn go_on(&mut self, place: usize, is_skipped: bool, plan: &EscalationPlan) {
        let response_time = plan.severities.level(self.rank).respond_within;
        let wait = |asked: Option<Duration>| if is_skipped { Duration::ZERO } else { asked.unwrap_or(response_time) };
        if let Some(following) = self.policy.steps.get(place + 1) {
            self.course.due = self.course.due + wait(following.after);
            self.course.next = Upcoming::Step(place + 1, 0);
            return;
        }
        let has_paged = std::mem::take(&mut self.course.has_paged);
        // A round that paged nobody is not waited for, nor gone through again.
        if !has_paged {
            self.course.next = Upcoming::Fallback(0);
            return;
        }
        self.course.due = self.course.due + self.policy.repeat.every.unwrap_or(response_time).max(REPAGE_MIN);
        if self.course.round <= self.policy.repeat.times {
            self.course.round += 1;
            self.course.next = Upcoming::Step(0, 0);
        } else {
            self.course.next = Upcoming::Fallback(0);
        }
    }

    fn cause(&self, why: Why, late: Duration) -> Cause {
        let begun = self.course.begun.clone();
        Cause { why, on_call_by: None, begun, late: worth_a_word(late), contact_after: Duration::ZERO }
    }

    /// Pages `targets`; where that reaches nobody, the fallback.
    fn page_all(&mut self, targets: &[Target], cause: &Cause, look: &mut Look<'_, '_>) {
        let mut reached = false;
        let mut without_anybody = Vec::new();
        let mut unreachable = Vec::new();
        for target in targets {
            let people = match target {
                Target::Channel(receiver) => {
                    match (look.world.is_receiver)(receiver) {
                        true => {
                            self.page_receiver(None, receiver.clone(), cause.clone(), look);
                            reached = true;
                        }
                        false => unreachable.push(receiver.clone()),
                    }
                    continue;
                }
                Target::User(user) => vec![user.clone()],
                Target::Team(team) => look.world.plan.team(team).map(|team| team.members.clone()).unwrap_or_default(),
                Target::Schedule { name, offset } => self.watch(name, *offset, look),
            };
            let on_call_by = match target {
                Target::Schedule { name, .. } => Some(name.clone()),
                _ => None,
            };
            if people.is_empty() {
                match on_call_by {
                    Some(schedule) => without_anybody.push(schedule),
                    None => unreachable.push(target.to_string()),
                }
                continue;
            }
            let cause = Cause { on_call_by, ..cause.clone() };
            for user in people {
                match self.page_user(&user, &cause, look) {
                    true => reached = true,
                    false => unreachable.push(user),
                }
            }
        }
        for schedule in &without_anybody {
            self.note(look.now, Happening::NobodyOnCall { schedule: schedule.clone() });
        }
        if reached {
            self.course.has_paged = true;
            return;
        }
        let why = match without_anybody.is_empty() {
            true => Why::Unreachable { who: unreachable },
            false => Why::NobodyOnCall { schedules: without_anybody },
        };
        self.page_fallback(why, cause.late, look);
        self.course.has_paged = true;
    }

    /// Who is on call by `schedule`, to be paged again when that changes.
    fn watch(&mut self, schedule: &str, offset: usize, look: &Look<'_, '_>) -> Vec<String> {
        let people = (look.world.on_call)(schedule, offset);
        let known = self.watches.iter_mut().find(|watch| watch.schedule == schedule && watch.offset == offset);
        match known {
            Some(watch) => watch.people.clone_from(&people),
            None => self.watches.push(Watch { schedule: schedule.to_owned(), offset, people: people.clone() }),
        }
        people
    }

    fn page_fallback(&mut self, why: Why, late: Duration, look: &mut Look<'_, '_>) {
        let policy = Arc::clone(&self.policy);
        let cause = self.cause(why, late);
        // What stands in the configuration now may be reached where what stood there is gone.
        let current = look.world.plan.policy(&policy.name).map(|policy| policy.fallback.as_slice()).unwrap_or_default();
        for targets in [policy.fallback.as_slice(), current] {
            let mut reached = false;
            for target in targets {
                let people = match target {
                    Target::Channel(receiver) if (look.world.is_receiver)(receiver) => {
                        self.page_receiver(None, receiver.clone(), cause.clone(), look);
                        reached = true;
                        continue;
                    }
                    Target::User(user) => vec![user.clone()],
                    Target::Team(name) => {
                        look.world.plan.team(name).map(|team| team.members.clone()).unwrap_or_default()
                    }
                    Target::Schedule { .. } | Target::Channel(_) => Vec::new(),
                };
                for user in people {
                    reached |= self.page_user(&user, &cause, look);
                }
            }
            if reached {
                return;
            }
        }
    }

    /// Pages a user by their rule; whether they can be reached at all.
    fn page_user(&mut self, user: &str, cause: &Cause, look: &mut Look<'_, '_>) -> bool {
        let Some(person) = look.world.plan.person(user) else { return false };
        let urgency = self.urgency(&look.world.plan.severities);
        let both = [person.rule(urgency), &person.high, &person.low];
        let usable = both.into_iter().find(|rule| rule.iter().any(|step| (look.world.is_receiver)(&step.receiver)));
        let Some(rule) = usable else { return false };
        for step in rule.iter().filter(|step| (look.world.is_receiver)(&step.receiver)) {
            if step.after.is_zero() {
                self.page_receiver(Some(user.to_owned()), step.receiver.clone(), cause.clone(), look);
                continue;
            }
            // A page that runs already is not put off by another.
            let due = look.now + step.after;
            let cause = Cause { contact_after: step.after, late: Duration::ZERO, ..cause.clone() };
            let is_same = |contact: &&mut PendingContact| contact.user == user && contact.receiver == step.receiver;
            match self.pending.iter_mut().find(is_same) {
                Some(contact) if contact.due <= due => {}
                Some(contact) => (contact.due, contact.cause) = (due, cause),
                None => {
                    let (user, receiver) = (user.to_owned(), step.receiver.clone());
                    self.pending.push(PendingContact { due, user, receiver, cause });
                }
            }
        }
        true
    }

    fn page_receiver(&mut self, user: Option<String>, receiver: String, cause: Cause, look: &mut Look<'_, '_>) {
        if !look.paged.insert(receiver.clone()) {
            return;
        }
        if let Some(user) = user.as_ref().filter(|_| look.holds_pages) {
            let (due, user) = (look.now + HELD_RECHECK, user.clone());
            return self.pending.push(PendingContact { due, user, receiver, cause });
        }
        let what = Happening::Paged { user: user.clone(), receiver: receiver.clone(), cause: cause.clone() };
        self.note(look.now, what);
        look.orders.push(Order::Page { user, receiver, cause });
    }

    /// Pages who has come on call since the last look, while nobody has answered. Worth a call when who is on call by one of
    /// its [`watches`](Incident::watches) has changed.
    pub fn hand_over(&mut self, now: Timestamp, world: &World<'_>, orders: &mut Vec<Order>) {
        if !self.is_open() {
            return;
        }
        let holds_pages = self.is_quiet(world);
        let mut look = Look { now, world, orders, paged: BTreeSet::new(), holds_pages };
        let mut watches = std::mem::take(&mut self.watches);
        for watch in &mut watches {
            let people = (world.on_call)(&watch.schedule, watch.offset);
            if people == watch.people {
                continue;
            }
            let cause = self.cause(Why::Handover, Duration::ZERO);
            let cause = Cause { on_call_by: Some(watch.schedule.clone()), ..cause };
            let new: Vec<&String> = people.iter().filter(|person| !watch.people.contains(person)).collect();
            let reached = new.iter().filter(|person| self.page_user(person, &cause, &mut look)).count();
            if people.is_empty() {
                self.note(now, Happening::NobodyOnCall { schedule: watch.schedule.clone() });
                let why = Why::NobodyOnCall { schedules: vec![watch.schedule.clone()] };
                self.page_fallback(why, Duration::ZERO, &mut look);
            } else if reached == 0 && !new.is_empty() {
                let who = new.into_iter().cloned().collect();
                self.page_fallback(Why::Unreachable { who }, Duration::ZERO, &mut look);
            }
            watch.people = people;
        }
        self.watches = watches;
        // A step that is due in the same moment does not page the same people once more.
        self.look(&mut look);
    }

    /// Begins the paging anew, at the first step.
    pub(super) fn begin(&mut self, now: Timestamp, begun: Begun) {
        self.state = IncidentState::Open;
        self.pending.clear();
        self.watches.clear();
        let first = self.policy.steps.first().and_then(|step| step.after).unwrap_or_default();
        self.note(now, Happening::Opened { begun: begun.clone() });
        self.course = Course::new(now, begun, first);
    }

    /// Begins the paging anew that was due `at` a time that may have been missed.
    fn begin_late(&mut self, now: Timestamp, at: Timestamp, begun: Begun) {
        self.begin(now, begun);
        self.course.due = at + self.course.due.since(now);
    }

    /// Until when somebody should answer, counted from `now`.
    pub(super) fn set_deadline(&mut self, now: Timestamp, plan: &EscalationPlan) {
        self.answer_by = now + plan.severities.level(self.rank).respond_within;
        self.is_breached = false;
    }

    /// Takes in what `answer` says; it can be taken. A merge is not for one incident alone: see
    /// [`Incidents::merge`](super::Incidents::merge).
    pub fn take_answer(&mut self, now: Timestamp, answer: &Answer, world: &World<'_>, orders: &mut Vec<Order>) {
        let who = answer.who.clone();
        self.used.extend(answer.once.clone());
        self.note(now, Happening::Answered { action: answer.action.clone(), who: who.clone() });
        match &answer.action {
            Action::Ack => {
                orders.push(Order::TellAnswered { text: format!("acknowledged by {who}") });
                self.pending.clear();
                self.state = IncidentState::Acknowledged { by: who, at: now, reminded: false };
            }
            Action::Snooze { until } => {
                orders.push(Order::TellAnswered { text: format!("snoozed by {who} until {until}") });
                self.pending.clear();
                self.state = IncidentState::Snoozed { by: who, until: *until };
            }
            Action::Unack => {
                self.begin(now, Begun::Unacked { by: who.name });
                self.set_deadline(now, world.plan);
                self.advance(now, world, orders);
            }
            Action::Reassign { to } => self.reassign(now, to, who.name, world, orders),
            Action::Escalate => {
                self.open_for_others(now, world);
                self.course.due = now;
                self.advance(now, world, orders);
            }
            Action::Resolve => self.close(now, Closed::Resolved { by: who }, orders),
            Action::Note { .. } | Action::Merge { .. } => {}
        }
    }

    /// Somebody asks others for an answer, which may have been given before by who asks.
    fn open_for_others(&mut self, now: Timestamp, world: &World<'_>) {
        if !self.is_open() {
            self.set_deadline(now, world.plan);
            // Nobody was paged for changes of who is on call meanwhile, and nobody is now.
            for watch in &mut self.watches {
                watch.people = (world.on_call)(&watch.schedule, watch.offset);
            }
        }
        self.state = IncidentState::Open;
        self.course.since = now;
    }

    fn reassign(&mut self, now: Timestamp, to: &[Target], by: String, world: &World<'_>, orders: &mut Vec<Order>) {
        self.open_for_others(now, world);
        self.pending.clear();
        self.watches.clear();
        let mut look = Look { now, world, orders, paged: BTreeSet::new(), holds_pages: false };
        let cause = self.cause(Why::Reassigned { by }, Duration::ZERO);
        self.page_all(to, &cause, &mut look);
        let asked = match self.course.next {
            Upcoming::Step(place, _) => self.policy.steps.get(place).and_then(|step| step.after),
            Upcoming::Fallback(_) => self.policy.repeat.every,
        };
        let response_time = world.plan.severities.level(self.rank).respond_within;
        self.course.due = now + asked.filter(|asked| !asked.is_zero()).unwrap_or(response_time);
    }

    /// It is over.
    pub(super) fn close(&mut self, now: Timestamp, why: Closed, orders: &mut Vec<Order>) {
        self.pending.clear();
        self.watches.clear();
        self.note(now, Happening::Closed { why: why.clone() });
        orders.push(Order::TellClosed { text: why.to_string() });
        self.state = IncidentState::Closed { at: now, why };
    }

    /// A page through `receiver` could not be delivered: the next contact of the user is tried now, and where there is none
    /// and nobody else was reached, the next step is due.
    pub fn take_failure(&mut self, now: Timestamp, receiver: &str, error: &str) {
        self.note(now, Happening::Failed { receiver: receiver.to_owned(), error: error.to_owned() });
        if !self.is_open() {
            return;
        }
        let user = self.paged.iter().find(|paged| paged.receiver == receiver).and_then(|paged| paged.user.clone());
        // The same contact once more would fail as this one did, and one that a page is on its way to hears of it without another.
        let is_on_its_way = |contact: &PendingContact| {
            self.paged.iter().any(|paged| paged.receiver == contact.receiver && !paged.on_their_way.is_empty())
        };
        let is_other = |contact: &PendingContact| contact.receiver != receiver && !is_on_its_way(contact);
        let others = self.pending.iter().any(is_other);
        let next = self.pending.iter_mut().filter(|contact| Some(&contact.user) == user.as_ref() && is_other(contact));
        match next.min_by_key(|contact| contact.due) {
            Some(contact) if contact.due > now => {
                contact.due = now;
                contact.cause.contact_after = Duration::ZERO;
            }
            Some(_) => {}
            None => {
                let since = self.course.since;
                let hopeful = |paged: &super::Paged| {
                    paged.last_at >= since && (paged.arrived > 0 || !paged.on_their_way.is_empty())
                };
                if !others && !self.paged.iter().any(hopeful) {
                    self.hasten(now);
                }
            }
        }
    }

    /// Nobody was reached: others are paged now. Those who were asked before already are not asked without end.
    fn hasten(&mut self, now: Timestamp) {
        let course = &mut self.course;
        let wait = match course.next {
            Upcoming::Step(place, repetition) if repetition > 0 && place + 1 < self.policy.steps.len() => {
                course.next = Upcoming::Step(place + 1, 0);
                Duration::ZERO
            }
            Upcoming::Step(_, 0) if course.round == 1 => Duration::ZERO,
            Upcoming::Fallback(0) => Duration::ZERO,
            Upcoming::Step(..) | Upcoming::Fallback(_) => UNREACHED_RETRY,
        };
        course.due = course.due.min(now + wait);
    }
}

impl Course {
    /// The first step, `after` the beginning at `now`.
    pub(super) fn new(now: Timestamp, begun: Begun, after: Duration) -> Course {
        let next = Upcoming::Step(0, 0);
        Course { begun, round: 1, next, due: now + after, since: now, has_paged: false, is_held: false }
    }
}

/// A delay, unless it is too short to matter.
fn worth_a_word(late: Duration) -> Duration {
    if late >= LATE_MIN { late } else { Duration::ZERO }
}
