//! Firing alerts posted in batches of 64 into 1,000 groups, asked for by group, and posted again unchanged: alerts a second, CPU time,
//! memory, bytes written; beside Alertmanager by the same configuration, where it is installed. Each figure is the median of
//! its runs, each with a new process; what a process needs before it is ready is left out, but for its memory.
//!
//! `cargo bench --bench alerts [COUNT...]`: how many alerts, instead of 10,000 and 100,000.

mod measured;
mod process;

use std::time::Duration;

use measured::{now, timed};
use process::Process;
use watchbell::model::Timestamp;

const GROUPS: usize = 1_000;
const BATCH: usize = 64;
/// How many senders post at a time.
const SENDERS: usize = 8;
/// How many runs make a median: CPU time counts in steps of 10 ms, which are large beside few alerts.
const RUNS: usize = 3;
const RUNS_OF_FEW: usize = 7;
const FEW: usize = 20_000;
/// How many alerts Alertmanager has put into groups: it answers before it does.
const GROUPED_COUNT: &str = "alertmanager_dispatcher_alert_processing_duration_seconds_count";
/// How long it may take to do so.
const GROUPED_PATIENCE: Duration = Duration::from_secs(60);
/// How often it is asked.
const GROUPED_INTERVAL: Duration = Duration::from_millis(20);
/// How long alerts fire unless they are posted again.
const HORIZON: Duration = Duration::from_secs(4 * 60);

/// Groups wait for longer than this takes, so that taking alerts in is measured and not the receiver.
const CONFIG: &str = "
route: {receiver: hook, group_by: [alertname], group_wait: 1h, group_interval: 1h, repeat_interval: 24h}
receivers:
  - name: hook
    webhook_configs: [{url: 'http://127.0.0.1:9/'}]
";

/// What a service needed until it had answered, and, but for the time, until its groups had every alert.
#[derive(Clone, Copy)]
struct Needed {
    time: Duration,
    cpu: Duration,
    written: u64,
}

struct Outcome {
    first: Needed,
    again: Needed,
    groups: Needed,
    groups_bytes: usize,
    ready_mib: f64,
    peak_mib: f64,
    peak_after_groups_mib: f64,
}

