//! Small configurations with what Watchbell says of each, and what amtool 0.25 says.
//!
//! A configuration begins with `### NAME`, then what both say, and why where they differ; the rest is its text.

use super::*;
use crate::model::Severity;

const VERDICTS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/alertmanager/verdicts.txt"));

#[test]
fn verdicts_are_as_recorded() {
    let (mut count, mut wrong) = (0, Vec::new());
    for case in VERDICTS.split("### ").skip(1) {
        let (name, rest) = case.split_once('\n').expect("a name");
        let mut lines = rest.lines().peekable();
        let mut said = |who: &str| lines.next_if(|line| line.starts_with(who)).map(|line| line[who.len()..].to_owned());
        let (amtool, watchbell) = (said("amtool: ").expect(name), said("watchbell: ").expect(name));
        let differs = said("differs: ");
        let text: Vec<&str> = lines.collect();
        let path = format!("c/{name}.yml");
        let files = MemoryFiles::new([(path.as_str(), text.join("\n").as_str())]);
        let checked = check(&[path], &files, &no_environment);
        let told = |problem: &Diagnostic| {
            let weight = if problem.severity == Severity::Error { "" } else { "warning " };
            format!("{weight}{}: {}", problem.id, problem.message)
        };
        let told: Vec<String> = checked.diagnostics.iter().map(told).collect();
        let told = if told.is_empty() { "ok".to_owned() } else { told.join(" | ") };
        if told != watchbell {
            wrong.push(format!("{name}\n  expected {watchbell}\n  told     {told}"));
            continue;
        }
        let accepted = checked.count(Severity::Error) == 0;
        assert_eq!((amtool == "ok") != accepted, differs.is_some(), "{name}: who differs says why, and nobody else");
        count += 1;
    }
    assert!(wrong.is_empty(), "{} went otherwise\n{}", wrong.len(), wrong.join("\n"));
    assert!(count > 150, "{count} configurations");
}
