//! Durations and their arithmetic.

use super::binary::SIGN_POWER;
use super::{Parser, TREE_HEIGHT_MAX};
use crate::lang::lexer::TokenKind;
use crate::lang::{BinaryOp, DurationExpr, DurationKind, Span, UnaryOp};
use crate::model::nearest;

/// Longer durations do not fit 64 bits of nanoseconds, Prometheus's limit.
const SECONDS_MAX: f64 = 9_223_372_036.854_775;

/// The functions of durations.
const FUNCTIONS: [&str; 4] = ["step", "range", "min_of", "max_of"];

/// A duration and its height.
type Length = (DurationExpr, usize);

/// A whole number of milliseconds that is no operand is a literal like any other.
pub(super) fn settled(duration: DurationExpr) -> DurationExpr {
    match duration.kind {
        DurationKind::Seconds(seconds) if (seconds * 1e6).round() % 1000.0 == 0.0 => {
            DurationExpr { kind: DurationKind::Millis((seconds * 1000.0).round() as i64), ..duration }
        }
        _ => duration,
    }
}

fn literal(millis: i64, span: Span) -> Length {
    (DurationExpr { kind: DurationKind::Millis(millis), span }, 1)
}

impl Parser<'_> {
    /// A duration of operators that bind at least as strongly as `floor`.
    pub(super) fn duration(&mut self, floor: u8) -> Length {
        let span = self.span();
        self.nested(|parser| parser.duration_operations(floor)).unwrap_or_else(|| literal(1, span))
    }

    fn duration_operations(&mut self, floor: u8) -> Length {
        let mut left = self.signed_duration();
        while let Some((op, power)) = self.peek_operator().filter(|(op, _)| is_arithmetic(*op))
            && power.left >= floor
        {
            let op_span = self.advance();
            let right = self.duration(power.right);
            let is_zero = match right.0.kind {
                DurationKind::Millis(millis) => millis == 0,
                DurationKind::Seconds(seconds) => seconds == 0.0,
                _ => false,
            };
            if matches!(op, BinaryOp::Div | BinaryOp::Mod) && is_zero {
                self.meaning(op_span, "division by zero", None);
            }
            let span = left.0.span.start..right.0.span.end;
            let height = left.1.max(right.1);
            let kind = DurationKind::Binary(op, Box::new(left.0), Box::new(right.0));
            left = self.duration_node(kind, span, height);
        }
        left
    }

    fn duration_node(&mut self, kind: DurationKind, span: Span, height: usize) -> Length {
        if height >= TREE_HEIGHT_MAX {
            self.limit(span.clone(), format!("more than {TREE_HEIGHT_MAX} operations hang on one another"));
            return literal(1, span);
        }
        (DurationExpr { kind, span }, height + 1)
    }

    fn signed_duration(&mut self) -> Length {
        match self.take_duration_sign() {
            Some((op, start)) => {
                let operand = self.duration(SIGN_POWER);
                self.with_sign(op, start, operand)
            }
            None => self.duration_atom(),
        }
    }

    /// The duration after `offset`: one operand with at most one sign, so that `x offset 1m + 2` adds 2 to `x offset 1m`.
    pub(super) fn offset_duration(&mut self) -> DurationExpr {
        let length = match self.take_duration_sign() {
            Some((op, start)) => {
                let operand = self.duration_atom();
                self.with_sign(op, start, operand)
            }
            None => self.duration_atom(),
        };
        settled(length.0)
    }

    fn take_duration_sign(&mut self) -> Option<(UnaryOp, usize)> {
        let op = match self.kind() {
            TokenKind::Sign("-") => UnaryOp::Minus,
            TokenKind::Sign("+") => UnaryOp::Plus,
            _ => return None,
        };
        Some((op, self.advance().start))
    }

    fn with_sign(&mut self, op: UnaryOp, start: usize, (operand, height): Length) -> Length {
        let span = start..operand.span.end;
        match (op, operand.kind) {
            (UnaryOp::Minus, DurationKind::Millis(millis)) => literal(-millis, span),
            (UnaryOp::Minus, DurationKind::Seconds(seconds)) => {
                (DurationExpr { kind: DurationKind::Seconds(-seconds), span }, height)
            }
            (UnaryOp::Plus, kind) => (DurationExpr { kind, span }, height),
            (UnaryOp::Minus, kind) => {
                let operand = Box::new(DurationExpr { kind, span: operand.span });
                self.duration_node(DurationKind::Unary(op, operand), span, height)
            }
        }
    }

    fn duration_atom(&mut self) -> Length {
        match *self.kind() {
            TokenKind::Number(seconds) => {
                let span = self.advance();
                self.seconds(seconds, span)
            }
            TokenKind::Duration(millis) => literal(millis, self.advance()),
            TokenKind::Sign("(") => self.duration_parenthesis(),
            TokenKind::Bad => literal(1, self.advance()),
            TokenKind::Word => self.duration_function(),
            _ => {
                self.unexpected("a duration such as `5m`", None);
                literal(1, self.span())
            }
        }
    }

    /// A bare number counts as seconds.
    fn seconds(&mut self, seconds: f64, span: Span) -> Length {
        if seconds.is_nan() || seconds.abs() > SECONDS_MAX {
            self.meaning(span.clone(), "this duration is out of range", None);
            return literal(1, span);
        }
        (DurationExpr { kind: DurationKind::Seconds(seconds), span }, 1)
    }

    /// `( … )`; around a plain literal or another parenthesis it is dropped.
    fn duration_parenthesis(&mut self) -> Length {
        let open = self.open(")");
        let (inner, height) = self.duration(0);
        self.close(&open, "an operator or `)`");
        let span = open.start..self.last_end();
        match inner.kind {
            DurationKind::Seconds(seconds) if seconds >= 0.0 => (DurationExpr { kind: inner.kind, span }, height),
            DurationKind::Millis(0..) | DurationKind::Paren(_) => (DurationExpr { kind: inner.kind, span }, height),
            _ => self.duration_node(DurationKind::Paren(Box::new(inner)), span, height),
        }
    }

    fn duration_function(&mut self) -> Length {
        let word = self.word().unwrap_or_default().to_ascii_lowercase();
        let name_span = self.span();
        if !FUNCTIONS.contains(&word.as_str()) {
            let hint = nearest(&word, FUNCTIONS).map(|name| format!("did you mean `{name}`?"));
            self.unexpected("a duration such as `5m`, step(), range(), min_of(…) or max_of(…)", hint);
            self.advance();
            return literal(1, name_span);
        }
        self.advance();
        if !self.is_sign("(") {
            self.unexpected("`(`", None);
            return literal(1, name_span);
        }
        let open = self.open(")");
        let (kind, height) = match word.as_str() {
            "step" => (DurationKind::Step, 0),
            "range" => (DurationKind::Range, 0),
            _ => {
                let left = self.duration(0);
                if !self.expect_sign(",", "an operator or `,`") {
                    self.skip_to(&[",", ")"]);
                    self.take_sign(",");
                }
                let right = self.duration(0);
                let (a, b) = (Box::new(left.0), Box::new(right.0));
                let kind = if word == "min_of" { DurationKind::MinOf(a, b) } else { DurationKind::MaxOf(a, b) };
                (kind, left.1.max(right.1))
            }
        };
        self.close(&open, "`)`");
        let span = name_span.start..self.last_end();
        self.duration_node(kind, span, height)
    }
}

/// The operators that durations know.
fn is_arithmetic(op: BinaryOp) -> bool {
    use BinaryOp::*;
    matches!(op, Add | Sub | Mul | Div | Mod | Pow)
}
