//! The text form of matchers in routes: Alertmanager's UTF-8 syntax, with the classic one as fallback.

use std::ops::Range;

use crate::model::{MatchOp, Matcher, is_label_name};

/// The longest text of matchers, in bytes.
const TEXT_BYTES_MAX: usize = 64 << 10;

/// Matchers that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct MatcherSyntaxError {
    /// What is wrong.
    pub message: String,
    /// Where in the text.
    pub range: Range<usize>,
}

/// Reads `foo = bar`, `{foo="bar", "näme"!~"x|y"}` and their kin.
///
/// # Errors
///
/// Text that is neither in the UTF-8 syntax nor in the classic one; the error is that of the UTF-8 syntax.
pub fn parse_matchers(text: &str) -> Result<Vec<Matcher>, MatcherSyntaxError> {
    if text.len() > TEXT_BYTES_MAX {
        let message = format!("matchers longer than {} KiB", TEXT_BYTES_MAX >> 10);
        return Err(MatcherSyntaxError { message, range: 0..1 });
    }
    utf8(text).or_else(|error| classic(text).ok_or(error))
}

/// A token of the UTF-8 syntax with its bytes.
struct Cursor<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Cursor<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn skip_blank(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn eat(&mut self, token: &str) -> bool {
        self.skip_blank();
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn error(&self, message: &str) -> MatcherSyntaxError {
        let length = self.rest().chars().next().map_or(0, char::len_utf8);
        MatcherSyntaxError { message: message.to_owned(), range: self.at..self.at + length }
    }

    /// A bare word or a double-quoted text.
    fn word(&mut self, expected: &str) -> Result<(String, Range<usize>), MatcherSyntaxError> {
        self.skip_blank();
        let start = self.at;
        if self.rest().starts_with('"') {
            let (text, length) = unquote(self.rest()).ok_or_else(|| self.error("this quoted text does not end"))?;
            self.at += length;
            return Ok((text, start..self.at));
        }
        let reserved = |c: char| c.is_whitespace() || "{}!=~,\\\"'`".contains(c);
        let length = self.rest().find(reserved).unwrap_or(self.rest().len());
        if length == 0 {
            return Err(self.error(&format!("expected {expected}")));
        }
        self.at += length;
        Ok((self.text[start..self.at].to_owned(), start..self.at))
    }

    fn operator(&mut self) -> Result<MatchOp, MatcherSyntaxError> {
        for (symbol, op) in
            [("=~", MatchOp::Regex), ("!~", MatchOp::NotRegex), ("!=", MatchOp::NotEqual), ("=", MatchOp::Equal)]
        {
            if self.eat(symbol) {
                return Ok(op);
            }
        }
        Err(self.error("expected `=`, `!=`, `=~` or `!~`"))
    }
}

fn utf8(text: &str) -> Result<Vec<Matcher>, MatcherSyntaxError> {
    let mut cursor = Cursor { text, at: 0 };
    let braces = cursor.eat("{");
    let mut matchers = Vec::new();
    loop {
        if braces && cursor.eat("}") {
            break;
        }
        cursor.skip_blank();
        if !braces && cursor.rest().is_empty() {
            break;
        }
        let (name, name_range) = cursor.word("a label name")?;
        if name.is_empty() {
            return Err(MatcherSyntaxError { message: "a label name must not be empty".into(), range: name_range });
        }
        let op = cursor.operator()?;
        let (value, range) = cursor.word("a value")?;
        let matcher = Matcher::new(name, op, value)
            .map_err(|error| MatcherSyntaxError { message: error.to_string(), range: range.clone() })?;
        matchers.push(matcher);
        if cursor.eat(",") {
            continue;
        }
        cursor.skip_blank();
        if braces && cursor.eat("}") {
            break;
        }
        if !cursor.rest().is_empty() || braces {
            return Err(cursor.error(if braces { "expected `,` or `}`" } else { "expected `,` or the end" }));
        }
    }
    cursor.skip_blank();
    if cursor.rest().is_empty() { Ok(matchers) } else { Err(cursor.error("expected the end")) }
}

/// A text in double quotes at the beginning of `text`, with Go's escapes undone, and its length with the quotes.
fn unquote(text: &str) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, at + 1)),
            '\n' => return None,
            '\\' => {
                let (at, kind) = chars.next()?;
                let digits = match kind {
                    'x' => 2,
                    'u' => 4,
                    'U' => 8,
                    _ => 0,
                };
                if digits > 0 {
                    let code = u32::from_str_radix(text.get(at + 1..at + 1 + digits)?, 16).ok()?;
                    value.push(char::from_u32(code)?);
                    chars.nth(digits - 1)?;
                    continue;
                }
                value.push(match kind {
                    'a' => '\u{7}',
                    'b' => '\u{8}',
                    'f' => '\u{c}',
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'v' => '\u{b}',
                    '\\' | '"' => kind,
                    _ => return None,
                });
            }
            other => value.push(other),
        }
    }
    None
}

