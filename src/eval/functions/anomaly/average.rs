//! The exponentially weighted mean.

use crate::model::Sample;

use super::super::super::selector::seconds_between;
use super::usable;

/// The mean of the samples, each weighing half as much as one that is `half_life` seconds newer; NaN if none is a number.
///
/// Σ 2^(−age/half_life) · value / Σ 2^(−age/half_life), ages taken from the newest sample: uneven distances change nothing.
pub(super) fn weighted(samples: &[Sample], half_life: f64) -> Option<f64> {
    samples.first()?;
    let (mut sum, mut weight) = (0.0, 0.0);
    let mut previous: Option<Sample> = None;
    // Most distances are the same: the power is taken once.
    let (mut seconds, mut decay) = (0.0, 1.0);
    for sample in usable(samples) {
        if let Some(previous) = previous.replace(sample) {
            let distance = seconds_between(previous.at, sample.at);
            if distance != seconds {
                (seconds, decay) = (distance, (-distance / half_life).exp2());
            }
        }
        sum = sum * decay + sample.value;
        weight = weight * decay + 1.0;
    }
    Some(sum / weight)
}

#[cfg(test)]
mod tests {
    use crate::model::Timestamp;

    use super::*;

    #[test]
    fn newer_ones_weigh_more() {
        let sample = |(at, value): (i64, f64)| Sample::new(Timestamp::from_seconds(at), value);
        for (case, samples, half_life, expected) in [
            ("one", vec![(0, 7.0)], 60.0, 7.0),
            ("a half-life apart", vec![(0, 0.0), (60, 3.0)], 60.0, 2.0),
            ("two half-lives apart", vec![(0, 0.0), (120, 5.0)], 60.0, 4.0),
            ("unevenly", vec![(0, 8.0), (60, 0.0), (180, 4.0)], 60.0, (8.0 * 0.125 + 4.0) / 1.375),
            ("over what is no number", vec![(0, 0.0), (30, f64::NAN), (60, 3.0)], 60.0, 2.0),
            ("for ever", vec![(0, 1.0), (600, 2.0), (900, 6.0)], f64::INFINITY, 3.0),
        ] {
            let samples: Vec<Sample> = samples.into_iter().map(sample).collect();
            let found = weighted(&samples, half_life).unwrap();
            assert!((found - expected).abs() < 1e-12, "{case}: {found}");
        }
        assert!(weighted(&[sample((0, f64::NAN))], 1.0).is_some_and(f64::is_nan));
        assert_eq!(weighted(&[], 1.0), None);
    }
}
