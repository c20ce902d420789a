//! The parameters of a request: of its address, and of its body if that is a form.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::answer::Failure;
use crate::shell::http::REQUEST_TIMEOUT;

/// The largest form, in bytes: an expression of the greatest length with every letter escaped, and some more.
pub(super) const FORM_BYTES_MAX: usize = 10 << 20;
/// How many parameters one request may have.
const PARAMETERS_MAX: usize = 10_000;
const FORM_TYPE: &str = "application/x-www-form-urlencoded";

/// Parameters in order, those of the body before those of the address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Form {
    pairs: Vec<(String, String)>,
}

impl Form {
    /// The first value of `name`, or `""`.
    pub(super) fn first(&self, name: &str) -> &str {
        self.pairs.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// Every value of `name`.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.pairs.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Adds the pairs of `text`.
    fn read(&mut self, text: &[u8]) -> Result<(), Failure> {
        for pair in text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            if self.pairs.len() >= PARAMETERS_MAX {
                return Err(Failure::bad_data(format!("more than {PARAMETERS_MAX} parameters")));
            }
            let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let value = pair.get(at + 1..).unwrap_or_default();
            self.pairs.push((unescape(&pair[..at])?, unescape(value)?));
        }
        Ok(())
    }
}

/// Undoes `+` and `%41`.
fn unescape(text: &[u8]) -> Result<String, Failure> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digit = |at: usize| rest.get(at).and_then(|digit| char::from(*digit).to_digit(16));
                let (Some(high), Some(low)) = (digit(0), digit(1)) else {
                    let shown = String::from_utf8_lossy(&rest[..rest.len().min(2)]).into_owned();
                    let text = format!("error parsing form values: invalid URL escape {:?}", format!("%{shown}"));
                    return Err(Failure::bad_data(text));
                };
                // Two digits fit a byte.
                bytes.push((high * 16 + low) as u8);
                rest = &rest[2..];
            }
            other => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).map_err(|_| Failure::bad_data("error parsing form values: a parameter is not UTF-8"))
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let address = request.uri().query().unwrap_or_default().to_owned();
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let is_form = kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(FORM_TYPE));
        let mut form = Form::default();
        if request.method() == Method::POST && is_form {
            let body = tokio::time::timeout(REQUEST_TIMEOUT, Bytes::from_request(request, state)).await;
            let body = body.map_err(|_| StatusCode::REQUEST_TIMEOUT.into_response())?.map_err(|rejection| {
                let text = format!("error parsing form values: {}", rejection.body_text());
                (rejection.status(), Failure::bad_data(text)).into_response()
            })?;
            form.read(&body).map_err(IntoResponse::into_response)?;
        }
        form.read(address.as_bytes()).map_err(IntoResponse::into_response)?;
        Ok(form)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Result<Vec<(String, String)>, String> {
        let mut form = Form::default();
        form.read(text).map(|()| form.pairs).map_err(|failure| failure.text)
    }

    #[test]
    fn pairs() {
        for (text, expected) in [
            ("", vec![]),
            ("a=b&c", vec![("a", "b"), ("c", "")]),
            ("&&a=1+2%2B3&=x&a=%C3%BC=", vec![("a", "1 2+3"), ("", "x"), ("a", "ü=")]),
        ] {
            let expected: Vec<_> =
                expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            assert_eq!(read(text.as_bytes()), Ok(expected), "{text}");
        }
    }

    #[test]
    fn refusals() {
        for (text, expected) in [
            (&b"a=%"[..], r#"error parsing form values: invalid URL escape "%""#),
            (b"a=%zz1", r#"error parsing form values: invalid URL escape "%zz""#),
            (b"a=%+1", r#"error parsing form values: invalid URL escape "%+1""#),
            (b"a=%ff", "error parsing form values: a parameter is not UTF-8"),
        ] {
            assert_eq!(read(text), Err(expected.to_owned()));
        }
        assert!(read(&b"a=1&".repeat(PARAMETERS_MAX + 1)).is_err());
    }
}
