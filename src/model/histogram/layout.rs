//! One side of a histogram as cells that can be merged: layouts of spans, resolutions, bounds.

use super::BucketSpan;
use super::buckets::SideRef;

/// A number that others are added to.
pub(super) trait Cell: Copy + Default {
    /// `value` alone.
    fn of(value: f64) -> Self;
    /// With `value` added.
    fn plus(self, value: f64) -> Self;
    /// With all of `other` added.
    fn merged(self, other: Self) -> Self;
    /// Whether it holds nothing.
    fn is_zero(self) -> bool;
    /// How far it is from zero.
    fn magnitude(self) -> f64;
}

impl Cell for f64 {
    fn of(value: f64) -> Self {
        value
    }

    fn plus(self, value: f64) -> Self {
        self + value
    }

    fn merged(self, other: Self) -> Self {
        self + other
    }

    fn is_zero(self) -> bool {
        self == 0.0
    }

    fn magnitude(self) -> f64 {
        self.abs()
    }
}

/// A sum with what rounding took from it: the compensated summation of Kahan as improved by Neumaier.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Compensated {
    pub(super) sum: f64,
    pub(super) lost: f64,
}

impl Cell for Compensated {
    fn of(value: f64) -> Self {
        Compensated { sum: value, lost: 0.0 }
    }

    fn plus(self, value: f64) -> Self {
        let Compensated { sum, lost } = self;
        let total = sum + value;
        let lost = if total.is_infinite() {
            0.0
        } else if sum.abs() >= value.abs() {
            lost + ((sum - total) + value)
        } else {
            lost + ((value - total) + sum)
        };
        Compensated { sum: total, lost }
    }

    fn merged(self, other: Self) -> Self {
        self.plus(other.sum).plus(other.lost)
    }

    fn is_zero(self) -> bool {
        self.sum == 0.0 && self.lost == 0.0
    }

    fn magnitude(self) -> f64 {
        self.sum.abs()
    }
}

/// The cells of the positive or of the negative buckets.
#[derive(Clone, Debug, Default)]
pub(super) struct Side<C> {
    pub(super) spans: Vec<BucketSpan>,
    pub(super) cells: Vec<C>,
    /// The index of the last cell while cells are pushed.
    last: i64,
}

impl<C: Cell> Side<C> {
    pub(super) fn new(spans: Vec<BucketSpan>, cells: Vec<C>) -> Self {
        Side { spans, cells, last: 0 }
    }

    pub(super) fn view(&self) -> SideRef<'_, C> {
        SideRef { spans: &self.spans, cells: &self.cells }
    }

    /// Appends a cell; to a side that has been built by this function only, with indexes that do not descend. One of the same index
    /// as the last is merged with it.
    fn push(&mut self, index: i64, cell: C) {
        match (self.spans.last_mut(), self.cells.last_mut()) {
            (Some(_), Some(last)) if index == self.last => *last = last.merged(cell),
            (Some(span), Some(_)) if index == self.last + 1 => {
                span.length += 1;
                self.cells.push(cell);
            }
            (Some(_), _) => self.start_span(index - self.last - 1, cell),
            (None, _) => self.start_span(index, cell),
        }
        self.last = index;
    }

    fn start_span(&mut self, offset: i64, cell: C) {
        let offset = offset.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32;
        self.spans.push(BucketSpan { offset, length: 1 });
        self.cells.push(cell);
    }

    /// Adds `factor` times the cells of `other`, but for the first ones that `skip` names by their index. The result has every bucket
    /// that either of them has.
    pub(super) fn add(&mut self, other: SideRef<'_, f64>, factor: f64, skip: impl Fn(i64) -> bool) {
        let skip_first = other.indexed().next().is_some_and(|(index, _)| skip(index));
        if !skip_first && self.spans == other.spans && self.cells.len() == other.cells.len() {
            for (cell, count) in self.cells.iter_mut().zip(other.cells) {
                *cell = cell.plus(factor * count);
            }
            return;
        }
        let mut sum = Side::default();
        let mut incoming = other.indexed().skip_while(|(index, _)| skip(*index)).peekable();
        for (index, cell) in self.view().indexed() {
            while let Some((before, count)) = incoming.next_if(|(other, _)| *other < index) {
                sum.push(before, C::of(factor * count));
            }
            let cell = match incoming.next_if(|(other, _)| *other == index) {
                Some((_, count)) => cell.plus(factor * count),
                None => cell,
            };
            sum.push(index, cell);
        }
        incoming.for_each(|(index, count)| sum.push(index, C::of(factor * count)));
        *self = sum;
    }

    /// Without empty buckets, but for runs of at most `empty_max` of them between others. What lies within a run of spans that are at
    /// most so far apart becomes one span.
    pub(super) fn compacted(&self, empty_max: usize) -> Side<C> {
        let empty_max = i64::try_from(empty_max).unwrap_or(i64::MAX);
        let mut compact = Side::default();
        for (index, cell) in self.view().indexed().filter(|(_, cell)| !cell.is_zero()) {
            let empty = if compact.cells.is_empty() { 0 } else { index - compact.last - 1 };
            if (1..=empty_max).contains(&empty) {
                (index - empty..index).for_each(|index| compact.push(index, C::default()));
            }
            compact.push(index, cell);
        }
        compact
    }
}

