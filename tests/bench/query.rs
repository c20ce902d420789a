//! Ten shapes of queries over 10,000 series with an hour of samples every 15 s, asked over HTTP: the CPU time of the service
//! for one answer, beside that of Prometheus for the same samples, where it is installed.
//!
//! `cargo bench --bench query [WORD]`: only the shapes whose names hold the word.

mod measured;
mod process;

use std::time::Duration;

use measured::{batch_of, now, timed};
use process::Process;
use watchbell::formats::remote_write::encode_v1;
use watchbell::model::{Labels, Timestamp};

const METRIC: &str = "latency_seconds_bucket";
const INSTANCES: usize = 1_000;
const BOUNDS: [&str; 10] = ["0.005", "0.01", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "+Inf"];
const SAMPLES: u32 = 240;
const INTERVAL: Duration = Duration::from_secs(15);
const SERIES_PER_BATCH: usize = 2_000;
/// The steps of a range query: one a minute.
const STEP_SECONDS: i64 = 60;
/// How long one shape is asked of one service.
const PATIENCE: Duration = Duration::from_millis(1_500);
const ASKED_MIN: u32 = 3;

/// What is asked.
const SHAPES: [(&str, &str); 10] = [
    ("selector", "METRIC"),
    ("comparison", "METRIC > 5000"),
    ("rate", "rate(METRIC[5m])"),
    ("sum-by-rate", "sum by (job) (rate(METRIC[5m]))"),
    ("avg-without", "avg without (instance) (METRIC)"),
    ("max-over-time", "max_over_time(METRIC[30m])"),
    ("quantile-over-time", "quantile_over_time(0.9, METRIC[10m])"),
    ("topk-rate", "topk(10, rate(METRIC[5m]))"),
    ("share-of-group", "METRIC / ignoring (le) group_left METRIC{le=\"+Inf\"}"),
    ("histogram-quantile", "histogram_quantile(0.99, sum by (job, le) (rate(METRIC[5m])))"),
];

/// A service and what it is called.
struct Asked {
    name: &'static str,
    process: Process,
}

fn main() {
    let word = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = folder.path().join("watchbell.yml");
    std::fs::write(&config, "host_samples: false\n").expect("the main file is written");
    let (watchbell, _) = Process::start(config.to_str(), &folder.path().join("watchbell"));
    let mut services = vec![Asked { name: "watchbell", process: watchbell }];
    match Process::start_prometheus(folder.path()) {
        Some(process) => services.push(Asked { name: "prometheus", process }),
        None => println!("prometheus is not installed: there is nothing to compare with"),
    }
    let last = Timestamp::from_seconds(now().millis() / 60_000 * 60);
    let first = last - INTERVAL * (SAMPLES - 1);
    fill(&services, first);
    for service in &services {
        println!("{}: {:.0} MiB resident", service.name, service.process.resident_mib());
    }
    for (name, expr) in SHAPES.iter().filter(|(name, _)| name.contains(&word)) {
        compare(&services, name, "instant", &format!("query?time={}&{}", last.millis() / 1000, parameter(expr)));
        let (start, end) = (first.millis() / 1000, last.millis() / 1000);
        let axis = format!("query_range?start={start}&end={end}&step={STEP_SECONDS}&{}", parameter(expr));
        compare(&services, name, "range", &axis);
    }
    for service in services {
        service.process.stop();
    }
}

fn parameter(expr: &str) -> String {
    let expr = expr.replace("METRIC", METRIC);
    let encoded: String = expr.bytes().map(|byte| format!("%{byte:02X}")).collect();
    format!("query={encoded}")
}

/// Counters of requests by duration: of every instance a classic histogram.
fn fill(services: &[Asked], first: Timestamp) {
    let labels: Vec<Labels> = (0..INSTANCES * BOUNDS.len())
        .map(|number| {
            let (instance, bound) = (number / BOUNDS.len(), number % BOUNDS.len());
            Labels::from_pairs([
                ("__name__", METRIC.to_owned()),
                ("job", format!("job-{}", instance % 10)),
                ("instance", format!("host-{instance}.example.net:9100")),
                ("le", BOUNDS[bound].to_owned()),
            ])
        })
        .collect();
    // Counts grow by some requests in each interval, with the bound, and of no two instances alike.
    let value = |number: usize, tick: u32| {
        let (instance, bound) = (number / BOUNDS.len(), number % BOUNDS.len());
        let growth = (bound + 1) as f64 * (7.0 + (instance % 13) as f64) * (1.0 + instance as f64 * 1e-6);
        f64::from(tick) * growth
    };
    let mut connections: Vec<_> = services.iter().map(|service| service.process.connect()).collect();
    for tick in 0..SAMPLES {
        let at = first + INTERVAL * tick;
        for (part, chunk) in labels.chunks(SERIES_PER_BATCH).enumerate() {
            let values = (0..chunk.len()).map(|number| value(part * SERIES_PER_BATCH + number, tick));
            let body = encode_v1(&batch_of(chunk, at, values));
            for connection in &mut connections {
                connection.write(&body);
            }
        }
    }
}

/// Asks every service the same and prints what one answer costs each.
fn compare(services: &[Asked], name: &str, kind: &str, path: &str) {
    let path = format!("/api/v1/{path}");
    let mut costs = Vec::new();
    let mut line = format!("{name:<20} {kind:<8}");
    let mut counts = Vec::new();
    for service in services {
        let mut connection = service.process.connect();
        let mut ask = || {
            let (status, body) = connection.ask("GET", &path, &[], &[]).expect("an answer");
            assert_eq!(status, 200, "{}: {name}: {body:.300}", service.name);
            body
        };
        counts.push(ask().matches("\"metric\"").count());
        let before = service.process.cpu_time();
        let mut asked = 0;
        let mut spent = Duration::ZERO;
        while asked < ASKED_MIN || spent < PATIENCE {
            spent += timed(&mut ask).0;
            asked += 1;
        }
        let cost = (service.process.cpu_time() - before) / asked;
        line.push_str(&format!(
            "  {} {:>8.2} ms CPU, {:>8.2} ms",
            service.name,
            cost.as_secs_f64() * 1e3,
            (spent / asked).as_secs_f64() * 1e3
        ));
        costs.push(cost.as_secs_f64());
    }
    if let [ours, theirs] = costs[..] {
        line.push_str(&format!("  ratio {:.2}", ours / theirs));
    }
    let equal = counts.windows(2).all(|pair| pair[0] == pair[1]);
    assert!(equal, "{name}: the services answer with unlike numbers of series: {counts:?}");
    println!("{line}  ({} series)", counts[0]);
}
