//! Label names in addresses: `U__` and then hexadecimal code points between underscores, as Prometheus's clients write
//! names that are not of the classic alphabet.

/// The longest code point, in hexadecimal digits.
const DIGITS_MAX: usize = 6;

/// The name that `text` stands for; a text that is not escaped, or badly, stands for itself.
pub(super) fn unescape_name(text: &str) -> String {
    text.strip_prefix("U__").and_then(unescape).unwrap_or_else(|| text.to_owned())
}

fn unescape(text: &str) -> Option<String> {
    let mut name = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('_') {
        name.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let end = rest.find('_')?;
        let digits = &rest[..end];
        rest = &rest[end + 1..];
        if digits.is_empty() {
            name.push('_');
            continue;
        }
        let is_number = digits.len() <= DIGITS_MAX && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let code = is_number.then(|| u32::from_str_radix(digits, 16).ok()).flatten()?;
        name.push(char::from_u32(code)?);
    }
    name.push_str(rest);
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (text, name) in [
            ("job", "job"),
            ("U__http_2e_status", "http.status"),
            ("U__my__label", "my_label"),
            ("U___fc_ber", "über"),
            ("U___1F600_", "😀"),
            ("U__", ""),
            ("U__bad_", "U__bad_"),
            ("U__bad_2e", "U__bad_2e"),
            ("U___d800_", "U___d800_"),
            ("U___0000002e_", "U___0000002e_"),
            ("U___+2e_", "U___+2e_"),
            ("U__ü", "ü"),
        ] {
            assert_eq!(unescape_name(text), name, "{text}");
        }
    }
}
