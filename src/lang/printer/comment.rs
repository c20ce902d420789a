//! Comments of an expression's text: where each stands, and to which part of the tree it belongs.

use std::collections::{HashMap, HashSet};

use crate::lang::{Expr, ExprKind, Span};

/// The comments of one part of a tree.
#[derive(Debug, Default)]
pub(super) struct Comments {
    /// Those on lines of their own before it.
    pub(super) before: Vec<String>,
    /// Those behind it in the same line.
    pub(super) beside: Vec<String>,
    /// Those on lines of their own after it, where nothing follows.
    pub(super) after: Vec<String>,
}

/// Which comments belong to which part of one tree. Every comment belongs to one.
#[derive(Debug, Default)]
pub(super) struct Placement {
    /// By the part's address.
    comments: HashMap<usize, Comments>,
    /// The parts that hold a part with comments, so that they cannot stand in one line.
    broken: HashSet<usize>,
}

fn address(expr: &Expr) -> usize {
    std::ptr::from_ref(expr).addr()
}

impl Placement {
    /// Gives each of `comments`, which are bytes of `text`, to a part of `root`, which was read from `text`.
    pub(super) fn new(root: &Expr, text: &str, comments: &[Span]) -> Placement {
        let mut placement = Placement::default();
        for comment in comments {
            placement.add(root, text, comment);
        }
        placement
    }

    /// The comments that belong to `expr` itself.
    pub(super) fn of(&self, expr: &Expr) -> Option<&Comments> {
        self.comments.get(&address(expr))
    }

    /// Whether a part inside `expr` has a comment.
    pub(super) fn breaks(&self, expr: &Expr) -> bool {
        self.broken.contains(&address(expr))
    }

    fn add(&mut self, root: &Expr, text: &str, comment: &Span) {
        let line_start = text[..comment.start].rfind('\n').map_or(0, |newline| newline + 1);
        let own_line = text[line_start..comment.start].trim().is_empty();
        let (path, side) = home(root, comment.start, own_line);
        let Some((last, above)) = path.split_last() else { return };
        self.broken.extend(above.iter().map(|expr| address(expr)));
        let comments = self.comments.entry(address(last)).or_default();
        let list = match side {
            Side::Before => &mut comments.before,
            Side::Beside => &mut comments.beside,
            Side::After => &mut comments.after,
        };
        list.push(text[comment.clone()].trim_end().to_owned());
    }
}

/// Where a comment stands, seen from its part.
#[derive(Clone, Copy)]
enum Side {
    Before,
    Beside,
    After,
}

/// The part to which a comment at `at` belongs, with all parts that hold it from the root on.
fn home(root: &Expr, at: usize, own_line: bool) -> (Vec<&Expr>, Side) {
    if at < root.span.start {
        return (vec![root], Side::Before);
    }
    if at >= root.span.end {
        return (vec![root], if own_line { Side::After } else { Side::Beside });
    }
    let mut path = vec![root];
    let mut node = root;
    while let Some(child) = node.children().into_iter().find(|child| child.span.contains(&at)) {
        path.push(child);
        node = child;
    }
    let children = node.children();
    let previous = children.iter().rev().find(|child| child.span.end <= at).copied();
    let next = children.iter().find(|child| child.span.start > at).copied();
    let behind_operator = matches!(&node.kind, ExprKind::Binary(binary) if at > binary.op_span.start);
    let inseparable = matches!(node.kind, ExprKind::Unary(..) | ExprKind::Subquery(_));
    match (previous, next) {
        (Some(previous), _) if !own_line && !behind_operator => {
            path.push(previous);
            (path, Side::Beside)
        }
        (_, Some(next)) if !inseparable => {
            path.push(next);
            (path, Side::Before)
        }
        (Some(previous), _) if !inseparable => {
            path.push(previous);
            (path, Side::After)
        }
        // Inside a selector or a number, or where no line can be broken.
        _ if !own_line && !inseparable => (path, Side::Beside),
        _ => (outermost(path), Side::Before),
    }
}

/// The path up to the largest part that begins where its last one does, which is where a line can begin.
fn outermost(mut path: Vec<&Expr>) -> Vec<&Expr> {
    while let [.., above, last] = path.as_slice()
        && (above.span.start == last.span.start || matches!(above.kind, ExprKind::Unary(..)))
    {
        path.pop();
    }
    path
}
