//! Go's `fmt.Sprintf`, with its ways of marking what does not fit.

use super::error::TemplateError;
use super::limits::{OUTPUT_BYTES_MAX, PRINTF_WIDTH_MAX};
use super::value::Value;
use crate::model::{FloatForm, format_exponent, format_general};

/// The flags, width and precision of one verb.
#[derive(Clone, Copy, Debug, Default)]
struct Spec {
    plus: bool,
    minus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
    /// What to print for a `*` whose argument is no number.
    complaint: &'static str,
}

/// `printf format arguments...`
///
/// # Errors
///
/// The format is no string, or the output is too long.
pub(super) fn printf(values: &[Value<'_>]) -> Result<String, TemplateError> {
    let Some((format, arguments)) = values.split_first() else {
        return Err(TemplateError::new("wrong number of args: want at least 1 got 0"));
    };
    let mut printer =
        Printer { format: super::arguments::text(format)?, arguments, next: 0, reordered: false, out: String::new() };
    printer.run()?;
    Ok(printer.out)
}

struct Printer<'a, 'd> {
    format: &'a str,
    arguments: &'a [Value<'d>],
    next: usize,
    reordered: bool,
    out: String,
}

impl<'a, 'd> Printer<'a, 'd> {
    fn run(&mut self) -> Result<(), TemplateError> {
        while let Some(at) = self.format.find('%') {
            self.out.push_str(&self.format[..at]);
            self.format = &self.format[at + 1..];
            let spec = self.spec();
            self.out.push_str(spec.complaint);
            let Some(verb) = self.take_char() else {
                self.out.push_str("%!(NOVERB)");
                break;
            };
            match (verb, self.arguments.get(self.next)) {
                ('%', _) => self.out.push('%'),
                (_, Some(value)) => {
                    self.next += 1;
                    let text = formatted(value, verb, &spec)?;
                    self.out.push_str(&text);
                }
                (_, None) => self.out.push_str(&format!("%!{verb}(MISSING)")),
            }
            if self.out.len() > OUTPUT_BYTES_MAX {
                return Err(TemplateError::too_large());
            }
        }
        self.out.push_str(self.format);
        if !self.reordered && self.next < self.arguments.len() {
            let mut extra = Vec::new();
            for value in &self.arguments[self.next..] {
                extra.push(match value {
                    Value::Nil => "<nil>".to_owned(),
                    _ => format!("{}={}", value.type_name(), value.printed()?),
                });
            }
            self.out.push_str(&format!("%!(EXTRA {})", extra.join(", ")));
        }
        Ok(())
    }

    fn take_char(&mut self) -> Option<char> {
        let next = self.format.chars().next()?;
        self.format = &self.format[next.len_utf8()..];
        Some(next)
    }

    fn spec(&mut self) -> Spec {
        let mut spec = Spec::default();
        loop {
            match self.format.as_bytes().first() {
                Some(b'+') => spec.plus = true,
                Some(b'-') => spec.minus = true,
                Some(b'#') => spec.sharp = true,
                Some(b' ') => spec.space = true,
                Some(b'0') => spec.zero = true,
                _ => break,
            }
            self.format = &self.format[1..];
        }
        self.argument_index();
        let takes_width = self.format.starts_with('*');
        spec.width = self.number(&mut spec.minus);
        if takes_width && spec.width.is_none() {
            spec.complaint = "%!(BADWIDTH)";
        }
        if let Some(rest) = self.format.strip_prefix('.') {
            self.format = rest;
            self.argument_index();
            let mut negative = false;
            let takes_precision = self.format.starts_with('*');
            let precision = self.number(&mut negative);
            if takes_precision && (precision.is_none() || negative) {
                spec.complaint = "%!(BADPREC)";
            } else {
                spec.precision = Some(precision.unwrap_or(0));
            }
        }
        self.argument_index();
        if spec.minus {
            spec.zero = false;
        }
        spec
    }

