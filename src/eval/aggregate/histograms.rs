//! Sums and means of the histograms of a group.

use crate::lang::Span;
use crate::model::{Histogram, HistogramError, HistogramMean, HistogramSum, METRIC_NAME};

use std::sync::Arc;

use super::super::evaluator::Evaluator;
use super::super::row::{Point, Row};

/// A running sum or mean.
enum Tally {
    Sum(HistogramSum),
    Mean(HistogramMean),
}

impl Tally {
    fn new(is_mean: bool, first: &Histogram) -> Self {
        if is_mean { Tally::Mean(HistogramMean::new(first)) } else { Tally::Sum(HistogramSum::new(first)) }
    }

    fn add(&mut self, histogram: &Histogram) -> Result<(), HistogramError> {
        match self {
            Tally::Sum(sum) => sum.add(histogram),
            Tally::Mean(mean) => mean.add(histogram),
        }
    }

    fn bounds_reconciled(&self) -> bool {
        match self {
            Tally::Sum(sum) => sum.bounds_reconciled(),
            Tally::Mean(mean) => mean.bounds_reconciled(),
        }
    }

    fn conflicting_resets(&self) -> bool {
        match self {
            Tally::Sum(sum) => sum.conflicting_resets(),
            Tally::Mean(mean) => mean.conflicting_resets(),
        }
    }

    fn value(self) -> Histogram {
        let mut histogram = match self {
            Tally::Sum(sum) => sum.value(),
            Tally::Mean(mean) => mean.value(),
        };
        histogram.compact(0);
        histogram
    }
}

/// One moment of a group.
enum Total {
    /// Nothing yet.
    Nothing,
    /// Floats, the first of all, and perhaps histograms.
    Floats { has_histograms: bool },
    /// Histograms, the first of all, and perhaps floats.
    Histograms { tally: Box<Tally>, has_floats: bool },
    /// Histograms whose buckets do not fit together.
    Incompatible { tally: Box<Tally>, has_floats: bool },
}

/// The histograms of a group at all moments.
pub(super) struct Totals {
    totals: Vec<Total>,
    /// The names of the metrics whose buckets did not fit, each once.
    unfit: Vec<String>,
}

impl Totals {
    /// The sums of the histograms of `rows`, or their means.
    pub(super) fn of(rows: &[Row], is_mean: bool, steps: usize) -> Self {
        let mut totals =
            Totals { totals: std::iter::repeat_with(|| Total::Nothing).take(steps).collect(), unfit: Vec::new() };
        for row in rows {
            for (total, point) in totals.totals.iter_mut().zip(&row.points) {
                let fits = match point {
                    Point::Absent => true,
                    Point::Float(_) => total.add_float(),
                    Point::Histogram(histogram) => total.add_histogram(histogram, is_mean),
                };
                if !fits {
                    let name = row.labels.get(METRIC_NAME);
                    if !totals.unfit.iter().any(|known| known == name) {
                        totals.unfit.push(name.to_owned());
                    }
                }
            }
        }
        totals
    }

    /// Puts the results into `points`, where those of the floats are; removes the mixtures. Remarks go to `evaluator`; `span` is
    /// the vector's.
    pub(super) fn replace(self, points: &mut [Point], evaluator: &mut Evaluator<'_>, span: &Span) {
        for name in self.unfit {
            let text =
                "vector contains a mix of histograms with exponential and custom buckets schemas for metric name";
            evaluator.warn(format!("{text} {name:?}"), span);
        }
        let (mut has_mixtures, mut has_reconciled, mut has_conflicts) = (false, false, false);
        for (point, total) in points.iter_mut().zip(self.totals) {
            match total {
                Total::Nothing | Total::Floats { has_histograms: false } => {}
                Total::Floats { has_histograms: true } => {
                    has_mixtures = true;
                    *point = Point::Absent;
                }
                Total::Incompatible { tally, has_floats } => {
                    has_mixtures |= has_floats;
                    has_reconciled |= tally.bounds_reconciled();
                    *point = Point::Absent;
                }
                Total::Histograms { tally, has_floats } => {
                    has_mixtures |= has_floats;
                    has_reconciled |= tally.bounds_reconciled();
                    has_conflicts |= !has_floats && tally.conflicting_resets();
                    *point = match has_floats {
                        true => Point::Absent,
                        false => Point::Histogram(Arc::new(tally.value())),
                    };
                }
            }
        }
        if has_mixtures {
            evaluator.warn("encountered a mix of histograms and floats for aggregation", span);
        }
        if has_conflicts {
            evaluator.warn("conflicting counter resets during histogram aggregation", span);
        }
        if has_reconciled {
            evaluator.inform("mismatched custom buckets were reconciled during aggregation", span);
        }
    }
}

impl Total {
    /// Always fits.
    fn add_float(&mut self) -> bool {
        match self {
            Total::Nothing => *self = Total::Floats { has_histograms: false },
            Total::Histograms { has_floats, .. } => *has_floats = true,
            Total::Floats { .. } | Total::Incompatible { .. } => {}
        }
        true
    }

    /// Whether the histogram fits those before.
    fn add_histogram(&mut self, histogram: &Histogram, is_mean: bool) -> bool {
        match self {
            Total::Nothing => {
                *self = Total::Histograms { tally: Box::new(Tally::new(is_mean, histogram)), has_floats: false };
            }
            Total::Floats { has_histograms } => *has_histograms = true,
            Total::Histograms { tally, .. } => {
                if tally.add(histogram).is_err() {
                    if let Total::Histograms { tally, has_floats } = std::mem::replace(self, Total::Nothing) {
                        *self = Total::Incompatible { tally, has_floats };
                    }
                    return false;
                }
            }
            Total::Incompatible { .. } => {}
        }
        true
    }
}
