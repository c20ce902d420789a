//! What people write from other languages: one error each, with what to write instead.

use std::time::Duration;

use super::{Fault, Place, TokenKind, is_word_char};
use crate::lang::parser::shorten;
use crate::model::format_duration;

/// Signs of other languages and typesetters, longer ones first: as written, as meant.
const SIGNS: [(&str, &str); 23] = [
    ("===", "=="),
    ("!==", "!="),
    ("=>", ">="),
    ("=<", "<="),
    ("=!", "!="),
    ("~=", "=~"),
    ("<>", "!="),
    (":=", "=="),
    ("**", "^"),
    ("//", "/"),
    ("&&", "and"),
    ("||", "or"),
    ("&", "and"),
    ("|", "or"),
    ("≥", ">="),
    ("≤", "<="),
    ("≠", "!="),
    ("×", "*"),
    ("÷", "/"),
    ("−", "-"),
    ("–", "-"),
    ("—", "-"),
    ("\u{a0}", " "),
];

/// Units as people write them, and as they are.
const UNITS: [(&str, &str); 30] = [
    ("ms", "ms"),
    ("msec", "ms"),
    ("millis", "ms"),
    ("s", "s"),
    ("S", "s"),
    ("sec", "s"),
    ("secs", "s"),
    ("second", "s"),
    ("seconds", "s"),
    ("m", "m"),
    ("M", "m"),
    ("min", "m"),
    ("mins", "m"),
    ("minute", "m"),
    ("minutes", "m"),
    ("h", "h"),
    ("H", "h"),
    ("hr", "h"),
    ("hrs", "h"),
    ("hour", "h"),
    ("hours", "h"),
    ("d", "d"),
    ("D", "d"),
    ("day", "d"),
    ("days", "d"),
    ("w", "w"),
    ("week", "w"),
    ("weeks", "w"),
    ("y", "y"),
    ("year", "y"),
];

/// Multiples that numbers have elsewhere.
const MULTIPLES: [(&str, &str); 16] = [
    ("k", "e3"),
    ("K", "e3"),
    ("KB", "e3"),
    ("kB", "e3"),
    ("M", "e6"),
    ("MB", "e6"),
    ("G", "e9"),
    ("GB", "e9"),
    ("T", "e12"),
    ("TB", "e12"),
    ("Ki", " * 1024"),
    ("KiB", " * 1024"),
    ("Mi", " * 2 ^ 20"),
    ("MiB", " * 2 ^ 20"),
    ("Gi", " * 2 ^ 30"),
    ("GiB", " * 2 ^ 30"),
];

/// How to write `text`, which begins like a number or a duration and is none.
pub(super) fn number_hint(text: &str, place: Place) -> String {
    let multiple = multiple(text).filter(|_| place != Place::Brackets);
    match (duration(text), multiple) {
        (Some(duration), Some(number)) => format!("write `{duration}` for the duration, `{number}` for the number"),
        (Some(duration), None) => format!("did you mean `{duration}`?"),
        (None, Some(number)) => format!("write `{number}`"),
        (None, None) => {
            "write a number such as `0.5`, `1e6`, `0x1F`, or a duration with the units y, w, d, h, m, s, ms".to_owned()
        }
    }
}

/// `text` as a number, if it is one with a multiple behind it.
fn multiple(text: &str) -> Option<String> {
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic())?);
    let (_, multiple) = MULTIPLES.iter().find(|(written, _)| *written == unit)?;
    number.parse::<f64>().ok()?;
    Some(format!("{number}{multiple}"))
}

/// `text` as a duration, if it is one but for the names and the order of its units and for fractions.
fn duration(text: &str) -> Option<String> {
    const PARTS_MAX: usize = 8;
    let mut millis = 0.0;
    let mut rest = text;
    for _ in 0..PARTS_MAX {
        let (number, tail) = rest.split_at(rest.find(|c: char| c.is_ascii_alphabetic())?);
        let (unit, tail) = tail.split_at(tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len()));
        let unit = UNITS.iter().find(|(written, _)| *written == unit)?.1;
        let length = crate::model::parse_duration(&format!("1{unit}")).ok()?;
        millis += number.parse::<f64>().ok()? * length.as_millis() as f64;
        rest = tail;
        if rest.is_empty() {
            let whole = millis.fract() == 0.0 && millis > 0.0 && millis < 9e15;
            return whole.then(|| format_duration(Duration::from_millis(millis as u64)));
        }
    }
    None
}

