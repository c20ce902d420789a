//! Words of the language: text into tokens.

mod mistake;
mod number;
mod quoted;

use self::mistake::{foreign, foreign_word};
use self::number::number;
use self::quoted::quoted;
use super::Span;
use super::error::{Faults, ParseErrorKind};

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind {
    /// A number, `Inf` and `NaN` included.
    Number(f64),
    /// A duration such as `1h30m`, in milliseconds.
    Duration(i64),
    /// A quoted text, unescaped.
    Text(String),
    /// A name or keyword; outside of brackets and braces it may hold colons.
    Word,
    /// A sign of one or two characters. After a mistake that is reported already: the one that was meant; a word for `and`
    /// and `or`.
    Sign(&'static str),
    /// Something unreadable that is reported already.
    Bad,
    /// The end of the text.
    End,
}

/// A token and its place.
#[derive(Clone, Debug)]
pub(super) struct Token {
    /// What it is.
    pub(super) kind: TokenKind,
    /// Its bytes.
    pub(super) span: Span,
}

/// A fault inside one token.
struct Fault {
    kind: ParseErrorKind,
    /// The bytes at fault, counted from the token's start.
    span: Span,
    message: String,
    hint: Option<String>,
    /// What to go on with.
    meant: TokenKind,
    /// The length of the whole token, good or bad.
    length: usize,
}

impl Fault {
    /// A fault of syntax that takes the whole token.
    fn whole(length: usize, message: impl Into<String>, hint: Option<String>) -> Fault {
        let kind = ParseErrorKind::Syntax;
        Fault { kind, span: 0..length, message: message.into(), hint, meant: TokenKind::Bad, length }
    }
}

/// Where the lexer stands: what `:` and words mean depends on it.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Open,
    Braces,
    Brackets,
}

/// Cuts `text` into tokens, the last of which is [`TokenKind::End`]; what cannot be read is reported to `faults`.
pub(super) fn tokens(text: &str, faults: &mut Faults) -> Vec<Token> {
    // Expressions have a token for about four bytes.
    let mut tokens = Vec::with_capacity(text.len() / 4 + 2);
    let mut place = Place::Open;
    let mut at = skip_blank(text, 0);
    while at < text.len() && !faults.is_full() {
        let (kind, length) = match token(&text[at..], place) {
            Ok(read) => read,
            Err(fault) => {
                let span = at + fault.span.start..at + fault.span.end;
                faults.add(fault.kind, span, fault.message, fault.hint);
                (fault.meant, fault.length)
            }
        };
        place = match kind {
            TokenKind::Sign("{") => Place::Braces,
            TokenKind::Sign("[") => Place::Brackets,
            TokenKind::Sign("}" | "]") => Place::Open,
            _ => place,
        };
        tokens.push(Token { kind, span: at..at + length });
        at = skip_blank(text, at + length);
    }
    tokens.push(Token { kind: TokenKind::End, span: text.len()..text.len() });
    tokens
}

/// The comments between `tokens`, which were cut from `text`.
pub(super) fn comments(text: &str, tokens: &[Token]) -> Vec<Span> {
    let mut comments = Vec::new();
    let mut at = 0;
    for token in tokens {
        while let Some(sign) = text[at..token.span.start].find('#') {
            let start = at + sign;
            let end = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
            comments.push(start..end);
            at = end;
        }
        at = token.span.end;
    }
    comments
}

/// The first byte from `at` that belongs neither to white space nor to a comment.
fn skip_blank(text: &str, mut at: usize) -> usize {
    let bytes = text.as_bytes();
    loop {
        match bytes.get(at) {
            Some(b' ' | b'\t' | b'\n' | b'\r') => at += 1,
            Some(b'#') => at = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |length| at + length),
            _ => return at,
        }
    }
}

/// The token at the start of `rest`, which is not empty, and its length.
fn token(rest: &str, place: Place) -> Result<(TokenKind, usize), Fault> {
    let bytes = rest.as_bytes();
    match bytes[0] {
        b'0'..=b'9' => number(rest, place),
        b'.' if bytes.get(1).is_some_and(u8::is_ascii_digit) => number(rest, place),
        b'"' | b'\'' | b'`' => quoted(rest),
        first if is_word_byte(first) => word(rest, place),
        b':' if place == Place::Open && !rest.starts_with(":=") => word(rest, place),
        _ => sign(rest, place),
    }
}

fn is_word_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn word(rest: &str, place: Place) -> Result<(TokenKind, usize), Fault> {
    let in_word = |byte: &u8| is_word_byte(*byte) || (*byte == b':' && place == Place::Open);
    let length = rest.as_bytes().iter().take_while(|byte| in_word(byte)).count();
    let (word, behind) = rest.split_at(length);
    if let Some(fault) = foreign_word(word, behind, place) {
        return Err(fault);
    }
    let kind = match length {
        3 if place == Place::Open && word.eq_ignore_ascii_case("inf") => TokenKind::Number(f64::INFINITY),
        3 if place == Place::Open && word.eq_ignore_ascii_case("nan") => TokenKind::Number(f64::NAN),
        _ => TokenKind::Word,
    };
    Ok((kind, length))
}

