use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// The label that holds a metric's name.
pub const METRIC_NAME: &str = "__name__";
/// The label that holds an alert's name.
pub const ALERT_NAME: &str = "alertname";

/// How many labels a set has as a rule, or fewer.
const LABELS_USUAL: usize = 12;
/// How many bytes the length of a name or a value takes as a rule.
const LENGTH_USUAL: usize = 1;
/// The bits of a number that one byte holds, and the bit that says that more follow. Such bytes are letters of ASCII, so that
/// a set is a text.
const DIGIT_BITS: u32 = 6;
const DIGIT: usize = (1 << DIGIT_BITS) - 1;
const MORE: u8 = 1 << DIGIT_BITS;
/// The names that most sets have, in order, which take one byte each.
const USUAL_NAMES: [&str; 24] = [
    "__name__",
    "alertname",
    "cluster",
    "container",
    "description",
    "device",
    "endpoint",
    "env",
    "host",
    "instance",
    "job",
    "le",
    "message",
    "mode",
    "mountpoint",
    "namespace",
    "node",
    "pod",
    "prometheus",
    "region",
    "runbook_url",
    "service",
    "severity",
    "summary",
];

/// A set of labels, sorted by name, without empty values and without repeated names; cheap to clone.
///
/// An absent label and an empty one are the same thing, as everywhere in Prometheus.
///
/// One text: the number of labels, and of each its name and its value after its length. A name of [`USUAL_NAMES`] stands as its
/// place there, any other as its length and its text. Equal sets are equal texts.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Labels(Arc<str>);

/// The FNV-1a 64 hash of a label set, as Alertmanager and Prometheus compute it; written as 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub u64);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Labels {
    /// The labels of `pairs`; of a repeated name the last wins, empty values are dropped.
    pub fn from_pairs<N: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let mut pairs: SmallVec<[(N, V); LABELS_USUAL]> = pairs.into_iter().collect();
        let ordered = pairs.is_sorted_by(|(before, _), (after, _)| before.as_ref() < after.as_ref());
        if !ordered {
            // The sort is stable: the last of equal names stays the last, and of those it is kept.
            pairs.sort_by(|(one, _), (other, _)| one.as_ref().cmp(other.as_ref()));
            pairs.reverse();
            pairs.dedup_by(|(later, _), (earlier, _)| later.as_ref() == earlier.as_ref());
            pairs.reverse();
        }
        Labels::pack(pairs.iter().map(|(name, value)| (name.as_ref(), value.as_ref())))
    }

    /// The set of `pairs`, which are in order of their names; those with empty values are left out.
    fn pack<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)> + Clone) -> Labels {
        let pairs = pairs.filter(|(_, value)| !value.is_empty());
        let bytes: usize = pairs.clone().map(|(name, value)| name.len() + value.len() + 2 * LENGTH_USUAL).sum();
        let mut text = String::with_capacity(bytes + LENGTH_USUAL);
        push_number(pairs.clone().count(), &mut text);
        for (name, value) in pairs {
            match USUAL_NAMES.binary_search(&name) {
                Ok(place) => push_number(place, &mut text),
                Err(_) => {
                    push_number(USUAL_NAMES.len() + name.len(), &mut text);
                    text.push_str(name);
                }
            }
            push_number(value.len(), &mut text);
            text.push_str(value);
        }
        Labels(text.into())
    }

    /// The value of `name`, or `""`.
    pub fn get(&self, name: &str) -> &str {
        self.iter().find(|(other, _)| *other == name).map_or("", |(_, value)| value)
    }

    /// Whether `name` has a value.
    pub fn has(&self, name: &str) -> bool {
        !self.get(name).is_empty()
    }

    /// The metric's name, or `""`.
    pub fn metric_name(&self) -> &str {
        self.get(METRIC_NAME)
    }

    /// The labels in order of their names.
    pub fn iter(&self) -> LabelsIter<'_> {
        let mut rest = &*self.0;
        LabelsIter { count: take_number(&mut rest), rest }
    }

    /// How many labels there are.
    pub fn len(&self) -> usize {
        self.iter().len()
    }

    /// Whether there is no label.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes the set takes.
    pub fn bytes(&self) -> usize {
        self.0.len()
    }

    /// A builder that starts with these labels.
    pub fn builder(&self) -> LabelsBuilder {
        let label = |(name, value)| Label { name: CompactString::new(name), value: CompactString::new(value) };
        LabelsBuilder { labels: self.iter().map(label).collect() }
    }

    /// These labels without `__name__`.
    pub fn without_name(&self) -> Labels {
        if self.has(METRIC_NAME) { self.retain(|name| name != METRIC_NAME) } else { self.clone() }
    }

    /// The labels whose names `keep` accepts.
    pub fn retain(&self, keep: impl Fn(&str) -> bool) -> Labels {
        Labels::pack(self.iter().filter(|(name, _)| keep(name)))
    }

    /// These labels with those of `over` laid over them.
    pub fn merged(&self, over: &Labels) -> Labels {
        let mut builder = self.builder();
        for (name, value) in over.iter() {
            builder.set(name, value);
        }
        builder.finish()
    }

    /// FNV-1a 64 over every name, 0xff, value, 0xff in order.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        let mut feed = |bytes: &[u8]| {
            for byte in bytes.iter().chain([0xff].iter()) {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
        };
        for (name, value) in self.iter() {
            feed(name.as_bytes());
            feed(value.as_bytes());
        }
        Fingerprint(hash)
    }
}

