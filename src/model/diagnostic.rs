use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::Serialize;

/// A text that a user wrote, with the name under which it is reported.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The path as the user gave it.
    pub path: String,
    /// The whole text.
    pub text: String,
}

impl SourceFile {
    /// A file at `path` that holds `text`.
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(SourceFile { path: path.into(), text: text.into() })
    }

    /// Line and column, both from 1 (columns in characters), of a byte offset; offsets past the end count as the end.
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &self.text[..offset];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

/// A stretch of a source file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: Arc<SourceFile>,
    /// The bytes of its text.
    pub range: Range<usize>,
}

/// How much a diagnostic matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Works, and probably not as meant.
    Warning,
    /// The file is refused.
    Error,
}

/// Something to tell the author of a file: what is wrong, where, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How much it matters.
    pub severity: Severity,
    /// A stable name of the check, such as `yaml/unknown-field`.
    pub id: &'static str,
    /// What is wrong, in one line.
    pub message: String,
    /// Where; `None` when no file is at fault.
    pub place: Option<Place>,
    /// How to mend it.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// An error.
    pub fn error(id: &'static str, message: impl Into<String>) -> Self {
        Diagnostic { severity: Severity::Error, id, message: message.into(), place: None, hint: None }
    }

    /// A warning.
    pub fn warning(id: &'static str, message: impl Into<String>) -> Self {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(id, message) }
    }

    /// The same, at `range` of `file`.
    #[must_use]
    pub fn at(mut self, file: &Arc<SourceFile>, range: Range<usize>) -> Self {
        self.place = Some(Place { file: Arc::clone(file), range });
        self
    }

    /// The same with a way to mend it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Writes diagnostics for people: the line at fault, a caret under it, a hint.
pub fn render_text(diagnostics: &[Diagnostic], color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut text = String::new();
    for diagnostic in diagnostics {
        let level = match diagnostic.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
            Severity::Info => Level::INFO,
        };
        let title = level.primary_title(diagnostic.message.as_str()).id(diagnostic.id);
        let mut group = match &diagnostic.place {
            Some(place) => {
                let range = clamp(&place.file.text, &place.range);
                let annotation = AnnotationKind::Primary.span(range);
                let snippet =
                    Snippet::source(place.file.text.as_str()).path(place.file.path.as_str()).annotation(annotation);
                title.element(snippet)
            }
            None => Group::with_title(title),
        };
        if let Some(hint) = &diagnostic.hint {
            group = group.element(Level::HELP.message(hint.as_str()));
        }
        text.push_str(&renderer.render(&[group]).to_string());
        text.push_str("\n\n");
    }
    text
}

/// `range` cut to the text and to character boundaries, never empty unless the text is.
fn clamp(text: &str, range: &Range<usize>) -> Range<usize> {
    let floor = |mut at: usize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = floor(range.start);
    start..floor(range.end).max(start)
}

/// Writes diagnostics for programs: one JSON array of objects.
pub fn render_json(diagnostics: &[Diagnostic]) -> String {
    #[derive(Serialize)]
    struct Row<'a> {
        severity: Severity,
        id: &'a str,
        message: &'a str,
        file: Option<&'a str>,
        line: Option<usize>,
        column: Option<usize>,
        end_line: Option<usize>,
        end_column: Option<usize>,
        hint: Option<&'a str>,
    }
    let rows: Vec<Row<'_>> = diagnostics
        .iter()
        .map(|diagnostic| {
            let place = diagnostic.place.as_ref();
            let start = place.map(|place| place.file.line_column(place.range.start));
            let end = place.map(|place| place.file.line_column(place.range.end));
            Row {
                severity: diagnostic.severity,
                id: diagnostic.id,
                message: &diagnostic.message,
                file: place.map(|place| place.file.path.as_str()),
                line: start.map(|at| at.0),
                column: start.map(|at| at.1),
                end_line: end.map(|at| at.0),
                end_column: end.map(|at| at.1),
                hint: diagnostic.hint.as_deref(),
            }
        })
        .collect();
    serde_json::to_string_pretty(&rows).unwrap_or_default()
}

/// Writes diagnostics as workflow commands of GitHub Actions, one a line: annotations of the changed files.
///
/// Source: GitHub's "Workflow commands"; `%`, line breaks, and in properties `:` and `,` are escaped.
pub fn render_github(diagnostics: &[Diagnostic]) -> String {
    let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    let mut lines = String::new();
    for diagnostic in diagnostics {
        let command = match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "notice",
        };
        let mut properties = String::new();
        if let Some(Place { file, range }) = &diagnostic.place {
            let ((line, column), (end_line, end_column)) = (file.line_column(range.start), file.line_column(range.end));
            let path = property(&file.path);
            properties = format!("file={path},line={line},col={column},endLine={end_line},endColumn={end_column},");
        }
        let hint = diagnostic.hint.as_ref().map(|hint| format!("\n{hint}")).unwrap_or_default();
        let message = data(&format!("{}{hint}", diagnostic.message));
        lines.push_str(&format!("::{command} {properties}title={}::{message}\n", property(diagnostic.id)));
    }
    lines
}

/// The candidate nearest to `name`, if one is near enough to be what was meant; of equals one that `name` begins.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), !candidate.starts_with(name), candidate))
        .filter(|(distance, ..)| *distance <= limit)
        .min()
        .map(|(.., candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_line_caret_and_hint() {
        let file = SourceFile::new("rules.yml", "groups:\n  - nam: x\n");
        let diagnostic = Diagnostic::error("yaml/unknown-field", "unknown field `nam`")
            .at(&file, 12..15)
            .hint("did you mean `name`?");
        let text = render_text(std::slice::from_ref(&diagnostic), false);
        assert!(text.contains("rules.yml:2:5"), "{text}");
        assert!(text.contains("^^^") && text.contains("did you mean `name`?"), "{text}");
        assert!(render_json(&[diagnostic]).contains("\"line\": 2"));
    }

    #[test]
    fn ranges_outside_the_text_are_harmless() {
        let file = SourceFile::new("x", "ä");
        for (start, end) in [(0, 1), (1, 9), (5, 2), (7, 7)] {
            let range = Range { start, end };
            assert!(!render_text(&[Diagnostic::error("a", "b").at(&file, range)], false).is_empty());
        }
    }

    #[test]
    fn workflow_commands_are_escaped() {
        let file = SourceFile::new("a,b:c.yml", "groups:\n  - nam: x\n");
        let diagnostic = Diagnostic::warning("alert/x", "100%\nof it").at(&file, 12..15).hint("a: b, c");
        let expected =
            "::warning file=a%2Cb%3Ac.yml,line=2,col=5,endLine=2,endColumn=8,title=alert/x::100%25%0Aof it%0Aa: b, c\n";
        assert_eq!(render_github(&[diagnostic]), expected);
        let without = Diagnostic { severity: Severity::Info, ..Diagnostic::error("a", "b") };
        assert_eq!(render_github(&[without]), "::notice title=a::b\n");
    }

    #[test]
    fn nearest_names() {
        assert_eq!(nearest("sumary", ["summary", "severity"]), Some("summary"));
        assert_eq!(nearest("rat", ["rad", "rate"]), Some("rate"), "of equals the one that it begins");
        assert_eq!(nearest("xyz", ["summary"]), None);
    }
}
