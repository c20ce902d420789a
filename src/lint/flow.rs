//! How labels flow through an expression: which ones its result surely has, may have, surely lacks, and what took them.

use std::collections::BTreeMap;

use crate::lang::{
    Aggregate, AggregateOp, Binary, Call, Cardinality, Expr, ExprKind, Grouping, Selector, Span, ValueType,
};
use crate::model::{METRIC_NAME, MatchOp, Matcher};

/// How deep recorded series are followed into the rules that record them.
const RECORDED_DEPTH_MAX: usize = 8;

/// Whether the series of a result have a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// None has it.
    Absent,
    /// Nothing is known.
    Possible,
    /// An aggregation or a join names it, so its author expects it.
    Expected,
    /// Each has it.
    Sure,
}

/// What took a label away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Removal {
    /// Where it stands; `None` if it stands in the expression of another rule.
    pub span: Option<Span>,
    /// What it is, such as `sum by (job)`.
    pub by: String,
}

/// What is known of one label of a result.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LabelState {
    /// Whether it is there.
    pub presence: Presence,
    /// What took it, if something did.
    pub removal: Option<Removal>,
    /// What its value satisfies.
    pub matchers: Vec<Matcher>,
}

impl LabelState {
    fn unknown() -> Self {
        LabelState { presence: Presence::Possible, removal: None, matchers: Vec::new() }
    }

    fn absent(removal: Option<Removal>) -> Self {
        LabelState { presence: Presence::Absent, removal, matchers: Vec::new() }
    }

    /// The one value that it can have, if it is known.
    fn value(&self) -> Option<&str> {
        if self.presence == Presence::Absent {
            return Some("");
        }
        self.matchers.iter().find(|matcher| matcher.op() == MatchOp::Equal).map(Matcher::value)
    }

    /// Whether no value satisfies both.
    fn contradicts(&self, other: &LabelState) -> bool {
        let excluded = |one: &LabelState, other: &LabelState| {
            let refused = |value: &str| other.matchers.iter().any(|matcher| !matcher.matches_value(value));
            let wanted = match other.presence {
                Presence::Sure => true,
                Presence::Expected => one.removal.is_some(),
                Presence::Possible | Presence::Absent => false,
            };
            (one.presence == Presence::Absent && wanted) || one.value().is_some_and(refused)
        };
        excluded(self, other) || excluded(other, self)
    }
}

/// What is known of the labels of a result.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Flow {
    /// The labels of which something is known.
    pub labels: BTreeMap<String, LabelState>,
    /// What took all others, if something did.
    pub others_removed: Option<Removal>,
    /// Others may be there.
    pub has_others: bool,
    /// Series as they are scraped, with labels of their target.
    pub is_raw: bool,
}

impl Flow {
    /// What is known of the label `name`.
    pub(super) fn label(&self, name: &str) -> LabelState {
        match self.labels.get(name) {
            Some(state) => state.clone(),
            None if self.has_others => LabelState::unknown(),
            None => LabelState::absent(self.others_removed.clone()),
        }
    }

    /// A result without labels.
    fn empty(removal: Option<Removal>) -> Self {
        Flow { labels: BTreeMap::new(), others_removed: removal, has_others: false, is_raw: false }
    }

    fn open() -> Self {
        Flow { labels: BTreeMap::new(), others_removed: None, has_others: true, is_raw: false }
    }

    fn set(&mut self, name: &str, presence: Presence) {
        self.labels.insert(name.to_owned(), LabelState { presence, removal: None, matchers: Vec::new() });
    }

    fn remove(&mut self, name: &str, removal: &Removal) {
        self.labels.insert(name.to_owned(), LabelState::absent(Some(removal.clone())));
    }

    fn is_label_free(&self) -> bool {
        !self.has_others && self.labels.values().all(|state| state.presence == Presence::Absent)
    }
}

