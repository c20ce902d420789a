use std::time::Duration;

use super::compare::compare;
use super::{CommandKind, Eval, Remarks, Script, Store, Text, When};
use crate::eval::{Evaluated, Options, Value, Warning, WarningLevel, instant, range};
use crate::lang::{AtModifier, Expr, ExprKind, Selector, parse};
use crate::model::{SourceFile, Timestamp};

/// The step of the range query that repeats an instant query, and how far it reaches to both sides.
const REPEAT_STEP_MS: i64 = 60_000;
/// Functions that read the axis of a range query.
const AXIS_FUNCTIONS: [&str; 4] = ["start", "end", "step", "range"];
/// Functions whose value depends on the time of evaluation even where `@` fixes all samples.
const TIME_FUNCTIONS: [&str; 13] = [
    "days_in_month",
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "hour",
    "minute",
    "month",
    "year",
    "predict_linear",
    "forecast",
    "time_to",
    "time",
    "timestamp",
];

/// What became of one evaluation of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Its line, from 1.
    pub line: usize,
    /// Its expression.
    pub expression: String,
    /// Why it failed; `None` if it passed.
    pub failure: Option<Failure>,
}

/// Why an evaluation failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// What was found and what was expected, in one line.
    pub message: String,
    /// Where series differ and the message has no room for them: `- expected` and `+ found`, one series a line.
    pub difference: Vec<String>,
}

impl Failure {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Failure { message: message.into(), difference: Vec::new() }
    }

    /// Leaves out what is after `lines` lines of the difference.
    pub(super) fn cut(&mut self, lines: usize) {
        if self.difference.len() > lines {
            let more = self.difference.len() - lines;
            self.difference.truncate(lines);
            self.difference.push(format!("... and {more} more"));
        }
    }

    fn while_doing(mut self, what: &str) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }
}

/// Runs a script; yields a verdict per evaluation, in their order, and one per load that is not possible.
///
/// An instant query is run again as the middle of a range query, and at other times with its selectors fixed by `@`.
pub fn play(script: &Script, options: &Options) -> Vec<Verdict> {
    let mut store = Store::default();
    let mut verdicts = Vec::with_capacity(script.evaluation_count());
    for command in &script.commands {
        match &command.kind {
            CommandKind::Clear => store = Store::default(),
            CommandKind::Load(load) => {
                if let Err(failure) = store.load(load) {
                    let expression = "load_with_nhcb".to_owned();
                    verdicts.push(Verdict { line: command.line, expression, failure: Some(failure) });
                }
            }
            CommandKind::Eval(eval) => {
                let failure = check(&store, eval, options).err();
                verdicts.push(Verdict { line: command.line, expression: eval.text.clone(), failure });
            }
        }
    }
    verdicts
}

fn check(store: &Store, eval: &Eval, options: &Options) -> Result<(), Failure> {
    let expr = match parse(&eval.text) {
        Ok(expr) => expr,
        Err(errors) => {
            return match &eval.expectations.fail {
                Some(fail) if errors.iter().any(|error| fail.matches(&error.message)) => Ok(()),
                _ => Err(Failure::new(format!("does not parse: {}", errors.first()))),
            };
        }
    };
    let query = Query { store, eval, options };
    match eval.when {
        When::Range { .. } => query.run(&expr, eval.when).map(drop),
        When::Instant { at_ms } => {
            query.check_instant(&expr, at_ms)?;
            let (fixed, times) = fixed_in_time(&expr, query.moment(at_ms));
            for at_ms in times {
                let what = format!("with its selectors fixed by `@`, evaluated at {}s", at_ms as f64 / 1000.0);
                query.check_instant(&fixed, at_ms).map_err(|failure| failure.while_doing(&what))?;
            }
            Ok(())
        }
    }
}

/// An evaluation over the series of a script.
struct Query<'a> {
    store: &'a Store,
    eval: &'a Eval,
    options: &'a Options,
}

