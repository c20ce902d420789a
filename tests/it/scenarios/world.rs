//! The made-up world of a scenario: an engine, its store, its receivers, and the process that may end.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use watchbell::config::parse_matchers;
use watchbell::deliver::{Delivery, Outcome};
use watchbell::engine::{Effect, Engine, ExternalAlert, Input, Plan, Record, RecordKind};
use watchbell::model::{AlertStatus, Labels, Timestamp, TraceId, parse_duration};
use watchbell::route::SilenceDraft;

use super::words::labelled;

/// When the process ends, besides where the scenario says so; it starts at once from what is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deaths {
    /// Never.
    None,
    /// After every input, ticks included, with everything done that was to do.
    AfterEveryInput,
    /// With everything written and nothing sent, once before each notification.
    BeforeEverySend,
    /// When a notification has arrived and that is not known yet, once after each.
    AfterEverySend,
}

/// How a receiver that does not work answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Failure {
    TimesOut,
    Refuses,
}

/// An engine with a store and receivers that take everything unless they are said to fail.
pub(super) struct World {
    pub(super) start: Timestamp,
    pub(super) now: Timestamp,
    pub(super) engine: Engine,
    pub(super) told: Vec<String>,
    plan: Arc<Plan>,
    store: BTreeMap<(RecordKind, Vec<u8>), Vec<u8>>,
    failing: BTreeMap<String, Failure>,
    silences: BTreeMap<String, String>,
    firing: BTreeMap<String, Vec<Labels>>,
    deaths: Deaths,
    /// What waits to be attempted.
    sends: VecDeque<Delivery>,
    /// The keys of what the process died over.
    died_over: BTreeSet<String>,
    /// The keys of what has arrived.
    arrived: BTreeSet<String>,
}

impl World {
    pub(super) fn new(start: Timestamp, plan: &Arc<Plan>, deaths: Deaths) -> World {
        World {
            start,
            now: start,
            engine: Engine::new(Arc::clone(plan)),
            told: Vec::new(),
            plan: Arc::clone(plan),
            store: BTreeMap::new(),
            failing: BTreeMap::new(),
            silences: BTreeMap::new(),
            firing: BTreeMap::new(),
            deaths,
            sends: VecDeque::new(),
            died_over: BTreeSet::new(),
            arrived: BTreeSet::new(),
        }
    }

    pub(super) fn live_until(&mut self, at: Timestamp, line: &str) {
        assert!(self.now <= at, "{line}: that is in the past");
        while let Some(due) = self.engine.next_wakeup().filter(|due| *due <= at) {
            self.now = self.now.max(due);
            self.handle(Input::Tick);
        }
        self.now = at;
    }

    pub(super) fn handle(&mut self, input: Input) {
        self.step(input);
        while let Some(delivery) = self.sends.pop_front() {
            self.attempt(delivery);
        }
        if self.deaths == Deaths::AfterEveryInput {
            self.restart();
        }
    }

    fn step(&mut self, input: Input) {
        let mut effects = Vec::new();
        self.engine.handle(self.now, input, &mut effects);
        self.take(effects);
    }

    fn take(&mut self, effects: Vec<Effect>) {
        let mut sends = Vec::new();
        for effect in effects {
            match effect {
                Effect::Persist(Record { kind, key, value }) => match value {
                    Some(value) => drop(self.store.insert((kind, key), value)),
                    None => drop(self.store.remove(&(kind, key))),
                },
                Effect::Send(delivery) => sends.push(*delivery),
                Effect::Emit(_) => {}
            }
        }
        let known = self.died_over.len();
        self.died_over.extend(sends.iter().map(|delivery| delivery.key.clone()));
        self.sends.extend(sends);
        let is_news = self.died_over.len() > known;
        if is_news && self.deaths == Deaths::BeforeEverySend {
            self.restart();
        }
    }

    fn attempt(&mut self, delivery: Delivery) {
        let outcome = match self.failing.get(&delivery.notification.receiver) {
            Some(Failure::TimesOut) => Outcome::Retry { error: "it does not answer".to_owned(), after: None },
            Some(Failure::Refuses) => Outcome::Rejected { error: "unknown number".to_owned() },
            None => Outcome::Delivered,
        };
        if outcome == Outcome::Delivered && self.arrived.insert(delivery.key.clone()) {
            let line = self.line(&delivery.notification);
            self.told.push(line);
            if self.deaths == Deaths::AfterEverySend {
                return self.restart();
            }
        }
        self.step(Input::Attempted { number: delivery.number, outcome });
    }

