use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use rustls::SupportedProtocolVersion;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::*;
use crate::deliver::{BasicAuth, ProxyConfig, Secret, TlsConfig, TlsVersion};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tls/");
const TIMEOUT: Duration = Duration::from_secs(10);

fn fixture(name: &str) -> String {
    format!("{FOLDER}{name}")
}

fn file(name: &str) -> Option<Secret> {
    Some(Secret::File(fixture(name)))
}

fn inline(name: &str) -> Option<Secret> {
    Some(Secret::Value(std::fs::read_to_string(fixture(name)).expect("a fixture")))
}

/// What a server does and demands.
struct Server {
    ask_for_certificate: bool,
    versions: &'static [&'static SupportedProtocolVersion],
    offers_http2: bool,
}

const PLAIN_SERVER: Server = Server { ask_for_certificate: false, versions: rustls::ALL_VERSIONS, offers_http2: false };

/// A server for `receiver.test` that answers each connection with 204, in a thread that ends with the tests.
fn tls_server(server: Server) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = vec![CertificateDer::from_pem_file(fixture("server.pem")).expect("certificate")];
    let key = PrivateKeyDer::from_pem_file(fixture("server.key")).expect("key");
    let builder = rustls::ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(server.versions)
        .expect("versions");
    let builder = if server.ask_for_certificate {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(fixture("ca.pem")).expect("certificate")).expect("root");
        let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
        builder.with_client_cert_verifier(verifier.expect("verifier"))
    } else {
        builder.with_no_client_auth()
    };
    let mut config = builder.with_single_cert(chain, key).expect("server");
    if server.offers_http2 {
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    }
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let Ok(connection) = rustls::ServerConnection::new(config.clone()) else { continue };
            let mut tls = rustls::StreamOwned::new(connection, stream);
            let _ = answer(&mut tls);
            tls.conn.send_close_notify();
            let _ = tls.flush();
        }
    });
    address
}

fn answer(tls: &mut rustls::StreamOwned<rustls::ServerConnection, std::net::TcpStream>) -> std::io::Result<()> {
    let mut received = vec![0; 4096];
    let read = tls.read(&mut received)?;
    received.truncate(read);
    if tls.conn.alpn_protocol() != Some(b"h2") {
        return tls.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    }
    while !has_request(&received) {
        let mut more = [0; 4096];
        let read = tls.read(&mut more)?;
        received.extend_from_slice(&more[..read]);
        if read == 0 {
            return Ok(());
        }
    }
    // Empty SETTINGS, their acknowledgement, and HEADERS of stream 1 with `:status: 204` (RFC 9113, RFC 7541).
    tls.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 1, 1, 5, 0, 0, 0, 1, 0x89])
}

/// Whether a HEADERS frame is among what follows the preface of HTTP/2.
fn has_request(received: &[u8]) -> bool {
    let mut frames = received.get(24..).unwrap_or_default();
    while let [a, b, c, kind, _, _, _, _, _, rest @ ..] = frames {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        if *kind == 1 && rest.len() >= length {
            return true;
        }
        frames = rest.get(length..).unwrap_or_default();
    }
    false
}

/// A proxy that keeps the head of each request, answers plain ones with 204 and refuses tunnels.
fn proxy_server() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let heads: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = heads.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = vec![0; 4096];
            let read = stream.read(&mut head).unwrap_or_default();
            let head = String::from_utf8_lossy(&head[..read]).into_owned();
            let status = if head.starts_with("CONNECT") { "403 Forbidden" } else { "204 No Content" };
            kept.lock().expect("not poisoned").push(head);
            let _ = stream.write_all(format!("HTTP/1.1 {status}\r\nConnection: close\r\n\r\n").as_bytes());
        }
    });
    (address, heads)
}

fn through(url: &str) -> HttpConfig {
    let proxy = ProxyConfig { url: Some(url.to_owned()), ..ProxyConfig::default() };
    HttpConfig { proxy, ..HttpConfig::default() }
}

async fn get(address: SocketAddr, tls: TlsConfig) -> Result<u16, String> {
    let config = HttpConfig { tls, ..HttpConfig::default() };
    let client = client(&config, TIMEOUT).await.map_err(|error| error.to_string())?;
    client.get(format!("https://{address}/")).send().await.map(|a| a.status().as_u16()).map_err(describe)
}

