use std::fmt;
use std::sync::Arc;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// The label that holds a metric's name.
pub const METRIC_NAME: &str = "__name__";
/// The label that holds an alert's name.
pub const ALERT_NAME: &str = "alertname";

/// One name and its value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label {
    /// The label's name.
    pub name: CompactString,
    /// The label's value, never empty inside [`Labels`].
    pub value: CompactString,
}

/// A set of labels, sorted by name, without empty values and without repeated names; cheap to clone.
///
/// An absent label and an empty one are the same thing, as everywhere in Prometheus.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Labels(Arc<[Label]>);

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
        let mut builder = LabelsBuilder::default();
        for (name, value) in pairs {
            builder.set(name.as_ref(), value.as_ref());
        }
        builder.finish()
    }

    /// The value of `name`, or `""`.
    pub fn get(&self, name: &str) -> &str {
        match self.0.binary_search_by(|label| label.name.as_str().cmp(name)) {
            Ok(index) => &self.0[index].value,
            Err(_) => "",
        }
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
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|label| (label.name.as_str(), label.value.as_str()))
    }

    /// How many labels there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no label.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A builder that starts with these labels.
    pub fn builder(&self) -> LabelsBuilder {
        LabelsBuilder { labels: self.0.to_vec() }
    }

    /// These labels without `__name__`.
    pub fn without_name(&self) -> Labels {
        if self.has(METRIC_NAME) { self.retain(|name| name != METRIC_NAME) } else { self.clone() }
    }

    /// The labels whose names `keep` accepts.
    pub fn retain(&self, keep: impl Fn(&str) -> bool) -> Labels {
        Labels(self.0.iter().filter(|label| keep(&label.name)).cloned().collect())
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
        for label in self.0.iter() {
            feed(label.name.as_bytes());
            feed(label.value.as_bytes());
        }
        Fingerprint(hash)
    }
}

impl Default for Labels {
    fn default() -> Self {
        Labels(Arc::from([]))
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
        Labels(self.labels.into())
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
    use super::*;

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
