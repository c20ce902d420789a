//! Rule files as they were written: each compiled rule beside the places of its parts, for who remarks on rules.

use std::ops::Range;
use std::sync::Arc;

use crate::model::{Place, SourceFile};
use crate::rule::Group;

use super::yaml::{Entry, Node, NodeKind, Scalar, file_range};

/// A rule file with the rules that could be read.
#[derive(Clone, Debug)]
pub struct RuleFile {
    /// The text.
    pub source: Arc<SourceFile>,
    /// Its groups, in order.
    pub groups: Vec<WrittenGroup>,
    /// Whether main files that name rule files were read with it, and none of them names it.
    pub is_apart: bool,
}

impl RuleFile {
    /// The bytes `range` of the file.
    pub fn place(&self, range: Range<usize>) -> Place {
        Place { file: Arc::clone(&self.source), range }
    }
}

/// A group with the places of its rules.
#[derive(Clone, Debug)]
pub struct WrittenGroup {
    /// The compiled group.
    pub group: Group,
    /// Whether the file says the interval; else it is the main file's, or the default of one.
    pub says_interval: bool,
    /// Where each of its rules stands, in the same order.
    pub rules: Vec<WrittenRule>,
}

/// Where the parts of a rule stand in its file.
#[derive(Clone, Debug, Default)]
pub struct WrittenRule {
    /// Where its first field begins.
    pub start: usize,
    /// The value of `alert` or `record`.
    pub name: Range<usize>,
    /// The expression.
    pub expr: WrittenText,
    /// The value of `for`.
    pub hold_for: Option<Range<usize>>,
    /// The value of `keep_firing_for`.
    pub keep_firing_for: Option<Range<usize>>,
    /// Its labels, those of the group behind its own.
    pub labels: Vec<WrittenEntry>,
    /// Its annotations.
    pub annotations: Vec<WrittenEntry>,
}

/// A label or an annotation in its file.
#[derive(Clone, Debug)]
pub struct WrittenEntry {
    /// Its name.
    pub name: String,
    /// Where the name stands.
    pub name_range: Range<usize>,
    /// Its text.
    pub value: WrittenText,
}

/// A text in its file.
#[derive(Clone, Debug, Default)]
pub struct WrittenText {
    /// Its bytes, quotes included.
    pub range: Range<usize>,
    scalar: Option<Scalar>,
}

impl WrittenText {
    /// Where the bytes `value` of the text stand in `source`, the file it was read from.
    pub fn within(&self, source: &SourceFile, value: &Range<usize>) -> Range<usize> {
        match &self.scalar {
            Some(scalar) => file_range(&source.text, &self.range, scalar, value),
            None => self.range.clone(),
        }
    }

    fn read(node: &Node) -> WrittenText {
        let scalar = match &node.kind {
            NodeKind::Scalar(scalar) => Some(scalar.clone()),
            _ => None,
        };
        WrittenText { range: node.span.clone(), scalar }
    }
}

impl WrittenRule {
    /// The places of the rule `node`, whose group has the labels `group_labels`.
    pub(super) fn read(node: &Node, group_labels: Option<&Node>) -> WrittenRule {
        let mut rule = WrittenRule { start: node.span.start, name: node.span.clone(), ..WrittenRule::default() };
        for entry in entries(Some(node)) {
            rule.start = rule.start.min(entry.key_span.start);
            let value = &entry.value;
            match entry.key.as_str() {
                "alert" | "record" => rule.name = value.span.clone(),
                "expr" => rule.expr = WrittenText::read(value),
                "for" => rule.hold_for = Some(value.span.clone()),
                "keep_firing_for" => rule.keep_firing_for = Some(value.span.clone()),
                "labels" => rule.labels = texts(Some(value)),
                "annotations" => rule.annotations = texts(Some(value)),
                _ => {}
            }
        }
        let inherited = texts(group_labels).into_iter();
        let own: Vec<String> = rule.labels.iter().map(|label| label.name.clone()).collect();
        rule.labels.extend(inherited.filter(|label| !own.contains(&label.name)));
        rule
    }
}

fn entries(node: Option<&Node>) -> &[Entry] {
    match node.map(|node| &node.kind) {
        Some(NodeKind::Mapping(entries)) => entries,
        _ => &[],
    }
}

fn texts(node: Option<&Node>) -> Vec<WrittenEntry> {
    let text = |entry: &Entry| WrittenEntry {
        name: entry.key.clone(),
        name_range: entry.key_span.clone(),
        value: WrittenText::read(&entry.value),
    };
    entries(node).iter().map(text).collect()
}
