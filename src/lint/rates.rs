//! Counters and gauges, and the ranges over which they are looked at.

use super::check::{Check, Findings, Needs, RuleSet, RuleView, Run};
use super::shape::{any, bare, call, compared_with_number, filter, selector};
use crate::lang::{AggregateOp, BinaryOp, Call, DurationExpr, Expr, ExprKind, Selector};
use crate::model::{Severity, format_duration, format_value};

/// Functions of counters.
pub(super) const OF_COUNTERS: [&str; 4] = ["rate", "irate", "increase", "resets"];
/// Functions of gauges that make no sense of a counter's resets.
const OF_GAUGES: [&str; 4] = ["delta", "idelta", "deriv", "predict_linear"];
/// Functions that need two samples.
const OF_TWO: [&str; 9] =
    ["rate", "irate", "increase", "resets", "delta", "idelta", "deriv", "predict_linear", "changes"];
/// Ends of the names of gauges.
const GAUGE_ENDINGS: [&str; 4] = ["_celsius", "_ratio", "_info", "_timestamp_seconds"];

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "promql/raw-counter",
        finds: "An alert that compares a counter itself with a number.",
        why: "A counter only grows until its process restarts: the alert fires some day and goes on until then. Compare `rate()` or `increase()`. \
              A metric is taken for a counter if its metadata say so, or if its name ends in `_total` and another rule takes its rate: the name alone is not enough, many gauges are named so.",
        bad: "- alert: Errors\n  expr: errors_total > 100\n- alert: ErrorRate\n  expr: rate(errors_total[5m]) > 1\n  for: 5m\n",
        good: "- alert: Errors\n  expr: increase(errors_total[1h]) > 100\n- alert: ErrorRate\n  expr: rate(errors_total[5m]) > 1\n  for: 5m\n",
        run: Run::Rule(raw_counter),
        ..Check::BASE
    },
    Check {
        id: "promql/rate-of-gauge",
        finds: "`rate`, `irate`, `increase` or `resets` of a gauge.",
        why: "These functions take every fall for a reset and add it up, so that a gauge that wavers seems to grow without end. Use `deriv()` or `delta()`. \
              A metric is taken for a gauge if its metadata say so, or by its name (`_celsius`, `_ratio`, `_info`, `_timestamp_seconds`).",
        bad: "- alert: Heating\n  expr: rate(room_temperature_celsius[10m]) > 0.1\n  for: 5m\n",
        good: "- alert: Heating\n  expr: deriv(room_temperature_celsius[10m]) > 0.1\n  for: 5m\n",
        run: Run::Rule(rate_of_gauge),
        ..Check::BASE
    },
    Check {
        id: "promql/delta-of-counter",
        finds: "`delta`, `idelta`, `deriv` or `predict_linear` of a counter.",
        why: "These functions do not know of resets: after a restart the result is far below zero. Use `increase()` or `rate()`. \
              If only the name says that it is a counter, this is an info.",
        bad: "- alert: Errors\n  expr: delta(errors_total[5m]) > 10\n- alert: ErrorRate\n  expr: rate(errors_total[5m]) > 1\n  for: 5m\n",
        good: "- alert: Errors\n  expr: increase(errors_total[5m]) > 10\n- alert: ErrorRate\n  expr: rate(errors_total[5m]) > 1\n  for: 5m\n",
        run: Run::Rule(delta_of_counter),
        ..Check::BASE
    },
    Check {
        id: "promql/rate-of-aggregate",
        finds: "The rate of an aggregation of counters, in a subquery or through a recording rule.",
        why: "When one of the counters is reset, or its target goes, the sum falls a little, and `rate()` takes that for a reset of the whole: it shows a huge rate. \
              Take the rate first, then aggregate.",
        bad: "- record: job:errors:rate5m\n  expr: rate(sum by (job) (errors_total)[5m:1m])\n",
        good: "- record: job:errors:rate5m\n  expr: sum by (job) (rate(errors_total[5m]))\n",
        run: Run::Rule(rate_of_aggregate),
        ..Check::BASE
    },
    Check {
        id: "promql/rate-range-too-short",
        needs: Needs::Configuration,
        finds: "A range in which there are not two samples (for `rate()` and its kin), or not always one.",
        why: "`rate()` needs two samples: over a range shorter than two intervals of the scrape it yields nothing, most of the time. Four intervals survive a failed scrape. \
              The interval is taken from the main file, or from the samples.",
        settings: "global:\n  scrape_interval: 1m\nscrape_configs:\n  - job_name: api\n    static_configs:\n      - targets: ['localhost:8080']\n",
        bad: "- record: errors:rate1m\n  expr: rate(errors_total[1m])\n",
        good: "- record: errors:rate4m\n  expr: rate(errors_total[4m])\n",
        run: Run::Rule(range_too_short),
        ..Check::BASE
    },
    Check {
        id: "promql/range-one-sample-short",
        needs: Needs::Configuration,
        finds: "A count of samples that a range never holds, because ranges are open on the left; as an info also `rate()` over exactly two intervals.",
        why: "A range of five intervals holds five samples, not six: a sample exactly as old as the range is out. Older versions of Prometheus counted it in.",
        settings: "global:\n  scrape_interval: 1m\nscrape_configs:\n  - job_name: api\n    static_configs:\n      - targets: ['localhost:8080']\n",
        bad: "- alert: Complete\n  expr: count_over_time(up[5m]) > 5\n",
        good: "- alert: Complete\n  expr: count_over_time(up[5m]) >= 5\n",
        run: Run::Rule(one_sample_short),
        ..Check::BASE
    },
    Check {
        id: "promql/subquery-too-short",
        finds: "A subquery whose steps do not give two points to a function that needs them.",
        why: "`x[1m:1m]` holds one point, because ranges are open on the left: `rate()` over it yields nothing.",
        bad: "- record: load:deriv1m\n  expr: deriv(node_load1[1m:1m])\n",
        good: "- record: load:deriv5m\n  expr: deriv(node_load1[5m:1m])\n",
        run: Run::Rule(subquery_too_short),
        ..Check::BASE
    },
    Check {
        id: "promql/newborn-counter",
        severity: Severity::Info,
        finds: "`increase(…) > 0` of a counter, which misses the event with which the counter is born; with samples, a warning for counters that are born so.",
        why: "Many counters have no series until the first event, and then begin at 1: there is no increase from nothing, and the first event goes unseen. \
              Begin counters at 0, or add the newly born: `increase(x[5m]) > 0 or (x unless x offset 5m) > 0`.",
        bad: "- alert: Failures\n  expr: increase(backup_failures_total[1h]) > 0\n",
        good: "- alert: Failures\n  expr: increase(backup_failures_total[1h]) > 0 or (backup_failures_total unless backup_failures_total offset 1h) > 0\n",
        run: Run::Rule(newborn_counter),
        ..Check::BASE
    },
    Check {
        id: "promql/float-equality",
        finds: "`==` or `!=` between a computed fraction and a number other than 0 and 1.",
        why: "Rates and averages are hardly ever exactly a number. Compare with a range.",
        bad: "- alert: Steady\n  expr: rate(requests_total[5m]) == 0.5\n  for: 5m\n",
        good: "- alert: Steady\n  expr: rate(requests_total[5m]) > 0.4 < 0.6\n  for: 5m\n",
        run: Run::Rule(float_equality),
        ..Check::BASE
    },
    Check {
        id: "promql/quantile-without-le",
        finds: "`histogram_quantile()` over buckets whose label `le` was taken away.",
        why: "Without `le` the buckets are not told apart, and the result is empty. Name it: `sum by (le, …)`.",
        bad: "- record: api:latency:p99\n  expr: histogram_quantile(0.99, sum by (job) (rate(latency_bucket[5m])))\n",
        good: "- record: api:latency:p99\n  expr: histogram_quantile(0.99, sum by (job, le) (rate(latency_bucket[5m])))\n",
        run: Run::Rule(quantile_without_le),
        ..Check::BASE
    },
    Check {
        id: "promql/beyond-retention",
        needs: Needs::Configuration,
        finds: "An offset or range that reaches further back than samples are kept.",
        why: "There is nothing to read there: the expression yields nothing, or only part of what it says. Retention is `lint.retention` of the main file, or what the server at `--url` tells. \
              Watchbell itself keeps samples as long as its rules need them.",
        settings: "lint:\n  retention: 15d\n",
        bad: "- alert: Growth\n  expr: requests / requests offset 30d > 2\n",
        good: "- alert: Growth\n  expr: requests / requests offset 7d > 2\n",
        run: Run::Rule(beyond_retention),
        ..Check::BASE
    },
];

