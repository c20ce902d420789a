//! AWS's Signature Version 4 (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>).

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use crate::model::Timestamp;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Who signs.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) access_key: String,
    pub(super) secret_key: String,
    /// What goes with keys that hold for a while.
    pub(super) session_token: Option<String>,
}

/// What is signed. Names of headers are in lower case; path and query are as they go out.
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    /// In the order of the names.
    pub(super) query: &'a str,
    pub(super) headers: &'a [(&'a str, &'a str)],
    pub(super) body: &'a [u8],
}

/// Where the signature holds.
pub(super) struct Scope<'a> {
    pub(super) region: &'a str,
    pub(super) service: &'a str,
    pub(super) at: Timestamp,
}

/// The moment as `X-Amz-Date` has it, such as `20150830T123600Z`.
pub(super) fn amz_date(at: Timestamp) -> String {
    let text = at.to_string();
    let seconds = text.get(..19).unwrap_or(&text);
    format!("{}Z", seconds.replace(['-', ':'], ""))
}

/// The header `Authorization` of `request`.
pub(super) fn authorization(request: &Request<'_>, scope: &Scope<'_>, credentials: &Credentials) -> String {
    let moment = amz_date(scope.at);
    let day = moment.get(..8).unwrap_or(&moment);
    let mut headers: Vec<(&str, String)> =
        request.headers.iter().map(|(name, value)| (*name, collapsed(value))).collect();
    headers.sort_unstable_by_key(|(name, _)| *name);
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let canonical = format!(
        "{}\n{}\n{}\n{lines}\n{names}\n{}",
        request.method,
        encoded(request.path),
        request.query,
        hex(&Sha256::digest(request.body)),
    );
    let within = format!("{day}/{}/{}/aws4_request", scope.region, scope.service);
    let to_sign = format!("{ALGORITHM}\n{moment}\n{within}\n{}", hex(&Sha256::digest(canonical.as_bytes())));
    let signature = hex(&keyed(&signing_key(&credentials.secret_key, day, scope), &to_sign));
    format!("{ALGORITHM} Credential={}/{within}, SignedHeaders={names}, Signature={signature}", credentials.access_key)
}

/// The key that holds for a day, a region and a service.
fn signing_key(secret_key: &str, day: &str, scope: &Scope<'_>) -> Vec<u8> {
    let first = keyed(format!("AWS4{secret_key}").as_bytes(), day);
    [scope.region, scope.service, "aws4_request"].iter().fold(first, |key, part| keyed(&key, part))
}

fn keyed(key: &[u8], text: &str) -> Vec<u8> {
    // An HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// The value without white space around it and with one space for each run inside.
fn collapsed(value: &str) -> String {
    value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

/// The path as it goes out, encoded once more, as every service but S3 has it.
fn encoded(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => text.push(byte.into()),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    if text.is_empty() { "/".to_owned() } else { text }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";

    fn at() -> Timestamp {
        Timestamp::parse_rfc3339("2015-08-30T12:36:00.789Z").expect("a time")
    }

    fn credentials() -> Credentials {
        Credentials {
            access_key: "AKIDEXAMPLE".into(),
            secret_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            session_token: None,
        }
    }

    /// The example of the signing key in AWS's documentation.
    #[test]
    fn key_of_a_day() {
        let scope = Scope { region: "us-east-1", service: "iam", at: at() };
        let key = signing_key(&credentials().secret_key, "20150830", &scope);
        assert_eq!(hex(&key), "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
    }

    /// AWS's published test suite (get-vanilla, post-vanilla, ...), and the example of its documentation for IAM.
    #[test]
    fn published_vectors() {
        let host = ("host", "example.amazonaws.com");
        let date = ("x-amz-date", "20150830T123600Z");
        let form = ("content-type", "application/x-www-form-urlencoded");
        let form_utf8 = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");
        type Case<'a> = (&'a str, &'a str, &'a str, &'a str, Vec<(&'a str, &'a str)>, &'a str, &'a str);
        let cases: [Case<'_>; 9] = [
            (
                "service",
                "GET",
                "/",
                "",
                vec![host, date],
                "",
                "host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "service",
                "GET",
                "/",
                "Param1=value1&Param2=value2",
                vec![host, date],
                "",
                "host;x-amz-date, Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            (
                "service",
                "POST",
                "/",
                "",
                vec![host, date],
                "",
                "host;x-amz-date, Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                "service",
                "POST",
                "/",
                "",
                vec![form, host, date],
                "Param1=value1",
                "content-type;host;x-amz-date, Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
            (
                "service",
                "POST",
                "/",
                "",
                vec![host, ("my-header1", "value1"), date],
                "",
                "host;my-header1;x-amz-date, Signature=c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
            ),
            (
                "service",
                "GET",
                "/",
                "",
                vec![("my-header1", "value1"), ("my-header2", "\"a   b   c\""), host, date],
                "",
                "host;my-header1;my-header2;x-amz-date, Signature=acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
            ),
            (
                "service",
                "GET",
                "/\u{1234}",
                "",
                vec![host, date],
                "",
                "host;x-amz-date, Signature=8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
            ),
            (
                "service",
                "POST",
                "/",
                "",
                vec![host, date, ("x-amz-security-token", TOKEN)],
                "",
                "host;x-amz-date;x-amz-security-token, Signature=85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
            ),
            (
                "iam",
                "GET",
                "/",
                "Action=ListUsers&Version=2010-05-08",
                vec![form_utf8, ("host", "iam.amazonaws.com"), date],
                "",
                "content-type;host;x-amz-date, Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
            ),
        ];
        for (service, method, path, query, headers, body, expected) in cases {
            let request = Request { method, path, query, headers: &headers, body: body.as_bytes() };
            let scope = Scope { region: "us-east-1", service, at: at() };
            let found = authorization(&request, &scope, &credentials());
            let expected = format!(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/{service}/aws4_request, SignedHeaders={expected}"
            );
            assert_eq!(found, expected, "{method} {path} {query}");
        }
    }
}
