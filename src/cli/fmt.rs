//! `watchbell fmt`: expressions in their canonical layout, alone or in rule files.

mod diff;

use std::fs::{self, File};
use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use crate::config::{Files, FormattedRules, format_rules};
use crate::lang::{self, TEXT_BYTES_MAX, WIDTH_DEFAULT};
use crate::model::{Diagnostic, Severity, SourceFile, render_text};
use crate::shell::files::DiskFiles;

/// The exit code when something would change.
const WOULD_CHANGE: u8 = 1;
/// The exit code when something cannot be read.
const FOUND_ERRORS: u8 = 2;
/// The bytes that begin some UTF-8 files.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Lays out expressions; exit code 1 if `--check` finds something to change, 2 for errors.
#[derive(Args, Debug)]
pub(super) struct FmtArgs {
    /// Rule files or folders of them, whose expressions are laid out in place; an expression; or `-` for an expression from
    /// standard input
    #[arg(required_unless_present = "expressions", value_name = "FILE|DIR|EXPR")]
    targets: Vec<String>,
    /// An expression, also where a file has its name
    #[arg(short = 'e', long = "expr", value_name = "EXPR")]
    expressions: Vec<String>,
    /// Change nothing, and name what would change; exit code 1 if anything would
    #[arg(long)]
    check: bool,
    /// Change nothing, and show what would change
    #[arg(long)]
    diff: bool,
    /// The width of lines in characters, where they can be broken
    #[arg(long, value_name = "COLUMNS", default_value_t = WIDTH_DEFAULT)]
    width: usize,
}

/// What became of all targets.
#[derive(Default)]
struct Outcome {
    changes: bool,
    diagnostics: Vec<Diagnostic>,
}

/// Runs the verb.
///
/// # Errors
///
/// Output that cannot be written, files that cannot be replaced.
pub(super) fn run(args: FmtArgs) -> anyhow::Result<ExitCode> {
    let mut outcome = Outcome::default();
    for expression in &args.expressions {
        args.expression(expression, "expression", &mut outcome)?;
    }
    for target in &args.targets {
        args.target(target, &mut outcome)?;
    }
    let color = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    write!(std::io::stderr(), "{}", render_text(&outcome.diagnostics, color))?;
    let failed = outcome.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    Ok(match (failed, args.check && outcome.changes) {
        (true, _) => ExitCode::from(FOUND_ERRORS),
        (false, true) => ExitCode::from(WOULD_CHANGE),
        (false, false) => ExitCode::SUCCESS,
    })
}

impl FmtArgs {
    fn target(&self, target: &str, outcome: &mut Outcome) -> anyhow::Result<()> {
        let is_yaml = |name: &str| name.ends_with(".yml") || name.ends_with(".yaml");
        if target == "-" {
            let mut text = String::new();
            let limit = TEXT_BYTES_MAX as u64 + 1;
            std::io::stdin().take(limit).read_to_string(&mut text).context("cannot read standard input")?;
            self.expression(&text, "standard input", outcome)
        } else if DiskFiles.is_dir(target) {
            let folder = target.trim_end_matches('/');
            let mut paths = Vec::new();
            for ending in ["yml", "yaml"] {
                paths.extend(DiskFiles.glob(&format!("{folder}/**/*.{ending}"))?);
            }
            paths.sort();
            if paths.is_empty() {
                let message = format!("`{folder}` holds no *.yml or *.yaml file");
                outcome.diagnostics.push(Diagnostic::warning("file/no-match", message));
            }
            paths.iter().try_for_each(|path| self.file(path, true, outcome))
        } else if Path::new(target).exists() || is_yaml(target) {
            self.file(target, false, outcome)
        } else {
            self.expression(target, "expression", outcome)
        }
    }

    /// Writes the expression, or what of it would change.
    fn expression(&self, text: &str, name: &str, outcome: &mut Outcome) -> anyhow::Result<()> {
        let formatted = match lang::format(text, self.width) {
            Ok(formatted) => formatted,
            Err(errors) => {
                let file = SourceFile::new(name, text);
                outcome.diagnostics.extend(errors.into_iter().map(|error| {
                    let diagnostic = Diagnostic::error("expr/syntax", error.message).at(&file, error.span);
                    Diagnostic { hint: error.hint, ..diagnostic }
                }));
                return Ok(());
            }
        };
        let changes = formatted != text.trim_end();
        outcome.changes |= changes;
        if self.diff && changes {
            let before = format!("{}\n", text.trim_end());
            let edit = crate::config::Edit { range: 0..before.len(), text: format!("{formatted}\n") };
            write!(std::io::stdout(), "{}", diff::unified(name, &before, &[edit]))?;
        } else if self.check && changes {
            writeln!(std::io::stdout(), "{name}")?;
        } else if !self.diff && !self.check {
            writeln!(std::io::stdout(), "{formatted}")?;
        }
        Ok(())
    }

