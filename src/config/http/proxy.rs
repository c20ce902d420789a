//! The fields that say which proxy is used, of `http_config` and of `oauth2`.

use super::header_name;
use crate::config::yaml::Fields;
use crate::deliver::{ProxyConfig, Secret};

/// The kinds of proxy that can be used.
const SCHEMES: [&str; 4] = ["http://", "https://", "socks5://", "socks5h://"];

/// `proxy_url`, `no_proxy`, `proxy_from_environment` and `proxy_connect_header`.
pub(super) fn proxy(fields: &mut Fields<'_>) -> ProxyConfig {
    if let Some(node) = fields.take("proxy_url") {
        fields.reader().hide(node);
    }
    let proxy = ProxyConfig {
        url: fields.text("proxy_url").filter(|url| !url.is_empty()),
        no_proxy: fields.text_or("no_proxy", ""),
        from_environment: fields.flag("proxy_from_environment").unwrap_or(false),
        connect_headers: connect_headers(fields),
    };
    if proxy.url.as_deref().is_some_and(|url| !SCHEMES.iter().any(|scheme| url.starts_with(scheme))) {
        let message = "`proxy_url` must begin with `http://`, `https://`, `socks5://` or `socks5h://`";
        fields.error_at("proxy_url", "config/url", message);
    }
    let error = |name: &str, message: &str| fields.error_at(name, "config/proxy", message);
    if proxy.from_environment {
        if proxy.url.is_some() {
            error("proxy_url", "with `proxy_from_environment` the environment names the proxy, not `proxy_url`");
        }
        if !proxy.no_proxy.is_empty() {
            error("no_proxy", "with `proxy_from_environment` the environment's NO_PROXY counts, not `no_proxy`");
        }
    } else if proxy.url.is_none() {
        if !proxy.no_proxy.is_empty() {
            error("no_proxy", "`no_proxy` needs a `proxy_url`");
        }
        if !proxy.connect_headers.is_empty() {
            error("proxy_connect_header", "`proxy_connect_header` needs `proxy_url` or `proxy_from_environment`");
        }
    }
    proxy
}

/// Lists of secret values by name.
fn connect_headers(fields: &mut Fields<'_>) -> Vec<(String, Secret)> {
    let reader = fields.reader();
    let mut headers = Vec::new();
    let Some(node) = fields.take("proxy_connect_header") else { return headers };
    for entry in reader.entries(node, "headers and their values") {
        header_name(reader, entry);
        for item in reader.items(&entry.value, "a list of texts") {
            let value = reader.secret_value(item, &entry.key_span);
            headers.extend(value.map(|value| (entry.key.clone(), Secret::Value(value))));
        }
    }
    headers
}
