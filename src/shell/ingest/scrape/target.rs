//! From a scrape configuration and a discovered address to a target: its labels, its address, its timetable.

use std::time::Duration;

use reqwest::Url;

use crate::config::ScrapeConfig;
use crate::model::{DurationError, Labels, Timestamp, format_duration, parse_duration};
use crate::series::relabel;

/// Labels that begin so are for relabelling only.
const RESERVED_PREFIX: &str = "__";
const ADDRESS: &str = "__address__";
const SCHEME: &str = "__scheme__";
const METRICS_PATH: &str = "__metrics_path__";
const PARAM_PREFIX: &str = "__param_";
const SCRAPE_INTERVAL: &str = "__scrape_interval__";
const SCRAPE_TIMEOUT: &str = "__scrape_timeout__";

/// Timestamps are moved to the planned time when they are this near, so that the distances of samples stay equal.
const ALIGN_TOLERANCE: Duration = Duration::from_millis(2);

/// A target that cannot be scraped as it is described.
#[derive(Debug, thiserror::Error)]
pub(super) enum TargetError {
    #[error("no `__address__` after relabelling")]
    NoAddress,
    #[error("`{0}` is not an address; write host:port")]
    Address(String),
    #[error("`{0}` is not an address that can be scraped: {1}")]
    Url(String, String),
    #[error("`{0}`: {1}")]
    Duration(&'static str, DurationError),
    #[error("the scrape interval is zero")]
    NoInterval,
    #[error("the scrape timeout ({timeout}) is longer than the interval ({interval})")]
    TimeoutOverInterval { timeout: String, interval: String },
}

/// Something to scrape.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Target {
    /// The labels before relabelling.
    pub(super) discovered: Labels,
    /// The labels that its samples get.
    pub(super) labels: Labels,
    pub(super) url: Url,
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
}

impl Target {
    /// The target at `address` with the labels of its group; `None` when relabelling drops it.
    pub(super) fn new(config: &ScrapeConfig, address: &str, group: &Labels) -> Result<Option<Target>, TargetError> {
        let discovered = discovered_labels(config, address, group);
        let Some(relabelled) = relabel(discovered.clone(), &config.relabel) else { return Ok(None) };
        let address = relabelled.get(ADDRESS);
        if address.is_empty() {
            return Err(TargetError::NoAddress);
        }
        if address.contains(['/', '@', '?', '#', ' ']) {
            return Err(TargetError::Address(address.to_owned()));
        }
        let duration = |name: &'static str| {
            parse_duration(relabelled.get(name)).map_err(|error| TargetError::Duration(name, error))
        };
        let (interval, timeout) = (duration(SCRAPE_INTERVAL)?, duration(SCRAPE_TIMEOUT)?);
        if interval.is_zero() || timeout.is_zero() {
            return Err(TargetError::NoInterval);
        }
        if timeout > interval {
            let (timeout, interval) = (format_duration(timeout), format_duration(interval));
            return Err(TargetError::TimeoutOverInterval { timeout, interval });
        }
        let url = scrape_url(config, &relabelled)?;
        let mut labels = relabelled.retain(|name| !name.starts_with(RESERVED_PREFIX)).builder();
        if labels.get("instance").is_empty() {
            labels.set("instance", address);
        }
        Ok(Some(Target { discovered, labels: labels.finish(), url, interval, timeout }))
    }

    /// Where in its interval the target is scraped, so that targets do not come all at once.
    pub(super) fn offset(&self) -> Duration {
        let url_hash = Labels::from_pairs([("url", self.url.as_str())]).fingerprint().0;
        let hash = self.labels.fingerprint().0 ^ url_hash;
        Duration::from_millis(hash % interval_ms(self.interval))
    }
}

fn interval_ms(interval: Duration) -> u64 {
    u64::try_from(interval.as_millis()).unwrap_or(u64::MAX).clamp(1, i64::MAX as u64)
}