fn main() {
    let asked: Vec<usize> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let counts = if asked.is_empty() { vec![10_000, 100_000] } else { asked };
    for count in counts {
        let (mut own, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..if count <= FEW { RUNS_OF_FEW } else { RUNS } {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let (watchbell, alertmanager) =
                (folder.path().join("watchbell.yml"), folder.path().join("alertmanager.yml"));
            std::fs::write(&alertmanager, CONFIG).expect("the file is written");
            std::fs::write(&watchbell, format!("host_samples: false\n{CONFIG}")).expect("the file is written");
            let (service, _) = Process::start(watchbell.to_str(), &folder.path().join("watchbell"));
            own.push(run(service, count, |_| true));
            if let Some(service) = Process::start_alertmanager(&alertmanager, folder.path()) {
                theirs.push(run(service, count, |service| service.metric(GROUPED_COUNT) >= Some(count as f64)));
            }
        }
        if theirs.is_empty() {
            println!("prometheus-alertmanager is not installed: there is nothing to compare with");
        }
        print(count, &own, &theirs);
    }
}

fn run(service: Process, count: usize, is_grouped: impl Fn(&Process) -> bool) -> Outcome {
    let starts = now();
    let ready_mib = service.peak_mib();
    let first = post(&service, count, starts, starts + HORIZON, || {
        for _ in 0..GROUPED_PATIENCE.as_millis() / GROUPED_INTERVAL.as_millis() {
            if is_grouped(&service) {
                return;
            }
            std::thread::sleep(GROUPED_INTERVAL);
        }
        panic!("the alerts do not get into their groups");
    });
    let peak_mib = service.peak_mib();
    let mut connection = service.connect();
    let mut groups_bytes = 0;
    let groups = measure(
        &service,
        || {
            let (status, body) = connection.ask("GET", "/api/v2/alerts/groups", &[], &[]).expect("an answer");
            assert_eq!(status, 200, "{body:.300}");
            assert_eq!(body.matches("\"fingerprint\"").count(), count, "every alert is in one group");
            groups_bytes = body.len();
        },
        || {},
    );
    let again = post(&service, count, starts, starts + HORIZON + Duration::from_secs(60), || {});
    let peak_after_groups_mib = service.peak_mib();
    service.stop();
    Outcome { first, again, groups, groups_bytes, ready_mib, peak_mib, peak_after_groups_mib }
}

fn measure(service: &Process, work: impl FnOnce(), settle: impl FnOnce()) -> Needed {
    let (cpu, written) = (service.cpu_time(), service.written_bytes());
    let (time, ()) = timed(work);
    settle();
    Needed { time, cpu: service.cpu_time() - cpu, written: service.written_bytes() - written }
}

/// Posts all alerts once, from several senders, each with its own share of the batches.
fn post(service: &Process, count: usize, starts: Timestamp, ends: Timestamp, settle: impl FnOnce()) -> Needed {
    let batches: Vec<Vec<u8>> =
        (0..count).step_by(BATCH).map(|first| body(first..count.min(first + BATCH), starts, ends)).collect();
    let work = || {
        std::thread::scope(|scope| {
            for sender in 0..SENDERS {
                let own = batches.iter().skip(sender).step_by(SENDERS);
                scope.spawn(move || {
                    let mut connection = service.connect();
                    for body in own {
                        let headers = [("Content-Type", "application/json")];
                        let (status, text) =
                            connection.ask("POST", "/api/v2/alerts", &headers, body).expect("an answer");
                        assert_eq!(status, 200, "{text}");
                    }
                });
            }
        });
    };
    measure(service, work, settle)
}

/// Alerts as Prometheus posts them: six labels, two annotations, an address.
fn body(numbers: std::ops::Range<usize>, starts: Timestamp, ends: Timestamp) -> Vec<u8> {
    let alert = |number: usize| {
        let (group, host) = (number % GROUPS, number / GROUPS);
        format!(
            "{{\"labels\":{{\"alertname\":\"Alert{group}\",\"cluster\":\"eu-north-{}\",\"instance\":\"host-{host}.example.net:9100\",\
             \"job\":\"node-{}\",\"monitor\":\"prometheus-a\",\"severity\":\"warning\"}},\
             \"annotations\":{{\"summary\":\"host-{host}.example.net:9100 of node-{} is in trouble\",\
             \"description\":\"The filesystem of host-{host}.example.net:9100 has had too little room for five minutes.\"}},\
             \"startsAt\":\"{starts}\",\"endsAt\":\"{ends}\",\
             \"generatorURL\":\"http://prometheus-a.example.net:9090/graph?g0.expr=node_filesystem_avail_bytes+%3C+{group}\"}}",
            group % 5,
            group % 10,
            group % 10,
        )
    };
    format!("[{}]", numbers.map(alert).collect::<Vec<_>>().join(",")).into_bytes()
}

fn print(count: usize, own: &[Outcome], theirs: &[Outcome]) {
    let runs = own.len();
    println!("{count} alerts in {GROUPS} groups, batches of {BATCH}, {SENDERS} senders; medians of {runs} runs");
    println!("| | watchbell | alertmanager | ratio |\n|---|---|---|---|");
    let row = |name: &str, unit: &str, value: &dyn Fn(&Outcome) -> f64| {
        let median = |outcomes: &[Outcome]| {
            let mut values: Vec<f64> = outcomes.iter().map(value).collect();
            values.sort_unstable_by(f64::total_cmp);
            values.get(values.len() / 2).copied()
        };
        let ours = median(own).expect("there was a run");
        match median(theirs) {
            Some(theirs) => println!("| {name} | {ours:.1} {unit} | {theirs:.1} {unit} | {:.2} |", ours / theirs),
            None => println!("| {name} | {ours:.1} {unit} | | |"),
        }
    };
    let all = count as f64;
    let rate = move |needed: Needed| all / needed.time.as_secs_f64();
    let per_cpu = move |needed: Needed| all / needed.cpu.as_secs_f64().max(0.01);
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    row("posted", "alerts/s", &|it| rate(it.first));
    row("posted, of one CPU second", "alerts", &|it| per_cpu(it.first));
    row("CPU time", "s", &|it| it.first.cpu.as_secs_f64());
    row("written", "MiB", &|it| mib(it.first.written));
    row("peak memory, when ready", "MiB", &|it| it.ready_mib);
    row("peak memory, after the posts", "MiB", &|it| it.peak_mib);
    row("alerts/groups", "ms", &|it| it.groups.time.as_secs_f64() * 1e3);
    row("alerts/groups, CPU", "ms", &|it| it.groups.cpu.as_secs_f64() * 1e3);
    row("alerts/groups, size", "MiB", &|it| mib(it.groups_bytes as u64));
    row("posted again", "alerts/s", &|it| rate(it.again));
    row("posted again, of one CPU second", "alerts", &|it| per_cpu(it.again));
    row("posted again, written", "KiB", &|it| it.again.written as f64 / 1024.0);
    row("peak memory, at the end", "MiB", &|it| it.peak_after_groups_mib);
    println!();
}
