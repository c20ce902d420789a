//! Fields and methods of values: what stands after a point.

use std::sync::Arc;

use super::arguments::{Arguments, integer, text_list};
use super::data::{AlertData, IncidentData, NotificationData};
use super::error::TemplateError;
use super::moment;
use super::value::Value;
use crate::model::{ALERT_NAME, AlertStatus, Labels, nearest};

/// Whose templates these are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Prometheus: labels are plain maps.
    Rule,
    /// Alertmanager: label sets have methods, which win over keys of the same name.
    Notification,
}

type Read<'d> = Result<Value<'d>, TemplateError>;

/// The field or method `name` of `base`.
///
/// # Errors
///
/// There is none, or it does not take these arguments.
pub(super) fn get<'d>(base: &Value<'d>, name: &str, arguments: &[Value<'d>], dialect: Dialect) -> Read<'d> {
    let given = Arguments(arguments);
    let found = match base {
        Value::Labels(labels) if dialect == Dialect::Notification => match label_set_method(labels, name, &given) {
            Some(result) => return result,
            None => Some(Value::text(labels.get(name))),
        },
        Value::Labels(labels) => Some(Value::text(labels.get(name))),
        Value::Map(map) if map.is_struct => map.entries.get(name).cloned(),
        Value::Map(map) => Some(map.entries.get(name).cloned().unwrap_or(Value::Nil)),
        Value::Data(data) => data_field(data, name),
        Value::Alert(alert) => alert_field(alert, name),
        Value::Incident(incident) => incident_field(incident, name),
        Value::Pair(pair) => match name {
            "Name" => Some(Value::Text(pair.0.clone())),
            "Value" => Some(Value::Text(pair.1.clone())),
            _ => None,
        },
        Value::Row(row) => match name {
            "Labels" => Some(Value::Labels(row.labels.clone())),
            "Value" => Some(Value::Float(row.value)),
            _ => None,
        },
        Value::List(list) => return list_method(&list.items, name, &given).unwrap_or_else(|| Err(unknown(base, name))),
        Value::Time(time) => return time_method(time, name, &given).unwrap_or_else(|| Err(unknown(base, name))),
        Value::Duration(nanos) => {
            return duration_method(*nanos, name, &given).unwrap_or_else(|| Err(unknown(base, name)));
        }
        Value::Named(_, text) if name == "String" => Some(Value::text(text)),
        Value::Nil => return Err(TemplateError::new(format!("nil pointer evaluating interface {{}}.{name}"))),
        _ => None,
    };
    match found {
        None => Err(unknown(base, name)),
        Some(_) if !arguments.is_empty() => {
            Err(TemplateError::new(format!("{name} has arguments but cannot be invoked as function")))
        }
        Some(value) => Ok(value),
    }
}

fn unknown(base: &Value<'_>, name: &str) -> TemplateError {
    let error = TemplateError::new(format!("can't evaluate field {name} in type {}", base.type_name()));
    let known: &[&str] = match base {
        Value::Data(_) => &DATA_FIELDS,
        Value::Alert(_) => &ALERT_FIELDS,
        Value::Incident(_) => &INCIDENT_FIELDS,
        Value::Pair(_) => &["Name", "Value"],
        Value::Map(map) => &map.entries.keys().map(String::as_str).collect::<Vec<_>>(),
        Value::Row(_) => &["Labels", "Value"],
        Value::Time(_) => &["Format", "Unix", "UTC", "Sub", "Add", "IsZero", "Year", "Month", "Day", "Hour", "Minute"],
        Value::List(_) => &["Firing", "Resolved", "Names", "Values", "Join"],
        _ => &[],
    };
    match nearest(name, known.iter().copied()) {
        Some(near) => error.hint(format!("did you mean `.{near}`?")),
        None => error,
    }
}

const DATA_FIELDS: [&str; 10] = [
    "Receiver",
    "Status",
    "Alerts",
    "NotificationReason",
    "GroupLabels",
    "CommonLabels",
    "CommonAnnotations",
    "RouteLabels",
    "ExternalURL",
    "Incident",
];
const ALERT_FIELDS: [&str; 7] =
    ["Status", "Labels", "Annotations", "StartsAt", "EndsAt", "GeneratorURL", "Fingerprint"];
const INCIDENT_FIELDS: [&str; 11] =
    ["Number", "Kind", "User", "Title", "Text", "Severity", "Priority", "Symptoms", "OpenedAt", "AnswerBy", "Links"];

fn data_field<'d>(data: &'d NotificationData, name: &str) -> Option<Value<'d>> {
    Some(match name {
        "Receiver" => Value::text(&data.receiver),
        "Status" => Value::text(data.status.as_str()),
        "Alerts" => Value::list_of_data(data.alerts.iter().map(Value::Alert).collect()),
        "NotificationReason" => Value::text(&data.reason),
        "GroupLabels" => Value::Labels(data.group_labels.clone()),
        "CommonLabels" => Value::Labels(data.common_labels.clone()),
        "CommonAnnotations" => Value::Labels(data.common_annotations.clone()),
        "RouteLabels" => Value::Labels(data.route_labels.clone()),
        "ExternalURL" => Value::text(&data.external_url),
        "Incident" => data.incident.as_deref().map_or(Value::Nil, Value::Incident),
        _ => return None,
    })
}

