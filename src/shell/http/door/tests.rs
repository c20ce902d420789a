//! A door before made-up handlers at every route, and clients of all kinds before it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use axum::routing::{MethodFilter, on};
use axum::{Extension, Router};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::*;
use crate::config::{MemoryFiles, Roles, load};
use crate::deliver::{HttpConfig, Secret, TlsConfig};
use crate::shell::http::access::tests::routes;
use crate::shell::{http, http_client};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tls");
const PATIENCE: Duration = Duration::from_secs(10);
/// One token of each role, and one user.
const LOGINS: &str = "
  tokens:
    - {name: t-read, token: read-token, role: read}
    - {name: t-write, token: write-token, role: write}
    - {name: t-respond, token: respond-token, role: respond}
    - {name: t-admin, token: admin-token, role: admin}
  users:
    - {name: ada, password: engine, role: [read, write]}
    - {name: grace, password_hash: HASH, role: respond}
";

fn logins() -> String {
    LOGINS.replace("HASH", &bcrypt::hash("hopper", 4).expect("a hash"))
}

fn plan(web: &str) -> Plan {
    let text = format!(
        "global: {{external_url: 'http://bell.example.org'}}\nweb:{}\n",
        if web.is_empty() { " {}" } else { web }
    );
    let files = MemoryFiles::new([("watchbell.yml", text.as_str())]);
    load(Some("watchbell.yml"), &files, &|_| None).expect(web).plan
}

struct Server {
    address: SocketAddr,
    door: Door,
    /// A permit lets a request go that has the header `x-wait`.
    gate: Arc<Semaphore>,
    metrics: Arc<Metrics>,
    client: reqwest::Client,
    _stop: DropGuard,
}

/// Answers who the request comes from.
async fn handler(Extension(gate): Extension<Arc<Semaphore>>, headers: HeaderMap, actor: Actor) -> String {
    if headers.contains_key("x-wait") {
        gate.acquire().await.expect("open").forget();
    }
    format!("{} {}", actor.name, actor.roles)
}

