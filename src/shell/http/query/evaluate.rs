//! `/api/v1/query` and `/api/v1/query_range`.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::answer::{Failure, FailureKind, TRUNCATED};
use super::form::Form;
use super::json::{write_scalar, write_text, write_time};
use super::listing::{Items, Listing};
use super::parameters::{duration, expression, limit, nanoseconds, time, time_or};
use super::{Bounds, Queries};
use crate::eval::{self, EvalError, EvalErrorKind, Evaluated, Value, Warning, WarningLevel};
use crate::lang::{Expr, ValueType};
use crate::model::Timestamp;
use crate::shell::clock::Started;
use crate::shell::service::Snapshot;

/// How many points each series of a range query may have.
const POINTS_MAX: i128 = 11_000;
/// How many warnings and how many infos an answer has, as in Prometheus.
const REMARKS_MAX: usize = 10;

/// `GET`, `POST /api/v1/query`
pub(super) async fn instant(State(queries): State<Queries>, form: Form) -> Response {
    let request = Request::instant(&form, queries.clock.now());
    evaluated(&queries, &form, request).await.unwrap_or_else(IntoResponse::into_response)
}

/// `GET`, `POST /api/v1/query_range`
pub(super) async fn range(State(queries): State<Queries>, form: Form) -> Response {
    evaluated(&queries, &form, Request::range(&form)).await.unwrap_or_else(IntoResponse::into_response)
}

/// When the expression is to be evaluated.
#[derive(Clone, Copy, Debug)]
enum Times {
    At(Timestamp),
    Range { start: Timestamp, end: Timestamp, step: Duration },
}

/// What is asked, beside the expression.
#[derive(Clone, Copy, Debug)]
struct Request {
    times: Times,
    /// 0 for all.
    limit: usize,
    timeout: Option<Duration>,
    lookback: Option<Duration>,
    wants_stats: bool,
}

impl Request {
    fn instant(form: &Form, now: Timestamp) -> Result<Self, Failure> {
        let limit = limit(form)?;
        Request::new(form, limit, Times::At(time_or(form, "time", now)?))
    }

    fn range(form: &Form) -> Result<Self, Failure> {
        let limit = limit(form)?;
        let (start, end) = (time(form, "start")?, time(form, "end")?);
        if end < start {
            return Err(Failure::parameter("end", "end timestamp must not be before start time"));
        }
        let step = nanoseconds(form.first("step")).map_err(|text| Failure::parameter("step", text))?;
        // Times are milliseconds: a shorter step is none.
        let step_ms = u64::try_from(step / 1_000_000).unwrap_or(0);
        if step_ms == 0 {
            let text = "zero or negative query resolution step widths are not accepted. Try a positive integer";
            return Err(Failure::parameter("step", text));
        }
        let length_ms = i128::from(end.millis()) - i128::from(start.millis());
        if length_ms / i128::from(step_ms) > POINTS_MAX {
            let text = "exceeded maximum resolution of 11,000 points per timeseries. \
                        Try decreasing the query resolution (?step=XX)";
            return Err(Failure::bad_data(text));
        }
        Request::new(form, limit, Times::Range { start, end, step: Duration::from_millis(step_ms) })
    }

    fn new(form: &Form, limit: usize, times: Times) -> Result<Self, Failure> {
        let timeout = duration(form, "timeout").map_err(|text| Failure::parameter("timeout", text))?;
        let lookback = duration(form, "lookback_delta")
            .map_err(|text| Failure::bad_data(format!("error parsing lookback delta duration: {text}")))?
            .filter(|lookback| !lookback.is_zero());
        Ok(Request { times, limit, timeout, lookback, wants_stats: !form.first("stats").is_empty() })
    }
}

/// A result with what goes with it.
struct Outcome {
    evaluated: Evaluated,
    warnings: Vec<String>,
    infos: Vec<String>,
    samples_read: u64,
    took: Duration,
    waited: Duration,
}

async fn evaluated(queries: &Queries, form: &Form, request: Result<Request, Failure>) -> Result<Response, Failure> {
    let request = request?;
    let bounds = queries.bounds();
    let arrived = queries.clock.start();
    let work = {
        let (queries, bounds, text) = (queries.clone(), Arc::clone(&bounds), form.first("query").to_owned());
        move |canceled| evaluate(&queries, &bounds, &request, &text, arrived, canceled)
    };
    let outcome = queries.run(&bounds, request.timeout, work).await?;
    Ok(rendered(outcome, &request).into_response())
}

fn evaluate(
    queries: &Queries,
    bounds: &Bounds,
    request: &Request,
    text: &str,
    arrived: Started,
    canceled: Arc<AtomicBool>,
) -> Result<Outcome, Failure> {
    let waited = queries.clock.elapsed_since(arrived);
    let expr = expression(text)?;
    if matches!(request.times, Times::Range { .. }) {
        check_type(&expr)?;
    }
    let mut options = eval::Options { canceled: Some(Arc::clone(&canceled)), ..bounds.options.clone() };
    options.lookback = request.lookback.unwrap_or(options.lookback);
    let snapshot = Snapshot::new(&queries.windows, options.samples_max, canceled);
    let evaluated = match request.times {
        Times::At(at) => eval::instant(&snapshot, &expr, at, &options),
        Times::Range { start, end, step } => eval::range(&snapshot, &expr, start, end, step, &options),
    };
    if snapshot.is_exceeded() {
        let text = "query processing would load too many samples into memory in query execution";
        return Err(Failure::new(FailureKind::Execution, text));
    }
    let mut evaluated = evaluated.map_err(failure)?;
    let (mut warnings, infos) = remarks(text, &evaluated.warnings);
    if truncate(&mut evaluated.value, request.limit) {
        warnings.push(TRUNCATED.to_owned());
    }
    let samples_read = snapshot.samples_read();
    let took = queries.clock.elapsed_since(arrived).saturating_sub(waited);
    Ok(Outcome { evaluated, warnings, infos, samples_read, took, waited })
}

