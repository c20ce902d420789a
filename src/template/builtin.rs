//! The functions that every Go template has.

use std::cmp::Ordering;

use super::arguments::{Arguments, integer};
use super::error::TemplateError;
use super::printf;
use super::value::{Bounded, Value};

/// The names of Go's functions.
pub(super) const NAMES: [&str; 19] = [
    "and", "call", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not", "or", "print", "printf",
    "println", "slice", "urlquery",
];

/// Calls Go's function `name`; `None` if it is none.
pub(super) fn call<'d>(name: &str, arguments: &[Value<'d>]) -> Option<Result<Value<'d>, TemplateError>> {
    let given = Arguments(arguments);
    Some(match name {
        "eq" => equal_any(&given),
        "ne" => given.exactly().and_then(|[a, b]| equal(a, b)).map(|same| Value::Bool(!same)),
        "lt" => order(&given).map(|order| Value::Bool(order == Some(Ordering::Less))),
        "le" => order(&given).map(|order| Value::Bool(matches!(order, Some(Ordering::Less | Ordering::Equal)))),
        "gt" => order(&given).map(|order| Value::Bool(order == Some(Ordering::Greater))),
        "ge" => order(&given).map(|order| Value::Bool(matches!(order, Some(Ordering::Greater | Ordering::Equal)))),
        "not" => given.exactly().map(|[value]| Value::Bool(!value.truth())),
        "len" => given.exactly().and_then(|[value]| length(value)),
        "index" => {
            given.at_least(1).and_then(|all| all[1..].iter().try_fold(all[0].clone(), |base, key| index(&base, key)))
        }
        "slice" => given.at_least(1).and_then(slice),
        "print" => sprint(arguments).map(Value::text),
        "println" => sprintln(arguments).map(Value::text),
        "printf" => given.at_least(1).and_then(printf::printf).map(Value::text),
        // Marked as safe, so that HTML output does not escape them again.
        "html" => escaped(arguments).map(|text| Value::SafeHtml(gotmpl::html_escape(&text).into())),
        "js" => escaped(arguments).map(|text| Value::text(gotmpl::js_escape(&text))),
        "urlquery" => escaped(arguments).map(|text| Value::SafeUrl(gotmpl::url_encode(&text).into())),
        "call" => Err(TemplateError::new("there is no function value to call")),
        _ => return None,
    })
}

/// What comparisons see of a value.
enum Basic<'a> {
    Nil,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Text(&'a str),
    Time(&'a jiff::Zoned),
}

fn basic<'a>(value: &'a Value<'_>) -> Result<Basic<'a>, TemplateError> {
    Ok(match value {
        Value::Nil => Basic::Nil,
        Value::Bool(value) => Basic::Bool(*value),
        Value::Int(number) | Value::Duration(number) | Value::Named(number, _) => Basic::Int(*number),
        Value::Uint(number) => Basic::Uint(*number),
        Value::Float(number) => Basic::Float(*number),
        Value::Text(text) | Value::SafeHtml(text) | Value::SafeUrl(text) => Basic::Text(text),
        Value::Time(time) => Basic::Time(time),
        other => return Err(TemplateError::new(format!("non-comparable type {}", other.type_name()))),
    })
}

fn incompatible(left: &Value<'_>, right: &Value<'_>) -> TemplateError {
    let (left_name, right_name) = (left.type_name(), right.type_name());
    let error = TemplateError::new(format!("incompatible types for comparison: {left_name} and {right_name}"));
    match (left, right) {
        (Value::Float(_), Value::Int(number)) | (Value::Int(number), Value::Float(_)) => {
            error.hint(format!("write the number with a point: {number}.0"))
        }
        _ => error,
    }
}

fn equal(left: &Value<'_>, right: &Value<'_>) -> Result<bool, TemplateError> {
    Ok(match (basic(left)?, basic(right)?) {
        (Basic::Nil, Basic::Nil) => true,
        (Basic::Nil, _) | (_, Basic::Nil) => false,
        (Basic::Bool(a), Basic::Bool(b)) => a == b,
        (Basic::Int(a), Basic::Int(b)) => a == b,
        (Basic::Uint(a), Basic::Uint(b)) => a == b,
        (Basic::Int(a), Basic::Uint(b)) | (Basic::Uint(b), Basic::Int(a)) => u64::try_from(a) == Ok(b),
        (Basic::Float(a), Basic::Float(b)) => a == b,
        (Basic::Text(a), Basic::Text(b)) => a == b,
        (Basic::Time(a), Basic::Time(b)) => a == b,
        _ => return Err(incompatible(left, right)),
    })
}

fn equal_any<'d>(given: &Arguments<'_, 'd>) -> Result<Value<'d>, TemplateError> {
    let [first, others @ ..] = given.at_least(2)? else { return Ok(Value::Bool(false)) };
    for other in others {
        if equal(first, other)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

/// The order of the two arguments; `None` with a NaN.
fn order(given: &Arguments<'_, '_>) -> Result<Option<Ordering>, TemplateError> {
    let [left, right] = given.exactly()?;
    Ok(match (basic(left)?, basic(right)?) {
        (Basic::Int(a), Basic::Int(b)) => Some(a.cmp(&b)),
        (Basic::Uint(a), Basic::Uint(b)) => Some(a.cmp(&b)),
        (Basic::Int(a), Basic::Uint(b)) => Some(u64::try_from(a).map_or(Ordering::Less, |a| a.cmp(&b))),
        (Basic::Uint(a), Basic::Int(b)) => Some(u64::try_from(b).map_or(Ordering::Greater, |b| a.cmp(&b))),
        (Basic::Float(a), Basic::Float(b)) => a.partial_cmp(&b),
        (Basic::Text(a), Basic::Text(b)) => Some(a.cmp(b)),
        _ => return Err(incompatible(left, right)),
    })
}

fn length<'d>(value: &Value<'d>) -> Result<Value<'d>, TemplateError> {
    let length = match value {
        Value::Text(text) | Value::SafeHtml(text) | Value::SafeUrl(text) => text.len(),
        Value::Labels(labels) => labels.len(),
        Value::Map(map) => map.entries.len(),
        Value::List(list) => list.items.len(),
        other => return Err(TemplateError::new(format!("len of type {}", other.type_name()))),
    };
    Ok(Value::Int(length as i64))
}

fn index<'d>(base: &Value<'d>, key: &Value<'d>) -> Result<Value<'d>, TemplateError> {
    let out_of_range = |number: i64| TemplateError::new(format!("index out of range: {number}"));
    match base {
        Value::Labels(labels) => Ok(Value::text(labels.get(super::arguments::text(key)?))),
        Value::Map(map) => Ok(map.entries.get(&**super::arguments::text(key)?).cloned().unwrap_or(Value::Nil)),
        Value::List(list) => {
            let number = integer(key)?;
            let item = usize::try_from(number).ok().and_then(|at| list.items.get(at));
            item.cloned().ok_or_else(|| out_of_range(number))
        }
        Value::Text(text) => {
            let number = integer(key)?;
            let byte = usize::try_from(number).ok().and_then(|at| text.as_bytes().get(at));
            byte.map(|byte| Value::Uint(u64::from(*byte))).ok_or_else(|| out_of_range(number))
        }
        Value::Nil => Err(TemplateError::new("index of untyped nil")),
        other => Err(TemplateError::new(format!("can't index item of type {}", other.type_name()))),
    }
}

fn slice<'d>(all: &[Value<'d>]) -> Result<Value<'d>, TemplateError> {
    let bounds = all[1..].iter().map(integer).collect::<Result<Vec<_>, _>>()?;
    let length = match &all[0] {
        Value::Text(text) => text.len(),
        Value::List(list) => list.items.len(),
        other => return Err(TemplateError::new(format!("can't slice item of type {}", other.type_name()))),
    };
    let indexes_max = if all[0].as_text().is_some() { 2 } else { 3 };
    if bounds.len() > indexes_max {
        return Err(TemplateError::new("too many slice indexes"));
    }
    let start = bounds.first().copied().unwrap_or(0);
    let end = bounds.get(1).copied().unwrap_or(length as i64);
    // The third bounds how far the result may be extended, which nothing here can do.
    let most = bounds.get(2).map_or(length, |most| usize::try_from(*most).unwrap_or(0).min(length));
    let range =
        usize::try_from(start).ok().zip(usize::try_from(end).ok()).filter(|(from, to)| from <= to && *to <= most);
    let Some((from, to)) = range else {
        return Err(TemplateError::new(format!("slice bounds out of range: {start}:{end} of {length}")));
    };
    match &all[0] {
        Value::Text(text) => Ok(Value::text(String::from_utf8_lossy(&text.as_bytes()[from..to]))),
        Value::List(list) => Value::list(list.items[from..to].to_vec()),
        _ => Ok(Value::Nil),
    }
}

