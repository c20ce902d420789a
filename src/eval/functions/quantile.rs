//! Quantiles without sorting.

/// Finds quantiles in a buffer that it keeps.
#[derive(Debug, Default)]
pub(in crate::eval) struct Quantiles {
    /// The values as numbers of the same order.
    keys: Vec<i64>,
}

impl Quantiles {
    /// The quantile `rank` of `values` with linear interpolation, NaN counting as least; infinite for ranks outside 0 to 1, NaN for
    /// the rank NaN and of nothing.
    pub(in crate::eval) fn of(&mut self, rank: f64, values: impl IntoIterator<Item = f64>) -> f64 {
        if rank.is_nan() {
            return f64::NAN;
        }
        if rank < 0.0 {
            return f64::NEG_INFINITY;
        }
        if rank > 1.0 {
            return f64::INFINITY;
        }
        self.keys.clear();
        self.keys.extend(values.into_iter().map(key_of));
        let Some(last) = self.keys.len().checked_sub(1) else { return f64::NAN };
        let position = rank * last as f64;
        let weight = position - position.floor();
        let (_, lower, above) = self.keys.select_nth_unstable((position.floor() as usize).min(last));
        let lower = *lower;
        let upper = above.iter().min().copied().unwrap_or(lower);
        value_of(lower) * (1.0 - weight) + value_of(upper) * weight
    }
}

/// A number of the same order as `value`; NaN is least.
fn key_of(value: f64) -> i64 {
    if value.is_nan() { i64::MIN } else { flipped(value.to_bits().cast_signed()) }
}

fn value_of(key: i64) -> f64 {
    f64::from_bits(flipped(key).cast_unsigned())
}

/// Turns the order of the negative ones around.
fn flipped(bits: i64) -> i64 {
    bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quantiles() {
        let mut quantiles = Quantiles::default();
        for (rank, values, expected) in [
            (0.5, vec![3.0, 1.0, 2.0], 2.0),
            (0.8, vec![0.0, 1.0, f64::NAN], 0.6),
            (0.5, vec![-1.0, f64::NEG_INFINITY, 5.0], -1.0),
            (1.5, vec![1.0], f64::INFINITY),
            (-0.1, vec![1.0], f64::NEG_INFINITY),
            (1.0, vec![1.0, 5.0], 5.0),
        ] {
            let found = quantiles.of(rank, values.clone());
            assert!(found == expected || (found - expected).abs() < 1e-12, "{rank} of {values:?}: {found}");
        }
        assert!(quantiles.of(f64::NAN, [1.0]).is_nan() && quantiles.of(0.5, []).is_nan());
        assert!(quantiles.of(0.0, [1.0, f64::NAN]).is_nan(), "NaN is least");
    }

    proptest! {
        #[test]
        fn as_by_sorting(rank in 0.0..=1.0, values in prop::collection::vec(any::<f64>(), 1..40)) {
            let mut sorted = values.clone();
            sorted.sort_by(|left, right| right.is_nan().cmp(&left.is_nan()).then(left.total_cmp(right)));
            let position = rank * (values.len() - 1) as f64;
            let lower = position.floor() as usize;
            let upper = (lower + 1).min(values.len() - 1);
            let weight = position - position.floor();
            let expected = sorted[lower] * (1.0 - weight) + sorted[upper] * weight;
            let found = Quantiles::default().of(rank, values);
            prop_assert!(found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan());
        }
    }
}
