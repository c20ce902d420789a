//! `absent` and `absent_over_time`.

use crate::lang::{Call, Expr, ExprKind, Span};
use crate::model::{Labels, METRIC_NAME, MatchOp};

use super::super::error::EvalError;
use super::super::instant::{Evaluator, Item, Moment, unwrap_parens};
use super::argument;

impl Evaluator<'_> {
    /// One element with the labels that the selector asks for if its argument is empty, and nothing otherwise.
    pub(super) fn call_absent(&mut self, call: &Call, span: &Span, moment: Moment) -> Result<Vec<Item>, EvalError> {
        let expr = argument(call, 0, span)?;
        let is_empty = if call.function.name == "absent" {
            self.vector(expr, moment)?.is_empty()
        } else {
            let window = self.window(expr, moment)?;
            self.check_extension(call.function.name, &window, span)?;
            window.tracks().next().is_none()
        };
        let absent = || Item { labels: wanted_labels(expr), value: 1.0, drop_name: false };
        Ok(is_empty.then(absent).into_iter().collect())
    }
}

/// The labels that the selector `expr` demands by equality, those it speaks of twice left out.
pub(in crate::eval) fn wanted_labels(expr: &Expr) -> Labels {
    let matchers = match &unwrap_parens(expr).kind {
        ExprKind::Selector(selector) => &selector.matchers,
        ExprKind::Range(range) => &range.selector.matchers,
        _ => return Labels::default(),
    };
    let once = |name: &str| matchers.iter().filter(|matcher| matcher.name() == name).count() == 1;
    let wanted = matchers
        .iter()
        .filter(|matcher| matcher.op() == MatchOp::Equal && matcher.name() != METRIC_NAME && once(matcher.name()));
    Labels::from_pairs(wanted.map(|matcher| (matcher.name(), matcher.value())))
}
