//! Regular expressions and replacements as Go writes them: RE2 syntax, and `$1` or `${name}` for what a group found.

use regex::Captures;

/// `pattern` in RE2 syntax as the `regex` crate writes it.
///
/// Classes like `\d` and `\b` are of ASCII alone, a `{` that counts nothing is a brace, inside `[…]` a further `[` is a bracket, and
/// `\Q…\E` quotes. What is invalid stays so.
pub fn from_re2(pattern: &str) -> String {
    let mut reader = Reader { rest: pattern, written: String::with_capacity(pattern.len() + 8) };
    while reader.outside() {}
    reader.written
}

struct Reader<'a> {
    rest: &'a str,
    written: String,
}

impl Reader<'_> {
    /// Takes in the next item outside of `[…]`; whether there was one.
    fn outside(&mut self) -> bool {
        let Some(first) = self.rest.chars().next() else { return false };
        match first {
            '\\' => self.escape(false),
            '[' => self.class(),
            '{' if !is_repetition(self.rest) => self.write(1, "\\{"),
            _ => self.copy(first.len_utf8()),
        }
        true
    }

    /// Takes in `[…]`.
    fn class(&mut self) {
        self.copy(1);
        if self.rest.starts_with('^') {
            self.copy(1);
        }
        if self.rest.starts_with(']') {
            self.write(1, "\\]");
        }
        while let Some(first) = self.rest.chars().next() {
            match first {
                ']' => return self.copy(1),
                '\\' => self.escape(true),
                '[' => match self.rest.strip_prefix("[:").and_then(|rest| rest.find(":]")) {
                    Some(length) => self.copy(length + 4),
                    None => self.write(1, "\\["),
                },
                '&' => self.write(1, "\\&"),
                '~' => self.write(1, "\\~"),
                _ => self.copy(first.len_utf8()),
            }
        }
    }

    /// Takes in what begins with a backslash.
    fn escape(&mut self, in_class: bool) {
        let Some(letter) = self.rest[1..].chars().next() else { return self.copy(1) };
        let length = 1 + letter.len_utf8();
        match (letter, in_class) {
            ('d', false) => self.write(length, "[0-9]"),
            ('d', true) => self.write(length, "0-9"),
            ('D', _) => self.write(length, "[^0-9]"),
            ('w', false) => self.write(length, "[0-9A-Za-z_]"),
            ('w', true) => self.write(length, "0-9A-Za-z_"),
            ('W', _) => self.write(length, "[^0-9A-Za-z_]"),
            ('s', false) => self.write(length, "[\\t\\n\\f\\r ]"),
            ('s', true) => self.write(length, "\\t\\n\\f\\r "),
            ('S', _) => self.write(length, "[^\\t\\n\\f\\r ]"),
            ('b', false) => self.write(length, "(?-u:\\b)"),
            ('B', false) => self.write(length, "(?-u:\\B)"),
            ('<' | '>', _) => self.write(length, if letter == '<' { "<" } else { ">" }),
            ('Q', false) => {
                let quoted = &self.rest[length..];
                let end = quoted.find("\\E").unwrap_or(quoted.len());
                let literal = regex::escape(&quoted[..end]);
                self.write(length + (end + 2).min(quoted.len()), &literal);
            }
            ('p' | 'P' | 'x', _) if self.rest[length..].starts_with('{') => {
                let end = self.rest.find('}').map_or(self.rest.len(), |end| end + 1);
                self.copy(end);
            }
            _ => self.copy(length),
        }
    }

    fn copy(&mut self, length: usize) {
        let (copied, rest) = self.rest.split_at(length);
        self.written.push_str(copied);
        self.rest = rest;
    }

    /// Writes `text` in place of the next `length` bytes.
    fn write(&mut self, length: usize, text: &str) {
        self.written.push_str(text);
        self.rest = &self.rest[length..];
    }
}

/// Whether `text` begins with `{2}`, `{2,}` or `{2,3}`.
fn is_repetition(text: &str) -> bool {
    let Some(end) = text.find('}') else { return false };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text[1..end].split_once(',') {
        None => is_number(&text[1..end]),
        Some((least, most)) => is_number(least) && (most.is_empty() || is_number(most)),
    }
}

