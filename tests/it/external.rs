//! Alerts from outside: when they fire and end, what is told, what is written, what a restart knows.

use std::collections::BTreeMap;
use std::sync::Arc;

use watchbell::config::{self, MemoryFiles};
use watchbell::deliver::{Delivery, Outcome};
use watchbell::engine::{Effect, Engine, ExternalAlert, Input, Plan, Record, RecordKind};
use watchbell::model::{AlertStatus, Labels, Timestamp, TraceId};
use watchbell::rule::{Observation, Presence, Rule, RuleId};

const MAIN: &str = "
global: {resolve_timeout: 5m}
route: {receiver: hook, group_by: [alertname], group_wait: 10s, group_interval: 1m, repeat_interval: 4h}
receivers: [{name: hook, console_configs: [{send_resolved: true}]}]
rule_files: [rules.yml]
";
const RULES: &str = "groups: [{name: g, interval: 1m, rules: [{alert: A, expr: up == 0}]}]";

fn plan() -> Arc<Plan> {
    let files = MemoryFiles::new([("watchbell.yml", MAIN), ("rules.yml", RULES)]);
    let loaded = config::load(Some("watchbell.yml"), &files, &|_| None);
    Arc::new(loaded.unwrap_or_else(|problems| panic!("{problems:#?}")).plan.engine)
}

/// An engine whose receiver takes everything at once.
struct World {
    engine: Engine,
    now: Timestamp,
    store: BTreeMap<(RecordKind, Vec<u8>), Vec<u8>>,
    /// How many records were written or deleted.
    writes: usize,
    /// What was told: seconds, then alerts as `host` or `-host`.
    told: Vec<String>,
}

impl World {
    fn new() -> World {
        let (engine, now) = (Engine::new(plan()), Timestamp::from_seconds(0));
        World { engine, now, store: BTreeMap::new(), writes: 0, told: Vec::new() }
    }

    fn handle(&mut self, input: Input) {
        let mut effects = Vec::new();
        self.engine.handle(self.now, input, &mut effects);
        self.perform(effects);
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        let mut sent = Vec::new();
        for effect in effects {
            match effect {
                Effect::Persist(Record { kind, key, value }) => {
                    self.writes += 1;
                    match value {
                        Some(value) => drop(self.store.insert((kind, key), value)),
                        None => drop(self.store.remove(&(kind, key))),
                    }
                }
                Effect::Send(delivery) => sent.push(delivery),
                Effect::Emit(_) => {}
            }
        }
        for delivery in sent {
            self.told.push(format!("{} {}", self.now.millis() / 1000, alerts(&delivery)));
            self.handle(Input::Attempted { number: delivery.number, outcome: Outcome::Delivered });
        }
    }

    fn run_until(&mut self, seconds: i64) {
        let until = Timestamp::from_seconds(seconds);
        while let Some(at) = self.engine.next_wakeup().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.handle(Input::Tick);
        }
        self.now = until;
    }

    /// The process ends, and starts again at `seconds`.
    fn restart(&mut self, seconds: i64) {
        self.now = Timestamp::from_seconds(seconds);
        let record = |((kind, key), value): (&(RecordKind, Vec<u8>), &Vec<u8>)| Record {
            kind: *kind,
            key: key.clone(),
            value: Some(value.clone()),
        };
        let records: Vec<Record> = self.store.iter().map(record).collect();
        let mut effects = Vec::new();
        let (engine, errors) = Engine::restore(plan(), records, self.now, &mut effects);
        assert_eq!(errors, []);
        self.engine = engine;
        self.perform(effects);
    }

    fn post(&mut self, host: &str, starts: Option<i64>, ends: Option<i64>) {
        self.handle(Input::ExternalAlerts(vec![posted(host, starts, ends)]));
    }

    /// A rule says that `A` fires at these hosts, and no others.
    fn rule_says(&mut self, hosts: &[&str]) {
        let observed = |host: &&str| Observation {
            labels: labels(host),
            query_labels: Labels::from_pairs([("host", *host)]),
            annotations: Labels::default(),
            value: 1.0,
            trace: TraceId::NONE,
        };
        let result = Ok(hosts.iter().map(observed).collect());
        self.handle(Input::AlertingResult { rule: rule(), at: self.now, result, presence: Presence::Unknown });
    }

    /// Host and range of what is known to fire.
    fn firing(&self) -> Vec<String> {
        let alerts = self.engine.groups().alerts().filter(|alert| alert.status(self.now) == AlertStatus::Firing);
        let end =
            |alert| self.engine.external_end(alert).map_or("-".to_owned(), |end| (end.millis() / 1000).to_string());
        let line = |alert: &watchbell::model::Alert| {
            format!("{} {}..{}", alert.labels.get("host"), alert.starts_at.millis() / 1000, end(alert.fingerprint()))
        };
        let mut lines: Vec<String> = alerts.map(line).collect();
        lines.sort();
        lines
    }

    fn told_since(&mut self) -> Vec<String> {
        std::mem::take(&mut self.told)
    }
}

