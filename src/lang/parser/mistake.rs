//! Mistakes that are often made: one error each, with what was probably meant, and the place to go on from.

use super::binary::power;
use super::expression::{CONNECTORS, starts_atom};
use super::{Node, Parser};
use crate::lang::lexer::TokenKind;
use crate::lang::{AggregateOp, BinaryOp, Cardinality, Span, VectorMatching, function, functions};
use crate::model::nearest;

/// The clauses between an operator and its right side that take labels.
const CLAUSES: [&str; 4] = ["on", "ignoring", "group_left", "group_right"];

/// Words of other languages between or before operands, and what to write instead.
const FOREIGN: [(&str, &str); 12] = [
    ("for", "`for` is a field of the rule, not a part of the expression"),
    ("not", "write `unless` for what must not be there, or `== 0`"),
    ("xor", "write `(a unless b) or (b unless a)`"),
    ("like", "conditions on labels stand in braces: `x{label=~\"…\"}`"),
    ("is", "write `==` to compare"),
    ("equals", "write `==` to compare"),
    ("if", "an expression is the condition itself: it yields what meets it"),
    ("when", "an expression is the condition itself: it yields what meets it"),
    ("then", "an expression is the condition itself: it yields what meets it"),
    ("where", "conditions on labels stand in braces: `x{label=\"…\"}`"),
    ("select", "write the metric's name alone"),
    ("between", "write `x > 1 < 5`"),
];

fn foreign(word: &str) -> Option<String> {
    let (_, hint) = FOREIGN.iter().find(|(foreign, _)| word.eq_ignore_ascii_case(foreign))?;
    Some((*hint).to_owned())
}

