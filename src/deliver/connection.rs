//! How receivers and targets are reached over HTTP and TLS.

use super::Secret;

/// A connection over HTTP, for scraping and for receivers.
///
/// At most one of `basic_auth`, `authorization` and `oauth2` is given.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpConfig {
    /// Basic authentication.
    pub basic_auth: Option<BasicAuth>,
    /// An `Authorization` header: its scheme and credentials.
    pub authorization: Option<(String, Secret)>,
    /// Tokens by OAuth 2.0.
    pub oauth2: Option<Box<OAuth2Config>>,
    /// TLS settings.
    pub tls: TlsConfig,
    /// Whether redirects are followed.
    pub follow_redirects: bool,
    /// Whether HTTP/2 may be used: over TLS, where the server offers it.
    pub enable_http2: bool,
    /// The proxy, if any.
    pub proxy: ProxyConfig,
    /// Further headers.
    pub headers: Vec<(String, Secret)>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        HttpConfig {
            basic_auth: None,
            authorization: None,
            oauth2: None,
            tls: TlsConfig::default(),
            follow_redirects: true,
            enable_http2: true,
            proxy: ProxyConfig::default(),
            headers: Vec::new(),
        }
    }
}

impl HttpConfig {
    /// The same connection without credentials in `Authorization`.
    #[must_use]
    pub fn without_authorization(&self) -> HttpConfig {
        HttpConfig { basic_auth: None, authorization: None, oauth2: None, ..self.clone() }
    }
}

/// A user and a password.
#[derive(Clone, Debug, PartialEq)]
pub struct BasicAuth {
    /// The user.
    pub username: Secret,
    /// The password.
    pub password: Option<Secret>,
}

/// Where tokens come from: the client credentials grant of OAuth 2.0 (RFC 6749, section 4.4).
#[derive(Clone, Debug, PartialEq)]
pub struct OAuth2Config {
    /// Who we are.
    pub client_id: String,
    /// What proves it.
    pub client_secret: Option<Secret>,
    /// Where tokens are fetched.
    pub token_url: String,
    /// What the token shall allow.
    pub scopes: Vec<String>,
    /// Further parameters of the request; a `grant_type` takes the place of `client_credentials`.
    pub endpoint_params: Vec<(String, Secret)>,
    /// TLS settings of the request for a token.
    pub tls: TlsConfig,
    /// The proxy of the request for a token.
    pub proxy: ProxyConfig,
}

/// Which requests go through which proxy.
#[derive(Clone, Default, PartialEq)]
pub struct ProxyConfig {
    /// The proxy's address (`http`, `https`, `socks5` or `socks5h`), with user and password if it needs them.
    pub url: Option<String>,
    /// Hosts that are reached without it, separated by commas.
    pub no_proxy: String,
    /// Whether `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` of the environment say so instead.
    pub from_environment: bool,
    /// Headers of CONNECT requests.
    pub connect_headers: Vec<(String, Secret)>,
}

impl std::fmt::Debug for ProxyConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProxyConfig")
            .field("url", &self.url.as_ref().map(|_| "<secret>"))
            .field("no_proxy", &self.no_proxy)
            .field("from_environment", &self.from_environment)
            .field("connect_headers", &self.connect_headers)
            .finish()
    }
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// TLS settings; files are read again for each new connection.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TlsConfig {
    /// The certificates to trust, as PEM, instead of the machine's.
    pub ca: Option<Secret>,
    /// Our certificate, as PEM.
    pub cert: Option<Secret>,
    /// Our key, as PEM.
    pub key: Option<Secret>,
    /// The name to expect in the server's certificate.
    pub server_name: Option<String>,
    /// Whether any certificate is accepted.
    pub insecure_skip_verify: bool,
    /// The oldest version that may be spoken.
    pub min_version: Option<TlsVersion>,
    /// The newest version that may be spoken.
    pub max_version: Option<TlsVersion>,
}
