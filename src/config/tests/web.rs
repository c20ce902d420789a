//! `web`.

use super::*;
use crate::deliver::TlsVersion;

const HASH: &str = "$2y$10$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234";

#[test]
fn everything_that_web_may_say() {
    let web = plan(&format!(
        "
web:
  route_prefix: watch/bell/
  tls: {{cert_file: tls.pem, key_file: /tls.key, client_ca_file: ca.pem, min_version: TLS13}}
  cors_origins: [https://Grafana.example.org, 'http://localhost:3000']
  max_connections: 10
  max_concurrent_requests: 5
  failed_logins_per_minute: 3
  users:
    - {{name: ada, password_hash: '{HASH}', role: admin}}
    - {{name: grace, password_file: grace.secret, role: [read, write]}}
  basic_auth_users: {{prometheus: '{HASH}'}}
  tokens:
    - {{name: ci, token: '${{TOKEN}}', role: write}}
    - {{name: bot, token_sha256: {}, role: respond}}
  anonymous: read
",
        "0F".repeat(32)
    ))
    .web;
    assert!(!format!("{web:?}").contains("s3cret") && !format!("{web:?}").contains("abcdefg"), "{web:?}");
    let tls = WebTls {
        cert_file: "etc/tls.pem".to_owned(),
        key_file: "/tls.key".to_owned(),
        client_ca_file: Some("etc/ca.pem".to_owned()),
        client_certificate_required: true,
        min_version: TlsVersion::Tls13,
    };
    let limits = WebLimits { connections_max: 10, concurrent_requests_max: 5, failed_logins_per_minute: 3 };
    assert_eq!((web.route_prefix.as_str(), web.tls, web.limits), ("/watch/bell", Some(tls), limits));
    assert_eq!(web.cors_origins, ["https://grafana.example.org", "http://localhost:3000"]);
    let users = web.users.iter().map(|user| format!("{} {:?} {}", user.name, user.password, user.roles));
    let tokens = web.tokens.iter().map(|token| format!("{} {:?} {}", token.name, token.token, token.roles));
    assert_eq!(
        users.chain(tokens).collect::<Vec<_>>(),
        [
            "ada Bcrypt(<secret>) admin",
            "grace Plain(<secret in etc/grace.secret>) read, write",
            "prometheus Bcrypt(<secret>) admin",
            "ci Plain(<secret>) write",
            "bot Sha256(<secret>) respond",
        ]
    );
    assert_eq!(web.tokens[1].token, Token::Sha256([15; 32]));
    assert_eq!(web.anonymous, Roles::from(Role::Read));
}

#[test]
fn what_is_the_default() {
    for (text, prefix, anonymous) in [
        ("", "", "admin"),
        ("web: {}", "", "admin"),
        ("global: {external_url: 'https://example.org/bell/?x=/y'}", "/bell", "admin"),
        ("global: {external_url: 'https://example.org/bell'}\nweb: {route_prefix: /}", "", "admin"),
        ("web: {tokens: [{name: a, token: b, role: read}]}", "", "none"),
        ("web: {tokens: [{name: a, token: b, role: read}], anonymous: respond}", "", "respond"),
        ("web: {anonymous: none}", "", "none"),
        ("web: {anonymous: [read, write]}", "", "read, write"),
    ] {
        let web = plan(text).web;
        assert_eq!((web.route_prefix.as_str(), web.anonymous.to_string().as_str()), (prefix, anonymous), "{text}");
    }
}

#[test]
fn what_web_may_not_say() {
    let main = |text: &str| {
        let text = main(&format!("web:\n  {text}\n"));
        assert!(!text.contains("s3cret"), "{text}");
        text
    };
    for (text, problem) in [
        ("route_prefix: /a b", "is no path"),
        ("route_prefix: /a/../b", "is no path"),
        ("tls: {cert_file: a}", "needs the field `key_file`"),
        ("tls: {cert_file: a, key_file: b, min_version: TLS11}", "is not offered"),
        ("tls: {cert_file: a, key_file: b, client_auth_type: RequireAndVerifyClientCert}", "give both, or none"),
        ("tls: {cert_file: a, key_file: b, client_ca_file: c, client_auth_type: NoClientCert}", "give both, or none"),
        ("tls: {cert_file: a, key_file: b, client_auth_type: RequireAnyClientCert}", "`client_auth_type` is"),
        ("tls: {cert_file: a, key_file: b}\n  tls_server_config: {cert_file: a, key_file: b}", "not both"),
        ("cors_origins: ['*']", "is no origin"),
        ("cors_origins: ['https://a/b']", "is no origin"),
        ("max_connections: 0", "greater than zero"),
        ("users: [{name: a, role: read}]", "needs the field `password_hash`"),
        ("users: [{name: a, password: s3cret}]", "needs the field `role`"),
        ("users: [{name: a, password: s3cret, role: root}]", "there is no role `root`; there are read, write"),
        ("users: [{name: a, password: s3cret, password_file: b, role: read}]", "not both"),
        (&format!("users: [{{name: a, password: s3cret, password_hash: '{HASH}', role: read}}]"), "not both"),
        ("users: [{name: a, password_hash: s3cret, role: read}]", "no bcrypt hash"),
        (&format!("users: [{{name: a, password_hash: '{}', role: read}}]", HASH.replace("$10$", "$31$")), "cost 31"),
        ("users: [{name: 'a:b', password: s3cret, role: read}]", "is no name"),
        ("users: [{name: anonymous, password: s3cret, role: read}]", "is taken"),
        (
            "users: [{name: a, password: s3cret, role: read}]\n  tokens: [{name: a, token: s3cret, role: read}]",
            "is taken",
        ),
        ("tokens: [{name: a, token_sha256: s3cret, role: read}]", "64 hexadecimal digits"),
        ("tokens: [{name: a, role: read}]", "needs the field `token_sha256`"),
        ("anonymous: everything", "there is no role"),
        ("basic_auth_users: {a: s3cret}", "no bcrypt hash"),
        ("http_server_config: {http2: false}", "not supported"),
    ] {
        let found = main(text);
        assert!(found.contains(problem), "{text}\n{problem}\n{found}");
    }
}
