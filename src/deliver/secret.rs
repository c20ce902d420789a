//! Secrets as references, read by the sender at each attempt.

use std::fmt;

/// A secret: given in the configuration (`${ENV}` already replaced) or the path of a file, read again for each attempt.
///
/// Its value never shows in `Debug`, logs, errors or answers.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// The value itself.
    Value(String),
    /// The path of the file that holds it; white space around the content is cut.
    File(String),
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Secret::Value(_) => f.write_str("<secret>"),
            Secret::File(path) => write!(f, "<secret in {path}>"),
        }
    }
}
