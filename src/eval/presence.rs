//! Whether the data behind a condition are there, apart from whether it holds.

use crate::lang::{Aggregate, AggregateOp, Binary, BinaryOp, Call, Expr, ExprKind, Subquery, ValueType};
use crate::model::{Labels, Timestamp};
use crate::series::Querier;

use super::Options;
use super::duration::Axis;
use super::error::EvalError;
use super::evaluator::{Computed, DEPTH_MAX, Evaluator, unwrap_parens};
use super::functions::absent::wanted_labels;
use super::grid::Grid;
use super::row::Row;

/// An expression that yields a series for every label set for which the data of `expr` are there, whether or not its
/// conditions hold: comparisons become their `bool` form, `A unless B` becomes A, `topk(k, A)` becomes A, and so on
/// inside all parts. Series may lose their metric's name; values mean nothing.
///
/// `None` where missing data and an end of the condition cannot be told apart: `absent`, `absent_over_time`, `vector`,
/// `scalar` or `count_values` decide, or the expression is a scalar.
pub fn presence(expr: &Expr) -> Option<Expr> {
    rewrite(expr, 0)
}

/// The labels, without the metric's name, of every series for which the data of `expr` are there at `at`; `None` where
/// that cannot be told (see [`presence`]).
///
/// # Errors
///
/// As [`instant`](super::instant()).
pub fn data_labels(
    querier: &dyn Querier,
    expr: &Expr,
    at: Timestamp,
    options: &Options,
) -> Result<Option<Vec<Labels>>, EvalError> {
    let mut sides = Vec::new();
    or_sides(expr, 0, &mut sides);
    if sides.len() > 1 && sides.iter().any(|side| presence(side).is_some()) {
        // The sides are asked one by one: with its data there, each would hide what the others yield.
        let mut labels = Vec::new();
        for side in sides {
            match (data_labels(querier, side, at, options)?, absent_labels(side)) {
                (Some(found), _) => labels.extend(found),
                (None, Some(always)) => labels.push(always),
                (None, None) => return Ok(None),
            }
        }
        labels.sort();
        labels.dedup();
        return Ok(Some(labels));
    }
    let Some(rewritten) = presence(expr) else { return Ok(None) };
    let axis = Axis { start_ms: at.millis(), end_ms: at.millis(), step_ms: 0 };
    let mut evaluator = Evaluator::new(querier, options, axis);
    let Computed::Vector(rows) = evaluator.eval(&rewritten, Grid::instant(at))? else { return Ok(None) };
    // Equal labels are fine here: metrics that differ by name alone are one presence.
    let mut labels: Vec<Labels> =
        rows.into_iter().filter(Row::is_present).map(|row| row.labels.without_name()).collect();
    labels.sort();
    labels.dedup();
    Ok(Some(labels))
}

/// The sides of `a or b or c`, outermost only.
fn or_sides<'a>(expr: &'a Expr, depth: usize, sides: &mut Vec<&'a Expr>) {
    match &unwrap_parens(expr).kind {
        ExprKind::Binary(binary) if binary.op == BinaryOp::Or && depth < DEPTH_MAX => {
            or_sides(&binary.left, depth + 1, sides);
            or_sides(&binary.right, depth + 1, sides);
        }
        _ => sides.push(expr),
    }
}

/// The labels of what `absent(...)` yields: when it yields nothing, that is no loss of data.
fn absent_labels(expr: &Expr) -> Option<Labels> {
    let ExprKind::Call(call) = &unwrap_parens(expr).kind else { return None };
    let is_absent = matches!(call.function.name, "absent" | "absent_over_time");
    call.args.first().filter(|_| is_absent).map(wanted_labels)
}

fn rewrite(expr: &Expr, depth: usize) -> Option<Expr> {
    if depth > DEPTH_MAX {
        return None;
    }
    let kind = match &expr.kind {
        ExprKind::Number(_) | ExprKind::String(_) => return None,
        ExprKind::Selector(_) | ExprKind::Range(_) => return Some(expr.clone()),
        ExprKind::Paren(inner) => ExprKind::Paren(Box::new(rewrite(inner, depth + 1)?)),
        ExprKind::Unary(op, inner) => ExprKind::Unary(*op, Box::new(rewrite(inner, depth + 1)?)),
        ExprKind::Binary(binary) => return rewrite_binary(binary, expr, depth + 1),
        ExprKind::Aggregate(aggregate) => return rewrite_aggregate(aggregate, expr, depth + 1),
        ExprKind::Call(call) => ExprKind::Call(rewrite_call(call, depth + 1)?),
        ExprKind::Subquery(subquery) => {
            let inner = rewrite(&subquery.expr, depth + 1)?;
            ExprKind::Subquery(Box::new(Subquery { expr: inner, ..subquery.as_ref().clone() }))
        }
    };
    Some(Expr { kind, span: expr.span.clone() })
}

