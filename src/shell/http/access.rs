//! Which role each route needs: the one table of it.

use axum::http::Method;

use crate::config::Role;

/// What a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing: it is answered to everybody, always.
    Nothing,
    /// Any role: it tells no more than that Watchbell is here.
    Any,
    /// This role.
    Role(Role),
    /// The key of the heartbeat that the path names, or this role.
    KeyOr(Role),
}

/// The methods that a line of the table speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Methods {
    Get,
    Post,
    Delete,
    /// Questions, by an address or by a form.
    GetPost,
    PostPut,
}

impl Methods {
    /// Each method.
    fn each(self) -> &'static [Method] {
        match self {
            Methods::Get => &[Method::GET],
            Methods::Post => &[Method::POST],
            Methods::Delete => &[Method::DELETE],
            Methods::GetPost => &[Method::GET, Method::POST],
            Methods::PostPut => &[Method::POST, Method::PUT],
        }
    }
}

const READ: Need = Need::Role(Role::Read);
const WRITE: Need = Need::Role(Role::Write);
const KEY_OR_WRITE: Need = Need::KeyOr(Role::Write);
const RESPOND: Need = Need::Role(Role::Respond);
const ADMIN: Need = Need::Role(Role::Admin);

/// The methods and path of a route as the router knows it, and what it needs. A route that is missing here needs `admin`.
const ROUTES: &[(Methods, &str, Need)] = {
    use Methods::{Delete, Get, GetPost, Post, PostPut};
    &[
        (Get, "/health/live", Need::Nothing),
        (Get, "/health/ready", Need::Nothing),
        (Get, "/ready", Need::Nothing),
        (Get, "/-/healthy", Need::Nothing),
        (Get, "/-/ready", Need::Nothing),
        (Get, "/", Need::Any),
        (Get, "/version", Need::Any),
        (Get, "/api/openapi.json", Need::Any),
        (Get, "/api/openapi.yaml", Need::Any),
        (Get, "/api/v1/status/buildinfo", Need::Any),
        (Get, "/health", READ),
        (Get, "/health/dependencies", READ),
        (Get, "/metrics", READ),
        (Get, "/api/v1/alerts", READ),
        (Get, "/api/v1/rules", READ),
        (Get, "/api/v1/targets", READ),
        (Get, "/api/v1/history", READ),
        (Get, "/api/v1/oncall", READ),
        (Get, "/api/v1/heartbeats", READ),
        (Get, "/api/v1/oncall/shifts", READ),
        (Get, "/api/v1/oncall/users", READ),
        (Get, "/api/v1/oncall/users/{file}", READ),
        (Get, "/api/v1/oncall/{file}", READ),
        (Get, "/api/v1/overrides", READ),
        (Get, "/api/v1/status/runtimeinfo", READ),
        (GetPost, "/api/v1/query", READ),
        (GetPost, "/api/v1/query_range", READ),
        (GetPost, "/api/v1/query_exemplars", READ),
        (GetPost, "/api/v1/series", READ),
        (GetPost, "/api/v1/labels", READ),
        (Get, "/api/v1/label/{name}/values", READ),
        (Get, "/api/v1/metadata", READ),
        (GetPost, "/api/v1/format_query", READ),
        (GetPost, "/api/v1/parse_query", READ),
        (Get, "/api/v2/status", READ),
        (Get, "/api/v2/receivers", READ),
        (Get, "/api/v2/alerts", READ),
        (Get, "/api/v2/alerts/groups", READ),
        (Get, "/api/v2/silences", READ),
        (Get, "/api/v2/silence/{id}", READ),
        (Post, "/api/v1/write", WRITE),
        (Post, "/api/v1/import", WRITE),
        (Post, "/api/v2/alerts", WRITE),
        (GetPost, "/api/v1/heartbeat/{name}", KEY_OR_WRITE),
        (GetPost, "/api/v1/heartbeat/{name}/fail", KEY_OR_WRITE),
        (Post, "/api/v2/silences", RESPOND),
        (Delete, "/api/v2/silence/{id}", RESPOND),
        (Post, "/api/v1/overrides", RESPOND),
        (Delete, "/api/v1/overrides/{id}", RESPOND),
        (Post, "/api/v1/receivers/{name}/test", ADMIN),
        (PostPut, "/-/reload", ADMIN),
    ]
};