    /// `[n]`: the argument that comes next, counted from one.
    fn argument_index(&mut self) {
        let Some(rest) = self.format.strip_prefix('[') else { return };
        let Some((digits, rest)) = rest.split_once(']') else { return };
        let Some(index) = digits.parse::<usize>().ok().and_then(|number| number.checked_sub(1)) else { return };
        self.reordered = true;
        self.next = index;
        self.format = rest;
    }

    /// A width or precision: digits, or `*` for an argument.
    fn number(&mut self, negative: &mut bool) -> Option<usize> {
        if let Some(rest) = self.format.strip_prefix('*') {
            self.format = rest;
            let value = self.arguments.get(self.next).and_then(|value| super::arguments::integer(value).ok());
            self.next += 1;
            let number = value?;
            *negative |= number < 0;
            return Some(usize::try_from(number.unsigned_abs()).unwrap_or(usize::MAX).min(PRINTF_WIDTH_MAX));
        }
        let digits = self.format.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = self.format.split_at(digits);
        self.format = rest;
        (digits > 0).then(|| number.parse().unwrap_or(usize::MAX).min(PRINTF_WIDTH_MAX))
    }
}

/// One value under one verb.
fn formatted(value: &Value<'_>, verb: char, spec: &Spec) -> Result<String, TemplateError> {
    if verb == 'T' {
        let name = if let Value::Nil = value { "<nil>" } else { value.type_name() };
        return Ok(padded(name, spec));
    }
    match value {
        Value::Text(text) | Value::SafeHtml(text) | Value::SafeUrl(text) if verb == 'v' && spec.sharp => {
            Ok(text_verb(text, 'q', &Spec { sharp: false, ..*spec }).unwrap_or_default())
        }
        Value::Nil if verb == 'v' => Ok(padded("<nil>", spec)),
        Value::Nil => Ok(format!("%!{verb}(<nil>)")),
        Value::Duration(_) | Value::Named(..) | Value::Time(_) if matches!(verb, 'v' | 's' | 'q' | 'x' | 'X') => {
            Ok(text_verb(&value.printed()?, verb, spec).unwrap_or_default())
        }
        Value::Bool(flag) => match verb {
            't' | 'v' => Ok(padded(if *flag { "true" } else { "false" }, spec)),
            _ => bad_verb(value, verb),
        },
        Value::Int(number) | Value::Duration(number) | Value::Named(number, _) => {
            match integer_verb(i128::from(*number), verb, spec) {
                Some(text) => Ok(text),
                None => bad_verb(value, verb),
            }
        }
        Value::Uint(number) => match integer_verb(i128::from(*number), verb, spec) {
            Some(text) => Ok(text),
            None => bad_verb(value, verb),
        },
        Value::Float(number) => match float_verb(*number, verb, spec) {
            Some(text) => Ok(text),
            None => bad_verb(value, verb),
        },
        Value::Text(text) | Value::SafeHtml(text) | Value::SafeUrl(text) => match text_verb(text, verb, spec) {
            Some(text) => Ok(text),
            None => bad_verb(value, verb),
        },
        Value::List(list) => {
            let mut parts = Vec::with_capacity(list.items.len());
            let mut length = 0;
            for item in &list.items {
                let part = formatted(item, verb, spec)?;
                length += part.len();
                if length > OUTPUT_BYTES_MAX {
                    return Err(TemplateError::too_large());
                }
                parts.push(part);
            }
            Ok(format!("[{}]", parts.join(" ")))
        }
        _ if matches!(verb, 'v' | 's') => value.printed(),
        _ => bad_verb(value, verb),
    }
}

fn bad_verb(value: &Value<'_>, verb: char) -> Result<String, TemplateError> {
    Ok(format!("%!{verb}({}={})", value.type_name(), value.printed()?))
}

fn padded(text: &str, spec: &Spec) -> String {
    let missing = spec.width.unwrap_or(0).saturating_sub(text.chars().count());
    if spec.minus { format!("{text}{}", " ".repeat(missing)) } else { format!("{}{text}", " ".repeat(missing)) }
}