/// Adds a number in steps of six bits, the lowest first, each but the last with the seventh bit set.
fn push_number(mut number: usize, text: &mut String) {
    while number > DIGIT {
        text.push(char::from((number & DIGIT) as u8 | MORE));
        number >>= DIGIT_BITS;
    }
    text.push(char::from(number as u8));
}

/// Takes a number off the beginning, as [`push_number`] has written it.
fn take_number(text: &mut &str) -> usize {
    let mut number = 0;
    for (place, byte) in text.bytes().enumerate() {
        number |= (usize::from(byte) & DIGIT) << (DIGIT_BITS * place as u32);
        if byte & MORE == 0 {
            *text = &text[place + 1..];
            break;
        }
    }
    number
}

/// The labels of a set, in order of their names.
#[derive(Clone, Debug)]
pub struct LabelsIter<'a> {
    rest: &'a str,
    count: usize,
}

impl<'a> LabelsIter<'a> {
    fn name(&mut self) -> &'a str {
        let number = take_number(&mut self.rest);
        match number.checked_sub(USUAL_NAMES.len()) {
            Some(length) => self.text(length),
            None => USUAL_NAMES[number],
        }
    }

    fn value(&mut self) -> &'a str {
        let length = take_number(&mut self.rest);
        self.text(length)
    }

    fn text(&mut self, length: usize) -> &'a str {
        let (text, rest) = self.rest.split_at(length);
        self.rest = rest;
        text
    }
}

impl<'a> Iterator for LabelsIter<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<(&'a str, &'a str)> {
        self.count = self.count.checked_sub(1)?;
        Some((self.name(), self.value()))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.count, Some(self.count))
    }
}

impl ExactSizeIterator for LabelsIter<'_> {}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Labels) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// By the first label that differs, as lists of names and values.
impl Ord for Labels {
    fn cmp(&self, other: &Labels) -> Ordering {
        self.iter().cmp(other.iter())
    }
}

impl Default for Labels {
    fn default() -> Self {
        Labels::pack(std::iter::empty())
    }
}

