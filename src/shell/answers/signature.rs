//! Signatures by a shared secret (RFC 2104), compared in a time that does not tell how much of one is right.

use ring::hmac;

/// Whether `hex` is the HMAC-SHA256 of `parts`, one after the other, by `secret`.
pub(super) fn is_sha256_hex(secret: &[u8], parts: &[&[u8]], hex: &str) -> bool {
    unhex(hex).is_some_and(|tag| is_signed(hmac::HMAC_SHA256, secret, parts, &tag))
}

/// Whether `tag` is the HMAC-SHA1 of `parts` by `secret`. For those who sign by nothing better: forging it still takes the secret.
pub(super) fn is_sha1(secret: &[u8], parts: &[&[u8]], tag: &[u8]) -> bool {
    is_signed(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret, parts, tag)
}

/// Whether two secrets are the same.
pub(super) fn is_same(one: &[u8], other: &[u8]) -> bool {
    // Over sums of both, so that neither length nor place of the first difference show.
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"watchbell: compare");
    hmac::verify(&key, one, hmac::sign(&key, other).as_ref()).is_ok()
}

fn is_signed(algorithm: hmac::Algorithm, secret: &[u8], parts: &[&[u8]], tag: &[u8]) -> bool {
    let signed = parts.concat();
    // An empty secret is none.
    !secret.is_empty() && hmac::verify(&hmac::Key::new(algorithm, secret), &signed, tag).is_ok()
}

/// The bytes that hexadecimal digits stand for.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |pair: &[u8]| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?);
    text.as_bytes().chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test cases 1 and 2.
    #[test]
    fn known_sums() {
        for (secret, text, hex) in [
            (&[0x0b; 20][..], "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                b"Jefe",
                "what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
        ] {
            assert!(is_sha256_hex(secret, &[text.as_bytes()], hex));
            assert!(is_sha256_hex(secret, &[&text.as_bytes()[..3], &text.as_bytes()[3..]], &hex.to_uppercase()));
            assert!(!is_sha256_hex(secret, &[text.as_bytes()], &hex[..62]));
            assert!(!is_sha256_hex(secret, &[b"other"], hex));
        }
        // RFC 2202, test case 2.
        let tag = unhex("effcdf6ae5eb2fa2d27416d5f184df9c259a7c79").expect("hexadecimal");
        assert!(is_sha1(b"Jefe", &[b"what do ya want for nothing?"], &tag));
        assert!(!is_sha1(b"jefe", &[b"what do ya want for nothing?"], &tag));
    }

    #[test]
    fn an_empty_secret_signs_nothing() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"");
        let tag = hmac::sign(&key, b"text");
        assert!(!is_signed(hmac::HMAC_SHA256, b"", &[b"text"], tag.as_ref()));
    }

    #[test]
    fn hexadecimal_digits() {
        for (text, expected) in
            [("00fF", Some(vec![0, 255])), ("", Some(vec![])), ("0", None), ("0g", None), ("é", None), ("+1", None)]
        {
            assert_eq!(unhex(text), expected, "{text}");
        }
    }

    #[test]
    fn secrets_are_compared() {
        for (one, other, same) in [("a", "a", true), ("a", "b", false), ("a", "aa", false), ("", "", true)] {
            assert_eq!(is_same(one.as_bytes(), other.as_bytes()), same);
        }
    }
}