    /// Lays out a rule file. In a folder other files are passed over.
    fn file(&self, path: &str, in_folder: bool, outcome: &mut Outcome) -> anyhow::Result<()> {
        let bytes = match DiskFiles.read(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                outcome.diagnostics.push(Diagnostic::error("file/unreadable", error.to_string()));
                return Ok(());
            }
        };
        let mark = if bytes.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK } else { b"" };
        let formatted = match format_rules(path, bytes, self.width) {
            Ok(Some(formatted)) => formatted,
            Ok(None) => {
                if !in_folder {
                    let message = format!("`{path}` holds no rule groups: nothing to lay out");
                    outcome.diagnostics.push(Diagnostic::error("format/no-rules", message));
                }
                return Ok(());
            }
            Err(problems) => {
                outcome.diagnostics.extend(problems);
                return Ok(());
            }
        };
        outcome.diagnostics.extend(formatted.warnings.iter().cloned());
        if formatted.edits.is_empty() {
            return Ok(());
        }
        outcome.changes = true;
        self.changed(path, mark, &formatted)
    }

    fn changed(&self, path: &str, mark: &[u8], formatted: &FormattedRules) -> anyhow::Result<()> {
        let mut out = std::io::stdout();
        if self.diff {
            write!(out, "{}", diff::unified(path, &formatted.file.text, &formatted.edits))?;
        } else {
            writeln!(out, "{path}")?;
        }
        if self.diff || self.check {
            return Ok(());
        }
        let content = [mark, formatted.text().as_bytes()].concat();
        replace(Path::new(path), &content).with_context(|| format!("cannot write `{path}`"))
    }
}

/// Puts `content` in the place of the file at `path` in one step: whoever reads it sees the old or the new. Links are followed,
/// permissions stay.
fn replace(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let path = fs::canonicalize(path)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    let written = write_like(&path, &temporary, content).and_then(|()| fs::rename(&temporary, &path));
    if written.is_err() {
        // The error that matters is the first.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Writes a new file with the permissions of the one at `model`.
fn write_like(model: &Path, path: &PathBuf, content: &[u8]) -> std::io::Result<()> {
    let permissions = fs::metadata(model)?.permissions();
    let mut file = File::create_new(path)?;
    file.set_permissions(permissions)?;
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{check, format_rules};

    #[test]
    fn files_are_replaced_in_one_step() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.yml");
        fs::write(&path, "old").expect("written");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("set");
            let link = folder.path().join("link.yml");
            std::os::unix::fs::symlink(&path, &link).expect("linked");
            replace(&link, b"new").expect("replaced");
            assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
            assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o640);
        }
        replace(&path, b"new").expect("replaced");
        assert_eq!(fs::read(&path).expect("there"), b"new");
        assert!(replace(&folder.path().join("gone.yml"), b"x").is_err());
        let names = fs::read_dir(folder.path()).expect("readable").count();
        assert!(names <= 2, "no temporary file is left");
    }

    #[test]
    fn published_rules_keep_their_meaning() {
        let Some(root) = std::env::var_os("WATCHBELL_CONFORMANCE") else {
            println!("WATCHBELL_CONFORMANCE is not set: the published rules are not laid out");
            return;
        };
        let root = PathBuf::from(root).join("rules").to_str().expect("UTF-8").to_owned();
        let paths = DiskFiles.glob(&format!("{root}/**/*.yml")).expect("readable");
        assert!(paths.len() > 30, "only {} files", paths.len());
        let folder = tempfile::tempdir().expect("a folder");
        for width in [20, 60, 100, 1000] {
            for path in &paths {
                let bytes = DiskFiles.read(path).expect("readable");
                let first = format_rules(path, bytes, width).expect("valid").expect("rules").text();
                let again = format_rules(path, first.clone().into_bytes(), width).expect("valid").expect("rules");
                assert_eq!(again.edits, [], "{path} at {width}");
                let copy = folder.path().join("copy.yml");
                fs::write(&copy, &first).expect("written");
                let checked = check(&[copy.to_str().expect("UTF-8").to_owned()], &DiskFiles, &|_| None);
                assert_eq!(checked.count(Severity::Error), 0, "{path} at {width}");
            }
        }
    }
}
