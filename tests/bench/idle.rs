//! What the service costs while nothing happens: the embedded default over 30 seconds, after a minute of running with
//! `WATCHBELL_BENCH_SETTLE_SECONDS=60` (default 5). The targets are 1 % of one CPU and 60 MiB.
//!
//! `cargo bench --bench idle`

mod measured;
mod process;

use std::time::Duration;

use measured::write_configuration;
use process::Process;

const WATCHED: Duration = Duration::from_secs(30);
const SETTLE_SECONDS: u64 = 5;

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = write_configuration(folder.path(), 1_000, "15s");
    idle("embedded default", None, &folder.path().join("embedded"));
    idle("1000 rules without series", Some(&config), &folder.path().join("rules"));
}

fn idle(name: &str, config: Option<&str>, data: &std::path::Path) {
    let settle = std::env::var("WATCHBELL_BENCH_SETTLE_SECONDS").ok().and_then(|text| text.parse().ok());
    let (process, _) = Process::start(config, data);
    std::thread::sleep(Duration::from_secs(settle.unwrap_or(SETTLE_SECONDS)));
    let before = process.cpu_time();
    std::thread::sleep(WATCHED);
    let used = process.cpu_time() - before;
    println!(
        "{name}: {:.2} % of one CPU, {:.0} MiB resident",
        used.as_secs_f64() / WATCHED.as_secs_f64() * 100.0,
        process.resident_mib()
    );
    process.stop();
}
