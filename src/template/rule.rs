use std::sync::{Arc, LazyLock};

use super::check;
use super::data::{QueryRow, RuleData};
use super::error::TemplateError;
use super::execute::{Executor, Output};
use super::rule_functions::{RuleFunctions, names};
use super::syntax::{self, Syntax};
use super::uses::{self, TemplateUses};
use super::value::{Bounded, Value};
use crate::model::SampleValue;

/// Runs an instant query at the moment of evaluation, for the function `query`.
pub type QueryFunction<'q> = dyn Fn(&str) -> Result<Vec<QueryRow>, TemplateError> + 'q;

/// A template of a rule's label or annotation, parsed once; cheap to clone.
#[derive(Clone, Debug)]
pub struct RuleTemplate {
    parsed: Arc<Parsed>,
}

#[derive(Debug)]
struct Parsed {
    text: String,
    /// `None` for text without actions.
    syntax: Option<Syntax>,
}

/// The variables that stand ready in a rule's template.
const VARIABLES: [&str; 5] = ["$labels", "$value", "$externalLabels", "$externalURL", "$activeAt"];

static FUNCTIONS: LazyLock<Vec<&'static str>> = LazyLock::new(names);

impl RuleTemplate {
    /// Parses a template.
    ///
    /// # Errors
    ///
    /// Text that is no template, unknown functions and variables.
    pub fn parse(text: &str) -> Result<RuleTemplate, TemplateError> {
        let syntax = if text.contains("{{") {
            let syntax = syntax::parse(text)?;
            check::check(&syntax, &FUNCTIONS, &VARIABLES)?;
            Some(syntax)
        } else {
            None
        };
        Ok(RuleTemplate { parsed: Arc::new(Parsed { text: text.to_owned(), syntax }) })
    }

    /// The text as written.
    pub fn text(&self) -> &str {
        &self.parsed.text
    }

    /// Whether it has no actions, so that it expands to itself.
    pub fn is_constant(&self) -> bool {
        self.parsed.syntax.is_none()
    }

    /// What it reads of the result.
    pub fn uses(&self) -> TemplateUses {
        self.parsed.syntax.as_ref().map(uses::uses).unwrap_or_default()
    }

    /// Expands the template over one series of the rule's result; `query` serves the function `query`.
    ///
    /// # Errors
    ///
    /// What fails at run time, and limits reached; the caller shows it as `<error expanding template: ...>`.
    pub fn expand(&self, data: &RuleData<'_>, query: &QueryFunction<'_>) -> Result<String, TemplateError> {
        let Some(syntax) = &self.parsed.syntax else { return Ok(self.parsed.text.clone()) };
        let labels = Value::Labels(data.labels.clone());
        let external_labels = Value::Labels(data.external_labels.clone());
        let external_url = Value::text(data.external_url);
        let value = match &data.value {
            SampleValue::Float(value) => Value::Float(*value),
            SampleValue::Histogram(histogram) => Value::text(histogram.to_string()),
        };
        let variables = [
            (VARIABLES[0], labels.clone()),
            (VARIABLES[1], value.clone()),
            (VARIABLES[2], external_labels.clone()),
            (VARIABLES[3], external_url.clone()),
            (VARIABLES[4], Value::Time(super::moment::from_timestamp(data.at))),
        ];
        let dot = Value::structure([
            ("Labels", labels),
            ("Value", value),
            ("ExternalLabels", external_labels),
            ("ExternalURL", external_url),
        ]);
        let functions = RuleFunctions::new(data, query);
        let output = Output::Text(Bounded::default());
        Executor::new(&functions, &syntax.defines, output).run(&syntax.main, &dot, &variables)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Labels, Timestamp, parse_notation};

    /// What `text` expands to over a fixed series, or the error's message.
    fn expanded(text: &str, value: f64) -> String {
        let labels = Labels::from_pairs([("instance", "web-1.example.com:9090"), ("job", "api")]);
        let external_labels = Labels::from_pairs([("cluster", "eu")]);
        let data = RuleData {
            labels: &labels,
            value: value.into(),
            external_labels: &external_labels,
            external_url: "http://prom.example/prefix",
            at: Timestamp::from_millis(1_700_000_000_500),
        };
        let query = |expression: &str| match expression {
            "empty" => Ok(Vec::new()),
            "bad(" => Err(TemplateError::new("parse error")),
            _ => Ok(["b", "a"]
                .iter()
                .zip([1.0, 2.5])
                .map(|(name, value)| QueryRow { labels: Labels::from_pairs([("host", *name)]), value })
                .collect()),
        };
        RuleTemplate::parse(text)
            .and_then(|template| template.expand(&data, &query))
            .unwrap_or_else(|error| format!("error: {error}"))
    }

