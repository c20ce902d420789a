//! Every check finds something in its bad example and nothing in its good one.

use super::*;
use crate::config::{MemoryFiles, check as check_files};
use crate::formats::fixture;
use crate::model::{Timestamp, render_text};

/// A rule file around the items of `rules`, unless it is one.
fn rule_file(example: &str) -> String {
    if example.starts_with("groups:") {
        return example.to_owned();
    }
    let rules: String = example.lines().map(|line| format!("      {line}\n")).collect();
    format!("groups:\n  - name: example\n    rules:\n{rules}")
}

/// What is found in `rules`.
fn found(settings: &str, samples: &str, rules: &str) -> Vec<Diagnostic> {
    let files = MemoryFiles::new([("watchbell.yml", settings), ("rules.yml", rules)]);
    let checked = check_files(&["watchbell.yml".to_owned(), "rules.yml".to_owned()], &files, &|_| None);
    let recorded = (!samples.is_empty())
        .then(|| RecordedSeries::new(fixture::read("x.series", samples.as_bytes()).expect("samples")));
    let knowledge = Knowledge {
        now: Some(Timestamp::from_millis(1_800_000_000_000)),
        series: recorded.as_ref().map(|recorded| recorded as &dyn SeriesKnowledge),
        ..checked.plan.as_ref().map(Knowledge::of_plan).unwrap_or_default()
    };
    lint(&checked.rule_files, &checked.lint, &knowledge, checked.diagnostics)
}

#[test]
fn every_check_tells_its_bad_example_from_its_good_one() {
    for check in checks() {
        let bad = found(check.settings, check.samples, &rule_file(check.bad));
        assert!(
            bad.iter().any(|finding| finding.id == check.id),
            "{} finds nothing:\n{}",
            check.id,
            render_text(&bad, false)
        );
        let worst = bad.iter().filter(|finding| finding.id == check.id).map(|finding| finding.severity).max();
        assert_eq!(worst, Some(check.severity), "{}", check.id);
        let errors = bad.iter().filter(|finding| finding.severity == Severity::Error).count();
        assert_eq!(errors, 0, "{}:\n{}", check.id, render_text(&bad, false));
        let good = found(check.settings, check.samples, &rule_file(check.good));
        let is_remark = |finding: &&Diagnostic| finding.id == check.id || finding.severity > Severity::Info;
        let remarks: Vec<Diagnostic> = good.iter().filter(is_remark).cloned().collect();
        assert!(remarks.is_empty(), "{}:\n{}", check.id, render_text(&remarks, false));
    }
}

#[test]
fn ids_are_unique_and_in_order_of_subject() {
    let mut ids: Vec<&str> = checks().map(|check| check.id).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
    for check in checks() {
        assert!(check.finds.ends_with('.') && check.why.ends_with('.'), "{}", check.id);
        assert!(check.explain().contains(check.id));
    }
}
