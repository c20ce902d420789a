//! `relabel_configs` and `metric_relabel_configs`.

use regex::Regex;

use crate::model::{anchored_regex, is_label_name, nearest};
use crate::series::{RelabelAction, RelabelRule};

use super::yaml::{Fields, Node, Reader, shorten};

/// The largest compiled size of one regular expression, in bytes.
const REGEX_BYTES_MAX: usize = 4 << 20;

/// The actions under their names.
const ACTIONS: [(&str, RelabelAction); 11] = [
    ("replace", RelabelAction::Replace),
    ("keep", RelabelAction::Keep),
    ("drop", RelabelAction::Drop),
    ("keepequal", RelabelAction::KeepEqual),
    ("dropequal", RelabelAction::DropEqual),
    ("hashmod", RelabelAction::HashMod),
    ("labelmap", RelabelAction::LabelMap),
    ("labeldrop", RelabelAction::LabelDrop),
    ("labelkeep", RelabelAction::LabelKeep),
    ("lowercase", RelabelAction::Lowercase),
    ("uppercase", RelabelAction::Uppercase),
];

/// Reads the rules of the field `name`.
pub(super) fn relabel_rules(fields: &mut Fields<'_>, name: &'static str) -> Vec<RelabelRule> {
    let reader = fields.reader();
    fields.list(name).iter().filter_map(|node| relabel_rule(reader, node)).collect()
}

fn relabel_rule(reader: &Reader<'_>, node: &Node) -> Option<RelabelRule> {
    let mut fields = reader.fields(node, "a relabelling rule")?;
    let source_labels = fields.texts("source_labels").unwrap_or_default();
    let separator = fields.text_or("separator", ";");
    let pattern = fields.take("regex");
    let pattern_text = fields.text_or("regex", "(.*)");
    let modulus = fields.count("modulus");
    let target_label = fields.text_or("target_label", "");
    let replacement = fields.text("replacement");
    let action = action(&mut fields);
    let regex = match compile(&pattern_text) {
        Ok(regex) => Some(regex),
        Err(reason) => {
            let span = pattern.map_or_else(|| fields.span().clone(), |node| node.span.clone());
            let message = format!("invalid regular expression `{}`: {reason}", shorten(&pattern_text));
            reader.error("config/regex", &span, message);
            None
        }
    };
    let (Some(action), Some(regex)) = (action, regex) else {
        fields.finish();
        return None;
    };
    let rule = RelabelRule {
        source_labels: source_labels.into_iter().map(|(name, _)| name).collect(),
        separator,
        regex,
        modulus: modulus.and_then(|count| u64::try_from(count).ok()).unwrap_or(0),
        target_label,
        replacement: replacement.unwrap_or_else(|| "$1".to_owned()),
        action,
    };
    validate(&fields, &rule);
    fields.finish();
    Some(rule)
}

fn action(fields: &mut Fields<'_>) -> Option<RelabelAction> {
    let text = fields.text_or("action", "replace").to_ascii_lowercase();
    let found = ACTIONS.iter().find(|(name, _)| *name == text);
    if found.is_none() {
        let hint = nearest(&text, ACTIONS.iter().map(|(name, _)| *name)).map(|name| format!("did you mean `{name}`?"));
        let span = fields.key_span("action");
        let message = format!("unknown action `{}`", shorten(&text));
        fields.reader().error_hint("config/relabel", &span, message, hint);
    }
    found.map(|(_, action)| *action)
}

/// Prometheus's rules on which fields an action needs.
fn validate(fields: &Fields<'_>, rule: &RelabelRule) {
    use RelabelAction::*;
    let needs_target = matches!(rule.action, Replace | HashMod | Lowercase | Uppercase | KeepEqual | DropEqual);
    if needs_target && rule.target_label.is_empty() {
        fields.error_at("action", "config/relabel", "this action needs a `target_label`");
    }
    if needs_target && rule.action != Replace && !rule.target_label.is_empty() && !is_label_name(&rule.target_label) {
        let message = format!("`{}` is no label name", shorten(&rule.target_label));
        fields.error_at("target_label", "config/label-name", message);
    }
    if rule.action == HashMod && rule.modulus == 0 {
        fields.error_at("action", "config/relabel", "`hashmod` needs a `modulus` greater than zero");
    }
    if matches!(rule.action, LabelDrop | LabelKeep) && (!rule.source_labels.is_empty() || !rule.target_label.is_empty())
    {
        fields.error_at("action", "config/relabel", "`labeldrop` and `labelkeep` take a `regex` and nothing else");
    }
}

fn compile(pattern: &str) -> Result<Regex, String> {
    anchored_regex(pattern, REGEX_BYTES_MAX).map_err(|error| match error {
        regex::Error::CompiledTooBig(limit) => format!("it compiles to more than {limit} bytes"),
        other => other.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned(),
    })
}
