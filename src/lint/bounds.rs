//! Between which bounds the values of an expression lie, and comparisons that can never hold.

use crate::lang::{Aggregate, AggregateOp, Binary, BinaryOp, Call, Expr, ExprKind, Span, UnaryOp, ValueType};
use crate::model::format_value;

/// An interval of values; NaN lies in none and is not spoken of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bounds {
    /// The least value.
    pub low: f64,
    /// Whether the least value itself is out.
    pub low_open: bool,
    /// The greatest value.
    pub high: f64,
    /// Whether the greatest value itself is out.
    pub high_open: bool,
}

impl Bounds {
    const ALL: Bounds = Bounds::between(f64::NEG_INFINITY, f64::INFINITY);
    const POSITIVE: Bounds = Bounds::between(0.0, f64::INFINITY);

    const fn between(low: f64, high: f64) -> Bounds {
        Bounds { low, low_open: false, high, high_open: false }
    }

    fn is_empty(self) -> bool {
        self.low > self.high || (self.low == self.high && (self.low_open || self.high_open))
    }

    fn from_corners(corners: &[f64]) -> Bounds {
        if corners.iter().any(|corner| corner.is_nan()) {
            return Bounds::ALL;
        }
        let fold = |start: f64, pick: fn(f64, f64) -> f64| corners.iter().copied().fold(start, pick);
        Bounds::between(fold(f64::INFINITY, f64::min), fold(f64::NEG_INFINITY, f64::max))
    }

    fn hull(self, other: Bounds) -> Bounds {
        if self.is_empty() {
            return other;
        }
        if other.is_empty() {
            return self;
        }
        Bounds {
            low: self.low.min(other.low),
            low_open: if self.low == other.low {
                self.low_open && other.low_open
            } else if self.low < other.low {
                self.low_open
            } else {
                other.low_open
            },
            high: self.high.max(other.high),
            high_open: if self.high == other.high {
                self.high_open && other.high_open
            } else if self.high > other.high {
                self.high_open
            } else {
                other.high_open
            },
        }
    }

    fn at_least(mut self, low: f64, open: bool) -> Bounds {
        if low > self.low || (low == self.low && open) {
            (self.low, self.low_open) = (low, open);
        }
        self
    }

    fn at_most(mut self, high: f64, open: bool) -> Bounds {
        if high < self.high || (high == self.high && open) {
            (self.high, self.high_open) = (high, open);
        }
        self
    }

    /// The values of `self` that satisfy `op` beside some value of `other`.
    fn filtered(self, op: BinaryOp, other: Bounds) -> Bounds {
        match op {
            BinaryOp::Gt => self.at_least(other.low, true),
            BinaryOp::Ge => self.at_least(other.low, other.low_open),
            BinaryOp::Lt => self.at_most(other.high, true),
            BinaryOp::Le => self.at_most(other.high, other.high_open),
            BinaryOp::Eq => self.at_least(other.low, other.low_open).at_most(other.high, other.high_open),
            _ => self,
        }
    }

    /// `at least 1`, `between 0 and 1`.
    fn describe(self) -> String {
        let low = if self.low_open { "above" } else { "at least" };
        let high = if self.high_open { "below" } else { "at most" };
        match (self.low.is_finite(), self.high.is_finite()) {
            _ if self.low == self.high => format!("always {}", format_value(self.low)),
            (true, true) => format!("{low} {} and {high} {}", format_value(self.low), format_value(self.high)),
            (true, false) => format!("{low} {}", format_value(self.low)),
            (false, true) => format!("{high} {}", format_value(self.high)),
            (false, false) => "anything".to_owned(),
        }
    }
}

/// A comparison that can never hold.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Impossible {
    /// The comparison.
    pub span: Span,
    /// Why, in words.
    pub reason: String,
}

/// The comparisons inside `expr` that can never hold.
pub(super) fn impossible_comparisons(expr: &Expr) -> Vec<Impossible> {
    let mut found = Vec::new();
    bounds(expr, &mut found);
    found
}

