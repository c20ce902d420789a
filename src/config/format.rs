//! The expressions of a rule file in their canonical layout; everything around them stays byte for byte.

use std::ops::Range;
use std::sync::Arc;

use granit_parser::ScalarStyle;

use crate::lang;
use crate::model::{Diagnostic, Severity, SourceFile};

use super::document::Document;
use super::rules::is_rule_file;
use super::yaml::{Entry, Node, NodeKind, Reader, Scalar};

/// The narrowest layout that deep indentation can force.
const WIDTH_MIN: usize = 40;

/// A stretch of a file and what stands there instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The bytes that go.
    pub range: Range<usize>,
    /// What comes in their place.
    pub text: String,
}

/// What is to change in a rule file.
#[derive(Clone, Debug)]
pub struct FormattedRules {
    /// The file as it was.
    pub file: Arc<SourceFile>,
    /// The changes, in order and apart from one another; none if it is well laid out.
    pub edits: Vec<Edit>,
    /// Expressions that are left as they are, and why.
    pub warnings: Vec<Diagnostic>,
}

impl FormattedRules {
    /// The file as it should be.
    pub fn text(&self) -> String {
        let (mut text, mut at) = (String::with_capacity(self.file.text.len()), 0);
        for edit in &self.edits {
            text.push_str(&self.file.text[at..edit.range.start]);
            text.push_str(&edit.text);
            at = edit.range.end;
        }
        text + &self.file.text[at..]
    }
}

/// Lays out every `expr` of the rule file `bytes`, which is reported as `path`, in lines of at most `width` characters where
/// they can be broken. `None` if the file holds no rule groups. A byte order mark is not part of the result.
///
/// # Errors
///
/// Every error of YAML and of the expressions; nothing should be changed then.
pub fn format_rules(path: &str, bytes: Vec<u8>, width: usize) -> Result<Option<FormattedRules>, Vec<Diagnostic>> {
    let document = Document::from_bytes(path, bytes);
    if document.root.as_ref().is_some_and(|root| !is_rule_file(root)) {
        return Ok(None);
    }
    if !document.problems.is_empty() {
        return Err(document.problems);
    }
    let Some(root) = document.root else { return Ok(None) };
    let reader = Reader::without_secrets(&document.file);
    let mut places = Vec::new();
    expressions(&root, &document.file.text, false, &mut places);
    places.sort_by_key(|place| place.node.span.start);
    places.dedup_by_key(|place| place.node.span.start);
    let text = &document.file.text;
    let edits: Vec<Edit> = places.iter().filter_map(|place| place.edit(&reader, text, width)).collect();
    let problems = reader.finish();
    if problems.iter().any(|problem| problem.severity == Severity::Error) {
        return Err(problems);
    }
    let formatted = FormattedRules { file: document.file, edits, warnings: problems };
    verify(path, &formatted, &root)?;
    Ok(Some(formatted))
}

/// Holds that the changed file means the same: every expression reads back to its tree.
fn verify(path: &str, formatted: &FormattedRules, root: &Arc<Node>) -> Result<(), Vec<Diagnostic>> {
    if formatted.edits.is_empty() {
        return Ok(());
    }
    let text = formatted.text();
    let again = Document::from_bytes(path, text.clone().into_bytes());
    let meaning = |root: &Arc<Node>, text: &str| {
        let mut places = Vec::new();
        expressions(root, text, false, &mut places);
        let canonical = |place: &Place<'_>| lang::parse(&place.scalar.text).map(|expr| expr.to_string()).ok();
        places.iter().map(canonical).collect::<Vec<_>>()
    };
    let same = |again: &Arc<Node>| meaning(again, &text) == meaning(root, &formatted.file.text);
    if again.problems.is_empty() && again.root.as_ref().is_some_and(same) {
        return Ok(());
    }
    let message = format!("`{path}` cannot be written in this layout; it is left alone");
    Err(vec![Diagnostic::error("format/unsafe", message)])
}

