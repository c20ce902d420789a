//! Laws of incidents in random worlds: alerts come and go, people answer, schedules change, receivers fail, the process dies
//! between any two effects or is down for hours.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use watchbell::config::{self, MemoryFiles};
use watchbell::deliver::{Delivery, IncidentNoteKind, Outcome};
use watchbell::engine::{Effect, Engine, EventKind, ExternalAlert, Input, Plan, Record, RecordKind};
use watchbell::escalate::{Action, Answer, Happening, Incident, IncidentState, Target, Via, Who};
use watchbell::model::{Labels, Matcher, Timestamp, TraceId};
use watchbell::oncall::{Override, OverrideChange};
use watchbell::route::SilenceDraft;

const NAMES: [&str; 3] = ["Down", "Slow", "Full"];
const SERVICES: [&str; 3] = ["shop", "pay", "db"];
const SEVERITIES: [&str; 3] = ["info", "warning", "critical"];
const PEOPLE: [&str; 3] = ["ada", "ben", "eve"];

/// The configurations between which reloads change.
fn plans() -> Vec<Arc<Plan>> {
    let people = "
global: {smtp_smarthost: 'mail.example:587', smtp_from: bell@example.org, twilio_account_sid: AC0, twilio_auth_token: x, twilio_from: '+1555'}
users:
  - {name: ada, time_zone: UTC, contacts: [{name: sms, sms: '+15550101'}, {name: mail, email: ada@example.org}]}
  - {name: ben, time_zone: UTC, contacts: [{name: sms, sms: '+15550102'}], notify: {high: [sms, {contact: sms, after: 2m}], low: [{contact: sms, after: 10m}]}}
  - {name: eve, time_zone: UTC, contacts: [{name: mail, email: eve@example.org}]}
teams: [{name: all, members: [ada, ben, eve]}]
service_label: service
services: [{name: shop, depends_on: [pay]}, {name: pay, depends_on: [db]}, {name: db}]
time_intervals: [{name: even, time_intervals: [{times: [{start_time: '14:00', end_time: '15:00'}]}]}]
schedules:
  - name: primary
    time_zone: UTC
    layers: [{name: hourly, rotation: {start: 1970-01-01T00:00, every: 2h}, users: [ada, ben]}]
  - name: gaps
    time_zone: UTC
    layers: [{name: days, rotation: {start: 1970-01-01T00:00, every: 1d}, users: [ben, eve], restrictions: [{start: '08:00', end: '14:00'}]}]
";
    let receivers = "
receivers:
  - {name: pages, escalation: web}
  - {name: more, escalation: more, console_configs: [{}]}
  - {name: room, webhook_configs: [{url: 'http://127.0.0.1:1/'}]}
";
    let plain = "
escalation_policies:
  - name: web
    steps:
      - {targets: ['schedule:primary']}
      - {after: 10m, targets: ['schedule:primary+1', 'channel:room']}
    fallback: ['user:eve']
    repeat: {times: 0, every: 15m}
    repage: 20m
    ack_timeout: 1h
    reopen_within: 20m
  - name: more
    steps: [{after: 0s, targets: ['schedule:gaps']}, {after: 5m, targets: ['team:all'], when: even}]
    fallback: ['channel:room']
    repeat: {times: 0, every: 10m}
    repage: 30m
    max_age: 6h
";
    let thorough = "
escalation_policies:
  - name: web
    steps:
      - {targets: ['user:ben'], repeat: {times: 2, every: 3m}}
      - {after: 5m, targets: ['schedule:gaps', 'schedule:primary'], when: even}
    fallback: ['user:eve', 'channel:room']
    repeat: {times: 1, every: 10m}
    repage: 30m
    correlate_by: [service]
  - name: more
    steps: [{targets: ['team:all']}]
    fallback: ['channel:room']
    repeat: {times: 0, every: 10m}
    repage: 15m
    ack_timeout: 30m
    correlate_dependencies: true
";
    let flat =
        "route: {receiver: pages, group_by: [alertname], group_wait: 0s, group_interval: 1m, repeat_interval: 1h}";
    let tree = "route:
  receiver: more
  group_by: [service]
  group_wait: 20s
  group_interval: 2m
  repeat_interval: 30m
  routes: [{matchers: [severity=critical], receiver: pages, continue: true}]
inhibit_rules: [{source_matchers: [alertname=Down], target_matchers: [alertname=Slow], equal: [service]}]";
    let load = |(policies, route): (&str, &str)| {
        let main = format!("{people}{receivers}{policies}{route}\nhost_samples: false\n");
        let files = MemoryFiles::new([("watchbell.yml", main.as_str())]);
        let loaded = config::load(Some("watchbell.yml"), &files, &|_| None);
        Arc::new(loaded.unwrap_or_else(|problems| panic!("{problems:#?}\n{main}")).plan.engine)
    };
    [(plain, flat), (plain, tree), (thorough, flat), (thorough, tree)].map(load).into()
}

