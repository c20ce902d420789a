//! Inhibition: alerts that make others not worth telling while they fire.

use std::collections::{BTreeMap, HashMap};

use crate::model::{Alert, AlertStatus, Fingerprint, Labels, Matcher, Timestamp};

/// While an alert that matches `source` fires, alerts that match `target` are not told, if both have the same values of the
/// labels `equal`; an absent label counts as empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InhibitRule {
    /// What it is called, for people; may be empty.
    pub name: String,
    /// What an alert must match to inhibit others.
    pub source: Vec<Matcher>,
    /// What an alert must match to be inhibited.
    pub target: Vec<Matcher>,
    /// The labels that must be equal.
    pub equal: Vec<String>,
}

/// An alert that inhibits another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Inhibitor<'a> {
    pub(super) rule: &'a str,
    pub(super) source: Fingerprint,
    /// When it ends, if nobody says otherwise.
    pub(super) ends_at: Option<Timestamp>,
}

/// The rules with every alert that is a source of one, kept as alerts change.
#[derive(Debug, Default)]
pub(super) struct Inhibition {
    rules: Vec<Indexed>,
}

#[derive(Debug)]
struct Indexed {
    rule: InhibitRule,
    /// All sources, by their values of the labels `equal`.
    sources: HashMap<Vec<String>, Sources>,
}

/// Sources with the time of their end.
#[derive(Debug, Default)]
struct Sources {
    /// Those that match the source side alone.
    plain: BTreeMap<Fingerprint, Option<Timestamp>>,
    /// Those that match both sides: they cannot inhibit their like, nor themselves.
    both: BTreeMap<Fingerprint, Option<Timestamp>>,
}

fn all_match(matchers: &[Matcher], labels: &Labels) -> bool {
    matchers.iter().all(|matcher| matcher.matches(labels))
}

impl Indexed {
    fn key(&self, labels: &Labels) -> Vec<String> {
        self.rule.equal.iter().map(|name| labels.get(name).to_owned()).collect()
    }

    fn inhibitors<'a>(&'a self, labels: &Labels, now: Timestamp) -> impl Iterator<Item = Inhibitor<'a>> {
        let sources = match all_match(&self.rule.target, labels) {
            true => self.sources.get(&self.key(labels)),
            false => None,
        };
        let is_source_too = sources.is_some() && all_match(&self.rule.source, labels);
        let both = sources.filter(|_| !is_source_too).into_iter().flat_map(|sources| &sources.both);
        let all = sources.into_iter().flat_map(|sources| &sources.plain).chain(both);
        let fires = move |ends_at: Option<Timestamp>| ends_at.is_none_or(|end| end > now);
        all.filter(move |(_, ends_at)| fires(**ends_at)).map(|(source, ends_at)| Inhibitor {
            rule: &self.rule.name,
            source: *source,
            ends_at: *ends_at,
        })
    }
}

