//! `watchbell check` over published rule files (named by `WATCHBELL_CONFORMANCE`) and over 10,000 generated rules. The target
//! is one second for the published ones.
//!
//! `cargo bench --bench check`

mod measured;

use std::process::{Command, Stdio};
use std::time::Duration;

use measured::{report, timed, write_configuration};

const RUNS: usize = 10;

fn main() {
    match std::env::var("WATCHBELL_CONFORMANCE") {
        Ok(root) => checks("published rule files", &format!("{root}/rules")),
        Err(_) => println!("WATCHBELL_CONFORMANCE is not set: the published rule files are not measured"),
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    for rules in [1_000, 10_000] {
        let of_rules = folder.path().join(rules.to_string());
        std::fs::create_dir_all(&of_rules).expect("a folder");
        checks(&format!("{rules} generated rules"), &write_configuration(&of_rules, rules, "15s"));
    }
}

fn checks(name: &str, path: &str) {
    let once = |_| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_watchbell"));
        command.args(["check", path]).stdout(Stdio::null()).stderr(Stdio::null());
        let (took, status) = timed(|| command.status().expect("the binary starts"));
        assert!(status.success(), "{name} has errors");
        took
    };
    let mut took: Vec<Duration> = (0..RUNS).map(once).collect();
    report(name, &mut took);
}