/// Two sides that can never meet, or a label that cannot be copied from one to the other.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Conflict {
    /// The sides can meet, but the label that `group_left` or `group_right` names is not there.
    pub is_include: bool,
    /// The operator with both sides.
    pub span: Span,
    /// The operator.
    pub op: &'static str,
    /// The label in the way; `None` if one side has no labels at all and the other has those of its targets.
    pub label: Option<String>,
    /// Why, in words.
    pub reason: String,
}

/// What is known of an expression's labels.
#[derive(Clone, Debug)]
pub(super) struct Analysis {
    /// The labels of the result.
    pub flow: Flow,
    /// Operators whose sides never meet.
    pub conflicts: Vec<Conflict>,
}

/// The expression that records a series of this name.
pub(super) type Recorded<'r> = &'r dyn Fn(&str) -> Option<(&'r Expr, Vec<String>)>;

/// Follows the labels through `expr`; `recorded` gives the expression of a recorded series, and the labels that its rule sets.
pub(super) fn analyze(expr: &Expr, recorded: Recorded<'_>) -> Analysis {
    let mut analyzer = Analyzer { recorded, conflicts: Vec::new(), depth: 0 };
    let flow = analyzer.flow(expr);
    Analysis { flow, conflicts: analyzer.conflicts }
}

struct Analyzer<'r> {
    recorded: Recorded<'r>,
    conflicts: Vec<Conflict>,
    depth: usize,
}