/// As Prometheus prints a series: `up{job="api"}`, `{job="api"}`, names outside the classic alphabet quoted.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let metric = self.metric_name();
        let bare_metric = is_metric_name(metric);
        if bare_metric {
            f.write_str(metric)?;
            if self.len() == 1 {
                return Ok(());
            }
        }
        f.write_str("{")?;
        let mut first = true;
        if !bare_metric && !metric.is_empty() {
            write!(f, "{metric:?}")?;
            first = false;
        }
        for (name, value) in self.iter().filter(|(name, _)| *name != METRIC_NAME) {
            if !std::mem::take(&mut first) {
                f.write_str(", ")?;
            }
            if is_label_name(name) {
                f.write_str(name)?;
            } else {
                write!(f, "{name:?}")?;
            }
            write!(f, "={value:?}")?;
        }
        f.write_str("}")
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Labels {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = std::collections::BTreeMap::<String, String>::deserialize(deserializer)?;
        Ok(Labels::from_pairs(map))
    }
}

/// One name and its value, of a set that is being collected.
#[derive(Clone, Debug)]
struct Label {
    name: CompactString,
    value: CompactString,
}

/// Collects labels in any order and yields the sorted set.
#[derive(Clone, Debug, Default)]
pub struct LabelsBuilder {
    /// Sorted by name; may hold empty values until [`LabelsBuilder::finish`].
    labels: Vec<Label>,
}

impl LabelsBuilder {
    /// Sets `name` to `value`; an empty value removes it.
    pub fn set(&mut self, name: &str, value: &str) -> &mut Self {
        match self.labels.binary_search_by(|label| label.name.as_str().cmp(name)) {
            Ok(index) if value.is_empty() => {
                self.labels.remove(index);
            }
            Ok(index) => self.labels[index].value = CompactString::new(value),
            Err(_) if value.is_empty() => {}
            Err(index) => {
                let label = Label { name: CompactString::new(name), value: CompactString::new(value) };
                self.labels.insert(index, label);
            }
        }
        self
    }

    /// Sets `name` to `value` unless the name has a value already; says whether it had none. Empty values are dropped.
    ///
    /// Names that come in order cost no search.
    pub fn insert_new(&mut self, name: &str, value: &str) -> bool {
        let in_order = self.labels.last().is_none_or(|last| last.name.as_str() < name);
        let index = match in_order {
            true => self.labels.len(),
            false => match self.labels.binary_search_by(|label| label.name.as_str().cmp(name)) {
                Ok(_) => return false,
                Err(index) => index,
            },
        };
        if !value.is_empty() {
            self.labels.insert(index, Label { name: CompactString::new(name), value: CompactString::new(value) });
        }
        true
    }

    /// Removes `name`.
    pub fn remove(&mut self, name: &str) -> &mut Self {
        self.set(name, "")
    }

    /// The value of `name` so far, or `""`.
    pub fn get(&self, name: &str) -> &str {
        match self.labels.binary_search_by(|label| label.name.as_str().cmp(name)) {
            Ok(index) => &self.labels[index].value,
            Err(_) => "",
        }
    }

    /// The names so far, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.labels.iter().map(|label| label.name.as_str())
    }

    /// The finished set.
    pub fn finish(self) -> Labels {
        Labels::pack(self.labels.iter().map(|label| (label.name.as_str(), label.value.as_str())))
    }
}

/// Whether `name` is a metric name of the classic alphabet: `[a-zA-Z_:][a-zA-Z0-9_:]*`.
pub fn is_metric_name(name: &str) -> bool {
    name.bytes()
        .enumerate()
        .all(|(i, b)| b.is_ascii_alphabetic() || b == b'_' || b == b':' || (i > 0 && b.is_ascii_digit()))
        && !name.is_empty()
}