/// How sure it is that a metric is of a kind.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Belief {
    Known,
    ByName,
}

/// Whether `name` is a counter.
fn is_counter(set: &RuleSet<'_>, name: &str) -> Option<Belief> {
    if let Some(kind) = set.knowledge.kind(name) {
        return (kind == "counter").then_some(Belief::Known);
    }
    if set.recording(name).is_some() {
        return None;
    }
    if !name.ends_with("_total") {
        return None;
    }
    Some(if set.rated.contains(name) { Belief::Known } else { Belief::ByName })
}

/// The selector whose values `expr` aggregates without changing what they are.
fn aggregated(expr: &Expr) -> Option<(&Selector, &Expr)> {
    use AggregateOp::{Avg, Bottomk, Max, Min, Quantile, Sum, Topk};
    let expr = bare(expr);
    match &expr.kind {
        ExprKind::Selector(selector) => Some((selector, expr)),
        ExprKind::Aggregate(aggregate) if matches!(aggregate.op, Sum | Avg | Min | Max | Quantile | Topk | Bottomk) => {
            aggregated(&aggregate.expr)
        }
        _ => None,
    }
}

fn tell(findings: &mut Findings<'_>, belief: Belief, place: crate::model::Place, message: String, hint: &str) {
    findings.add(place, message, hint);
    if let (Belief::ByName, Some(last)) = (belief, findings.found.last_mut()) {
        last.severity = Severity::Info;
    }
}

