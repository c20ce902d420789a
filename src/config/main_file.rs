//! `watchbell.yml`, and with it `alertmanager.yml` as far as it is supported.

use std::time::Duration;

use crate::deliver::{Channel, ConsoleConfig, DeliveryPolicy, HttpConfig, Integration, Receiver};
use crate::engine::{HeartbeatPolicy, SilenceReminder};
use crate::model::{FlapPolicy, Labels};
use crate::route::{InhibitRule, PlannedSilence, Route, TimeInterval};
use crate::rule::NoData;

use super::answers::{Answers, answers};
use super::escalation::{Escalation, People, Surroundings, escalation};
use super::heartbeats::{HeartbeatKey, WatchdogConfig, heartbeats, watchdog};
use super::http::http_config;
use super::include::INCLUDE;
use super::inhibit_rules::inhibit_rules;
use super::jobs::{ScrapeDefaults, exposition, scrape_configs};
use super::lint_policy::{LintPolicy, lint_policy};
use super::noise::flap_policy;
use super::oncall::{Oncall, oncall};
use super::plan::{HistoryLimits, HostSamples, Limits, QueryLimits};
use super::planned::{planned_silences, silence_reminder};
use super::receivers::{
    ChannelDefaults, PAGERDUTY_URL, ReceiverPlaces, SmtpDefaults, address_or, jira_api_url, mattermost_defaults,
    opsgenie_defaults, receivers, rocketchat_defaults, slack_defaults, smtp_defaults, telegram_defaults,
    twilio_defaults, victorops_defaults, webex_api_url, wechat_defaults,
};
use super::routes::{plain_route, route_tree};
use super::rules::{RuleDefaults, no_data};
use super::scrape::{ExpositionConfig, ScrapeConfig};
use super::time_intervals::time_intervals;
use super::web::{Web, web};
use super::yaml::{Fields, Node, Reader, shorten};

const MINUTE: Duration = Duration::from_secs(60);
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(10);
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5 * 60);
const HOST_INTERVAL: Duration = Duration::from_secs(15);
const RETENTION_FLOOR: Duration = Duration::from_secs(2 * 60 * 60);
const LISTEN: &str = "127.0.0.1:9797";
const STORAGE_PATH: &str = "./watchbell-data";
/// The name of the receiver that is there when none is configured.
const CONSOLE: &str = "console";
/// Blocks that later versions read.
const LATER: [&str; 1] = ["scrape_config_files"];

/// A pattern of files with the place where it was written.
#[derive(Debug)]
pub(super) struct Pattern {
    /// The pattern, as seen from the folder of the main file.
    pub(super) glob: String,
    /// Where it stands.
    pub(super) span: std::ops::Range<usize>,
}

/// What the main file says, before the files that it names are read.
#[derive(Debug)]
pub(super) struct MainFile {
    pub(super) rules: RuleDefaults,
    pub(super) rule_files: Vec<Pattern>,
    pub(super) templates: Vec<Pattern>,
    pub(super) external_labels: Labels,
    pub(super) external_url: String,
    pub(super) resolve_timeout: Duration,
    pub(super) scrapes: Vec<ScrapeConfig>,
    pub(super) host_samples: Option<HostSamples>,
    pub(super) route: Route,
    pub(super) flap: Option<FlapPolicy>,
    pub(super) planned_silences: Vec<PlannedSilence>,
    pub(super) silence_reminder: Option<SilenceReminder>,
    pub(super) heartbeats: Vec<HeartbeatPolicy>,
    pub(super) heartbeat_keys: Vec<HeartbeatKey>,
    pub(super) watchdog: Option<WatchdogConfig>,
    pub(super) oncall: Oncall,
    pub(super) escalation: Escalation,
    pub(super) inhibit_rules: Vec<InhibitRule>,
    pub(super) time_intervals: Vec<TimeInterval>,
    pub(super) receivers: Vec<Receiver>,
    pub(super) listen: String,
    pub(super) web: Web,
    pub(super) answers: Answers,
    pub(super) storage_path: String,
    pub(super) retention_floor: Duration,
    pub(super) limits: Limits,
    pub(super) query: QueryLimits,
    pub(super) history: HistoryLimits,
    pub(super) lint: LintPolicy,
}

