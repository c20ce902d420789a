//! The layout of long expressions: operators on lines of their own, arguments and conditions one per line.

use std::fmt::{self, Write};

use super::comment::Placement;
use super::{Line, Style, keeps_braces, series, sign};
use crate::lang::parser::{commented, power};
use crate::lang::{Binary, BinaryOp, Call, Expr, ExprKind, ParseErrors, Selector};

/// The greatest width of a line, in characters, where nothing else is asked for.
pub const WIDTH_DEFAULT: usize = 100;

const INDENT: usize = 2;

/// Writes `expr` in one line if it has at most `width` characters, else over several: operators on lines of their own,
/// arguments and conditions one per line, each level two spaces deeper. It reads back to the same tree. What cannot be broken
/// may still be wider. Comments are not part of a tree: [`format`] keeps them.
pub fn pretty(expr: &Expr, width: usize) -> String {
    lay_out(expr, width, Placement::default())
}

/// How often a text is laid out until it stays as it is.
const PASSES_MAX: usize = 8;

/// Reads `text` and writes it as [`pretty`] does, with all its comments: those on lines of their own before what follows them,
/// others at the end of the line of what they follow. Formatting the result again changes nothing.
///
/// # Errors
///
/// Those of [`parse`](crate::lang::parse).
pub fn format(text: &str, width: usize) -> Result<String, ParseErrors> {
    let mut formatted = formatted_once(text, width)?;
    // A comment that has found its place may let lines be joined that it held apart.
    for _ in 1..PASSES_MAX {
        let again = formatted_once(&formatted, width)?;
        if again == formatted {
            break;
        }
        formatted = again;
    }
    Ok(formatted)
}

fn formatted_once(text: &str, width: usize) -> Result<String, ParseErrors> {
    let (expr, comments) = commented(text)?;
    Ok(lay_out(&expr, width, Placement::new(&expr, text, &comments)))
}

fn lay_out(expr: &Expr, width: usize, placement: Placement) -> String {
    let mut pretty = Pretty { text: String::new(), column: 0, width, beside: Vec::new(), placement };
    pretty.expr(expr, 0, 0);
    pretty.end_line();
    pretty.text
}

struct Pretty {
    text: String,
    /// Characters of the last line.
    column: usize,
    width: usize,
    /// Comments that go to the end of this line.
    beside: Vec<String>,
    placement: Placement,
}

