//! From text to the syntax tree: the parser of `gotmpl`, with what it lets pass refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use gotmpl::parse::{ListNode, Node, Parser};

use super::error::TemplateError;
use super::limits::{ELSE_CHAIN_MAX, TEMPLATE_BYTES_MAX};

/// The named templates of a set.
pub(super) type Defines = BTreeMap<String, Arc<ListNode>>;

/// A parsed text: what it prints itself, and the templates that it defines.
#[derive(Debug)]
pub(super) struct Syntax {
    pub(super) main: ListNode,
    pub(super) defines: Defines,
}

/// Parses `text`.
///
/// # Errors
///
/// Text that is too long, or is no template.
pub(super) fn parse(text: &str) -> Result<Syntax, TemplateError> {
    if text.len() > TEMPLATE_BYTES_MAX {
        return Err(TemplateError::new(format!("the template exceeds {TEMPLATE_BYTES_MAX} bytes")));
    }
    refuse_long_chains(text)?;
    let (main, defined) = tree(text)?;
    refuse_unbalanced(text, &main)?;
    let mut defines = Defines::new();
    for define in defined {
        let known = defines.get(define.name.as_str());
        if known.is_some_and(|body| !body.is_empty_tree()) && !define.body.is_empty_tree() {
            let message = format!("the template `{}` is defined twice", define.name);
            return Err(TemplateError::new(message).at(define.pos.offset));
        }
        if known.is_none() || !define.body.is_empty_tree() {
            defines.insert(define.name.to_string(), Arc::new(define.body));
        }
    }
    Ok(Syntax { main, defines })
}

fn tree(text: &str) -> Result<(ListNode, Vec<gotmpl::parse::DefineNode>), TemplateError> {
    Parser::new(text, "{{", "}}").and_then(Parser::parse).map_err(|error| describe(text, &error))
}

/// The parser recurses at each `else if` without counting; a long chain is refused before it sees it.
fn refuse_long_chains(text: &str) -> Result<(), TemplateError> {
    let mut count = 0;
    for (at, _) in text.match_indices("else") {
        let rest = text[at + 4..].trim_start();
        if rest.starts_with("if") || rest.starts_with("with") {
            count += 1;
        }
        if count > ELSE_CHAIN_MAX {
            let message = format!("more than {ELSE_CHAIN_MAX} branches `else if` in one text");
            return Err(TemplateError::new(message).at(at));
        }
    }
    Ok(())
}

/// An action that is appended to see whether the parser reads to the end at the outermost level.
const SENTINEL: &str = "\n{{nil}}";

/// The parser stops silently at a stray `{{end}}` and takes the end of the text for a missing one.
fn refuse_unbalanced(text: &str, main: &ListNode) -> Result<(), TemplateError> {
    if !text.contains("{{") {
        return Ok(());
    }
    let extended = format!("{text}{SENTINEL}");
    let (list, defined) = tree(&extended)?;
    let sentinel_from = text.len();
    let at_the_end = |list: &ListNode| match list.nodes.last() {
        Some(Node::Action(action)) => action.pos.offset > sentinel_from,
        _ => false,
    };
    if at_the_end(&list) {
        return Ok(());
    }
    let unclosed = |offset: usize| {
        Err(TemplateError::new("unexpected end of the template: a block is not closed")
            .at(offset)
            .hint("every `if`, `range`, `with`, `define` and `block` needs its `{{ end }}`"))
    };
    if let Some(define) = defined.iter().find(|define| reaches(&define.body, sentinel_from)) {
        return unclosed(define.pos.offset);
    }
    if let Some(Node::If(branch) | Node::With(branch) | Node::Range(branch)) =
        list.nodes.last().filter(|node| node_reaches(node, sentinel_from))
    {
        return unclosed(branch.pos.offset);
    }
    let mut error = TemplateError::new("unexpected `{{ end }}` or `{{ else }}`: no block is open here")
        .hint("remove it, or add the `if`, `range` or `with` that it closes");
    if let Some(Node::Text(last)) = main.nodes.last() {
        let from = last.pos.offset.min(text.len());
        error.offset = text.get(from..).and_then(|rest| rest.find("{{")).map(|at| from + at);
    }
    Err(error)
}

