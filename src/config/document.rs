//! One configuration file: bytes to text to tree, with everything that can be wrong before a field is looked at.

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use regex::Regex;

use crate::model::{Diagnostic, SourceFile};

use super::rules::is_rule_file;
use super::sources::Files;
use super::yaml::{Node, blank, parse};

/// A file that was read.
#[derive(Debug)]
pub(super) struct Document {
    /// The text.
    pub(super) file: Arc<SourceFile>,
    /// The tree; `None` if the file is empty or broken.
    pub(super) root: Option<Arc<Node>>,
    /// What is wrong with it as YAML.
    pub(super) problems: Vec<Diagnostic>,
}

/// Keys whose values are taken for secrets while it is not known what they belong to.
static SECRET_LINE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?im)^[^#\n]*?(?:password|passwd|secret|token|credential|_key|url)\w*["']?[ \t]*:[ \t]*(\S[^\n]*(?:\n[ \t]+[^:\n]*$)*)"#)
        .ok()
});

impl Document {
    /// Reads the file at `path`.
    pub(super) fn read(path: &str, files: &dyn Files) -> Document {
        match files.read(path) {
            Ok(bytes) => Document::from_bytes(path, bytes),
            Err(error) => Document {
                file: SourceFile::new(path, ""),
                root: None,
                problems: vec![Diagnostic::error("file/unreadable", error.to_string())],
            },
        }
    }

    /// Reads `bytes`: UTF-8, a byte order mark is skipped.
    pub(super) fn from_bytes(path: &str, bytes: Vec<u8>) -> Document {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").map(<[u8]>::to_vec).unwrap_or(bytes);
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let file = SourceFile::new(path, String::from_utf8_lossy(error.as_bytes()));
                let problem = Diagnostic::error("file/encoding", "the file is not UTF-8 from here on");
                return Document { problems: vec![problem.at(&blanked(&file), at..at + 1)], root: None, file };
            }
        };
        let file = SourceFile::new(path, text);
        let parsed = parse(&file);
        let mut problems = parsed.problems;
        if !parsed.root.as_ref().is_some_and(is_rule_file) {
            let blanked = if problems.is_empty() { Arc::clone(&file) } else { blanked(&file) };
            for place in problems.iter_mut().filter_map(|problem| problem.place.as_mut()) {
                place.file = Arc::clone(&blanked);
            }
        }
        Document { file, root: parsed.root, problems }
    }
}

/// `file` with everything blanked that looks like a secret.
fn blanked(file: &Arc<SourceFile>) -> Arc<SourceFile> {
    let spans: Vec<Range<usize>> = SECRET_LINE
        .iter()
        .flat_map(|pattern| pattern.captures_iter(&file.text))
        .filter_map(|captures| captures.get(1).map(|value| value.range()))
        .collect();
    if spans.is_empty() { Arc::clone(file) } else { SourceFile::new(file.path.as_str(), blank(&file.text, &spans)) }
}
