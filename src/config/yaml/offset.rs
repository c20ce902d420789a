//! From a place inside a scalar's value to the place in the file: quotes, escapes, indentation and folds.

use std::ops::Range;

use granit_parser::ScalarStyle;

use super::Scalar;

/// The bytes of `source` from which the bytes `value` of the scalar at `span` came.
///
/// A place past the last visible character is the place right after it. Offsets outside the value are clamped.
pub(in crate::config) fn file_range(
    source: &str,
    span: &Range<usize>,
    scalar: &Scalar,
    value: &Range<usize>,
) -> Range<usize> {
    let trace = trace(source, span, scalar);
    let visible = scalar.text.trim_end().len();
    let chars: Vec<&Piece> = trace.pieces.iter().filter(|piece| piece.value_at < visible).collect();
    let Some(last) = chars.last() else { return span.start..span.start };
    let piece_at = |offset: usize| {
        let after = chars.partition_point(|piece| piece.value_at <= offset);
        chars[after.saturating_sub(1)]
    };
    if value.start >= visible {
        return last.source.end..last.source.end;
    }
    let start = piece_at(value.start).source.start;
    let end = piece_at(value.end.saturating_sub(1).max(value.start)).source.end;
    if value.end <= value.start { start..start } else { start..end.max(start) }
}

/// One character of the value, with the bytes that it came from.
#[derive(Debug)]
struct Piece {
    value_at: usize,
    source: Range<usize>,
}

/// A scalar decoded again, character by character.
#[derive(Debug, Default)]
struct Trace {
    text: String,
    pieces: Vec<Piece>,
}

impl Trace {
    fn push(&mut self, c: char, source: Range<usize>) {
        self.pieces.push(Piece { value_at: self.text.len(), source });
        self.text.push(c);
    }
}

fn trace(source: &str, span: &Range<usize>, scalar: &Scalar) -> Trace {
    match scalar.style {
        ScalarStyle::Literal => block(source, span.start, &scalar.text, literal),
        ScalarStyle::Folded => block(source, span.start, &scalar.text, folded),
        ScalarStyle::Plain => flow(source, span.clone(), scalar.style),
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
            let inner = (span.start + 1).min(span.end)..span.end.saturating_sub(1).max(span.start + 1).min(span.end);
            flow(source, inner, scalar.style)
        }
    }
}

/// Plain and quoted scalars.
fn flow(source: &str, range: Range<usize>, style: ScalarStyle) -> Trace {
    let mut trace = Trace::default();
    let Some(text) = source.get(range.clone()) else { return trace };
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let here = range.start + at;
        let blank = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
        let length = if rest[..blank].contains(['\r', '\n']) {
            fold_break(&mut trace, &rest[..blank], here);
            blank
        } else if c == '\\' && style == ScalarStyle::DoubleQuoted {
            escape(&mut trace, rest, here)
        } else if style == ScalarStyle::SingleQuoted && rest.starts_with("''") {
            trace.push('\'', here..here + 2);
            2
        } else {
            trace.push(c, here..here + c.len_utf8());
            c.len_utf8()
        };
        at += length;
    }
    trace
}

/// White space with line breaks: one break is a space, further ones stay breaks.
fn fold_break(trace: &mut Trace, blank: &str, here: usize) {
    let breaks = line_breaks(blank);
    if let [only] = breaks.as_slice() {
        trace.push(' ', here + only.start..here + only.end);
    }
    for line_break in breaks.iter().skip(1) {
        trace.push('\n', here + line_break.start..here + line_break.end);
    }
}

fn line_breaks(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut breaks = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let length = match (bytes[at], bytes.get(at + 1)) {
            (b'\r', Some(b'\n')) => 2,
            (b'\r' | b'\n', _) => 1,
            _ => {
                at += 1;
                continue;
            }
        };
        breaks.push(at..at + length);
        at += length;
    }
    breaks
}

