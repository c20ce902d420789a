//! What the policy of the main file demands: annotations, labels, labels of aggregations.

use super::check::{Check, Findings, Needs, RuleView, Run};
use super::flow::Presence;
use crate::config::RequiredText;
use crate::lang::ExprKind;
use crate::template::RuleTemplate;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "rule/required-annotation",
        needs: Needs::Policy,
        finds: "An alert without an annotation that `lint.required_annotations` demands, or with another text.",
        why: "Who is woken at night needs to know what to do. The text as written, templates and all, must match the expression as a whole.",
        settings: "lint:\n  required_annotations:\n    runbook: https://.+\n",
        bad: "- alert: ApiDown\n  expr: up{job=\"api\"} == 0\n",
        good: "- alert: ApiDown\n  expr: up{job=\"api\"} == 0\n  annotations:\n    runbook: https://runbooks.example/api-down\n",
        run: Run::Rule(required_annotation),
        ..Check::BASE
    },
    Check {
        id: "rule/required-label",
        needs: Needs::Policy,
        finds: "An alert without a label that `lint.required_labels` demands, or with another text.",
        why: "Routes and silences go by labels: an alert without them ends up with whoever takes the rest.",
        settings: "lint:\n  required_labels:\n    severity: page|ticket\n",
        bad: "- alert: ApiDown\n  expr: up{job=\"api\"} == 0\n  labels:\n    severity: pgae\n",
        good: "- alert: ApiDown\n  expr: up{job=\"api\"} == 0\n  labels:\n    severity: page\n",
        run: Run::Rule(required_label),
        ..Check::BASE
    },
    Check {
        id: "aggregation/lost-label",
        needs: Needs::Policy,
        finds: "An expression that takes away a label which `lint.aggregation_labels` says to keep.",
        why: "Later rules, routes or dashboards need the label of these metrics.",
        settings: "lint:\n  aggregation_labels:\n    - metric: http_.+\n      keep: [job]\n",
        bad: "- record: http:requests:rate5m\n  expr: sum by (code) (rate(http_requests_total[5m]))\n",
        good: "- record: http:requests:rate5m\n  expr: sum by (code, job) (rate(http_requests_total[5m]))\n",
        run: Run::Rule(lost_label),
        ..Check::BASE
    },
    Check {
        id: "aggregation/kept-label",
        needs: Needs::Policy,
        finds: "An aggregation that keeps a label which `lint.aggregation_labels` says to strip.",
        why: "Such labels make an aggregation as wide as what it aggregates, or split one alert into many.",
        settings: "lint:\n  aggregation_labels:\n    - metric: http_.+\n      strip: [instance]\n",
        bad: "- record: http:requests:rate5m\n  expr: sum without (code) (rate(http_requests_total[5m]))\n",
        good: "- record: http:requests:rate5m\n  expr: sum without (code, instance) (rate(http_requests_total[5m]))\n",
        run: Run::Rule(kept_label),
        ..Check::BASE
    },
];

fn required_annotation(view: &RuleView<'_>, findings: &mut Findings<'_>) {
    if let Some(alert) = view.alert() {
        required(view, findings, "annotation", &view.set.policy.required_annotations, &alert.annotations);
    }
}

fn required_label(view: &RuleView<'_>, findings: &mut Findings<'_>) {
    if let Some(alert) = view.alert() {
        required(view, findings, "label", &view.set.policy.required_labels, &alert.labels);
    }
}

fn required(
    view: &RuleView<'_>,
    findings: &mut Findings<'_>,
    what: &str,
    wanted: &[RequiredText],
    given: &[(String, RuleTemplate)],
) {
    for RequiredText { name, text } in wanted {
        let found = given.iter().find(|(known, _)| known == name).map(|(_, template)| template.text());
        match found {
            Some(found) if text.matches_value(found) => {}
            Some(_) => {
                let places = if what == "label" { &view.written.labels } else { &view.written.annotations };
                let place = places.iter().find(|entry| entry.name == *name).map(|entry| entry.value.range.clone());
                let place = view.file.place(place.unwrap_or_else(|| view.written.name.clone()));
                findings.add(place, format!("the {what} `{name}` must match `{}`", text.value()), "");
            }
            None => {
                let message = format!("this alert lacks the {what} `{name}`");
                findings.add(view.at_name(), message, format!("it must match `{}`", text.value()));
            }
        }
    }
}

/// Whether the rule reads a metric that `metric` accepts.
fn reads(view: &RuleView<'_>, metric: &crate::model::Matcher) -> bool {
    let selectors = view.expr().selectors();
    selectors.iter().any(|reach| reach.selector.name.as_deref().is_some_and(|name| metric.matches_value(name)))
}

fn lost_label(view: &RuleView<'_>, findings: &mut Findings<'_>) {
    for policy in view.set.policy.aggregation_labels.iter().filter(|policy| reads(view, &policy.metric)) {
        for label in &policy.keep {
            let state = view.analysis.flow.label(label);
            if let (Presence::Absent, Some(removal)) = (state.presence, state.removal) {
                let place = view.at(&removal.span.unwrap_or_else(|| view.expr().span.clone()));
                let message = format!("{} takes away the label `{label}`, which is to be kept", removal.by);
                findings.add(
                    place,
                    message,
                    format!("`lint.aggregation_labels` says so for `{}`", policy.metric.value()),
                );
            }
        }
    }
}

fn kept_label(view: &RuleView<'_>, findings: &mut Findings<'_>) {
    let mut aggregates = Vec::new();
    view.expr().walk(&mut |part| {
        if matches!(part.kind, ExprKind::Aggregate(_)) {
            aggregates.push(part.span.clone());
        }
    });
    let Some(first) = aggregates.first() else { return };
    for policy in view.set.policy.aggregation_labels.iter().filter(|policy| reads(view, &policy.metric)) {
        for label in &policy.strip {
            if view.analysis.flow.label(label).presence != Presence::Absent {
                let message = format!("this keeps the label `{label}`, which is to be stripped");
                findings.add(
                    view.at(first),
                    message,
                    format!("`lint.aggregation_labels` says so for `{}`", policy.metric.value()),
                );
            }
        }
    }
}
