//! The block `lint` of the main file: what remarks on rules the user wants.

use std::sync::Arc;
use std::time::Duration;

use crate::model::{MatchOp, Matcher, Place, Severity, SourceFile};

use super::yaml::{Entry, Fields, Node, Reader, shorten};

/// How many series one rule may read without a remark, unless the policy says otherwise.
const SERIES_MAX: usize = 10_000;

/// What the user wants to be told about rules.
#[derive(Clone, Debug)]
pub struct LintPolicy {
    /// Checks that are not wanted.
    pub disabled: Vec<NamedCheck>,
    /// Checks that matter more or less than by default.
    pub severities: Vec<(NamedCheck, Severity)>,
    /// Annotations that every alert must have.
    pub required_annotations: Vec<RequiredText>,
    /// Labels that every alerting rule must set.
    pub required_labels: Vec<RequiredText>,
    /// Labels that rules must keep or strip.
    pub aggregation_labels: Vec<LabelPolicy>,
    /// How long samples are kept where the rules run.
    pub retention: Option<Duration>,
    /// How many series one rule may read without a remark.
    pub series_max: usize,
}

impl Default for LintPolicy {
    fn default() -> Self {
        LintPolicy {
            disabled: Vec::new(),
            severities: Vec::new(),
            required_annotations: Vec::new(),
            required_labels: Vec::new(),
            aggregation_labels: Vec::new(),
            retention: None,
            series_max: SERIES_MAX,
        }
    }
}

/// The id of a check where the configuration names it; it may be unknown.
#[derive(Clone, Debug)]
pub struct NamedCheck {
    /// The id as written.
    pub id: String,
    /// Where it stands.
    pub place: Place,
}

/// A label or annotation that must be there, and what its text must match as a whole.
#[derive(Clone, Debug)]
pub struct RequiredText {
    /// Its name.
    pub name: String,
    /// The condition on its text.
    pub text: Matcher,
}

/// Labels that rules over certain metrics must keep or strip.
#[derive(Clone, Debug)]
pub struct LabelPolicy {
    /// Which metrics, by name.
    pub metric: Matcher,
    /// Labels that the result must keep.
    pub keep: Vec<String>,
    /// Labels that an aggregation must strip.
    pub strip: Vec<String>,
}

impl LintPolicy {
    /// The same with its places in `file`.
    pub(super) fn in_file(mut self, file: &Arc<SourceFile>) -> Self {
        let named = self.disabled.iter_mut().chain(self.severities.iter_mut().map(|(named, _)| named));
        for check in named {
            check.place.file = Arc::clone(file);
        }
        self
    }
}

/// Reads the block `lint`.
pub(super) fn lint_policy(fields: &mut Fields<'_>) -> LintPolicy {
    let reader = fields.reader();
    let mut policy = LintPolicy::default();
    let Some(mut inner) = fields.take("lint").and_then(|node| reader.fields(node, "`lint`")) else { return policy };
    let disabled = inner.texts("disabled").unwrap_or_default();
    policy.disabled = disabled.into_iter().map(|(id, node)| named(id, node.span.clone())).collect();
    for entry in entries(&mut inner, "severities", "ids of checks and their severities") {
        let severity = severity(reader, &entry.value);
        policy.severities.extend(severity.map(|known| (named(entry.key.clone(), entry.key_span.clone()), known)));
    }
    policy.required_annotations = required(&mut inner, "required_annotations");
    policy.required_labels = required(&mut inner, "required_labels");
    for node in inner.list("aggregation_labels") {
        let Some(mut labels) = reader.fields(node, "an item of `aggregation_labels`") else { continue };
        let metric = labels.take("metric");
        let names = |texts: Option<Vec<(String, &Node)>>| texts.into_iter().flatten().map(|(name, _)| name).collect();
        let (keep, strip) = (names(labels.texts("keep")), names(labels.texts("strip")));
        match metric {
            Some(metric) => {
                let metric = pattern(reader, "__name__", metric);
                policy.aggregation_labels.extend(metric.map(|metric| LabelPolicy { metric, keep, strip }));
            }
            None => labels.missing("metric"),
        }
        labels.finish();
    }
    policy.retention = inner.positive_duration("retention");
    policy.series_max = inner.count("series_max").unwrap_or(SERIES_MAX);
    inner.finish();
    policy
}

fn named(id: String, range: std::ops::Range<usize>) -> NamedCheck {
    NamedCheck { id, place: Place { file: SourceFile::new("", ""), range } }
}

fn entries<'r>(fields: &mut Fields<'r>, name: &'static str, expected: &str) -> &'r [Entry] {
    let reader = fields.reader();
    fields.take(name).map_or(&[], |node| reader.entries(node, expected))
}

fn required(fields: &mut Fields<'_>, name: &'static str) -> Vec<RequiredText> {
    let reader = fields.reader();
    let read = entries(fields, name, "names and the expressions that their texts must match").iter();
    let read = read.filter_map(|entry| {
        Some(RequiredText { name: entry.key.clone(), text: pattern(reader, &entry.key, &entry.value)? })
    });
    read.collect()
}

fn pattern(reader: &Reader<'_>, name: &str, node: &Node) -> Option<Matcher> {
    let text = &reader.scalar(node, "a regular expression")?.text;
    match Matcher::new(name, MatchOp::Regex, text.as_str()) {
        Ok(matcher) => Some(matcher),
        Err(error) => {
            reader.error("config/regex", &node.span, error.to_string());
            None
        }
    }
}

fn severity(reader: &Reader<'_>, node: &Node) -> Option<Severity> {
    let text = &reader.scalar(node, "`info`, `warning` or `error`")?.text;
    let found = match text.as_str() {
        "info" => Some(Severity::Info),
        "warning" => Some(Severity::Warning),
        "error" => Some(Severity::Error),
        _ => None,
    };
    if found.is_none() {
        let message = format!("expected `info`, `warning` or `error`, found `{}`", shorten(text));
        reader.error("yaml/wrong-type", &node.span, message);
    }
    found
}