impl Query<'_> {
    /// When an instant query is evaluated: at the end of the range vector if one is expected.
    fn moment(&self, at_ms: i64) -> i64 {
        match self.eval.expectations.range_vector {
            Some(When::Range { end_ms, .. }) => end_ms,
            _ => at_ms,
        }
    }

    fn check_instant(&self, expr: &Expr, at_ms: i64) -> Result<(), Failure> {
        let Some(value) = self.run(expr, When::Instant { at_ms })? else { return Ok(()) };
        let expectations = &self.eval.expectations;
        let is_excluded = expectations.range_vector.is_some() || expectations.string.is_some() || expectations.ordered;
        if is_excluded || matches!(value, Value::String(_) | Value::Matrix(_)) || reads_axis(&self.eval.text, expr) {
            return Ok(());
        }
        let start_ms = at_ms.saturating_sub(REPEAT_STEP_MS);
        let end_ms = at_ms.saturating_add(REPEAT_STEP_MS);
        let repeat = When::Range { start_ms, end_ms, step_ms: REPEAT_STEP_MS };
        let as_range = |failure: Failure| failure.while_doing("as the middle of a range query");
        let evaluated =
            self.evaluate(expr, repeat).map_err(|error| as_range(Failure::new(format!("fails: {error}"))))?;
        let Value::Matrix(series) = evaluated.value else {
            return Err(as_range(Failure::new("found no range vector")));
        };
        let middle = middle(series, Timestamp::from_millis(at_ms), matches!(value, Value::Scalar(_)));
        compare(self.eval, &middle).map_err(as_range)
    }

    /// Evaluates and compares; yields nothing if it failed as it should.
    fn run(&self, expr: &Expr, when: When) -> Result<Option<Value>, Failure> {
        let result = self.evaluate(expr, when);
        if let Some(fail) = &self.eval.expectations.fail {
            return match result {
                Err(error) if fail.matches(&error.text) => Ok(None),
                Err(error) => Err(Failure::new(format!("fails with `{error}`, expected the error {fail}"))),
                Ok(_) => Err(Failure::new("does not fail, expected an error")),
            };
        }
        let evaluated = result.map_err(|error| Failure::new(format!("fails: {error}")))?;
        self.check_remarks(&evaluated.warnings)?;
        compare(self.eval, &evaluated.value)?;
        Ok(Some(evaluated.value))
    }

    fn evaluate(&self, expr: &Expr, when: When) -> Result<Evaluated, crate::eval::EvalError> {
        let at = Timestamp::from_millis;
        match when {
            When::Instant { at_ms } => instant(self.store, expr, at(at_ms), self.options),
            When::Range { start_ms, end_ms, step_ms } => {
                let step = Duration::from_millis(step_ms.unsigned_abs());
                range(self.store, expr, at(start_ms), at(end_ms), step, self.options)
            }
        }
    }

    fn check_remarks(&self, warnings: &[Warning]) -> Result<(), Failure> {
        let file = SourceFile::new("", self.eval.text.as_str());
        let expectations = &self.eval.expectations;
        for (level, word, remarks) in [
            (WarningLevel::Warning, "warning", &expectations.warnings),
            (WarningLevel::Info, "info", &expectations.infos),
        ] {
            let of_level = warnings.iter().filter(|warning| warning.level == level);
            let found: Vec<String> = of_level
                .map(|warning| {
                    let (line, column) = file.line_column(warning.span.start);
                    format!("{warning} ({line}:{column})")
                })
                .collect();
            check_level(word, remarks, &found)?;
        }
        Ok(())
    }
}

