//! The fields of a mapping: taken one by one, the rest reported.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::deliver::Secret;
use crate::model::{Labels, nearest};

use super::reader::shorten;
use super::{Entry, Node, NodeKind, Reader};

/// How many known fields a hint lists at most.
const LISTED_FIELDS_MAX: usize = 16;

/// The fields of a mapping. A field is known once it was asked for; [`Fields::finish`] reports the others.
pub(in crate::config) struct Fields<'r> {
    pub(super) reader: &'r Reader<'r>,
    pub(super) entries: &'r [Entry],
    pub(super) span: Range<usize>,
    pub(super) what: &'static str,
    pub(super) known: Vec<&'static str>,
    /// Names that are known elsewhere and not supported here.
    pub(super) refused: Vec<&'static str>,
}

impl<'r> Fields<'r> {
    /// The reader of the file.
    pub(in crate::config) fn reader(&self) -> &'r Reader<'r> {
        self.reader
    }

    /// Where the mapping begins.
    pub(in crate::config) fn span(&self) -> &Range<usize> {
        &self.span
    }

    /// The entry `name`, also if its value is `null`.
    pub(in crate::config) fn entry(&mut self, name: &'static str) -> Option<&'r Entry> {
        if !self.known.contains(&name) {
            self.known.push(name);
        }
        self.entries.iter().find(|entry| entry.key == name)
    }

    /// The value of `name`; `null` counts as absent.
    pub(in crate::config) fn take(&mut self, name: &'static str) -> Option<&'r Node> {
        let node = &*self.entry(name)?.value;
        (!matches!(node.kind, NodeKind::Null)).then_some(node)
    }

    /// Where the key `name` stands; the mapping itself if it is absent.
    pub(in crate::config) fn key_span(&self, name: &str) -> Range<usize> {
        let entry = self.entries.iter().find(|entry| entry.key == name);
        entry.map_or_else(|| self.span.clone(), |entry| entry.key_span.clone())
    }

    /// Notes an error at the key `name`.
    pub(in crate::config) fn error_at(&self, name: &str, id: &'static str, message: impl Into<String>) {
        self.reader.error(id, &self.key_span(name), message);
    }

    /// Notes that `name` is missing.
    pub(in crate::config) fn missing(&self, name: &str) {
        self.reader.error("yaml/missing-field", &self.span, format!("{} needs the field `{name}`", self.what));
    }

    /// A text; numbers and booleans count as their text.
    pub(in crate::config) fn text(&mut self, name: &'static str) -> Option<String> {
        let node = self.take(name)?;
        self.reader.scalar(node, "a text").map(|scalar| scalar.text.clone())
    }

    /// A text, or `default`.
    pub(in crate::config) fn text_or(&mut self, name: &'static str, default: &str) -> String {
        self.text(name).unwrap_or_else(|| default.to_owned())
    }

    /// A template, or `default`; its syntax is checked later.
    pub(in crate::config) fn template_or(&mut self, name: &'static str, default: &str) -> String {
        if let Some(node) = self.take(name) {
            self.reader.note_template(node);
        }
        self.text_or(name, default)
    }

    /// The path of a file, as seen from the folder of this one.
    pub(in crate::config) fn path(&mut self, name: &'static str) -> Option<String> {
        let path = self.text(name).filter(|path| !path.is_empty())?;
        Some(self.reader.resolve(&path, &self.key_span(name)))
    }

    /// A text that must be there and not be empty.
    pub(in crate::config) fn need_text(&mut self, name: &'static str) -> Option<String> {
        match self.take(name) {
            None => {
                self.missing(name);
                None
            }
            Some(node) => {
                let text = self.reader.scalar(node, "a text")?.text.clone();
                if text.is_empty() {
                    self.error_at(name, "yaml/empty", format!("`{name}` must not be empty"));
                    return None;
                }
                Some(text)
            }
        }
    }

    /// A duration such as `5m`.
    pub(in crate::config) fn duration(&mut self, name: &'static str) -> Option<Duration> {
        let node = self.take(name)?;
        self.reader.duration(node)
    }

    /// A duration that is not zero.
    pub(in crate::config) fn positive_duration(&mut self, name: &'static str) -> Option<Duration> {
        let duration = self.duration(name)?;
        if duration.is_zero() {
            self.error_at(name, "config/zero", format!("`{name}` must be greater than zero"));
            return None;
        }
        Some(duration)
    }

    /// `true` or `false`.
    pub(in crate::config) fn flag(&mut self, name: &'static str) -> Option<bool> {
        let node = self.take(name)?;
        self.parsed(node, "`true` or `false`", |text| match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "y" => Some(true),
            "false" | "no" | "off" | "n" => Some(false),
            _ => None,
        })
    }

    /// A number from 0.
    pub(in crate::config) fn count(&mut self, name: &'static str) -> Option<usize> {
        let node = self.take(name)?;
        self.parsed(node, "a whole number from 0", |text| text.replace('_', "").parse().ok())
    }

    /// A size in bytes, such as `10MB` or `512KiB`; units are powers of 1024, as in Prometheus.
    pub(in crate::config) fn bytes(&mut self, name: &'static str) -> Option<usize> {
        let node = self.take(name)?;
        self.parsed(node, "a size such as `10MB`", parse_bytes)
    }

    fn parsed<T>(&self, node: &Node, expected: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let scalar = self.reader.scalar(node, expected)?;
        let value = parse(&scalar.text);
        if value.is_none() {
            let message = format!("expected {expected}, found `{}`", shorten(&scalar.text));
            self.reader.error("yaml/wrong-type", &node.span, message);
        }
        value
    }

    /// The items of a list; absent is empty.
    pub(in crate::config) fn list(&mut self, name: &'static str) -> &'r [Arc<Node>] {
        let Some(node) = self.take(name) else { return &[] };
        self.reader.items(node, "a list")
    }

    /// The texts of a list, each with its node; absent is `None`.
    pub(in crate::config) fn texts(&mut self, name: &'static str) -> Option<Vec<(String, &'r Node)>> {
        let entry = self.entry(name)?;
        let mut texts = Vec::new();
        for item in self.reader.items(&entry.value, "a list of texts") {
            if let Some(scalar) = self.reader.scalar(item, "a text") {
                texts.push((scalar.text.clone(), &**item));
            }
        }
        Some(texts)
    }

    /// Labels with their values; absent is empty.
    pub(in crate::config) fn labels(&mut self, name: &'static str) -> Labels {
        self.take(name).map(|node| self.reader.labels(node, false)).unwrap_or_default()
    }

    /// A secret from `value` (may hold `${NAME}`) or from the path in `file`; both are an error.
    pub(in crate::config) fn secret(&mut self, value: &'static str, file: &'static str) -> Option<Secret> {
        let given = self.take(value).filter(|node| !is_empty_text(node));
        let path = self.path(file);
        let key = self.key_span(value);
        let given = given.map(|node| Secret::Value(self.reader.secret_value(node, &key).unwrap_or_default()));
        match (given, path) {
            (Some(_), Some(_)) => {
                self.error_at(file, "config/secret-twice", format!("give `{value}` or `{file}`, not both"));
                None
            }
            (given, path) => given.or(path.map(Secret::File)),
        }
    }

    /// Whether `name` is given and not empty.
    pub(in crate::config) fn has(&mut self, name: &'static str) -> bool {
        self.take(name).is_some_and(|node| !is_empty_text(node))
    }

    /// The first of `names` that is given; without one it notes that one is missing.
    pub(in crate::config) fn need_one_of(&mut self, names: &[&'static str]) -> Option<&'static str> {
        let given: Vec<&'static str> = names.iter().copied().filter(|name| self.has(name)).collect();
        if given.is_empty() {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            let message = format!("{} needs one of {}", self.what, names.join(", "));
            self.reader.error("yaml/missing-field", &self.span, message);
        }
        given.first().copied()
    }

    /// Notes that the field is known elsewhere and not supported here, if it is given.
    pub(in crate::config) fn unsupported(&mut self, name: &'static str, hint: Option<&str>) {
        if let Some(entry) = self.entries.iter().find(|entry| entry.key == name) {
            self.reader.hide(&entry.value);
            let message = format!("`{name}` is not supported yet");
            self.reader.error_hint("config/unsupported", &entry.key_span, message, hint);
        }
        self.known.retain(|known| *known != name);
        self.refused.push(name);
    }

    /// Warns that the field is accepted and changes nothing, if it is given.
    pub(in crate::config) fn without_effect(&mut self, name: &'static str, why: &str) {
        if let Some(node) = self.take(name).filter(|node| !is_empty_text(node)) {
            self.reader.hide(node);
            let message = format!("`{name}` has no effect: {why}");
            self.reader.warning("config/no-effect", &self.key_span(name), message);
        }
    }

    /// Reports every field that was not asked for, with the nearest known name.
    pub(in crate::config) fn finish(self) {
        for entry in self.entries {
            if self.known.contains(&entry.key.as_str()) || self.refused.contains(&entry.key.as_str()) {
                continue;
            }
            self.reader.hide(&entry.value);
            let hint = match nearest(&entry.key, self.known.iter().copied()) {
                Some(name) => Some(format!("did you mean `{name}`?")),
                None if self.known.len() <= LISTED_FIELDS_MAX => {
                    Some(format!("known fields: {}", self.known.join(", ")))
                }
                None => None,
            };
            let message = format!("unknown field `{}` in {}", shorten(&entry.key), self.what);
            self.reader.error_hint("yaml/unknown-field", &entry.key_span, message, hint);
        }
    }
}

fn is_empty_text(node: &Node) -> bool {
    matches!(&node.kind, NodeKind::Scalar(scalar) if scalar.text.is_empty())
}

fn parse_bytes(text: &str) -> Option<usize> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let shift = match text[digits..].trim() {
        "" | "B" => 0,
        "K" | "KB" | "KiB" => 10,
        "M" | "MB" | "MiB" => 20,
        "G" | "GB" | "GiB" => 30,
        "T" | "TB" | "TiB" => 40,
        _ => return None,
    };
    text[..digits].parse::<usize>().ok()?.checked_mul(1 << shift)
}