    /// As Prometheus prints a histogram; it is no number for functions that want one.
    #[test]
    fn a_histogram_is_shown_as_text() {
        let histogram = parse_notation("{{schema:0 sum:3 count:2 buckets:[1 1]}}").expect("valid");
        let labels = Labels::default();
        let value = SampleValue::Histogram(histogram.into());
        let at = Timestamp::default();
        let data = RuleData { labels: &labels, value, external_labels: &labels, external_url: "", at };
        let expand = |text| RuleTemplate::parse(text).expect("valid").expand(&data, &|_| Ok(Vec::new()));
        assert_eq!(expand("{{ $value }}").expect("text"), "{count:2, sum:3, (0.5,1]:1, (1,2]:1}");
        assert!(expand("{{ $value | humanize }}").is_err());
    }

    #[test]
    fn constructs_of_alert_rules() {
        for (text, expected) in [
            ("plain", "plain"),
            ("{{ $labels.instance }} is down", "web-1.example.com:9090 is down"),
            ("{{ $value }}", "1234.5678"),
            ("{{ .Value }} {{ .Labels.job }}", "1234.5678 api"),
            ("{{ $labels }}", "map[instance:web-1.example.com:9090 job:api]"),
            ("[{{ $labels.nope }}]", "[]"),
            ("{{ $value | humanize }}", "1.235k"),
            ("{{ humanize 0.001 }}", "1m"),
            ("{{ printf \"%.2f\" $value }}", "1234.57"),
            ("{{ $value | printf \"%.0f%%\" }}", "1235%"),
            ("{{ $externalLabels.cluster }} {{ $externalURL }}", "eu http://prom.example/prefix"),
            ("{{ .ExternalURL }}{{ .ExternalLabels.cluster }}", "http://prom.example/prefixeu"),
            ("{{ with query \"up\" }}{{ . | first | value }}{{ end }}", "1"),
            ("{{ query \"up\" | first | label \"host\" }}", "b"),
            ("{{ range query \"up\" | sortByLabel \"host\" }}{{ .Labels.host }}={{ .Value }} {{ end }}", "a=2.5 b=1 "),
            ("{{ range query \"empty\" }}x{{ else }}none{{ end }}", "none"),
            ("{{ if gt $value 1000.0 }}high{{ else }}low{{ end }}", "high"),
            ("{{ if and (eq $labels.job \"api\") (ne $labels.instance \"\") }}yes{{ end }}", "yes"),
            ("{{ $labels.instance | stripPort }}", "web-1.example.com"),
            ("{{ $labels.instance | stripDomain }}", "web-1:9090"),
            ("{{ stripDomain \"10.0.0.1:80\" }} {{ stripPort \"[::1]:80\" }}", "10.0.0.1:80 ::1"),
            ("{{ $labels.job | toUpper | printf \"%q\" }}", "\"API\""),
            ("{{ reReplaceAll \"(.*):.*\" \"$1\" $labels.instance }}", "web-1.example.com"),
            ("{{ if match \"web-.*\" $labels.instance }}web{{ end }}", "web"),
            ("{{ title \"node exporter\" }}", "Node Exporter"),
            ("{{ 0.5 | humanizePercentage }} {{ humanize1024 1048576.0 }}", "50% 1Mi"),
            (
                "{{ humanizeDuration 3661.0 }} {{ humanizeTimestamp 1234.567 }}",
                "1h 1m 1s 1970-01-01 00:20:34.567 +0000 UTC",
            ),
            ("{{ now }} {{ (now | toTime).Format \"2006-01-02 15:04\" }}", "1.7000000005e+09 2023-11-14 22:13"),
            ("{{ parseDuration \"1h30m\" }} {{ toDuration 90.0 }}", "5400 1m30s"),
            ("{{ pathPrefix }} {{ externalURL }}", "/prefix http://prom.example/prefix"),
            (
                "{{ graphLink \"up > 1\" }} {{ tableLink \"a\" }}",
                "/graph?g0.expr=up+%3E+1&g0.tab=0 /graph?g0.expr=a&g0.tab=1",
            ),
            ("{{ define \"a\" }}<{{ .arg0 }} {{ .arg1 }}>{{ end }}{{ template \"a\" (args 1 \"x\") }}", "<1 x>"),
            ("{{ define \"a\" }}<{{ . }}>{{ end }}{{ tmpl \"a\" $labels.job }}", "<api>"),
            ("{{- /* note */ -}} a {{- \" b\" -}}  c", "a bc"),
            ("{{ index $labels \"job\" }} {{ len $labels }} {{ slice \"abcdef\" 1 3 }}", "api 2 bc"),
            (
                "{{ range $name, $value := $labels }}{{ $name }}:{{ $value }};{{ end }}",
                "instance:web-1.example.com:9090;job:api;",
            ),
            (
                "{{ range 5 }}{{ if eq . 1 }}{{ continue }}{{ end }}{{ if eq . 3 }}{{ break }}{{ end }}{{ . }}{{ end }}",
                "02",
            ),
            ("{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ $x := 3 }}{{ end }}{{ $x }}", "2"),
            ("{{ with $labels.nope }}a{{ else with $labels.job }}b{{ . }}{{ else }}c{{ end }}", "bapi"),
            ("{{ block \"b\" $value }}[{{ . }}]{{ end }}", "[1234.5678]"),
            ("{{ print 1 2 \"a\" 3 nil }} {{ println \"x\" 1 }}", "1 2a3 <nil> x 1\n"),
            ("{{ or $labels.nope \"fallback\" }} {{ not true }}", "fallback false"),
            ("{{ and false (index $labels 1) }}", "false"),
            (
                "{{ html \"<a>\" }} {{ js \"'\" }} {{ urlquery \"a b\" }} {{ urlQueryEscape \"a b\" }}",
                "&lt;a&gt; \\' a+b a+b",
            ),
            ("{{ printf \"%d\" \"hi\" }} {{ printf \"%s\" }}", "%!d(string=hi) %!s(MISSING)"),
        ] {
            assert_eq!(expanded(text, 1234.5678), expected, "{text}");
        }
    }

