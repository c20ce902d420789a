//! Prometheus rule files, with `no_data` besides.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashSet;

use crate::model::{Labels, METRIC_NAME};
use crate::rule::{AlertingRule, Group, NoData, RecordingRule, Rule, RuleId};

use super::expression::{rule_expression, rule_template};
use super::noise::flap_setting;
use super::written::{WrittenGroup, WrittenRule};
use super::yaml::{Fields, Node, NodeKind, Reader, shorten};

/// The greatest number of rules in a file.
const RULES_MAX: usize = 100_000;

/// What holds where a rule file says nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct RuleDefaults {
    /// The interval of groups.
    pub(super) interval: Duration,
    /// What becomes of an alert whose data are gone.
    pub(super) no_data: NoData,
    /// The offset of queries.
    pub(super) query_offset: Duration,
}

/// Reads the groups of a rule file; `name` is the file's stable name, part of the identity of its rules.
///
/// Kubernetes' `PrometheusRule` objects are taken too.
pub(super) fn rule_groups(
    reader: &Reader<'_>,
    root: Option<&Node>,
    name: &str,
    defaults: RuleDefaults,
) -> Vec<WrittenGroup> {
    let Some(root) = root else { return Vec::new() };
    let Some(mut fields) = reader.fields(root, "a rule file") else { return Vec::new() };
    if let Some(spec) = fields.take("spec") {
        for field in ["apiVersion", "kind", "metadata", "status"] {
            fields.entry(field);
        }
        fields.finish();
        let Some(fields) = reader.fields(spec, "the `spec` of a PrometheusRule") else { return Vec::new() };
        return groups(reader, fields, name, defaults);
    }
    let Some(fields) = reader.fields(root, "a rule file") else { return Vec::new() };
    groups(reader, fields, name, defaults)
}

fn groups(reader: &Reader<'_>, mut fields: Fields<'_>, file: &str, defaults: RuleDefaults) -> Vec<WrittenGroup> {
    let mut names = HashSet::new();
    let mut rules = RuleFile { reader, file, seen: HashMap::new(), count: 0 };
    let mut groups = Vec::new();
    for node in fields.list("groups") {
        let Some(mut group) = reader.fields(node, "a rule group") else { continue };
        let name = group.need_text("name");
        if let Some(name) = name.as_ref().filter(|name| !names.insert((*name).clone())) {
            let message = format!("another group of this file is named `{}` too", shorten(name));
            group.error_at("name", "rule/duplicate-group", message);
        }
        let read = rules.group(&mut group, name.unwrap_or_default(), defaults);
        group.finish();
        groups.push(read);
    }
    fields.finish();
    groups
}

/// A label or annotation as written.
type Written<'n> = BTreeMap<&'n str, &'n Node>;

/// A rule file while it is read.
struct RuleFile<'r> {
    reader: &'r Reader<'r>,
    file: &'r str,
    /// Where the rules stand, by name and labels.
    seen: HashMap<String, Range<usize>>,
    count: usize,
}

impl<'r> RuleFile<'r> {
    fn group(&mut self, fields: &mut Fields<'r>, name: String, defaults: RuleDefaults) -> WrittenGroup {
        let interval = fields.duration("interval").filter(|interval| !interval.is_zero());
        let own_interval = interval.unwrap_or(defaults.interval);
        let query_offset = fields.duration("query_offset").unwrap_or(defaults.query_offset);
        let limit = fields.count("limit").unwrap_or(0);
        let labels_node = fields.take("labels");
        let labels = self.written(labels_node, "label");
        let no_data = no_data(fields).unwrap_or(defaults.no_data);
        let (mut rules, mut written) = (Vec::new(), Vec::new());
        let mut ordinals: HashMap<String, usize> = HashMap::new();
        for node in fields.list("rules") {
            self.count += 1;
            if self.count > RULES_MAX {
                self.reader.error("config/limit", &node.span, format!("more than {RULES_MAX} rules in a file"));
                break;
            }
            let Some(mut rule) = self.reader.fields(node, "a rule") else { continue };
            let read = self.rule(&mut rule, &name, &labels, (no_data, own_interval), &mut ordinals);
            rule.finish();
            if let Some(read) = read {
                rules.push(read);
                written.push(WrittenRule::read(node, labels_node));
            }
        }
        let says_interval = interval.is_some();
        let interval = interval.unwrap_or(defaults.interval);
        let group = Group { file: self.file.to_owned(), name, interval, query_offset, limit, rules };
        WrittenGroup { group, says_interval, rules: written }
    }

