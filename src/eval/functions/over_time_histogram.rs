//! Sums and means of the native histograms of a window.

use crate::model::{Histogram, HistogramMean, HistogramSample, HistogramSum};

use super::remark::{Remark, Remarks};

/// What comes of the histograms of a window, of which there is at least one; nothing if their buckets do not fit.
pub(super) type OfHistograms = fn(&[HistogramSample], &mut Remarks) -> Option<Histogram>;

/// Their sum.
pub(super) fn sum(histograms: &[HistogramSample], remarks: &mut Remarks) -> Option<Histogram> {
    let (first, rest) = histograms.split_first()?;
    let mut sum = HistogramSum::new(&first.histogram);
    let fit = rest.iter().try_for_each(|sample| sum.add(&sample.histogram)).is_ok();
    note(remarks, fit, sum.conflicting_resets(), sum.bounds_reconciled());
    fit.then(|| sum.value())
}

/// Their mean.
pub(super) fn mean(histograms: &[HistogramSample], remarks: &mut Remarks) -> Option<Histogram> {
    let (first, rest) = histograms.split_first()?;
    let mut mean = HistogramMean::new(&first.histogram);
    let fit = rest.iter().try_for_each(|sample| mean.add(&sample.histogram)).is_ok();
    note(remarks, fit, mean.conflicting_resets(), mean.bounds_reconciled());
    fit.then(|| mean.value())
}

fn note(remarks: &mut Remarks, fit: bool, conflicting_resets: bool, bounds_reconciled: bool) {
    if !fit {
        remarks.add(Remark::MixedBuckets);
        return;
    }
    if conflicting_resets {
        remarks.add(Remark::ConflictingResets);
    }
    if bounds_reconciled {
        remarks.add(Remark::ReconciledInAggregation);
    }
}
