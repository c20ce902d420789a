//! Checks against samples: what is not there and why, what would fire, what it costs.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::check::{Check, Findings, Needs, RuleView, Run};
use super::knowledge::{SelectorFacts, SeriesKnowledge, of_name};
use crate::lang::{Binary, BinaryOp, Cardinality, Expr, ExprKind, Selector, Span, ValueType, VectorMatching};
use crate::model::{METRIC_NAME, MatchOp, Matcher, Severity, nearest};

/// How many values a message lists.
const LISTED_MAX: usize = 5;

const SAMPLES: &str = "interval 1m\nrequests_total{job=\"api\",instance=\"a\"} 0+5x10\nerrors_total{job=\"api\",instance=\"a\",code=\"500\"} 0+1x10\nerrors_total{job=\"api\",instance=\"a\",code=\"502\"} 0+1x10\nbuild_info{job=\"batch\"} 1x10\nold_total{job=\"api\"} 1 2 3\n";

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "series/no-metric",
        needs: Needs::Samples,
        finds: "A metric of which there are no samples, and never were as far as the samples go.",
        why: "A misspelt name makes an alert that never fires. Metrics that a rule of the same files records pass, as does what stands inside `absent()`.",
        samples: SAMPLES,
        bad: "- alert: Errors\n  expr: rate(error_total[5m]) > 1\n  for: 5m\n",
        good: "- alert: Errors\n  expr: rate(errors_total[5m]) > 1\n  for: 5m\n",
        run: Run::Rule(|view, findings| missing(view, findings, Missing::Metric)),
        ..Check::BASE
    },
    Check {
        id: "series/no-label",
        needs: Needs::Samples,
        finds: "A matcher on a label that no series of the metric has.",
        why: "The selector yields nothing, as if the metric were not there.",
        samples: SAMPLES,
        bad: "- alert: Errors\n  expr: rate(errors_total{status=\"500\"}[5m]) > 1\n  for: 5m\n",
        good: "- alert: Errors\n  expr: rate(errors_total{code=\"500\"}[5m]) > 1\n  for: 5m\n",
        run: Run::Rule(|view, findings| missing(view, findings, Missing::Label)),
        ..Check::BASE
    },
    Check {
        id: "series/no-value",
        needs: Needs::Samples,
        finds: "A matcher that no value of the label satisfies, or matchers that no series satisfies together.",
        why: "The selector yields nothing. If the value is that of a rare event, silence this where the rule stands.",
        samples: SAMPLES,
        bad: "- alert: Errors\n  expr: rate(errors_total{code=\"501\"}[5m]) > 1\n  for: 5m\n",
        good: "- alert: Errors\n  expr: rate(errors_total{code=~\"50.\"}[5m]) > 1\n  for: 5m\n",
        run: Run::Rule(|view, findings| missing(view, findings, Missing::Value)),
        ..Check::BASE
    },
    Check {
        id: "series/gone",
        severity: Severity::Info,
        needs: Needs::Samples,
        finds: "A selector whose series were there and are no longer.",
        why: "Perhaps a target was shut down, perhaps a metric was renamed with a new version.",
        samples: SAMPLES,
        bad: "- alert: Old\n  expr: rate(old_total[5m]) > 1\n  for: 5m\n",
        good: "- alert: Errors\n  expr: rate(errors_total[5m]) > 1\n  for: 5m\n",
        run: Run::Rule(|view, findings| missing(view, findings, Missing::Now)),
        ..Check::BASE
    },
    Check {
        id: "series/cannot-join",
        needs: Needs::Samples,
        finds: "An operator between vectors that are both there and share no series.",
        why: "The labels by which they are matched have no value in common: the result is empty.",
        samples: SAMPLES,
        bad: "- record: api:errors\n  expr: rate(errors_total[5m]) * on (job) group_left build_info\n",
        good: "- record: api:errors\n  expr: rate(errors_total[5m]) / on (job) group_left rate(requests_total[5m])\n",
        run: Run::Rule(cannot_join),
        ..Check::BASE
    },
    Check {
        id: "series/fires-now",
        severity: Severity::Info,
        needs: Needs::Samples,
        finds: "An alert whose expression yields something right now.",
        why: "Either something is wrong, or the limit is.",
        samples: SAMPLES,
        bad: "- alert: Errors\n  expr: rate(errors_total[5m]) > 0.01\n  for: 5m\n",
        good: "- alert: Errors\n  expr: rate(errors_total[5m]) > 100\n  for: 5m\n",
        run: Run::Rule(fires_now),
        ..Check::BASE
    },
    Check {
        id: "series/query-cost",
        severity: Severity::Info,
        needs: Needs::Samples,
        finds: "A rule that reads more series than `lint.series_max` (10000).",
        why: "Each evaluation touches all of them. Narrow the selectors, or record what is needed once.",
        samples: SAMPLES,
        settings: "lint:\n  series_max: 1\n",
        bad: "- record: api:errors\n  expr: sum(rate(errors_total[5m]))\n",
        good: "- record: api:errors\n  expr: sum(rate(errors_total{code=\"500\"}[5m]))\n",
        run: Run::Rule(query_cost),
    },
];