fn rewrite_binary(binary: &Binary, expr: &Expr, depth: usize) -> Option<Expr> {
    let with_sides = |left: Expr, right: Expr| {
        let returns_bool = binary.op.is_comparison();
        let kind = ExprKind::Binary(Box::new(Binary { left, right, returns_bool, ..binary.clone() }));
        Some(Expr { kind, span: expr.span.clone() })
    };
    match binary.op {
        BinaryOp::Unless => rewrite(&binary.left, depth),
        BinaryOp::And => {
            let left = rewrite(&binary.left, depth)?;
            // A right side that cannot be told apart restricts nothing; the left side's data still count.
            match rewrite(&binary.right, depth) {
                Some(right) => with_sides(left, right),
                None => Some(left),
            }
        }
        BinaryOp::Or => with_sides(rewrite(&binary.left, depth)?, rewrite(&binary.right, depth)?),
        _ => {
            let side = |side: &Expr| if is_scalar(side) { Some(side.clone()) } else { rewrite(side, depth) };
            if is_scalar(&binary.left) && is_scalar(&binary.right) {
                return None;
            }
            with_sides(side(&binary.left)?, side(&binary.right)?)
        }
    }
}

fn rewrite_aggregate(aggregate: &Aggregate, expr: &Expr, depth: usize) -> Option<Expr> {
    use AggregateOp::*;
    let inner = rewrite(&aggregate.expr, depth)?;
    match aggregate.op {
        CountValues => None,
        Topk | Bottomk | Limitk | LimitRatio => Some(inner),
        _ => {
            let kind = ExprKind::Aggregate(Box::new(Aggregate { expr: inner, ..aggregate.clone() }));
            Some(Expr { kind, span: expr.span.clone() })
        }
    }
}

fn rewrite_call(call: &Call, depth: usize) -> Option<Call> {
    if matches!(call.function.name, "absent" | "absent_over_time" | "vector") {
        return None;
    }
    if call.function.returns == ValueType::Scalar {
        return None;
    }
    let is_info = call.function.name == "info";
    let mut args = Vec::with_capacity(call.args.len());
    for (index, argument) in call.args.iter().enumerate() {
        let is_parameter = matches!(argument.value_type(), ValueType::Scalar | ValueType::String);
        let is_data = !is_parameter && (index == 0 || !is_info);
        args.push(if is_data { rewrite(argument, depth)? } else { argument.clone() });
    }
    Some(Call { args, ..call.clone() })
}

fn is_scalar(expr: &Expr) -> bool {
    expr.value_type() == ValueType::Scalar
}

#[cfg(test)]
mod tests {
    use crate::lang::parse;

    use super::presence;

    #[test]
    fn conditions_become_data() {
        for (text, expected) in [
            ("up == 0", Some("up == bool 0")),
            ("up", Some("up")),
            ("rate(x[5m]) > 1", Some("rate(x[5m]) > bool 1")),
            ("(x > 5) * 2 < 7", Some("(x > bool 5) * 2 < bool 7")),
            ("a > b and c < 1", Some("a > bool b and c < bool 1")),
            ("a > 1 unless b", Some("a > bool 1")),
            ("a > 1 or b > 1", Some("a > bool 1 or b > bool 1")),
            ("a > 1 and hour() < 5", Some("a > bool 1 and hour() < bool 5")),
            ("a > 1 and absent(b)", Some("a > bool 1")),
            ("a > 1 or absent(b)", None),
            ("topk(3, x > 1)", Some("x > bool 1")),
            ("count by (job) (x > 1) > 2", Some("count by (job) (x > bool 1) > bool 2")),
            ("max_over_time((x > 1)[5m:1m]) > 0", Some("max_over_time((x > bool 1)[5m:1m]) > bool 0")),
            ("-(x > 1)", Some("-(x > bool 1)")),
            ("x > scalar(y)", Some("x > bool scalar(y)")),
            ("time() - x > 60", Some("time() - x > bool 60")),
            (
                "label_replace(x > 1, \"a\", \"b\", \"c\", \"d\")",
                Some("label_replace(x > bool 1, \"a\", \"b\", \"c\", \"d\")"),
            ),
            ("absent(x)", None),
            ("absent_over_time(x[5m]) == 1", None),
            ("vector(1) > 0", None),
            ("count_values(\"v\", x) > 1", None),
            ("1 > bool 0", None),
        ] {
            let expr = parse(text).expect(text);
            assert_eq!(presence(&expr).map(|expr| expr.to_string()).as_deref(), expected, "{text}");
        }
    }
}
