//! The HTML of Telegram's messages (<https://core.telegram.org/bots/api#html-style>): cut without breaking tags, and
//! as plain text.

/// The greatest length of an entity, in bytes.
const ENTITY_LENGTH_MAX: usize = 10;

/// What HTML is made of, as far as it matters for cutting.
#[derive(Clone, Copy)]
enum Piece<'a> {
    /// From `<` to `>`.
    Tag(&'a str),
    /// From `&` to `;`.
    Entity(&'a str),
    /// A character; also a `<` or `&` that begins nothing.
    Character(&'a str),
}

impl<'a> Piece<'a> {
    fn text(self) -> &'a str {
        match self {
            Piece::Tag(text) | Piece::Entity(text) | Piece::Character(text) => text,
        }
    }
}

fn pieces(html: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = html;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let piece = match first {
            '<' => tag_length(rest).map(|length| Piece::Tag(&rest[..length])),
            '&' => entity_length(rest).map(|length| Piece::Entity(&rest[..length])),
            _ => None,
        };
        let piece = piece.unwrap_or(Piece::Character(&rest[..first.len_utf8()]));
        rest = &rest[piece.text().len()..];
        Some(piece)
    })
}

/// The length of the tag at the start of `text`, a `>` in quotes left out.
fn tag_length(text: &str) -> Option<usize> {
    let name = text.strip_prefix("</").or_else(|| text.strip_prefix('<'))?;
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(at + 1),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
    }
    None
}

fn entity_length(text: &str) -> Option<usize> {
    let end = text.bytes().take(ENTITY_LENGTH_MAX).position(|byte| byte == b';')?;
    let is_name = text[1..end].bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'#');
    (end > 1 && is_name).then_some(end + 1)
}

/// The name in a tag, such as `a` of `<a href="x">` and of `</a>`.
fn tag_name(tag: &str) -> &str {
    let name = tag.trim_start_matches(['<', '/']);
    &name[..name.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(name.len())]
}

/// At most `chars_max` characters as people see them (a tag is none, an entity is one) and `bytes_max` bytes as they are
/// sent. An ellipsis takes the place of what is cut; tags that are open there are closed.
pub(super) fn cut_html(html: &str, chars_max: usize, bytes_max: usize) -> String {
    let seen = pieces(html).filter(|piece| !matches!(piece, Piece::Tag(_))).count();
    if seen <= chars_max && html.len() <= bytes_max {
        return html.to_owned();
    }
    let mut cut = String::new();
    let mut open: Vec<&str> = Vec::new();
    let mut left = chars_max.saturating_sub(1);
    // What the ellipsis and the tags that are open will take.
    let mut reserved = '…'.len_utf8();
    for piece in pieces(html) {
        let text = piece.text();
        match piece {
            Piece::Tag(tag) if tag.starts_with("</") => {
                // A tag that closes another than the last is the template's fault, which Telegram tells.
                if let Some(name) = open.pop() {
                    reserved -= closing_length(name);
                }
            }
            Piece::Tag(tag) => {
                let name = tag_name(tag);
                if cut.len() + text.len() + reserved + closing_length(name) > bytes_max {
                    break;
                }
                reserved += closing_length(name);
                open.push(name);
            }
            Piece::Entity(_) | Piece::Character(_) => {
                if left == 0 || cut.len() + text.len() + reserved > bytes_max {
                    break;
                }
                left -= 1;
            }
        }
        cut.push_str(text);
    }
    cut.push('…');
    for name in open.iter().rev() {
        cut.push_str("</");
        cut.push_str(name);
        cut.push('>');
    }
    cut
}

fn closing_length(name: &str) -> usize {
    name.len() + "</>".len()
}

/// The text without its tags, entities as the characters for which they stand.
pub(super) fn plain(html: &str) -> String {
    let mut plain = String::with_capacity(html.len());
    for piece in pieces(html) {
        match piece {
            Piece::Tag(_) => {}
            Piece::Character(text) => plain.push_str(text),
            Piece::Entity(text) => match entity(&text[1..text.len() - 1]) {
                Some(character) => plain.push(character),
                None => plain.push_str(text),
            },
        }
    }
    plain
}

/// The entities that Telegram knows.
fn entity(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => number.parse(),
            };
            code.ok().and_then(char::from_u32)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cuts_between_tags() {
        for (html, chars_max, bytes_max, expected) in [
            ("<b>abc</b>", 3, 99, "<b>abc</b>"),
            ("<b>abcd</b>", 3, 99, "<b>ab…</b>"),
            ("<b>a<i>bcd</i></b>", 3, 99, "<b>a<i>b…</i></b>"),
            ("a&lt;bc", 3, 99, "a&lt;…"),
            ("a&lt;b", 3, 99, "a&lt;b"),
            ("<a href=\"x>y\">link</a>", 3, 99, "<a href=\"x>y\">li…</a>"),
            ("a < b & c", 4, 99, "a <…"),
            ("<b>äöü</b>", 9, 12, "<b>ä…</b>"),
            ("<b>äöü</b>", 9, 9, "…"),
            ("<tg-spoiler>abcd</tg-spoiler>", 2, 99, "<tg-spoiler>a…</tg-spoiler>"),
            ("</b>abc", 2, 99, "</b>a…"),
            ("", 0, 0, ""),
        ] {
            assert_eq!(cut_html(html, chars_max, bytes_max), expected, "{html} {chars_max} {bytes_max}");
        }
    }

    #[test]
    fn plain_text() {
        for (html, expected) in [
            ("<p>a <b>b</b></p>", "a b"),
            ("1 &lt; 2 &amp;&amp; 3 &gt; 2 &quot;&#39;&#x41;", "1 < 2 && 3 > 2 \"'A"),
            ("a < b & c; &nope; &#xd800; <3", "a < b & c; &nope; &#xd800; <3"),
        ] {
            assert_eq!(plain(html), expected, "{html}");
        }
    }

    proptest! {
        #[test]
        fn what_is_cut_is_balanced_and_short(parts in prop::collection::vec("[aä<>&;/]|&lt;|<b>|x", 0..40), limit in 3usize..30) {
            let html = format!("<b>{}</b>", parts.concat().replace("</", ""));
            let cut = cut_html(&html, limit, 60);
            let names = |closing: bool| {
                let is_wanted = move |piece: &Piece<'_>| matches!(piece, Piece::Tag(tag) if tag.starts_with("</") == closing);
                pieces(&cut).filter(is_wanted).count()
            };
            if cut != html {
                prop_assert!(pieces(&cut).filter(|piece| !matches!(piece, Piece::Tag(_))).count() <= limit);
                prop_assert!(cut.len() <= 60);
                prop_assert_eq!(names(true), names(false));
            }
        }

        #[test]
        fn never_panics(html in ".{0,80}", chars_max in 0usize..20, bytes_max in 0usize..40) {
            cut_html(&html, chars_max, bytes_max);
            plain(&html);
        }
    }
}
