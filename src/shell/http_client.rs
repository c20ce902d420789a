//! HTTP clients from the configuration: one builder for scraping and for receivers.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, RequestBuilder};

use super::secret::{FileError, Hidden, reveal};
use super::tls::{TlsError, TlsMaterial, client_config};
use crate::deliver::HttpConfig;

/// The greatest number of redirects in a row.
pub(crate) const REDIRECTS_MAX: usize = 10;

/// How long an idle connection is kept.
const IDLE_CONNECTION_TIMEOUT: Duration = Duration::from_secs(60);

/// The greatest number of idle connections kept per host.
const IDLE_CONNECTIONS_PER_HOST_MAX: usize = 4;

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
    /// A header's name or value has characters that no header may have.
    #[error("the header `{0}` has an invalid name or value")]
    Header(String),
    /// The client refuses to be built.
    #[error("HTTP client: {0}")]
    Build(String),
}

impl HttpClientError {
    /// Whether it may work later without a change of the configuration: a file that is being replaced.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self, HttpClientError::File(_) | HttpClientError::Tls(TlsError::File(_) | TlsError::Content { .. }))
    }
}

/// A client for GET requests: connects as `config` says, follows redirects if it may, gives up after `timeout`.
///
/// Credentials are not part of the client: [`authorize`] adds them to each request.
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
    let tls = client_config(&config.tls, material).await?;
    let mut builder = Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(USER_AGENT)
        .referer(false)
        .no_proxy()
        .pool_idle_timeout(IDLE_CONNECTION_TIMEOUT)
        .pool_max_idle_per_host(IDLE_CONNECTIONS_PER_HOST_MAX);
    if let Some(url) = &config.proxy_url {
        builder = builder.proxy(reqwest::Proxy::all(url).map_err(|_| HttpClientError::Proxy)?);
    }
    Ok(builder)
}

/// Adds what `config` says about credentials and headers to `request`; secrets are read now.
///
/// # Errors
///
/// A file that cannot be read; a header that is none.
pub(crate) async fn authorize(request: RequestBuilder, config: &HttpConfig) -> Result<RequestBuilder, HttpClientError> {
    authorize_hiding(request, config, &mut Hidden::default()).await
}

/// As [`authorize`]; what was read is added to `hidden`.
pub(crate) async fn authorize_hiding(
    mut request: RequestBuilder,
    config: &HttpConfig,
    hidden: &mut Hidden,
) -> Result<RequestBuilder, HttpClientError> {
    for (name, secret) in &config.headers {
        let value = reveal(secret).await?;
        hidden.add(&value);
        request = request.header(header_name(name)?, header_value(name, &value)?);
    }
    if let Some((scheme, credentials)) = &config.authorization {
        let credentials = reveal(credentials).await?;
        hidden.add(&credentials);
        request = request.header(AUTHORIZATION, header_value("Authorization", &format!("{scheme} {credentials}"))?);
    }
    if let Some(basic) = &config.basic_auth {
        let password = match &basic.password {
            Some(secret) => reveal(secret).await?,
            None => String::new(),
        };
        let encoded = base64_of(&format!("{}:{password}", basic.username));
        hidden.add(&password);
        hidden.add(&encoded);
        request = request.header(AUTHORIZATION, header_value("Authorization", &format!("Basic {encoded}"))?);
    }
    Ok(request)
}

