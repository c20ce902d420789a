//! HTTP clients from the configuration: one builder for scraping and for receivers.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, IntoUrl, Method, RequestBuilder, Response, StatusCode};

use super::oauth2::Tokens;
use super::proxy::proxies;
use super::secret::{FileError, Hidden, reveal};
use super::tls::{TlsError, TlsMaterial, client_config};
use crate::deliver::HttpConfig;

/// The greatest number of redirects in a row.
pub(crate) const REDIRECTS_MAX: usize = 10;

/// How long an idle connection is kept.
const IDLE_CONNECTION_TIMEOUT: Duration = Duration::from_secs(60);

/// The greatest number of idle connections kept per host.
const IDLE_CONNECTIONS_PER_HOST_MAX: usize = 4;

/// How long an HTTP/2 connection may be silent before the other side is asked whether it is still there.
const PING_AFTER: Duration = Duration::from_secs(60);

/// What we call ourselves.
const USER_AGENT: &str = concat!("Watchbell/", env!("CARGO_PKG_VERSION"));

/// A connection that cannot be set up as configured. Holds no secrets.
#[derive(Debug, thiserror::Error)]
pub enum HttpClientError {
    /// A secret's file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The TLS settings cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The proxy's address cannot be used.
    #[error("proxy_url is not a valid address")]
    Proxy,
    /// There is no token to be had.
    #[error("oauth2: {0}")]
    Token(String),
    /// A header's name or value has characters that no header may have.
    #[error("the header `{0}` has an invalid name or value")]
    Header(String),
    /// The client refuses to be built.
    #[error("HTTP client: {0}")]
    Build(String),
}

impl HttpClientError {
    /// Whether it may work later without a change of the configuration: a file that is being replaced, a server that
    /// gives no token now.
    pub(crate) fn is_transient(&self) -> bool {
        let is_file = matches!(
            self,
            HttpClientError::File(_) | HttpClientError::Tls(TlsError::File(_) | TlsError::Content { .. })
        );
        is_file || matches!(self, HttpClientError::Token(_))
    }
}

/// A request without an answer.
#[derive(Debug)]
pub(crate) enum SendError {
    /// The request cannot be made as configured.
    Client(HttpClientError),
    /// It was made, and there is no answer.
    Request(reqwest::Error),
}

impl From<HttpClientError> for SendError {
    fn from(error: HttpClientError) -> Self {
        SendError::Client(error)
    }
}

/// A client with the tokens of its connection; cheap to clone.
#[derive(Clone)]
pub(crate) struct HttpClient {
    client: Client,
    tokens: Option<Arc<Tokens>>,
}

impl HttpClient {
    /// As [`client`], with the tokens that `config` asks for.
    ///
    /// # Errors
    ///
    /// As [`client`].
    pub(crate) async fn new(config: &HttpConfig, timeout: Duration) -> Result<HttpClient, HttpClientError> {
        Ok(HttpClient::of(client(config, timeout).await?, config))
    }

    /// `client`, which was built as `config` says.
    pub(crate) fn of(client: Client, config: &HttpConfig) -> HttpClient {
        HttpClient { client, tokens: config.oauth2.as_deref().map(Tokens::shared) }
    }

    /// A request that [`HttpClient::send`] takes.
    pub(crate) fn request(&self, method: Method, url: impl IntoUrl) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// Sends `request` with the credentials and headers of `config`; what must not show is added to `hidden`. A token
    /// that is refused is fetched anew, once.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, a header that is none, no token, no answer.
    pub(crate) async fn send(
        &self,
        request: RequestBuilder,
        config: &HttpConfig,
        hidden: &mut Hidden,
    ) -> Result<Response, SendError> {
        let request = authorize(request, config, hidden).await?;
        let Some(tokens) = &self.tokens else { return request.send().await.map_err(SendError::Request) };
        let again = request.try_clone();
        let (token, is_new) = tokens.get(hidden).await?;
        let response = with_authorization(request, &token)?.send().await.map_err(SendError::Request)?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        tokens.forget(&token).await;
        match again {
            Some(again) if !is_new => {
                let (token, _) = tokens.get(hidden).await?;
                with_authorization(again, &token)?.send().await.map_err(SendError::Request)
            }
            _ => Ok(response),
        }
    }
}