impl Analyzer<'_> {
    fn flow(&mut self, expr: &Expr) -> Flow {
        match &expr.kind {
            ExprKind::Number(_) | ExprKind::String(_) => Flow::empty(None),
            ExprKind::Paren(inner) | ExprKind::Unary(_, inner) => self.flow(inner),
            ExprKind::Selector(selector) => self.selector(selector),
            ExprKind::Range(range) => self.selector(&range.selector),
            ExprKind::Subquery(subquery) => self.flow(&subquery.expr),
            ExprKind::Aggregate(aggregate) => self.aggregate(aggregate, &expr.span),
            ExprKind::Call(call) => self.call(call, &expr.span),
            ExprKind::Binary(binary) => self.binary(binary, &expr.span),
        }
    }

    fn selector(&mut self, selector: &Selector) -> Flow {
        let name = selector.name.as_deref().unwrap_or_default();
        let mut flow = self.recorded_flow(name).unwrap_or_else(|| Flow {
            is_raw: !name.is_empty() && !name.contains(':') && !name.starts_with("ALERTS"),
            ..Flow::open()
        });
        for matcher in &selector.matchers {
            let mut state = flow.label(matcher.name());
            if matcher.op() == MatchOp::Equal && matcher.value().is_empty() {
                state = LabelState::absent(None);
            } else if !matcher.matches_value("") {
                state.presence = Presence::Sure;
                state.removal = None;
            }
            state.matchers.push(matcher.clone());
            flow.labels.insert(matcher.name().to_owned(), state);
        }
        flow
    }

    /// The labels of a recorded series.
    fn recorded_flow(&mut self, name: &str) -> Option<Flow> {
        let (expr, labels) = (self.recorded)(name)?;
        if self.depth >= RECORDED_DEPTH_MAX {
            return Some(Flow::open());
        }
        self.depth += 1;
        let conflicts = std::mem::take(&mut self.conflicts);
        let mut flow = self.flow(expr);
        self.conflicts = conflicts;
        self.depth -= 1;
        let elsewhere = |removal: &mut Option<Removal>| {
            if let Some(removal) = removal {
                removal.span = None;
                removal.by = format!("{} in the rule that records `{name}`", removal.by);
            }
        };
        elsewhere(&mut flow.others_removed);
        flow.labels.values_mut().for_each(|state| elsewhere(&mut state.removal));
        labels.iter().for_each(|label| flow.set(label, Presence::Sure));
        flow.labels.remove(METRIC_NAME);
        flow.is_raw = false;
        Some(flow)
    }

    fn aggregate(&mut self, aggregate: &Aggregate, span: &Span) -> Flow {
        let mut inner = self.flow(&aggregate.expr);
        if let Some(parameter) = &aggregate.parameter {
            self.flow(parameter);
        }
        if keeps_series(aggregate.op) {
            return inner;
        }
        let removal =
            |clause: String| Removal { span: Some(span.clone()), by: format!("`{}{clause}`", aggregate.op.name()) };
        let mut flow = match &aggregate.grouping {
            Grouping::By(labels) => {
                let clause = if labels.is_empty() { String::new() } else { format!(" by ({})", labels.join(", ")) };
                let mut flow = Flow::empty(Some(removal(clause)));
                for label in labels {
                    let mut state = inner.label(label);
                    if state.presence == Presence::Possible {
                        state.presence = Presence::Expected;
                    }
                    flow.labels.insert(label.clone(), state);
                }
                flow
            }
            Grouping::Without(labels) => {
                let removal = removal(format!(" without ({})", labels.join(", ")));
                labels.iter().for_each(|label| inner.remove(label, &removal));
                inner.labels.remove(METRIC_NAME);
                inner.is_raw &= labels.is_empty();
                inner
            }
        };
        if let (AggregateOp::CountValues, Some(parameter)) = (aggregate.op, &aggregate.parameter)
            && let ExprKind::String(label) = &parameter.kind
        {
            flow.set(label, Presence::Sure);
        }
        flow
    }

    fn call(&mut self, call: &Call, span: &Span) -> Flow {
        let removal = |by: &str| Removal { span: Some(span.clone()), by: format!("`{by}()`") };
        let text = |index: usize| match call.args.get(index).map(|arg| &arg.kind) {
            Some(ExprKind::String(text)) => Some(text.as_str()),
            _ => None,
        };
        let vectors = |arg: &&Expr| matches!(arg.value_type(), ValueType::InstantVector | ValueType::RangeVector);
        let name = call.function.name;
        let Some(first) = call.args.iter().find(vectors) else { return Flow::empty(Some(removal(name))) };
        let mut flow = self.flow(first);
        match name {
            "absent" | "absent_over_time" => return absent_flow(first, removal(name)),
            "scalar" => return Flow::empty(Some(removal(name))),
            "label_replace" | "label_join" => {
                if let Some(target) = text(1) {
                    let state = LabelState { presence: Presence::Expected, ..LabelState::unknown() };
                    flow.labels.insert(target.to_owned(), state);
                }
            }
            "histogram_quantile" | "histogram_fraction" => flow.remove("le", &removal(name)),
            "histogram_quantiles" => {
                flow.remove("le", &removal(name));
                if let Some(label) = text(1) {
                    flow.set(label, Presence::Sure);
                }
            }
            "info" => flow.has_others = true,
            _ => {}
        }
        flow
    }

    fn binary(&mut self, binary: &Binary, span: &Span) -> Flow {
        let left = self.flow(&binary.left);
        let right = self.flow(&binary.right);
        let is_scalar = |side: &Expr| side.value_type() == ValueType::Scalar;
        if is_scalar(&binary.left) {
            return right;
        }
        if is_scalar(&binary.right) {
            return left;
        }
        if binary.op == crate::lang::BinaryOp::Or {
            return union(&left, &right);
        }
        let filled = binary.matching.fill_left.is_some() || binary.matching.fill_right.is_some();
        if !filled && let Some((label, reason)) = conflict(binary, &left, &right) {
            let op = binary.op.symbol();
            self.conflicts.push(Conflict { is_include: false, span: span.clone(), op, label, reason });
        }
        self.includes(binary, span, &left, &right);
        if binary.op.is_set() {
            return left;
        }
        joined(binary, left, right)
    }
}

