//! The functions over text that rules and notifications share.

use regex::Regex;

use crate::model::free_regex;

use super::arguments::Arguments;
use super::error::TemplateError;
use super::humanize;
use super::limits::{OUTPUT_BYTES_MAX, REGEX_BYTES_MAX};
use super::value::{Bounded, Value};

/// The names of these functions.
pub(super) const NAMES: [&str; 6] = ["humanizeDuration", "match", "reReplaceAll", "safeHtml", "toLower", "toUpper"];

/// Calls the function `name`; `None` if it is none of these.
pub(super) fn call<'d>(name: &str, arguments: &[Value<'d>]) -> Option<Result<Value<'d>, TemplateError>> {
    let given = Arguments(arguments);
    Some(match name {
        "toUpper" => given.texts().map(|[text]| Value::text(text.chars().map(upper).collect::<String>())),
        "toLower" => given.texts().map(|[text]| Value::text(text.chars().map(lower).collect::<String>())),
        "match" => given.texts().and_then(|[pattern, text]| Ok(Value::Bool(compiled(pattern)?.is_match(text)))),
        "reReplaceAll" => given
            .texts()
            .and_then(|[pattern, replacement, text]| replace_all(&compiled(pattern)?, replacement, text))
            .map(Value::text),
        "safeHtml" => given.texts().map(|[text]| Value::SafeHtml(text.clone())),
        "humanizeDuration" => given
            .exactly()
            .and_then(|[value]| Ok(Value::text(humanize::humanize_duration(super::arguments::float(value)?)))),
        _ => return None,
    })
}

/// The one upper-case character of this one, if there is one: Go never turns one character into two.
fn upper(character: char) -> char {
    let mut upper = character.to_uppercase();
    upper.next().filter(|_| upper.next().is_none()).unwrap_or(character)
}

fn lower(character: char) -> char {
    let mut lower = character.to_lowercase();
    lower.next().filter(|_| lower.next().is_none()).unwrap_or(character)
}

fn compiled(pattern: &str) -> Result<Regex, TemplateError> {
    free_regex(pattern, REGEX_BYTES_MAX)
        .map_err(|error| TemplateError::new(format!("error parsing regexp {pattern:?}: {}", last_line(&error))))
}

fn last_line(error: &regex::Error) -> String {
    error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

/// Replaces every match; `$1` and `${name}` in the replacement are groups, as in Go.
fn replace_all(regex: &Regex, replacement: &str, text: &str) -> Result<String, TemplateError> {
    let mut out = String::new();
    let mut end = 0;
    for captures in regex.captures_iter(text) {
        let Some(whole) = captures.get(0) else { continue };
        out.push_str(&text[end..whole.start()]);
        let groups = replacement.matches('$').count();
        if replacement.len().saturating_add(groups.saturating_mul(whole.len())) > OUTPUT_BYTES_MAX {
            return Err(TemplateError::too_large());
        }
        captures.expand(replacement, &mut out);
        end = whole.end();
        if out.len() > OUTPUT_BYTES_MAX {
            return Err(TemplateError::too_large());
        }
    }
    out.push_str(&text[end..]);
    Ok(out)
}

/// The text with the first letter of each word in upper case, as Go's `strings.Title`.
pub(super) fn title_of_rules(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_word = false;
    for character in text.chars() {
        if in_word {
            out.push(character)
        } else {
            out.push(upper(character))
        }
        in_word = match character {
            '_' => true,
            _ if character.is_alphanumeric() => true,
            _ => !character.is_ascii() && !character.is_whitespace(),
        };
    }
    out
}

/// The text with the first letter of each word in upper case and the others in lower case, as Go's `cases.Title`.
pub(super) fn title_of_notifications(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut in_word, mut letter_seen) = (false, false);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character.is_alphabetic() {
            if letter_seen {
                out.push(lower(character))
            } else {
                out.push(upper(character))
            }
            (in_word, letter_seen) = (true, true);
            continue;
        }
        out.push(character);
        let joins =
            matches!(character, '\'' | '.' | ':' | '’') && characters.peek().is_some_and(|next| next.is_alphabetic());
        in_word = character.is_numeric() || (in_word && (joins || character == '_'));
        letter_seen = letter_seen && in_word;
    }
    out
}

/// The strings of `items` with `separator` between them.
pub(super) fn join<'d>(separator: &str, items: &[Value<'d>]) -> Result<Value<'d>, TemplateError> {
    let mut out = Bounded::default();
    for (position, item) in items.iter().enumerate() {
        out.push(if position > 0 { separator } else { "" })?;
        out.push(super::arguments::text(item)?)?;
    }
    Ok(Value::text(out.finish()))
}
