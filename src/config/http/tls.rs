//! `tls_config`.

use crate::config::yaml::{Fields, Node, Reader, shorten};
use crate::deliver::{TlsConfig, TlsVersion};

/// TLS settings.
pub(in crate::config) fn tls_config(reader: &Reader<'_>, node: &Node) -> TlsConfig {
    let Some(mut fields) = reader.fields(node, "a TLS configuration") else { return TlsConfig::default() };
    let config = TlsConfig {
        ca: fields.secret("ca", "ca_file"),
        cert: fields.secret("cert", "cert_file"),
        key: fields.secret("key", "key_file"),
        server_name: fields.text("server_name").filter(|name| !name.is_empty()),
        insecure_skip_verify: fields.flag("insecure_skip_verify").unwrap_or(false),
        min_version: tls_version(&mut fields, "min_version"),
        max_version: tls_version(&mut fields, "max_version"),
    };
    for (given, missing, what) in
        [(&config.cert, &config.key, ["cert", "cert_file"]), (&config.key, &config.cert, ["key", "key_file"])]
    {
        if given.is_some() && missing.is_none() {
            let name = if fields.take(what[0]).is_some() { what[0] } else { what[1] };
            fields.error_at(name, "config/tls", "a certificate and its key belong together; one is missing");
        }
    }
    if config.min_version.zip(config.max_version).is_some_and(|(min, max)| min > max) {
        fields.error_at("max_version", "config/tls", "`max_version` must not be older than `min_version`");
    }
    fields.finish();
    config
}

/// The version of TLS in the field `name`.
pub(in crate::config) fn tls_version(fields: &mut Fields<'_>, name: &'static str) -> Option<TlsVersion> {
    let text = fields.text(name)?;
    let message = match text.as_str() {
        "TLS13" => return Some(TlsVersion::Tls13),
        "TLS12" => return Some(TlsVersion::Tls12),
        "TLS10" | "TLS11" => {
            format!("`{text}` is not offered: Watchbell speaks TLS 1.2 and 1.3 alone, as the TLS library (rustls) does")
        }
        _ => format!("`{}` is no version of TLS; write `TLS12` or `TLS13`", shorten(&text)),
    };
    fields.error_at(name, "config/tls-version", message);
    None
}
