//! Alerts that fire always, too early, or now and then for no reason.

use std::time::Duration;

use super::check::{Check, Findings, Needs, RuleSet, RuleView, Run};
use super::shape::{any, bare, call, filter, is_constant};
use crate::lang::{AggregateOp, BinaryOp, Expr, ExprKind, Grouping};
use crate::model::{Severity, format_duration};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "alert/always-fires",
        finds: "An alert whose expression has no condition.",
        why: "Without a comparison, `absent()` or `and`/`unless` the result is every series that is there, and each is an alert. \
              `vector(1)` alone is taken for a heartbeat and passes.",
        bad: "- alert: DiskFull\n  expr: disk_used_bytes / disk_size_bytes\n  for: 5m\n",
        good: "- alert: DiskFull\n  expr: disk_used_bytes / disk_size_bytes > 0.9\n  for: 5m\n",
        run: Run::Rule(always_fires),
        ..Check::BASE
    },
    Check {
        id: "alert/absent-short-for",
        finds: "An alert on `absent()` that waits for less than two evaluations.",
        why: "One scrape that fails, or a restart of what is scraped or of what scrapes, makes a series absent for a moment.",
        bad: "- alert: ApiGone\n  expr: absent(up{job=\"api\"})\n",
        good: "- alert: ApiGone\n  expr: absent(up{job=\"api\"})\n  for: 5m\n",
        run: Run::Rule(absent_short_for),
        ..Check::BASE
    },
    Check {
        id: "alert/redundant-for",
        severity: Severity::Info,
        finds: "`for` or `keep_firing_for` of zero.",
        why: "Zero is the default. Leave it out, or say how long the condition must hold.",
        bad: "- alert: ApiDown\n  expr: up{job=\"api\"} == 0\n  for: 0m\n",
        good: "- alert: ApiDown\n  expr: up{job=\"api\"} == 0\n  for: 2m\n",
        run: Run::Rule(redundant_for),
        ..Check::BASE
    },
    Check {
        id: "alert/for-below-interval",
        finds: "A `for` shorter than the interval of the group.",
        why: "The condition is looked at once per interval, so a shorter `for` ends at the next evaluation, whatever it says.",
        bad: "groups:\n  - name: slow\n    interval: 5m\n    rules:\n      - alert: ApiDown\n        expr: up{job=\"api\"} == 0\n        for: 1m\n",
        good: "groups:\n  - name: fast\n    interval: 30s\n    rules:\n      - alert: ApiDown\n        expr: up{job=\"api\"} == 0\n        for: 1m\n",
        run: Run::Rule(for_below_interval),
        ..Check::BASE
    },
    Check {
        id: "alert/fragile-topk",
        finds: "An alert on `topk`, `bottomk`, `limitk` or `limit_ratio`.",
        why: "Which series are among the first changes from one evaluation to the next, and with each change an alert resolves \
              and another begins. Compare with a limit instead, or aggregate what was picked.",
        bad: "- alert: BusyHosts\n  expr: topk(3, cpu_usage_ratio) > 0.9\n  for: 5m\n",
        good: "- alert: BusyHosts\n  expr: cpu_usage_ratio > 0.9\n  for: 5m\n",
        run: Run::Rule(fragile_topk),
        ..Check::BASE
    },
    Check {
        id: "alert/ratio-without-for",
        severity: Severity::Info,
        finds: "An alert on the ratio of two aggregations that fires at once.",
        why: "While targets come and go, numerator and denominator are not of the same series for a moment, and the ratio jumps. \
              A `for` of a few intervals bridges that.",
        bad: "- alert: Errors\n  expr: sum(rate(errors_total[5m])) / sum(rate(requests_total[5m])) > 0.1\n",
        good: "- alert: Errors\n  expr: sum(rate(errors_total[5m])) / sum(rate(requests_total[5m])) > 0.1\n  for: 5m\n",
        run: Run::Rule(ratio_without_for),
        ..Check::BASE
    },
    Check {
        id: "alert/external-label",
        needs: Needs::Configuration,
        finds: "A rule that sets a label which `external_labels` sets too.",
        why: "External labels are added only where a label is missing: on the alerts of this rule it is hidden, and who routes by it \
              does not see where they come from.",
        settings: "global:\n  external_labels:\n    region: north\n",
        bad: "- alert: ApiDown\n  expr: up{job=\"api\"} == 0\n  labels:\n    region: south\n",
        good: "- alert: ApiDown\n  expr: up{job=\"api\"} == 0\n  labels:\n    area: south\n",
        run: Run::Rule(external_label),
        ..Check::BASE
    },
];

/// Whether the expression yields nothing while all is well.
fn has_condition(expr: &Expr, set: &RuleSet<'_>, depth: usize) -> bool {
    const DEPTH_MAX: usize = 8;
    match &expr.kind {
        ExprKind::Number(_) | ExprKind::String(_) => false,
        ExprKind::Paren(inner) | ExprKind::Unary(_, inner) => has_condition(inner, set, depth),
        ExprKind::Aggregate(aggregate) => has_condition(&aggregate.expr, set, depth),
        ExprKind::Subquery(subquery) => has_condition(&subquery.expr, set, depth),
        ExprKind::Selector(_) | ExprKind::Range(_) => {
            let name = super::shape::selector(expr).and_then(|selector| selector.name.as_deref()).unwrap_or_default();
            let recorded = || set.recording(name).is_some_and(|rule| has_condition(&rule.expr, set, depth + 1));
            name.starts_with("ALERTS") || (depth < DEPTH_MAX && recorded())
        }
        ExprKind::Call(call) => {
            matches!(call.function.name, "absent" | "absent_over_time")
                || call.args.iter().any(|arg| has_condition(arg, set, depth))
        }
        ExprKind::Binary(binary) => {
            let (left, right) = (has_condition(&binary.left, set, depth), has_condition(&binary.right, set, depth));
            match binary.op {
                BinaryOp::Or => left && right,
                BinaryOp::And | BinaryOp::Unless => true,
                op if op.is_comparison() && !binary.returns_bool => true,
                _ => left || right,
            }
        }
    }
}

