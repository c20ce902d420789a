use std::fmt;

use regex::Regex;

use super::{Labels, anchored_regex, is_label_name};

/// How a matcher compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`, anchored at both ends.
    Regex,
    /// `!~`, anchored at both ends.
    NotRegex,
}

impl MatchOp {
    /// The operator as it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            MatchOp::Equal => "=",
            MatchOp::NotEqual => "!=",
            MatchOp::Regex => "=~",
            MatchOp::NotRegex => "!~",
        }
    }
}

/// A condition on one label; an absent label counts as empty.
#[derive(Clone)]
pub struct Matcher {
    name: String,
    op: MatchOp,
    value: String,
    regex: Option<Regex>,
}

/// A regular expression that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid regular expression {pattern:?}: {reason}")]
pub struct MatcherError {
    /// The expression as written.
    pub pattern: String,
    /// What is wrong with it.
    pub reason: String,
}

/// The largest compiled size of one regular expression, in bytes.
const REGEX_BYTES_MAX: usize = 4 << 20;

/// Compiles `pattern` as Prometheus does: RE2 syntax, anchored at both ends, `.` matching newlines.
fn compile(pattern: &str) -> Result<Regex, MatcherError> {
    anchored_regex(pattern, REGEX_BYTES_MAX).map_err(|error| MatcherError {
        pattern: pattern.to_owned(),
        reason: match error {
            regex::Error::CompiledTooBig(limit) => format!("it compiles to more than {limit} bytes"),
            other => other.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned(),
        },
    })
}

impl Matcher {
    /// A matcher of `name` against `value`.
    ///
    /// # Errors
    ///
    /// A regular expression that does not compile or is too large.
    pub fn new(name: impl Into<String>, op: MatchOp, value: impl Into<String>) -> Result<Self, MatcherError> {
        let value = value.into();
        let regex = match op {
            MatchOp::Regex | MatchOp::NotRegex => Some(compile(&value)?),
            MatchOp::Equal | MatchOp::NotEqual => None,
        };
        Ok(Matcher { name: name.into(), op, value, regex })
    }

    /// The matcher `name="value"`.
    pub fn equal(name: impl Into<String>, value: impl Into<String>) -> Self {
        Matcher { name: name.into(), op: MatchOp::Equal, value: value.into(), regex: None }
    }

    /// The label that is looked at.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The comparison.
    pub fn op(&self) -> MatchOp {
        self.op
    }

    /// The value or pattern as written.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether a label with `value` satisfies this matcher.
    pub fn matches_value(&self, value: &str) -> bool {
        let regex_matches = || self.regex.as_ref().is_some_and(|regex| regex.is_match(value));
        match self.op {
            MatchOp::Equal => self.value == value,
            MatchOp::NotEqual => self.value != value,
            MatchOp::Regex => regex_matches(),
            MatchOp::NotRegex => !regex_matches(),
        }
    }

    /// Whether `labels` satisfy this matcher.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.matches_value(labels.get(&self.name))
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.op == other.op && self.value == other.value
    }
}

impl Eq for Matcher {}

impl std::hash::Hash for Matcher {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (&self.name, self.op, &self.value).hash(state);
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_label_name(&self.name) {
            f.write_str(&self.name)?;
        } else {
            write!(f, "{:?}", self.name)?;
        }
        write!(f, "{}{:?}", self.op.symbol(), self.value)
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matching() {
        let labels = Labels::from_pairs([("job", "api"), ("env", "prod\nline")]);
        for (name, op, value, expected) in [
            ("job", MatchOp::Equal, "api", true),
            ("job", MatchOp::NotEqual, "api", false),
            ("job", MatchOp::Regex, "a", false),
            ("job", MatchOp::Regex, "a.*|b", true),
            ("job", MatchOp::NotRegex, "b|c", true),
            ("absent", MatchOp::Equal, "", true),
            ("absent", MatchOp::Regex, ".*", true),
            ("absent", MatchOp::Regex, ".+", false),
            ("env", MatchOp::Regex, "prod.*", true),
        ] {
            let matcher = Matcher::new(name, op, value).expect("valid");
            assert_eq!(matcher.matches(&labels), expected, "{matcher}");
        }
    }

    #[test]
    fn bad_expressions_are_errors() {
        for pattern in ["(", "a{1000000}{1000}", "(?=a)"] {
            let error = Matcher::new("a", MatchOp::Regex, pattern).expect_err("invalid");
            assert_eq!(error.pattern, pattern);
            assert!(!error.reason.is_empty());
        }
    }
}