/// Go's `fmt.Sprint`: a space between two operands when neither is a string.
fn sprint(values: &[Value<'_>]) -> Result<String, TemplateError> {
    let mut out = Bounded::default();
    let mut after_text = true;
    for (position, value) in values.iter().enumerate() {
        let is_text = value.as_text().is_some();
        if position > 0 && !is_text && !after_text {
            out.push(" ")?;
        }
        value.print(&mut out, "<nil>")?;
        after_text = is_text;
    }
    Ok(out.finish())
}

fn sprintln(values: &[Value<'_>]) -> Result<String, TemplateError> {
    let mut out = Bounded::default();
    for (position, value) in values.iter().enumerate() {
        out.push(if position > 0 { " " } else { "" })?;
        value.print(&mut out, "<nil>")?;
    }
    out.push("\n")?;
    Ok(out.finish())
}

/// What `html`, `js` and `urlquery` escape.
fn escaped(values: &[Value<'_>]) -> Result<String, TemplateError> {
    match values {
        [] => Err(TemplateError::new("wrong number of args: want at least 1 got 0")),
        [Value::Nil] => Ok("<no value>".to_owned()),
        _ => sprint(values),
    }
}

/// The keys and items that `range` walks.
pub(super) type Items<'d> = Box<dyn Iterator<Item = (Value<'d>, Value<'d>)> + 'd>;

/// What `range` walks, in Go's order: lists by index, maps by sorted key, numbers from zero.
///
/// # Errors
///
/// The value cannot be ranged over.
pub(super) fn items<'d>(value: &Value<'d>) -> Result<Items<'d>, TemplateError> {
    match value {
        Value::Nil => Ok(Box::new(std::iter::empty())),
        Value::Int(count) => Ok(Box::new((0..(*count).max(0)).map(|number| (Value::Int(number), Value::Int(number))))),
        Value::List(list) => {
            let list = list.clone();
            Ok(Box::new((0..list.items.len()).map(move |at| (Value::Int(at as i64), list.items[at].clone()))))
        }
        Value::Labels(labels) => {
            let pairs: Vec<_> = labels.iter().map(|(name, value)| (Value::text(name), Value::text(value))).collect();
            Ok(Box::new(pairs.into_iter()))
        }
        Value::Map(map) => {
            let pairs: Vec<_> = map.entries.iter().map(|(name, value)| (Value::text(name), value.clone())).collect();
            Ok(Box::new(pairs.into_iter()))
        }
        other => Err(TemplateError::new(format!("range can't iterate over {}", other.type_name()))),
    }
}
