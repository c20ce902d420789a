//! `oauth2`.

use super::{proxy, tls_config};
use crate::config::yaml::{Node, Reader};
use crate::deliver::{OAuth2Config, Secret};

/// Where tokens come from.
pub(super) fn oauth2(reader: &Reader<'_>, node: &Node) -> Option<Box<OAuth2Config>> {
    let mut fields = reader.fields(node, "`oauth2`")?;
    let client_id = fields.need_text("client_id");
    let token_url = fields.need_text("token_url");
    if token_url.as_deref().is_some_and(|url| !url.starts_with("http://") && !url.starts_with("https://")) {
        fields.error_at("token_url", "config/url", "`token_url` must begin with `http://` or `https://`");
    }
    let client_secret = fields.secret("client_secret", "client_secret_file");
    let scopes = fields.texts("scopes").unwrap_or_default().into_iter().map(|(scope, _)| scope).collect();
    let parameters = fields.take("endpoint_params");
    let mut endpoint_params = Vec::new();
    for entry in parameters.map(|node| reader.entries(node, "parameters by name")).unwrap_or_default() {
        // Some servers take a secret here, such as a password.
        let value = reader.secret_value(&entry.value, &entry.key_span);
        endpoint_params.extend(value.map(|value| (entry.key.clone(), Secret::Value(value))));
    }
    let tls = fields.take("tls_config").map(|node| tls_config(reader, node)).unwrap_or_default();
    let proxy = proxy::proxy(&mut fields);
    fields.finish();
    let (client_id, token_url) = (client_id?, token_url?);
    Some(Box::new(OAuth2Config { client_id, client_secret, token_url, scopes, endpoint_params, tls, proxy }))
}
