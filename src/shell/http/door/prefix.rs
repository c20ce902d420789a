//! The prefix of all routes.

use axum::http::Uri;
use axum::http::uri::PathAndQuery;

use crate::shell::http::access::is_open;

/// Where a request leads.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::shell::http) enum Way {
    /// To the route with this address.
    Inside(Uri),
    /// To where it should have gone: the root.
    Root,
    /// Nowhere.
    Outside,
}

/// Where the address `uri` leads when all routes stand below `prefix`; what is open to everybody is there without it too.
pub(in crate::shell::http) fn way(prefix: &str, uri: &Uri) -> Way {
    let path = uri.path();
    if prefix.is_empty() || is_open(path) {
        return Way::Inside(uri.clone());
    }
    match path.strip_prefix(prefix) {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => {
            let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
            let rest = if rest.is_empty() { "/" } else { rest };
            let mut parts = uri.clone().into_parts();
            parts.path_and_query = PathAndQuery::try_from(format!("{rest}{query}")).ok();
            Uri::from_parts(parts).map_or(Way::Outside, Way::Inside)
        }
        _ if path == "/" => Way::Root,
        _ => Way::Outside,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_addresses_lead() {
        for (prefix, uri, expected) in [
            ("", "/metrics?a=b", Some("/metrics?a=b")),
            ("/bell", "/bell/metrics?a=b", Some("/metrics?a=b")),
            ("/bell", "/bell", Some("/")),
            ("/bell", "/bell?a", Some("/?a")),
            ("/bell", "/bell/", Some("/")),
            ("/bell", "/bell//x", Some("//x")),
            ("/bell", "http://host:1/bell/x", Some("http://host:1/x")),
            ("/a/b", "/a/b/x", Some("/x")),
            ("/bell", "/-/healthy", Some("/-/healthy")),
            ("/bell", "/bell/-/healthy", Some("/-/healthy")),
            ("/bell", "/metrics", None),
            ("/bell", "/bells/metrics", None),
            ("/bell", "/BELL/metrics", None),
        ] {
            let found = match way(prefix, &uri.parse().expect("an address")) {
                Way::Inside(uri) => Some(uri.to_string()),
                Way::Root | Way::Outside => None,
            };
            assert_eq!(found.as_deref(), expected, "{prefix} {uri}");
        }
        assert_eq!(way("/bell", &Uri::from_static("/")), Way::Root);
    }
}
