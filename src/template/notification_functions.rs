//! The functions of Alertmanager's notification templates.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;

use super::arguments::{Arguments, text, text_list, wrong_type};
use super::data::{AlertData, IncidentData, NotificationData};
use super::error::TemplateError;
use super::execute::Functions;
use super::field::Dialect;
use super::value::{Bounded, Value};
use super::{builtin, moment, text_functions};
use crate::model::Labels;

/// The names of the functions that only notifications have.
const OWN_NAMES: [&str; 19] = [
    "title",
    "trimSpace",
    "join",
    "safeUrl",
    "urlUnescape",
    "stringSlice",
    "routeLabels",
    "date",
    "tz",
    "now",
    "since",
    "toDate",
    "mustToDate",
    "toJson",
    "base64encode",
    "base64decode",
    "list",
    "append",
    "dict",
];

/// All functions that a notification's template may call.
pub(super) fn names() -> Vec<&'static str> {
    [&OWN_NAMES[..], &text_functions::NAMES, &builtin::NAMES].concat()
}

/// The functions of one rendering.
pub(super) struct NotificationFunctions<'d>(pub(super) &'d NotificationData);

impl<'d> Functions<'d> for NotificationFunctions<'d> {
    fn dialect(&self) -> Dialect {
        Dialect::Notification
    }

    fn call(&self, name: &str, arguments: &[Value<'d>]) -> Option<Result<Value<'d>, TemplateError>> {
        let given = Arguments(arguments);
        Some(match name {
            "title" => given.texts().map(|[text]| Value::text(text_functions::title_of_notifications(text))),
            "trimSpace" => given.texts().map(|[text]| Value::text(text.trim())),
            "join" => given.exactly().and_then(|[separator, items]| match items {
                Value::List(list) => text_functions::join(text(separator)?, &list.items),
                other => text_list(other).map(|_| Value::text("")),
            }),
            "safeUrl" => given.texts().map(|[text]| Value::SafeUrl(text.clone())),
            "urlUnescape" => given.texts().and_then(|[text]| query_unescaped(text)).map(Value::text),
            "stringSlice" => arguments
                .iter()
                .map(|value| text(value).map(|text| Value::Text(text.clone())))
                .collect::<Result<Vec<_>, _>>()
                .and_then(Value::list),
            "routeLabels" => given.texts().map(|[name]| Value::text(self.0.route_labels.get(name))),
            "date" => given
                .exactly()
                .and_then(|[layout, time]| Ok(Value::text(moment::format(as_time(time)?, text(layout)?)))),
            "tz" => {
                given.exactly().and_then(|[zone, time]| moment::in_zone(as_time(time)?, text(zone)?)).map(Value::Time)
            }
            "now" => given.exactly().map(|[]| Value::Time(moment::from_timestamp(self.0.now))),
            "since" => given.exactly().and_then(|[time]| {
                let now = moment::from_timestamp(self.0.now);
                Ok(Value::Duration(moment::nanos_between(&now, as_time(time)?)))
            }),
            "toDate" => given
                .texts()
                .map(|[layout, text]| Value::Time(moment::parse(layout, text).unwrap_or_else(|_| moment::zero()))),
            "mustToDate" => given.texts().and_then(|[layout, text]| moment::parse(layout, text)).map(Value::Time),
            "toJson" => given.exactly().and_then(|[value]| json(value)).map(Value::text),
            "base64encode" => given.texts().map(|[text]| Value::text(URL_SAFE.encode(text.as_bytes()))),
            "base64decode" => given.texts().and_then(|[text]| {
                let bytes = URL_SAFE.decode(text.as_bytes()).map_err(|_| TemplateError::new("illegal base64 data"))?;
                Ok(Value::text(String::from_utf8_lossy(&bytes)))
            }),
            "list" => Value::list(arguments.to_vec()),
            "append" => given.at_least(1).and_then(appended),
            "dict" => dict(arguments),
            _ => return text_functions::call(name, arguments),
        })
    }
}

fn as_time<'a>(value: &'a Value<'_>) -> Result<&'a jiff::Zoned, TemplateError> {
    match value {
        Value::Time(time) => Ok(time),
        other => Err(wrong_type(other, "time.Time")),
    }
}

fn appended<'d>(all: &[Value<'d>]) -> Result<Value<'d>, TemplateError> {
    let mut items = match &all[0] {
        Value::List(list) => list.items.clone(),
        Value::Nil => Vec::new(),
        other => return Err(wrong_type(other, "[]interface {}")),
    };
    items.extend_from_slice(&all[1..]);
    Value::list(items)
}

fn dict<'d>(arguments: &[Value<'d>]) -> Result<Value<'d>, TemplateError> {
    if !arguments.len().is_multiple_of(2) {
        return Err(TemplateError::new("dict requires an even number of arguments"));
    }
    let mut entries = BTreeMap::new();
    for pair in arguments.chunks_exact(2) {
        entries.insert(text(&pair[0])?.to_string(), pair[1].clone());
    }
    Value::map(entries)
}

/// Undoes percent and plus encoding, as Go's `url.QueryUnescape`.
fn query_unescaped(text: &str) -> Result<String, TemplateError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = tail.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
                let decoded =
                    digits.filter(|pair| !pair.starts_with('+')).and_then(|pair| u8::from_str_radix(pair, 16).ok());
                let Some(decoded) = decoded else {
                    return Err(TemplateError::new(format!("invalid URL escape in {text:?}")));
                };
                bytes.push(decoded);
                rest = &tail[2..];
            }
            other => bytes.push(*other),
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The value as Go's `json.Marshal` writes it.
fn json(value: &Value<'_>) -> Result<String, TemplateError> {
    let mut out = Bounded::default();
    write_json(value, &mut out)?;
    Ok(out.finish())
}

