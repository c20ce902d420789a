//! Templates of labels and annotations.

use super::check::{Check, Findings, RuleView, Run};
use super::flow::Presence;
use super::shape::{bare, is_constant, number};
use crate::config::WrittenEntry;
use crate::lang::{AggregateOp, BinaryOp, Expr, ExprKind};
use crate::model::{ALERT_NAME, Labels, METRIC_NAME, Severity, Timestamp};
use crate::template::{QueryRow, RuleData, RuleTemplate};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "template/removed-label",
        finds: "A template that reads a label which the expression has taken away.",
        why: "The label expands to an empty text: the annotation says `instance  is down`. Keep the label in `by (…)`, or do not name it.",
        bad: "- alert: Errors\n  expr: sum by (job) (rate(errors_total[5m])) > 1\n  for: 5m\n  annotations:\n    summary: errors on {{ $labels.instance }}\n",
        good: "- alert: Errors\n  expr: sum by (job, instance) (rate(errors_total[5m])) > 1\n  for: 5m\n  annotations:\n    summary: errors on {{ $labels.instance }}\n",
        run: Run::Rule(removed_label),
        ..Check::BASE
    },
    Check {
        id: "template/value-in-label",
        finds: "A label with the value in it.",
        why: "Labels are the identity of an alert. With every new value another alert begins: none reaches its `for`, and each is told anew. \
              Values belong in annotations. A comparison of the value, as in `{{ if gt $value 9.0 }}`, passes.",
        bad: "- alert: Errors\n  expr: errors > 1\n  labels:\n    count: '{{ $value }}'\n",
        good: "- alert: Errors\n  expr: errors > 1\n  annotations:\n    count: '{{ $value }}'\n",
        run: Run::Rule(value_in_label),
        ..Check::BASE
    },
    Check {
        id: "template/raw-value",
        severity: Severity::Info,
        finds: "An annotation that shows a rate, a ratio, an average or a number of bytes or seconds as it is.",
        why: "`0.07352941176470588` is hard to read at night. Use `humanize`, `humanize1024`, `humanizePercentage`, `humanizeDuration` or `printf`.",
        bad: "- alert: Errors\n  expr: rate(errors_total[5m]) > 1\n  for: 5m\n  annotations:\n    summary: '{{ $value }} errors a second'\n",
        good: "- alert: Errors\n  expr: rate(errors_total[5m]) > 1\n  for: 5m\n  annotations:\n    summary: '{{ $value | humanize }} errors a second'\n",
        run: Run::Rule(raw_value),
        ..Check::BASE
    },
    Check {
        id: "template/fails",
        finds: "A template that fails when it is expanded.",
        why: "The text becomes `<error expanding template: …>`. The template is tried with made-up labels and a made-up value; mistakes of syntax are errors (`template/syntax`).",
        bad: "- alert: Errors\n  expr: errors > 1\n  annotations:\n    summary: '{{ $value | toUpper }} errors'\n",
        good: "- alert: Errors\n  expr: errors > 1\n  annotations:\n    summary: '{{ $value | humanize }} errors'\n",
        run: Run::Rule(fails),
        ..Check::BASE
    },
];

/// The templates of labels (`true`) and annotations with their places.
fn templates<'a>(view: &RuleView<'a>) -> Vec<(bool, &'a RuleTemplate, &'a WrittenEntry)> {
    let Some(alert) = view.alert() else { return Vec::new() };
    let mut all = Vec::new();
    for (is_label, templates, places) in
        [(true, &alert.labels, &view.written.labels), (false, &alert.annotations, &view.written.annotations)]
    {
        for (name, template) in templates.iter().filter(|(_, template)| !template.is_constant()) {
            all.extend(places.iter().find(|place| place.name == *name).map(|place| (is_label, template, place)));
        }
    }
    all
}

/// The place of `length` bytes from `at` on in the text of `entry`.
fn inside(view: &RuleView<'_>, entry: &WrittenEntry, at: usize, length: usize) -> crate::model::Place {
    view.file.place(entry.value.within(&view.file.source, &(at..at + length)))
}

fn removed_label(view: &RuleView<'_>, findings: &mut Findings<'_>) {
    for (_, template, entry) in templates(view) {
        let mut told: Vec<String> = Vec::new();
        for (label, at) in template.uses().labels {
            if told.contains(&label) {
                continue;
            }
            let place = |length| inside(view, entry, at, length);
            // The query's labels alone are seen: neither those of the rule nor the metric's name.
            if label == METRIC_NAME || label == ALERT_NAME {
                findings.add(place(1), format!("a template does not see the label `{label}`"), "");
                told.push(label);
                continue;
            }
            let state = view.analysis.flow.label(&label);
            if let (Presence::Absent, Some(removal)) = (&state.presence, &state.removal) {
                let message = format!("the label `{label}` is empty here: {} takes it away", removal.by);
                let hint = match removal.by.contains(" by (") || !removal.by.contains('(') {
                    true => format!("keep it: `by (…, {label})`"),
                    false => String::new(),
                };
                let width = template.text()[at..].find([' ', '}', '|', ')']).unwrap_or(1).max(1);
                findings.add(place(width), message, hint);
                told.push(label);
            }
        }
    }
}

