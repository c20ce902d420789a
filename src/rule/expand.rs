//! From a series of a rule's result to an alert: labels and annotations expanded.

use super::{AlertingRule, Observation, alert_labels};
use crate::model::{Labels, TraceId};
use crate::template::{QueryRow, RuleData, RuleTemplate, TemplateError};

/// A query made by a template, over the series as they are at the moment of evaluation.
pub type TemplateQuery<'a> = &'a dyn Fn(&str) -> Result<Vec<QueryRow>, TemplateError>;

/// The template of a label failed: without the label the alert is not known.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("the template of label {label:?} failed: {error}")]
pub struct LabelError {
    /// The label's name.
    pub label: String,
    /// What went wrong.
    pub error: TemplateError,
}

/// The alert that `rule` sees in one series of its result. An annotation's template that fails becomes the text
/// `<error expanding template: ...>`, as in Prometheus.
///
/// # Errors
///
/// A label's template that fails: with any text in its place the alert would be another one, and the one before over.
pub fn observe(
    rule: &AlertingRule,
    data: &RuleData<'_>,
    trace: TraceId,
    query: TemplateQuery<'_>,
) -> Result<Observation, LabelError> {
    let label = |(name, template): &(String, RuleTemplate)| match template.expand(data, query) {
        Ok(text) => Ok((name.clone(), text)),
        Err(error) => Err(LabelError { label: name.clone(), error }),
    };
    let annotation = |(name, template): &(String, RuleTemplate)| {
        let text = template.expand(data, query);
        (name.clone(), text.unwrap_or_else(|error| format!("<error expanding template: {error}>")))
    };
    let own: Vec<(String, String)> = rule.labels.iter().map(label).collect::<Result<_, _>>()?;
    Ok(Observation {
        labels: alert_labels(&rule.alert, data.labels, &own),
        query_labels: data.labels.clone(),
        annotations: Labels::from_pairs(rule.annotations.iter().map(annotation)),
        value: data.value.float().unwrap_or_default(),
        trace,
    })
}
