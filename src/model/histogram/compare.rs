//! Equality of histograms, and whether counting started anew between two.

use std::cmp::Ordering;

use super::bounds::upper_bound;
use super::buckets::SideRef;
use super::layout::{add_onto_bounds, coarsened, shared_bounds};
use super::{BucketSpan, CounterResetHint, Histogram, is_stale};

impl Histogram {
    /// Whether both hold the same, number for number by their bits and bucket for bucket, empty ones included. Hints do not count.
    pub fn equals(&self, other: &Histogram) -> bool {
        let same = |left: f64, right: f64| left.to_bits() == right.to_bits();
        self.matches(other, same)
    }

    /// Whether both hold the same buckets with numbers that differ by at most `epsilon` of their sum. Hints do not count.
    pub fn almost_equal(&self, other: &Histogram, epsilon: f64) -> bool {
        self.matches(other, |left, right| almost_equal(left, right, epsilon))
    }

    fn matches(&self, other: &Histogram, same: impl Fn(f64, f64) -> bool) -> bool {
        let numbers = |side: SideRef<'_, f64>, other: SideRef<'_, f64>| {
            side.cells.len() == other.cells.len()
                && side.cells.iter().zip(other.cells).all(|(left, right)| same(*left, *right))
        };
        self.schema == other.schema
            && same(self.count, other.count)
            && same(self.sum, other.sum)
            && (!self.has_custom_buckets() || self.custom_values == other.custom_values)
            && self.zero_threshold == other.zero_threshold
            && same(self.zero_count, other.zero_count)
            && same_places(&self.negative_spans, &other.negative_spans)
            && numbers(self.negative(), other.negative())
            && same_places(&self.positive_spans, &other.positive_spans)
            && numbers(self.positive(), other.positive())
    }

    /// Whether counting started anew between `previous` and this one: a count decreased, a filled bucket vanished, buckets became
    /// finer or the zero bucket narrower. A hint that says so, or says that it did not, is believed.
    pub fn detect_reset(&self, previous: &Histogram) -> bool {
        match self.counter_reset_hint {
            CounterResetHint::Reset => return true,
            CounterResetHint::NotReset => return false,
            CounterResetHint::Unknown | CounterResetHint::Gauge => {}
        }
        if self.count < previous.count {
            return true;
        }
        if self.has_custom_buckets() {
            if !previous.has_custom_buckets() {
                return true;
            }
            if self.custom_values != previous.custom_values {
                return self.decreased_on_shared_bounds(previous);
            }
        }
        if self.schema > previous.schema || self.zero_threshold < previous.zero_threshold {
            return true;
        }
        let (zero_count, threshold) = previous.zero_widened(self.zero_threshold);
        if threshold != self.zero_threshold || self.zero_count < zero_count {
            return true;
        }
        let steps = previous.schema.abs_diff(self.schema);
        self.decreased(self.positive(), previous.positive(), steps)
            || self.decreased(self.negative(), previous.negative(), steps)
    }

    /// The hint that a series gets for this sample when it follows `previous` in storage: unknown after nothing, after a gauge or a
    /// stale marker, and where buckets changed their form without a reset.
    pub fn hint_after(&self, previous: Option<&Histogram>) -> CounterResetHint {
        if matches!(self.counter_reset_hint, CounterResetHint::Gauge | CounterResetHint::Reset) {
            return self.counter_reset_hint;
        }
        let Some(previous) = previous else {
            return CounterResetHint::Unknown;
        };
        if previous.counter_reset_hint == CounterResetHint::Gauge || is_stale(previous.sum) || is_stale(self.sum) {
            return CounterResetHint::Unknown;
        }
        let unhinted = |histogram: &Histogram| histogram.counter_reset_hint == CounterResetHint::Unknown;
        let bounds_changed = self.custom_values != previous.custom_values && self.has_custom_buckets();
        let form_changed = self.schema != previous.schema || self.zero_threshold != previous.zero_threshold;
        let reset = if unhinted(self) {
            self.detect_reset(previous)
        } else {
            Histogram { counter_reset_hint: CounterResetHint::Unknown, ..self.clone() }.detect_reset(previous)
        };
        match () {
            () if self.count < previous.count => CounterResetHint::Reset,
            () if form_changed => CounterResetHint::Unknown,
            () if reset || bounds_changed => CounterResetHint::Reset,
            () => CounterResetHint::NotReset,
        }
    }

    /// Whether a bucket of `previous`, merged by `steps`, has fewer observations now; those in the zero bucket do not count.
    fn decreased(&self, current: SideRef<'_, f64>, previous: SideRef<'_, f64>, steps: u32) -> bool {
        let coarse;
        let previous = if steps == 0 || self.has_custom_buckets() {
            previous
        } else {
            coarse = coarsened(previous, steps);
            coarse.view()
        };
        let in_zero_bucket =
            |index: i64| !self.has_custom_buckets() && upper_bound(index, self.schema, &[]) <= self.zero_threshold;
        let mut current = current.indexed().skip_while(|(index, _)| in_zero_bucket(*index)).peekable();
        previous.indexed().skip_while(|(index, _)| in_zero_bucket(*index)).any(|(index, before)| {
            while current.next_if(|(other, _)| *other < index).is_some() {}
            match current.next_if(|(other, _)| *other == index) {
                Some((_, now)) => now < before,
                None => before != 0.0,
            }
        })
    }

