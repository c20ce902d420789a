//! Questions about the shape of an expression that several checks ask.

use crate::lang::{Binary, BinaryOp, Call, Expr, ExprKind, Selector, UnaryOp, ValueType};

/// `expr` without the parentheses around it.
pub(super) fn bare(expr: &Expr) -> &Expr {
    match &expr.kind {
        ExprKind::Paren(inner) => bare(inner),
        _ => expr,
    }
}

/// The number that `expr` stands for.
pub(super) fn number(expr: &Expr) -> Option<f64> {
    match &bare(expr).kind {
        ExprKind::Number(number) => Some(number.value),
        ExprKind::Unary(UnaryOp::Minus, inner) => number(inner).map(|value| -value),
        ExprKind::Unary(UnaryOp::Plus, inner) => number(inner),
        _ => None,
    }
}

/// Whether `expr` is computed from numbers alone.
pub(super) fn is_constant(expr: &Expr) -> bool {
    expr.value_type() == ValueType::Scalar && !any(expr, &mut |part| matches!(part.kind, ExprKind::Call(_)))
}

/// Whether `wanted` holds of `expr` or of anything inside it.
pub(super) fn any(expr: &Expr, wanted: &mut dyn FnMut(&Expr) -> bool) -> bool {
    let mut found = false;
    expr.walk(&mut |part| found = found || wanted(part));
    found
}

/// The comparison that `expr` is, if it filters.
pub(super) fn filter(expr: &Expr) -> Option<&Binary> {
    match &bare(expr).kind {
        ExprKind::Binary(binary) if binary.op.is_comparison() && !binary.returns_bool => Some(binary),
        _ => None,
    }
}

/// The call that `expr` is.
pub(super) fn call(expr: &Expr) -> Option<&Call> {
    match &bare(expr).kind {
        ExprKind::Call(call) => Some(call),
        _ => None,
    }
}

/// The selector that `expr` is.
pub(super) fn selector(expr: &Expr) -> Option<&Selector> {
    match &bare(expr).kind {
        ExprKind::Selector(selector) => Some(selector),
        ExprKind::Range(range) => Some(&range.selector),
        _ => None,
    }
}

/// A comparison with a number: the other side, the operator as if the number stood on the right, the number.
pub(super) fn compared_with_number(binary: &Binary) -> Option<(&Expr, BinaryOp, f64)> {
    if let Some(value) = number(&binary.right) {
        return Some((&binary.left, binary.op, value));
    }
    let op = match binary.op {
        BinaryOp::Gt => BinaryOp::Lt,
        BinaryOp::Lt => BinaryOp::Gt,
        BinaryOp::Ge => BinaryOp::Le,
        BinaryOp::Le => BinaryOp::Ge,
        other => other,
    };
    number(&binary.left).map(|value| (&binary.right, op, value))
}
