//! An alert carries the trace of the batch of samples that it came from, whatever stands between the two in its expression.

use std::sync::Arc;
use std::time::Duration;

use watchbell::config::{MemoryFiles, load_rehearsal};
use watchbell::engine::{Effect, Engine, EventKind, GroupRun, Input, RuleView, Surroundings, World};
use watchbell::eval;
use watchbell::model::{Labels, Matcher, Sample, SampleValue, Timestamp, TraceId};
use watchbell::rule::RuleId;
use watchbell::series::{Database, Limits, Querier, Retention};

struct Scene {
    now: Timestamp,
    database: Database,
    engine: Engine,
    alerts: Vec<TraceId>,
}

impl World for Scene {
    fn query<T>(&self, read: impl FnOnce(&dyn Querier) -> T) -> T {
        read(&self.database)
    }

    fn last_trace(&self, matchers: &[Matcher]) -> Option<TraceId> {
        self.database.last_trace(matchers)
    }

    fn append(&mut self, _: Timestamp, _: Vec<(Labels, SampleValue)>) {}

    fn decide(&mut self, rule: RuleId, input: Input) -> RuleView {
        let mut effects = Vec::new();
        self.engine.handle(self.now, input, &mut effects);
        for effect in effects {
            match effect {
                Effect::Emit(event) if matches!(event.kind, EventKind::Alert { .. }) => self.alerts.push(event.trace),
                _ => {}
            }
        }
        self.engine.rule_view(rule)
    }

    fn view(&mut self, rule: RuleId) -> RuleView {
        self.engine.rule_view(rule)
    }
}

/// The trace of the alert that `expr` raises over requests of two instances, whose last batches have the traces of `a` and `b`.
fn trace_of_alert(expr: &str) -> TraceId {
    let rules = format!("groups: [{{name: g, rules: [{{alert: A, expr: '{expr}'}}]}}]");
    let files = MemoryFiles::new([("rules.yml", rules.as_str())]);
    let loaded = load_rehearsal(None, &["rules.yml".to_owned()], &files, &|_| None).expect("valid rules");
    let engine = Engine::new(Arc::new(loaded.plan.engine));
    let group = engine.plan().groups[0].clone();
    let now = Timestamp::from_millis(600_000);
    let mut database = Database::new(Limits::default());
    database.set_retention(Retention { floor: Duration::from_secs(3600), selectors: Vec::new() });
    for second in 0..=600 {
        for (instance, trace) in [("a", trace('a')), ("b", trace('b'))] {
            let labels = Labels::from_pairs([("__name__", "requests"), ("instance", instance)]);
            let value = if instance == "a" { f64::from(second) } else { 0.0 };
            let sample = Sample::new(Timestamp::from_millis(i64::from(second) * 1000), value);
            database.append(&labels, sample, trace).expect("taken");
        }
    }
    let surroundings = Surroundings {
        external_labels: Labels::default(),
        external_url: String::new(),
        options: eval::Options::default(),
    };
    let mut scene = Scene { now, database, engine, alerts: Vec::new() };
    GroupRun::new(group).evaluate(now, &surroundings, &mut scene);
    *scene.alerts.first().expect("an alert")
}

fn trace(digit: char) -> TraceId {
    digit.to_string().repeat(32).parse().expect("a trace")
}

#[test]
fn alerts_carry_the_trace_of_their_samples() {
    for (expr, expected) in [
        ("requests > 10", 'a'),
        ("rate(requests[5m]) > 0", 'a'),
        ("max_over_time(rate(requests[1m])[5m:1m]) > 0", 'a'),
        ("avg by (instance) (rate(requests[5m])) > 0", 'a'),
        // The labels do not tell which series; the one that was touched last stands for all.
        ("sum(rate(requests[5m])) > 0", 'b'),
    ] {
        assert_eq!(trace_of_alert(expr), trace(expected), "{expr}");
    }
}
