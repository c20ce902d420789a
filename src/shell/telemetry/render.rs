//! `/metrics` as text: OpenMetrics 1.0 for those who ask for it, Prometheus's text format 0.0.4 for the rest.

/// The `Content-Type` of OpenMetrics.
pub const CONTENT_TYPE_OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// The `Content-Type` of Prometheus's text format.
pub const CONTENT_TYPE_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// An answer to `GET /metrics`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposition {
    /// The value of the `Content-Type` header.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
}

impl Exposition {
    /// Chooses the format by the `Accept` header of the request: OpenMetrics only when it is named.
    pub(super) fn negotiate(openmetrics: String, accept: Option<&str>) -> Self {
        if accept.is_some_and(|accept| accept.contains("application/openmetrics-text")) {
            return Exposition { content_type: CONTENT_TYPE_OPENMETRICS, body: openmetrics };
        }
        Exposition { content_type: CONTENT_TYPE_TEXT, body: classic(&openmetrics) }
    }
}

/// OpenMetrics as the older text format: counters are described under the name of their samples, `info` is a gauge, units
/// and the end mark are comments that nobody reads.
fn classic(openmetrics: &str) -> String {
    let mut help: Option<(&str, &str)> = None;
    let mut text = String::with_capacity(openmetrics.len());
    for line in openmetrics.lines() {
        if let Some((name, words)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            help = Some((name, words));
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            let (kind, name_suffix) = match kind {
                "counter" => (kind, "_total"),
                "info" => ("gauge", "_info"),
                "unknown" => ("untyped", ""),
                _ => (kind, ""),
            };
            if let Some((_, words)) = help.take() {
                text.push_str(&format!("# HELP {name}{name_suffix} {words}\n"));
            }
            text.push_str(&format!("# TYPE {name}{name_suffix} {kind}\n"));
        } else if !line.starts_with("# UNIT ") && line != "# EOF" {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPENMETRICS: &str = "\
# HELP a_seconds How long.
# TYPE a_seconds counter
# UNIT a_seconds seconds
a_seconds_total 1.5
# HELP build What runs.
# TYPE build info
build_info{version=\"1\"} 1
# HELP g Depth.
# TYPE g gauge
g 2
# EOF
";

    #[test]
    fn both_formats() {
        let answer = Exposition::negotiate(OPENMETRICS.to_owned(), Some("application/openmetrics-text;q=0.5,*/*"));
        assert_eq!((answer.content_type, answer.body.as_str()), (CONTENT_TYPE_OPENMETRICS, OPENMETRICS));
        let [none, any, text] =
            [None, Some("*/*"), Some("text/plain")].map(|accept| Exposition::negotiate(OPENMETRICS.to_owned(), accept));
        assert_eq!(none.content_type, CONTENT_TYPE_TEXT);
        assert!(none == any && none == text);
        insta::assert_snapshot!(none.body, @r#"
        # HELP a_seconds_total How long.
        # TYPE a_seconds_total counter
        a_seconds_total 1.5
        # HELP build_info What runs.
        # TYPE build_info gauge
        build_info{version="1"} 1
        # HELP g Depth.
        # TYPE g gauge
        g 2
        "#);
    }
}
