//! Open incidents with pending steps: what a tick costs that has nothing due, what one costs that has, the memory of the service
//! and its start. The cost of a tick grows with what is due, not with what is open.
//!
//! `cargo bench --bench incidents [COUNT...]`; by default 100, 1,000 and 10,000.

mod measured;
mod process;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use measured::{now, timed};
use process::Process;
use watchbell::config::{self, MemoryFiles};
use watchbell::deliver::Outcome;
use watchbell::engine::{Effect, Engine, ExternalAlert, Input, Plan, Record};
use watchbell::model::{ALERT_NAME, Labels, Timestamp, TraceId};

/// A group, and with it an incident, for each alert, whose groups are looked at once a day, so that what incidents cost is not
/// hidden by what groups do; the second step comes after 15 minutes, the third after 2 hours.
const CONFIG: &str = "
host_samples: false
global: {resolve_timeout: 24h}
users:
  - {name: ada, time_zone: Europe/London, contacts: [{name: console, console_configs: [{}]}]}
  - {name: ben, time_zone: Africa/Accra, contacts: [{name: console, console_configs: [{}]}]}
schedules:
  - name: primary
    time_zone: Europe/London
    layers: [{name: weekly, rotation: {start: 2026-01-05T09:00, every: 1w}, users: [ada, ben]}]
escalation_policies:
  - name: web
    steps:
      - {targets: ['schedule:primary']}
      - {after: 15m, targets: ['schedule:primary+1']}
      - {after: 2h, targets: ['user:ada', 'user:ben']}
    fallback: ['user:ada']
receivers: [{name: pager, escalation: web}]
route: {receiver: pager, group_by: ['...'], group_wait: 0s, group_interval: 24h}
";
const BATCH: usize = 64;
const IDLE_TICKS: u32 = 100_000;
const DUE: usize = 10;
const PATIENCE: Duration = Duration::from_millis(50);
const TRIES_MAX: usize = 2400;
const WATCHED: Duration = Duration::from_secs(10);

fn main() {
    let asked: Vec<usize> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let counts = if asked.is_empty() { vec![100, 1_000, 10_000] } else { asked };
    println!(
        "| open | idle tick | tick with {DUE} due | restore | resident | peak | CPU idle | start |\n|---|---|---|---|---|---|---|---|"
    );
    for count in counts {
        let ticks = ticks(count);
        let service = service(count);
        println!(
            "| {count} | {:.0} ns | {:.2} ms | {:.0} ms | {:.0} MiB | {:.0} MiB | {:.2} % | {:.0} ms |",
            ticks.idle.as_secs_f64() * 1e9,
            ticks.due.as_secs_f64() * 1e3,
            ticks.restore.as_secs_f64() * 1e3,
            service.resident_mib,
            service.peak_mib,
            service.idle_share * 100.0,
            service.start.as_secs_f64() * 1e3,
        );
    }
}

struct Ticks {
    idle: Duration,
    due: Duration,
    restore: Duration,
}

/// What the engine alone needs.
fn ticks(count: usize) -> Ticks {
    let start = Timestamp::from_seconds(1_800_000_000);
    let plan = plan();
    let mut stage = Stage { engine: Engine::new(Arc::clone(&plan)), records: Vec::new() };
    // A few incidents are older, so that only their steps are due at a time.
    stage.open(0..DUE.min(count), start);
    stage.open(DUE.min(count)..count, start + Duration::from_secs(60));
    assert_eq!(stage.engine.incidents().iter().count(), count, "every alert has an incident");
    let quiet = start + Duration::from_secs(120);
    let (idle, ()) = timed(|| {
        for _ in 0..IDLE_TICKS {
            stage.handle(black_box(quiet), Input::Tick);
            black_box(stage.engine.next_wakeup());
        }
    });
    let written = stage.records.len();
    let (due, ()) = timed(|| stage.handle(start + Duration::from_secs(15 * 60), Input::Tick));
    assert!(stage.records.len() > written, "the steps that were due are written down");
    let records = std::mem::take(&mut stage.records);
    let at = start + Duration::from_secs(15 * 60);
    let (restore, engine) = timed(|| Engine::restore(plan, latest(records), at, &mut Vec::new()).0);
    assert_eq!(engine.incidents().iter().count(), count, "every incident is known after a restart");
    Ticks { idle: idle / IDLE_TICKS, due, restore }
}

