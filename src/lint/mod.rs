//! Remarks on rules that work and are probably not as meant.
//!
//! Each check is a function over a rule or over all of them, registered with its explanation in the table of its subject;
//! [`checks`] joins the tables, and `docs/reference/lint.md` is written from them. Nothing here touches the outside: what
//! is known of configuration and samples comes as [`Knowledge`].

mod alerts;
mod asked;
mod bounds;
mod check;
mod flow;
mod knowledge;
mod operators;
mod rates;
mod repeated;
mod required;
mod samples;
mod selectors;
mod series;
mod shape;
mod silence;
mod table;
mod templates;
#[cfg(test)]
mod tests;

pub use asked::{Answer, AskedSeries, QUESTIONS_MAX};
pub use check::{Check, Needs};
pub use knowledge::{Knowledge, SERIES_SHOWN_MAX, SelectorFacts, SeriesKnowledge};
pub use samples::RecordedSeries;
pub use table::{checks, find};

use std::collections::HashSet;

use crate::config::{LintPolicy, RuleFile};
use crate::model::{Diagnostic, Severity};

use check::{Findings, RuleSet, Run};
use silence::{Silences, is_runnable};

/// How many findings of one check are told.
const FINDINGS_MAX: usize = 1000;

/// Looks at the rules of `files`; `found` is what their reading has found. Yields both, without what is silenced, in order
/// of the files. Files with errors are left alone.
pub fn lint(
    files: &[RuleFile],
    policy: &LintPolicy,
    knowledge: &Knowledge<'_>,
    found: Vec<Diagnostic>,
) -> Vec<Diagnostic> {
    let set = RuleSet::new(files, policy, knowledge);
    // Remarks on a file with errors would be consequences of these, or in the way of them.
    let is_error = |diagnostic: &&Diagnostic| diagnostic.severity == Severity::Error;
    let places = found.iter().filter(is_error).filter_map(|diagnostic| diagnostic.place.as_ref());
    let broken: HashSet<String> = places.map(|place| place.file.path.clone()).collect();
    let mut views = set.views();
    views.retain(|view| !broken.contains(&view.file.source.path));
    let is_disabled = |check: &Check| policy.disabled.iter().any(|named| named.id == check.id);
    let mut all = found;
    all.retain(|diagnostic| !find(diagnostic.id).is_some_and(is_disabled));
    for check in checks().filter(|check| !is_disabled(check)) {
        let mut findings = Findings { check, severity: severity(policy, check), found: Vec::new() };
        match check.run {
            Run::Rule(run) => views.iter().for_each(|view| run(view, &mut findings)),
            Run::All(run) => run(&views, &mut findings),
            Run::Elsewhere => {}
        }
        let further = findings.found.len().saturating_sub(FINDINGS_MAX);
        findings.found.truncate(FINDINGS_MAX);
        if let (1.., Some(last)) = (further, findings.found.last_mut()) {
            last.hint = Some(format!("{further} further findings of this check are not shown"));
        }
        all.extend(findings.found);
    }
    let runs = |check: &Check| {
        !is_disabled(check) && is_runnable(check.needs, knowledge.series.is_some(), knowledge.has_main_file)
    };
    let mut all = Silences::read(files, knowledge.now).apply(all, &broken, &runs);
    let named = policy.disabled.iter().chain(policy.severities.iter().map(|(named, _)| named));
    all.extend(
        named.filter(|named| find(&named.id).is_none()).map(|named| silence::unknown(&named.id, named.place.clone())),
    );
    let meta =
        |diagnostic: &Diagnostic| diagnostic.id.starts_with("lint/") && find(diagnostic.id).is_some_and(is_disabled);
    all.retain(|diagnostic| !meta(diagnostic));
    all.sort_by_key(|problem| problem.place.as_ref().map(|place| (place.file.path.clone(), place.range.start)));
    all
}

fn severity(policy: &LintPolicy, check: &Check) -> Severity {
    let chosen = policy.severities.iter().find(|(named, _)| named.id == check.id);
    chosen.map_or(check.severity, |(_, severity)| *severity)
}
