//! Prometheus's relabelling: rules that rewrite, keep or drop label sets (its `model/relabel`).

use md5::{Digest, Md5};
use regex::{Captures, Regex};

use crate::model::{Labels, LabelsBuilder, expand_replacement};

/// What a relabelling rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is named as it is written in `action`")]
pub enum RelabelAction {
    Replace,
    Keep,
    Drop,
    KeepEqual,
    DropEqual,
    HashMod,
    LabelMap,
    LabelDrop,
    LabelKeep,
    Lowercase,
    Uppercase,
}

/// One rule of `relabel_configs` or `metric_relabel_configs`.
#[derive(Clone, Debug)]
pub struct RelabelRule {
    /// The labels whose values are joined by `separator` and matched.
    pub source_labels: Vec<String>,
    /// Between the values.
    pub separator: String,
    /// Anchored at both ends.
    pub regex: Regex,
    /// For [`RelabelAction::HashMod`].
    pub modulus: u64,
    /// What is written to; may hold `$1` for [`RelabelAction::Replace`].
    pub target_label: String,
    /// What is written; may hold `$1`.
    pub replacement: String,
    /// What the rule does.
    pub action: RelabelAction,
}

/// What `rules` make of `labels`, one after another; `None` when one of them drops the set.
pub fn relabel(labels: Labels, rules: &[RelabelRule]) -> Option<Labels> {
    if rules.is_empty() {
        return Some(labels);
    }
    let mut builder = labels.builder();
    rules.iter().all(|rule| rule.apply(&mut builder)).then(|| builder.finish())
}

impl RelabelRule {
    /// Rewrites `labels`; `false` when the set is to be dropped.
    ///
    /// A rule that cannot be carried out (a target name that expands to nothing, a modulus of zero) changes nothing.
    #[must_use]
    pub fn apply(&self, labels: &mut LabelsBuilder) -> bool {
        let joined = self.joined(labels);
        match self.action {
            RelabelAction::Keep => return self.regex.is_match(&joined),
            RelabelAction::Drop => return !self.regex.is_match(&joined),
            RelabelAction::KeepEqual => return labels.get(&self.target_label) == joined,
            RelabelAction::DropEqual => return labels.get(&self.target_label) != joined,
            RelabelAction::Replace => self.replace(labels, &joined),
            RelabelAction::Lowercase => self.set_target(labels, &joined.chars().map(lower).collect::<String>()),
            RelabelAction::Uppercase => self.set_target(labels, &joined.chars().map(upper).collect::<String>()),
            RelabelAction::HashMod => {
                if let Some(rest) = hash(&joined).checked_rem(self.modulus) {
                    self.set_target(labels, &rest.to_string());
                }
            }
            RelabelAction::LabelMap => self.map_names(labels),
            RelabelAction::LabelDrop => self.remove_names(labels, |matches| matches),
            RelabelAction::LabelKeep => self.remove_names(labels, |matches| !matches),
        }
        true
    }

    /// The values of the source labels, joined.
    fn joined(&self, labels: &LabelsBuilder) -> String {
        let mut joined = String::new();
        for (index, name) in self.source_labels.iter().enumerate() {
            if index > 0 {
                joined.push_str(&self.separator);
            }
            joined.push_str(labels.get(name));
        }
        joined
    }

    fn set_target(&self, labels: &mut LabelsBuilder, value: &str) {
        if !self.target_label.is_empty() {
            labels.set(&self.target_label, value);
        }
    }

    fn replace(&self, labels: &mut LabelsBuilder, joined: &str) {
        let Some(captures) = self.regex.captures(joined) else { return };
        let target = expand(&self.target_label, &captures);
        if !target.is_empty() {
            labels.set(&target, &expand(&self.replacement, &captures));
        }
    }

    /// Reads all names and values before it writes any.
    fn map_names(&self, labels: &mut LabelsBuilder) {
        let mapped: Vec<(String, String)> = labels
            .names()
            .filter_map(|name| {
                let target = expand(&self.replacement, &self.regex.captures(name)?);
                (!target.is_empty()).then(|| (target, labels.get(name).to_owned()))
            })
            .collect();
        for (name, value) in mapped {
            labels.set(&name, &value);
        }
    }