fn always_fires(view: &RuleView<'_>, findings: &mut Findings<'_>) {
    let Some(alert) = view.alert() else { return };
    let is_heartbeat = call(&alert.expr).is_some_and(|call| call.function.name == "vector");
    if is_heartbeat || has_condition(&alert.expr, view.set, 0) {
        return;
    }
    let message = match is_constant(&alert.expr) {
        true => "this alert fires always: its expression is a number",
        false => "this alert has no condition: it fires for every series that is there",
    };
    findings.add(view.at(&alert.expr.span), message, "compare with a limit, such as `> 0`");
}

fn absent_short_for(view: &RuleView<'_>, findings: &mut Findings<'_>) {
    let Some(alert) = view.alert() else { return };
    let minute = Duration::from_secs(60);
    let needed = view.interval.unwrap_or(minute) * 2;
    let is_long = alert.hold_for >= needed || (view.interval.is_none() && !alert.hold_for.is_zero());
    if is_long {
        return;
    }
    alert.expr.walk(&mut |part| {
        if matches!(call(part), Some(call) if call.function.name == "absent")
            && !matches!(part.kind, ExprKind::Paren(_))
        {
            let message = match alert.hold_for {
                Duration::ZERO => "`absent()` without `for` fires when one scrape fails".to_owned(),
                short => format!("`absent()` with `for: {}` fires when one scrape fails", format_duration(short)),
            };
            findings.add(view.at(&part.span), message, format!("wait longer: `for: {}`", format_duration(needed)));
        }
    });
}

fn redundant_for(view: &RuleView<'_>, findings: &mut Findings<'_>) {
    let Some(alert) = view.alert() else { return };
    let places = [
        ("for", alert.hold_for, &view.written.hold_for),
        ("keep_firing_for", alert.keep_firing_for, &view.written.keep_firing_for),
    ];
    for (name, duration, range) in places {
        if let (Duration::ZERO, Some(range)) = (duration, range) {
            findings.add(view.file.place(range.clone()), format!("`{name}` of zero is the default"), "");
        }
    }
}

fn for_below_interval(view: &RuleView<'_>, findings: &mut Findings<'_>) {
    let (Some(alert), Some(range)) = (view.alert(), &view.written.hold_for) else { return };
    let Some(interval) = view.interval else { return };
    if !alert.hold_for.is_zero() && alert.hold_for < interval {
        let interval = format_duration(interval);
        let message =
            format!("`for` is shorter than the group's interval of {interval}, and ends at the next evaluation");
        findings.add(
            view.file.place(range.clone()),
            message,
            format!("write `for: {interval}`, or shorten the interval"),
        );
    }
}

/// The aggregators that pick series, where what they pick reaches the result.
fn picks<'e>(expr: &'e Expr, found: &mut Vec<(&'e Expr, AggregateOp)>) {
    use AggregateOp::{Bottomk, LimitRatio, Limitk, Topk};
    match &expr.kind {
        ExprKind::Aggregate(aggregate) => match aggregate.op {
            Topk | Bottomk | Limitk | LimitRatio => found.push((expr, aggregate.op)),
            _ if matches!(&aggregate.grouping, Grouping::By(labels) if labels.is_empty()) => {}
            _ => picks(&aggregate.expr, found),
        },
        ExprKind::Call(call) if call.function.name == "scalar" || call.function.name == "absent" => {}
        _ => expr.children().into_iter().for_each(|child| picks(child, found)),
    }
}

fn fragile_topk(view: &RuleView<'_>, findings: &mut Findings<'_>) {
    let Some(alert) = view.alert() else { return };
    let mut found = Vec::new();
    picks(&alert.expr, &mut found);
    for (part, op) in found {
        let message = format!("the series that `{}` picks change, and the alerts with them", op.name());
        findings.add(view.at(&part.span), message, "compare every series with a limit");
    }
}

fn ratio_without_for(view: &RuleView<'_>, findings: &mut Findings<'_>) {
    let Some(alert) = view.alert().filter(|alert| alert.hold_for.is_zero()) else { return };
    let is_aggregate = |side: &Expr| matches!(bare(side).kind, ExprKind::Aggregate(_));
    alert.expr.walk(&mut |part| {
        let Some(comparison) = filter(part).filter(|_| !matches!(part.kind, ExprKind::Paren(_))) else { return };
        let is_ratio = any(&comparison.left, &mut |inner| match &inner.kind {
            ExprKind::Binary(binary) => {
                binary.op == BinaryOp::Div && is_aggregate(&binary.left) && is_aggregate(&binary.right)
            }
            _ => false,
        });
        if is_ratio {
            findings.add(
                view.at(&part.span),
                "a ratio of aggregations without `for` jumps while targets come and go",
                "add `for: 5m`",
            );
        }
    });
}

fn external_label(view: &RuleView<'_>, findings: &mut Findings<'_>) {
    let external = &view.set.knowledge.external_labels;
    if view.alert().is_none() {
        return;
    }
    for label in view.written.labels.iter().filter(|label| external.has(&label.name)) {
        let message =
            format!("the label `{}` hides the external label `{0}=\"{}\"`", label.name, external.get(&label.name));
        findings.add(view.file.place(label.name_range.clone()), message, "choose another name");
    }
}