/// Whether `name` is a label name of the classic alphabet: `[a-zA-Z_][a-zA-Z0-9_]*`.
pub fn is_label_name(name: &str) -> bool {
    is_metric_name(name) && !name.contains(':')
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn pairs() -> impl Strategy<Value = Vec<(String, String)>> {
        let part = || prop_oneof![8 => "[a-cü]{0,2}", 2 => "job|le|summary|__name__", 1 => "[a-z]{60,70}", 1 => "[é]{2000,2100}"];
        proptest::collection::vec((part(), part()), 0..6)
    }

    /// What a set is to hold: of a repeated name the last value, and none that is empty.
    fn model(pairs: &[(String, String)]) -> BTreeMap<&str, &str> {
        let mut model: BTreeMap<&str, &str> = pairs.iter().map(|(name, value)| (&**name, &**value)).collect();
        model.retain(|_, value| !value.is_empty());
        model
    }

    proptest! {
        #[test]
        fn sets_are_sorted_maps(one in pairs(), other in pairs()) {
            let (labels, expected) = (Labels::from_pairs(one.iter().map(|(a, b)| (a, b))), model(&one));
            prop_assert!(labels.iter().eq(expected.iter().map(|(name, value)| (*name, *value))));
            prop_assert_eq!(labels.len(), expected.len());
            prop_assert_eq!(labels.is_empty(), expected.is_empty());
            for (name, _) in one.iter().chain(&other) {
                prop_assert_eq!(labels.get(name), expected.get(&**name).copied().unwrap_or_default());
            }
            prop_assert_eq!(&labels.builder().finish(), &labels);
            let mut builder = LabelsBuilder::default();
            for (name, value) in &one {
                builder.set(name, value);
            }
            prop_assert_eq!(&builder.finish(), &labels);
            let other_labels = Labels::from_pairs(other.iter().map(|(a, b)| (a, b)));
            prop_assert_eq!(labels.cmp(&other_labels), expected.iter().cmp(model(&other).iter()));
            prop_assert_eq!(labels == other_labels, expected == model(&other));
        }
    }

    #[test]
    fn usual_names_take_a_byte_each() {
        assert!(USUAL_NAMES.is_sorted_by(|before, after| before < after) && USUAL_NAMES.len() <= DIGIT);
        let labels = Labels::from_pairs(USUAL_NAMES.map(|name| (name, "1")));
        assert_eq!(labels.bytes(), 1 + 3 * USUAL_NAMES.len());
    }

    #[test]
    fn sorted_without_empty_or_repeated() {
        let labels = Labels::from_pairs([("b", "1"), ("a", "2"), ("c", ""), ("b", "3")]);
        assert_eq!(labels.to_string(), r#"{a="2", b="3"}"#);
        assert_eq!(labels.get("c"), "");
        assert_eq!(labels, Labels::from_pairs([("a", "2"), ("b", "3")]));
    }

    #[test]
    fn inserts_only_new_names() {
        let mut builder = LabelsBuilder::default();
        for (name, value, expected) in [("b", "1", true), ("c", "", true), ("a", "2", true), ("b", "3", false)] {
            assert_eq!(builder.insert_new(name, value), expected, "{name}");
        }
        assert_eq!(builder.finish().to_string(), r#"{a="2", b="1"}"#);
    }

    #[test]
    fn printed_as_prometheus_does() {
        for (pairs, text) in [
            (vec![("__name__", "up")], "up"),
            (vec![("__name__", "up"), ("job", "a\"b")], r#"up{job="a\"b"}"#),
            (vec![("__name__", "a.b"), ("c.d", "e")], r#"{"a.b", "c.d"="e"}"#),
            (vec![], "{}"),
        ] {
            assert_eq!(Labels::from_pairs(pairs).to_string(), text);
        }
    }

    /// FNV-1a 64 of no bytes is its offset basis; of `a 0xff 1 0xff` as computed by hand from the definition.
    #[test]
    fn fingerprint_is_fnv1a() {
        assert_eq!(Labels::default().fingerprint().to_string(), "cbf29ce484222325");
        let mut expected: u64 = 0xcbf2_9ce4_8422_2325;
        for byte in [b'a', 0xff, b'1', 0xff] {
            expected = (expected ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
        assert_eq!(Labels::from_pairs([("a", "1")]).fingerprint(), Fingerprint(expected));
    }

    #[test]
    fn merging_prefers_the_upper() {
        let lower = Labels::from_pairs([("a", "1"), ("b", "1")]);
        let upper = Labels::from_pairs([("b", "2"), ("c", "2")]);
        assert_eq!(lower.merged(&upper).to_string(), r#"{a="1", b="2", c="2"}"#);
    }
}
