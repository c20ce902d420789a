//! The Pratt loop and the atoms.

use super::{Node, Parser};
use crate::lang::lexer::TokenKind;
use crate::lang::{AggregateOp, ExprKind, Number, NumberForm, UnaryOp};

/// What may stand after an operand, for the nearest-name hint.
pub(super) const CONNECTORS: [&str; 11] =
    ["and", "or", "unless", "atan2", "offset", "anchored", "smoothed", "by", "without", "group_left", "group_right"];

/// Words that are never a metric's name.
const RESERVED: [&str; 6] = ["bool", "on", "ignoring", "group_left", "group_right", "atan2"];

/// Whether an operand without signs can begin with this token.
pub(super) fn starts_atom(kind: &TokenKind) -> bool {
    use TokenKind::*;
    matches!(kind, Number(_) | Duration(_) | Text(_) | Word | Sign("(" | "{") | Bad)
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
        if self.tokens.len() == 1 && self.faults.is_empty() {
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
                self.syntax(self.span(), format!("this `{sign}` closes nothing"), Some("remove it".to_owned()));
                self.advance();
                // Its parenthesis is closed too early: the clause is well.
                if self.take_keyword("by").is_some() || self.take_keyword("without").is_some() {
                    self.labels();
                }
                return self.go_on();
            }
            _ => self.unexpected("an operator or the end", self.connector_hint()),
        }
        if self.is_behind_text() {
            // Where a string ended too early, the quotes that follow are the wrong way round.
            self.faults.forget_after(self.span().start);
            return self.halt();
        }
        // What stands between two operands was meant to join them.
        if !self.starts_atom() || (self.word().is_some() && starts_atom(self.ahead(1))) {
            self.advance();
        }
        if self.starts_atom() {
            self.expression(0);
        }
    }

    /// Reads on behind what was left over, as if an operand stood there.
    fn go_on(&mut self) {
        while let Some((_, power)) = self.peek_operator() {
            self.advance();
            self.matching();
            self.expression(power.right);
        }
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
            self.no_operand();
            while !self.starts_atom() {
                match self.kind() {
                    TokenKind::End | TokenKind::Sign("," | ")") => return self.placeholder(),
                    TokenKind::Sign("[") => {
                        let open = self.open("]");
                        self.skip_to(&["]"]);
                        self.close(&open, "`]`");
                        return self.placeholder();
                    }
                    TokenKind::Sign("]" | "}") if self.closers.iter().any(|close| self.is_sign(close)) => {
                        return self.placeholder();
                    }
                    _ => drop(self.advance()),
                }
            }
        }
        match *self.kind() {
            TokenKind::Number(value) => {
                let form = number_form(&self.text[self.span()]);
                self.leaf(ExprKind::Number(Number { value, form }))
            }
            TokenKind::Duration(millis) => {
                let value = millis as f64 / 1000.0;
                self.leaf(ExprKind::Number(Number { value, form: NumberForm::Duration }))
            }
            TokenKind::Text(_) => {
                let text = match &mut self.tokens[self.at].kind {
                    TokenKind::Text(text) => std::mem::take(text),
                    _ => String::new(),
                };
                self.leaf(ExprKind::String(text))
            }
            TokenKind::Bad => {
                self.advance();
                self.placeholder()
            }
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
        let open = self.open(")");
        let inner = self.expression(0);
        self.close(&open, "an operator or `)`");
        let span = open.start..self.last_end();
        self.node(ExprKind::Paren(Box::new(inner.expr)), span, inner.height)
    }

    /// An aggregation, a call or a selector: what starts with a word.
    fn named(&mut self) -> Node {
        let word = self.word().unwrap_or_default();
        let called = matches!(self.ahead(1), TokenKind::Sign("("));
        if let Some((_, op)) = AggregateOp::ALL.iter().find(|(name, _)| word.eq_ignore_ascii_case(name)) {
            let next = &self.tokens[(self.at + 1).min(self.tokens.len() - 1)];
            let next_word = &self.text[next.span.clone()];
            if called || next_word.eq_ignore_ascii_case("by") || next_word.eq_ignore_ascii_case("without") {
                return self.aggregate(*op);
            }
        }
        if let Some(name) = self.lacks_parenthesis(word) {
            self.advance();
            return self.without_parenthesis(name);
        }
        if RESERVED.iter().any(|reserved| word.eq_ignore_ascii_case(reserved)) {
            let hint = format!("a metric of this name is written `{{\"{word}\"}}`");
            self.syntax(self.span(), format!("`{word}` is a keyword and cannot stand here"), Some(hint));
            self.advance();
            if self.is_sign("(") {
                let open = self.open(")");
                self.skip_to(&[")"]);
                self.close(&open, "`)`");
            }
            return self.placeholder();
        }
        if called { self.call() } else { self.selector() }
    }
}