fn reaches(list: &ListNode, offset: usize) -> bool {
    list.nodes.last().is_some_and(|node| node_reaches(node, offset))
}

fn node_reaches(node: &Node, offset: usize) -> bool {
    match node {
        Node::Action(action) => action.pos.offset > offset,
        Node::If(branch) | Node::With(branch) | Node::Range(branch) => {
            reaches(&branch.body, offset) || branch.else_body.as_ref().is_some_and(|body| reaches(body, offset))
        }
        _ => false,
    }
}

/// The parser's error in our words, with its place as a byte offset.
fn describe(text: &str, error: &gotmpl::TemplateError) -> TemplateError {
    let (message, place) = match error {
        gotmpl::TemplateError::Parse { line, col, message, .. }
        | gotmpl::TemplateError::Lex { line, col, message, .. } => (message.clone(), offset_of(text, *line, *col)),
        other => (other.to_string(), None),
    };
    let hint = match message.as_str() {
        "unclosed action" => Some("close the action with `}}`"),
        "empty command" => Some("write a value or a function call there"),
        _ if message.contains("'-'") => Some(
            "a name with other characters than letters, digits and `_` is read with `index`: {{ index .Labels \"a-b\" }}",
        ),
        _ => None,
    };
    TemplateError { message: format!("template: {message}"), offset: place, hint: hint.map(str::to_owned) }
}

/// The byte at `line` and `column`, both from 1, columns in characters.
fn offset_of(text: &str, line: usize, column: usize) -> Option<usize> {
    let start = match line.checked_sub(1)? {
        0 => 0,
        nth => text.match_indices('\n').nth(nth - 1)?.0 + 1,
    };
    let rest = text.get(start..)?;
    let within = rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(at, _)| at);
    Some(start + within)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_with_their_place() {
        for (text, message, offset) in [
            ("a {{end}} b", "unexpected `{{ end }}`", Some(2)),
            ("{{if .x}}a", "not closed", Some(2)),
            ("{{range .x}}{{if .y}}{{end}}", "not closed", Some(2)),
            ("x{{define \"a\"}}y", "not closed", Some(3)),
            ("{{else}}", "no block is open", None),
            ("{{if .x}}{{else}}{{else}}{{end}}", "Else", None),
            ("é {{ .x", "unclosed action", None),
            ("{{ }}", "empty command", None),
            ("{{ (a }}", "RightParen", None),
            ("{{define \"a\"}}1{{end}}{{define \"a\"}}2{{end}}", "defined twice", Some(24)),
            ("a\n{{ .Labels.a-b }}", "'-'", Some(14)),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.message.contains(message), "{text}: {error}");
            if offset.is_some() {
                assert_eq!(error.offset, offset, "{text}: {error}");
            }
        }
    }

    #[test]
    fn whole_texts_pass() {
        for text in ["", "{", "a {{ .x -}}", "{{- .x -}} {", "{{/* c */}}", "{{if .x}}a{{else if .y}}b{{else}}c{{end}}"]
        {
            assert!(parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn long_chains_and_deep_nesting_are_refused() {
        let chain = format!("{{{{if 1}}}}{}{{{{end}}}}", "{{else if 1}}".repeat(10_000));
        assert!(parse(&chain).is_err());
        let nested = format!("{}{}", "{{if 1}}".repeat(10_000), "{{end}}".repeat(10_000));
        assert!(parse(&nested).is_err());
        let parens = format!("{{{{{}1{}}}}}", "(".repeat(10_000), ")".repeat(10_000));
        assert!(parse(&parens).is_err());
        assert!(parse(&" ".repeat(TEMPLATE_BYTES_MAX + 1)).is_err());
        let longest = format!("{{{{if 1}}}}{}{{{{end}}}}", "{{else if 1}}".repeat(ELSE_CHAIN_MAX));
        assert!(parse(&longest).is_ok());
    }
}
