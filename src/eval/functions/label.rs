//! `label_replace` and `label_join`.

use regex::RegexBuilder;

use crate::lang::{Call, Span};
use crate::model::METRIC_NAME;

use super::super::error::EvalError;
use super::super::instant::{Evaluator, Item, Moment, refuse_duplicates};
use super::argument;

/// How much memory a compiled pattern may take.
const REGEX_BYTES_MAX: usize = 1 << 20;
/// How long a label value may become.
const VALUE_BYTES_MAX: usize = 1 << 16;

impl Evaluator<'_> {
    /// `label_replace(v, target, replacement, source, pattern)`.
    pub(super) fn call_label_replace(
        &mut self,
        call: &Call,
        span: &Span,
        moment: Moment,
    ) -> Result<Vec<Item>, EvalError> {
        let target = self.label_name(call, 1, span, moment)?;
        let replacement = self.string(argument(call, 2, span)?, moment)?;
        let source = self.string(argument(call, 3, span)?, moment)?;
        let pattern = self.string(argument(call, 4, span)?, moment)?;
        let compiled = RegexBuilder::new(&format!("^(?s:{pattern})$")).size_limit(REGEX_BYTES_MAX).build();
        let invalid = |_| {
            let text = format!("invalid regular expression in label_replace(): {pattern}");
            EvalError::parameter(text, &call.args[4].span)
        };
        let regex = compiled.map_err(invalid)?;
        let mut items = self.vector(argument(call, 0, span)?, moment)?;
        for item in &mut items {
            let value = item.labels.get(&source);
            let Some(captures) = regex.captures(value) else { continue };
            let mut replaced = String::new();
            captures.expand(&replacement, &mut replaced);
            relabel(item, &target, &replaced, span)?;
        }
        refuse_duplicates(items.iter().map(|item| &item.labels), span)?;
        Ok(items)
    }

    /// `label_join(v, target, separator, sources…)`.
    pub(super) fn call_label_join(&mut self, call: &Call, span: &Span, moment: Moment) -> Result<Vec<Item>, EvalError> {
        let target = self.label_name(call, 1, span, moment)?;
        let separator = self.string(argument(call, 2, span)?, moment)?;
        let mut sources = Vec::new();
        for index in 3..call.args.len() {
            sources.push(self.label_name(call, index, span, moment)?);
        }
        let mut items = self.vector(argument(call, 0, span)?, moment)?;
        for item in &mut items {
            let values: Vec<&str> = sources.iter().map(|source| item.labels.get(source)).collect();
            let joined = values.join(&separator);
            relabel(item, &target, &joined, span)?;
        }
        refuse_duplicates(items.iter().map(|item| &item.labels), span)?;
        Ok(items)
    }

    /// The argument `index` as the name of a label.
    fn label_name(&mut self, call: &Call, index: usize, span: &Span, moment: Moment) -> Result<String, EvalError> {
        let expr = argument(call, index, span)?;
        let name = self.string(expr, moment)?;
        if name.is_empty() {
            let text = format!("invalid label name in {}(): {name:?}", call.function.name);
            return Err(EvalError::parameter(text, &expr.span));
        }
        Ok(name)
    }
}

/// Sets a label; a name that is set anew is no longer to be removed.
fn relabel(item: &mut Item, name: &str, value: &str, span: &Span) -> Result<(), EvalError> {
    if value.len() > VALUE_BYTES_MAX {
        return Err(EvalError::parameter(format!("label value longer than {VALUE_BYTES_MAX} bytes"), span));
    }
    let mut builder = item.labels.builder();
    builder.set(name, value);
    item.labels = builder.finish();
    if name == METRIC_NAME {
        item.drop_name = false;
    }
    Ok(())
}