fn check_type(expr: &Expr) -> Result<(), Failure> {
    let found = match expr.value_type() {
        ValueType::Scalar | ValueType::InstantVector => return Ok(()),
        ValueType::RangeVector => "range vector",
        ValueType::String => "string",
    };
    let text = format!("invalid expression type {found:?} for range query, must be Scalar or instant Vector");
    Err(Failure::parameter("query", text))
}

fn failure(error: EvalError) -> Failure {
    match error.kind {
        EvalErrorKind::Canceled => Failure::new(FailureKind::Canceled, "query was canceled in expression evaluation"),
        _ => Failure::new(FailureKind::Execution, error.text),
    }
}

/// Keeps the first `limit` results, all if it is 0; says whether some were dropped.
fn truncate(value: &mut Value, limit: usize) -> bool {
    let count = match value {
        Value::Scalar(_) | Value::String(_) => 0,
        Value::Vector(elements) => elements.len(),
        Value::Matrix(series) => series.len(),
    };
    if limit == 0 || count <= limit {
        return false;
    }
    match value {
        Value::Scalar(_) | Value::String(_) => {}
        Value::Vector(elements) => elements.truncate(limit),
        Value::Matrix(series) => series.truncate(limit),
    }
    true
}

/// Warnings and infos with their places in `text`, as Prometheus words them.
fn remarks(text: &str, found: &[Warning]) -> (Vec<String>, Vec<String>) {
    let of_level = |level: WarningLevel, name: &str| {
        let of_level = || found.iter().filter(|remark| remark.level == level);
        let mut shown: Vec<String> = of_level()
            .take(REMARKS_MAX)
            .map(|remark| format!("{remark} ({})", place(text, remark.span.start)))
            .collect();
        let omitted = of_level().count() - shown.len();
        if omitted > 0 {
            shown.push(format!("{omitted} more {name} annotations omitted"));
        }
        shown
    };
    (of_level(WarningLevel::Warning, "warning"), of_level(WarningLevel::Info, "info"))
}

/// `line:column`, both from 1, the column in bytes.
fn place(text: &str, at: usize) -> String {
    let before = &text.as_bytes()[..at.min(text.len())];
    let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
    let column = before.len() - before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1) + 1;
    format!("{line}:{column}")
}

fn rendered(outcome: Outcome, request: &Request) -> Listing {
    let close = |bracket: &str| {
        let mut close = bracket.as_bytes().to_vec();
        if request.wants_stats {
            close.extend(statistics(&outcome).into_bytes());
        }
        close.push(b'}');
        close
    };
    let at = match request.times {
        Times::At(at) => at,
        // Only scalars and vectors need the moment, and a range has neither.
        Times::Range { start, .. } => start,
    };
    let single = |kind: &str, write: &dyn Fn(&mut Vec<u8>)| {
        let mut open = format!(r#"{{"resultType":"{kind}","result":["#).into_bytes();
        write_time(&mut open, at);
        open.push(b',');
        write(&mut open);
        (open, Items::None)
    };
    let closing = close("]");
    let (open, items) = match outcome.evaluated.value {
        Value::Scalar(value) => single("scalar", &|out| write_scalar(out, value)),
        Value::String(text) => single("string", &|out| write_text(out, &text)),
        Value::Vector(elements) => {
            (br#"{"resultType":"vector","result":["#.to_vec(), Items::Elements(elements.into_iter(), at))
        }
        Value::Matrix(series) => (br#"{"resultType":"matrix","result":["#.to_vec(), Items::Series(series.into_iter())),
    };
    Listing::new(&open, items, &closing, &outcome.warnings, &outcome.infos)
}

/// What the query cost: times in seconds, samples as they were read from the series.
fn statistics(outcome: &Outcome) -> String {
    let Outcome { took, waited, samples_read, .. } = outcome;
    let (took, waited) = (took.as_secs_f64(), waited.as_secs_f64());
    format!(
        r#","stats":{{"timings":{{"evalTotalTime":{took},"resultSortTime":0,"queryPreparationTime":0,"innerEvalTime":{took},"execQueueTime":{waited},"execTotalTime":{}}},"samples":{{"totalQueryableSamples":{samples_read},"peakSamples":{samples_read}}}}}"#,
        took + waited
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        for (text, at, expected) in [("abc", 0, "1:1"), ("abc", 2, "1:3"), ("a\nbc", 3, "2:2"), ("ü\nü", 9, "2:3")] {
            assert_eq!(place(text, at), expected);
        }
    }

    #[test]
    fn remarks_are_limited() {
        let warning = |number: usize| Warning {
            level: if number == 0 { WarningLevel::Info } else { WarningLevel::Warning },
            text: format!("number {number}"),
            span: number..number,
        };
        let (warnings, infos) = remarks("0123456789abc", &(0..13).map(warning).collect::<Vec<_>>());
        assert_eq!((warnings.len(), warnings[0].as_str()), (11, "PromQL warning: number 1 (1:2)"));
        assert_eq!(warnings[10], "2 more warning annotations omitted");
        assert_eq!(infos, ["PromQL info: number 0 (1:1)"]);
    }
}
