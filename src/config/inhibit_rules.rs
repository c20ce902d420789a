//! `inhibit_rules`.

use crate::route::InhibitRule;

use super::routes::matchers_in;
use super::yaml::{Fields, shorten};

/// The greatest number of rules.
const RULES_MAX: usize = 10_000;

/// Reads the block of the main file.
pub(super) fn inhibit_rules(fields: &mut Fields<'_>) -> Vec<InhibitRule> {
    let reader = fields.reader();
    let nodes = fields.list("inhibit_rules");
    if let Some(node) = nodes.get(RULES_MAX) {
        reader.error("config/limit", &node.span, format!("more than {RULES_MAX} inhibition rules"));
    }
    let rules = nodes.iter().take(RULES_MAX).filter_map(|node| reader.fields(node, "an inhibition rule"));
    rules.map(inhibit_rule).collect()
}

fn inhibit_rule(mut fields: Fields<'_>) -> InhibitRule {
    let rule = InhibitRule {
        name: fields.text_or("name", ""),
        source: matchers_in(&mut fields, ["source_match", "source_match_re", "source_matchers"]),
        target: matchers_in(&mut fields, ["target_match", "target_match_re", "target_matchers"]),
        equal: equal(&mut fields),
    };
    fields.finish();
    rule
}

fn equal(fields: &mut Fields<'_>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (name, node) in fields.texts("equal").unwrap_or_default() {
        let reader = fields.reader();
        if name.is_empty() {
            reader.error("config/label-name", &node.span, "a label name must not be empty");
        } else if names.contains(&name) {
            reader.warning("config/duplicate", &node.span, format!("`{}` is given twice", shorten(&name)));
        } else {
            names.push(name);
        }
    }
    names
}
