use std::fmt;

use regex::Regex;

use super::{Point, When, fault, reader};
use crate::formats::FormatError;
use crate::lang::{ExprKind, parse};
use crate::model::{Labels, free_regex};

/// How much memory a compiled pattern may take.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// What an evaluation must yield.
#[derive(Clone, Debug, Default)]
pub struct Expectations {
    /// It must fail, with a message like this.
    pub fail: Option<Text>,
    /// Its warnings.
    pub warnings: Remarks,
    /// Its infos.
    pub infos: Remarks,
    /// The elements must stand in the order of the script.
    pub ordered: bool,
    /// The result is this text.
    pub string: Option<String>,
    /// The result is this scalar.
    pub scalar: Option<f64>,
    /// The values of an instant query's range vector are at these times.
    pub range_vector: Option<When>,
    /// The series of the result with their values.
    pub series: Vec<(Labels, Vec<Point>)>,
}

/// What is expected of the remarks of one level.
#[derive(Clone, Debug, Default)]
pub struct Remarks {
    /// There must be none.
    pub none: bool,
    /// Unless empty: each of these must match a remark, and each remark one of these.
    pub expected: Vec<Text>,
}

/// What a text must be.
#[derive(Clone, Debug)]
pub enum Text {
    /// Anything.
    Any,
    /// Exactly this.
    Exactly(String),
    /// Whatever the expression finds something in.
    Matching(Regex),
}

impl Text {
    /// Whether `text` is as it must be.
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Text::Any => true,
            Text::Exactly(expected) => text == expected,
            Text::Matching(regex) => regex.is_match(text),
        }
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Text::Any => f.write_str("any"),
            Text::Exactly(expected) => write!(f, "`{expected}`"),
            Text::Matching(regex) => write!(f, "one that matches `{regex}`"),
        }
    }
}

/// The words after `expect`.
const WORDS: [&str; 8] = ["fail", "warn", "no_warn", "info", "no_info", "ordered", "string", "range vector"];

impl Expectations {
    /// Takes in an `expect` line; `text` is what follows that word.
    pub(super) fn take(&mut self, text: &str) -> Result<(), FormatError> {
        let (word, rest) = text.split_once(char::is_whitespace).map_or((text, ""), |(word, rest)| (word, rest.trim()));
        match word {
            "fail" if self.fail.is_some() => return Err(fault(1, "a second `expect fail`")),
            "fail" => self.fail = Some(read_text(rest)?),
            "warn" => self.warnings.expected.push(read_text(rest)?),
            "info" => self.infos.expected.push(read_text(rest)?),
            "no_warn" => self.warnings.none = true,
            "no_info" => self.infos.none = true,
            "ordered" => self.ordered = true,
            "string" => self.string = Some(read_string(rest)?),
            "range" => {
                let rest = rest.strip_prefix("vector").ok_or_else(|| unknown(text))?;
                self.range_vector = Some(reader::read_range(rest)?.0);
            }
            _ => return Err(unknown(text)),
        }
        for (level, remarks) in [("warn", &self.warnings), ("info", &self.infos)] {
            if remarks.none && !remarks.expected.is_empty() {
                return Err(fault(1, format!("both `expect {level}` and `expect no_{level}`")));
            }
        }
        Ok(())
    }
}

fn unknown(text: &str) -> FormatError {
    fault(1, format!("unknown expectation: `{text}`")).hint(format!("known are {}", WORDS.join(", ")))
}

/// Reads `msg: …`, `regex: …` or nothing.
fn read_text(text: &str) -> Result<Text, FormatError> {
    if let Some(exact) = text.strip_prefix("msg:") {
        return Ok(Text::Exactly(exact.trim().to_owned()));
    }
    if let Some(pattern) = text.strip_prefix("regex:") {
        return read_regex(pattern).map(Text::Matching);
    }
    match text {
        "" => Ok(Text::Any),
        _ => Err(fault(1, format!("not a text to expect: `{text}`")).hint("write `msg: TEXT` or `regex: PATTERN`")),
    }
}

pub(super) fn read_regex(pattern: &str) -> Result<Regex, FormatError> {
    let pattern = pattern.trim();
    free_regex(pattern, REGEX_BYTES_MAX).map_err(|_| fault(1, format!("not a regular expression: `{pattern}`")))
}

/// Reads a quoted text.
fn read_string(text: &str) -> Result<String, FormatError> {
    match parse(text).map(|expr| expr.kind) {
        Ok(ExprKind::String(text)) => Ok(text),
        _ => Err(fault(1, format!("not a text in quotes: `{text}`"))),
    }
}
