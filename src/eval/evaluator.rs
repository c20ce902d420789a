//! The walk over the syntax tree: every part yields its values for all moments at once.

use std::sync::Arc;

use crate::lang::{AtModifier, Expr, ExprKind, Span, UnaryOp};
use crate::model::{FloatForm, Labels};
use crate::series::Querier;

use super::duration::Axis;
use super::error::{EvalError, EvalErrorKind, Warning, WarningLevel};
use super::grid::Grid;
use super::hints::Reading;
use super::limits::Limits;
use super::row::{Point, Row};
use super::selector::Windows;
use super::{Options, WARNINGS_MAX};

/// How deeply expressions may be nested.
pub(super) const DEPTH_MAX: usize = 512;
/// How many moments one part of an evaluation may take.
pub(super) const STEPS_MAX: usize = 1_000_000;

/// What a part of an expression yields.
pub(super) enum Computed<'q> {
    /// One number per moment.
    Scalar(Vec<f64>),
    /// A text, the same at all moments.
    String(String),
    /// An instant vector; rows that are never there may be among them.
    Vector(Vec<Row>),
    /// A range vector.
    Matrix(Windows<'q>),
}

/// One evaluation: its samples, its limits, its remarks.
pub(super) struct Evaluator<'q> {
    pub(super) querier: &'q dyn Querier,
    pub(super) options: &'q Options,
    pub(super) axis: Axis,
    pub(super) warnings: Vec<Warning>,
    /// What is read of histograms where the walk is.
    pub(super) reading: Reading,
    /// Samples read and kept until the end.
    read: usize,
    /// Points of the rows that exist now.
    held: usize,
    depth: usize,
}

impl<'q> Evaluator<'q> {
    pub(super) fn new(querier: &'q dyn Querier, options: &'q Options, axis: Axis) -> Self {
        Evaluator {
            querier,
            options,
            axis,
            warnings: Vec::new(),
            reading: Reading::default(),
            read: 0,
            held: 0,
            depth: 0,
        }
    }

    /// What `expr` yields at the moments of `grid`, names not yet removed.
    pub(super) fn eval(&mut self, expr: &Expr, grid: Grid) -> Result<Computed<'q>, EvalError> {
        if self.depth >= DEPTH_MAX {
            let text = format!("expression nested more than {DEPTH_MAX} levels deep");
            return Err(EvalError::new(EvalErrorKind::TooDeep, text, &expr.span));
        }
        self.check_canceled(&expr.span)?;
        if grid.len() > 1 && is_same_at_all_moments(expr) {
            let computed = self.eval(expr, grid.first_only())?;
            if let Computed::Vector(rows) = &computed {
                self.hold(rows.len().saturating_mul(grid.len() - 1), &expr.span)?;
            }
            return Ok(repeated(computed, grid.len()));
        }
        self.depth += 1;
        let held = self.held;
        let computed = self.eval_kind(expr, grid);
        self.depth -= 1;
        self.held = held;
        let computed = computed?;
        if let Computed::Vector(rows) = &computed {
            self.hold(rows.len().saturating_mul(grid.len()), &expr.span)?;
        }
        Ok(computed)
    }

    fn eval_kind(&mut self, expr: &Expr, grid: Grid) -> Result<Computed<'q>, EvalError> {
        match &expr.kind {
            ExprKind::Number(number) => Ok(Computed::Scalar(vec![number.value; grid.len()])),
            ExprKind::String(text) => Ok(Computed::String(text.clone())),
            ExprKind::Paren(inner) => self.eval(inner, grid),
            ExprKind::Unary(op, inner) => {
                let computed = self.eval(inner, grid)?;
                Ok(if *op == UnaryOp::Minus { negated(computed) } else { computed })
            }
            ExprKind::Binary(binary) => self.eval_binary(binary, &expr.span, grid),
            ExprKind::Aggregate(aggregate) => self.eval_aggregate(aggregate, &expr.span, grid).map(Computed::Vector),
            ExprKind::Call(call) => self.eval_call(call, &expr.span, grid),
            ExprKind::Selector(selector) => self.select(selector, &expr.span, grid).map(Computed::Vector),
            ExprKind::Range(range) => self.select_range(range, &expr.span, grid).map(Computed::Matrix),
            ExprKind::Subquery(subquery) => self.eval_subquery(subquery, &expr.span, grid).map(Computed::Matrix),
        }
    }

    /// The numbers that `expr` yields, one per moment.
    pub(super) fn scalar(&mut self, expr: &Expr, grid: Grid) -> Result<Vec<f64>, EvalError> {
        match self.eval(expr, grid)? {
            Computed::Scalar(values) => Ok(values),
            _ => Err(wrong_type("a scalar", &expr.span)),
        }
    }

    /// The text that `expr` yields.
    pub(super) fn string(&mut self, expr: &Expr, grid: Grid) -> Result<String, EvalError> {
        match self.eval(expr, grid)? {
            Computed::String(text) => Ok(text),
            _ => Err(wrong_type("a string", &expr.span)),
        }
    }

    /// The instant vector that `expr` yields.
    pub(super) fn vector(&mut self, expr: &Expr, grid: Grid) -> Result<Vec<Row>, EvalError> {
        match self.eval(expr, grid)? {
            Computed::Vector(rows) => Ok(rows),
            _ => Err(wrong_type("an instant vector", &expr.span)),
        }
    }

    /// The range vector that `expr` yields.
    pub(super) fn windows(&mut self, expr: &Expr, grid: Grid) -> Result<Windows<'q>, EvalError> {
        match self.eval(expr, grid)? {
            Computed::Matrix(windows) => Ok(windows),
            _ => Err(wrong_type("a range vector", &expr.span)),
        }
    }

    /// Counts `more` samples that are kept until the end.
    pub(super) fn keep(&mut self, more: usize, span: &Span) -> Result<(), EvalError> {
        self.read = self.read.saturating_add(more);
        self.check_samples(span)
    }

    /// Counts `more` points of rows.
    pub(super) fn hold(&mut self, more: usize, span: &Span) -> Result<(), EvalError> {
        self.held = self.held.saturating_add(more);
        self.check_samples(span)
    }

    fn check_samples(&self, span: &Span) -> Result<(), EvalError> {
        self.limits(span).check_room(0)
    }

    /// What may still be taken for the part of the expression at `span`.
    pub(super) fn limits(&self, span: &Span) -> Limits<'q> {
        Limits::new(self.options, self.read.saturating_add(self.held), span)
    }

    /// Gives up when nobody wants the answer any more; to be called once per series or more often.
    pub(super) fn check_canceled(&self, span: &Span) -> Result<(), EvalError> {
        self.limits(span).check_canceled()
    }

    /// Whether this is a range query.
    pub(super) fn is_range(&self) -> bool {
        self.axis.step_ms > 0
    }

    /// Remarks a quantile outside 0 to 1.
    pub(super) fn check_quantile(&mut self, rank: f64, span: &Span) {
        if !(0.0..=1.0).contains(&rank) {
            self.warn(format!("quantile value should be between 0 and 1, got {}", FloatForm::General.text(rank)), span);
        }
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
        Computed::Scalar(mut values) => {
            values.iter_mut().for_each(|value| *value = -*value);
            Computed::Scalar(values)
        }
        Computed::Vector(mut rows) => {
            for row in &mut rows {
                row.drop_name = true;
                for point in &mut row.points {
                    match point {
                        Point::Float(value) => *value = -*value,
                        Point::Histogram(histogram) => *histogram = Arc::new(histogram.negated()),
                        Point::Absent => {}
                    }
                }
            }
            Computed::Vector(rows)
        }
        other => other,
    }
}

