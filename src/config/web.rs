//! `web`: how the HTTP interface is reached, who may do what there, and how much of it.

use std::fmt;
use std::sync::Arc;

use hashbrown::HashSet;

use crate::deliver::{Secret, TlsVersion};

use super::access::{Role, Roles};
use super::http::tls_version;
use super::yaml::{Fields, Node, NodeKind, Reader, shorten};

/// The greatest number of users, and of tokens.
const LOGINS_MAX: usize = 1_000;
/// The greatest number of origins.
const ORIGINS_MAX: usize = 100;
/// The highest cost of a bcrypt hash; each further one doubles the time that a login takes.
const BCRYPT_COST_MAX: u32 = 16;
/// The name of who gives no credentials; no user and no token has it.
pub const ANONYMOUS: &str = "anonymous";

/// The HTTP interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Web {
    /// What stands before every path: empty, or `/` and more without a `/` at its end.
    pub route_prefix: String,
    /// TLS; `None` for plain HTTP.
    pub tls: Option<WebTls>,
    /// The origins whose pages browsers may let use the interface, such as `https://grafana.example.org`; lower case.
    pub cors_origins: Vec<String>,
    /// How much it bears.
    pub limits: WebLimits,
    /// Who logs in by name and password; names differ, also from those of tokens.
    pub users: Vec<WebUser>,
    /// Who logs in by a bearer token.
    pub tokens: Vec<WebToken>,
    /// What requests without credentials may do.
    pub anonymous: Roles,
}

impl Default for Web {
    /// Plain HTTP, where everybody may do everything.
    fn default() -> Self {
        Web {
            route_prefix: String::new(),
            tls: None,
            cors_origins: Vec::new(),
            limits: WebLimits::default(),
            users: Vec::new(),
            tokens: Vec::new(),
            anonymous: Roles::from(Role::Admin),
        }
    }
}

/// TLS of the HTTP interface. The files are read again when they change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebTls {
    /// The certificate chain, as PEM.
    pub cert_file: String,
    /// Its private key, as PEM.
    pub key_file: String,
    /// The authorities of client certificates; `None`: clients are not asked for one.
    pub client_ca_file: Option<String>,
    /// Whether a client without a certificate is refused, if there are authorities.
    pub client_certificate_required: bool,
    /// The lowest version that is spoken.
    pub min_version: TlsVersion,
}

/// How much the HTTP interface bears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebLimits {
    /// Connections at a time; further ones wait until one is closed. At least 1.
    pub connections_max: usize,
    /// Requests that are worked on at a time; further ones are asked to come again. At least 1.
    pub concurrent_requests_max: usize,
    /// How often an address may fail to log in, in a minute. At least 1.
    pub failed_logins_per_minute: usize,
}

impl Default for WebLimits {
    fn default() -> Self {
        WebLimits { connections_max: 512, concurrent_requests_max: 256, failed_logins_per_minute: 10 }
    }
}

/// Somebody who logs in by name and password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebUser {
    /// The name; without `:`.
    pub name: String,
    /// The password.
    pub password: Password,
    /// What they may do.
    pub roles: Roles,
}

/// How a password is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Password {
    /// By its bcrypt hash.
    Bcrypt(Secret),
    /// As it is.
    Plain(Secret),
}

/// Something that logs in by a bearer token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebToken {
    /// Its name in logs.
    pub name: String,
    /// The token.
    pub token: Token,
    /// What it may do.
    pub roles: Roles,
}

/// How a token is known.
#[derive(Clone, PartialEq, Eq)]
pub enum Token {
    /// By the SHA-256 of its text.
    Sha256([u8; 32]),
    /// As it is.
    Plain(Secret),
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Sha256(_) => f.write_str("Sha256(<secret>)"),
            Token::Plain(secret) => write!(f, "Plain({secret:?})"),
        }
    }
}

