//! Sums, differences, products and resolutions of histograms.

use std::cmp::Ordering;
use std::mem::take;

use super::bounds::upper_bound;
use super::buckets::SideRef;
use super::layout::{Cell, Compensated, Side, add_onto_bounds, coarsened, shared_bounds, side_of_totals};
use super::{CounterResetHint, Histogram, HistogramError};

/// What is to be remarked on a sum or a difference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Combination {
    /// Counting started anew in one of the two and not in the other: no sum of counters should be made of them.
    pub conflicting_resets: bool,
    /// The custom bounds of the two differed, and the result has only those that both had.
    pub bounds_reconciled: bool,
}

/// A histogram under construction.
#[derive(Clone, Debug)]
pub(super) struct Tally<C> {
    pub(super) hint: CounterResetHint,
    pub(super) schema: i32,
    pub(super) zero_threshold: f64,
    pub(super) zero_count: C,
    pub(super) count: C,
    pub(super) sum: C,
    pub(super) positive: Side<C>,
    pub(super) negative: Side<C>,
    pub(super) custom_values: Vec<f64>,
}

impl CounterResetHint {
    /// Makes `self` the hint of the sum or the difference of histograms with both hints; whether they contradict each other.
    fn absorb(&mut self, other: CounterResetHint) -> bool {
        use CounterResetHint::{Gauge, NotReset, Reset, Unknown};
        let (hint, conflict) = match (*self, other) {
            (Gauge, _) | (_, Gauge) => (Gauge, false),
            (Reset, NotReset) | (NotReset, Reset) => (Unknown, true),
            (left, right) => (if left == right { left } else { Unknown }, false),
        };
        *self = hint;
        conflict
    }
}

impl Histogram {
    /// Adds `other`, bucket by bucket. The result has the coarser of two schemas and a zero bucket that holds both, and may have
    /// empty buckets ([`Histogram::compact`]). It is a gauge if one of the two is.
    ///
    /// # Errors
    ///
    /// [`HistogramError::IncompatibleSchemas`] for custom and exponential buckets; `self` stays as it was.
    pub fn add(&mut self, other: &Histogram) -> Result<Combination, HistogramError> {
        self.combine(other, 1.0)
    }

    /// Subtracts `other`; as [`Histogram::add`]. The operator `-` makes the result a gauge; this function does not.
    ///
    /// # Errors
    ///
    /// As [`Histogram::add`].
    pub fn sub(&mut self, other: &Histogram) -> Result<Combination, HistogramError> {
        self.combine(other, -1.0)
    }

    /// Multiplies all counts and the sum; a negative factor makes it a gauge.
    pub fn multiply(&mut self, factor: f64) {
        self.scale(|value| *value *= factor);
        if factor < 0.0 {
            self.counter_reset_hint = CounterResetHint::Gauge;
        }
    }

    /// Divides all counts and the sum; division by zero also removes the buckets, a negative divisor makes it a gauge.
    pub fn divide(&mut self, divisor: f64) {
        if divisor == 0.0 {
            for spans in [&mut self.positive_spans, &mut self.negative_spans] {
                spans.clear();
            }
            for buckets in [&mut self.positive_buckets, &mut self.negative_buckets] {
                buckets.clear();
            }
        }
        self.scale(|value| *value /= divisor);
        if divisor < 0.0 {
            self.counter_reset_hint = CounterResetHint::Gauge;
        }
    }

    /// All counts and the sum with the other sign, a gauge.
    #[must_use]
    pub fn negated(&self) -> Histogram {
        let mut negated = self.clone();
        negated.multiply(-1.0);
        negated
    }

    /// Removes empty buckets, but for runs of at most `empty_max` between others, and joins spans that are not further apart.
    pub fn compact(&mut self, empty_max: usize) {
        for (spans, buckets) in [
            (&mut self.positive_spans, &mut self.positive_buckets),
            (&mut self.negative_spans, &mut self.negative_buckets),
        ] {
            let compact = Side::new(take(spans), take(buckets)).compacted(empty_max);
            (*spans, *buckets) = (compact.spans, compact.cells);
        }
    }

