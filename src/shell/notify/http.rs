//! One request: what is sent, the bounded answer, and what it means.

use std::borrow::Cow;
use std::sync::Mutex;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::redirect::{Action, Policy};
use reqwest::{Method, StatusCode, Url};

use super::text::{RenderError, cut, one_line};
use crate::deliver::{HttpConfig, OAuth2Config, Outcome, ProxyConfig, TlsConfig};
use crate::model::Timestamp;
use crate::shell::http_client::{
    HttpClient, HttpClientError, REDIRECTS_MAX, SendError, builder, describe, header_value, read_up_to,
};
use crate::shell::secret::{FileError, Hidden};
use crate::shell::tls::TlsMaterial;

/// The greatest part of an answer that is read, in bytes.
const ANSWER_SIZE_MAX: usize = 64 << 10;

/// The greatest part of an answer that an error quotes, in characters.
const EXCERPT_LENGTH_MAX: usize = 256;

/// The greatest number of clients that are kept.
const CLIENTS_MAX: usize = 64;

/// The longest wait that `Retry-After` may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Sends, with one client per kind of connection.
#[derive(Default)]
pub(super) struct HttpSender {
    clients: Mutex<Vec<(ClientKey, HttpClient)>>,
}

/// What two clients must agree on to be one; credentials are added to each request.
#[derive(Clone, PartialEq)]
struct ClientKey {
    tls: TlsConfig,
    material: TlsMaterial,
    proxy: ProxyConfig,
    oauth2: Option<Box<OAuth2Config>>,
    follow_redirects: bool,
    /// Whether redirects to other hosts are not followed: requests carry keys in headers that would go with them.
    stays_on_host: bool,
    enable_http2: bool,
}

impl ClientKey {
    /// Whether the two differ in what the files of their TLS settings held, at most.
    fn replaces(&self, other: &ClientKey) -> bool {
        *other == ClientKey { material: other.material.clone(), ..self.clone() }
    }
}

/// A request; a POST of JSON unless it is changed.
pub(super) struct Post<'a> {
    url: &'a str,
    http: &'a HttpConfig,
    timeout: Duration,
    method: Method,
    content_type: Option<&'static str>,
    headers: Vec<(&'static str, String)>,
    secret_headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl<'a> Post<'a> {
    /// A POST of JSON (see [`json`]). The address is kept secret.
    pub(super) fn json(url: &'a str, http: &'a HttpConfig, timeout: Duration, body: Vec<u8>) -> Self {
        let content_type = Some("application/json");
        let (headers, secret_headers) = (Vec::new(), Vec::new());
        Post { url, http, timeout, method: Method::POST, content_type, headers, secret_headers, body }
    }

    /// A POST of a form: `pairs` as `application/x-www-form-urlencoded`.
    pub(super) fn form(url: &'a str, http: &'a HttpConfig, timeout: Duration, pairs: &[(&str, &str)]) -> Self {
        Post {
            content_type: Some("application/x-www-form-urlencoded"),
            ..Post::json(url, http, timeout, form(pairs).into_bytes())
        }
    }

    /// A GET without a body.
    pub(super) fn get(url: &'a str, http: &'a HttpConfig, timeout: Duration) -> Self {
        Post { method: Method::GET, content_type: None, ..Post::json(url, http, timeout, Vec::new()) }
    }

    /// With another method.
    pub(super) fn method(self, method: Method) -> Self {
        Post { method, ..self }
    }

    /// With another `Content-Type`.
    pub(super) fn content_type(self, content_type: &'static str) -> Self {
        Post { content_type: Some(content_type), ..self }
    }

    /// With a header that may show.
    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With a header whose value must not show, nor the credentials after its scheme. An `Authorization` takes the
    /// place of that of the connection.
    pub(super) fn secret_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.secret_headers.push((name, value.into()));
        self
    }
}

/// `pairs` as `application/x-www-form-urlencoded`.
pub(super) fn form(pairs: &[(&str, &str)]) -> String {
    let Ok(mut url) = Url::parse("http://form.invalid/") else { return String::new() };
    url.query_pairs_mut().extend_pairs(pairs);
    url.query().unwrap_or_default().to_owned()
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// The first [`ANSWER_SIZE_MAX`] bytes.
    pub(super) body: Vec<u8>,
    /// Whether `body` is all of it.
    pub(super) complete: bool,
    /// How long it asks us to wait, in a header or (if it is no success) in its JSON.
    pub(super) retry_after: Option<Duration>,
}