#[tokio::test]
async fn trusts_what_it_is_told_to_trust() {
    let address = tls_server(PLAIN_SERVER);
    let ca = file("ca.pem");
    let name = Some("receiver.test".to_owned());
    let trusting = TlsConfig { ca: ca.clone(), server_name: name.clone(), ..TlsConfig::default() };
    assert_eq!(get(address, trusting).await, Ok(204));
    let insecure = TlsConfig { insecure_skip_verify: true, ..TlsConfig::default() };
    assert_eq!(get(address, insecure).await, Ok(204));
    let inlined = TlsConfig { ca: inline("ca.pem"), server_name: name.clone(), ..TlsConfig::default() };
    assert_eq!(get(address, inlined).await, Ok(204));
    for (config, part) in [
        (TlsConfig { server_name: name, ..TlsConfig::default() }, "UnknownIssuer"),
        (TlsConfig { ca: ca.clone(), ..TlsConfig::default() }, "not valid for name"),
        (TlsConfig { ca, server_name: Some("other.test".into()), ..TlsConfig::default() }, "not valid for name"),
        (TlsConfig { ca: file("server.key"), ..TlsConfig::default() }, "no certificate in"),
        (TlsConfig { ca: inline("server.key"), ..TlsConfig::default() }, "no certificate in `ca`"),
        (TlsConfig { ca: file("none.pem"), ..TlsConfig::default() }, "cannot read"),
        (TlsConfig { cert: file("server.pem"), ..TlsConfig::default() }, "go together"),
        (TlsConfig { server_name: Some("a b".into()), ..TlsConfig::default() }, "not a host name"),
    ] {
        let error = get(address, config).await.expect_err(part);
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[tokio::test]
async fn shows_its_certificate() {
    let address = tls_server(Server { ask_for_certificate: true, ..PLAIN_SERVER });
    let anonymous = TlsConfig { ca: file("ca.pem"), server_name: Some("receiver.test".into()), ..TlsConfig::default() };
    assert!(get(address, anonymous.clone()).await.is_err());
    let known = TlsConfig { cert: file("server.pem"), key: file("server.key"), ..anonymous };
    assert_eq!(get(address, known.clone()).await, Ok(204));
    let inlined = TlsConfig { cert: inline("server.pem"), key: inline("server.key"), ..known };
    assert_eq!(get(address, inlined.clone()).await, Ok(204));
    assert!(!format!("{inlined:?}").contains("BEGIN"));
}

#[tokio::test]
async fn keeps_to_the_versions_of_tls() {
    const OLD: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];
    const NEW: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];
    let (old, new) = (Some(TlsVersion::Tls12), Some(TlsVersion::Tls13));
    for (versions, min_version, max_version, works) in [
        (OLD, None, None, true),
        (OLD, old, None, true),
        (OLD, None, old, true),
        (OLD, new, None, false),
        (NEW, new, new, true),
        (NEW, None, old, false),
        (NEW, old, new, true),
    ] {
        let address = tls_server(Server { versions, ..PLAIN_SERVER });
        let tls = TlsConfig { insecure_skip_verify: true, min_version, max_version, ..TlsConfig::default() };
        let outcome = get(address, tls).await;
        assert_eq!(outcome.is_ok(), works, "{min_version:?} {max_version:?}: {outcome:?}");
    }
}

#[tokio::test]
async fn speaks_http2_where_it_may_and_the_server_can() {
    for (enable_http2, offers_http2, expected) in
        [(true, true, "HTTP/2.0"), (false, true, "HTTP/1.1"), (true, false, "HTTP/1.1")]
    {
        let address = tls_server(Server { offers_http2, ..PLAIN_SERVER });
        let tls = TlsConfig { insecure_skip_verify: true, ..TlsConfig::default() };
        let config = HttpConfig { tls, enable_http2, ..HttpConfig::default() };
        let client = client(&config, TIMEOUT).await.expect("a client");
        let answer = client.get(format!("https://{address}/")).send().await.expect("an answer");
        assert_eq!((answer.status().as_u16(), format!("{:?}", answer.version())), (204, expected.to_owned()));
    }
}