impl Pretty {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.column += text.chars().count();
    }

    /// Writes the comments that belong to the end of this line.
    fn end_line(&mut self) {
        for comment in std::mem::take(&mut self.beside) {
            self.text.push(' ');
            self.text.push_str(&comment);
        }
    }

    fn new_line(&mut self, indent: usize) {
        self.end_line();
        self.text.push('\n');
        self.text.extend(std::iter::repeat_n(' ', indent));
        self.column = indent;
    }

    /// What `write` writes, if it fits into the rest of the line with `after` characters behind it.
    fn fitting(&self, after: usize, write: impl FnOnce(&mut Line<'_>) -> fmt::Result) -> Option<String> {
        let mut short = Short { text: String::new(), left: self.width.saturating_sub(self.column + after) };
        write(&mut Line { out: &mut short, style: Style::Written }).ok().map(|()| short.text)
    }

    /// Writes what `write` writes, however long it is.
    fn line(&mut self, write: impl FnOnce(&mut Line<'_>) -> fmt::Result) {
        let text = whole(write);
        self.push(&text);
    }

    /// `expr` with its comments; `indent` is that of its line, `after` the characters that follow in its last line.
    fn expr(&mut self, expr: &Expr, indent: usize, after: usize) {
        self.with_comments(expr, indent, |pretty| {
            if !pretty.placement.breaks(expr)
                && let Some(text) = pretty.fitting(after, |line| line.expr(expr))
            {
                return pretty.push(&text);
            }
            pretty.broken(expr, indent, after);
        });
    }

    /// An operand of an operator that stands at `operators`; those inside it stand deeper.
    fn operand(&mut self, expr: &Expr, indent: usize, operators: usize) {
        let ExprKind::Binary(binary) = &expr.kind else { return self.expr(expr, indent, 0) };
        self.with_comments(expr, indent, |pretty| {
            let fitting = if pretty.placement.breaks(expr) { None } else { pretty.fitting(0, |line| line.expr(expr)) };
            match fitting {
                Some(text) => pretty.push(&text),
                None => pretty.binary(binary, indent, operators + INDENT),
            }
        });
    }

    fn with_comments(&mut self, expr: &Expr, indent: usize, write: impl FnOnce(&mut Self)) {
        let Some(comments) = self.placement.of(expr) else { return write(self) };
        let (before, beside, after) = (comments.before.clone(), comments.beside.clone(), comments.after.clone());
        for comment in before {
            self.push(&comment);
            self.new_line(indent);
        }
        write(self);
        self.beside.extend(beside);
        for comment in after {
            self.new_line(indent);
            self.push(&comment);
        }
    }

    /// `expr` over several lines, if it can be broken.
    fn broken(&mut self, expr: &Expr, indent: usize, after: usize) {
        match &expr.kind {
            ExprKind::Number(_) | ExprKind::String(_) => self.line(|line| line.expr(expr)),
            ExprKind::Paren(inner) => {
                self.push("(");
                self.list(&[inner], indent, |pretty, _, inner| pretty.expr(inner, indent + INDENT, 0));
            }
            ExprKind::Unary(op, inner) => {
                self.push(sign(*op).encode_utf8(&mut [0; 4]));
                self.expr(inner, indent, after);
            }
            ExprKind::Binary(binary) => self.binary(binary, indent, indent),
            ExprKind::Aggregate(aggregate) => {
                self.line(|line| line.aggregator(aggregate));
                self.push("(");
                let args: Vec<&Expr> = aggregate.parameter.iter().chain([&aggregate.expr]).collect();
                self.list(&args, indent, |pretty, _, arg| pretty.expr(arg, indent + INDENT, 1));
            }
            ExprKind::Call(call) => self.call(call, indent),
            ExprKind::Selector(selector) => {
                let tail = whole(|line| line.after_selector(selector));
                self.selector(selector, false, &tail, indent);
            }
            ExprKind::Range(range) => {
                let tail = whole(|line| line.after_range(range));
                self.selector(&range.selector, false, &tail, indent);
            }
            ExprKind::Subquery(subquery) => {
                let brackets = whole(|line| line.brackets(subquery));
                self.expr(&subquery.expr, indent, brackets.chars().count() + after);
                self.push(&brackets);
            }
        }
    }

    /// Operands at `indent`, each operator on a line of its own at `operators`: the stronger it binds, the deeper. A chain of
    /// equally strong ones stays at one depth. The first line is never deeper than others, as YAML's blocks want it.
    fn binary(&mut self, binary: &Binary, indent: usize, operators: usize) {
        let mut chain = vec![(binary, Vec::new())];
        let mut left = &binary.left;
        while let ExprKind::Binary(inner) = &left.kind
            && binary.op != BinaryOp::Pow
            && power(inner.op).left == power(binary.op).left
            && self.placement.of(left).is_none_or(|comments| comments.before.is_empty() && comments.after.is_empty())
        {
            let beside = self.placement.of(left).map(|comments| comments.beside.clone());
            chain.push((inner, beside.unwrap_or_default()));
            left = &inner.left;
        }
        self.operand(left, indent, operators);
        for (link, beside) in chain.into_iter().rev() {
            self.new_line(operators);
            self.line(|line| line.operator(link));
            self.new_line(indent);
            self.operand(&link.right, indent, operators);
            self.beside.extend(beside);
        }
    }

    fn call(&mut self, call: &Call, indent: usize) {
        self.push(call.function.name);
        self.push("(");
        let args: Vec<&Expr> = call.args.iter().collect();
        self.list(&args, indent, |pretty, index, arg| match &arg.kind {
            ExprKind::Selector(selector) if keeps_braces(call, index) => {
                pretty.with_comments(arg, indent + INDENT, |pretty| {
                    match pretty.fitting(1, |line| line.selector(selector, true)) {
                        Some(text) => pretty.push(&text),
                        None => {
                            let tail = whole(|line| line.after_selector(selector));
                            pretty.selector(selector, true, &tail, indent + INDENT);
                        }
                    }
                });
            }
            _ => pretty.expr(arg, indent + INDENT, 1),
        });
    }

    /// What stands behind an opening parenthesis: one item per line, then the closing one.
    fn list<'e>(&mut self, items: &[&'e Expr], indent: usize, mut write: impl FnMut(&mut Self, usize, &'e Expr)) {
        for (index, item) in items.iter().copied().enumerate() {
            if index > 0 {
                self.push(",");
            }
            self.new_line(indent + INDENT);
            write(self, index, item);
        }
        self.new_line(indent);
        self.push(")");
    }

    /// A selector with its conditions one per line; a single condition stays beside its name.
    fn selector(&mut self, selector: &Selector, braces: bool, tail: &str, indent: usize) {
        let parts = series(selector, braces, Style::Written);
        if parts.conditions.len() < 2 {
            self.line(|line| line.series(selector, braces));
            return self.push(tail);
        }
        self.push(parts.name.as_deref().unwrap_or_default());
        self.push("{");
        for (index, condition) in parts.conditions.iter().enumerate() {
            if index > 0 {
                self.push(",");
            }
            self.new_line(indent + INDENT);
            self.push(condition);
        }
        self.new_line(indent);
        self.push("}");
        self.push(tail);
    }
}

/// What `write` writes, however long it is.
fn whole(write: impl FnOnce(&mut Line<'_>) -> fmt::Result) -> String {
    let mut text = String::new();
    // Writing to a string never fails.
    let _ = write(&mut Line { out: &mut text, style: Style::Written });
    text
}

/// A text that takes so many more characters and no more.
struct Short {
    text: String,
    left: usize,
}

impl Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.left = self.left.checked_sub(text.chars().count()).ok_or(fmt::Error)?;
        self.text.push_str(text);
        Ok(())
    }
}
