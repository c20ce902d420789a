//! The syntax tree of an expression. Every node keeps the bytes it was read from.

use std::ops::Range;

use crate::model::Matcher;

/// Bytes of the expression's text.
pub type Span = Range<usize>;

/// An expression with the bytes it was read from.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands in the text.
    pub span: Span,
}

/// What an expression yields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// One number.
    Scalar,
    /// A text.
    String,
    /// One sample per series.
    InstantVector,
    /// A stretch of samples per series.
    RangeVector,
}

/// The forms of an expression.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// A number; a duration literal such as `5m` stands for its seconds.
    Number(Number),
    /// A quoted text, unescaped.
    String(String),
    /// `( … )`, kept for the printer.
    Paren(Box<Expr>),
    /// `-x` or `+x`.
    Unary(UnaryOp, Box<Expr>),
    /// `a op b`.
    Binary(Box<Binary>),
    /// `sum by (job) (x)` and its kin.
    Aggregate(Box<Aggregate>),
    /// `rate(x[5m])` and its kin; the function is known and its arguments have the right types.
    Call(Call),
    /// `up{job="api"} @ 0 offset 5m`.
    Selector(Selector),
    /// `up[5m]`, with the modifiers inside its selector.
    Range(Box<RangeSelector>),
    /// `expr[1h:1m]`.
    Subquery(Box<Subquery>),
}

/// A number with the form in which it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Number {
    /// The value, its sign included; of a duration the seconds.
    pub value: f64,
    /// How it was written.
    pub form: NumberForm,
}

/// How a number was written, for the printer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NumberForm {
    /// In plain decimal digits, or `Inf` or `NaN`.
    Decimal,
    /// As a duration such as `5m`.
    Duration,
    /// Otherwise, such as `1e9`, `0x1F` or `1_000`: the text without its sign.
    Written(Box<str>),
}

/// The sign before an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaryOp {
    /// `+`
    Plus,
    /// `-`
    Minus,
}

/// The operators between two expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is named as its sign is")]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Atan2,
    Eq,
    Ne,
    Gt,
    Lt,
    Ge,
    Le,
    And,
    Or,
    Unless,
    /// `</`: trims a native histogram from above.
    TrimUpper,
    /// `>/`: trims a native histogram from below.
    TrimLower,
}

impl BinaryOp {
    /// The operator as it is written.
    pub fn symbol(self) -> &'static str {
        use BinaryOp::*;
        match self {
            Add => "+",
            Sub => "-",
            Mul => "*",
            Div => "/",
            Mod => "%",
            Pow => "^",
            Atan2 => "atan2",
            Eq => "==",
            Ne => "!=",
            Gt => ">",
            Lt => "<",
            Ge => ">=",
            Le => "<=",
            And => "and",
            Or => "or",
            Unless => "unless",
            TrimUpper => "</",
            TrimLower => ">/",
        }
    }

    /// Whether it compares: filters without `bool`, yields 0 or 1 with it.
    pub fn is_comparison(self) -> bool {
        matches!(self, BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Gt | BinaryOp::Lt | BinaryOp::Ge | BinaryOp::Le)
    }

    /// Whether it works on sets of series: `and`, `or`, `unless`.
    pub fn is_set(self) -> bool {
        matches!(self, BinaryOp::And | BinaryOp::Or | BinaryOp::Unless)
    }
}

/// `left op right` with its matching clauses.
#[derive(Clone, Debug)]
pub struct Binary {
    /// The operator.
    pub op: BinaryOp,
    /// Where the operator stands.
    pub op_span: Span,
    /// `bool` was written: a comparison yields 0 or 1 instead of filtering.
    pub returns_bool: bool,
    /// How series of the two sides find each other.
    pub matching: VectorMatching,
    /// The left side.
    pub left: Expr,
    /// The right side.
    pub right: Expr,
}

/// How many series of one side may meet one of the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cardinality {
    /// One to one, the default.
    #[default]
    OneToOne,
    /// `group_left`: many on the left.
    ManyToOne,
    /// `group_right`: many on the right.
    OneToMany,
    /// The set operators.
    ManyToMany,
}

/// The clauses `on`, `ignoring`, `group_left`, `group_right`, `fill*` of a binary operator.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VectorMatching {
    /// Many or one.
    pub cardinality: Cardinality,
    /// `on (…)` if true, `ignoring (…)` if false; without a clause `ignoring ()`.
    pub on: bool,
    /// The labels of `on` or `ignoring`.
    pub labels: Vec<String>,
    /// The labels of `group_left` or `group_right`, copied from the one side.
    pub include: Vec<String>,
    /// The value that stands in for a missing left series (`fill`, `fill_left`).
    pub fill_left: Option<f64>,
    /// The value that stands in for a missing right series (`fill`, `fill_right`).
    pub fill_right: Option<f64>,
}

/// The aggregators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is named as it is written")]
pub enum AggregateOp {
    Sum,
    Avg,
    Min,
    Max,
    Count,
    Group,
    Stddev,
    Stdvar,
    Topk,
    Bottomk,
    Quantile,
    CountValues,
    Limitk,
    LimitRatio,
}

