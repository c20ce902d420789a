//! The tree of a YAML document, every node with its bytes.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use granit_parser::{Event, Options, Parser, ScalarStyle, ScanError, Span, Tag};
use hashbrown::HashSet;

use crate::model::{Diagnostic, SourceFile};

/// The largest file that is read, in bytes.
pub const FILE_BYTES_MAX: usize = 16 << 20;
/// The deepest nesting of lists and mappings.
pub const DEPTH_MAX: usize = 64;
/// The greatest number of values in a file.
pub const NODES_MAX: usize = 1_000_000;
/// The greatest number of values that aliases may add.
pub const ALIASED_NODES_MAX: usize = 100_000;

/// How many repeated keys are told of one file; reading stops there.
const PROBLEMS_MAX: usize = 100;

/// A value with the bytes of the file that it was read from.
#[derive(Clone, Debug)]
pub(in crate::config) struct Node {
    /// What it is.
    pub(in crate::config) kind: NodeKind,
    /// Its bytes; of a list or mapping only the beginning.
    pub(in crate::config) span: Range<usize>,
}

/// The forms of a value.
#[derive(Clone, Debug)]
pub(in crate::config) enum NodeKind {
    /// Nothing, `~` or `null`.
    Null,
    /// A text, number or boolean.
    Scalar(Scalar),
    /// A list.
    Sequence(Vec<Arc<Node>>),
    /// A mapping; its keys differ.
    Mapping(Vec<Entry>),
}

/// A text, number or boolean, not yet told apart.
#[derive(Clone, Debug)]
pub(in crate::config) struct Scalar {
    /// The value, escapes and folds undone.
    pub(in crate::config) text: String,
    /// How it was written.
    pub(in crate::config) style: ScalarStyle,
}

impl Scalar {
    /// Whether it stands without quotes on one line.
    pub(in crate::config) fn is_plain(&self) -> bool {
        self.style == ScalarStyle::Plain && !self.text.contains('\n')
    }
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(in crate::config) struct Entry {
    /// The key.
    pub(in crate::config) key: String,
    /// The key's bytes.
    pub(in crate::config) key_span: Range<usize>,
    /// The value.
    pub(in crate::config) value: Arc<Node>,
}

/// What was read of a file: its tree unless it is empty or broken, and what is wrong with it.
#[derive(Debug, Default)]
pub(in crate::config) struct Parsed {
    /// The document.
    pub(in crate::config) root: Option<Arc<Node>>,
    /// Errors.
    pub(in crate::config) problems: Vec<Diagnostic>,
}

/// Reads the one document of `file`.
pub(in crate::config) fn parse(file: &Arc<SourceFile>) -> Parsed {
    if file.text.len() > FILE_BYTES_MAX {
        let message = format!("the file is larger than {} MiB", FILE_BYTES_MAX >> 20);
        return Parsed { root: None, problems: vec![Diagnostic::error("yaml/limit", message).at(file, 0..0)] };
    }
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.disallow_directives = false;
    options.flow_nesting_limit = DEPTH_MAX + 1;
    options.block_nesting_limit = DEPTH_MAX + 1;
    let mut builder = Builder::new(file);
    for item in Parser::new_from_str_with_options(&file.text, options) {
        let step = match item {
            Ok((event, span)) => builder.take(event, &span),
            Err(error) => Err(builder.syntax_error(&error)),
        };
        if let Err(stop) = step {
            builder.problems.push(*stop);
            return Parsed { root: None, problems: builder.problems };
        }
    }
    Parsed { root: builder.root, problems: builder.problems }
}

/// A list or mapping that is not complete yet.
struct Frame {
    node: Node,
    anchor: usize,
    /// How many nodes it holds, aliases followed.
    size: usize,
    /// The key whose value comes next.
    key: Option<(String, Range<usize>)>,
    keys: HashSet<String>,
}

struct Builder<'f> {
    file: &'f Arc<SourceFile>,
    stack: Vec<Frame>,
    root: Option<Arc<Node>>,
    anchors: HashMap<usize, (Arc<Node>, usize)>,
    nodes: usize,
    aliased: usize,
    documents: usize,
    problems: Vec<Diagnostic>,
}

type Step = Result<(), Box<Diagnostic>>;

impl<'f> Builder<'f> {
    fn new(file: &'f Arc<SourceFile>) -> Self {
        Builder {
            file,
            stack: Vec::new(),
            root: None,
            anchors: HashMap::new(),
            nodes: 0,
            aliased: 0,
            documents: 0,
            problems: Vec::new(),
        }
    }

    fn error(&self, id: &'static str, range: Range<usize>, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(id, message).at(self.file, range)
    }

