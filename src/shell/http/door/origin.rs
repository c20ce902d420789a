//! Pages of browsers: which may use the interface (CORS), and which may not even try to change something.

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// How long browsers keep the answer to what they may do, in seconds.
const PREFLIGHT_AGE_SECONDS: &str = "600";
const METHODS: &str = "GET, POST, PUT, DELETE, OPTIONS";
const HEADERS: &str = "authorization, content-type, accept, traceparent, x-watchbell-reason";

/// The page that a request comes from.
pub(super) struct Origin {
    value: HeaderValue,
    /// Lower case.
    text: String,
}

impl Origin {
    /// What the request says, if it comes from a page.
    pub(super) fn of(headers: &HeaderMap) -> Option<Origin> {
        let value = headers.get(header::ORIGIN)?.clone();
        let text = value.to_str().unwrap_or_default().to_ascii_lowercase();
        Some(Origin { value, text })
    }

    /// Whether it is one of `origins`, which are lower case.
    pub(super) fn is_among(&self, origins: &[String]) -> bool {
        origins.contains(&self.text)
    }

    /// Whether it is Watchbell's own: the host of the request, or that of `external_url`.
    pub(super) fn is_own(&self, headers: &HeaderMap, external_url: &str) -> bool {
        let authority = |url: &str| {
            let rest = url.split_once("://").map_or("", |(_, rest)| rest);
            rest.split('/').next().unwrap_or_default().to_ascii_lowercase()
        };
        let own = authority(&self.text);
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        !own.is_empty() && (own == host.to_ascii_lowercase() || own == authority(external_url))
    }

    /// Lets the page read `response`.
    pub(super) fn allow(&self, response: &mut Response) {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, self.value.clone());
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }

    /// The answer to a browser that asks what the page may do.
    pub(super) fn preflight(&self) -> Response {
        let headers = [
            (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
            (header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_AGE_SECONDS),
        ];
        let mut response = (StatusCode::NO_CONTENT, headers).into_response();
        self.allow(&mut response);
        response
    }
}

/// Whether a browser asks what a page may do.
pub(super) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    *method == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_page_it_is() {
        for (origin, host, external_url, expected) in [
            ("https://bell.example.org", "bell.example.org", "http://x", true),
            ("https://Bell.example.org:8443", "bell.example.org:8443", "http://x", true),
            ("https://bell.example.org", "127.0.0.1:9797", "https://bell.example.org/watch", true),
            ("https://evil.example.org", "bell.example.org", "https://bell.example.org", false),
            ("null", "bell.example.org", "", false),
            ("", "", "", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            headers.insert(header::HOST, HeaderValue::from_static(host));
            let found = Origin::of(&headers).expect("an origin");
            assert_eq!(found.is_own(&headers, external_url), expected, "{origin} {host} {external_url}");
        }
    }
}
