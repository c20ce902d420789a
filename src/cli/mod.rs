//! The command line, one file per verb.
//!
//! Exit codes: 0 for success, 1 for a check that failed or a service that broke, 2 for a wrong call or bad files.

pub mod check;
mod configuration;
mod connection;
mod dry_run;
mod fmt;
mod hash_password;
mod heartbeat;
mod history;
mod oncall;
mod overrides;
mod query;
mod receiver;
mod serve;
mod template;
mod test;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::shell::clock::Clock;
use crate::shell::telemetry::{Ids, LogFormat, LogOptions, init_logs};

/// Samples in, the right person told, once, in time, until somebody answers.
#[derive(Debug, Parser)]
#[command(name = "watchbell", version, max_term_width = 100, disable_help_subcommand = true)]
struct Cli {
    #[command(flatten)]
    logs: LogArgs,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Args)]
struct LogArgs {
    /// How log lines are written to standard error
    #[arg(long, global = true, help_heading = "Logging", value_enum, default_value_t = LogFormatArg::Text)]
    log_format: LogFormatArg,
    /// What is logged: a level, or directives such as `info,watchbell::shell=debug` (default info, or RUST_LOG)
    #[arg(long, global = true, help_heading = "Logging", value_name = "LEVEL", value_parser = log_level)]
    log_level: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormatArg {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the service; without --config the embedded default: this machine, the starter rules, the console
    Serve(serve::ServeArgs),
    /// Check configuration and rule files, and show every error where it stands
    Check(check::CheckArgs),
    /// Lay out expressions, alone or in rule files
    Fmt(fmt::FmtArgs),
    /// Play recorded samples through rules and routes on a simulated clock, and show what would have happened
    DryRun(dry_run::DryRunArgs),
    /// Ask what an expression yields: over recorded samples, or a running Watchbell or Prometheus
    Query(query::QueryArgs),
    /// Show what a running Watchbell did and why: alerts, notifications sent and withheld, silences
    History(history::HistoryArgs),
    /// Show the heartbeats that a running Watchbell awaits, and beat
    Heartbeat(heartbeat::HeartbeatArgs),
    /// Show who is on call, now or over a span, and write calendars
    Oncall(oncall::OncallArgs),
    /// Set exceptions from schedules in a running Watchbell: stand-ins, swaps, vacations
    Override(overrides::OverrideArgs),
    /// Show the receivers, and test whether they can be told
    Receiver(receiver::ReceiverArgs),
    /// Show what templates of notifications yield, and what receivers would be sent
    Template(template::TemplateArgs),
    /// Run tests of expressions: scripts of what they yield
    Test(test::TestArgs),
    /// Read a password from standard input and print its bcrypt hash, for `web.users` of the main file
    HashPassword(hash_password::HashPasswordArgs),
}

/// A single word must be a level: directives take any other for the name of a module, and log nothing else.
fn log_level(text: &str) -> anyhow::Result<String> {
    let is_word = text.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_level =
        ["off", "error", "warn", "info", "debug", "trace"].iter().any(|level| text.eq_ignore_ascii_case(level));
    if is_word && !is_level && !text.eq_ignore_ascii_case("watchbell") {
        anyhow::bail!("no such level; use off, error, warn, info, debug or trace");
    }
    Ok(text.to_owned())
}

/// Whether the output could not be written because its reader has gone, as behind `| head`.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let kind = match (cause.downcast_ref::<std::io::Error>(), cause.downcast_ref::<serde_json::Error>()) {
            (Some(error), _) => Some(error.kind()),
            (None, Some(error)) => error.io_error_kind(),
            (None, None) => None,
        };
        kind == Some(std::io::ErrorKind::BrokenPipe)
    })
}

/// Reads the command line and runs what it names.
pub fn main() -> ExitCode {
    let clock = Clock::system();
    let began = clock.start();
    let cli = Cli::parse();
    let ids = Ids::random();
    let options = LogOptions {
        format: match cli.logs.log_format {
            LogFormatArg::Text => LogFormat::Text,
            LogFormatArg::Json => LogFormat::Json,
        },
        level: cli.logs.log_level,
    };
    if let Err(error) = init_logs(&options, ids.clone(), clock.clone()) {
        eprintln!("error: {error}");
        return ExitCode::from(2);
    }
    let outcome = match cli.verb {
        Verb::Serve(args) => serve::run(args, clock, ids, began),
        Verb::Check(args) => check::run(args, &clock),
        Verb::Fmt(args) => fmt::run(args),
        Verb::DryRun(args) => dry_run::run(args),
        Verb::Query(args) => query::run(args, &clock),
        Verb::History(args) => history::run(args, &clock),
        Verb::Heartbeat(args) => heartbeat::run(args),
        Verb::Oncall(args) => oncall::run(&args, &clock),
        Verb::Override(args) => overrides::run(&args),
        Verb::Receiver(args) => receiver::run(args, &clock),
        Verb::Template(args) => template::run(args, &clock),
        Verb::Test(args) => test::run(args),
        Verb::HashPassword(args) => hash_password::run(args),
    };
    outcome.unwrap_or_else(|error| {
        if is_closed_pipe(&error) {
            return ExitCode::SUCCESS;
        }
        eprintln!("error: {error:#}");
        ExitCode::from(2)
    })
}