/// What of a selector is missing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    Metric,
    Label,
    Value,
    Now,
}

/// Selectors with what asks for their series; those whose absence is the point are left out.
fn wanted<'e>(expr: &'e Expr, found: &mut Vec<(&'e Selector, Span)>) {
    match &expr.kind {
        ExprKind::Selector(selector) => found.push((selector, expr.span.clone())),
        ExprKind::Range(range) => found.push((&range.selector, expr.span.clone())),
        ExprKind::Call(call) if matches!(call.function.name, "absent" | "absent_over_time") => {}
        ExprKind::Binary(binary) if binary.op == BinaryOp::Unless => wanted(&binary.left, found),
        // `x or y`: the one may be there to stand in for the other.
        ExprKind::Binary(binary) if binary.op == BinaryOp::Or => {}
        _ => expr.children().into_iter().for_each(|child| wanted(child, found)),
    }
}

fn missing(view: &RuleView<'_>, findings: &mut Findings<'_>, wanted_kind: Missing) {
    let Some(series) = view.set.knowledge.series else { return };
    let mut selectors = Vec::new();
    wanted(view.expr(), &mut selectors);
    for (selector, span) in selectors {
        let Some(name) = selector.name.as_deref() else { continue };
        if view.set.recording(name).is_some() || name.starts_with("ALERTS") || selector.at.is_some() {
            continue;
        }
        if let Some((kind, message, hint)) = why_empty(series, selector, name)
            && kind == wanted_kind
        {
            findings.add(view.at(&span), message, hint);
        }
    }
}

/// Why `selector` yields nothing; `None` if it yields something, or if that is not known.
fn why_empty(series: &dyn SeriesKnowledge, selector: &Selector, name: &str) -> Option<(Missing, String, String)> {
    let facts = series.facts(&selector.matchers)?;
    if facts.count > 0 {
        return None;
    }
    if let Some(last) = facts.last_seen {
        return Some((Missing::Now, format!("the series of this selector ended at {last}"), String::new()));
    }
    let of_metric = series.facts(&of_name(name))?;
    if of_metric.count == 0 {
        if let Some(last) = of_metric.last_seen {
            return Some((Missing::Now, format!("the metric `{name}` ended at {last}"), String::new()));
        }
        let names = series.metric_names()?;
        let near = nearest(name, names.iter().map(String::as_str));
        let hint = near.map(|near| format!("did you mean `{near}`?")).unwrap_or_default();
        return Some((Missing::Metric, format!("there are no samples of `{name}`"), hint));
    }
    let conditions = selector.matchers.iter().filter(|matcher| matcher.name() != METRIC_NAME);
    for matcher in conditions.filter(|matcher| !matcher.matches_value("")) {
        if let Some(found) = unmet(&of_metric, matcher, name) {
            return Some(found);
        }
    }
    let message = format!("`{name}` has series, and none satisfies all of these matchers");
    Some((Missing::Value, message, String::new()))
}

