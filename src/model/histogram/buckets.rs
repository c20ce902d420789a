//! The buckets of a histogram, one after the other.

use super::bounds::upper_bound;
use super::{BucketSpan, Histogram};

/// One bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// Where it begins.
    pub lower: f64,
    /// Where it ends.
    pub upper: f64,
    /// Whether observations of exactly `lower` are in it.
    pub lower_inclusive: bool,
    /// Whether observations of exactly `upper` are in it.
    pub upper_inclusive: bool,
    /// How many observations it holds.
    pub count: f64,
    /// Its number within the schema and the sign; 0 for the zero bucket.
    pub index: i32,
}

/// The cells of one side (positive or negative) with the spans that place them.
#[derive(Clone, Copy)]
pub(super) struct SideRef<'a, C> {
    pub(super) spans: &'a [BucketSpan],
    pub(super) cells: &'a [C],
}

impl<'a, C: Copy> SideRef<'a, C> {
    /// Cells with their bucket indexes, ascending; as many as both spans and cells have.
    pub(super) fn indexed(self) -> Indexed<'a, C> {
        let (mut left, mut back) = (self.cells.len(), Cursor::default());
        for (number, span) in self.spans.iter().enumerate() {
            let length = (span.length as usize).min(left);
            back.span = number;
            back.within = length as u32;
            back.index += i64::from(span.offset) + length as i64;
            left -= length;
            if left == 0 {
                break;
            }
        }
        let front = Cursor { index: self.spans.first().map_or(0, |span| i64::from(span.offset)), ..Cursor::default() };
        Indexed { spans: self.spans, cells: &self.cells[..self.cells.len() - left], front, back }
    }
}

/// See [`SideRef::indexed`].
#[derive(Clone)]
pub(super) struct Indexed<'a, C> {
    spans: &'a [BucketSpan],
    /// Those that are still to come.
    cells: &'a [C],
    /// The next bucket from the front.
    front: Cursor,
    /// The end of the last bucket from the back.
    back: Cursor,
}

#[derive(Clone, Copy, Default)]
struct Cursor {
    span: usize,
    within: u32,
    index: i64,
}

impl<C: Copy> Iterator for Indexed<'_, C> {
    type Item = (i64, C);

    fn next(&mut self) -> Option<Self::Item> {
        let (cell, rest) = self.cells.split_first()?;
        while self.front.within >= self.spans.get(self.front.span)?.length {
            self.front.span += 1;
            self.front.within = 0;
            self.front.index += i64::from(self.spans.get(self.front.span)?.offset);
        }
        self.cells = rest;
        let index = self.front.index;
        self.front.index += 1;
        self.front.within += 1;
        Some((index, *cell))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.cells.len(), Some(self.cells.len()))
    }
}

impl<C: Copy> DoubleEndedIterator for Indexed<'_, C> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let (cell, rest) = self.cells.split_last()?;
        while self.back.within == 0 {
            self.back.index -= i64::from(self.spans.get(self.back.span)?.offset);
            self.back.span = self.back.span.checked_sub(1)?;
            self.back.within = self.spans[self.back.span].length;
        }
        self.cells = rest;
        self.back.index -= 1;
        self.back.within -= 1;
        Some((self.back.index, *cell))
    }
}