impl Analyzer<'_> {
    /// Notes the labels of `group_left` and `group_right` that the one side has lost.
    fn includes(&mut self, binary: &Binary, span: &Span, left: &Flow, right: &Flow) {
        let one = if binary.matching.cardinality == Cardinality::OneToMany { left } else { right };
        for name in &binary.matching.include {
            let state = one.label(name);
            if let (Presence::Absent, Some(removal)) = (state.presence, state.removal) {
                let reason = format!("{} takes `{name}` away before it can be copied", removal.by);
                let (span, op, label) = (span.clone(), binary.op.symbol(), Some(name.clone()));
                self.conflicts.push(Conflict { is_include: true, span, op, label, reason });
            }
        }
    }
}

/// Whether the aggregator passes series on as they are.
fn keeps_series(op: AggregateOp) -> bool {
    matches!(op, AggregateOp::Topk | AggregateOp::Bottomk | AggregateOp::Limitk | AggregateOp::LimitRatio)
}

/// What `absent` yields: the labels that its selector names by `=`, once each.
fn absent_flow(of: &Expr, removal: Removal) -> Flow {
    let mut flow = Flow::empty(Some(removal));
    let mut of = of;
    while let ExprKind::Paren(inner) = &of.kind {
        of = inner;
    }
    let selector = match &of.kind {
        ExprKind::Selector(selector) => selector,
        ExprKind::Range(range) => &range.selector,
        _ => return flow,
    };
    for matcher in &selector.matchers {
        let same = selector.matchers.iter().filter(|other| other.name() == matcher.name()).count();
        if matcher.op() == MatchOp::Equal && same == 1 && matcher.name() != METRIC_NAME && !matcher.value().is_empty() {
            flow.set(matcher.name(), Presence::Sure);
        }
    }
    flow
}

fn union(left: &Flow, right: &Flow) -> Flow {
    let mut flow = Flow {
        labels: BTreeMap::new(),
        others_removed: left.others_removed.clone().or_else(|| right.others_removed.clone()),
        has_others: left.has_others || right.has_others,
        is_raw: left.is_raw && right.is_raw,
    };
    for name in left.labels.keys().chain(right.labels.keys()) {
        let (one, other) = (left.label(name), right.label(name));
        let state = if one == other {
            one
        } else if one.presence == other.presence {
            LabelState { matchers: Vec::new(), ..one }
        } else {
            LabelState::unknown()
        };
        flow.labels.insert(name.clone(), state);
    }
    flow
}

/// The labels by which series of both sides find each other.
fn matched_labels(binary: &Binary, left: &Flow, right: &Flow) -> Vec<String> {
    if binary.matching.on {
        return binary.matching.labels.clone();
    }
    let known = left.labels.keys().chain(right.labels.keys());
    let mut names: Vec<String> =
        known.filter(|name| *name != METRIC_NAME && !binary.matching.labels.contains(name)).cloned().collect();
    names.sort();
    names.dedup();
    names
}

/// Why no series of the two sides can find each other, with the label that is in the way.
fn conflict(binary: &Binary, left: &Flow, right: &Flow) -> Option<(Option<String>, String)> {
    let describe = |state: &LabelState, side: &str, name: &str| match (&state.presence, &state.removal) {
        (Presence::Absent, Some(removal)) => format!("{} takes `{name}` away on the {side}", removal.by),
        (Presence::Absent, None) => format!("the {side} has no `{name}`"),
        _ => match state.matchers.iter().find(|matcher| matcher.name() == name) {
            Some(matcher) => format!("the {side} has `{matcher}`"),
            None => format!("the {side} has `{name}`"),
        },
    };
    // Who writes `on (a)` expects `a` on both sides.
    let expected = |mut state: LabelState| {
        if binary.matching.on && state.presence == Presence::Possible {
            state.presence = Presence::Expected;
        }
        state
    };
    for name in matched_labels(binary, left, right) {
        let (one, other) = (expected(left.label(&name)), expected(right.label(&name)));
        if one.contradicts(&other) {
            let reason = format!("{}, {}", describe(&one, "left", &name), describe(&other, "right", &name));
            return Some((Some(name), reason));
        }
    }
    let whole = !binary.matching.on && binary.matching.labels.is_empty();
    let bare = |side: &Flow| side.is_label_free() && side.others_removed.is_some();
    let reason = match (bare(left), bare(right)) {
        (true, false) if right.is_raw => "the left has no labels, the right has those of its targets",
        (false, true) if left.is_raw => "the right has no labels, the left has those of its targets",
        _ => return None,
    };
    whole.then(|| (None, reason.to_owned()))
}