/// Whether no value of `expr` is 0.
pub(super) fn is_never_zero(expr: &Expr) -> bool {
    let values = bounds(expr, &mut Vec::new());
    let excludes = values.low > 0.0 || values.high < 0.0 || (values.low == 0.0 && values.low_open);
    let is_filtered = super::shape::filter(expr)
        .is_some_and(|binary| binary.op == BinaryOp::Ne && super::shape::number(&binary.right) == Some(0.0));
    let is_clamped = super::shape::call(expr).is_some_and(|call| {
        call.function.name == "clamp_min"
            && call.args.get(1).and_then(super::shape::number).is_some_and(|low| low > 0.0)
    });
    excludes || is_filtered || is_clamped
}

fn bounds(expr: &Expr, found: &mut Vec<Impossible>) -> Bounds {
    match &expr.kind {
        ExprKind::Number(number) if !number.value.is_nan() => Bounds::between(number.value, number.value),
        ExprKind::Number(_) | ExprKind::String(_) | ExprKind::Selector(_) | ExprKind::Range(_) => Bounds::ALL,
        ExprKind::Paren(inner) | ExprKind::Unary(UnaryOp::Plus, inner) => bounds(inner, found),
        ExprKind::Unary(UnaryOp::Minus, inner) => {
            let inner = bounds(inner, found);
            Bounds { low: -inner.high, low_open: inner.high_open, high: -inner.low, high_open: inner.low_open }
        }
        ExprKind::Subquery(subquery) => bounds(&subquery.expr, found),
        ExprKind::Aggregate(aggregate) => of_aggregate(aggregate, found),
        ExprKind::Call(call) => of_call(call, found),
        ExprKind::Binary(binary) => of_binary(binary, &expr.span, found),
    }
}

fn of_aggregate(aggregate: &Aggregate, found: &mut Vec<Impossible>) -> Bounds {
    let inner = bounds(&aggregate.expr, found);
    match aggregate.op {
        AggregateOp::Count | AggregateOp::CountValues => Bounds::between(1.0, f64::INFINITY),
        AggregateOp::Group => Bounds::between(1.0, 1.0),
        AggregateOp::Stddev | AggregateOp::Stdvar => Bounds::POSITIVE,
        AggregateOp::Sum => summed(inner),
        AggregateOp::Quantile => Bounds::ALL,
        _ => inner,
    }
}

/// What one or more values of `inner` add up to.
fn summed(inner: Bounds) -> Bounds {
    let mut sum = inner;
    if inner.low < 0.0 {
        (sum.low, sum.low_open) = (f64::NEG_INFINITY, false);
    }
    if inner.high > 0.0 {
        (sum.high, sum.high_open) = (f64::INFINITY, false);
    }
    sum
}

fn of_call(call: &Call, found: &mut Vec<Impossible>) -> Bounds {
    let args: Vec<Bounds> = call.args.iter().map(|arg| bounds(arg, found)).collect();
    let first = args.first().copied().unwrap_or(Bounds::ALL);
    match call.function.name {
        "absent" | "absent_over_time" | "present_over_time" => Bounds::between(1.0, 1.0),
        "count_over_time" => Bounds::between(1.0, f64::INFINITY),
        "rate" | "increase" | "irate" | "changes" | "resets" | "stddev_over_time" | "stdvar_over_time" | "exp"
        | "time" | "timestamp" | "mad_over_time" => Bounds::POSITIVE,
        "abs" => Bounds::POSITIVE.at_most(first.high.abs().max(first.low.abs()), false),
        "sqrt" => Bounds::POSITIVE,
        "sgn" => Bounds::between(-1.0, 1.0),
        "minute" => Bounds::between(0.0, 59.0),
        "hour" => Bounds::between(0.0, 23.0),
        "day_of_week" => Bounds::between(0.0, 6.0),
        "day_of_month" => Bounds::between(1.0, 31.0),
        "day_of_year" => Bounds::between(1.0, 366.0),
        "days_in_month" => Bounds::between(28.0, 31.0),
        "month" => Bounds::between(1.0, 12.0),
        "vector" | "scalar" | "sort" | "sort_desc" | "label_replace" | "label_join" | "last_over_time"
        | "first_over_time" | "max_over_time" | "min_over_time" | "avg_over_time" => first,
        "sum_over_time" => summed(first),
        _ => Bounds::ALL,
    }
}

