//! Sums and means of many histograms, with compensated summation.

use super::arithmetic::Tally;
use super::layout::{Cell, Compensated};
use super::{CounterResetHint, Histogram, HistogramError};

/// What was seen of the histograms that went into a sum.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    reset: bool,
    not_reset: bool,
    bounds_reconciled: bool,
}

impl Seen {
    fn note(&mut self, hint: CounterResetHint) {
        self.reset |= hint == CounterResetHint::Reset;
        self.not_reset |= hint == CounterResetHint::NotReset;
    }
}

/// The sum of histograms, as `sum` and `sum_over_time` make it.
#[derive(Clone, Debug)]
pub struct HistogramSum {
    tally: Tally<Compensated>,
    seen: Seen,
}

impl HistogramSum {
    /// The sum of one.
    pub fn new(first: &Histogram) -> Self {
        let mut seen = Seen::default();
        seen.note(first.counter_reset_hint);
        HistogramSum { tally: Tally::of(first), seen }
    }

    /// Adds one more.
    ///
    /// # Errors
    ///
    /// [`HistogramError::IncompatibleSchemas`] for custom and exponential buckets; the sum stays as it was.
    pub fn add(&mut self, histogram: &Histogram) -> Result<(), HistogramError> {
        self.seen.note(histogram.counter_reset_hint);
        let combination = self.tally.add(histogram, 1.0)?;
        self.seen.bounds_reconciled |= combination.bounds_reconciled;
        Ok(())
    }

    /// Whether counting started anew in some and not in others.
    pub fn conflicting_resets(&self) -> bool {
        self.seen.reset && self.seen.not_reset
    }

    /// Whether custom bounds differed, so that only those in all of them are left.
    pub fn bounds_reconciled(&self) -> bool {
        self.seen.bounds_reconciled
    }

    /// The sum; it may have empty buckets.
    pub fn value(self) -> Histogram {
        self.tally.into_histogram(|cell| cell.sum + cell.lost)
    }
}

/// The mean of histograms, as `avg` and `avg_over_time` make it: their sum divided by their number, or, where that sum would
/// overflow, a mean that moves with each of them.
#[derive(Clone, Debug)]
pub struct HistogramMean {
    /// The sum, or the mean once `moving`.
    sum: HistogramSum,
    number: f64,
    moving: bool,
}

impl HistogramMean {
    /// The mean of one.
    pub fn new(first: &Histogram) -> Self {
        HistogramMean { sum: HistogramSum::new(first), number: 1.0, moving: false }
    }

    /// Takes in one more.
    ///
    /// # Errors
    ///
    /// [`HistogramError::IncompatibleSchemas`] for custom and exponential buckets; the mean stays as it was.
    pub fn add(&mut self, histogram: &Histogram) -> Result<(), HistogramError> {
        if histogram.has_custom_buckets() != (self.sum.tally.schema == super::CUSTOM_BUCKETS_SCHEMA) {
            self.sum.seen.note(histogram.counter_reset_hint);
            return Err(HistogramError::IncompatibleSchemas);
        }
        self.number += 1.0;
        if !self.moving {
            if (self.sum.tally.magnitude() + Tally::<f64>::of(histogram).magnitude()).is_finite() {
                return self.sum.add(histogram);
            }
            let mut sum = self.sum.clone();
            sum.add(histogram)?;
            if sum.tally.is_finite() {
                self.sum = sum;
                return Ok(());
            }
            self.moving = true;
            let before = self.number - 1.0;
            self.sum.tally.scale(|value| value / before);
        }
        let kept = (self.number - 1.0) / self.number;
        self.sum.tally.scale(|value| value * kept);
        let mut share = histogram.clone();
        share.divide(self.number);
        self.sum.add(&share)
    }

    /// Whether counting started anew in some and not in others.
    pub fn conflicting_resets(&self) -> bool {
        self.sum.conflicting_resets()
    }

    /// Whether custom bounds differed, so that only those in all of them are left.
    pub fn bounds_reconciled(&self) -> bool {
        self.sum.bounds_reconciled()
    }

    /// The mean; it may have empty buckets.
    pub fn value(self) -> Histogram {
        let number = if self.moving { 1.0 } else { self.number };
        self.sum.tally.into_histogram(|cell| cell.sum / number + cell.lost / number)
    }
}