fn sign(rest: &str, place: Place) -> Result<(TokenKind, usize), Fault> {
    let bytes = rest.as_bytes();
    let second = bytes.get(1).copied().unwrap_or_default();
    if matches!(bytes[0], b'=' | b'!' | b'<' | b'*' | b'/' | b':' | b'$' | b'~' | b'{')
        && let Some(fault) = foreign(rest, place)
    {
        return Err(fault);
    }
    let sign = match (bytes[0], second) {
        (b'=', b'=') => "==",
        (b'!', b'=') => "!=",
        (b'=', b'~') => "=~",
        (b'!', b'~') => "!~",
        (b'>', b'=') => ">=",
        (b'<', b'=') => "<=",
        (b'<', b'/') => "</",
        (b'>', b'/') => ">/",
        (b'(', _) => "(",
        (b')', _) => ")",
        (b'{', _) => "{",
        (b'}', _) => "}",
        (b'[', _) => "[",
        (b']', _) => "]",
        (b',', _) => ",",
        (b'+', _) => "+",
        (b'-', _) => "-",
        (b'*', _) => "*",
        (b'/', _) => "/",
        (b'%', _) => "%",
        (b'^', _) => "^",
        (b'@', _) => "@",
        (b'=', _) => "=",
        (b':', _) => ":",
        (b'<', _) => "<",
        (b'>', _) => ">",
        _ => return Err(foreign(rest, place).unwrap_or_else(|| mistake::unexpected(rest))),
    };
    Ok((TokenKind::Sign(sign), sign.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<TokenKind> {
        let mut faults = Faults::default();
        let tokens = tokens(text, &mut faults);
        assert!(faults.is_empty(), "{text}: {faults:?}");
        tokens.into_iter().map(|token| token.kind).collect()
    }

    #[test]
    fn numbers() {
        for (text, value) in [
            ("0", 0.0),
            ("17", 17.0),
            ("017", 15.0),
            ("08", 8.0),
            ("5.", 5.0),
            (".5", 0.5),
            ("1e3", 1000.0),
            ("1.5E-2", 0.015),
            ("1_000_000", 1e6),
            (".123_4", 0.1234),
            ("0x1F", 31.0),
            ("0X_1_f", 31.0),
            ("Inf", f64::INFINITY),
            ("iNF", f64::INFINITY),
        ] {
            assert_eq!(kinds(text), [TokenKind::Number(value), TokenKind::End], "{text}");
        }
        for (text, millis) in [
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("1y2w3d", 33_004_800_000),
            ("106751d", 9_223_286_400_000),
            ("1ms", 1),
        ] {
            assert_eq!(kinds(text), [TokenKind::Duration(millis), TokenKind::End], "{text}");
        }
        for text in [
            "1_", "1__0", "1._5", "1e", "1x", "0x", "1h30", "1m1h", "1..2", "1.5h", "1e999", "5mm", "400y", "106752d",
            "999999d",
        ] {
            let mut faults = Faults::default();
            tokens(text, &mut faults);
            assert!(!faults.is_empty(), "{text}");
        }
    }

    #[test]
    fn strings() {
        for (text, value) in [
            (r#""a""#, "a"),
            ("'it\"s'", "it\"s"),
            (r#""a\"b\\c\n""#, "a\"b\\c\n"),
            (r#""\x41\101\u00e9\U0001F514""#, "AAé🔔"),
            (r#""\xe2\x82\xac""#, "€"),
            (r#""\xff""#, "\u{fffd}"),
            ("`a\\n`", "a\\n"),
            ("``", ""),
        ] {
            assert_eq!(kinds(text), [TokenKind::Text(value.to_owned()), TokenKind::End], "{text}");
        }
        for text in
            [r#"""#, r#""a"#, "`a", r#""\q""#, r#""\x4""#, r#""\'""#, r#""\ud800""#, r#""\400""#, "\"a\nb\"", r#""\"#]
        {
            let mut faults = Faults::default();
            tokens(text, &mut faults);
            assert!(!faults.is_empty(), "{text}");
        }
    }

    #[test]
    fn colons_depend_on_the_place() {
        let sign = TokenKind::Sign;
        assert_eq!(kinds("a:b"), [TokenKind::Word, TokenKind::End]);
        let minute = TokenKind::Duration(60_000);
        assert_eq!(
            kinds("[1m:1m] # note\n"),
            [sign("["), minute.clone(), sign(":"), minute, sign("]"), TokenKind::End]
        );
    }
}