fn header_name(name: &str) -> Result<HeaderName, HttpClientError> {
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
mod tests {
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpListener};
    use std::sync::Arc;

    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};

    use super::*;
    use crate::deliver::{BasicAuth, Secret, TlsConfig};

    const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tls/");
    const TIMEOUT: Duration = Duration::from_secs(10);

    fn fixture(name: &str) -> Option<String> {
        Some(format!("{FOLDER}{name}"))
    }

    /// A server for `receiver.test` that answers each connection with 204, in a thread that ends with the tests.
    fn tls_server(ask_for_certificate: bool) -> SocketAddr {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let chain = vec![CertificateDer::from_pem_file(fixture("server.pem").expect("path")).expect("certificate")];
        let key = PrivateKeyDer::from_pem_file(fixture("server.key").expect("path")).expect("key");
        let builder = rustls::ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .expect("versions");
        let builder = if ask_for_certificate {
            let mut roots = rustls::RootCertStore::empty();
            roots
                .add(CertificateDer::from_pem_file(fixture("ca.pem").expect("path")).expect("certificate"))
                .expect("root");
            let verifier =
                rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.expect("verifier"))
        } else {
            builder.with_no_client_auth()
        };
        let config = Arc::new(builder.with_single_cert(chain, key).expect("server"));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let Ok(connection) = rustls::ServerConnection::new(config.clone()) else { continue };
                let mut tls = rustls::StreamOwned::new(connection, stream);
                let _ = tls.read(&mut [0; 4096]);
                let _ = tls.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
                tls.conn.send_close_notify();
                let _ = tls.flush();
            }
        });
        address
    }

    async fn get(address: SocketAddr, tls: TlsConfig) -> Result<u16, String> {
        let config = HttpConfig { tls, ..HttpConfig::default() };
        let client = client(&config, TIMEOUT).await.map_err(|error| error.to_string())?;
        client.get(format!("https://{address}/")).send().await.map(|a| a.status().as_u16()).map_err(describe)
    }

    #[tokio::test]
    async fn trusts_what_it_is_told_to_trust() {
        let address = tls_server(false);
        let ca_file = fixture("ca.pem");
        let name = Some("receiver.test".to_owned());
        let trusting = TlsConfig { ca_file: ca_file.clone(), server_name: name.clone(), ..TlsConfig::default() };
        assert_eq!(get(address, trusting).await, Ok(204));
        let insecure = TlsConfig { insecure_skip_verify: true, ..TlsConfig::default() };
        assert_eq!(get(address, insecure).await, Ok(204));
        for (config, part) in [
            (TlsConfig { server_name: name, ..TlsConfig::default() }, "UnknownIssuer"),
            (TlsConfig { ca_file: ca_file.clone(), ..TlsConfig::default() }, "not valid for name"),
            (
                TlsConfig { ca_file, server_name: Some("other.test".into()), ..TlsConfig::default() },
                "not valid for name",
            ),
            (TlsConfig { ca_file: fixture("server.key"), ..TlsConfig::default() }, "no certificate in"),
            (TlsConfig { ca_file: fixture("none.pem"), ..TlsConfig::default() }, "cannot read"),
            (TlsConfig { cert_file: fixture("server.pem"), ..TlsConfig::default() }, "go together"),
            (TlsConfig { server_name: Some("a b".into()), ..TlsConfig::default() }, "not a host name"),
        ] {
            let error = get(address, config).await.expect_err(part);
            assert!(error.contains(part), "{part}: {error}");
        }
    }

    #[tokio::test]
    async fn shows_its_certificate() {
        let address = tls_server(true);
        let anonymous =
            TlsConfig { ca_file: fixture("ca.pem"), server_name: Some("receiver.test".into()), ..TlsConfig::default() };
        assert!(get(address, anonymous.clone()).await.is_err());
        let known = TlsConfig { cert_file: fixture("server.pem"), key_file: fixture("server.key"), ..anonymous };
        assert_eq!(get(address, known).await, Ok(204));
    }

    #[tokio::test]
    async fn adds_credentials_and_hides_them() {
        let config = HttpConfig {
            basic_auth: Some(BasicAuth { username: "ada".into(), password: Some(Secret::Value("engine".into())) }),
            headers: vec![("X-Key".into(), Secret::Value("s3cret".into()))],
            ..HttpConfig::default()
        };
        let client = client(&config, TIMEOUT).await.expect("a client");
        let mut hidden = Hidden::default();
        let request =
            authorize_hiding(client.get("http://127.0.0.1/"), &config, &mut hidden).await.expect("authorised");
        let request = request.build().expect("a request");
        assert_eq!(request.headers()["authorization"], "Basic YWRhOmVuZ2luZQ==");
        assert_eq!(request.headers()["x-key"], "s3cret");
        assert_eq!(hidden.redact("engine YWRhOmVuZ2luZQ== s3cret"), "<secret> <secret> <secret>");
        assert!(!format!("{request:?}").contains("s3cret"));

        let bearer = HttpConfig {
            authorization: Some(("Bearer".into(), Secret::Value("t0ken".into()))),
            ..HttpConfig::default()
        };
        let request = authorize(client.get("http://127.0.0.1/"), &bearer).await.expect("authorised");
        assert_eq!(request.build().expect("a request").headers()["authorization"], "Bearer t0ken");

        let broken = HttpConfig { headers: vec![("X".into(), Secret::Value("a\nb".into()))], ..HttpConfig::default() };
        let error = authorize(client.get("http://127.0.0.1/"), &broken).await.expect_err("refused");
        assert_eq!(error.to_string(), "the header `X` has an invalid name or value");
    }

    #[tokio::test]
    async fn refuses_a_proxy_without_showing_its_password() {
        let config = HttpConfig { proxy_url: Some("http://user:pass word@[".into()), ..HttpConfig::default() };
        let error = client(&config, TIMEOUT).await.expect_err("refused");
        assert_eq!(error.to_string(), "proxy_url is not a valid address");
    }
}
