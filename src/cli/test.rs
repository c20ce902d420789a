//! `watchbell test`: what expressions yield, as scripts expect it.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use crate::eval::Options;
use crate::formats::FormatError;
use crate::model::{Diagnostic, SourceFile, render_text};
use crate::sim::promql_script::{Script, Verdict, play, read};

/// The exit code when an evaluation was not as expected.
const FAILED: u8 = 1;
/// The exit code for a wrong call and for scripts that cannot be used.
const BAD_FILES: u8 = 2;
/// What the names of scripts end in.
const EXTENSION: &str = "test";
/// How many folders lie within each other at most.
const FOLDERS_DEEP_MAX: usize = 32;

/// Runs tests; exit code 1 if one fails, 2 if a file cannot be used.
#[derive(Args, Debug)]
pub(super) struct TestArgs {
    /// Files of tests, or folders of them
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// The files are scripts of Prometheus's `promqltest` (folders are searched for `*.test`)
    #[arg(long)]
    promql: bool,
    /// Show what passed too
    #[arg(long, short)]
    verbose: bool,
}

pub(super) fn run(args: TestArgs) -> anyhow::Result<ExitCode> {
    if !args.promql {
        eprintln!(
            "error: tests of rules cannot be run yet; scripts of expressions can: watchbell test --promql PATH..."
        );
        return Ok(ExitCode::from(BAD_FILES));
    }
    let mut paths = Vec::new();
    for path in &args.paths {
        scripts(path, &mut paths)?;
    }
    let mut out = std::io::stdout().lock();
    let (mut passed, mut failed) = (0, 0);
    let mut problems = Vec::new();
    for path in &paths {
        let name = path.to_string_lossy();
        match read_script(path)? {
            Ok(script) => {
                for verdict in play(&script, &Options::default()) {
                    if verdict.failure.is_some() {
                        failed += 1
                    } else {
                        passed += 1
                    }
                    out.write_all(line(&name, &verdict, args.verbose).as_bytes())?;
                }
            }
            Err(problem) => problems.push(problem),
        }
    }
    out.flush()?;
    let color = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    write!(std::io::stderr(), "{}", render_text(&problems, color))?;
    writeln!(out, "{}", summary(passed, failed, problems.len()))?;
    Ok(match (problems.is_empty(), failed) {
        (true, 0) => ExitCode::SUCCESS,
        (true, _) => ExitCode::from(FAILED),
        (false, _) => ExitCode::from(BAD_FILES),
    })
}

/// Adds the script at `path`, or those below it in the order of their names.
fn scripts(path: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    if !path.is_dir() {
        found.push(path.to_owned());
        return Ok(());
    }
    let before = found.len();
    below(path, FOLDERS_DEEP_MAX, found)?;
    anyhow::ensure!(found.len() > before, "the folder `{}` holds no `*.{EXTENSION}`", path.display());
    Ok(())
}

fn below(folder: &Path, depth_left: usize, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let reading = || format!("cannot read the folder `{}`", folder.display());
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(reading)? {
        paths.push(entry.with_context(reading)?.path());
    }
    paths.sort();
    for path in paths {
        if path.is_dir() {
            anyhow::ensure!(depth_left > 0, "folders lie too deep in each other at `{}`", path.display());
            below(&path, depth_left - 1, found)?;
        } else if path.extension().is_some_and(|extension| extension == EXTENSION) {
            found.push(path);
        }
    }
    Ok(())
}

/// Reads a script; what is wrong with its text comes as a diagnostic.
fn read_script(path: &Path) -> anyhow::Result<Result<Script, Diagnostic>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read the script `{}`", path.display()))?;
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let offset = error.utf8_error().valid_up_to();
            let fault = FormatError::in_text(error.as_bytes(), offset, "text that is not UTF-8");
            return Ok(Err(diagnostic(path, &String::from_utf8_lossy(error.as_bytes()), fault)));
        }
    };
    Ok(read(&text).map_err(|fault| diagnostic(path, &text, fault)))
}

fn diagnostic(path: &Path, text: &str, fault: FormatError) -> Diagnostic {
    let line_start: usize = text.split_inclusive('\n').take(fault.line.saturating_sub(1)).map(str::len).sum();
    let line = text[line_start..].lines().next().unwrap_or_default();
    let start = line.char_indices().nth(fault.column.saturating_sub(1)).map_or(line.len(), |(at, _)| at);
    let length = line[start..].find(char::is_whitespace).unwrap_or(line.len() - start).max(1);
    let file = SourceFile::new(path.to_string_lossy(), text);
    let diagnostic = Diagnostic::error("promql-script/syntax", fault.message)
        .at(&file, line_start + start..line_start + start + length);
    match fault.hint {
        Some(hint) => diagnostic.hint(hint),
        None => diagnostic,
    }
}

/// What is shown of an evaluation: nothing of one that passed unless all are wanted.
fn line(name: &str, verdict: &Verdict, verbose: bool) -> String {
    let place = format!("{name}:{}: {}", verdict.line, verdict.expression);
    match &verdict.failure {
        None if verbose => format!("{place}: passed\n"),
        None => String::new(),
        Some(failure) => {
            let mut text = format!("{place}: {}\n", failure.message);
            for line in &failure.difference {
                text.push_str(&format!("    {line}\n"));
            }
            text
        }
    }
}

/// `12 passed, 1 failed`
fn summary(passed: usize, failed: usize, unusable: usize) -> String {
    match unusable {
        0 => format!("{passed} passed, {failed} failed"),
        1 => format!("{passed} passed, {failed} failed; 1 file cannot be used"),
        count => format!("{passed} passed, {failed} failed; {count} files cannot be used"),
    }
}
