use std::fmt;

/// Why bytes could not be read, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct FormatError {
    /// From 1; 0 in a binary format, which has no lines.
    pub line: usize,
    /// From 1, in characters; in a binary format the offset of a byte, from 0.
    pub column: usize,
    /// What is wrong, in one line.
    pub message: String,
    /// How to mend it.
    pub hint: Option<String>,
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "byte {}: {}", self.column, self.message)?,
            line => write!(f, "line {line}, column {}: {}", self.column, self.message)?,
        }
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

impl FormatError {
    /// An error at a line and a column, both from 1.
    pub fn new(line: usize, column: usize, message: impl Into<String>) -> Self {
        FormatError { line, column, message: message.into(), hint: None }
    }

    /// An error at byte `offset` of `text`; what is not UTF-8 before it counts as one character a run.
    pub fn in_text(text: &[u8], offset: usize, message: impl Into<String>) -> Self {
        let before = &text[..offset.min(text.len())];
        let line_start = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        let column = String::from_utf8_lossy(&before[line_start..]).chars().count() + 1;
        FormatError::new(line, column, message)
    }

    /// An error at byte `offset` of binary input.
    pub fn in_bytes(offset: usize, message: impl Into<String>) -> Self {
        FormatError::new(0, offset, message)
    }

    /// The same with a way to mend it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same for text that begins at `line` and `column` (from 1) of a larger one.
    #[must_use]
    pub fn inside(mut self, line: usize, column: usize) -> Self {
        if self.line == 1 {
            self.column += column.saturating_sub(1);
        }
        self.line += line.saturating_sub(1);
        self
    }
}

/// `text` as UTF-8.
pub(super) fn utf8(text: &[u8]) -> Result<&str, FormatError> {
    std::str::from_utf8(text).map_err(|error| {
        FormatError::in_text(text, error.valid_up_to(), "text that is not UTF-8").hint("save the file as UTF-8")
    })
}

/// The first characters of `text` for a message, so that no message grows with the input.
pub(super) fn excerpt(text: &str) -> String {
    const CHARACTERS_MAX: usize = 60;
    match text.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        for (text, offset, expected) in
            [("", 0, (1, 1)), ("ab", 1, (1, 2)), ("a\nb", 2, (2, 1)), ("a\näb", 4, (2, 2)), ("a\n", 99, (2, 1))]
        {
            let error = FormatError::in_text(text.as_bytes(), offset, "x");
            assert_eq!((error.line, error.column), expected, "{text:?} {offset}");
        }
    }

    #[test]
    fn shown() {
        let error = FormatError::new(3, 7, "bad").hint("write it well");
        assert_eq!(error.to_string(), "line 3, column 7: bad; write it well");
        assert_eq!(FormatError::in_bytes(9, "bad").to_string(), "byte 9: bad");
        assert_eq!(FormatError::new(1, 3, "bad").inside(4, 10).to_string(), "line 4, column 12: bad");
    }
}
