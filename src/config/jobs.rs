//! `scrape_configs`.

use std::time::Duration;

use hashbrown::HashSet;

use crate::formats::exposition::ScrapeProtocol;
use crate::model::{Labels, nearest};

use super::http::http_fields;
use super::relabeling::relabel_rules;
use super::scrape::{ExpositionConfig, FileDiscovery, ScrapeConfig, TargetGroup};
use super::yaml::{Fields, Node, Reader, shorten};

/// How often discovery files are read again unless the configuration says otherwise.
const REFRESH_INTERVAL: Duration = Duration::from_secs(300);

/// The ways of discovery that Prometheus has and Watchbell does not.
const FOREIGN_DISCOVERIES: [&str; 33] = [
    "azure_sd_configs",
    "aws_sd_configs",
    "consul_sd_configs",
    "digitalocean_sd_configs",
    "docker_sd_configs",
    "dockerswarm_sd_configs",
    "dns_sd_configs",
    "ec2_sd_configs",
    "ecs_sd_configs",
    "eureka_sd_configs",
    "gce_sd_configs",
    "hetzner_sd_configs",
    "http_sd_configs",
    "ionos_sd_configs",
    "kubernetes_sd_configs",
    "kuma_sd_configs",
    "lightsail_sd_configs",
    "linode_sd_configs",
    "marathon_sd_configs",
    "msk_sd_configs",
    "nerve_sd_configs",
    "nomad_sd_configs",
    "openstack_sd_configs",
    "outscale_sd_configs",
    "ovhcloud_sd_configs",
    "puppetdb_sd_configs",
    "scaleway_sd_configs",
    "serverset_sd_configs",
    "stackit_sd_configs",
    "triton_sd_configs",
    "uyuni_sd_configs",
    "vultr_sd_configs",
    "xds_sd_configs",
];

/// Fields of a job that Prometheus has and Watchbell does not.
const FOREIGN_FIELDS: [&str; 12] = [
    "enable_compression",
    "extra_scrape_metrics",
    "fallback_scrape_protocol",
    "keep_dropped_targets",
    "label_name_length_limit",
    "label_value_length_limit",
    "metric_name_escaping_scheme",
    "metric_name_validation_scheme",
    "native_histogram_bucket_limit",
    "native_histogram_min_bucket_factor",
    "scrape_failure_log_file",
    "target_limit",
];

/// What `global` says of scraping.
#[derive(Clone, Debug)]
pub(super) struct ScrapeDefaults {
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
    pub(super) exposition: ExpositionConfig,
}

/// Reads every job; their names differ.
pub(super) fn scrape_configs(
    reader: &Reader<'_>,
    nodes: &[std::sync::Arc<Node>],
    defaults: &ScrapeDefaults,
) -> Vec<ScrapeConfig> {
    let mut names = HashSet::new();
    let mut jobs = Vec::new();
    for node in nodes {
        let Some(mut fields) = reader.fields(node, "a scrape job") else { continue };
        let job = job(&mut fields, defaults);
        if let Some(job) = job {
            if !names.insert(job.job_name.clone()) {
                let message = format!("another job is named `{}` too", shorten(&job.job_name));
                fields.error_at("job_name", "config/duplicate", message);
            }
            jobs.push(job);
        }
        fields.finish();
    }
    jobs
}

fn job(fields: &mut Fields<'_>, defaults: &ScrapeDefaults) -> Option<ScrapeConfig> {
    let reader = fields.reader();
    let job_name = fields.need_text("job_name");
    let interval = fields.positive_duration("scrape_interval").unwrap_or(defaults.interval);
    let timeout = fields.positive_duration("scrape_timeout");
    if timeout.is_some_and(|timeout| timeout > interval) {
        fields.error_at("scrape_timeout", "config/timeout", "`scrape_timeout` must not be longer than the interval");
    }
    let scheme = fields.text_or("scheme", "http");
    if !matches!(scheme.as_str(), "http" | "https") {
        fields.error_at("scheme", "config/scheme", "`scheme` is `http` or `https`");
    }
    for name in FOREIGN_DISCOVERIES {
        fields.unsupported(name, Some("use `static_configs` or `file_sd_configs`"));
    }
    for name in FOREIGN_FIELDS {
        fields.unsupported(name, None);
    }
    fields.unsupported(
        "scrape_classic_histograms",
        Some("it is named `always_scrape_classic_histograms` since Prometheus 3"),
    );
    fields.flag("track_timestamps_staleness");
    Some(ScrapeConfig {
        interval,
        timeout: timeout.unwrap_or(defaults.timeout).min(interval),
        metrics_path: fields.text_or("metrics_path", "/metrics"),
        scheme,
        params: params(fields),
        honor_labels: fields.flag("honor_labels").unwrap_or(false),
        honor_timestamps: fields.flag("honor_timestamps").unwrap_or(true),
        sample_limit: fields.count("sample_limit").unwrap_or(0),
        label_limit: fields.count("label_limit").unwrap_or(0),
        body_size_limit: fields.bytes("body_size_limit").unwrap_or(0),
        exposition: exposition(fields, &defaults.exposition),
        http: http_fields(fields),
        static_targets: fields.list("static_configs").iter().filter_map(|node| target_group(reader, node)).collect(),
        file_discovery: fields.list("file_sd_configs").iter().filter_map(|node| discovery(reader, node)).collect(),
        relabel: relabel_rules(fields, "relabel_configs"),
        metric_relabel: relabel_rules(fields, "metric_relabel_configs"),
        job_name: job_name?,
    })
}

