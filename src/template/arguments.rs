//! Reading the arguments of a function.

use std::sync::Arc;

use super::error::TemplateError;
use super::value::Value;

/// The arguments of one call.
pub(super) struct Arguments<'a, 'd>(pub(super) &'a [Value<'d>]);

impl<'a, 'd> Arguments<'a, 'd> {
    /// Exactly `N` arguments.
    pub(super) fn exactly<const N: usize>(&self) -> Result<&'a [Value<'d>; N], TemplateError> {
        self.0
            .try_into()
            .map_err(|_| TemplateError::new(format!("wrong number of args: want {N} got {}", self.0.len())))
    }

    /// At least `count` arguments.
    pub(super) fn at_least(&self, count: usize) -> Result<&'a [Value<'d>], TemplateError> {
        if self.0.len() < count {
            let message = format!("wrong number of args: want at least {count} got {}", self.0.len());
            return Err(TemplateError::new(message));
        }
        Ok(self.0)
    }

    /// Exactly `N` strings.
    pub(super) fn texts<const N: usize>(&self) -> Result<[&'a Arc<str>; N], TemplateError> {
        let values = self.exactly::<N>()?;
        let mut texts = [None; N];
        for (slot, value) in texts.iter_mut().zip(values) {
            *slot = Some(text(value)?);
        }
        texts
            .into_iter()
            .collect::<Option<Vec<_>>>()
            .and_then(|all| all.try_into().ok())
            .ok_or_else(TemplateError::too_large)
    }
}

/// The value as a string.
pub(super) fn text<'a>(value: &'a Value<'_>) -> Result<&'a Arc<str>, TemplateError> {
    value.as_text().ok_or_else(|| wrong_type(value, "string"))
}

/// The value as a whole number.
pub(super) fn integer(value: &Value<'_>) -> Result<i64, TemplateError> {
    match value {
        Value::Int(number) | Value::Duration(number) | Value::Named(number, _) => Ok(*number),
        Value::Uint(number) => i64::try_from(*number).map_err(|_| wrong_type(value, "int")),
        _ => Err(wrong_type(value, "int")),
    }
}

/// The value as a float, as `humanize` and its kin take it: numbers, texts that are numbers, durations in seconds.
pub(super) fn float(value: &Value<'_>) -> Result<f64, TemplateError> {
    match value {
        Value::Float(number) => Ok(*number),
        Value::Int(number) => Ok(*number as f64),
        Value::Uint(number) => Ok(*number as f64),
        Value::Duration(nanos) => Ok(*nanos as f64 / 1e9),
        Value::Text(text) => crate::model::parse_value(text)
            .ok_or_else(|| TemplateError::new(format!("strconv.ParseFloat: parsing {text:?}: invalid syntax"))),
        _ => Err(TemplateError::new(format!("can't convert {} to float", value.type_name()))),
    }
}

/// The value as a list of strings.
pub(super) fn text_list<'a>(value: &'a Value<'_>) -> Result<Vec<&'a Arc<str>>, TemplateError> {
    match value {
        Value::List(list) => list.items.iter().map(text).collect(),
        Value::Nil => Ok(Vec::new()),
        _ => Err(wrong_type(value, "[]string")),
    }
}

/// "expected X; got Y", with what usually helps.
pub(super) fn wrong_type(value: &Value<'_>, wanted: &str) -> TemplateError {
    let error = TemplateError::new(format!("wrong type for value; expected {wanted}; got {}", value.type_name()));
    match (wanted, value) {
        ("string", Value::Float(_) | Value::Int(_)) => {
            error.hint("turn it into text with `printf \"%v\"` or `humanize`")
        }
        _ => error,
    }
}