impl AggregateOp {
    /// Every aggregator with its name.
    pub const ALL: [(&'static str, AggregateOp); 14] = [
        ("sum", AggregateOp::Sum),
        ("avg", AggregateOp::Avg),
        ("min", AggregateOp::Min),
        ("max", AggregateOp::Max),
        ("count", AggregateOp::Count),
        ("group", AggregateOp::Group),
        ("stddev", AggregateOp::Stddev),
        ("stdvar", AggregateOp::Stdvar),
        ("topk", AggregateOp::Topk),
        ("bottomk", AggregateOp::Bottomk),
        ("quantile", AggregateOp::Quantile),
        ("count_values", AggregateOp::CountValues),
        ("limitk", AggregateOp::Limitk),
        ("limit_ratio", AggregateOp::LimitRatio),
    ];

    /// The name as it is written.
    pub fn name(self) -> &'static str {
        AggregateOp::ALL.iter().find(|(_, op)| *op == self).map_or("", |(name, _)| name)
    }

    /// Whether it takes a parameter before its vector.
    pub fn has_parameter(self) -> bool {
        use AggregateOp::*;
        matches!(self, Topk | Bottomk | Quantile | CountValues | Limitk | LimitRatio)
    }
}

/// `op by (labels) (parameter, expr)`.
#[derive(Clone, Debug)]
pub struct Aggregate {
    /// The aggregator.
    pub op: AggregateOp,
    /// `by (…)`, `without (…)` or nothing.
    pub grouping: Grouping,
    /// The parameter of those that have one.
    pub parameter: Option<Expr>,
    /// What is aggregated.
    pub expr: Expr,
}

/// Which labels an aggregation keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grouping {
    /// `by (…)`, or no clause as `by ()`.
    By(Vec<String>),
    /// `without (…)`.
    Without(Vec<String>),
}

/// A function call; `function` points into the table of known functions.
#[derive(Clone, Debug)]
pub struct Call {
    /// The function.
    pub function: &'static super::Function,
    /// Where its name stands.
    pub name_span: Span,
    /// Its arguments.
    pub args: Vec<Expr>,
}

/// An instant selector.
#[derive(Clone, Debug)]
pub struct Selector {
    /// The metric's name if it was written before the braces or quoted inside; it is among `matchers` too.
    pub name: Option<String>,
    /// All conditions, that on `__name__` included.
    pub matchers: Vec<Matcher>,
    /// `@`
    pub at: Option<AtModifier>,
    /// `offset`; negative looks ahead.
    pub offset: Option<DurationExpr>,
    /// `anchored` or `smoothed`.
    pub extension: Option<RangeExtension>,
}

/// The point that `@` fixes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AtModifier {
    /// `@ 1609746000.5`, in milliseconds.
    Millis(i64),
    /// `@ start()`
    Start,
    /// `@ end()`
    End,
}

/// How a range selector treats its borders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeExtension {
    /// Takes in the last sample before the range.
    Anchored,
    /// Interpolates at both borders.
    Smoothed,
}

/// `selector[range]`.
#[derive(Clone, Debug)]
pub struct RangeSelector {
    /// The selector with its modifiers.
    pub selector: Selector,
    /// How far back.
    pub range: DurationExpr,
}

/// `expr[range:step]`.
#[derive(Clone, Debug)]
pub struct Subquery {
    /// What is evaluated at each step.
    pub expr: Expr,
    /// How far back.
    pub range: DurationExpr,
    /// The distance of the steps; the evaluation interval if absent.
    pub step: Option<DurationExpr>,
    /// `@`
    pub at: Option<AtModifier>,
    /// `offset`
    pub offset: Option<DurationExpr>,
}

/// A duration, possibly computed: `5m`, `2 * step()`, `max_of(step(), 1m)`. Evaluates to seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct DurationExpr {
    /// What it is.
    pub kind: DurationKind,
    /// Where it stands.
    pub span: Span,
}

/// The forms of a duration.
#[derive(Clone, Debug, PartialEq)]
pub enum DurationKind {
    /// A literal with units, in milliseconds (negative only after a sign); a bare number that is no operand too.
    Millis(i64),
    /// A bare number inside arithmetic, or one finer than a millisecond; counts as seconds.
    Seconds(f64),
    /// `step()`: the step of the range query, 0 in an instant query.
    Step,
    /// `range()`: the whole length of the range query.
    Range,
    /// `min_of(a, b)`
    MinOf(Box<DurationExpr>, Box<DurationExpr>),
    /// `max_of(a, b)`
    MaxOf(Box<DurationExpr>, Box<DurationExpr>),
    /// `-a`, `+a`
    Unary(UnaryOp, Box<DurationExpr>),
    /// `a op b` with `+ - * / % ^`; a bare number counts as seconds.
    Binary(BinaryOp, Box<DurationExpr>, Box<DurationExpr>),
    /// `( … )`, kept for the printer.
    Paren(Box<DurationExpr>),
}
