//! `include`: a file as Alertmanager reads it, whose blocks are read as if they stood in the main file.

use std::sync::Arc;

use hashbrown::HashSet;

use crate::model::Diagnostic;

use super::document::Document;
use super::sources::Files;
use super::yaml::{Entry, Node, NodeKind, Reader, shorten};

/// The name of the field.
pub(super) const INCLUDE: &str = "include";
/// The greatest number of files that a main file includes.
const INCLUDED_MAX: usize = 64;
/// What an included file may hold: the blocks of Alertmanager's configuration.
const BLOCKS: [&str; 7] =
    ["global", "route", "receivers", "inhibit_rules", "time_intervals", "mute_time_intervals", "templates"];
/// The block that is put together from several files, field by field: half of it is Prometheus's, half Alertmanager's.
const SHARED: &str = "global";

/// What comes of the files that a main file includes.
pub(super) struct Included {
    /// The main file's tree with the blocks of the others.
    pub(super) root: Option<Arc<Node>>,
    /// What is wrong with the others as YAML.
    pub(super) problems: Vec<Diagnostic>,
    /// The paths of the others.
    pub(super) paths: Vec<String>,
}

/// Reads the files that `document` includes, and puts their blocks beside its own.
pub(super) fn with_included(reader: &mut Reader<'_>, document: &Document, files: &dyn Files) -> Included {
    let mut included = Included { root: document.root.clone(), problems: Vec::new(), paths: Vec::new() };
    let Some(NodeKind::Mapping(own)) = document.root.as_deref().map(|root| &root.kind) else { return included };
    let named = named(reader, own);
    if named.is_empty() {
        return included;
    }
    let mut blocks = own.clone();
    for (path, node) in named {
        let path = reader.resolve(&path, &node.span);
        let bytes = match files.read(&path) {
            Ok(bytes) => bytes,
            Err(error) => {
                reader.error("file/unreadable", &node.span, error.to_string());
                continue;
            }
        };
        if path == document.file.path || included.paths.contains(&path) {
            reader.error("config/include", &node.span, format!("`{}` is read already", shorten(&path)));
            continue;
        }
        let other = Document::from_bytes(&path, bytes);
        included.paths.push(path);
        included.problems.extend(other.problems);
        let base = reader.include(&other.file);
        if let Some(root) = &other.root {
            put_beside(reader, &mut blocks, &shifted(root, base));
        }
    }
    let span = document.root.as_ref().map_or(0..0, |root| root.span.clone());
    included.root = Some(Arc::new(Node { kind: NodeKind::Mapping(blocks), span }));
    included
}

/// The paths that a main file includes, as they are written, one or a list; none where the tree says no such thing.
pub(super) fn paths_in(root: Option<&Node>) -> Vec<String> {
    let Some(NodeKind::Mapping(entries)) = root.map(|root| &root.kind) else { return Vec::new() };
    let text = |node: &'_ Node| match &node.kind {
        NodeKind::Scalar(scalar) => Some(scalar.text.clone()),
        _ => None,
    };
    nodes_of(entries).into_iter().filter_map(text).collect()
}

fn nodes_of(own: &[Entry]) -> Vec<&Node> {
    let Some(entry) = own.iter().find(|entry| entry.key == INCLUDE) else { return Vec::new() };
    match &entry.value.kind {
        NodeKind::Sequence(items) => items.iter().map(|item| &**item).collect(),
        NodeKind::Null => Vec::new(),
        _ => vec![&entry.value],
    }
}

fn named<'n>(reader: &Reader<'_>, own: &'n [Entry]) -> Vec<(String, &'n Node)> {
    let nodes = nodes_of(own);
    if let Some(node) = nodes.get(INCLUDED_MAX) {
        reader.error("config/limit", &node.span, format!("more than {INCLUDED_MAX} files are included"));
    }
    let text = |node: &'n Node| Some((reader.scalar(node, "the path of a file")?.text.clone(), node));
    nodes.into_iter().take(INCLUDED_MAX).filter_map(text).collect()
}

/// Adds the blocks of `root`, a tree of an included file, to `blocks`.
fn put_beside(reader: &Reader<'_>, blocks: &mut Vec<Entry>, root: &Node) {
    for entry in reader.entries(root, "the blocks of a configuration") {
        if !BLOCKS.contains(&entry.key.as_str()) {
            let message = format!("an included file has no `{}`", shorten(&entry.key));
            let hint = format!("it may hold {}; the rest belongs to the main file", BLOCKS.join(", "));
            reader.hide(&entry.value);
            reader.error_hint("config/include", &entry.key_span, message, Some(hint));
            continue;
        }
        match blocks.iter_mut().find(|known| known.key == entry.key) {
            None => blocks.push(entry.clone()),
            Some(known) if is_null(&known.value) => *known = entry.clone(),
            Some(_) if is_null(&entry.value) => {}
            Some(known) if known.key == SHARED => share(reader, known, entry),
            Some(known) => twice(reader, known, entry),
        }
    }
}

fn is_null(node: &Node) -> bool {
    matches!(node.kind, NodeKind::Null)
}

/// Adds the fields of the mapping `more` to those of the mapping `known`.
fn share(reader: &Reader<'_>, known: &mut Entry, more: &Entry) {
    let NodeKind::Mapping(mut fields) = known.value.kind.clone() else { return };
    let mut seen: HashSet<String> = fields.iter().map(|field| field.key.clone()).collect();
    for field in reader.entries(&more.value, "a mapping") {
        match seen.insert(field.key.clone()) {
            true => fields.push(field.clone()),
            false => {
                if let Some(first) = fields.iter().find(|first| first.key == field.key) {
                    twice(reader, first, field);
                }
            }
        }
    }
    known.value = Arc::new(Node { kind: NodeKind::Mapping(fields), span: known.value.span.clone() });
}

fn twice(reader: &Reader<'_>, first: &Entry, second: &Entry) {
    reader.hide(&second.value);
    let message = format!("`{}` is given twice", shorten(&second.key));
    let hint = format!("it was given first in {}", reader.file_line(&first.key_span));
    reader.error_hint("config/duplicate", &second.key_span, message, Some(hint));
}

/// The tree with every place `by` bytes further on.
fn shifted(node: &Node, by: usize) -> Arc<Node> {
    let span = |span: &std::ops::Range<usize>| span.start + by..span.end + by;
    let entry = |entry: &Entry| Entry {
        key: entry.key.clone(),
        key_span: span(&entry.key_span),
        value: shifted(&entry.value, by),
    };
    let kind = match &node.kind {
        NodeKind::Sequence(items) => NodeKind::Sequence(items.iter().map(|item| shifted(item, by)).collect()),
        NodeKind::Mapping(entries) => NodeKind::Mapping(entries.iter().map(entry).collect()),
        leaf => leaf.clone(),
    };
    Arc::new(Node { kind, span: span(&node.span) })
}
