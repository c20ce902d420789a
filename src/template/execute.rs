//! Runs a syntax tree: Go's `text/template` semantics under limits.

use gotmpl::parse::{BranchNode, CommandNode, Expr, ListNode, Node, Number, PipeNode, Pos, SmolStr};

use super::builtin;
use super::error::TemplateError;
use super::field::{self, Dialect};
use super::html::HtmlWriter;
use super::limits::{DEPTH_MAX, OUTPUT_BYTES_MAX, REGEX_STEPS, STEPS_MAX};
use super::syntax::Defines;
use super::value::{Bounded, Value};

/// The functions that a dialect has beside Go's own.
pub(super) trait Functions<'d> {
    /// Which fields and methods values have.
    fn dialect(&self) -> Dialect;

    /// Calls the function `name`; `None` if the dialect has no such function.
    fn call(&self, name: &str, arguments: &[Value<'d>]) -> Option<Result<Value<'d>, TemplateError>>;
}

/// Where the output goes.
#[derive(Debug)]
pub(super) enum Output {
    Text(Bounded),
    Html(Box<HtmlWriter>),
}

impl Output {
    fn literal(&mut self, text: &str) -> Result<(), TemplateError> {
        match self {
            Output::Text(out) => out.push(text),
            Output::Html(out) => out.literal(text),
        }
    }

    fn value(&mut self, value: &Value<'_>) -> Result<(), TemplateError> {
        match self {
            Output::Text(out) => value.print(out, "<no value>"),
            Output::Html(out) => out.value(value),
        }
    }

    fn finish(self) -> String {
        match self {
            Output::Text(out) => out.finish(),
            Output::Html(out) => out.finish(),
        }
    }
}

/// How a list of nodes ended.
enum Flow {
    Next,
    Break,
    Continue,
}

/// One run of a template.
pub(super) struct Executor<'t, 'd> {
    functions: &'t dyn Functions<'d>,
    defines: &'t Defines,
    output: Output,
    variables: Vec<(SmolStr, Value<'d>)>,
    steps: u64,
    depth: u32,
}

impl<'t, 'd> Executor<'t, 'd> {
    /// A run that knows `defines` and `functions`.
    pub(super) fn new(functions: &'t dyn Functions<'d>, defines: &'t Defines, output: Output) -> Self {
        Executor { functions, defines, output, variables: Vec::new(), steps: 0, depth: 0 }
    }

    /// Runs `main` with `dot` as `.` and `$`, and with `variables` declared; returns what it prints.
    ///
    /// # Errors
    ///
    /// Whatever Go refuses at run time, and every limit reached.
    pub(super) fn run(
        mut self,
        main: &'t ListNode,
        dot: &Value<'d>,
        variables: &[(&'static str, Value<'d>)],
    ) -> Result<String, TemplateError> {
        self.variables.push((SmolStr::new_static("$"), dot.clone()));
        self.variables.extend(variables.iter().map(|(name, value)| (SmolStr::new_static(name), value.clone())));
        self.list(main, dot)?;
        Ok(self.output.finish())
    }

    fn step(&mut self, count: u64) -> Result<(), TemplateError> {
        self.steps += count;
        if self.steps > STEPS_MAX {
            return Err(TemplateError::new(format!("the template runs for more than {STEPS_MAX} steps")));
        }
        Ok(())
    }

    /// Counts what a function or method made, and refuses text that is too long.
    fn weigh(&mut self, value: Value<'d>) -> Result<Value<'d>, TemplateError> {
        self.step(value.weight() as u64 / 64)?;
        match value.as_text() {
            Some(text) if text.len() > OUTPUT_BYTES_MAX => Err(TemplateError::too_large()),
            _ => Ok(value),
        }
    }

    fn enter(&mut self) -> Result<(), TemplateError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(TemplateError::new(format!("templates and blocks nested deeper than {DEPTH_MAX}")));
        }
        Ok(())
    }

    fn list(&mut self, list: &'t ListNode, dot: &Value<'d>) -> Result<Flow, TemplateError> {
        self.enter()?;
        for node in &list.nodes {
            self.step(1)?;
            match self.node(node, dot)? {
                Flow::Next => {}
                other => {
                    self.depth -= 1;
                    return Ok(other);
                }
            }
        }
        self.depth -= 1;
        Ok(Flow::Next)
    }

    fn node(&mut self, node: &'t Node, dot: &Value<'d>) -> Result<Flow, TemplateError> {
        match node {
            Node::Text(text) => self.output.literal(&text.text)?,
            Node::Action(action) => {
                let value = self.pipe(&action.pipe, dot)?;
                if action.pipe.decl.is_empty() {
                    self.output.value(&value).map_err(|error| error.at(action.pos.offset))?;
                }
            }
            Node::If(branch) | Node::With(branch) => return self.branch(branch, matches!(node, Node::With(_)), dot),
            Node::Range(branch) => return self.range(branch, dot),
            Node::Template(call) => {
                let argument = match &call.pipe {
                    Some(pipe) => self.pipe(pipe, dot)?,
                    None => Value::Nil,
                };
                self.template(&call.name, argument).map_err(|error| error.at(call.pos.offset))?;
            }
            Node::List(inner) => return self.list(inner, dot),
            Node::Define(_) => {}
            Node::Break(_) => return Ok(Flow::Break),
            Node::Continue(_) => return Ok(Flow::Continue),
        }
        Ok(Flow::Next)
    }

    /// Runs `if` and `with`; a chain of `else if` is walked without going deeper.
    fn branch(&mut self, first: &'t BranchNode, rebinds: bool, dot: &Value<'d>) -> Result<Flow, TemplateError> {
        let mark = self.variables.len();
        let (mut branch, mut rebinds) = (first, rebinds);
        let flow = loop {
            self.step(1)?;
            let value = self.pipe(&branch.pipe, dot)?;
            if value.truth() {
                break self.list(&branch.body, if rebinds { &value } else { dot })?;
            }
            match branch.else_body.as_ref().map(|body| (body, body.nodes.as_slice())) {
                None => break Flow::Next,
                Some((_, [Node::If(next)])) => (branch, rebinds) = (next, false),
                Some((_, [Node::With(next)])) => (branch, rebinds) = (next, true),
                Some((body, _)) => break self.list(body, dot)?,
            }
        };
        self.variables.truncate(mark);
        Ok(flow)
    }

    fn range(&mut self, branch: &'t BranchNode, dot: &Value<'d>) -> Result<Flow, TemplateError> {
        let mark = self.variables.len();
        let value = self.commands(&branch.pipe, dot)?;
        let at = |error: TemplateError| error.at(branch.pipe.pos.offset);
        let mut items = builtin::items(&value).map_err(at)?.peekable();
        if items.peek().is_none() {
            return match &branch.else_body {
                Some(body) => self.list(body, dot),
                None => Ok(Flow::Next),
            };
        }
        for (key, item) in items {
            self.step(1).map_err(at)?;
            let names = &branch.pipe.decl;
            if let [.., _] = names.as_slice() {
                let bound = if names.len() == 2 { vec![key, item.clone()] } else { vec![item.clone()] };
                for (name, value) in names.iter().zip(bound) {
                    self.bind(name, value, branch.pipe.is_assign, branch.pos)?;
                }
            }
            let flow = self.list(&branch.body, &item)?;
            self.variables.truncate(mark);
            if matches!(flow, Flow::Break) {
                break;
            }
        }
        Ok(Flow::Next)
    }

    fn template(&mut self, name: &str, dot: Value<'d>) -> Result<(), TemplateError> {
        let Some(body) = self.defines.get(name) else {
            return Err(TemplateError::new(format!("template \"{name}\" not defined")));
        };
        let outer = std::mem::replace(&mut self.variables, vec![(SmolStr::new_static("$"), dot.clone())]);
        // A place inside another text would mislead: only the call's own place is kept.
        let done = self.list(body, &dot).map_err(|error| TemplateError { offset: None, ..error });
        self.variables = outer;
        done.map(|_| ())
    }

    /// Runs the named template and returns what it prints.
    fn captured(&mut self, name: &str, dot: Value<'d>) -> Result<String, TemplateError> {
        let outer = std::mem::replace(&mut self.output, Output::Text(Bounded::default()));
        let done = self.template(name, dot);
        let inner = std::mem::replace(&mut self.output, outer);
        done.map(|()| inner.finish())
    }

    /// Evaluates a pipeline and binds its variable, if it declares one.
    fn pipe(&mut self, pipe: &'t PipeNode, dot: &Value<'d>) -> Result<Value<'d>, TemplateError> {
        let value = self.commands(pipe, dot)?;
        for name in &pipe.decl {
            self.bind(name, value.clone(), pipe.is_assign, pipe.pos)?;
        }
        Ok(value)
    }

    fn commands(&mut self, pipe: &'t PipeNode, dot: &Value<'d>) -> Result<Value<'d>, TemplateError> {
        self.enter()?;
        let mut value = None;
        for command in &pipe.commands {
            self.step(1)?;
            let at = command.args.first().map_or(command.pos, Expr::pos);
            value = Some(self.command(command, dot, value).map_err(|error| error.at(at.offset))?);
        }
        self.depth -= 1;
        Ok(value.unwrap_or(Value::Nil))
    }

    fn bind(&mut self, name: &SmolStr, value: Value<'d>, is_assign: bool, at: Pos) -> Result<(), TemplateError> {
        if !is_assign {
            self.variables.push((name.clone(), value));
            return Ok(());
        }
        match self.variables.iter_mut().rev().find(|(known, _)| known == name) {
            Some(slot) => slot.1 = value,
            None => return Err(undefined(name).at(at.offset)),
        }
        Ok(())
    }

    fn variable(&self, name: &str) -> Result<Value<'d>, TemplateError> {
        let found = self.variables.iter().rev().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone()).ok_or_else(|| undefined(name))
    }

    /// Runs one command; `last` is what came through the pipe.
    fn command(
        &mut self,
        command: &'t CommandNode,
        dot: &Value<'d>,
        last: Option<Value<'d>>,
    ) -> Result<Value<'d>, TemplateError> {
        let Some((first, rest)) = command.args.split_first() else { return Ok(Value::Nil) };
        match first {
            Expr::Identifier(_, name) if name == "and" || name == "or" => self.decide(name == "or", rest, dot, last),
            Expr::Identifier(_, name) => {
                let arguments = self.arguments(rest, dot, last)?;
                self.call(name, arguments)
            }
            Expr::Field(_, names) => {
                let arguments = self.arguments(rest, dot, last)?;
                self.chain(dot.clone(), names, &arguments)
            }
            Expr::Variable(_, name, names) => {
                let arguments = self.arguments(rest, dot, last)?;
                self.chain(self.variable(name)?, names, &arguments)
            }
            Expr::Chain(_, inner, names) => {
                let base = self.expression(inner, dot)?;
                let arguments = self.arguments(rest, dot, last)?;
                self.chain(base, names, &arguments)
            }
            _ if !rest.is_empty() || last.is_some() => {
                Err(TemplateError::new("an argument is given to what is no function"))
            }
            other => self.expression(other, dot),
        }
    }

    fn arguments(
        &mut self,
        rest: &'t [Expr],
        dot: &Value<'d>,
        last: Option<Value<'d>>,
    ) -> Result<Vec<Value<'d>>, TemplateError> {
        let mut arguments = Vec::with_capacity(rest.len() + 1);
        for argument in rest {
            arguments.push(self.expression(argument, dot)?);
        }
        arguments.extend(last);
        Ok(arguments)
    }

    /// `and` and `or`: the first argument that decides, the others unevaluated.
    fn decide(
        &mut self,
        wanted: bool,
        rest: &'t [Expr],
        dot: &Value<'d>,
        last: Option<Value<'d>>,
    ) -> Result<Value<'d>, TemplateError> {
        let mut value = None;
        for argument in rest {
            let next = self.expression(argument, dot)?;
            if next.truth() == wanted {
                return Ok(next);
            }
            value = Some(next);
        }
        last.or(value).ok_or_else(|| TemplateError::new("`and` and `or` need an argument"))
    }

    fn expression(&mut self, expression: &'t Expr, dot: &Value<'d>) -> Result<Value<'d>, TemplateError> {
        match expression {
            Expr::Dot(_) => Ok(dot.clone()),
            Expr::Field(_, names) => self.chain(dot.clone(), names, &[]),
            Expr::Variable(_, name, names) => self.chain(self.variable(name)?, names, &[]),
            Expr::Identifier(_, name) => self.call(name, Vec::new()),
            Expr::String(_, text) => Ok(Value::Text(text.clone())),
            Expr::Number(_, Number::Int(number)) => Ok(Value::Int(*number)),
            Expr::Number(_, Number::Uint(number)) => Ok(Value::Uint(*number)),
            Expr::Number(_, Number::Float(number)) => Ok(Value::Float(*number)),
            Expr::Bool(_, value) => Ok(Value::Bool(*value)),
            Expr::Nil(_) => Ok(Value::Nil),
            Expr::Pipe(_, pipe) => self.pipe(pipe, dot),
            Expr::Chain(_, inner, names) => {
                let base = self.expression(inner, dot)?;
                self.chain(base, names, &[])
            }
        }
    }

    /// Reads fields one after the other; the arguments go to the last.
    fn chain(
        &mut self,
        base: Value<'d>,
        names: &[SmolStr],
        arguments: &[Value<'d>],
    ) -> Result<Value<'d>, TemplateError> {
        let Some((final_name, inner)) = names.split_last() else {
            return match arguments {
                [] => Ok(base),
                _ => Err(TemplateError::new("an argument is given to what is no function")),
            };
        };
        let dialect = self.functions.dialect();
        let mut value = base;
        for name in inner {
            value = field::get(&value, name, &[], dialect)?;
        }
        let value = field::get(&value, final_name, arguments, dialect)?;
        self.weigh(value)
    }

    fn call(&mut self, name: &str, arguments: Vec<Value<'d>>) -> Result<Value<'d>, TemplateError> {
        let read: usize = arguments.iter().map(Value::weight).sum();
        self.step(read as u64 / 64)?;
        if matches!(name, "match" | "reReplaceAll") {
            self.step(REGEX_STEPS)?;
        }
        if let ("tmpl", [template, argument]) = (name, arguments.as_slice()) {
            let template = template.as_text().ok_or_else(|| TemplateError::new("tmpl: the name must be a string"))?;
            let text = self.captured(&template.clone(), argument.clone())?;
            return Ok(Value::SafeHtml(text.into()));
        }
        let result = match self.functions.call(name, &arguments) {
            Some(result) => result,
            None => builtin::call(name, &arguments)
                .unwrap_or_else(|| Err(TemplateError::new(format!("function \"{name}\" not defined")))),
        };
        let value = result
            .map_err(|error| TemplateError { message: format!("error calling {name}: {}", error.message), ..error })?;
        self.weigh(value)
    }
}

fn undefined(name: &str) -> TemplateError {
    TemplateError::new(format!("undefined variable \"{name}\""))
}
