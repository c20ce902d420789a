//! Quoted texts and their escapes.

use super::{Fault, TokenKind};
use crate::lang::Span;

/// The quoted text at the start of `rest`, and its length.
pub(super) fn quoted(rest: &str) -> Result<(TokenKind, usize), Fault> {
    let quote = rest.chars().next().unwrap_or_default();
    let unterminated =
        |length: usize| Fault::whole(length, "this string is never closed", Some(format!("add a closing {quote}")));
    if quote == '`' {
        let end = rest[1..].find('`').ok_or_else(|| unterminated(rest.len()))?;
        return Ok((TokenKind::Text(rest[1..=end].to_owned()), end + 2));
    }
    let bytes = rest.as_bytes();
    let mut end = 1;
    loop {
        let next = memchr::memchr3(bytes[0], b'\\', b'\n', bytes.get(end..).unwrap_or_default());
        end = next.map(|length| end + length).ok_or_else(|| unterminated(rest.len()))?;
        match bytes[end] {
            b'\n' => return Err(unterminated(end)),
            b'\\' if bytes.get(end + 1) == Some(&b'\n') => return Err(unterminated(end + 1)),
            b'\\' => end += 2,
            _ => break,
        }
    }
    match unescape(&rest[1..end], quote) {
        Ok(text) => Ok((TokenKind::Text(text), end + 1)),
        Err((span, message)) => {
            let hint =
                (!message.contains("code point")).then(|| "write `\\\\` for a backslash, or use backquotes".to_owned());
            let fault = Fault::whole(end + 1, message, hint);
            Err(Fault { span: span.start + 1..span.end + 1, meant: TokenKind::Text(rest[1..end].to_owned()), ..fault })
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
