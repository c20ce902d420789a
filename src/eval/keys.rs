//! Which series belong together: those that agree in some of their labels.

use std::hash::{BuildHasher, Hash, Hasher};

use hashbrown::DefaultHashBuilder;
use hashbrown::hash_table::{Entry, HashTable};

use crate::lang::{Grouping, VectorMatching};
use crate::model::{Labels, METRIC_NAME};

use super::row::is_metadata;

/// A choice among the labels of a series.
#[derive(Clone, Copy, Debug)]
pub(super) enum Choice<'a> {
    /// Those of the list: `by (…)`, `on (…)`.
    Listed(&'a [String]),
    /// All but those of the list and the metric's name: `ignoring (…)`.
    Ignoring(&'a [String]),
    /// All but those of the list and what tells of the metric: `without (…)`.
    Without(&'a [String]),
}

impl<'a> Choice<'a> {
    /// The labels by which series match.
    pub(super) fn of_matching(matching: &'a VectorMatching) -> Self {
        if matching.on { Choice::Listed(&matching.labels) } else { Choice::Ignoring(&matching.labels) }
    }

    /// The labels of groups.
    pub(super) fn of_grouping(grouping: &'a Grouping) -> Self {
        match grouping {
            Grouping::By(list) => Choice::Listed(list),
            Grouping::Without(list) => Choice::Without(list),
        }
    }

    fn has(self, name: &str) -> bool {
        let is_in = |list: &[String]| list.iter().any(|listed| listed == name);
        match self {
            Choice::Listed(list) => is_in(list),
            Choice::Ignoring(list) => name != METRIC_NAME && !is_in(list),
            Choice::Without(list) => !is_metadata(name) && !is_in(list),
        }
    }

    /// The chosen ones of `labels`.
    pub(super) fn of(self, labels: &Labels) -> Labels {
        labels.retain(|name| self.has(name))
    }

    fn chosen(self, labels: &Labels) -> impl Iterator<Item = (&str, &str)> {
        labels.iter().filter(move |(name, _)| self.has(name))
    }
}

/// The distinct choices of the labels of many series, numbered from 0 in order of their first series.
pub(super) struct Keys<'a> {
    choice: Choice<'a>,
    hasher: DefaultHashBuilder,
    numbers: HashTable<usize>,
    /// The labels of the first series of each key.
    first: Vec<Labels>,
}

impl<'a> Keys<'a> {
    pub(super) fn new(choice: Choice<'a>) -> Self {
        Keys { choice, hasher: DefaultHashBuilder::default(), numbers: HashTable::new(), first: Vec::new() }
    }

    /// How many keys there are.
    pub(super) fn len(&self) -> usize {
        self.first.len()
    }

    /// The number of the key of `labels`, which may be new.
    pub(super) fn number(&mut self, labels: &Labels) -> usize {
        let (choice, hasher, first) = (self.choice, &self.hasher, &self.first);
        let is_same = |number: &usize| choice.chosen(&first[*number]).eq(choice.chosen(labels));
        let hash = |labels: &Labels| hash_of(choice, hasher, labels);
        match self.numbers.entry(hash(labels), is_same, |number| hash(&first[*number])) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                let number = self.first.len();
                entry.insert(number);
                self.first.push(labels.clone());
                number
            }
        }
    }

    /// The number of the key of `labels`, if it is known.
    pub(super) fn find(&self, labels: &Labels) -> Option<usize> {
        let is_same = |number: &usize| self.choice.chosen(&self.first[*number]).eq(self.choice.chosen(labels));
        self.numbers.find(hash_of(self.choice, &self.hasher, labels), is_same).copied()
    }

    /// The labels of the key `number`.
    pub(super) fn labels(&self, number: usize) -> Labels {
        self.choice.of(&self.first[number])
    }
}

fn hash_of(choice: Choice<'_>, hasher: &DefaultHashBuilder, labels: &Labels) -> u64 {
    let mut state = hasher.build_hasher();
    choice.chosen(labels).for_each(|label| label.hash(&mut state));
    state.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_that_agree_share_a_number() {
        let series: Vec<Labels> = [
            [("__name__", "a"), ("job", "x"), ("instance", "1")],
            [("__name__", "b"), ("job", "x"), ("instance", "1")],
            [("__name__", "a"), ("job", "x"), ("instance", "2")],
            [("__name__", "a"), ("job", "y"), ("instance", "1")],
        ]
        .map(Labels::from_pairs)
        .into();
        let job = ["job".to_owned()];
        for (choice, expected) in [
            (Choice::Listed(&job), [0, 0, 0, 1]),
            (Choice::Listed(&[]), [0, 0, 0, 0]),
            (Choice::Ignoring(&job), [0, 0, 1, 0]),
            (Choice::Without(&[]), [0, 0, 1, 2]),
        ] {
            let mut keys = Keys::new(choice);
            assert_eq!(series.iter().map(|labels| keys.number(labels)).collect::<Vec<_>>(), expected, "{choice:?}");
            assert_eq!(series.iter().filter_map(|labels| keys.find(labels)).collect::<Vec<_>>(), expected);
            assert_eq!(keys.labels(0), choice.of(&series[0]));
        }
        assert_eq!(Keys::new(Choice::Without(&job)).find(&series[0]), None);
    }
}
