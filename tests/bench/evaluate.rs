//! A round of evaluation: 1,000 rules over 10,000 series with ten minutes of samples, through the groups and the engine as
//! the service runs them, without its sockets and files.
//!
//! `cargo bench --bench evaluate`

mod measured;

use std::sync::Arc;
use std::time::Duration;

use measured::{report, series, timed, write_configuration};
use watchbell::deliver::Outcome;
use watchbell::engine::{Effect, Engine, GroupRun, Input, RuleView, Surroundings, World};
use watchbell::eval;
use watchbell::model::{Labels, Matcher, Sample, SampleValue, Timestamp, TraceId};
use watchbell::rule::RuleId;
use watchbell::series::{Database, Limits, Querier, Retention};
use watchbell::shell::files::DiskFiles;

const RULES: usize = 1_000;
const SERIES: usize = 10_000;
const INTERVAL: Duration = Duration::from_secs(15);
const WARM_UP_ROUNDS: u32 = 40;
const ROUNDS: u32 = 40;
const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn main() {
    // Counters that grow by less than any threshold, and by so much that every rule holds.
    for (name, growth) in [("no alert", 1.0), ("every alert fires", 1e6)] {
        rounds(name, growth);
    }
}

fn rounds(name: &str, growth: f64) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let main = write_configuration(folder.path(), RULES, "15s");
    let loaded = watchbell::config::load(Some(&main), &DiskFiles, &|_| None).expect("the rules are right");
    let plan = Arc::new(loaded.plan.engine);
    let surroundings = Surroundings {
        external_labels: Labels::default(),
        external_url: String::new(),
        options: eval::Options::default(),
    };
    let mut database = Database::new(Limits::default());
    database.set_retention(Retention { floor: Duration::from_secs(15 * 60), selectors: Vec::new() });
    let mut stage = Stage { now: Timestamp::MIN, engine: Engine::new(Arc::clone(&plan)), database };
    let mut groups: Vec<GroupRun> = plan.groups.iter().cloned().map(GroupRun::new).collect();
    let series = series(SERIES);
    let start = Timestamp::from_seconds(1_800_000_000);
    let (mut ingest, mut evaluation) = (Vec::new(), Vec::new());
    for round in 0..WARM_UP_ROUNDS + ROUNDS {
        let at = start + INTERVAL * round;
        stage.now = at;
        let (took_ingest, ()) = timed(|| stage.take(&series, at, growth * f64::from(round)));
        let (took_evaluation, ()) = timed(|| {
            for group in &mut groups {
                let report = group.evaluate(at, &surroundings, &mut stage);
                assert_eq!(report.failed, 0, "rules fail");
            }
        });
        if round >= WARM_UP_ROUNDS {
            ingest.push(took_ingest);
            evaluation.push(took_evaluation);
        }
    }
    let (pending, firing) = stage.engine.alert_counts();
    println!("{name}: {pending} pending, {firing} firing");
    report(&format!("{name}: {SERIES} samples appended"), &mut ingest);
    report(&format!("{name}: {RULES} rules evaluated"), &mut evaluation);
}

/// The series and the engine; what is sent is delivered at once.
struct Stage {
    now: Timestamp,
    engine: Engine,
    database: Database,
}

impl Stage {
    fn take(&mut self, series: &[Labels], at: Timestamp, value: f64) {
        let trace = TraceId::from_traceparent(TRACE).expect("a trace");
        for (number, labels) in series.iter().enumerate() {
            let sample = Sample::new(at, value + (number % 97) as f64);
            self.database.append(labels, sample, trace).expect("the sample is taken");
        }
        self.database.truncate(at);
    }

    fn handle(&mut self, input: Input) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            let mut effects = Vec::new();
            self.engine.handle(self.now, input, &mut effects);
            for effect in effects {
                if let Effect::Send(delivery) = effect {
                    inputs.push(Input::Attempted { number: delivery.number, outcome: Outcome::Delivered });
                }
            }
        }
    }
}

impl World for Stage {
    fn query<T>(&self, read: impl FnOnce(&dyn Querier) -> T) -> T {
        read(&self.database)
    }

    fn last_trace(&self, matchers: &[Matcher]) -> Option<TraceId> {
        self.database.last_trace(matchers)
    }

    fn append(&mut self, at: Timestamp, values: Vec<(Labels, SampleValue)>) {
        for (labels, value) in values {
            self.database.append_value(&labels, at, value, TraceId::NONE).expect("the sample is taken");
        }
    }

    fn decide(&mut self, rule: RuleId, input: Input) -> RuleView {
        self.handle(input);
        self.engine.rule_view(rule)
    }

    fn view(&mut self, rule: RuleId) -> RuleView {
        self.engine.rule_view(rule)
    }
}