    #[test]
    fn faults_while_expanding() {
        for (text, expected) in [
            ("{{ query \"bad(\" }}", "error calling query: parse error"),
            ("{{ query \"empty\" | first }}", "error calling first: first() called on vector with no elements"),
            ("{{ if gt $value 1000 }}x{{ end }}", "incompatible types for comparison: float64 and int"),
            ("{{ toUpper $value }}", "expected string; got float64"),
            ("{{ humanize \"abc\" }}", "strconv.ParseFloat"),
            ("{{ $labels.job.name }}", "can't evaluate field name in type string"),
            ("{{ template \"nope\" }}", "template \"nope\" not defined"),
            ("{{ reReplaceAll \"(\" \"\" \"a\" }}", "error parsing regexp"),
            ("{{ .Nope }}", "can't evaluate field Nope in type struct"),
            ("{{ (args).arg0.x }}", "nil pointer"),
            ("{{ humanize 1 2 }}", "want 1 got 2"),
            ("{{ index $labels 1 }}", "expected string; got int"),
            ("{{ range $value }}{{ end }}", "range can't iterate over float64"),
        ] {
            let text_or_error = expanded(text, 1.0);
            assert!(
                text_or_error.starts_with("error: ") && text_or_error.contains(expected),
                "{text}: {text_or_error}"
            );
        }
    }

    #[test]
    fn faults_while_parsing() {
        for (text, message, offset, hint) in [
            ("{{ $label.x }}", "undefined variable \"$label\"", 3, Some("did you mean `$labels`?")),
            ("ü {{ humanise $value }}", "function \"humanise\" not defined", 6, Some("did you mean `humanize`?")),
            ("{{ $value | 1 }}", "must be a function", 12, None),
            ("{{ $value 1 }}", "no function", 3, Some("the function comes first: `printf \"%.2f\" $value`")),
            ("{{ break }}", "inside a `range`", 3, None),
            ("{{ if true }}{{ $x := 1 }}{{ end }}{{ $x }}", "undefined variable", 38, None),
            ("{{ define \"a\" }}{{ $labels.x }}{{ end }}", "undefined variable", 19, None),
            (
                "{{ if true }}",
                "not closed",
                3,
                Some("every `if`, `range`, `with`, `define` and `block` needs its `{{ end }}`"),
            ),
        ] {
            let error = RuleTemplate::parse(text).expect_err(text);
            assert!(error.message.contains(message), "{text}: {error}");
            assert_eq!((error.offset, error.hint.as_deref()), (Some(offset), hint), "{text}");
        }
    }
}