/// `request` with `value` as `Authorization`, kept out of debug output.
pub(super) fn with_authorization(request: RequestBuilder, value: &str) -> Result<RequestBuilder, HttpClientError> {
    Ok(request.header(AUTHORIZATION, header_value("Authorization", value)?))
}

/// A client for GET requests: connects as `config` says, follows redirects if it may, gives up after `timeout`.
///
/// Credentials are not part of the client: [`HttpClient::send`] adds them to each request.
///
/// # Errors
///
/// Files that cannot be read or hold no certificate or key, an unusable proxy or server name.
pub(crate) async fn client(config: &HttpConfig, timeout: Duration) -> Result<Client, HttpClientError> {
    let material = TlsMaterial::read(&config.tls).await?;
    let redirects = if config.follow_redirects { Policy::limited(REDIRECTS_MAX) } else { Policy::none() };
    let builder = builder(config, &material).await?.redirect(redirects).timeout(timeout);
    builder.build().map_err(|error| HttpClientError::Build(describe(error)))
}

/// What [`client`] starts from; redirects and time-outs are the caller's.
pub(crate) async fn builder(config: &HttpConfig, material: &TlsMaterial) -> Result<ClientBuilder, HttpClientError> {
    let mut tls = client_config(&config.tls, material).await?;
    let protocols: &[&str] = if config.enable_http2 { &["h2", "http/1.1"] } else { &["http/1.1"] };
    tls.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let mut builder = Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(USER_AGENT)
        .referer(false)
        .no_proxy()
        .pool_idle_timeout(IDLE_CONNECTION_TIMEOUT)
        .pool_max_idle_per_host(IDLE_CONNECTIONS_PER_HOST_MAX)
        .http2_keep_alive_interval(PING_AFTER);
    if !config.enable_http2 {
        builder = builder.http1_only();
    }
    for proxy in proxies(&config.proxy).await? {
        builder = builder.proxy(proxy);
    }
    Ok(builder)
}

/// Adds what `config` says about credentials and headers to `request`; secrets are read now and added to `hidden`.
async fn authorize(
    mut request: RequestBuilder,
    config: &HttpConfig,
    hidden: &mut Hidden,
) -> Result<RequestBuilder, HttpClientError> {
    if let Some(proxy) = &config.proxy.url {
        hidden.add_url(proxy);
    }
    for (name, secret) in &config.headers {
        let value = reveal(secret).await?;
        hidden.add(&value);
        request = request.header(header_name(name)?, header_value(name, &value)?);
    }
    if let Some((scheme, credentials)) = &config.authorization {
        let credentials = reveal(credentials).await?;
        hidden.add(&credentials);
        request = with_authorization(request, &format!("{scheme} {credentials}"))?;
    }
    if let Some(basic) = &config.basic_auth {
        let password = match &basic.password {
            Some(secret) => reveal(secret).await?,
            None => String::new(),
        };
        request = with_authorization(request, &basic_credentials(&reveal(&basic.username).await?, &password, hidden))?;
    }
    Ok(request)
}

/// The value of `Authorization` for `username` and `password` (RFC 7617).
pub(super) fn basic_credentials(username: &str, password: &str, hidden: &mut Hidden) -> String {
    let encoded = base64_of(&format!("{username}:{password}"));
    hidden.add(password);
    hidden.add(&encoded);
    format!("Basic {encoded}")
}

/// `name` as a header's name.
pub(super) fn header_name(name: &str) -> Result<HeaderName, HttpClientError> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| HttpClientError::Header(name.to_owned()))
}

/// `value` as a header's value, kept out of debug output.
pub(crate) fn header_value(name: &str, value: &str) -> Result<HeaderValue, HttpClientError> {
    let mut value = HeaderValue::from_str(value).map_err(|_| HttpClientError::Header(name.to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

fn base64_of(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// At most `limit` bytes of the rest of `response`, and whether that is all of it.
pub(crate) async fn read_up_to(response: &mut Response, limit: usize) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                let room = limit - body.len();
                body.extend_from_slice(&chunk[..chunk.len().min(room)]);
                if chunk.len() > room {
                    return (body, false);
                }
            }
            Ok(None) => return (body, true),
            Err(_) => return (body, false),
        }
    }
}

/// `error` with its causes and without the address, which may hold secrets.
pub(crate) fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.ends_with(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests;