impl Inhibition {
    /// The rules, with `alerts` as they are.
    pub(super) fn new<'a>(
        rules: &[InhibitRule],
        alerts: impl Iterator<Item = &'a Alert> + Clone,
        now: Timestamp,
    ) -> Self {
        let indexed = |rule: &InhibitRule| Indexed { rule: rule.clone(), sources: HashMap::new() };
        let mut inhibition = Inhibition { rules: rules.iter().map(indexed).collect() };
        for alert in alerts {
            inhibition.note(alert, now);
        }
        inhibition
    }

    /// Takes in what an alert is now. Returns whether it was a source, and is one no more or until another time.
    pub(super) fn note(&mut self, alert: &Alert, now: Timestamp) -> bool {
        if alert.status(now) == AlertStatus::Resolved {
            return self.forget(&alert.labels);
        }
        let mut changed = false;
        for indexed in self.rules.iter_mut().filter(|indexed| all_match(&indexed.rule.source, &alert.labels)) {
            let is_target_too = all_match(&indexed.rule.target, &alert.labels);
            let key = indexed.key(&alert.labels);
            let sources = indexed.sources.entry(key).or_default();
            let sources = if is_target_too { &mut sources.both } else { &mut sources.plain };
            let before = sources.insert(alert.fingerprint(), alert.ends_at);
            changed |= before.is_some_and(|before| before != alert.ends_at);
        }
        changed
    }

    /// The alert with `labels` is over. Returns whether it was a source.
    pub(super) fn forget(&mut self, labels: &Labels) -> bool {
        let fingerprint = labels.fingerprint();
        let mut was_source = false;
        for indexed in self.rules.iter_mut().filter(|indexed| all_match(&indexed.rule.source, labels)) {
            let key = indexed.key(labels);
            let Some(sources) = indexed.sources.get_mut(&key) else { continue };
            was_source |= sources.plain.remove(&fingerprint).is_some() | sources.both.remove(&fingerprint).is_some();
            if sources.plain.is_empty() && sources.both.is_empty() {
                indexed.sources.remove(&key);
            }
        }
        was_source
    }

    /// The alerts that inhibit one with `labels` now.
    pub(super) fn inhibitors<'a>(&'a self, labels: &Labels, now: Timestamp) -> impl Iterator<Item = Inhibitor<'a>> {
        self.rules.iter().flat_map(move |indexed| indexed.inhibitors(labels, now).collect::<Vec<_>>())
    }

    /// The first alert that inhibits one with `labels` now.
    pub(super) fn first<'a>(&'a self, labels: &Labels, now: Timestamp) -> Option<Inhibitor<'a>> {
        self.rules.iter().find_map(|indexed| indexed.inhibitors(labels, now).next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TraceId;

    fn labels(text: &str) -> Labels {
        Labels::from_pairs(text.split(' ').filter_map(|pair| pair.split_once('=')))
    }

    fn alert(text: &str, ends_at: Option<i64>) -> Alert {
        Alert {
            labels: labels(text),
            annotations: Labels::default(),
            starts_at: Timestamp::from_seconds(0),
            ends_at: ends_at.map(Timestamp::from_seconds),
            updated_at: Timestamp::from_seconds(0),
            generator_url: "".into(),
            trace: TraceId::NONE,
        }
    }

    fn rule(source: &str, target: &str, equal: &[&str]) -> InhibitRule {
        let matchers = |text: &str| {
            let pairs = text.split(' ').filter_map(|pair| pair.split_once('='));
            pairs.map(|(name, value)| Matcher::equal(name, value)).collect()
        };
        InhibitRule {
            name: "r".to_owned(),
            source: matchers(source),
            target: matchers(target),
            equal: equal.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn who_is_inhibited() {
        let at = Timestamp::from_seconds(100);
        let by_severity = || vec![rule("s=crit", "s=warn", &["c"])];
        let both = || vec![rule("s=crit", "c=1", &[])];
        for (rules, sources, target, expected) in [
            (by_severity(), vec![("s=crit c=1", None)], "s=warn c=1", true),
            (by_severity(), vec![("s=crit c=1", None)], "s=warn c=2", false),
            (by_severity(), vec![("s=crit c=1", None)], "s=info c=1", false),
            (by_severity(), vec![("s=crit", None)], "s=warn", true),
            (by_severity(), vec![("s=crit c=1", Some(50))], "s=warn c=1", false),
            (by_severity(), vec![("s=crit c=1", Some(150))], "s=warn c=1", true),
            (by_severity(), vec![("s=crit c=1", Some(50)), ("s=crit c=1 h=2", None)], "s=warn c=1", true),
            // An alert that matches both sides inhibits neither itself nor its like, but those that match one side.
            (both(), vec![("s=crit c=1", None)], "s=crit c=1", false),
            (both(), vec![("s=crit c=1", None)], "s=crit c=1 h=2", false),
            (both(), vec![("s=crit c=1", None)], "s=warn c=1", true),
            (both(), vec![("s=crit c=2", None)], "s=crit c=1", true),
        ] {
            let sources: Vec<Alert> = sources.into_iter().map(|(text, end)| alert(text, end)).collect();
            let inhibition = Inhibition::new(&rules, sources.iter(), at);
            let found = inhibition.first(&labels(target), at);
            assert_eq!(found.is_some(), expected, "{target} by {sources:?}");
            assert_eq!(inhibition.inhibitors(&labels(target), at).next(), found);
        }
    }

    #[test]
    fn each_of_several_sources_keeps_the_inhibition_up() {
        let at = Timestamp::from_seconds(100);
        let mut inhibition = Inhibition::new(&[rule("s=crit", "s=warn", &["c"])], [].iter(), at);
        for host in ["h=1", "h=2"] {
            assert!(!inhibition.note(&alert(&format!("s=crit c=1 {host}"), None), at));
        }
        let target = labels("s=warn c=1");
        assert!(inhibition.note(&alert("s=crit c=1 h=1", Some(90)), at), "a source ended");
        assert!(inhibition.first(&target, at).is_some());
        assert!(inhibition.forget(&labels("s=crit c=1 h=2")));
        assert!(inhibition.first(&target, at).is_none());
        assert!(!inhibition.forget(&labels("s=crit c=1 h=2")));
        assert!(inhibition.rules[0].sources.is_empty(), "nothing is left behind");
    }
}