fn rule() -> RuleId {
    let plan = plan();
    let rule = plan.groups.iter().flat_map(|group| &group.rules).map(Rule::id).next();
    rule.expect("the plan has a rule")
}

fn labels(host: &str) -> Labels {
    Labels::from_pairs([("alertname", "A"), ("host", host)])
}

fn posted(host: &str, starts: Option<i64>, ends: Option<i64>) -> ExternalAlert {
    ExternalAlert {
        labels: labels(host),
        annotations: Labels::default(),
        starts_at: starts.map(Timestamp::from_seconds),
        ends_at: ends.map(Timestamp::from_seconds),
        generator_url: "http://prometheus/".into(),
        trace: TraceId::NONE,
    }
}

fn alerts(delivery: &Delivery) -> String {
    let at = delivery.notification.decided_at;
    let name = |alert: &watchbell::model::Alert| {
        let sign = if alert.status(at) == AlertStatus::Resolved { "-" } else { "" };
        format!("{sign}{}", alert.labels.get("host"))
    };
    delivery.notification.alerts.iter().map(name).collect::<Vec<_>>().join(" ")
}

/// Posts as `(second, start, end)`, then what fires at the last of them.
#[test]
fn ranges_join_as_alertmanager_joins_them() {
    for (posts, expected) in [
        (&[(100, None, None)][..], &["h 100..400"][..]),
        (&[(100, Some(50), None)], &["h 50..400"]),
        (&[(100, Some(50), Some(160))], &["h 50..160"]),
        (&[(100, None, Some(160))], &["h 160..160"]),
        // A timeout is moved on; the start stays.
        (&[(100, None, None), (200, None, None)], &["h 100..500"]),
        // An end that was said stays if it is the later one, an end that was made up does not.
        (&[(100, Some(50), Some(900)), (200, Some(60), None)], &["h 50..900"]),
        (&[(100, Some(50), Some(900)), (200, Some(60), None), (210, Some(60), None)], &["h 50..900"]),
        (&[(100, Some(50), None), (200, Some(60), Some(300))], &["h 50..300"]),
        (&[(100, Some(50), None), (110, Some(50), Some(900))], &["h 50..900"]),
        // The end is posted: over at once, whatever end was said before.
        (&[(100, Some(50), Some(900)), (200, Some(50), Some(200))], &[]),
        (&[(100, None, None), (200, Some(100), Some(150))], &[]),
        (&[(100, None, None), (200, Some(100), Some(201))], &["h 100..201"]),
        // Ranges that do not overlap: the new one counts.
        (&[(100, Some(50), Some(150)), (200, Some(160), None)], &["h 160..500"]),
        // It ends without a word.
        (&[(100, None, None), (400, None, Some(1))], &[]),
        // The end of what nobody knows of, and what ends before it starts.
        (&[(100, Some(50), Some(90))], &[]),
        (&[(100, Some(150), Some(140))], &[]),
        (&[(100, Some(500), None)], &[]),
    ] {
        let mut world = World::new();
        for (at, starts, ends) in posts {
            world.run_until(*at);
            world.post("h", *starts, *ends);
        }
        assert_eq!(world.firing(), expected, "{posts:?}");
    }
}

#[test]
fn what_cannot_be_taken_is_named_and_the_rest_is_taken() {
    let world = World::new();
    let at = Timestamp::from_seconds(100);
    let alerts = [posted("a", Some(2), Some(1)), posted("b", Some(1000), None), posted("c", None, None)];
    let refused: Vec<String> = world.engine.refusals(at, &alerts).iter().map(ToString::to_string).collect();
    assert_eq!(refused, ["start time must be before end time", "start time must be before end time"]);
}

#[test]
fn told_once_until_the_end() {
    let mut world = World::new();
    for second in [0, 60, 120, 180] {
        world.run_until(second);
        world.post("a", Some(0), Some(second + 240));
    }
    assert_eq!(world.told_since(), ["10 a"]);
    // Nobody posts it any more.
    world.run_until(419);
    assert_eq!(world.firing(), ["a 0..420"]);
    world.run_until(2000);
    assert_eq!(world.told_since(), ["430 -a"]);
    assert_eq!(world.firing(), Vec::<String>::new());
    let kinds: Vec<_> = world.store.keys().filter(|(kind, _)| *kind != RecordKind::Meta).collect();
    assert_eq!(kinds, Vec::<&(RecordKind, Vec<u8>)>::new(), "nothing is left behind");
    assert_eq!(world.engine.next_wakeup(), None);
    // Its sender says so for a while.
    world.post("a", Some(0), Some(300));
    assert_eq!((world.engine.groups().alerts().count(), world.told_since()), (0, vec![]));
}

