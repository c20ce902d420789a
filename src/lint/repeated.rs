//! Rules that say what another one says.

use std::collections::HashMap;

use super::check::{Check, Findings, RuleView, Run};
use super::shape::bare;
use crate::lang::{Expr, ExprKind};
use crate::model::Severity;
use crate::rule::Rule;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "rule/duplicate",
        finds: "Two rules with the same name and labels in a file, or the same rule in two files.",
        why: "Alerts of equal labels are one alert to those who are told, and series of equal labels are one series: the rules write over each other.",
        bad: "- alert: ApiDown\n  expr: up{job=\"api\"} == 0\n- alert: ApiDown\n  expr: up{job=\"api\"} < 1\n",
        good: "- alert: ApiDown\n  expr: up{job=\"api\"} == 0\n  labels:\n    severity: page\n- alert: ApiDown\n  expr: up{job=\"api\"} < 1\n  labels:\n    severity: ticket\n",
        run: Run::All(duplicate),
        ..Check::BASE
    },
    Check {
        id: "rule/same-expression",
        severity: Severity::Info,
        finds: "Two alerts with the same expression and the same `for` under different names.",
        why: "Both fire together: one of them may be left over from a copy.",
        bad: "- alert: ApiDown\n  expr: up{job=\"api\"} == 0\n- alert: WebDown\n  expr: up{job=\"api\"} == 0\n",
        good: "- alert: ApiDown\n  expr: up{job=\"api\"} == 0\n- alert: WebDown\n  expr: up{job=\"web\"} == 0\n",
        run: Run::All(same_expression),
        ..Check::BASE
    },
    Check {
        id: "rule/recorded-expression",
        severity: Severity::Info,
        finds: "An expression, or a part of one, that a recording rule of the same files records already.",
        why: "Reading the recorded series is cheaper, and both go by one definition. Mind that the recorded series may be one interval old.",
        bad: "- record: job:errors:rate5m\n  expr: sum by (job) (rate(errors_total[5m]))\n- alert: Errors\n  expr: sum by (job) (rate(errors_total[5m])) > 1\n  for: 5m\n",
        good: "- record: job:errors:rate5m\n  expr: sum by (job) (rate(errors_total[5m]))\n- alert: Errors\n  expr: job:errors:rate5m > 1\n  for: 5m\n",
        run: Run::All(recorded_expression),
        ..Check::BASE
    },
];

/// Where a rule stands, for a message.
fn whereabouts(view: &RuleView<'_>) -> String {
    let line = view.file.source.line_column(view.written.name.start).0;
    format!("{}:{line}", view.file.source.path)
}

fn duplicate(views: &[RuleView<'_>], findings: &mut Findings<'_>) {
    let mut seen: HashMap<String, &RuleView<'_>> = HashMap::new();
    for view in views {
        let labels: String = match view.rule {
            Rule::Recording(rule) => rule.labels.to_string(),
            Rule::Alerting(rule) => {
                rule.labels.iter().map(|(name, text)| format!("{name}={:?};", text.text())).collect()
            }
        };
        // Within a file the reader of rules has told of equal names and labels already.
        let key = format!("{}\u{1}{labels}\u{1}{}", view.rule.name(), view.expr());
        let Some(first) = seen.get(&key) else {
            seen.insert(key, view);
            continue;
        };
        if first.file.source.path != view.file.source.path {
            let message = format!("the same rule stands at {}", whereabouts(first));
            findings.add(view.at_name(), message, "");
        }
    }
}

fn same_expression(views: &[RuleView<'_>], findings: &mut Findings<'_>) {
    let mut seen: HashMap<String, &RuleView<'_>> = HashMap::new();
    for view in views {
        let Some(alert) = view.alert() else { continue };
        let key = format!("{}\u{1}{:?}", alert.expr, alert.hold_for);
        match seen.get(&key) {
            Some(first) if first.rule.name() != alert.alert => {
                let message =
                    format!("the alert `{}` at {} has the same expression", first.rule.name(), whereabouts(first));
                findings.add(view.at_name(), message, "");
            }
            Some(_) => {}
            None => {
                seen.insert(key, view);
            }
        }
    }
}

fn recorded_expression(views: &[RuleView<'_>], findings: &mut Findings<'_>) {
    let mut recorded: HashMap<String, &str> = HashMap::new();
    for view in views {
        if let Rule::Recording(rule) = view.rule
            && rule.labels.is_empty()
            && is_worth_recording(&rule.expr)
        {
            recorded.entry(bare(&rule.expr).to_string()).or_insert(&rule.record);
        }
    }
    if recorded.is_empty() {
        return;
    }
    for view in views {
        let mut covered = 0;
        view.expr().walk(&mut |part| {
            // A part of what was found needs no words of its own.
            if !is_worth_recording(part) || matches!(part.kind, ExprKind::Paren(_)) || part.span.start < covered {
                return;
            }
            if let Some(name) = recorded.get(&part.to_string()).filter(|name| **name != view.rule.name()) {
                covered = part.span.end;
                let message = format!("the rule `{name}` records this already");
                findings.add(view.at(&part.span), message, format!("read `{name}`"));
            }
        });
    }
}

fn is_worth_recording(expr: &Expr) -> bool {
    matches!(bare(expr).kind, ExprKind::Aggregate(_) | ExprKind::Call(_) | ExprKind::Binary(_))
}