fn raw_counter(view: &RuleView<'_>, findings: &mut Findings<'_>) {
    let Some(alert) = view.alert() else { return };
    alert.expr.walk(&mut |part| {
        let ExprKind::Binary(binary) = &part.kind else { return };
        let Some((side, ..)) = compared_with_number(binary).filter(|_| binary.op.is_comparison()) else { return };
        let Some((found, place)) = aggregated(side) else { return };
        let Some(name) = &found.name else { return };
        if is_counter(view.set, name) == Some(Belief::Known) {
            let message = format!("the counter `{name}` is compared itself, not its growth");
            findings.add(view.at(&place.span), message, "take `rate(…[5m])` or `increase(…[5m])` of it");
        }
    });
}

/// Calls of the functions `names` with their range or subquery.
fn calls<'e>(expr: &'e Expr, names: &[&str]) -> Vec<(&'e Call, &'e Expr)> {
    let mut found = Vec::new();
    expr.walk(&mut |part| {
        if let ExprKind::Call(call) = &part.kind
            && names.contains(&call.function.name)
            && let Some(arg) =
                call.args.iter().find(|arg| matches!(bare(arg).kind, ExprKind::Range(_) | ExprKind::Subquery(_)))
        {
            found.push((call, bare(arg)));
        }
    });
    found
}

fn rate_of_gauge(view: &RuleView<'_>, findings: &mut Findings<'_>) {
    for (call, arg) in calls(view.expr(), &OF_COUNTERS) {
        let Some(name) = selector(arg).and_then(|selector| selector.name.as_deref()) else { continue };
        let is_gauge = match view.set.knowledge.kind(name) {
            Some(kind) => kind == "gauge",
            None => name == "up" || GAUGE_ENDINGS.iter().any(|ending| name.ends_with(ending)),
        };
        if is_gauge {
            let message = format!("`{}()` is for counters, and `{name}` is a gauge", call.function.name);
            findings.add(view.at(&arg.span), message, "use `delta()` or `deriv()`");
        }
    }
}

fn delta_of_counter(view: &RuleView<'_>, findings: &mut Findings<'_>) {
    for (call, arg) in calls(view.expr(), &OF_GAUGES) {
        let Some(name) = selector(arg).and_then(|selector| selector.name.as_deref()) else { continue };
        if let Some(belief) = is_counter(view.set, name) {
            let message = format!("`{}()` is for gauges, and `{name}` is a counter", call.function.name);
            tell(findings, belief, view.at(&arg.span), message, "use `increase()` or `rate()`");
        }
    }
}

/// Whether `expr` aggregates what has not gone through a function of counters.
fn aggregates_counters(expr: &Expr) -> bool {
    use AggregateOp::{Avg, Max, Min, Sum};
    match &bare(expr).kind {
        ExprKind::Aggregate(aggregate) => {
            matches!(aggregate.op, Sum | Avg | Min | Max) && aggregated(&aggregate.expr).is_some()
        }
        _ => false,
    }
}

