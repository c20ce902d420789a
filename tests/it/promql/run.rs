//! Runs a script against the evaluator.

use std::collections::BTreeMap;
use std::time::Duration;

use watchbell::eval::{Evaluated, Options, Value, WarningLevel, instant, range};
use watchbell::lang::{Expr, ExprKind, parse};
use watchbell::model::{Labels, METRIC_NAME, STALE_NAN, Sample, SourceFile, Timestamp};

use super::script::{Annotations, CommandKind, Eval, Loaded, Point, When, read};
use super::store::Store;

/// How the evaluations of a script went.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) passed: usize,
    /// They need native histograms or start timestamps.
    pub(super) skipped: usize,
    /// One text per failed evaluation.
    pub(super) failures: Vec<String>,
}

/// Runs the script `text`; `name` is for the failures.
pub(super) fn run(name: &str, text: &str) -> Outcome {
    let mut outcome = Outcome::default();
    let commands = match read(text) {
        Ok(commands) => commands,
        Err(error) => {
            outcome.failures.push(format!("{name}: {error}"));
            return outcome;
        }
    };
    let mut store = Store::default();
    for command in commands {
        match command.kind {
            CommandKind::Clear => store = Store::default(),
            CommandKind::Load { step_ms, series, with_custom_buckets } => {
                load(&mut store, step_ms, series, with_custom_buckets);
            }
            CommandKind::Eval(eval) => match check(&store, &eval) {
                Ok(true) => outcome.passed += 1,
                Ok(false) => outcome.skipped += 1,
                Err(error) => outcome.failures.push(format!("{name}:{}: {}: {error}", command.line, eval.text)),
            },
        }
    }
    outcome
}

fn load(store: &mut Store, step_ms: i64, series: Vec<Loaded>, with_custom_buckets: bool) {
    let mut start_times_for = None;
    for line in series {
        if line.is_start_times {
            start_times_for = Some(line.labels);
            continue;
        }
        let has_start_times = start_times_for.take().is_some_and(|labels| labels == line.labels);
        if has_start_times || line.values.contains(&Point::Histogram) {
            store.load_unsupported(line.labels);
            continue;
        }
        if with_custom_buckets && let Some(base) = line.labels.metric_name().strip_suffix("_bucket") {
            let mut labels = line.labels.builder();
            labels.set(METRIC_NAME, base).remove("le");
            store.load_unsupported(labels.finish());
        }
        let samples = line.values.iter().enumerate().filter_map(|(index, point)| {
            let at = Timestamp::from_millis(step_ms * index as i64);
            match point {
                Point::Float(value) => Some(Sample::new(at, *value)),
                Point::Stale => Some(Sample::new(at, STALE_NAN)),
                Point::Missing | Point::Histogram => None,
            }
        });
        store.load(line.labels.clone(), samples.collect());
    }
}

/// Whether the evaluation holds; `Ok(false)` if it needs what is not supported yet.
fn check(store: &Store, eval: &Eval) -> Result<bool, String> {
    let expr = match parse(&eval.text) {
        Ok(expr) => expr,
        Err(errors) => {
            let matches = |fail: &super::script::Text| errors.iter().any(|error| fail.matches(&error.message));
            return match &eval.fail {
                Some(fail) if matches(fail) => Ok(true),
                _ => Err(format!("does not parse: {}", errors.first())),
            };
        }
    };
    if needs_unsupported(store, eval, &expr) {
        return Ok(false);
    }
    let options = Options::default();
    let at = Timestamp::from_millis;
    let query = |when: When| match when {
        When::Instant { at_ms } => instant(store, &expr, at(at_ms), &options),
        When::Range { start_ms, end_ms, step_ms } => {
            let step = Duration::from_millis(step_ms.unsigned_abs());
            range(store, &expr, at(start_ms), at(end_ms), step, &options)
        }
    };
    let result = query(eval.when);
    if let Some(fail) = &eval.fail {
        return match result {
            Err(error) if fail.matches(&error.text) => Ok(true),
            Err(error) => Err(format!("fails otherwise than expected: {error}")),
            Ok(_) => Err("does not fail".to_owned()),
        };
    }
    let result = result.map_err(|error| format!("fails: {error}"))?;
    check_annotations(eval, &result)?;
    check_value(eval, eval.when, &result.value)?;
    if let When::Instant { at_ms } = eval.when {
        check_as_range(eval, &expr, &result.value, at_ms, |when| {
            query(when).map(|evaluated| evaluated.value).map_err(|error| format!("fails as range query: {error}"))
        })?;
    }
    Ok(true)
}

fn needs_unsupported(store: &Store, eval: &Eval, expr: &Expr) -> bool {
    let expects_histograms = eval.series.iter().any(|(_, points)| points.contains(&Point::Histogram));
    let selects = expr.selectors().iter().any(|reach| store.selects_unsupported(&reach.selector.matchers));
    let mut trims = false;
    expr.walk(&mut |node| {
        trims |= matches!(&node.kind, ExprKind::Binary(binary) if ["</", ">/"].contains(&binary.op.symbol()));
    });
    expects_histograms || selects || trims
}

