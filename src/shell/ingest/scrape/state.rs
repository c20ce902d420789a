//! What a scrape makes of a target's answer: samples, staleness markers and report series, as Prometheus writes them.
//! Pure: the time is an argument, nothing is fetched or stored here.

use std::time::Duration;

use hashbrown::{HashMap, HashSet};

use crate::config::ScrapeConfig;
use crate::formats::exposition::{Dialect, Entry, Reader};
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
}

impl SampleSettings {
    pub(super) fn of(config: &ScrapeConfig) -> Self {
        SampleSettings {
            honor_labels: config.honor_labels,
            honor_timestamps: config.honor_timestamps,
            sample_limit: config.sample_limit,
            label_limit: config.label_limit,
            metric_relabel: config.metric_relabel.clone(),
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

/// Samples of one scrape while they are collected.
#[derive(Default)]
struct Collected {
    series: Vec<(Labels, Vec<Sample>)>,
    index: HashMap<Labels, usize>,
    tracked: HashSet<Labels>,
    metadata: Vec<Metadata>,
    scraped: usize,
    kept: usize,
    series_added: usize,
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
        answer: Result<(&[u8], Dialect), ScrapeFailure>,
    ) -> ScrapeReport {
        self.scrapes += 1;
        let mut collected = Collected::default();
        let outcome = match answer {
            Ok((body, dialect)) => self.collect(body, dialect, at, &mut collected).map(|()| !body.is_empty()),
            Err(failure) => Err(failure),
        };
        let (failure, has_content) = match outcome {
            Ok(has_content) => (None, has_content),
            Err(failure) => {
                let Collected { scraped, kept, .. } = collected;
                collected = Collected { scraped, kept, ..Collected::default() };
                (Some(failure), false)
            }
        };
        self.evict(has_content);
        let metadata =
            if has_content { self.changed_metadata(std::mem::take(&mut collected.metadata)) } else { Vec::new() };
        let mut series = collected.series;
        for (_, samples) in &mut series {
            samples.sort_by_key(|sample| sample.at);
            samples.dedup_by_key(|sample| sample.at);
        }
        let ended = self.tracked.iter().filter(|labels| !collected.tracked.contains(*labels));
        series.extend(ended.map(|labels| (labels.clone(), vec![Sample::stale(at)])));
        self.tracked = collected.tracked;
        let (scraped, kept, series_added) = (collected.scraped, collected.kept, collected.series_added);
        let up = if failure.is_none() { 1.0 } else { 0.0 };
        let values = [up, took.as_secs_f64(), scraped as f64, kept as f64, series_added as f64];
        series.extend(self.report_series(at, values));
        ScrapeReport { batch: Batch { series, metadata, ..Batch::default() }, failure, scraped, kept, series_added }
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
                    let Some(labels) = self.labels_of(series, &reader, collected)? else { continue };
                    collected.kept += 1;
                    if own.is_none() {
                        collected.tracked.insert(labels.clone());
                    }
                    collected.push(labels, Sample::new(own.unwrap_or(at), value));
                }
                Entry::Help { metric, help } => collected.metadata_of(&metric).help = help.into_owned(),
                Entry::Type { metric, kind } => collected.metadata_of(&metric).kind = kind.as_str().to_owned(),
                Entry::Unit { metric, unit } => collected.metadata_of(&metric).unit = unit.to_owned(),
            }
        }
        match self.settings.sample_limit {
            limit if limit > 0 && collected.kept > limit => {
                Err(ScrapeFailure::SampleLimit { found: collected.kept, limit })
            }
            _ => Ok(()),
        }
    }

    /// The finished labels of the series that `reader` stands at; `None` if relabelling drops it.
    fn labels_of(
        &mut self,
        text: &str,
        reader: &Reader<'_>,
        collected: &mut Collected,
    ) -> Result<Option<Labels>, ScrapeFailure> {
        if let Some(cached) = self.cache.get_mut(text) {
            cached.seen = self.scrapes;
            return Ok(cached.labels.clone());
        }
        let exposed = reader.labels().map_err(ScrapeFailure::Malformed)?;
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

impl Collected {
    fn push(&mut self, labels: Labels, sample: Sample) {
        match self.index.get(&labels) {
            Some(index) => self.series[*index].1.push(sample),
            None => {
                self.index.insert(labels.clone(), self.series.len());
                self.series.push((labels, vec![sample]));
            }
        }
    }

    /// The entry of `metric`; expositions keep the lines of a family together, so only the last one can match.
    fn metadata_of(&mut self, metric: &str) -> &mut Metadata {
        if self.metadata.last().is_none_or(|last| last.metric != metric) {
            let kind = "unknown".to_owned();
            self.metadata.push(Metadata { metric: metric.to_owned(), kind, ..Metadata::default() });
        }
        let last = self.metadata.len() - 1;
        &mut self.metadata[last]
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
mod tests {
    use regex::Regex;

    use super::*;
    use crate::model::{format_value, is_stale};
    use crate::series::RelabelAction;

    fn state(settings: SampleSettings) -> TargetState {
        let labels = Labels::from_pairs([("job", "api"), ("instance", "a:80")]);
        TargetState::new(labels, settings)
    }

    fn lines(batch: &Batch) -> Vec<String> {
        let mut lines: Vec<String> = batch
            .series
            .iter()
            .flat_map(|(labels, samples)| {
                samples.iter().map(move |sample| {
                    let value = if is_stale(sample.value) { "stale".to_owned() } else { format_value(sample.value) };
                    let labels = labels.to_string().replace(r#"instance="a:80", job="api""#, "T");
                    format!("{labels} {value} @{}", sample.at.millis())
                })
            })
            .collect();
        lines.sort();
        lines
    }

    fn answer(state: &mut TargetState, at: i64, body: Result<&str, ScrapeFailure>) -> ScrapeReport {
        let answer = body.map(|body| (body.as_bytes(), Dialect::Prometheus));
        state.scraped(Timestamp::from_millis(at), Duration::from_millis(500), answer)
    }

    fn honoring() -> SampleSettings {
        SampleSettings { honor_timestamps: true, ..SampleSettings::default() }
    }

    fn keep_only(pattern: &str) -> RelabelRule {
        RelabelRule {
            source_labels: vec![METRIC_NAME.to_owned()],
            separator: ";".to_owned(),
            regex: Regex::new(&format!("^(?:{pattern})$")).expect("a regex"),
            modulus: 0,
            target_label: String::new(),
            replacement: String::new(),
            action: RelabelAction::Keep,
        }
    }

    /// Five scrapes of one target: a series appears, one vanishes, the target fails, comes back, is removed.
    #[test]
    fn the_life_of_a_target() {
        let mut state = state(honoring());
        let story: [(Result<&str, ScrapeFailure>, &[&str]); 4] = [
            (
                Ok("a 1\nb{x=\"y\"} 2\nold 3 500\n"),
                &[
                    r#"a{T} 1 @1000"#,
                    r#"b{T, x="y"} 2 @1000"#,
                    r#"old{T} 3 @500"#,
                    r#"scrape_duration_seconds{T} 0.5 @1000"#,
                    r#"scrape_samples_post_metric_relabeling{T} 3 @1000"#,
                    r#"scrape_samples_scraped{T} 3 @1000"#,
                    r#"scrape_series_added{T} 3 @1000"#,
                    r#"up{T} 1 @1000"#,
                ],
            ),
            (
                Ok("a 5\n"),
                &[
                    r#"a{T} 5 @2000"#,
                    r#"b{T, x="y"} stale @2000"#,
                    r#"scrape_duration_seconds{T} 0.5 @2000"#,
                    r#"scrape_samples_post_metric_relabeling{T} 1 @2000"#,
                    r#"scrape_samples_scraped{T} 1 @2000"#,
                    r#"scrape_series_added{T} 0 @2000"#,
                    r#"up{T} 1 @2000"#,
                ],
            ),
            (
                Err(ScrapeFailure::Status(500)),
                &[
                    r#"a{T} stale @3000"#,
                    r#"scrape_duration_seconds{T} 0.5 @3000"#,
                    r#"scrape_samples_post_metric_relabeling{T} 0 @3000"#,
                    r#"scrape_samples_scraped{T} 0 @3000"#,
                    r#"scrape_series_added{T} 0 @3000"#,
                    r#"up{T} 0 @3000"#,
                ],
            ),
            (
                Ok("a 6\n"),
                &[
                    r#"a{T} 6 @4000"#,
                    r#"scrape_duration_seconds{T} 0.5 @4000"#,
                    r#"scrape_samples_post_metric_relabeling{T} 1 @4000"#,
                    r#"scrape_samples_scraped{T} 1 @4000"#,
                    r#"scrape_series_added{T} 0 @4000"#,
                    r#"up{T} 1 @4000"#,
                ],
            ),
        ];
        for (turn, (body, expected)) in story.into_iter().enumerate() {
            let failed = body.is_err();
            let report = answer(&mut state, 1000 * (turn as i64 + 1), body);
            assert_eq!(lines(&report.batch), expected, "scrape {turn}");
            assert_eq!(report.failure.is_some(), failed);
        }
        let removed = state.ended(Timestamp::from_millis(5000));
        assert_eq!(
            lines(&removed),
            [
                "a{T} stale @5000",
                "scrape_duration_seconds{T} stale @5000",
                "scrape_samples_post_metric_relabeling{T} stale @5000",
                "scrape_samples_scraped{T} stale @5000",
                "scrape_series_added{T} stale @5000",
                "up{T} stale @5000",
            ]
        );
    }

    #[test]
    fn a_target_that_was_never_scraped_ends_silently() {
        assert!(state(honoring()).ended(Timestamp::from_millis(1)).series.is_empty());
    }

    #[test]
    fn a_fault_voids_the_scrape() {
        let limited = |sample_limit, label_limit| SampleSettings { sample_limit, label_limit, ..honoring() };
        let unnamed = SampleSettings {
            metric_relabel: vec![RelabelRule { action: RelabelAction::LabelDrop, ..keep_only(METRIC_NAME) }],
            ..honoring()
        };
        for (settings, body, error, scraped, kept) in [
            (honoring(), "a 1\nb{ 2\n", "line 2", 1.0, 1.0),
            (limited(1, 0), "a 1\nb 2\nc 3\n", "3 samples after relabelling exceed sample_limit (1)", 3.0, 3.0),
            (limited(0, 3), "a 1\nb{x=\"y\"} 2\n", "4 labels, more than label_limit (3)", 2.0, 1.0),
            (unnamed, "a 1\n", "no metric name", 1.0, 0.0),
        ] {
            let mut state = state(settings);
            state.tracked.insert(Labels::from_pairs([(METRIC_NAME, "before")]));
            let report = answer(&mut state, 1000, Ok(body));
            let message = report.failure.as_ref().expect("a failure").to_string();
            assert!(message.contains(error), "{message}");
            let found = lines(&report.batch);
            for expected in [
                "before stale @1000".to_owned(),
                "up{T} 0 @1000".to_owned(),
                format!("scrape_samples_scraped{{T}} {scraped} @1000"),
                format!("scrape_samples_post_metric_relabeling{{T}} {kept} @1000"),
            ] {
                assert!(found.contains(&expected), "{expected} is not in {found:?}");
            }
            assert_eq!(found.len(), 6, "{found:?}");
        }
    }

    #[test]
    fn conflicting_labels() {
        let target = [("job", "api"), ("instance", "a:80"), ("exported_env", "t")];
        for (honor, exposed, expected) in [
            (false, vec![("job", "own")], r#"{exported_env="t", exported_job="own", instance="a:80", job="api"}"#),
            (
                false,
                vec![("job", "own"), ("exported_job", "x")],
                r#"{exported_env="t", exported_exported_job="own", exported_job="x", instance="a:80", job="api"}"#,
            ),
            (true, vec![("job", "own")], r#"{exported_env="t", instance="a:80", job="own"}"#),
            (true, vec![("x", "y")], r#"{exported_env="t", instance="a:80", job="api", x="y"}"#),
        ] {
            let merged = merge_target_labels(&Labels::from_pairs(exposed), &Labels::from_pairs(target), honor);
            assert_eq!(merged.to_string(), expected);
        }
    }

    #[test]
    fn timestamps_of_samples() {
        for (honor_timestamps, expected) in [(true, "a{T} 1 @500"), (false, "a{T} 1 @1000")] {
            let mut state = state(SampleSettings { honor_timestamps, ..SampleSettings::default() });
            assert!(lines(&answer(&mut state, 1000, Ok("a 1 500\n")).batch).contains(&expected.to_owned()));
            let next = lines(&answer(&mut state, 2000, Ok("")).batch);
            assert_eq!(next.contains(&"a{T} stale @2000".to_owned()), !honor_timestamps, "{next:?}");
        }
    }

    #[test]
    fn relabelling_drops_and_duplicates_keep_the_first() {
        let settings = SampleSettings { metric_relabel: vec![keep_only("a")], ..honoring() };
        let report = answer(&mut state(settings), 1000, Ok("a 1\nb 2\na 3\n"));
        assert_eq!((report.scraped, report.kept, report.series_added), (3, 2, 1));
        let found = lines(&report.batch);
        assert!(found.contains(&"a{T} 1 @1000".to_owned()) && !found.iter().any(|line| line.starts_with('b')));
        assert_eq!(found.iter().filter(|line| line.starts_with('a')).count(), 1, "{found:?}");
    }

    #[test]
    fn faulty_scrapes_do_not_fill_the_cache() {
        let mut state = state(SampleSettings { sample_limit: 10, ..honoring() });
        answer(&mut state, 0, Ok("a 1\n"));
        for turn in 0..100 {
            let body: String = (0..50).map(|series| format!("b{{x=\"{turn}-{series}\"}} 1\n")).collect();
            assert!(answer(&mut state, 1000 * turn, Ok(&body)).failure.is_some());
            assert!(state.cache.len() <= CACHE_SLACK + 50, "{}", state.cache.len());
        }
    }

    #[test]
    fn metadata_is_told_once_and_when_it_changes() {
        let mut state = state(honoring());
        let texts = [
            "# TYPE a counter\n# HELP a One.\na 1\n",
            "# TYPE a counter\n# HELP a One.\na 1\n",
            "# TYPE a gauge\na 1\n",
        ];
        let told = texts.map(|text| answer(&mut state, 1000, Ok(text)).batch.metadata);
        assert_eq!((told[0].len(), told[1].len(), told[2].len()), (1, 0, 1));
        assert_eq!((told[0][0].kind.as_str(), told[0][0].help.as_str()), ("counter", "One."));
    }
}