/// A string in JSON with `<`, `>` and `&` escaped, as Go does.
pub(super) fn json_text(text: &str) -> String {
    escaped_json(&serde_json::to_string(text).unwrap_or_default())
}

fn escaped_json(json: &str) -> String {
    json.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

pub(super) fn write_json(value: &Value<'_>, out: &mut Bounded) -> Result<(), TemplateError> {
    match value {
        Value::Nil => out.push("null"),
        Value::Bool(_) | Value::Int(_) | Value::Uint(_) => value.print(out, "null"),
        Value::Duration(number) | Value::Named(number, _) => out.push(&number.to_string()),
        Value::Float(number) => match serde_json::Number::from_f64(*number) {
            Some(_) if number.fract() == 0.0 && number.abs() < 1e21 => out.push(&format!("{number:.0}")),
            Some(number) => out.push(&number.to_string()),
            None => Err(TemplateError::new(format!("json: unsupported value: {number}"))),
        },
        Value::Text(text) | Value::SafeHtml(text) | Value::SafeUrl(text) => out.push(&json_text(text)),
        Value::Labels(labels) => write_labels(labels, out),
        Value::Map(map) => {
            write_object(out, map.entries.iter().map(|(name, value)| (name.as_str(), value)), |out, value| {
                write_json(value, out)
            })
        }
        Value::List(list) => {
            out.push("[")?;
            for (position, item) in list.items.iter().enumerate() {
                out.push(if position > 0 { "," } else { "" })?;
                write_json(item, out)?;
            }
            out.push("]")
        }
        Value::Pair(pair) => out.push(&format!("{{\"Name\":{},\"Value\":{}}}", json_text(&pair.0), json_text(&pair.1))),
        Value::Row(row) => {
            out.push("{\"Labels\":")?;
            write_labels(&row.labels, out)?;
            out.push(",\"Value\":")?;
            write_json(&Value::Float(row.value), out)?;
            out.push("}")
        }
        Value::Time(time) => out.push(&json_text(&moment::format(time, JSON_TIME))),
        Value::Alert(alert) => write_alert(alert, out),
        Value::Incident(incident) => write_incident(incident, out),
        Value::Data(data) => write_data(data, out),
    }
}

const JSON_TIME: &str = "2006-01-02T15:04:05.999999999Z07:00";

fn write_object<'v, V>(
    out: &mut Bounded,
    entries: impl Iterator<Item = (&'v str, V)>,
    mut write: impl FnMut(&mut Bounded, V) -> Result<(), TemplateError>,
) -> Result<(), TemplateError> {
    out.push("{")?;
    for (position, (name, value)) in entries.enumerate() {
        out.push(if position > 0 { "," } else { "" })?;
        out.push(&json_text(name))?;
        out.push(":")?;
        write(out, value)?;
    }
    out.push("}")
}

fn write_labels(labels: &Labels, out: &mut Bounded) -> Result<(), TemplateError> {
    write_object(out, labels.iter(), |out, value| out.push(&json_text(value)))
}

fn write_alert(alert: &AlertData, out: &mut Bounded) -> Result<(), TemplateError> {
    out.push(&format!("{{\"status\":\"{}\",\"labels\":", alert.status.as_str()))?;
    write_labels(&alert.labels, out)?;
    out.push(",\"annotations\":")?;
    write_labels(&alert.annotations, out)?;
    let starts = moment::format(&moment::from_timestamp(alert.starts_at), JSON_TIME);
    let ends = moment::format(&alert.ends_at.map_or_else(moment::zero, moment::from_timestamp), JSON_TIME);
    out.push(&format!(
        ",\"startsAt\":\"{starts}\",\"endsAt\":\"{ends}\",\"generatorURL\":{},\"fingerprint\":{}}}",
        json_text(&alert.generator_url),
        json_text(&alert.fingerprint)
    ))
}

fn write_data(data: &NotificationData, out: &mut Bounded) -> Result<(), TemplateError> {
    out.push(&format!(
        "{{\"receiver\":{},\"status\":\"{}\",\"alerts\":[",
        json_text(&data.receiver),
        data.status.as_str()
    ))?;
    for (position, alert) in data.alerts.iter().enumerate() {
        out.push(if position > 0 { "," } else { "" })?;
        write_alert(alert, out)?;
    }
    out.push("]")?;
    for (name, labels) in [
        ("groupLabels", &data.group_labels),
        ("commonLabels", &data.common_labels),
        ("commonAnnotations", &data.common_annotations),
    ] {
        out.push(&format!(",\"{name}\":"))?;
        write_labels(labels, out)?;
    }
    out.push(&format!(",\"externalURL\":{}", json_text(&data.external_url)))?;
    if let Some(incident) = &data.incident {
        out.push(",\"incident\":")?;
        write_incident(incident, out)?;
    }
    out.push("}")
}

fn write_incident(incident: &IncidentData, out: &mut Bounded) -> Result<(), TemplateError> {
    let json = serde_json::to_string(incident).map_err(|error| TemplateError::new(format!("json: {error}")))?;
    // Outside texts JSON has none of the characters that are escaped.
    out.push(&escaped_json(&json))
}