impl Server {
    async fn start(web: &str) -> Server {
        let metrics = Arc::new(Metrics::new(Timestamp::default()));
        let rules = DoorRules::read(&plan(web)).await.expect(web);
        let door = Door::new(rules, Clock::system(), metrics.clone());
        let gate = Arc::new(Semaphore::new(0));
        let each = routes().into_iter().fold(Router::new(), |router, (method, path, _)| {
            router.route(path, on(MethodFilter::try_from(method).expect("a method"), handler))
        });
        let routes = behind(door.clone(), each.layer(Extension(gate.clone())));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let stop = CancellationToken::new();
        tokio::spawn(http::serve(listener, routes, door.clone(), stop.clone()));
        let client = client(TlsConfig::default()).await;
        Server { address, door, gate, metrics, client, _stop: stop.drop_guard() }
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> (u16, String) {
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a text"))
    }

    fn refused(&self, reason: &str) -> bool {
        let text = self.metrics.render(None).body;
        text.contains(&format!("watchbell_http_refusals_total{{reason=\"{reason}\"}} 1"))
    }
}

async fn client(tls: TlsConfig) -> reqwest::Client {
    let config = HttpConfig { tls, follow_redirects: false, ..HttpConfig::default() };
    http_client::client(&config, PATIENCE).await.expect("a client")
}

#[tokio::test]
async fn each_route_asks_for_its_role() {
    let server = Server::start(&logins()).await;
    let roles = |role: Role| Roles::from(role);
    let logins = [
        (None, Roles::NONE),
        (Some("read-token"), roles(Role::Read)),
        (Some("write-token"), roles(Role::Write)),
        (Some("respond-token"), roles(Role::Respond)),
        (Some("admin-token"), roles(Role::Admin)),
    ];
    for (method, path, need) in routes() {
        let address = path.replace("{id}", "1").replace("{name}", "job");
        for (token, roles) in logins {
            let mut request = server.request(method.clone(), &address);
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            let expected = match (need, token) {
                (Need::Nothing | Need::Proof, _) => 200,
                (_, None) => 401,
                (Need::Any, _) => 200,
                (Need::Role(role) | Need::KeyOr(role), _) if roles.allow(role) => 200,
                (Need::Role(_) | Need::KeyOr(_), _) => 403,
            };
            let (status, text) = server.answer(request).await;
            assert_eq!(status, expected, "{method} {path} {token:?}: {text}");
        }
    }
    let (status, _) = server.answer(server.request(Method::GET, "/nothing")).await;
    assert_eq!(status, 401);
    let (status, _) = server.answer(server.request(Method::GET, "/nothing").bearer_auth("write-token")).await;
    assert_eq!(status, 404);
    let (status, _) = server.answer(server.request(Method::PATCH, "/metrics").bearer_auth("respond-token")).await;
    assert_eq!(status, 403);
}

#[tokio::test]
async fn who_comes_in_and_what_the_others_hear() {
    let server = Server::start(&logins()).await;
    let get = || server.request(Method::GET, "/metrics");
    for (request, expected) in [
        (get().basic_auth("ada", Some("engine")), (200, "ada read, write")),
        (get().basic_auth("grace", Some("hopper")), (200, "grace respond")),
        (get().basic_auth("grace", Some("hopper")), (200, "grace respond")),
        (get().bearer_auth("admin-token"), (200, "t-admin admin")),
    ] {
        let (status, text) = server.answer(request).await;
        assert_eq!((status, text.as_str()), expected);
    }
    let wrong = [
        get(),
        get().basic_auth("ada", Some("engines")),
        get().basic_auth("ada", Some("")),
        get().basic_auth("ada", None::<&str>),
        get().basic_auth("grace", Some("hoppe")),
        get().basic_auth("nobody", Some("engine")),
        get().basic_auth("anonymous", Some("")),
        get().bearer_auth("engine"),
        get().bearer_auth(""),
        get().header("authorization", "Digest x"),
    ];
    for request in wrong {
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 401);
        let ways: Vec<_> = answer.headers().get_all("www-authenticate").iter().collect();
        assert_eq!(ways, ["Basic realm=\"watchbell\", charset=\"UTF-8\"", "Bearer realm=\"watchbell\""]);
    }
    let request = server.request(Method::POST, "/api/v2/silences").bearer_auth("read-token");
    let expected = "\"this needs the role `respond`; `t-read` has read\"";
    assert_eq!(server.answer(request).await, (403, expected.to_owned()));
    let (status, text) =
        server.answer(server.request(Method::POST, "/-/reload").basic_auth("ada", Some("engine"))).await;
    assert_eq!(status, 403);
    assert!(text.contains(r#""error":"this needs the role `admin`; `ada` has read, write""#), "{text}");
}

#[tokio::test]
async fn strangers_may_do_what_is_said() {
    let by_default = Server::start("").await;
    let (status, text) = by_default.answer(by_default.request(Method::POST, "/-/reload").bearer_auth("x")).await;
    assert_eq!((status, text.as_str()), (200, "anonymous admin"));
    let read_only = Server::start("\n  anonymous: read").await;
    assert_eq!(read_only.answer(read_only.request(Method::GET, "/metrics")).await.0, 200);
    // Nobody can log in: to ask for credentials would lead nowhere.
    assert_eq!(read_only.answer(read_only.request(Method::POST, "/-/reload")).await.0, 403);
    let both = Server::start(&format!("{}  anonymous: read", logins())).await;
    assert_eq!(both.answer(both.request(Method::GET, "/metrics")).await.0, 200);
    assert_eq!(both.answer(both.request(Method::POST, "/-/reload")).await.0, 401);
    assert_eq!(both.answer(both.request(Method::GET, "/metrics").bearer_auth("wrong")).await.0, 401);
}

#[tokio::test]
async fn guessing_is_slowed_down() {
    let server = Server::start(&format!("{}  failed_logins_per_minute: 3", logins())).await;
    let rules = server.door.rules();
    let start = Timestamp::from_seconds(1_000);
    let come = async |name: &str, password: &str, last: u8, seconds: u64| {
        let mut headers = HeaderMap::new();
        let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("{name}:{password}"));
        headers.insert(header::AUTHORIZATION, format!("Basic {encoded}").parse().expect("a header"));
        let now = start + Duration::from_secs(seconds);
        match server.door.identify(&rules, &headers, Some(IpAddr::from([192, 0, 2, last])), now).await {
            Ok(actor) => actor.name.to_string(),
            Err(refusal) => format!("{refusal:?}"),
        }
    };
    assert_eq!(come("ada", "engine", 1, 0).await, "ada");
    for name in ["ada", "grace", "nobody"] {
        assert_eq!(come(name, "guess", 1, 0).await, "Credentials");
    }
    for (name, password) in [("ada", "guess"), ("grace", "hopper"), ("nobody", "x")] {
        assert_eq!(come(name, password, 1, 0).await, "Logins(20s)", "{name}");
    }
    // Whoever is known goes on, and so does any other address.
    assert_eq!(come("ada", "engine", 1, 0).await, "ada");
    assert_eq!(come("grace", "hopper", 2, 0).await, "grace");
    assert_eq!(come("grace", "hopper", 1, 21).await, "grace");
    let refused = Refusal::Logins(Duration::from_millis(19_500)).response("/", false);
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["retry-after"], "20");
}