impl<'a> Parser<'a> {
    /// The word before the current token.
    fn word_before(&self) -> Option<&'a str> {
        let before = self.tokens.get(self.at.checked_sub(1)?)?;
        (before.kind == TokenKind::Word).then(|| &self.text[before.span.clone()])
    }

    /// Whether a string ends right before the current token.
    pub(super) fn is_behind_text(&self) -> bool {
        self.at > 0
            && matches!(self.tokens[self.at - 1].kind, TokenKind::Text(_))
            && self.last_end() == self.span().start
            && matches!(self.kind(), TokenKind::Word | TokenKind::Number(_) | TokenKind::Text(_))
    }

    /// What the token that stands in an operator's place was probably meant to be.
    pub(super) fn connector_hint(&self) -> Option<String> {
        let before = self.at.checked_sub(1).map(|last| &self.tokens[last].kind);
        match (before, self.kind()) {
            (_, TokenKind::Sign("=")) => return Some("write `==` to compare".to_owned()),
            (_, TokenKind::Sign("=~" | "!~")) => {
                return Some("conditions on labels stand in braces: `x{label=~\"…\"}`".to_owned());
            }
            (Some(TokenKind::Sign("}")), TokenKind::Sign("{")) => {
                return Some("join the conditions with a comma: `{a=\"1\", b=\"2\"}`".to_owned());
            }
            (Some(TokenKind::Number(_)), TokenKind::Sign(",")) => {
                return Some("numbers have no commas: write `1000` or `1_000`".to_owned());
            }
            (_, TokenKind::Sign(",")) => {
                return Some("an expression yields one result: write `or` to join two".to_owned());
            }
            _ if self.is_behind_text() => {
                return Some("the string ends before it: write `\\` before quotes inside a string".to_owned());
            }
            (Some(TokenKind::Number(_) | TokenKind::Duration(_)), TokenKind::Duration(_) | TokenKind::Word)
                if self.is_split_duration() =>
            {
                return Some("write a duration without blanks, such as `1h30m`".to_owned());
            }
            _ => {}
        }
        if let Some(hint) = self.word_before().and_then(foreign) {
            return Some(hint);
        }
        let word = self.word()?.to_ascii_lowercase();
        if matches!(word.as_str(), "by" | "without") {
            return Some(format!("`{word}` follows an aggregation such as `sum(…)`"));
        }
        if CLAUSES.contains(&word.as_str()) || word == "bool" {
            return Some(format!("`{word}` follows an operator: `a * on (label) b`, `a > bool b`"));
        }
        // One or two letters are near to too many words.
        foreign(&word).or_else(|| {
            let near = if word.len() < 3 { None } else { nearest(&word, CONNECTORS) };
            near.map(|name| format!("did you mean `{name}`?"))
        })
    }

    /// Whether a unit or a further part of a duration stands behind a blank.
    fn is_split_duration(&self) -> bool {
        const UNITS: [&str; 7] = ["y", "w", "d", "h", "m", "s", "ms"];
        matches!(self.kind(), TokenKind::Duration(_)) || self.word().is_some_and(|word| UNITS.contains(&word))
    }

    /// Reports that no operand stands here.
    pub(super) fn no_operand(&mut self) {
        // What is open at the end is reported as never closed.
        if *self.kind() == TokenKind::End && !self.closers.is_empty() {
            return;
        }
        let percent = self.at > 1
            && self.tokens[self.at - 1].kind == TokenKind::Sign("%")
            && matches!(self.tokens[self.at - 2].kind, TokenKind::Number(_));
        let hint = match self.kind() {
            _ if percent => Some("`%` is the remainder of a division: write a share such as `0.05`".to_owned()),
            TokenKind::Sign("[") => Some("a range follows a metric: `x[5m]`".to_owned()),
            TokenKind::Sign(sign) if self.at > 0 && is_operator(sign) => {
                let before = &self.text[self.tokens[self.at - 1].span.clone()];
                is_operator(before).then(|| format!("two operators follow one another: remove `{before}` or `{sign}`"))
            }
            _ => None,
        };
        self.unexpected("an expression", hint);
    }

    /// Reports a function that is not known; a clause such as `onn (…)` is read on with its operand.
    pub(super) fn unknown_function(&mut self, name: &str, span: &Span) {
        let names = functions().iter().map(|function| function.name);
        let names = names.chain(AggregateOp::ALL.iter().map(|(name, _)| *name)).chain(CLAUSES);
        let near = nearest(&name.to_lowercase(), names);
        let hint = foreign(name).or_else(|| Some(format!("did you mean `{}`?", near?)));
        let hint = hint.or_else(|| {
            let similar = match name.to_ascii_lowercase().as_str() {
                "percentile" | "median" => "quantile",
                "mean" | "average" => "avg",
                "len" | "size" | "total" => "count",
                "last" | "latest" => "last_over_time",
                "now" | "unixtime" => "time",
                "holt_winters" => "double_exponential_smoothing",
                "log" => "ln",
                "pow" => "^",
                _ => return None,
            };
            Some(format!("write `{similar}`"))
        });
        self.meaning(span.clone(), format!("there is no function `{name}`"), hint);
    }

    /// Reads over a misspelled clause where an operand should begin, such as `onn (a) b` and `grup_left b`.
    pub(super) fn mistaken_matching(&mut self) -> Option<VectorMatching> {
        let word = self.word()?;
        // With labels it is followed by an operand; without it stands beside one.
        let next = self.ahead(1);
        let has_labels = *next == TokenKind::Sign("(");
        let beside =
            starts_atom(next) && !matches!(next, TokenKind::Sign("{")) && !has_labels && !self.is_connector_ahead();
        if word.len() < 3 || !(beside || (has_labels && function(word).is_none() && self.closes_before_operand())) {
            return None;
        }
        let near = nearest(&word.to_lowercase(), CLAUSES)?;
        if CLAUSES.iter().any(|clause| word.eq_ignore_ascii_case(clause)) {
            return None;
        }
        let hint = format!("did you mean `{near}`?");
        self.syntax(self.span(), format!("expected an operand or a clause, found `{word}`"), Some(hint));
        self.advance();
        if has_labels {
            self.labels();
        }
        let mut matching = self.matching();
        matching.cardinality = Cardinality::OneToOne;
        Some(matching)
    }

    /// Whether the next token is a word that can stand between operands.
    fn is_connector_ahead(&self) -> bool {
        let next = &self.tokens[(self.at + 1).min(self.tokens.len() - 1)];
        let word = &self.text[next.span.clone()];
        next.kind == TokenKind::Word
            && (CONNECTORS.iter().any(|connector| word.eq_ignore_ascii_case(connector))
                || word.eq_ignore_ascii_case("bool"))
    }

    /// Whether a list of labels stands behind the current word, and an operand behind that.
    fn closes_before_operand(&self) -> bool {
        let mut at = self.at + 2;
        while let Some(token) = self.tokens.get(at) {
            match token.kind {
                TokenKind::Sign(")") => return self.tokens.get(at + 1).is_some_and(|next| starts_atom(&next.kind)),
                TokenKind::Word | TokenKind::Text(_) | TokenKind::Sign(",") => at += 1,
                _ => return false,
            }
        }
        false
    }

    /// The name of the function or aggregator `word` if its argument stands beside it without a parenthesis.
    pub(super) fn lacks_parenthesis(&self, word: &str) -> Option<&'static str> {
        let next = self.ahead(1);
        let operand = starts_atom(next) && !matches!(next, TokenKind::Sign("(" | "{") | TokenKind::Bad);
        if !operand || self.is_connector_ahead() {
            return None;
        }
        let next = &self.tokens[self.at + 1];
        // `rate ofset 5m` is a metric of that name.
        let near = nearest(&self.text[next.span.clone()].to_lowercase(), CONNECTORS);
        if near.is_some_and(|near| !matches!(near, "by" | "without") && near.len() > 3) {
            return None;
        }
        let aggregator = AggregateOp::ALL.iter().find(|(name, _)| word.eq_ignore_ascii_case(name));
        aggregator.map(|(name, _)| *name).or_else(|| function(word).map(|function| function.name))
    }

    /// Reports that `(` is missing after `name`, and reads on behind what should stand in it.
    pub(super) fn without_parenthesis(&mut self, name: &'static str) -> Node {
        let is_aggregator = function(name).is_none();
        let expected = if is_aggregator { "`(`, `by` or `without`" } else { "`(`" };
        let split_by = is_aggregator
            && self.is_keyword("b")
            && matches!(self.ahead(1), TokenKind::Word)
            && matches!(self.ahead(2), TokenKind::Sign("("));
        let word = self.word().unwrap_or_default().to_lowercase();
        let near = if is_aggregator { nearest(&word, ["by", "without"]) } else { None };
        let near = near.filter(|_| word.len() > 1 && *self.ahead(1) == TokenKind::Sign("("));
        let hint = match near.or(split_by.then_some("by")) {
            Some(clause) => format!("did you mean `{clause}`?"),
            None => format!("write `{name}(…)`"),
        };
        self.unexpected(&format!("{expected} after `{name}`"), Some(hint));
        if split_by {
            self.advance();
        }
        if split_by || near.is_some() {
            self.advance();
            self.labels();
            if self.is_sign("(") {
                self.arguments();
            }
            return self.placeholder();
        }
        loop {
            let last = self.expression(power(BinaryOp::Pow).left + 1);
            // Arguments beside one another, unless they are those of something around.
            if self.closers.is_empty() && self.take_sign(",").is_some() && starts_atom(self.kind()) {
                continue;
            }
            return last;
        }
    }

    /// Reports labels without parentheses, and reads over them.
    pub(super) fn bare_labels(&mut self) {
        let mut labels = Vec::new();
        let mut at = self.at;
        while let Some(token) = self.tokens.get(at)
            && token.kind == TokenKind::Word
            && !CLAUSES.contains(&&self.text[token.span.clone()])
        {
            labels.push(&self.text[token.span.clone()]);
            let comma = self.tokens.get(at + 1).is_some_and(|next| next.kind == TokenKind::Sign(","));
            let word = self.tokens.get(at + 2).is_some_and(|next| next.kind == TokenKind::Word);
            if !(comma && word && self.closers.is_empty()) {
                break;
            }
            at += 2;
        }
        let hint = if labels.is_empty() {
            "write the labels in parentheses".to_owned()
        } else {
            format!("write `({})`", labels.join(", "))
        };
        let count = labels.len();
        self.unexpected("`(` and labels", Some(hint));
        for _ in 0..(2 * count).saturating_sub(1) {
            self.advance();
        }
    }

    /// Reports two conditions without a comma between them; false if what stands here begins no condition.
    pub(super) fn missing_comma(&mut self) -> bool {
        let joins = ["and", "or"].into_iter().find(|word| self.is_keyword(word));
        let begins = |kind: &TokenKind| matches!(kind, TokenKind::Word | TokenKind::Text(_));
        let ahead = if joins.is_some() { self.ahead(1) } else { self.kind() };
        if !begins(ahead) {
            return false;
        }
        let hint = match joins {
            Some("or") => "write several values as `label=~\"a|b\"`, several selectors as `x{…} or x{…}`",
            _ => "separate conditions with `,`: all of them must hold",
        };
        self.unexpected("`,` or `}`", Some(hint.to_owned()));
        if joins.is_some() {
            self.advance();
        }
        true
    }

    /// What was probably meant behind the label `name`.
    pub(super) fn condition_hint(&self, name: &str) -> Option<String> {
        match self.kind() {
            TokenKind::Sign("}" | ",") => Some(format!("write `{name}!=\"\"` for any value")),
            TokenKind::Sign(":") => Some("write `=`".to_owned()),
            TokenKind::Sign("<" | ">" | "<=" | ">=") => {
                Some("labels are texts: compare with `=`, `!=`, `=~` or `!~`".to_owned())
            }
            TokenKind::Word if self.is_keyword("in") => Some(format!("write `{name}=~\"a|b\"`")),
            TokenKind::Text(_) => Some("write `=` before the value".to_owned()),
            _ => None,
        }
    }
}

/// Whether `sign` stands between operands.
fn is_operator(sign: &str) -> bool {
    matches!(sign, "==" | "!=" | ">" | "<" | ">=" | "<=" | "+" | "-" | "*" | "/" | "%" | "^" | "</" | ">/")
}