fn value_in_label(view: &RuleView<'_>, findings: &mut Findings<'_>) {
    for (is_label, template, entry) in templates(view) {
        let text = template.text();
        for at in template.uses().values {
            let action = text[..at].rfind("{{").map_or("", |start| text[start + 2..at].trim_start_matches(['-', ' ']));
            let compares = ["if", "else if", "with"].iter().any(|word| action.starts_with(word));
            if is_label && !compares {
                let message =
                    format!("the label `{}` holds the value, so that each new value is another alert", entry.name);
                findings.add(inside(view, entry, at, 1), message, "put the value into an annotation");
                break;
            }
        }
    }
}

/// What the values of `expr` are, if they are hard to read as they are.
fn kind_of_value(expr: &Expr) -> Option<(&'static str, &'static str)> {
    let expr = bare(expr);
    match &expr.kind {
        ExprKind::Call(call) => match call.function.name {
            "rate" | "irate" | "deriv" => Some(("a rate", "humanize")),
            "avg_over_time" | "stddev_over_time" => Some(("an average", "humanize")),
            "histogram_quantile" | "quantile_over_time" => Some(("a quantile", "humanize")),
            "increase" | "delta" => Some(("an extrapolated number", "humanize")),
            "predict_linear" => Some(("a prediction", "humanize")),
            "abs" | "sort" | "sort_desc" | "max_over_time" | "min_over_time" | "last_over_time" => {
                call.args.first().and_then(kind_of_value)
            }
            _ => None,
        },
        ExprKind::Aggregate(aggregate) => match aggregate.op {
            AggregateOp::Avg | AggregateOp::Stddev | AggregateOp::Stdvar | AggregateOp::Quantile => {
                kind_of_value(&aggregate.expr).or(Some(("an average", "humanize")))
            }
            AggregateOp::Count | AggregateOp::Group | AggregateOp::CountValues => None,
            _ => kind_of_value(&aggregate.expr),
        },
        ExprKind::Binary(binary) => {
            let either = || kind_of_value(&binary.left).or_else(|| kind_of_value(&binary.right));
            match binary.op {
                // The value is what it is compared with.
                BinaryOp::Eq if number(&binary.right).is_some() && !binary.returns_bool => None,
                op if op.is_comparison() || op.is_set() => kind_of_value(&binary.left),
                BinaryOp::Div if is_constant(&binary.right) => kind_of_value(&binary.left),
                BinaryOp::Div => Some(("a ratio", "humanizePercentage` or `humanize")),
                BinaryOp::Mul if [&binary.left, &binary.right].into_iter().any(|side| number(side) == Some(100.0)) => {
                    either().map(|_| ("a percentage", "printf \"%.1f\""))
                }
                _ => either(),
            }
        }
        ExprKind::Selector(selector) => {
            let name = selector.name.as_deref().unwrap_or_default();
            match () {
                () if name.ends_with("_bytes") => Some(("a number of bytes", "humanize1024")),
                () if name.ends_with("_seconds") => Some(("a number of seconds", "humanizeDuration")),
                () if name.ends_with("_ratio") => Some(("a ratio", "humanizePercentage")),
                () => None,
            }
        }
        _ => None,
    }
}

fn raw_value(view: &RuleView<'_>, findings: &mut Findings<'_>) {
    let Some((what, function)) = kind_of_value(view.expr()) else { return };
    for (is_label, template, entry) in templates(view) {
        if let (false, Some(at)) = (is_label, template.uses().raw_values.first()) {
            let message = format!("the value is {what}, and shown as it is");
            findings.add(inside(view, entry, *at, 1), message, format!("pass it through `{function}`"));
        }
    }
}

fn fails(view: &RuleView<'_>, findings: &mut Findings<'_>) {
    for (_, template, entry) in templates(view) {
        // What a query yields is not known: whether the template works depends on it.
        if any_query(template.text()) {
            continue;
        }
        // A text that is a number too, so that functions of numbers take it.
        let labels = Labels::from_pairs(template.uses().labels.iter().map(|(name, _)| (name.as_str(), "1")));
        let none = Labels::default();
        let data = RuleData {
            labels: &labels,
            value: 1.5.into(),
            external_labels: &none,
            external_url: "http://watchbell.example",
            at: Timestamp::from_millis(0),
        };
        if let Err(error) = template.expand(&data, &|_| Ok(Vec::<QueryRow>::new())) {
            findings.add(view.file.place(entry.value.range.clone()), format!("this template fails: {error}"), "");
        }
    }
}

fn any_query(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == "query")
}
