//! Tokens into a tree: a Pratt loop over the lexer's tokens that goes on after an error.

mod binary;
mod call;
mod duration;
mod expression;
mod mistake;
mod modifier;
mod selector;

pub(super) use binary::power;
pub(super) use call::count;
pub(super) use expression::is_bare_metric;

use super::error::{Faults, ParseErrorKind, ParseErrors};
use super::lexer::{self, Token, TokenKind, tokens};
use super::{Expr, ExprKind, Number, NumberForm, Span, check};
use crate::model::Matcher;

/// The longest text that is read, in bytes.
pub const TEXT_BYTES_MAX: usize = 1 << 20;
/// How deep parentheses, calls and signs may nest.
pub const NESTING_MAX: usize = 100;
/// How high a tree may grow, chains such as `a + b + c` included: a bound for whoever walks it recursively.
pub const TREE_HEIGHT_MAX: usize = 256;

/// Reads an expression and checks its names and types.
///
/// # Errors
///
/// Every fault that was found: of syntax, or if there is none, of meaning.
pub fn parse(text: &str) -> Result<Expr, ParseErrors> {
    whole(&mut Parser::new(text))
}

/// An expression as [`parse`] reads it, with the bytes of its comments in order.
pub(super) fn commented(text: &str) -> Result<(Expr, Vec<Span>), ParseErrors> {
    let mut parser = Parser::new(text);
    let expr = whole(&mut parser)?;
    Ok((expr, lexer::comments(text, &parser.tokens)))
}

/// The bytes of every comment of `text`, from `#` up to the end of the line, in order; of unreadable text those that were found.
pub fn comments(text: &str) -> Vec<Span> {
    lexer::comments(text, &Parser::new(text).tokens)
}

fn whole(parser: &mut Parser<'_>) -> Result<Expr, ParseErrors> {
    let node = parser.whole_expression();
    if parser.faults.is_empty() {
        check::check(&node.expr, parser.text, &mut parser.faults);
    }
    match std::mem::take(&mut parser.faults).finish(parser.text) {
        None => Ok(node.expr),
        Some(errors) => Err(errors),
    }
}

/// Reads a selector such as `{a="b",c=~"d"}` or `up{job="api"}` into its conditions, the metric's name included.
///
/// # Errors
///
/// Every fault that was found; a selector that matches everything is none.
pub fn parse_matchers(text: &str) -> Result<Vec<Matcher>, ParseErrors> {
    let mut parser = Parser::new(text);
    let node = match parser.kind() {
        TokenKind::Word | TokenKind::Sign("{") => parser.selector(),
        _ => {
            parser.unexpected("a selector such as `{job=\"api\"}`", None);
            parser.placeholder()
        }
    };
    if *parser.kind() != TokenKind::End {
        parser.unexpected("the end of the selector", None);
    }
    match (parser.faults.finish(parser.text), node.expr.kind) {
        (None, ExprKind::Selector(selector)) => Ok(selector.matchers),
        (None, _) => Ok(Vec::new()),
        (Some(errors), _) => Err(errors),
    }
}

/// An expression and the height of its tree.
struct Node {
    expr: Expr,
    height: usize,
}

