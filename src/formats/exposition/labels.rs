use std::borrow::Cow;
use std::ops::Range;

use crate::model::format_bound;

/// A label as it stands in the text; values and quoted names still hold their escapes.
#[derive(Clone, Debug)]
pub(super) struct RawLabel {
    /// The bytes of the name, without quotes.
    pub name: Range<usize>,
    /// The bytes of the value, without quotes.
    pub value: Range<usize>,
}

/// Resolves `\"`, `\\` and `\n`; any other backslash stays, as in Prometheus.
pub(super) fn unescape(text: &str) -> Cow<'_, str> {
    unescape_with(text, true)
}

/// Resolves the escapes of a help text: `\\`, `\n`, and `\"` in OpenMetrics.
pub(super) fn unescape_help(text: &str, quotes: bool) -> Cow<'_, str> {
    unescape_with(text, quotes)
}

fn unescape_with(text: &str, quotes: bool) -> Cow<'_, str> {
    if memchr::memchr(b'\\', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            plain.push(character);
            continue;
        }
        match characters.next() {
            Some('n') => plain.push('\n'),
            Some('\\') => plain.push('\\'),
            Some('"') if quotes => plain.push('"'),
            Some(other) => plain.extend(['\\', other]),
            None => plain.push('\\'),
        }
    }
    Cow::Owned(plain)
}

/// A bucket or quantile bound as OpenMetrics writes it; `None` for what is no number.
pub(super) fn canonical_bound(text: &str) -> Option<String> {
    super::reader::parse_float(text).map(format_bound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        for (text, label, help) in [
            ("plain", "plain", "plain"),
            (r"a\\b\nc", "a\\b\nc", "a\\b\nc"),
            (r#"\"q\""#, "\"q\"", r#"\"q\""#),
            (r"\x\", r"\x\", r"\x\"),
            ("ä\\nö", "ä\nö", "ä\nö"),
        ] {
            assert_eq!(unescape(text), label);
            assert_eq!(unescape_help(text, false), help);
        }
    }

    #[test]
    fn bounds_as_openmetrics_writes_them() {
        for (text, expected) in [
            ("1", "1.0"),
            ("0", "0.0"),
            ("-1", "-1.0"),
            ("0.50", "0.5"),
            ("100000", "100000.0"),
            ("1000000", "1e+06"),
            ("1234567.5", "1.2345675e+06"),
            ("0.00001", "1e-05"),
            ("0.0001", "0.0001"),
            ("+Inf", "+Inf"),
            ("inf", "+Inf"),
            ("nan", "NaN"),
        ] {
            assert_eq!(canonical_bound(text).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(canonical_bound("fast"), None);
    }
}