impl Default for MainFile {
    /// Host samples, no rules, everything to the console.
    fn default() -> Self {
        MainFile {
            rules: RuleDefaults { interval: MINUTE, no_data: NoData::default(), query_offset: Duration::ZERO },
            rule_files: Vec::new(),
            templates: Vec::new(),
            external_labels: Labels::default(),
            external_url: String::new(),
            resolve_timeout: RESOLVE_TIMEOUT,
            scrapes: Vec::new(),
            host_samples: Some(HostSamples { interval: HOST_INTERVAL }),
            route: plain_route(CONSOLE),
            flap: None,
            planned_silences: Vec::new(),
            silence_reminder: None,
            heartbeats: Vec::new(),
            heartbeat_keys: Vec::new(),
            watchdog: None,
            oncall: Oncall::default(),
            escalation: Escalation::default(),
            inhibit_rules: Vec::new(),
            time_intervals: Vec::new(),
            receivers: vec![console_receiver()],
            listen: LISTEN.to_owned(),
            web: Web::default(),
            answers: Answers::default(),
            storage_path: STORAGE_PATH.to_owned(),
            retention_floor: RETENTION_FLOOR,
            limits: Limits::default(),
            query: QueryLimits::default(),
            history: HistoryLimits::default(),
            lint: LintPolicy::default(),
        }
    }
}

fn console_receiver() -> Receiver {
    let channel = Channel::Console(ConsoleConfig {});
    let integrations = vec![Integration { send_resolved: true, channel }];
    Receiver { name: CONSOLE.to_owned(), integrations, policy: DeliveryPolicy::default() }
}

/// What `global` says.
struct Global {
    scrape: ScrapeDefaults,
    evaluation_interval: Duration,
    query_offset: Duration,
    external_labels: Labels,
    external_url: String,
    resolve_timeout: Duration,
    channels: ChannelDefaults,
}

/// Reads the main file.
pub(super) fn main_file(reader: &Reader<'_>, root: Option<&Node>) -> MainFile {
    let Some(mut fields) = root.and_then(|root| reader.fields(root, "the configuration")) else {
        return MainFile::default();
    };
    fields.entry(INCLUDE);
    let mut global = global(reader, fields.take("global"));
    global.channels.allow_exec = fields.flag("allow_exec").unwrap_or(false);
    let mut main = MainFile {
        rule_files: patterns(&mut fields, "rule_files"),
        templates: patterns(&mut fields, "templates"),
        scrapes: scrape_configs(reader, fields.list("scrape_configs"), &global.scrape),
        external_labels: global.external_labels,
        external_url: global.external_url,
        resolve_timeout: global.resolve_timeout,
        rules: RuleDefaults {
            interval: global.evaluation_interval,
            no_data: no_data(&mut fields).unwrap_or_default(),
            query_offset: global.query_offset,
        },
        ..MainFile::default()
    };
    main.host_samples = host_samples(&mut fields);
    main.flap = flap_policy(&mut fields, main.rules.interval);
    main.listen = listen(&mut fields);
    main.web = web(&mut fields, &main.external_url);
    main.answers = answers(&mut fields);
    storage(&mut fields, &mut main);
    main.limits = limits(&mut fields);
    main.query = query(&mut fields);
    main.history = history(&mut fields);
    main.lint = lint_policy(&mut fields);
    main.time_intervals = time_intervals(&mut fields);
    main.planned_silences = planned_silences(&mut fields, &main.time_intervals);
    (main.heartbeats, main.heartbeat_keys) = heartbeats(&mut fields);
    main.watchdog = watchdog(&mut fields, &global.channels.http);
    let mut people = People::new(&global.channels);
    main.oncall = oncall(&mut fields, &mut people);
    main.inhibit_rules = inhibit_rules(&mut fields);
    let places = routing(&mut fields, &global.channels, &mut main);
    let surroundings = Surroundings {
        channels: &global.channels,
        oncall: &main.oncall.plan,
        receivers: &main.receivers,
        time_intervals: &main.time_intervals,
    };
    main.escalation = escalation(&mut fields, people, &surroundings, &places);
    main.silence_reminder = silence_reminder(&mut fields, &main.receivers);
    for name in LATER {
        fields.unsupported(name, Some("it comes with a later version; take it out for now"));
    }
    fields.unsupported("alerting", Some("Watchbell routes alerts itself: give `route` and `receivers`"));
    for name in ["remote_write", "remote_read", "otlp", "tracing", "runtime"] {
        fields.unsupported(name, None);
    }
    fields.finish();
    main
}