fn check_level(word: &str, remarks: &Remarks, found: &[String]) -> Result<(), Failure> {
    let quoted = || found.iter().map(|text| format!("`{text}`")).collect::<Vec<_>>().join(", ");
    let Remarks { none, expected } = remarks;
    if *none && !found.is_empty() {
        return Err(Failure::new(format!("found {}, expected no {word}", quoted())));
    }
    let missing = expected.iter().find(|text| !found.iter().any(|found| text.matches(found)));
    if let Some(missing) = missing {
        let found = if found.is_empty() { format!("no {word}") } else { quoted() };
        let wanted =
            if matches!(missing, Text::Any) { format!("a remark ({word})") } else { format!("the {word} {missing}") };
        return Err(Failure::new(format!("found {found}, expected {wanted}")));
    }
    let strange = |text: &&String| !expected.is_empty() && !expected.iter().any(|expected| expected.matches(text));
    match found.iter().find(strange) {
        Some(strange) => Err(Failure::new(format!("found `{strange}`, expected only the other {word} lines"))),
        None => Ok(()),
    }
}

/// The elements of a range query's result at a moment.
fn middle(series: Vec<crate::eval::Series>, at: Timestamp, is_scalar: bool) -> Value {
    use crate::eval::Element;
    use crate::model::SampleValue;
    let mut elements = Vec::new();
    for series in series {
        let float = series.samples.iter().find(|sample| sample.at == at).map(|sample| SampleValue::Float(sample.value));
        let histogram = series.histograms.iter().find(|sample| sample.at == at);
        let histogram = histogram.map(|sample| SampleValue::Histogram(sample.histogram.clone()));
        elements.extend(float.or(histogram).map(|value| Element { labels: series.labels, value }));
    }
    match elements.first().and_then(|element| element.value.float()) {
        Some(value) if is_scalar => Value::Scalar(value),
        _ => Value::Vector(elements),
    }
}

/// Whether the expression's value depends on where the range query begins and ends.
fn reads_axis(text: &str, expr: &Expr) -> bool {
    let mut reads = AXIS_FUNCTIONS.iter().any(|name| text.contains(&format!("{name}()")));
    expr.walk(&mut |node| {
        reads |= matches!(&node.kind, ExprKind::Call(call) if AXIS_FUNCTIONS.contains(&call.function.name));
    });
    reads
}

/// The expression with each selector and subquery fixed at its time, and other times at which it yields the same; none if
/// a function reads the time.
fn fixed_in_time(expr: &Expr, at_ms: i64) -> (Expr, Vec<i64>) {
    let mut fixed = expr.clone();
    let mut reads_time = false;
    expr.walk(&mut |node| {
        if let ExprKind::Call(call) = &node.kind {
            reads_time |= [&TIME_FUNCTIONS[..], &AXIS_FUNCTIONS].concat().contains(&call.function.name);
        }
    });
    fix(&mut fixed, at_ms);
    let times = match at_ms {
        _ if reads_time => Vec::new(),
        0 => vec![-1000, 1000],
        _ => vec![at_ms.saturating_mul(-10), 0, at_ms / 5, at_ms, at_ms.saturating_mul(10)],
    };
    (fixed, times)
}

fn fix(expr: &mut Expr, at_ms: i64) {
    let fix_selector = |selector: &mut Selector| {
        selector.at.get_or_insert(AtModifier::Millis(at_ms));
    };
    match &mut expr.kind {
        ExprKind::Number(_) | ExprKind::String(_) => {}
        ExprKind::Paren(inner) | ExprKind::Unary(_, inner) => fix(inner, at_ms),
        ExprKind::Binary(binary) => {
            fix(&mut binary.left, at_ms);
            fix(&mut binary.right, at_ms);
        }
        ExprKind::Aggregate(aggregate) => {
            if let Some(parameter) = &mut aggregate.parameter {
                fix(parameter, at_ms);
            }
            fix(&mut aggregate.expr, at_ms);
        }
        ExprKind::Call(call) => call.args.iter_mut().for_each(|argument| fix(argument, at_ms)),
        ExprKind::Selector(selector) => fix_selector(selector),
        ExprKind::Range(range) => fix_selector(&mut range.selector),
        // What is inside it is evaluated at its own steps.
        ExprKind::Subquery(subquery) => {
            subquery.at.get_or_insert(AtModifier::Millis(at_ms));
        }
    }
}
