//! An engine with a made-up clock, hosts that are down or not, and receivers that work or not; told as lines of text.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use watchbell::config::{self, MemoryFiles};
use watchbell::deliver::{Notification, Outcome};
use watchbell::engine::{Effect, Engine, EventKind, HeartbeatView, Input, Plan, Record, RecordKind};
use watchbell::model::{Labels, Timestamp, TraceId};
use watchbell::route::Withheld;
use watchbell::rule::{Observation, Presence, Rule, alert_labels};

/// 2026-11-22T03:00:00Z, a Sunday.
const START: i64 = 1_795_316_400;
const RULES: &str = "groups: [{name: g, interval: 1m, rules: [{alert: Down, expr: up == 0}]}]";

pub(crate) fn plan(main: &str, rules: &str) -> Arc<Plan> {
    let main = format!("{main}\nrule_files: [rules.yml]\n");
    let files = MemoryFiles::new([("watchbell.yml", main.as_str()), ("rules.yml", rules)]);
    let loaded = config::load(Some("watchbell.yml"), &files, &|_| None);
    let loaded = loaded.unwrap_or_else(|problems| panic!("{}", watchbell::model::render_text(&problems, false)));
    Arc::new(loaded.plan.engine)
}

pub(crate) struct Scene {
    plan: Arc<Plan>,
    engine: Engine,
    store: BTreeMap<(RecordKind, Vec<u8>), Vec<u8>>,
    now: Timestamp,
    down: BTreeSet<String>,
    /// How attempts at a receiver end, where they do not succeed.
    broken: BTreeMap<String, Outcome>,
    /// Whether the process dies after every input.
    pub(crate) dies_always: bool,
    lines: Vec<String>,
    /// How many records of the noise control were written.
    pub(crate) noise_written: usize,
    /// How many records of heartbeats were written.
    pub(crate) heartbeats_written: usize,
    pub(crate) sent: Vec<Notification>,
}

impl Scene {
    pub(crate) fn new(main: &str) -> Scene {
        Scene::with_rules(main, RULES)
    }

    pub(crate) fn with_rules(main: &str, rules: &str) -> Scene {
        let plan = plan(main, rules);
        Scene {
            engine: Engine::new(Arc::clone(&plan)),
            plan,
            store: BTreeMap::new(),
            now: Timestamp::from_seconds(START),
            down: BTreeSet::new(),
            broken: BTreeMap::new(),
            dies_always: false,
            lines: Vec::new(),
            noise_written: 0,
            heartbeats_written: 0,
            sent: Vec::new(),
        }
    }

    /// Attempts at `receiver` fail from now on; `rejected` for good.
    pub(crate) fn break_receiver(&mut self, receiver: &str, rejected: bool) {
        let error = "broken".to_owned();
        let outcome = if rejected { Outcome::Rejected { error } } else { Outcome::Retry { error, after: None } };
        self.broken.insert(receiver.to_owned(), outcome);
    }

    pub(crate) fn mend(&mut self, receiver: &str) {
        self.broken.remove(receiver);
    }

    pub(crate) fn down(&mut self, hosts: &[&str]) {
        self.down.extend(hosts.iter().map(|host| (*host).to_owned()));
        self.evaluate();
    }

    pub(crate) fn up(&mut self, hosts: &[&str]) {
        self.down.retain(|host| !hosts.contains(&host.as_str()));
        self.evaluate();
    }

    fn evaluate(&mut self) {
        let plan = Arc::clone(&self.plan);
        for rule in plan.groups.iter().flat_map(|group| &group.rules) {
            let Rule::Alerting(rule) = rule else { continue };
            let own: Vec<_> = rule.labels.iter().map(|(name, text)| (name.clone(), text.text().to_owned())).collect();
            let observe = |host: &String| {
                let labels = Labels::from_pairs([("host", host.as_str())]);
                let (query_labels, annotations) = (labels.clone(), Labels::default());
                let labels = alert_labels(&rule.alert, &labels, &own);
                Observation { labels, query_labels, annotations, value: 0.0, trace: TraceId::NONE }
            };
            let result = Ok(self.down.iter().map(observe).collect());
            let input = Input::AlertingResult { rule: rule.id, at: self.now, result, presence: Presence::Unknown };
            self.handle(input);
        }
    }

