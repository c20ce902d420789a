//! Scripts of expressions: read, and run as far as they are small.

#![no_main]

use libfuzzer_sys::fuzz_target;
use watchbell::eval::Options;
use watchbell::sim::promql_script::{CommandKind, When, play, read_within};

/// How many values a script may load.
const POINTS_MAX: usize = 2_000;
/// How many samples an evaluation may hold.
const SAMPLES_MAX: usize = 10_000;
/// How many steps a range query may have.
const STEPS_MAX: i64 = 200;
/// How many evaluations are run.
const EVALUATIONS_MAX: usize = 20;

fuzz_target!(|text: &str| {
    let Ok(script) = read_within(text, POINTS_MAX) else { return };
    let is_small = script.commands.iter().all(|command| match &command.kind {
        CommandKind::Eval(eval) => match eval.when {
            When::Instant { .. } => true,
            When::Range { start_ms, end_ms, step_ms } => end_ms.saturating_sub(start_ms) / step_ms.max(1) <= STEPS_MAX,
        },
        CommandKind::Clear | CommandKind::Load(_) => true,
    });
    if is_small && script.evaluation_count() <= EVALUATIONS_MAX {
        let verdicts = play(&script, &Options { samples_max: SAMPLES_MAX, ..Options::default() });
        assert!(verdicts.len() >= script.evaluation_count());
    }
});
