//! `watchbell query`: what an expression yields, over samples of files or as a server answers.

mod answer;
mod chart;
mod json;
mod remote;
mod table;
mod times;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use regex::Regex;

use super::connection::Connection;
use crate::eval::{self, EvalError, Options, WarningLevel};
use crate::formats::{Batch, fixture};
use crate::lang::{Expr, parse};
use crate::model::{Diagnostic, Severity, SourceFile, Timestamp, render_text};
use crate::shell::clock::Clock;
use crate::shell::prometheus_client::{Answered, AskError};
use crate::sim::promql_script::Store;

use answer::{Answer, Cell};
use chart::{Chart, Line, draw};
use times::{Asked, Times};

pub(super) use table::aligned;
pub(super) use times::duration;

/// The exit code of a query that failed.
const FAILED: u8 = 1;
/// The exit code for an expression that does not parse.
const BAD_EXPRESSION: u8 = 2;
/// The size of an output that is no terminal, in characters.
const SIZE: (usize, usize) = (100, 30);
/// How many lines of a terminal a chart leaves for its legend and the prompt.
const LINES_LEFT: usize = 8;

/// Evaluates an expression.
#[derive(Args, Debug)]
pub(super) struct QueryArgs {
    /// The expression
    #[arg(value_name = "EXPR")]
    expression: String,
    /// Evaluate once, at this time: `now` (the default), `-5m`, seconds since 1970, RFC 3339
    #[arg(long, value_name = "TIME", conflicts_with_all = ["range", "start", "end", "step"], allow_hyphen_values = true)]
    at: Option<String>,
    /// Evaluate at every step of this long a time before --end, or after --start
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    range: Option<Duration>,
    /// Where a range starts
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    start: Option<String>,
    /// Where a range ends (default now; with --fixture the last sample)
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    end: Option<String>,
    /// The distance of a range's steps (default so that there are about 100)
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    step: Option<Duration>,
    /// Samples to ask instead of a server; `now` is the time of the last one
    #[arg(long, value_name = "FILE")]
    fixture: Vec<PathBuf>,
    /// The Watchbell or Prometheus that is asked (default http://localhost:9797)
    #[arg(long, value_name = "URL", conflicts_with = "fixture", env = "WATCHBELL_URL")]
    url: Option<String>,
    /// How the answer is written (default: a chart for ranges on a terminal, else a table)
    #[arg(long, short, value_enum)]
    format: Option<Format>,
    /// Draw charts with ASCII characters
    #[arg(long)]
    ascii: bool,
    /// The width of tables and charts in characters (default: the terminal's)
    #[arg(long, value_name = "COLUMNS")]
    width: Option<usize>,
    /// The height of charts in characters (default: the terminal's)
    #[arg(long, value_name = "LINES")]
    height: Option<usize>,
    #[command(flatten)]
    connection: Box<Connection>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Aligned columns
    Table,
    /// The `data` of Prometheus's API
    Json,
    /// One sample a row, which --fixture reads again
    Csv,
    /// Lines over time
    Chart,
}

