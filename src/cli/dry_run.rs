//! `watchbell dry-run`: recorded samples through rules and routes, on a simulated clock.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, ValueEnum};

use crate::config;
use crate::engine::Surroundings;
use crate::formats::{self, Batch, fixture};
use crate::model::render_text;
use crate::shell::files::DiskFiles;
use crate::sim::{Rehearsal, Timeline, Verbosity, rehearse};

/// The exit code when what was expected did not happen.
const NOT_AS_EXPECTED: u8 = 1;
/// The exit code for files that cannot be used.
const BAD_FILES: u8 = 2;

/// Plays recorded samples through rules and routes; nothing is sent and nothing is stored.
#[derive(Args, Debug)]
pub(super) struct DryRunArgs {
    /// Rule files, or folders of them
    #[arg(required = true)]
    rules: Vec<String>,
    /// Recorded samples: CSV, JSON lines, OpenMetrics or Prometheus text with timestamps, promtool's series notation
    #[arg(long, required = true, value_name = "FILE")]
    fixture: Vec<PathBuf>,
    /// The main file whose routes and receivers are rehearsed (default: everything to the console)
    #[arg(long, short, value_name = "FILE")]
    config: Option<String>,
    /// What must happen, else the exit code is 1: `firing` (anything), `quiet` (nothing), or the name of an alert
    #[arg(long, value_name = "EXPECTATION")]
    expect: Vec<String>,
    /// How the timeline is written
    #[arg(long, value_enum, default_value_t = TimelineFormat::Text)]
    format: TimelineFormat,
    /// Show notifications that are withheld too, and why
    #[arg(long, short)]
    verbose: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TimelineFormat {
    /// Lines for people
    Text,
    /// One JSON document
    Json,
}

pub(super) fn run(args: DryRunArgs) -> anyhow::Result<ExitCode> {
    let environment = |name: &str| std::env::var(name).ok();
    let loaded = match config::load_rehearsal(args.config.as_deref(), &args.rules, &DiskFiles, &environment) {
        Ok(loaded) => loaded,
        Err(diagnostics) => {
            let color = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            eprint!("{}", render_text(&diagnostics, color));
            return Ok(ExitCode::from(BAD_FILES));
        }
    };
    let mut samples = Batch::default();
    for path in &args.fixture {
        samples.extend(read_fixture(path)?);
    }
    let plan = loaded.plan;
    let surroundings = Surroundings {
        external_labels: plan.engine.external_labels.clone(),
        external_url: plan.engine.external_url.clone(),
        options: plan.eval_options(),
    };
    let timeline = rehearse(Rehearsal { plan: Arc::new(plan.engine), surroundings, samples })?;
    let mut out = std::io::stdout().lock();
    match args.format {
        TimelineFormat::Text => {
            let verbosity = if args.verbose { Verbosity::Verbose } else { Verbosity::Normal };
            out.write_all(timeline.to_text(verbosity).as_bytes())?;
        }
        TimelineFormat::Json => {
            serde_json::to_writer_pretty(&mut out, &timeline)?;
            writeln!(out)?;
        }
    }
    let unmet: Vec<&String> = args.expect.iter().filter(|expected| !is_met(expected, &timeline)).collect();
    for expected in &unmet {
        eprintln!("expected `{expected}`, and it did not happen");
    }
    Ok(if unmet.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(NOT_AS_EXPECTED) })
}

fn read_fixture(path: &PathBuf) -> anyhow::Result<Batch> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read the fixture `{}`", path.display()))?;
    let name = path.to_string_lossy();
    fixture::read(&name, &bytes).map_err(|error: formats::FormatError| anyhow::anyhow!("{name}: {error}"))
}

fn is_met(expected: &str, timeline: &Timeline) -> bool {
    let fired = timeline.fired();
    match expected {
        "firing" => !fired.is_empty(),
        "quiet" => fired.is_empty(),
        alert => fired.contains(alert),
    }
}