    fn decreased_on_shared_bounds(&self, previous: &Histogram) -> bool {
        let shared = shared_bounds(&self.custom_values, &previous.custom_values);
        let counts = |histogram: &Histogram| {
            let mut counts = vec![0.0; shared.len() + 1];
            let add = |total: f64, count: f64| total + count;
            add_onto_bounds(&mut counts, &shared, histogram.positive(), &histogram.custom_values, add);
            counts
        };
        counts(self).into_iter().zip(counts(previous)).any(|(now, before)| now < before)
    }
}

/// Whether spans place buckets alike; empty spans and spans without a gap between do not matter.
fn same_places(left: &[BucketSpan], right: &[BucketSpan]) -> bool {
    left == right || runs(left).eq(runs(right))
}

/// Start and length of each run of buckets without a gap.
fn runs(spans: &[BucketSpan]) -> impl Iterator<Item = (i64, i64)> + '_ {
    let mut end = 0;
    let mut placed = spans.iter().filter_map(move |span| {
        let start = end + i64::from(span.offset);
        end = start + i64::from(span.length);
        (span.length > 0).then_some((start, i64::from(span.length)))
    });
    let mut next = placed.next();
    std::iter::from_fn(move || {
        let (start, mut length) = next?;
        loop {
            next = placed.next();
            match next {
                Some((following, more)) if following == start + length => length += more,
                _ => return Some((start, length)),
            }
        }
    })
}

/// Whether two numbers differ by less than `epsilon` of the sum of their magnitudes; NaNs are equal, but a stale marker only to
/// another.
fn almost_equal(left: f64, right: f64, epsilon: f64) -> bool {
    if is_stale(left) || is_stale(right) {
        return is_stale(left) && is_stale(right);
    }
    if left == right || (left.is_nan() && right.is_nan()) {
        return true;
    }
    let (sum, difference) = (left.abs() + right.abs(), (left - right).abs());
    if left == 0.0 || right == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < epsilon * f64::MIN_POSITIVE;
    }
    (difference / sum.min(f64::MAX)).partial_cmp(&epsilon) == Some(Ordering::Less)
}

#[cfg(test)]
mod tests {
    use super::super::parse_notation;
    use super::*;

    fn parse(text: &str) -> Histogram {
        parse_notation(text).unwrap()
    }

    #[test]
    fn equality() {
        let base = "{{schema:1 count:3 sum:4 z_bucket:1 z_bucket_w:0.5 buckets:[1 2] n_buckets:[3]}}";
        for (text, exact, almost) in [
            (base, true, true),
            (
                "{{schema:1 count:3 sum:4 z_bucket:1 z_bucket_w:0.5 counter_reset_hint:gauge buckets:[1 2] n_buckets:[3]}}",
                true,
                true,
            ),
            ("{{schema:1 count:3 sum:4.0000001 z_bucket:1 z_bucket_w:0.5 buckets:[1 2] n_buckets:[3]}}", false, true),
            ("{{schema:1 count:3 sum:4 z_bucket:1 z_bucket_w:0.5 buckets:[1 2.0000001] n_buckets:[3]}}", false, true),
            ("{{schema:1 count:3 sum:4 z_bucket:1 z_bucket_w:0.5 buckets:[1 2] n_buckets:[3.1]}}", false, false),
            ("{{schema:1 count:3 sum:4 z_bucket:1 z_bucket_w:0.25 buckets:[1 2] n_buckets:[3]}}", false, false),
            ("{{schema:2 count:3 sum:4 z_bucket:1 z_bucket_w:0.5 buckets:[1 2] n_buckets:[3]}}", false, false),
            ("{{schema:1 count:3 sum:4 z_bucket:1 z_bucket_w:0.5 offset:1 buckets:[1 2] n_buckets:[3]}}", false, false),
            ("{{schema:1 count:3 sum:4 z_bucket:1 z_bucket_w:0.5 buckets:[1 2 0] n_buckets:[3]}}", false, false),
        ] {
            assert_eq!(parse(base).equals(&parse(text)), exact, "{text}");
            assert_eq!(parse(base).almost_equal(&parse(text), 1e-6), almost, "{text}");
        }
        let nan = parse("{{sum:NaN}}");
        assert!(nan.equals(&nan) && nan.almost_equal(&parse("{{sum:NaN}}"), 1e-6));
    }

