//! Rendering the texts of an integration, with the field's name in every error.

use serde_json::Value;
use tracing::warn;

use crate::model::{ALERT_NAME, AlertStatus};
use crate::template::{NotificationData, NotificationTemplates, TemplateError};

/// What keeps an integration from being rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A template fails.
    #[error("{field}: {error}")]
    Template {
        /// The configuration's field.
        field: &'static str,
        /// What fails.
        error: TemplateError,
    },
    /// A template that holds a secret fails; it does not show.
    #[error("{field}: its template cannot be rendered")]
    SecretTemplate {
        /// The configuration's field.
        field: &'static str,
    },
    /// A text is no list of mail addresses, or has too many of them.
    #[error("{field}: `{text}` is not a list of 1 to {limit} mail addresses", limit = super::mail::RECIPIENTS_MAX)]
    Address {
        /// The configuration's field.
        field: &'static str,
        /// The text.
        text: String,
    },
    /// A mail's header cannot be written.
    #[error("`{name}` is not the name of a mail's header")]
    Header {
        /// The header's name.
        name: String,
    },
    /// The mail cannot be put together.
    #[error("mail: {0}")]
    Mail(String),
}

/// How many names of alerts stand in for a template that fails.
const NAMES_IN_PLACE_MAX: usize = 10;

/// The template that stands for a text that comes out empty.
const SUBJECT: &str = r#"{{ template "__subject" . }}"#;

/// The template of the colour.
const COLOR: &str = r#"{{ template "__color" . }}"#;

/// The templates together with what they see.
pub(super) struct Texts<'a> {
    templates: &'a NotificationTemplates,
    data: NotificationData,
}

impl<'a> Texts<'a> {
    pub(super) fn new(templates: &'a NotificationTemplates, data: NotificationData) -> Self {
        Texts { templates, data }
    }

    pub(super) fn data(&self) -> &NotificationData {
        &self.data
    }

    /// The template `text` of `field`, rendered. One that fails must not cost the page: what it fails with takes its
    /// place, after the alerts' names.
    pub(super) fn text(&self, field: &'static str, text: &str) -> String {
        self.exact(field, text).unwrap_or_else(|error| self.in_place_of(&error))
    }

    /// As [`Texts::text`]; the subject takes the place of nothing, since services refuse messages that are empty.
    pub(super) fn filled(&self, field: &'static str, text: &str) -> String {
        let text = self.text(field, text);
        if text.trim().is_empty() { self.text(field, SUBJECT) } else { text }
    }

    /// As [`Texts::text`], with what the template puts in escaped for HTML.
    pub(super) fn html(&self, field: &'static str, text: &str) -> String {
        let html = self.templates.html(text, &self.data).map_err(|error| RenderError::Template { field, error });
        html.unwrap_or_else(|error| format!("<p>{}</p>", escape_html(&self.in_place_of(&error))))
    }

    /// The template `text` of `field`, rendered, for fields that say where it goes: nothing can take their place.
    pub(super) fn exact(&self, field: &'static str, text: &str) -> Result<String, RenderError> {
        if !text.contains("{{") {
            return Ok(text.to_owned());
        }
        self.templates.text(text, &self.data).map_err(|error| RenderError::Template { field, error })
    }

    /// `tree` with the templates in its keys and texts rendered; `retype` says what becomes of a text.
    pub(super) fn tree(&self, field: &'static str, tree: &Value, retype: fn(String) -> Value) -> Value {
        match tree {
            Value::String(text) => retype(self.text(field, text)),
            Value::Array(items) => items.iter().map(|item| self.tree(field, item, retype)).collect(),
            Value::Object(entries) => {
                let render = |(key, value): (&String, &Value)| (self.text(field, key), self.tree(field, value, retype));
                entries.iter().map(render).collect()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => tree.clone(),
        }
    }

    /// As [`Texts::exact`] for a secret: errors do not quote it.
    pub(super) fn secret(&self, field: &'static str, text: &str) -> Result<String, RenderError> {
        self.exact(field, text).map_err(|_| RenderError::SecretTemplate { field })
    }

    /// The colour that goes with it, `0xrrggbb`: what `__color` yields, else red or green by the status.
    pub(super) fn color(&self) -> u32 {
        let rendered = self.exact("color", COLOR).ok();
        let digits = rendered.as_deref().and_then(|text| text.trim().strip_prefix('#')).filter(|hex| hex.len() == 6);
        digits.and_then(|hex| u32::from_str_radix(hex, 16).ok()).unwrap_or(match self.data.status {
            AlertStatus::Firing => 0xb3_26_1e,
            AlertStatus::Resolved => 0x1b_6e_3c,
        })
    }

    fn in_place_of(&self, error: &RenderError) -> String {
        warn!(%error, receiver = self.data.receiver, "a template fails; the notification goes out without it");
        let mut names: Vec<&str> = self.data.alerts.iter().map(|alert| alert.labels.get(ALERT_NAME)).collect();
        names.sort_unstable();
        names.dedup();
        names.truncate(NAMES_IN_PLACE_MAX);
        let status = self.data.status.as_str().to_uppercase();
        format!("[{status}:{}] {} <error expanding template: {error}>", self.data.alerts.len(), names.join(", "))
    }
}

/// `text` as it stands between the tags of HTML.
pub(super) fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// At most `limit` characters of `text`; an ellipsis takes the place of what is cut.
pub(super) fn cut(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some(_) if limit == 0 => String::new(),
        Some(_) => text.chars().take(limit - 1).chain(['…']).collect(),
    }
}

/// At most `limit` bytes of `text`, no character in parts; an ellipsis takes the place of what is cut.
pub(super) fn cut_bytes(text: &str, limit: usize) -> String {
    const ELLIPSIS: char = '…';
    if text.len() <= limit {
        return text.to_owned();
    }
    let Some(room) = limit.checked_sub(ELLIPSIS.len_utf8()) else { return String::new() };
    let mut cut = text[..text.floor_char_boundary(room)].to_owned();
    cut.push(ELLIPSIS);
    cut
}

/// `payload` as JSON for people.
pub(super) fn pretty(payload: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(payload).unwrap_or_else(|error| error.to_string())
}

/// `text` on one line: control characters and line breaks become spaces, runs of white space one.
pub(super) fn one_line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_by_characters() {
        for (text, limit, expected) in
            [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("äöüß", 3, "äö…"), ("ab", 1, "…"), ("ab", 0, ""), ("", 0, "")]
        {
            assert_eq!(cut(text, limit), expected, "{text} {limit}");
        }
    }

    #[test]
    fn cuts_by_bytes() {
        for (text, limit, expected) in
            [("abc", 3, "abc"), ("abcd", 3, "…"), ("äöü", 5, "ä…"), ("äöü", 4, "…"), ("abc", 2, ""), ("", 0, "")]
        {
            assert_eq!(cut_bytes(text, limit), expected, "{text} {limit}");
        }
    }

    #[test]
    fn keeps_to_one_line() {
        for (text, expected) in [("a\r\nb", "a b"), ("\u{1b}[31mred\u{7}", "[31mred"), ("  a \t b  ", "a b")] {
            assert_eq!(one_line(text), expected);
        }
    }
}