/// Whether `expr` reads the same samples at all moments: everything in it is fixed by `@`, and nothing asks for the time.
/// Literals count as well; ranges alone do not, their windows are the caller's to fix.
fn is_same_at_all_moments(expr: &Expr) -> bool {
    fn is_fixed(expr: &Expr) -> bool {
        let fixed = |at: &Option<AtModifier>| at.is_some();
        match &expr.kind {
            ExprKind::Number(_) | ExprKind::String(_) => true,
            ExprKind::Paren(inner) | ExprKind::Unary(_, inner) => is_fixed(inner),
            ExprKind::Binary(binary) => is_fixed(&binary.left) && is_fixed(&binary.right),
            ExprKind::Aggregate(aggregate) => {
                is_fixed(&aggregate.expr) && aggregate.parameter.as_ref().is_none_or(is_fixed)
            }
            ExprKind::Call(call) => {
                let asks_for_time = match call.function.name {
                    "time" | "timestamp" | "start_timestamp" | "predict_linear" | "forecast" | "time_to" => true,
                    _ => {
                        call.args.is_empty() && !matches!(call.function.name, "pi" | "start" | "end" | "step" | "range")
                    }
                };
                !asks_for_time && call.args.iter().all(is_fixed)
            }
            ExprKind::Selector(selector) => fixed(&selector.at),
            ExprKind::Range(range) => fixed(&range.selector.at),
            ExprKind::Subquery(subquery) => fixed(&subquery.at),
        }
    }
    // Scalars are cheap at all moments; only what reads samples is worth the walk.
    let reads_samples = matches!(expr.kind, ExprKind::Binary(_) | ExprKind::Aggregate(_) | ExprKind::Call(_));
    reads_samples && is_fixed(expr)
}

/// What was computed for one moment, for `count` moments.
fn repeated(computed: Computed<'_>, count: usize) -> Computed<'_> {
    match computed {
        Computed::Scalar(values) => Computed::Scalar(vec![values.first().copied().unwrap_or(f64::NAN); count]),
        Computed::Vector(mut rows) => {
            for row in &mut rows {
                let point = row.points.first().cloned().unwrap_or_default();
                row.points = vec![point; count];
            }
            Computed::Vector(rows)
        }
        other => other,
    }
}

/// A row without labels.
pub(super) fn unlabelled(values: Vec<f64>) -> Row {
    Row { labels: Labels::default(), drop_name: false, points: values.into_iter().map(Point::Float).collect() }
}
