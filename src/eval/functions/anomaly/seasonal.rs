//! How far the newest sample is from what was usual at the same time of earlier periods.

use crate::lang::Span;
use crate::model::{Sample, format_value};

use super::super::super::error::EvalError;
use super::super::super::selector::seconds_between;
use super::super::quantile::Quantiles;
use super::score::robust_score;
use super::{positive, usable};

/// How many earlier periods tell what is usual, at the least.
const PERIODS_MIN: usize = 3;

/// When the same time is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Season {
    /// The seconds after which things repeat.
    period: f64,
    /// The seconds around the same time that count as the same.
    slot: f64,
}

impl Season {
    /// Both in seconds, with their places.
    ///
    /// # Errors
    ///
    /// A period or slot of no length, and slots that are longer than the period.
    pub(super) fn new(period: (f64, &Span), slot: (f64, &Span)) -> Result<Self, EvalError> {
        let season =
            Season { period: positive("period", period.0, period.1)?, slot: positive("slot", slot.0, slot.1)? };
        if season.slot <= season.period {
            return Ok(season);
        }
        let (longest, got) = (format_value(season.period), format_value(season.slot));
        let text = format!("invalid slot. Expected: at most the period of {longest} seconds, got: {got}");
        Err(EvalError::parameter(text, slot.1))
    }

    /// How many periods before the newest sample this age is, if it is in the slot of one.
    fn periods(self, age: f64) -> Option<f64> {
        let periods = (age / self.period).round();
        (periods >= 1.0 && (age - periods * self.period).abs() <= self.slot / 2.0).then_some(periods)
    }
}

/// (newest − median) / max(1.4826 · MAD, floor) over the samples whose age is a whole number of periods, give or take half a slot;
/// `None` if they are of too few periods.
pub(super) fn score(samples: &[Sample], season: Season, floor: f64, quantiles: &mut Quantiles) -> Option<f64> {
    let (newest, earlier) = samples.split_last()?;
    let same_time = usable(earlier).filter_map(|sample| {
        let periods = season.periods(seconds_between(sample.at, newest.at))?;
        Some((periods, sample.value))
    });
    let mut last = 0.0;
    let mut count = 0;
    for (periods, _) in same_time.clone() {
        if periods != last {
            (last, count) = (periods, count + 1);
        }
    }
    if count < PERIODS_MIN {
        return None;
    }
    robust_score(newest.value, same_time.map(|(_, value)| value), PERIODS_MIN, floor, quantiles)
}

#[cfg(test)]
mod tests {
    use crate::model::Timestamp;

    use super::*;

    /// Hourly samples of days that are alike but for a slow wave, the last of them `newest`.
    fn days(count: i64, newest: f64) -> Vec<Sample> {
        let value = |hour: i64| if hour % 24 < 8 { 10.0 } else { 100.0 + (hour / 24 % 3) as f64 };
        let hours = count * 24;
        let mut samples: Vec<Sample> =
            (0..=hours).map(|hour| Sample::new(Timestamp::from_seconds(hour * 3600), value(hour))).collect();
        samples.last_mut().unwrap().value = newest;
        samples
    }

    fn scored(samples: &[Sample], period: f64, slot: f64, floor: f64) -> Option<f64> {
        let span = Span::default();
        let season = Season::new((period, &span), (slot, &span)).unwrap();
        score(samples, season, floor, &mut Quantiles::default())
    }

    #[test]
    fn the_same_hour_of_other_days() {
        const DAY: f64 = 86_400.0;
        const HOUR: f64 = 3600.0;
        // The newest is at midnight, which is quiet.
        for (case, count, newest, floor, expected) in [
            ("as ever", 4, 10.0, 5.0, Some(0.0)),
            ("as busy as at noon", 4, 100.0, 5.0, Some(18.0)),
            ("nothing ever deviated", 4, 100.0, 0.0, Some(f64::INFINITY)),
            ("two days only", 2, 100.0, 5.0, None),
        ] {
            assert_eq!(scored(&days(count, newest), DAY, HOUR, floor), expected, "{case}");
        }
        let wide = scored(&days(4, 100.0), DAY, 4.0 * HOUR, 5.0).unwrap();
        assert!(wide < 18.0, "two busy hours before midnight are in the slot: {wide}");
    }

    #[test]
    fn parameters() {
        let span = Span::default();
        for (period, slot, text) in [
            (0.0, 1.0, "invalid period. Expected: more than 0 seconds, got: 0"),
            (f64::NAN, 1.0, "invalid period. Expected: more than 0 seconds, got: NaN"),
            (60.0, -1.0, "invalid slot. Expected: more than 0 seconds, got: -1"),
            (60.0, 61.0, "invalid slot. Expected: at most the period of 60 seconds, got: 61"),
        ] {
            assert_eq!(Season::new((period, &span), (slot, &span)).unwrap_err().text, text);
        }
        assert!(Season::new((f64::INFINITY, &span), (1.0, &span)).is_ok());
        assert_eq!(scored(&days(4, 1.0), f64::INFINITY, 1.0, 1.0), None);
    }
}
