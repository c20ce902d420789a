//! How receivers and targets are reached over HTTP and TLS.

use super::Secret;

/// A connection over HTTP, for scraping and for receivers.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpConfig {
    /// Basic authentication.
    pub basic_auth: Option<BasicAuth>,
    /// An `Authorization` header: its scheme and credentials.
    pub authorization: Option<(String, Secret)>,
    /// TLS settings.
    pub tls: TlsConfig,
    /// Whether redirects are followed.
    pub follow_redirects: bool,
    /// Whether HTTP/2 may be used.
    pub enable_http2: bool,
    /// A proxy's address.
    pub proxy_url: Option<String>,
    /// Further headers.
    pub headers: Vec<(String, Secret)>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        HttpConfig {
            basic_auth: None,
            authorization: None,
            tls: TlsConfig::default(),
            follow_redirects: true,
            enable_http2: true,
            proxy_url: None,
            headers: Vec::new(),
        }
    }
}

/// A user and a password.
#[derive(Clone, Debug, PartialEq)]
pub struct BasicAuth {
    /// The user.
    pub username: String,
    /// The password.
    pub password: Option<Secret>,
}

/// TLS settings; the files are read again for each new connection.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TlsConfig {
    /// A file with the certificates to trust, instead of the machine's.
    pub ca_file: Option<String>,
    /// A file with our certificate.
    pub cert_file: Option<String>,
    /// A file with our key.
    pub key_file: Option<String>,
    /// The name to expect in the server's certificate.
    pub server_name: Option<String>,
    /// Whether any certificate is accepted.
    pub insecure_skip_verify: bool,
}
