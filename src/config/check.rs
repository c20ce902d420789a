//! `check`: every problem of a set of files, without running anything.

use std::sync::Arc;

use hashbrown::HashSet;

use crate::model::{Diagnostic, Severity, Timestamp};
use crate::rule::NoData;

use super::document::Document;
use super::include::paths_in;
use super::lint_policy::LintPolicy;
use super::load::{Environment, Loading};
use super::plan::Plan;
use super::rules::{RuleDefaults, is_rule_file, rule_count};
use super::sources::Files;
use super::written::RuleFile;
use super::yaml::{Node, NodeKind, beside};

/// What was checked and what was found.
#[derive(Debug, Default)]
pub struct Checked {
    /// Every problem, in order of the files.
    pub diagnostics: Vec<Diagnostic>,
    /// How many files were read.
    pub files: usize,
    /// How many rules they hold.
    pub rules: usize,
    /// The rule files, with the rules that could be read.
    pub rule_files: Vec<RuleFile>,
    /// The plan of the first main file among them.
    pub plan: Option<Plan>,
    /// What that main file says about remarks on rules.
    pub lint: LintPolicy,
}

impl Checked {
    /// How many of the problems are of this severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count()
    }
}

/// Checks each of `paths`: a folder (every `*.yml` and `*.yaml` below it), a rule file (its top level has `groups`), or a
/// main file with every file that it names. Files with `tests` in the folder are left to the test command.
pub fn check(paths: &[String], files: &dyn Files, environment: Environment<'_>) -> Checked {
    checked(paths, files, environment, None)
}

/// The same, with warnings of schedules by which nobody is on call for a while within 90 days from `now`.
pub fn check_at(paths: &[String], files: &dyn Files, environment: Environment<'_>, now: Timestamp) -> Checked {
    checked(paths, files, environment, Some(now))
}

fn checked(paths: &[String], files: &dyn Files, environment: Environment<'_>, now: Option<Timestamp>) -> Checked {
    let mut checking = Checking {
        files,
        environment,
        loading: Loading { keeps_written: true, now, warns_of_gaps: now.is_some(), ..Loading::default() },
        rules: 0,
        plan: None,
    };
    let mut rest = Vec::new();
    for path in paths {
        if files.is_dir(path) {
            let found = files_below(path, files, &mut checking.loading.problems);
            rest.extend(found.into_iter().map(|path| (path, true)));
        } else {
            rest.push((path.clone(), false));
        }
    }
    // Main files first: what they name is read with their defaults.
    let mut rule_files = Vec::new();
    let read: Vec<_> =
        rest.into_iter().map(|(path, in_folder)| (Document::read(&path, files), path, in_folder)).collect();
    let includes = |(document, path, _): &(Document, String, bool)| {
        let named = paths_in(document.root.as_deref()).into_iter();
        named.map(|named| beside(path, &named)).collect::<Vec<_>>()
    };
    let included: HashSet<String> = read.iter().flat_map(includes).collect();
    for (document, path, in_folder) in read {
        match &document.root {
            Some(root) if in_folder && is_test_file(&root.kind) => {}
            // It is checked with the file that includes it.
            Some(_) if in_folder && included.contains(&path) => {}
            Some(root) if !is_rule_file(root) => checking.main(&path, &document),
            _ => rule_files.push((path, document)),
        }
    }
    let is_apart = !checking.loading.rule_files.is_empty();
    for (path, document) in rule_files {
        checking.rule_file(&path, document, is_apart);
    }
    checking.finish()
}

/// Whether the top level has `tests`, as promtool's test files have.
fn is_test_file(kind: &NodeKind) -> bool {
    matches!(kind, NodeKind::Mapping(entries) if entries.iter().any(|entry| entry.key == "tests"))
}

/// Whether a document that is found in a folder is a main file or a test file, which may stand beside rule files.
pub(super) fn is_beside_rules(root: &Arc<Node>) -> bool {
    const BLOCKS: [&str; 5] = ["global", "receivers", "route", "rule_files", "scrape_configs"];
    let NodeKind::Mapping(entries) = &root.kind else { return false };
    let is_main_file = entries.iter().any(|entry| BLOCKS.contains(&entry.key.as_str()));
    is_test_file(&root.kind) || (is_main_file && !is_rule_file(root))
}

/// Every `*.yml` and `*.yaml` below `folder`, sorted.
pub(super) fn files_below(folder: &str, files: &dyn Files, problems: &mut Vec<Diagnostic>) -> Vec<String> {
    let folder = folder.trim_end_matches('/');
    let mut paths = Vec::new();
    for ending in ["yml", "yaml"] {
        match files.glob(&format!("{folder}/**/*.{ending}")) {
            Ok(found) => paths.extend(found),
            Err(error) => problems.push(Diagnostic::error("file/unreadable", error.to_string())),
        }
    }
    paths.sort();
    if paths.is_empty() {
        let message = format!("`{folder}` holds no *.yml or *.yaml file");
        problems.push(Diagnostic::warning("file/no-match", message));
    }
    paths
}

struct Checking<'f> {
    files: &'f dyn Files,
    environment: Environment<'f>,
    loading: Loading,
    rules: usize,
    plan: Option<Plan>,
}

impl Checking<'_> {
    fn main(&mut self, path: &str, document: &Document) {
        if self.loading.read.contains(path) {
            return;
        }
        let plan = self.loading.main(path, document, self.files, self.environment);
        self.rules += rule_count(&plan.engine.groups);
        self.plan.get_or_insert(plan);
    }

    fn rule_file(&mut self, path: &str, document: Document, is_apart: bool) {
        if !self.loading.read.insert(path.to_owned()) {
            return;
        }
        let minute = std::time::Duration::from_secs(60);
        let defaults = RuleDefaults { interval: minute, no_data: NoData::default(), query_offset: Default::default() };
        let groups = self.loading.rule_file(document, path, defaults);
        if let Some(file) = self.loading.rule_files.last_mut() {
            file.is_apart = is_apart;
        }
        self.rules += rule_count(&groups);
    }

    fn finish(self) -> Checked {
        let mut seen = HashSet::new();
        let mut diagnostics = self.loading.problems;
        diagnostics.retain(|problem| {
            let place = problem.place.as_ref().map(|place| (place.file.path.clone(), place.range.clone()));
            seen.insert((place, problem.id, problem.message.clone()))
        });
        let place =
            |problem: &Diagnostic| problem.place.as_ref().map(|place| (place.file.path.clone(), place.range.start));
        diagnostics.sort_by_key(place);
        Checked {
            diagnostics,
            files: self.loading.read.len(),
            rules: self.rules,
            rule_files: self.loading.rule_files,
            plan: self.plan,
            lint: self.loading.lint.unwrap_or_default(),
        }
    }
}
