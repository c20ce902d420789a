//! Selectors and their conditions.

use super::{Node, Parser};
use crate::lang::lexer::TokenKind;
use crate::lang::{ExprKind, Selector};
use crate::model::{METRIC_NAME, MatchOp, Matcher};

impl Parser<'_> {
    /// `name`, `name { … }` or `{ … }`; a word or a brace stands here.
    pub(super) fn selector(&mut self) -> Node {
        let start = self.span().start;
        let mut selector = Selector { name: None, matchers: Vec::new(), at: None, offset: None, extension: None };
        if let Some(name) = self.word() {
            self.advance();
            selector.name = Some(name.to_owned());
            selector.matchers.push(Matcher::equal(METRIC_NAME, name));
        }
        let is_bare = selector.name.is_some();
        if self.is_sign("{") {
            self.conditions(&mut selector);
        }
        let names = selector.matchers.iter().filter(|matcher| matcher.name() == METRIC_NAME).count();
        if !is_bare && names != 1 {
            selector.name = None;
        }
        let span = start..self.last_end();
        self.node(ExprKind::Selector(selector), span, 0)
    }

    /// `{ a = "b" , "metric" , }`
    fn conditions(&mut self, selector: &mut Selector) {
        let open = self.open("}");
        while !self.is_sign("}") && *self.kind() != TokenKind::End {
            if !self.condition(selector) {
                self.skip_to(&[",", "}"]);
            }
            if self.take_sign(",").is_none() && !self.missing_comma() {
                break;
            }
        }
        self.close(&open, "`,` or `}`");
    }

    /// One condition; false after a fault.
    fn condition(&mut self, selector: &mut Selector) -> bool {
        let (name, quoted) = match self.kind() {
            TokenKind::Text(text) => (text.clone(), true),
            TokenKind::Word => (self.text[self.span()].to_owned(), false),
            _ => {
                self.unexpected("a label or `}`", None);
                return false;
            }
        };
        let name_span = self.advance();
        let op = match self.kind() {
            TokenKind::Sign("=") => MatchOp::Equal,
            TokenKind::Sign("!=") => MatchOp::NotEqual,
            TokenKind::Sign("=~") => MatchOp::Regex,
            TokenKind::Sign("!~") => MatchOp::NotRegex,
            TokenKind::Sign("," | "}") if quoted => {
                selector.matchers.push(Matcher::equal(METRIC_NAME, name.as_str()));
                if selector.name.is_none() && !name.is_empty() {
                    selector.name = Some(name);
                }
                return true;
            }
            TokenKind::Sign("==") => {
                self.unexpected("one of `=`, `!=`, `=~`, `!~`", Some("write `=`".to_owned()));
                MatchOp::Equal
            }
            _ => {
                let hint = self.condition_hint(&name);
                self.unexpected("one of `=`, `!=`, `=~`, `!~`", hint);
                return false;
            }
        };
        self.advance();
        let TokenKind::Text(value) = self.kind() else {
            let quotable = matches!(self.kind(), TokenKind::Word | TokenKind::Number(_) | TokenKind::Duration(_));
            let hint = quotable.then(|| format!("quote it: `\"{}\"`", &self.text[self.span()]));
            self.unexpected("a quoted string", hint);
            if quotable || *self.kind() == TokenKind::Bad {
                self.advance();
                return matches!(self.kind(), TokenKind::Sign("," | "}"));
            }
            return false;
        };
        let value = value.clone();
        let value_span = self.advance();
        match Matcher::new(name, op, value) {
            Ok(matcher) => selector.matchers.push(matcher),
            Err(error) => self.meaning(name_span.start..value_span.end, error.to_string(), None),
        }
        true
    }
}