pub(super) fn run(args: QueryArgs, clock: &Clock) -> anyhow::Result<ExitCode> {
    let file = SourceFile::new("EXPR", args.expression.as_str());
    let expr = match parse(&args.expression) {
        Ok(expr) => expr,
        Err(errors) => {
            let problems: Vec<Diagnostic> = errors
                .iter()
                .map(|error| {
                    let problem =
                        Diagnostic::error("expr/syntax", error.message.as_str()).at(&file, error.span.clone());
                    match &error.hint {
                        Some(hint) => problem.hint(hint.as_str()),
                        None => problem,
                    }
                })
                .collect();
            report(&problems)?;
            return Ok(ExitCode::from(BAD_EXPRESSION));
        }
    };
    let asked = Asked {
        at: args.at.as_deref(),
        start: args.start.as_deref(),
        end: args.end.as_deref(),
        range: args.range,
        step: args.step,
        is_chart: args.format == Some(Format::Chart),
    };
    let outcome = match args.fixture.is_empty() {
        false => over_samples(&args.fixture, &expr, &asked, &file)?,
        true => over_the_wire(&args, &asked, clock, &file)?,
    };
    report(&outcome.problems)?;
    let Some(answer) = outcome.answer else { return Ok(ExitCode::from(FAILED)) };
    let shown = show(&args, &answer, outcome.times)?;
    std::io::stdout().lock().write_all(shown.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// What came of a query.
struct Outcome {
    times: Times,
    answer: Option<Answer>,
    problems: Vec<Diagnostic>,
}

fn report(problems: &[Diagnostic]) -> anyhow::Result<()> {
    let color = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    write!(std::io::stderr(), "{}", render_text(problems, color))?;
    Ok(())
}

fn over_samples(paths: &[PathBuf], expr: &Expr, asked: &Asked<'_>, file: &Arc<SourceFile>) -> anyhow::Result<Outcome> {
    let mut store = Store::default();
    for path in paths {
        store.add(read_fixture(path)?);
    }
    let (first, last) = store.span().context("the fixture holds no samples")?;
    let times = asked.resolve(last, Some(first))?;
    let options = Options::default();
    let evaluated = match times {
        Times::At(at) => eval::instant(&store, expr, at, &options),
        Times::Range { start, end, step } => eval::range(&store, expr, start, end, step, &options),
    };
    Ok(match evaluated {
        Ok(evaluated) => {
            let problems = evaluated.warnings.iter().map(|warning| {
                let severity = match warning.level {
                    WarningLevel::Info => Severity::Info,
                    WarningLevel::Warning => Severity::Warning,
                };
                let problem = Diagnostic { severity, ..Diagnostic::warning("query/remark", warning.text.as_str()) };
                problem.at(file, warning.span.clone())
            });
            let problems = problems.collect();
            let at = if let Times::At(at) = times { at } else { last };
            Outcome { times, answer: Some(Answer::of(evaluated, at)), problems }
        }
        Err(EvalError { text, span, .. }) => {
            Outcome { times, answer: None, problems: vec![Diagnostic::error("query/failed", text).at(file, span)] }
        }
    })
}

fn read_fixture(path: &PathBuf) -> anyhow::Result<Batch> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read the fixture `{}`", path.display()))?;
    let name = path.to_string_lossy();
    fixture::read(&name, &bytes).map_err(|error| anyhow::anyhow!("{name}: {error}"))
}

fn over_the_wire(
    args: &QueryArgs,
    asked: &Asked<'_>,
    clock: &Clock,
    file: &Arc<SourceFile>,
) -> anyhow::Result<Outcome> {
    let times = asked.resolve(clock.now(), None)?;
    match remote::ask(args.url.as_deref(), &args.connection, &args.expression, times) {
        Ok(Answered { data: answer, warnings, infos }) => {
            let warnings = warnings.iter().map(|text| remark(Severity::Warning, text, file));
            let problems = warnings.chain(infos.iter().map(|text| remark(Severity::Info, text, file))).collect();
            Ok(Outcome { times, answer, problems })
        }
        Err(error) => match error.downcast::<AskError>() {
            Ok(AskError::Refused { kind, text, .. }) => {
                let problem = Diagnostic::error("query/failed", format!("{kind}: {text}"));
                Ok(Outcome { times, answer: None, problems: vec![problem] })
            }
            // Nothing is wrong with the call: the server cannot be asked.
            other => {
                let error = other.map_or_else(|error| error, anyhow::Error::from);
                eprintln!("error: {error:#}");
                Ok(Outcome { times, answer: None, problems: Vec::new() })
            }
        },
    }
}

/// A remark of a server: its text may end in where it stands, `(line:column)`.
fn remark(severity: Severity, text: &str, file: &Arc<SourceFile>) -> Diagnostic {
    let problem = |text: &str| {
        let text = text.trim_start_matches("PromQL warning: ").trim_start_matches("PromQL info: ");
        Diagnostic { severity, ..Diagnostic::warning("query/remark", text) }
    };
    let place = Regex::new(r"^(?s)(.*) \((\d+):(\d+)\)$").ok().and_then(|place| {
        let found = place.captures(text)?;
        let (line, column): (usize, usize) = (found[2].parse().ok()?, found[3].parse().ok()?);
        let before: usize = file.text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
        let offset = before.saturating_add(column.checked_sub(1)?);
        (offset < file.text.len()).then(|| problem(&found[1]).at(file, offset..offset + 1))
    });
    place.unwrap_or_else(|| problem(text))
}

fn show(args: &QueryArgs, answer: &Answer, times: Times) -> anyhow::Result<String> {
    let on_terminal = std::io::stdout().is_terminal();
    let is_range = matches!(times, Times::Range { .. });
    let has_numbers = answer.rows().iter().any(|row| row.points.iter().any(|(_, cell)| matches!(cell, Cell::Float(_))));
    let format =
        args.format.unwrap_or(if is_range && on_terminal && has_numbers { Format::Chart } else { Format::Table });
    let (columns, lines) = size(args);
    Ok(match (format, times) {
        (Format::Json, _) => format!("{}\n", serde_json::to_string_pretty(&json::data(answer))?),
        (Format::Csv, _) => table::csv(answer),
        (Format::Chart, Times::Range { start, end, step }) => {
            let (common, names) = table::names(answer.rows());
            let lines_drawn = chart_lines(answer, names);
            let chart = Chart {
                lines: &lines_drawn,
                start,
                end,
                step_ms: i64::try_from(step.as_millis()).unwrap_or(i64::MAX),
                width: columns,
                height: lines,
                ascii: args.ascii,
                color: on_terminal && std::env::var_os("NO_COLOR").is_none(),
            };
            common + &draw(&chart)
        }
        (Format::Table | Format::Chart, _) => table::table(answer, columns),
    })
}

/// The numbers of each series; histograms are no lines.
fn chart_lines(answer: &Answer, names: Vec<String>) -> Vec<Line> {
    let line = |(row, name): (&answer::Row, String)| {
        let numbers = row.points.iter().filter_map(|(at, cell)| match cell {
            Cell::Float(value) => Some((*at, *value)),
            Cell::Histogram(_) => None,
        });
        let points: Vec<(Timestamp, f64)> = numbers.collect();
        (!points.is_empty()).then_some(Line { name, points })
    };
    answer.rows().iter().zip(names).filter_map(line).collect()
}

/// The number that an environment variable holds.
fn number_of(variable: &str) -> Option<usize> {
    std::env::var(variable).ok()?.parse().ok()
}

/// How wide the terminal is in characters, if that is known.
pub(super) fn columns() -> Option<usize> {
    let terminal = terminal_size::terminal_size();
    terminal.map(|(width, _)| usize::from(width.0)).or_else(|| number_of("COLUMNS"))
}

/// The columns and lines there are for an answer.
fn size(args: &QueryArgs) -> (usize, usize) {
    let terminal = terminal_size::terminal_size();
    let lines = terminal.map(|(_, height)| usize::from(height.0)).or_else(|| number_of("LINES"));
    let lines = args.height.unwrap_or_else(|| lines.unwrap_or(SIZE.1).saturating_sub(LINES_LEFT));
    (args.width.or_else(columns).unwrap_or(SIZE.0), lines)
}