/// An expression and what is around it.
struct Place<'n> {
    entry: &'n Entry,
    node: &'n Node,
    scalar: &'n Scalar,
    /// It stands in `{ … }` or `[ … ]`, where blocks are not allowed.
    in_flow: bool,
}

/// The values of `expr` in the rules below `root`.
fn expressions<'n>(root: &'n Node, text: &str, in_flow: bool, found: &mut Vec<Place<'n>>) {
    const ABOVE: [&str; 3] = ["spec", "groups", "rules"];
    let in_flow = in_flow || text[root.span.start..].starts_with(['{', '[']);
    match &root.kind {
        NodeKind::Sequence(items) => items.iter().for_each(|item| expressions(item, text, in_flow, found)),
        NodeKind::Mapping(entries) => {
            for entry in entries {
                match &entry.value.kind {
                    // An alias stands elsewhere: it is laid out where its anchor is.
                    NodeKind::Scalar(scalar) if entry.key == "expr" && entry.value.span.start > entry.key_span.end => {
                        found.push(Place { entry, node: &entry.value, scalar, in_flow });
                    }
                    _ if ABOVE.contains(&entry.key.as_str()) => expressions(&entry.value, text, in_flow, found),
                    _ => {}
                }
            }
        }
        NodeKind::Null | NodeKind::Scalar(_) => {}
    }
}

impl Place<'_> {
    /// The change of this expression, if it needs one; errors go to `reader`.
    fn edit(&self, reader: &Reader<'_>, text: &str, width: usize) -> Option<Edit> {
        let column = column(text, self.entry.key_span.start);
        let indent = self.content_start(text).map_or(column + 2, |start| self::column(text, start));
        let width_inside = width.saturating_sub(indent).max(WIDTH_MIN);
        let one_line = width.saturating_sub(column + "expr: ".len()).max(WIDTH_MIN);
        let width = match self.in_flow {
            true => usize::MAX,
            false if self.is_block() => width_inside,
            false => one_line,
        };
        let written = match lang::format(&self.scalar.text, width) {
            // What needs a block has its room.
            Ok(written) if !self.in_flow && needs_block(&written) => {
                lang::format(&self.scalar.text, width_inside).unwrap_or(written)
            }
            Ok(written) => written,
            Err(errors) => {
                for error in &errors {
                    let span = reader.inside(self.node, error.span.clone());
                    reader.error_hint("expr/syntax", &span, error.message.as_str(), error.hint.as_deref());
                }
                return None;
            }
        };
        if written == self.scalar.text.trim_end() {
            return None;
        }
        if self.in_flow && needs_block(&written) {
            let message = "this expression has comments, which need lines of their own; it is left as it is";
            reader.warning("format/flow", &self.node.span, message);
            return None;
        }
        if self.is_block() {
            return self.block_again(text, &written, indent);
        }
        if needs_block(&written) {
            return Some(self.block(text, &written, indent));
        }
        let is_plain = is_plain(&written) && !(self.in_flow && written.contains([',', '[', ']', '{', '}']));
        let value = if is_plain { written } else { format!("'{}'", written.replace('\'', "''")) };
        Some(Edit { range: self.node.span.clone(), text: value })
    }

    fn is_block(&self) -> bool {
        matches!(self.scalar.style, ScalarStyle::Literal | ScalarStyle::Folded)
    }

    /// Where the first visible character of a block scalar stands.
    fn content_start(&self, text: &str) -> Option<usize> {
        let raw = text.get(self.node.span.clone()).filter(|_| self.is_block())?;
        Some(self.node.span.start + (raw.len() - raw.trim_start().len()))
    }

    /// A block scalar with another content; its header stays unless it folds lines or counts indentation.
    fn block_again(&self, text: &str, written: &str, indent: usize) -> Option<Edit> {
        let start = self.content_start(text)?;
        let between = text.get(self.entry.key_span.end..start)?;
        let header = self.entry.key_span.end + between.find(['|', '>'])?;
        let header_end = header + text[header..start].find('\n')?;
        let folds = text[header..].starts_with('>') && needs_block(written);
        let length = text[header + 1..].len()
            - text[header + 1..].trim_start_matches(|c: char| matches!(c, '+' | '-') || c.is_ascii_digit()).len();
        let chomping: String = text[header + 1..header + 1 + length].chars().filter(|c| !c.is_ascii_digit()).collect();
        let sign = if folds { "|" } else { &text[header..=header] };
        let rest = &text[header + 1 + length..header_end];
        let raw = text.get(self.node.span.clone())?;
        let end = self.node.span.start + raw.trim_end().len();
        let lines = indented(written, indent, line_break(text));
        Some(Edit { range: header..end, text: format!("{sign}{chomping}{}{lines}", rest.trim_end_matches('\r')) })
    }

    /// A block scalar in place of a plain or quoted one; a comment behind the value goes to the block's header.
    fn block(&self, text: &str, written: &str, indent: usize) -> Edit {
        let end = self.node.span.end;
        let line_end = text[end..].find('\n').map_or(text.len(), |newline| end + newline);
        let behind = text[end..line_end].trim_end();
        let range = self.node.span.start..end + behind.len();
        let behind = behind.trim_start();
        let blank = if behind.is_empty() { "" } else { " " };
        Edit { range, text: format!("|{blank}{behind}{}", indented(written, indent, line_break(text))) }
    }
}

