//! Binary operators, their precedence and their matching clauses.

use super::{Node, Parser};
use crate::lang::lexer::TokenKind;
use crate::lang::{Binary, BinaryOp, Cardinality, Expr, ExprKind, ValueType, VectorMatching};

/// How strongly an operator binds to its sides; a right side binds one stronger where the operator is left-associative.
#[derive(Clone, Copy)]
pub(in crate::lang) struct Power {
    pub(in crate::lang) left: u8,
    pub(in crate::lang) right: u8,
}

/// What the operand of a sign binds to: powers only, so that `-2^2` is `-(2^2)`.
pub(super) const SIGN_POWER: u8 = 6;

/// Prometheus's precedence, from `or` up to `^`.
pub(in crate::lang) fn power(op: BinaryOp) -> Power {
    use BinaryOp::*;
    let left = match op {
        Or => 1,
        And | Unless => 2,
        Eq | Ne | Gt | Lt | Ge | Le | TrimUpper | TrimLower => 3,
        Add | Sub => 4,
        Mul | Div | Mod | Atan2 => 5,
        Pow => 6,
    };
    Power { left, right: if op == Pow { left } else { left + 1 } }
}

/// The operators that are signs, and the words.
const OPERATORS: [(&str, BinaryOp); 18] = [
    ("+", BinaryOp::Add),
    ("-", BinaryOp::Sub),
    ("*", BinaryOp::Mul),
    ("/", BinaryOp::Div),
    ("%", BinaryOp::Mod),
    ("^", BinaryOp::Pow),
    ("==", BinaryOp::Eq),
    ("!=", BinaryOp::Ne),
    (">", BinaryOp::Gt),
    ("<", BinaryOp::Lt),
    (">=", BinaryOp::Ge),
    ("<=", BinaryOp::Le),
    ("</", BinaryOp::TrimUpper),
    (">/", BinaryOp::TrimLower),
    ("and", BinaryOp::And),
    ("or", BinaryOp::Or),
    ("unless", BinaryOp::Unless),
    ("atan2", BinaryOp::Atan2),
];

/// Where the words begin among the operators.
const FIRST_WORD: usize = 14;

impl Parser<'_> {
    /// The operator that stands here.
    pub(super) fn peek_operator(&self) -> Option<(BinaryOp, Power)> {
        let op = match self.kind() {
            TokenKind::Sign(sign) => OPERATORS.iter().find(|(name, _)| name == sign)?.1,
            TokenKind::Word => {
                let word = self.word()?;
                OPERATORS[FIRST_WORD..].iter().find(|(name, _)| word.eq_ignore_ascii_case(name))?.1
            }
            _ => return None,
        };
        Some((op, power(op)))
    }

    /// `left` joined by the operator `op` that stands here to a right side that binds at least as `floor`.
    pub(super) fn binary(&mut self, left: Node, op: BinaryOp, floor: u8) -> Node {
        let op_span = self.advance();
        let returns_bool = self.take_keyword("bool").is_some();
        let mut matching = self.matching();
        if let Some(wrong) = self.mistaken_matching() {
            matching = wrong;
        }
        let right = self.expression(floor);
        let vectors = |side: &Expr| side.value_type() == ValueType::InstantVector;
        let between_vectors = vectors(&left.expr) && vectors(&right.expr);
        let filled = matching.fill_left.is_some() || matching.fill_right.is_some();
        if !between_vectors && matching.labels.is_empty() && !filled {
            matching = VectorMatching::default();
        }
        if op.is_set() && matching.cardinality == Cardinality::OneToOne {
            matching.cardinality = Cardinality::ManyToMany;
        }
        let span = left.expr.span.start..right.expr.span.end.max(self.last_end());
        let height = left.height.max(right.height);
        let binary = Binary { op, op_span, returns_bool, matching, left: left.expr, right: right.expr };
        self.node(ExprKind::Binary(Box::new(binary)), span, height)
    }

    /// The clauses between an operator and its right side.
    pub(super) fn matching(&mut self) -> VectorMatching {
        let mut matching = VectorMatching::default();
        let mut clause = true;
        if self.take_keyword("on").is_some() {
            matching.on = true;
            matching.labels = self.labels();
        } else if self.take_keyword("ignoring").is_some() {
            matching.labels = self.labels();
        } else {
            clause = false;
        }
        let group = ["group_left", "group_right"].into_iter().find(|keyword| self.is_keyword(keyword));
        if let Some(group) = group {
            if !clause {
                let hint = format!("write `on (…) {group} (…)`");
                self.syntax(self.span(), format!("{group} needs on(…) or ignoring(…) before it"), Some(hint));
            }
            self.advance();
            let to_left = group == "group_left";
            matching.cardinality = if to_left { Cardinality::ManyToOne } else { Cardinality::OneToMany };
            if self.is_sign("(") {
                matching.include = self.labels();
            }
        }
        self.fills(&mut matching);
        matching
    }

    /// `fill (…)`, or `fill_left (…)` and `fill_right (…)` in either order; without a parenthesis they are metrics.
    fn fills(&mut self, matching: &mut VectorMatching) {
        while matches!(self.ahead(1), TokenKind::Sign("(")) {
            let (left, right) = match self.word().map(str::to_ascii_lowercase).as_deref() {
                Some("fill") => (true, true),
                Some("fill_left") => (true, false),
                Some("fill_right") => (false, true),
                _ => return,
            };
            let repeated = (left && matching.fill_left.is_some()) || (right && matching.fill_right.is_some());
            if repeated {
                self.syntax(self.span(), "this side is filled already", None);
            }
            self.advance();
            let value = self.fill_value();
            if left {
                matching.fill_left = Some(value);
            }
            if right {
                matching.fill_right = Some(value);
            }
        }
    }

    fn fill_value(&mut self) -> f64 {
        let open = self.open(")");
        let value = self.signed_number();
        if value.is_none() {
            self.unexpected("a number", None);
        }
        self.close(&open, "`)`");
        value.unwrap_or_default()
    }

    /// A number or duration (in seconds) with at most one sign; `None` and nothing read if there is none.
    pub(super) fn signed_number(&mut self) -> Option<f64> {
        let signed = matches!(self.kind(), TokenKind::Sign("+" | "-"));
        let sign = if self.is_sign("-") { -1.0 } else { 1.0 };
        let value = match self.ahead(usize::from(signed)) {
            TokenKind::Number(value) => *value,
            TokenKind::Duration(millis) => *millis as f64 / 1000.0,
            _ => return None,
        };
        if signed {
            self.advance();
        }
        self.advance();
        Some(sign * value)
    }
}
