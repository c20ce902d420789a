//! Prometheus's relabelling: rules that rewrite, keep or drop label sets.

use regex::Regex;

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
