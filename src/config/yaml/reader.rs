//! Reads the tree into typed values; collects every mistake instead of stopping at the first.

use std::cell::RefCell;
use std::fmt::Display;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::deliver::Secret;
use crate::model::{Diagnostic, Labels, METRIC_NAME, SourceFile, is_label_name, nearest, parse_duration};

use super::{Entry, Node, NodeKind, Scalar, file_range};

/// How many known fields a hint lists at most.
const LISTED_FIELDS_MAX: usize = 16;

/// One file while it is read: its problems so far and the secrets that must not show in them.
pub(in crate::config) struct Reader<'e> {
    file: Arc<SourceFile>,
    environment: &'e dyn Fn(&str) -> Option<String>,
    problems: RefCell<Vec<Diagnostic>>,
    secrets: RefCell<Vec<Range<usize>>>,
    templates: RefCell<Vec<Node>>,
    /// The file has no place for secrets.
    shows_all: bool,
}

impl<'e> Reader<'e> {
    /// A reader of `file`; `environment` yields the variables that `${NAME}` stands for.
    pub(in crate::config) fn new(file: &Arc<SourceFile>, environment: &'e dyn Fn(&str) -> Option<String>) -> Self {
        let (problems, secrets, templates) = (RefCell::default(), RefCell::default(), RefCell::default());
        Reader { file: Arc::clone(file), environment, problems, secrets, templates, shows_all: false }
    }

