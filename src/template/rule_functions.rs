//! The functions of Prometheus's rule templates.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::arguments::{Arguments, float, text, wrong_type};
use super::data::{QueryRow, RuleData};
use super::error::TemplateError;
use super::execute::Functions;
use super::field::Dialect;
use super::humanize::{humanize, humanize_percentage, humanize_timestamp, humanize1024};
use super::limits::QUERIES_MAX;
use super::rule::QueryFunction;
use super::value::Value;
use super::{builtin, moment, text_functions};

/// The names of the functions that only rules have.
const OWN_NAMES: [&str; 25] = [
    "title",
    "query",
    "first",
    "label",
    "value",
    "strvalue",
    "sortByLabel",
    "args",
    "tmpl",
    "humanize",
    "humanize1024",
    "humanizePercentage",
    "humanizeTimestamp",
    "toTime",
    "toDuration",
    "now",
    "parseDuration",
    "parseDurationTime",
    "stripPort",
    "stripDomain",
    "urlQueryEscape",
    "graphLink",
    "tableLink",
    "externalURL",
    "pathPrefix",
];

/// All functions that a rule's template may call.
pub(super) fn names() -> Vec<&'static str> {
    [&OWN_NAMES[..], &text_functions::NAMES, &builtin::NAMES].concat()
}

/// The functions of one expansion.
pub(super) struct RuleFunctions<'q> {
    data: &'q RuleData<'q>,
    query: &'q QueryFunction<'q>,
    queries: Cell<u32>,
}

impl<'q> RuleFunctions<'q> {
    pub(super) fn new(data: &'q RuleData<'q>, query: &'q QueryFunction<'q>) -> Self {
        RuleFunctions { data, query, queries: Cell::new(0) }
    }

    fn run_query<'d>(&self, expression: &str) -> Result<Value<'d>, TemplateError> {
        self.queries.set(self.queries.get() + 1);
        if self.queries.get() > QUERIES_MAX {
            return Err(TemplateError::new(format!("more than {QUERIES_MAX} queries")));
        }
        let rows = (self.query)(expression).map_err(|error| TemplateError { offset: None, ..error })?;
        Ok(Value::list_of_data(rows.into_iter().map(|row| Value::Row(Arc::new(row))).collect()))
    }
}

impl<'d> Functions<'d> for RuleFunctions<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Rule
    }

    fn call(&self, name: &str, arguments: &[Value<'d>]) -> Option<Result<Value<'d>, TemplateError>> {
        let given = Arguments(arguments);
        let number = |convert: fn(f64) -> String| {
            given.exactly().and_then(|[value]| float(value)).map(|value| Value::text(convert(value)))
        };
        let link = |tab: u8| {
            given.texts().map(|[expression]| {
                Value::text(format!("/graph?g0.expr={}&g0.tab={tab}", gotmpl::url_encode(expression)))
            })
        };
        Some(match name {
            "title" => given.texts().map(|[text]| Value::text(text_functions::title_of_rules(text))),
            "query" => given.texts().and_then(|[expression]| self.run_query(expression)),
            "first" => given.exactly().and_then(|[vector]| first(vector)),
            "label" => given.exactly().and_then(|[name, of]| Ok(Value::text(row(of)?.labels.get(text(name)?)))),
            "value" => given.exactly().and_then(|[of]| Ok(Value::Float(row(of)?.value))),
            "strvalue" => given.exactly().and_then(|[of]| Ok(Value::text(row(of)?.labels.get("__value__")))),
            "sortByLabel" => given.exactly().and_then(|[name, vector]| sort_by_label(text(name)?, vector)),
            "args" => Value::map(
                arguments
                    .iter()
                    .enumerate()
                    .map(|(at, value)| (format!("arg{at}"), value.clone()))
                    .collect::<BTreeMap<_, _>>(),
            ),
            "tmpl" => Err(TemplateError::new("wrong number of args: want 2: a name and its data")),
            "humanize" => number(humanize),
            "humanize1024" => number(humanize1024),
            "humanizePercentage" => number(humanize_percentage),
            "humanizeTimestamp" => {
                given.exactly().and_then(|[value]| humanize_timestamp(float(value)?)).map(Value::text)
            }
            "toTime" => given.exactly().and_then(|[value]| moment::from_seconds(float(value)?)).map(Value::Time),
            "toDuration" => given.exactly().and_then(|[value]| Ok(Value::Duration((float(value)? * 1e9) as i64))),
            "now" => given.exactly().map(|[]| Value::Float(self.data.at.seconds_f64())),
            "parseDuration" => parse_duration(&given).map(|duration| Value::Float(duration.as_secs_f64())),
            "parseDurationTime" => parse_duration(&given)
                .map(|duration| Value::Duration(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))),
            "stripPort" => {
                given.texts().map(|[host]| Value::text(split_host_port(host).map_or(&**host, |split| split.0)))
            }
            "stripDomain" => given.texts().map(|[host]| Value::text(strip_domain(host))),
            "urlQueryEscape" => given.texts().map(|[text]| Value::text(gotmpl::url_encode(text))),
            "graphLink" => link(0),
            "tableLink" => link(1),
            "externalURL" => given.exactly().map(|[]| Value::text(self.data.external_url)),
            "pathPrefix" => given.exactly().map(|[]| Value::text(path_of(self.data.external_url))),
            _ => return text_functions::call(name, arguments),
        })
    }
}

fn first<'d>(vector: &Value<'d>) -> Result<Value<'d>, TemplateError> {
    match vector {
        Value::List(list) => {
            list.items.first().cloned().ok_or_else(|| TemplateError::new("first() called on vector with no elements"))
        }
        other => Err(wrong_type(other, "template.queryResult")),
    }
}

fn row<'a>(value: &'a Value<'_>) -> Result<&'a QueryRow, TemplateError> {
    match value {
        Value::Row(row) => Ok(row),
        other => Err(wrong_type(other, "*template.sample")),
    }
}

fn sort_by_label<'d>(name: &str, vector: &Value<'d>) -> Result<Value<'d>, TemplateError> {
    let Value::List(list) = vector else { return Err(wrong_type(vector, "template.queryResult")) };
    let mut keyed = Vec::with_capacity(list.items.len());
    for item in &list.items {
        keyed.push((row(item)?.labels.get(name).to_owned(), item.clone()));
    }
    keyed.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(Value::list_of_data(keyed.into_iter().map(|(_, item)| item).collect()))
}

fn parse_duration(given: &Arguments<'_, '_>) -> Result<std::time::Duration, TemplateError> {
    let [duration] = given.texts()?;
    crate::model::parse_duration(duration).map_err(|error| TemplateError::new(error.to_string()))
}

/// `host:port` and `[host]:port` in their parts, as Go's `net.SplitHostPort` does; `None` where that is an error.
fn split_host_port(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    let misplaced = |part: &str| part.contains(['[', ']']);
    (!misplaced(host) && !misplaced(port)).then_some((host, port))
}

/// The first part of a host name with its port; addresses stay as they are.
fn strip_domain(text: &str) -> String {
    let (host, port) = split_host_port(text).unwrap_or((text, ""));
    if host.parse::<IpAddr>().is_ok() {
        return text.to_owned();
    }
    let short = host.split('.').next().unwrap_or_default();
    if port.is_empty() { short.to_owned() } else { format!("{short}:{port}") }
}

/// The path of a URL.
fn path_of(url: &str) -> &str {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = after_scheme.find('/').map_or("", |at| &after_scheme[at..]);
    path.split(['?', '#']).next().unwrap_or_default()
}