/// Merges buckets so that 2^`steps` of them become one.
pub(super) fn coarsened<C: Cell>(side: SideRef<'_, C>, steps: u32) -> Side<C> {
    let mut coarse = Side::default();
    for (index, cell) in side.indexed() {
        coarse.push(((index - 1) >> steps.min(63)) + 1, cell);
    }
    coarse
}

/// The bounds that both have.
pub(super) fn shared_bounds(left: &[f64], right: &[f64]) -> Vec<f64> {
    let mut right = right.iter().peekable();
    let mut shared = Vec::new();
    for bound in left {
        while right.next_if(|other| *other < bound).is_some() {}
        if right.next_if(|other| *other == bound).is_some() {
            shared.push(*bound);
        }
    }
    shared
}

/// Adds `factor` times the cells of a side with the custom bounds `bounds` to `totals`, which has a cell for each of the bounds
/// `shared` and one for what is above.
pub(super) fn add_onto_bounds<C: Cell, D: Copy>(
    totals: &mut [C],
    shared: &[f64],
    side: SideRef<'_, D>,
    bounds: &[f64],
    add: impl Fn(C, D) -> C,
) {
    let mut target = 0;
    for (index, cell) in side.indexed() {
        let bound = usize::try_from(index).map_or(Some(&f64::NEG_INFINITY), |index| bounds.get(index));
        match bound {
            Some(bound) => {
                while shared.get(target).is_some_and(|shared| shared < bound) {
                    target += 1;
                }
            }
            None => target = shared.len(),
        }
        if let Some(total) = totals.get_mut(target) {
            *total = add(*total, cell);
        }
    }
}

/// A side of one span's cells from index 0, without empty ones.
pub(super) fn side_of_totals<C: Cell>(totals: Vec<C>) -> Side<C> {
    let length = u32::try_from(totals.len()).unwrap_or(u32::MAX);
    Side::new(vec![BucketSpan { offset: 0, length }], totals).compacted(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(spans: &[(i32, u32)], cells: &[f64]) -> Side<f64> {
        Side::new(spans.iter().map(|&(offset, length)| BucketSpan { offset, length }).collect(), cells.to_vec())
    }

    fn indexed(side: &Side<f64>) -> Vec<(i64, f64)> {
        side.view().indexed().collect()
    }

    #[test]
    fn sums_have_the_buckets_of_both() {
        let mut left = side(&[(-1, 2), (3, 1)], &[1.0, 2.0, 3.0]);
        left.add(side(&[(-3, 1), (1, 1), (0, 2), (9, 1)], &[10.0, 20.0, 30.0, 40.0, 50.0]).view(), 1.0, |_| false);
        assert_eq!(indexed(&left), [(-3, 10.0), (-1, 21.0), (0, 32.0), (1, 40.0), (4, 3.0), (11, 50.0)]);
        let mut same = side(&[(0, 2)], &[1.0, 2.0]);
        same.add(side(&[(0, 2)], &[1.0, 1.0]).view(), -1.0, |_| false);
        assert_eq!(indexed(&same), [(0, 0.0), (1, 1.0)]);
        let mut skipped = side(&[], &[]);
        skipped.add(side(&[(0, 3)], &[1.0, 2.0, 3.0]).view(), 1.0, |index| index < 2);
        assert_eq!(indexed(&skipped), [(2, 3.0)]);
    }

    #[test]
    fn compacting() {
        let sparse = side(&[(0, 3), (0, 2), (5, 0), (1, 2)], &[0.0, 1.0, 0.0, 0.0, 2.0, 3.0, 0.0]);
        for (empty_max, spans) in
            [(0, &[(1, 1), (2, 1), (6, 1)][..]), (2, &[(1, 4), (6, 1)]), (6, &[(1, 11)]), (usize::MAX, &[(1, 11)])]
        {
            let compact = sparse.compacted(empty_max);
            let got: Vec<_> = compact.spans.iter().map(|span| (span.offset, span.length)).collect();
            assert_eq!(got, spans, "at most {empty_max} empty");
            let counts: Vec<_> = indexed(&compact).into_iter().filter(|(_, count)| *count != 0.0).collect();
            assert_eq!(counts, [(1, 1.0), (4, 2.0), (11, 3.0)]);
        }
    }

    #[test]
    fn coarser_buckets_hold_the_finer_ones() {
        let fine = side(&[(-3, 8)], &[1.0; 8]);
        assert_eq!(indexed(&coarsened(fine.view(), 1)), [(-1, 2.0), (0, 2.0), (1, 2.0), (2, 2.0)]);
        assert_eq!(indexed(&coarsened(fine.view(), 99)), [(0, 4.0), (1, 4.0)]);
    }

    #[test]
    fn what_bounds_share() {
        assert_eq!(shared_bounds(&[1.0, 2.0, 4.0], &[0.0, 2.0, 3.0, 4.0, 9.0]), [2.0, 4.0]);
        assert_eq!(shared_bounds(&[1.0], &[]), [0.0; 0]);
    }

    #[test]
    fn sums_keep_what_rounding_takes() {
        let total = [1e100, 1.0, -1e100].into_iter().fold(Compensated::default(), Cell::plus);
        assert_eq!(total.sum + total.lost, 1.0);
        assert_eq!(Compensated::of(f64::MAX).plus(f64::MAX), Compensated { sum: f64::INFINITY, lost: 0.0 });
    }
}