    fn remove_names(&self, labels: &mut LabelsBuilder, remove: impl Fn(bool) -> bool) {
        let names: Vec<String> =
            labels.names().filter(|name| remove(self.regex.is_match(name))).map(str::to_owned).collect();
        for name in names {
            labels.remove(&name);
        }
    }
}

/// The last eight bytes of the MD5 sum, big-endian, as Prometheus takes it.
fn hash(text: &str) -> u64 {
    let sum: [u8; 16] = Md5::digest(text.as_bytes()).into();
    sum[8..].iter().fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}

/// Unicode's simple lower-case mapping, one character to one, as in Go.
fn lower(character: char) -> char {
    character.to_lowercase().next().unwrap_or(character)
}

/// Unicode's simple upper-case mapping; characters that would become several stay.
fn upper(character: char) -> char {
    let mut mapped = character.to_uppercase();
    match (mapped.next(), mapped.next()) {
        (Some(one), None) => one,
        _ => character,
    }
}

/// Fills in `$1`, `${1}`, `$name`, `${name}` and `$$` as Go's `Regexp.Expand` does: a name is the longest run of letters, digits
/// and underscores; a group that is not there is empty; a `$` that begins nothing stands for itself.
fn expand(template: &str, captures: &Captures<'_>) -> String {
    let mut text = String::new();
    expand_replacement(template, captures, &mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [&str; 3] = ["a", "b", "c"];

    /// A rule with Prometheus's defaults.
    fn rule(action: RelabelAction, source: &[&str], regex: &str, target: &str, replacement: &str) -> RelabelRule {
        RelabelRule {
            source_labels: source.iter().map(|&name| name.to_owned()).collect(),
            separator: ";".to_owned(),
            regex: Regex::new(&format!("^(?s:{regex})$")).expect("valid"),
            modulus: 0,
            target_label: target.to_owned(),
            replacement: replacement.to_owned(),
            action,
        }
    }

    fn base() -> Labels {
        Labels::from_pairs([("a", "foo"), ("b", "bar"), ("c", "Baz")])
    }

    #[test]
    fn replaces() {
        for (source, regex, target, replacement, expected) in [
            (&["a"][..], "f(.*)", "d", "ch${1}-ch${1}", r#"{a="foo", b="bar", c="Baz", d="choo-choo"}"#),
            (&ALL, "(.*);(.*);(.*)", "d", "$3$2$1", r#"{a="foo", b="bar", c="Baz", d="Bazbarfoo"}"#),
            (&["a"], "f(?P<rest>.*)", "d", "$rest/${rest}", r#"{a="foo", b="bar", c="Baz", d="oo/oo"}"#),
            (&["a"], "nothing", "b", "x", r#"{a="foo", b="bar", c="Baz"}"#),
            (&["a"], "(.*)", "b", "", r#"{a="foo", c="Baz"}"#),
            (&["absent"], "(.*)", "b", "$1", r#"{a="foo", c="Baz"}"#),
            (&[], "(.*)", "d", "constant", r#"{a="foo", b="bar", c="Baz", d="constant"}"#),
            (&["a", "b"], "(.*);(.*)", "${1}_x", "$2", r#"{a="foo", b="bar", c="Baz", foo_x="bar"}"#),
            (&["a"], "(.*)", "$2", "x", r#"{a="foo", b="bar", c="Baz"}"#),
            (&["a"], "(.*)", "with.dot ${1}", "x", r#"{a="foo", b="bar", c="Baz", "with.dot foo"="x"}"#),
            (&["a"], "(.*)", "a", "$1x", r#"{b="bar", c="Baz"}"#),
            (&["a"], "(.*)", "a", "$$1 $ ${1 ${1}", r#"{a="$1 $ ${1 foo", b="bar", c="Baz"}"#),
            (&["a"], "(.*)", "a", "$01|$00|$99999999999999999999|$0", r#"{a="|||foo", b="bar", c="Baz"}"#),
        ] {
            let rule = rule(RelabelAction::Replace, source, regex, target, replacement);
            let result = relabel(base(), &[rule]).expect("kept");
            assert_eq!(result.to_string(), expected, "{regex} {target} {replacement}");
        }
    }

    #[test]
    fn keeps_and_drops() {
        use RelabelAction::{Drop, DropEqual, Keep, KeepEqual};
        for (action, source, regex, target, kept) in [
            (Keep, &["a"][..], "foo", "", true),
            (Keep, &["a"], "fo", "", false),
            (Keep, &["a", "b"], "foo;bar", "", true),
            (Keep, &["absent"], "", "", true),
            (Drop, &["a"], "f.*", "", false),
            (Drop, &["a"], "g.*", "", true),
            (KeepEqual, &["a"], "", "a", true),
            (KeepEqual, &["a"], "", "b", false),
            (KeepEqual, &["absent"], "", "absent too", true),
            (DropEqual, &["a"], "", "a", false),
            (DropEqual, &["a"], "", "b", true),
        ] {
            let result = relabel(base(), &[rule(action, source, regex, target, "$1")]);
            assert_eq!(result, kept.then(base), "{action:?} {source:?} {regex} {target}");
        }
    }

    #[test]
    fn names_and_cases() {
        use RelabelAction::{LabelDrop, LabelKeep, LabelMap, Lowercase, Uppercase};
        for (action, regex, target, replacement, expected) in [
            (LabelMap, "(a|b)", "", "x_$1", r#"{a="foo", b="bar", c="Baz", x_a="foo", x_b="bar"}"#),
            (LabelMap, "a|b", "", "c", r#"{a="foo", b="bar", c="bar"}"#),
            (LabelMap, "(a)", "", "$2", r#"{a="foo", b="bar", c="Baz"}"#),
            (LabelDrop, "a|b", "", "", r#"{c="Baz"}"#),
            (LabelKeep, "a|b", "", "", r#"{a="foo", b="bar"}"#),
            (Lowercase, "", "d", "", r#"{a="foo", b="bar", c="Baz", d="foo;bar;baz"}"#),
            (Uppercase, "", "a", "", r#"{a="FOO;BAR;BAZ", b="bar", c="Baz"}"#),
        ] {
            let result = relabel(base(), &[rule(action, &ALL, regex, target, replacement)]).expect("kept");
            assert_eq!(result.to_string(), expected, "{action:?} {regex}");
        }
        let text: String = "ÄßİΣ".chars().map(lower).chain("äßﬁ".chars().map(upper)).collect();
        assert_eq!(text, "äßiσÄßﬁ");
    }

    /// The MD5 sum of `foo` is acbd18db4cc2f85cedef654fccc4a4d8; its last eight bytes modulo 1000 are worked out from that.
    #[test]
    fn hashes() {
        assert_eq!(hash("foo"), 0xedef_654f_ccc4_a4d8);
        for (modulus, expected) in [(1000, Some(0xedef_654f_ccc4_a4d8_u64 % 1000)), (1, Some(0)), (0, None)] {
            let rule = RelabelRule { modulus, ..rule(RelabelAction::HashMod, &["a"], "", "shard", "") };
            let result = relabel(base(), &[rule]).expect("kept");
            assert_eq!(result.get("shard"), expected.map(|rest| rest.to_string()).unwrap_or_default());
        }
    }

    #[test]
    fn rules_see_what_earlier_rules_wrote() {
        let rules = [
            rule(RelabelAction::Replace, &["a"], "(.*)", "d", "$1!"),
            rule(RelabelAction::Keep, &["d"], "foo!", "", ""),
            rule(RelabelAction::LabelKeep, &[], "d", "", ""),
        ];
        assert_eq!(relabel(base(), &rules).expect("kept").to_string(), r#"{d="foo!"}"#);
        assert_eq!(relabel(Labels::default(), &rules), None);
    }
}