    /// A reader of a file that has no place for secrets, so that excerpts show every line as it is.
    pub(in crate::config) fn without_secrets(file: &Arc<SourceFile>) -> Reader<'static> {
        Reader { shows_all: true, ..Reader::new(file, &|_| None) }
    }

    /// `path` as seen from the folder of the file.
    pub(in crate::config) fn resolve(&self, path: &str) -> String {
        beside(&self.file.path, path)
    }

    /// The texts noted as templates since the last call.
    pub(in crate::config) fn take_templates(&self) -> Vec<Node> {
        self.templates.take()
    }

    /// The problems found, with secrets blanked in the excerpts.
    pub(in crate::config) fn finish(self) -> Vec<Diagnostic> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| problem.place.as_ref().map(|place| place.range.start));
        let secrets = if self.shows_all { Vec::new() } else { self.secrets.into_inner() };
        if !problems.is_empty() && !secrets.is_empty() {
            let blanked = SourceFile::new(self.file.path.as_str(), blank(&self.file.text, &secrets));
            for place in problems.iter_mut().filter_map(|problem| problem.place.as_mut()) {
                place.file = Arc::clone(&blanked);
            }
        }
        problems
    }

    /// Notes a problem.
    pub(in crate::config) fn report(&self, problem: Diagnostic) {
        self.problems.borrow_mut().push(problem);
    }

    /// Notes an error at `span`.
    pub(in crate::config) fn error(&self, id: &'static str, span: &Range<usize>, message: impl Into<String>) {
        self.report(Diagnostic::error(id, message).at(&self.file, span.clone()));
    }

    /// Notes an error at `span` with a way to mend it.
    pub(in crate::config) fn error_hint(
        &self,
        id: &'static str,
        span: &Range<usize>,
        message: impl Into<String>,
        hint: Option<impl Into<String>>,
    ) {
        let problem = Diagnostic::error(id, message).at(&self.file, span.clone());
        self.report(match hint {
            Some(hint) => problem.hint(hint),
            None => problem,
        });
    }

    /// Notes a warning at `span`.
    pub(in crate::config) fn warning(&self, id: &'static str, span: &Range<usize>, message: impl Into<String>) {
        self.report(Diagnostic::warning(id, message).at(&self.file, span.clone()));
    }

    /// The line, from 1, of `span`.
    pub(in crate::config) fn line(&self, span: &Range<usize>) -> usize {
        self.file.line_column(span.start).0
    }

    /// Where the bytes `value` of the scalar `node` stand in the file.
    pub(in crate::config) fn inside(&self, node: &Node, value: Range<usize>) -> Range<usize> {
        match &node.kind {
            NodeKind::Scalar(scalar) => file_range(&self.file.text, &node.span, scalar, &value),
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

/// The fields of a mapping. A field is known once it was asked for; [`Fields::finish`] reports the others.
pub(in crate::config) struct Fields<'r> {
    reader: &'r Reader<'r>,
    entries: &'r [Entry],
    span: Range<usize>,
    what: &'static str,
    known: Vec<&'static str>,
    /// Names that are known elsewhere and not supported here.
    refused: Vec<&'static str>,
}

impl<'r> Fields<'r> {
    /// The reader of the file.
    pub(in crate::config) fn reader(&self) -> &'r Reader<'r> {
        self.reader
    }

    /// Where the mapping begins.
    pub(in crate::config) fn span(&self) -> &Range<usize> {
        &self.span
    }

    /// The entry `name`, also if its value is `null`.
    pub(in crate::config) fn entry(&mut self, name: &'static str) -> Option<&'r Entry> {
        if !self.known.contains(&name) {
            self.known.push(name);
        }
        self.entries.iter().find(|entry| entry.key == name)
    }

    /// The value of `name`; `null` counts as absent.
    pub(in crate::config) fn take(&mut self, name: &'static str) -> Option<&'r Node> {
        let node = &*self.entry(name)?.value;
        (!matches!(node.kind, NodeKind::Null)).then_some(node)
    }

    /// Where the key `name` stands; the mapping itself if it is absent.
    pub(in crate::config) fn key_span(&self, name: &str) -> Range<usize> {
        let entry = self.entries.iter().find(|entry| entry.key == name);
        entry.map_or_else(|| self.span.clone(), |entry| entry.key_span.clone())
    }

    /// Notes an error at the key `name`.
    pub(in crate::config) fn error_at(&self, name: &str, id: &'static str, message: impl Into<String>) {
        self.reader.error(id, &self.key_span(name), message);
    }

    /// Notes that `name` is missing.
    pub(in crate::config) fn missing(&self, name: &str) {
        self.reader.error("yaml/missing-field", &self.span, format!("{} needs the field `{name}`", self.what));
    }

    /// A text; numbers and booleans count as their text.
    pub(in crate::config) fn text(&mut self, name: &'static str) -> Option<String> {
        let node = self.take(name)?;
        self.reader.scalar(node, "a text").map(|scalar| scalar.text.clone())
    }

    /// A text, or `default`.
    pub(in crate::config) fn text_or(&mut self, name: &'static str, default: &str) -> String {
        self.text(name).unwrap_or_else(|| default.to_owned())
    }

    /// A template, or `default`; its syntax is checked later.
    pub(in crate::config) fn template_or(&mut self, name: &'static str, default: &str) -> String {
        if let Some(node) = self.take(name) {
            self.reader.note_template(node);
        }
        self.text_or(name, default)
    }

    /// The path of a file, as seen from the folder of this one.
    pub(in crate::config) fn path(&mut self, name: &'static str) -> Option<String> {
        self.text(name).filter(|path| !path.is_empty()).map(|path| self.reader.resolve(&path))
    }

    /// A text that must be there and not be empty.
    pub(in crate::config) fn need_text(&mut self, name: &'static str) -> Option<String> {
        match self.take(name) {
            None => {
                self.missing(name);
                None
            }
            Some(node) => {
                let text = self.reader.scalar(node, "a text")?.text.clone();
                if text.is_empty() {
                    self.error_at(name, "yaml/empty", format!("`{name}` must not be empty"));
                    return None;
                }
                Some(text)
            }
        }
    }

    /// A duration such as `5m`.
    pub(in crate::config) fn duration(&mut self, name: &'static str) -> Option<Duration> {
        let node = self.take(name)?;
        self.reader.duration(node)
    }

    /// A duration that is not zero.
    pub(in crate::config) fn positive_duration(&mut self, name: &'static str) -> Option<Duration> {
        let duration = self.duration(name)?;
        if duration.is_zero() {
            self.error_at(name, "config/zero", format!("`{name}` must be greater than zero"));
            return None;
        }
        Some(duration)
    }

    /// `true` or `false`.
    pub(in crate::config) fn flag(&mut self, name: &'static str) -> Option<bool> {
        let node = self.take(name)?;
        self.parsed(node, "`true` or `false`", |text| match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "y" => Some(true),
            "false" | "no" | "off" | "n" => Some(false),
            _ => None,
        })
    }

    /// A number from 0.
    pub(in crate::config) fn count(&mut self, name: &'static str) -> Option<usize> {
        let node = self.take(name)?;
        self.parsed(node, "a whole number from 0", |text| text.replace('_', "").parse().ok())
    }

    /// A size in bytes, such as `10MB` or `512KiB`; units are powers of 1024, as in Prometheus.
    pub(in crate::config) fn bytes(&mut self, name: &'static str) -> Option<usize> {
        let node = self.take(name)?;
        self.parsed(node, "a size such as `10MB`", parse_bytes)
    }

    fn parsed<T>(&self, node: &Node, expected: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let scalar = self.reader.scalar(node, expected)?;
        let value = parse(&scalar.text);
        if value.is_none() {
            let message = format!("expected {expected}, found `{}`", shorten(&scalar.text));
            self.reader.error("yaml/wrong-type", &node.span, message);
        }
        value
    }

    /// The items of a list; absent is empty.
    pub(in crate::config) fn list(&mut self, name: &'static str) -> &'r [Arc<Node>] {
        let Some(node) = self.take(name) else { return &[] };
        self.reader.items(node, "a list")
    }

    /// The texts of a list, each with its node; absent is `None`.
    pub(in crate::config) fn texts(&mut self, name: &'static str) -> Option<Vec<(String, &'r Node)>> {
        let entry = self.entry(name)?;
        let mut texts = Vec::new();
        for item in self.reader.items(&entry.value, "a list of texts") {
            if let Some(scalar) = self.reader.scalar(item, "a text") {
                texts.push((scalar.text.clone(), &**item));
            }
        }
        Some(texts)
    }

    /// Labels with their values; absent is empty.
    pub(in crate::config) fn labels(&mut self, name: &'static str) -> Labels {
        self.take(name).map(|node| self.reader.labels(node, false)).unwrap_or_default()
    }

    /// A secret from `value` (may hold `${NAME}`) or from the path in `file`; both are an error.
    pub(in crate::config) fn secret(&mut self, value: &'static str, file: &'static str) -> Option<Secret> {
        let given = self.take(value).filter(|node| !is_empty_text(node));
        let path = self.path(file);
        let key = self.key_span(value);
        let given = given.map(|node| Secret::Value(self.reader.secret_value(node, &key).unwrap_or_default()));
        match (given, path) {
            (Some(_), Some(_)) => {
                self.error_at(file, "config/secret-twice", format!("give `{value}` or `{file}`, not both"));
                None
            }
            (given, path) => given.or(path.map(Secret::File)),
        }
    }

    /// Notes that the field is known elsewhere and not supported here, if it is given.
    pub(in crate::config) fn unsupported(&mut self, name: &'static str, hint: Option<&str>) {
        if let Some(entry) = self.entries.iter().find(|entry| entry.key == name) {
            self.reader.hide(&entry.value);
            let message = format!("`{name}` is not supported yet");
            self.reader.error_hint("config/unsupported", &entry.key_span, message, hint);
        }
        self.known.retain(|known| *known != name);
        self.refused.push(name);
    }

    /// Warns that the field is accepted and changes nothing, if it is given.
    pub(in crate::config) fn without_effect(&mut self, name: &'static str, why: &str) {
        if let Some(node) = self.take(name).filter(|node| !is_empty_text(node)) {
            self.reader.hide(node);
            let message = format!("`{name}` has no effect: {why}");
            self.reader.warning("config/no-effect", &self.key_span(name), message);
        }
    }

    /// Reports every field that was not asked for, with the nearest known name.
    pub(in crate::config) fn finish(self) {
        for entry in self.entries {
            if self.known.contains(&entry.key.as_str()) || self.refused.contains(&entry.key.as_str()) {
                continue;
            }
            self.reader.hide(&entry.value);
            let hint = match nearest(&entry.key, self.known.iter().copied()) {
                Some(name) => Some(format!("did you mean `{name}`?")),
                None if self.known.len() <= LISTED_FIELDS_MAX => {
                    Some(format!("known fields: {}", self.known.join(", ")))
                }
                None => None,
            };
            let message = format!("unknown field `{}` in {}", shorten(&entry.key), self.what);
            self.reader.error_hint("yaml/unknown-field", &entry.key_span, message, hint);
        }
    }
}

fn is_empty_text(node: &Node) -> bool {
    matches!(&node.kind, NodeKind::Scalar(scalar) if scalar.text.is_empty())
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

fn parse_bytes(text: &str) -> Option<usize> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let shift = match text[digits..].trim() {
        "" | "B" => 0,
        "K" | "KB" | "KiB" => 10,
        "M" | "MB" | "MiB" => 20,
        "G" | "GB" | "GiB" => 30,
        "T" | "TB" | "TiB" => 40,
        _ => return None,
    };
    text[..digits].parse::<usize>().ok()?.checked_mul(1 << shift)
}
