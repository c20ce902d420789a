//! What can be known to fail before a template runs: unknown functions and variables, calls of what is no function.

use gotmpl::parse::{BranchNode, CommandNode, Expr, ListNode, Node, PipeNode};

use super::error::TemplateError;
use super::syntax::Syntax;
use crate::model::nearest;

/// Checks all of `syntax` against the functions and the variables of a dialect.
///
/// # Errors
///
/// The first thing that can never work, with its place and the nearest known name.
pub(super) fn check(syntax: &Syntax, functions: &[&str], variables: &[&str]) -> Result<(), TemplateError> {
    let mut checker = Checker { functions, variables: vec!["$".to_owned()], loops: 0 };
    for body in syntax.defines.values() {
        checker.list(body)?;
    }
    checker.variables.extend(variables.iter().map(|name| (*name).to_owned()));
    checker.list(&syntax.main)
}

struct Checker<'a> {
    functions: &'a [&'a str],
    variables: Vec<String>,
    loops: usize,
}

impl Checker<'_> {
    fn list(&mut self, list: &ListNode) -> Result<(), TemplateError> {
        for node in &list.nodes {
            match node {
                Node::Text(_) | Node::Define(_) => {}
                Node::List(inner) => self.list(inner)?,
                Node::Action(action) => self.pipe(&action.pipe)?,
                Node::If(branch) | Node::With(branch) => self.branch(branch, false)?,
                Node::Range(branch) => self.branch(branch, true)?,
                Node::Template(call) => {
                    if let Some(pipe) = &call.pipe {
                        self.pipe(pipe)?;
                    }
                }
                Node::Break(at) | Node::Continue(at) if self.loops == 0 => {
                    return Err(TemplateError::new("`break` and `continue` belong inside a `range`").at(at.offset));
                }
                Node::Break(_) | Node::Continue(_) => {}
            }
        }
        Ok(())
    }

    fn branch(&mut self, branch: &BranchNode, is_loop: bool) -> Result<(), TemplateError> {
        let mark = self.variables.len();
        self.pipe(&branch.pipe)?;
        let inner_mark = self.variables.len();
        self.loops += usize::from(is_loop);
        self.list(&branch.body)?;
        self.loops -= usize::from(is_loop);
        self.variables.truncate(inner_mark);
        if let Some(body) = &branch.else_body {
            self.list(body)?;
        }
        self.variables.truncate(mark);
        Ok(())
    }

    fn pipe(&mut self, pipe: &PipeNode) -> Result<(), TemplateError> {
        for (stage, command) in pipe.commands.iter().enumerate() {
            self.command(command, stage)?;
        }
        for name in &pipe.decl {
            if pipe.is_assign {
                self.variable(name, pipe.pos.offset)?;
            } else {
                self.variables.push(name.to_string());
            }
        }
        Ok(())
    }

    fn command(&mut self, command: &CommandNode, stage: usize) -> Result<(), TemplateError> {
        let [first, rest @ ..] = command.args.as_slice() else { return Ok(()) };
        let callable = match first {
            Expr::Identifier(..) | Expr::Field(..) | Expr::Chain(..) => true,
            Expr::Variable(_, _, fields) => !fields.is_empty(),
            _ => false,
        };
        let at = first.pos().offset;
        if !callable && stage > 0 {
            return Err(TemplateError::new("what follows `|` must be a function").at(at));
        }
        if !callable && !rest.is_empty() {
            return Err(TemplateError::new("an argument is given to what is no function")
                .at(at)
                .hint("the function comes first: `printf \"%.2f\" $value`"));
        }
        command.args.iter().try_for_each(|argument| self.expression(argument))
    }

    fn expression(&mut self, expression: &Expr) -> Result<(), TemplateError> {
        match expression {
            Expr::Identifier(at, name) => self.function(name, at.offset),
            Expr::Variable(at, name, _) => self.variable(name, at.offset),
            Expr::Pipe(_, pipe) => self.pipe(pipe),
            Expr::Chain(_, inner, _) => self.expression(inner),
            _ => Ok(()),
        }
    }

    fn function(&self, name: &str, at: usize) -> Result<(), TemplateError> {
        if self.functions.contains(&name) {
            return Ok(());
        }
        let mut error = TemplateError::new(format!("function \"{name}\" not defined")).at(at);
        error.hint = nearest(name, self.functions.iter().copied()).map(|known| format!("did you mean `{known}`?"));
        Err(error)
    }

    fn variable(&self, name: &str, at: usize) -> Result<(), TemplateError> {
        if self.variables.iter().any(|known| known == name) {
            return Ok(());
        }
        let mut error = TemplateError::new(format!("undefined variable \"{name}\"")).at(at);
        let named = self.variables.iter().map(String::as_str).filter(|known| known.len() > 1);
        error.hint = nearest(name, named).map(|known| format!("did you mean `{known}`?"));
        Err(error)
    }
}

/// The names of the templates that `list` calls, with the places of the calls.
pub(super) fn calls<'t>(list: &'t ListNode, found: &mut Vec<(&'t str, usize)>) {
    for node in &list.nodes {
        match node {
            Node::Template(call) => found.push((&call.name, call.pos.offset)),
            Node::List(inner) => calls(inner, found),
            Node::If(branch) | Node::With(branch) | Node::Range(branch) => {
                calls(&branch.body, found);
                if let Some(body) = &branch.else_body {
                    calls(body, found);
                }
            }
            _ => {}
        }
    }
}
