//! Laws of the decision plane, under random rule results, receivers that fail, reloads, and crashes between any two effects.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use watchbell::config::{self, MemoryFiles};
use watchbell::deliver::{Delivery, Notification, Outcome};
use watchbell::engine::{Effect, Engine, Input, Plan, Record, RecordKind, RuleError};
use watchbell::model::{AlertStatus, Fingerprint, Labels, MatchOp, Matcher, Timestamp, TraceId};
use watchbell::route::SilenceDraft;
use watchbell::rule::{AlertState, Observation, Presence, Rule, alert_labels};

const HOSTS: [&str; 4] = ["a", "b", "c", "d"];

/// The configurations between which reloads change.
fn plans() -> Vec<Arc<Plan>> {
    let rules = |hold: &str, group: &str| {
        format!(
            "groups:
  - name: {group}
    interval: 30s
    rules:
      - {{alert: Down, expr: up == 0, for: {hold}, labels: {{severity: page}}}}
      - {{alert: Slow, expr: slow > 0, keep_firing_for: 2m, labels: {{severity: warn}}}}
      - {{alert: Gone, expr: gone > 0, no_data: 10m}}
"
        )
    };
    let receivers = "
receivers:
  - name: default
    console_configs: [{send_resolved: true}]
  - name: pages
    console_configs: [{send_resolved: true}]
    webhook_configs: [{url: 'http://127.0.0.1:1/', send_resolved: true}]
  - name: quiet
    console_configs: [{send_resolved: false}]
";
    let flat =
        "route: {receiver: default, group_by: [alertname], group_wait: 30s, group_interval: 1m, repeat_interval: 1h}";
    let tree = "route:
  receiver: default
  group_by: [alertname]
  group_wait: 10s
  group_interval: 2m
  repeat_interval: 30m
  routes:
    - {matchers: [severity=page], receiver: pages, group_by: ['...'], continue: true}
    - {matchers: [host=~\"a|b\"], receiver: quiet, group_by: []}
";
    let swapped = tree
        .replace("receiver: default", "receiver: pages")
        .replace("receiver: pages, group", "receiver: default, group");
    let external = format!("{tree}\nglobal: {{external_labels: {{site: north}}}}\n");
    let muting = format!(
        "{tree}    - {{matchers: [host=d], mute_time_intervals: [even], routes: [{{active_time_intervals: [even]}}]}}
time_intervals: [{{name: even, time_intervals: [{{times: [{{start_time: '14:00', end_time: '15:00'}}]}}]}}]
inhibit_rules:
  - {{source_matchers: [alertname=Down], target_matchers: [alertname=~\"Slow|Gone\"], equal: [host]}}
  - {{source_matchers: [severity=page], target_matchers: [severity=~\"page|warn\"]}}
"
    );
    let noisy = format!(
        "{tree}    - {{matchers: [host=c], notify_on: new}}
flap: {{changes: 4, within: 10m}}
{}",
        receivers
            .replace("name: default\n", "name: default\n    throttle: {notifications: 6, within: 5m}\n")
            .replace("name: pages\n", "name: pages\n    fallback: default\n    give_up_after: 3m\n")
    );
    let variants = [
        (flat.to_owned(), rules("1m", "g")),
        (tree.to_owned(), rules("1m", "g")),
        (muting, rules("1m", "g")),
        (swapped, rules("5m", "g")),
        (external, rules("0s", "g")),
        (tree.to_owned(), rules("1m", "renamed")),
        (noisy, rules("1m", "g")),
    ];
    let load = |(main, rules): (String, String)| {
        let receivers = if main.contains("receivers:") { "" } else { receivers };
        let main = format!("{main}\n{receivers}\nrule_files: [rules.yml]\n");
        let files = MemoryFiles::new([("watchbell.yml", main.as_str()), ("rules.yml", rules.as_str())]);
        let loaded = config::load(Some("watchbell.yml"), &files, &|_| None);
        Arc::new(loaded.unwrap_or_else(|problems| panic!("{problems:#?}\n{main}")).plan.engine)
    };
    variants.into_iter().map(load).collect()
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
}

type Lane = (String, String, usize);

/// An engine with a store, receivers and rules that are made up.
struct World {
    chance: Chance,
    now: Timestamp,
    plans: Vec<Arc<Plan>>,
    plan: Arc<Plan>,
    engine: Engine,
    store: BTreeMap<(RecordKind, Vec<u8>), Vec<u8>>,
    under_way: BTreeMap<u64, Delivery>,
    /// What holds: alert name and host.
    holding: BTreeSet<(String, String)>,
    /// Hosts whose data are gone.
    lost: BTreeSet<String>,
    receivers_work: bool,
    /// How many silences were asked for.
    silences: usize,
    crashes: bool,
    /// What each lane knows of each alert, by what arrived.
    known: BTreeMap<Lane, BTreeMap<Fingerprint, (AlertStatus, Labels)>>,
    contents: HashMap<String, Notification>,
    arrived: BTreeSet<String>,
    /// The reference that stands for each lane by what arrived since all is calm; `None` once nothing of it fires.
    references: BTreeMap<Lane, Option<String>>,
    /// Every effect as text.
    history: Vec<String>,
}

impl World {
    fn new(seed: u64, plans: &[Arc<Plan>]) -> World {
        World {
            chance: Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
            now: Timestamp::from_seconds(1_000_000),
            plans: plans.to_vec(),
            plan: Arc::clone(&plans[0]),
            engine: Engine::new(Arc::clone(&plans[0])),
            store: BTreeMap::new(),
            under_way: BTreeMap::new(),
            holding: BTreeSet::new(),
            lost: BTreeSet::new(),
            receivers_work: false,
            silences: 0,
            crashes: true,
            known: BTreeMap::new(),
            contents: HashMap::new(),
            arrived: BTreeSet::new(),
            references: BTreeMap::new(),
            history: Vec::new(),
        }
    }

    fn handle(&mut self, input: Input) {
        let mut effects = Vec::new();
        self.engine.handle(self.now, input, &mut effects);
        let next = self.engine.next_wakeup();
        assert!(next.is_none_or(|next| next > self.now), "what is due is done: {next:?} at {}", self.now);
        self.check_counts();
        self.perform(effects);
    }

    /// Makes every record durable, then sends; or crashes on the way.
    fn perform(&mut self, effects: Vec<Effect>) {
        let cut = if self.crashes && self.chance.one_in(60) { self.chance.next(effects.len() + 1) } else { usize::MAX };
        for effect in effects.iter().take(cut) {
            self.history.push(format!("{effect:?}"));
            if let Effect::Persist(record) = effect {
                self.persist(record);
            }
        }
        if cut < usize::MAX {
            return self.crash();
        }
        for effect in effects {
            let Effect::Send(delivery) = effect else { continue };
            self.check_not_silenced(&delivery.notification);
            let known = self.contents.entry(delivery.key.clone()).or_insert_with(|| delivery.notification.clone());
            assert_eq!(*known, delivery.notification, "a key goes with one content");
            let lane = lane(&delivery);
            let same_lane = self.under_way.values().any(|other| self::lane(other) == lane);
            assert!(!same_lane, "a lane has one attempt under way");
            self.check_reference(&lane, delivery.reference.as_ref());
            self.under_way.insert(delivery.number, *delivery);
        }
    }

    /// A delivery refers to what stands for its lane, as long as something of it fires.
    fn check_reference(&self, lane: &Lane, reference: Option<&String>) {
        assert!(reference.is_none_or(|reference| self.arrived.contains(reference)), "{lane:?}");
        // The ends that the quiet one does not want are not seen from here.
        if let Some(standing) = self.references.get(lane).filter(|_| lane.1 != "quiet") {
            assert_eq!(reference, standing.as_ref(), "{lane:?}");
        }
    }

    /// What is silenced at the moment of the decision is not told as firing.
    fn check_not_silenced(&self, notification: &Notification) {
        let silences = self.engine.groups().silences();
        // What goes to a fallback was decided before, for another.
        let decided_now = notification.decided_at == self.now && notification.on_behalf.receiver.is_none();
        let firing = |status| status == AlertStatus::Firing && decided_now;
        for alert in notification.alerts.iter().filter(|alert| firing(alert.status(self.now))) {
            assert_eq!(silences.silencing(&alert.labels, self.now), Vec::<&_>::new(), "{}", alert.labels);
        }
    }

    /// Somebody sets, changes or ends a silence.
    fn silence(&mut self) {
        let known: Vec<String> = self.engine.groups().silences().iter().map(|silence| silence.id.clone()).collect();
        let known = (!known.is_empty()).then(|| known[self.chance.next(known.len())].clone());
        if let (Some(id), true) = (&known, self.chance.one_in(3)) {
            return self.handle(Input::ExpireSilence { id: id.clone() });
        }
        let matcher = match self.chance.next(3) {
            0 => Matcher::equal("host", HOSTS[self.chance.next(HOSTS.len())]),
            1 => Matcher::equal("alertname", "Down"),
            _ => Matcher::new("severity", MatchOp::Regex, "page|warn").expect("valid"),
        };
        let starts_at = self.now + Duration::from_secs([0, 0, 100, 600][self.chance.next(4)]);
        let draft = SilenceDraft {
            id: known.filter(|_| self.chance.one_in(2)),
            matchers: vec![matcher],
            starts_at,
            ends_at: starts_at + Duration::from_secs([30, 333, 2000, 20_000][self.chance.next(4)]),
            created_by: String::new(),
            comment: String::new(),
        };
        self.silences += 1;
        self.handle(Input::SetSilence { draft, new_id: format!("silence-{:06}", self.silences) });
    }

    fn check_counts(&self) {
        let rules = self.plan.groups.iter().flat_map(|group| &group.rules);
        let states: Vec<_> = rules.flat_map(|rule| self.engine.rule_alerts(rule.id())).map(|it| it.state).collect();
        let count = |wanted| states.iter().filter(|state| **state == wanted).count();
        assert_eq!(self.engine.alert_counts(), (count(AlertState::Pending), count(AlertState::Firing)));
    }

    fn persist(&mut self, record: &Record) {
        let key = (record.kind, record.key.clone());
        match &record.value {
            Some(value) => drop(self.store.insert(key, value.clone())),
            None => drop(self.store.remove(&key)),
        }
    }

    fn records(&self) -> Vec<Record> {
        let record = |((kind, key), value): (&(RecordKind, Vec<u8>), &Vec<u8>)| Record {
            kind: *kind,
            key: key.clone(),
            value: Some(value.clone()),
        };
        self.store.iter().map(record).collect()
    }

    /// The process dies: attempts under way may have arrived, nobody noted it.
    fn crash(&mut self) {
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

    fn arrive(&mut self, delivery: &Delivery) {
        self.arrived.insert(delivery.key.clone());
        let known = self.known.entry(lane(delivery)).or_default();
        for alert in &delivery.notification.alerts {
            let status = alert.status(delivery.notification.decided_at);
            known.insert(alert.fingerprint(), (status, alert.labels.clone()));
        }
    }

    /// Some of the attempts under way end.
    fn settle(&mut self) {
        let numbers: Vec<u64> = self.under_way.keys().copied().collect();
        for number in numbers {
            if !self.receivers_work && self.chance.one_in(3) {
                continue;
            }
            let Some(delivery) = self.under_way.remove(&number) else { continue };
            let after = (self.chance.one_in(4)).then_some(Duration::from_secs(90));
            let outcome = match self.chance.next(10) {
                0 => Outcome::Delivered,
                _ if self.receivers_work => Outcome::DeliveredAs { reference: delivery.key.clone() },
                1..4 => Outcome::DeliveredAs { reference: delivery.key.clone() },
                // What it took once, with the answer lost in a crash, it does not refuse.
                9 if !self.arrived.contains(&delivery.key) => Outcome::Rejected { error: "refused".to_owned() },
                _ => Outcome::Retry { error: "not now".to_owned(), after },
            };
            if matches!(outcome, Outcome::Delivered | Outcome::DeliveredAs { .. }) {
                self.arrive(&delivery);
            }
            if let Outcome::DeliveredAs { reference } = &outcome {
                self.references.insert(lane(&delivery), Some(reference.clone()));
            }
            let known = self.known.get(&lane(&delivery)).into_iter().flat_map(BTreeMap::values);
            if !known.into_iter().any(|(status, _)| *status == AlertStatus::Firing) {
                self.references.insert(lane(&delivery), None);
            }
            if self.crashes {
                // The answer may be lost.
                self.references.clear();
            }
            self.handle(Input::Attempted { number, outcome });
        }
    }

    fn evaluate(&mut self) {
        let plan = Arc::clone(&self.plan);
        for rule in plan.groups.iter().flat_map(|group| &group.rules) {
            let Rule::Alerting(rule) = rule else { continue };
            let own: Vec<_> = rule.labels.iter().map(|(name, text)| (name.clone(), text.text().to_owned())).collect();
            let observe = |host: &&str| {
                let labels = Labels::from_pairs([("host", *host)]);
                Observation {
                    labels: alert_labels(&rule.alert, &labels, &own),
                    query_labels: labels,
                    annotations: Labels::default(),
                    value: 1.0,
                    trace: TraceId::NONE,
                }
            };
            let holds = |host: &&&str| {
                self.holding.contains(&(rule.alert.clone(), (**host).to_owned())) && !self.lost.contains(**host)
            };
            let result = HOSTS.iter().filter(holds).map(observe).collect();
            let present = HOSTS.iter().filter(|host| !self.lost.contains(**host));
            let presence = Presence::Known(present.map(|host| Labels::from_pairs([("host", *host)])).collect());
            let result = match self.crashes && self.chance.one_in(20) {
                true => Err(RuleError("no answer".to_owned())),
                false => Ok(result),
            };
            let input = Input::AlertingResult { rule: rule.id, at: self.now, result, presence };
            self.handle(input.clone());
            let mut again = Vec::new();
            self.engine.handle(self.now, input, &mut again);
            if !self.crashes {
                let writes = again.iter().filter(|effect| matches!(effect, Effect::Persist(_))).count();
                assert_eq!(writes, 0, "an unchanged evaluation writes nothing: {again:#?}");
            }
            self.perform(again);
        }
    }

    /// The engine that the records yield is the one that runs.
    fn check_restored(&mut self) {
        let mut effects = Vec::new();
        let (restored, errors) = Engine::restore(Arc::clone(&self.plan), self.records(), self.now, &mut effects);
        assert_eq!(errors, []);
        for rule in self.plan.groups.iter().flat_map(|group| &group.rules) {
            let (old, new) = (self.engine.rule_view(rule.id()), restored.rule_view(rule.id()));
            assert_eq!((old.series, old.active), (new.series, new.active));
            let alerts = |engine: &Engine| engine.rule_alerts(rule.id()).cloned().collect::<Vec<_>>();
            assert_eq!(alerts(&self.engine), alerts(&restored));
        }
        let deliveries = |engine: &Engine| engine.deliveries().cloned().collect::<Vec<_>>();
        assert_eq!(deliveries(&self.engine), deliveries(&restored));
        let silences = |engine: &Engine| engine.groups().silences().iter().cloned().collect::<Vec<_>>();
        assert_eq!(silences(&self.engine), silences(&restored));
        if self.under_way.is_empty() {
            let flushes = |engine: &Engine| {
                let groups = engine.groups().iter();
                groups.map(|group| (group.key.clone(), group.next_flush)).collect::<Vec<_>>()
            };
            assert_eq!(flushes(&self.engine), flushes(&restored));
            assert_eq!(self.engine.groups().next_due(), restored.groups().next_due());
            assert_eq!(self.engine.next_wakeup(), restored.next_wakeup());
        }
        for effect in &effects {
            if let Effect::Persist(record) = effect {
                // An alert that ended before anybody was told of it is forgotten a little earlier.
                let untold = record.kind == RecordKind::Alert && record.value.is_none();
                if untold {
                    continue;
                }
                let stored = self.store.get(&(record.kind, record.key.clone()));
                let text = |value: Option<&Vec<u8>>| value.map(|value| String::from_utf8_lossy(value).into_owned());
                assert_eq!(text(stored), text(record.value.as_ref()), "restoring changes nothing");
            }
        }
    }

    fn step(&mut self, seconds: usize) {
        let until = self.now + Duration::from_secs(seconds as u64);
        while let Some(at) = self.engine.next_wakeup().filter(|at| *at <= until) {
            self.now = at.max(self.now);
            self.handle(Input::Tick);
            self.settle();
        }
        self.now = until;
        self.settle();
        self.evaluate();
    }

    fn change(&mut self) {
        let alert = ["Down", "Slow", "Gone"][self.chance.next(3)].to_owned();
        let host = HOSTS[self.chance.next(HOSTS.len())].to_owned();
        let pair = (alert, host);
        if !self.holding.remove(&pair) {
            self.holding.insert(pair);
        }
        if self.chance.one_in(8) {
            let host = HOSTS[self.chance.next(HOSTS.len())].to_owned();
            if !self.lost.remove(&host) {
                self.lost.insert(host);
            }
        }
        if self.chance.one_in(5) {
            self.silence();
        }
        if self.chance.one_in(12) {
            self.plan = Arc::clone(&self.plans[self.chance.next(self.plans.len())]);
            self.handle(Input::NewPlan(Arc::clone(&self.plan)));
        }
    }

    /// Trouble, then calm with some alerts firing, then calm with none.
    fn live(&mut self) {
        for _ in 0..150 {
            if self.chance.one_in(3) {
                self.change();
            }
            let seconds = [1, 10, 30, 30, 30, 120, 700][self.chance.next(7)];
            self.step(seconds);
            if self.chance.one_in(10) {
                self.check_restored();
            }
        }
        (self.receivers_work, self.crashes) = (true, false);
        self.references.clear();
        self.lost.clear();
        for _ in 0..60 {
            self.step(60);
        }
        self.check_told();
        self.check_restored();
        self.holding.clear();
        for _ in 0..90 {
            self.step(60);
        }
        // Until the last silence is forgotten.
        self.step(6 * 24 * 60 * 60);
        self.check_over();
    }

    /// Everybody who is to be told of a firing alert knows it.
    fn check_told(&self) {
        let tree = watchbell::route::RouteTree::new(&self.plan.route);
        for rule in self.plan.groups.iter().flat_map(|group| &group.rules) {
            for alert in self.engine.rule_alerts(rule.id()).filter(|alert| alert.resolved_at.is_none()) {
                let labels = self.plan.external_labels.merged(&alert.labels);
                for found in tree.matching(&labels) {
                    let group = format!("{}:{}", found.key, found.route.group_labels(&labels));
                    let routed = self.engine.groups().alert(labels.fingerprint()).expect("a firing alert is routed");
                    if self.engine.groups().suppression(&tree, &group, routed, self.now).is_some() {
                        continue;
                    }
                    let receiver = self.plan.receivers.iter().find(|receiver| receiver.name == found.route.receiver);
                    for number in 0..receiver.map_or(0, |receiver| receiver.integrations.len()) {
                        let lane = (group.clone(), found.route.receiver.clone(), number);
                        let known = self.known.get(&lane).and_then(|known| known.get(&labels.fingerprint()));
                        let status = known.map(|(status, _)| *status);
                        assert_eq!(status, Some(AlertStatus::Firing), "{labels} at {lane:?}");
                    }
                }
            }
        }
    }

    /// Everybody who was told of a firing alert, and wants to know, knows its end; nothing is kept.
    fn check_over(&self) {
        for (lane, known) in self.known.iter().filter(|(lane, _)| lane.1 != "quiet") {
            for (status, labels) in known.values() {
                assert_eq!(*status, AlertStatus::Resolved, "{labels} at {lane:?}");
            }
        }
        // When an integration was last told stays known.
        let stays =
            |kind: RecordKind, key: &[u8]| kind == RecordKind::Meta || (kind, key[0]) == (RecordKind::Noise, b'p');
        let kinds: Vec<_> = self.store.keys().filter(|(kind, key)| !stays(*kind, key)).collect();
        assert_eq!(kinds, Vec::<&(RecordKind, Vec<u8>)>::new(), "nothing is left behind");
        assert_eq!(self.engine.deliveries().count(), 0);
        assert_eq!(self.engine.next_wakeup(), None);
    }
}

fn lane(delivery: &Delivery) -> Lane {
    let Notification { group_key, receiver, integration, .. } = &delivery.notification;
    (group_key.clone(), receiver.clone(), *integration)
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

#[test]
fn the_laws_hold_in_random_worlds() {
    let plans = plans();
    let mut arrived = 0;
    for seed in 0..40 {
        let _seed = Seed(seed);
        let mut world = World::new(seed, &plans);
        world.live();
        arrived += world.arrived.len();
    }
    assert!(arrived > 1000, "the worlds are lively: {arrived} notifications");
}

#[test]
fn the_same_inputs_have_the_same_effects() {
    let plans = plans();
    for seed in 0..10 {
        let _seed = Seed(seed);
        let history = || {
            let mut world = World::new(seed, &plans);
            world.live();
            world.history
        };
        let (first, second) = (history(), history());
        let differs = first.iter().zip(&second).find(|(first, second)| first != second);
        assert_eq!(differs, None);
        assert_eq!(first.len(), second.len());
    }
}

#[test]
fn a_clock_that_goes_back_makes_nobody_wait() {
    let plans = plans();
    let mut world = World::new(1, &plans);
    (world.crashes, world.receivers_work) = (false, true);
    for host in ["a", "b"] {
        world.holding.insert(("Down".to_owned(), host.to_owned()));
        for _ in 0..10 {
            world.step(30);
        }
        world.now = world.now - Duration::from_secs(2 * 60 * 60);
        world.handle(Input::Tick);
        let wait = world.engine.next_wakeup().map(|next| next.since(world.now));
        assert!(wait.is_some_and(|wait| wait <= Duration::from_secs(60)), "{wait:?}");
    }
}