fn incident_field<'d>(incident: &IncidentData, name: &str) -> Option<Value<'d>> {
    let time = |at| Value::Time(moment::from_timestamp(at));
    let link = |link: &Option<String>| Value::text(link.as_deref().unwrap_or_default());
    Some(match name {
        "Number" => Value::Uint(incident.number),
        "Kind" => Value::text(incident.kind),
        "User" => Value::text(&incident.user),
        "Title" => Value::text(&incident.title),
        "Text" => Value::text(&incident.text),
        "Severity" => Value::text(&incident.severity),
        "Priority" => Value::text(&incident.priority),
        "Symptoms" => Value::list_of_data(incident.symptoms.iter().map(Value::text).collect()),
        "OpenedAt" => time(incident.opened_at),
        "AnswerBy" => incident.answer_by.map_or(Value::Nil, time),
        "Links" => Value::structure([
            ("Show", Value::text(&incident.links.show)),
            ("Ack", link(&incident.links.answers.ack)),
            ("Resolve", link(&incident.links.answers.resolve)),
            ("Snooze", link(&incident.links.answers.snooze)),
            ("Escalate", link(&incident.links.answers.escalate)),
        ]),
        _ => return None,
    })
}

fn alert_field<'d>(alert: &AlertData, name: &str) -> Option<Value<'d>> {
    Some(match name {
        "Status" => Value::text(alert.status.as_str()),
        "Labels" => Value::Labels(alert.labels.clone()),
        "Annotations" => Value::Labels(alert.annotations.clone()),
        "StartsAt" => Value::Time(moment::from_timestamp(alert.starts_at)),
        "EndsAt" => Value::Time(alert.ends_at.map_or_else(moment::zero, moment::from_timestamp)),
        "GeneratorURL" => Value::text(&alert.generator_url),
        "Fingerprint" => Value::text(&alert.fingerprint),
        _ => return None,
    })
}

/// The labels by name, `alertname` first.
fn sorted_pairs(labels: &Labels) -> Vec<(&str, &str)> {
    let mut pairs: Vec<_> = labels.iter().collect();
    pairs.sort_by_key(|(name, _)| *name != ALERT_NAME);
    pairs
}

fn label_set_method<'d>(labels: &Labels, name: &str, given: &Arguments<'_, 'd>) -> Option<Read<'d>> {
    let list = |values: Vec<Value<'d>>| given.exactly::<0>().map(|_| Value::list_of_data(values));
    Some(match name {
        "SortedPairs" => list(
            sorted_pairs(labels)
                .into_iter()
                .map(|(name, value)| Value::Pair(Arc::new((Arc::from(name), Arc::from(value)))))
                .collect(),
        ),
        "Names" => list(sorted_pairs(labels).into_iter().map(|(name, _)| Value::text(name)).collect()),
        "Values" => list(sorted_pairs(labels).into_iter().map(|(_, value)| Value::text(value)).collect()),
        "Remove" => given.exactly().and_then(|[names]| {
            let names = text_list(names)?;
            Ok(Value::Labels(labels.retain(|label| !names.iter().any(|name| ***name == *label))))
        }),
        _ => return None,
    })
}

/// Methods of alerts, pairs and strings; an empty list has all of them.
fn list_method<'d>(items: &[Value<'d>], name: &str, given: &Arguments<'_, 'd>) -> Option<Read<'d>> {
    let with_status = |wanted: AlertStatus| {
        items.iter().filter(|item| matches!(item, Value::Alert(alert) if alert.status == wanted)).cloned().collect()
    };
    let half = |second: bool| {
        items
            .iter()
            .filter_map(|item| match item {
                Value::Pair(pair) => Some(Value::Text(if second { pair.1.clone() } else { pair.0.clone() })),
                _ => None,
            })
            .collect()
    };
    let picked: Vec<Value<'d>> = match (name, items.first()) {
        ("Firing", None | Some(Value::Alert(_))) => with_status(AlertStatus::Firing),
        ("Resolved", None | Some(Value::Alert(_))) => with_status(AlertStatus::Resolved),
        ("Names", None | Some(Value::Pair(_))) => half(false),
        ("Values", None | Some(Value::Pair(_))) => half(true),
        ("Join", None | Some(Value::Text(_))) => {
            return Some(
                given
                    .exactly()
                    .and_then(|[separator]| super::text_functions::join(super::arguments::text(separator)?, items)),
            );
        }
        _ => return None,
    };
    Some(given.exactly::<0>().map(|_| Value::list_of_data(picked)))
}

fn time_argument<'a>(value: &'a Value<'_>) -> Result<&'a Arc<jiff::Zoned>, TemplateError> {
    match value {
        Value::Time(time) => Ok(time),
        other => Err(super::arguments::wrong_type(other, "time.Time")),
    }
}