fn of_binary(binary: &Binary, span: &Span, found: &mut Vec<Impossible>) -> Bounds {
    let (left, right) = (bounds(&binary.left, found), bounds(&binary.right, found));
    let is_scalar = |side: &Expr| side.value_type() == ValueType::Scalar;
    match binary.op {
        BinaryOp::And | BinaryOp::Unless => left,
        BinaryOp::Or => left.hull(right),
        op if op.is_comparison() && !binary.returns_bool => {
            // `5 < x` keeps the values of x.
            let (kept, op, other) = match is_scalar(&binary.left) && !is_scalar(&binary.right) {
                true => (right, mirrored(op), left),
                false => (left, op, right),
            };
            let result = kept.filtered(op, other);
            if result.is_empty() && !kept.is_empty() && !other.is_empty() {
                let (left, right) = (left.describe(), right.describe());
                let reason = format!("the left side is {left}, the right side is {right}");
                found.push(Impossible { span: span.clone(), reason });
            }
            result
        }
        op if op.is_comparison() => Bounds::between(0.0, 1.0),
        op => arithmetic(op, left, right),
    }
}

fn mirrored(op: BinaryOp) -> BinaryOp {
    match op {
        BinaryOp::Gt => BinaryOp::Lt,
        BinaryOp::Lt => BinaryOp::Gt,
        BinaryOp::Ge => BinaryOp::Le,
        BinaryOp::Le => BinaryOp::Ge,
        other => other,
    }
}

fn arithmetic(op: BinaryOp, left: Bounds, right: Bounds) -> Bounds {
    match op {
        BinaryOp::Add => Bounds::from_corners(&[left.low + right.low, left.high + right.high]),
        BinaryOp::Sub => Bounds::from_corners(&[left.low - right.high, left.high - right.low]),
        BinaryOp::Mul => {
            let product = |a: f64, b: f64| if a == 0.0 || b == 0.0 { 0.0 } else { a * b };
            Bounds::from_corners(&[
                product(left.low, right.low),
                product(left.low, right.high),
                product(left.high, right.low),
                product(left.high, right.high),
            ])
        }
        BinaryOp::Div if right.low >= 0.0 && left.low >= 0.0 => Bounds::POSITIVE,
        BinaryOp::Div if right.low > 0.0 && right.low == right.high => {
            Bounds::from_corners(&[left.low / right.low, left.high / right.low])
        }
        _ => Bounds::ALL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::parse;

    #[test]
    fn comparisons_that_never_hold() {
        for (text, expected) in [
            ("x > 5 < 3", Some("the left side is above 5, the right side is always 3")),
            ("(x > 5) <= 5", Some("the left side is above 5, the right side is always 5")),
            ("x >= 5 <= 5", None),
            ("x > 5 < 10", None),
            ("count(up == 0) == 0", Some("the left side is at least 1, the right side is always 0")),
            ("0 == count(up)", Some("the left side is always 0, the right side is at least 1")),
            ("count(up) < 1", Some("the left side is at least 1, the right side is always 1")),
            ("count(up) <= 1", None),
            ("(count(up) or vector(0)) == 0", None),
            ("absent(up) > 1", Some("the left side is always 1, the right side is always 1")),
            ("rate(x[5m]) < 0", Some("the left side is at least 0, the right side is always 0")),
            ("sum(rate(x[5m])) * -1 > 0", Some("the left side is at most 0, the right side is always 0")),
            ("hour() > 24", Some("the left side is at least 0 and at most 23, the right side is always 24")),
            ("hour() > 22 or hour() < 6", None),
            ("delta(x[5m]) < 0", None),
            ("rate(x[5m]) - rate(y[5m]) < 0", None),
            ("rate(x[5m]) / rate(y[5m]) < 0", Some("the left side is at least 0, the right side is always 0")),
            ("(x > bool 5) == 2", Some("the left side is at least 0 and at most 1, the right side is always 2")),
            ("count(x) == bool 0", None),
            ("x != 5 == 5", None),
            ("count(x) > NaN", None),
            ("1 - rate(x[5m]) > 2", Some("the left side is at most 1, the right side is always 2")),
        ] {
            let found = impossible_comparisons(&parse(text).expect(text));
            assert_eq!(found.first().map(|impossible| impossible.reason.as_str()), expected, "{text}");
        }
    }
}
