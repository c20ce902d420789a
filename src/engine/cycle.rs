//! One evaluation of a group: every rule queries the series, its result goes to the engine, what it writes goes back to the
//! series, so that later rules see it. The service and every rehearsal run groups through here.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::{Input, RuleError, RuleView};
use crate::eval::{self, Element, Value};
use crate::lang::{self, Expr};
use crate::model::{Labels, Matcher, STALE_NAN, SampleValue, Timestamp, TraceId};
use crate::rule::{
    AlertState, AlertingRule, Group, NoData, Observation, Presence, RecordingRule, Rule, RuleId, observe,
    recorded_labels,
};
use crate::series::Querier;
use crate::template::{QueryRow, RuleData, TemplateError};

/// What surrounds an evaluation: the series and the engine.
pub trait World {
    /// Runs `read` over the series as they are now.
    fn query<T>(&self, read: impl FnOnce(&dyn Querier) -> T) -> T;
    /// The batch that last touched a series that satisfies `matchers`.
    fn last_trace(&self, matchers: &[Matcher]) -> Option<TraceId>;
    /// Writes what rules yield at `at`. A sample that cannot be taken is counted by the implementation.
    fn append(&mut self, at: Timestamp, values: Vec<(Labels, SampleValue)>);
    /// Hands a result to the engine; returns what the engine knows of the rule afterwards.
    fn decide(&mut self, rule: RuleId, input: Input) -> RuleView;
    /// What the engine knows of the rule now.
    fn view(&mut self, rule: RuleId) -> RuleView;
}

/// Settings that all groups share.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// `$externalLabels`
    pub external_labels: Labels,
    /// `$externalURL`
    pub external_url: String,
    /// How expressions are evaluated.
    pub options: eval::Options,
}

/// What an evaluation of a group did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many rules were evaluated.
    pub evaluated: usize,
    /// How many of them failed.
    pub failed: usize,
    /// How many samples they wrote.
    pub written: usize,
}

/// A group on its way from evaluation to evaluation.
#[derive(Debug)]
pub struct GroupRun {
    group: Group,
    rules: HashMap<RuleId, RuleRun>,
}

/// What is remembered of a rule's last evaluation.
#[derive(Debug, Default)]
struct RuleRun {
    /// The series that it wrote; those that it writes no more get a staleness marker.
    written: BTreeSet<Labels>,
    /// The query labels of its alerts that are not over; `None` before its first evaluation.
    active: Option<HashMap<Labels, AlertState>>,
}

impl GroupRun {
    /// A group that was never evaluated.
    pub fn new(group: Group) -> Self {
        GroupRun { group, rules: HashMap::new() }
    }

    /// The group.
    pub fn group(&self) -> &Group {
        &self.group
    }

    /// Goes on with another definition of the same group. Rules that are no more leave staleness markers at `at`.
    pub fn replace(&mut self, group: Group, at: Timestamp, world: &mut impl World) {
        let kept: HashSet<RuleId> = group.rules.iter().map(Rule::id).collect();
        self.group = group;
        let gone = |id: &RuleId| !kept.contains(id);
        let written: Vec<Labels> =
            self.rules.iter().filter(|(id, _)| gone(id)).flat_map(|(_, run)| run.written.iter().cloned()).collect();
        self.rules.retain(|id, _| kept.contains(id));
        end_series(written, at, world);
    }

    /// The group is no more: its series end at `at`.
    pub fn retire(self, at: Timestamp, world: &mut impl World) {
        end_series(self.rules.into_values().flat_map(|run| run.written), at, world);
    }

    /// Evaluates every rule at `at`, in order.
    pub fn evaluate(&mut self, at: Timestamp, surroundings: &Surroundings, world: &mut impl World) -> Report {
        let mut report = Report::default();
        for rule in &self.group.rules {
            let run = self.rules.entry(rule.id()).or_default();
            let mut evaluation = Evaluation { group: &self.group, at, surroundings, world, run };
            let (ok, written) = match rule {
                Rule::Recording(rule) => evaluation.recording(rule),
                Rule::Alerting(rule) => evaluation.alerting(rule),
            };
            report.evaluated += 1;
            report.failed += usize::from(!ok);
            report.written += written;
        }
        report
    }
}

fn end_series(series: impl IntoIterator<Item = Labels>, at: Timestamp, world: &mut impl World) {
    let markers: Vec<(Labels, SampleValue)> = series.into_iter().map(|labels| (labels, STALE_NAN.into())).collect();
    if !markers.is_empty() {
        world.append(at, markers);
    }
}

/// One rule, one moment.
struct Evaluation<'a, W> {
    group: &'a Group,
    at: Timestamp,
    surroundings: &'a Surroundings,
    world: &'a mut W,
    run: &'a mut RuleRun,
}

