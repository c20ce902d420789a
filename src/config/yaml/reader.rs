//! Reads the tree into typed values; collects every mistake instead of stopping at the first.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use granit_parser::ScalarStyle;
use serde_json::{Number, Value};

use crate::model::{Diagnostic, Labels, METRIC_NAME, SourceFile, is_label_name, parse_duration};

use super::{Entry, Fields, Node, NodeKind, Scalar, file_range};

/// How many problems of one severity are told of one file.
pub(in crate::config) const PROBLEMS_MAX: usize = 100;

/// One file while it is read, with the files that it includes: the problems so far and the secrets that must not show in
/// them. The bytes of all are numbered through, each file after the one before.
pub(in crate::config) struct Reader<'e> {
    /// Each with the number of its first byte.
    files: Vec<(usize, Arc<SourceFile>)>,
    environment: &'e dyn Fn(&str) -> Option<String>,
    problems: RefCell<Vec<Diagnostic>>,
    /// How many problems there were beyond those that are told.
    further: Cell<usize>,
    secrets: RefCell<Vec<Range<usize>>>,
    templates: RefCell<Vec<Node>>,
    /// The file has no place for secrets.
    shows_all: bool,
}

impl<'e> Reader<'e> {
    /// A reader of `file`; `environment` yields the variables that `${NAME}` stands for.
    pub(in crate::config) fn new(file: &Arc<SourceFile>, environment: &'e dyn Fn(&str) -> Option<String>) -> Self {
        let (problems, secrets, templates) = (RefCell::default(), RefCell::default(), RefCell::default());
        let further = Cell::new(0);
        let files = vec![(0, Arc::clone(file))];
        Reader { files, environment, problems, further, secrets, templates, shows_all: false }
    }

    /// Takes a further file up; returns what its bytes are counted from.
    pub(in crate::config) fn include(&mut self, file: &Arc<SourceFile>) -> usize {
        // One apart, so that the end of one is not the beginning of the next.
        let base = self.files.last().map_or(0, |(base, last)| base + last.text.len() + 1);
        self.files.push((base, Arc::clone(file)));
        base
    }

    /// The file that holds the byte `at`, and what its bytes are counted from.
    fn file(&self, at: usize) -> (usize, &Arc<SourceFile>) {
        let index = self.files.partition_point(|(base, _)| *base <= at).saturating_sub(1);
        let (base, file) = &self.files[index];
        (*base, file)
    }

    /// A problem at `span`.
    fn place(&self, problem: Diagnostic, span: &Range<usize>) -> Diagnostic {
        let (base, file) = self.file(span.start);
        problem.at(file, span.start - base..span.end.max(span.start) - base)
    }

