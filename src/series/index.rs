use std::collections::BTreeMap;

use compact_str::CompactString;
use hashbrown::{HashMap, HashSet};
use smallvec::SmallVec;

use crate::model::{Labels, MatchOp, Matcher};

/// Series ids in ascending order.
type Postings = SmallVec<[u32; 4]>;

/// Which series have which label values.
#[derive(Debug, Default)]
pub(super) struct Index {
    labels: HashMap<CompactString, BTreeMap<CompactString, Postings>>,
}

impl Index {
    /// Adds the series `id`, which is not in the index.
    pub(super) fn insert(&mut self, id: u32, labels: &Labels) {
        for (name, value) in labels.iter() {
            let values = self.labels.entry(CompactString::new(name)).or_default();
            match values.get_mut(value) {
                Some(postings) => insert_sorted(id, postings),
                None => {
                    values.insert(CompactString::new(value), SmallVec::from_slice(&[id]));
                }
            }
        }
    }

    /// Removes the given series, each with the labels it was inserted with. `dead` says of an id whether it is among them.
    pub(super) fn remove<'a>(&mut self, series: impl Iterator<Item = &'a Labels>, dead: impl Fn(u32) -> bool) {
        let touched: HashSet<(&str, &str)> = series.flat_map(Labels::iter).collect();
        for (name, value) in touched {
            let Some(values) = self.labels.get_mut(name) else { continue };
            if let Some(postings) = values.get_mut(value) {
                postings.retain(|id| !dead(*id));
                if postings.is_empty() {
                    values.remove(value);
                }
            }
            if values.is_empty() {
                self.labels.remove(name);
            }
        }
    }

    /// The names in use, in no order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.labels.keys().map(CompactString::as_str)
    }

    /// The values of `name` in order, each with its series.
    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = (&str, &[u32])> {
        self.labels.get(name).into_iter().flatten().map(|(value, postings)| (value.as_str(), postings.as_slice()))
    }

    /// The bytes on the heap, about.
    pub(super) fn bytes(&self) -> usize {
        let of_text = |text: &CompactString| if text.is_heap_allocated() { text.capacity() } else { 0 };
        let of_postings = |ids: &Postings| if ids.spilled() { ids.capacity() * size_of::<u32>() } else { 0 };
        let entry = size_of::<CompactString>() + size_of::<Postings>();
        self.labels.values().flatten().map(|(value, postings)| entry + of_text(value) + of_postings(postings)).sum()
    }

    /// The series that satisfy every matcher, ascending. `all` gives all indexed series, `labels_of` the labels of one.
    pub(super) fn resolve<'a>(
        &self,
        matchers: &[Matcher],
        all: impl FnOnce() -> Vec<u32>,
        labels_of: impl Fn(u32) -> &'a Labels,
    ) -> Vec<u32> {
        let is_lookup = |matcher: &Matcher| matcher.op() == MatchOp::Equal && !matcher.value().is_empty();
        let mut candidates: Option<Vec<u32>> = None;
        let mut looked_up: Vec<&[u32]> = Vec::new();
        for matcher in matchers.iter().filter(|matcher| is_lookup(matcher)) {
            match self.labels.get(matcher.name()).and_then(|values| values.get(matcher.value())) {
                Some(postings) => looked_up.push(postings),
                None => return Vec::new(),
            }
        }
        looked_up.sort_by_key(|postings| postings.len());
        for postings in looked_up {
            candidates = Some(match candidates {
                None => postings.to_vec(),
                Some(ids) => intersect(ids, postings),
            });
        }
        // Those that an absent label fails come first: they narrow, the others only take away.
        let (taking_away, narrowing): (Vec<&Matcher>, Vec<&Matcher>) =
            matchers.iter().filter(|matcher| !is_lookup(matcher)).partition(|matcher| matcher.matches_value(""));
        for matcher in narrowing {
            candidates = Some(match candidates {
                Some(ids) if self.fewer_than_values(&ids, matcher) => filter(ids, matcher, &labels_of),
                Some(ids) => intersect(ids, &self.union_of(matcher.name(), |value| matcher.matches_value(value))),
                None => self.union_of(matcher.name(), |value| matcher.matches_value(value)),
            });
        }
        let mut ids = candidates.unwrap_or_else(all);
        for matcher in taking_away {
            if ids.is_empty() || !self.labels.contains_key(matcher.name()) {
                continue;
            }
            ids = if self.fewer_than_values(&ids, matcher) {
                filter(ids, matcher, &labels_of)
            } else {
                subtract(ids, &self.union_of(matcher.name(), |value| !matcher.matches_value(value)))
            };
        }
        ids
    }

    /// Whether it is cheaper to look at each candidate than at each value of the matcher's label.
    fn fewer_than_values(&self, ids: &[u32], matcher: &Matcher) -> bool {
        ids.len() <= self.labels.get(matcher.name()).map_or(0, BTreeMap::len)
    }

    /// The series whose value of `name` is accepted, ascending; series without `name` are not asked about.
    fn union_of(&self, name: &str, accept: impl Fn(&str) -> bool) -> Vec<u32> {
        let mut ids = Vec::new();
        for (_, postings) in self.values(name).filter(|(value, _)| accept(value)) {
            ids.extend_from_slice(postings);
        }
        // A series has one value per name, so there are no repetitions.
        ids.sort_unstable();
        ids
    }
}

