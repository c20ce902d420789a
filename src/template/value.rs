use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Zoned;

use super::data::{AlertData, IncidentData, NotificationData, QueryRow};
use super::error::TemplateError;
use super::limits::{ITEMS_MAX, OUTPUT_BYTES_MAX, VALUE_DEPTH_MAX};
use super::moment;
use crate::model::{FloatForm, Labels};

/// What a template handles: Go's kinds as far as templates of rules and notifications meet them.
#[derive(Clone, Debug)]
pub(super) enum Value<'d> {
    /// `nil`, and what is not there.
    Nil,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Text(Arc<str>),
    /// Text that HTML output takes as it is.
    SafeHtml(Arc<str>),
    /// Text that a URL in HTML output takes as it is.
    SafeUrl(Arc<str>),
    /// A `map[string]string`; `KV` in notifications.
    Labels(Labels),
    /// A `map[string]any`.
    Map(Arc<Map<'d>>),
    List(Arc<List<'d>>),
    /// A name with its value, out of `SortedPairs`.
    Pair(Arc<(Arc<str>, Arc<str>)>),
    /// A row of a query.
    Row(Arc<QueryRow>),
    Time(Arc<Zoned>),
    /// Nanoseconds.
    Duration(i64),
    /// A number that prints as a name: a month, a weekday.
    Named(i64, &'static str),
    Alert(&'d AlertData),
    Incident(&'d IncidentData),
    Data(&'d NotificationData),
}

/// A list, with how deeply it nests.
#[derive(Debug)]
pub(super) struct List<'d> {
    pub(super) items: Vec<Value<'d>>,
    depth: u8,
}

/// A map, with how deeply it nests.
#[derive(Debug)]
pub(super) struct Map<'d> {
    pub(super) entries: BTreeMap<String, Value<'d>>,
    /// Whether it stands for a Go struct: what it does not have cannot be asked for.
    pub(super) is_struct: bool,
    depth: u8,
}

/// Text that refuses to grow past [`OUTPUT_BYTES_MAX`].
#[derive(Debug, Default)]
pub(super) struct Bounded {
    text: String,
}

impl Bounded {
    pub(super) fn push(&mut self, text: &str) -> Result<(), TemplateError> {
        if self.text.len() + text.len() > OUTPUT_BYTES_MAX {
            return Err(TemplateError::too_large());
        }
        self.text.push_str(text);
        Ok(())
    }

    pub(super) fn finish(self) -> String {
        self.text
    }
}

impl<'d> Value<'d> {
    pub(super) fn text(text: impl AsRef<str>) -> Self {
        Value::Text(Arc::from(text.as_ref()))
    }

    /// # Errors
    ///
    /// Too many items, or lists nested too deeply.
    pub(super) fn list(items: Vec<Value<'d>>) -> Result<Self, TemplateError> {
        let depth = depth_above(items.len(), items.iter())?;
        Ok(Value::List(Arc::new(List { items, depth })))
    }

    /// A list of alerts, pairs, names or rows: as long as the data is, and one level deep.
    pub(super) fn list_of_data(items: Vec<Value<'d>>) -> Self {
        Value::List(Arc::new(List { items, depth: 1 }))
    }

    /// # Errors
    ///
    /// Too many entries, or maps nested too deeply.
    pub(super) fn map(entries: BTreeMap<String, Value<'d>>) -> Result<Self, TemplateError> {
        let depth = depth_above(entries.len(), entries.values())?;
        Ok(Value::Map(Arc::new(Map { entries, is_struct: false, depth })))
    }

    /// A struct with these fields.
    pub(super) fn structure<const N: usize>(fields: [(&str, Value<'d>); N]) -> Self {
        let entries = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Value::Map(Arc::new(Map { entries, is_struct: true, depth: 1 }))
    }

    /// Go's notion of truth: not the zero value, not empty; structs are always true.
    pub(super) fn truth(&self) -> bool {
        match self {
            Value::Nil => false,
            Value::Bool(value) => *value,
            Value::Int(value) | Value::Duration(value) | Value::Named(value, _) => *value != 0,
            Value::Uint(value) => *value != 0,
            Value::Float(value) => *value != 0.0,
            Value::Text(text) | Value::SafeHtml(text) | Value::SafeUrl(text) => !text.is_empty(),
            Value::Labels(labels) => !labels.is_empty(),
            Value::Map(map) => map.is_struct || !map.entries.is_empty(),
            Value::List(list) => !list.items.is_empty(),
            Value::Pair(_) | Value::Row(_) | Value::Time(_) => true,
            Value::Alert(_) | Value::Incident(_) | Value::Data(_) => true,
        }
    }

    /// The text of a string, safe or not.
    pub(super) fn as_text(&self) -> Option<&Arc<str>> {
        match self {
            Value::Text(text) | Value::SafeHtml(text) | Value::SafeUrl(text) => Some(text),
            _ => None,
        }
    }

    /// The type as Go names it.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Value::Nil => "nil",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Uint(_) => "uint64",
            Value::Float(_) => "float64",
            Value::Text(_) => "string",
            Value::SafeHtml(_) => "template.HTML",
            Value::SafeUrl(_) => "template.URL",
            Value::Labels(_) => "map[string]string",
            Value::Map(map) if map.is_struct => "struct",
            Value::Map(_) => "map[string]interface {}",
            Value::List(list) => match list.items.first() {
                Some(Value::Text(_)) => "[]string",
                Some(Value::Alert(_)) => "template.Alerts",
                Some(Value::Pair(_)) => "template.Pairs",
                Some(Value::Row(_)) => "template.queryResult",
                _ => "[]interface {}",
            },
            Value::Pair(_) => "template.Pair",
            Value::Row(_) => "*template.sample",
            Value::Time(_) => "time.Time",
            Value::Duration(_) => "time.Duration",
            Value::Named(..) => "time.Month",
            Value::Alert(_) => "template.Alert",
            Value::Incident(_) => "*template.Incident",
            Value::Data(_) => "*template.Data",
        }
    }

    /// Writes the value as Go's `%v` does; `nil` as `nil_text`.
    ///
    /// # Errors
    ///
    /// The output is full.
    pub(super) fn print(&self, out: &mut Bounded, nil_text: &str) -> Result<(), TemplateError> {
        match self {
            Value::Nil => out.push(nil_text),
            Value::Bool(value) => out.push(if *value { "true" } else { "false" }),
            Value::Int(value) => out.push(&value.to_string()),
            Value::Uint(value) => out.push(&value.to_string()),
            Value::Float(value) => out.push(&FloatForm::General.text(*value)),
            Value::Text(text) | Value::SafeHtml(text) | Value::SafeUrl(text) => out.push(text),
            Value::Labels(labels) => print_labels(labels, out),
            Value::Map(map) => {
                out.push("map[")?;
                for (index, (key, value)) in map.entries.iter().enumerate() {
                    out.push(if index > 0 { " " } else { "" })?;
                    out.push(key)?;
                    out.push(":")?;
                    value.print(out, "<nil>")?;
                }
                out.push("]")
            }
            Value::List(list) => {
                out.push("[")?;
                for (index, value) in list.items.iter().enumerate() {
                    out.push(if index > 0 { " " } else { "" })?;
                    value.print(out, "<nil>")?;
                }
                out.push("]")
            }
            Value::Pair(pair) => out.push(&format!("{{{} {}}}", pair.0, pair.1)),
            Value::Row(row) => {
                out.push("{")?;
                print_labels(&row.labels, out)?;
                out.push(&format!(" {}}}", FloatForm::General.text(row.value)))
            }
            Value::Time(time) => out.push(&moment::time_text(time)),
            Value::Duration(nanos) => out.push(&moment::duration_text(*nanos)),
            Value::Named(_, name) => out.push(name),
            Value::Alert(alert) => print_alert(alert, out),
            Value::Incident(incident) => {
                let IncidentData { number, kind, severity, title, text, .. } = incident;
                out.push(&format!("{{{number} {kind} {severity} {title} {text}}}"))
            }
            Value::Data(data) => {
                out.push(&format!("{{{} {} [", data.receiver, data.status.as_str()))?;
                for (index, alert) in data.alerts.iter().enumerate() {
                    out.push(if index > 0 { " " } else { "" })?;
                    print_alert(alert, out)?;
                }
                out.push("] ")?;
                for labels in [&data.group_labels, &data.common_labels, &data.common_annotations] {
                    print_labels(labels, out)?;
                    out.push(" ")?;
                }
                out.push(&format!("{}}}", data.external_url))
            }
        }
    }

    /// The value as Go's `%v` prints it.
    ///
    /// # Errors
    ///
    /// It is longer than an output may be.
    pub(super) fn printed(&self) -> Result<String, TemplateError> {
        let mut out = Bounded::default();
        self.print(&mut out, "<nil>")?;
        Ok(out.finish())
    }

    /// Roughly how many bytes of text the value holds itself.
    pub(super) fn weight(&self) -> usize {
        match self {
            Value::Text(text) | Value::SafeHtml(text) | Value::SafeUrl(text) => text.len(),
            Value::Labels(labels) => labels.len() * 16,
            Value::List(list) => list.items.len() * 16,
            Value::Map(map) => map.entries.len() * 16,
            _ => 0,
        }
    }
}

/// The depth of a container of `items`.
fn depth_above<'v, 'd: 'v>(count: usize, items: impl Iterator<Item = &'v Value<'d>>) -> Result<u8, TemplateError> {
    if count > ITEMS_MAX {
        return Err(TemplateError::new(format!("a list or map of more than {ITEMS_MAX} items")));
    }
    let inner = items
        .map(|item| match item {
            Value::List(list) => list.depth,
            Value::Map(map) => map.depth,
            _ => 0,
        })
        .max()
        .unwrap_or(0);
    if inner >= VALUE_DEPTH_MAX {
        return Err(TemplateError::new(format!("lists and maps nested deeper than {VALUE_DEPTH_MAX}")));
    }
    Ok(inner + 1)
}

fn print_labels(labels: &Labels, out: &mut Bounded) -> Result<(), TemplateError> {
    out.push("map[")?;
    for (index, (name, value)) in labels.iter().enumerate() {
        out.push(if index > 0 { " " } else { "" })?;
        out.push(name)?;
        out.push(":")?;
        out.push(value)?;
    }
    out.push("]")
}

fn print_alert(alert: &AlertData, out: &mut Bounded) -> Result<(), TemplateError> {
    out.push(&format!("{{{} ", alert.status.as_str()))?;
    print_labels(&alert.labels, out)?;
    out.push(" ")?;
    print_labels(&alert.annotations, out)?;
    let starts = moment::time_text(&moment::from_timestamp(alert.starts_at));
    let ends = moment::time_text(&alert.ends_at.map_or_else(moment::zero, moment::from_timestamp));
    out.push(&format!(" {starts} {ends} {} {}}}", alert.generator_url, alert.fingerprint))
}
