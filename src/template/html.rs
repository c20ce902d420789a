//! Escapes values for the place in the HTML where they are written, as Go's `html/template` does.
//!
//! The literal text of the template is read as it goes out, so that the writer always knows where it stands: in text, in a
//! tag, in an attribute, in a URL, in a script or a style. Values never move that place, so that no value can open a tag or
//! end an attribute.

use super::error::TemplateError;
use super::notification_functions::write_json;
use super::value::{Bounded, Value};

/// What stands in for a value that has no safe form at its place; Go's own marker.
const REFUSED: &str = "ZgotmplZ";

/// The part of a URL that is written next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UrlPart {
    Start,
    Path,
    Query,
}

/// What an attribute's value, or an element's text, is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    Plain,
    Url(UrlPart),
    Style,
    /// The quote of the string literal inside which it stands.
    Script(Option<char>),
}

/// Where the writer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Text,
    /// After `<`, inside the element's name.
    TagName,
    /// Inside a tag, between attributes.
    Tag,
    AttributeName,
    /// After an attribute's `=`.
    BeforeValue,
    /// Inside an attribute's value; no delimiter if it is not quoted.
    AttributeValue(Option<char>, Content),
    Comment,
    /// Inside an element whose text is not markup.
    Raw(&'static str, Content),
}

/// Elements whose text is not markup.
const RAW_ELEMENTS: [(&str, Content); 4] = [
    ("script", Content::Script(None)),
    ("style", Content::Style),
    ("title", Content::Plain),
    ("textarea", Content::Plain),
];

/// Attributes that hold URLs.
const URL_ATTRIBUTES: [&str; 18] = [
    "action",
    "archive",
    "background",
    "cite",
    "classid",
    "codebase",
    "data",
    "formaction",
    "href",
    "icon",
    "longdesc",
    "manifest",
    "poster",
    "profile",
    "src",
    "srcset",
    "usemap",
    "xmlns",
];

/// Writes HTML out of literal text and values.
#[derive(Debug)]
pub(super) struct HtmlWriter {
    out: Bounded,
    place: Place,
    /// The element's name as far as it is written, in lower case; with `/` when it closes.
    element: String,
    attribute: String,
    /// The last characters of raw text or a comment, in lower case: enough to see its end.
    recent: String,
    escaped: bool,
}

impl Default for HtmlWriter {
    fn default() -> Self {
        HtmlWriter {
            out: Bounded::default(),
            place: Place::Text,
            element: String::new(),
            attribute: String::new(),
            recent: String::new(),
            escaped: false,
        }
    }
}

impl HtmlWriter {
    /// What has been written.
    pub(super) fn finish(self) -> String {
        self.out.finish()
    }

    /// Writes text of the template as it is.
    pub(super) fn literal(&mut self, text: &str) -> Result<(), TemplateError> {
        for character in text.chars() {
            self.place = self.advance(character);
        }
        self.out.push(text)
    }

    fn advance(&mut self, character: char) -> Place {
        match self.place {
            Place::Text if character == '<' => {
                self.element.clear();
                Place::TagName
            }
            Place::Text => Place::Text,
            Place::TagName => self.in_tag_name(character),
            Place::Tag => match character {
                '>' => self.tag_closed(),
                '/' => Place::Tag,
                _ if character.is_ascii_whitespace() => Place::Tag,
                _ => {
                    self.attribute = character.to_lowercase().collect();
                    Place::AttributeName
                }
            },
            Place::AttributeName => match character {
                '=' => Place::BeforeValue,
                '>' => self.tag_closed(),
                _ if character.is_ascii_whitespace() || character == '/' => Place::Tag,
                _ => {
                    self.attribute.extend(character.to_lowercase());
                    Place::AttributeName
                }
            },
            Place::BeforeValue => match character {
                '"' | '\'' => Place::AttributeValue(Some(character), self.attribute_content()),
                '>' => self.tag_closed(),
                _ if character.is_ascii_whitespace() => Place::BeforeValue,
                _ => {
                    let content = self.attribute_content();
                    Place::AttributeValue(None, self.after(content, character))
                }
            },
            Place::AttributeValue(delimiter, content) => match (delimiter, character) {
                (Some(delimiter), _) if character == delimiter => Place::Tag,
                (None, '>') => self.tag_closed(),
                (None, _) if character.is_ascii_whitespace() => Place::Tag,
                _ => {
                    let content = self.after(content, character);
                    Place::AttributeValue(delimiter, content)
                }
            },
            Place::Comment => {
                self.remember(character);
                if self.recent.ends_with("-->") { Place::Text } else { Place::Comment }
            }
            Place::Raw(element, content) => {
                self.remember(character);
                if self.recent.strip_suffix(element).is_some_and(|before| before.ends_with("</")) {
                    self.element = format!("/{element}");
                    return Place::Tag;
                }
                Place::Raw(element, self.after(content, character))
            }
        }
    }

