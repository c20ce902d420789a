//! Words of the language: text into tokens, with nom.

use nom::branch::alt;
use nom::bytes::complete::{tag, take_till, take_while, take_while1};
use nom::character::complete::{char, digit1, one_of, satisfy};
use nom::combinator::{not, opt, recognize};
use nom::multi::many0_count;
use nom::{IResult, Parser};

use super::Span;
use super::error::{Faults, ParseErrorKind};
use crate::model::{DurationError, parse_duration, parse_value};

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
    /// A sign of one or two characters.
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
    /// The length of the whole token, good or bad.
    length: usize,
}

/// Where the lexer stands: what `:` and words mean depends on it.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Open,
    Braces,
    Brackets,
}

/// Signs outside of braces, longer ones first.
const SIGNS: [&str; 26] = [
    "==", "!=", "=~", "!~", ">=", "<=", "</", ">/", "(", ")", "{", "}", "[", "]", ",", "+", "-", "*", "/", "%", "^",
    "@", "=", ":", "<", ">",
];

/// Cuts `text` into tokens, the last of which is [`TokenKind::End`]; what cannot be read is reported to `faults`.
pub(super) fn tokens(text: &str, faults: &mut Faults) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut place = Place::Open;
    let mut at = skip_blank(text, 0);
    while at < text.len() && !faults.is_full() {
        let (kind, length) = match token(&text[at..], place) {
            Ok(read) => read,
            Err(fault) => {
                let span = at + fault.span.start..at + fault.span.end;
                faults.add(fault.kind, span, fault.message, fault.hint);
                (TokenKind::Bad, fault.length)
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
fn skip_blank(text: &str, at: usize) -> usize {
    let spaces = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r');
    let comment = recognize((char('#'), take_till(|c| c == '\n')));
    let mut blank = recognize(many0_count(alt((take_while1(spaces), comment))));
    let read: IResult<&str, &str> = blank.parse(&text[at..]);
    read.map_or(at, |(rest, _)| text.len() - rest.len())
}

/// The token at the start of `rest`, which is not empty, and its length.
fn token(rest: &str, place: Place) -> Result<(TokenKind, usize), Fault> {
    let bytes = rest.as_bytes();
    match bytes[0] {
        b'0'..=b'9' => number(rest),
        b'.' if bytes.get(1).is_some_and(u8::is_ascii_digit) => number(rest),
        b'"' | b'\'' | b'`' => quoted(rest),
        first if first.is_ascii_alphabetic() || first == b'_' => Ok(word(rest, place)),
        b':' if place == Place::Open => Ok(word(rest, place)),
        _ => sign(rest),
    }
}

fn is_word_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn word(rest: &str, place: Place) -> (TokenKind, usize) {
    let in_word = |c: char| is_word_char(c) || (c == ':' && place == Place::Open);
    let read: IResult<&str, &str> = take_while(in_word).parse(rest);
    let word = read.map_or("", |(_, word)| word);
    let kind = match word {
        _ if place != Place::Open => TokenKind::Word,
        _ if word.eq_ignore_ascii_case("inf") => TokenKind::Number(f64::INFINITY),
        _ if word.eq_ignore_ascii_case("nan") => TokenKind::Number(f64::NAN),
        _ => TokenKind::Word,
    };
    (kind, word.len())
}

fn sign(rest: &str) -> Result<(TokenKind, usize), Fault> {
    if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
        return Ok((TokenKind::Sign(sign), sign.len()));
    }
    let letter = rest.chars().next().unwrap_or_default();
    let length = letter.len_utf8();
    let hint = match letter {
        '!' => Some("write `!=` or `!~`".to_owned()),
        '&' => Some("write `and`".to_owned()),
        '|' => Some("write `or`".to_owned()),
        '$' => Some("variables of dashboards are not known here: write the value".to_owned()),
        _ if letter.is_alphanumeric() || letter == '.' => {
            Some("quote names outside of a-z, A-Z, 0-9, _ and : inside braces, such as `{\"my.metric\"}`".to_owned())
        }
        _ => None,
    };
    Err(Fault {
        kind: ParseErrorKind::Syntax,
        span: 0..length,
        message: format!("unexpected character `{letter}`"),
        hint,
        length,
    })
}

/// Digits with single `_` between them.
fn digits(input: &str) -> IResult<&str, &str> {
    recognize((digit1, many0_count((char('_'), digit1)))).parse(input)
}

fn decimal(input: &str) -> IResult<&str, &str> {
    let whole = recognize((digits, opt((char('.'), opt(digits)))));
    let fraction = recognize((char('.'), digits));
    let exponent = (one_of("eE"), opt(one_of("+-")), digits);
    recognize((alt((whole, fraction)), opt(exponent))).parse(input)
}

fn hexadecimal(input: &str) -> IResult<&str, &str> {
    let digits = |input| take_while1(|c: char| c.is_ascii_hexdigit()).parse(input);
    let prefix = alt((tag("0x"), tag("0X")));
    recognize((prefix, opt(char('_')), digits, many0_count((char('_'), digits)))).parse(input)
}

fn duration(input: &str) -> IResult<&str, &str> {
    let unit = |input| alt((tag("ms"), recognize(one_of("smhdwy")))).parse(input);
    recognize((digit1, unit, many0_count((digit1, unit)))).parse(input)
}

/// `parser` with nothing of a word right after it.
fn whole<'a>(mut parser: impl FnMut(&'a str) -> IResult<&'a str, &'a str>, input: &'a str) -> Option<&'a str> {
    let end = not(satisfy(|c| is_word_char(c) || c == '.'));
    let (rest, read) = parser(input).ok()?;
    let mut end = end;
    let ended: IResult<&str, ()> = end.parse(rest);
    ended.is_ok().then_some(read)
}

fn number(rest: &str) -> Result<(TokenKind, usize), Fault> {
    let fault = |length: usize, message: String, hint: Option<&str>| Fault {
        kind: ParseErrorKind::Syntax,
        span: 0..length,
        message,
        hint: hint.map(str::to_owned),
        length,
    };
    if let Some(text) = whole(duration, rest) {
        let millis = parse_duration(text).map_err(|error| Fault {
            kind: match error {
                DurationError::OutOfRange(_) => ParseErrorKind::Meaning,
                _ => ParseErrorKind::Syntax,
            },
            ..fault(text.len(), error.to_string(), None)
        })?;
        return Ok((TokenKind::Duration(i64::try_from(millis.as_millis()).unwrap_or(i64::MAX)), text.len()));
    }
    let Some(text) = whole(hexadecimal, rest).or_else(|| whole(decimal, rest)) else {
        let length = rest.len() - rest.trim_start_matches(|c| is_word_char(c) || c == '.').len();
        let hint = "write a number such as `0.5`, `1e6`, `0x1F`, or a duration with the units y, w, d, h, m, s, ms";
        return Err(fault(length, format!("`{}` is neither a number nor a duration", &rest[..length]), Some(hint)));
    };
    match value(&text.replace('_', "")) {
        Some(value) => Ok((TokenKind::Number(value), text.len())),
        None => {
            let fault = fault(text.len(), format!("`{text}` is out of range"), None);
            Err(Fault { kind: ParseErrorKind::Meaning, ..fault })
        }
    }
}

/// The value of a number without `_`; a leading zero makes whole numbers octal, as in Go.
fn value(text: &str) -> Option<f64> {
    let octal = text.len() > 1 && text.starts_with('0') && text.bytes().all(|b| (b'0'..=b'7').contains(&b));
    if octal && let Ok(value) = i64::from_str_radix(text, 8) {
        return Some(value as f64);
    }
    parse_value(text).filter(|value| value.is_finite())
}

fn quoted(rest: &str) -> Result<(TokenKind, usize), Fault> {
    let quote = rest.chars().next().unwrap_or_default();
    let unterminated = |length: usize| Fault {
        kind: ParseErrorKind::Syntax,
        span: 0..length,
        message: "this string is never closed".to_owned(),
        hint: Some(format!("add a closing {quote}")),
        length,
    };
    if quote == '`' {
        let end = rest[1..].find('`').ok_or_else(|| unterminated(rest.len()))?;
        return Ok((TokenKind::Text(rest[1..=end].to_owned()), end + 2));
    }
    let mut escaped = false;
    let mut end = None;
    for (at, letter) in rest.char_indices().skip(1) {
        match letter {
            '\n' => return Err(unterminated(at)),
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if letter == quote => {
                end = Some(at);
                break;
            }
            _ => {}
        }
    }
    let end = end.ok_or_else(|| unterminated(rest.len()))?;
    match unescape(&rest[1..end], quote) {
        Ok(text) => Ok((TokenKind::Text(text), end + 1)),
        Err((span, message)) => {
            let hint =
                (!message.contains("code point")).then(|| "write `\\\\` for a backslash, or use backquotes".to_owned());
            Err(Fault {
                kind: ParseErrorKind::Syntax,
                span: span.start + 1..span.end + 1,
                message,
                hint,
                length: end + 1,
            })
        }
    }
}

/// Resolves Go's escapes; bytes that are no UTF-8 become U+FFFD. On error: the escape's bytes and what is wrong.
fn unescape(body: &str, quote: char) -> Result<String, (Span, String)> {
    if !body.contains('\\') {
        return Ok(body.to_owned());
    }
    let mut bytes = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some(slash) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..slash]);
        let start = body.len() - rest.len() + slash;
        let escape = &rest[slash..];
        let length =
            push_escape(escape, quote, &mut bytes).map_err(|(length, message)| (start..start + length, message))?;
        rest = &escape[length..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// Resolves the escape at the start of `escape`; yields its length. On error: the length at fault and what is wrong.
fn push_escape(escape: &str, quote: char, bytes: &mut Vec<u8>) -> Result<usize, (usize, String)> {
    let kind = escape[1..].chars().next().unwrap_or_default();
    let unknown = || (1 + kind.len_utf8().min(escape.len() - 1), format!("unknown escape `\\{kind}`"));
    let simple = match kind {
        'a' => Some(0x07),
        'b' => Some(0x08),
        'f' => Some(0x0c),
        'n' => Some(b'\n'),
        'r' => Some(b'\r'),
        't' => Some(b'\t'),
        'v' => Some(0x0b),
        '\\' => Some(b'\\'),
        '"' | '\'' if kind == quote => Some(kind as u8),
        _ => None,
    };
    if let Some(byte) = simple {
        bytes.push(byte);
        return Ok(2);
    }
    let (start, count, radix) = match kind {
        '0'..='7' => (1, 3, 8),
        'x' => (2, 2, 16),
        'u' => (2, 4, 16),
        'U' => (2, 8, 16),
        _ => return Err(unknown()),
    };
    let digits = escape.get(start..start + count).filter(|digits| digits.chars().all(|c| c.is_digit(radix)));
    let code = digits.and_then(|digits| u32::from_str_radix(digits, radix).ok());
    let code = code.ok_or_else(|| (1 + kind.len_utf8(), format!("`\\{kind}` wants {count} digits of base {radix}")))?;
    let length = start + count;
    if matches!(kind, 'u' | 'U') {
        let letter = char::from_u32(code).ok_or_else(|| (length, "this is no Unicode code point".to_owned()))?;
        bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
    } else {
        bytes.push(u8::try_from(code).map_err(|_| (length, "an octal escape ends at `\\377`".to_owned()))?);
    }
    Ok(length)
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
        for (text, millis) in [("5m", 300_000), ("1h30m", 5_400_000), ("1y2w3d", 33_004_800_000), ("1ms", 1)] {
            assert_eq!(kinds(text), [TokenKind::Duration(millis), TokenKind::End], "{text}");
        }
        for text in ["1_", "1__0", "1._5", "1e", "1x", "0x", "1h30", "1m1h", "1..2", "1.5h", "1e999", "5mm", "400y"] {
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