/// Reads `web`; `external_url` yields the default of the prefix.
pub(super) fn web(fields: &mut Fields<'_>, external_url: &str) -> Web {
    let default = Web { route_prefix: path_of(external_url).to_owned(), ..Web::default() };
    let reader = fields.reader();
    let Some(mut inner) = fields.take("web").and_then(|node| reader.fields(node, "`web`")) else { return default };
    let mut names = Names { reader, taken: HashSet::from([ANONYMOUS.to_owned()]) };
    let users = users(&mut inner, &mut names);
    let tokens = tokens(&mut inner, &mut names);
    let web = Web {
        route_prefix: route_prefix(&mut inner).unwrap_or(default.route_prefix),
        tls: tls(&mut inner),
        cors_origins: cors_origins(&mut inner),
        limits: limits(&mut inner),
        anonymous: match inner.take("anonymous") {
            Some(node) => roles(reader, node, "none"),
            None if users.is_empty() && tokens.is_empty() => default.anonymous,
            None => Roles::NONE,
        },
        users,
        tokens,
    };
    inner.unsupported("http_server_config", None);
    inner.finish();
    web
}

/// The path of an address, without a `/` at its end.
fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let path = rest.find('/').map_or("", |slash| &rest[slash..]);
    path.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/')
}

fn route_prefix(fields: &mut Fields<'_>) -> Option<String> {
    let text = fields.text("route_prefix")?;
    let inner = text.trim_matches('/');
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~/".contains(c);
    let is_part = |part: &str| !matches!(part, "" | "." | "..");
    if inner.is_empty() {
        return Some(String::new());
    }
    if !inner.chars().all(plain) || !inner.split('/').all(is_part) {
        let message = format!("`{}` is no path; write it as `/watchbell`", shorten(&text));
        fields.error_at("route_prefix", "web/route-prefix", message);
    }
    Some(format!("/{inner}"))
}

/// `tls`, or as Prometheus names it `tls_server_config`.
fn tls(fields: &mut Fields<'_>) -> Option<WebTls> {
    let own = fields.take("tls");
    let foreign = fields.take("tls_server_config");
    if own.is_some() && foreign.is_some() {
        fields.error_at("tls_server_config", "web/tls", "give `tls` or `tls_server_config`, not both");
    }
    let mut inner = fields.reader().fields(own.or(foreign)?, "`tls`")?;
    let (cert_file, key_file) = (inner.path("cert_file"), inner.path("key_file"));
    for (name, file) in [("cert_file", &cert_file), ("key_file", &key_file)] {
        if file.is_none() {
            inner.missing(name);
        }
    }
    let client_ca_file = inner.path("client_ca_file");
    let min_version = tls_version(&mut inner, "min_version").unwrap_or(TlsVersion::Tls12);
    let auth_type = inner.text("client_auth_type");
    let client_certificate_required = match auth_type.as_deref() {
        None | Some("RequireAndVerifyClientCert") => true,
        Some("VerifyClientCertIfGiven" | "NoClientCert") => false,
        Some(_) => {
            let message =
                "`client_auth_type` is `RequireAndVerifyClientCert`, `VerifyClientCertIfGiven` or `NoClientCert`";
            inner.error_at("client_auth_type", "web/tls", message);
            true
        }
    };
    if auth_type.is_some_and(|auth_type| (auth_type != "NoClientCert") != client_ca_file.is_some()) {
        let message = "client certificates are checked against a `client_ca_file`: give both, or none";
        inner.error_at("client_auth_type", "web/tls", message);
    }
    for name in ["max_version", "cipher_suites", "curve_preferences", "client_allowed_sans", "cert", "key", "client_ca"]
    {
        inner.unsupported(name, None);
    }
    inner.without_effect("prefer_server_cipher_suites", "the client's order counts");
    inner.finish();
    Some(WebTls {
        cert_file: cert_file?,
        key_file: key_file?,
        client_ca_file,
        client_certificate_required,
        min_version,
    })
}

