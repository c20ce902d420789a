//! `email_configs` and their defaults in `global`.

use std::collections::BTreeMap;

use crate::deliver::{Channel, EmailConfig, MailThreading, Secret, SmtpSecurity, TlsConfig, TlsVersion};

use super::{ChannelDefaults, Fields, timeout};
use crate::config::http::tls_config;

/// The port on which TLS begins with the first byte.
const SUBMISSIONS_PORT: u16 = 465;
/// Headers that the mail gets by itself, or that would change who gets it.
const RESERVED_HEADERS: [&str; 7] =
    ["Bcc", "Content-Transfer-Encoding", "Content-Type", "Date", "Message-Id", "Mime-Version", "Return-Path"];
/// Headers that threading sets.
const THREAD_HEADERS: [&str; 2] = ["In-Reply-To", "References"];

/// What `global` says of mail.
#[derive(Debug)]
pub(in crate::config) struct SmtpDefaults {
    from: String,
    smarthost: Option<(String, u16)>,
    hello: String,
    auth_username: String,
    auth_password: Option<Secret>,
    auth_secret: Option<Secret>,
    auth_identity: String,
    require_tls: bool,
    force_implicit_tls: Option<bool>,
    tls: TlsConfig,
}

/// Reads `smtp_*` of `global`.
pub(in crate::config) fn smtp_defaults(fields: &mut Fields<'_>) -> SmtpDefaults {
    SmtpDefaults {
        from: fields.text_or("smtp_from", ""),
        smarthost: smarthost(fields, "smtp_smarthost"),
        hello: fields.text_or("smtp_hello", "localhost"),
        auth_username: fields.text_or("smtp_auth_username", ""),
        auth_password: fields.secret("smtp_auth_password", "smtp_auth_password_file"),
        auth_secret: fields.secret("smtp_auth_secret", "smtp_auth_secret_file"),
        auth_identity: fields.text_or("smtp_auth_identity", ""),
        require_tls: fields.flag("smtp_require_tls").unwrap_or(true),
        force_implicit_tls: fields.flag("smtp_force_implicit_tls"),
        tls: mail_tls(fields, "smtp_tls_config").unwrap_or_default(),
    }
}

