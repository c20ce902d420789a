//! Slack's Block Kit (<https://docs.slack.dev/reference/block-kit/blocks>): blocks as they are configured, kept to Slack's
//! limits, and buttons.

use serde_json::{Value, json};

use super::text::{Texts, cut};
use crate::deliver::{Notification, SLACK_BLOCKS_MAX, SlackAction, SlackConfig, SlackConfirm};

/// The greatest length of a text, in characters.
const TEXT_LENGTH_MAX: usize = 3000;
/// The greatest length of a header's text.
const HEADER_LENGTH_MAX: usize = 150;
/// The greatest length of a field of a section.
const FIELD_LENGTH_MAX: usize = 2000;
/// The greatest length of a button's text.
const BUTTON_LENGTH_MAX: usize = 75;
/// The greatest length of a button's value.
const VALUE_LENGTH_MAX: usize = 2000;
/// The greatest length of the texts of a question: its title, itself, its buttons.
const QUESTION_LENGTHS_MAX: [usize; 3] = [100, 300, 30];
/// The greatest number of fields of a section.
const FIELDS_MAX: usize = 10;
/// The greatest number of buttons in their block.
const BUTTONS_MAX: usize = 25;
/// The greatest length of a button's name.
const ACTION_ID_LENGTH_MAX: usize = 255;
/// What stands for an empty text, which Slack refuses.
const NOTHING: &str = "–";

/// The configured blocks, then the buttons. The buttons' block is named `watchbell:` and the group's dedup key.
pub(super) fn render(config: &SlackConfig, notification: &Notification, texts: &Texts<'_>) -> Vec<Value> {
    let mut blocks: Vec<Value> = Vec::new();
    for block in config.blocks.iter().take(SLACK_BLOCKS_MAX) {
        let mut block = texts.tree("blocks", block, Value::String);
        fit(&mut block, TEXT_LENGTH_MAX);
        blocks.push(block);
    }
    if !config.actions.is_empty() {
        blocks.truncate(SLACK_BLOCKS_MAX - 1);
        let buttons = config.actions.iter().take(BUTTONS_MAX).enumerate();
        let buttons: Vec<Value> = buttons.map(|(number, action)| button(number, action, texts)).collect();
        let block_id = format!("watchbell:{}", notification.dedup_key());
        blocks.push(json!({"type": "actions", "block_id": block_id, "elements": buttons}));
    }
    blocks
}

/// Keeps the texts inside `value` to Slack's limits; `limit` is that of a text directly in it.
fn fit(value: &mut Value, limit: usize) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| fit(item, limit)),
        Value::Object(entries) => {
            let kind = entries.get("type").and_then(Value::as_str).unwrap_or("").to_owned();
            let is_text = matches!(kind.as_str(), "plain_text" | "mrkdwn");
            let inner = match kind.as_str() {
                "header" => HEADER_LENGTH_MAX,
                "button" => BUTTON_LENGTH_MAX,
                _ => limit,
            };
            for (key, value) in entries {
                match (key.as_str(), &mut *value) {
                    ("text", Value::String(text)) if is_text => *text = filled(&cut(text, limit)).to_owned(),
                    ("value", Value::String(text)) => *text = cut(text, VALUE_LENGTH_MAX),
                    ("fields", Value::Array(fields)) => {
                        fields.truncate(FIELDS_MAX);
                        fit(value, FIELD_LENGTH_MAX);
                    }
                    _ => fit(value, inner),
                }
            }
        }
        _ => {}
    }
}

fn filled(text: &str) -> &str {
    if text.trim().is_empty() { NOTHING } else { text }
}

fn plain(text: &str, limit: usize) -> Value {
    json!({"type": "plain_text", "text": filled(&cut(text, limit))})
}

fn button(number: usize, action: &SlackAction, texts: &Texts<'_>) -> Value {
    let text = |template: &str| texts.text("actions", template);
    let name = match text(&action.name) {
        name if name.is_empty() => format!("action-{number}"),
        name => cut(&name, ACTION_ID_LENGTH_MAX),
    };
    let mut button =
        json!({"type": "button", "action_id": name, "text": plain(&text(&action.text), BUTTON_LENGTH_MAX)});
    let mut set = |key: &str, value: String| {
        if !value.is_empty() {
            button[key] = Value::String(value);
        }
    };
    set("url", text(&action.url));
    set("value", cut(&text(&action.value), VALUE_LENGTH_MAX));
    set("style", Some(text(&action.style)).filter(|style| style == "primary" || style == "danger").unwrap_or_default());
    if let Some(confirm) = &action.confirm {
        button["confirm"] = question(confirm, &text);
    }
    button
}

/// Slack wants every part of a question.
fn question(confirm: &SlackConfirm, text: &dyn Fn(&str) -> String) -> Value {
    let [title_max, text_max, label_max] = QUESTION_LENGTHS_MAX;
    let or = |given: &str, default: &str| match text(given) {
        given if given.trim().is_empty() => default.to_owned(),
        given => given,
    };
    json!({
        "title": plain(&or(&confirm.title, "Are you sure?"), title_max),
        "text": plain(&text(&confirm.text), text_max),
        "confirm": plain(&or(&confirm.ok_text, "Yes"), label_max),
        "deny": plain(&or(&confirm.dismiss_text, "No"), label_max),
    })
}