    /// Merges buckets so that they are those of the coarser `schema`; does nothing if the schema is as coarse already or buckets have
    /// custom bounds.
    pub fn reduce_resolution(&mut self, schema: i32) {
        if self.has_custom_buckets() || schema >= self.schema {
            return;
        }
        let steps = self.schema.abs_diff(schema);
        let (positive, negative) = (coarsened(self.positive(), steps), coarsened(self.negative(), steps));
        (self.positive_spans, self.positive_buckets) = (positive.spans, positive.cells);
        (self.negative_spans, self.negative_buckets) = (negative.spans, negative.cells);
        self.schema = schema;
    }

    /// A copy with the coarser `schema`, as [`Histogram::reduce_resolution`] makes it; of a coarser one the hint is not kept.
    #[must_use]
    pub fn copy_to_schema(&self, schema: i32) -> Histogram {
        let mut copy = self.clone();
        copy.reduce_resolution(schema);
        if copy.schema != self.schema {
            copy.counter_reset_hint = CounterResetHint::Unknown;
        }
        copy
    }

    fn scale(&mut self, scale: impl Fn(&mut f64)) {
        [&mut self.zero_count, &mut self.count, &mut self.sum].into_iter().for_each(&scale);
        self.positive_buckets.iter_mut().chain(&mut self.negative_buckets).for_each(scale);
    }

    fn combine(&mut self, other: &Histogram, factor: f64) -> Result<Combination, HistogramError> {
        if self.has_custom_buckets() != other.has_custom_buckets() {
            return Err(HistogramError::IncompatibleSchemas);
        }
        let mut tally = Tally {
            hint: self.counter_reset_hint,
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            zero_count: self.zero_count,
            count: self.count,
            sum: self.sum,
            positive: Side::new(take(&mut self.positive_spans), take(&mut self.positive_buckets)),
            negative: Side::new(take(&mut self.negative_spans), take(&mut self.negative_buckets)),
            custom_values: take(&mut self.custom_values),
        };
        let combination = tally.add(other, factor);
        *self = tally.into_histogram(|cell| cell);
        combination
    }

    /// The zero bucket's count and threshold were it to reach to `threshold`; see [`widened`].
    pub(super) fn zero_widened(&self, threshold: f64) -> (f64, f64) {
        widened(self.schema, (self.zero_count, self.zero_threshold), self.positive(), self.negative(), threshold)
    }
}

/// The zero bucket's cell and threshold if it is widened to `threshold`, or to the end of the filled bucket that this cuts.
fn widened<C: Cell>(
    schema: i32,
    (zero, zero_threshold): (C, f64),
    positive: SideRef<'_, C>,
    negative: SideRef<'_, C>,
    mut threshold: f64,
) -> (C, f64) {
    if threshold == zero_threshold {
        return (zero, threshold);
    }
    // Where a side has its last bucket inside, its end if it is cut.
    let absorb = |side: SideRef<'_, C>, mut total: C, threshold: f64| {
        for (index, cell) in side.indexed() {
            if upper_bound(index - 1, schema, &[]) >= threshold {
                break;
            }
            total = total.merged(cell);
            let upper = upper_bound(index, schema, &[]);
            if upper > threshold {
                return (total, if cell.is_zero() { threshold } else { upper });
            }
        }
        (total, threshold)
    };
    loop {
        let (total, after_positive) = absorb(positive, zero, threshold);
        let (total, after_negative) = absorb(negative, total, after_positive);
        if after_negative > after_positive {
            threshold = after_negative;
        } else {
            return (total, after_positive);
        }
    }
}

