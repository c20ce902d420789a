//! Texts inside of addresses.

/// Appends `text` to `url` with every byte but unreserved characters percent-encoded (RFC 3986, section 2.1).
pub fn push_percent_encoded(text: &str, url: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => url.push(char::from(byte)),
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
}