impl<W: World> Evaluation<'_, W> {
    /// The moment that queries look at and that results are written at.
    fn query_at(&self) -> Timestamp {
        self.at - self.group.query_offset
    }

    fn elements(&self, expr: &Expr) -> Result<Vec<Element>, RuleError> {
        let value = self.world.query(|querier| {
            eval::instant(querier, expr, self.query_at(), &self.surroundings.options).map(|evaluated| evaluated.value)
        });
        match value.map_err(|error| RuleError(error.to_string()))? {
            Value::Vector(elements) => Ok(elements),
            Value::Scalar(value) => Ok(vec![Element { labels: Labels::default(), value: value.into() }]),
            Value::String(_) | Value::Matrix(_) => Err(RuleError("the expression yields no instant vector".to_owned())),
        }
    }

    fn recording(&mut self, rule: &RecordingRule) -> (bool, usize) {
        let result = self.elements(&rule.expr).and_then(|elements| self.recorded(rule, elements));
        let (result, written) = match result {
            Ok(series) => (Ok(()), self.write(series)),
            Err(error) => (Err(error), 0),
        };
        let ok = result.is_ok();
        self.world.decide(rule.id, Input::RecordingResult { rule: rule.id, at: self.at, result });
        (ok, written)
    }

    fn recorded(&self, rule: &RecordingRule, elements: Vec<Element>) -> Result<Vec<(Labels, SampleValue)>, RuleError> {
        let limit = self.group.limit;
        if limit > 0 && elements.len() > limit {
            let found = elements.len();
            return Err(RuleError(format!("{found} series exceed the group's limit of {limit}; none was written")));
        }
        let mut series = BTreeMap::new();
        for element in elements {
            let labels = recorded_labels(rule, &element.labels);
            if series.insert(labels.clone(), element.value).is_some() {
                return Err(RuleError(format!("the result has two series that become {labels}")));
            }
        }
        Ok(series.into_iter().collect())
    }

    fn alerting(&mut self, rule: &AlertingRule) -> (bool, usize) {
        if self.run.active.is_none() {
            // What it wrote before a restart, so that series of alerts that are over get their markers.
            let view = self.world.view(rule.id);
            self.run.active = Some(view.active.into_iter().collect());
            self.run.written = view.series.into_iter().map(|(labels, _)| labels).collect();
        }
        let result = self.elements(&rule.expr).and_then(|elements| self.observations(rule, &elements));
        let presence = match &result {
            Ok(observed) => self.presence(rule, observed),
            Err(_) => Presence::Unknown,
        };
        let ok = result.is_ok();
        let view = self.world.decide(rule.id, Input::AlertingResult { rule: rule.id, at: self.at, result, presence });
        self.run.active = Some(view.active.into_iter().collect());
        // After an error the state is as before, and its series go on.
        let series = view.series.into_iter().map(|(labels, value)| (labels, value.into()));
        (ok, self.write(series.collect()))
    }

    fn observations(&self, rule: &AlertingRule, elements: &[Element]) -> Result<Vec<Observation>, RuleError> {
        let options = &self.surroundings.options;
        let query = |text: &str| -> Result<Vec<QueryRow>, TemplateError> {
            let expr = lang::parse(text).map_err(|errors| TemplateError::new(errors.to_string()))?;
            let value = self.world.query(|querier| {
                eval::instant(querier, &expr, self.query_at(), options).map(|evaluated| evaluated.value)
            });
            match value.map_err(|error| TemplateError::new(error.to_string()))? {
                Value::Vector(rows) => Ok(rows
                    .into_iter()
                    .map(|row| QueryRow { labels: row.labels, value: row.value.float().unwrap_or_default() })
                    .collect()),
                Value::Scalar(value) => Ok(vec![QueryRow { labels: Labels::default(), value }]),
                Value::String(_) | Value::Matrix(_) => Err(TemplateError::new("query yields no instant vector")),
            }
        };
        let observe_one = |element: &Element| {
            let labels = element.labels.without_name();
            let data = RuleData {
                labels: &labels,
                value: element.value.clone(),
                external_labels: &self.surroundings.external_labels,
                external_url: &self.surroundings.external_url,
                at: self.at,
            };
            observe(rule, &data, self.trace(rule, &labels), &query).map_err(|error| RuleError(error.to_string()))
        };
        elements.iter().map(observe_one).collect()
    }

    /// The batch behind a series of the result; not looked up for an alert that fires already and has its own.
    fn trace(&self, rule: &AlertingRule, labels: &Labels) -> TraceId {
        let known = self.run.active.as_ref().and_then(|active| active.get(labels));
        if known == Some(&AlertState::Firing) {
            return TraceId::NONE;
        }
        let traces = rule.expr.selectors().into_iter().filter_map(|reach| {
            let mut narrow = reach.selector.matchers.clone();
            narrow.extend(labels.iter().map(|(name, value)| Matcher::equal(name, value)));
            self.world.last_trace(&narrow).or_else(|| self.world.last_trace(&reach.selector.matchers))
        });
        traces.into_iter().find(|trace| trace.is_some()).unwrap_or(TraceId::NONE)
    }

    /// For which label sets there are data; asked only when an alert is missing from the result.
    fn presence(&self, rule: &AlertingRule, observed: &[Observation]) -> Presence {
        let NoData::KeepFor(_) = rule.no_data else { return Presence::Unknown };
        let seen: HashSet<&Labels> = observed.iter().map(|observation| &observation.query_labels).collect();
        if self.run.active.iter().flatten().all(|(labels, _)| seen.contains(labels)) {
            return Presence::Unknown;
        }
        let options = &self.surroundings.options;
        let known = self.world.query(|querier| eval::data_labels(querier, &rule.expr, self.query_at(), options));
        match known {
            Ok(Some(labels)) => Presence::Known(labels.into_iter().collect()),
            Ok(None) => Presence::Unknown,
            // Without an answer nothing counts as over.
            Err(_) => Presence::Known(HashSet::new()),
        }
    }

    /// Writes `series`, and ends those that the rule wrote last time and writes no more.
    fn write(&mut self, series: Vec<(Labels, SampleValue)>) -> usize {
        let at = self.query_at();
        let written: BTreeSet<Labels> = series.iter().map(|(labels, _)| labels.clone()).collect();
        let gone = std::mem::take(&mut self.run.written).into_iter().filter(|labels| !written.contains(labels));
        let mut values: Vec<(Labels, SampleValue)> = gone.map(|labels| (labels, STALE_NAN.into())).collect();
        values.extend(series);
        self.run.written = written;
        let count = values.len();
        if count > 0 {
            self.world.append(at, values);
        }
        count
    }
}