fn insert_sorted(id: u32, postings: &mut Postings) {
    let at = match postings.last() {
        Some(last) if *last > id => postings.partition_point(|other| *other < id),
        _ => postings.len(),
    };
    postings.insert(at, id);
}

fn filter<'a>(mut ids: Vec<u32>, matcher: &Matcher, labels_of: impl Fn(u32) -> &'a Labels) -> Vec<u32> {
    ids.retain(|id| matcher.matches(labels_of(*id)));
    ids
}

fn intersect(mut ids: Vec<u32>, other: &[u32]) -> Vec<u32> {
    let mut walk = Walk { ids: other };
    ids.retain(|id| walk.reaches(*id));
    ids
}

fn subtract(mut ids: Vec<u32>, other: &[u32]) -> Vec<u32> {
    let mut walk = Walk { ids: other };
    ids.retain(|id| !walk.reaches(*id));
    ids
}

/// Asks an ascending list for ascending ids, leaping over what lies between.
struct Walk<'a> {
    ids: &'a [u32],
}

impl Walk<'_> {
    fn reaches(&mut self, id: u32) -> bool {
        let mut step = 1;
        while step < self.ids.len() && self.ids[step] < id {
            step *= 2;
        }
        let end = self.ids.len().min(step + 1);
        let skipped = self.ids[..end].partition_point(|other| *other < id);
        self.ids = &self.ids[skipped..];
        self.ids.first() == Some(&id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_operations() {
        let other: Vec<u32> = (0..100).map(|n| n * 3).collect();
        assert_eq!(intersect(vec![0, 1, 3, 4, 150, 297, 298, 400], &other), [0, 3, 150, 297]);
        assert_eq!(subtract(vec![0, 1, 3, 4, 150, 297, 298, 400], &other), [1, 4, 298, 400]);
        assert_eq!(intersect(vec![1], &[]), [0u32; 0]);
        assert_eq!(subtract(vec![1], &[]), [1]);
    }

    #[test]
    fn matchers_over_present_and_absent_labels() {
        let series = [
            Labels::from_pairs([("__name__", "up"), ("job", "api"), ("env", "prod")]),
            Labels::from_pairs([("__name__", "up"), ("job", "db")]),
            Labels::from_pairs([("__name__", "down"), ("env", "test")]),
        ];
        let mut index = Index::default();
        for (id, labels) in (0..).zip(&series) {
            index.insert(id, labels);
        }
        let new = |name, op, value| Matcher::new(name, op, value).expect("valid");
        let equal = |name, value| new(name, MatchOp::Equal, value);
        let not_equal = |name, value| new(name, MatchOp::NotEqual, value);
        let regex = |name, value| new(name, MatchOp::Regex, value);
        let not_regex = |name, value| new(name, MatchOp::NotRegex, value);
        for (matchers, expected) in [
            (vec![], vec![0, 1, 2]),
            (vec![equal("__name__", "up")], vec![0, 1]),
            (vec![equal("__name__", "up"), equal("env", "")], vec![1]),
            (vec![equal("env", "")], vec![1]),
            (vec![not_equal("env", "")], vec![0, 2]),
            (vec![not_equal("env", "prod")], vec![1, 2]),
            (vec![not_equal("nothing", "")], vec![]),
            (vec![equal("nothing", "")], vec![0, 1, 2]),
            (vec![regex("env", "prod|")], vec![0, 1]),
            (vec![regex("env", ".+")], vec![0, 2]),
            (vec![not_regex("env", "prod|")], vec![2]),
            (vec![not_regex("env", "p.*")], vec![1, 2]),
            (vec![equal("job", "api"), equal("job", "db")], vec![]),
            (vec![equal("job", "absent")], vec![]),
        ] {
            assert_eq!(index.resolve(&matchers, || vec![0, 1, 2], |id| &series[id as usize]), expected, "{matchers:?}");
        }
        index.remove(series[1..].iter(), |id| id >= 1);
        assert_eq!(index.resolve(&[Matcher::equal("x", "")], || vec![0], |id| &series[id as usize]), [0]);
        assert_eq!(index.values("env").collect::<Vec<_>>(), [("prod", &[0][..])]);
    }
}