    /// A reader of a file that has no place for secrets, so that excerpts show every line as it is.
    pub(in crate::config) fn without_secrets(file: &Arc<SourceFile>) -> Reader<'static> {
        Reader { shows_all: true, ..Reader::new(file, &|_| None) }
    }

    /// `path` as seen from the folder of the file that says it at `span`.
    pub(in crate::config) fn resolve(&self, path: &str, span: &Range<usize>) -> String {
        beside(&self.file(span.start).1.path, path)
    }

    /// The texts noted as templates since the last call.
    pub(in crate::config) fn take_templates(&self) -> Vec<Node> {
        self.templates.take()
    }

    /// The problems found, with secrets blanked in the excerpts.
    pub(in crate::config) fn finish(self) -> Vec<Diagnostic> {
        let mut problems = self.problems.take();
        let number = |path: &str| self.files.iter().position(|(_, file)| file.path == path);
        problems.sort_by_key(|problem| problem.place.as_ref().map(|at| (number(&at.file.path), at.range.start)));
        if self.further.get() > 0 {
            let path = &self.files[0].1.path;
            let message = format!("{path}: {} further problems are not shown", self.further.get());
            problems.push(Diagnostic::warning("yaml/limit", message));
        }
        let blanked: Vec<Arc<SourceFile>> = match self.shows_all || problems.is_empty() {
            true => Vec::new(),
            false => (0..self.files.len()).map(|index| self.blanked(index)).collect(),
        };
        for place in problems.iter_mut().filter_map(|problem| problem.place.as_mut()) {
            if let Some(file) = blanked.iter().find(|file| file.path == place.file.path) {
                place.file = Arc::clone(file);
            }
        }
        problems
    }

    /// The secrets of the file `index`, as its own bytes, sorted.
    fn secrets_of(&self, index: usize) -> Vec<Range<usize>> {
        let (base, file) = &self.files[index];
        let within = base..&(base + file.text.len());
        let secrets = self.secrets.borrow();
        let own = secrets.iter().filter(|span| within.contains(&&span.start));
        let mut own: Vec<Range<usize>> = own.map(|span| span.start - base..span.end - base).collect();
        own.sort_by_key(|span| (span.start, span.end));
        own
    }

    fn blanked(&self, index: usize) -> Arc<SourceFile> {
        let file = &self.files[index].1;
        match self.secrets_of(index).as_slice() {
            [] => Arc::clone(file),
            secrets => SourceFile::new(file.path.as_str(), blank(&file.text, secrets)),
        }
    }

    /// Whether the text of `node` was taken for a secret.
    pub(in crate::config) fn is_hidden(&self, node: &Node) -> bool {
        self.secrets.borrow().contains(&node.span)
    }

    /// The files with `<secret>` in place of each secret, one after the other.
    pub(in crate::config) fn shown_text(&self) -> String {
        let mut shown = String::new();
        for (index, (_, file)) in self.files.iter().enumerate() {
            if index > 0 {
                shown.push_str(&format!("# {}\n", file.path));
            }
            let mut at = 0;
            for span in self.secrets_of(index) {
                if span.start >= at {
                    shown.push_str(file.text.get(at..span.start).unwrap_or_default());
                    shown.push_str("<secret>");
                }
                at = at.max(span.end);
            }
            shown.push_str(file.text.get(at..).unwrap_or_default());
            if !shown.ends_with('\n') && index + 1 < self.files.len() {
                shown.push('\n');
            }
        }
        shown
    }

    /// Notes a problem.
    pub(in crate::config) fn report(&self, problem: Diagnostic) {
        let mut problems = self.problems.borrow_mut();
        if problems.iter().filter(|known| known.severity == problem.severity).count() < PROBLEMS_MAX {
            problems.push(problem);
        } else {
            self.further.set(self.further.get() + 1);
        }
    }

    /// Notes an error at `span`.
    pub(in crate::config) fn error(&self, id: &'static str, span: &Range<usize>, message: impl Into<String>) {
        self.report(self.place(Diagnostic::error(id, message), span));
    }

    /// Notes an error at `span` with a way to mend it.
    pub(in crate::config) fn error_hint(
        &self,
        id: &'static str,
        span: &Range<usize>,
        message: impl Into<String>,
        hint: Option<impl Into<String>>,
    ) {
        let problem = self.place(Diagnostic::error(id, message), span);
        self.report(match hint {
            Some(hint) => problem.hint(hint),
            None => problem,
        });
    }

    /// Notes a warning at `span`.
    pub(in crate::config) fn warning(&self, id: &'static str, span: &Range<usize>, message: impl Into<String>) {
        self.report(self.place(Diagnostic::warning(id, message), span));
    }

    /// Notes a warning at `span` with a way to mend it.
    pub(in crate::config) fn warning_hint(
        &self,
        id: &'static str,
        span: &Range<usize>,
        message: impl Into<String>,
        hint: &str,
    ) {
        self.report(self.place(Diagnostic::warning(id, message), span).hint(hint));
    }

    /// The line, from 1, of `span`.
    pub(in crate::config) fn line(&self, span: &Range<usize>) -> usize {
        let (base, file) = self.file(span.start);
        file.line_column(span.start - base).0
    }

    /// `file:line` of `span`.
    pub(in crate::config) fn file_line(&self, span: &Range<usize>) -> String {
        format!("{}:{}", self.file(span.start).1.path, self.line(span))
    }

    /// Where the bytes `value` of the scalar `node` stand in the file.
    pub(in crate::config) fn inside(&self, node: &Node, value: Range<usize>) -> Range<usize> {
        match &node.kind {
            NodeKind::Scalar(scalar) => {
                let (base, file) = self.file(node.span.start);
                let own = node.span.start - base..node.span.end - base;
                let range = file_range(&file.text, &own, scalar, &value);
                range.start + base..range.end + base
            }
            _ => node.span.clone(),
        }
    }

    fn wrong_type(&self, node: &Node, expected: &str) {
        let message = format!("expected {expected}, found {}", describe(node));
        self.error("yaml/wrong-type", &node.span, message);
    }

    /// The scalar of `node`; anything else is an error. `expected` says what was, such as "a text".
    pub(in crate::config) fn scalar<'n>(&self, node: &'n Node, expected: &str) -> Option<&'n Scalar> {
        match &node.kind {
            NodeKind::Scalar(scalar) => Some(scalar),
            _ => {
                self.wrong_type(node, expected);
                None
            }
        }
    }

    /// The items of a list; `null` is an empty one.
    pub(in crate::config) fn items<'n>(&self, node: &'n Node, expected: &str) -> &'n [Arc<Node>] {
        match &node.kind {
            NodeKind::Sequence(items) => items,
            NodeKind::Null => &[],
            _ => {
                self.wrong_type(node, expected);
                &[]
            }
        }
    }

    /// The entries of a mapping with free keys; `null` is an empty one.
    pub(in crate::config) fn entries<'n>(&self, node: &'n Node, expected: &str) -> &'n [Entry] {
        match &node.kind {
            NodeKind::Mapping(entries) => entries,
            NodeKind::Null => &[],
            _ => {
                self.wrong_type(node, expected);
                &[]
            }
        }
    }

    /// The fields of a mapping with known keys; `what` names it, such as "a rule group".
    pub(in crate::config) fn fields<'r>(&'r self, node: &'r Node, what: &'static str) -> Option<Fields<'r>> {
        let entries: &[Entry] = match &node.kind {
            NodeKind::Mapping(entries) => entries,
            NodeKind::Null => &[],
            _ => {
                self.wrong_type(node, what);
                return None;
            }
        };
        Some(Fields { entries, span: node.span.clone(), ..self.no_fields(what) })
    }

    /// A mapping without entries.
    pub(in crate::config) fn no_fields(&self, what: &'static str) -> Fields<'_> {
        Fields { reader: self, entries: &[], span: 0..0, what, known: Vec::new(), refused: Vec::new() }
    }

    /// Any value as JSON; its texts and keys are noted as templates. Only what is written without quotes can be a number,
    /// `true` or `false`.
    pub(in crate::config) fn template_tree(&self, node: &Node) -> Value {
        match &node.kind {
            NodeKind::Null => Value::Null,
            NodeKind::Scalar(scalar) => {
                let typed = if scalar.style == ScalarStyle::Plain { plain_value(&scalar.text) } else { None };
                typed.unwrap_or_else(|| {
                    self.note_template(node);
                    Value::String(scalar.text.clone())
                })
            }
            NodeKind::Sequence(items) => items.iter().map(|item| self.template_tree(item)).collect(),
            NodeKind::Mapping(entries) => entries
                .iter()
                .map(|entry| {
                    let scalar = Scalar { text: entry.key.clone(), style: ScalarStyle::Plain };
                    self.note_template(&Node { kind: NodeKind::Scalar(scalar), span: entry.key_span.clone() });
                    (entry.key.clone(), self.template_tree(&entry.value))
                })
                .collect(),
        }
    }

    /// A duration such as `5m`.
    pub(in crate::config) fn duration(&self, node: &Node) -> Option<Duration> {
        let scalar = self.scalar(node, "a duration such as `5m`")?;
        match parse_duration(&scalar.text) {
            Ok(duration) => Some(duration),
            Err(error) => {
                self.error("yaml/duration", &node.span, error.to_string());
                None
            }
        }
    }

    /// Texts under label names.
    pub(in crate::config) fn labels(&self, node: &Node, expand: bool) -> Labels {
        let mut pairs = Vec::new();
        for entry in self.entries(node, "labels and their values") {
            if entry.key.is_empty() || entry.key == METRIC_NAME {
                self.error("config/label-name", &entry.key_span, format!("`{}` is no label name", entry.key));
            }
            let value = match &entry.value.kind {
                NodeKind::Null => continue,
                _ => self.scalar(&entry.value, "a text"),
            };
            let Some(value) = value else { continue };
            let value = if expand {
                self.expand(&value.text, &entry.value.span).unwrap_or_default()
            } else {
                value.text.clone()
            };
            pairs.push((entry.key.as_str(), value));
        }
        Labels::from_pairs(pairs)
    }

    /// `text` with `${NAME}` replaced by the environment's variables and `$${` by `${`; an unset one is an error at `span`.
    pub(in crate::config) fn expand(&self, text: &str, span: &Range<usize>) -> Option<String> {
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            if rest[..at].ends_with('$') {
                expanded.push_str(&rest[..at]);
                expanded.push('{');
                rest = &rest[at + 2..];
                continue;
            }
            expanded.push_str(&rest[..at]);
            let tail = &rest[at + 2..];
            let end = tail.find('}').unwrap_or(0);
            if !is_label_name(&tail[..end]) {
                expanded.push_str("${");
                rest = tail;
                continue;
            }
            match (self.environment)(&tail[..end]) {
                Some(value) => expanded.push_str(&value),
                None => {
                    let message = format!("the environment variable `{}` is not set", &tail[..end]);
                    self.error("config/environment", span, message);
                    return None;
                }
            }
            rest = &tail[end + 1..];
        }
        expanded.push_str(rest);
        Some(expanded)
    }

    /// Keeps the bytes of `node` out of every excerpt.
    pub(in crate::config) fn hide(&self, node: &Node) {
        match &node.kind {
            NodeKind::Null => {}
            NodeKind::Scalar(_) => self.secrets.borrow_mut().push(node.span.clone()),
            NodeKind::Sequence(items) => items.iter().for_each(|item| self.hide(item)),
            NodeKind::Mapping(entries) => entries.iter().for_each(|entry| self.hide(&entry.value)),
        }
    }

    /// Notes that the text of `node` is a template.
    pub(in crate::config) fn note_template(&self, node: &Node) {
        self.templates.borrow_mut().push(node.clone());
    }

    /// A secret given as value; it may hold `${NAME}`. `key_span` is where a problem is shown.
    pub(in crate::config) fn secret_value(&self, node: &Node, key_span: &Range<usize>) -> Option<String> {
        self.hide(node);
        match &node.kind {
            NodeKind::Scalar(scalar) => self.expand(&scalar.text, key_span),
            _ => {
                self.error("yaml/wrong-type", key_span, format!("expected a text, found {}", describe(node)));
                None
            }
        }
    }
}

