//! Function calls, aggregations and lists of labels.

use super::{Node, Parser};
use crate::lang::lexer::TokenKind;
use crate::lang::{Aggregate, AggregateOp, Call, Expr, ExprKind, Grouping, function};
use crate::model::is_label_name;

impl Parser<'_> {
    /// `name ( … )`
    pub(super) fn call(&mut self) -> Node {
        let name = self.word().unwrap_or_default();
        let name_span = self.advance();
        let before = self.faults.len();
        let known = function(name);
        if known.is_none() {
            self.unknown_function(name, &name_span);
        }
        let (args, height) = self.arguments();
        let span = name_span.start..self.last_end();
        match known.filter(|_| self.faults.len() == before) {
            Some(function) => self.node(ExprKind::Call(Call { function, name_span, args }), span, height),
            None => self.placeholder(),
        }
    }

    /// `( a , b )` and the height of the highest; the parenthesis stands here.
    pub(super) fn arguments(&mut self) -> (Vec<Expr>, usize) {
        let open = self.open(")");
        let (mut args, mut height) = (Vec::new(), 0);
        if self.is_sign(")") {
            self.close(&open, "`)`");
            return (args, height);
        }
        loop {
            let arg = self.expression(0);
            height = height.max(arg.height);
            args.push(arg.expr);
            if !self.ends_argument() {
                self.unexpected("an operator, `,` or `)`", self.inside_hint(")"));
                self.skip_to(&[",", ")"]);
                if *self.kind() == TokenKind::End {
                    self.closers.pop();
                    return (args, height);
                }
            }
            let Some(comma) = self.take_sign(",") else { break };
            if self.is_sign(")") {
                self.syntax(comma, "a comma cannot end the arguments", Some("remove it".to_owned()));
                break;
            }
        }
        self.close(&open, "an operator, `,` or `)`");
        (args, height)
    }

    /// Whether an argument can end here; where everything ends, the parenthesis is missing.
    fn ends_argument(&self) -> bool {
        matches!(self.kind(), TokenKind::Sign("," | ")" | "]" | "}") | TokenKind::End)
    }

    /// `op by (…) ( … )` or `op ( … ) by (…)`
    pub(super) fn aggregate(&mut self, op: AggregateOp) -> Node {
        let op_span = self.advance();
        let before = self.faults.len();
        let mut grouping = self.grouping();
        let (mut args, height) = if self.is_sign("(") {
            self.arguments()
        } else {
            return self.without_parenthesis(op.name());
        };
        if grouping.is_none() {
            grouping = self.grouping();
        }
        if self.faults.len() > before {
            return self.placeholder();
        }
        let span = op_span.start..self.last_end();
        let wanted = if op.has_parameter() { 2 } else { 1 };
        if args.len() != wanted {
            let name = op.name();
            let hint = match (op.has_parameter(), args.is_empty()) {
                (true, _) => Some(format!("write `{name}({}, x)`", parameter_example(op))),
                (false, true) => Some(format!("write `{name}(x)`")),
                (false, false) => None,
            };
            let message = format!("{name}() wants {}, found {}", count(wanted), args.len());
            self.meaning(span, message, hint);
            return self.placeholder();
        }
        let Some(expr) = args.pop() else { return self.placeholder() };
        let grouping = grouping.unwrap_or(Grouping::By(Vec::new()));
        let aggregate = Aggregate { op, grouping, parameter: args.pop(), expr };
        self.node(ExprKind::Aggregate(Box::new(aggregate)), span, height)
    }

    /// `by (…)` or `without (…)`, if one stands here.
    fn grouping(&mut self) -> Option<Grouping> {
        if self.take_keyword("by").is_some() {
            Some(Grouping::By(self.labels()))
        } else if self.take_keyword("without").is_some() {
            Some(Grouping::Without(self.labels()))
        } else {
            None
        }
    }

    /// `( label , "label" , )`
    pub(super) fn labels(&mut self) -> Vec<String> {
        let mut labels = Vec::new();
        if !self.is_sign("(") {
            self.bare_labels();
            return labels;
        }
        let open = self.open(")");
        while !self.is_sign(")") && *self.kind() != TokenKind::End {
            match self.label() {
                Some(label) => labels.push(label),
                None => self.skip_to(&[",", ")"]),
            }
            if self.take_sign(",").is_some() {
                continue;
            }
            match self.kind() {
                TokenKind::Word | TokenKind::Text(_) => {
                    self.unexpected("`,` or `)`", Some("separate labels with commas".to_owned()));
                }
                TokenKind::Sign("(") => {
                    self.closers.pop();
                    self.never_closed(&open, ")");
                    return labels;
                }
                _ => break,
            }
        }
        self.close(&open, "`,` or `)`");
        labels
    }

    fn label(&mut self) -> Option<String> {
        let label = match self.kind() {
            TokenKind::Text(text) if !text.is_empty() => text.clone(),
            TokenKind::Word => self.text[self.span()].to_owned(),
            _ => {
                self.unexpected("a label", None);
                return None;
            }
        };
        if *self.kind() == TokenKind::Word && !is_label_name(&label) {
            let hint = format!("quote it: `\"{label}\"`");
            self.syntax(self.span(), format!("`{label}` is not a label's name"), Some(hint));
        }
        self.advance();
        Some(label)
    }
}

/// `1 argument`, `2 arguments`.
pub(in crate::lang) fn count(number: usize) -> String {
    format!("{number} argument{}", if number == 1 { "" } else { "s" })
}

fn parameter_example(op: AggregateOp) -> &'static str {
    match op {
        AggregateOp::Quantile => "0.9",
        AggregateOp::LimitRatio => "0.1",
        AggregateOp::CountValues => "\"label\"",
        _ => "5",
    }
}