#[tokio::test]
async fn many_at_once_with_the_same_password_are_no_guessing() {
    let server = Server::start(&format!("{}  failed_logins_per_minute: 1", logins())).await;
    let requests = (0..20).map(|_| {
        let request = server.request(Method::GET, "/metrics").basic_auth("grace", Some("hopper"));
        tokio::spawn(async move { request.send().await.expect("an answer").status().as_u16() })
    });
    for request in requests.collect::<Vec<_>>() {
        assert_eq!(request.await.expect("done"), 200);
    }
}

#[tokio::test]
async fn pages_of_other_origins() {
    let server = Server::start(&format!("{}  cors_origins: ['https://Grafana.example.org']", logins())).await;
    let from = |method: Method, path: &str, origin: &str| {
        server.request(method, path).header("origin", origin.to_owned()).bearer_auth("admin-token")
    };
    let ask = |origin: &str| {
        let request = server.request(Method::OPTIONS, "/api/v2/silences").header("origin", origin.to_owned());
        request.header("access-control-request-method", "POST")
    };
    let answer = ask("https://grafana.example.org").send().await.expect("an answer");
    assert_eq!(answer.status(), 204);
    assert_eq!(answer.headers()["access-control-allow-origin"], "https://grafana.example.org");
    assert_eq!(
        answer.headers()["access-control-allow-headers"],
        "authorization, content-type, accept, traceparent, x-watchbell-reason"
    );
    let answer = ask("https://evil.example.org").send().await.expect("an answer");
    assert_eq!((answer.status().as_u16(), answer.headers().get("access-control-allow-origin")), (401, None));
    for (method, path, origin, status, readable) in [
        (Method::POST, "/api/v2/silences", "https://grafana.example.org", 200, true),
        (Method::POST, "/api/v2/silences", "http://bell.example.org", 200, false),
        (Method::POST, "/api/v2/silences", "https://evil.example.org", 403, false),
        (Method::POST, "/api/v1/write", "null", 403, false),
        (Method::GET, "/api/v2/silences", "https://evil.example.org", 200, false),
        (Method::POST, "/api/v1/query", "https://evil.example.org", 200, false),
    ] {
        let answer = from(method, path, origin).send().await.expect("an answer");
        let may_read = answer.headers().contains_key("access-control-allow-origin");
        assert_eq!((answer.status().as_u16(), may_read), (status, readable), "{path} {origin}");
    }
    // Off unless it is asked for, also where nobody logs in.
    let closed = Server::start("").await;
    let request = closed.request(Method::POST, "/api/v2/silences").header("origin", "https://evil.example.org");
    assert_eq!(closed.answer(request).await.0, 403);
    assert!(closed.refused("origin"));
}

