//! Which requests go through which proxy. Exceptions (`no_proxy`) read as in Go's `httpproxy`.

use std::net::IpAddr;

use reqwest::header::HeaderMap;
use reqwest::{Proxy, Url};

use super::http_client::{HttpClientError, header_name, header_value};
use super::secret::reveal;
use crate::deliver::ProxyConfig;

/// The proxies that `config` asks for; none for a direct connection.
///
/// # Errors
///
/// An address that is none; a header that is none.
pub(super) async fn proxies(config: &ProxyConfig) -> Result<Vec<Proxy>, HttpClientError> {
    let environment = |name: &str| std::env::var(name).ok();
    let Some(routes) = Routes::new(config, &environment)? else { return Ok(Vec::new()) };
    let mut connect_headers = HeaderMap::new();
    for (name, value) in &config.connect_headers {
        connect_headers.append(header_name(name)?, header_value(name, &reveal(value).await?)?);
    }
    let [plain, tunnelled] = ["http", "https"].map(|scheme| {
        let routes = routes.clone();
        Proxy::custom(move |url| (url.scheme() == scheme).then(|| routes.of(url)).flatten())
    });
    // Only CONNECT gets these headers: with a plain request they would be handed on to the far end.
    Ok(vec![plain, tunnelled.headers(connect_headers)])
}

/// The proxy by scheme, and the exceptions.
#[derive(Clone, Debug)]
struct Routes {
    http: Option<Url>,
    https: Option<Url>,
    /// `None`: no exceptions at all, not even this machine.
    exceptions: Option<Exceptions>,
}

impl Routes {
    fn new(
        config: &ProxyConfig,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<Routes>, HttpClientError> {
        let either = |upper: &str, lower: &str| {
            environment(upper).filter(|value| !value.is_empty()).or_else(|| environment(lower)).unwrap_or_default()
        };
        if config.from_environment {
            let http = match environment("REQUEST_METHOD") {
                // In a CGI program `HTTP_PROXY` is a header of the request, not a setting.
                Some(_) => environment("http_proxy").unwrap_or_default(),
                None => either("HTTP_PROXY", "http_proxy"),
            };
            return Ok(Some(Routes {
                http: address(&http)?,
                https: address(&either("HTTPS_PROXY", "https_proxy"))?,
                exceptions: Some(Exceptions::parse(&either("NO_PROXY", "no_proxy"))),
            }));
        }
        let Some(url) = &config.url else { return Ok(None) };
        let proxy = address(url)?;
        let exceptions = (!config.no_proxy.is_empty()).then(|| Exceptions::parse(&config.no_proxy));
        Ok(Some(Routes { http: proxy.clone(), https: proxy, exceptions }))
    }

    /// The proxy for `url`.
    fn of(&self, url: &Url) -> Option<Url> {
        let proxy = if url.scheme() == "https" { &self.https } else { &self.http };
        let host = url.host_str()?;
        let port = url.port_or_known_default().unwrap_or_default();
        let is_direct = self.exceptions.as_ref().is_some_and(|exceptions| exceptions.hold(host, port));
        if is_direct { None } else { proxy.clone() }
    }
}

/// A proxy's address; without a scheme it is one of HTTP.
fn address(text: &str) -> Result<Option<Url>, HttpClientError> {
    if text.is_empty() {
        return Ok(None);
    }
    let known = |url: &Url| matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h") && url.has_host();
    let url = if text.contains("://") { Url::parse(text) } else { Url::parse(&format!("http://{text}")) };
    url.ok().filter(known).map(Some).ok_or(HttpClientError::Proxy)
}

/// Hosts that are reached directly; so is this machine, always.
#[derive(Clone, Debug, Default)]
struct Exceptions {
    all: bool,
    networks: Vec<(IpAddr, u32)>,
    addresses: Vec<(IpAddr, Option<u16>)>,
    domains: Vec<Domain>,
}

#[derive(Clone, Debug)]
struct Domain {
    /// Begins with a dot.
    suffix: String,
    /// Whether the domain itself is meant too.
    itself: bool,
    port: Option<u16>,
}

impl Exceptions {
    /// Reads names, addresses (both with a port if need be), networks and `*`, separated by commas.
    fn parse(text: &str) -> Exceptions {
        let mut exceptions = Exceptions::default();
        for item in text.split(',') {
            let item = item.trim().to_ascii_lowercase();
            if item == "*" {
                return Exceptions { all: true, ..Exceptions::default() };
            }
            if let Some(network) = network(&item) {
                exceptions.networks.push(network);
                continue;
            }
            let (host, port) = host_and_port(&item);
            if let Ok(address) = host.parse::<IpAddr>() {
                exceptions.addresses.push((address.to_canonical(), port));
            } else if !host.is_empty() {
                let host = host.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(host);
                let itself = !host.starts_with('.');
                let suffix = if itself { format!(".{host}") } else { host.to_owned() };
                exceptions.domains.push(Domain { suffix, itself, port });
            }
        }
        exceptions
    }