#[tokio::test]
async fn goes_through_the_proxy() {
    let (address, heads) = proxy_server();
    let mut config = through(&format!("http://user:opensesame@{address}"));
    config.proxy.connect_headers = vec![("X-Door".into(), Secret::Value("left-0ne".into()))];
    let client = HttpClient::new(&config, TIMEOUT).await.expect("a client");
    let mut hidden = Hidden::default();
    let plain = client.request(Method::GET, "http://target.test/path");
    assert_eq!(client.send(plain, &config, &mut hidden).await.expect("an answer").status().as_u16(), 204);
    let tunnelled = client.request(Method::GET, "https://target.test/path");
    assert!(matches!(client.send(tunnelled, &config, &mut hidden).await, Err(SendError::Request(_))));
    assert_eq!(hidden.redact("user:opensesame opensesame"), "<secret> <secret>");
    let heads = heads.lock().expect("not poisoned").clone();
    let lower: Vec<String> = heads.iter().map(|head| head.to_lowercase()).collect();
    assert!(heads[0].starts_with("GET http://target.test/path HTTP/1.1"), "{heads:?}");
    assert!(lower[0].contains("proxy-authorization: basic ") && !lower[0].contains("x-door"), "{heads:?}");
    assert!(heads[1].starts_with("CONNECT target.test:443 HTTP/1.1"), "{heads:?}");
    assert!(lower[1].contains("proxy-authorization: basic ") && lower[1].contains("x-door: left-0ne"), "{heads:?}");
}

#[tokio::test]
async fn passes_the_proxy_by_where_it_should() {
    let target = tls_server(PLAIN_SERVER);
    let (address, heads) = proxy_server();
    let mut config = through(&format!("http://{address}"));
    config.tls.insecure_skip_verify = true;
    let ask = |config: HttpConfig| async move {
        let client = client(&config, TIMEOUT).await.expect("a client");
        client.get(format!("https://{target}/")).send().await.map(|answer| answer.status().as_u16())
    };
    assert!(ask(config.clone()).await.is_err(), "the proxy refuses");
    config.proxy.no_proxy = "10.0.0.0/8".into();
    assert_eq!(ask(config).await.expect("direct"), 204, "with exceptions this machine is always one");
    assert_eq!(heads.lock().expect("not poisoned").len(), 1);
}

#[tokio::test]
async fn adds_credentials_and_hides_them() {
    let config = HttpConfig {
        basic_auth: Some(BasicAuth {
            username: Secret::Value("ada".into()),
            password: Some(Secret::Value("engine".into())),
        }),
        headers: vec![("X-Key".into(), Secret::Value("s3cret".into()))],
        ..HttpConfig::default()
    };
    let client = client(&config, TIMEOUT).await.expect("a client");
    let mut hidden = Hidden::default();
    let request = authorize(client.get("http://127.0.0.1/"), &config, &mut hidden).await.expect("authorised");
    let request = request.build().expect("a request");
    assert_eq!(request.headers()["authorization"], "Basic YWRhOmVuZ2luZQ==");
    assert_eq!(request.headers()["x-key"], "s3cret");
    assert_eq!(hidden.redact("engine YWRhOmVuZ2luZQ== s3cret"), "<secret> <secret> <secret>");
    assert!(!format!("{request:?}").contains("s3cret"));

    let bearer =
        HttpConfig { authorization: Some(("Bearer".into(), Secret::Value("t0ken".into()))), ..HttpConfig::default() };
    let request = authorize(client.get("http://127.0.0.1/"), &bearer, &mut hidden).await.expect("authorised");
    assert_eq!(request.build().expect("a request").headers()["authorization"], "Bearer t0ken");

    let broken = HttpConfig { headers: vec![("X".into(), Secret::Value("a\nb".into()))], ..HttpConfig::default() };
    let error = authorize(client.get("http://127.0.0.1/"), &broken, &mut hidden).await.expect_err("refused");
    assert_eq!(error.to_string(), "the header `X` has an invalid name or value");
}

#[tokio::test]
async fn refuses_a_proxy_without_showing_its_password() {
    let config = through("http://user:pass word@[");
    let error = client(&config, TIMEOUT).await.expect_err("refused");
    assert_eq!(error.to_string(), "proxy_url is not a valid address");
}