/// Appends `template` with what `captures` found in place of `$1`, `$name`, `${1}` and `${name}`; `$$` is a dollar sign.
///
/// Names are as long as letters, digits and underscores go on; numbers with leading zeros are names. Groups that are not there are
/// empty, and a dollar sign before anything else stays.
pub fn expand_replacement(template: &str, captures: &Captures<'_>, expanded: &mut String) {
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            expanded.push('$');
            rest = after;
            continue;
        }
        let Some((name, after)) = group_name(after) else {
            expanded.push('$');
            rest = after;
            continue;
        };
        let is_number = name.bytes().all(|byte| byte.is_ascii_digit()) && (name.len() == 1 || !name.starts_with('0'));
        let found = match name.parse::<usize>() {
            Ok(number) if is_number => captures.get(number),
            _ => captures.name(name),
        };
        expanded.push_str(found.map_or("", |found| found.as_str()));
        rest = after;
    }
    expanded.push_str(rest);
}

/// The name of a group at the start of `text`, in braces or not, and what follows.
fn group_name(text: &str) -> Option<(&str, &str)> {
    let bare = text.strip_prefix('{').unwrap_or(text);
    let end = bare.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(bare.len());
    let (name, rest) = bare.split_at(end);
    let rest = if bare.len() < text.len() { rest.strip_prefix('}')? } else { rest };
    (!name.is_empty()).then_some((name, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::Regex;

    use super::*;

    #[test]
    fn patterns_match_as_in_go() {
        for (pattern, text, expected) in [
            (r"\d+", "٣", false),
            (r"[\d]+", "12", true),
            (r"[^\D]+", "12", true),
            (r"\w", "ä", false),
            (r"a\b.*", "aä", true),
            (r"\s", "\u{a0}", false),
            (r"a{", "a{", true),
            (r"{.*}", "{x}", true),
            (r"a{2}", "aa", true),
            (r"a{2,}", "aaa", true),
            (r"a{,2}", "a{,2}", true),
            (r"[[]", "[", true),
            (r"[]a]+", "]a", true),
            (r"[[:alpha:]&&b]+", "a&b", true),
            (r"\Qa.b\E+", "a.bb", true),
            (r"\Qa.b", "a.b", true),
            (r"\<a\>", "<a>", true),
            (r"\p{Greek}", "λ", true),
            (r"\x{3bb}", "λ", true),
            (r"a\{2\}", "a{2}", true),
        ] {
            let regex = Regex::new(&format!("^(?s:{})$", from_re2(pattern))).expect(pattern);
            assert_eq!(regex.is_match(text), expected, "{pattern} {text}");
        }
        for pattern in ["(", "[a", "*", "a\\", "{2}", r"\p{"] {
            assert!(Regex::new(&from_re2(pattern)).is_err(), "{pattern}");
        }
    }

    #[test]
    fn replacements_expand_as_in_go() {
        let regex = Regex::new("(a)(?P<last>b)?").expect("a regex");
        for (template, text, expected) in [
            ("$1", "a", "a"),
            ("x$2y", "ab", "x"),
            ("${1}x-$last", "ab", "ax-b"),
            ("$1x", "ab", ""),
            ("$01|$0|$9", "ab", "|ab|"),
            ("$$1 $ ${ ${} ${a-b} $-$", "ab", "$1 $ ${ ${} ${a-b} $-$"),
            ("$2ä.", "ab", "."),
        ] {
            let mut expanded = String::new();
            expand_replacement(template, &regex.captures(text).expect(text), &mut expanded);
            assert_eq!(expanded, expected, "{template}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(pattern in r"(\\|\[|\]|\{|\}|\^|&|~|ä|[a-zA-Z0-9,:$]){0,20}") {
            let _ = Regex::new(&from_re2(&pattern));
            let regex = Regex::new("(.)(?P<a>.)?").expect("a regex");
            if let Some(captures) = regex.captures(&pattern) {
                expand_replacement(&pattern, &captures, &mut String::new());
            }
        }
    }
}