/// The middle of a range query around the moment must be the instant query's result.
fn check_as_range(
    eval: &Eval,
    expr: &Expr,
    value: &Value,
    at_ms: i64,
    query: impl Fn(When) -> Result<Value, String>,
) -> Result<(), String> {
    let mut reads_the_axis = false;
    expr.walk(&mut |node| {
        reads_the_axis |= matches!(&node.kind,
            ExprKind::Call(call) if ["start", "end", "step", "range"].contains(&call.function.name));
    });
    if eval.ordered || reads_the_axis || matches!(value, Value::String(_) | Value::Matrix(_)) {
        return Ok(());
    }
    let when = When::Range { start_ms: at_ms - 60_000, end_ms: at_ms + 60_000, step_ms: 60_000 };
    let Value::Matrix(series) = query(when)? else { return Err("a range query yields no matrix".to_owned()) };
    let at = Timestamp::from_millis(at_ms);
    let middle: BTreeMap<Labels, Vec<(i64, f64)>> = series
        .into_iter()
        .filter_map(|series| {
            let sample = series.samples.iter().find(|sample| sample.at == at)?;
            Some((series.labels, vec![(0, sample.value)]))
        })
        .collect();
    compare(&expected_points(eval), &middle).map_err(|error| format!("as range query: {error}"))
}

fn check_annotations(eval: &Eval, result: &Evaluated) -> Result<(), String> {
    let file = SourceFile::new("", eval.text.as_str());
    for (level, annotations) in [(WarningLevel::Warning, &eval.warn), (WarningLevel::Info, &eval.info)] {
        let of_level = result.warnings.iter().filter(|warning| warning.level == level);
        let found: Vec<String> = of_level
            .map(|warning| {
                let (line, column) = file.line_column(warning.span.start);
                format!("{warning} ({line}:{column})")
            })
            .collect();
        let Annotations { none, expected } = annotations;
        if *none && !found.is_empty() {
            return Err(format!("remarks that are not expected: {found:?}"));
        }
        let missing = expected.iter().any(|text| !found.iter().any(|found| text.matches(found)));
        let strange = found.iter().any(|found| !expected.iter().any(|text| text.matches(found)));
        if !expected.is_empty() && (missing || strange) {
            return Err(format!("remarks {found:?}, expected {expected:?}"));
        }
    }
    Ok(())
}

/// The expected series: their values by step.
fn expected_points(eval: &Eval) -> BTreeMap<Labels, Vec<(i64, f64)>> {
    let mut expected: BTreeMap<Labels, Vec<(i64, f64)>> = BTreeMap::new();
    if let Some(value) = eval.scalar {
        expected.insert(Labels::default(), vec![(0, value)]);
    }
    for (labels, points) in &eval.series {
        let values = points.iter().enumerate().filter_map(|(index, point)| match point {
            Point::Float(value) => Some((index as i64, *value)),
            _ => None,
        });
        expected.insert(labels.clone(), values.collect());
    }
    expected
}

fn check_value(eval: &Eval, when: When, value: &Value) -> Result<(), String> {
    let expected = expected_points(eval);
    match (value, when) {
        (Value::String(text), _) => {
            let expected = eval.string.as_deref().unwrap_or_default();
            if text == expected { Ok(()) } else { Err(format!("{text:?}, expected {expected:?}")) }
        }
        (Value::Scalar(value), _) => match eval.scalar {
            Some(expected) if almost_equal(*value, expected) => Ok(()),
            expected => Err(format!("{value}, expected {expected:?}")),
        },
        (Value::Vector(elements), _) => {
            let found = elements
                .iter()
                .map(|element| (element.labels.clone(), vec![(0, element.value.float().unwrap_or(f64::NAN))]))
                .collect();
            compare(&expected, &found)?;
            let order: Vec<&Labels> = elements.iter().map(|element| &element.labels).collect();
            let expected_order: Vec<&Labels> = eval.series.iter().map(|(labels, _)| labels).collect();
            if eval.ordered && order != expected_order {
                return Err(format!("order {order:?}, expected {expected_order:?}"));
            }
            Ok(())
        }
        (Value::Matrix(series), when) => {
            let (start_ms, step_ms) = match (eval.range_vector, when) {
                (Some(When::Range { start_ms, step_ms, .. }), _) | (_, When::Range { start_ms, step_ms, .. }) => {
                    (start_ms, step_ms)
                }
                _ => return Err("a range vector that is not expected".to_owned()),
            };
            let mut found = BTreeMap::new();
            for series in series {
                let points = series.samples.iter().map(|sample| {
                    let distance = sample.at.millis() - start_ms;
                    (if distance % step_ms == 0 { distance / step_ms } else { i64::MIN }, sample.value)
                });
                found.insert(series.labels.clone(), points.collect::<Vec<_>>());
            }
            compare(&expected, &found)
        }
    }
}

fn compare(
    expected: &BTreeMap<Labels, Vec<(i64, f64)>>,
    found: &BTreeMap<Labels, Vec<(i64, f64)>>,
) -> Result<(), String> {
    if let Some((labels, values)) = found.iter().find(|(labels, _)| !expected.contains_key(*labels)) {
        return Err(format!("{labels} is not expected: {values:?}"));
    }
    for (labels, points) in expected {
        let values = found.get(labels).map_or(&[][..], Vec::as_slice);
        let equal = |(left, right): (&(i64, f64), &(i64, f64))| left.0 == right.0 && almost_equal(left.1, right.1);
        if points.len() != values.len() || !points.iter().zip(values).all(equal) {
            return Err(format!("{labels}: {values:?}, expected {points:?}"));
        }
    }
    Ok(())
}

/// Equal to a millionth of their magnitude.
fn almost_equal(left: f64, right: f64) -> bool {
    const EPSILON: f64 = 1e-6;
    if left == right || (left.is_nan() && right.is_nan()) {
        return true;
    }
    let (magnitude, difference) = (left.abs() + right.abs(), (left - right).abs());
    if left == 0.0 || right == 0.0 || magnitude < f64::MIN_POSITIVE {
        return difference < EPSILON * f64::MIN_POSITIVE;
    }
    difference / magnitude.min(f64::MAX) < EPSILON
}