/// What of an exposition is asked for and how it is read: the same fields in a job and in `global`.
pub(super) fn exposition(fields: &mut Fields<'_>, defaults: &ExpositionConfig) -> ExpositionConfig {
    ExpositionConfig {
        protocols: protocols(fields).or_else(|| defaults.protocols.clone()),
        native_histograms: fields.flag("scrape_native_histograms").unwrap_or(defaults.native_histograms),
        always_classic_histograms: fields
            .flag("always_scrape_classic_histograms")
            .unwrap_or(defaults.always_classic_histograms),
        convert_classic_histograms: fields
            .flag("convert_classic_histograms_to_nhcb")
            .unwrap_or(defaults.convert_classic_histograms),
        type_and_unit_labels: fields.flag("type_and_unit_labels").unwrap_or(defaults.type_and_unit_labels),
        start_timestamps: fields.flag("start_timestamps").unwrap_or(defaults.start_timestamps),
    }
}

fn protocols(fields: &mut Fields<'_>) -> Option<Vec<ScrapeProtocol>> {
    let reader = fields.reader();
    let mut protocols = Vec::new();
    for (name, node) in fields.texts("scrape_protocols")? {
        match ScrapeProtocol::ALL.into_iter().find(|(_, known)| *known == name) {
            Some((protocol, _)) if protocols.contains(&protocol) => {
                reader.error("config/duplicate", &node.span, format!("`{}` stands twice", shorten(&name)));
            }
            Some((protocol, _)) => protocols.push(protocol),
            None => {
                let known = ScrapeProtocol::ALL.map(|(_, name)| name);
                let message = format!("`{}` is no scrape protocol", shorten(&name));
                let hint = match nearest(&name, known) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known are {}", known.join(", ")),
                };
                reader.error_hint("config/protocol", &node.span, message, Some(hint));
            }
        }
    }
    if protocols.is_empty() {
        fields.error_at("scrape_protocols", "config/protocol", "`scrape_protocols` names none");
    }
    Some(protocols)
}

fn params(fields: &mut Fields<'_>) -> Vec<(String, Vec<String>)> {
    let reader = fields.reader();
    let Some(node) = fields.take("params") else { return Vec::new() };
    let mut params = Vec::new();
    for entry in reader.entries(node, "parameters, each with a list of values") {
        let values = reader.items(&entry.value, "a list of texts").iter();
        let values = values.filter_map(|item| reader.scalar(item, "a text").map(|scalar| scalar.text.clone()));
        params.push((entry.key.clone(), values.collect()));
    }
    params
}

fn target_group(reader: &Reader<'_>, node: &Node) -> Option<TargetGroup> {
    let mut fields = reader.fields(node, "a group of targets")?;
    let mut targets = Vec::new();
    for (target, node) in fields.texts("targets").unwrap_or_default() {
        if target.is_empty() || target.contains('/') {
            let message = format!("`{}` is no target; write `host:port`", shorten(&target));
            let hint = target.contains('/').then_some("the path goes to `metrics_path`, `http` or `https` to `scheme`");
            reader.error_hint("config/target", &node.span, message, hint);
        }
        targets.push(target);
    }
    let labels: Labels = fields.labels("labels");
    fields.finish();
    Some(TargetGroup { targets, labels })
}

fn discovery(reader: &Reader<'_>, node: &Node) -> Option<FileDiscovery> {
    let mut fields = reader.fields(node, "a file discovery")?;
    let mut files = Vec::new();
    for (pattern, node) in fields.texts("files").unwrap_or_default() {
        let name = pattern.rsplit('/').next().unwrap_or_default();
        let known_kind = [".json", ".yml", ".yaml"].iter().any(|ending| name.ends_with(ending));
        if !known_kind || pattern[..pattern.len() - name.len()].contains('*') || name.matches('*').count() > 1 {
            let message = format!("`{}` names no discovery files", shorten(&pattern));
            let hint = "the name ends in .json, .yml or .yaml and may hold one `*`; its folder holds none";
            reader.error_hint("config/discovery", &node.span, message, Some(hint));
        }
        files.push(reader.resolve(&pattern, &node.span));
    }
    if files.is_empty() {
        fields.missing("files");
    }
    let refresh_interval = fields.positive_duration("refresh_interval").unwrap_or(REFRESH_INTERVAL);
    fields.finish();
    Some(FileDiscovery { files, refresh_interval })
}
