//! `http_config`: its fields and what may not stand side by side.

use super::*;
use crate::deliver::{BasicAuth, Channel, HttpConfig, Secret, TlsVersion};

fn http(settings: &str) -> HttpConfig {
    let text = format!(
        "route: {{receiver: a}}\nreceivers:\n  - name: a\n    webhook_configs:\n      - url: http://x\n        http_config: {settings}\n"
    );
    match &plan(&text).engine.receivers[0].integrations[0].channel {
        Channel::Webhook(webhook) => webhook.http.clone(),
        other => panic!("not a webhook: {other:?}"),
    }
}

/// The problems of an `http_config`, one per line, without their excerpts.
fn refused(settings: &str) -> String {
    let problems = main(&format!("global:\n  http_config: {settings}\n"));
    let lines: Vec<&str> = problems.lines().filter(|line| line.starts_with("error")).collect();
    lines.join("\n")
}

fn value(text: &str) -> Option<Secret> {
    Some(Secret::Value(text.to_owned()))
}

#[test]
fn every_field() {
    let http = http(
        "{oauth2: {client_id: bell, client_secret: '${TOKEN}', token_url: 'https://id.test/token', scopes: [a, b], \
         endpoint_params: {audience: x}, tls_config: {ca_file: id.pem}, proxy_url: 'http://p:1'}, \
         proxy_url: 'socks5://u:p@proxy.test', no_proxy: 'a.test,10.0.0.0/8', proxy_connect_header: {X-A: [one, two]}, \
         follow_redirects: false, enable_http2: false, http_headers: {X-B: {values: [three]}}, \
         tls_config: {ca: C, cert: D, key: '${TOKEN}', min_version: TLS12, max_version: TLS13, server_name: s}}",
    );
    let oauth2 = http.oauth2.as_deref().expect("tokens");
    assert_eq!((oauth2.client_id.as_str(), &oauth2.client_secret), ("bell", &value("s3cret")));
    assert_eq!((oauth2.token_url.as_str(), oauth2.scopes.len()), ("https://id.test/token", 2));
    assert_eq!(oauth2.endpoint_params, [("audience".to_owned(), Secret::Value("x".to_owned()))]);
    assert_eq!(oauth2.tls.ca, Some(Secret::File("etc/id.pem".to_owned())));
    assert_eq!(oauth2.proxy.url.as_deref(), Some("http://p:1"));
    assert_eq!(http.proxy.url.as_deref(), Some("socks5://u:p@proxy.test"));
    assert_eq!((http.proxy.no_proxy.as_str(), http.proxy.connect_headers.len()), ("a.test,10.0.0.0/8", 2));
    assert!(!http.follow_redirects && !http.enable_http2);
    assert_eq!((&http.tls.ca, &http.tls.cert, &http.tls.key), (&value("C"), &value("D"), &value("s3cret")));
    assert_eq!((http.tls.min_version, http.tls.max_version), (Some(TlsVersion::Tls12), Some(TlsVersion::Tls13)));
    let shown = format!("{http:?}");
    assert!(!shown.contains("s3cret") && !shown.contains("u:p@"), "{shown}");

    let http = self::http("{basic_auth: {username_file: user, password: p}, proxy_from_environment: true}");
    let username = Secret::File("etc/user".to_owned());
    assert_eq!(http.basic_auth, Some(BasicAuth { username, password: value("p") }));
    assert!(http.proxy.from_environment && http.follow_redirects && http.enable_http2);
}

#[test]
fn what_does_not_go_together() {
    let oauth2 = "client_id: a, token_url: 'http://t'";
    for (settings, expected) in [
        (
            format!("{{basic_auth: {{username: a}}, oauth2: {{{oauth2}}}}}"),
            "error[config/auth-twice]: give one of `basic_auth`, `authorization`, `oauth2` and `bearer_token`, not several",
        ),
        (
            format!("{{bearer_token: a, oauth2: {{{oauth2}}}}}"),
            "error[config/auth-twice]: give one of `basic_auth`, `authorization`, `oauth2` and `bearer_token`, not several",
        ),
        (
            "{oauth2: {}}".into(),
            "error[yaml/missing-field]: `oauth2` needs the field `client_id`\nerror[yaml/missing-field]: `oauth2` needs the field `token_url`",
        ),
        (
            format!("{{oauth2: {{{oauth2}, client_secret: a, client_secret_file: b}}}}"),
            "error[config/secret-twice]: give `client_secret` or `client_secret_file`, not both",
        ),
        (
            "{oauth2: {client_id: a, token_url: t}}".into(),
            "error[config/url]: `token_url` must begin with `http://` or `https://`",
        ),
        (format!("{{oauth2: {{{oauth2}, no_proxy: a}}}}"), "error[config/proxy]: `no_proxy` needs a `proxy_url`"),
        (
            "{basic_auth: {username: a, username_file: b}}".into(),
            "error[config/secret-twice]: give `username` or `username_file`, not both",
        ),
        ("{no_proxy: a}".into(), "error[config/proxy]: `no_proxy` needs a `proxy_url`"),
        (
            "{proxy_connect_header: {a: [b]}}".into(),
            "error[config/proxy]: `proxy_connect_header` needs `proxy_url` or `proxy_from_environment`",
        ),
        (
            "{proxy_from_environment: true, proxy_url: 'http://p'}".into(),
            "error[config/proxy]: with `proxy_from_environment` the environment names the proxy, not `proxy_url`",
        ),
        (
            "{proxy_from_environment: true, no_proxy: a}".into(),
            "error[config/proxy]: with `proxy_from_environment` the environment's NO_PROXY counts, not `no_proxy`",
        ),
        (
            "{proxy_url: 'ftp://p'}".into(),
            "error[config/url]: `proxy_url` must begin with `http://`, `https://`, `socks5://` or `socks5h://`",
        ),
        ("{tls_config: {ca: a, ca_file: b}}".into(), "error[config/secret-twice]: give `ca` or `ca_file`, not both"),
        (
            "{tls_config: {cert: a}}".into(),
            "error[config/tls]: a certificate and its key belong together; one is missing",
        ),
        (
            "{tls_config: {key_file: a}}".into(),
            "error[config/tls]: a certificate and its key belong together; one is missing",
        ),
        (
            "{tls_config: {min_version: TLS13, max_version: TLS12}}".into(),
            "error[config/tls]: `max_version` must not be older than `min_version`",
        ),
        (
            "{tls_config: {min_version: TLS10}}".into(),
            "error[config/tls-version]: `TLS10` is not offered: Watchbell speaks TLS 1.2 and 1.3 alone, as the TLS library (rustls) does",
        ),
        (
            "{tls_config: {max_version: SSL3}}".into(),
            "error[config/tls-version]: `SSL3` is no version of TLS; write `TLS12` or `TLS13`",
        ),
        (
            "{http_headers: {Content-Type: {values: [a]}}}".into(),
            "error[config/header]: the header `Content-Type` cannot be set",
        ),
    ] {
        assert_eq!(refused(&settings), expected, "{settings}");
    }
}

#[test]
fn secrets_do_not_show() {
    let shown = main(
        "global: {http_config: {oauth2: {client_id: a, client_secret: hunter2, token_url: t, endpoint_params: {p: hunter2}}, \
         proxy_connect_header: {a: [hunter2]}, tls_config: {key: hunter2, ca: hunter2}}}\n",
    );
    assert!(shown.contains("error[config/tls]") && !shown.contains("hunter2"), "{shown}");
}