impl Histogram {
    /// The positive buckets, ascending; with custom bounds all there are.
    pub fn positive_buckets(&self) -> impl DoubleEndedIterator<Item = Bucket> + '_ {
        self.positive().indexed().map(|(index, count)| self.positive_bucket(index, count))
    }

    /// The negative buckets from the one next to zero downwards.
    pub fn negative_buckets(&self) -> impl DoubleEndedIterator<Item = Bucket> + '_ {
        self.negative().indexed().map(|(index, count)| {
            let mirrored = self.positive_bucket(index, count);
            let (lower, upper) = (-mirrored.upper, -mirrored.lower);
            Bucket { lower, upper, lower_inclusive: lower < 0.0, upper_inclusive: upper > 0.0, ..mirrored }
        })
    }

    /// The bucket around zero.
    pub fn zero_bucket(&self) -> Bucket {
        Bucket {
            lower: -self.zero_threshold,
            upper: self.zero_threshold,
            lower_inclusive: true,
            upper_inclusive: true,
            count: self.zero_count,
            index: 0,
        }
    }

    /// All buckets, ascending: the negative ones, the zero bucket if it has observations, the positive ones. A bucket that reaches
    /// into the zero bucket is cut there.
    pub fn buckets(&self) -> impl DoubleEndedIterator<Item = Bucket> + '_ {
        let zero = (self.zero_count > 0.0).then(|| self.zero_bucket());
        let threshold = self.zero_threshold;
        let negative = self.negative_buckets().rev().map(move |mut bucket| {
            if bucket.upper < 0.0 && bucket.upper > -threshold {
                bucket.upper = -threshold;
            }
            bucket
        });
        let positive = self.positive_buckets().map(move |mut bucket| {
            if bucket.lower > 0.0 && bucket.lower < threshold {
                bucket.lower = threshold;
            }
            bucket
        });
        negative.chain(zero).chain(positive)
    }

    pub(super) fn positive(&self) -> SideRef<'_, f64> {
        SideRef { spans: &self.positive_spans, cells: &self.positive_buckets }
    }

    pub(super) fn negative(&self) -> SideRef<'_, f64> {
        SideRef { spans: &self.negative_spans, cells: &self.negative_buckets }
    }

    fn positive_bucket(&self, index: i64, count: f64) -> Bucket {
        let lower = upper_bound(index - 1, self.schema, &self.custom_values);
        let upper = upper_bound(index, self.schema, &self.custom_values);
        let (lower_inclusive, upper_inclusive) =
            if self.has_custom_buckets() { (index == 0, true) } else { (lower < 0.0, upper > 0.0) };
        Bucket { lower, upper, lower_inclusive, upper_inclusive, count, index: index as i32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(offset: i32, length: u32) -> BucketSpan {
        BucketSpan { offset, length }
    }

    #[test]
    fn indexes_from_both_ends() {
        let spans = [span(-2, 2), span(0, 0), span(3, 1), span(1, 0), span(0, 2)];
        for (cells, indexes) in [
            (&[1.0, 2.0, 3.0, 4.0, 5.0][..], &[-2, -1, 3, 5, 6][..]),
            (&[1.0, 2.0, 3.0], &[-2, -1, 3]),
            (&[1.0], &[-2]),
            (&[], &[]),
            (&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[-2, -1, 3, 5, 6]),
        ] {
            let side = SideRef { spans: &spans, cells };
            let forward: Vec<_> = side.indexed().collect();
            let mut backward: Vec<_> = side.indexed().rev().collect();
            backward.reverse();
            assert_eq!(forward, backward);
            assert_eq!(forward.iter().map(|(index, _)| *index).collect::<Vec<_>>(), indexes);
        }
        assert_eq!(SideRef { spans: &[], cells: &[1.0] }.indexed().count(), 0);
    }

    #[test]
    fn all_buckets_ascend_around_zero() {
        let histogram = Histogram {
            zero_threshold: 0.75,
            zero_count: 1.0,
            positive_spans: vec![span(0, 2)],
            positive_buckets: vec![2.0, 3.0],
            negative_spans: vec![span(0, 2)],
            negative_buckets: vec![4.0, 5.0],
            ..Histogram::default()
        };
        let bounds: Vec<_> = histogram.buckets().map(|bucket| (bucket.lower, bucket.upper, bucket.count)).collect();
        let expected = [(-2.0, -1.0, 5.0), (-1.0, -0.75, 4.0), (-0.75, 0.75, 1.0), (0.75, 1.0, 2.0), (1.0, 2.0, 3.0)];
        assert_eq!(bounds, expected);
        let mut reverse: Vec<_> = histogram.buckets().rev().collect();
        reverse.reverse();
        assert_eq!(reverse, histogram.buckets().collect::<Vec<_>>());
    }
}