/// What a request by `method` to the route `pattern` needs; `pattern` is `None` if no route has the path.
pub(super) fn need(method: &Method, pattern: Option<&str>) -> Need {
    let Some(pattern) = pattern else { return Need::Any };
    let method = if *method == Method::HEAD { &Method::GET } else { method };
    let is_it = |line: &&(Methods, &str, Need)| line.1 == pattern && line.0.each().contains(method);
    ROUTES.iter().find(is_it).map_or(ADMIN, |line| line.2)
}

/// Whether everybody may see `path`, also outside the prefix of all routes.
pub(super) fn is_open(path: &str) -> bool {
    ROUTES.iter().any(|line| line.1 == path && line.2 == Need::Nothing)
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::Path;

    use regex::Regex;

    use super::*;

    /// Every route of the table.
    pub(in crate::shell::http) fn routes() -> Vec<(Method, &'static str, Need)> {
        let each = |line: &(Methods, &'static str, Need)| {
            let (_, path, need) = *line;
            line.0.each().iter().map(move |method| (method.clone(), path, need)).collect::<Vec<_>>()
        };
        ROUTES.iter().flat_map(each).collect()
    }

    fn sources(folder: &Path, text: &mut String) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                sources(&path, text);
            } else if !path.ends_with("access.rs") && !path.to_string_lossy().contains("test") {
                text.push_str(&std::fs::read_to_string(&path).expect("text"));
            }
        }
    }

    /// The routes that the sources register: the path, and the methods that stand before the next one.
    fn registered() -> Vec<(Method, String)> {
        let mut text = String::new();
        for folder in ["http", "ingest"] {
            sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/shell").join(folder), &mut text);
        }
        // A handler that stands in a variable is found where that is filled.
        let text = text.replace("\"/api/v1/write\", write.", "\"/api/v1/write\", post(");
        let path = Regex::new(r#"\.route\(\s*"([^"]+)","#).expect("valid");
        let method = Regex::new(r"\b(get|post|put|delete|patch|any)(?:_service)?\(").expect("valid");
        let mut found = Vec::new();
        for route in path.captures_iter(&text) {
            let start = route.get(0).expect("whole").end();
            let rest = &text[start..];
            let end =
                [".route(", ".merge(", ".with_state(state", ".layer(", "\n}"].iter().filter_map(|end| rest.find(end));
            let handlers = &rest[..end.min().unwrap_or(rest.len())];
            let methods: Vec<&str> =
                method.captures_iter(handlers).filter_map(|m| m.get(1)).map(|m| m.as_str()).collect();
            assert!(!methods.is_empty(), "no method of {} was found in {handlers}", &route[1]);
            for method in methods {
                let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).expect("a method");
                found.push((method, route[1].to_owned()));
            }
        }
        found
    }

    #[test]
    fn every_route_has_its_line() {
        let known = routes();
        let found = registered();
        assert!(found.len() > 30, "{found:?}");
        for (method, path) in &found {
            let has_line = known.iter().any(|(known, pattern, _)| known == method && pattern == path);
            assert!(has_line, "the table of shell/http/access.rs has no line for {method} {path}");
        }
        for (method, path, _) in &known {
            let exists = found.iter().any(|(found, pattern)| found == method && pattern == path);
            assert!(exists, "the table has a line for {method} {path}, and nothing answers there");
        }
    }

    #[test]
    fn the_reference_tells_the_roles() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/api.md");
        let page = std::fs::read_to_string(page).expect("the reference");
        for (word, need) in [
            ("nothing", Need::Nothing),
            ("any", Need::Any),
            ("`read`", READ),
            ("`write`", WRITE),
            ("`write`, or the heartbeat's key", KEY_OR_WRITE),
            ("`respond`", RESPOND),
            ("`admin`", ADMIN),
        ] {
            let line = page.lines().find(|line| line.starts_with(&format!("| {word} |"))).unwrap_or_default();
            let wanted = ROUTES.iter().filter(|line| line.2 == need).map(|(methods, path, _)| {
                let methods: Vec<&str> = methods.each().iter().map(Method::as_str).collect();
                format!("{} `{path}`", methods.join("/"))
            });
            let wanted = format!("| {word} | {} |", wanted.collect::<Vec<_>>().join(", "));
            assert_eq!(line, wanted, "docs/reference/api.md");
        }
    }

    #[test]
    fn what_is_not_in_the_table() {
        assert_eq!(need(&Method::PATCH, Some("/metrics")), ADMIN);
        assert_eq!(need(&Method::GET, Some("/unheard/of")), ADMIN);
        assert_eq!(need(&Method::GET, None), Need::Any);
        assert_eq!(need(&Method::HEAD, Some("/metrics")), READ);
        assert!(is_open("/-/healthy") && !is_open("/metrics") && !is_open("/"));
    }
}