    #[test]
    fn spans_that_place_buckets_alike() {
        let spans = |list: &[(i32, u32)]| -> Vec<_> {
            list.iter().map(|&(offset, length)| BucketSpan { offset, length }).collect()
        };
        let base = spans(&[(1, 2), (3, 1)]);
        for (other, same) in [
            (&[(1, 2), (3, 1)][..], true),
            (&[(1, 1), (0, 1), (3, 1)], true),
            (&[(0, 0), (1, 2), (1, 0), (2, 1), (7, 0)], true),
            (&[(1, 2), (2, 1)], false),
            (&[(1, 2)], false),
            (&[(1, 3)], false),
        ] {
            assert_eq!(same_places(&base, &spans(other)), same, "{other:?}");
        }
    }

    #[test]
    fn resets() {
        for (previous, current, reset) in [
            ("{{count:3 buckets:[1 2]}}", "{{count:3 buckets:[1 2]}}", false),
            ("{{count:3 buckets:[1 2]}}", "{{count:2 buckets:[1 2]}}", true),
            ("{{count:3 buckets:[1 2]}}", "{{count:9 buckets:[2 1]}}", true),
            ("{{count:3 buckets:[1 2]}}", "{{count:9 buckets:[1]}}", true),
            ("{{count:3 buckets:[1 0]}}", "{{count:9 buckets:[1]}}", false),
            ("{{count:3 buckets:[1 0]}}", "{{count:9}}", true),
            ("{{count:3 n_buckets:[1]}}", "{{count:9 n_offset:1 n_buckets:[1]}}", true),
            ("{{count:3 buckets:[1]}}", "{{count:9 counter_reset_hint:reset buckets:[2]}}", true),
            ("{{count:3 buckets:[1]}}", "{{count:1 counter_reset_hint:not_reset}}", false),
            ("{{count:3 buckets:[1]}}", "{{count:1 counter_reset_hint:gauge}}", true),
            ("{{schema:1 count:3 offset:1 buckets:[1 2]}}", "{{count:3 offset:1 buckets:[3]}}", false),
            ("{{schema:1 count:3 offset:1 buckets:[1 2]}}", "{{count:3 offset:1 buckets:[2]}}", true),
            ("{{count:3 buckets:[3]}}", "{{schema:1 count:3 buckets:[3]}}", true),
            ("{{z_bucket:1 z_bucket_w:0.5 count:3 buckets:[2]}}", "{{z_bucket:3 z_bucket_w:1 count:3}}", false),
            ("{{z_bucket:1 z_bucket_w:0.5 count:3 buckets:[2]}}", "{{z_bucket:2 z_bucket_w:1 count:3}}", true),
            ("{{z_bucket:1 z_bucket_w:0.5 count:3 buckets:[2]}}", "{{z_bucket:3 z_bucket_w:0.75 count:3}}", true),
            ("{{z_bucket:1 z_bucket_w:0.5 count:1}}", "{{z_bucket:1 z_bucket_w:0.25 count:1}}", true),
            ("{{count:1 buckets:[1]}}", "{{schema:-53 count:1 custom_values:[1] buckets:[1]}}", true),
            ("{{schema:-53 count:1 custom_values:[1] buckets:[1]}}", "{{count:1 buckets:[1]}}", true),
            (
                "{{schema:-53 count:3 custom_values:[1 2] buckets:[1 2]}}",
                "{{schema:-53 count:3 custom_values:[2] buckets:[3]}}",
                false,
            ),
            (
                "{{schema:-53 count:3 custom_values:[1 2] buckets:[1 2]}}",
                "{{schema:-53 count:3 custom_values:[2 3] buckets:[2 1]}}",
                true,
            ),
        ] {
            assert_eq!(parse(current).detect_reset(&parse(previous)), reset, "{previous} then {current}");
        }
    }

    #[test]
    fn hints_in_storage() {
        use CounterResetHint::{Gauge, NotReset, Reset, Unknown};
        for (previous, current, hint) in [
            (None, "{{count:1}}", Unknown),
            (None, "{{count:1 counter_reset_hint:reset}}", Reset),
            (Some("{{count:1}}"), "{{count:2}}", NotReset),
            (Some("{{count:2}}"), "{{count:1}}", Reset),
            (Some("{{count:2}}"), "{{count:1 counter_reset_hint:not_reset}}", Reset),
            (Some("{{count:2}}"), "{{count:1 counter_reset_hint:gauge}}", Gauge),
            (Some("{{count:1 counter_reset_hint:gauge}}"), "{{count:2}}", Unknown),
            (Some("{{count:1}}"), "{{schema:1 count:2}}", Unknown),
            (Some("{{schema:-53 count:1 custom_values:[1]}}"), "{{schema:-53 count:1 custom_values:[2]}}", Reset),
        ] {
            let previous = previous.map(parse);
            assert_eq!(parse(current).hint_after(previous.as_ref()), hint, "{previous:?} then {current}");
        }
    }
}