pub(super) fn read(fields: &mut Fields<'_>, defaults: &ChannelDefaults) -> Option<Channel> {
    let reader = fields.reader();
    let smtp = &defaults.smtp;
    if let Some(node) = fields.take("to") {
        reader.note_template(node);
    }
    let to = fields.need_text("to");
    let from = fields.template_or("from", &smtp.from);
    if from.is_empty() {
        reader.error(
            "yaml/missing-field",
            fields.span(),
            "a mail channel needs `from`, here or as `smtp_from` in `global`",
        );
    }
    let own_host = smarthost(fields, "smarthost");
    let host = own_host.or_else(|| smtp.smarthost.clone());
    if host.is_none() && fields.take("smarthost").is_none() {
        let message = "a mail channel needs `smarthost`, here or as `smtp_smarthost` in `global`";
        reader.error("yaml/missing-field", fields.span(), message);
    }
    let require_tls = fields.flag("require_tls").unwrap_or(smtp.require_tls);
    let implicit = fields.flag("force_implicit_tls").or(smtp.force_implicit_tls);
    let headers = headers(fields);
    let threading = threading(fields, &headers);
    let chart = fields.flag("chart").unwrap_or(false);
    let own_password = fields.secret("auth_password", "auth_password_file");
    let own_secret = fields.secret("auth_secret", "auth_secret_file");
    let mut own_or = |name, default: &str| match fields.text(name) {
        Some(own) if !own.is_empty() => own,
        _ => default.to_owned(),
    };
    let auth_username = own_or("auth_username", &smtp.auth_username);
    let auth_identity = own_or("auth_identity", &smtp.auth_identity);
    let hello = own_or("hello", &smtp.hello);
    let (html, text, timeout, tls) = (
        fields.template_or("html", r#"{{ template "email.default.html" . }}"#),
        fields.template_or("text", ""),
        timeout(fields),
        mail_tls(fields, "tls_config").unwrap_or_else(|| smtp.tls.clone()),
    );
    let (host, port) = host?;
    let security = match (implicit, require_tls) {
        (Some(true), _) => SmtpSecurity::Implicit,
        (None, _) if port == SUBMISSIONS_PORT => SmtpSecurity::Implicit,
        (_, true) => SmtpSecurity::StarttlsRequired,
        (_, false) => SmtpSecurity::StarttlsIfOffered,
    };
    let auth_password = own_password.or_else(|| smtp.auth_password.clone());
    let config = EmailConfig {
        to: to?,
        from,
        host,
        port,
        hello,
        auth_username,
        auth_password,
        auth_secret: own_secret.or_else(|| smtp.auth_secret.clone()),
        auth_identity,
        security,
        tls,
        html,
        text,
        headers,
        threading,
        chart,
        timeout,
    };
    Some(Channel::Email(Box::new(config)))
}

/// TLS settings for mail.
fn mail_tls(fields: &mut Fields<'_>, name: &'static str) -> Option<TlsConfig> {
    let config = tls_config(fields.reader(), fields.take(name)?);
    if config.max_version == Some(TlsVersion::Tls12) {
        let message = "for mail TLS 1.3 cannot be ruled out: leave `max_version` out";
        fields.error_at(name, "config/tls-version", message);
    }
    Some(config)
}

fn threading(fields: &mut Fields<'_>, headers: &BTreeMap<String, String>) -> MailThreading {
    let reader = fields.reader();
    let inner = fields.take("threading").and_then(|node| reader.fields(node, "`threading`"));
    let Some(mut inner) = inner else { return MailThreading::Off };
    let is_enabled = inner.flag("enabled").unwrap_or(false);
    let by_date = inner.text_or("thread_by_date", "");
    let threading = match by_date.as_str() {
        _ if !is_enabled => MailThreading::Off,
        "daily" => MailThreading::GroupAndDay,
        "none" => MailThreading::Group,
        _ => {
            let message = "`thread_by_date` must be `none` (one conversation per group) or `daily`";
            inner.error_at("thread_by_date", "config/threading", message);
            MailThreading::Off
        }
    };
    if is_enabled && let Some(name) = THREAD_HEADERS.iter().find(|name| headers.contains_key(**name)) {
        inner.error_at(
            "enabled",
            "config/threading",
            format!("threading sets the header `{name}`, and so do `headers`"),
        );
    }
    inner.finish();
    threading
}

/// `host:port`; an IPv6 host stands in brackets.
fn smarthost(fields: &mut Fields<'_>, name: &'static str) -> Option<(String, u16)> {
    let text = fields.text(name).filter(|text| !text.is_empty())?;
    let parts = text.rsplit_once(':').and_then(|(host, port)| {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Some((host.to_owned(), port.parse().ok().filter(|port: &u16| *port != 0)?))
    });
    let parts = parts.filter(|(host, _)| !host.is_empty() && (!host.contains(':') || text.starts_with('[')));
    if parts.is_none() {
        fields.error_at(name, "config/smarthost", format!("`{name}` must be `host:port`"));
    }
    parts
}

/// The headers in their canonical spelling, with the default subject.
fn headers(fields: &mut Fields<'_>) -> BTreeMap<String, String> {
    let reader = fields.reader();
    let mut headers = BTreeMap::new();
    for entry in fields.take("headers").map(|node| reader.entries(node, "headers and their values")).unwrap_or_default()
    {
        let name = canonical(&entry.key);
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_graphic() && c != ':') {
            reader.error("config/header", &entry.key_span, format!("`{}` is no header name", super::shorten(&name)));
        }
        if RESERVED_HEADERS.contains(&name.as_str()) {
            reader.error("config/header", &entry.key_span, format!("the header `{name}` cannot be set"));
        }
        reader.note_template(&entry.value);
        let Some(value) = reader.scalar(&entry.value, "a text") else { continue };
        if headers.insert(name.clone(), value.text.clone()).is_some() {
            reader.error("config/duplicate", &entry.key_span, format!("the header `{name}` is given twice"));
        }
    }
    headers.entry("Subject".to_owned()).or_insert_with(|| r#"{{ template "email.default.subject" . }}"#.to_owned());
    headers
}

/// `content-type` -> `Content-Type`.
fn canonical(name: &str) -> String {
    let mut upper = true;
    let change = |c: char| {
        let changed = if upper { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
        upper = c == '-';
        changed
    };
    name.chars().map(change).collect()
}