    fn rule(
        &mut self,
        fields: &mut Fields<'r>,
        group: &str,
        group_labels: &Written<'r>,
        (group_no_data, interval): (NoData, Duration),
        ordinals: &mut HashMap<String, usize>,
    ) -> Option<Rule> {
        let record = fields.text("record").filter(|name| !name.is_empty());
        let alert = fields.text("alert").filter(|name| !name.is_empty());
        let own_labels = self.written(fields.take("labels"), "label");
        let annotations = self.written(fields.take("annotations"), "annotation");
        let no_data = no_data(fields);
        let flap = flap_setting(fields, interval);
        let hold_for = fields.duration("for");
        let keep_firing_for = fields.duration("keep_firing_for");
        let expr = match fields.take("expr") {
            Some(node) => rule_expression(self.reader, node),
            None => {
                fields.missing("expr");
                None
            }
        };
        let mut labels = group_labels.clone();
        labels.extend(own_labels);
        let name = record.as_ref().or(alert.as_ref()).cloned().unwrap_or_default();
        let id = self.identity(fields, group, &name, &labels, ordinals);
        match (record, alert) {
            (Some(_), Some(_)) => {
                fields.error_at("alert", "rule/kind", "a rule has `record` or `alert`, not both");
                None
            }
            (None, None) => {
                let span = fields.span().clone();
                self.reader.error("rule/kind", &span, "a rule needs the field `record` or `alert`");
                None
            }
            (Some(record), None) => {
                self.check_recording(fields, &record);
                let (expr, expr_text) = expr?;
                let labels = labels.iter().map(|(name, node)| (*name, plain_text(node)));
                let labels = Labels::from_pairs(labels);
                Some(Rule::Recording(RecordingRule { id, record, expr, expr_text, labels }))
            }
            (None, Some(alert)) => {
                let templates = |written: &Written<'r>| {
                    let parsed = written
                        .iter()
                        .filter_map(|(name, node)| Some(((*name).to_owned(), rule_template(self.reader, node)?)));
                    parsed.collect::<Vec<_>>()
                };
                let (labels, annotations) = (templates(&labels), templates(&annotations));
                let (expr, expr_text) = expr?;
                Some(Rule::Alerting(AlertingRule {
                    id,
                    alert,
                    expr,
                    expr_text,
                    hold_for: hold_for.unwrap_or_default(),
                    keep_firing_for: keep_firing_for.unwrap_or_default(),
                    labels,
                    annotations,
                    no_data: no_data.unwrap_or(group_no_data),
                    flap,
                }))
            }
        }
    }

    fn check_recording(&self, fields: &mut Fields<'r>, record: &str) {
        if record.contains(['{', '}']) {
            let message = format!("`{}` is no metric name", shorten(&record));
            let span = fields.take("record").map_or_else(|| fields.span().clone(), |node| node.span.clone());
            let hint = Some("an expression belongs in `expr`, labels in `labels`");
            self.reader.error_hint("rule/record-name", &span, message, hint);
        }
        for name in ["for", "keep_firing_for", "annotations", "no_data", "flap"] {
            if fields.take(name).is_some_and(|node| !is_zero(node)) {
                fields.error_at(name, "rule/recording", format!("a recording rule has no `{name}`"));
            }
        }
    }

    /// The names and texts of `labels` or `annotations`.
    fn written(&self, node: Option<&'r Node>, what: &str) -> Written<'r> {
        let mut written = Written::new();
        for entry in node.map(|node| self.reader.entries(node, "names and their texts")).unwrap_or_default() {
            if entry.key.is_empty() || (what == "label" && entry.key == METRIC_NAME) {
                let message = format!("`{}` is not allowed as the name of a {what}", entry.key);
                self.reader.error("rule/label-name", &entry.key_span, message);
                continue;
            }
            match &entry.value.kind {
                NodeKind::Null => {}
                NodeKind::Scalar(_) => {
                    written.insert(&entry.key, &entry.value);
                }
                _ => {
                    self.reader.scalar(&entry.value, "a text");
                }
            }
        }
        written
    }

    /// The rule's identity; warns where another rule of the file has the same name and labels.
    fn identity(
        &mut self,
        fields: &Fields<'r>,
        group: &str,
        name: &str,
        labels: &Written<'r>,
        ordinals: &mut HashMap<String, usize>,
    ) -> RuleId {
        let texts: Vec<(&str, &str)> = labels.iter().map(|(name, node)| (*name, plain_text(node))).collect();
        let key = format!("{name}\u{1}{texts:?}");
        let first = self.seen.insert(key.clone(), fields.span().clone());
        if let Some(first) = first.filter(|_| !name.is_empty()) {
            let line = self.reader.line(&first);
            let message = format!("another rule `{}` with the same labels stands in line {line}", shorten(&name));
            let field = if fields.key_span("alert") == *fields.span() { "record" } else { "alert" };
            self.reader.warning("rule/duplicate", &fields.key_span(field), message);
        }
        let ordinal = ordinals.entry(key).or_insert(0);
        let id = RuleId::new(self.file, group, name, texts, *ordinal);
        *ordinal += 1;
        id
    }
}