/// The number or truth value that `text` stands for in YAML; `None` for a text.
fn plain_value(text: &str) -> Option<Value> {
    match text {
        "true" | "True" | "TRUE" => Some(Value::Bool(true)),
        "false" | "False" | "FALSE" => Some(Value::Bool(false)),
        _ => text.parse::<Number>().ok().map(Value::Number),
    }
}

/// `path` as seen from the folder of the file `from`; absolute paths stay.
pub(in crate::config) fn beside(from: &str, path: &str) -> String {
    match from.rfind('/') {
        Some(slash) if !path.starts_with('/') => format!("{}/{path}", &from[..slash]),
        _ => path.to_owned(),
    }
}

/// `text` with the characters of `spans` replaced by `*`, byte for byte; line breaks stay.
pub(in crate::config) fn blank(text: &str, spans: &[Range<usize>]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for span in spans {
        for byte in bytes.iter_mut().take(span.end).skip(span.start) {
            if !matches!(byte, b'\n' | b'\r') {
                *byte = b'*';
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_default()
}

/// What a value is, for messages; a text is shown only in part.
fn describe(node: &Node) -> &'static str {
    match &node.kind {
        NodeKind::Null => "nothing",
        NodeKind::Scalar(_) => "a text",
        NodeKind::Sequence(_) => "a list",
        NodeKind::Mapping(_) => "a mapping",
    }
}

/// At most 60 characters of `text`, on one line.
pub(in crate::config) fn shorten(text: &impl Display) -> String {
    let text = text.to_string();
    let mut short: String = text.chars().take(60).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
