//! `route`: read, inherited, checked.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::deliver::Receiver;
use crate::model::{Labels, MatchOp, Matcher, format_duration, is_label_name, nearest};
use crate::route::{GroupBy, NotifyPolicy, Route, TimeInterval};

use super::matchers::parse_matchers;
use super::noise::notify_policy;
use super::yaml::{Fields, Node, NodeKind, Reader, shorten};

const GROUP_WAIT: Duration = Duration::from_secs(30);
const GROUP_INTERVAL: Duration = Duration::from_secs(5 * 60);
const REPEAT_INTERVAL: Duration = Duration::from_secs(4 * 60 * 60);
/// The greatest number of routes in a tree.
const ROUTES_MAX: usize = 10_000;

/// A root that sends everything to `receiver`, one group per alert name.
pub(super) fn plain_route(receiver: &str) -> Route {
    Route {
        receiver: receiver.to_owned(),
        group_by: GroupBy::Labels(vec!["alertname".to_owned()]),
        matchers: Vec::new(),
        continues: false,
        group_wait: Duration::ZERO,
        group_interval: GROUP_INTERVAL,
        repeat_interval: REPEAT_INTERVAL,
        notify: NotifyPolicy::default(),
        mute_intervals: Vec::new(),
        active_intervals: Vec::new(),
        labels: Labels::default(),
        routes: Vec::new(),
    }
}

/// Reads the tree below the root `node`.
pub(super) fn route_tree(
    reader: &Reader<'_>,
    node: &Node,
    receivers: &[Receiver],
    intervals: &[TimeInterval],
) -> Option<Route> {
    let origin = Route { group_by: GroupBy::Labels(Vec::new()), group_wait: GROUP_WAIT, ..plain_route("") };
    let mut tree = Tree { reader, receivers, intervals, routes: 0 };
    let fields = reader.fields(node, "a route")?;
    for name in ["match", "match_re", "matchers", "continue", "mute_time_intervals", "active_time_intervals"] {
        let mut probe = reader.fields(node, "a route")?;
        if probe.take(name).is_some_and(|node| !is_default(node)) {
            probe.error_at(name, "config/root-route", format!("the root route takes every alert; it has no `{name}`"));
        }
    }
    let route = tree.route(fields, &origin);
    if route.receiver.is_empty() {
        reader.error("yaml/missing-field", &node.span, "the root route needs the field `receiver`");
    }
    Some(route)
}

/// An empty list, an empty mapping or `false`.
fn is_default(node: &Node) -> bool {
    match &node.kind {
        NodeKind::Null => true,
        NodeKind::Sequence(items) => items.is_empty(),
        NodeKind::Mapping(entries) => entries.is_empty(),
        NodeKind::Scalar(scalar) => scalar.text == "false",
    }
}

struct Tree<'r> {
    reader: &'r Reader<'r>,
    receivers: &'r [Receiver],
    intervals: &'r [TimeInterval],
    routes: usize,
}

impl Tree<'_> {
    fn route(&mut self, mut fields: Fields<'_>, parent: &Route) -> Route {
        self.routes += 1;
        let receiver = fields.text("receiver").filter(|name| !name.is_empty());
        if let Some(name) = &receiver {
            self.known_receiver(&mut fields, name);
        }
        let mut route = Route {
            receiver: receiver.unwrap_or_else(|| parent.receiver.clone()),
            group_by: group_by(&mut fields).unwrap_or_else(|| parent.group_by.clone()),
            matchers: matchers(&mut fields),
            continues: fields.flag("continue").unwrap_or(false),
            group_wait: fields.duration("group_wait").unwrap_or(parent.group_wait),
            group_interval: fields.positive_duration("group_interval").unwrap_or(parent.group_interval),
            repeat_interval: fields.positive_duration("repeat_interval").unwrap_or(parent.repeat_interval),
            notify: notify_policy(&mut fields, &parent.notify),
            mute_intervals: known_intervals(&mut fields, "mute_time_intervals", self.intervals),
            active_intervals: known_intervals(&mut fields, "active_time_intervals", self.intervals),
            labels: parent.labels.merged(&fields.labels("labels")),
            routes: Vec::new(),
        };
        if let Some(backoff) = route.notify.backoff.filter(|backoff| backoff.max < route.repeat_interval) {
            let (max, first) = (format_duration(backoff.max), format_duration(route.repeat_interval));
            let message = format!("the longest wait {max} is shorter than `repeat_interval` {first}");
            fields.error_at("repeat_backoff", "config/repeat-backoff", message);
        }
        if route.repeat_interval < route.group_interval && fields.take("repeat_interval").is_some() {
            let message = "`repeat_interval` is shorter than `group_interval`; repeats come once per group interval";
            self.reader.warning("config/repeat-interval", &fields.key_span("repeat_interval"), message);
        }
        let children: &[Arc<Node>] = fields.list("routes");
        for child in children {
            if self.routes >= ROUTES_MAX {
                self.reader.error("config/limit", &child.span, format!("more than {ROUTES_MAX} routes"));
                break;
            }
            if matches!(child.kind, NodeKind::Null) {
                self.reader.error("yaml/wrong-type", &child.span, "expected a route, found nothing");
            } else if let Some(fields) = self.reader.fields(child, "a route") {
                route.routes.push(self.route(fields, &route));
            }
        }
        fields.finish();
        route
    }

    fn known_receiver(&self, fields: &mut Fields<'_>, name: &str) {
        let names = || self.receivers.iter().map(|receiver| receiver.name.as_str());
        if names().any(|known| known == name) {
            return;
        }
        let hint = match nearest(name, names()) {
            Some(known) => format!("did you mean `{known}`?"),
            None => format!("known receivers: {}", names().take(16).collect::<Vec<_>>().join(", ")),
        };
        let span = fields.take("receiver").map_or_else(|| fields.span().clone(), |node| node.span.clone());
        let message = format!("no receiver is named `{}`", shorten(&name));
        self.reader.error_hint("config/unknown-receiver", &span, message, Some(hint));
    }
}

