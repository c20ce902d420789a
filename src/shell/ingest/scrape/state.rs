//! What a scrape makes of a target's answer: samples, staleness markers and report series, as Prometheus writes them.
//! Pure: the time is an argument, nothing is fetched or stored here.

mod collected;
mod families;

use std::time::Duration;

use hashbrown::{HashMap, HashSet};

use self::collected::Collected;
use crate::config::{ExpositionConfig, ScrapeConfig};
use crate::formats::exposition::{Dialect, Entry, Format, Reader};
use crate::formats::{Batch, FormatError, Metadata};
use crate::model::{Labels, LabelsBuilder, METRIC_NAME, STALE_NAN, Sample, Timestamp};
use crate::series::{RelabelRule, relabel};

/// The series that every scrape reports, whether it worked or not.
const REPORT_SERIES: [&str; 5] = [
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
];

/// How many series beyond twice the last good scrape's are remembered through scrapes with a fault.
const CACHE_SLACK: usize = 1000;

/// What is put before a sample's label that the target has too.
const EXPORTED_PREFIX: &str = "exported_";

/// Why a scrape failed. Holds no secrets.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ScrapeFailure {
    /// The client cannot be set up or the target cannot be reached.
    #[error("{0}")]
    Connection(String),
    /// The answer did not come in time.
    #[error("no complete answer within {}", crate::model::format_duration(*.0))]
    Timeout(Duration),
    /// The target answered with an error.
    #[error("the target answered with HTTP status {0}")]
    Status(u16),
    /// The answer is longer than `body_size_limit`.
    #[error("the answer is longer than body_size_limit ({0} bytes)")]
    BodyTooLarge(usize),
    /// The answer is not an exposition.
    #[error("{0}")]
    Malformed(FormatError),
    /// More samples than `sample_limit`.
    #[error("{found} samples after relabelling exceed sample_limit ({limit})")]
    SampleLimit {
        /// How many there are.
        found: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// A sample with more labels than `label_limit`.
    #[error("{series} has {found} labels, more than label_limit ({limit})")]
    LabelLimit {
        /// The series.
        series: String,
        /// How many labels it has.
        found: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// Relabelling took a sample's name away.
    #[error("{0} has no metric name after relabelling")]
    NoName(String),
}

/// How the samples of a job are treated.
#[derive(Clone, Debug, Default)]
pub(super) struct SampleSettings {
    pub(super) honor_labels: bool,
    pub(super) honor_timestamps: bool,
    pub(super) sample_limit: usize,
    pub(super) label_limit: usize,
    pub(super) metric_relabel: Vec<RelabelRule>,
    pub(super) exposition: ExpositionConfig,
}

impl SampleSettings {
    pub(super) fn of(config: &ScrapeConfig) -> Self {
        SampleSettings {
            honor_labels: config.honor_labels,
            honor_timestamps: config.honor_timestamps,
            sample_limit: config.sample_limit,
            label_limit: config.label_limit,
            metric_relabel: config.metric_relabel.clone(),
            exposition: config.exposition.clone(),
        }
    }
}

/// A series as the target writes it, and what became of it.
#[derive(Debug)]
struct Cached {
    /// `None` if relabelling drops it.
    labels: Option<Labels>,
    /// The last scrape that had it.
    seen: u64,
}

/// What is remembered of a target between scrapes.
#[derive(Debug)]
pub(super) struct TargetState {
    labels: Labels,
    settings: SampleSettings,
    /// By the text of the series.
    cache: HashMap<String, Cached>,
    /// How many series the last scrape without a fault had, dropped ones included.
    cached_after_success: usize,
    /// The series of the last scrape whose end will be marked: those without timestamps of their own.
    tracked: HashSet<Labels>,
    metadata: HashMap<String, Metadata>,
    scrapes: u64,
}

/// What came of one scrape.
#[derive(Debug)]
pub(super) struct ScrapeReport {
    /// Everything to store: samples, staleness markers, report series.
    pub(super) batch: Batch,
    /// Why the scrape failed, if it did.
    pub(super) failure: Option<ScrapeFailure>,
    /// How many samples the answer had, as far as it was read.
    pub(super) scraped: usize,
    /// How many of them remained after relabelling.
    pub(super) kept: usize,
    /// How many series are new.
    pub(super) series_added: usize,
}

impl TargetState {
    /// A target that was not scraped yet; `labels` are those that its samples get.
    pub(super) fn new(labels: Labels, settings: SampleSettings) -> Self {
        TargetState {
            labels,
            settings,
            cache: HashMap::new(),
            cached_after_success: 0,
            tracked: HashSet::new(),
            metadata: HashMap::new(),
            scrapes: 0,
        }
    }

    /// The same target under changed settings: series that no longer come will get their markers.
    pub(super) fn with_settings(mut self, settings: SampleSettings) -> Self {
        self.cache.clear();
        self.settings = settings;
        self
    }

    /// Takes in the outcome of a scrape that began at `at` and took `took`.
    ///
    /// A fault anywhere in the answer voids all of its samples; series of the scrape before then end at `at`.
    pub(super) fn scraped(
        &mut self,
        at: Timestamp,
        took: Duration,
        answer: Result<(&[u8], Format), ScrapeFailure>,
    ) -> ScrapeReport {
        self.scrapes += 1;
        let mut collected = Collected::default();
        let outcome = match answer {
            Ok((body, format)) => self.collect(body, format, at, &mut collected).map(|()| !body.is_empty()),
            Err(failure) => Err(failure),
        };
        let (failure, has_content) = match outcome {
            Ok(has_content) => (None, has_content),
            Err(failure) => {
                collected = collected.voided();
                (Some(failure), false)
            }
        };
        self.evict(has_content);
        let metadata =
            if has_content { self.changed_metadata(std::mem::take(&mut collected.metadata)) } else { Vec::new() };
        let (scraped, kept, series_added) = (collected.scraped, collected.kept, collected.series_added);
        let mut batch = Batch { metadata, ..Batch::default() };
        let tracked = collected.fill(&mut batch);
        let series = &mut batch.series;
        let ended = self.tracked.iter().filter(|labels| !tracked.contains(*labels));
        series.extend(ended.map(|labels| (labels.clone(), vec![Sample::stale(at)])));
        self.tracked = tracked;
        let up = if failure.is_none() { 1.0 } else { 0.0 };
        let values = [up, took.as_secs_f64(), scraped as f64, kept as f64, series_added as f64];
        series.extend(self.report_series(at, values));
        ScrapeReport { batch, failure, scraped, kept, series_added }
    }

    /// The markers that end all series of the target, those that report on it too, as of `at`.
    pub(super) fn ended(&mut self, at: Timestamp) -> Batch {
        let mut series: Vec<(Labels, Vec<Sample>)> =
            self.tracked.drain().map(|labels| (labels, vec![Sample::stale(at)])).collect();
        if self.scrapes > 0 {
            series.extend(self.report_series(at, [STALE_NAN; REPORT_SERIES.len()]));
        }
        Batch { series, ..Batch::default() }
    }

    fn report_series(
        &self,
        at: Timestamp,
        values: [f64; REPORT_SERIES.len()],
    ) -> impl Iterator<Item = (Labels, Vec<Sample>)> {
        REPORT_SERIES.into_iter().zip(values).map(move |(name, value)| {
            let mut labels = self.labels.builder();
            labels.set(METRIC_NAME, name);
            (labels.finish(), vec![Sample::new(at, value)])
        })
    }

    fn collect(
        &mut self,
        body: &[u8],
        format: Format,
        at: Timestamp,
        collected: &mut Collected,
    ) -> Result<(), ScrapeFailure> {
        let ExpositionConfig { convert_classic_histograms, type_and_unit_labels, start_timestamps, .. } =
            self.settings.exposition;
        let looks_at_families = convert_classic_histograms || type_and_unit_labels || start_timestamps;
        match format {
            Format::Text(dialect) if !looks_at_families => self.collect_lines(body, dialect, at, collected)?,
            _ => self.collect_families(body, format, at, collected)?,
        }
        match self.settings.sample_limit {
            limit if limit > 0 && collected.kept > limit => {
                Err(ScrapeFailure::SampleLimit { found: collected.kept, limit })
            }
            _ => Ok(()),
        }
    }

    /// Collects text line by line; a series that is known already costs a look at its text.
    fn collect_lines(
        &mut self,
        body: &[u8],
        dialect: Dialect,
        at: Timestamp,
        collected: &mut Collected,
    ) -> Result<(), ScrapeFailure> {
        let mut reader = Reader::new(body, dialect).map_err(ScrapeFailure::Malformed)?;
        while let Some(entry) = reader.next_entry().map_err(ScrapeFailure::Malformed)? {
            match entry {
                Entry::Sample { series, value, at: own } => {
                    collected.scraped += 1;
                    let own = own.filter(|_| self.settings.honor_timestamps);
                    let labels = self.labels_of(series, || reader.labels(), collected)?;
                    if let Some(labels) = labels {
                        collected.push(labels, own, at, value.into(), None);
                    }
                }
                Entry::Help { metric, help } => collected.metadata_of(&metric).help = help.into_owned(),
                Entry::Type { metric, kind } => collected.metadata_of(&metric).kind = kind.as_str().to_owned(),
                Entry::Unit { metric, unit } => collected.metadata_of(&metric).unit = unit.to_owned(),
            }
        }
        Ok(())
    }

    /// The finished labels of the series that is exposed as `text`; `None` if relabelling drops it.
    fn labels_of(
        &mut self,
        text: &str,
        exposed: impl FnOnce() -> Result<Labels, FormatError>,
        collected: &mut Collected,
    ) -> Result<Option<Labels>, ScrapeFailure> {
        if let Some(cached) = self.cache.get_mut(text) {
            cached.seen = self.scrapes;
            return Ok(cached.labels.clone());
        }
        let exposed = exposed().map_err(ScrapeFailure::Malformed)?;
        let merged = merge_target_labels(&exposed, &self.labels, self.settings.honor_labels);
        let labels = relabel(merged, &self.settings.metric_relabel).filter(|labels| !labels.is_empty());
        if let Some(labels) = &labels {
            if !labels.has(METRIC_NAME) {
                return Err(ScrapeFailure::NoName(labels.to_string()));
            }
            let (found, limit) = (labels.len(), self.settings.label_limit);
            if limit > 0 && found > limit {
                return Err(ScrapeFailure::LabelLimit { series: labels.to_string(), found, limit });
            }
            collected.series_added += 1;
        }
        self.cache.insert(text.to_owned(), Cached { labels: labels.clone(), seen: self.scrapes });
        Ok(labels)
    }

    /// Forgets series that this scrape did not have. After a scrape with a fault they stay, so that the next good one does
    /// not count them as new, unless faulty scrapes bring ever new ones.
    fn evict(&mut self, succeeded: bool) {
        if !succeeded && self.cache.len() <= 2 * self.cached_after_success + CACHE_SLACK {
            return;
        }
        let current = self.scrapes;
        self.cache.retain(|_, cached| cached.seen == current);
        if succeeded {
            self.cached_after_success = self.cache.len();
        }
    }

    /// What of `metadata` is new or changed since the last scrape that had any; remembers it.
    fn changed_metadata(&mut self, metadata: Vec<Metadata>) -> Vec<Metadata> {
        let known = std::mem::take(&mut self.metadata);
        self.metadata = metadata.into_iter().map(|entry| (entry.metric.clone(), entry)).collect();
        let mut changed: Vec<Metadata> =
            self.metadata.values().filter(|entry| known.get(&entry.metric) != Some(entry)).cloned().collect();
        changed.sort_by(|a, b| a.metric.cmp(&b.metric));
        changed
    }
}

/// A sample's labels with those of its target.
///
/// Where both have a name: with `honor` the sample's value stays; otherwise the target's counts, and the sample's moves to
/// the name with as many `exported_` before it as make it unique.
fn merge_target_labels(exposed: &Labels, target: &Labels, honor: bool) -> Labels {
    let mut merged: LabelsBuilder = exposed.builder();
    if honor {
        for (name, value) in target.iter().filter(|(name, _)| !exposed.has(name)) {
            merged.set(name, value);
        }
        return merged.finish();
    }
    for (name, value) in target.iter() {
        merged.set(name, value);
    }
    let mut conflicts: Vec<(&str, &str)> = exposed.iter().filter(|(name, _)| target.has(name)).collect();
    conflicts.sort_by_key(|(name, _)| name.len());
    for (name, value) in conflicts {
        let mut exported = format!("{EXPORTED_PREFIX}{name}");
        while !merged.get(&exported).is_empty() {
            exported.insert_str(0, EXPORTED_PREFIX);
        }
        merged.set(&exported, value);
    }
    merged.finish()
}

#[cfg(test)]
mod tests;