/// Reads tokens; every method that reads a part yields one, a placeholder after a fault.
struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    /// The signs that close what is open, outermost first.
    closers: Vec<&'static str>,
    faults: Faults,
    /// The rest of the text was given up: what is missing from here on is no fault.
    halted: bool,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Self {
        let mut faults = Faults::default();
        if text.len() > TEXT_BYTES_MAX {
            let message = format!("the expression is longer than {TEXT_BYTES_MAX} bytes");
            faults.add(ParseErrorKind::Limit, 0..0, message, None);
            let end = Token { kind: TokenKind::End, span: 0..0 };
            return Parser { text: "", tokens: vec![end], at: 0, depth: 0, closers: Vec::new(), faults, halted: false };
        }
        let tokens = tokens(text, &mut faults);
        Parser { text, tokens, at: 0, depth: 0, closers: Vec::new(), faults, halted: false }
    }

    /// The current token; past the end it is the end.
    fn kind(&self) -> &TokenKind {
        self.ahead(0)
    }

    /// The token `distance` after the current one.
    fn ahead(&self, distance: usize) -> &TokenKind {
        &self.tokens[(self.at + distance).min(self.tokens.len() - 1)].kind
    }

    /// The bytes of the current token.
    fn span(&self) -> Span {
        self.tokens[self.at].span.clone()
    }

    /// The end of the token before the current one.
    fn last_end(&self) -> usize {
        self.at.checked_sub(1).map_or(0, |last| self.tokens[last].span.end)
    }

    /// The current token as a word.
    fn word(&self) -> Option<&'a str> {
        (*self.kind() == TokenKind::Word).then(|| &self.text[self.span()])
    }

    /// Steps over the current token; yields its bytes.
    fn advance(&mut self) -> Span {
        let span = self.span();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        span
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.kind(), TokenKind::Sign(found) if *found == sign)
    }

    /// Whether the current token is this keyword, in any case.
    fn is_keyword(&self, keyword: &str) -> bool {
        self.word().is_some_and(|word| word.eq_ignore_ascii_case(keyword))
    }

    /// Steps over `sign` if it stands here.
    fn take_sign(&mut self, sign: &str) -> Option<Span> {
        self.is_sign(sign).then(|| self.advance())
    }

    /// Steps over `keyword` if it stands here.
    fn take_keyword(&mut self, keyword: &str) -> Option<Span> {
        self.is_keyword(keyword).then(|| self.advance())
    }

    fn syntax(&mut self, span: Span, message: impl Into<String>, hint: Option<String>) {
        self.fault(ParseErrorKind::Syntax, span, message.into(), hint);
    }

    fn meaning(&mut self, span: Span, message: impl Into<String>, hint: Option<String>) {
        self.fault(ParseErrorKind::Meaning, span, message.into(), hint);
    }

    /// Reports a limit and gives up on the rest of the text.
    fn limit(&mut self, span: Span, message: String) {
        self.fault(ParseErrorKind::Limit, span, message, None);
        self.halt();
    }

    fn fault(&mut self, kind: ParseErrorKind, span: Span, message: String, hint: Option<String>) {
        if self.halted {
            return;
        }
        self.faults.add(kind, span, message, hint);
        if self.faults.is_full() {
            self.halt();
        }
    }

    fn halt(&mut self) {
        self.halted = true;
        self.at = self.tokens.len() - 1;
    }

    /// Whether the token before the current one is unreadable, which is reported already.
    fn is_after_bad(&self) -> bool {
        self.at > 0 && self.tokens[self.at - 1].kind == TokenKind::Bad
    }

    /// Reports that the current token is not what was `expected`.
    fn unexpected(&mut self, expected: &str, hint: Option<String>) {
        let found = match self.kind() {
            TokenKind::Bad => return,
            _ if self.is_after_bad() => return,
            TokenKind::End => "the end".to_owned(),
            _ => format!("`{}`", shorten(&self.text[self.span()])),
        };
        self.syntax(self.span(), format!("expected {expected}, found {found}"), hint);
    }

    /// Steps over `sign` or reports its absence.
    fn expect_sign(&mut self, sign: &str, expected: &str) -> bool {
        let there = self.take_sign(sign).is_some();
        if !there {
            self.unexpected(expected, None);
        }
        there
    }

    /// Steps over an opening sign, which `close` closes; yields its bytes.
    fn open(&mut self, close: &'static str) -> Span {
        self.closers.push(close);
        self.advance()
    }

    /// Steps over the sign that closes the one at `open`, skipping what stands before it after a fault.
    fn close(&mut self, open: &Span, expected: &str) {
        let Some(close) = self.closers.pop() else { return };
        if self.take_sign(close).is_some() {
            return;
        }
        match self.kind() {
            TokenKind::End if self.is_after_bad() => {}
            TokenKind::End => self.never_closed(open, close),
            TokenKind::Sign(found @ (")" | "]" | "}")) if self.closers.contains(found) => {
                self.never_closed(open, close)
            }
            TokenKind::Sign(")" | "]" | "}") => {
                self.unexpected(&format!("`{close}`"), Some(format!("write `{close}`")));
                self.advance();
            }
            _ => {
                self.unexpected(expected, self.inside_hint(close));
                self.skip_to(&[close]);
                self.take_sign(close);
            }
        }
    }

    fn never_closed(&mut self, open: &Span, close: &str) {
        let sign = &self.text[open.clone()];
        let place = match self.kind() {
            TokenKind::End => String::new(),
            _ => format!(" before `{}`", &self.text[self.span()]),
        };
        self.syntax(open.clone(), format!("this `{sign}` is never closed"), Some(format!("add a `{close}`{place}")));
    }

    /// What was probably meant where a sign or the closing `close` should stand.
    fn inside_hint(&self, close: &str) -> Option<String> {
        let clause = self.is_keyword("by") || self.is_keyword("without");
        if clause && close == ")" {
            return Some("close the parenthesis before it: `sum(…) by (…)`".to_owned());
        }
        self.connector_hint()
    }

    /// Skips to one of `signs` or the end, over whole pairs of parentheses, brackets and braces.
    fn skip_to(&mut self, signs: &[&str]) {
        let mut open = 0_usize;
        while *self.kind() != TokenKind::End {
            match self.kind() {
                TokenKind::Sign(sign) if open == 0 && signs.contains(sign) => return,
                TokenKind::Sign("(" | "[" | "{") => open += 1,
                // What closes more than was opened closes something further out.
                TokenKind::Sign(")" | "]" | "}") if open == 0 => return,
                TokenKind::Sign(")" | "]" | "}") => open -= 1,
                _ => {}
            }
            self.advance();
        }
    }

    /// Stands in for what could not be read.
    fn placeholder(&self) -> Node {
        let number = Number { value: f64::NAN, form: NumberForm::Decimal };
        Node { expr: Expr { kind: ExprKind::Number(number), span: self.span() }, height: 1 }
    }

    /// A node over children of which the highest has `height`.
    fn node(&mut self, kind: ExprKind, span: Span, height: usize) -> Node {
        if height >= TREE_HEIGHT_MAX {
            let message = format!("more than {TREE_HEIGHT_MAX} operations hang on one another");
            self.limit(span, message);
            return self.placeholder();
        }
        Node { expr: Expr { kind, span }, height: height + 1 }
    }

    /// Runs `read` one level deeper, or yields `None` where the text nests too deeply.
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.depth >= NESTING_MAX {
            self.limit(self.span(), format!("the expression nests deeper than {NESTING_MAX} levels"));
            return None;
        }
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        Some(value)
    }
}

/// `text` cut to a length fit for a message.
pub(in crate::lang) fn shorten(text: &str) -> String {
    const CHARS_MAX: usize = 40;
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
