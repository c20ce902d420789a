//! The Pratt loop and the atoms.

use super::{Node, Parser};
use crate::lang::lexer::TokenKind;
use crate::lang::{AggregateOp, ExprKind, Number, NumberForm, UnaryOp};
use crate::model::nearest;

/// What may stand after an operand, for the nearest-name hint.
const CONNECTORS: [&str; 9] = ["and", "or", "unless", "atan2", "offset", "anchored", "smoothed", "by", "without"];

/// Words that are never a metric's name.
const RESERVED: [&str; 6] = ["bool", "on", "ignoring", "group_left", "group_right", "atan2"];

/// Whether an operand without signs can begin with this token.
fn starts_atom(kind: &TokenKind) -> bool {
    use TokenKind::*;
    matches!(kind, Number(_) | Duration(_) | Text(_) | Word | Sign("(" | "{"))
}

/// The form of a number that was written as `text`.
fn number_form(text: &str) -> NumberForm {
    // More digits than a float holds are not all printed.
    const DIGITS_MAX: usize = 15;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "1"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let shortest = (whole == "0" || !whole.starts_with('0')) && !fraction.ends_with('0') && text.len() <= DIGITS_MAX;
    let plain = text.starts_with(|first: char| first.is_ascii_alphabetic());
    if plain || (shortest && digits(whole) && digits(fraction)) {
        NumberForm::Decimal
    } else {
        NumberForm::Written(text.into())
    }
}

/// Whether `name` can be written bare as a metric's name.
pub(in crate::lang) fn is_bare_metric(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    crate::model::is_metric_name(name) && !RESERVED.contains(&lower.as_str()) && lower != "inf" && lower != "nan"
}

impl Parser<'_> {
    /// An expression and nothing after it.
    pub(super) fn whole_expression(&mut self) -> Node {
        if *self.kind() == TokenKind::End && self.faults.is_empty() {
            self.syntax(self.span(), "the expression is empty", None);
        }
        let node = self.expression(0);
        while *self.kind() != TokenKind::End {
            self.left_over();
        }
        node
    }

    /// Reports what stands where an operator or the end should, and reads on behind it.
    fn left_over(&mut self) {
        match self.kind() {
            TokenKind::Sign(")" | "]" | "}") => {
                let sign = &self.text[self.span()];
                self.syntax(self.span(), format!("this `{sign}` closes nothing"), None);
            }
            _ => self.unexpected("an operator or the end", self.connector_hint()),
        }
        // What stands between two operands was meant to join them.
        if !self.starts_atom() || (self.word().is_some() && starts_atom(self.ahead(1))) {
            self.advance();
        }
        if self.starts_atom() {
            self.expression(0);
        }
    }

    /// What the token that stands in an operator's place was probably meant to be.
    fn connector_hint(&self) -> Option<String> {
        match self.kind() {
            TokenKind::Sign("=") => return Some("write `==` to compare".to_owned()),
            TokenKind::Sign("=~" | "!~") => {
                return Some("conditions on labels stand in braces: `x{label=~\"…\"}`".to_owned());
            }
            _ => {}
        }
        // One or two letters are near to too many words.
        let word = self.word()?.to_ascii_lowercase();
        if matches!(word.as_str(), "by" | "without") {
            return Some(format!("`{word}` follows an aggregation such as `sum(…)`"));
        }
        if word.len() < 3 {
            return None;
        }
        nearest(&word, CONNECTORS).map(|name| format!("did you mean `{name}`?"))
    }

    /// An expression of operators that bind at least as strongly as `floor`.
    pub(super) fn expression(&mut self, floor: u8) -> Node {
        match self.nested(|parser| parser.operations(floor)) {
            Some(node) => node,
            None => self.placeholder(),
        }
    }

    fn operations(&mut self, floor: u8) -> Node {
        let mut left = self.prefixed();
        while let Some((op, power)) = self.peek_operator()
            && power.left >= floor
        {
            left = self.binary(left, op, power.right);
        }
        left
    }

    /// An operand with the signs before it and the modifiers after it.
    fn prefixed(&mut self) -> Node {
        let op = match self.kind() {
            TokenKind::Sign("-") => UnaryOp::Minus,
            TokenKind::Sign("+") => UnaryOp::Plus,
            _ => {
                let atom = self.atom();
                return self.modified(atom);
            }
        };
        let start = self.advance().start;
        let operand = self.expression(super::binary::SIGN_POWER);
        let span = start..operand.expr.span.end;
        match operand.expr.kind {
            ExprKind::Number(number) => {
                let value = if op == UnaryOp::Minus { -number.value } else { number.value };
                self.node(ExprKind::Number(Number { value, ..number }), span, 0)
            }
            _ => self.node(ExprKind::Unary(op, Box::new(operand.expr)), span, operand.height),
        }
    }

    fn starts_atom(&self) -> bool {
        starts_atom(self.kind())
    }

    fn atom(&mut self) -> Node {
        if !self.starts_atom() {
            self.unexpected("an expression", None);
            while !self.starts_atom() {
                if matches!(self.kind(), TokenKind::End | TokenKind::Sign("," | ")")) {
                    return self.placeholder();
                }
                self.advance();
            }
        }
        match self.kind().clone() {
            TokenKind::Number(value) => {
                let form = number_form(&self.text[self.span()]);
                self.leaf(ExprKind::Number(Number { value, form }))
            }
            TokenKind::Duration(millis) => {
                let value = millis as f64 / 1000.0;
                self.leaf(ExprKind::Number(Number { value, form: NumberForm::Duration }))
            }
            TokenKind::Text(text) => self.leaf(ExprKind::String(text)),
            TokenKind::Sign("(") => self.parenthesis(),
            TokenKind::Word => self.named(),
            _ => self.selector(),
        }
    }

    fn leaf(&mut self, kind: ExprKind) -> Node {
        let span = self.advance();
        self.node(kind, span, 0)
    }

    fn parenthesis(&mut self) -> Node {
        let open = self.advance();
        let inner = self.expression(0);
        self.close(&open, ")", "an operator or `)`");
        let span = open.start..self.last_end();
        self.node(ExprKind::Paren(Box::new(inner.expr)), span, inner.height)
    }

    /// An aggregation, a call or a selector: what starts with a word.
    fn named(&mut self) -> Node {
        let word = self.word().unwrap_or_default();
        let lower = word.to_ascii_lowercase();
        let called = matches!(self.ahead(1), TokenKind::Sign("("));
        if let Some((_, op)) = AggregateOp::ALL.iter().find(|(name, _)| *name == lower) {
            let next = &self.tokens[(self.at + 1).min(self.tokens.len() - 1)];
            let next_word = &self.text[next.span.clone()];
            if called || next_word.eq_ignore_ascii_case("by") || next_word.eq_ignore_ascii_case("without") {
                return self.aggregate(*op);
            }
        }
        if RESERVED.contains(&lower.as_str()) {
            let hint = format!("a metric of this name is written `{{\"{word}\"}}`");
            self.syntax(self.span(), format!("`{word}` is a keyword and cannot stand here"), Some(hint));
            self.advance();
            if self.is_sign("(") {
                let open = self.advance();
                self.skip_to(&[")"]);
                self.close(&open, ")", "`)`");
            }
            return self.placeholder();
        }
        if called { self.call() } else { self.selector() }
    }
}