    fn syntax_error(&self, error: &ScanError) -> Box<Diagnostic> {
        let at = error.marker().byte_offset().unwrap_or(self.file.text.len());
        let line = &self.file.text[..at.min(self.file.text.len())];
        let line_start = line.rfind('\n').map_or(0, |newline| newline + 1);
        let message = error.kind().to_string();
        let id = if message.contains("limit") { "yaml/limit" } else { "yaml/syntax" };
        let diagnostic = self.error(id, at..at + 1, message);
        let indent = self.file.text[line_start..].lines().next().unwrap_or_default();
        let blank = indent.len() - indent.trim_start().len();
        Box::new(if indent[..blank].contains('\t') {
            diagnostic.hint("indent with spaces; YAML allows no tabs there")
        } else {
            diagnostic
        })
    }

    fn take(&mut self, event: Event<'_>, span: &Span) -> Step {
        let range = bytes_of(span);
        match event {
            Event::DocumentStart(..) => self.documents += 1,
            Event::Scalar(text, style, anchor, tag) => {
                let tag = self.known_tag(tag.as_deref(), &range)?;
                let null = style == ScalarStyle::Plain
                    && !matches!(tag, Some(CoreTag::Text))
                    && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                if !self.awaits_key() && null {
                    return self.push_leaf(NodeKind::Null, range, anchor);
                }
                let kind = NodeKind::Scalar(Scalar { text: text.into_owned(), style });
                self.push_leaf(kind, range, anchor)?;
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.known_tag(tag.as_deref(), &range)?;
                self.open(NodeKind::Sequence(Vec::new()), range, anchor)?;
            }
            Event::MappingStart(_, anchor, tag) => {
                self.known_tag(tag.as_deref(), &range)?;
                self.open(NodeKind::Mapping(Vec::new()), range, anchor)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(mut frame) = self.stack.pop() {
                    self.merge(&mut frame);
                    self.add(frame.node, frame.anchor, frame.size)?;
                }
            }
            Event::Alias(id) => {
                let Some((node, size)) = self.anchors.get(&id).cloned() else {
                    return Err(Box::new(self.error("yaml/syntax", range, "this alias stands inside its own anchor")));
                };
                self.aliased = self.aliased.saturating_add(size);
                if self.aliased > ALIASED_NODES_MAX {
                    let message = format!("the aliases of this file stand for more than {ALIASED_NODES_MAX} values");
                    return Err(Box::new(self.error("yaml/limit", range, message)));
                }
                self.attach(node, size, range)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn known_tag(&self, tag: Option<&Tag>, range: &Range<usize>) -> Result<Option<CoreTag>, Box<Diagnostic>> {
        let Some(tag) = tag else { return Ok(None) };
        match tag.core_suffix() {
            Some("str") => Ok(Some(CoreTag::Text)),
            Some("null" | "bool" | "int" | "float" | "seq" | "map") => Ok(Some(CoreTag::Other)),
            _ if tag.suffix().is_empty() => Ok(Some(CoreTag::Text)),
            _ => Err(Box::new(self.error(
                "yaml/tag",
                range.clone(),
                format!("the tag `{}` has no meaning here", tag.original()),
            ))),
        }
    }

    fn awaits_key(&self) -> bool {
        self.stack.last().is_some_and(|frame| matches!(frame.node.kind, NodeKind::Mapping(_)) && frame.key.is_none())
    }

    fn count(&mut self, range: &Range<usize>) -> Step {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            let message = format!("the file holds more than {NODES_MAX} values");
            return Err(Box::new(self.error("yaml/limit", range.clone(), message)));
        }
        Ok(())
    }

    fn open(&mut self, kind: NodeKind, range: Range<usize>, anchor: usize) -> Step {
        self.count(&range)?;
        if self.stack.len() >= DEPTH_MAX {
            let message = format!("nested deeper than {DEPTH_MAX} levels");
            return Err(Box::new(self.error("yaml/limit", range, message)));
        }
        let node = Node { kind, span: range };
        self.stack.push(Frame { node, anchor, size: 1, key: None, keys: HashSet::new() });
        Ok(())
    }

    fn push_leaf(&mut self, kind: NodeKind, range: Range<usize>, anchor: usize) -> Step {
        self.count(&range)?;
        self.add(Node { kind, span: range }, anchor, 1)
    }

    fn add(&mut self, node: Node, anchor: usize, size: usize) -> Step {
        let range = node.span.clone();
        let node = Arc::new(node);
        if anchor != 0 {
            self.anchors.insert(anchor, (Arc::clone(&node), size));
        }
        self.attach(node, size, range)
    }

    /// Puts a complete node where it belongs; `range` is where it was written or referred to.
    fn attach(&mut self, node: Arc<Node>, size: usize, range: Range<usize>) -> Step {
        let Some(frame) = self.stack.last_mut() else {
            if self.documents > 1 {
                if matches!(node.kind, NodeKind::Null) {
                    return Ok(());
                }
                let message = "a second document begins here; a file holds one";
                return Err(Box::new(self.error("yaml/documents", range, message)));
            }
            self.root = Some(node);
            return Ok(());
        };
        frame.size = frame.size.saturating_add(size);
        match &mut frame.node.kind {
            NodeKind::Sequence(items) => items.push(node),
            NodeKind::Mapping(entries) => match frame.key.take() {
                None => match &node.kind {
                    NodeKind::Scalar(scalar) => frame.key = Some((scalar.text.clone(), range)),
                    _ => {
                        return Err(Box::new(self.error("yaml/wrong-type", range, "a key must be a text")));
                    }
                },
                Some((key, key_span)) => {
                    if key != "<<" && !frame.keys.insert(key.clone()) {
                        let first = entries.iter().find(|entry| entry.key == key).map_or(0, |e| e.key_span.start);
                        let line = self.file.line_column(first).0;
                        let message = format!("duplicate key `{key}`");
                        let problem = self.error("yaml/duplicate-key", key_span, message);
                        let problem = problem.hint(format!("it was given first in line {line}"));
                        if self.problems.len() >= PROBLEMS_MAX {
                            return Err(Box::new(problem));
                        }
                        self.problems.push(problem);
                    } else {
                        entries.push(Entry { key, key_span, value: node });
                    }
                }
            },
            NodeKind::Null | NodeKind::Scalar(_) => {}
        }
        Ok(())
    }

    /// Replaces `<<: *anchor` by the entries of that mapping which are not given here.
    fn merge(&mut self, frame: &mut Frame) {
        let NodeKind::Mapping(entries) = &mut frame.node.kind else { return };
        if !entries.iter().any(|entry| entry.key == "<<") {
            return;
        }
        let (merges, mut kept): (Vec<Entry>, Vec<Entry>) = entries.drain(..).partition(|entry| entry.key == "<<");
        for merge in merges {
            let sources = match &merge.value.kind {
                NodeKind::Sequence(items) => items.clone(),
                _ => vec![Arc::clone(&merge.value)],
            };
            for source in sources {
                let NodeKind::Mapping(more) = &source.kind else {
                    let message = "`<<` takes a mapping or a list of mappings";
                    let problem = self.error("yaml/wrong-type", merge.key_span.clone(), message);
                    self.problems.push(problem);
                    continue;
                };
                kept.extend(more.iter().filter(|entry| frame.keys.insert(entry.key.clone())).cloned());
            }
        }
        *entries = kept;
    }
}

#[derive(Clone, Copy)]
enum CoreTag {
    Text,
    Other,
}

fn bytes_of(span: &Span) -> Range<usize> {
    let start = span.start.byte_offset().unwrap_or(0);
    start..span.end.byte_offset().unwrap_or(start).max(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> String {
        let parsed = parse(&SourceFile::new("x.yml", text));
        assert_eq!(parsed.problems, [], "{text}");
        fn write(node: &Node, out: &mut String) {
            match &node.kind {
                NodeKind::Null => out.push('~'),
                NodeKind::Scalar(scalar) => out.push_str(&scalar.text),
                NodeKind::Sequence(items) => {
                    out.push('[');
                    items.iter().for_each(|item| write(item, out));
                    out.push(']');
                }
                NodeKind::Mapping(entries) => {
                    out.push('{');
                    for entry in entries {
                        out.push_str(&entry.key);
                        write(&entry.value, out);
                    }
                    out.push('}');
                }
            }
        }
        let mut out = String::new();
        parsed.root.iter().for_each(|root| write(root, &mut out));
        out
    }

    #[test]
    fn trees() {
        for (text, expected) in [
            ("", ""),
            ("~", "~"),
            ("a: \nb: null\nc: 'null'\nd: !!str null", "{a~b~cnulldnull}"),
            ("a: &x [1, 2]\nb: *x", "{a[12]b[12]}"),
            ("base: &b {p: 1, q: 2}\nx:\n  <<: *b\n  q: 3", "{base{p1q2}x{q3p1}}"),
            ("x: {<<: [{a: 1}, {a: 2, b: 3}]}", "{x{a1b3}}"),
            ("- - a\n  - b\n- {c: d}", "[[ab]{cd}]"),
        ] {
            assert_eq!(keys(text), expected, "{text}");
        }
    }

    #[test]
    fn spans_of_scalars() {
        let text = "a: |\n  one\n  two\nb: 'q'\nc: pl\n  ain\n";
        let parsed = parse(&SourceFile::new("x.yml", text));
        let root = parsed.root.expect("a tree");
        let NodeKind::Mapping(entries) = &root.kind else { panic!("no mapping") };
        let raw: Vec<&str> = entries.iter().map(|entry| &text[entry.value.span.clone()]).collect();
        assert_eq!(raw, ["one\n  two\n", "'q'", "pl\n  ain"]);
    }
}
