//! What is wrong with an expression: where, why, and how to mend it.

use std::fmt;

use super::Span;

/// How many errors of one expression are reported.
pub(super) const ERRORS_MAX: usize = 20;

/// Which law of the language an expression breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParseErrorKind {
    /// The text is no sentence of the grammar.
    Syntax,
    /// The grammar holds, but a name is unknown, a type does not fit or a value is not allowed.
    Meaning,
    /// The text is too long or nested too deeply.
    Limit,
}

/// One fault of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Which law is broken.
    pub kind: ParseErrorKind,
    /// The bytes at fault.
    pub span: Span,
    /// The line of the fault's start, from 1.
    pub line: usize,
    /// The column of the fault's start in characters, from 1.
    pub column: usize,
    /// What is wrong, in one line.
    pub message: String,
    /// How to mend it.
    pub hint: Option<String>,
}

/// `1:5: message`
impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

/// All faults found in one expression, in order of their place; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseErrors(Vec<ParseError>);

impl ParseErrors {
    /// The faults, at least one.
    pub fn as_slice(&self) -> &[ParseError] {
        &self.0
    }

    /// The faults in order.
    pub fn iter(&self) -> std::slice::Iter<'_, ParseError> {
        self.0.iter()
    }

    /// The fault that stands first in the text.
    pub fn first(&self) -> &ParseError {
        &self.0[0]
    }

    /// Whether every fault is one of meaning: the grammar itself accepts the text.
    pub fn grammar_holds(&self) -> bool {
        self.0.iter().all(|error| error.kind == ParseErrorKind::Meaning)
    }
}

impl IntoIterator for ParseErrors {
    type Item = ParseError;
    type IntoIter = std::vec::IntoIter<ParseError>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a ParseErrors {
    type Item = &'a ParseError;
    type IntoIter = std::slice::Iter<'a, ParseError>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// One fault per line.
impl fmt::Display for ParseErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ParseErrors {}

/// Collects faults while a text is read; keeps one per place and [`ERRORS_MAX`] in all.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<ParseError>);

impl Faults {
    /// Adds a fault unless one is known at the same place or there are enough.
    pub(super) fn add(&mut self, kind: ParseErrorKind, span: Span, message: String, hint: Option<String>) {
        if self.is_full() || self.0.iter().any(|known| known.span.start == span.start) {
            return;
        }
        self.0.push(ParseError { kind, span, line: 0, column: 0, message, hint });
    }

    /// Drops the faults that begin behind `at`.
    pub(super) fn forget_after(&mut self, at: usize) {
        self.0.retain(|error| error.span.start <= at);
    }

    /// Whether no fault was found.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many were found.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether further faults would be dropped.
    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= ERRORS_MAX
    }

    /// The faults with their lines and columns in `text`; `None` if there are none.
    pub(super) fn finish(mut self, text: &str) -> Option<ParseErrors> {
        if self.0.is_empty() {
            return None;
        }
        self.0.sort_by_key(|error| (error.span.start, error.span.end));
        let (mut line, mut column, mut done) = (1, 1, 0);
        for error in &mut self.0 {
            for letter in text[done..error.span.start].chars() {
                (line, column) = if letter == '\n' { (line + 1, 1) } else { (line, column + 1) };
            }
            done = error.span.start;
            (error.line, error.column) = (line, column);
        }
        Some(ParseErrors(self.0))
    }
}
