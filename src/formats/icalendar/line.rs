//! The lines of a calendar: unfolded, and taken apart into name, parameters and value.

use super::{CalendarError, cut};

/// A line, which may have been several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ContentLine {
    /// Where it begins, from 1.
    pub(super) number: usize,
    /// Its name, in capitals.
    pub(super) name: String,
    /// Names in capitals, and values without their quotes.
    pub(super) parameters: Vec<(String, String)>,
    /// What it says, as it is written.
    pub(super) value: String,
}

/// The greatest number of parameters of a line.
const PARAMETERS_MAX: usize = 32;

impl ContentLine {
    /// The first value of a parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// What it says, unescaped.
    pub(super) fn text(&self) -> String {
        let mut text = String::with_capacity(self.value.len());
        let mut characters = self.value.chars();
        while let Some(c) = characters.next() {
            match c {
                '\\' => match characters.next() {
                    Some('n' | 'N') => text.push('\n'),
                    Some(escaped) => text.push(escaped),
                    None => {}
                },
                c => text.push(c),
            }
        }
        text.trim().to_owned()
    }

    fn read(number: usize, text: &str) -> Result<ContentLine, CalendarError> {
        let error = |message: &str| CalendarError::new(number, format!("`{}` {message}", cut(text)));
        let name_end = text.find([':', ';']).ok_or_else(|| error("is no line of a calendar: it has no `:`"))?;
        let name = &text[..name_end];
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.') {
            return Err(error("is no line of a calendar: it does not begin with a name"));
        }
        let mut parameters = Vec::new();
        let mut rest = &text[name_end..];
        while let Some(parameter) = rest.strip_prefix(';') {
            if parameters.len() >= PARAMETERS_MAX {
                return Err(error("has too many parameters"));
            }
            let end = unquoted(parameter, [':', ';']).ok_or_else(|| error("has no value"))?;
            let (name, value) = parameter[..end].split_once('=').ok_or_else(|| error("has a parameter without `=`"))?;
            parameters.push((name.to_ascii_uppercase(), value.trim_matches('"').to_owned()));
            rest = &parameter[end..];
        }
        let value = rest.strip_prefix(':').unwrap_or(rest).to_owned();
        // A group before the name, as in `item1.SUMMARY`, says nothing.
        let name = name.rsplit('.').next().unwrap_or(name).to_ascii_uppercase();
        Ok(ContentLine { number, name, parameters, value })
    }
}

/// Where the first of `wanted` stands that is not inside quotes.
fn unquoted(text: &str, wanted: [char; 2]) -> Option<usize> {
    let mut is_quoted = false;
    text.char_indices().find_map(|(index, c)| {
        is_quoted ^= c == '"';
        (!is_quoted && wanted.contains(&c)).then_some(index)
    })
}

/// The lines of `text`; those that begin with a blank go on where the line before ended.
pub(super) fn content_lines(text: &str) -> impl Iterator<Item = Result<ContentLine, CalendarError>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.split('\n').enumerate().peekable();
    std::iter::from_fn(move || {
        let (index, first) = lines.find(|(_, line)| !line.trim().is_empty())?;
        let mut whole = first.trim_end_matches('\r').to_owned();
        while let Some((_, more)) = lines.next_if(|(_, line)| line.starts_with([' ', '\t'])) {
            whole.push_str(more[1..].trim_end_matches('\r'));
        }
        Some(ContentLine::read(index + 1, &whole))
    })
}