#[test]
fn it_fires_while_any_source_says_so() {
    for rule_first in [true, false] {
        let mut world = World::new();
        world.post("a", Some(0), Some(100_000));
        world.rule_says(&["a"]);
        world.run_until(100);
        assert_eq!(world.told_since(), ["10 a"]);
        match rule_first {
            true => world.rule_says(&[]),
            false => world.post("a", Some(0), Some(100)),
        }
        world.restart(110);
        world.run_until(1000);
        assert_eq!(world.told_since(), Vec::<String>::new(), "the other source says that it fires");
        match rule_first {
            true => world.post("a", Some(0), Some(990)),
            false => world.rule_says(&[]),
        }
        world.run_until(2000);
        assert_eq!(world.told_since(), ["1030 -a"], "rule first: {rule_first}");
    }
}

/// What was posted for longer than it is written down outlives a restart; so does what was to end while nothing ran.
#[test]
fn a_restart_ends_nothing_too_early() {
    for (posts, down, up, expected) in [
        (&[(0, 240), (60, 300), (120, 360)][..], 121, 130, 430),
        (&[(0, 240)], 100, 1000, 1300),
        // A far end, moved on: it is written down.
        (&[(0, 3600), (60, 36_000)], 61, 4000, 36_000),
        // A shorter one, too.
        (&[(0, 36_000), (60, 3600)], 61, 4000, 36_000),
        // A sender that posts seldom is known by its second post.
        (&[(0, 3600), (900, 4500), (1800, 5400), (2700, 6300), (3600, 7200)], 3700, 3800, 7850),
    ] {
        let mut world = World::new();
        for (at, ends) in posts {
            world.run_until(*at);
            world.post("a", Some(0), Some(*ends));
        }
        world.run_until(down);
        world.told_since();
        world.restart(up);
        assert_eq!(world.firing(), [format!("a 0..{expected}")], "{posts:?}");
        let ends = |world: &mut World| world.told_since().into_iter().filter(|told| told.ends_with(" -a")).count();
        world.run_until(expected - 1);
        assert_eq!(ends(&mut world), 0, "{posts:?}");
        world.run_until(expected + 120);
        assert_eq!(ends(&mut world), 1, "{posts:?}");
    }
}

/// Alerts that stay as they are: posted again each minute for an hour, their groups flushed as often.
#[test]
fn what_stays_as_it_is_is_not_written() {
    let mut world = World::new();
    let alert = |number: i64, second: i64| {
        let mut alert = posted(&number.to_string(), Some(0), Some(second + 240));
        alert.labels = alert.labels.merged(&Labels::from_pairs([("alertname", format!("A{}", number / 10))]));
        alert
    };
    let post = |world: &mut World, second: i64| {
        world.run_until(second);
        for first in (0..1000).step_by(64) {
            let batch = (first..(first + 64).min(1000)).map(|number| alert(number, second)).collect();
            world.handle(Input::ExternalAlerts(batch));
        }
    };
    post(&mut world, 0);
    post(&mut world, 60);
    assert_eq!((world.told_since().len(), world.engine.groups().iter().count()), (100, 100));
    let before = world.writes;
    for minute in 2..=61 {
        post(&mut world, minute * 60);
    }
    assert_eq!((world.writes - before, world.told_since().len()), (0, 0));
    // A restart writes nothing either, and finds the timers.
    let wakeup = world.engine.groups().next_due();
    world.restart(61 * 60 + 5);
    assert_eq!((world.writes - before, world.engine.groups().next_due()), (0, wakeup));
    // Nobody posts any more: each group is told of the ends once.
    world.run_until(2 * 60 * 60);
    assert_eq!(world.told_since().len(), 100);
}

/// The receiver knows each firing and each end once, at whichever moment the process dies.
#[test]
fn a_restart_at_any_moment_doubles_and_loses_nothing() {
    let play = |restart_at: Option<i64>| {
        let mut world = World::new();
        for second in 0..900 {
            world.run_until(second);
            if second % 30 == 0 {
                world.post("a", Some(0), Some(if second < 400 { second + 240 } else { 400 }));
                if second >= 200 {
                    world.post("b", Some(200), Some(second + 240));
                }
            }
            if restart_at == Some(second) {
                world.restart(second);
            }
        }
        world.told_since()
    };
    let expected = play(None);
    assert_eq!(expected, ["10 a", "250 a b", "430 -a b"]);
    for second in 0..900 {
        assert_eq!(play(Some(second)), expected, "a restart at {second}");
    }
}
