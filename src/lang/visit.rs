//! Ways through a tree: types, walks, and how far back selectors look.

use super::{AtModifier, BinaryOp, DurationExpr, DurationKind, Expr, ExprKind, Selector, Span, UnaryOp, ValueType};

/// A selector of an expression and how far before the evaluation's time it reads.
#[derive(Clone, Debug)]
pub struct SelectorReach<'a> {
    /// The selector.
    pub selector: &'a Selector,
    /// The bytes of the selector, its range and its modifiers.
    pub span: Span,
    /// Milliseconds between the oldest sample wanted and the evaluation's time, without the look-back; may be negative
    /// after a negative offset. `None` if it depends on the query: `@`, `step()`, `range()`.
    pub back_ms: Option<i64>,
    /// Whether the look-back comes on top: instant selectors, `anchored` and `smoothed` ranges.
    pub needs_lookback: bool,
}

impl Expr {
    /// What the expression yields.
    pub fn value_type(&self) -> ValueType {
        match &self.kind {
            ExprKind::Number(_) => ValueType::Scalar,
            ExprKind::String(_) => ValueType::String,
            ExprKind::Paren(inner) | ExprKind::Unary(_, inner) => inner.value_type(),
            ExprKind::Binary(binary) => {
                let scalar = |side: &Expr| side.value_type() == ValueType::Scalar;
                if scalar(&binary.left) && scalar(&binary.right) { ValueType::Scalar } else { ValueType::InstantVector }
            }
            ExprKind::Aggregate(_) | ExprKind::Selector(_) => ValueType::InstantVector,
            ExprKind::Call(call) => call.function.returns,
            ExprKind::Range(_) | ExprKind::Subquery(_) => ValueType::RangeVector,
        }
    }

    /// The expressions directly inside this one, in the order of the text.
    pub fn children(&self) -> Vec<&Expr> {
        match &self.kind {
            ExprKind::Number(_) | ExprKind::String(_) | ExprKind::Selector(_) | ExprKind::Range(_) => Vec::new(),
            ExprKind::Paren(inner) | ExprKind::Unary(_, inner) => vec![inner],
            ExprKind::Binary(binary) => vec![&binary.left, &binary.right],
            ExprKind::Aggregate(aggregate) => aggregate.parameter.iter().chain([&aggregate.expr]).collect(),
            ExprKind::Call(call) => call.args.iter().collect(),
            ExprKind::Subquery(subquery) => vec![&subquery.expr],
        }
    }

    /// Calls `visit` with this expression, then with all inside it, in the order of the text.
    pub fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        visit(self);
        for child in self.children() {
            child.walk(visit);
        }
    }

    /// Every selector with how far back it reads, in the order of the text.
    pub fn selectors(&self) -> Vec<SelectorReach<'_>> {
        let mut reaches = Vec::new();
        collect(self, Some(0), &mut reaches);
        reaches
    }
}

/// Adds the selectors of `expr`, which is evaluated up to `back_ms` before the query's time.
fn collect<'a>(expr: &'a Expr, back_ms: Option<i64>, reaches: &mut Vec<SelectorReach<'a>>) {
    let mut add = |selector: &'a Selector, range_ms: Option<i64>, needs_lookback: bool| {
        let back_ms = shifted(back_ms, selector.at, selector.offset.as_ref());
        let back_ms = back_ms.zip(range_ms).map(|(back, range)| back.saturating_add(range));
        reaches.push(SelectorReach { selector, span: expr.span.clone(), back_ms, needs_lookback });
    };
    match &expr.kind {
        ExprKind::Selector(selector) => add(selector, Some(0), true),
        ExprKind::Range(range) => {
            add(&range.selector, range.range.constant_millis(), range.selector.extension.is_some());
        }
        ExprKind::Subquery(subquery) => {
            let back_ms = shifted(back_ms, subquery.at, subquery.offset.as_ref());
            let back_ms = back_ms.zip(subquery.range.constant_millis()).map(|(back, range)| back.saturating_add(range));
            collect(&subquery.expr, back_ms, reaches);
        }
        _ => {
            for child in expr.children() {
                collect(child, back_ms, reaches);
            }
        }
    }
}

fn shifted(back_ms: Option<i64>, at: Option<AtModifier>, offset: Option<&DurationExpr>) -> Option<i64> {
    let offset = offset.map_or(Some(0), DurationExpr::constant_millis)?;
    back_ms.filter(|_| at.is_none()).map(|back| back.saturating_add(offset))
}

impl DurationExpr {
    /// The duration in seconds, given what `step()` and `range()` stand for; `None` where one of them is needed and not
    /// given. May be negative, infinite or NaN: who asks must check.
    pub fn seconds(&self, step: Option<f64>, range: Option<f64>) -> Option<f64> {
        let of = |inner: &DurationExpr| inner.seconds(step, range);
        Some(match &self.kind {
            DurationKind::Millis(millis) => *millis as f64 / 1000.0,
            DurationKind::Seconds(seconds) => *seconds,
            DurationKind::Step => step?,
            DurationKind::Range => range?,
            DurationKind::MinOf(a, b) => of(a)?.min(of(b)?),
            DurationKind::MaxOf(a, b) => of(a)?.max(of(b)?),
            DurationKind::Unary(UnaryOp::Minus, inner) => -of(inner)?,
            DurationKind::Unary(UnaryOp::Plus, inner) | DurationKind::Paren(inner) => of(inner)?,
            DurationKind::Binary(op, a, b) => {
                let (a, b) = (of(a)?, of(b)?);
                match op {
                    BinaryOp::Add => a + b,
                    BinaryOp::Sub => a - b,
                    BinaryOp::Mul => a * b,
                    BinaryOp::Div => a / b,
                    BinaryOp::Mod => a % b,
                    BinaryOp::Pow => a.powf(b),
                    _ => return None,
                }
            }
        })
    }

    /// The duration in milliseconds, rounded, if it is the same in every query and finite.
    pub fn constant_millis(&self) -> Option<i64> {
        let millis = (self.seconds(None, None)? * 1000.0).round();
        (millis.abs() < 9.2e18).then_some(millis as i64)
    }
}

#[cfg(test)]
mod tests {
    use crate::lang::parse;

    #[test]
    fn how_far_selectors_look_back() {
        for (text, expected) in [
            ("x", vec![(Some(0), true)]),
            ("rate(x[5m])", vec![(Some(300_000), false)]),
            ("rate(x[5m] anchored offset 1m)", vec![(Some(360_000), true)]),
            ("x offset -1m", vec![(Some(-60_000), true)]),
            ("x @ 5 + y", vec![(None, true), (Some(0), true)]),
            ("max_over_time(rate(x[5m])[1h:1m] offset 1d)", vec![(Some(90_300_000), false)]),
            ("rate(x[step()])", vec![(None, false)]),
            ("rate(x[2 * 2m])", vec![(Some(240_000), false)]),
            ("sum(x) / sum(y offset 1h)", vec![(Some(0), true), (Some(3_600_000), true)]),
        ] {
            let expr = parse(text).expect(text);
            let found: Vec<_> = expr.selectors().iter().map(|reach| (reach.back_ms, reach.needs_lookback)).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn walks_in_order() {
        let expr = parse("sum(a) + rate(b[5m]) * topk(3, -c)").expect("valid");
        let mut seen = 0;
        let mut last_start = 0;
        expr.walk(&mut |node| {
            seen += 1;
            last_start = last_start.max(node.span.start);
        });
        assert_eq!((seen, last_start), (10, 32));
    }
}