fn rate_of_aggregate(view: &RuleView<'_>, findings: &mut Findings<'_>) {
    for (call, arg) in calls(view.expr(), &OF_COUNTERS) {
        let through = match &arg.kind {
            ExprKind::Subquery(subquery) if aggregates_counters(&subquery.expr) => "an aggregation".to_owned(),
            ExprKind::Range(range) => {
                let name = range.selector.name.as_deref().unwrap_or_default();
                let Some(recording) = view.set.recording(name) else { continue };
                if !aggregates_counters(&recording.expr) {
                    continue;
                }
                format!("an aggregation, recorded as `{name}`")
            }
            _ => continue,
        };
        let name = call.function.name;
        let message = format!("`{name}()` of {through}: a reset of one counter looks like a reset of all");
        findings.add(view.at(&arg.span), message, format!("aggregate the rates: `sum({name}(…[5m]))`"));
    }
}

/// The range of `arg` in milliseconds, if it is a plain range of samples.
fn plain_range(arg: &Expr) -> Option<(&Selector, i64)> {
    match &arg.kind {
        ExprKind::Range(range) if range.selector.extension.is_none() => {
            range.range.constant_millis().map(|millis| (&range.selector, millis))
        }
        _ => None,
    }
}

fn shown(millis: i64) -> String {
    format_duration(std::time::Duration::from_millis(millis.unsigned_abs()))
}

fn range_too_short(view: &RuleView<'_>, findings: &mut Findings<'_>) {
    view.expr().walk(&mut |part| {
        let Some(call) = call(part).filter(|_| !matches!(part.kind, ExprKind::Paren(_))) else { return };
        for arg in call.args.iter().map(bare) {
            let Some((selector, range)) = plain_range(arg) else { continue };
            let Some(interval) = view.set.interval_ms(selector) else { continue };
            let needed = if OF_TWO.contains(&call.function.name) { 2 } else { 1 };
            if range < interval.saturating_mul(needed) {
                let samples = if needed == 2 { "two samples" } else { "a sample" };
                let message =
                    format!("{} does not always hold {samples}: they come every {}", shown(range), shown(interval));
                let hint = format!("use `[{}]` or more", shown(interval.saturating_mul(needed * 2)));
                findings.add(view.at(&arg.span), message, hint);
            }
        }
    });
}

fn one_sample_short(view: &RuleView<'_>, findings: &mut Findings<'_>) {
    view.expr().walk(&mut |part| {
        let Some(comparison) = filter(part).filter(|_| !matches!(part.kind, ExprKind::Paren(_))) else { return };
        let Some((side, op, limit)) = compared_with_number(comparison) else { return };
        let Some(call) = call(side).filter(|call| call.function.name == "count_over_time") else { return };
        let Some((selector, range)) = call.args.first().map(bare).and_then(plain_range) else { return };
        let Some(interval) = view.set.interval_ms(selector) else { return };
        let most = range.div_euclid(interval);
        let wanted = match op {
            BinaryOp::Gt => limit + 1.0,
            BinaryOp::Ge | BinaryOp::Eq => limit,
            _ => return,
        };
        if range % interval == 0 && wanted == (most + 1) as f64 {
            let message = format!(
                "{} holds {most} samples, never {}: ranges are open on the left",
                shown(range),
                format_value(wanted)
            );
            findings.add(
                view.at(&part.span),
                message,
                format!("compare with {most}, or look back {}", shown(range + interval)),
            );
        }
    });
    for (call, arg) in calls(view.expr(), &OF_TWO) {
        let Some((selector, range)) = plain_range(arg) else { continue };
        if view.set.interval_ms(selector).is_some_and(|interval| range == interval * 2) {
            let message = format!(
                "{} holds two samples at most: one lost, and `{}()` yields nothing",
                shown(range),
                call.function.name
            );
            tell(findings, Belief::ByName, view.at(&arg.span), message, "use four intervals of the scrape");
        }
    }
}

fn subquery_too_short(view: &RuleView<'_>, findings: &mut Findings<'_>) {
    for (call, arg) in calls(view.expr(), &OF_TWO) {
        let ExprKind::Subquery(subquery) = &arg.kind else { continue };
        let step = subquery.step.as_ref().and_then(DurationExpr::constant_millis);
        let (Some(range), Some(step)) = (subquery.range.constant_millis(), step) else { continue };
        if step > 0 && range < step.saturating_mul(2) {
            let message = format!(
                "`[{}:{}]` does not hold two points, and `{}()` needs them",
                shown(range),
                shown(step),
                call.function.name
            );
            findings.add(
                view.at(&arg.span),
                message,
                format!("use a range of {} or more", shown(step.saturating_mul(4))),
            );
        }
    }
}

