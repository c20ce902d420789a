//! The walk over the syntax tree at one moment.

use std::collections::HashMap;
use std::rc::Rc;

use crate::lang::{Expr, ExprKind, Span, UnaryOp};
use crate::model::{Labels, METRIC_NAME, Timestamp};
use crate::series::Querier;

use super::duration::Axis;
use super::error::{EvalError, EvalErrorKind, Warning, WarningLevel};
use super::selector::{SourceKey, Track, Window};
use super::{Element, Evaluated, Options, Series, Value, WARNINGS_MAX};

/// How deeply expressions may be nested.
pub(super) const DEPTH_MAX: usize = 512;
/// How many steps of range queries and subqueries one evaluation may take.
pub(super) const STEPS_MAX: usize = 1_000_000;

/// What `expr` yields at `at` over the samples of `querier`.
///
/// # Errors
///
/// Series that do not match uniquely, results with equal labels, parameters out of range, and evaluations past the
/// limits of `options`.
pub fn instant(querier: &dyn Querier, expr: &Expr, at: Timestamp, options: &Options) -> Result<Evaluated, EvalError> {
    let axis = Axis { start_ms: at.millis(), end_ms: at.millis(), step_ms: 0 };
    let mut evaluator = Evaluator::new(querier, options, axis);
    let value = match evaluator.eval(expr, Moment::only(at))? {
        Computed::Scalar(value) => Value::Scalar(value),
        Computed::String(text) => Value::String(text),
        Computed::Vector(items) => Value::Vector(finish_vector(items, &expr.span)?),
        Computed::Matrix(window) => Value::Matrix(finish_window(&window, &expr.span)?),
    };
    Ok(Evaluated { value, warnings: evaluator.warnings })
}

/// One series of an instant vector on its way.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// Its labels, the name still among them.
    pub(super) labels: Labels,
    /// Its value.
    pub(super) value: f64,
    /// Whether the name is to be removed at the end.
    pub(super) drop_name: bool,
}

/// What a part of an expression yields.
pub(super) enum Computed<'q> {
    Scalar(f64),
    String(String),
    Vector(Vec<Item>),
    Matrix(Window<'q>),
}

/// The moment of an evaluation, and between which moments the same part of the expression will be evaluated: what it
/// reads is loaded once for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) at: Timestamp,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
}

impl Moment {
    /// A single moment.
    pub(super) fn only(at: Timestamp) -> Self {
        Moment { at, first: at, last: at }
    }

    /// The moment `millis` earlier.
    pub(super) fn earlier(self, millis: i64) -> Self {
        Moment { at: earlier(self.at, millis), first: earlier(self.first, millis), last: earlier(self.last, millis) }
    }
}

/// `at` less `millis`, which may be negative.
pub(super) fn earlier(at: Timestamp, millis: i64) -> Timestamp {
    Timestamp::from_millis(at.millis().saturating_sub(millis))
}

/// One evaluation: its samples, its limits, its remarks.
pub(super) struct Evaluator<'q> {
    pub(super) querier: &'q dyn Querier,
    pub(super) options: &'q Options,
    pub(super) axis: Axis,
    /// What selectors and subqueries have read, by their place in the tree.
    pub(super) sources: HashMap<SourceKey, Rc<Vec<Track<'q>>>>,
    pub(super) warnings: Vec<Warning>,
    samples: usize,
    steps: usize,
    depth: usize,
}

impl<'q> Evaluator<'q> {
    pub(super) fn new(querier: &'q dyn Querier, options: &'q Options, axis: Axis) -> Self {
        Evaluator {
            querier,
            options,
            axis,
            sources: HashMap::new(),
            warnings: Vec::new(),
            samples: 0,
            steps: 0,
            depth: 0,
        }
    }

