//! Numbers and durations, with nom.

use nom::branch::alt;
use nom::bytes::complete::{tag, take_while1};
use nom::character::complete::{char, digit1, one_of, satisfy};
use nom::combinator::{not, opt, recognize};
use nom::multi::many0_count;
use nom::{IResult, Parser};

use super::mistake::number_hint;
use super::{Fault, Place, TokenKind, is_word_char};
use crate::lang::error::ParseErrorKind;
use crate::model::{DurationError, parse_duration, parse_value};

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

/// The number or duration at the start of `rest`, and its length.
pub(super) fn number(rest: &str, place: Place) -> Result<(TokenKind, usize), Fault> {
    if let Some(read) = plain(rest) {
        return Ok(read);
    }
    if let Some(text) = whole(duration, rest) {
        let millis = parse_duration(text).map_err(|error| match error {
            DurationError::OutOfRange(_) => {
                let shown = crate::lang::parser::shorten(text);
                let fault = Fault::whole(text.len(), format!("the duration `{shown}` is out of range"), None);
                Fault { kind: ParseErrorKind::Meaning, ..fault }
            }
            _ => {
                let message = format!("the units of `{}` are out of order", crate::lang::parser::shorten(text));
                Fault::whole(text.len(), message, Some(number_hint(text, place)))
            }
        })?;
        return Ok((TokenKind::Duration(i64::try_from(millis.as_millis()).unwrap_or(i64::MAX)), text.len()));
    }
    let Some(text) = whole(hexadecimal, rest).or_else(|| whole(decimal, rest)) else {
        let length = rest.len() - rest.trim_start_matches(|c: char| is_word_char(c) || c == '.').len();
        let text = &rest[..length];
        let shown = crate::lang::parser::shorten(text);
        let message = format!("`{shown}` is neither a number nor a duration");
        return Err(Fault::whole(length, message, Some(number_hint(text, place))));
    };
    match value(&text.replace('_', "")) {
        Some(value) => Ok((TokenKind::Number(value), text.len())),
        None => {
            let fault =
                Fault::whole(text.len(), format!("`{}` is out of range", crate::lang::parser::shorten(text)), None);
            Err(Fault { kind: ParseErrorKind::Meaning, ..fault })
        }
    }
}

/// The commonest forms: few digits, or few digits and a unit of one letter.
fn plain(rest: &str) -> Option<(TokenKind, usize)> {
    const DIGITS_MAX: usize = 6;
    let bytes = rest.as_bytes();
    let digits = bytes.iter().take(DIGITS_MAX + 1).take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 || digits > DIGITS_MAX || (digits > 1 && bytes[0] == b'0') {
        return None;
    }
    let value = bytes[..digits].iter().fold(0, |value: i64, digit| value * 10 + i64::from(digit - b'0'));
    let ends = |at: usize| bytes.get(at).is_none_or(|byte| !super::is_word_byte(*byte) && *byte != b'.');
    if ends(digits) {
        return Some((TokenKind::Number(value as f64), digits));
    }
    let unit = match bytes[digits] {
        b's' => 1000,
        b'm' => 60_000,
        b'h' => 3_600_000,
        // With a digit more they may be out of range.
        b'd' if digits < DIGITS_MAX => 86_400_000,
        _ => return None,
    };
    ends(digits + 1).then_some((TokenKind::Duration(value * unit), digits + 1))
}

/// The value of a number without `_`; a leading zero makes whole numbers octal, as in Go.
fn value(text: &str) -> Option<f64> {
    let octal = text.len() > 1 && text.starts_with('0') && text.bytes().all(|b| (b'0'..=b'7').contains(&b));
    if octal && let Ok(value) = i64::from_str_radix(text, 8) {
        return Some(value as f64);
    }
    parse_value(text).filter(|value| value.is_finite())
}
