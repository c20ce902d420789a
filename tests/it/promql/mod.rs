//! The language's semantics as text: scripts in the format of Prometheus's `promqltest`.

mod laws;
mod run;
mod script;
mod store;

use std::path::{Path, PathBuf};

use run::{Outcome, run};

/// Where our own scripts are.
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/promql");
/// The environment variable with the folder of Prometheus's scripts.
const CONFORMANCE: &str = "WATCHBELL_CONFORMANCE";
/// How many evaluations of Prometheus's scripts hold at least; the rest needs native histograms or start timestamps.
const CONFORMANCE_PASSED_MIN: usize = 760;

fn scripts(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder of scripts");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "test"));
    paths.sort();
    assert!(!paths.is_empty(), "no scripts in {}", folder.display());
    paths
}

fn run_file(path: &Path) -> (String, Outcome) {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let outcome = run(&name, &std::fs::read_to_string(path).expect("a readable script"));
    (name, outcome)
}

#[test]
fn own_scripts_hold() {
    let mut failures = Vec::new();
    for path in scripts(Path::new(SCRIPTS)) {
        let (name, outcome) = run_file(&path);
        assert_eq!(outcome.skipped, 0, "{name} needs what is not supported");
        assert!(outcome.passed > 0 || !outcome.failures.is_empty(), "{name} checks nothing");
        failures.extend(outcome.failures);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn prometheus_scripts_hold() {
    let Ok(folder) = std::env::var(CONFORMANCE) else {
        eprintln!("{CONFORMANCE} is not set: Prometheus's scripts are not run");
        return;
    };
    let (mut passed, mut skipped, mut failures) = (0, 0, Vec::new());
    for path in scripts(&Path::new(&folder).join("promqltest")) {
        let (name, outcome) = run_file(&path);
        println!("{name}: {} passed, {} failed, {} skipped", outcome.passed, outcome.failures.len(), outcome.skipped);
        passed += outcome.passed;
        skipped += outcome.skipped;
        failures.extend(outcome.failures);
    }
    println!("all: {passed} passed, {} failed, {skipped} skipped", failures.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(passed >= CONFORMANCE_PASSED_MIN, "only {passed} passed");
}
