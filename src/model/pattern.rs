//! Regular expressions as the configuration and the expression language write them: RE2 syntax, as Go reads it.

use std::iter::Peekable;
use std::str::Chars;

use regex::{Regex, RegexBuilder};

/// Compiles `pattern` anchored at both ends, `.` matching line feeds, to at most `bytes_max` bytes.
///
/// # Errors
///
/// A pattern that is none or that compiles to more.
pub fn anchored_regex(pattern: &str, bytes_max: usize) -> Result<Regex, regex::Error> {
    build(&format!("^(?s:{})$", translated(pattern)), bytes_max)
}

/// Compiles `pattern` as it is, found anywhere, to at most `bytes_max` bytes.
///
/// # Errors
///
/// As [`anchored_regex`].
pub fn free_regex(pattern: &str, bytes_max: usize) -> Result<Regex, regex::Error> {
    build(&translated(pattern), bytes_max)
}

fn build(pattern: &str, bytes_max: usize) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).size_limit(bytes_max).build()
}

/// The same expression in the syntax of the `regex` crate, where that differs: classes of letters, digits and spaces are
/// those of ASCII, `{` may stand for itself, a class has no classes and no set operators in it, and `\Q...\E` quotes.
fn translated(pattern: &str) -> String {
    let mut found = String::with_capacity(pattern.len() + 8);
    let mut rest = pattern.chars().peekable();
    while let Some(char) = rest.next() {
        match char {
            '\\' => escape(&mut rest, &mut found),
            '[' => class(&mut rest, &mut found),
            // Flags that set nothing.
            '(' if rest.clone().take(2).eq(['?', ')']) => drop(rest.nth(1)),
            '{' if !is_repetition(rest.clone()) => found.push_str(r"\{"),
            other => found.push(other),
        }
    }
    found
}

/// What follows a backslash outside of a class.
fn escape(rest: &mut Peekable<Chars<'_>>, found: &mut String) {
    match rest.next() {
        Some('Q') => quoted(rest, found),
        Some(boundary @ ('b' | 'B')) => found.extend([r"(?-u:\", if boundary == 'b' { "b" } else { "B" }, ")"]),
        Some(other) => escaped(other, found),
        None => found.push('\\'),
    }
}

/// An escape that means the same in a class and outside.
fn escaped(char: char, found: &mut String) {
    match char {
        'd' => found.push_str("[0-9]"),
        'D' => found.push_str("[^0-9]"),
        'w' => found.push_str("[0-9A-Za-z_]"),
        'W' => found.push_str("[^0-9A-Za-z_]"),
        's' => found.push_str(r"[\t\n\f\r ]"),
        'S' => found.push_str(r"[^\t\n\f\r ]"),
        // These would be the borders of words.
        '<' | '>' => found.push(char),
        other => found.extend(['\\', other]),
    }
}

/// Text up to `\E` or the end, which stands for itself.
fn quoted(rest: &mut Peekable<Chars<'_>>, found: &mut String) {
    let mut text = String::new();
    while let Some(char) = rest.next() {
        if char == '\\' && rest.peek() == Some(&'E') {
            rest.next();
            break;
        }
        text.push(char);
    }
    found.push_str(&regex::escape(&text));
}

/// A class in brackets, the first of which is read.
fn class(rest: &mut Peekable<Chars<'_>>, found: &mut String) {
    found.push('[');
    found.extend(rest.next_if_eq(&'^'));
    // A bracket that comes first closes nothing.
    if rest.next_if_eq(&']').is_some() {
        found.push_str(r"\]");
    }
    while let Some(char) = rest.next() {
        match char {
            ']' => return found.push(']'),
            '[' if rest.peek() == Some(&':') => named_class(rest, found),
            '[' => found.push_str(r"\["),
            '\\' => match rest.next() {
                Some(other) => escaped(other, found),
                None => found.push('\\'),
            },
            '&' | '~' => found.extend(['\\', char]),
            // The second is the end of a range, or begins one where the first comes first.
            '-' if rest.peek() == Some(&'-') && found.ends_with(['[', '^']) => found.push_str(r"\-"),
            '-' if rest.next_if_eq(&'-').is_some() => found.push_str(r"-\-"),
            other => found.push(other),
        }
    }
}

/// `[:name:]` inside a class, of which the first bracket is read; text that is no such name stands for itself.
fn named_class(rest: &mut Peekable<Chars<'_>>, found: &mut String) {
    let name: String = rest.clone().skip(1).take_while(|char| char.is_ascii_lowercase() || *char == '^').collect();
    let closes = rest.clone().skip(1 + name.len()).take(2).eq([':', ']']);
    if !closes {
        return found.push_str(r"\[");
    }
    found.push('[');
    found.extend(rest.take(name.len() + 3));
}

/// Whether `n}`, `n,}` or `n,m}` follows.
fn is_repetition(mut rest: Peekable<Chars<'_>>) -> bool {
    let digits = |rest: &mut Peekable<Chars<'_>>| {
        let mut count = 0;
        while rest.next_if(char::is_ascii_digit).is_some() {
            count += 1;
        }
        count
    };
    if digits(&mut rest) == 0 {
        return false;
    }
    if rest.next_if_eq(&',').is_some() {
        digits(&mut rest);
    }
    rest.next() == Some('}')
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
            ("(?)a", "a", true),
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

    proptest! {
        #[test]
        fn never_panics(pattern in r"[\[\]:^a-c&~{},0-9\\QEdDbB<|().*+?-]{0,20}") {
            let _ = free_regex(&pattern, BYTES_MAX);
        }

        #[test]
        fn quoted_text_matches_itself(text in "[^\\\\]{0,20}") {
            let pattern = format!(r"\Q{text}\E");
            prop_assert!(anchored_regex(&pattern, BYTES_MAX).is_ok_and(|regex| regex.is_match(&text)));
        }
    }
}