/// The labels after an arithmetic operator or a comparison.
fn joined(binary: &Binary, left: Flow, right: Flow) -> Flow {
    let matching = &binary.matching;
    let names = matched_labels(binary, &left, &right);
    let (mut many, one) = match matching.cardinality {
        Cardinality::OneToMany => (right, left),
        _ => (left, right),
    };
    let filled = matching.fill_left.is_some() || matching.fill_right.is_some();
    for name in &names {
        let (mine, other) = (many.label(name), one.label(name));
        let mut state = mine.clone();
        if filled && mine.presence != other.presence {
            state = LabelState::unknown();
        } else if other.presence == Presence::Absent && mine.presence != Presence::Sure {
            state = other;
        } else if other.presence == Presence::Sure && mine.presence != Presence::Absent {
            state.presence = Presence::Sure;
        }
        many.labels.insert(name.clone(), state);
    }
    let clause = |word: &str| Removal {
        span: Some(binary.op_span.clone()),
        by: format!("`{} {word}({})`", binary.op.symbol(), matching.labels.join(", ")),
    };
    if matching.cardinality == Cardinality::OneToOne {
        if matching.on {
            many.labels.retain(|name, _| matching.labels.contains(name));
            for name in &matching.labels {
                let state = many.labels.entry(name.clone()).or_insert_with(LabelState::unknown);
                if state.presence == Presence::Possible {
                    state.presence = Presence::Expected;
                }
            }
            many.has_others = false;
            many.is_raw = false;
            many.others_removed = Some(clause("on"));
        } else {
            let removal = clause("ignoring");
            matching.labels.iter().for_each(|name| many.remove(name, &removal));
            // Others are there only where both sides have them.
            if !one.has_others && many.has_others && !filled {
                many.has_others = false;
                many.is_raw = false;
                many.others_removed = one.others_removed.clone();
            }
        }
    }
    for name in &matching.include {
        let mut state = one.label(name);
        if state.presence == Presence::Possible {
            state.presence = Presence::Expected;
        }
        many.labels.insert(name.clone(), state);
    }
    many
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::parse;

    /// The labels of the result, in short: `+a` sure, `!a` expected, `-a` absent, `a` possible, `*` others.
    fn flow(text: &str) -> String {
        let analysis = analyze(&parse(text).expect(text), &|_| None);
        let mut parts: Vec<String> = Vec::new();
        for (name, state) in analysis.flow.labels.iter().filter(|(name, _)| *name != METRIC_NAME) {
            let sign = match state.presence {
                Presence::Absent => "-",
                Presence::Possible => "",
                Presence::Expected => "!",
                Presence::Sure => "+",
            };
            parts.push(format!("{sign}{name}"));
        }
        if analysis.flow.has_others {
            parts.push("*".to_owned());
        }
        parts.join(" ")
    }

    #[test]
    fn labels_of_results() {
        for (text, expected) in [
            ("x", "*"),
            ("x{a=\"1\",b=\"\",c=~\".+\",d=~\".*\",e!=\"\",f!=\"q\"}", "+a -b +c d +e f *"),
            ("1 + 2", ""),
            ("vector(1)", ""),
            ("rate(x{a=\"1\"}[5m])", "+a *"),
            ("sum(x)", ""),
            ("sum by (a, b) (x{a=\"1\"})", "+a !b"),
            ("sum by (a) (x{a=\"\"})", "-a"),
            ("sum without (a) (x{a=\"1\",b=\"2\"})", "-a +b *"),
            ("topk(3, x{a=\"1\"})", "+a *"),
            ("count_values(\"v\", x)", "+v"),
            ("absent(x{a=\"1\",b=~\"2\"})", "+a"),
            ("absent(sum(x))", ""),
            ("label_replace(sum by (a) (x), \"b\", \"$1\", \"a\", \"(.*)\")", "!a !b"),
            ("histogram_quantile(0.9, sum by (le, a) (rate(x[5m])))", "!a -le"),
            ("x + on (a) y", "!a"),
            ("x + ignoring (a) y", "-a *"),
            ("x + on (a) group_left (b) y", "a !b *"),
            ("sum by (a) (x) / sum by (a) (y)", "!a"),
            ("x{a=\"1\"} and y{b=\"2\"}", "+a *"),
            ("x{a=\"1\"} or y{a=\"2\"}", "+a *"),
            ("x{a=\"1\"} or sum(y)", "a *"),
            ("x{a=\"1\"} > 5", "+a *"),
            ("5 < x{a=\"1\"}", "+a *"),
            ("time() - x", "*"),
            ("max_over_time(sum by (a) (x)[1h:1m])", "!a"),
            ("sum by (a) (x) * on (a) group_right () y{b=\"1\"}", "a +b *"),
        ] {
            assert_eq!(flow(text), expected, "{text}");
        }
    }

    #[test]
    fn sides_that_never_meet() {
        for (text, expected) in [
            ("x{a=\"1\"} and x{a=\"2\"}", Some("the left has `a=\"1\"`, the right has `a=\"2\"`")),
            ("x{a=\"1\"} and y{a=~\"1|2\"}", None),
            ("x{a=\"1\"} and ignoring (a) x{a=\"2\"}", None),
            ("x{a=\"1\"} and on (b) x{a=\"2\"}", None),
            ("sum by (a) (x) / sum by (b) (y)", Some("the left has `a`, `sum by (b)` takes `a` away on the right")),
            ("sum by (a) (x) / on (a) group_left sum by (a, b) (y)", None),
            ("x / on (a) sum by (b) (y)", Some("the left has `a`, `sum by (b)` takes `a` away on the right")),
            ("x / on (a, b) y{b=\"\"}", None),
            (
                "sum by (a) (x) > on (b) y{b=\"1\"}",
                Some("`sum by (a)` takes `b` away on the left, the right has `b=\"1\"`"),
            ),
            ("x / sum(y)", Some("the right has no labels, the left has those of its targets")),
            ("x / on () group_left sum(y)", None),
            ("x * on (a) group_left (b) sum by (a) (y)", Some("`sum by (a)` takes `b` away before it can be copied")),
            ("x / scalar(sum(y))", None),
            ("x or sum(y)", None),
            ("x unless vector(1)", Some("the right has no labels, the left has those of its targets")),
            ("job:x:sum / sum(y)", None),
            ("sum by (a) (x) / fill (0) sum by (b) (y)", None),
        ] {
            let analysis = analyze(&parse(text).expect(text), &|_| None);
            assert_eq!(analysis.conflicts.first().map(|conflict| conflict.reason.as_str()), expected, "{text}");
        }
    }

    #[test]
    fn recorded_series_have_the_labels_of_their_rules() {
        let recorded = parse("sum by (a) (x)").expect("valid");
        let lookup = |name: &str| (name == "r").then(|| (&recorded, vec!["b".to_owned()]));
        let analysis = analyze(&parse("r").expect("valid"), &lookup);
        assert_eq!(analysis.flow.label("b").presence, Presence::Sure);
        let removal = analysis.flow.label("c").removal.expect("removed");
        assert_eq!((removal.span, removal.by.as_str()), (None, "`sum by (a)` in the rule that records `r`"));
    }
}