/// Each line after a break and `indent` blanks.
fn indented(written: &str, indent: usize, line_break: &str) -> String {
    written.lines().map(|line| format!("{line_break}{}{line}", " ".repeat(indent))).collect()
}

fn line_break(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// Characters before `at` in its line.
fn column(text: &str, at: usize) -> usize {
    let line_start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    text[line_start..at].chars().count()
}

/// Whether an expression needs lines of its own: several of them, or one with a comment.
fn needs_block(written: &str) -> bool {
    written.contains('\n') || !lang::comments(written).is_empty()
}

/// Whether YAML reads `written`, an expression in one line, as it stands.
fn is_plain(written: &str) -> bool {
    const WORDS: [&str; 12] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n", "~", "nan", "inf"];
    let begins_well = written
        .starts_with(|first: char| first.is_ascii_alphanumeric() || matches!(first, '_' | '(' | '+' | '.'))
        || (written.starts_with('-') && !written.starts_with("- "));
    begins_well
        && !written.contains(": ")
        && !written.contains(" #")
        && !written.ends_with(':')
        && !WORDS.iter().any(|word| written.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::render_text;

    fn formatted(text: &str, width: usize) -> String {
        match format_rules("x.yml", text.as_bytes().to_vec(), width) {
            Ok(Some(formatted)) => formatted.text(),
            Ok(None) => panic!("no rule file: {text}"),
            Err(problems) => panic!("{}", render_text(&problems, false)),
        }
    }

    /// A rule file around `- alert: X` and `expr`.
    fn around(expr: &str) -> String {
        format!(
            "groups: # a\n- name:  'g'\n  rules:\n  - alert: X\n    {expr}\n    labels: {{a:  \"{{{{ $value }}}}\"}}\n"
        )
    }

    #[test]
    fn expressions_in_their_places() {
        for (before, after) in [
            ("expr:   up  ==0", "expr:   up == 0"),
            ("expr: up == 0", "expr: up == 0"),
            ("expr: 'up == 0' # why", "expr: 'up == 0' # why"),
            ("expr: 'up==0' # why", "expr: up == 0 # why"),
            ("expr: \"up{a='b'}==0\"", "expr: up{a=\"b\"} == 0"),
            ("expr: 'a{b=\"x: y\"}==0'", "expr: 'a{b=\"x: y\"} == 0'"),
            ("expr: '{a=\"b\"}==0'", "expr: '{a=\"b\"} == 0'"),
            ("expr: 'a{b=\"it''s: \"}==0'", "expr: 'a{b=\"it''s: \"} == 0'"),
            ("expr: a\n      +b", "expr: a + b"),
            ("expr: |\n        up==0\n", "expr: |\n        up == 0\n"),
            ("expr: |-  # note\n      up==0", "expr: |-  # note\n      up == 0"),
            ("expr: >-\n      up\n      ==0", "expr: >-\n      up == 0"),
            ("expr: |2\n        up==0\n\n", "expr: |\n        up == 0\n\n"),
            ("expr: |+\n      up==0 # down\n\n", "expr: |+\n      up == 0 # down\n\n"),
            ("expr: &x up==0", "expr: &x up == 0"),
            ("expr: !!str 5+5==bool 1e9", "expr: !!str 5 + 5 == bool 1e9"),
        ] {
            let (before, after) = (around(before), around(after));
            assert_eq!(formatted(&before, 100), after);
            assert_eq!(formatted(&after, 100), after);
            let (before, after) = (before.replace('\n', "\r\n"), after.replace('\n', "\r\n"));
            assert_eq!(formatted(&before, 100), after);
        }
    }

    #[test]
    fn long_expressions_become_blocks() {
        let long = "sum by (job) (rate(errors_total{code=~\"5..\"}[5m]))/sum by (job) (rate(requests_total[5m]))>0.05";
        let block = "
      sum by (job) (rate(errors_total{code=~\"5..\"}[5m]))
        /
      sum by (job) (rate(requests_total[5m]))
      >
      0.05";
        for (before, header) in [
            (format!("expr: {long}"), "expr: |"),
            (format!("expr: '{long}' # note"), "expr: | # note"),
            (format!("expr: >- # note\n      {long}"), "expr: |- # note"),
            (format!("expr: |\n      {long}"), "expr: |"),
        ] {
            let after = around(&format!("{header}{block}"));
            assert_eq!(formatted(&around(&before), 70), after);
            assert_eq!(formatted(&after, 70), after);
            let crlf = around(&before).replace('\n', "\r\n");
            assert_eq!(formatted(&crlf, 70), after.replace('\n', "\r\n"));
        }
    }

    #[test]
    fn other_forms_of_files() {
        for (before, after) in [
            (
                "groups: [{name: g, rules: [{alert: X, expr: up==0}]}]",
                "groups: [{name: g, rules: [{alert: X, expr: up == 0}]}]",
            ),
            (
                "{groups: [{name: g, rules: [{alert: X, expr: 'up{a=\"b\"}==0'}]}]}",
                "{groups: [{name: g, rules: [{alert: X, expr: 'up{a=\"b\"} == 0'}]}]}",
            ),
            (
                "kind: PrometheusRule\nspec:\n  groups:\n  - rules:\n    - expr: up==0\n      x-expr: up==0",
                "kind: PrometheusRule\nspec:\n  groups:\n  - rules:\n    - expr: up == 0\n      x-expr: up==0",
            ),
            (
                "x: &e up==0\ngroups:\n- rules:\n  - expr: *e\n  - expr: &f up==1\n  - expr: *f\n",
                "x: &e up==0\ngroups:\n- rules:\n  - expr: *e\n  - expr: &f up == 1\n  - expr: *f\n",
            ),
            (
                "groups:\n- rules:\n  - {expr: \"up\\n# why\\n==0\"}\n",
                "groups:\n- rules:\n  - {expr: \"up\\n# why\\n==0\"}\n",
            ),
            (
                "groups:\n- rules:\n  - expr: \"# why\\nup==0\"\n",
                "groups:\n- rules:\n  - expr: |\n      # why\n      up == 0\n",
            ),
            ("groups:\n- rules:\n  - expr: |\n      up==0", "groups:\n- rules:\n  - expr: |\n      up == 0"),
            ("\u{feff}groups:\n- rules:\n  - expr: up==0", "groups:\n- rules:\n  - expr: up == 0"),
        ] {
            assert_eq!(formatted(before, 100), after);
            assert_eq!(formatted(after, 100), after);
        }
        assert!(matches!(format_rules("x", b"route: {}".to_vec(), 100), Ok(None)));
        for broken in ["groups: [", "groups:\n- rules:\n  - expr: up ==\n  - expr: (", "\u{0}"] {
            let problems = format_rules("x", broken.as_bytes().to_vec(), 100).expect_err(broken);
            assert!(!problems.is_empty());
        }
    }
}