#[tokio::test]
async fn everything_stands_below_the_prefix() {
    let server = Server::start("\n  route_prefix: /bell/").await;
    for (path, expected) in [
        ("/bell/metrics", 200),
        ("/bell/api/v1/query?query=up", 200),
        ("/bell", 200),
        ("/bell/", 200),
        ("/bell/-/healthy", 200),
        ("/-/healthy", 200),
        ("/health/ready", 200),
        ("/metrics", 404),
        ("/bells", 404),
        ("/", 307),
    ] {
        let answer = server.request(Method::GET, path).send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), expected, "{path}");
        if expected == 307 {
            assert_eq!(answer.headers()["location"], "/bell/");
        }
    }
}

fn tls(extra: &str) -> String {
    format!("\n  tls: {{cert_file: {FIXTURES}/server.pem, key_file: {FIXTURES}/server.key{extra}}}")
}

fn trusting() -> TlsConfig {
    TlsConfig {
        ca: Some(Secret::File(format!("{FIXTURES}/ca.pem"))),
        server_name: Some("receiver.test".to_owned()),
        ..TlsConfig::default()
    }
}

fn known() -> TlsConfig {
    TlsConfig {
        cert: Some(Secret::File(format!("{FIXTURES}/server.pem"))),
        key: Some(Secret::File(format!("{FIXTURES}/server.key"))),
        ..trusting()
    }
}

#[tokio::test]
async fn connections_are_encrypted() {
    for (extra, tls_client, expected) in [
        ("", trusting(), Some(200)),
        (", min_version: TLS13", trusting(), Some(200)),
        (&format!(", client_ca_file: {FIXTURES}/ca.pem"), trusting(), None),
        (&format!(", client_ca_file: {FIXTURES}/ca.pem"), known(), Some(200)),
        (
            &format!(", client_ca_file: {FIXTURES}/ca.pem, client_auth_type: VerifyClientCertIfGiven"),
            trusting(),
            Some(200),
        ),
    ] {
        let server = Server::start(&tls(extra)).await;
        let asked = client(tls_client).await.get(format!("https://{}/metrics", server.address)).send().await;
        assert_eq!(asked.ok().map(|answer| answer.status().as_u16()), expected, "{extra}");
        // Plain HTTP gets no answer.
        assert!(server.request(Method::GET, "/metrics").send().await.is_err());
    }
}

#[tokio::test]
async fn files_that_change_count_from_then_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("token"), "first\n").expect("written");
    for name in ["server.pem", "server.key"] {
        std::fs::copy(format!("{FIXTURES}/{name}"), path(name)).expect("copied");
    }
    let at = folder.path().display();
    let web = format!(
        "\n  tls: {{cert_file: {at}/server.pem, key_file: {at}/server.key}}
  tokens: [{{name: t, token_file: {at}/token, role: read}}]"
    );
    let server = Server::start(&web).await;
    let client = client(trusting()).await;
    let ask = async |token: &str| {
        let request = client.get(format!("https://{}/metrics", server.address)).bearer_auth(token);
        request.send().await.expect("an answer").status().as_u16()
    };
    assert_eq!((ask("first").await, ask("second").await), (200, 401));
    assert!(!server.door.refresh().await.expect("read"));
    std::fs::write(path("token"), "second\n").expect("written");
    assert!(server.door.refresh().await.expect("read"));
    assert_eq!((ask("first").await, ask("second").await), (401, 200));
    for (name, text) in [("token", "\n"), ("server.key", "no key"), ("server.pem", "no certificate")] {
        let before = std::fs::read(path(name)).expect("read");
        std::fs::write(path(name), text).expect("written");
        let error = server.door.refresh().await.expect_err(name).to_string();
        assert!(error.starts_with("web") && !error.contains("second"), "{error}");
        assert_eq!(ask("second").await, 200);
        std::fs::write(path(name), before).expect("written");
    }
    let rules = DoorRules::read(&plan(&logins())).await.expect("rules");
    server.door.replace(rules);
    let (status, text) = server.answer(server.request(Method::GET, "/metrics").bearer_auth("read-token")).await;
    assert_eq!((status, text.as_str()), (200, "t-read read"));
}