    /// Lets the clock run until `seconds` after the start.
    pub(crate) fn until(&mut self, seconds: i64) {
        let end = Timestamp::from_seconds(START + seconds);
        while let Some(at) = self.engine.next_wakeup().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.handle(Input::Tick);
        }
        self.now = end;
    }

    /// Nothing runs until `seconds` after the start; also back in time.
    pub(crate) fn stand_still(&mut self, seconds: i64) {
        self.now = Timestamp::from_seconds(START + seconds);
    }

    pub(crate) fn heartbeats(&self) -> Vec<HeartbeatView> {
        self.engine.heartbeats(self.now)
    }

    pub(crate) fn handle(&mut self, input: Input) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            let mut effects = Vec::new();
            self.engine.handle(self.now, input, &mut effects);
            let next = self.engine.next_wakeup();
            assert!(next.is_none_or(|next| next > self.now), "what is due is done: {next:?} at {}", self.now);
            self.perform(effects, &mut inputs);
        }
        if self.dies_always {
            self.restart();
        }
    }

    fn perform(&mut self, effects: Vec<Effect>, inputs: &mut Vec<Input>) {
        for effect in effects {
            match effect {
                Effect::Persist(Record { kind, key, value: Some(value) }) => {
                    self.noise_written += usize::from(kind == RecordKind::Noise);
                    self.heartbeats_written += usize::from(kind == RecordKind::Heartbeat);
                    drop(self.store.insert((kind, key), value));
                }
                Effect::Persist(Record { kind, key, value: None }) => drop(self.store.remove(&(kind, key))),
                Effect::Send(delivery) => {
                    let receiver = &delivery.notification.receiver;
                    let outcome = self.broken.get(receiver).cloned().unwrap_or(Outcome::Delivered);
                    if outcome == Outcome::Delivered {
                        self.sent.push(delivery.notification.clone());
                    }
                    inputs.push(Input::Attempted { number: delivery.number, outcome });
                }
                Effect::Emit(event) => self.note(&event.kind),
            }
        }
    }

    fn note(&mut self, kind: &EventKind) {
        let quiet = [Withheld::AlreadyTold, Withheld::NothingToTell, Withheld::Suppressed];
        let line = match kind {
            EventKind::Delivered(notice) => {
                let sent = self.sent.iter().rev().find(|sent| sent.group_key == notice.group_key);
                let hosts = |firing: bool| {
                    let alerts = sent.into_iter().flat_map(|sent| sent.alerts.iter().map(move |it| (sent, it)));
                    let wanted =
                        alerts.filter(|(sent, it)| it.ends_at.is_none_or(|end| end > sent.decided_at) == firing);
                    let name =
                        |labels: &Labels| ["host", "heartbeat"].map(|label| labels.get(label).to_owned()).concat();
                    wanted.map(|(_, alert)| name(&alert.labels)).collect::<Vec<_>>().join(" ")
                };
                format!("{} [{}|{}] {}", notice.receiver, hosts(true), hosts(false), notice.reason_text())
            }
            EventKind::Abandoned { notice, .. } => format!("{} given up", notice.receiver),
            EventKind::Withheld { receiver, reason, .. } if !quiet.contains(reason) => {
                format!("{receiver} not told: {}", reason.as_str())
            }
            _ => return,
        };
        let seconds = self.now.since(Timestamp::from_seconds(START)).as_secs();
        self.lines.push(format!("{:>3}:{:02} {line}", seconds / 60, seconds % 60));
    }

    /// The process dies and starts again with what was written.
    pub(crate) fn restart(&mut self) {
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
        self.perform(effects, &mut Vec::new());
    }

    pub(crate) fn reload(&mut self, main: &str) {
        self.reload_with_rules(main, RULES);
    }

    pub(crate) fn reload_with_rules(&mut self, main: &str, rules: &str) {
        self.plan = plan(main, rules);
        self.handle(Input::NewPlan(Arc::clone(&self.plan)));
    }

    /// What happened since the last call.
    pub(crate) fn told(&mut self) -> String {
        std::mem::take(&mut self.lines).join("\n")
    }

    /// Whether nothing is left but what says so itself.
    pub(crate) fn check_empty(&mut self, after: Duration) {
        self.down.clear();
        self.broken.clear();
        self.evaluate();
        let seconds = (self.now + after).since(Timestamp::from_seconds(START)).as_secs();
        self.until(i64::try_from(seconds).expect("small"));
        self.evaluate();
        // When an integration was last told stays known.
        let stays =
            |kind: RecordKind, key: &[u8]| kind == RecordKind::Meta || (kind, key[0]) == (RecordKind::Noise, b'p');
        let left: Vec<_> = self.store.keys().filter(|(kind, key)| !stays(*kind, key)).collect();
        assert_eq!(left, Vec::<&(RecordKind, Vec<u8>)>::new());
        assert_eq!(self.engine.next_wakeup(), None);
    }
}
