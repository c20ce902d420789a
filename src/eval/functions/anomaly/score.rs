//! How far the newest sample is from those before it, in their own deviations.

use crate::model::Sample;

use super::super::super::compensated::Sum;
use super::super::quantile::Quantiles;
use super::usable;

/// How many samples tell what is usual, at the least.
pub(super) const BASELINE_MIN: usize = 10;
/// A normal distribution's standard deviation in its median absolute deviations.
const MAD_TO_DEVIATION: f64 = 1.4826;

/// (newest − mean) / standard deviation, of the population of the samples before the newest; `None` with too few of them.
pub(super) fn zscore(samples: &[Sample]) -> Option<f64> {
    let (newest, earlier) = samples.split_last()?;
    let first = usable(earlier).next()?.value;
    // Counted from the first, so that values that are all the same have no deviation.
    let offsets = usable(earlier).map(|sample| sample.value - first);
    let (mut sum, mut count) = (Sum::default(), 0_usize);
    offsets.clone().for_each(|offset| {
        sum.add(offset);
        count += 1;
    });
    if count < BASELINE_MIN {
        return None;
    }
    let mean = sum.value() / count as f64;
    let mut squares = Sum::default();
    offsets.for_each(|offset| squares.add((offset - mean) * (offset - mean)));
    Some(in_deviations(newest.value - first - mean, (squares.value() / count as f64).sqrt()))
}

/// (newest − median) / max(1.4826 · MAD, floor) over the samples before the newest; `None` with too few of them.
///
/// Source: B. Iglewicz and D. Hoaglin, "How to Detect and Handle Outliers", 1993.
pub(super) fn mad_score(samples: &[Sample], floor: f64, quantiles: &mut Quantiles) -> Option<f64> {
    let (newest, earlier) = samples.split_last()?;
    robust_score(newest.value, usable(earlier).map(|sample| sample.value), BASELINE_MIN, floor, quantiles)
}

/// (value − median) / max(1.4826 · MAD, floor) of `usual`; `None` if there are fewer than `count_min`.
pub(super) fn robust_score(
    value: f64,
    usual: impl Iterator<Item = f64> + Clone,
    count_min: usize,
    floor: f64,
    quantiles: &mut Quantiles,
) -> Option<f64> {
    if usual.clone().take(count_min).count() < count_min {
        return None;
    }
    let median = quantiles.of(0.5, usual.clone());
    let deviation = quantiles.of(0.5, usual.map(|value| (value - median).abs())) * MAD_TO_DEVIATION;
    Some(in_deviations(value - median, deviation.max(floor)))
}

/// `distance` as a multiple of `deviation`; none at all is 0 even where nothing ever deviated, anything else then infinite.
fn in_deviations(distance: f64, deviation: f64) -> f64 {
    if distance == 0.0 { 0.0 } else { distance / deviation }
}

#[cfg(test)]
mod tests {
    use crate::model::Timestamp;

    use super::*;

    fn samples(values: &[f64]) -> Vec<Sample> {
        let sample = |(at, value): (i64, &f64)| Sample::new(Timestamp::from_seconds(at), *value);
        (0..).zip(values).map(sample).collect()
    }

    fn with_newest(usual: [f64; 10], newest: f64) -> Vec<Sample> {
        samples(&[&usual[..], &[newest]].concat())
    }

    #[test]
    fn scores_are_multiples_of_the_deviation() {
        let usual = [8.0, 12.0, 8.0, 12.0, 8.0, 12.0, 8.0, 12.0, 8.0, 12.0];
        let mut quantiles = Quantiles::default();
        for (newest, expected) in [(10.0, 0.0), (12.0, 1.0), (16.0, 3.0), (4.0, -3.0)] {
            assert_eq!(zscore(&with_newest(usual, newest)), Some(expected));
            let robust = mad_score(&with_newest(usual, newest), 0.0, &mut quantiles).unwrap();
            assert!((robust - expected / MAD_TO_DEVIATION).abs() < 1e-12, "{newest}: {robust}");
        }
    }

    #[test]
    fn what_never_deviated() {
        let mut quantiles = Quantiles::default();
        for (newest, expected, with_floor) in
            [(0.1, 0.0, 0.0), (0.6, f64::INFINITY, 2.0), (-0.4, f64::NEG_INFINITY, -2.0)]
        {
            let series = with_newest([0.1; 10], newest);
            assert_eq!(zscore(&series), Some(expected));
            assert_eq!(mad_score(&series, 0.0, &mut quantiles), Some(expected));
            assert_eq!(mad_score(&series, 0.25, &mut quantiles), Some(with_floor));
        }
    }

    #[test]
    fn what_is_no_number_is_not_usual() {
        let (nan, infinite) = (f64::NAN, f64::INFINITY);
        let mut quantiles = Quantiles::default();
        assert_eq!(zscore(&samples(&[1.0; 10])), None, "nine before the newest");
        assert_eq!(zscore(&with_newest([1.0, 1.0, 1.0, 1.0, 1.0, nan, 1.0, 1.0, 1.0, 1.0], 5.0)), None);
        assert!(zscore(&with_newest([1.0; 10], nan)).is_some_and(f64::is_nan));
        assert_eq!(mad_score(&with_newest([1.0; 10], infinite), 1.0, &mut quantiles), Some(infinite));
        let usual = [nan, infinite, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0];
        assert_eq!(zscore(&samples(&usual)), Some(0.0));
    }

    #[test]
    fn an_outlier_in_the_past_hides_nothing_from_the_median() {
        let usual = [10.0, 11.0, 10.0, 9.0, 10.0, 1000.0, 10.0, 11.0, 9.0, 10.0];
        let series = with_newest(usual, 20.0);
        assert!(zscore(&series).unwrap() < 0.0);
        assert!(mad_score(&series, 0.0, &mut Quantiles::default()).unwrap() > 6.0);
    }
}
