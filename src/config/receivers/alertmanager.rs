//! `alertmanager_configs`: each address of `urls` becomes an integration of its own, so that each peer is tried until it has the alerts.

use std::time::Duration;

use crate::deliver::{AlertmanagerConfig, Channel};

use super::{ChannelDefaults, Fields, connection, several, timeout};

/// How long alerts stay at the other side unless they are sent again.
const EXPIRE_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) fn read(fields: &mut Fields<'_>, defaults: &ChannelDefaults) -> Vec<Channel> {
    let http = connection(fields, defaults);
    let timeout = timeout(fields);
    let expire_after = fields.positive_duration("expire_after").unwrap_or(EXPIRE_AFTER);
    for (url, node) in fields.texts("urls").unwrap_or_default() {
        if url.contains('@') {
            fields.reader().hide(node);
        }
    }
    let addresses = several(fields, "urls");
    for url in &addresses {
        let message = if !url.starts_with("http://") && !url.starts_with("https://") {
            "the addresses in `urls` must begin with `http://` or `https://`"
        } else if url.contains(['@', '?', '#']) {
            "an address in `urls` ends with host, port and path; credentials go to `http_config`"
        } else {
            continue;
        };
        fields.error_at("urls", "config/url", message);
    }
    let one = |url: String| AlertmanagerConfig {
        url: url.trim_end_matches('/').to_owned(),
        expire_after,
        timeout,
        http: http.clone(),
    };
    addresses.into_iter().map(|url| Channel::Alertmanager(Box::new(one(url)))).collect()
}
