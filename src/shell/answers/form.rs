//! Forms as they are posted: `application/x-www-form-urlencoded`.

use reqwest::Url;

/// The fields of a form, in order; what is no UTF-8 is replaced.
pub(crate) fn fields(body: &[u8]) -> Vec<(String, String)> {
    let Ok(mut url) = Url::parse("http://form.invalid/") else { return Vec::new() };
    url.set_query(Some(&String::from_utf8_lossy(body)));
    url.query_pairs().into_owned().collect()
}

/// The value of the first field `name`, or `""`.
pub(crate) fn first<'a>(fields: &'a [(String, String)], name: &str) -> &'a str {
    fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn forms() {
        for (body, expected) in [
            ("", &[][..]),
            ("a=1&b+c=%C3%A4%26%3D%2B", &[("a", "1"), ("b c", "ä&=+")][..]),
            ("a&b=&=c&&", &[("a", ""), ("b", ""), ("", "c")][..]),
            ("a=%zz#x?y", &[("a", "%zz#x?y")][..]),
        ] {
            let expected: Vec<_> = expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
            assert_eq!(fields(body.as_bytes()), expected, "{body}");
        }
        assert_eq!(first(&fields(b"x=1&x=2"), "x"), "1");
        assert_eq!(first(&fields(b"x=1&x=2"), "y"), "");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            fields(&body);
        }
    }
}
