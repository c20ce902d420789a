//! Where a series is going.

use crate::model::{Sample, Timestamp};

use super::super::super::compensated::Sum;
use super::super::super::selector::{Window, seconds_between};
use super::usable;

/// How many samples make a line, at the least.
const LINE_SAMPLES_MIN: usize = 3;

/// A straight line.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Line {
    /// Its value at the newest sample.
    value: f64,
    /// How much it rises per second.
    slope: f64,
    /// The time of the newest sample.
    newest: Timestamp,
    /// The seconds from the oldest sample to the newest.
    length: f64,
}

impl Line {
    /// The line with the least squares through the samples, each weighing `weight` of its age in seconds over the length; `None` with
    /// too few.
    fn through(samples: &[Sample], weight: impl Fn(f64) -> f64) -> Option<Line> {
        let first = usable(samples).next()?;
        let newest = usable(samples).next_back()?;
        if usable(samples).take(LINE_SAMPLES_MIN).count() < LINE_SAMPLES_MIN {
            return None;
        }
        let length = seconds_between(first.at, newest.at);
        // Counted from the newest time and the first value: a series that stands still has exactly no slope.
        let points = usable(samples).map(|sample| {
            let time = seconds_between(newest.at, sample.at);
            (weight(-time / length), time, sample.value - first.value)
        });
        let (mut weights, mut times, mut values) = <(Sum, Sum, Sum)>::default();
        for (weight, time, value) in points.clone() {
            weights.add(weight);
            times.add(weight * time);
            values.add(weight * value);
        }
        let (time_mean, value_mean) = (times.value() / weights.value(), values.value() / weights.value());
        let (mut covariance, mut variance) = <(Sum, Sum)>::default();
        for (weight, time, value) in points {
            covariance.add(weight * (time - time_mean) * (value - value_mean));
            variance.add(weight * (time - time_mean) * (time - time_mean));
        }
        let slope = covariance.value() / variance.value();
        Some(Line { value: first.value + value_mean - slope * time_mean, slope, newest: newest.at, length })
    }
}

/// The value expected `horizon` seconds after the moment of evaluation: along a line through the samples, whose slope fades out.
///
/// The line has the least squares, a sample weighing half as much as one that is half the window's samples newer (R. G. Brown's
/// discounted least squares). From the newest sample on it is damped (E. Gardner and E. McKenzie, "Forecasting trends in time series",
/// 1985, in continuous time): after d seconds value + slope · τ · (1 − e^(−d/τ)), τ being the time that the samples span. So a slope is
/// trusted for about as long as it was watched, and never takes the forecast further than it did in that time.
pub(super) fn forecast(window: &Window<'_>, horizon: f64) -> Option<f64> {
    let line = Line::through(window.samples, |age| (-2.0 * age).exp2())?;
    let ahead = seconds_between(line.newest, window.at) + horizon;
    let seconds = if ahead > 0.0 { line.length * -(-ahead / line.length).exp_m1() } else { ahead };
    Some(line.value + line.slope * seconds)
}

/// The seconds from the moment of evaluation until the least-squares line through the samples is at `limit`: 0 if it is there now,
/// +Inf if it stands still elsewhere or leads away from it, NaN for the limit NaN.
pub(super) fn time_to(window: &Window<'_>, limit: f64) -> Option<f64> {
    let line = Line::through(window.samples, |_| 1.0)?;
    if limit.is_nan() {
        return Some(f64::NAN);
    }
    let distance = limit - (line.value + line.slope * seconds_between(line.newest, window.at));
    if distance == 0.0 {
        return Some(0.0);
    }
    let seconds = distance / line.slope;
    Some(if seconds >= 0.0 { seconds } else { f64::INFINITY })
}

#[cfg(test)]
mod tests {
    use crate::model::Labels;

    use super::*;

    fn over<T>(values: &[f64], later: i64, read: impl Fn(&Window<'_>) -> T) -> T {
        let sample = |(minute, value): (i64, &f64)| Sample::new(Timestamp::from_seconds(minute * 60), *value);
        let samples: Vec<Sample> = (0..).zip(values).map(sample).collect();
        let last = samples.last().map_or(Timestamp::default(), |sample| sample.at);
        let at = Timestamp::from_millis(last.millis() + later * 1000);
        let window = Window {
            labels: &Labels::default(),
            samples: &samples,
            histograms: &[],
            starts: &[],
            start: Timestamp::MIN,
            end: at,
            at,
            step: 0,
            extension: None,
        };
        read(&window)
    }

    fn is_near(found: Option<f64>, expected: f64) -> bool {
        found.is_some_and(|found| found == expected || (found - expected).abs() < 1e-9 * expected.abs().max(1.0))
    }

    #[test]
    fn times_to_limits() {
        let falling = [100.0, 90.0, 80.0, 70.0];
        for (case, values, later, limit, expected) in [
            ("straight down", &falling[..], 0, 0.0, 420.0),
            ("seen later", &falling, 60, 0.0, 360.0),
            ("a limit in between", &falling, 0, 65.0, 30.0),
            ("at the limit", &falling, 0, 70.0, 0.0),
            ("away from the limit", &falling, 0, 200.0, f64::INFINITY),
            ("past the limit", &falling, 60, 65.0, f64::INFINITY),
            ("up", &[1.0, 2.0, 3.0], 0, 13.0, 600.0),
            ("still", &[0.1; 5], 0, 1.0, f64::INFINITY),
            ("still at the limit", &[0.1; 5], 0, 0.1, 0.0),
            ("no end", &falling, 0, f64::NEG_INFINITY, f64::INFINITY),
            ("over what is no number", &[100.0, f64::NAN, 80.0, 70.0], 0, 0.0, 420.0),
        ] {
            let found = over(values, later, |window| time_to(window, limit));
            assert!(is_near(found, expected), "{case}: {found:?}");
        }
        assert!(over(&falling, 0, |window| time_to(window, f64::NAN)).is_some_and(f64::is_nan));
        assert_eq!(over(&[1.0, 2.0], 0, |window| time_to(window, 9.0)), None);
    }

    #[test]
    fn forecasts_fade_out() {
        let rising: Vec<f64> = (0..=60).map(f64::from).collect();
        let length = 3600.0;
        for (horizon, expected) in
            [(0.0, 60.0), (60.0, 60.0 + 60.0 * -(-60.0_f64 / length).exp_m1()), (1e9, 120.0), (f64::INFINITY, 120.0)]
        {
            let found = over(&rising, 0, |window| forecast(window, horizon));
            assert!(is_near(found, expected), "{horizon}: {found:?}");
        }
        assert!(is_near(over(&[0.1; 9], 0, |window| forecast(window, 1e6)), 0.1));
        assert_eq!(over(&[1.0, 2.0], 0, |window| forecast(window, 60.0)), None);
    }

    #[test]
    fn newer_samples_matter_more_to_a_forecast() {
        let turned: Vec<f64> =
            (0..=60).map(|minute| f64::from(if minute < 45 { 45 - minute } else { minute - 45 })).collect();
        let line = over(&turned, 0, |window| Line::through(window.samples, |_| 1.0)).unwrap();
        let weighted = over(&turned, 0, |window| Line::through(window.samples, |age| (-2.0 * age).exp2())).unwrap();
        assert!(weighted.slope > line.slope);
    }
}
