use super::limits::OUTPUT_BYTES_MAX;

/// Why a template cannot be parsed or expanded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    /// What is wrong, in one line.
    pub message: String,
    /// The byte of the template's text at which it is wrong, where known.
    pub offset: Option<usize>,
    /// How to mend it.
    pub hint: Option<String>,
}

impl TemplateError {
    /// An error without a place.
    pub fn new(message: impl Into<String>) -> Self {
        TemplateError { message: message.into(), offset: None, hint: None }
    }

    /// The same with a way to mend it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same at `offset`, unless it has a place already.
    #[must_use]
    pub fn at(mut self, offset: usize) -> Self {
        self.offset.get_or_insert(offset);
        self
    }

    /// The output grew past its limit.
    pub(super) fn too_large() -> Self {
        TemplateError::new(format!("the output exceeds {OUTPUT_BYTES_MAX} bytes"))
    }
}

/// Why a template file is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {error}")]
pub struct TemplateFileError {
    /// The file, as it was named.
    pub path: String,
    /// What is wrong in it; its offset is into the file's text.
    pub error: TemplateError,
}
