//! `http_config`, `tls_config` and the authentication fields, alike for scraping and for receivers.

use crate::deliver::{BasicAuth, HttpConfig, Secret, TlsConfig};

use super::yaml::{Fields, Node, Reader};

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
    let ways = [("basic_auth", basic_auth.is_some()), ("authorization", authorization.is_some())];
    let given: Vec<&str> = ways.iter().filter(|way| way.1).map(|way| way.0).collect();
    if let (Some(first), true) = (given.first(), given.len() + usize::from(bearer.is_some()) > 1) {
        let message = "give one of `basic_auth`, `authorization` and `bearer_token`, not several";
        fields.error_at(first, "config/auth-twice", message);
    }
    fields.unsupported("oauth2", Some("use `authorization` with a `credentials_file`"));
    for name in ["no_proxy", "proxy_from_environment", "proxy_connect_header"] {
        fields.unsupported(name, Some("name the proxy in `proxy_url`"));
    }
    if let Some(node) = fields.take("proxy_url") {
        reader.hide(node);
    }
    let proxy_url = fields.text("proxy_url").filter(|url| !url.is_empty());
    if proxy_url.as_deref().is_some_and(|url| !url.contains("://")) {
        fields.error_at("proxy_url", "config/url", "`proxy_url` needs a scheme, such as `http://`");
    }
    HttpConfig {
        basic_auth,
        authorization: authorization.or(bearer.map(|secret| ("Bearer".to_owned(), secret))),
        tls: fields.take("tls_config").map(|node| tls_config(reader, node)).unwrap_or_default(),
        follow_redirects: fields.flag("follow_redirects").unwrap_or(defaults.follow_redirects),
        enable_http2: fields.flag("enable_http2").unwrap_or(defaults.enable_http2),
        proxy_url,
        headers: fields.take("http_headers").map(|node| headers(reader, node)).unwrap_or_default(),
    }
}

fn basic_auth(reader: &Reader<'_>, node: &Node) -> Option<BasicAuth> {
    let mut fields = reader.fields(node, "`basic_auth`")?;
    fields.unsupported("username_file", Some("give `username`; `${NAME}` is replaced in `password`"));
    let username = fields.text_or("username", "");
    let username = reader.expand(&username, &fields.key_span("username")).unwrap_or_default();
    let password = fields.secret("password", "password_file");
    fields.finish();
    Some(BasicAuth { username, password })
}

fn authorization(reader: &Reader<'_>, node: &Node) -> Option<(String, Secret)> {
    let mut fields = reader.fields(node, "`authorization`")?;
    let scheme = fields.text_or("type", "Bearer").trim().to_owned();
    if scheme.eq_ignore_ascii_case("basic") {
        fields.error_at("type", "config/authorization", "for basic authentication use `basic_auth`");
    }
    let credentials = fields.secret("credentials", "credentials_file");
    if credentials.is_none() {
        fields.missing("credentials");
    }
    fields.finish();
    credentials.map(|secret| (scheme, secret))
}

/// TLS settings.
pub(super) fn tls_config(reader: &Reader<'_>, node: &Node) -> TlsConfig {
    let Some(mut fields) = reader.fields(node, "a TLS configuration") else { return TlsConfig::default() };
    for name in ["ca", "cert", "key", "min_version", "max_version"] {
        fields.unsupported(name, None);
    }
    let config = TlsConfig {
        ca_file: fields.path("ca_file"),
        cert_file: fields.path("cert_file"),
        key_file: fields.path("key_file"),
        server_name: fields.text("server_name").filter(|name| !name.is_empty()),
        insecure_skip_verify: fields.flag("insecure_skip_verify").unwrap_or(false),
    };
    if config.cert_file.is_some() != config.key_file.is_some() {
        let given = if config.cert_file.is_some() { "cert_file" } else { "key_file" };
        fields.error_at(given, "config/tls", "`cert_file` and `key_file` belong together; one is missing");
    }
    fields.finish();
    config
}

fn headers(reader: &Reader<'_>, node: &Node) -> Vec<(String, Secret)> {
    let mut headers = Vec::new();
    for entry in reader.entries(node, "headers and their values") {
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if entry.key.is_empty() || !entry.key.chars().all(token) {
            reader.error("config/header", &entry.key_span, format!("`{}` is no header name", entry.key));
        }
        if entry.key.eq_ignore_ascii_case("authorization") {
            let message = "give the header `Authorization` through `authorization` or `basic_auth`";
            reader.error("config/header", &entry.key_span, message);
        }
        let Some(mut fields) = reader.fields(&entry.value, "the values of a header") else { continue };
        let key_span = fields.key_span("secrets");
        for name in ["values", "secrets"] {
            for item in fields.list(name) {
                let value = reader.secret_value(item, &key_span);
                headers.extend(value.map(|value| (entry.key.clone(), Secret::Value(value))));
            }
        }
        for (path, _) in fields.texts("files").unwrap_or_default() {
            headers.push((entry.key.clone(), Secret::File(reader.resolve(&path))));
        }
        fields.finish();
    }
    headers
}