/// The syntax before UTF-8 names: values may hold anything but an unescaped quote.
fn classic(text: &str) -> Option<Vec<Matcher>> {
    let text = text.trim();
    let text = text.strip_prefix('{').unwrap_or(text);
    let text = text.strip_suffix('}').unwrap_or(text);
    split_outside_quotes(text).into_iter().map(classic_one).collect()
}

fn split_outside_quotes(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            '"' if !escaped => quoted = !quoted,
            ',' if !quoted => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
        escaped = c == '\\' && !escaped;
    }
    if !text[start..].trim().is_empty() {
        parts.push(&text[start..]);
    }
    parts
}

fn classic_one(text: &str) -> Option<Matcher> {
    let text = text.trim();
    let at = text.find(['=', '!'])?;
    let (name, rest) = (text[..at].trim(), &text[at..]);
    let (op, rest) =
        [("=~", MatchOp::Regex), ("!~", MatchOp::NotRegex), ("!=", MatchOp::NotEqual), ("=", MatchOp::Equal)]
            .into_iter()
            .find_map(|(symbol, op)| Some((op, rest.strip_prefix(symbol)?)))?;
    let value = rest.trim();
    let inner = value.strip_prefix('"').map(|inner| inner.strip_suffix('"')).unwrap_or(Some(value))?;
    let mut unescaped = String::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return None,
            '\\' => match chars.next() {
                Some('n') => unescaped.push('\n'),
                Some(kind @ ('\\' | '"')) => unescaped.push(kind),
                Some(other) => unescaped.extend(['\\', other]),
                None => unescaped.push('\\'),
            },
            other => unescaped.push(other),
        }
    }
    if !is_label_name(name) {
        return None;
    }
    Matcher::new(name, op, unescaped).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_syntaxes() {
        for (text, expected) in [
            ("", "[]"),
            ("{}", "[]"),
            ("foo=bar", r#"[foo="bar"]"#),
            (" foo = bar ", r#"[foo="bar"]"#),
            (r#"{foo="bar",}"#, r#"[foo="bar"]"#),
            (r#"foo=~"a|b", bar!=c"#, r#"[foo=~"a|b", bar!="c"]"#),
            (r#"{"näme with space"!~"x\ty"}"#, r#"["näme with space"!~"x\ty"]"#),
            ("service=~^(foo1|foo2|baz)$", r#"[service=~"^(foo1|foo2|baz)$"]"#),
            ("ä🙂=x", r#"["ä🙂"="x"]"#),
            ("foo=a=b", r#"[foo="a=b"]"#),
            ("foo=two words", r#"[foo="two words"]"#),
            (r#"foo="\u00e4\x41""#, r#"[foo="äA"]"#),
            ("foo=\"\"", r#"[foo=""]"#),
            ("foo=", r#"[foo=""]"#),
        ] {
            assert_eq!(format!("{:?}", parse_matchers(text).expect(text)), expected, "{text}");
        }
    }

    #[test]
    fn errors_have_places() {
        for (text, message, range) in [
            ("foo", "expected `=`, `!=`, `=~` or `!~`", 3..3),
            ("{ä=bar", "expected `,` or `}`", 7..7),
            ("ä=b c", "expected `,` or the end", 5..6),
            ("foo=\"bar", "this quoted text does not end", 4..5),
            ("ä=~\"(\"", "invalid regular expression \"(\": unclosed group", 4..7),
        ] {
            let error = parse_matchers(text).expect_err(text);
            assert_eq!((error.message.as_str(), error.range), (message, range), "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "[a{}=!~,\"\\\\ äx0-9u(]{0,24}") {
            let _ = parse_matchers(&text);
        }

        #[test]
        fn print_parse_is_identity(name in "[a-zä ]{1,6}", value in "[ -~]{0,8}") {
            let matcher = Matcher::equal(name, value);
            prop_assert_eq!(parse_matchers(&matcher.to_string()), Ok(vec![matcher]));
        }
    }
}