/// Why no series of the metric satisfies `matcher`.
fn unmet(of_metric: &Rc<SelectorFacts>, matcher: &Matcher, name: &str) -> Option<(Missing, String, String)> {
    let label = matcher.name();
    let values: BTreeSet<&str> =
        of_metric.series.iter().map(|labels| labels.get(label)).filter(|value| !value.is_empty()).collect();
    let all_seen = of_metric.series.len() == of_metric.count;
    if !all_seen || values.iter().any(|value| matcher.matches_value(value)) {
        return None;
    }
    if values.is_empty() {
        let labels: BTreeSet<&str> = of_metric
            .series
            .iter()
            .flat_map(|labels| labels.iter().map(|(name, _)| name))
            .filter(|name| *name != METRIC_NAME)
            .collect();
        let hint = match nearest(label, labels.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("its labels are {}", list(labels.into_iter())),
        };
        return Some((Missing::Label, format!("no series of `{name}` has the label `{label}`"), hint));
    }
    let near = (matcher.op() == MatchOp::Equal).then(|| nearest(matcher.value(), values.iter().copied())).flatten();
    let hint = match near {
        Some(near) => format!("did you mean `{near}`? the values are {}", list(values.into_iter())),
        None => format!("the values are {}", list(values.into_iter())),
    };
    Some((Missing::Value, format!("no series of `{name}` satisfies `{matcher}`"), hint))
}

/// The first few, in backquotes.
fn list<'a>(items: impl ExactSizeIterator<Item = &'a str>) -> String {
    let more = items.len().saturating_sub(LISTED_MAX);
    let mut text = items.take(LISTED_MAX).map(|item| format!("`{item}`")).collect::<Vec<_>>().join(", ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

fn cannot_join(view: &RuleView<'_>, findings: &mut Findings<'_>) {
    let Some(series) = view.set.knowledge.series else { return };
    // What the labels alone show is told without samples.
    if view.analysis.conflicts.iter().any(|conflict| !conflict.is_include) {
        return;
    }
    view.expr().walk(&mut |part| {
        let ExprKind::Binary(binary) = &part.kind else { return };
        let is_vector = |side: &Expr| side.value_type() == ValueType::InstantVector;
        let joins = !matches!(binary.op, BinaryOp::Or | BinaryOp::Unless);
        if !joins
            || !is_vector(&binary.left)
            || !is_vector(&binary.right)
            || binary.matching.fill_left.is_some()
            || binary.matching.fill_right.is_some()
        {
            return;
        }
        let there = |side: &Expr| series.count(side).is_some_and(|count| count > 0);
        if there(&binary.left) && there(&binary.right) && series.count(&intersection(binary, part)) == Some(0) {
            let by = match (binary.matching.on, binary.matching.labels.join(", ")) {
                (true, labels) => format!("`on ({labels})`"),
                (false, labels) if labels.is_empty() => "all their labels".to_owned(),
                (false, labels) => format!("all labels but `{labels}`"),
            };
            let message = format!("both sides of `{}` are there, and no series are equal in {by}", binary.op.symbol());
            findings.add(view.at(&part.span), message, "");
        }
    });
}

/// `left and right` with the same labels matched.
fn intersection(binary: &Binary, whole: &Expr) -> Expr {
    let matching = VectorMatching {
        cardinality: Cardinality::ManyToMany,
        on: binary.matching.on,
        labels: binary.matching.labels.clone(),
        ..VectorMatching::default()
    };
    let both = Binary { op: BinaryOp::And, returns_bool: false, matching, ..binary.clone() };
    Expr { kind: ExprKind::Binary(Box::new(both)), span: whole.span.clone() }
}

fn fires_now(view: &RuleView<'_>, findings: &mut Findings<'_>) {
    let (Some(series), Some(alert)) = (view.set.knowledge.series, view.alert()) else { return };
    if let Some(count) = series.count(&alert.expr).filter(|count| *count > 0) {
        let what = if count == 1 { "one series".to_owned() } else { format!("{count} series") };
        let message = format!("the condition holds for {what} at {}", series.at());
        findings.add(view.at_name(), message, "");
    }
}

fn query_cost(view: &RuleView<'_>, findings: &mut Findings<'_>) {
    let (mut series, mut samples) = (0usize, 0usize);
    for reach in view.expr().selectors() {
        let Some(facts) = view.set.facts(reach.selector) else { continue };
        series += facts.count;
        let interval = facts.interval.map_or(60_000, |interval| interval.as_millis().max(1));
        let reached = reach.back_ms.unwrap_or(0).unsigned_abs();
        let per_series = usize::try_from(u128::from(reached) / interval).unwrap_or(usize::MAX).max(1);
        samples = samples.saturating_add(facts.count.saturating_mul(per_series));
    }
    if series > view.set.policy.series_max {
        let message = format!("each evaluation reads {series} series and about {samples} samples");
        let span = &view.expr().span;
        findings.add(view.at(span), message, "narrow the selectors, or record what is needed");
    }
}