/// The fault of `rest` if it begins with something of another language.
pub(super) fn foreign(rest: &str, place: Place) -> Option<Fault> {
    if let Some(behind) = rest.strip_prefix('$') {
        let name = behind.trim_start_matches(|c: char| is_word_char(c) || matches!(c, '{' | ':'));
        let length = rest.len() - name.strip_prefix('}').filter(|_| rest.starts_with("${")).unwrap_or(name).len();
        let message = format!("`{}` is a variable of a dashboard", shorten(&rest[..length]));
        return Some(Fault::whole(length, message, Some("variables are not known here: write the value".to_owned())));
    }
    if rest.starts_with("{{") {
        let length = rest.find("}}").map_or(rest.len(), |end| end + 2);
        let message = "templates are not expanded in expressions";
        return Some(Fault::whole(length, message, Some("write the value".to_owned())));
    }
    if let Some(quote) = rest.chars().next().filter(|c| matches!(c, '“' | '”' | '„' | '‘' | '’')) {
        return Some(curly(rest, quote));
    }
    let (written, meant) = SIGNS.iter().find(|(written, _)| rest.starts_with(written))?;
    if *written == "\u{a0}" {
        let fault = Fault::whole(written.len(), "this is a no-break space", Some("write a plain one".to_owned()));
        return Some(fault);
    }
    let meant = if place == Place::Braces && *meant == "==" { "=" } else { meant };
    let message = format!("`{written}` is no operator");
    let fault = Fault::whole(written.len(), message, Some(format!("write `{meant}`")));
    Some(Fault { meant: TokenKind::Sign(meant), ..fault })
}

/// A text in typographic quotes.
fn curly(rest: &str, quote: char) -> Fault {
    let inner = &rest[quote.len_utf8()..];
    let inner = &inner[..inner.find(['”', '“', '’', '\n']).unwrap_or(inner.len())];
    let behind = &rest[quote.len_utf8() + inner.len()..];
    let closing = behind.chars().next().filter(|c| *c != '\n').map_or(0, char::len_utf8);
    let hint = format!("write `\"{}\"`", shorten(inner));
    let fault = Fault::whole(quote.len_utf8() + inner.len() + closing, "these are no plain quotes", Some(hint));
    Fault { meant: TokenKind::Text(inner.to_owned()), ..fault }
}

/// The fault of a name that cannot stand bare: `word` followed by `behind`.
pub(super) fn foreign_word(word: &str, behind: &str, place: Place) -> Option<Fault> {
    let next = *behind.as_bytes().first()?;
    if !(next == b'.' || next >= 0x80 || (next == b'-' && place == Place::Braces)) {
        return None;
    }
    let in_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.') || (c == '-' && place == Place::Braces);
    let length = behind.len() - behind.trim_start_matches(in_name).len();
    if length == 0 {
        return None;
    }
    Some(unquoted(&format!("{word}{}", &behind[..length]), place))
}

fn unquoted(name: &str, place: Place) -> Fault {
    let shown = shorten(name);
    let hint = if place == Place::Braces {
        format!("quote it: `\"{shown}\"`")
    } else {
        format!("quote it inside braces: `{{\"{shown}\"}}`")
    };
    let fault = Fault::whole(name.len(), format!("the name `{shown}` needs quotes"), Some(hint));
    let meant = if place == Place::Braces { TokenKind::Text(name.to_owned()) } else { TokenKind::Bad };
    Fault { meant, ..fault }
}

/// The fault of a character that begins nothing.
pub(super) fn unexpected(rest: &str) -> Fault {
    let letter = rest.chars().next().unwrap_or_default();
    if letter.is_alphanumeric() {
        let length =
            rest.len() - rest.trim_start_matches(|c: char| c.is_alphanumeric() || matches!(c, '_' | '.')).len();
        return unquoted(&rest[..length], Place::Open);
    }
    let hint = match letter {
        '!' => Some("write `!=` or `!~`, or `unless` for what must not be there".to_owned()),
        ';' => Some("an expression ends without a sign".to_owned()),
        '?' => Some("there is no choice by a condition: write `a and c or b`".to_owned()),
        '.' => Some("a number begins with a digit, such as `0.5`".to_owned()),
        _ => None,
    };
    Fault::whole(letter.len_utf8(), format!("unexpected character `{}`", letter.escape_debug()), hint)
}
