//! `watchbell check`: every problem of configuration and rule files, without running anything.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::config::{Checked, check};
use crate::model::{Severity, render_json, render_text};
use crate::shell::files::DiskFiles;

/// The exit code when an error was found.
const FOUND_ERRORS: u8 = 2;

/// Checks configuration and rule files; exit code 2 if one has an error.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// Rule files, configuration files (watchbell.yml, alertmanager.yml), or folders of them.
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// How problems are written: for people on standard error, or as one JSON array on standard output.
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    pub format: CheckFormat,
}

/// How problems are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// Excerpts with a caret and a hint.
    Text,
    /// An array of objects.
    Json,
}

/// Runs the verb.
///
/// # Errors
///
/// A path that is no UTF-8, output that cannot be written.
pub fn run(args: CheckArgs) -> anyhow::Result<ExitCode> {
    let mut paths = Vec::new();
    for path in &args.paths {
        let Some(path) = path.to_str() else { anyhow::bail!("the path {} is no UTF-8", path.display()) };
        paths.push(path.to_owned());
    }
    let checked = check(&paths, &DiskFiles, &|name| std::env::var(name).ok());
    let summary = summary(&checked);
    match args.format {
        CheckFormat::Text => {
            let color = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            write!(std::io::stderr(), "{}", render_text(&checked.diagnostics, color))?;
            writeln!(std::io::stdout(), "{summary}")?;
        }
        CheckFormat::Json => {
            writeln!(std::io::stdout(), "{}", render_json(&checked.diagnostics))?;
            writeln!(std::io::stderr(), "{summary}")?;
        }
    }
    Ok(if checked.count(Severity::Error) > 0 { ExitCode::from(FOUND_ERRORS) } else { ExitCode::SUCCESS })
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
    format!("{}, {}: {errors}{warnings}", counted(checked.files, "file"), counted(checked.rules, "rule"))
}

#[cfg(test)]
mod tests {
    use super::*;
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
            assert_eq!(summary(&Checked { diagnostics, files, rules }), expected);
        }
    }
}
