//! The language's semantics as text: scripts in the format of Prometheus's `promqltest`.

mod laws;

use std::path::{Path, PathBuf};

use watchbell::eval::Options;
use watchbell::sim::promql_script::{play, read};

/// Where our own scripts are.
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/promql");
/// The environment variable with the folder of Prometheus's scripts.
const CONFORMANCE: &str = "WATCHBELL_CONFORMANCE";
/// How many evaluations of Prometheus's scripts there are.
const CONFORMANCE_EVALUATIONS: usize = 1309;
/// How many of them hold: all.
const CONFORMANCE_PASSED_MIN: usize = CONFORMANCE_EVALUATIONS;

/// How the evaluations of a script went.
#[derive(Debug, Default)]
struct Outcome {
    passed: usize,
    /// One text per failed evaluation.
    failures: Vec<String>,
}

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
    let text = std::fs::read_to_string(path).expect("a readable script");
    let script = read(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut outcome = Outcome::default();
    for verdict in play(&script, &Options::default()) {
        match verdict.failure {
            None => outcome.passed += 1,
            Some(failure) => {
                let mut text = format!("{name}:{}: {}: {}", verdict.line, verdict.expression, failure.message);
                for line in failure.difference {
                    text.push_str("\n    ");
                    text.push_str(&line);
                }
                outcome.failures.push(text);
            }
        }
    }
    (name, outcome)
}

#[test]
fn own_scripts_hold() {
    let mut failures = Vec::new();
    for path in scripts(Path::new(SCRIPTS)) {
        let (name, outcome) = run_file(&path);
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
    let (mut passed, mut failures) = (0, Vec::new());
    for path in scripts(&Path::new(&folder).join("promqltest")) {
        let (name, outcome) = run_file(&path);
        println!("{name}: {} passed, {} failed", outcome.passed, outcome.failures.len());
        passed += outcome.passed;
        failures.extend(outcome.failures);
    }
    println!("all: {passed} passed, {} failed\n{}", failures.len(), failures.join("\n"));
    assert_eq!(passed + failures.len(), CONFORMANCE_EVALUATIONS);
    assert!(passed >= CONFORMANCE_PASSED_MIN, "only {passed} passed");
}
