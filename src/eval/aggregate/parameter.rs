//! The parameters of aggregators: one number per moment.

use crate::lang::Span;
use crate::model::FloatForm;

use super::super::error::EvalError;
use super::super::evaluator::Evaluator;

/// From here on a count does not fit 64 bits: the greatest float that does.
const COUNT_MAX: f64 = 9_223_372_036_854_774_784.0;
/// Up to here a count does not fit 64 bits.
const COUNT_MIN: f64 = -9_223_372_036_854_775_808.0;

/// Least and greatest of a parameter's values.
struct Extent {
    least: f64,
    greatest: f64,
    has_nan: bool,
}

impl Extent {
    fn of(values: &[f64]) -> Self {
        let mut extent = Extent { least: f64::MAX, greatest: f64::MIN, has_nan: false };
        for value in values {
            extent.has_nan |= value.is_nan();
            extent.least = extent.least.min(*value);
            extent.greatest = extent.greatest.max(*value);
        }
        extent
    }
}

impl Evaluator<'_> {
    /// How many series `topk` and its kin keep at each moment, at most `rows`; nothing if it is none at all moments.
    pub(super) fn checked_counts(
        &self,
        counts: &[f64],
        rows: usize,
        span: &Span,
    ) -> Result<Option<Vec<usize>>, EvalError> {
        let extent = Extent::of(counts);
        let problem = match extent {
            Extent { has_nan: true, .. } => "Parameter value is NaN".to_owned(),
            Extent { greatest, .. } if greatest < 1.0 => return Ok(None),
            Extent { least, .. } if least <= COUNT_MIN => {
                format!("Scalar value {} underflows int64", FloatForm::General.text(least))
            }
            Extent { greatest, .. } if greatest >= COUNT_MAX => {
                format!("Scalar value {} overflows int64", FloatForm::General.text(greatest))
            }
            _ => {
                let count = |count: &f64| if *count < 1.0 { 0 } else { (*count as usize).min(rows) };
                return Ok(Some(counts.iter().map(count).collect()));
            }
        };
        Err(EvalError::parameter(problem, span))
    }

    /// The shares of `limit_ratio`, brought into -1 to 1.
    pub(super) fn checked_ratios(&mut self, mut ratios: Vec<f64>, span: &Span) -> Result<Vec<f64>, EvalError> {
        let extent = Extent::of(&ratios);
        if extent.has_nan {
            return Err(EvalError::parameter("Ratio value is NaN", span));
        }
        for (is_outside, ratio, capped) in
            [(extent.greatest > 1.0, extent.greatest, "1"), (extent.least < -1.0, extent.least, "-1")]
        {
            if is_outside {
                let ratio = FloatForm::General.text(ratio);
                self.warn(format!("ratio value should be between -1 and 1, got {ratio}, capping to {capped}"), span);
            }
        }
        ratios.iter_mut().for_each(|ratio| *ratio = ratio.clamp(-1.0, 1.0));
        Ok(ratios)
    }

    /// Remarks ranks of quantiles outside 0 to 1.
    pub(super) fn check_ranks(&mut self, ranks: &[f64], span: &Span) {
        let extent = Extent::of(ranks);
        if extent.has_nan {
            self.check_quantile(f64::NAN, span);
        }
        for (is_outside, rank) in [(extent.greatest > 1.0, extent.greatest), (extent.least < 0.0, extent.least)] {
            if is_outside {
                self.check_quantile(rank, span);
            }
        }
    }
}
