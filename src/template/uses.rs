//! What a rule's template reads of its data, without running it.

use gotmpl::parse::{BranchNode, Expr, ListNode, Node, PipeNode};

use super::syntax::Syntax;

/// What a template of a rule reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateUses {
    /// The labels of the result that it reads by name, with the bytes at which they are read.
    pub labels: Vec<(String, usize)>,
    /// Where it reads the value.
    pub values: Vec<usize>,
    /// Where it prints the value as it is: the action is nothing but the value.
    pub raw_values: Vec<usize>,
}

pub(super) fn uses(syntax: &Syntax) -> TemplateUses {
    let mut finder = Finder { found: TemplateUses::default(), moved_dots: 0 };
    finder.list(&syntax.main);
    finder.found
}

struct Finder {
    found: TemplateUses,
    /// How many `with` and `range` stand around: inside them the dot is another.
    moved_dots: usize,
}

impl Finder {
    fn list(&mut self, list: &ListNode) {
        for node in &list.nodes {
            match node {
                Node::List(inner) => self.list(inner),
                Node::Action(action) => self.action(&action.pipe),
                Node::If(branch) => self.branch(branch, false),
                Node::With(branch) | Node::Range(branch) => self.branch(branch, true),
                Node::Template(call) => call.pipe.iter().for_each(|pipe| self.pipe(pipe)),
                Node::Text(_) | Node::Define(_) | Node::Break(_) | Node::Continue(_) => {}
            }
        }
    }

    fn branch(&mut self, branch: &BranchNode, moves_dot: bool) {
        self.pipe(&branch.pipe);
        self.moved_dots += usize::from(moves_dot);
        self.list(&branch.body);
        self.moved_dots -= usize::from(moves_dot);
        if let Some(body) = &branch.else_body {
            self.list(body);
        }
    }

    fn action(&mut self, pipe: &PipeNode) {
        if let ([command], []) = (pipe.commands.as_slice(), pipe.decl.as_slice())
            && let [only] = command.args.as_slice()
            && self.is_value(only)
        {
            self.found.raw_values.push(only.pos().offset);
        }
        self.pipe(pipe);
    }

    fn pipe(&mut self, pipe: &PipeNode) {
        for command in &pipe.commands {
            if let [Expr::Identifier(_, name), target, Expr::String(at, label), ..] = command.args.as_slice()
                && name == "index"
                && self.path(target) == Some(vec!["Labels"])
            {
                self.found.labels.push((label.to_string(), at.offset));
            }
            command.args.iter().for_each(|argument| self.expression(argument));
        }
    }

    fn expression(&mut self, expression: &Expr) {
        match expression {
            Expr::Pipe(_, pipe) => self.pipe(pipe),
            Expr::Chain(_, inner, _) => self.expression(inner),
            _ => {}
        }
        if self.is_value(expression) {
            self.found.values.push(expression.pos().offset);
        }
        if let Some([first, label]) = self.path(expression).as_deref()
            && *first == "Labels"
        {
            self.found.labels.push(((*label).to_owned(), expression.pos().offset));
        }
    }

    fn is_value(&self, expression: &Expr) -> bool {
        self.path(expression) == Some(vec!["Value"])
    }

    /// The way from the template's data to what `expression` reads, variables followed.
    fn path<'e>(&self, expression: &'e Expr) -> Option<Vec<&'e str>> {
        match expression {
            Expr::Field(_, fields) if self.moved_dots == 0 => Some(fields.iter().map(|field| field.as_str()).collect()),
            Expr::Variable(_, name, fields) => {
                let first = match name.as_str() {
                    "$labels" => Some("Labels"),
                    "$value" => Some("Value"),
                    "$" => None,
                    _ => return None,
                };
                Some(first.into_iter().chain(fields.iter().map(|field| field.as_str())).collect())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::template::RuleTemplate;

    #[test]
    fn labels_and_values() {
        for (text, labels, values, raw) in [
            ("plain", vec![], 0, 0),
            ("{{ $labels.job }} {{ .Labels.pod }} {{ $.Labels.x | title }}", vec!["job", "pod", "x"], 0, 0),
            ("{{ index $labels \"a-b\" }}{{ index .Labels `c` | title }}", vec!["a-b", "c"], 0, 0),
            ("{{ $value }} {{ $value | humanize }} {{ printf \"%f\" .Value }}", vec![], 3, 1),
            ("{{ with query \"up\" }}{{ .Labels.x }}{{ end }}", vec![], 0, 0),
            ("{{ range query \"up\" }}{{ .Value }}{{ $labels.y }}{{ end }}", vec!["y"], 0, 0),
            (
                "{{ if eq $labels.a \"b\" }}{{ .Labels.c }}{{ else }}{{ (printf \"%s\" $labels.d) }}{{ end }}",
                vec!["a", "c", "d"],
                0,
                0,
            ),
        ] {
            let uses = RuleTemplate::parse(text).expect(text).uses();
            let names: Vec<&str> = uses.labels.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!((names, uses.values.len(), uses.raw_values.len()), (labels, values, raw), "{text}");
        }
    }
}