fn newborn_counter(view: &RuleView<'_>, findings: &mut Findings<'_>) {
    if view.alert().is_none() || any(view.expr(), &mut |part| is_unless_offset(part)) {
        return;
    }
    view.expr().walk(&mut |part| {
        let Some(comparison) = filter(part).filter(|_| !matches!(part.kind, ExprKind::Paren(_))) else { return };
        let Some((side, BinaryOp::Gt, 0.0)) = compared_with_number(comparison) else { return };
        let mut side = bare(side);
        while let ExprKind::Aggregate(aggregate) = &side.kind {
            side = bare(&aggregate.expr);
        }
        for (call, arg) in calls(side, &["increase"]) {
            let Some(selector) = selector(arg) else { continue };
            let name = selector.name.as_deref().unwrap_or("the counter");
            let born = view.set.facts(selector).and_then(|facts| facts.newborn.clone());
            let message = match &born {
                Some((labels, value)) => format!(
                    "`{}()` misses the first events: {labels} was born at {}",
                    call.function.name,
                    format_value(*value)
                ),
                None => format!("`{}()` misses the first event if `{name}` is born with it", call.function.name),
            };
            let belief = if born.is_some() { Belief::Known } else { Belief::ByName };
            tell(
                findings,
                belief,
                view.at(&arg.span),
                message,
                &format!("begin `{name}` at 0, or add `or ({name} unless {name} offset …) > 0`"),
            );
            if let (Some(_), Some(last), Severity::Info) = (&born, findings.found.last_mut(), findings.severity) {
                last.severity = Severity::Warning;
            }
        }
    });
}

/// `x unless x offset 5m`
fn is_unless_offset(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Binary(binary) if binary.op == BinaryOp::Unless => {
            selector(&binary.right).is_some_and(|selector| selector.offset.is_some())
        }
        _ => false,
    }
}

fn float_equality(view: &RuleView<'_>, findings: &mut Findings<'_>) {
    view.expr().walk(&mut |part| {
        let Some(comparison) = filter(part).filter(|_| !matches!(part.kind, ExprKind::Paren(_))) else { return };
        let Some((side, BinaryOp::Eq | BinaryOp::Ne, limit)) = compared_with_number(comparison) else { return };
        let is_fraction = match &bare(side).kind {
            ExprKind::Call(call) => {
                ["rate", "irate", "increase", "delta", "deriv", "predict_linear", "avg_over_time", "histogram_quantile"]
                    .contains(&call.function.name)
            }
            ExprKind::Aggregate(aggregate) => aggregate.op == AggregateOp::Avg,
            _ => false,
        };
        if is_fraction && limit != 0.0 && limit != 1.0 && limit.is_finite() {
            let message = format!("a computed fraction is hardly ever exactly {}", format_value(limit));
            findings.add(view.at(&part.span), message, "compare with a range, such as `> 0.4 < 0.6`");
        }
    });
}

fn quantile_without_le(view: &RuleView<'_>, findings: &mut Findings<'_>) {
    view.expr().walk(&mut |part| {
        let ExprKind::Call(call) = &part.kind else { return };
        let Some(buckets) = call.args.get(1).filter(|_| call.function.name == "histogram_quantile") else { return };
        let is_classic = |reach: &crate::lang::SelectorReach<'_>| {
            reach.selector.name.as_deref().is_some_and(|name| name.ends_with("_bucket"))
        };
        if !buckets.selectors().iter().any(is_classic) {
            return;
        }
        let state = super::flow::analyze(buckets, &|_| None).flow.label("le");
        if let (super::flow::Presence::Absent, Some(removal)) = (state.presence, state.removal) {
            let message = format!("{} takes `le` away, and `histogram_quantile()` needs it", removal.by);
            findings.add(
                view.at(&removal.span.unwrap_or_else(|| buckets.span.clone())),
                message,
                "add it: `by (le, …)`",
            );
        }
    });
}

fn beyond_retention(view: &RuleView<'_>, findings: &mut Findings<'_>) {
    let Some(retention) = view.set.retention() else { return };
    let retention_ms = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
    for reach in view.expr().selectors() {
        if let Some(back) = reach.back_ms.filter(|back| *back > retention_ms) {
            let message =
                format!("this reaches {} back, and samples are kept for {}", shown(back), format_duration(retention));
            findings.add(view.at(&reach.span), message, "");
        }
    }
}
