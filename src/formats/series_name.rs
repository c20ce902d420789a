use super::error::excerpt;
use super::{FormatError, LABELS_PER_SERIES_MAX};
use crate::model::{Labels, LabelsBuilder, METRIC_NAME};

/// Reads a series as PromQL writes it, with equalities only: `up`, `up{job="api"}`, `{"my.metric", 'l.abel'="x"}`.
///
/// Texts stand in `"` or `'` with Go's escapes, or in backquotes without any. No label at all (`{}`) is allowed.
///
/// # Errors
///
/// Text that is no series, or that goes on after one.
pub fn parse_series(text: &str) -> Result<Labels, FormatError> {
    let (labels, length) = parse_series_prefix(text)?;
    let rest = text[length..].trim_start();
    if rest.is_empty() {
        return Ok(labels);
    }
    let message = format!("`{}` after the series", excerpt(rest));
    Err(FormatError::in_text(text.as_bytes(), text.len() - rest.len(), message))
}

/// Reads the series that `text` begins with; yields it with its length in bytes.
pub(crate) fn parse_series_prefix(text: &str) -> Result<(Labels, usize), FormatError> {
    let mut cursor = Cursor { text, at: 0 };
    cursor.skip_space();
    let mut builder = LabelsBuilder::default();
    let start = cursor.at;
    let metric = cursor.identifier(true);
    if !metric.is_empty() {
        builder.set(METRIC_NAME, metric);
    }
    let mut end = cursor.at;
    cursor.skip_space();
    // Two braces begin a native histogram.
    if !cursor.rest().starts_with("{{") && cursor.eat('{') {
        cursor.label_set(&mut builder)?;
        end = cursor.at;
    }
    if end == start {
        return Err(cursor.error("expected a series").hint("write it as `up{job=\"api\"}`"));
    }
    Ok((builder.finish(), end))
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn error(&self, message: impl Into<String>) -> FormatError {
        FormatError::in_text(self.text.as_bytes(), self.at, message)
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
    }

    fn eat(&mut self, character: char) -> bool {
        let found = self.rest().starts_with(character);
        self.at += if found { character.len_utf8() } else { 0 };
        found
    }

    /// Passes a name of the classic alphabet; empty if there is none.
    fn identifier(&mut self, colons: bool) -> &'a str {
        let rest = self.rest();
        let fits = |(index, byte): (usize, u8)| {
            byte.is_ascii_alphabetic()
                || byte == b'_'
                || (colons && byte == b':')
                || (index > 0 && byte.is_ascii_digit())
        };
        let length = rest.bytes().enumerate().take_while(|item| fits(*item)).count();
        self.at += length;
        &rest[..length]
    }

    /// Reads labels until the closing brace, the opening one being passed.
    fn label_set(&mut self, builder: &mut LabelsBuilder) -> Result<(), FormatError> {
        for _ in 0..=LABELS_PER_SERIES_MAX {
            self.skip_space();
            if self.eat('}') {
                return Ok(());
            }
            let start = self.at;
            let quoted = self.rest().starts_with(['"', '\'', '`']);
            let name = if quoted { self.quoted()? } else { self.identifier(false).to_owned() };
            if name.is_empty() {
                return Err(self.error("expected a label name or `}`"));
            }
            self.skip_space();
            let alone = quoted && self.rest().starts_with([',', '}']);
            let (name, value) = if alone { (METRIC_NAME.to_owned(), name) } else { (name, self.label_value()?) };
            if !builder.insert_new(&name, &value) {
                let message = match name == METRIC_NAME {
                    true => "a second metric name".to_owned(),
                    false => format!("label `{}` is given twice", excerpt(&name)),
                };
                return Err(FormatError::in_text(self.text.as_bytes(), start, message));
            }
            self.skip_space();
            if !self.eat(',') && !self.rest().starts_with('}') {
                return Err(self.error("expected `,` or `}`"));
            }
        }
        Err(self.error(format!("more than {LABELS_PER_SERIES_MAX} labels")))
    }

    /// Reads `="value"`.
    fn label_value(&mut self) -> Result<String, FormatError> {
        let rest = self.rest();
        if rest.starts_with("!=") || rest.starts_with("=~") || rest.starts_with("!~") {
            return Err(self.error("a series has labels, not matchers").hint("write `label=\"value\"`"));
        }
        if !self.eat('=') {
            return Err(self.error("expected `=` after the label's name"));
        }
        self.skip_space();
        if !self.rest().starts_with(['"', '\'', '`']) {
            return Err(self.error("expected a label value in quotes"));
        }
        self.quoted()
    }

    /// Reads a quoted text, whose opening quote is here.
    fn quoted(&mut self) -> Result<String, FormatError> {
        let opening = self.at;
        let quote = self.text.as_bytes()[opening];
        let bytes = self.text.as_bytes();
        let mut plain: Vec<u8> = Vec::new();
        self.at += 1;
        while let Some(&byte) = bytes.get(self.at) {
            self.at += 1;
            match byte {
                _ if byte == quote => {
                    return String::from_utf8(plain).map_err(|_| {
                        FormatError::in_text(bytes, opening, "the escapes of this text are not UTF-8 together")
                    });
                }
                b'\n' if quote != b'`' => break,
                b'\\' if quote != b'`' => self.escape(&mut plain)?,
                _ => plain.push(byte),
            }
        }
        Err(FormatError::in_text(bytes, opening, "a quote that is not closed"))
    }

    /// Reads what follows a backslash, as Go's string literals have it.
    fn escape(&mut self, plain: &mut Vec<u8>) -> Result<(), FormatError> {
        let bad = |cursor: &Cursor<'_>| cursor.error("not an escape").hint("write a backslash as `\\\\`");
        let Some(&byte) = self.text.as_bytes().get(self.at) else { return Err(bad(self)) };
        let (digits, radix, skip) = match byte {
            b'x' => (2, 16, 1),
            b'u' => (4, 16, 1),
            b'U' => (8, 16, 1),
            b'0'..=b'7' => (3, 8, 0),
            _ => {
                plain.push(match byte {
                    b'a' => 7,
                    b'b' => 8,
                    b'f' => 12,
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'v' => 11,
                    b'\\' | b'"' | b'\'' => byte,
                    _ => return Err(bad(self)),
                });
                self.at += 1;
                return Ok(());
            }
        };
        let start = self.at + skip;
        let code = self.text.get(start..start + digits).filter(|code| code.bytes().all(|b| b.is_ascii_hexdigit()));
        let number = code.and_then(|code| u32::from_str_radix(code, radix).ok());
        match (number, digits) {
            (Some(number), 2 | 3) => plain.push(u8::try_from(number).map_err(|_| bad(self))?),
            (Some(number), _) => {
                let character = char::from_u32(number).ok_or_else(|| bad(self))?;
                plain.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            (None, _) => return Err(bad(self)),
        }
        self.at = start + digits;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn series() {
        for (text, expected) in [
            ("up", "up"),
            (" up ", "up"),
            ("a:b_1", "a:b_1"),
            ("{}", "{}"),
            ("up{}", "up"),
            ("up {job = \"api\" , x='y',}", "up{job=\"api\", x=\"y\"}"),
            ("{__name__=\"up\"}", "up"),
            ("{\"my.metric\", \"l.abel\"='x'}", "{\"my.metric\", \"l.abel\"=\"x\"}"),
            (r#"a{b="\n\t\\\"\x41\101\u00e4\U0001F514"}"#, "a{b=\"\\n\\t\\\\\\\"AAä🔔\"}"),
            ("a{b=`\\d+`}", "a{b=\"\\\\d+\"}"),
            (r#"a{b="\xc3\xa4"}"#, "a{b=\"ä\"}"),
        ] {
            assert_eq!(parse_series(text).expect(text).to_string(), expected);
        }
    }

    #[test]
    fn refused() {
        for (text, column, message) in [
            ("", 1, "expected a series"),
            ("1", 1, "expected a series"),
            ("up 1", 4, "`1` after the series"),
            ("up{", 4, "expected a label name or `}`"),
            ("up{a}", 5, "expected `=` after the label's name"),
            ("up{a=b}", 6, "expected a label value in quotes"),
            ("up{a=~\"b\"}", 5, "a series has labels, not matchers"),
            ("up{a!=\"b\"}", 5, "a series has labels, not matchers"),
            ("up{a=\"b}", 6, "a quote that is not closed"),
            ("up{a=\"b\" c=\"d\"}", 10, "expected `,` or `}`"),
            ("up{a=\"1\",a=\"2\"}", 10, "label `a` is given twice"),
            ("up{\"a\"}", 4, "a second metric name"),
            ("up{__name__=\"a\"}", 4, "a second metric name"),
            (r#"up{a="\q"}"#, 8, "not an escape"),
            (r#"up{a="\xff"}"#, 6, "the escapes of this text are not UTF-8 together"),
            (r#"up{a="\777"}"#, 8, "not an escape"),
            (r#"up{a="\ud800"}"#, 8, "not an escape"),
            (r#"up{a="\u00"#, 8, "not an escape"),
        ] {
            let error = parse_series(text).expect_err(text);
            assert_eq!((error.column, error.message.as_str()), (column, message), "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in r#"([a-c{}=,\\'"` ]|\\x|\\u|[0-9a-f]|ä){0,30}"#) {
            let _ = parse_series(&text);
        }

        #[test]
        fn printed_labels_read_back(value in "[ -~\n\tä]{1,20}", label in "[a-z.]{1,5}") {
            let labels = Labels::from_pairs([("__name__", "a"), (label.as_str(), value.as_str())]);
            prop_assert_eq!(parse_series(&labels.to_string()).expect("own text"), labels);
        }
    }
}