    fn in_tag_name(&mut self, character: char) -> Place {
        match character {
            '>' => self.tag_closed(),
            _ if character.is_ascii_whitespace() => {
                if self.element.is_empty() {
                    Place::Text
                } else {
                    Place::Tag
                }
            }
            _ => {
                self.element.extend(character.to_lowercase());
                if self.element == "!--" {
                    self.recent.clear();
                    return Place::Comment;
                }
                Place::TagName
            }
        }
    }

    fn tag_closed(&mut self) -> Place {
        let raw = RAW_ELEMENTS.iter().find(|(name, _)| *name == self.element);
        self.recent.clear();
        raw.map_or(Place::Text, |(name, content)| Place::Raw(name, *content))
    }

    fn remember(&mut self, character: char) {
        self.recent.extend(character.to_lowercase());
        while self.recent.len() > 16 {
            self.recent.remove(0);
        }
    }

    fn attribute_content(&mut self) -> Content {
        self.escaped = false;
        let name = self.attribute.strip_prefix("data-").unwrap_or(&self.attribute);
        let local = name.rsplit_once(':').map_or(name, |(_, local)| local);
        if local.starts_with("on") {
            Content::Script(None)
        } else if local == "style" {
            Content::Style
        } else if local == "srcdoc" {
            Content::Plain
        } else if URL_ATTRIBUTES.contains(&local) || ["src", "uri", "url"].iter().any(|part| local.contains(part)) {
            Content::Url(UrlPart::Start)
        } else {
            Content::Plain
        }
    }

    /// The content after one more literal character.
    fn after(&mut self, content: Content, character: char) -> Content {
        match content {
            Content::Url(UrlPart::Query) => content,
            Content::Url(part) => match character {
                '?' | '#' => Content::Url(UrlPart::Query),
                _ if part == UrlPart::Start && character.is_ascii_whitespace() => content,
                _ => Content::Url(UrlPart::Path),
            },
            Content::Script(quote) => {
                let was_escaped = self.escaped;
                self.escaped = character == '\\' && !was_escaped;
                match (quote, character) {
                    _ if was_escaped => content,
                    (None, '"' | '\'' | '`') => Content::Script(Some(character)),
                    (Some(open), _) if open == character => Content::Script(None),
                    _ => content,
                }
            }
            Content::Plain | Content::Style => content,
        }
    }

    /// Writes a value in the form that is safe at this place.
    pub(super) fn value(&mut self, value: &Value<'_>) -> Result<(), TemplateError> {
        if self.place == Place::BeforeValue {
            self.place = Place::AttributeValue(None, self.attribute_content());
        }
        let text = match value {
            Value::Nil => String::new(),
            other => other.printed()?,
        };
        let written = match self.place {
            Place::Text if matches!(value, Value::SafeHtml(_)) => text,
            Place::Text | Place::Raw(_, Content::Plain) => escape(&text),
            // A value may not choose which element this is.
            Place::TagName if matches!(self.element.as_str(), "" | "/") => REFUSED.to_owned(),
            Place::Tag | Place::TagName | Place::AttributeName => {
                let is_name = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
                let lower = text.to_ascii_lowercase();
                let risky = lower.starts_with("on") || lower == "style" || URL_ATTRIBUTES.contains(&lower.as_str());
                if is_name && !risky { text } else { REFUSED.to_owned() }
            }
            Place::Comment => String::new(),
            Place::Raw(_, content) => contained(content, value, &text)?,
            Place::AttributeValue(delimiter, content) => {
                let inner = contained(content, value, &text)?;
                if let Content::Url(UrlPart::Start) = content {
                    let part = if inner.contains(['?', '#']) { UrlPart::Query } else { UrlPart::Path };
                    let part = if inner.is_empty() { UrlPart::Start } else { part };
                    self.place = Place::AttributeValue(delimiter, Content::Url(part));
                }
                match (delimiter, content, value) {
                    (None, ..) => escape_unquoted(&inner),
                    // Safe HTML has its entities already.
                    (Some(_), Content::Plain, Value::SafeHtml(_)) => escape(&inner).replace("&amp;", "&"),
                    (Some(_), ..) => escape(&inner),
                }
            }
            Place::BeforeValue => escape_unquoted(&text),
        };
        self.out.push(&written)
    }
}

