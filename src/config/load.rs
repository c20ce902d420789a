//! From the main file, or none, to the compiled plan.

use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashSet;

use crate::engine;
use crate::model::{Diagnostic, Severity, SourceFile, Timestamp};
use crate::rule::Group;
use crate::template::NotificationTemplates;

use super::alertmanager::as_alertmanager;
use super::document::Document;
use super::expression::{report_template_error, template_file_error};
use super::include::with_included;
use super::lint_policy::LintPolicy;
use super::main_file::{MainFile, Pattern, main_file};
use super::oncall::{CalendarFiles, warn_of_gaps};
use super::plan::{HostSamples, Plan};
use super::rules::{RuleDefaults, rule_groups};
use super::sources::{Files, has_wildcard};
use super::written::RuleFile;
use super::yaml::{NodeKind, Reader};

/// The rules that run when nothing is configured.
const STARTER_RULES: [(&str, &str); 1] =
    [("rules/host.yml", include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/rules/host.yml")))];
/// The distance of samples and evaluations when nothing is configured: short, so that something is seen soon.
const STARTER_INTERVAL: Duration = Duration::from_secs(5);

/// A configuration that can run.
#[derive(Debug)]
pub struct Loaded {
    /// The compiled plan.
    pub plan: Plan,
    /// What works and is probably not as meant.
    pub warnings: Vec<Diagnostic>,
    /// Every file that was read, for watching; sorted.
    pub read: Vec<String>,
    /// Every pattern that was looked up, for watching.
    pub patterns: Vec<String>,
}

/// Looks up an environment variable.
pub type Environment<'e> = &'e dyn Fn(&str) -> Option<String>;

/// Loads the main file at `main` and every file that it names; without one, the embedded default: samples of this
/// machine, the starter rules, notifications to the console.
///
/// # Errors
///
/// Every problem found, warnings among them, when one of them is an error.
pub fn load(main: Option<&str>, files: &dyn Files, environment: Environment<'_>) -> Result<Loaded, Vec<Diagnostic>> {
    loaded(main, files, environment, None)
}

/// The same at `now`: of calendars, what recurs is taken for a year before and a year ahead.
///
/// # Errors
///
/// As of [`load`].
pub fn load_at(
    main: Option<&str>,
    files: &dyn Files,
    environment: Environment<'_>,
    now: Timestamp,
) -> Result<Loaded, Vec<Diagnostic>> {
    loaded(main, files, environment, Some(now))
}

fn loaded(
    main: Option<&str>,
    files: &dyn Files,
    environment: Environment<'_>,
    now: Option<Timestamp>,
) -> Result<Loaded, Vec<Diagnostic>> {
    let mut loading = Loading { now, ..Loading::default() };
    let plan = match main {
        Some(path) => loading.main(path, &Document::read(path, files), files, environment),
        None => loading.embedded(),
    };
    if loading.problems.iter().any(|problem| problem.severity == Severity::Error) {
        return Err(loading.problems);
    }
    let mut read: Vec<String> = loading.read.into_iter().collect();
    read.sort();
    Ok(Loaded { plan, warnings: loading.problems, read, patterns: loading.patterns })
}

/// What gathers while files are read.
#[derive(Default)]
pub(super) struct Loading {
    pub(super) problems: Vec<Diagnostic>,
    pub(super) read: HashSet<String>,
    pub(super) patterns: Vec<String>,
    /// Whether rule files and the first main file are kept for who remarks on them.
    pub(super) keeps_written: bool,
    pub(super) rule_files: Vec<RuleFile>,
    pub(super) lint: Option<LintPolicy>,
    /// The present, from which calendars are read and gaps of schedules looked for.
    pub(super) now: Option<Timestamp>,
    /// Whether gaps of schedules are told.
    pub(super) warns_of_gaps: bool,
}

impl Loading {
    fn embedded(&mut self) -> Plan {
        let mut main =
            MainFile { host_samples: Some(HostSamples { interval: STARTER_INTERVAL }), ..MainFile::default() };
        main.rules.interval = STARTER_INTERVAL;
        main.route.group_interval = STARTER_INTERVAL * 6;
        let mut groups = Vec::new();
        for (path, text) in STARTER_RULES {
            let document = Document::from_bytes(path, text.as_bytes().to_vec());
            groups.extend(self.rule_file(document, path, main.rules));
        }
        let for_amtool = as_alertmanager(&Reader::without_secrets(&SourceFile::new("", "")), None, &main);
        plan(main, groups, NotificationTemplates::default(), Written { whole: String::new(), for_amtool })
    }

    /// Compiles the main file `document` with every file that it names.
    pub(super) fn main(
        &mut self,
        path: &str,
        document: &Document,
        files: &dyn Files,
        environment: Environment<'_>,
    ) -> Plan {
        self.read.insert(path.to_owned());
        self.problems.extend(document.problems.iter().cloned());
        let mut reader = Reader::new(&document.file, environment);
        let included = with_included(&mut reader, document, files);
        self.problems.extend(included.problems);
        self.read.extend(included.paths);
        let mut main = main_file(&reader, included.root.as_deref());
        if self.keeps_written && self.lint.is_none() {
            self.lint = Some(std::mem::take(&mut main.lint).in_file(&document.file));
        }
        self.calendars(&mut main, &reader, files);
        if let Some(now) = self.now.filter(|_| self.warns_of_gaps) {
            warn_of_gaps(&main.oncall, &reader, now);
        }
        let templates = self.templates(&main, &reader, files);
        let rule_files = self.files(&main.rule_files, &reader, files, Severity::Error);
        let written = Written {
            whole: reader.shown_text(),
            for_amtool: as_alertmanager(&reader, included.root.as_deref(), &main),
        };
        self.problems.extend(reader.finish());
        let mut groups = Vec::new();
        let folder = path.rfind('/').map_or("", |slash| &path[..=slash]);
        for path in rule_files {
            let name = path.strip_prefix(folder).unwrap_or(&path).to_owned();
            groups.extend(self.rule_file(Document::read(&path, files), &name, main.rules));
        }
        plan(main, groups, templates, written)
    }

    /// Reads the rule file `document`, known under `name`.
    pub(super) fn rule_file(&mut self, document: Document, name: &str, defaults: RuleDefaults) -> Vec<Group> {
        self.problems.extend(document.problems);
        let reader = Reader::without_secrets(&document.file);
        let written = rule_groups(&reader, document.root.as_deref(), name, defaults);
        self.problems.extend(reader.finish());
        let groups = match self.keeps_written {
            true => written.iter().map(|written| written.group.clone()).collect(),
            false => return written.into_iter().map(|written| written.group).collect(),
        };
        self.rule_files.push(RuleFile { source: document.file, groups: written, is_apart: false });
        groups
    }

    /// Reads the calendars of the schedules.
    fn calendars(&mut self, main: &mut MainFile, reader: &Reader<'_>, files: &dyn Files) {
        let (problems, read, patterns) = Default::default();
        let mut calendars = CalendarFiles { files, reader, now: self.now, problems, read, patterns };
        calendars.take(&mut main.oncall);
        self.problems.extend(calendars.problems);
        self.read.extend(calendars.read);
        self.patterns.extend(calendars.patterns);
    }

    /// The files that `patterns` match, each once, in order. `absent` is how much a file matters that is not there.
    fn files(&mut self, patterns: &[Pattern], reader: &Reader<'_>, files: &dyn Files, absent: Severity) -> Vec<String> {
        let mut found = Vec::new();
        for pattern in patterns {
            self.patterns.push(pattern.glob.clone());
            let paths = match files.glob(&pattern.glob) {
                Ok(paths) => paths,
                Err(error) => {
                    reader.error("file/pattern", &pattern.span, error.to_string());
                    continue;
                }
            };
            match (paths.is_empty(), has_wildcard(&pattern.glob)) {
                (true, true) => reader.warning("file/no-match", &pattern.span, "this pattern matches no file"),
                (true, false) if absent == Severity::Error => {
                    reader.error("file/unreadable", &pattern.span, "there is no such file");
                }
                (true, false) => reader.warning("file/no-match", &pattern.span, "there is no such file"),
                (false, _) => {}
            }
            found.extend(paths.into_iter().filter(|path| self.read.insert(path.clone())));
        }
        found
    }

    /// Reads the template files and checks every template of the main file against them.
    fn templates(&mut self, main: &MainFile, reader: &Reader<'_>, files: &dyn Files) -> NotificationTemplates {
        let mut sources: Vec<Arc<SourceFile>> = Vec::new();
        // Alertmanager takes every path for a pattern, which may match nothing.
        for path in self.files(&main.templates, reader, files, Severity::Warning) {
            match files.read(&path).map(String::from_utf8) {
                Ok(Ok(text)) => sources.push(SourceFile::new(path, text)),
                Ok(Err(_)) => {
                    self.problems.push(Diagnostic::error("file/encoding", format!("`{path}` is not UTF-8")));
                }
                Err(error) => self.problems.push(Diagnostic::error("file/unreadable", error.to_string())),
            }
        }
        let texts = sources.iter().map(|source| (source.path.as_str(), source.text.as_str()));
        match NotificationTemplates::new(texts) {
            Ok(templates) => {
                check_templates(reader, &templates);
                templates
            }
            Err(error) => {
                let file = sources.iter().find(|source| source.path == error.path);
                self.problems.push(template_file_error(error.error, file));
                NotificationTemplates::default()
            }
        }
    }
}

/// Checks the templates that the main file holds.
fn check_templates(reader: &Reader<'_>, templates: &NotificationTemplates) {
    for node in reader.take_templates() {
        let NodeKind::Scalar(scalar) = &node.kind else { continue };
        if let Err(error) = templates.check(&scalar.text) {
            report_template_error(reader, &node, error);
        }
    }
}

/// A configuration for people and for tools, without its secrets.
struct Written {
    whole: String,
    for_amtool: String,
}

fn plan(main: MainFile, groups: Vec<Group>, templates: NotificationTemplates, written: Written) -> Plan {
    Plan {
        engine: engine::Plan {
            groups,
            route: main.route,
            inhibit_rules: main.inhibit_rules,
            time_intervals: main.time_intervals,
            receivers: main.receivers.into_iter().chain(main.escalation.hidden).collect(),
            flap: main.flap,
            planned_silences: main.planned_silences,
            silence_reminder: main.silence_reminder,
            heartbeats: main.heartbeats,
            oncall: Arc::new(main.oncall.plan),
            escalation: Arc::new(main.escalation.plan),
            external_labels: main.external_labels,
            external_url: match main.external_url.is_empty() {
                true => format!("http://{}", main.listen),
                false => main.external_url,
            },
            resolve_timeout: main.resolve_timeout,
            written: written.whole.into(),
            as_alertmanager: written.for_amtool.into(),
        },
        scrapes: main.scrapes,
        host_samples: main.host_samples,
        templates,
        heartbeat_keys: main.heartbeat_keys,
        watchdog: main.watchdog,
        listen: main.listen,
        web: main.web,
        answers: main.answers,
        storage_path: main.storage_path,
        retention_floor: main.retention_floor,
        evaluation_interval: main.rules.interval,
        limits: main.limits,
        query: main.query,
        history: main.history,
    }
}
