//! From the start of the process to a `/ready` that answers 200. The target is 200 ms with 1,000 rules.
//!
//! `cargo bench --bench start`

mod measured;
mod process;

use std::path::Path;
use std::time::Duration;

use measured::{batch, now, report, series, write_configuration};
use process::Process;
use watchbell::formats::remote_write::encode_v1;

const RUNS: usize = 20;
const ALERTS: usize = 10_000;
const FIRING_TRIES_MAX: u32 = 600;
const JOURNAL_BYTES: u64 = 100 << 20;

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    starts("embedded default, new data folder", None, folder.path());
    for rules in [1_000, 10_000] {
        let of_rules = folder.path().join(format!("rules-{rules}"));
        std::fs::create_dir_all(&of_rules).expect("a folder");
        let config = write_configuration(&of_rules, rules, "15s");
        starts(&format!("{rules} rules, new data folder"), Some(&config), folder.path());
    }
    restarts(folder.path());
}

fn starts(name: &str, config: Option<&str>, folder: &Path) {
    let once = |run: usize| {
        let data = folder.join(format!("{}-{run}", name.replace(' ', "-")));
        let took = Process::start(config, &data).1;
        drop(std::fs::remove_dir_all(data));
        took
    };
    let mut took: Vec<Duration> = (0..RUNS).map(once).collect();
    report(name, &mut took);
}

/// A service with many alerts in its store and much in its journal is stopped, and starts again.
fn restarts(folder: &Path) {
    let config = folder.join("many-alerts.yml");
    let rules = r#"groups:
  - name: many
    interval: 5s
    rules:
      - alert: Many
        expr: label_replace({job=~".+"}, "metric", "$1", "__name__", "(.*)") > 0
        labels: {severity: page}
      - record: series:kept
        expr: count(last_over_time({job=~".+"}[1h]))
"#;
    std::fs::write(folder.join("many-rules.yml"), rules).expect("the rules are written");
    std::fs::write(&config, "host_samples: false\nrule_files: [many-rules.yml]\n").expect("the main file is written");
    let (config, data) = (config.to_str().expect("text"), folder.join("many-alerts"));
    let (process, _) = Process::start(Some(config), &data);
    let series = series(ALERTS);
    let mut connection = process.connect();
    let mut at = now() - Duration::from_secs(50 * 60);
    while journal_bytes(&data) < JOURNAL_BYTES && at < now() {
        for part in series.chunks(1_000) {
            connection.write(&encode_v1(&batch(part, at, at.seconds_f64() % 1e6 + 1.0)));
        }
        at = at + Duration::from_secs(1);
    }
    for part in series.chunks(1_000) {
        connection.write(&encode_v1(&batch(part, now(), 1.0)));
    }
    let firing = || process.get("/health").is_some_and(|(_, body)| body.contains(&format!("\"firing\":{ALERTS}")));
    for _ in 0..FIRING_TRIES_MAX {
        if firing() {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(firing(), "the alerts do not fire; WATCHBELL_BENCH_LOGS=1 may show why");
    process.stop();
    let name = format!("{ALERTS} alerts and a journal of {} MiB", journal_bytes(&data) >> 20);
    let again = |_| {
        let (process, took) = Process::start(Some(config), &data);
        process.stop();
        took
    };
    let mut took: Vec<Duration> = (0..5).map(again).collect();
    report(&name, &mut took);
}

fn journal_bytes(data: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(data.join("journal")) else { return 0 };
    entries.flatten().filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
}
