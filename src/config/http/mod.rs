//! `http_config`, `tls_config` and the authentication fields, alike for scraping and for receivers.

mod oauth2;
mod proxy;
mod tls;

use super::yaml::{Entry, Fields, Node, Reader, shorten};
use crate::deliver::{BasicAuth, HttpConfig, Secret};

pub(super) use tls::tls_config;

/// Headers that a request gets by itself, or that would change what it is; in lower case.
const RESERVED_HEADERS: [&str; 18] = [
    "accept-encoding",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "user-agent",
    "www-authenticate",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-security-token",
    "x-prometheus-remote-read-version",
    "x-prometheus-remote-write-version",
    "x-prometheus-scrape-timeout-seconds",
];

/// A connection over HTTP given as a mapping of its own.
pub(super) fn http_config(reader: &Reader<'_>, node: &Node) -> HttpConfig {
    let Some(mut fields) = reader.fields(node, "an HTTP configuration") else { return HttpConfig::default() };
    let config = http_fields(&mut fields);
    fields.finish();
    config
}

/// A connection over HTTP whose fields stand among those of a scrape job.
pub(super) fn http_fields(fields: &mut Fields<'_>) -> HttpConfig {
    let reader = fields.reader();
    let defaults = HttpConfig::default();
    let basic_auth = fields.take("basic_auth").and_then(|node| basic_auth(reader, node));
    let authorization = fields.take("authorization").and_then(|node| authorization(reader, node));
    let bearer = fields.secret("bearer_token", "bearer_token_file");
    let oauth2 = fields.take("oauth2").and_then(|node| oauth2::oauth2(reader, node));
    let ways = [
        ("basic_auth", basic_auth.is_some()),
        ("authorization", authorization.is_some()),
        ("oauth2", oauth2.is_some()),
        ("bearer_token", bearer.is_some()),
    ];
    let given: Vec<&str> = ways.iter().filter(|way| way.1).map(|way| way.0).collect();
    if given.len() > 1 {
        let message = "give one of `basic_auth`, `authorization`, `oauth2` and `bearer_token`, not several";
        fields.error_at(given[0], "config/auth-twice", message);
    }
    HttpConfig {
        basic_auth,
        authorization: authorization.or(bearer.map(|secret| ("Bearer".to_owned(), secret))),
        oauth2,
        tls: fields.take("tls_config").map(|node| tls_config(reader, node)).unwrap_or_default(),
        follow_redirects: fields.flag("follow_redirects").unwrap_or(defaults.follow_redirects),
        enable_http2: fields.flag("enable_http2").unwrap_or(defaults.enable_http2),
        proxy: proxy::proxy(fields),
        headers: fields.take("http_headers").map(|node| headers(reader, node)).unwrap_or_default(),
    }
}

fn basic_auth(reader: &Reader<'_>, node: &Node) -> Option<BasicAuth> {
    let mut fields = reader.fields(node, "`basic_auth`")?;
    let username = fields.secret("username", "username_file").unwrap_or(Secret::Value(String::new()));
    let password = fields.secret("password", "password_file");
    fields.finish();
    Some(BasicAuth { username, password })
}

fn authorization(reader: &Reader<'_>, node: &Node) -> Option<(String, Secret)> {
    let mut fields = reader.fields(node, "`authorization`")?;
    let scheme = fields.text("type").map(|scheme| scheme.trim().to_owned()).filter(|scheme| !scheme.is_empty());
    let scheme = scheme.unwrap_or_else(|| "Bearer".to_owned());
    if scheme.eq_ignore_ascii_case("basic") {
        fields.error_at("type", "config/authorization", "for basic authentication use `basic_auth`");
    }
    let given = fields.take("credentials").is_some() || fields.take("credentials_file").is_some();
    let credentials = fields.secret("credentials", "credentials_file");
    if !given {
        reader.warning("config/authorization", fields.span(), "`authorization` has no `credentials`");
    }
    fields.finish();
    match (credentials, given) {
        (Some(secret), _) => Some((scheme, secret)),
        // The scheme alone, as Alertmanager sends it.
        (None, false) => Some((scheme, Secret::Value(String::new()))),
        (None, true) => None,
    }
}

/// Notes an error unless the key of `entry` can be a header's name.
fn header_name(reader: &Reader<'_>, entry: &Entry) {
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if entry.key.is_empty() || !entry.key.chars().all(token) {
        reader.error("config/header", &entry.key_span, format!("`{}` is no header name", shorten(&entry.key)));
    }
}

fn headers(reader: &Reader<'_>, node: &Node) -> Vec<(String, Secret)> {
    let mut headers = Vec::new();
    for entry in reader.entries(node, "headers and their values") {
        header_name(reader, entry);
        let name = entry.key.to_ascii_lowercase();
        if name == "authorization" {
            let message = "give the header `Authorization` through `authorization` or `basic_auth`";
            reader.error("config/header", &entry.key_span, message);
        } else if RESERVED_HEADERS.contains(&name.as_str()) {
            reader.error("config/header", &entry.key_span, format!("the header `{}` cannot be set", entry.key));
        }
        let Some(mut fields) = reader.fields(&entry.value, "the values of a header") else { continue };
        let key_span = fields.key_span("secrets");
        for name in ["values", "secrets"] {
            for item in fields.list(name) {
                let value = reader.secret_value(item, &key_span);
                headers.extend(value.map(|value| (entry.key.clone(), Secret::Value(value))));
            }
        }
        for (path, node) in fields.texts("files").unwrap_or_default() {
            headers.push((entry.key.clone(), Secret::File(reader.resolve(&path, &node.span))));
        }
        fields.finish();
    }
    headers
}