/// The text for its content, before the escaping of the attribute around it.
fn contained(content: Content, value: &Value<'_>, text: &str) -> Result<String, TemplateError> {
    Ok(match content {
        Content::Plain => match value {
            Value::SafeHtml(_) => without_tags(text),
            _ => text.to_owned(),
        },
        Content::Url(UrlPart::Query) if matches!(value, Value::SafeUrl(_)) => normalized_url(text),
        Content::Url(UrlPart::Query) => query_part(text),
        Content::Url(UrlPart::Start) if !matches!(value, Value::SafeUrl(_)) && !is_safe_url(text) => {
            format!("#{REFUSED}")
        }
        Content::Url(_) => normalized_url(text),
        Content::Style => {
            let safe = text.chars().all(|character| character.is_alphanumeric() || " #.,:%-_+!".contains(character));
            let lower = text.to_lowercase();
            let risky = lower.contains("expression") || lower.contains("mozbinding") || lower.contains("--");
            if safe && !risky { text.to_owned() } else { REFUSED.to_owned() }
        }
        Content::Script(Some(_)) => in_script_text(text),
        Content::Script(None) => {
            let mut out = Bounded::default();
            write_json(value, &mut out)?;
            let json = out.finish();
            // A word or a number must not grow together with what stands beside it.
            if json.starts_with(['"', '[', '{']) { json } else { format!(" {json} ") }
        }
    })
}

/// The text inside a string literal of a script.
fn in_script_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '/' => out.push_str("\\/"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '"' | '\'' | '`' | '&' | '+' | '<' | '>' | '$' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            _ if character.is_ascii_control() => out.push_str(&format!("\\u{:04x}", u32::from(character))),
            other => out.push(other),
        }
    }
    out
}

/// The text as a part of a URL's query.
fn query_part(text: &str) -> String {
    let mut digits = 0;
    let lower = |character: char| {
        let is_digit = std::mem::take(&mut digits);
        match character {
            '%' => digits = 2,
            _ if is_digit > 0 => digits = is_digit - 1,
            _ => {}
        }
        if is_digit > 0 { character.to_ascii_lowercase() } else { character }
    };
    gotmpl::url_encode(text).replace('+', "%20").chars().map(lower).collect()
}

/// Whether the URL has no scheme, or one that only shows or writes to somebody.
fn is_safe_url(url: &str) -> bool {
    match url.split_once(':') {
        Some((scheme, _)) if !scheme.contains('/') => {
            ["http", "https", "mailto"].iter().any(|safe| scheme.eq_ignore_ascii_case(safe))
        }
        _ => true,
    }
}