    /// Whether `host` is reached directly on `port`.
    fn hold(&self, host: &str, port: u16) -> bool {
        let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        if self.all || host == "localhost" {
            return true;
        }
        let has_port = |wanted: Option<u16>| wanted.is_none_or(|wanted| wanted == port);
        if let Ok(address) = host.parse::<IpAddr>() {
            let address = address.to_canonical();
            return address.is_loopback()
                || self.networks.iter().any(|network| contains(*network, address))
                || self.addresses.iter().any(|(known, wanted)| *known == address && has_port(*wanted));
        }
        self.domains.iter().any(|domain| {
            let is_meant = host.ends_with(&domain.suffix) || (domain.itself && host == domain.suffix[1..]);
            is_meant && has_port(domain.port)
        })
    }
}

/// `10.0.0.0/8`: the address and the length of its prefix.
fn network(text: &str) -> Option<(IpAddr, u32)> {
    let (address, length) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let length = length.parse().ok().filter(|length| *length <= if address.is_ipv4() { 32 } else { 128 })?;
    Some((address, length))
}

fn contains((network, length): (IpAddr, u32), address: IpAddr) -> bool {
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        _ => false,
    }
}

/// `host`, `host:port`, `[address]` or `[address]:port`; a port that is none belongs to the host.
fn host_and_port(text: &str) -> (&str, Option<u16>) {
    let bare = |host: &'_ str| -> usize { usize::from(host.starts_with('[') && host.ends_with(']')) };
    let split = text.rsplit_once(':').filter(|(host, _)| !host.contains(':') || bare(host) == 1);
    let (host, port) = match split.and_then(|(host, port)| Some((host, port.parse().ok()?))) {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    let brackets = bare(host);
    (&host[brackets..host.len() - brackets], port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions() {
        let direct = |no_proxy: &str, url: &str| {
            let url = Url::parse(url).expect("a URL");
            let port = url.port_or_known_default().expect("a port");
            Exceptions::parse(no_proxy).hold(url.host_str().expect("a host"), port)
        };
        for (no_proxy, url, expected) in [
            ("", "http://example.org/", false),
            ("", "http://localhost:9090/", true),
            ("", "http://127.0.0.1/", true),
            ("", "http://[::1]/", true),
            ("*", "http://example.org/", true),
            ("a.test, *", "http://example.org/", true),
            ("example.org", "http://example.org/", true),
            ("example.org", "http://sub.example.org/", true),
            ("example.org", "http://notexample.org/", false),
            ("EXAMPLE.org", "http://Sub.Example.ORG/", true),
            (".example.org", "http://example.org/", false),
            (".example.org", "http://sub.example.org/", true),
            ("*.example.org", "http://example.org/", false),
            ("*.example.org", "http://sub.example.org/", true),
            ("example.org:8080", "http://example.org:8080/", true),
            ("example.org:8080", "http://example.org/", false),
            ("example.org:443", "https://example.org/", true),
            ("10.0.0.0/8", "http://10.1.2.3/", true),
            ("10.0.0.0/8", "http://11.1.2.3/", false),
            ("0.0.0.0/0", "http://11.1.2.3/", true),
            ("10.0.0.0/33", "http://10.1.2.3/", false),
            ("2001:db8::/32", "http://[2001:db8::1]/", true),
            ("2001:db8::/32", "http://[2001:db9::1]/", false),
            ("192.0.2.1", "http://192.0.2.1:9090/", true),
            ("192.0.2.1:80", "http://192.0.2.1:9090/", false),
            ("192.0.2.1", "http://[::ffff:192.0.2.1]/", true),
            ("2001:db8::1", "http://[2001:db8::1]/", true),
            ("[2001:db8::1]:80", "http://[2001:db8::1]/", true),
            ("[2001:db8::1]:81", "http://[2001:db8::1]/", false),
            (" , :80, [, ]", "http://example.org/", false),
        ] {
            assert_eq!(direct(no_proxy, url), expected, "{no_proxy} {url}");
        }
    }

    #[test]
    fn routes() {
        let environment = |name: &str| match name {
            "http_proxy" => Some("proxy.test:3128".to_owned()),
            "HTTPS_PROXY" => Some("http://secure.test:3129".to_owned()),
            "NO_PROXY" => Some("direct.test".to_owned()),
            _ => None,
        };
        let through = |config: &ProxyConfig, url: &str| {
            let routes = Routes::new(config, &environment).expect("proxies")?;
            routes.of(&Url::parse(url).expect("a URL")).map(String::from)
        };
        let from_environment = ProxyConfig { from_environment: true, ..ProxyConfig::default() };
        let given = ProxyConfig { url: Some("socks5://proxy.test".to_owned()), ..ProxyConfig::default() };
        let with_exceptions = ProxyConfig { no_proxy: "direct.test".to_owned(), ..given.clone() };
        for (config, url, expected) in [
            (&ProxyConfig::default(), "http://a.test/", None),
            (&from_environment, "http://a.test/", Some("http://proxy.test:3128/")),
            (&from_environment, "https://a.test/", Some("http://secure.test:3129/")),
            (&from_environment, "https://direct.test/", None),
            (&from_environment, "http://127.0.0.1/", None),
            (&given, "http://a.test/", Some("socks5://proxy.test")),
            (&given, "http://127.0.0.1/", Some("socks5://proxy.test")),
            (&with_exceptions, "http://127.0.0.1/", None),
            (&with_exceptions, "https://direct.test/", None),
            (&with_exceptions, "https://a.test/", Some("socks5://proxy.test")),
        ] {
            assert_eq!(through(config, url).as_deref(), expected, "{config:?} {url}");
        }
        for url in ["ftp://proxy.test", "http://user:pass word@[", "http://"] {
            let config = ProxyConfig { url: Some(url.to_owned()), ..ProxyConfig::default() };
            assert!(matches!(Routes::new(&config, &|_| None), Err(HttpClientError::Proxy)), "{url}");
        }
    }
}
