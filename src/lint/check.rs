//! What a check is, what it sees, and what it says.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::config::{LintPolicy, RuleFile, WrittenRule};
use crate::lang::{Expr, ExprKind, Span};
use crate::model::{Diagnostic, Place, Severity};
use crate::rule::{AlertingRule, RecordingRule, Rule};

use super::flow::{Analysis, analyze};
use super::knowledge::Knowledge;
use super::rates::OF_COUNTERS;
use super::shape::selector;

/// What a check has to know besides the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Rules,
    /// What the block `lint` of the main file asks for.
    Policy,
    /// The main file: intervals of scrapes, external labels; or retention.
    Configuration,
    /// Samples: a fixture or a running server.
    Samples,
}

/// A check with its explanation.
#[derive(Debug)]
pub struct Check {
    /// Its stable name.
    pub id: &'static str,
    /// How much it matters unless the policy says otherwise.
    pub severity: Severity,
    /// What it has to know.
    pub needs: Needs,
    /// What it finds, one sentence.
    pub finds: &'static str,
    /// Why it matters and what to do.
    pub why: &'static str,
    /// Rules in which it finds something: the items of `rules`, or a whole file.
    pub bad: &'static str,
    /// The same, mended.
    pub good: &'static str,
    /// The main file of both examples, if it matters.
    pub settings: &'static str,
    /// The samples of both examples in series notation, if they matter.
    pub samples: &'static str,
    pub(super) run: Run,
}

/// How a check runs.
#[derive(Debug)]
pub(super) enum Run {
    /// Over each rule.
    Rule(fn(&RuleView<'_>, &mut Findings<'_>)),
    /// Over all rules at once.
    All(fn(&[RuleView<'_>], &mut Findings<'_>)),
    /// It is found elsewhere: while files are read, or with the silences.
    Elsewhere,
}

impl Check {
    /// What checks begin with: a warning that needs nothing.
    pub(super) const BASE: Check = Check {
        id: "",
        severity: Severity::Warning,
        needs: Needs::Rules,
        finds: "",
        why: "",
        bad: "",
        good: "",
        settings: "",
        samples: "",
        run: Run::Elsewhere,
    };
}

/// All rules that are looked at together.
pub(super) struct RuleSet<'a> {
    pub(super) files: &'a [RuleFile],
    pub(super) policy: &'a LintPolicy,
    pub(super) knowledge: &'a Knowledge<'a>,
    /// The rules that record, by the name of the series, with the intervals of their groups.
    recordings: HashMap<&'a str, (&'a RecordingRule, Duration)>,
    /// The metrics of which some rule takes a rate.
    pub(super) rated: HashSet<&'a str>,
}

impl<'a> RuleSet<'a> {
    pub(super) fn new(files: &'a [RuleFile], policy: &'a LintPolicy, knowledge: &'a Knowledge<'a>) -> Self {
        let mut set = RuleSet { files, policy, knowledge, recordings: HashMap::new(), rated: HashSet::new() };
        for group in files.iter().flat_map(|file| &file.groups).map(|written| &written.group) {
            for rule in &group.rules {
                set.rated.extend(rated(rule.expr()));
                if let Rule::Recording(rule) = rule {
                    set.recordings.insert(&rule.record, (rule, group.interval));
                }
            }
        }
        set
    }

    /// The rule that records series of this name.
    pub(super) fn recording(&self, name: &str) -> Option<&'a RecordingRule> {
        self.recordings.get(name).map(|(rule, _)| *rule)
    }

    /// The distance of the samples of a recorded series.
    pub(super) fn recording_interval(&self, name: &str) -> Option<Duration> {
        self.recordings.get(name).map(|(_, interval)| *interval)
    }

    /// Every rule, in order.
    pub(super) fn views(&self) -> Vec<RuleView<'_>> {
        let mut views = Vec::new();
        for file in self.files {
            for written in &file.groups {
                for (rule, places) in written.group.rules.iter().zip(&written.rules) {
                    let recorded = |name: &str| {
                        let recording = self.recording(name)?;
                        let labels = recording.labels.iter().map(|(name, _)| name.to_owned()).collect();
                        Some((&recording.expr, labels))
                    };
                    let analysis = analyze(rule.expr(), &recorded);
                    let is_told = self.knowledge.has_main_file && !file.is_apart;
                    let knows_interval = written.says_interval || is_told;
                    let interval = knows_interval.then_some(written.group.interval);
                    views.push(RuleView { set: self, file, interval, rule, written: places, analysis });
                }
            }
        }
        views
    }
}

/// The metrics of which `expr` takes a rate.
fn rated(expr: &Expr) -> Vec<&str> {
    let mut names = Vec::new();
    expr.walk(&mut |part| {
        if let ExprKind::Call(call) = &part.kind
            && OF_COUNTERS.contains(&call.function.name)
        {
            names.extend(call.args.first().and_then(selector).and_then(|selector| selector.name.as_deref()));
        }
    });
    names
}

/// One rule as a check sees it.
pub(super) struct RuleView<'a> {
    pub(super) set: &'a RuleSet<'a>,
    pub(super) file: &'a RuleFile,
    /// The group's interval, if it is known: a rule file alone may run under any.
    pub(super) interval: Option<Duration>,
    pub(super) rule: &'a Rule,
    pub(super) written: &'a WrittenRule,
    pub(super) analysis: Analysis,
}

impl<'a> RuleView<'a> {
    pub(super) fn expr(&self) -> &'a Expr {
        self.rule.expr()
    }

    pub(super) fn alert(&self) -> Option<&'a AlertingRule> {
        match self.rule {
            Rule::Alerting(rule) => Some(rule),
            Rule::Recording(_) => None,
        }
    }

    /// Where the bytes `span` of the expression stand.
    pub(super) fn at(&self, span: &Span) -> Place {
        self.file.place(self.written.expr.within(&self.file.source, span))
    }

    /// Where the rule's name stands.
    pub(super) fn at_name(&self) -> Place {
        self.file.place(self.written.name.clone())
    }
}

/// What one check has found.
pub(super) struct Findings<'c> {
    pub(super) check: &'c Check,
    pub(super) severity: Severity,
    pub(super) found: Vec<Diagnostic>,
}

impl Findings<'_> {
    /// Notes a finding; an empty hint is none.
    pub(super) fn add(&mut self, place: Place, message: impl Into<String>, hint: impl Into<String>) {
        let hint: String = hint.into();
        self.found.push(Diagnostic {
            severity: self.severity,
            id: self.check.id,
            message: message.into(),
            place: Some(place),
            hint: (!hint.is_empty()).then_some(hint),
        });
    }
}
