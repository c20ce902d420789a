//! One POST: the request, the bounded answer, and what it means.

use std::sync::Mutex;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::redirect::{Action, Policy};
use reqwest::{Client, StatusCode, Url};

use super::text::{RenderError, cut, one_line};
use crate::deliver::{HttpConfig, Outcome, TlsConfig};
use crate::model::Timestamp;
use crate::shell::http_client::{HttpClientError, REDIRECTS_MAX, authorize_hiding, builder, describe, header_value};
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

/// Posts, with one client per kind of connection.
#[derive(Default)]
pub(super) struct HttpSender {
    clients: Mutex<Vec<(ClientKey, Client)>>,
}

/// What two clients must agree on to be one; credentials are added to each request.
#[derive(Clone, PartialEq)]
struct ClientKey {
    tls: TlsConfig,
    material: TlsMaterial,
    proxy_url: Option<String>,
    follow_redirects: bool,
}

/// A POST of JSON.
pub(super) struct Post<'a> {
    pub(super) url: &'a str,
    pub(super) http: &'a HttpConfig,
    pub(super) timeout: Duration,
    pub(super) headers: &'a [(&'static str, &'a str)],
    pub(super) body: Vec<u8>,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// The first [`ANSWER_SIZE_MAX`] bytes.
    pub(super) body: Vec<u8>,
    /// Whether `body` is all of it.
    pub(super) complete: bool,
    pub(super) retry_after: Option<Duration>,
}

impl HttpSender {
    /// Posts once; what must not show is added to `hidden`.
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
        let client = self.client(post.http).await.map_err(failed)?;
        let mut request = client.post(url).timeout(post.timeout).header(CONTENT_TYPE, "application/json");
        for (name, value) in post.headers {
            request = request.header(*name, header_value(name, value).map_err(failed)?);
        }
        let request = authorize_hiding(request, post.http, hidden).await.map_err(failed)?;
        match request.body(post.body).send().await {
            Ok(response) => Ok(read(response, now).await),
            Err(error) if error.is_builder() => Err(Outcome::Rejected { error: hidden.redact(&describe(error)) }),
            Err(error) if error.is_timeout() => {
                Err(Outcome::Retry { error: format!("no answer within {:?}", post.timeout), after: None })
            }
            Err(error) => Err(Outcome::Retry { error: hidden.redact(&describe(error)), after: None }),
        }
    }

    /// A client as `config` says; kept until the files of its TLS settings change.
    async fn client(&self, config: &HttpConfig) -> Result<Client, HttpClientError> {
        let key = ClientKey {
            tls: config.tls.clone(),
            material: TlsMaterial::read(&config.tls).await?,
            proxy_url: config.proxy_url.clone(),
            follow_redirects: config.follow_redirects,
        };
        if let Some((_, client)) = self.lock().iter().find(|(known, _)| *known == key) {
            return Ok(client.clone());
        }
        let redirects = if config.follow_redirects { Policy::custom(follow) } else { Policy::none() };
        let client = builder(config, &key.material)
            .await?
            .redirect(redirects)
            .build()
            .map_err(|error| HttpClientError::Build(describe(error)))?;
        let mut clients = self.lock();
        clients.retain(|(known, _)| {
            (&known.tls, &known.proxy_url, known.follow_redirects) != (&key.tls, &key.proxy_url, key.follow_redirects)
        });
        if clients.len() >= CLIENTS_MAX {
            clients.remove(0);
        }
        clients.push((key, client.clone()));
        Ok(client)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(ClientKey, Client)>> {
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

async fn read(mut response: reqwest::Response, now: Timestamp) -> Answer {
    let mut answer = Answer {
        status: response.status(),
        body: Vec::new(),
        complete: false,
        retry_after: retry_after(response.headers(), now),
    };
    while answer.body.len() < ANSWER_SIZE_MAX {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                let room = ANSWER_SIZE_MAX - answer.body.len();
                answer.body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            }
            Ok(None) => {
                answer.complete = true;
                break;
            }
            Err(_) => break,
        }
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
            Outcome::Rejected { error: format!("{status}: not followed; a POST is sent on only by 307 and 308") }
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
}