#[tokio::test]
async fn requests_at_a_time_are_limited() {
    let server = Server::start("\n  max_concurrent_requests: 1").await;
    let slow = server.request(Method::GET, "/metrics").header("x-wait", "1");
    let slow = tokio::spawn(async move { slow.send().await.expect("an answer").status().as_u16() });
    let refused = loop {
        let answer = server.request(Method::GET, "/version").send().await.expect("an answer");
        if answer.status() == 503 {
            break answer;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(server.answer(server.request(Method::GET, "/-/healthy")).await.0, 200);
    server.gate.add_permits(1);
    assert_eq!(slow.await.expect("done"), 200);
    assert_eq!(server.answer(server.request(Method::GET, "/version")).await.0, 200);
}

#[tokio::test]
async fn connections_are_limited() {
    let server = Server::start("\n  max_connections: 1").await;
    let mut first = TcpStream::connect(server.address).await.expect("connected");
    first.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("written");
    let mut answer = [0; 12];
    first.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 200");
    let request = server.request(Method::GET, "/-/healthy");
    let second = tokio::spawn(async move { request.send().await.expect("an answer").status().as_u16() });
    while !server.refused("connections") {
        tokio::task::yield_now().await;
    }
    assert!(!second.is_finished());
    drop(first);
    assert_eq!(second.await.expect("done"), 200);
}

#[tokio::test]
async fn a_heartbeat_with_a_key_is_told_by_it_or_by_a_login() {
    let heartbeats = "\nheartbeats: [{name: job, interval: 1m, key: job-key-01234567}, {name: open, interval: 1m}]\n";
    let (open, guarded) =
        (Server::start(&format!(" {{}}{heartbeats}")).await, Server::start(&format!("{}{heartbeats}", logins())).await);
    let right = "heartbeat job write";
    for (server, path, token, expected) in [
        (&open, "/api/v1/heartbeat/job?key=job-key-01234567", None, (200, right)),
        (&open, "/api/v1/heartbeat/job/fail?key=job-key-01234567", None, (200, right)),
        (&open, "/api/v1/heartbeat/job?key=job-key-0123456", None, (403, "missing or wrong")),
        (&open, "/api/v1/heartbeat/job", None, (403, "missing or wrong")),
        (&open, "/api/v1/heartbeat/open?key=any", None, (200, "anonymous admin")),
        // The key opens nothing else.
        (&guarded, "/api/v1/heartbeat/open?key=job-key-01234567", None, (401, "log in")),
        (&guarded, "/metrics?key=job-key-01234567", None, (401, "log in")),
        (&guarded, "/api/v1/heartbeat/job?key=job-key-01234567", None, (200, right)),
        (&guarded, "/api/v1/heartbeat/job", None, (403, "missing or wrong")),
        (&guarded, "/api/v1/heartbeat/job", Some("write-token"), (200, "t-write write")),
        (&guarded, "/api/v1/heartbeat/job?key=wrong", Some("write-token"), (200, "t-write write")),
        (&guarded, "/api/v1/heartbeat/job", Some("read-token"), (403, "`t-read` has read")),
    ] {
        for method in [Method::POST, Method::GET] {
            let mut request = server.request(method.clone(), path);
            if path == "/metrics" && method == Method::POST {
                continue;
            }
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            let (status, text) = server.answer(request).await;
            assert!((status, text.contains(expected.1)) == (expected.0, true), "{path} {token:?}: {status} {text}");
        }
    }
}
