//! From a series of a rule's result to an alert: labels and annotations expanded.

use super::{AlertingRule, Observation, alert_labels};
use crate::model::{Labels, TraceId};
use crate::template::{QueryRow, RuleData, RuleTemplate, TemplateError};

/// A query made by a template, over the series as they are at the moment of evaluation.
pub type TemplateQuery<'a> = &'a dyn Fn(&str) -> Result<Vec<QueryRow>, TemplateError>;

/// The alert that `rule` sees in one series of its result. A template that fails becomes the text
/// `<error expanding template: ...>`, as in Prometheus.
pub fn observe(rule: &AlertingRule, data: &RuleData<'_>, trace: TraceId, query: TemplateQuery<'_>) -> Observation {
    let expand = |(name, template): &(String, RuleTemplate)| {
        let text = template.expand(data, query);
        (name.clone(), text.unwrap_or_else(|error| format!("<error expanding template: {error}>")))
    };
    let own: Vec<(String, String)> = rule.labels.iter().map(expand).collect();
    Observation {
        labels: alert_labels(&rule.alert, data.labels, &own),
        query_labels: data.labels.clone(),
        annotations: Labels::from_pairs(rule.annotations.iter().map(expand)),
        value: data.value,
        trace,
    }
}
