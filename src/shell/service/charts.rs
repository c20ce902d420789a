//! What the chart of an alert shows: the expression of its rule over the samples of the service.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tracing::debug;

use super::snapshot::Snapshot;
use super::windows::Windows;
use crate::config::Plan;
use crate::eval::{self, Options, Series, Value};
use crate::lang::{BinaryOp, Expr, ExprKind, UnaryOp};
use crate::model::{Alert, METRIC_NAME, Timestamp};
use crate::rule::{AlertingRule, Rule};
use crate::shell::notify::{CHART_LINES_MAX, ChartData, ChartSource};

/// How much is shown of the time before an alert began.
const BEFORE_START: Duration = Duration::from_secs(60 * 60);
/// The longest time that is shown; of an older alert it is the latest part.
const SPAN_MAX: Duration = Duration::from_secs(6 * 60 * 60);
/// How many points a line has, about.
const STEPS: u64 = 200;
/// How many samples one chart may read and hold.
const SAMPLES_MAX: usize = 1_000_000;

/// Charts of the alerts that the rules of `plan` raise.
pub(super) struct RuleCharts {
    windows: Windows,
    plan: Arc<Plan>,
}

impl RuleCharts {
    pub(super) fn new(windows: Windows, plan: Arc<Plan>) -> Self {
        RuleCharts { windows, plan }
    }

    /// The rule that raises `alert`; alerts from outside have links of their own.
    fn rule(&self, alert: &Alert) -> Option<&AlertingRule> {
        let own = alert.generator_url.strip_prefix(self.plan.engine.external_url.trim_end_matches('/'))?;
        let rules = self.plan.engine.groups.iter().flat_map(|group| &group.rules).filter_map(|rule| match rule {
            Rule::Alerting(rule) => Some(rule),
            Rule::Recording(_) => None,
        });
        let mut named = rules.filter(|rule| rule.alert == alert.name() && rule.carries(&alert.labels));
        named.next().filter(|_| own.starts_with("/api/v1/rules?"))
    }
}

impl ChartSource for RuleCharts {
    fn chart(&self, alert: &Alert, until: Timestamp, canceled: &Arc<AtomicBool>) -> Option<ChartData> {
        let rule = self.rule(alert)?;
        let (expr, threshold) = shown(&rule.expr);
        let start = (alert.starts_at - BEFORE_START).max(until - SPAN_MAX);
        let step = Duration::from_secs((until.since(start).as_secs() / STEPS).max(1));
        let options = self.plan.eval_options();
        let samples_max = options.samples_max.min(SAMPLES_MAX);
        let options = Options { samples_max, canceled: Some(Arc::clone(canceled)), ..options };
        let snapshot = Snapshot::new(&self.windows, samples_max, Arc::clone(canceled));
        let found = match eval::range(&snapshot, expr, start, until, step, &options) {
            Ok(evaluated) => evaluated.value,
            Err(error) => {
                debug!(%error, alert = alert.name(), "an alert has no chart: its expression cannot be evaluated");
                return None;
            }
        };
        let Value::Matrix(series) = found else { return None };
        let lines: Vec<Vec<(Timestamp, f64)>> = series
            .iter()
            .filter(|series| !series.samples.is_empty() && is_of(series, rule, alert))
            .take(CHART_LINES_MAX)
            .map(|series| series.samples.iter().map(|sample| (sample.at, sample.value)).collect())
            .collect();
        let step_ms = i64::try_from(step.as_millis()).unwrap_or(i64::MAX);
        let (began, expression) = (alert.starts_at, rule.expr_text.clone());
        let data = ChartData { start, end: until, step_ms, lines, threshold, began, expression };
        (!data.lines.is_empty()).then_some(data)
    }
}

/// Whether `series` is what `alert` is about: of the labels that both have, those that the rule does not set are the same.
fn is_of(series: &Series, rule: &AlertingRule, alert: &Alert) -> bool {
    let is_set = |name: &str| name == METRIC_NAME || rule.labels.iter().any(|(set, _)| set == name);
    series.labels.iter().all(|(name, value)| is_set(name) || !alert.labels.has(name) || alert.labels.get(name) == value)
}

/// The part of an alert's expression that is worth a chart, and the number that it is compared with: a comparison yields nothing while the
/// alert is off, and neither does what a condition is joined to.
fn shown(mut expr: &Expr) -> (&Expr, Option<f64>) {
    loop {
        match &expr.kind {
            ExprKind::Paren(inner) => expr = inner,
            ExprKind::Binary(binary) if matches!(binary.op, BinaryOp::And | BinaryOp::Unless) => expr = &binary.left,
            ExprKind::Binary(binary) if binary.op.is_comparison() && !binary.returns_bool => {
                return match (number(&binary.left), number(&binary.right)) {
                    (None, Some(limit)) => (&binary.left, Some(limit)),
                    (Some(limit), None) => (&binary.right, Some(limit)),
                    _ => (expr, None),
                };
            }
            _ => return (expr, None),
        }
    }
}