    pub(super) fn perform(&mut self, action: &str, configs: &BTreeMap<String, Arc<Plan>>, line: &str) {
        let words: Vec<&str> = action.split_whitespace().collect();
        match words.as_slice() {
            ["post", alert @ ..] => self.post(alert, line),
            ["fires", alert @ ..] => self.fires(&labelled(alert)),
            ["over", name] => {
                for labels in self.firing.remove(*name).expect(line) {
                    self.say_over(&labels);
                }
            }
            ["over", alert @ ..] => self.say_over(&labelled(alert)),
            ["silence", id, "for", duration, matchers @ ..] => self.silence(id, duration, &matchers.join(" "), line),
            ["expire", id] => self.handle(Input::ExpireSilence { id: self.silences[*id].clone() }),
            ["fail", receiver] => drop(self.failing.insert((*receiver).to_owned(), Failure::TimesOut)),
            ["refuse", receiver] => drop(self.failing.insert((*receiver).to_owned(), Failure::Refuses)),
            ["work", receiver] => drop(self.failing.remove(*receiver)),
            ["reload", config] => {
                self.plan = Arc::clone(&configs[*config]);
                self.handle(Input::NewPlan(Arc::clone(&self.plan)));
            }
            ["restart"] => self.restart(),
            ["down", "for", duration] => {
                self.now = self.now + parse_duration(duration).expect(line);
                self.restart();
            }
            ["end"] => {}
            ["state", labels @ .., state] => {
                let found = self.state(&labelled(labels));
                if found != *state {
                    self.told.push(format!("{line}: it is {found}"));
                }
            }
            _ => self.perform_for_people(action, &words, line),
        }
        while let Some(delivery) = self.sends.pop_front() {
            self.attempt(delivery);
        }
    }

    fn silence(&mut self, id: &str, duration: &str, matchers: &str, line: &str) {
        let draft = SilenceDraft {
            id: self.silences.get(id).cloned(),
            matchers: parse_matchers(matchers).expect(line),
            starts_at: self.now,
            ends_at: self.now + parse_duration(duration).expect(line),
            created_by: "crew".to_owned(),
            comment: String::new(),
        };
        let new_id = format!("{id}-{}", self.silences.len());
        let change = self.engine.plan_silence(self.now, &draft, &new_id).expect(line);
        self.silences.insert(id.to_owned(), change.silence.id);
        self.handle(Input::SetSilence { draft, new_id });
    }

    /// `NAME LABEL=VALUE... [since DURATION] [for DURATION | over]`
    fn post(&mut self, words: &[&str], line: &str) {
        let mut alert = alert(Labels::default(), None);
        let mut labels = words;
        loop {
            let duration = |text: &str| parse_duration(text).expect(line);
            labels = match labels {
                [rest @ .., "over"] => {
                    alert.ends_at = Some(self.now);
                    rest
                }
                [rest @ .., "for", until] => {
                    alert.ends_at = Some(self.now + duration(until));
                    rest
                }
                [rest @ .., "since", ago] => {
                    alert.starts_at = Some(self.now - duration(ago));
                    rest
                }
                _ => break,
            };
        }
        alert.labels = labelled(labels);
        self.handle(Input::ExternalAlerts(vec![alert]));
    }

    /// An alert fires until it is said to be over.
    fn fires(&mut self, labels: &Labels) {
        let until = self.now + Duration::from_secs(365 * 24 * 60 * 60);
        self.firing.entry(labels.get("alertname").to_owned()).or_default().push(labels.clone());
        self.handle(Input::ExternalAlerts(vec![alert(labels.clone(), Some(until))]));
    }

    fn say_over(&mut self, labels: &Labels) {
        self.handle(Input::ExternalAlerts(vec![alert(labels.clone(), Some(self.now))]));
    }

    /// The process ends and starts anew from what is on disk.
    fn restart(&mut self) {
        let record = |((kind, key), value): (&(RecordKind, Vec<u8>), &Vec<u8>)| Record {
            kind: *kind,
            key: key.clone(),
            value: Some(value.clone()),
        };
        let records: Vec<Record> = self.store.iter().map(record).collect();
        let mut effects = Vec::new();
        let (engine, errors) = Engine::restore(Arc::clone(&self.plan), records, self.now, &mut effects);
        assert_eq!(errors, []);
        self.engine = engine;
        self.sends.clear();
        self.take(effects);
        self.step(Input::Tick);
    }

    /// `gone`, `over`, `active`, or what suppresses the alert.
    fn state(&self, labels: &Labels) -> &'static str {
        use watchbell::route::Suppression::{Inactive, Inhibited, Muted, Silenced};
        let groups = self.engine.groups();
        let Some(alert) = groups.alert(labels.fingerprint()) else { return "gone" };
        if alert.status(self.now) == AlertStatus::Resolved {
            return "over";
        }
        let routed = self.engine.routes().matching(labels).into_iter().next().expect("a route");
        let key = format!("{}:{}", routed.key, routed.route.group_labels(labels));
        match groups.suppression(self.engine.routes(), &key, alert, self.now) {
            None => "active",
            Some(Inhibited { .. }) => "inhibited",
            Some(Inactive { .. }) => "inactive",
            Some(Muted { .. }) => "muted",
            Some(Silenced { .. }) => "silenced",
        }
    }
}

fn alert(labels: Labels, ends_at: Option<Timestamp>) -> ExternalAlert {
    ExternalAlert {
        labels,
        annotations: Labels::default(),
        starts_at: None,
        ends_at,
        generator_url: "".into(),
        trace: TraceId::NONE,
    }
}