/// An engine whose contacts take everything at once.
struct Stage {
    engine: Engine,
    records: Vec<Record>,
}

impl Stage {
    fn open(&mut self, numbers: std::ops::Range<usize>, at: Timestamp) {
        let alerts = |number: usize| ExternalAlert {
            labels: Labels::from_pairs([(ALERT_NAME, "Down"), ("instance", &format!("host-{number}"))]),
            annotations: Labels::from_pairs([("summary", "it does not answer")]),
            starts_at: Some(at),
            ends_at: Some(at + Duration::from_secs(24 * 60 * 60)),
            generator_url: "".into(),
            trace: TraceId::NONE,
        };
        self.handle(at, Input::ExternalAlerts(numbers.map(alerts).collect()));
        self.handle(at, Input::Tick);
    }

    fn handle(&mut self, now: Timestamp, input: Input) {
        let mut effects = Vec::new();
        self.engine.handle(now, input, &mut effects);
        while !effects.is_empty() {
            let mut following = Vec::new();
            for effect in effects {
                match effect {
                    Effect::Persist(record) => self.records.push(record),
                    Effect::Send(delivery) => {
                        let input = Input::Attempted { number: delivery.number, outcome: Outcome::Delivered };
                        self.engine.handle(now, input, &mut following);
                    }
                    Effect::Emit(_) => {}
                }
            }
            effects = following;
        }
    }
}

/// The last record of each key.
fn latest(records: Vec<Record>) -> Vec<Record> {
    let keyed = records.into_iter().map(|record| ((record.kind, record.key.clone()), record));
    let latest: std::collections::BTreeMap<_, Record> = keyed.collect();
    latest.into_values().filter(|record| record.value.is_some()).collect()
}

fn plan() -> Arc<Plan> {
    let files = MemoryFiles::new([("watchbell.yml", CONFIG)]);
    let loaded = config::load(Some("watchbell.yml"), &files, &|_| None);
    Arc::new(loaded.unwrap_or_else(|problems| panic!("{problems:#?}")).plan.engine)
}

struct Service {
    resident_mib: f64,
    peak_mib: f64,
    idle_share: f64,
    start: Duration,
}

/// What the whole service needs, with alerts that are posted to it.
fn service(count: usize) -> Service {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (config, data) = (folder.path().join("watchbell.yml"), folder.path().join("data"));
    std::fs::write(&config, CONFIG).expect("the file is written");
    let (service, _) = Process::start(config.to_str(), &data);
    let starts = now();
    let mut connection = service.connect();
    for first in (0..count).step_by(BATCH) {
        let body = body(first..count.min(first + BATCH), starts);
        let (status, text) = connection
            .ask("POST", "/api/v2/alerts", &[("Content-Type", "application/json")], &body)
            .expect("an answer");
        assert_eq!(status, 200, "{text}");
    }
    await_open(&service, count);
    std::thread::sleep(Duration::from_secs(2));
    let before = service.cpu_time();
    std::thread::sleep(WATCHED);
    let idle_share = (service.cpu_time() - before).as_secs_f64() / WATCHED.as_secs_f64();
    let (resident_mib, peak_mib) = (service.resident_mib(), service.peak_mib());
    service.stop();
    let (service, start) = Process::start(config.to_str(), &data);
    await_open(&service, count);
    service.stop();
    Service { resident_mib, peak_mib, idle_share, start }
}

fn await_open(service: &Process, count: usize) {
    let open = |service: &Process| service.metric("watchbell_incidents{state=\"open\",severity=\"P2\"}");
    for _ in 0..TRIES_MAX {
        let is_told = service.metric("watchbell_outbox_notifications") == Some(0.0);
        if is_told && open(service) == Some(count as f64) {
            return;
        }
        std::thread::sleep(PATIENCE);
    }
    panic!("{:?} incidents are open, not {count}; WATCHBELL_BENCH_LOGS=1 may show why", open(service));
}

fn body(numbers: std::ops::Range<usize>, starts: Timestamp) -> Vec<u8> {
    let alert = |number: usize| {
        format!(
            "{{\"labels\":{{\"alertname\":\"Down\",\"instance\":\"host-{number}\"}},\
             \"annotations\":{{\"summary\":\"it does not answer\"}},\"startsAt\":\"{starts}\"}}"
        )
    };
    format!("[{}]", numbers.map(alert).collect::<Vec<_>>().join(",")).into_bytes()
}