fn time_method<'d>(time: &Arc<jiff::Zoned>, name: &str, given: &Arguments<'_, 'd>) -> Option<Read<'d>> {
    let plain = |value: Value<'d>| given.exactly::<0>().map(|_| value);
    let compared = |holds: fn(&jiff::Zoned, &jiff::Zoned) -> bool| {
        given.exactly().and_then(|[other]| Ok(Value::Bool(holds(time, time_argument(other)?))))
    };
    let nanos = time.timestamp().as_nanosecond();
    let scaled = |scale: i128| Value::Int(i64::try_from(nanos.div_euclid(scale)).unwrap_or(i64::MAX));
    let weekday = time.weekday().to_sunday_zero_offset();
    Some(match name {
        "Format" => given.texts().map(|[layout]| Value::text(moment::format(time, layout))),
        "String" => plain(Value::text(moment::time_text(time))),
        "Unix" => plain(scaled(1_000_000_000)),
        "UnixMilli" => plain(scaled(1_000_000)),
        "UnixMicro" => plain(scaled(1_000)),
        "UnixNano" => plain(scaled(1)),
        "UTC" | "Local" => given.exactly::<0>().and_then(|_| moment::in_zone(time, "UTC")).map(Value::Time),
        "IsZero" => plain(Value::Bool(moment::is_zero(time))),
        "Year" => plain(Value::Int(i64::from(time.year()))),
        "Month" => plain(Value::Named(i64::from(time.month()), moment::month_name(time.month()))),
        "Day" => plain(Value::Int(i64::from(time.day()))),
        "Hour" => plain(Value::Int(i64::from(time.hour()))),
        "Minute" => plain(Value::Int(i64::from(time.minute()))),
        "Second" => plain(Value::Int(i64::from(time.second()))),
        "Nanosecond" => plain(Value::Int(i64::from(time.subsec_nanosecond()))),
        "YearDay" => plain(Value::Int(i64::from(time.day_of_year()))),
        "Weekday" => plain(Value::Named(i64::from(weekday), moment::weekday_name(weekday))),
        "Sub" => {
            given.exactly().and_then(|[other]| Ok(Value::Duration(moment::nanos_between(time, time_argument(other)?))))
        }
        "Add" => given.exactly().and_then(|[nanos]| moment::moved(time, integer(nanos)?)).map(Value::Time),
        "AddDate" => given
            .exactly()
            .and_then(|[years, months, days]| added_date(time, integer(years)?, integer(months)?, integer(days)?)),
        "Before" => compared(|a, b| a.timestamp() < b.timestamp()),
        "After" => compared(|a, b| a.timestamp() > b.timestamp()),
        "Equal" => compared(|a, b| a.timestamp() == b.timestamp()),
        _ => return None,
    })
}

/// Adds to year, month and day each, and lets days beyond the month's end run into the next, as Go does.
fn added_date<'d>(time: &jiff::Zoned, years: i64, months: i64, days: i64) -> Read<'d> {
    let beyond = || TemplateError::new("the time is beyond the calendar");
    let total = i64::from(time.month() - 1).saturating_add(months);
    let year = i64::from(time.year()).saturating_add(years).saturating_add(total.div_euclid(12));
    let first = i16::try_from(year)
        .ok()
        .zip(i8::try_from(total.rem_euclid(12) + 1).ok())
        .and_then(|(year, month)| jiff::civil::Date::new(year, month, 1).ok())
        .ok_or_else(beyond)?;
    let days = i64::from(time.day() - 1).saturating_add(days);
    let span = jiff::Span::new().try_days(days).map_err(|_| beyond())?;
    let moved = first.to_datetime(time.time()).checked_add(span).map_err(|_| beyond())?;
    let moved = moved.to_zoned(time.time_zone().clone()).map_err(|_| beyond())?;
    Ok(Value::Time(Arc::new(moved)))
}

fn duration_method<'d>(nanos: i64, name: &str, given: &Arguments<'_, 'd>) -> Option<Read<'d>> {
    let plain = |value: Value<'d>| given.exactly::<0>().map(|_| value);
    let stepped = |rounds: bool| {
        given.exactly().and_then(|[step]| {
            let step = integer(step)?;
            if step <= 0 {
                return Ok(Value::Duration(nanos));
            }
            let rest = nanos % step;
            let cut = nanos - rest;
            let up = rounds && i128::from(rest.abs()) * 2 >= i128::from(step);
            Ok(Value::Duration(if up { cut.saturating_add(step * nanos.signum()) } else { cut }))
        })
    };
    Some(match name {
        "Seconds" => plain(Value::Float(nanos as f64 / 1e9)),
        "Minutes" => plain(Value::Float(nanos as f64 / 6e10)),
        "Hours" => plain(Value::Float(nanos as f64 / 3.6e12)),
        "Milliseconds" => plain(Value::Int(nanos / 1_000_000)),
        "Microseconds" => plain(Value::Int(nanos / 1_000)),
        "Nanoseconds" => plain(Value::Int(nanos)),
        "Abs" => plain(Value::Duration(nanos.saturating_abs())),
        "String" => plain(Value::text(moment::duration_text(nanos))),
        "Round" => stepped(true),
        "Truncate" => stepped(false),
        _ => return None,
    })
}
