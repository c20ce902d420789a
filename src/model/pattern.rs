//! Regular expressions and replacements as Go writes them: RE2 syntax, and `$1` or `${name}` for what a group found.

use regex::{Captures, Regex, RegexBuilder};

/// Compiles `pattern` anchored at both ends, `.` matching line feeds, to at most `bytes_max` bytes.
///
/// # Errors
///
/// A pattern that is none or that compiles to more.
pub fn anchored_regex(pattern: &str, bytes_max: usize) -> Result<Regex, regex::Error> {
    build(&format!("^(?s:{})$", from_re2(pattern)), bytes_max)
}

/// Compiles `pattern` as it is, found anywhere, to at most `bytes_max` bytes.
///
/// # Errors
///
/// As [`anchored_regex`].
pub fn free_regex(pattern: &str, bytes_max: usize) -> Result<Regex, regex::Error> {
    build(&from_re2(pattern), bytes_max)
}

fn build(pattern: &str, bytes_max: usize) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).size_limit(bytes_max).build()
}

/// `pattern` in RE2 syntax as the `regex` crate writes it.
///
/// Classes like `\d` and `\b` are of ASCII alone, a `{` that counts nothing is a brace, inside `[…]` a further `[` is a bracket, and
/// `\Q…\E` quotes. What is invalid stays so.
fn from_re2(pattern: &str) -> String {
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
                '[' => match named_class(self.rest) {
                    Some(length) => self.copy(length),
                    None => self.write(1, "\\["),
                },
                // The second is the end of a range, or begins one where the first comes first.
                '-' if self.rest.starts_with("--") && self.written.ends_with(['[', '^']) => self.write(1, "\\-"),
                '-' if self.rest.starts_with("--") => self.write(2, "-\\-"),
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

/// How long the name of a class is with which `text` begins, such as `[:alpha:]`.
fn named_class(text: &str) -> Option<usize> {
    let name = text.strip_prefix("[:")?;
    let end = name.find(|c: char| !(c.is_ascii_lowercase() || c == '^'))?;
    name[end..].starts_with(":]").then_some(end + 4)
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

    use super::*;

    const BYTES_MAX: usize = 1 << 20;

    #[test]
    fn anchored_as_re2_reads() {
        for (pattern, text, expected) in [
            ("a.c", "a\nc", true),
            ("b", "abc", false),
            ("a|b", "b", true),
            ("[[45]..", "404", true),
            ("[[45]..", "[xx", true),
            ("[]a]+", "a]", true),
            ("[^]a]", "b", true),
            ("[^]a]", "]", false),
            ("[a&&b]+", "a&b", true),
            ("[a~~b]+", "~", true),
            ("[+--]", ",", true),
            ("[--/]", ".", true),
            ("[^--/]", ".", false),
            ("[[:alpha:]_]+", "ab_", true),
            ("[[:^digit:]]", "a", true),
            ("[[:x]+", ":[x", true),
            (r"[\d\-x]+", "1-x", true),
            (r"[\D]", "1", false),
            (r"\d", "\u{0663}", false),
            (r"\w+", "a_1", true),
            (r"\w", "\u{e9}", false),
            (r"\S\s", "\u{e9} ", true),
            (r"\s", "\u{a0}", false),
            (r"a\b.b", "a b", true),
            (r"a\Bb", "ab", true),
            (r"\<a\>", "<a>", true),
            ("a{2}", "aa", true),
            ("a{2,}", "aaa", true),
            ("a{,2}", "a{,2}", true),
            ("{a}", "{a}", true),
            ("a{", "a{", true),
            (r"\Qa.b[\E.", "a.b[c", true),
            (r"\Qa.b", "axb", false),
            (r"\[\{\\", r"[{\", true),
            (r"\pL\x{41}", "\u{e9}A", true),
            ("(?i)ABC", "abc", true),
        ] {
            let regex = anchored_regex(pattern, BYTES_MAX).unwrap_or_else(|error| panic!("{pattern}: {error}"));
            assert_eq!(regex.is_match(text), expected, "{pattern} on {text:?}");
        }
    }

    #[test]
    fn bad_patterns() {
        for pattern in ["(", "a{1000000}{1000}", "(?=a)", "[", "[a", "[z-a]", r"\", r"[\", "*", r"\1", "[[:alpha:]"] {
            assert!(anchored_regex(pattern, BYTES_MAX).is_err(), "{pattern}");
        }
    }

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

        #[test]
        fn quoted_text_matches_itself(text in "[^\\\\]{0,20}") {
            let pattern = format!(r"\Q{text}\E");
            prop_assert!(anchored_regex(&pattern, BYTES_MAX).is_ok_and(|regex| regex.is_match(&text)));
        }
    }
}