fn plain_text(node: &Node) -> &str {
    match &node.kind {
        NodeKind::Scalar(scalar) => &scalar.text,
        _ => "",
    }
}

/// `0`, `0s`, an empty mapping.
fn is_zero(node: &Node) -> bool {
    match &node.kind {
        NodeKind::Null => true,
        NodeKind::Scalar(scalar) => matches!(scalar.text.as_str(), "0" | "0s"),
        NodeKind::Mapping(entries) => entries.is_empty(),
        NodeKind::Sequence(_) => false,
    }
}

/// `no_data: resolve`, `keep` or a duration.
pub(super) fn no_data(fields: &mut Fields<'_>) -> Option<NoData> {
    let node: &Node = fields.take("no_data")?;
    let reader = fields.reader();
    match reader.scalar(node, "`resolve`, `keep` or a duration")?.text.as_str() {
        "resolve" => Some(NoData::Resolve),
        "keep" => Some(NoData::default()),
        text => match crate::model::parse_duration(text) {
            Ok(duration) if !duration.is_zero() => Some(NoData::KeepFor(duration)),
            _ => {
                let message =
                    format!("expected `resolve`, `keep` or a duration such as `1h`, found `{}`", shorten(&text));
                reader.error("rule/no-data", &node.span, message);
                None
            }
        },
    }
}

/// How many rules `groups` hold.
pub(super) fn rule_count(groups: &[Group]) -> usize {
    groups.iter().map(|group| group.rules.len()).sum()
}

/// Whether the document is one of rules: its top level has `groups`, or it is a `PrometheusRule`.
pub(super) fn is_rule_file(root: &Arc<Node>) -> bool {
    let NodeKind::Mapping(entries) = &root.kind else { return false };
    let is = |key: &str, value: Option<&str>| {
        entries.iter().any(|entry| entry.key == key && value.is_none_or(|value| plain_text(&entry.value) == value))
    };
    is("groups", None) || is("kind", Some("PrometheusRule"))
}
