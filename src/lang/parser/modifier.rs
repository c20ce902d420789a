//! What follows an operand: ranges, subqueries, `offset`, `@`, `anchored`, `smoothed`.

use super::duration::settled;
use super::{Node, Parser};
use crate::lang::lexer::TokenKind;
use crate::lang::{
    AtModifier, DurationExpr, DurationKind, Expr, ExprKind, RangeExtension, RangeSelector, Selector, Span, Subquery,
};

/// The parts of an operand that a modifier can set.
struct Modifiers<'e> {
    at: &'e mut Option<AtModifier>,
    offset: &'e mut Option<DurationExpr>,
}

/// The modifiers of a selector or subquery; `None` for anything else.
fn modifiers(kind: &mut ExprKind) -> Option<Modifiers<'_>> {
    match kind {
        ExprKind::Selector(selector) => Some(Modifiers { at: &mut selector.at, offset: &mut selector.offset }),
        ExprKind::Range(range) => Some(Modifiers { at: &mut range.selector.at, offset: &mut range.selector.offset }),
        ExprKind::Subquery(subquery) => Some(Modifiers { at: &mut subquery.at, offset: &mut subquery.offset }),
        _ => None,
    }
}

impl Parser<'_> {
    /// `node` with all modifiers that follow it.
    pub(super) fn modified(&mut self, mut node: Node) -> Node {
        loop {
            if self.is_sign("[") {
                node = self.ranged(node);
            } else if self.is_sign("@") {
                self.at_time(&mut node.expr);
            } else if self.is_keyword("offset") {
                self.offset(&mut node.expr);
            } else if self.is_keyword("anchored") {
                self.extended(&mut node.expr, RangeExtension::Anchored);
            } else if self.is_keyword("smoothed") {
                self.extended(&mut node.expr, RangeExtension::Smoothed);
            } else {
                return node;
            }
        }
    }

    /// `[range]` or `[range:step]`
    fn ranged(&mut self, node: Node) -> Node {
        let open = self.open("]");
        let (range, range_height) = self.positive_duration();
        let is_subquery = self.take_sign(":").is_some();
        let mut step = None;
        let mut height = range_height.max(node.height);
        if is_subquery && !self.is_sign("]") {
            let (length, step_height) = self.positive_duration();
            height = height.max(step_height);
            step = Some(length);
        }
        self.close(&open, if is_subquery { "a duration or `]`" } else { "`:` or `]`" });
        let brackets = open.start..self.last_end();
        let span = node.expr.span.start..brackets.end;
        if is_subquery {
            let subquery = Subquery { expr: node.expr, range, step, at: None, offset: None };
            return self.node(ExprKind::Subquery(Box::new(subquery)), span, height);
        }
        match node.expr.kind {
            ExprKind::Selector(selector) => {
                self.check_order(&selector, brackets);
                self.node(ExprKind::Range(Box::new(RangeSelector { selector, range })), span, height)
            }
            kind => {
                let text = self.text.get(open.end..brackets.end.saturating_sub(1)).unwrap_or("5m");
                let hint = match &kind {
                    ExprKind::Aggregate(_) => {
                        format!("aggregate last: `sum(rate(x[{text}]))`; or write a subquery: `[{text}:]`")
                    }
                    ExprKind::Number(_) | ExprKind::String(_) => "write it after a metric".to_owned(),
                    _ => format!("for anything else write a subquery: `[{text}:]`"),
                };
                self.meaning(brackets, "a range belongs right after a selector", Some(hint));
                Node { expr: Expr { kind, span }, height: node.height }
            }
        }
    }

    /// A range comes before the other modifiers.
    fn check_order(&mut self, selector: &Selector, brackets: Span) {
        let name = match (&selector.offset, selector.at) {
            (Some(_), _) => "offset",
            (None, Some(_)) => "@",
            (None, None) => return,
        };
        let hint = format!("write the range first: `x[5m] {name} …`");
        self.meaning(brackets, format!("the range must stand before `{name}`"), Some(hint));
    }

    fn offset(&mut self, expr: &mut Expr) {
        let keyword = self.advance();
        let offset = self.offset_duration();
        let span = expr.span.start..self.last_end();
        match modifiers(&mut expr.kind) {
            None => self.misplaced("offset", keyword),
            Some(modifiers) if modifiers.offset.is_some() => {
                self.meaning(keyword, "offset is set twice", None);
            }
            Some(modifiers) => *modifiers.offset = Some(offset),
        }
        expr.span = span;
    }

    fn at_time(&mut self, expr: &mut Expr) {
        let sign = self.advance();
        let at = self.at_value();
        let span = expr.span.start..self.last_end();
        match (modifiers(&mut expr.kind), at) {
            (None, _) => self.misplaced("@", sign),
            (Some(modifiers), Some(_)) if modifiers.at.is_some() => self.meaning(sign, "@ is set twice", None),
            (Some(modifiers), Some(at)) => *modifiers.at = Some(at),
            (Some(_), None) => {}
        }
        expr.span = span;
    }

    /// What stands after `@`.
    fn at_value(&mut self) -> Option<AtModifier> {
        let start = self.span().start;
        if let Some(seconds) = self.signed_number() {
            let millis = (seconds * 1000.0).round();
            // Beyond this a time does not fit the clock; NaN fails too.
            if millis.abs() < 9.2e18 {
                return Some(AtModifier::Millis(millis as i64));
            }
            self.meaning(start..self.last_end(), "this time is out of range", None);
            return None;
        }
        let fixed = if self.is_keyword("start") {
            AtModifier::Start
        } else if self.is_keyword("end") {
            AtModifier::End
        } else {
            self.unexpected("a Unix time in seconds, start() or end()", None);
            return None;
        };
        self.advance();
        (self.expect_sign("(", "`(`") && self.expect_sign(")", "`)`")).then_some(fixed)
    }

    fn extended(&mut self, expr: &mut Expr, extension: RangeExtension) {
        let keyword = self.advance();
        let word = self.text[keyword.clone()].to_ascii_lowercase();
        let selector = match &mut expr.kind {
            ExprKind::Selector(selector) => selector,
            ExprKind::Range(range) => &mut range.selector,
            _ => {
                let hint = "it follows a selector: `x[5m] anchored`".to_owned();
                return self.meaning(keyword, format!("{word} cannot stand here"), Some(hint));
            }
        };
        if selector.extension.is_some_and(|known| known != extension) {
            return self.meaning(keyword, "anchored and smoothed exclude each other", None);
        }
        selector.extension = Some(extension);
        expr.span.end = keyword.end;
    }

    fn misplaced(&mut self, name: &str, span: Span) {
        let hint = format!("write it inside, such as `sum(x {name} …)`, or add a subquery before it");
        self.meaning(span, format!("{name} belongs after a selector or subquery"), Some(hint));
    }

    /// A duration that is not a literal of zero or less, and its height.
    fn positive_duration(&mut self) -> (DurationExpr, usize) {
        if matches!(self.kind(), TokenKind::Sign("]" | ":")) {
            self.unexpected("a duration such as `5m`", None);
            return (DurationExpr { kind: DurationKind::Millis(1), span: self.span() }, 1);
        }
        let (duration, height) = self.duration(0);
        let duration = settled(duration);
        let literal = match &duration.kind {
            DurationKind::Paren(inner) => &inner.kind,
            kind => kind,
        };
        if matches!(literal, DurationKind::Millis(..=0))
            || matches!(literal, DurationKind::Seconds(seconds) if *seconds <= 0.0)
        {
            self.meaning(duration.span.clone(), "this duration must be longer than 0", None);
        }
        (duration, height)
    }
}
