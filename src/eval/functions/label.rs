//! `label_replace` and `label_join`.

use crate::lang::{Call, Span};
use crate::model::{METRIC_NAME, anchored_regex};

use super::super::error::EvalError;
use super::super::evaluator::Evaluator;
use super::super::grid::Grid;
use super::super::row::{Row, merged};
use super::argument;

/// How much memory a compiled pattern may take.
const REGEX_BYTES_MAX: usize = 1 << 20;
/// How long a label value may become.
const VALUE_BYTES_MAX: usize = 1 << 16;

impl Evaluator<'_> {
    /// `label_replace(v, target, replacement, source, pattern)`.
    pub(super) fn call_label_replace(&mut self, call: &Call, span: &Span, grid: Grid) -> Result<Vec<Row>, EvalError> {
        let target = self.label_name(call, 1, span, grid)?;
        let replacement = self.string(argument(call, 2, span)?, grid)?;
        let source = self.string(argument(call, 3, span)?, grid)?;
        let pattern = self.string(argument(call, 4, span)?, grid)?;
        let compiled = anchored_regex(&pattern, REGEX_BYTES_MAX);
        let invalid = |_| {
            let text = format!("invalid regular expression in label_replace(): {pattern}");
            EvalError::parameter(text, &call.args[4].span)
        };
        let regex = compiled.map_err(invalid)?;
        let mut rows = self.vector(argument(call, 0, span)?, grid)?;
        for row in &mut rows {
            let value = row.labels.get(&source);
            let Some(captures) = regex.captures(value) else { continue };
            let mut replaced = String::new();
            captures.expand(&replacement, &mut replaced);
            relabel(row, &target, &replaced, span)?;
        }
        merged(rows).map_err(|()| EvalError::duplicate(span))
    }

    /// `label_join(v, target, separator, sources…)`.
    pub(super) fn call_label_join(&mut self, call: &Call, span: &Span, grid: Grid) -> Result<Vec<Row>, EvalError> {
        let target = self.label_name(call, 1, span, grid)?;
        let separator = self.string(argument(call, 2, span)?, grid)?;
        let mut sources = Vec::new();
        for index in 3..call.args.len() {
            sources.push(self.label_name(call, index, span, grid)?);
        }
        let mut rows = self.vector(argument(call, 0, span)?, grid)?;
        for row in &mut rows {
            let values: Vec<&str> = sources.iter().map(|source| row.labels.get(source)).collect();
            let joined = values.join(&separator);
            relabel(row, &target, &joined, span)?;
        }
        merged(rows).map_err(|()| EvalError::duplicate(span))
    }

    /// The argument `index` as the name of a label.
    fn label_name(&mut self, call: &Call, index: usize, span: &Span, grid: Grid) -> Result<String, EvalError> {
        let expr = argument(call, index, span)?;
        let name = self.string(expr, grid)?;
        if name.is_empty() {
            let text = format!("invalid label name in {}(): {name:?}", call.function.name);
            return Err(EvalError::parameter(text, &expr.span));
        }
        Ok(name)
    }
}

/// Sets a label; a name that is set anew is no longer to be removed.
fn relabel(row: &mut Row, name: &str, value: &str, span: &Span) -> Result<(), EvalError> {
    if value.len() > VALUE_BYTES_MAX {
        return Err(EvalError::parameter(format!("label value longer than {VALUE_BYTES_MAX} bytes"), span));
    }
    let mut builder = row.labels.builder();
    builder.set(name, value);
    row.labels = builder.finish();
    if name == METRIC_NAME {
        row.drop_name = false;
    }
    Ok(())
}