/// The labels that relabelling starts from; those of the group win over the job's.
fn discovered_labels(config: &ScrapeConfig, address: &str, group: &Labels) -> Labels {
    let mut labels = group.builder();
    labels.set(ADDRESS, address);
    let (interval, timeout) = (format_duration(config.interval), format_duration(config.timeout));
    let defaults = [
        ("job", config.job_name.as_str()),
        (SCRAPE_INTERVAL, &interval),
        (SCRAPE_TIMEOUT, &timeout),
        (METRICS_PATH, &config.metrics_path),
        (SCHEME, &config.scheme),
    ];
    for (name, value) in defaults {
        if labels.get(name).is_empty() {
            labels.set(name, value);
        }
    }
    for (name, values) in &config.params {
        let name = format!("{PARAM_PREFIX}{name}");
        if let Some(first) = values.first()
            && labels.get(&name).is_empty()
        {
            labels.set(&name, first);
        }
    }
    labels.finish()
}

/// `scheme://address/path?parameters`; a `__param_` label replaces the first value of its parameter.
fn scrape_url(config: &ScrapeConfig, labels: &Labels) -> Result<Url, TargetError> {
    let base = format!("{}://{}", labels.get(SCHEME), labels.get(ADDRESS));
    let invalid = |reason: &str| TargetError::Url(base.clone(), reason.to_owned());
    let mut url = Url::parse(&base).map_err(|error| invalid(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(invalid("the scheme is not http or https"));
    }
    url.set_path(labels.get(METRICS_PATH));
    let mut params = config.params.clone();
    for (label, value) in labels.iter() {
        let Some(name) = label.strip_prefix(PARAM_PREFIX) else { continue };
        match params.iter_mut().find(|(known, _)| known == name) {
            Some((_, values)) => match values.first_mut() {
                Some(first) => *first = value.to_owned(),
                None => values.push(value.to_owned()),
            },
            None => params.push((name.to_owned(), vec![value.to_owned()])),
        }
    }
    if params.iter().any(|(_, values)| !values.is_empty()) {
        let mut query = url.query_pairs_mut();
        for (name, values) in &params {
            query.extend_pairs(values.iter().map(|value| (name, value)));
        }
    }
    Ok(url)
}

/// When a target is scraped: every interval, at its offset.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timetable {
    interval: Duration,
    offset: Duration,
    last: Option<Timestamp>,
}

impl Timetable {
    pub(super) fn of(target: &Target) -> Self {
        Timetable { interval: target.interval, offset: target.offset(), last: None }
    }

    /// The next time, not before `now`, and not the last one again unless the clock was set back by an interval or more.
    pub(super) fn next(&mut self, now: Timestamp) -> Timestamp {
        let interval = interval_ms(self.interval) as i64;
        let offset = i64::try_from(self.offset.as_millis()).unwrap_or(0);
        let past = now.millis().saturating_sub(offset).rem_euclid(interval);
        let mut slot = if past == 0 { now } else { now + Duration::from_millis((interval - past) as u64) };
        if let Some(last) = self.last
            && slot <= last
            && last.since(slot) < self.interval
        {
            slot = last + self.interval;
        }
        self.last = Some(slot);
        slot
    }

