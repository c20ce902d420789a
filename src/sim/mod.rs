//! The simulated clock and inboxes: one driver behind every rehearsal. The engine, the series and the evaluation are those of
//! the service; only time and delivery are made up.

pub mod promql_script;

mod answer_line;
mod timeline;

use std::sync::Arc;
use std::time::Duration;

use crate::deliver::Outcome;
use crate::engine::{Effect, Engine, Event, GroupRun, Input, Plan, RuleView, Surroundings, World};
use crate::formats::Batch;
use crate::model::{HistogramSample, Labels, Matcher, Sample, SampleValue, StartTime, Timestamp, TraceId};
use crate::rule::{RuleId, next_evaluation};
use crate::series::{Database, Limits, Querier, Retention};

pub use answer_line::{AnswerLineError, parse_answer};
pub use timeline::{Timeline, Verbosity, describe};

/// How long the clock runs on after the last sample, so that waiting groups still notify.
const RUN_ON: Duration = Duration::from_secs(5 * 60);
/// The greatest number of evaluations of one rehearsal.
const EVALUATIONS_MAX: usize = 10_000_000;

/// What is rehearsed.
#[derive(Clone, Debug)]
pub struct Rehearsal {
    /// Rules, routes and receivers.
    pub plan: Arc<Plan>,
    /// The settings of every evaluation.
    pub surroundings: Surroundings,
    /// The recorded samples.
    pub samples: Batch,
}

/// A rehearsal that cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RehearsalError {
    /// There is nothing to rehearse with.
    #[error("the fixture holds no samples")]
    NoSamples,
    /// The fixture spans too long a time for the rules' intervals.
    #[error("the fixture spans {needed} evaluations, more than {EVALUATIONS_MAX}; cut it, or evaluate less often")]
    TooLong {
        /// How many evaluations it would take.
        needed: u128,
    },
    /// A sample could not be taken.
    #[error("the fixture's sample of {series} at {at} cannot be taken: {reason}")]
    Sample {
        /// Its series.
        series: String,
        /// Its time.
        at: Timestamp,
        /// Why not.
        reason: String,
    },
}

/// Plays the samples through the rules and routes, and says what happened when.
///
/// # Errors
///
/// A fixture that cannot be played.
pub fn rehearse(rehearsal: Rehearsal) -> Result<Timeline, RehearsalError> {
    let Rehearsal { plan, surroundings, samples } = rehearsal;
    let by_time = in_order(samples);
    let (Some(first), Some(last)) = (by_time.first().map(|s| s.0), by_time.last().map(|s| s.0)) else {
        return Err(RehearsalError::NoSamples);
    };
    let span_ms = last.since(first).as_millis();
    let needed = plan.groups.iter().map(|group| span_ms / group.interval.as_millis().max(1) + 1).sum();
    if needed > EVALUATIONS_MAX as u128 {
        return Err(RehearsalError::TooLong { needed });
    }
    // Nobody beats in a rehearsal.
    let plan = Arc::new(Plan { heartbeats: Vec::new(), ..Plan::clone(&plan) });
    let mut stage = Stage::new(plan, last.since(first));
    let mut runs: Vec<(Timestamp, GroupRun)> = stage
        .engine
        .plan()
        .groups
        .iter()
        .map(|group| (next_evaluation(first, group.interval), GroupRun::new(group.clone())))
        .collect();
    let mut samples = by_time.into_iter().peekable();
    let end = last + RUN_ON;
    loop {
        let evaluation = runs.iter().map(|(at, _)| *at).min().filter(|at| *at <= last);
        let next = [samples.peek().map(|s| s.0), evaluation, stage.engine.next_wakeup()];
        let Some(now) = next.into_iter().flatten().min().filter(|at| *at <= end) else { break };
        stage.now = stage.now.max(now);
        while let Some((at, labels, content)) = samples.next_if(|sample| sample.0 <= stage.now) {
            stage.take(&labels, at, content)?;
        }
        let due = stage.now.min(last);
        for (at, run) in runs.iter_mut().filter(|(at, _)| *at <= due) {
            let report = run.evaluate(*at, &surroundings, &mut stage);
            stage.evaluated += report.evaluated;
            stage.failed += report.failed;
            *at = *at + run.group().interval;
        }
        stage.tick();
    }
    Ok(Timeline::new(first, last, stage.evaluated, stage.failed, stage.events))
}

/// What a fixture has of a series at a moment.
enum Content {
    Value(SampleValue),
    Start(Timestamp),
}

/// All samples and start times in order of time, a start time behind its sample.
fn in_order(batch: Batch) -> Vec<(Timestamp, Labels, Content)> {
    let mut by_time: Vec<(Timestamp, Labels, Content)> = Vec::with_capacity(batch.sample_count());
    for (labels, samples) in batch.series {
        let content = |sample: Sample| (sample.at, labels.clone(), Content::Value(sample.value.into()));
        by_time.extend(samples.into_iter().map(content));
    }
    for (labels, samples) in batch.histograms {
        let content = |sample: HistogramSample| {
            (sample.at, labels.clone(), Content::Value(SampleValue::Histogram(sample.histogram)))
        };
        by_time.extend(samples.into_iter().map(content));
    }
    for (labels, starts) in batch.starts {
        by_time.extend(starts.into_iter().map(|start| (start.at, labels.clone(), Content::Start(start.start))));
    }
    by_time.sort_by_key(|(at, ..)| *at);
    by_time
}

/// The made-up world of a rehearsal.
struct Stage {
    now: Timestamp,
    engine: Engine,
    database: Database,
    events: Vec<Event>,
    evaluated: usize,
    failed: usize,
}

impl Stage {
    fn new(plan: Arc<Plan>, span: Duration) -> Self {
        let mut database = Database::new(Limits::default());
        database.set_retention(Retention { floor: span + RUN_ON, selectors: Vec::new() });
        let engine = Engine::new(plan);
        Stage { now: Timestamp::MIN, engine, database, events: Vec::new(), evaluated: 0, failed: 0 }
    }

    fn take(&mut self, labels: &Labels, at: Timestamp, content: Content) -> Result<(), RehearsalError> {
        let taken = match content {
            Content::Value(value) => self.database.append_value(labels, at, value, TraceId::NONE),
            Content::Start(start) => self.database.append_start(labels, StartTime { at, start }),
        };
        taken.map(drop).map_err(|error| RehearsalError::Sample {
            series: labels.to_string(),
            at,
            reason: error.to_string(),
        })
    }

    fn tick(&mut self) {
        self.handle(Input::Tick);
    }

    /// Hands an input to the engine; every notification is delivered at once.
    fn handle(&mut self, input: Input) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            let mut effects = Vec::new();
            self.engine.handle(self.now, input, &mut effects);
            for effect in effects {
                match effect {
                    Effect::Persist(_) => {}
                    Effect::Send(delivery) => {
                        inputs.push(Input::Attempted { number: delivery.number, outcome: Outcome::Delivered });
                    }
                    Effect::Emit(event) => self.events.push(*event),
                }
            }
        }
    }
}

impl World for Stage {
    fn query<T>(&self, read: impl FnOnce(&dyn Querier) -> T) -> T {
        read(&self.database)
    }

    fn last_trace(&self, _: &[Matcher]) -> Option<TraceId> {
        None
    }

    fn append(&mut self, at: Timestamp, values: Vec<(Labels, SampleValue)>) {
        for (labels, value) in values {
            // What a rule cannot write here it cannot write in the service either, where it is logged.
            let _ = self.database.append_value(&labels, at, value, TraceId::NONE);
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