impl HttpSender {
    /// Sends once; what must not show is added to `hidden`.
    ///
    /// # Errors
    ///
    /// No answer: the outcome says whether there can be one later.
    pub(super) async fn post(&self, post: Post<'_>, hidden: &mut Hidden, now: Timestamp) -> Result<Answer, Outcome> {
        hidden.add_url(post.url);
        let failed = |error: HttpClientError| match error.is_transient() {
            true => Outcome::Retry { error: error.to_string(), after: None },
            false => Outcome::Rejected { error: error.to_string() },
        };
        let url = Url::parse(post.url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| Outcome::Rejected { error: "the address is not an http or https URL".to_owned() })?;
        let mut http = Cow::Borrowed(post.http);
        if post.secret_headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization")) {
            http = Cow::Owned(post.http.without_authorization());
        }
        let stays_on_host = !post.secret_headers.is_empty() || !http.headers.is_empty();
        let client = self.client(&http, stays_on_host).await.map_err(failed)?;
        let mut request = client.request(post.method, url).timeout(post.timeout);
        if let Some(content_type) = post.content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        for (_, value) in &post.secret_headers {
            hidden.add(value);
            hidden.add(value.split_once(' ').map_or("", |(_, credentials)| credentials));
        }
        for (name, value) in post.headers.iter().chain(&post.secret_headers) {
            request = request.header(*name, header_value(name, value).map_err(failed)?);
        }
        match client.send(request.body(post.body), &http, hidden).await {
            Ok(response) => Ok(read(response, now).await),
            Err(SendError::Client(error)) => Err(failed(error)),
            Err(SendError::Request(error)) if error.is_builder() => {
                Err(Outcome::Rejected { error: hidden.redact(&describe(error)) })
            }
            Err(SendError::Request(error)) if error.is_timeout() => {
                Err(Outcome::Retry { error: format!("no answer within {:?}", post.timeout), after: None })
            }
            Err(SendError::Request(error)) => {
                Err(Outcome::Retry { error: hidden.redact(&describe(error)), after: None })
            }
        }
    }

    /// A client as `config` says; kept until the files of its TLS settings change.
    async fn client(&self, config: &HttpConfig, stays_on_host: bool) -> Result<HttpClient, HttpClientError> {
        let key = ClientKey {
            tls: config.tls.clone(),
            material: TlsMaterial::read(&config.tls).await?,
            proxy: config.proxy.clone(),
            oauth2: config.oauth2.clone(),
            follow_redirects: config.follow_redirects,
            stays_on_host,
            enable_http2: config.enable_http2,
        };
        if let Some((_, client)) = self.lock().iter().find(|(known, _)| *known == key) {
            return Ok(client.clone());
        }
        let redirects = match (config.follow_redirects, stays_on_host) {
            (false, _) => Policy::none(),
            (true, false) => Policy::custom(follow),
            (true, true) => {
                Policy::custom(|attempt| if is_same_host(&attempt) { follow(attempt) } else { attempt.stop() })
            }
        };
        let client = builder(config, &key.material)
            .await?
            .redirect(redirects)
            .build()
            .map_err(|error| HttpClientError::Build(describe(error)))?;
        let client = HttpClient::of(client, config);
        let mut clients = self.lock();
        clients.retain(|(known, _)| !key.replaces(known));
        if clients.len() >= CLIENTS_MAX {
            clients.remove(0);
        }
        clients.push((key, client.clone()));
        Ok(client)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(ClientKey, HttpClient)>> {
        self.clients.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Follows only what keeps method and body (307, 308): a POST that became a GET would look delivered. Never from https to http.
fn follow(attempt: reqwest::redirect::Attempt<'_>) -> Action {
    let keeps_method = matches!(attempt.status(), StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
    let was_https = attempt.previous().last().is_some_and(|url| url.scheme() == "https");
    let is_safe = !was_https || attempt.url().scheme() == "https";
    if keeps_method && is_safe && attempt.previous().len() <= REDIRECTS_MAX { attempt.follow() } else { attempt.stop() }
}

/// Whether a redirect leads to the host that it comes from: to the same port, or from one scheme to the other.
fn is_same_host(attempt: &reqwest::redirect::Attempt<'_>) -> bool {
    let to = attempt.url();
    attempt.previous().last().is_some_and(|from| {
        let default_ports = from.port().is_none() && to.port().is_none();
        from.host() == to.host() && (default_ports || from.port_or_known_default() == to.port_or_known_default())
    })
}

async fn read(mut response: reqwest::Response, now: Timestamp) -> Answer {
    let (status, retry_after) = (response.status(), retry_after(response.headers(), now));
    let (body, complete) = read_up_to(&mut response, ANSWER_SIZE_MAX).await;
    let mut answer = Answer { status, body, complete, retry_after };
    if !answer.status.is_success() && answer.retry_after.is_none() {
        answer.retry_after = retry_after_in(&answer.body);
    }
    answer
}

impl Answer {
    /// What the status alone says: 2xx is delivered; 408, 429 and 5xx may work later; the rest never will.
    pub(super) fn verdict(&self, hidden: &Hidden) -> Outcome {
        let status = self.status;
        if status.is_success() {
            return Outcome::Delivered;
        }
        let text = hidden.redact(&String::from_utf8_lossy(&self.body));
        let excerpt = cut(&one_line(&text), EXCERPT_LENGTH_MAX);
        let error = if excerpt.is_empty() { status.to_string() } else { format!("{status}: {excerpt}") };
        let is_transient = matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
        if is_transient || status.is_server_error() {
            Outcome::Retry { error, after: self.retry_after }
        } else if status.is_redirection() {
            let rule = "a POST is sent on only by 307 and 308, and to another host only without keys in its headers";
            Outcome::Rejected { error: format!("{status}: not followed; {rule}") }
        } else {
            Outcome::Rejected { error }
        }
    }
}

/// `payload` as JSON.
pub(super) fn json(payload: &impl serde::Serialize) -> Result<Vec<u8>, Outcome> {
    serde_json::to_vec(payload).map_err(|error| Outcome::Rejected { error: error.to_string() })
}

/// A secret's file may be in the middle of being replaced.
impl From<FileError> for Outcome {
    fn from(error: FileError) -> Self {
        Outcome::Retry { error: error.to_string(), after: None }
    }
}

/// What cannot be rendered now cannot be rendered later: the notification is fixed.
impl From<RenderError> for Outcome {
    fn from(error: RenderError) -> Self {
        Outcome::Rejected { error: error.to_string() }
    }
}

/// `Retry-After` (RFC 9110, section 10.2.3) in seconds or as a date; fractions of seconds are taken too.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok()?,
        Err(_) => {
            let date = jiff::fmt::rfc2822::parse(text).ok()?;
            Timestamp::from_millis(date.timestamp().as_millisecond()).since(now)
        }
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

/// `retry_after` in the JSON of an answer, in seconds: Discord's at the top, Telegram's under `parameters`.
fn retry_after_in(body: &[u8]) -> Option<Duration> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    let seconds = body.get("retry_after").or_else(|| body.get("parameters")?.get("retry_after"))?.as_f64()?;
    Some(Duration::try_from_secs_f64(seconds).ok()?.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_retry_after() {
        let now = Timestamp::parse_rfc3339("2026-11-22T03:00:00Z").expect("a time");
        for (text, expected) in [
            ("120", Some(Duration::from_secs(120))),
            ("0", Some(Duration::ZERO)),
            ("0.376", Some(Duration::from_millis(376))),
            ("Sun, 22 Nov 2026 03:00:30 GMT", Some(Duration::from_secs(30))),
            ("Sun, 22 Nov 2026 02:00:00 GMT", Some(Duration::ZERO)),
            ("99999999999", Some(RETRY_AFTER_MAX)),
            ("-1", None),
            ("NaN", None),
            ("soon", None),
            ("", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().expect("a value"));
            assert_eq!(retry_after(&headers, now), expected, "{text}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    #[test]
    fn reads_retry_after_in_json() {
        for (body, expected) in [
            (r#"{"message": "You are being rate limited.", "retry_after": 0.65}"#, Some(Duration::from_millis(650))),
            (r#"{"ok": false, "parameters": {"retry_after": 35}}"#, Some(Duration::from_secs(35))),
            (r#"{"retry_after": 1e30}"#, None),
            (r#"{"retry_after": 9e9}"#, Some(RETRY_AFTER_MAX)),
            (r#"{"retry_after": -1}"#, None),
            (r#"{"retry_after": "soon"}"#, None),
            (r#"[{"retry_after": 1}]"#, None),
            ("retry_after", None),
        ] {
            assert_eq!(retry_after_in(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn forms() {
        for (pairs, expected) in [
            (&[][..], ""),
            (&[("a", "1"), ("b c", "ä&=+")][..], "a=1&b+c=%C3%A4%26%3D%2B"),
            (&[("message", "line\nline"), ("empty", "")][..], "message=line%0Aline&empty="),
        ] {
            assert_eq!(form(pairs), expected);
        }
    }
}
