//! `watchbell check`: every problem of configuration and rule files, and what a reviewer would remark on rules.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, ValueEnum};

use super::connection::{Connection, wait_for};
use crate::config::{Checked, check_at};
use crate::formats::{Batch, fixture};
use crate::lint::{Knowledge, RecordedSeries, checks, find, lint};
use crate::model::{Diagnostic, Severity, nearest, render_github, render_json, render_text};
use crate::shell::clock::Clock;
use crate::shell::files::DiskFiles;
use crate::shell::series_client::SeriesClient;

/// The exit code when `--deny` was given and something of that weight was found.
const FOUND_DENIED: u8 = 1;
/// The exit code when an error was found.
const FOUND_ERRORS: u8 = 2;
/// How often a server is asked what the answers before made worth asking.
const ROUNDS_MAX: usize = 8;

/// Checks configuration and rule files; exit code 2 if one has an error.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// Rule files, configuration files (watchbell.yml, alertmanager.yml), or folders of them.
    #[arg(required_unless_present = "explain")]
    pub paths: Vec<PathBuf>,
    /// How problems are written: for people on standard error, or for programs on standard output.
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    pub format: CheckFormat,
    /// The least that is shown; remarks on style are infos.
    #[arg(long, value_enum, default_value_t = Least::Warning, value_name = "SEVERITY")]
    pub severity: Least,
    /// Exit code 1 if there are warnings (or infos).
    #[arg(long, value_enum, value_name = "WHAT")]
    pub deny: Option<Denied>,
    /// Explain a check of rules, or list all.
    #[arg(long, value_name = "ID", num_args = 0..=1, default_missing_value = "", conflicts_with = "paths")]
    pub explain: Option<String>,
    /// Recorded samples to check the rules against, as for `dry-run`.
    #[arg(long, value_name = "FILE")]
    pub fixture: Vec<PathBuf>,
    /// A running Watchbell or Prometheus to check the rules against, such as http://localhost:9090.
    #[arg(long, value_name = "URL", conflicts_with = "fixture")]
    pub url: Option<String>,
    /// How the server is asked.
    #[command(flatten)]
    pub connection: Box<Connection>,
}

/// How problems are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// Excerpts with a caret and a hint.
    Text,
    /// An array of objects.
    Json,
    /// Workflow commands of GitHub Actions.
    Github,
}

/// The least severity that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs, reason = "each is named as its severity is")]
pub enum Least {
    Error,
    Warning,
    Info,
}

/// What makes the exit code 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs, reason = "each is named as its severity is")]
pub enum Denied {
    Warnings,
    Infos,
}

/// Runs the verb.
///
/// # Errors
///
/// A path that is no UTF-8, samples that cannot be read, a server that does not answer, output that cannot be written.
pub fn run(args: CheckArgs, clock: &Clock) -> anyhow::Result<ExitCode> {
    if let Some(id) = &args.explain {
        return explain(id);
    }
    let mut paths = Vec::new();
    for path in &args.paths {
        let Some(path) = path.to_str() else { anyhow::bail!("the path {} is no UTF-8", path.display()) };
        paths.push(path.to_owned());
    }
    let mut checked = check_at(&paths, &DiskFiles, &|name| std::env::var(name).ok(), clock.now());
    checked.diagnostics = remarks(&args, &checked, clock)?;
    let least = match args.severity {
        Least::Error => Severity::Error,
        Least::Warning => Severity::Warning,
        Least::Info => Severity::Info,
    };
    let denied = match args.deny {
        Some(Denied::Warnings) => checked.count(Severity::Warning),
        Some(Denied::Infos) => checked.count(Severity::Warning) + checked.count(Severity::Info),
        None => 0,
    };
    checked.diagnostics.retain(|diagnostic| diagnostic.severity >= least);
    show(&checked, args.format)?;
    Ok(match (checked.count(Severity::Error), denied) {
        (1.., _) => ExitCode::from(FOUND_ERRORS),
        (0, 1..) => ExitCode::from(FOUND_DENIED),
        (0, 0) => ExitCode::SUCCESS,
    })
}

/// What reading the files has found, and what there is to remark on their rules.
fn remarks(args: &CheckArgs, checked: &Checked, clock: &Clock) -> anyhow::Result<Vec<Diagnostic>> {
    let mut knowledge = checked.plan.as_ref().map(Knowledge::of_plan).unwrap_or_default();
    knowledge.now = Some(clock.now());
    let run =
        |knowledge: &Knowledge<'_>| lint(&checked.rule_files, &checked.lint, knowledge, checked.diagnostics.clone());
    if let Some(url) = &args.url {
        return ask(url, &args.connection, knowledge, clock, &run);
    }
    if args.fixture.is_empty() {
        return Ok(run(&knowledge));
    }
    let mut samples = Batch::default();
    for path in &args.fixture {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read the fixture `{}`", path.display()))?;
        let name = path.to_string_lossy();
        let batch = fixture::read(&name, &bytes).map_err(|error| anyhow::anyhow!("{name}: {error}"))?;
        samples.series.extend(batch.series);
        samples.histograms.extend(batch.histograms);
        samples.metadata.extend(batch.metadata);
    }
    let recorded = RecordedSeries::new(samples);
    knowledge.series = Some(&recorded);
    Ok(run(&knowledge))
}

