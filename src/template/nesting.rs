//! A look at a template's blocks before it is parsed: the parser recurses at every block, parenthesis and `else if`, stops
//! silently at a stray `{{end}}`, and takes the end of the text for a missing one.

use super::error::TemplateError;
use super::limits::NESTING_MAX;

/// An open block: where it began, and how many levels it and its `else if`s take.
struct Block {
    offset: usize,
    levels: usize,
}

/// Checks that blocks are balanced and nowhere nested deeper than [`NESTING_MAX`].
///
/// # Errors
///
/// The first block that is not, with its place. Anything else that is wrong is left to the parser.
pub(super) fn check(text: &str) -> Result<(), TemplateError> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut levels = 0;
    let mut at = 0;
    while let Some(found) = text[at..].find("{{") {
        let start = after_trim_marker(text, at + found + 2);
        if text[start..].starts_with("/*") {
            let Some(length) = text[start..].find("*/") else { return Ok(()) };
            at = start + length + 2;
            continue;
        }
        let keyword_at = start + blank_length(&text[start..]);
        let (keyword, rest) = word(&text[keyword_at..]);
        match keyword {
            "if" | "with" | "range" | "define" | "block" => {
                blocks.push(Block { offset: keyword_at, levels: 1 });
                levels += 1;
            }
            "else" => {
                let Some(block) = blocks.last_mut() else { return Err(stray(keyword, keyword_at)) };
                if matches!(word(rest.trim_start()).0, "if" | "with") {
                    block.levels += 1;
                    levels += 1;
                }
            }
            "end" => match blocks.pop() {
                Some(block) => levels -= block.levels,
                None => return Err(stray(keyword, keyword_at)),
            },
            _ => {}
        }
        let Some((end, parentheses)) = action_end(text, keyword_at) else { return Ok(()) };
        if levels + parentheses > NESTING_MAX {
            let message = format!("blocks, `else if`s and parentheses nested deeper than {NESTING_MAX}");
            return Err(TemplateError::new(message).at(keyword_at));
        }
        at = end;
    }
    match blocks.last() {
        None => Ok(()),
        Some(block) => Err(TemplateError::new("unexpected end of the template: this block is not closed")
            .at(block.offset)
            .hint("every `if`, `range`, `with`, `define` and `block` needs its `{{ end }}`")),
    }
}

fn stray(keyword: &str, at: usize) -> TemplateError {
    TemplateError::new(format!("unexpected `{{{{ {keyword} }}}}`: no block is open here"))
        .at(at)
        .hint("remove it, or add the `if`, `range` or `with` that it belongs to")
}

fn blank_length(text: &str) -> usize {
    text.len() - text.trim_start_matches([' ', '\t', '\r', '\n']).len()
}

/// The offset behind `- ` at `at`, with the blanks that follow it.
fn after_trim_marker(text: &str, at: usize) -> usize {
    match text[at..].strip_prefix('-') {
        Some(rest) if blank_length(rest) > 0 => at + 1 + blank_length(rest),
        _ => at,
    }
}

/// The word at the start of `text`, and what follows it.
fn word(text: &str) -> (&str, &str) {
    let length = text.find(|character: char| character != '_' && !character.is_alphanumeric()).unwrap_or(text.len());
    text.split_at(length)
}

/// Where the action ends, behind its `}}`, and how deeply its parentheses nest.
fn action_end(text: &str, from: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let (mut at, mut open, mut deepest) = (from, 0usize, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'}' if bytes.get(at + 1) == Some(&b'}') => return Some((at + 2, deepest)),
            b'(' => {
                open += 1;
                deepest = deepest.max(open);
            }
            b')' => open = open.saturating_sub(1),
            b'`' => at += 1 + bytes[at + 1..].iter().position(|byte| *byte == b'`')?,
            quote @ (b'"' | b'\'') => {
                at += 1;
                while *bytes.get(at)? != quote {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}
