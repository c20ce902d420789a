//! What the benches share: the machine's clock, statistics, and files that are like those of a big installation.

#![allow(clippy::disallowed_methods, reason = "a bench measures real time")]
#![allow(dead_code, reason = "each bench uses a part")]

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use watchbell::formats::Batch;
use watchbell::model::{Labels, Sample, Timestamp};

/// Rules of one generated group.
const RULES_PER_GROUP: usize = 100;
/// Rules of one generated job: each watches another metric or another aspect of it.
const RULES_PER_JOB: usize = 50;
/// Metrics of one generated host.
const METRICS_PER_HOST: usize = 10;

/// The wall clock.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is set");
    Timestamp::from_millis(i64::try_from(since.as_millis()).expect("a time of this age"))
}

/// How long `work` takes, and what it yields.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let started = Instant::now();
    let outcome = work();
    (started.elapsed(), outcome)
}

/// Prints the median, the 95th percentile and the extremes of `durations` in milliseconds.
pub(crate) fn report(name: &str, durations: &mut [Duration]) {
    durations.sort_unstable();
    let at = |share: f64| {
        let rank = ((durations.len() as f64 * share).ceil() as usize).clamp(1, durations.len());
        durations[rank - 1].as_secs_f64() * 1000.0
    };
    println!(
        "{name}: median {:.1} ms, p95 {:.1} ms, min {:.1} ms, max {:.1} ms ({} runs)",
        at(0.5),
        at(0.95),
        at(0.0),
        at(1.0),
        durations.len()
    );
}

/// Writes a main file with `count` alerting rules in files of [`RULES_PER_GROUP`], no two alike; returns its path.
pub(crate) fn write_configuration(folder: &Path, count: usize, interval: &str) -> String {
    let rules = folder.join("rules");
    std::fs::create_dir_all(&rules).expect("a folder for the rules");
    for (number, first) in (0..count).step_by(RULES_PER_GROUP).enumerate() {
        let mut text = format!("groups:\n  - name: group-{number}\n    rules:\n");
        for rule in first..count.min(first + RULES_PER_GROUP) {
            rule_text(rule, &mut text);
        }
        std::fs::write(rules.join(format!("group-{number}.yml")), text).expect("a rule file is written");
    }
    let main = folder.join("watchbell.yml");
    let text = format!(
        "global:\n  evaluation_interval: {interval}\nhost_samples: false\nrule_files: [rules/*.yml]\n\
         route:\n  receiver: console\n  group_by: [alertname, job]\n\
         receivers:\n  - name: console\n    console_configs: [{{}}]\n"
    );
    std::fs::write(&main, text).expect("the main file is written");
    main.to_str().expect("a path of text").to_owned()
}

/// Rule number `rule`: one of ten shapes over the hosts of its job, each with `for`, labels and annotations.
fn rule_text(rule: usize, text: &mut String) {
    let job = format!("job-{}", rule / RULES_PER_JOB);
    let aspect = rule % RULES_PER_JOB / 10;
    let level = 1000 + aspect;
    let expr = match rule % 10 {
        0 => format!("100 * (1 - avg by (instance) (rate(metric_0{{job=\"{job}\"}}[5m]))) > {level}"),
        1 => format!("metric_1{{job=\"{job}\"}} / metric_2{{job=\"{job}\"}} * 100 > {level}"),
        2 => format!("rate(metric_3{{job=\"{job}\"}}[5m]) > {level}"),
        3 => format!("sum by (job, zone) (rate(metric_4{{job=\"{job}\"}}[5m])) > {level}"),
        4 => format!("max_over_time(metric_5{{job=\"{job}\"}}[10m]) > {level}"),
        5 => format!("metric_6{{job=~\"{job}\", zone!=\"zone-9\"}} > {level}"),
        6 => format!("predict_linear(metric_7{{job=\"{job}\"}}[10m], 3600) < -{level}e6"),
        7 => format!("absent(metric_8{{job=\"{job}\"}})"),
        8 => format!("quantile by (zone) (0.95, metric_9{{job=\"{job}\"}}) > {level}"),
        _ => format!("metric_0{{job=\"{job}\"}} > {level} and on (instance) metric_1{{job=\"{job}\"}} > 0"),
    };
    let _ = write!(
        text,
        "      - alert: Alert{rule}\n        expr: '{expr}'\n        for: 5m\n        labels:\n          \
         severity: warning\n          team: \"team-{}\"\n        annotations:\n          \
         summary: '{{{{ $labels.instance }}}} of {{{{ $labels.job }}}} is at {{{{ $value | humanize }}}}'\n          \
         description: 'Aspect {aspect} of {job} is beyond {level} for five minutes.'\n",
        rule % 7
    );
}

/// `count` series as [`rule_text`] asks for: ten metrics on each host, fifty hosts in each job.
pub(crate) fn series(count: usize) -> Vec<Labels> {
    let of_number = |number: usize| {
        let (host, metric) = (number / METRICS_PER_HOST, number % METRICS_PER_HOST);
        Labels::from_pairs([
            ("__name__", format!("metric_{metric}")),
            ("job", format!("job-{}", host / 50)),
            ("instance", format!("host-{host}.example.net:9100")),
            ("zone", format!("zone-{}", host % 3)),
            ("environment", "production".to_owned()),
        ])
    };
    (0..count).map(of_number).collect()
}

/// One sample of each of `series` at `at`.
pub(crate) fn batch(series: &[Labels], at: Timestamp, value: f64) -> Batch {
    batch_of(series, at, std::iter::repeat(value))
}

/// One sample of each of `series` at `at`, of `values` in order.
pub(crate) fn batch_of(series: &[Labels], at: Timestamp, values: impl IntoIterator<Item = f64>) -> Batch {
    let samples = series.iter().zip(values).map(|(labels, value)| (labels.clone(), vec![Sample::new(at, value)]));
    Batch { series: samples.collect(), ..Batch::default() }
}