/// Checks against a server: asks what the checks want to know, until they want to know nothing more.
fn ask(
    url: &str,
    connection: &Connection,
    knowledge: Knowledge<'_>,
    clock: &Clock,
    run: &dyn Fn(&Knowledge<'_>) -> Vec<Diagnostic>,
) -> anyhow::Result<Vec<Diagnostic>> {
    let config = connection.config()?;
    wait_for(async {
        let client = SeriesClient::new(url, config, connection.timeout).await?;
        let at = clock.now();
        let mut asked = client.begin(at).await?;
        let retention = client.retention().await;
        let mut found = Vec::new();
        for _ in 0..ROUNDS_MAX {
            let Knowledge { now, has_main_file, jobs, external_labels, .. } = &knowledge;
            let knowing = Knowledge {
                now: *now,
                has_main_file: *has_main_file,
                retention,
                jobs: jobs.clone(),
                external_labels: external_labels.clone(),
                series: Some(&asked),
            };
            found = run(&knowing);
            if client.answer(&mut asked, at).await? == 0 {
                break;
            }
        }
        Ok(found)
    })?
}

fn show(checked: &Checked, format: CheckFormat) -> anyhow::Result<()> {
    let summary = summary(checked);
    match format {
        CheckFormat::Text => {
            let color = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            write!(std::io::stderr(), "{}", render_text(&checked.diagnostics, color))?;
            writeln!(std::io::stdout(), "{summary}")?;
        }
        CheckFormat::Json => {
            writeln!(std::io::stdout(), "{}", render_json(&checked.diagnostics))?;
            writeln!(std::io::stderr(), "{summary}")?;
        }
        CheckFormat::Github => {
            write!(std::io::stdout(), "{}", render_github(&checked.diagnostics))?;
            writeln!(std::io::stderr(), "{summary}")?;
        }
    }
    Ok(())
}

/// Writes the explanation of a check; of all, one line each, if `id` is empty.
fn explain(id: &str) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    if id.is_empty() {
        for check in checks() {
            writeln!(out, "{:<32} {:<8} {}", check.id, check.severity_name(), check.finds)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let Some(check) = find(id) else {
        let near = nearest(id, checks().map(|check| check.id));
        let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        anyhow::bail!("there is no check `{id}`{hint}");
    };
    write!(out, "{}", check.explain())?;
    Ok(ExitCode::SUCCESS)
}

/// `37 files, 367 rules: no errors, 2 warnings`
fn summary(checked: &Checked) -> String {
    let counted = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let errors = match checked.count(Severity::Error) {
        0 => "no errors".to_owned(),
        count => counted(count, "error"),
    };
    let warnings = match checked.count(Severity::Warning) {
        0 => String::new(),
        count => format!(", {}", counted(count, "warning")),
    };
    let infos = match checked.count(Severity::Info) {
        0 => String::new(),
        count => format!(", {}", counted(count, "info")),
    };
    format!("{}, {}: {errors}{warnings}{infos}", counted(checked.files, "file"), counted(checked.rules, "rule"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::check;
    use crate::model::Diagnostic;

    #[test]
    fn published_rules_are_accepted() {
        let Some(root) = std::env::var_os("WATCHBELL_CONFORMANCE") else {
            println!("WATCHBELL_CONFORMANCE is not set: the published rules were not checked");
            return;
        };
        let path = PathBuf::from(root).join("rules").to_str().expect("UTF-8").to_owned();
        let checked = check(&[path], &DiskFiles, &|_| None);
        assert!(summary(&checked).starts_with("37 files, 367 rules: no errors"), "{}", summary(&checked));
        let remarks = lint(&checked.rule_files, &checked.lint, &Knowledge::default(), checked.diagnostics);
        let mut counts = std::collections::BTreeMap::new();
        remarks.iter().for_each(|remark| *counts.entry((remark.id, remark.severity)).or_insert(0) += 1);
        let lines: Vec<String> = counts.iter().map(|((id, severity), n)| format!("{id} {severity:?} {n}")).collect();
        // Each was looked at by hand: every warning names a rule that cannot work as written.
        insta::assert_snapshot!(lines.join("\n"), @r"
        alert/redundant-for Info 68
        promql/cannot-join Warning 8
        promql/delta-of-counter Info 1
        promql/impossible-comparison Warning 2
        promql/needless-regex Info 4
        promql/newborn-counter Info 14
        rule/same-expression Info 1
        template/raw-value Info 201
        template/removed-label Warning 111
        ");
    }

    #[test]
    fn summaries() {
        let problem = |severity| Diagnostic { severity, ..Diagnostic::error("a", "b") };
        for (diagnostics, files, rules, expected) in [
            (vec![], 37, 367, "37 files, 367 rules: no errors"),
            (vec![Severity::Error], 1, 1, "1 file, 1 rule: 1 error"),
            (vec![Severity::Warning, Severity::Warning], 2, 0, "2 files, 0 rules: no errors, 2 warnings"),
        ] {
            let diagnostics = diagnostics.into_iter().map(problem).collect();
            assert_eq!(summary(&Checked { diagnostics, files, rules, ..Checked::default() }), expected);
        }
    }
}