fn cors_origins(fields: &mut Fields<'_>) -> Vec<String> {
    let reader = fields.reader();
    let mut origins = Vec::new();
    for (text, node) in fields.texts("cors_origins").unwrap_or_default() {
        let host = text.strip_prefix("https://").or(text.strip_prefix("http://"));
        let is_origin = host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '*', '?', '#', '@', ' ']));
        if !is_origin || origins.len() >= ORIGINS_MAX {
            let message = format!("`{}` is no origin; write it as `https://host:port`", shorten(&text));
            reader.error("web/origin", &node.span, message);
            continue;
        }
        origins.push(text.to_ascii_lowercase());
    }
    origins
}

fn limits(fields: &mut Fields<'_>) -> WebLimits {
    let defaults = WebLimits::default();
    let mut count = |name, default| match fields.count(name) {
        Some(0) => {
            fields.error_at(name, "config/zero", format!("`{name}` must be greater than zero"));
            default
        }
        given => given.unwrap_or(default),
    };
    WebLimits {
        connections_max: count("max_connections", defaults.connections_max),
        concurrent_requests_max: count("max_concurrent_requests", defaults.concurrent_requests_max),
        failed_logins_per_minute: count("failed_logins_per_minute", defaults.failed_logins_per_minute),
    }
}

/// The names that are given; each may be given once.
struct Names<'r> {
    reader: &'r Reader<'r>,
    taken: HashSet<String>,
}

impl Names<'_> {
    fn take(&mut self, name: &str, span: &std::ops::Range<usize>) {
        if name.is_empty() || name.contains(':') || name.chars().any(char::is_control) {
            let message = format!("`{}` is no name of a user or token: it is empty or has a colon", shorten(&name));
            self.reader.error("web/name", span, message);
        } else if !self.taken.insert(name.to_owned()) {
            let message = format!("the name `{}` is taken by another user or token", shorten(&name));
            self.reader.error("web/name", span, message);
        } else if self.taken.len() > 2 * LOGINS_MAX {
            self.reader.error("web/limit", span, format!("more than {LOGINS_MAX} users and tokens"));
        }
    }
}

/// `users`, and Prometheus's `basic_auth_users`, who may do everything.
fn users(fields: &mut Fields<'_>, names: &mut Names<'_>) -> Vec<WebUser> {
    let reader = fields.reader();
    let mut users = Vec::new();
    for node in fields.list("users") {
        users.extend(user(reader, node, names));
    }
    if let Some(node) = fields.take("basic_auth_users") {
        for entry in reader.entries(node, "names and their bcrypt hashes") {
            names.take(&entry.key, &entry.key_span);
            let hash = reader.secret_value(&entry.value, &entry.key_span).unwrap_or_default();
            check_bcrypt(reader, &hash, &entry.key_span);
            let password = Password::Bcrypt(Secret::Value(hash));
            users.push(WebUser { name: entry.key.clone(), password, roles: Roles::from(Role::Admin) });
        }
    }
    users
}

fn user(reader: &Reader<'_>, node: &Arc<Node>, names: &mut Names<'_>) -> Option<WebUser> {
    let mut fields = reader.fields(node, "a user")?;
    let name = fields.need_text("name")?;
    names.take(&name, &fields.key_span("name"));
    let hash = fields.secret("password_hash", "password_hash_file");
    let plain = fields.secret("password", "password_file");
    if let Some(Secret::Value(hash)) = &hash {
        check_bcrypt(reader, hash, &fields.key_span("password_hash"));
    }
    if matches!(&plain, Some(Secret::Value(password)) if password.is_empty()) {
        fields.error_at("password", "yaml/empty", "`password` must not be empty");
    }
    let password = one_of(&mut fields, ("password_hash", hash.map(Password::Bcrypt)), plain.map(Password::Plain));
    let roles = needed_roles(&mut fields);
    fields.finish();
    Some(WebUser { name, password: password?, roles: roles? })
}

