//! Expressions and templates inside YAML: read, with their errors at their place in the file.

use std::sync::Arc;

use crate::lang::{self, Expr, ValueType};
use crate::model::{Diagnostic, SourceFile};
use crate::template::{RuleTemplate, TemplateError};

use super::yaml::{Node, Reader};

/// The expression of a rule with its text; it yields an instant vector or a scalar.
pub(super) fn rule_expression(reader: &Reader<'_>, node: &Node) -> Option<(Expr, String)> {
    let text = &reader.scalar(node, "an expression")?.text;
    if text.trim().is_empty() {
        reader.error("expr/empty", &node.span, "the expression is empty");
        return None;
    }
    let expr = match lang::parse(text) {
        Ok(expr) => expr,
        Err(errors) => {
            for error in errors.iter() {
                let span = reader.inside(node, error.span.clone());
                reader.error_hint("expr/syntax", &span, error.message.as_str(), error.hint.as_deref());
            }
            return None;
        }
    };
    let (found, hint) = match expr.value_type() {
        ValueType::InstantVector | ValueType::Scalar => return Some((expr, text.trim().to_owned())),
        ValueType::RangeVector => ("a range vector", Some("take a function over it, such as `rate(…)`")),
        ValueType::String => ("a text", None),
    };
    let span = reader.inside(node, expr.span.clone());
    let message = format!("a rule needs an instant vector or a scalar, this is {found}");
    reader.error_hint("expr/type", &span, message, hint);
    None
}

/// The template of a label or annotation.
pub(super) fn rule_template(reader: &Reader<'_>, node: &Node) -> Option<RuleTemplate> {
    let text = &reader.scalar(node, "a text")?.text;
    match RuleTemplate::parse(text) {
        Ok(template) => Some(template),
        Err(error) => {
            report_template_error(reader, node, error);
            None
        }
    }
}

/// Notes an error of the template `node`.
pub(super) fn report_template_error(reader: &Reader<'_>, node: &Node, error: TemplateError) {
    let span = error.offset.map_or_else(|| node.span.clone(), |offset| reader.inside(node, offset..offset + 1));
    reader.error_hint("template/syntax", &span, error.message, error.hint);
}

/// The diagnostic of an error in the template file `file`.
pub(super) fn template_file_error(error: TemplateError, file: Option<&Arc<SourceFile>>) -> Diagnostic {
    let mut diagnostic = Diagnostic::error("template/syntax", error.message);
    if let Some(file) = file {
        let offset = error.offset.unwrap_or(0);
        diagnostic = diagnostic.at(file, offset..offset + 1);
    }
    match error.hint {
        Some(hint) => diagnostic.hint(hint),
        None => diagnostic,
    }
}