/// Pads a number: zeros go between the sign and the digits.
fn padded_number(sign: &str, digits: &str, spec: &Spec, zeros: bool) -> String {
    let missing = spec.width.unwrap_or(0).saturating_sub(sign.len() + digits.len());
    if zeros && !spec.minus {
        format!("{sign}{}{digits}", "0".repeat(missing))
    } else {
        padded(&format!("{sign}{digits}"), spec)
    }
}

fn sign_of(negative: bool, spec: &Spec) -> &'static str {
    match negative {
        true => "-",
        false if spec.plus => "+",
        false if spec.space => " ",
        false => "",
    }
}

fn integer_verb(number: i128, verb: char, spec: &Spec) -> Option<String> {
    let magnitude = number.unsigned_abs();
    let (prefix, digits) = match verb {
        'd' | 'v' => ("", magnitude.to_string()),
        'x' => (if spec.sharp { "0x" } else { "" }, format!("{magnitude:x}")),
        'X' => (if spec.sharp { "0X" } else { "" }, format!("{magnitude:X}")),
        'o' => (if spec.sharp { "0" } else { "" }, format!("{magnitude:o}")),
        'O' => ("0o", format!("{magnitude:o}")),
        'b' => (if spec.sharp { "0b" } else { "" }, format!("{magnitude:b}")),
        'c' | 'q' => {
            let character = u32::try_from(number).ok().and_then(char::from_u32).unwrap_or('\u{fffd}');
            let text = if verb == 'q' { format!("{character:?}") } else { character.to_string() };
            return Some(padded(&text, spec));
        }
        'U' => return Some(padded(&format!("U+{magnitude:04X}"), spec)),
        _ => return None,
    };
    let least = spec.precision.unwrap_or(0);
    let digits = format!("{}{digits}", "0".repeat(least.saturating_sub(digits.len())));
    let sign = format!("{}{prefix}", sign_of(number < 0, spec));
    Some(padded_number(&sign, &digits, spec, spec.zero && spec.precision.is_none()))
}

fn float_verb(number: f64, verb: char, spec: &Spec) -> Option<String> {
    let magnitude = number.abs();
    let negative = number.is_sign_negative() && !number.is_nan();
    let digits = match verb {
        _ if !"eEfFgGv".contains(verb) => return None,
        _ if number.is_nan() => "NaN".to_owned(),
        _ if number.is_infinite() => "Inf".to_owned(),
        'e' | 'E' => format_exponent(magnitude, spec.precision.unwrap_or(6)),
        'f' | 'F' => format!("{magnitude:.*}", spec.precision.unwrap_or(6)),
        _ => match spec.precision {
            Some(precision) => format_general(magnitude, precision),
            None => FloatForm::General.text(magnitude),
        },
    };
    let digits = if matches!(verb, 'E' | 'G') && number.is_finite() { digits.to_uppercase() } else { digits };
    // Go writes a sign before an infinity under every verb.
    let sign = if number.is_infinite() && !negative { "+" } else { sign_of(negative, spec) };
    Some(padded_number(sign, &digits, spec, spec.zero && number.is_finite()))
}

fn text_verb(text: &str, verb: char, spec: &Spec) -> Option<String> {
    let cut: String = match spec.precision {
        Some(precision) => text.chars().take(precision).collect(),
        None => text.to_owned(),
    };
    match verb {
        's' | 'v' => Some(padded(&cut, spec)),
        'q' => Some(padded(&quoted(&cut), spec)),
        'x' => Some(padded(&cut.bytes().map(|byte| format!("{byte:02x}")).collect::<String>(), spec)),
        'X' => Some(padded(&cut.bytes().map(|byte| format!("{byte:02X}")).collect::<String>(), spec)),
        _ => None,
    }
}

/// The text in double quotes with Go's escapes.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            other if other.is_ascii_control() => out.push_str(&format!("\\x{:02x}", u32::from(other))),
            other if other.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(other))),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}
