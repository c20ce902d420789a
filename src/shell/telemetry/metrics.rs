//! Everything that Watchbell counts and measures of itself; `docs/reference/metrics.md` lists it.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::process::ProcessCollector;
use super::render::Exposition;
use crate::model::Timestamp;
use crate::shell::ingest::Stored;

type Seconds = Gauge<f64, AtomicU64>;
type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// From half a millisecond to a minute.
const SECONDS_BUCKETS: [f64; 13] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0];

fn seconds_histogram() -> Histogram {
    Histogram::new(SECONDS_BUCKETS)
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct SourceLabel {
    source: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReasonLabels {
    source: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RefusalLabel {
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StateLabel {
    state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ChannelLabel {
    channel: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct FailureLabels {
    channel: &'static str,
    class: &'static str,
}

/// How an attempt at a notification ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttemptClass {
    /// The other side has taken it.
    Delivered,
    /// It may work later.
    Retry,
    /// It will never work as it is.
    Rejected,
}

/// What came of the watchdog's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WatchdogResult {
    /// The other side has heard it.
    Success,
    /// It has not.
    Failure,
    /// Watchbell does not work, and says nothing.
    Withheld,
}

impl WatchdogResult {
    /// The value of the label.
    fn as_str(self) -> &'static str {
        match self {
            WatchdogResult::Success => "success",
            WatchdogResult::Failure => "failure",
            WatchdogResult::Withheld => "withheld",
        }
    }
}

/// What `/metrics` shows. One per process; shared by reference.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    ingest_samples: Family<SourceLabel, Counter>,
    ingest_batches: Family<SourceLabel, Counter>,
    ingest_bytes: Family<SourceLabel, Counter>,
    ingest_rejected_samples: Family<ReasonLabels, Counter>,
    ingest_refused_batches: Family<ReasonLabels, Counter>,
    ingest_batch_duration: Histograms<SourceLabel>,
    ingest_queue_batches: Gauge,
    scrapes: Counter,
    scrape_failures: Counter,
    scrape_duration: Histogram,
    scrape_targets: Gauge,
    series: Gauge,
    rule_evaluations: Counter,
    rule_evaluation_failures: Counter,
    rule_group_duration: Histogram,
    rule_group_iterations_missed: Counter,
    alerts: Family<StateLabel, Gauge>,
    notification_attempts: Family<ChannelLabel, Counter>,
    notifications_delivered: Family<ChannelLabel, Counter>,
    notification_failures: Family<FailureLabels, Counter>,
    notification_attempt_duration: Histograms<ChannelLabel>,
    outbox_notifications: Gauge,
    heartbeats_received: Counter,
    heartbeats_missing: Gauge,
    watchdog_pings: Family<ResultLabel, Counter>,
    watchdog_last_success: Seconds,
    store_flush_duration: Histogram,
    store_size: Gauge,
    journal_written: Counter,
    journal_size: Gauge,
    journal_sync_duration: Histogram,
    http_refusals: Family<RefusalLabel, Counter>,
    config_reloads: Family<ResultLabel, Counter>,
    config_last_reload_successful: Gauge,
    config_last_reload_success: Seconds,
}

impl Metrics {
    /// All metrics at zero, of a process that began at `started_at`.
    pub fn new(started_at: Timestamp) -> Self {
        let mut metrics = Metrics {
            registry: Registry::default(),
            ingest_samples: Family::default(),
            ingest_batches: Family::default(),
            ingest_bytes: Family::default(),
            ingest_rejected_samples: Family::default(),
            ingest_refused_batches: Family::default(),
            ingest_batch_duration: Family::new_with_constructor(seconds_histogram),
            ingest_queue_batches: Gauge::default(),
            scrapes: Counter::default(),
            scrape_failures: Counter::default(),
            scrape_duration: seconds_histogram(),
            scrape_targets: Gauge::default(),
            series: Gauge::default(),
            rule_evaluations: Counter::default(),
            rule_evaluation_failures: Counter::default(),
            rule_group_duration: seconds_histogram(),
            rule_group_iterations_missed: Counter::default(),
            alerts: Family::default(),
            notification_attempts: Family::default(),
            notifications_delivered: Family::default(),
            notification_failures: Family::default(),
            notification_attempt_duration: Family::new_with_constructor(seconds_histogram),
            outbox_notifications: Gauge::default(),
            heartbeats_received: Counter::default(),
            heartbeats_missing: Gauge::default(),
            watchdog_pings: Family::default(),
            watchdog_last_success: Seconds::default(),
            store_flush_duration: seconds_histogram(),
            store_size: Gauge::default(),
            journal_written: Counter::default(),
            journal_size: Gauge::default(),
            journal_sync_duration: seconds_histogram(),
            http_refusals: Family::default(),
            config_reloads: Family::default(),
            config_last_reload_successful: Gauge::default(),
            config_last_reload_success: Seconds::default(),
        };
        metrics.registry.register_collector(Box::new(ProcessCollector { started_at }));
        metrics.register_data_plane();
        metrics.register_decisions();
        metrics.register_storage();
        for reason in ["credentials", "logins", "role", "origin", "requests", "connections", "handshake"] {
            metrics.http_refusals.get_or_create(&RefusalLabel { reason }).inc_by(0);
        }
        for result in ["success", "failure"] {
            metrics.config_reloads.get_or_create(&ResultLabel { result }).inc_by(0);
        }
        for result in [WatchdogResult::Success, WatchdogResult::Failure, WatchdogResult::Withheld] {
            metrics.watchdog_pings.get_or_create(&ResultLabel { result: result.as_str() }).inc_by(0);
        }
        metrics.set_alerts(0, 0);
        metrics
    }

    fn register_data_plane(&mut self) {
        let registry = self.registry.sub_registry_with_prefix("watchbell");
        registry.register("ingest_samples", "Samples that were stored", self.ingest_samples.clone());
        registry.register("ingest_batches", "Batches that were made durable", self.ingest_batches.clone());
        let help = "Bytes of accepted batches as they came";
        registry.register_with_unit("ingest", help, Unit::Bytes, self.ingest_bytes.clone());
        let help = "Samples of accepted batches that were not stored, by reason";
        registry.register("ingest_rejected_samples", help, self.ingest_rejected_samples.clone());
        let help = "Batches of which nothing was stored, by reason";
        registry.register("ingest_refused_batches", help, self.ingest_refused_batches.clone());
        let help = "Time from the arrival of a batch until it was durable";
        registry.register_with_unit("ingest_batch_duration", help, Unit::Seconds, self.ingest_batch_duration.clone());
        let help = "Batches that wait to be made durable";
        registry.register("ingest_queue_batches", help, self.ingest_queue_batches.clone());
        registry.register("scrapes", "Scrapes that were made", self.scrapes.clone());
        registry.register("scrape_failures", "Scrapes that failed", self.scrape_failures.clone());
        let help = "Time that scrapes took";
        registry.register_with_unit("scrape_duration", help, Unit::Seconds, self.scrape_duration.clone());
        registry.register("scrape_targets", "Targets that are scraped", self.scrape_targets.clone());
        registry.register("series", "Series that are held in memory", self.series.clone());
    }

    fn register_decisions(&mut self) {
        let registry = self.registry.sub_registry_with_prefix("watchbell");
        registry.register("rule_evaluations", "Evaluations of single rules", self.rule_evaluations.clone());
        let help = "Evaluations of single rules that failed";
        registry.register("rule_evaluation_failures", help, self.rule_evaluation_failures.clone());
        let help = "Time that the evaluation of a whole group took";
        registry.register_with_unit("rule_group_duration", help, Unit::Seconds, self.rule_group_duration.clone());
        let help = "Evaluations of groups that were left out because the one before took too long";
        registry.register("rule_group_iterations_missed", help, self.rule_group_iterations_missed.clone());
        registry.register("alerts", "Alerts by state", self.alerts.clone());
        let help = "Attempts to deliver a notification";
        registry.register("notification_attempts", help, self.notification_attempts.clone());
        let help = "Notifications that the other side has taken";
        registry.register("notifications_delivered", help, self.notifications_delivered.clone());
        let help = "Attempts that failed: `retry` will be tried again, `rejected` will not";
        registry.register("notification_failures", help, self.notification_failures.clone());
        let help = "Time that attempts took";
        let duration = self.notification_attempt_duration.clone();
        registry.register_with_unit("notification_attempt_duration", help, Unit::Seconds, duration);
        let help = "Notifications that wait for delivery";
        registry.register("outbox_notifications", help, self.outbox_notifications.clone());
        let help = "Signs of life of heartbeats, reports of failures among them";
        registry.register("heartbeats_received", help, self.heartbeats_received.clone());
        let help = "Heartbeats that stay away or have failed";
        registry.register("heartbeats_missing", help, self.heartbeats_missing.clone());
        let help = "Times at which the watchdog was to say that Watchbell works: `withheld` if it does not work";
        registry.register("watchdog_pings", help, self.watchdog_pings.clone());
        let help = "When the watchdog last said so, in seconds since 1970";
        let at = self.watchdog_last_success.clone();
        registry.register_with_unit("watchdog_last_success_timestamp", help, Unit::Seconds, at);
    }

    fn register_storage(&mut self) {
        let version = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        let registry = self.registry.sub_registry_with_prefix("watchbell");
        registry.register("build", "What is running", version);
        let help = "Time that it took to make changes of the state durable";
        registry.register_with_unit("store_flush_duration", help, Unit::Seconds, self.store_flush_duration.clone());
        registry.register_with_unit("store_size", "Size of the state on disk", Unit::Bytes, self.store_size.clone());
        let help = "Bytes that were appended to the journal";
        registry.register_with_unit("journal_written", help, Unit::Bytes, self.journal_written.clone());
        let help = "Size of the journal on disk";
        registry.register_with_unit("journal_size", help, Unit::Bytes, self.journal_size.clone());
        let help = "Time that it took to make a group of batches durable";
        registry.register_with_unit("journal_sync_duration", help, Unit::Seconds, self.journal_sync_duration.clone());
        let help = "Requests that were not let in, connections that failed or had to wait, by reason";
        registry.register("http_refusals", help, self.http_refusals.clone());
        registry.register("config_reloads", "Reloads of the configuration", self.config_reloads.clone());
        let help = "1 if the last reload was taken, 0 if it was refused";
        registry.register("config_last_reload_successful", help, self.config_last_reload_successful.clone());
        let help = "When the running configuration was taken, in seconds since 1970";
        let at = self.config_last_reload_success.clone();
        registry.register_with_unit("config_last_reload_success_timestamp", help, Unit::Seconds, at);
    }

    /// A batch of `bytes` bytes from `source` is durable, `took` after it arrived.
    pub fn batch_stored(&self, source: &'static str, bytes: usize, stored: &Stored, took: Duration) {
        let label = SourceLabel { source };
        self.ingest_batches.get_or_create(&label).inc();
        self.ingest_samples.get_or_create(&label).inc_by(stored.samples_stored);
        self.ingest_bytes.get_or_create(&label).inc_by(bytes as u64);
        self.ingest_batch_duration.get_or_create(&label).observe(took.as_secs_f64());
        for (reason, count) in &stored.rejected {
            self.ingest_rejected_samples.get_or_create(&ReasonLabels { source, reason }).inc_by(*count);
        }
    }

    /// Nothing of a batch from `source` was stored.
    pub fn batch_refused(&self, source: &'static str, reason: &'static str) {
        self.ingest_refused_batches.get_or_create(&ReasonLabels { source, reason }).inc();
    }

    /// `count` samples of an accepted batch from `source` were left out before it was handed in.
    pub fn samples_rejected(&self, source: &'static str, reason: &'static str, count: u64) {
        if count > 0 {
            self.ingest_rejected_samples.get_or_create(&ReasonLabels { source, reason }).inc_by(count);
        }
    }

    /// How many batches wait to be made durable.
    pub fn set_ingest_queue(&self, batches: usize) {
        self.ingest_queue_batches.set(gauge(batches as u64));
    }

    /// A scrape was made.
    pub fn scraped(&self, succeeded: bool, took: Duration) {
        self.scrapes.inc();
        self.scrape_duration.observe(took.as_secs_f64());
        if !succeeded {
            self.scrape_failures.inc();
        }
    }

    /// How many targets are scraped.
    pub fn set_scrape_targets(&self, targets: usize) {
        self.scrape_targets.set(gauge(targets as u64));
    }

    /// How many series are held in memory.
    pub fn set_series(&self, series: usize) {
        self.series.set(gauge(series as u64));
    }

    /// A group of `rules` rules was evaluated, of which `failed` failed.
    pub fn group_evaluated(&self, rules: usize, failed: usize, took: Duration) {
        self.rule_evaluations.inc_by(rules as u64);
        self.rule_evaluation_failures.inc_by(failed as u64);
        self.rule_group_duration.observe(took.as_secs_f64());
    }

    /// How many single rules were evaluated so far.
    pub fn rules_evaluated(&self) -> u64 {
        self.rule_evaluations.get()
    }

    /// `count` evaluations of a group were left out because the one before took too long.
    pub fn evaluations_missed(&self, count: u64) {
        self.rule_group_iterations_missed.inc_by(count);
    }

    /// How many alerts are pending and firing.
    pub fn set_alerts(&self, pending: usize, firing: usize) {
        for (state, count) in [("pending", pending), ("firing", firing)] {
            self.alerts.get_or_create(&StateLabel { state }).set(gauge(count as u64));
        }
    }

    /// An attempt to deliver a notification over `channel` ended.
    pub fn notification_attempted(&self, channel: &'static str, class: AttemptClass, took: Duration) {
        let label = ChannelLabel { channel };
        self.notification_attempts.get_or_create(&label).inc();
        self.notification_attempt_duration.get_or_create(&label).observe(took.as_secs_f64());
        let class = match class {
            AttemptClass::Delivered => {
                self.notifications_delivered.get_or_create(&label).inc();
                return;
            }
            AttemptClass::Retry => "retry",
            AttemptClass::Rejected => "rejected",
        };
        self.notification_failures.get_or_create(&FailureLabels { channel, class }).inc();
    }

    /// How many notifications wait for delivery.
    pub fn set_outbox(&self, notifications: usize) {
        self.outbox_notifications.set(gauge(notifications as u64));
    }

    /// A heartbeat gave a sign of life.
    pub fn heartbeat_received(&self) {
        self.heartbeats_received.inc();
    }

    /// How many heartbeats stay away or have failed.
    pub fn set_heartbeats_missing(&self, heartbeats: usize) {
        self.heartbeats_missing.set(gauge(heartbeats as u64));
    }

    /// The watchdog's time had come at `now`.
    pub fn watchdog(&self, result: WatchdogResult, now: Timestamp) {
        self.watchdog_pings.get_or_create(&ResultLabel { result: result.as_str() }).inc();
        if result == WatchdogResult::Success {
            self.watchdog_last_success.set(now.seconds_f64());
        }
    }

    /// Changes of the state are durable.
    pub fn store_flushed(&self, took: Duration) {
        self.store_flush_duration.observe(took.as_secs_f64());
    }

    /// The size of the state on disk.
    pub fn set_store_size(&self, bytes: u64) {
        self.store_size.set(gauge(bytes));
    }

    /// A group of batches, `bytes` bytes together, is durable in the journal.
    pub fn journal_synced(&self, bytes: u64, took: Duration) {
        self.journal_written.inc_by(bytes);
        self.journal_sync_duration.observe(took.as_secs_f64());
    }

    /// The size of the journal on disk.
    pub fn set_journal_size(&self, bytes: u64) {
        self.journal_size.set(gauge(bytes));
    }

    /// A request was not let in for `reason`, or a connection failed or had to wait.
    pub fn http_refused(&self, reason: &'static str) {
        self.http_refusals.get_or_create(&RefusalLabel { reason }).inc();
    }

    /// A configuration was taken at `now`, or refused.
    pub fn reloaded(&self, taken: bool, now: Timestamp) {
        let result = if taken { "success" } else { "failure" };
        self.config_reloads.get_or_create(&ResultLabel { result }).inc();
        self.config_last_reload_successful.set(i64::from(taken));
        if taken {
            self.config_last_reload_success.set(now.seconds_f64());
        }
    }

    /// The answer to `GET /metrics` with this `Accept` header.
    pub fn render(&self, accept: Option<&str>) -> Exposition {
        let mut text = String::new();
        // Writing to a `String` cannot fail.
        let _ = encode(&mut text, &self.registry);
        Exposition::negotiate(text, accept)
    }
}

fn gauge(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy() -> Metrics {
        let metrics = Metrics::new(Timestamp::from_seconds(1_700_000_000));
        let took = Duration::from_millis(3);
        let stored = Stored { samples_stored: 7, rejected: vec![("out_of_order", 2)], ..Stored::default() };
        metrics.batch_stored("remote_write", 512, &stored, took);
        metrics.batch_refused("import", "malformed");
        metrics.set_ingest_queue(1);
        metrics.scraped(false, took);
        metrics.set_scrape_targets(2);
        metrics.set_series(9);
        metrics.group_evaluated(4, 1, took);
        metrics.evaluations_missed(1);
        metrics.set_alerts(1, 2);
        for class in [AttemptClass::Delivered, AttemptClass::Retry, AttemptClass::Rejected] {
            metrics.notification_attempted("webhook", class, took);
        }
        metrics.set_outbox(3);
        metrics.store_flushed(took);
        metrics.set_store_size(4096);
        metrics.journal_synced(512, took);
        metrics.set_journal_size(512);
        metrics.reloaded(true, Timestamp::from_seconds(1_700_000_001));
        metrics
    }

    #[test]
    fn counts() {
        let text = busy().render(None).body;
        for line in [
            r#"watchbell_ingest_samples_total{source="remote_write"} 7"#,
            r#"watchbell_ingest_rejected_samples_total{source="remote_write",reason="out_of_order"} 2"#,
            r#"watchbell_ingest_bytes_total{source="remote_write"} 512"#,
            r#"watchbell_ingest_refused_batches_total{source="import",reason="malformed"} 1"#,
            "watchbell_scrape_failures_total 1",
            r#"watchbell_alerts{state="firing"} 2"#,
            r#"watchbell_notification_attempts_total{channel="webhook"} 3"#,
            r#"watchbell_notification_failures_total{channel="webhook",class="retry"} 1"#,
            r#"watchbell_config_reloads_total{result="failure"} 0"#,
            "watchbell_config_last_reload_success_timestamp_seconds 1700000001.0",
            "watchbell_journal_written_bytes_total 512",
            "process_start_time_seconds 1700000000.0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }

    /// The table of the reference is this text; `WATCHBELL_BLESS=1 cargo test metrics` writes it anew.
    #[test]
    fn the_reference_lists_every_metric() {
        let text = busy().render(None).body;
        let mut table = String::from(
            "# Metrics\n\nWhat `GET /metrics` shows of Watchbell itself: OpenMetrics where the `Accept` header names it, else \
             Prometheus's text format.\n\n| name | type | what it says |\n|---|---|---|\n",
        );
        let mut rows: Vec<String> = Vec::new();
        let lines: Vec<&str> = text.lines().collect();
        for pair in lines.windows(2) {
            let (Some(help), Some(kind)) = (pair[0].strip_prefix("# HELP "), pair[1].strip_prefix("# TYPE ")) else {
                continue;
            };
            let (name, help) = help.split_once(' ').expect("a name and a help text");
            let kind = kind.rsplit(' ').next().expect("a type");
            rows.push(format!("| `{name}` | {kind} | {help} |\n"));
        }
        rows.sort();
        rows.iter().for_each(|row| table.push_str(row));
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reference/metrics.md");
        if std::env::var_os("WATCHBELL_BLESS").is_some() {
            std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reference")).expect("writable");
            std::fs::write(path, &table).expect("writable");
        }
        let documented = std::fs::read_to_string(path).expect("docs/reference/metrics.md");
        assert_eq!(documented, table, "docs/reference/metrics.md is out of date; set WATCHBELL_BLESS=1 to write it");
        for name in rows.iter().filter_map(|row| row.strip_prefix("| `")) {
            assert!(name.starts_with("watchbell_") || name.starts_with("process_"), "{name}");
        }
    }
}
