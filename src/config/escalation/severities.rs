//! `severities`: how urgent an incident is, and how soon somebody should answer.

use std::time::Duration;

use crate::escalate::{Severities, SeverityLevel, Urgency};
use crate::model::nearest;

use super::super::oncall::{at_most, value_span};
use super::super::yaml::{Fields, Reader, shorten};
use super::known_label;

/// The greatest number of levels, and of values of one.
const LEVELS_MAX: usize = 100;
/// The greatest weight.
const WEIGHT_MAX: usize = 1_000_000;
/// The longest response time.
const RESPOND_WITHIN_MAX: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// The weights of levels that do not say, by their places; further ones have the last.
const WEIGHTS: [u32; 4] = [100, 60, 30, 10];

/// Reads the block.
pub(super) fn severities(fields: &mut Fields<'_>) -> Severities {
    let mut severities = Severities::default();
    let reader = fields.reader();
    let Some(mut inner) = fields.take("severities").and_then(|node| reader.fields(node, "`severities`")) else {
        return severities;
    };
    if let Some(label) = known_label(&mut inner, "label") {
        severities.label = label;
    }
    let nodes = inner.list("levels");
    if nodes.is_empty() && inner.take("levels").is_some() {
        inner.error_at("levels", "yaml/empty", "`levels` must not be empty");
    }
    let mut levels: Vec<SeverityLevel> = Vec::new();
    for node in at_most(reader, nodes, LEVELS_MAX) {
        let Some(mut level) = reader.fields(node, "a severity") else { continue };
        levels.extend(read_level(&mut level, &levels));
        level.finish();
    }
    match inner.text("default") {
        // Of broken levels nothing more is said.
        _ if levels.len() < nodes.len() => {}
        None if nodes.is_empty() => {}
        None => inner.missing("default"),
        Some(name) => {
            let known = if levels.is_empty() { &severities.levels } else { &levels };
            if let Some(place) = default_level(reader, &mut inner, &name, known) {
                severities.default = place;
            }
        }
    }
    if !levels.is_empty() {
        severities.default = severities.default.min(levels.len() - 1);
        severities.levels = levels;
    }
    inner.finish();
    severities
}

fn default_level(reader: &Reader<'_>, fields: &mut Fields<'_>, name: &str, levels: &[SeverityLevel]) -> Option<usize> {
    let place = levels.iter().position(|level| level.name == name);
    if place.is_none() {
        let names: Vec<&str> = levels.iter().map(|level| level.name.as_str()).collect();
        let hint = match nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("severities: {}", names.join(", ")),
        };
        let message = format!("no severity is named `{}`", shorten(&name));
        reader.error_hint("config/unknown-severity", &value_span(fields, "default"), message, Some(hint));
    }
    place
}

/// Reads a level that is less severe than those `before`.
fn read_level(fields: &mut Fields<'_>, before: &[SeverityLevel]) -> Option<SeverityLevel> {
    let reader = fields.reader();
    let name = fields.need_text("name");
    let is_taken = |text: &str| {
        let mut texts = before.iter().flat_map(|level| std::iter::once(&level.name).chain(&level.values));
        texts.any(|known| known.eq_ignore_ascii_case(text))
    };
    if name.as_ref().is_some_and(|name| is_taken(name)) {
        let message = format!("`{}` means another severity already", shorten(&name.clone().unwrap_or_default()));
        fields.error_at("name", "config/duplicate", message);
    }
    let mut values: Vec<String> = Vec::new();
    for (value, node) in fields.texts("values").unwrap_or_default().into_iter().take(LEVELS_MAX) {
        let is_known = values.iter().chain(&name).any(|known| known.eq_ignore_ascii_case(&value));
        if is_known || is_taken(&value) {
            let message = format!("`{}` means a severity already", shorten(&value));
            reader.error_hint("config/duplicate", &node.span, message, Some("upper and lower case count the same"));
        }
        values.push(value);
    }
    if fields.take("respond_within").is_none() {
        fields.missing("respond_within");
    }
    let respond_within = fields.positive_duration("respond_within");
    if respond_within.is_some_and(|time| time > RESPOND_WITHIN_MAX) {
        fields.error_at("respond_within", "config/limit", "`respond_within` may be 90 days at most");
    }
    if respond_within.zip(before.last()).is_some_and(|(time, last)| time < last.respond_within) {
        let message = "this severity is to be answered sooner than the one before: the most severe comes first";
        reader.warning("config/severity-order", &fields.key_span("respond_within"), message);
    }
    let urgency = match fields.text("urgency").as_deref() {
        None | Some("high") => Urgency::High,
        Some("low") => Urgency::Low,
        Some(other) => {
            let message = format!("`{}` is neither `high` nor `low`", shorten(&other));
            fields.error_at("urgency", "config/urgency", message);
            Urgency::High
        }
    };
    let weight = fields.count("weight");
    if weight.is_some_and(|weight| weight > WEIGHT_MAX) {
        fields.error_at("weight", "config/limit", format!("`weight` may be {WEIGHT_MAX} at most"));
    }
    let weight = weight.and_then(|weight| u32::try_from(weight.min(WEIGHT_MAX)).ok());
    let weight = weight.unwrap_or(WEIGHTS[before.len().min(WEIGHTS.len() - 1)]);
    Some(SeverityLevel { name: name?, values, respond_within: respond_within?, urgency, weight })
}