/// The names of time intervals that the field `name` lists.
pub(super) fn known_intervals(fields: &mut Fields<'_>, name: &'static str, intervals: &[TimeInterval]) -> Vec<String> {
    let texts = fields.texts(name).unwrap_or_default().into_iter();
    texts
        .filter(|(text, node)| is_known_interval(fields.reader(), text, &node.span, intervals))
        .map(|(text, _)| text)
        .collect()
}

/// The name of the time interval that the field `name` gives.
pub(super) fn known_interval(
    fields: &mut Fields<'_>,
    name: &'static str,
    intervals: &[TimeInterval],
) -> Option<String> {
    let node = fields.take(name)?;
    let text = fields.need_text(name)?;
    is_known_interval(fields.reader(), &text, &node.span, intervals).then_some(text)
}

/// Whether there is a time interval `name`; notes an error at `span` if not.
fn is_known_interval(reader: &Reader<'_>, name: &str, span: &Range<usize>, intervals: &[TimeInterval]) -> bool {
    let names = || intervals.iter().map(|interval| interval.name.as_str());
    if names().any(|known| known == name) {
        return true;
    }
    let hint = match nearest(name, names()) {
        Some(known) => format!("did you mean `{known}`?"),
        None if intervals.is_empty() => "define it under `time_intervals`".to_owned(),
        None => format!("known time intervals: {}", names().take(16).collect::<Vec<_>>().join(", ")),
    };
    let message = format!("no time interval is named `{}`", shorten(&name));
    reader.error_hint("config/unknown-time-interval", span, message, Some(hint));
    false
}

fn group_by(fields: &mut Fields<'_>) -> Option<GroupBy> {
    fields.take("group_by")?;
    let names = fields.texts("group_by")?;
    let reader = fields.reader();
    let mut kept: Vec<String> = Vec::new();
    for (name, node) in &names {
        if name.is_empty() {
            reader.error("config/label-name", &node.span, "a label name must not be empty");
        } else if name == "..." && names.iter().any(|(other, _)| other != "...") {
            reader.error(
                "config/group-by",
                &node.span,
                "`...` stands for all labels; nothing else may stand beside it",
            );
        } else if kept.contains(name) && name != "..." {
            reader.error("config/duplicate", &node.span, format!("`{}` is given twice", shorten(name)));
        } else if !kept.contains(name) {
            kept.push(name.clone());
        }
    }
    Some(if kept == ["..."] { GroupBy::All } else { GroupBy::Labels(kept) })
}

/// `matchers`, and the deprecated `match` and `match_re`, sorted as Alertmanager sorts them.
fn matchers(fields: &mut Fields<'_>) -> Vec<Matcher> {
    matchers_in(fields, ["match", "match_re", "matchers"])
}

/// The matchers in the fields of these names: equalities, regular expressions, texts of matchers; sorted.
pub(super) fn matchers_in(fields: &mut Fields<'_>, [equal, regex, texts]: [&'static str; 3]) -> Vec<Matcher> {
    let reader = fields.reader();
    let mut matchers = Vec::new();
    for (name, op) in [(equal, MatchOp::Equal), (regex, MatchOp::Regex)] {
        let Some(node) = fields.take(name) else { continue };
        for entry in reader.entries(node, "labels and their values") {
            if !is_label_name(&entry.key) {
                let message = format!("`{}` is no label name", shorten(&entry.key));
                let hint = format!("`{texts}` takes names of any characters, in quotes");
                reader.error_hint("config/label-name", &entry.key_span, message, Some(hint));
                continue;
            }
            let value = match &entry.value.kind {
                // As Alertmanager has it: no value is the empty one, and no expression is none.
                NodeKind::Null if op == MatchOp::Equal => "",
                _ => match reader.scalar(&entry.value, "a text") {
                    Some(value) => value.text.as_str(),
                    None => continue,
                },
            };
            match Matcher::new(entry.key.as_str(), op, value) {
                Ok(matcher) => matchers.push(matcher),
                Err(error) => reader.error("config/regex", &entry.value.span, error.to_string()),
            }
        }
    }
    for node in fields.list(texts) {
        if matches!(node.kind, NodeKind::Mapping(_)) {
            let hint = "quote it: YAML takes the braces for a mapping";
            reader.error_hint("config/matcher", &node.span, "expected a matcher as text, found a mapping", Some(hint));
            continue;
        }
        let Some(scalar) = reader.scalar(node, "a matcher such as `severity=\"critical\"`") else { continue };
        match parse_matchers(&scalar.text) {
            Ok(more) => matchers.extend(more),
            Err(error) => reader.error("config/matcher", &reader.inside(node, error.range), error.message),
        }
    }
    matchers.sort_by(|a, b| (a.name(), a.value()).cmp(&(b.name(), b.value())));
    matchers
}