fn global(reader: &Reader<'_>, node: Option<&Node>) -> Global {
    let what = "`global`";
    let mut fields = node.and_then(|node| reader.fields(node, what)).unwrap_or_else(|| reader.no_fields(what));
    let interval = fields.positive_duration("scrape_interval").unwrap_or(MINUTE);
    let timeout = fields.positive_duration("scrape_timeout");
    if timeout.is_some_and(|timeout| timeout > interval) {
        fields.error_at("scrape_timeout", "config/timeout", "`scrape_timeout` must not be longer than the interval");
    }
    let timeout = timeout.unwrap_or(SCRAPE_TIMEOUT).min(interval);
    let pagerduty_url = address_or(&mut fields, "pagerduty_url", PAGERDUTY_URL);
    let slack = slack_defaults(&mut fields);
    let smtp: SmtpDefaults = smtp_defaults(&mut fields);
    let http = fields.take("http_config").map_or_else(HttpConfig::default, |node| http_config(reader, node));
    let external_labels = fields.take("external_labels").map(|node| reader.labels(node, true)).unwrap_or_default();
    let global = Global {
        scrape: ScrapeDefaults { interval, timeout, exposition: exposition(&mut fields, &ExpositionConfig::default()) },
        evaluation_interval: fields.positive_duration("evaluation_interval").unwrap_or(MINUTE),
        query_offset: fields.duration("rule_query_offset").unwrap_or_default(),
        external_labels,
        external_url: external_url(&mut fields),
        resolve_timeout: resolve_timeout(&mut fields),
        channels: ChannelDefaults {
            http,
            slack,
            smtp,
            pagerduty_url,
            opsgenie: opsgenie_defaults(&mut fields),
            victorops: victorops_defaults(&mut fields),
            jira_api_url: jira_api_url(&mut fields, "jira_api_url", ""),
            mattermost: mattermost_defaults(&mut fields),
            rocketchat: rocketchat_defaults(&mut fields),
            telegram: telegram_defaults(&mut fields),
            twilio: twilio_defaults(&mut fields),
            webex_api_url: webex_api_url(&mut fields),
            wechat: wechat_defaults(&mut fields),
            allow_exec: false,
        },
    };
    fields.finish();
    global
}

/// Zero, which Alertmanager takes, ends every alert from outside that names no end as it comes in.
fn resolve_timeout(fields: &mut Fields<'_>) -> Duration {
    let timeout = fields.duration("resolve_timeout").unwrap_or(RESOLVE_TIMEOUT);
    if timeout.is_zero() {
        let message = "with a `resolve_timeout` of zero, alerts from outside that name no end never fire";
        fields.reader().warning("config/zero", &fields.key_span("resolve_timeout"), message);
    }
    timeout
}

fn external_url(fields: &mut Fields<'_>) -> String {
    let url = fields.text_or("external_url", "");
    let url = fields.reader().expand(&url, &fields.key_span("external_url")).unwrap_or_default();
    if !url.is_empty() && !url.starts_with("http://") && !url.starts_with("https://") {
        fields.error_at("external_url", "config/url", "`external_url` must begin with `http://` or `https://`");
    }
    url.trim_end_matches('/').to_owned()
}

fn patterns(fields: &mut Fields<'_>, name: &'static str) -> Vec<Pattern> {
    let reader = fields.reader();
    let texts = fields.texts(name).unwrap_or_default();
    let pattern =
        |(glob, node): (String, &Node)| Pattern { glob: reader.resolve(&glob, &node.span), span: node.span.clone() };
    texts.into_iter().map(pattern).collect()
}

fn host_samples(fields: &mut Fields<'_>) -> Option<HostSamples> {
    let default = HostSamples { interval: HOST_INTERVAL };
    let Some(node) = fields.take("host_samples") else { return Some(default) };
    match &node.kind {
        super::yaml::NodeKind::Scalar(_) => match fields.flag("host_samples") {
            Some(false) => None,
            _ => Some(default),
        },
        _ => {
            let mut inner = fields.reader().fields(node, "`host_samples`")?;
            let interval = inner.positive_duration("interval").unwrap_or(HOST_INTERVAL);
            inner.finish();
            Some(HostSamples { interval })
        }
    }
}

fn listen(fields: &mut Fields<'_>) -> String {
    let listen = fields.text_or("listen", LISTEN);
    let port = listen.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
    if port.is_none() {
        let message = format!("`{}` is no address; write `host:port`", shorten(&listen));
        fields.error_at("listen", "config/listen", message);
    }
    match listen.strip_prefix(':') {
        Some(port) => format!("0.0.0.0:{port}"),
        None => listen,
    }
}

