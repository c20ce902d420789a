//! From text to the syntax tree: the parser of `gotmpl`, behind a check of what it lets pass.

use std::collections::BTreeMap;
use std::sync::Arc;

use gotmpl::parse::{ListNode, Parser};

use super::error::TemplateError;
use super::limits::TEMPLATE_BYTES_MAX;
use super::nesting;

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
    nesting::check(text)?;
    let parser = Parser::new(text, "{{", "}}");
    let (main, defined) = parser.and_then(Parser::parse).map_err(|error| describe(text, &error))?;
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
            ("a {{end}} b", "unexpected `{{ end }}`", 4),
            ("{{if .x}}a", "not closed", 2),
            ("{{range .x}}{{- if .y}}{{end}}", "not closed", 2),
            ("x{{define \"a\"}}y", "not closed", 3),
            ("{{else}}", "unexpected `{{ else }}`", 2),
            ("{{if .x}}{{else}}{{else}}{{end}}", "Else", 19),
            ("é {{ .x", "unclosed action", 8),
            ("{{ }}", "empty command", 5),
            ("{{ (a }}", "RightParen", 8),
            ("{{define \"a\"}}1{{end}}{{define \"a\"}}2{{end}}", "defined twice", 24),
            ("a\n{{ .Labels.a-b }}", "'-'", 14),
            ("{{ \"{{if}}\" }}{{/* {{if}} */}}{{ `{{if` }}{{- end -}}", "unexpected `{{ end }}`", 46),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.message.contains(message), "{text}: {error}");
            assert_eq!(error.offset, Some(offset), "{text}: {error}");
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
        let longest =
            format!("{{{{if 1}}}}{}{{{{end}}}}", "{{else if 1}}".repeat(crate::template::limits::NESTING_MAX - 1));
        assert!(parse(&longest).is_ok());
    }
}
