//! Prometheus's `/api/v1/rules` and `/api/v1/alerts`.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::App;
use crate::engine::{Engine, Health};
use crate::model::{FloatForm, Timestamp};
use crate::rule::{ActiveAlert, AlertState, AlertingRule, Group, RecordingRule, Rule};
use crate::shell::service::Progress;

/// Which groups and rules are asked for: `rule_name[]`, `rule_group[]`, `file[]`, `type`.
#[derive(Default)]
struct Filter {
    rule_names: Vec<String>,
    groups: Vec<String>,
    files: Vec<String>,
    kind: Option<String>,
}

impl Filter {
    fn read(query: Option<&str>) -> Filter {
        let mut filter = Filter::default();
        let Ok(url) = reqwest::Url::parse(&format!("http://localhost/?{}", query.unwrap_or_default())) else {
            return filter;
        };
        for (name, value) in url.query_pairs() {
            let value = value.into_owned();
            match name.as_ref() {
                "rule_name[]" => filter.rule_names.push(value),
                "rule_group[]" => filter.groups.push(value),
                "file[]" => filter.files.push(value),
                "type" => filter.kind = Some(value),
                _ => {}
            }
        }
        filter
    }

    fn takes_group(&self, group: &Group) -> bool {
        let among = |wanted: &[String], value: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == value);
        among(&self.groups, &group.name) && among(&self.files, &group.file)
    }

    fn takes_rule(&self, rule: &Rule) -> bool {
        let kind = match rule {
            Rule::Alerting(_) => "alert",
            Rule::Recording(_) => "record",
        };
        (self.rule_names.is_empty() || self.rule_names.iter().any(|name| name == rule.name()))
            && self.kind.as_ref().is_none_or(|wanted| wanted == kind)
    }
}

/// `GET /api/v1/rules`
pub(super) async fn rules(State(app): State<App>, RawQuery(query): RawQuery) -> Response {
    let filter = Filter::read(query.as_deref());
    let plan = match app.decider.read(|engine| engine.plan().clone()).await {
        Ok(plan) => plan,
        Err(error) => return unavailable(&error.to_string()),
    };
    let progress: HashMap<(String, String), Progress> = plan
        .groups
        .iter()
        .filter_map(|group| {
            let progress = app.evaluator.progress(&group.file, &group.name)?;
            Some(((group.file.clone(), group.name.clone()), progress))
        })
        .collect();
    let read = app.decider.read(move |engine| {
        let groups = engine.plan().groups.iter().filter(|group| filter.takes_group(group));
        let rendered = groups.map(|group| {
            let progress = progress.get(&(group.file.clone(), group.name.clone())).copied();
            group_json(engine, group, &filter, progress)
        });
        rendered.filter(|group| group["rules"].as_array().is_some_and(|rules| !rules.is_empty())).collect::<Vec<_>>()
    });
    match read.await {
        Ok(groups) => Json(json!({ "status": "success", "data": { "groups": groups } })).into_response(),
        Err(error) => unavailable(&error.to_string()),
    }
}

/// `GET /api/v1/alerts`
pub(super) async fn alerts(State(app): State<App>) -> Response {
    let read = app.decider.read(|engine| {
        let rules = engine.plan().groups.iter().flat_map(|group| &group.rules);
        rules.flat_map(|rule| active(engine, rule)).collect::<Vec<_>>()
    });
    match read.await {
        Ok(alerts) => Json(json!({ "status": "success", "data": { "alerts": alerts } })).into_response(),
        Err(error) => unavailable(&error.to_string()),
    }
}

pub(super) fn unavailable(error: &str) -> Response {
    let body = json!({ "status": "error", "errorType": "unavailable", "error": error });
    (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
}

fn active(engine: &Engine, rule: &Rule) -> Vec<Value> {
    let alerts = engine.rule_alerts(rule.id()).filter(|alert| alert.state != AlertState::Resolved);
    alerts.map(alert_json).collect()
}

fn alert_json(alert: &ActiveAlert) -> Value {
    let mut row = json!({
        "labels": alert.labels,
        "annotations": alert.annotations,
        "state": alert.state.as_str(),
        "activeAt": alert.active_at.to_string(),
        "value": FloatForm::Exponent.text(alert.value),
    });
    if let Some(since) = alert.keep_firing_since {
        row["keepFiringSince"] = json!(since.to_string());
    }
    if let Some(since) = alert.lost_since {
        row["noDataSince"] = json!(since.to_string());
    }
    row
}

fn group_json(engine: &Engine, group: &Group, filter: &Filter, progress: Option<Progress>) -> Value {
    let rules = group.rules.iter().filter(|rule| filter.takes_rule(rule));
    let rules: Vec<Value> = rules
        .map(|rule| match rule {
            Rule::Alerting(alerting) => alerting_json(engine, alerting, active(engine, rule)),
            Rule::Recording(recording) => recording_json(engine, recording),
        })
        .collect();
    json!({
        "name": group.name,
        "file": group.file,
        "interval": group.interval.as_secs_f64(),
        "limit": group.limit,
        "evaluationTime": progress.map_or(0.0, |progress| progress.took.as_secs_f64()),
        "lastEvaluation": time(progress.map(|progress| progress.at)),
        "rules": rules,
    })
}

fn alerting_json(engine: &Engine, rule: &AlertingRule, alerts: Vec<Value>) -> Value {
    let has = |state: &str| alerts.iter().any(|alert| alert["state"] == state);
    let state = if has("firing") {
        "firing"
    } else if has("pending") {
        "pending"
    } else {
        "inactive"
    };
    let texts = |templates: &[(String, crate::template::RuleTemplate)]| {
        let pairs = templates.iter().map(|(name, template)| (name.clone(), json!(template.text())));
        Value::Object(pairs.collect())
    };
    let health = engine.rule_health(rule.id);
    json!({
        "state": state,
        "name": rule.alert,
        "query": rule.expr_text,
        "duration": rule.hold_for.as_secs_f64(),
        "keepFiringFor": rule.keep_firing_for.as_secs_f64(),
        "labels": texts(&rule.labels),
        "annotations": texts(&rule.annotations),
        "alerts": alerts,
        "health": health_word(&health),
        "lastError": health.last_error.unwrap_or_default(),
        "lastEvaluation": time(health.last_evaluation),
        "type": "alerting",
    })
}

fn recording_json(engine: &Engine, rule: &RecordingRule) -> Value {
    let health = engine.rule_health(rule.id);
    json!({
        "name": rule.record,
        "query": rule.expr_text,
        "labels": rule.labels,
        "health": health_word(&health),
        "lastError": health.last_error.unwrap_or_default(),
        "lastEvaluation": time(health.last_evaluation),
        "type": "recording",
    })
}

fn health_word(health: &Health) -> &'static str {
    match (health.last_evaluation, &health.last_error) {
        (None, _) => "unknown",
        (Some(_), None) => "ok",
        (Some(_), Some(_)) => "err",
    }
}

/// Go's zero time before the first evaluation.
fn time(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), |at| at.to_string())
}