/// Percent-encodes what may not stand in a URL, and leaves its structure.
fn normalized_url(url: &str) -> String {
    let bytes = url.as_bytes();
    let mut out = String::with_capacity(url.len());
    for (at, byte) in bytes.iter().enumerate() {
        let is_escape = *byte == b'%'
            && bytes.get(at + 1).is_some_and(u8::is_ascii_hexdigit)
            && bytes.get(at + 2).is_some_and(u8::is_ascii_hexdigit);
        if byte.is_ascii_alphanumeric() || b"!#$&*+,/:;=?@[]-._~".contains(byte) || is_escape {
            out.push(char::from(*byte));
        } else {
            out.push_str(&format!("%{byte:02x}"));
        }
    }
    out
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '+' => out.push_str("&#43;"),
            '\0' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

/// For a value without quotes around it: nothing may end it.
fn escape_unquoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\0' => out.push_str("&#xfffd;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            _ if character.is_ascii_whitespace() || "\"'+=`".contains(character) => {
                out.push_str(&format!("&#{};", u32::from(character)));
            }
            other => out.push(other),
        }
    }
    if out.is_empty() { REFUSED.to_owned() } else { out }
}

/// The text between the tags of safe HTML.
fn without_tags(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some((before, tag)) = rest.split_once('<') {
        out.push_str(before);
        rest = tag.split_once('>').map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(before: &str, value: &Value<'_>, after: &str) -> String {
        let mut writer = HtmlWriter::default();
        writer.literal(before).unwrap();
        writer.value(value).unwrap();
        writer.literal(after).unwrap();
        writer.finish()
    }

    #[test]
    fn text_by_its_place() {
        for (before, value, expected) in [
            ("<p>", "<b>\"a\" & 'b'</b>", "&lt;b&gt;&#34;a&#34; &amp; &#39;b&#39;&lt;/b&gt;"),
            ("<p title=\"", "a\" onclick=\"b", "a&#34; onclick=&#34;b"),
            ("<p title='", "it's", "it&#39;s"),
            ("<p title=", "a b=c", "a&#32;b&#61;c"),
            ("<a href=\"", "javascript:alert(1)", "#ZgotmplZ"),
            ("<a href=\"", " JaVaScRiPt:alert(1)", "#ZgotmplZ"),
            ("<a href=\"", "http://x/a b?c=d&e=\"", "http://x/a%20b?c=d&amp;e=%22"),
            ("<a href=\"", "/a/b:c", "/a/b:c"),
            ("<a href=\"/s?q=", "a&b=c d", "a%26b%3dc%20d"),
            ("<a href=\"/s/", "javascript:x", "javascript:x"),
            ("<div style=\"color: ", "red", "red"),
            ("<div style=\"color: ", "expression(alert(1))", "ZgotmplZ"),
            ("<style>a { color: ", "red; } b {", "ZgotmplZ"),
            ("<script>var x = ", "</script>", "\"\\u003c/script\\u003e\""),
            ("<script>var x = '", "';alert(1)//", "\\u0027;alert(1)\\/\\/"),
            ("<a onclick=\"f(", "x", "&#34;x&#34;"),
            ("<title>", "<b>", "&lt;b&gt;"),
            ("<!-- ", "-->", ""),
            ("<", "script", "ZgotmplZ"),
            ("<h", "1", "1"),
            ("<div ", "onclick", "ZgotmplZ"),
            ("<p>a < b ", "<", "&lt;"),
        ] {
            assert_eq!(written(before, &Value::text(value), ""), format!("{before}{expected}"), "{before}{value}");
        }
    }

    #[test]
    fn safe_text_opts_out() {
        for (before, value, expected) in [
            ("<p>", Value::SafeHtml("<b>x</b>".into()), "<b>x</b>"),
            ("<p title=\"", Value::SafeHtml("<b>x</b>".into()), "x"),
            ("<a href=\"", Value::SafeUrl("slack://x".into()), "slack://x"),
            ("<a href=\"", Value::SafeHtml("slack://x".into()), "#ZgotmplZ"),
            ("<p>", Value::SafeUrl("<b>".into()), "&lt;b&gt;"),
        ] {
            assert_eq!(written(before, &value, ""), format!("{before}{expected}"));
        }
    }

    #[test]
    fn the_place_after_raw_text_is_text() {
        let value = Value::text("<i>");
        for before in ["<style>a{}</style>", "<script>'</p>'</script>", "<!-- <a href=\" -->", "<br/>", "<a href='x'>"]
        {
            assert_eq!(written(before, &value, ""), format!("{before}&lt;i&gt;"));
        }
    }

    proptest::proptest! {
        #[test]
        fn a_value_never_opens_a_tag_or_ends_an_attribute(value in ".*", tag in 0usize..6) {
            let before = ["<p>", "<p title=\"", "<a href=\"", "<a href=\"?q=", "<p style=\"", "<p onclick=\""][tag];
            let text = written(before, &Value::text(&value), "");
            let inner = &text[before.len()..];
            proptest::prop_assert!(!inner.contains(['<', '>', '"']), "{}", inner);
        }
    }
}