/// An escape of a double-quoted scalar at the beginning of `rest`; its length in bytes.
fn escape(trace: &mut Trace, rest: &str, here: usize) -> usize {
    let Some(kind) = rest[1..].chars().next() else { return 1 };
    let hexadecimal =
        |from: usize, digits: usize| rest.get(from..from + digits).and_then(|text| u32::from_str_radix(text, 16).ok());
    let (c, length) = match kind {
        '\r' | '\n' => {
            let break_length = if rest[1..].starts_with("\r\n") { 2 } else { 1 };
            let tail = &rest[1 + break_length..];
            let blank = &tail[..tail.len() - tail.trim_start_matches([' ', '\t', '\r', '\n']).len()];
            for line_break in line_breaks(blank) {
                let from = here + 1 + break_length;
                trace.push('\n', from + line_break.start..from + line_break.end);
            }
            return 1 + break_length + blank.len();
        }
        'x' => (hexadecimal(2, 2).and_then(char::from_u32), 4),
        'U' => (hexadecimal(2, 8).and_then(char::from_u32), 10),
        'u' => match (hexadecimal(2, 4), hexadecimal(8, 4)) {
            (Some(high @ 0xd800..0xdc00), Some(low @ 0xdc00..0xe000)) => {
                (char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00)), 12)
            }
            (code, _) => (code.and_then(char::from_u32), 6),
        },
        '0' => (Some('\0'), 2),
        'a' => (Some('\u{7}'), 2),
        'b' => (Some('\u{8}'), 2),
        't' | '\t' => (Some('\t'), 2),
        'n' => (Some('\n'), 2),
        'v' => (Some('\u{b}'), 2),
        'f' => (Some('\u{c}'), 2),
        'r' => (Some('\r'), 2),
        'e' => (Some('\u{1b}'), 2),
        'N' => (Some('\u{85}'), 2),
        '_' => (Some('\u{a0}'), 2),
        'L' => (Some('\u{2028}'), 2),
        'P' => (Some('\u{2029}'), 2),
        other => (Some(other), 1 + other.len_utf8()),
    };
    let length = length.min(rest.len());
    if let Some(c) = c {
        trace.push(c, here..here + length);
    }
    length
}

/// A line of a block scalar.
struct Line {
    /// What stands after the indentation.
    content: Range<usize>,
    /// The break that ends it; empty at the end of the file.
    line_break: Range<usize>,
}

/// `|` and `>`: `start` lies in the first line with content. The indentation is the one that yields `value`.
fn block(source: &str, start: usize, value: &str, decode: fn(&str, &[Line]) -> Trace) -> Trace {
    let start = start.min(source.len());
    let mut from = source[..start].rfind('\n').map_or(0, |newline| newline + 1);
    loop {
        let before = &source[..from];
        let Some(previous) = before.strip_suffix('\n') else { break };
        let line_start = previous.rfind('\n').map_or(0, |newline| newline + 1);
        if !previous[line_start..].trim().is_empty() {
            break;
        }
        from = line_start;
    }
    let body = &source[from..];
    let first = body.lines().find(|line| !line.trim_matches([' ', '\r']).is_empty()).unwrap_or_default();
    let deepest = first.len() - first.trim_start_matches(' ').len();
    let lines_wanted = value.matches('\n').count() + value.len() + 2;
    let mut nearest = None;
    for indent in (0..=deepest).rev() {
        let trace = decode(source, &lines(source, from, indent, lines_wanted));
        if trace.text.starts_with(value) {
            return trace;
        }
        nearest.get_or_insert(trace);
    }
    nearest.unwrap_or_default()
}

/// At most `count` lines from `from` on, each without `indent` leading spaces; up to the first that is indented less.
fn lines(source: &str, from: usize, indent: usize, count: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut at = from;
    while at < source.len() && lines.len() < count {
        let rest = &source[at..];
        let end = rest.find('\n').unwrap_or(rest.len());
        let text = rest[..end].strip_suffix('\r').unwrap_or(&rest[..end]);
        let spaces = (text.len() - text.trim_start_matches(' ').len()).min(indent);
        if spaces < indent && spaces < text.len() {
            break;
        }
        let next = (at + end + 1).min(source.len());
        lines.push(Line { content: at + spaces..at + text.len(), line_break: at + text.len()..next });
        at = next;
    }
    lines
}

