//! Compiled `scrape_configs`.

use std::time::Duration;

use crate::deliver::HttpConfig;
use crate::formats::exposition::ScrapeProtocol;
use crate::model::Labels;
use crate::series::RelabelRule;

/// A job: targets that are scraped alike.
#[derive(Clone, Debug)]
pub struct ScrapeConfig {
    /// The `job` label of its targets.
    pub job_name: String,
    /// The distance of scrapes.
    pub interval: Duration,
    /// How long a scrape may take; not longer than `interval`.
    pub timeout: Duration,
    /// `http` or `https`.
    pub scheme: String,
    /// The path that is asked for.
    pub metrics_path: String,
    /// Query parameters.
    pub params: Vec<(String, Vec<String>)>,
    /// Whether labels of the samples win over those of the target.
    pub honor_labels: bool,
    /// Whether timestamps of the samples are kept.
    pub honor_timestamps: bool,
    /// The greatest number of samples per scrape after relabelling; 0 for none.
    pub sample_limit: usize,
    /// The greatest number of labels per sample; 0 for none.
    pub label_limit: usize,
    /// The greatest size of an answer in bytes, uncompressed; 0 for none.
    pub body_size_limit: usize,
    /// What is asked for and how it is read.
    pub exposition: ExpositionConfig,
    /// The connection.
    pub http: HttpConfig,
    /// Targets given in the configuration.
    pub static_targets: Vec<TargetGroup>,
    /// Targets given in files.
    pub file_discovery: Vec<FileDiscovery>,
    /// Rules for targets.
    pub relabel: Vec<RelabelRule>,
    /// Rules for samples.
    pub metric_relabel: Vec<RelabelRule>,
}

/// What of an exposition a job asks for and how it is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpositionConfig {
    /// The formats that are asked for, best first; `None` for those that the other settings need.
    pub protocols: Option<Vec<ScrapeProtocol>>,
    /// Whether native histograms are taken.
    pub native_histograms: bool,
    /// Whether the classic form of a histogram is taken even if its native form is.
    pub always_classic_histograms: bool,
    /// Whether classic histograms become native ones with custom buckets.
    pub convert_classic_histograms: bool,
    /// Whether samples get the labels `__type__` and `__unit__`.
    pub type_and_unit_labels: bool,
    /// Whether start times are taken: those of protobuf, and `_created` of OpenMetrics, which then is no series.
    pub start_timestamps: bool,
}

impl ExpositionConfig {
    /// The formats to ask for, best first. Native histograms come in protobuf alone.
    pub fn protocols(&self) -> Vec<ScrapeProtocol> {
        match &self.protocols {
            Some(protocols) => protocols.clone(),
            None => {
                let first = self.native_histograms.then_some(ScrapeProtocol::PrometheusProto);
                first.into_iter().chain(ScrapeProtocol::TEXT_FIRST).collect()
            }
        }
    }
}

/// Targets with common labels.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetGroup {
    /// `host:port` each.
    pub targets: Vec<String>,
    /// Labels of all of them.
    pub labels: Labels,
}

/// `file_sd_configs`: files of target groups in JSON or YAML.
#[derive(Clone, Debug, PartialEq)]
pub struct FileDiscovery {
    /// Paths whose last part may hold `*`; absolute or relative to the working directory.
    pub files: Vec<String>,
    /// How often they are read again even if no change was seen.
    pub refresh_interval: Duration,
}