    /// The time that samples of a scrape get that was planned for `slot` and began at `began`.
    pub(super) fn aligned(&self, slot: Timestamp, began: Timestamp) -> Timestamp {
        let tolerance = ALIGN_TOLERANCE.min(self.interval / 100);
        let away = began.since(slot).max(slot.since(began));
        if away <= tolerance { slot } else { began }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use regex::Regex;

    use super::*;
    use crate::config::ExpositionConfig;
    use crate::deliver::HttpConfig;
    use crate::series::{RelabelAction, RelabelRule};

    pub(in super::super) fn config(job: &str) -> ScrapeConfig {
        ScrapeConfig {
            job_name: job.to_owned(),
            interval: Duration::from_secs(15),
            timeout: Duration::from_secs(10),
            scheme: "http".to_owned(),
            metrics_path: "/metrics".to_owned(),
            params: Vec::new(),
            honor_labels: false,
            honor_timestamps: true,
            sample_limit: 0,
            label_limit: 0,
            body_size_limit: 0,
            exposition: ExpositionConfig::default(),
            http: HttpConfig::default(),
            static_targets: Vec::new(),
            file_discovery: Vec::new(),
            relabel: Vec::new(),
            metric_relabel: Vec::new(),
        }
    }

    fn replace(source: &str, target: &str) -> RelabelRule {
        RelabelRule {
            source_labels: vec![source.to_owned()],
            separator: ";".to_owned(),
            regex: Regex::new("^(?s:(.*))$").expect("a regex"),
            modulus: 0,
            target_label: target.to_owned(),
            replacement: "$1".to_owned(),
            action: RelabelAction::Replace,
        }
    }

    #[test]
    fn labels_and_address() {
        let mut config = config("api");
        config.params = vec![("module".to_owned(), vec!["icmp".to_owned(), "b c".to_owned()])];
        let group = Labels::from_pairs([("env", "prod"), ("__meta_x", "y"), ("__metrics_path__", "/p")]);
        let target = Target::new(&config, "a:80", &group).expect("valid").expect("kept");
        assert_eq!(target.labels.to_string(), r#"{env="prod", instance="a:80", job="api"}"#);
        assert_eq!(target.url.as_str(), "http://a/p?module=icmp&module=b+c");
        assert_eq!(target.discovered.get("__scrape_interval__"), "15s");
        assert_eq!(target.discovered.get("__param_module"), "icmp");
    }

    /// The pattern of blackbox exporters: the address becomes a parameter, another host is asked.
    #[test]
    fn relabelling_moves_the_address() {
        let mut config = config("probe");
        let mut host = replace("job", "__address__");
        host.replacement = "prober:9115".to_owned();
        config.relabel = vec![replace("__address__", "__param_target"), replace("__param_target", "instance"), host];
        let target = Target::new(&config, "example.org", &Labels::default()).expect("valid").expect("kept");
        assert_eq!(target.url.as_str(), "http://prober:9115/metrics?target=example.org");
        assert_eq!(target.labels.get("instance"), "example.org");
    }

    #[test]
    fn refuses() {
        let config = config("api");
        for (address, labels, error) in [
            ("a/b", vec![], "is not an address; write host:port"),
            ("", vec![], "no `__address__`"),
            ("a:99999", vec![], "invalid port"),
            ("a", vec![("__scheme__", "ftp")], "not http or https"),
            ("a", vec![("__scrape_interval__", "5s")], "longer than the interval"),
            ("a", vec![("__scrape_interval__", "x")], "not a duration"),
            ("a", vec![("__scrape_timeout__", "0s")], "zero"),
        ] {
            let message = match Target::new(&config, address, &Labels::from_pairs(labels)) {
                Err(error) => error.to_string(),
                Ok(target) => format!("{target:?}"),
            };
            assert!(message.contains(error), "{address}: {message}");
        }
    }

    #[test]
    fn times_keep_their_distance() {
        let (interval, offset) = (Duration::from_secs(15), Duration::from_secs(4));
        let at = Timestamp::from_millis;
        for (last, now, expected) in [
            (None, 0, 4_000),
            (None, 4_000, 4_000),
            (None, 4_001, 19_000),
            (None, -20_000, -11_000),
            (Some(4_000), 3_999, 19_000),
            (Some(4_000), 4_000, 19_000),
            (Some(4_000), 100_000, 109_000),
            (Some(1_000_004_000), 0, 4_000),
        ] {
            let mut timetable = Timetable { interval, offset, last: last.map(at) };
            assert_eq!(timetable.next(at(now)), at(expected), "{last:?} {now}");
        }
        let timetable = Timetable { interval, offset, last: None };
        for (began, expected) in [(4_001, 4_000), (3_999, 4_000), (4_003, 4_003)] {
            assert_eq!(timetable.aligned(at(4_000), at(began)), at(expected));
        }
    }

    proptest::proptest! {
        /// Times are at the offset of the interval, never before `now` at first, and never nearer than an interval.
        #[test]
        fn times_lie_on_the_grid(start in -1_000_000_000_000_i64..4_000_000_000_000, interval in 1_u64..100_000, offset: u64) {
            let offset = offset % interval;
            let (interval_d, offset_d) = (Duration::from_millis(interval), Duration::from_millis(offset));
            let mut timetable = Timetable { interval: interval_d, offset: offset_d, last: None };
            let now = Timestamp::from_millis(start);
            let first = timetable.next(now);
            let second = timetable.next(now);
            proptest::prop_assert!(first >= now && first.since(now) < interval_d);
            proptest::prop_assert_eq!((first.millis() - offset as i64).rem_euclid(interval as i64), 0);
            proptest::prop_assert_eq!(second, first + interval_d);
        }
    }
}
