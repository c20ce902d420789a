//! Operators whose result is known beforehand, or spoilt by one bad value.

use super::bounds::{impossible_comparisons, is_never_zero};
use super::check::{Check, Findings, RuleView, Run};
use super::shape::{any, bare, call, is_constant};
use crate::lang::{AggregateOp, BinaryOp, Expr, ExprKind, ValueType};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "promql/cannot-join",
        finds: "An operator between vectors whose series can never find each other.",
        why: "Series meet if the labels by which they are matched are equal on both sides. If one side has lost such a label or has another value, the result is empty: \
              the alert never fires, and `unless` takes nothing away.",
        bad: "- alert: Errors\n  expr: sum by (job) (rate(errors_total[5m])) / sum by (job, instance) (rate(requests_total[5m])) > 0.1\n  for: 5m\n",
        good: "- alert: Errors\n  expr: sum by (job) (rate(errors_total[5m])) / sum by (job) (rate(requests_total[5m])) > 0.1\n  for: 5m\n",
        run: Run::Rule(cannot_join),
        ..Check::BASE
    },
    Check {
        id: "promql/lost-include",
        finds: "`group_left (label)` or `group_right (label)` with a label that the one side has lost.",
        why: "There is nothing to copy: the label is taken from the result instead.",
        bad: "- record: api:up:named\n  expr: up * on (instance) group_left (version) max by (instance) (build_info)\n",
        good: "- record: api:up:named\n  expr: up * on (instance) group_left (version) max by (instance, version) (build_info)\n",
        run: Run::Rule(lost_include),
        ..Check::BASE
    },
    Check {
        id: "promql/impossible-comparison",
        finds: "A comparison that no value can satisfy.",
        why: "The part yields nothing, ever. `count()` of nothing is not 0 but nothing: use `absent()` or `or vector(0)`.",
        bad: "- alert: NobodyHome\n  expr: count(up == 1) == 0\n",
        good: "- alert: NobodyHome\n  expr: (count(up == 1) or vector(0)) == 0\n",
        run: Run::Rule(impossible),
        ..Check::BASE
    },
    Check {
        id: "promql/same-operands",
        finds: "The same expression on both sides of an operator.",
        why: "`x unless x` is empty, `x and x` is `x`, `x / x` is 1: one side was meant otherwise, or is dead.",
        bad: "- alert: Vanished\n  expr: up unless up\n",
        good: "- alert: Vanished\n  expr: up offset 10m unless up\n",
        run: Run::Rule(same_operands),
        ..Check::BASE
    },
    Check {
        id: "aggregation/division-inside",
        finds: "A sum or average of quotients whose divisor is a rate, and so may be zero.",
        why: "`0 / 0` is no number, and one of them makes the whole sum none: the alert is silent as long as a single series is idle. Filter the divisor (`> 0`), or divide the sums.",
        bad: "- record: api:errors:ratio\n  expr: avg(rate(errors_total[5m]) / rate(requests_total[5m]))\n",
        good: "- record: api:errors:ratio\n  expr: avg(rate(errors_total[5m]) / (rate(requests_total[5m]) > 0))\n",
        run: Run::Rule(division_inside),
        ..Check::BASE
    },
];

fn cannot_join(view: &RuleView<'_>, findings: &mut Findings<'_>) {
    let mut told: Vec<&crate::lang::Span> = Vec::new();
    for conflict in view.analysis.conflicts.iter().filter(|conflict| !conflict.is_include) {
        // What stands around an empty part is empty for that reason.
        if told.iter().any(|inner| conflict.span.start <= inner.start && inner.end <= conflict.span.end) {
            continue;
        }
        told.push(&conflict.span);
        let effect = if conflict.op == "unless" { "takes nothing away" } else { "yields nothing" };
        let message = format!("this `{}` {effect}: {}", conflict.op, conflict.reason);
        let hint = match &conflict.label {
            Some(label) => {
                format!("match by other labels with `on (…)` or `ignoring ({label})`, or keep `{label}` on both sides")
            }
            None => "match with `on ()`, with `group_left` or `group_right` for the side with many series".to_owned(),
        };
        findings.add(view.at(&conflict.span), message, hint);
    }
}

fn lost_include(view: &RuleView<'_>, findings: &mut Findings<'_>) {
    for conflict in view.analysis.conflicts.iter().filter(|conflict| conflict.is_include) {
        findings.add(view.at(&conflict.span), conflict.reason.clone(), "keep the label on that side");
    }
}

fn impossible(view: &RuleView<'_>, findings: &mut Findings<'_>) {
    for impossible in impossible_comparisons(view.expr()) {
        let message = format!("this comparison never holds: {}", impossible.reason);
        findings.add(view.at(&impossible.span), message, "");
    }
}

fn same_operands(view: &RuleView<'_>, findings: &mut Findings<'_>) {
    view.expr().walk(&mut |part| {
        let ExprKind::Binary(binary) = &part.kind else { return };
        if is_constant(&binary.left) || is_constant(&binary.right) {
            return;
        }
        if bare(&binary.left).to_string() != bare(&binary.right).to_string() {
            return;
        }
        let effect = match binary.op {
            BinaryOp::Unless => "it takes everything away",
            BinaryOp::And | BinaryOp::Or => "one side is enough",
            op if op.is_comparison() => "the result is known beforehand",
            BinaryOp::Sub | BinaryOp::Div | BinaryOp::Mod => "the result is known beforehand",
            // `x + x`, `x * x`: somebody may mean it.
            _ => return,
        };
        let message = format!("both sides of `{}` are the same: {effect}", binary.op.symbol());
        findings.add(view.at(&part.span), message, "");
    });
}

fn division_inside(view: &RuleView<'_>, findings: &mut Findings<'_>) {
    view.expr().walk(&mut |part| {
        let ExprKind::Aggregate(aggregate) = &part.kind else { return };
        let name = aggregate.op.name();
        if !matches!(aggregate.op, AggregateOp::Sum | AggregateOp::Avg | AggregateOp::Stddev | AggregateOp::Stdvar) {
            return;
        }
        if let Some(divisor) = divisor(&aggregate.expr) {
            let message = format!("where this divisor is 0 beside a dividend of 0, the whole `{name}` is no number");
            findings.add(view.at(&divisor.span), message, "filter it, such as `(… > 0)`, or divide the aggregations");
        }
    });
}

/// The divisor of the quotient that `expr` is, if it may be zero.
fn divisor(expr: &Expr) -> Option<&Expr> {
    let ExprKind::Binary(binary) = &bare(expr).kind else { return None };
    match binary.op {
        BinaryOp::Div => {
            let divisor = &binary.right;
            // Sizes and limits are never 0, and nothing tells them apart; rates are, whenever nothing happens.
            let is_rate = any(divisor, &mut |part| {
                call(part).is_some_and(|call| ["rate", "irate", "increase", "delta"].contains(&call.function.name))
            });
            let may_be_zero = is_rate && divisor.value_type() == ValueType::InstantVector && !is_never_zero(divisor);
            may_be_zero.then_some(divisor)
        }
        BinaryOp::Mul | BinaryOp::Add | BinaryOp::Sub => divisor(&binary.left).or_else(|| divisor(&binary.right)),
        _ => None,
    }
}