fn literal(source: &str, lines: &[Line]) -> Trace {
    let mut trace = Trace::default();
    for line in lines {
        push_content(&mut trace, source, line);
        trace.push('\n', line.line_break.clone());
    }
    trace
}

fn folded(source: &str, lines: &[Line]) -> Trace {
    let mut trace = Trace::default();
    let mut at = 0;
    while at < lines.len() {
        let line = &lines[at];
        push_content(&mut trace, source, line);
        let next = (at + 1..lines.len()).find(|&index| !lines[index].content.is_empty());
        let blank = &lines[at + 1..next.unwrap_or(lines.len())];
        let deeper = |line: &Line| source[line.content.clone()].starts_with([' ', '\t']);
        let folds = !line.content.is_empty() && !deeper(line) && next.is_some_and(|next| !deeper(&lines[next]));
        if folds && blank.is_empty() {
            trace.push(' ', line.line_break.clone());
        } else if !folds {
            trace.push('\n', line.line_break.clone());
        }
        for line in blank {
            trace.push('\n', line.line_break.clone());
        }
        at += 1 + blank.len();
    }
    trace
}

fn push_content(trace: &mut Trace, source: &str, line: &Line) {
    for (at, c) in source[line.content.clone()].char_indices() {
        let from = line.content.start + at;
        trace.push(c, from..from + c.len_utf8());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::yaml::{Node, NodeKind, parse};
    use crate::model::SourceFile;
    use proptest::prelude::*;

    /// Every scalar below `node`.
    fn scalars<'a>(node: &'a Node, out: &mut Vec<(&'a Scalar, Range<usize>)>) {
        match &node.kind {
            NodeKind::Null => {}
            NodeKind::Scalar(scalar) => out.push((scalar, node.span.clone())),
            NodeKind::Sequence(items) => items.iter().for_each(|item| scalars(item, out)),
            NodeKind::Mapping(entries) => entries.iter().for_each(|entry| scalars(&entry.value, out)),
        }
    }

    /// Holds the law: decoding again yields the value, and each character of the value comes from itself, from an
    /// escape, or, as white space, from a line break. Returns how many characters were looked at.
    fn check(text: &str) -> usize {
        let parsed = parse(&SourceFile::new("x.yml", text));
        assert!(parsed.problems.is_empty(), "{text:?}: {:?}", parsed.problems);
        let Some(root) = parsed.root else { return 0 };
        let mut found = Vec::new();
        scalars(&root, &mut found);
        let mut seen = 0;
        for (scalar, span) in found {
            let trace = trace(text, &span, scalar);
            assert!(trace.text.starts_with(&scalar.text), "{text:?}\n {:?}\n {scalar:?}", trace.text);
            for (at, c) in scalar.text.char_indices() {
                seen += 1;
                let piece = trace.pieces.iter().find(|piece| piece.value_at == at).expect("every character");
                let raw = &text[piece.source.clone()];
                let same = raw.starts_with(c)
                    || raw.starts_with('\\')
                    || (matches!(c, ' ' | '\n') && raw.starts_with(['\r', '\n']) || raw.is_empty());
                assert!(same, "{text:?}: {c:?} from {raw:?}");
            }
        }
        seen
    }

    #[test]
    fn every_character_is_found() {
        for text in [
            "plain",
            "a: plain folded\n  over lines\n\n\n  and blank ones\n",
            "a: 'it''s ä  b'\nb: 'x\n  y\n\n  z '\n",
            r#"a: "tab\t nl\n q\" u\u00e4 \x41 \U0001F600 \ud83d\ude00 \/ \_ \N end""#,
            "a: \"one \\\n   two\n  three\n\n  four\"\n",
            "a: |\n  one\n    two\n\n  three\nb: 1\n",
            "a: |\n\n\n  one\n   two\n",
            "a: |2\n    one\n  two\n",
            "a: |+\n  one\n\n\nb: x\n",
            "a: |-\n  one ä\n  two\n\n",
            "a: >\n  one\n  two\n\n  three\n\n\n  four\n    more\n    deep\n  back\n",
            "a: >-\n\n  one\n  two",
            "a: >\n  one\n   \n  two\n\n   deep\n\n  x\n",
            "a: |\r\n  one\r\n  two\r\nb: >\r\n  x\r\n  y\r\n\r\n  z\r\nc: 'a\r\n  b'\r\n",
            "- |\n one\n two\n- - >\n   one\n   two\n",
            "a: |\n  one",
            "{a: [x, 'y', \"z\"], b: long plain text}",
        ] {
            assert!(check(text) > 0, "{text}");
        }
    }

    #[test]
    fn ranges_in_the_file() {
        for (text, value, expected) in [
            ("a: up == 1\n", 0..2, "up"),
            ("a: 'it''s'\n", 2..3, "''"),
            ("a: \"x\\ty\"\n", 1..2, "\\t"),
            ("a: |\n  one\n  two\n", 4..7, "two"),
            ("a: >\n  one\n  two\n", 4..7, "two"),
            ("a: >\n  one\n  two\n", 2..5, "e\n  t"),
            ("a: |\n  ä one\n", 3..6, "one"),
        ] {
            let parsed = parse(&SourceFile::new("x.yml", text));
            let mut found = Vec::new();
            let root = parsed.root.expect(text);
            scalars(&root, &mut found);
            let (scalar, span) = &found[0];
            assert_eq!(&text[file_range(text, span, scalar, &value)], expected, "{text:?} {value:?}");
            for start in 0..scalar.text.len() + 3 {
                let range = file_range(text, span, scalar, &(start..start + 1));
                assert!(range.start <= range.end && range.end <= text.len());
            }
        }
        let text = "a: |\n  up ==\nb: 1\n";
        let parsed = parse(&SourceFile::new("x.yml", text)).root.expect("valid");
        let mut found = Vec::new();
        scalars(&parsed, &mut found);
        let end = file_range(text, &found[0].1, found[0].0, &(6..6));
        assert_eq!(&text[..end.start], "a: |\n  up ==");
    }

    /// Lines of a block scalar: words with inner and leading blanks, or nothing.
    fn block_lines() -> impl Strategy<Value = Vec<String>> {
        let line = prop_oneof![3 => "[a-zä#:'\"|>{}-][a-zä :#\\\\]{0,6}[a-zä]", 1 => Just(String::new()), 1 => " {1,2}[a-z]{1,3}"];
        proptest::collection::vec(line, 1..7)
    }

    proptest! {
        #[test]
        fn block_scalars(lines in block_lines(), indent in 1usize..4, header in "[|>][+-]?", crlf: bool) {
            let mut lines = lines;
            lines.insert(0, "x".to_owned());
            let line_break = if crlf { "\r\n" } else { "\n" };
            let mut text = format!("k: {header}{line_break}");
            for line in &lines {
                let blank = if line.is_empty() { 0 } else { indent };
                text.push_str(&format!("{}{line}{line_break}", " ".repeat(blank)));
            }
            text.push_str("z: 1\n");
            check(&text);
        }

        #[test]
        fn quoted_scalars(parts in proptest::collection::vec(
            prop_oneof![Just("a"), Just("ä"), Just("\\n"), Just("\\\\"), Just("\\\""), Just(" "), Just("\n  "),
                Just("\\\n  "), Just("\\x41"), Just("\t"), Just("\n\n  "), Just("\\ ")], 0..12)) {
            check(&format!("k: \"{}\"\n", parts.concat()));
        }

        #[test]
        fn single_quoted_scalars(parts in proptest::collection::vec(
            prop_oneof![Just("a"), Just("ä"), Just("''"), Just(" "), Just("\n  "), Just("\n\n  "), Just("\\")], 0..12)) {
            check(&format!("k: '{}'\n", parts.concat()));
        }

        #[test]
        fn never_panics(text in "[a: |>\n'\"\\\\x{}\\[\\]&*<!-]{0,40}", start in 0usize..50, length in 0usize..20) {
            if let Some(root) = parse(&SourceFile::new("x", text.as_str())).root {
                let mut found = Vec::new();
                scalars(&root, &mut found);
                for (scalar, span) in found {
                    let range = file_range(&text, &span, scalar, &(start..start + length));
                    prop_assert!(range.end <= text.len());
                }
            }
        }
    }
}
