//! The description of the HTTP interface in the OpenAPI format (<https://spec.openapis.org/oas/v3.0.3>).

use std::sync::LazyLock;

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

const YAML: &str = include_str!("openapi.yaml");

static TEXT: LazyLock<String> = LazyLock::new(|| YAML.replace("{version}", env!("CARGO_PKG_VERSION")));

/// The same as JSON; a test reads it.
static JSON: LazyLock<String> = LazyLock::new(|| {
    let description: serde_json::Value = serde_yaml::from_str(&TEXT).unwrap_or_default();
    description.to_string()
});

/// `GET /api/openapi.yaml`
pub(super) async fn yaml() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/yaml")], TEXT.as_str())
}

/// `GET /api/openapi.json`
pub(super) async fn json() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], JSON.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Every `$ref` in `node`.
    fn references(node: &Value, found: &mut Vec<String>) {
        match node {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
                fields.values().for_each(|field| references(field, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }

    #[test]
    fn references_lead_somewhere() {
        let description: Value = serde_json::from_str(&JSON).expect("JSON");
        assert_eq!(description["info"]["version"], env!("CARGO_PKG_VERSION"));
        let mut found = Vec::new();
        references(&description, &mut found);
        assert!(found.len() > 50, "{found:?}");
        for reference in found {
            let place = reference.strip_prefix('#').expect("a place in the same file");
            assert!(description.pointer(place).is_some(), "{reference} leads nowhere");
        }
    }
}
