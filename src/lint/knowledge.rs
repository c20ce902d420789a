//! What checks may know besides the rules: the configuration, and the samples of a fixture or a server.

use std::rc::Rc;
use std::time::Duration;

use crate::config::Plan;
use crate::lang::{Expr, Selector};
use crate::model::{Labels, METRIC_NAME, Matcher, Timestamp};

use super::check::RuleSet;

/// What is known besides the rules; nothing by default.
#[derive(Default)]
pub struct Knowledge<'k> {
    /// The present, to which the dates of silences are compared; without it none has passed.
    pub now: Option<Timestamp>,
    /// How long samples are kept, if a server told.
    pub retention: Option<Duration>,
    /// Whether there is a main file, so that what it does not say is the default.
    pub has_main_file: bool,
    /// The jobs that are scraped, with the distance of their samples.
    pub jobs: Vec<(String, Duration)>,
    /// The labels added to what leaves the service.
    pub external_labels: Labels,
    /// The samples.
    pub series: Option<&'k dyn SeriesKnowledge>,
}

impl<'k> Knowledge<'k> {
    /// What the configuration tells.
    pub fn of_plan(plan: &Plan) -> Knowledge<'k> {
        let jobs = plan.scrapes.iter().map(|scrape| (scrape.job_name.clone(), scrape.interval));
        Knowledge {
            has_main_file: true,
            jobs: jobs.collect(),
            external_labels: plan.engine.external_labels.clone(),
            ..Knowledge::default()
        }
    }

    /// The kind of the metric `name`, such as `counter` or `gauge`.
    pub(super) fn kind(&self, name: &str) -> Option<String> {
        self.series
            .and_then(|series| series.kind(name))
            .filter(|kind| !matches!(kind.as_str(), "" | "unknown" | "untyped"))
    }
}

/// What is known of the series of a selector.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SelectorFacts {
    /// The series that are there now, at most [`SERIES_SHOWN_MAX`].
    pub series: Vec<Labels>,
    /// How many there are.
    pub count: usize,
    /// The usual distance of their samples.
    pub interval: Option<Duration>,
    /// A series that appeared with a value above 0 after the samples began.
    pub newborn: Option<(Labels, f64)>,
    /// When the last sample came, if there are no series now.
    pub last_seen: Option<Timestamp>,
}

/// How many series of a selector are looked at one by one.
pub const SERIES_SHOWN_MAX: usize = 1000;

/// Answers about samples; `None` where the answer is not known.
pub trait SeriesKnowledge {
    /// The moment that is the present of the samples.
    fn at(&self) -> Timestamp;
    /// What is known of the series that satisfy every matcher.
    fn facts(&self, matchers: &[Matcher]) -> Option<Rc<SelectorFacts>>;
    /// How many series `expr` yields now.
    fn count(&self, expr: &Expr) -> Option<usize>;
    /// The names of all metrics.
    fn metric_names(&self) -> Option<Rc<[String]>>;
    /// The kind of a metric: `counter`, `gauge`, `histogram`, `summary`.
    fn kind(&self, metric: &str) -> Option<String>;
}

impl RuleSet<'_> {
    /// What is known of the series of `selector`.
    pub(super) fn facts(&self, selector: &Selector) -> Option<Rc<SelectorFacts>> {
        self.knowledge.series.and_then(|series| series.facts(&selector.matchers))
    }

    /// The distance of the samples of `selector` in milliseconds: as seen, or the shortest of the jobs that it may read.
    pub(super) fn interval_ms(&self, selector: &Selector) -> Option<i64> {
        let name = selector.name.as_deref().unwrap_or_default();
        let recorded = self.recording_interval(name);
        let seen = || self.facts(selector).and_then(|facts| facts.interval);
        let configured = || {
            let of_job = |matcher: &&Matcher| matcher.name() == "job";
            let job = selector.matchers.iter().filter(of_job).collect::<Vec<_>>();
            let jobs = self.knowledge.jobs.iter();
            jobs.filter(|(name, _)| job.iter().all(|matcher| matcher.matches_value(name)))
                .map(|(_, interval)| *interval)
                .min()
        };
        let interval = recorded.or_else(seen).or_else(configured)?;
        i64::try_from(interval.as_millis()).ok().filter(|millis| *millis > 0)
    }

    /// How long samples are kept.
    pub(super) fn retention(&self) -> Option<Duration> {
        self.policy.retention.or(self.knowledge.retention)
    }
}

/// The matcher of the metric's name alone.
pub(super) fn of_name(name: &str) -> Vec<Matcher> {
    vec![Matcher::equal(METRIC_NAME, name)]
}