impl<C: Cell> Tally<C> {
    pub(super) fn of(histogram: &Histogram) -> Self {
        let side = |view: SideRef<'_, f64>| {
            Side::new(view.spans.to_vec(), view.cells.iter().map(|count| C::of(*count)).collect())
        };
        Tally {
            hint: histogram.counter_reset_hint,
            schema: histogram.schema,
            zero_threshold: histogram.zero_threshold,
            zero_count: C::of(histogram.zero_count),
            count: C::of(histogram.count),
            sum: C::of(histogram.sum),
            positive: side(histogram.positive()),
            negative: side(histogram.negative()),
            custom_values: histogram.custom_values.clone(),
        }
    }

    pub(super) fn into_histogram(self, value: impl Fn(C) -> f64) -> Histogram {
        let values = |cells: Vec<C>| cells.into_iter().map(&value).collect();
        Histogram {
            counter_reset_hint: self.hint,
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            zero_count: value(self.zero_count),
            count: value(self.count),
            sum: value(self.sum),
            positive_spans: self.positive.spans,
            positive_buckets: values(self.positive.cells),
            negative_spans: self.negative.spans,
            negative_buckets: values(self.negative.cells),
            custom_values: self.custom_values,
        }
    }

    /// Adds `factor` times `other`.
    pub(super) fn add(&mut self, other: &Histogram, factor: f64) -> Result<Combination, HistogramError> {
        let custom = self.schema == super::CUSTOM_BUCKETS_SCHEMA;
        if custom != other.has_custom_buckets() {
            return Err(HistogramError::IncompatibleSchemas);
        }
        let conflicting_resets = self.hint.absorb(other.counter_reset_hint);
        if !custom {
            let zero_count = self.reconcile_zero_buckets(other);
            self.zero_count = self.zero_count.plus(factor * zero_count);
        }
        self.count = self.count.plus(factor * other.count);
        self.sum = self.sum.plus(factor * other.sum);
        let bounds_reconciled = custom && self.custom_values != other.custom_values;
        if bounds_reconciled {
            self.add_on_shared_bounds(other, factor);
        } else if custom {
            self.positive.add(other.positive(), factor, |_| false);
        } else {
            self.add_exponential(other, factor);
        }
        Ok(Combination { conflicting_resets, bounds_reconciled })
    }

    fn add_on_shared_bounds(&mut self, other: &Histogram, factor: f64) {
        let shared = shared_bounds(&self.custom_values, &other.custom_values);
        let mut totals = vec![C::default(); shared.len() + 1];
        add_onto_bounds(&mut totals, &shared, self.positive.view(), &self.custom_values, Cell::merged);
        let add = |total: C, count: f64| total.plus(factor * count);
        add_onto_bounds(&mut totals, &shared, other.positive(), &other.custom_values, add);
        self.positive = side_of_totals(totals);
        self.custom_values = shared;
    }

    fn add_exponential(&mut self, other: &Histogram, factor: f64) {
        let steps = self.schema.abs_diff(other.schema);
        let coarse_other;
        let (positive, negative) = match self.schema.cmp(&other.schema) {
            Ordering::Less => {
                coarse_other = (coarsened(other.positive(), steps), coarsened(other.negative(), steps));
                (coarse_other.0.view(), coarse_other.1.view())
            }
            Ordering::Equal => (other.positive(), other.negative()),
            Ordering::Greater => {
                self.positive = coarsened(self.positive.view(), steps);
                self.negative = coarsened(self.negative.view(), steps);
                self.schema = other.schema;
                (other.positive(), other.negative())
            }
        };
        let (schema, threshold) = (self.schema, self.zero_threshold);
        let in_zero_bucket = |index| upper_bound(index, schema, &[]) <= threshold;
        self.positive.add(positive, factor, in_zero_bucket);
        self.negative.add(negative, factor, in_zero_bucket);
    }

    /// Widens the zero bucket until it holds that of `other` and both end between filled buckets; the count of that of `other` were
    /// it widened so.
    fn reconcile_zero_buckets(&mut self, other: &Histogram) -> f64 {
        let (mut count, mut threshold) = (other.zero_count, other.zero_threshold);
        loop {
            match self.zero_threshold.partial_cmp(&threshold) {
                Some(Ordering::Greater) => (count, threshold) = other.zero_widened(self.zero_threshold),
                Some(Ordering::Less) => self.widen_zero_bucket(threshold),
                Some(Ordering::Equal) | None => return count,
            }
        }
    }

    fn widen_zero_bucket(&mut self, threshold: f64) {
        let zero = (self.zero_count, self.zero_threshold);
        (self.zero_count, self.zero_threshold) =
            widened(self.schema, zero, self.positive.view(), self.negative.view(), threshold);
        for side in [&mut self.positive, &mut self.negative] {
            let lower = |index| upper_bound(index - 1, self.schema, &[]);
            let inside = side.view().indexed().take_while(|(index, _)| lower(*index) < self.zero_threshold).count();
            side.cells[..inside].fill(C::default());
            *side = side.compacted(0);
        }
    }
}

impl Tally<Compensated> {
    /// Applies `scale` to every number and to what rounding took from it.
    pub(super) fn scale(&mut self, scale: impl Fn(f64) -> f64) {
        let cells = self.positive.cells.iter_mut().chain(&mut self.negative.cells);
        for cell in cells.chain([&mut self.zero_count, &mut self.count, &mut self.sum]) {
            *cell = Compensated { sum: scale(cell.sum), lost: scale(cell.lost) };
        }
    }
}