impl<C: Cell> Tally<C> {
    fn numbers(&self) -> impl Iterator<Item = C> + '_ {
        let cells = self.positive.cells.iter().chain(&self.negative.cells).copied();
        cells.chain([self.zero_count, self.count, self.sum])
    }

    /// No number that comes of adding any of these up is greater.
    fn magnitude(&self) -> f64 {
        self.numbers().map(Cell::magnitude).sum()
    }

    fn is_finite(&self) -> bool {
        self.numbers().all(|cell| !cell.magnitude().is_infinite())
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse_notation;
    use super::*;

    fn histograms(texts: &[&str]) -> Vec<Histogram> {
        texts.iter().map(|text| parse_notation(text).unwrap()).collect()
    }

    fn sum(texts: &[&str]) -> HistogramSum {
        let all = histograms(texts);
        let mut sum = HistogramSum::new(&all[0]);
        all[1..].iter().for_each(|histogram| sum.add(histogram).unwrap());
        sum
    }

    fn mean(texts: &[&str]) -> HistogramMean {
        let all = histograms(texts);
        let mut mean = HistogramMean::new(&all[0]);
        all[1..].iter().for_each(|histogram| mean.add(histogram).unwrap());
        mean
    }

    #[test]
    fn sums_and_means_keep_small_parts() {
        let texts = [
            "{{schema:1 count:3 sum:1.5 buckets:[1 2]}}",
            "{{schema:1 count:1e100 sum:1e100 buckets:[0 1e100]}}",
            "{{schema:1 count:-1e100 sum:-1e100 buckets:[0 -1e100] n_buckets:[2]}}",
            "{{count:1 sum:0.5 buckets:[1]}}",
        ];
        assert_eq!(sum(&texts).value().test_expression(), "{{count:4 sum:2 buckets:[2 2] n_buckets:[2]}}");
        assert_eq!(mean(&texts).value().test_expression(), "{{count:1 sum:0.5 buckets:[0.5 0.5] n_buckets:[0.5]}}");
    }

    #[test]
    fn means_survive_overflow() {
        let texts = ["{{count:1.5e308 sum:2}}", "{{count:1.5e308 sum:4}}", "{{sum:1}}", "{{sum:1}}"];
        assert_eq!(sum(&texts).value().count, f64::INFINITY);
        let mean = mean(&texts).value();
        assert!(mean.almost_equal(&parse_notation("{{count:7.5e307 sum:2}}").unwrap(), 1e-12));
    }

    #[test]
    fn what_is_remarked() {
        let conflict = ["{{counter_reset_hint:reset}}", "{{}}", "{{counter_reset_hint:not_reset}}"];
        assert!(sum(&conflict).conflicting_resets() && mean(&conflict).conflicting_resets());
        let gauges =
            ["{{counter_reset_hint:gauge}}", "{{counter_reset_hint:reset}}", "{{counter_reset_hint:not_reset}}"];
        assert!(sum(&gauges).conflicting_resets());
        assert_eq!(sum(&gauges).value().counter_reset_hint, CounterResetHint::Gauge);
        let bounds = [
            "{{schema:-53 count:3 custom_values:[1 2 3] buckets:[1 0 1 1]}}",
            "{{schema:-53 count:3 custom_values:[2 4] buckets:[1 1 1]}}",
            "{{schema:-53 count:1 custom_values:[2] buckets:[0 1]}}",
        ];
        let total = sum(&bounds);
        assert!(total.bounds_reconciled() && !total.conflicting_resets());
        assert_eq!(total.value().test_expression(), "{{schema:-53 count:7 custom_values:[2] buckets:[2 5]}}");
    }

    #[test]
    fn custom_and_exponential_buckets_do_not_mix() {
        let all = histograms(&["{{count:1 buckets:[1]}}", "{{schema:-53 count:1 custom_values:[2] buckets:[1]}}"]);
        for (first, second) in [(&all[0], &all[1]), (&all[1], &all[0])] {
            assert_eq!(HistogramSum::new(first).add(second), Err(HistogramError::IncompatibleSchemas));
            assert_eq!(HistogramMean::new(first).add(second), Err(HistogramError::IncompatibleSchemas));
        }
    }
}
