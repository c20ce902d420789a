//! `scrape_configs`.

use std::time::Duration;

use hashbrown::HashSet;

use crate::model::Labels;

use super::http::http_fields;
use super::relabeling::relabel_rules;
use super::scrape::{FileDiscovery, ScrapeConfig, TargetGroup};
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
const FOREIGN_FIELDS: [&str; 16] = [
    "always_scrape_classic_histograms",
    "convert_classic_histograms_to_nhcb",
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
    "scrape_native_histograms",
    "scrape_protocols",
    "target_limit",
];

/// What `global` says of scraping.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScrapeDefaults {
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
}

/// Reads every job; their names differ.
pub(super) fn scrape_configs(
    reader: &Reader<'_>,
    nodes: &[std::sync::Arc<Node>],
    defaults: ScrapeDefaults,
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

fn job(fields: &mut Fields<'_>, defaults: ScrapeDefaults) -> Option<ScrapeConfig> {
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
        http: http_fields(fields),
        static_targets: fields.list("static_configs").iter().filter_map(|node| target_group(reader, node)).collect(),
        file_discovery: fields.list("file_sd_configs").iter().filter_map(|node| discovery(reader, node)).collect(),
        relabel: relabel_rules(fields, "relabel_configs"),
        metric_relabel: relabel_rules(fields, "metric_relabel_configs"),
        job_name: job_name?,
    })
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
        files.push(reader.resolve(&pattern));
    }
    if files.is_empty() {
        fields.missing("files");
    }
    let refresh_interval = fields.positive_duration("refresh_interval").unwrap_or(REFRESH_INTERVAL);
    fields.finish();
    Some(FileDiscovery { files, refresh_interval })
}