/// A repeatable source of chance (xorshift64*).
struct Chance(u64);

impl Chance {
    fn next(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % bound
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.next(n) == 0
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.next(choices.len())]
    }
}

/// The incident, the receiver, the number of its integration.
type Lane = (u64, String, usize);

struct World {
    chance: Chance,
    now: Timestamp,
    plans: Vec<Arc<Plan>>,
    plan: Arc<Plan>,
    engine: Engine,
    store: BTreeMap<(RecordKind, Vec<u8>), Vec<u8>>,
    under_way: BTreeMap<u64, Delivery>,
    /// Alerts by name, service and severity: since when they fire, or fired until when.
    alerts: BTreeMap<(&'static str, &'static str, &'static str), (Timestamp, Option<Timestamp>)>,
    is_calm: bool,
    /// The last word that each has about an incident, and when it arrived.
    words: BTreeMap<Lane, (IncidentNoteKind, Timestamp)>,
    /// Where a word other than a page was given up.
    lost: BTreeSet<Lane>,
    /// The deliveries of such words.
    told: BTreeMap<u64, Lane>,
    /// The keys of what has arrived.
    arrived: BTreeSet<String>,
    /// The keys of what was refused.
    refused: BTreeSet<String>,
    /// The pages by what tells them apart, and their keys.
    pages: BTreeMap<(Lane, Timestamp), String>,
    counts: BTreeMap<&'static str, usize>,
}

impl World {
    fn new(seed: u64, plans: &[Arc<Plan>]) -> World {
        let plan = &plans[seed as usize % plans.len()];
        World {
            chance: Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
            now: Timestamp::from_seconds(1_000_000_000),
            plans: plans.to_vec(),
            plan: Arc::clone(plan),
            engine: Engine::new(Arc::clone(plan)),
            store: BTreeMap::new(),
            under_way: BTreeMap::new(),
            alerts: BTreeMap::new(),
            is_calm: false,
            words: BTreeMap::new(),
            lost: BTreeSet::new(),
            told: BTreeMap::new(),
            arrived: BTreeSet::new(),
            refused: BTreeSet::new(),
            pages: BTreeMap::new(),
            counts: BTreeMap::new(),
        }
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    fn handle(&mut self, input: Input) {
        let mut effects = Vec::new();
        self.engine.handle(self.now, input, &mut effects);
        let next = self.engine.next_wakeup();
        assert!(
            next.is_none_or(|next| next > self.now),
            "what is due is done: {next:?} at {}: groups {:?}, incidents {:?}",
            self.now,
            self.engine.groups().next_due(),
            self.engine.incidents().next_due()
        );
        self.perform(effects);
    }

    /// Makes every record durable, then sends; or dies on the way.
    fn perform(&mut self, effects: Vec<Effect>) {
        let dies = !self.is_calm && self.chance.one_in(60);
        let cut = if dies { self.chance.next(effects.len() + 1) } else { usize::MAX };
        for effect in effects.iter().take(cut) {
            if let Effect::Persist(Record { kind, key, value }) = effect {
                match value {
                    Some(value) => drop(self.store.insert((*kind, key.clone()), value.clone())),
                    None => drop(self.store.remove(&(*kind, key.clone()))),
                }
            }
        }
        if dies {
            return self.crash();
        }
        for effect in effects {
            match effect {
                Effect::Send(delivery) => self.take_send(*delivery),
                Effect::Emit(event) => {
                    if let EventKind::Abandoned { notice, .. } = &event.kind {
                        self.lost.extend(self.told.get(&notice.delivery).cloned());
                    }
                }
                Effect::Persist(_) => {}
            }
        }
        self.check_open();
    }

    fn take_send(&mut self, delivery: Delivery) {
        if let Some(note) = &delivery.notification.incident {
            let lane = lane(&delivery).expect("about an incident");
            if note.kind == IncidentNoteKind::Page {
                let incident = self.engine.incidents().get(note.number).expect("known");
                assert!(incident.is_open(), "nobody is paged about what is {}: {lane:?}", incident.state.name());
                let page = (lane, delivery.notification.decided_at);
                // Unless the first was refused.
                let known = self.pages.insert(page, delivery.key.clone()).filter(|key| !self.refused.contains(key));
                assert!(known.is_none_or(|key| key == delivery.key), "nobody is paged twice at once: {note:?}");
                self.count("pages");
            } else {
                self.told.insert(delivery.number, lane);
            }
        }
        let number = delivery.number;
        assert!(self.under_way.insert(number, delivery).is_none(), "one attempt at a time");
    }

    /// The process dies: attempts under way may have arrived, nobody noted it.
    fn crash(&mut self) {
        self.count("crashes");
        for (_, delivery) in std::mem::take(&mut self.under_way) {
            if self.chance.one_in(2) {
                self.arrive(&delivery);
            }
        }
        let mut effects = Vec::new();
        let (engine, errors) = Engine::restore(Arc::clone(&self.plan), self.records(), self.now, &mut effects);
        assert_eq!(errors, []);
        self.engine = engine;
        self.perform(effects);
    }

    fn records(&self) -> Vec<Record> {
        let record = |((kind, key), value): (&(RecordKind, Vec<u8>), &Vec<u8>)| Record {
            kind: *kind,
            key: key.clone(),
            value: Some(value.clone()),
        };
        self.store.iter().map(record).collect()
    }

    fn arrive(&mut self, delivery: &Delivery) {
        self.arrived.insert(delivery.key.clone());
        let Some(note) = &delivery.notification.incident else { return };
        self.words.insert(lane(delivery).expect("about an incident"), (note.kind, self.now));
        self.count("arrived");
    }

    /// Some of the attempts under way end.
    fn settle(&mut self) {
        let numbers: Vec<u64> = self.under_way.keys().copied().collect();
        for number in numbers {
            if !self.is_calm && self.chance.one_in(3) {
                continue;
            }
            let Some(delivery) = self.under_way.remove(&number) else { continue };
            let note = delivery.notification.incident.as_ref();
            let is_page = note.is_some_and(|note| note.kind == IncidentNoteKind::Page);
            let outcome = match self.chance.next(8) {
                _ if self.is_calm => Outcome::Delivered,
                0..5 => Outcome::Delivered,
                // What it took once, with the answer lost in a crash, it does not refuse.
                5 if is_page && !self.arrived.contains(&delivery.key) => {
                    Outcome::Rejected { error: "refused".to_owned() }
                }
                _ => Outcome::Retry { error: "not now".to_owned(), after: None },
            };
            match outcome {
                Outcome::Delivered => self.arrive(&delivery),
                Outcome::Rejected { .. } => drop(self.refused.insert(delivery.key.clone())),
                _ => {}
            }
            self.handle(Input::Attempted { number, outcome });
        }
    }

    /// Whoever posts alerts does so again and again, as Prometheus does.
    fn post(&mut self) {
        let far = self.now + Duration::from_secs(365 * 24 * 60 * 60);
        let alert =
            |((name, service, severity), (since, until)): (&(&str, &str, &str), &(Timestamp, Option<Timestamp>))| {
                ExternalAlert {
                    labels: Labels::from_pairs([("alertname", *name), ("service", service), ("severity", severity)]),
                    annotations: Labels::default(),
                    starts_at: Some(*since),
                    ends_at: Some(until.unwrap_or(far)),
                    generator_url: "".into(),
                    trace: TraceId::NONE,
                }
            };
        let alerts: Vec<ExternalAlert> = self.alerts.iter().map(alert).collect();
        let recent = self.now - Duration::from_secs(15 * 60);
        self.alerts.retain(|_, (_, until)| until.is_none_or(|until| until > recent));
        if !alerts.is_empty() {
            self.handle(Input::ExternalAlerts(alerts));
        }
    }

    fn step(&mut self, seconds: usize) {
        let until = self.now + Duration::from_secs(seconds as u64);
        while let Some(at) = self.engine.next_wakeup().filter(|at| *at <= until) {
            self.now = at.max(self.now);
            self.handle(Input::Tick);
            self.settle();
        }
        // Nothing happens in the very moment in which something is due.
        self.now = until + Duration::from_millis(7);
        self.post();
        self.settle();
    }

    /// Watchbell is down for a while.
    fn be_down(&mut self) {
        self.now = self.now + Duration::from_secs(self.chance.of(&[3, 400, 5000, 30_000]));
        self.crash();
        self.handle(Input::Tick);
    }

    fn change_alerts(&mut self) {
        let alert = (self.chance.of(&NAMES), self.chance.of(&SERVICES), self.chance.of(&SEVERITIES));
        match self.alerts.get_mut(&alert) {
            Some((_, until @ None)) => *until = Some(self.now),
            _ => drop(self.alerts.insert(alert, (self.now, None))),
        }
    }

    /// Somebody does something about an incident; it may be refused.
    fn answer(&mut self) {
        let numbers: Vec<u64> = self.engine.incidents().iter().map(|incident| incident.number).collect();
        if numbers.is_empty() {
            return;
        }
        let recent = &numbers[numbers.len().saturating_sub(6)..];
        let targets = ["user:eve", "team:all", "schedule:gaps", "channel:room", "user:zoe"];
        let action = match self.chance.next(12) {
            0..4 => Action::Ack,
            4 => Action::Unack,
            5 | 6 => {
                let wait = Duration::from_secs(self.chance.of(&[100, 2000, 9000]));
                Action::Snooze { until: self.now + wait }
            }
            7 => Action::Reassign { to: Target::parse(self.chance.of(&targets)).into_iter().collect() },
            8 => Action::Escalate,
            9 => Action::Merge { into: self.chance.of(recent) },
            10 => Action::Note { text: "hm".to_owned() },
            _ => Action::Resolve,
        };
        let who = Who { name: self.chance.of(&PEOPLE).to_owned(), via: Via::Api };
        let answer = Answer { incident: self.chance.of(recent), action, who, once: None };
        if self.engine.plan_answer(self.now, &answer).is_ok() {
            self.count("answers");
        }
        self.handle(Input::Answer(Box::new(answer)));
    }

    fn silence(&mut self) {
        let known: Vec<String> = self.engine.groups().silences().iter().map(|silence| silence.id.clone()).collect();
        if !known.is_empty() && self.chance.one_in(3) {
            let id = known[self.chance.next(known.len())].clone();
            return self.handle(Input::ExpireSilence { id });
        }
        let matcher = match self.chance.next(2) {
            0 => Matcher::equal("service", self.chance.of(&SERVICES)),
            _ => Matcher::equal("alertname", self.chance.of(&NAMES)),
        };
        let draft = SilenceDraft {
            id: None,
            matchers: vec![matcher],
            starts_at: self.now,
            ends_at: self.now + Duration::from_secs(self.chance.of(&[30, 333, 2000])),
            created_by: String::new(),
            comment: String::new(),
        };
        let new_id = format!("silence-{}", self.now.millis());
        self.handle(Input::SetSilence { draft, new_id });
    }

    fn set_override(&mut self) {
        let user = self.chance.of(&PEOPLE).to_owned();
        let change = match self.chance.next(3) {
            0 => OverrideChange::Add { user },
            1 => OverrideChange::Remove { user },
            _ => OverrideChange::Absent { user },
        };
        let exception = Override {
            id: format!("override-{}", self.now.millis()),
            schedule: None,
            from: self.now,
            until: self.now + Duration::from_secs(self.chance.of(&[300, 4000, 20_000])),
            change,
            created_by: String::new(),
            comment: String::new(),
        };
        self.handle(Input::SetOverrides(vec![exception]));
    }

    fn change(&mut self) {
        self.now = self.now + Duration::from_millis(1);
        match self.chance.next(16) {
            0..6 => self.change_alerts(),
            6..12 => self.answer(),
            12 => self.silence(),
            13 => self.set_override(),
            14 if self.chance.one_in(3) => self.be_down(),
            _ => {
                self.plan = Arc::clone(&self.plans[self.chance.next(self.plans.len())]);
                self.handle(Input::NewPlan(Arc::clone(&self.plan)));
            }
        }
    }

    /// Trouble, then calm with some alerts firing, then calm with none.
    fn live(&mut self) {
        for _ in 0..150 {
            // People do things when nothing else happens.
            self.step(1);
            if self.chance.one_in(2) {
                self.change();
            }
            let seconds = self.chance.of(&[1, 10, 30, 30, 120, 700, 2000]);
            self.step(seconds);
            if self.chance.one_in(10) {
                self.check_restored();
            }
        }
        self.is_calm = true;
        let since = self.now;
        for _ in 0..100 {
            self.step(60);
        }
        self.check_paged_since(since);
        self.check_last_words();
        self.check_restored();
        for (_, until) in self.alerts.values_mut().filter(|(_, until)| until.is_none()) {
            *until = Some(self.now);
        }
        for _ in 0..40 {
            self.step(60);
        }
        self.check_last_words();
        for incident in self.engine.incidents().iter() {
            assert!(
                incident.is_closed(),
                "{} is {} and none of its alerts fires",
                incident.number,
                incident.state.name()
            );
        }
        // Until everything is forgotten.
        for _ in 0..40 {
            self.step(24 * 60 * 60);
        }
        assert_eq!(self.engine.incidents().iter().count(), 0);
        let kinds: Vec<_> = self.store.keys().filter(|(kind, _)| *kind == RecordKind::Incident).collect();
        assert_eq!(kinds, Vec::<&(RecordKind, Vec<u8>)>::new(), "nothing is left behind");
    }

    /// Somebody is asked about every open incident whose pages do not wait.
    fn check_open(&self) {
        // What a crash has left undone is due now.
        let is_open =
            |incident: &&Incident| incident.is_open() && !incident.course.is_held && incident.course.due > self.now;
        for incident in self.engine.incidents().iter().filter(is_open) {
            let begins = incident.timeline.iter().rposition(|entry| matches!(entry.what, Happening::Opened { .. }));
            let mut since = incident.timeline.iter().skip(begins.unwrap_or_default());
            let is_asked = since.any(|entry| matches!(entry.what, Happening::Paged { .. }));
            let waits = !incident.pending.is_empty();
            assert!(is_asked || waits, "nobody is asked about {}", told(incident));
        }
    }

    /// Everybody can be reached since then: somebody was, about every open incident whose pages do not wait.
    fn check_paged_since(&self, since: Timestamp) {
        let is_open = |incident: &&Incident| incident.is_open() && !incident.course.is_held;
        for incident in self.engine.incidents().iter().filter(is_open) {
            let of_incident = |(lane, _): &(&Lane, &(IncidentNoteKind, Timestamp))| lane.0 == incident.number;
            let mut words = self.words.iter().filter(of_incident);
            let is_paged = words.any(|(_, (kind, at))| *kind == IncidentNoteKind::Page && *at >= since);
            let began = incident.course.since + Duration::from_secs(600) > self.now;
            assert!(is_paged || began, "nobody hears of {}", told(incident));
        }
    }

    /// Whoever was paged knows that somebody has answered, or that it is over.
    fn check_last_words(&self) {
        assert_eq!(self.engine.deliveries().count(), 0);
        for (lane, (kind, at)) in self.words.iter().filter(|(lane, _)| !self.lost.contains(*lane)) {
            let Some(incident) = self.engine.incidents().get(lane.0) else { continue };
            match &incident.state {
                IncidentState::Open => {}
                IncidentState::Acknowledged { .. } | IncidentState::Snoozed { .. } => {
                    assert_ne!(*kind, IncidentNoteKind::Page, "{lane:?} at {at}: {}", told(incident));
                }
                IncidentState::Closed { .. } => {
                    assert_eq!(*kind, IncidentNoteKind::Closed, "{lane:?} at {at}: {}", told(incident));
                }
            }
        }
    }

    /// The engine that the records yield is the one that runs.
    fn check_restored(&self) {
        let mut effects = Vec::new();
        let (restored, errors) = Engine::restore(Arc::clone(&self.plan), self.records(), self.now, &mut effects);
        assert_eq!(errors, []);
        let numbers = |engine: &Engine| engine.incidents().iter().map(|incident| incident.number).collect::<Vec<_>>();
        assert_eq!(numbers(&self.engine), numbers(&restored));
        for (ours, theirs) in self.engine.incidents().iter().zip(restored.incidents().iter()) {
            let fields = |incident: &Incident| serde_json::to_value(incident).expect("written").as_object().cloned();
            let (ours, theirs) = (fields(ours).expect("fields"), fields(theirs).expect("fields"));
            let differs: Vec<_> = ours.iter().filter(|(name, value)| theirs.get(*name) != Some(value)).collect();
            assert_eq!(differs, [], "{:?}", differs.iter().map(|(name, _)| theirs.get(*name)).collect::<Vec<_>>());
        }
        if self.under_way.is_empty() {
            assert_eq!(self.engine.incidents().next_due(), restored.incidents().next_due());
        }
    }
}

fn lane(delivery: &Delivery) -> Option<Lane> {
    let number = delivery.notification.incident.as_ref()?.number;
    Some((number, delivery.notification.receiver.clone(), delivery.notification.integration))
}

/// What happened to an incident, for people.
fn told(incident: &Incident) -> String {
    let lines = incident.timeline.iter().map(|entry| format!("\n  {} {}", entry.at, entry.what));
    format!("{}, {}, {:?}:{}", incident.number, incident.state.name(), incident.course, lines.collect::<String>())
}

/// Prints the seed of a world that broke a law.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the law broke with seed {}", self.0);
        }
    }
}

/// Of which worlds: a few, or those of `WATCHBELL_SEEDS`, such as `100..200`.
fn seeds() -> Range<u64> {
    let asked = std::env::var("WATCHBELL_SEEDS").ok();
    let bounds = asked.as_ref().and_then(|text| text.split_once(".."));
    bounds.map_or(0..6, |(from, to)| from.parse().expect("a number")..to.parse().expect("a number"))
}

#[test]
fn the_laws_of_incidents_hold_in_random_worlds() {
    let plans = plans();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in seeds() {
        let _seed = Seed(seed);
        let mut world = World::new(seed, &plans);
        world.live();
        for (what, count) in world.counts {
            *counts.entry(what).or_default() += count;
        }
    }
    for what in ["pages", "answers", "arrived", "crashes"] {
        assert!(counts.get(what).is_some_and(|count| *count > 100), "the worlds are lively: {counts:?}");
    }
}