    /// What `expr` yields at `moment`, names not yet removed.
    pub(super) fn eval(&mut self, expr: &Expr, moment: Moment) -> Result<Computed<'q>, EvalError> {
        if self.depth >= DEPTH_MAX {
            let text = format!("expression nested more than {DEPTH_MAX} levels deep");
            return Err(EvalError::new(EvalErrorKind::TooDeep, text, &expr.span));
        }
        self.depth += 1;
        let computed = self.eval_kind(expr, moment);
        self.depth -= 1;
        computed
    }

    fn eval_kind(&mut self, expr: &Expr, moment: Moment) -> Result<Computed<'q>, EvalError> {
        match &expr.kind {
            ExprKind::Number(number) => Ok(Computed::Scalar(number.value)),
            ExprKind::String(text) => Ok(Computed::String(text.clone())),
            ExprKind::Paren(inner) => self.eval(inner, moment),
            ExprKind::Unary(op, inner) => {
                let computed = self.eval(inner, moment)?;
                Ok(if *op == UnaryOp::Minus { negated(computed) } else { computed })
            }
            ExprKind::Binary(binary) => self.eval_binary(binary, &expr.span, moment),
            ExprKind::Aggregate(aggregate) => self.eval_aggregate(aggregate, &expr.span, moment).map(Computed::Vector),
            ExprKind::Call(call) => self.eval_call(call, &expr.span, moment),
            ExprKind::Selector(selector) => {
                let found = self.select(selector, &expr.span, moment)?;
                let items =
                    found.into_iter().map(|(labels, sample)| Item { labels, value: sample.value, drop_name: false });
                Ok(Computed::Vector(items.collect()))
            }
            ExprKind::Range(range) => self.select_range(range, &expr.span, moment).map(Computed::Matrix),
            ExprKind::Subquery(subquery) => self.eval_subquery(subquery, &expr.span, moment).map(Computed::Matrix),
        }
    }

    /// The number that `expr` yields.
    pub(super) fn scalar(&mut self, expr: &Expr, moment: Moment) -> Result<f64, EvalError> {
        match self.eval(expr, moment)? {
            Computed::Scalar(value) => Ok(value),
            _ => Err(wrong_type("a scalar", &expr.span)),
        }
    }

    /// The text that `expr` yields.
    pub(super) fn string(&mut self, expr: &Expr, moment: Moment) -> Result<String, EvalError> {
        match self.eval(expr, moment)? {
            Computed::String(text) => Ok(text),
            _ => Err(wrong_type("a string", &expr.span)),
        }
    }

    /// The instant vector that `expr` yields.
    pub(super) fn vector(&mut self, expr: &Expr, moment: Moment) -> Result<Vec<Item>, EvalError> {
        match self.eval(expr, moment)? {
            Computed::Vector(items) => Ok(items),
            _ => Err(wrong_type("an instant vector", &expr.span)),
        }
    }

    /// The range vector that `expr` yields.
    pub(super) fn window(&mut self, expr: &Expr, moment: Moment) -> Result<Window<'q>, EvalError> {
        match self.eval(expr, moment)? {
            Computed::Matrix(window) => Ok(window),
            _ => Err(wrong_type("a range vector", &expr.span)),
        }
    }

    /// Counts `more` samples that are held from now on.
    pub(super) fn hold_samples(&mut self, more: usize, span: &Span) -> Result<(), EvalError> {
        self.samples = self.samples.saturating_add(more);
        if self.samples > self.options.samples_max {
            let text = "query processing would load too many samples into memory in query execution";
            return Err(EvalError::new(EvalErrorKind::TooManySamples, text, span));
        }
        Ok(())
    }

    /// Counts `more` steps.
    pub(super) fn take_steps(&mut self, more: usize, span: &Span) -> Result<(), EvalError> {
        self.steps = self.steps.saturating_add(more);
        if self.steps > STEPS_MAX {
            let text = format!("the evaluation would take more than {STEPS_MAX} steps");
            return Err(EvalError::new(EvalErrorKind::TooManySteps, text, span));
        }
        Ok(())
    }

    /// Whether this is a range query.
    pub(super) fn is_range(&self) -> bool {
        self.axis.step_ms > 0
    }

    pub(super) fn warn(&mut self, text: impl Into<String>, span: &Span) {
        self.remark(WarningLevel::Warning, text.into(), span);
    }

    pub(super) fn inform(&mut self, text: impl Into<String>, span: &Span) {
        self.remark(WarningLevel::Info, text.into(), span);
    }

    fn remark(&mut self, level: WarningLevel, text: String, span: &Span) {
        let warning = Warning { level, text, span: span.clone() };
        if self.warnings.len() < WARNINGS_MAX && !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }
}

/// `expr` without the parentheses around it.
pub(super) fn unwrap_parens(mut expr: &Expr) -> &Expr {
    while let ExprKind::Paren(inner) = &expr.kind {
        expr = inner;
    }
    expr
}

fn wrong_type(wanted: &str, span: &Span) -> EvalError {
    EvalError::new(EvalErrorKind::InvalidType, format!("{wanted} is expected here"), span)
}

fn negated(computed: Computed<'_>) -> Computed<'_> {
    match computed {
        Computed::Scalar(value) => Computed::Scalar(-value),
        Computed::Vector(items) => Computed::Vector(
            items.into_iter().map(|item| Item { value: -item.value, drop_name: true, ..item }).collect(),
        ),
        other => other,
    }
}

/// Whether a label tells of the metric rather than of its source, and goes when the metric's name goes.
pub(super) fn is_metadata(name: &str) -> bool {
    name == METRIC_NAME || name == "__type__" || name == "__unit__"
}

/// `labels` without the metric's name, type and unit.
pub(super) fn without_metadata(labels: &Labels) -> Labels {
    if labels.iter().any(|(name, _)| is_metadata(name)) {
        labels.retain(|name| !is_metadata(name))
    } else {
        labels.clone()
    }
}

/// The labels as the result shows them.
pub(super) fn final_labels(labels: Labels, drop_name: bool) -> Labels {
    if drop_name { without_metadata(&labels) } else { labels }
}

/// Removes the names that are to be removed and refuses equal label sets.
fn finish_vector(items: Vec<Item>, span: &Span) -> Result<Vec<Element>, EvalError> {
    let elements: Vec<Element> = items
        .into_iter()
        .map(|item| Element { labels: final_labels(item.labels, item.drop_name), value: item.value.into() })
        .collect();
    refuse_duplicates(elements.iter().map(|element| &element.labels), span)?;
    Ok(elements)
}

fn finish_window(window: &Window<'_>, span: &Span) -> Result<Vec<Series>, EvalError> {
    let series: Vec<Series> = window
        .tracks()
        .map(|(track, samples)| Series {
            labels: final_labels(track.labels.clone(), track.drop_name),
            samples: samples.to_vec(),
            histograms: Vec::new(),
        })
        .collect();
    refuse_duplicates(series.iter().map(|series| &series.labels), span)?;
    Ok(series)
}

/// Refuses two equal label sets.
pub(super) fn refuse_duplicates<'a>(labels: impl Iterator<Item = &'a Labels>, span: &Span) -> Result<(), EvalError> {
    let mut seen = hashbrown::HashSet::new();
    for labels in labels {
        if !seen.insert(labels) {
            return Err(EvalError::duplicate(span));
        }
    }
    Ok(())
}