fn tokens(fields: &mut Fields<'_>, names: &mut Names<'_>) -> Vec<WebToken> {
    let reader = fields.reader();
    let mut tokens = Vec::new();
    for node in fields.list("tokens") {
        let Some(mut inner) = reader.fields(node, "a token") else { continue };
        let Some(name) = inner.need_text("name") else { continue };
        names.take(&name, &inner.key_span("name"));
        let hash = inner.take("token_sha256").and_then(|node| sha256(reader, node, &inner.key_span("token_sha256")));
        let plain = inner.secret("token", "token_file");
        let token = one_of(&mut inner, ("token_sha256", hash.map(Token::Sha256)), plain.map(Token::Plain));
        let roles = needed_roles(&mut inner);
        inner.finish();
        if let (Some(token), Some(roles)) = (token, roles) {
            tokens.push(WebToken { name, token, roles });
        }
    }
    tokens
}

/// The one of two ways to give a secret that is given; `hashed` comes with the field's name.
fn one_of<T>(fields: &mut Fields<'_>, (name, hashed): (&'static str, Option<T>), plain: Option<T>) -> Option<T> {
    match (hashed, plain) {
        (Some(_), Some(_)) => {
            fields.error_at(name, "config/secret-twice", format!("give `{name}` or the secret itself, not both"));
            None
        }
        (None, None) => {
            if fields.take(name).is_none() {
                fields.missing(name);
            }
            None
        }
        (hashed, plain) => hashed.or(plain),
    }
}

fn sha256(reader: &Reader<'_>, node: &Node, key_span: &std::ops::Range<usize>) -> Option<[u8; 32]> {
    let text = reader.secret_value(node, key_span)?;
    let digits: Option<Vec<u8>> =
        text.trim().chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let bytes: Vec<u8> =
        digits.unwrap_or_default().chunks(2).map(|pair| pair.iter().fold(0, |n, d| n << 4 | d)).collect();
    let hash = <[u8; 32]>::try_from(bytes).ok().filter(|_| text.trim().len() == 64);
    if hash.is_none() {
        reader.error("web/token", key_span, "`token_sha256` is 64 hexadecimal digits, as `sha256sum` prints them");
    }
    hash
}

/// Notes an error unless `hash` looks as bcrypt writes it; how it goes on is for bcrypt itself to judge.
fn check_bcrypt(reader: &Reader<'_>, hash: &str, span: &std::ops::Range<usize>) {
    match bcrypt_cost(hash) {
        None => {
            let message = "this is no bcrypt hash; `watchbell hash-password` makes one";
            reader.error("web/password-hash", span, message);
        }
        Some(cost) if cost > BCRYPT_COST_MAX => {
            let message =
                format!("the cost {cost} of this hash is higher than {BCRYPT_COST_MAX}: a login would take seconds");
            reader.error("web/password-hash", span, message);
        }
        Some(_) => {}
    }
}

/// The cost in a hash such as `$2y$10$` and 53 characters.
pub fn bcrypt_cost(hash: &str) -> Option<u32> {
    let rest = ["$2a$", "$2b$", "$2x$", "$2y$"].iter().find_map(|version| hash.strip_prefix(version))?;
    let (cost, salt_and_hash) = rest.split_once('$')?;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '/');
    let is_hash = cost.len() == 2 && salt_and_hash.len() == 53 && salt_and_hash.chars().all(fits);
    cost.parse().ok().filter(|cost| is_hash && *cost >= 4)
}

fn needed_roles(fields: &mut Fields<'_>) -> Option<Roles> {
    let reader = fields.reader();
    match fields.take("role") {
        Some(node) => Some(roles(reader, node, "")),
        None => {
            fields.missing("role");
            None
        }
    }
}

/// A role, or a list of them; `nothing` stands for none.
fn roles(reader: &Reader<'_>, node: &Node, nothing: &str) -> Roles {
    let role = |node: &Node| {
        let text = &reader.scalar(node, "a role")?.text;
        if !nothing.is_empty() && text == nothing {
            return None;
        }
        let role = Role::parse(text);
        if role.is_none() {
            let names: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
            let message = format!("there is no role `{}`; there are {}", shorten(text), names.join(", "));
            reader.error("web/role", &node.span, message);
        }
        role
    };
    match &node.kind {
        NodeKind::Sequence(items) => items.iter().filter_map(|item| role(item)).collect(),
        _ => role(node).into_iter().collect(),
    }
}