fn storage(fields: &mut Fields<'_>, main: &mut MainFile) {
    let reader = fields.reader();
    let Some(mut inner) = fields.take("storage").and_then(|node| reader.fields(node, "`storage`")) else { return };
    if let Some(path) = inner.path("path") {
        main.storage_path = path;
    }
    main.retention_floor = inner.duration("retention_floor").unwrap_or(RETENTION_FLOOR);
    inner.finish();
}

fn limits(fields: &mut Fields<'_>) -> Limits {
    let defaults = Limits::default();
    let reader = fields.reader();
    let Some(mut inner) = fields.take("limits").and_then(|node| reader.fields(node, "`limits`")) else {
        return defaults;
    };
    let limits = Limits {
        body_bytes_max: inner.bytes("body_bytes_max").unwrap_or(defaults.body_bytes_max),
        series_max: inner.count("series_max").unwrap_or(defaults.series_max),
        labels_per_series_max: inner.count("labels_per_series_max").unwrap_or(defaults.labels_per_series_max),
        label_bytes_max: inner.bytes("label_bytes_max").unwrap_or(defaults.label_bytes_max),
    };
    inner.finish();
    limits
}

fn query(fields: &mut Fields<'_>) -> QueryLimits {
    let defaults = QueryLimits::default();
    let reader = fields.reader();
    let Some(mut inner) = fields.take("query").and_then(|node| reader.fields(node, "`query`")) else {
        return defaults;
    };
    let limits = QueryLimits {
        timeout: inner.positive_duration("timeout").unwrap_or(defaults.timeout),
        concurrency_max: inner.count("max_concurrency").unwrap_or(defaults.concurrency_max).max(1),
        samples_max: inner.count("max_samples").unwrap_or(defaults.samples_max),
        lookback: inner.positive_duration("lookback_delta").unwrap_or(defaults.lookback),
    };
    inner.finish();
    limits
}

fn history(fields: &mut Fields<'_>) -> HistoryLimits {
    let defaults = HistoryLimits::default();
    let reader = fields.reader();
    let Some(mut inner) = fields.take("history").and_then(|node| reader.fields(node, "`history`")) else {
        return defaults;
    };
    let limits = HistoryLimits {
        entries_max: inner.count("max_entries").unwrap_or(defaults.entries_max),
        age_max: inner.positive_duration("max_age").unwrap_or(defaults.age_max),
    };
    inner.finish();
    limits
}

/// `receivers` and `route`; without both everything goes to the console. Returns where receivers name others.
fn routing(fields: &mut Fields<'_>, defaults: &ChannelDefaults, main: &mut MainFile) -> ReceiverPlaces {
    let reader = fields.reader();
    let receiver_nodes = fields.list("receivers");
    let route = fields.take("route");
    if receiver_nodes.is_empty() && route.is_none() {
        return ReceiverPlaces::default();
    }
    let (receivers, places) = receivers(reader, receiver_nodes, defaults);
    main.receivers = receivers;
    match route {
        None => fields.error_at("receivers", "yaml/missing-field", "`receivers` without a `route` are never told"),
        Some(node) => {
            if let Some(route) = route_tree(reader, node, &main.receivers, &main.time_intervals) {
                warn_of_early_ends(reader, &node.span, &route, &main.receivers);
                main.route = route;
            }
        }
    }
    places
}

/// Warns of routes that repeat so seldom that another Alertmanager takes their alerts for resolved meanwhile.
fn warn_of_early_ends(reader: &Reader<'_>, span: &std::ops::Range<usize>, route: &Route, receivers: &[Receiver]) {
    let receiver = receivers.iter().find(|receiver| receiver.name == route.receiver);
    let ends_early = |integration: &Integration| match &integration.channel {
        Channel::Alertmanager(config) => config.expire_after <= route.repeat_interval,
        _ => false,
    };
    if receiver.is_some_and(|receiver| receiver.integrations.iter().any(ends_early)) {
        let message = format!(
            "`expire_after` of the receiver `{}` is not longer than the `repeat_interval` of its route: its alerts end between two \
             repetitions",
            shorten(&route.receiver)
        );
        reader.warning("config/expire-after", span, message);
    }
    for child in &route.routes {
        warn_of_early_ends(reader, span, child, receivers);
    }
}