/// The number that `expr` is, whatever its sign and parentheses.
fn number(expr: &Expr) -> Option<f64> {
    match &expr.kind {
        ExprKind::Number(number) => Some(number.value),
        ExprKind::Paren(inner) => number(inner),
        ExprKind::Unary(UnaryOp::Plus, inner) => number(inner),
        ExprKind::Unary(UnaryOp::Minus, inner) => Some(-number(inner)?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{MemoryFiles, load};
    use crate::lang::parse;
    use crate::model::{Labels, Sample, TraceId};
    use crate::series::{Catalogue, Database, Limits};
    use crate::shell::ingest::Intake;

    const RULES: &str = "
groups:
- name: load
  rules:
  - {alert: HighLoad, expr: load > 5, for: 5m, labels: {severity: critical}}
  - {alert: Gone, expr: absent(nothing)}
  - {alert: Broken, expr: load + on (job) load > 1}
";

    fn now() -> Timestamp {
        Timestamp::from_seconds(100_000)
    }

    /// Two machines, sampled once a minute for four hours.
    fn charts() -> RuleCharts {
        let main = "
global: {external_url: 'http://bell'}
rule_files: [rules.yml]
route: {receiver: r}
receivers: [{name: r}]
";
        let files = MemoryFiles::new([("etc/watchbell.yml", main), ("etc/rules.yml", RULES)]);
        let plan = load(Some("etc/watchbell.yml"), &files, &|_: &str| None).expect("a configuration").plan;
        let mut database = Database::new(Limits::default());
        for minute in (0..240).rev() {
            for (instance, value) in [("a", 9.0), ("b", 1.0)] {
                let labels = Labels::from_pairs([("__name__", "load"), ("instance", instance), ("job", "node")]);
                let at = now() - Duration::from_secs(minute * 60);
                database.append(&labels, Sample::new(at, value), TraceId::NONE).expect("stored");
            }
        }
        let windows = Windows::new(database, Catalogue::default(), Intake::new(1).0);
        RuleCharts::new(windows, Arc::new(plan))
    }

    fn alert(labels: &[(&str, &str)], hours: u64) -> Alert {
        Alert {
            labels: Labels::from_pairs(labels.iter().copied()),
            annotations: Labels::default(),
            starts_at: now() - Duration::from_secs(hours * 3600),
            ends_at: None,
            updated_at: now(),
            generator_url: "http://bell/api/v1/rules?rule_name[]=x".into(),
            trace: TraceId::NONE,
        }
    }

    const HIGH: [(&str, &str); 4] =
        [("alertname", "HighLoad"), ("instance", "a"), ("job", "node"), ("severity", "critical")];

    #[test]
    fn shows_the_series_of_the_alert_around_its_start() {
        let not_canceled = Arc::new(AtomicBool::new(false));
        for (hours, expected_span, expected_points) in [(1, 2, 200..=201), (2, 3, 200..=201), (40, 6, 130..=140)] {
            let data = charts().chart(&alert(&HIGH, hours), now(), &not_canceled).expect("data");
            assert_eq!(data.end.since(data.start), Duration::from_secs(expected_span * 3600), "{hours}");
            assert_eq!((data.lines.len(), data.threshold, data.expression.as_str()), (1, Some(5.0), "load > 5"));
            assert!(data.lines[0].iter().all(|(_, value)| *value == 9.0));
            assert!(expected_points.contains(&data.lines[0].len()), "{hours}: {}", data.lines[0].len());
        }
        let everyone = alert(&[("alertname", "HighLoad"), ("severity", "critical")], 1);
        assert_eq!(charts().chart(&everyone, now(), &not_canceled).expect("data").lines.len(), 2);
    }

    #[test]
    fn nothing_to_show() {
        let own = alert(&HIGH, 1);
        let outside = Alert { generator_url: "http://prom/graph".into(), ..own.clone() };
        let trial = Alert { generator_url: "".into(), ..own.clone() };
        let named = |name| alert(&[("alertname", name)], 1);
        let elsewhere = alert(&[("alertname", "HighLoad"), ("instance", "c"), ("severity", "critical")], 1);
        let other = alert(&[("alertname", "HighLoad"), ("instance", "a"), ("severity", "page")], 1);
        let ahead = Alert { starts_at: now() + Duration::from_secs(7200), ..own.clone() };
        for alert in [outside, trial, named("Unknown"), named("Broken"), elsewhere, other, ahead] {
            assert_eq!(charts().chart(&alert, now(), &Arc::new(AtomicBool::new(false))), None, "{alert:?}");
        }
        assert_eq!(charts().chart(&own, now(), &Arc::new(AtomicBool::new(true))), None, "canceled");
    }

    #[test]
    fn finds_what_is_worth_a_chart() {
        for (text, expected, threshold) in [
            ("load > 5", "load", Some(5.0)),
            ("(load > (-5))", "load", Some(-5.0)),
            ("5 < load", "load", Some(5.0)),
            ("rate(x[5m]) / y >= 0.5 and z == 1", "rate(x[5m]) / y", Some(0.5)),
            ("a > 1 unless b > 2", "a", Some(1.0)),
            ("a > b", "a > b", None),
            ("a > bool 1", "a > bool 1", None),
            ("absent(a)", "absent(a)", None),
            ("a > 1 or b > 2", "a > 1 or b > 2", None),
        ] {
            let expr = parse(text).expect("an expression");
            let (found, limit) = shown(&expr);
            assert_eq!((found.to_string().as_str(), limit), (expected, threshold), "{text}");
        }
    }
}
